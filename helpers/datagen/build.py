"""The 1,100 rows of the course, and any number of further rows of the same kind.

Of the rows, 300 come from ``handwritten`` and the others, evenly, from all of ``families``. The file
order is the split order: 935 rows for training, then 110 for testing, then 55 for validation.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .families import FAMILIES, record
from .handwritten import handwritten

ROWS = 1100
TRAIN, TEST = 935, 110
SEED = 123
BY_HAND = 300
INPUT_SHARE = 0.36
NEAR = 0.85
OUT = Path(__file__).resolve().parents[1] / "assets" / "course" / "instruction-data.json"


def norm(text: str) -> str:
    """The text in lower case without punctuation."""
    return " ".join(re.findall(r"\w+|[-+/=]", text.lower()))


def task_key(row: dict) -> str:
    """What makes two rows the same task: instruction and input, normalised."""
    return norm(row["instruction"] + " " + row["input"])


def tokens(row: dict) -> frozenset[str]:
    """The set of words of a whole row."""
    return frozenset(norm(" ".join((row["instruction"], row["input"], row["output"]))).split())


def near(a: frozenset[str], b: frozenset[str], limit: float = NEAR) -> bool:
    """True where two sets of words share nearly all of their words."""
    small, large = sorted((len(a), len(b)))
    if small < limit * large:
        return False
    common = len(a & b)
    return common >= limit * (len(a) + len(b) - common)


class Shelf:
    """The rows taken so far; ``take`` refuses what is too like one of them."""

    def __init__(self):
        self.rows: list[dict] = []
        self.tasks: set[str] = set()
        self.facts: set[str] = set()
        self.answers: set[tuple[str, str]] = set()
        self.words: list[frozenset[str]] = []

    def take(self, row: dict, fact: str) -> bool:
        """True where the row was new enough to be kept."""
        answer, words = (row["family"], norm(row["output"])), tokens(row)
        if task_key(row) in self.tasks or fact in self.facts or answer in self.answers:
            return False
        if any(near(words, other) for other in self.words):
            return False
        self.rows.append(row)
        self.tasks.add(task_key(row))
        self.facts.add(fact)
        self.answers.add(answer)
        self.words.append(words)
        return True


def _fill(shelf: Shelf, rng: random.Random) -> None:
    """Rows from all families in turn until the shelf holds 1,100."""
    names = list(FAMILIES)
    counts = Counter(row["family"] for row in shelf.rows)
    while len(shelf.rows) < ROWS:
        rng.shuffle(names)
        for name in sorted(names, key=lambda n: counts[n]):
            for _ in range(40):
                row, fact = record(name, rng, rng.random() < INPUT_SHARE)
                if shelf.take(row, fact):
                    break
            counts[name] += 1
            if len(shelf.rows) == ROWS:
                break


def build_course(seed: int = SEED) -> list[dict]:
    """The 1,100 rows of the course in split order."""
    rng = random.Random(seed)
    shelf = Shelf()
    for i, row in enumerate(rng.sample(handwritten(), BY_HAND)):
        if not shelf.take(row, f"handwritten:{i}"):
            raise ValueError(f"a handwritten row repeats another: {row['instruction']}")
    _fill(shelf, rng)
    rng.shuffle(shelf.rows)
    return shelf.rows


def generate(n: int, seed: int, exclude: Iterable[dict] = ()) -> list[dict]:
    """So many new rows from the families; no task twice, and none of the rows to exclude.

    A row is also left out when its family gave the same answer in a row to exclude, so that the
    answers of a test set do not come back in other words.
    """
    exclude = list(exclude)
    tasks = {task_key(row) for row in exclude}
    answers = {(row["family"], norm(row["output"])) for row in exclude}
    rng, rows, names = random.Random(seed), [], list(FAMILIES)
    while len(rows) < n and names:
        for name in rng.sample(names, len(names)):
            for _ in range(30):
                row, _ = record(name, rng, rng.random() < INPUT_SHARE)
                if task_key(row) not in tasks and (name, norm(row["output"])) not in answers:
                    tasks.add(task_key(row))
                    rows.append(row)
                    break
            else:
                names.remove(name)
    rng.shuffle(rows)
    return rows[:n]


def write(path: Path = OUT) -> Path:
    """The path of the course file, freshly written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(build_course(), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
