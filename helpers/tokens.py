"""Examples in a memory-mapped file: a data set is tokenised once, however large it is.

A `.bin` file holds the tokens of all examples end to end, 3 bytes each: the id and the number of its
segment. A `.npy` file says where each example ends, and a `.json`, written last, which rows were
left out. Their name is a hash of all that the tokens follow from. Reading a batch reads its pages
and no others, so memory does not grow with the data. Small files are tokenised in memory, which
takes a moment.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from helpers.data import cache_folder, data_path, stream_records
from helpers.errors import CourseError, DataError
from helpers.files import (
    atomic_path,
    content_hash,
    read_json,
    remove_leftovers,
    sha256,
    write_json,
)
from helpers.formatting import Template, get_template
from helpers.masking import SEGMENTS, Example, make_example
from helpers.tokenizer import RANKS_SHA256, load_tokenizer

FORMAT = (
    1  # another number when the same rows would give other tokens, or lie otherwise in the file
)
CACHE_FROM = 1_000_000  # bytes of a data file; smaller ones are tokenised each time
TOKEN = np.dtype([("id", "<u2"), ("segment", "u1")])
SUFFIXES = (".bin", ".npy", ".json")
LeftOut = list[tuple[int, str]]  # row of the file, from 0, and the reason


class TokenRows(Sequence):
    """Examples that are made when they are asked for; a slice is another view of the same tokens."""

    def __init__(self, tokens: np.ndarray, ends: np.ndarray, first: int = 0):
        self.tokens, self.ends = tokens, ends  # tokens of TOKEN; where in them each example ends
        self.first = first  # where the first example begins

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of every example."""
        return np.diff(self.ends, prepend=self.first)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index):
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError(f"a slice of examples has no step, this one has {step}.")
            first = int(self.ends[start - 1]) if start else self.first
            return TokenRows(self.tokens, self.ends[start:stop], first)
        index = range(len(self))[index]  # negative ones count from the end; raises IndexError
        start = int(self.ends[index - 1]) if index else self.first
        row = self.tokens[start : int(self.ends[index])]
        return Example(row["id"].tolist(), [SEGMENTS[s] for s in row["segment"].tolist()])


def tokenised(
    data: str, template: str | Template, max_length: int
) -> tuple[TokenRows, LeftOut, int]:
    """(all examples of a data file, rows left out with reasons, rows in the file).

    Of a file of CACHE_FROM bytes or more, the tokens are kept in the cache folder. Where that cannot
    be written they stay in memory, and a line on stderr says so.
    """
    template, path = get_template(template), data_path(data)
    if path.stat().st_size < CACHE_FROM:
        return in_memory(data, template, max_length)
    kept = cache_file(path, template, max_length)
    found = read_cache(kept)
    if found is None:
        try:
            write_cache(kept, data, template, max_length)
        except DataError:
            raise
        except CourseError as error:
            print(f"{error} The tokens of {data} are made again next time.", file=sys.stderr)
        found = read_cache(kept)
    return found or in_memory(data, template, max_length)


def each_row(
    data: str, template: Template, max_length: int, left_out: LeftOut
) -> Iterator[np.ndarray]:
    """The tokens of one example after another, (n,) of TOKEN; what is left out is added to the list."""
    tokenizer = load_tokenizer()
    for number, record in enumerate(stream_records(data)):
        try:
            example = make_example(record, template, tokenizer, max_length=max_length)
        except DataError as error:
            left_out.append((number, str(error)))
            continue
        tokens = np.empty(len(example.ids), TOKEN)
        tokens["id"] = example.ids
        tokens["segment"] = [SEGMENTS.index(name) for name in example.names]
        yield tokens


def in_memory(data: str, template: Template, max_length: int) -> tuple[TokenRows, LeftOut, int]:
    """What `tokenised` returns, with no file."""
    left_out: LeftOut = []
    rows = list(each_row(data, template, max_length, left_out))
    tokens = np.concatenate([np.empty(0, TOKEN), *rows])
    ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
    return TokenRows(tokens, ends), left_out, len(rows) + len(left_out)


def write_cache(kept: Path, data: str, template: Template, max_length: int) -> None:
    """Write the three files, row by row: at no time are all tokens in memory."""
    left_out: LeftOut = []
    ends = array("q")
    for suffix in SUFFIXES:
        remove_leftovers(kept.with_suffix(suffix))
    with atomic_path(kept.with_suffix(".bin")) as temporary, open(temporary, "wb") as file:
        for row in each_row(data, template, max_length, left_out):
            file.write(row.tobytes())
            ends.append(len(row) + (ends[-1] if ends else 0))
    with atomic_path(kept.with_suffix(".npy")) as temporary:
        np.save(temporary, np.asarray(ends, np.int64))
    facts = {"rows": len(ends), "left_out": left_out}
    write_json(kept.with_suffix(".json"), {**facts, "sha256": hash_of(kept, facts)})


def hash_of(kept: Path, facts: dict) -> str:
    """A hash of all three files: nothing of a damaged one is trained on."""
    files = [sha256(kept.with_suffix(suffix)) for suffix in SUFFIXES[:2]]
    return content_hash([facts["rows"], facts["left_out"], *files])


def cache_file(path: Path, template: Template, max_length: int) -> Path:
    """Where the tokens of a data file are kept, less the suffix: elsewhere if anything would differ."""
    key = [FORMAT, sha256(path), asdict(template), max_length, RANKS_SHA256, SEGMENTS]
    return cache_folder() / "tokens" / content_hash(key)[:32]


def read_cache(kept: Path) -> tuple[TokenRows, LeftOut, int] | None:
    """What was kept, memory-mapped; None when it is not there, or not whole."""
    if not all(kept.with_suffix(suffix).exists() for suffix in SUFFIXES):
        return None
    try:
        facts = read_json(kept.with_suffix(".json"))
        if facts["sha256"] != hash_of(kept, facts):
            return None
        tokens = np.memmap(kept.with_suffix(".bin"), TOKEN, mode="r")
        ends = np.load(kept.with_suffix(".npy"))
        left_out = [(row, reason) for row, reason in facts["left_out"]]
    except (CourseError, OSError, ValueError, KeyError, TypeError):
        return None  # damaged: it is made again
    return TokenRows(tokens, ends), left_out, facts["rows"] + len(left_out)
