"""Which rows each run learns from: the same measured rows for all, nothing of them in training.

A seed decides the order in which rows are drawn, and every point of that seed draws in this order:
300 rows hold the 100, eight families the four. Rows of the data set come first; what a point needs
beyond them comes from `more`, for `course` from our generator, which is kept away from every fact
that is tested. Where kinds are varied both are one pool.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from helpers.curves.plan import CLEAN, ROWS, Curve
from helpers.data import load_records, near_duplicates, split
from helpers.errors import DataError, SettingsError

NEARLY = 0.9  # share of common words that makes two rows nearly the same, as `course data check`


class Draw(NamedTuple):
    """What one run learns from, and which test rows are marked (leaked, or of a known kind)."""

    records: list[dict]
    marked: list[bool]


@dataclass(frozen=True)
class Pool:
    """All rows there are: to train on (own first, then more), and to measure on."""

    own: list[dict]
    more: list[dict]
    validation: list[dict]
    test: list[dict]
    leaks_left_out: int  # rows of `more` that nearly are measured ones

    def ordered(self, seed: int) -> list[dict]:
        """All training rows in the order in which this seed draws them, own rows first."""
        parts = (list(self.own), list(self.more))
        for number, part in enumerate(parts):
            random.Random(f"{seed}, part {number}").shuffle(part)
        return [row for part in parts for row in part]

    def mixed(self, seed: int) -> list[dict]:
        """All training rows in one random order: own rows are no likelier than others."""
        rows = [*self.own, *self.more]
        random.Random(f"{seed}, mixed").shuffle(rows)
        return rows


@cache
def generated() -> tuple[dict, ...]:
    """Our generator's 10,000 further rows; a few seconds, once a process."""
    from helpers.datagen.build import more_training_rows

    return tuple(more_training_rows())


def load_pool(curve: Curve) -> Pool:
    """The rows of a resolved curve. Rows of `more` that nearly are measured ones are left out.

    Raises DataError for a file that cannot be read or split, or that has no row left.
    """
    parts = split(load_records(curve.data))
    measured = {name: evenly(getattr(parts, name), curve.sample) for name in ("validation", "test")}
    parts = parts._replace(**measured)
    if curve.more:
        more = load_records(curve.more)
        apart = parts.test + parts.validation
        leaks = {i for i, _, _ in near_duplicates(more, apart, NEARLY)}
        asked = {_question(row) for row in apart}
        leaks |= {i for i, row in enumerate(more) if _question(row) in asked}
        more = [row for i, row in enumerate(more) if i not in leaks]
        return Pool(parts.train, more, parts.validation, parts.test, len(leaks))
    more = list(generated()) if curve.data == "course" and needs_more(curve, parts.train) else []
    return Pool(parts.train, more, parts.validation, parts.test, 0)


