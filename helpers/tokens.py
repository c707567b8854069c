"""Examples in a memory-mapped file: a data set is tokenised once, however large it is.

One `.npy` file holds the tokens of all examples end to end, 3 bytes each: the id and the number of
its segment. Every example ends with the one token whose segment is "end", so no further index is
needed. A `.json` beside it, written last, says how many there are and which rows were left out. The
name of both is a hash of all that the tokens follow from. Reading a batch reads its pages and no
others, so memory does not grow with the data. Small files are tokenised in memory, which takes a
moment.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
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
END = SEGMENTS.index("end")
LeftOut = list[tuple[int, str]]  # row of the file, from 0, and the reason


class TokenRows(Sequence):
    """Examples that are made when they are asked for; a slice is another view of the same tokens."""

    def __init__(self, tokens: np.ndarray, ends: np.ndarray | None = None):
        self.tokens = tokens
        self.ends = np.flatnonzero(tokens["segment"] == END) + 1 if ends is None else ends
        self.first = 0  # where the first example begins

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
            part = TokenRows(self.tokens, self.ends[start:stop])
            part.first = int(self.ends[start - 1]) if start else self.first
            return part
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
    tokens_file = cache_file(path, template, max_length)
    if found := read_cache(tokens_file):
        return found
    rows, left_out, n_records = in_memory(data, template, max_length)
    facts = {"tokens": len(rows.tokens), "records": n_records, "left_out": left_out}
    try:
        remove_leftovers(tokens_file)
        with atomic_path(tokens_file) as temporary, open(temporary, "wb") as file:
            np.save(file, rows.tokens)
        write_json(tokens_file.with_suffix(".json"), facts)
    except CourseError as error:
        print(f"{error} The tokens of {data} are made again next time.", file=sys.stderr)
        return rows, left_out, n_records
    return read_cache(tokens_file) or (rows, left_out, n_records)


def in_memory(data: str, template: Template, max_length: int) -> tuple[TokenRows, LeftOut, int]:
    """What `tokenised` returns, made from the rows one after another: 3 bytes stay of each token."""
    tokenizer, left_out, n_records = load_tokenizer(), [], 0
    ids, segments = array("H"), array("B")
    for n_records, record in enumerate(stream_records(data), start=1):
        try:
            example = make_example(record, template, tokenizer, max_length=max_length)
        except DataError as error:
            left_out.append((n_records - 1, str(error)))
            continue
        ids.extend(example.ids)
        segments.extend(map(SEGMENTS.index, example.names))
    return TokenRows(packed_tokens(ids, segments)), left_out, n_records


def packed_tokens(ids: Iterable[int], segments: Iterable[int]) -> np.ndarray:
    """One array of TOKEN from two columns of numbers."""
    tokens = np.empty(len(ids), TOKEN)
    tokens["id"], tokens["segment"] = ids, segments
    return tokens


def cache_file(path: Path, template: Template, max_length: int) -> Path:
    """Where the tokens of a data file are kept: another file when anything in it would differ."""
    key = [FORMAT, sha256(path), asdict(template), max_length, RANKS_SHA256, SEGMENTS]
    return cache_folder() / "tokens" / f"{content_hash(key)[:32]}.npy"


def read_cache(tokens_file: Path) -> tuple[TokenRows, LeftOut, int] | None:
    """What was kept, memory-mapped; None when it is not there, or not whole."""
    facts_file = tokens_file.with_suffix(".json")
    if not (tokens_file.exists() and facts_file.exists()):
        return None
    try:
        tokens, facts = np.load(tokens_file, mmap_mode="r"), read_json(facts_file)
        left_out = [(row, reason) for row, reason in facts["left_out"]]
        n_records, n_tokens = facts["records"], facts["tokens"]
    except (CourseError, EOFError, OSError, ValueError, KeyError, TypeError):
        return None  # damaged: it is made again
    if tokens.dtype != TOKEN or len(tokens) != n_tokens:
        return None
    rows = TokenRows(tokens)
    return (rows, left_out, n_records) if len(rows) + len(left_out) == n_records else None
