"""The 1,100 rows of the course, its two further sets, and any number of rows of the same kind.

``MADE`` and ``BY_HAND`` say how many rows of which family the course has: most of what a small model
can learn, little of what it cannot. Every family gives 85 % of its rows to training, 10 % to testing
and 5 % to validation, and the file order is the split order: 935, 110, 55. No task and no fact of
one split comes back in another, and no answer of a family either (``FEW_ANSWERS`` says where it has
to, because only few answers exist).
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

from helpers.data import near_duplicates

from .families import Made, make
from .handwritten import handwritten

SEED = 123
SPLITS = {"train": 935, "test": 110, "validation": 55}
INPUT_SHARE = 0.37  # of the made rows; some families always or never have an input
NEAR = 0.85  # two rows that share so much of their words are too like each other
TRIES = 60  # draws from a family before it counts as used up

# family → rows in the course; what needs arithmetic or the counting of letters is rare on purpose
MADE = {
    "antonym": 28, "synonym": 22, "plural": 26, "past-tense": 26, "degree": 20,
    "spelling-word": 20, "spelling-sentence": 14, "contraction": 14, "acronym": 14,
    "part-of-speech": 18, "define": 24,
    "capital": 30, "currency": 20, "language": 16, "continent": 16, "animal-class": 16,
    "element-symbol": 18, "profession": 16, "profession-name": 16, "classify": 24,
    "odd-one-out": 20, "calendar": 14,
    "units": 24, "arithmetic-words": 16, "number-words": 14, "odd-even": 14, "sequence": 6,
    "sort-numbers": 6, "alphabetical": 6,
    "passive": 26, "active": 16, "to-question": 16, "to-statement": 14, "negate": 16,
    "change-tense": 26, "reported": 16, "join": 10, "punctuate": 14, "grammar": 18, "sentiment": 16,
    "shorten": 14, "formal": 14, "simile": 16, "proverb": 18, "fill-in": 10, "true-false": 14,
    "order-words": 7,
}  # fmt: skip
BY_HAND = {
    "why": 31, "difference": 22, "general-knowledge": 78, "idiom": 27, "how-to": 20, "examples": 22,
    "put-in-order": 10, "paraphrase": 14, "summarise": 10, "conclude": 10, "advice": 10,
    "pros-and-cons": 6, "describe": 10, "compose": 20, "imagine": 11,
}  # fmt: skip
NEW = ("animal-young", "gender", "first-letter")  # families that no row of the course belongs to
FEW_ANSWERS = {
    "part-of-speech", "currency", "language", "continent", "animal-class", "classify", "calendar",
    "odd-even", "sentiment", "true-false",
}  # fmt: skip
NAMELESS = {"sentiment"}  # answers that do not name what they are about
HELD_OUT, HELD_OUT_SEED = 1000, 456
PER_NEW, NEW_SEED = 30, 789
MORE, SPARE, MORE_SEED = 10_000, 500, 1011  # SPARE: drawn in place of those that are too like

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "course"
OUT = FOLDER / "instruction-data.json"
OUT_HELD_OUT, OUT_NEW = FOLDER / "course-heldout.jsonl", FOLDER / "course-newfamilies.jsonl"


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
    """The rows taken so far, by split; ``take`` refuses what is too like one of them."""

    def __init__(self):
        self.rows: dict[str, list[dict]] = {}
        self.tasks: set[str] = set()
        self.facts: dict[str, set[tuple[str, str]]] = {}  # fact → (split, family) that used it
        self.answers: dict[tuple[str, str], str] = {}  # (family, answer) → split
        self.words: list[frozenset[str]] = []

    def take(self, made: Made, split: str) -> bool:
        """True where the row was new enough to be kept in the split."""
        row, words = made.row, tokens(made.row)
        answer = (row["family"], norm(made.answer))
        users = self.facts.setdefault(made.fact, set())
        if task_key(row) in self.tasks or (split, row["family"]) in users:
            return False
        if any(other != split for other, _ in users):
            return False
        if row["family"] not in FEW_ANSWERS and self.answers.get(answer, split) != split:
            return False
        if any(near(words, other) for other in self.words):
            return False
        self.rows.setdefault(split, []).append(row)
        self.tasks.add(task_key(row))
        users.add((split, row["family"]))
        self.answers.setdefault(answer, split)
        self.words.append(words)
        return True


def shares() -> dict[str, dict[str, int]]:
    """How many rows of which family each split gets, 85, 10 and 5 % of each but for rounding."""
    table = {**MADE, **BY_HAND}
    total, counts = sum(table.values()), {}
    for split in ("test", "validation"):
        sums = [round(n * SPLITS[split] / total) for n in accumulate(table.values())]
        counts[split] = {f: b - a for f, a, b in zip(table, [0, *sums], sums, strict=False)}
    rest = {f: n - counts["test"][f] - counts["validation"][f] for f, n in table.items()}
    return {"test": counts["test"], "validation": counts["validation"], "train": rest}


def _draw(shelf: Shelf, rng: random.Random, family: str, split: str) -> bool:
    """True where the family could give the shelf one more row."""
    return any(
        shelf.take(make(family, rng, rng.random() < INPUT_SHARE), split) for _ in range(TRIES)
    )


def fill_course(seed: int = SEED) -> Shelf:
    """The shelf with the rows of the course in its three splits."""
    rng, shelf, wanted = random.Random(seed), Shelf(), shares()
    for family, number in BY_HAND.items():
        rows = rng.sample([r for r in handwritten() if r["family"] == family], number)
        for split, counts in wanted.items():
            for row in rows[: counts[family]]:
                if not shelf.take(Made(row, f"by hand: {task_key(row)}", row["output"]), split):
                    raise ValueError(f"a handwritten row repeats another: {row['instruction']}")
            rows = rows[counts[family] :]
    for split, counts in wanted.items():
        for family in MADE:
            for _ in range(counts[family]):
                if not _draw(shelf, rng, family, split):
                    raise ValueError(f"the tables of {family!r} are too small")
    for split in SPLITS:
        rng.shuffle(shelf.rows[split])
    return shelf


def build_course(seed: int = SEED) -> list[dict]:
    """The 1,100 rows of the course in split order."""
    shelf = fill_course(seed)
    return [row for split in SPLITS for row in shelf.rows[split]]


def fill_held_out(seed: int = HELD_OUT_SEED) -> Shelf:
    """The shelf of the course with the split "held-out" added; see `build_held_out`."""
    rng, shelf, counts = random.Random(seed), fill_course(), Counter()
    names = list(MADE)
    while len(shelf.rows.setdefault("held-out", [])) < HELD_OUT:
        family = min(names, key=lambda f: (counts[f] / MADE[f], f))
        counts[family] += 1
        if not _draw(shelf, rng, family, "held-out"):
            names.remove(family)
    rng.shuffle(shelf.rows["held-out"])
    return shelf


def build_held_out(seed: int = HELD_OUT_SEED) -> list[dict]:
    """1,000 further rows of the course's families, about facts that no row of the course uses.

    A family whose facts are used up gives fewer rows, and the others give more.
    """
    return fill_held_out(seed).rows["held-out"]


def build_new_families(seed: int = NEW_SEED) -> list[dict]:
    """Rows of three families that the course does not have, 30 of each."""
    rng, shelf = random.Random(seed), fill_course()
    for family in NEW:
        for _ in range(PER_NEW):
            if not _draw(shelf, rng, family, "new"):
                raise ValueError(f"the table of {family!r} is too small")
    rows = shelf.rows["new"]
    rng.shuffle(rows)
    return rows


def generate(n: int, seed: int, exclude: Iterable[dict] = ()) -> list[dict]:
    """So many rows of the course's families; no task twice, and none of the rows to exclude.

    A row is also left out when its family gave the same answer in a row to exclude, so that the
    answers of a test set do not come back in other words (``NAMELESS`` answers have to).
    """
    exclude = list(exclude)
    tasks = {task_key(row) for row in exclude}
    said = {tokens(row) for row in exclude}
    answers = {(row["family"], norm(row["output"])) for row in exclude}
    rng, rows, weights = random.Random(seed), [], dict(MADE)
    while len(rows) < n and weights:
        family = rng.choices(list(weights), weights.values())[0]
        for _ in range(TRIES):
            row = make(family, rng, rng.random() < INPUT_SHARE).row
            if family not in NAMELESS and (family, norm(row["output"])) in answers:
                continue
            if task_key(row) not in tasks and tokens(row) not in said:
                tasks.add(task_key(row))
                said.add(tokens(row))
                rows.append(row)
                break
        else:
            del weights[family]  # used up
    rng.shuffle(rows)  # so that families that are used up early stand in all splits
    return rows


def more_training_rows(shelf: Shelf | None = None, seed: int = MORE_SEED) -> list[dict]:
    """MORE further rows to train on, beside the course's 935, that give nothing of its tests away.

    No row is about a fact that a test, validation or held-out row uses, none has an answer of its
    family that one of them has (but for FEW_ANSWERS), and none is nearly one of them. A fact of the
    training rows may come again, in other words: there are not so many facts. `shelf` is what
    `fill_held_out` gives, made anew without it.
    """
    shelf = shelf or fill_held_out()
    facts = {f for f, users in shelf.facts.items() if any(s != "train" for s, _ in users)}
    answers = {key for key, split in shelf.answers.items() if split != "train"}
    apart = [row for split in shelf.rows if split != "train" for row in shelf.rows[split]]
    answers |= {(row["family"], norm(row["output"])) for row in apart}
    tasks, rng, rows, weights = set(shelf.tasks), random.Random(seed), [], dict(MADE)
    while len(rows) < MORE + SPARE and weights:
        family = rng.choices(list(weights), weights.values())[0]
        for _ in range(TRIES):
            made = make(family, rng, rng.random() < INPUT_SHARE)
            said = {(family, norm(made.answer)), (family, norm(made.row["output"]))}
            told = family not in FEW_ANSWERS and said & answers
            if made.fact in facts or told or task_key(made.row) in tasks:
                continue
            tasks.add(task_key(made.row))
            rows.append(made.row)
            break
        else:
            del weights[family]  # used up
    like = {i for i, _, _ in near_duplicates(rows, apart, NEAR)}
    rows = [row for i, row in enumerate(rows) if i not in like][:MORE]
    rng.shuffle(rows)
    return rows


def as_json(rows: list[dict]) -> str:
    """The text of a data file that holds one list."""
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def as_lines(rows: list[dict]) -> str:
    """The text of a data file with one row a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
