"""A look at a data set before training on it: lengths, families, duplicates, leaks, broken text.

`course data check FILE` prints what `check_data` finds. Nothing is changed and nothing is refused
here (`helpers.data` refuses what cannot be read at all): every finding is advice. All tables are
DataFrames; rows are numbered from 1 in the order of the file.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from helpers.data import SMALLEST, Splits, load_records, rarest_words, split, words
from helpers.formatting import END_TEXT, TEMPLATES, format_example, prompt_segments
from helpers.tokenizer import encode_segments, load_tokenizer

FIELDS = ("instruction", "input", "output")
LONGEST = 1024  # positions of a GPT-2
NEARLY = 0.9  # share of their words that makes two rows nearly the same
DOMINANT = 0.5  # share of all rows from which one answer or one family is called dominant
COMPARISONS = 10_000_000  # of rows with rows; about twenty seconds
MARKERS = sorted(
    {
        line.strip()
        for t in TEMPLATES.values()
        for line in (t.before_instruction + t.before_input + t.header).splitlines()
        if line.startswith(("###", "<|"))
    }
)
# UTF-8 read as Windows-1252: "Ã©" for "é", "â€™" for "’", "Â " for a space that does not break
MOJIBAKE = re.compile(r"[ÂÃÄÅÐÑâðï][^\x00-\x7f]{1,3}")
INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069]")
ADVICE = {
    "too long": f"over {LONGEST:,} tokens: the end of the input will be cut; split or shorten them",
    "empty output": "nothing can be learnt from them: they are left out of training; fill or remove",
    "output repeats the instruction": "the model would learn to repeat: write the answer instead",
    "end token in a field": f"{END_TEXT} is added by the course itself: remove it from the text",
    "template marker in a field": "the model could take it for the end of a prompt: remove it",
    "mojibake": "UTF-8 was read as Windows-1252 (Ã© for é): convert the file again from its source",
    "replacement character": "� stands for a lost letter: convert the file again from its source",
    "control character": "invisible codes from a terminal or a PDF: remove them",
    "byte order mark": "U+FEFF inside the text comes from joining files: remove it",
    "invisible character": "zero-width or direction marks split words into odd tokens: remove them",
    "carriage return": r"Windows line ends give other tokens than \n: replace \r\n by \n",
    "blanks at the ends": "blanks around a field change its first or last token: strip them",
    "exact duplicate": "the same row twice is learnt twice: keep one",
    "same task, other output": "the same question has two answers: keep the better one",
    "near-duplicate": "nearly the same row stands earlier in its split: keep one, or vary them more",
    "leak": "the same instruction and input stand in another split: a good score shows memory",
    "near leak": "nearly the same row stands in another split: take one of the two out",
    "one output dominates": "always saying it is right half of the time: add rows with other answers",
    "one family dominates": "the others will hardly be learnt: add rows of other families",
    "family without training rows": "the model never saw its kind: mix the rows before splitting",
    "search stopped": "too many rows are alike to compare them all: later near-duplicates may be missing",
}


class Row(NamedTuple):
    """A record with its number in the file (from 1) and its split."""

    number: int
    split: str
    record: dict


@dataclass(frozen=True)
class DataReport:
    """What was found, as tables."""

    rows: int
    splits: dict[str, int]
    lengths: pd.DataFrame  # by field: characters and tokens, median and longest
    segments: pd.DataFrame  # by segment: tokens in all, and per cent of all tokens
    too_long: float  # share of rows over LONGEST tokens
    families: pd.DataFrame | None  # rows by family and split, where rows have that key
    findings: pd.DataFrame  # finding, rows, first row numbers, advice; empty when all is well

    def as_dict(self) -> dict:
        """The report as plain values, for JSON."""
        return {
            "rows": self.rows,
            "splits": self.splits,
            "lengths": self.lengths.astype(object)
            .where(self.lengths.notna(), None)
            .to_dict("index"),
            "segments": self.segments.to_dict("index"),
            "too_long": self.too_long,
            "families": None if self.families is None else self.families.to_dict("index"),
            "findings": self.findings.to_dict("records"),
        }


def check_data(name: str | Path, template: str = "alpaca") -> DataReport:
    """The report on a bundled data set or a file. Raises DataError when it cannot be read."""
    return check_records(load_records(name), template)


def check_records(records: Sequence[dict], template: str = "alpaca") -> DataReport:
    """The report on records as `load_records` returns them; fewer than 20 count as training."""
    parts = split(records) if len(records) >= SMALLEST else Splits(list(records), [], [])
    names = [name for name, part in parts._asdict().items() for _ in part]
    rows = [Row(i, name, r) for i, (name, r) in enumerate(zip(names, records, strict=True), 1)]
    counts = token_counts(records, template)
    found = defaultdict(list)
    for finding, numbers in (
        ("too long", [i for i, c in enumerate(counts, 1) if c.total() > LONGEST]),
        *text_findings(rows),
        *repeated_findings(rows),
        *balance_findings(rows),
    ):
        found[finding] += numbers
    table = [(name, found[name]) for name in ADVICE if found[name]]
    return DataReport(
        rows=len(rows),
        splits={name: len(part) for name, part in parts._asdict().items()},
        lengths=_lengths(records, counts, template),
        segments=_segments(counts),
        too_long=sum(c.total() > LONGEST for c in counts) / len(counts),
        families=_families(rows),
        findings=pd.DataFrame(
            [(name, len(n), ", ".join(map(str, n[:3])), ADVICE[name]) for name, n in table],
            columns=["finding", "rows", "first", "advice"],
        ),
    )


# --- lengths -----------------------------------------------------------------------------------


def token_counts(records: Iterable[dict], template: str) -> list[Counter]:
    """For each record the number of tokens in each segment of its whole training text."""
    tokenizer, counts = load_tokenizer(), []
    for record in records:
        count = Counter(encode_segments(prompt_segments(record, template), tokenizer)[1])
        count["response"] = len(tokenizer.encode_ordinary(record["output"]))
        count["end"] = 1
        counts.append(count)
    return counts


def _lengths(records: Sequence[dict], counts: list[Counter], template: str) -> pd.DataFrame:
    """Median and longest of each field, of rows that have it, and of the whole text."""
    table = {}
    for field in FIELDS:
        segment = "response" if field == "output" else field
        chosen = [i for i, r in enumerate(records) if r[field].strip()]
        characters = [len(records[i][field]) for i in chosen]
        table[field] = _middle(characters, [counts[i][segment] for i in chosen])
    characters = [len(format_example(r, template)) - len(END_TEXT) for r in records]
    table["whole row"] = _middle(characters, [c.total() for c in counts])
    return pd.DataFrame.from_dict(table, orient="index")


def _middle(characters: list[int], tokens: list[int]) -> dict:
    table = {"rows": len(tokens)}
    for unit, values in (("characters", characters), ("tokens", tokens)):
        table[f"{unit}, median"] = statistics.median(values) if values else None
        table[f"{unit}, longest"] = max(values) if values else None
    return table


def _segments(counts: list[Counter]) -> pd.DataFrame:
    total = sum(counts, Counter())
    table = pd.DataFrame({"tokens": total}).rename_axis("segment")
    table["per cent"] = (100 * table["tokens"] / total.total()).round(1)
    return table


def _families(rows: list[Row]) -> pd.DataFrame | None:
    named = [(str(r.record["family"]), r.split) for r in rows if r.record.get("family") is not None]
    if not named:
        return None
    table = pd.DataFrame(named, columns=["family", "split"])
    table = pd.crosstab(table["family"], table["split"])
    return table.reindex(columns=[s for s in Splits._fields if s in table]).rename_axis(
        columns=None
    )


# --- text --------------------------------------------------------------------------------------


def _is_mojibake(text: str) -> bool:
    """Whether a part of the text turns into other letters when its bytes are read as UTF-8."""
    for piece in MOJIBAKE.findall(text):
        for end in range(len(piece), 1, -1):
            try:
                piece[:end].encode("cp1252").decode("utf-8")
            except UnicodeError:
                continue  # not these letters
            return True
    return False


def _is_control(letter: str) -> bool:
    return letter not in "\n\r\t" and unicodedata.category(letter) == "Cc"


IN_A_FIELD: dict[str, Callable[[str], bool]] = {
    "end token in a field": lambda text: END_TEXT in text,
    "template marker in a field": lambda text: any(marker in text for marker in MARKERS),
    "mojibake": _is_mojibake,
    "replacement character": lambda text: "\ufffd" in text,
    "control character": lambda text: any(map(_is_control, text)),
    "byte order mark": lambda text: "\ufeff" in text,
    "invisible character": lambda text: INVISIBLE.search(text) is not None,
    "carriage return": lambda text: "\r" in text,
    "blanks at the ends": lambda text: bool(text.strip()) and text != text.strip(),
}


def text_findings(rows: list[Row]) -> list[tuple[str, list[int]]]:
    """What is wrong with the texts of single rows: (finding, row numbers)."""
    found = [
        (name, [r.number for r in rows if any(test(r.record[field]) for field in FIELDS)])
        for name, test in IN_A_FIELD.items()
    ]
    found.append(("empty output", [r.number for r in rows if not r.record["output"].strip()]))
    repeats = [r.number for r in rows if _repeats(r.record)]
    return [*found, ("output repeats the instruction", repeats)]


def _repeats(record: dict) -> bool:
    said, asked = words(record["output"]), words(record["instruction"])
    whole = asked + words(record["input"])
    begins = record["output"].lstrip().startswith(record["instruction"].strip())
    return bool(said) and (said in (asked, whole) or begins)


# --- rows that come again ----------------------------------------------------------------------


def repeated_findings(rows: list[Row]) -> list[tuple[str, list[int]]]:
    """Duplicates, contradictions and leaks: (finding, row numbers), the later row of each pair."""
    found, first, unique = defaultdict(list), {}, []
    for row in rows:
        task = tuple(" ".join(row.record[field].split()) for field in ("instruction", "input"))
        earlier = first.setdefault(task, row)
        if earlier is row:
            unique.append(row)
        elif earlier.split != row.split:
            found["leak"].append(row.number)
        elif earlier.record["output"].split() == row.record["output"].split():
            found["exact duplicate"].append(row.number)
        else:
            found["same task, other output"].append(row.number)
    return [*found.items(), *near_findings(unique)]


def near_findings(rows: list[Row]) -> list[tuple[str, list[int]]]:
    """Rows that nearly say what an earlier one says, in their own split or in another.

    Like `data.near_duplicates`, with one match a row, so that a file of rows that are all alike
    costs neither hours nor memory.
    """
    sets = [frozenset(words(" ".join(row.record[field] for field in FIELDS))) for row in rows]
    counts = Counter(word for ws in sets for word in ws)
    index, found, comparisons = defaultdict(list), defaultdict(list), 0
    for i, (row, ws) in enumerate(zip(rows, sets, strict=True)):
        rare = rarest_words(ws, counts, NEARLY)
        near = ""
        for j in {j: None for word in rare for j in index[word]}:
            comparisons += 1
            if len(ws & sets[j]) >= NEARLY * len(ws | sets[j]):
                near = "near leak" if rows[j].split != row.split else "near-duplicate"
                if near == "near leak" or row.split == "train":
                    break  # nothing worse can be found
        if near:
            found[near].append(row.number)
        if comparisons > COMPARISONS:
            found["search stopped"].append(row.number)
            break
        for word in rare:
            index[word].append(i)
    return list(found.items())


def balance_findings(rows: list[Row]) -> list[tuple[str, list[int]]]:
    """Outputs and families that stand for too much or are missing: (finding, one row number each)."""
    found = []
    families = [str(r.record["family"]) for r in rows if r.record.get("family") is not None]
    outputs = [" ".join(words(r.record["output"])) for r in rows]
    for finding, values in (("one output dominates", outputs), ("one family dominates", families)):
        counts = Counter(filter(None, values))
        if len(counts) > 1 and len(rows) >= SMALLEST:
            value, count = counts.most_common(1)[0]
            if count > DOMINANT * len(rows):
                found.append((finding, [rows[values.index(value)].number]))
    trained = {r.record.get("family") for r in rows if r.split == "train"}
    first = {r.record.get("family"): r.number for r in reversed(rows)}
    strangers = [n for family, n in first.items() if family is not None and family not in trained]
    return [*found, ("family without training rows", sorted(strangers))]