def evenly(rows: list[dict], n: int) -> list[dict]:
    """At most n rows, evenly spaced: always the same ones; all of them for 0."""
    total = len(rows)
    return rows if not 0 < n < total else [rows[i * total // n] for i in range(n)]


def needs_more(curve: Curve, own: Sequence[dict]) -> bool:
    """Whether the points of a curve ask for more than the rows of the data set itself."""
    if curve.vary == "rows":
        return max(curve.points) > len(own)
    return curve.vary not in ("clean", "template") or curve.rows > len(own)


def _question(row: dict) -> tuple[str, str]:
    return row["instruction"], row["input"]


# --- one run's rows ------------------------------------------------------------------------------


def draw(curve: Curve, pool: Pool, point: int | str, seed: int) -> Draw:
    """The rows of one run. Raises SettingsError for more than there are."""
    if curve.vary == "rows":
        return Draw(first_rows(curve, pool, point, seed), [])
    if curve.vary == "template":
        return Draw(first_rows(curve, pool, held_rows(curve, pool), seed), [])
    if curve.vary == "clean":
        return draw_clean(curve, pool, point, seed)
    return draw_kinds(curve, pool, point, seed)


def held_rows(curve: Curve, pool: Pool) -> int:
    """How many rows every point has, where rows are not what is varied."""
    return curve.rows or min(ROWS, len(pool.own))


def first_rows(curve: Curve, pool: Pool, n: int, seed: int) -> list[dict]:
    """The first n rows in the order of this seed."""
    there = len(pool.own) + len(pool.more)
    if n > there:
        remedy = "" if curve.more else ", or name a file of further rows with --more"
        raise SettingsError(
            f"{n:,} rows: {curve.data} has {there:,} to train on. Give at most {there:,}{remedy}."
        )
    if n < curve.batch_size:
        raise SettingsError(
            f"{n} rows are fewer than one batch of {curve.batch_size}: give more rows, or a smaller "
            "batch size."
        )
    return pool.ordered(seed)[:n]


def kinds(curve: Curve, pool: Pool) -> list[str]:
    """The values of the varied key that have rows enough for the point with the fewest values.

    All points draw from the same values, so that those at the left are no special ones.
    """
    n, fewest, most = held_rows(curve, pool), min(curve.points), max(curve.points)
    each, found = -(-n // fewest), defaultdict(int)
    for row in (*pool.own, *pool.more):
        if row.get(curve.vary) is not None:
            found[str(row[curve.vary])] += 1
    if not found:
        raise DataError(
            f"no row has the key {curve.vary!r}, so it cannot be varied. Keys beside the three texts "
            f"that rows have: {', '.join(extra_keys(pool)) or 'none'}."
        )
    enough = sorted(name for name, count in found.items() if count >= each)
    if len(enough) < most:
        raise SettingsError(
            f"{n:,} rows of {fewest} values of {curve.vary!r} are {each:,} of each, and "
            f"{len(enough)} of the {len(found)} values have so many; {most} are asked for. Give "
            "fewer --rows, or other --points."
        )
    return enough


def extra_keys(pool: Pool) -> list[str]:
    """The keys that rows have beside the three texts."""
    texts = {"instruction", "input", "output"}
    return sorted({key for row in (*pool.own, *pool.more) for key in row} - texts)


def draw_kinds(curve: Curve, pool: Pool, point: int, seed: int) -> Draw:
    """The same number of rows from `point` values of the key, as many of each but for rounding."""
    names = kinds(curve, pool)
    random.Random(f"{seed}, kinds").shuffle(names)
    chosen, n = names[:point], held_rows(curve, pool)
    share = {name: n // point + (place < n % point) for place, name in enumerate(chosen)}
    records = []
    for row in pool.mixed(seed):
        name = str(row.get(curve.vary))
        if share.get(name, 0) > 0:
            share[name] -= 1
            records.append(row)
    return Draw(records, [str(row.get(curve.vary)) in chosen for row in pool.test])


def draw_clean(curve: Curve, pool: Pool, point: str, seed: int) -> Draw:
    """Rows with near-duplicates and leaks put in, after removing what the point says.

    Put in are near copies of `dirt` × the rows, and of every second test row, which are marked: how
    much better they fare than the others is what a leak pretends. Removing uses no knowledge of
    what was put in, so it finds what a file brings along as well.
    """
    rows = first_rows(curve, pool, held_rows(curve, pool), seed)
    leaked = pool.test[::2] if curve.dirt else []
    copies = [rows[i % len(rows)] for i in range(round(curve.dirt * len(rows)))]
    rows = [*rows, *map(near_copy, [*copies, *leaked])]
    random.Random(f"{seed}, dirt").shuffle(rows)
    if point in (CLEAN[1], CLEAN[3]):
        twice = {max(i, j) for i, j, _ in near_duplicates(rows, rows, NEARLY) if i != j}
        rows = [row for i, row in enumerate(rows) if i not in twice]
    if point in (CLEAN[2], CLEAN[3]):
        leaks = {i for i, _, _ in near_duplicates(rows, pool.test + pool.validation, NEARLY)}
        rows = [row for i, row in enumerate(rows) if i not in leaks]
    return Draw(rows, [bool(curve.dirt) and i % 2 == 0 for i in range(len(pool.test))])


def near_copy(record: dict) -> dict:
    """The record with its request in small letters and without its last mark: nearly the same.

    >>> near_copy({"instruction": "What is ice?", "input": "", "output": "Frozen water."})
    {'instruction': 'what is ice', 'input': '', 'output': 'Frozen water.'}
    """
    return {**record, "instruction": record["instruction"].rstrip(" .?!:").lower()}
