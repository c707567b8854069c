"""The rows of an experiment: tokens made once, the same subset for every arm, held-out rows.

Fewer rows are nested: the 100 rows of seed 3 are among its 300. The length ratio is the tokens of
instruction and input over those of the response and its end; it is varied in two ways.

**Resampling.** The training rows in order of their ratio are cut into thirds: `low`, `middle`,
`high`. A run learns from one third; the held-out rows stay the same for all of them.

**Inversion** (after Huerta-Enochian & Ko 2024). The response is given, and the request asked for:

    instruction  What is the capital of Peru?     Which request does this text answer?
    input                                         The capital of Peru is Lima.
    output       The capital of Peru is Lima.     What is the capital of Peru?

The old input follows the old instruction on a line of its own. What is lost: many requests fit one
answer ("Yes."), so part of this loss cannot be learnt away; where the instruction ended and the
input began is no longer marked; and the held-out responses are other texts, so its losses cannot be
set beside those of the rows as they were. Only the differences between arms can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from helpers.data import load_records, split
from helpers.errors import DataError, SettingsError
from helpers.experiment.grid import LEVELS, Grid
from helpers.formatting import has_input
from helpers.masking import Example, make_examples
from helpers.tokenizer import load_tokenizer

INVERTED = "Which request does this text answer?"
HELDOUT = {"course": "course-heldout"}  # more rows of the same kind, never trained on
ENOUGH = 1000  # held-out rows


@dataclass(frozen=True)
class Rows:
    """Records and their examples, in the same order."""

    records: list[dict]
    examples: list[Example]

    def take(self, indices: Sequence[int]) -> Rows:
        """Those rows, in that order."""
        return Rows([self.records[i] for i in indices], [self.examples[i] for i in indices])

    def sample(self, n: int) -> Rows:
        """At most `n` rows, evenly spaced: always the same ones."""
        total = len(self.examples)
        return self if total <= n else self.take([i * total // n for i in range(n)])

    def __len__(self) -> int:
        return len(self.examples)


@dataclass(frozen=True)
class Material:
    """All rows of an experiment, as they are or (`ratio` inverted) turned round."""

    train: Rows
    validation: Rows
    heldout: Rows
    left_out: list[list]  # part, row (from 1), reason

    @cached_property
    def levels(self) -> dict[str, list[int]]:
        """Which training rows belong to each level of the length ratio."""
        n = len(self.train)
        order = sorted(range(n), key=lambda i: (length_ratio([self.train.examples[i]]), i))
        third = n // 3
        return {
            "any": list(range(n)),
            "low": order[:third],
            "middle": order[third : n - third],
            "high": order[n - third :],
        }

    def subset(self, level: str, rows: int, seed: int) -> tuple[Rows, Rows]:
        """The rows that a run learns from, and the same ones in the order in which they were drawn.

        The first are in file order, so that all rows of the split are the split itself.
        """
        pool = self.levels["any" if level == "inverted" else level]
        generator = torch.Generator().manual_seed(seed)
        drawn = [pool[i] for i in torch.randperm(len(pool), generator=generator)[:rows]]
        return self.train.take(sorted(drawn)), self.train.take(drawn)


def instruction_tokens(example: Example) -> int:
    """Tokens of instruction and input; those of the template are no part of them."""
    return sum(name in ("instruction", "input") for name in example.names)


def length_ratio(examples: Sequence[Example]) -> float:
    """Tokens of instruction and input for each token of response and end."""
    asked = sum(map(instruction_tokens, examples))
    return asked / sum(len(e.ids) - e.n_prompt for e in examples)


def invert(record: dict) -> dict:
    """The record whose answer is the request; how, and what is lost, is at the top."""
    request = record["instruction"] + (f"\n{record['input']}" if has_input(record) else "")
    return {**record, "instruction": INVERTED, "input": record["output"], "output": request}


def heldout_name(grid: Grid) -> str:
    """The name or file of the held-out rows, "" when they are rows of the data set itself."""
    return grid.heldout or HELDOUT.get(grid.data, "")


def load_material(grid: Grid, n_positions: int, *, inverted: bool = False) -> Material:
    """All rows of the grid as tokens. Raises DataError when a part has none.

    Trained on is always the training split. Held out are the rows of `heldout_name`, or else of the
    data's own test and validation splits; with a sweep only of the test split, because the rates
    are chosen on validation.
    """
    records = load_records(grid.data)
    parts, named = split(records), heldout_name(grid)
    if named:
        heldout = load_records(named)
        check_apart(grid, records, heldout)
    else:
        heldout = parts.test if grid.sweep else parts.test + parts.validation
    chosen = {"train": parts.train, "validation": parts.validation, "heldout": heldout}
    tokenizer, made, left_out = load_tokenizer(), {}, []
    limit = grid.max_length or n_positions
    for name, records in chosen.items():
        # Rows that cannot be turned round are left out by the same rule as all others.
        usable = [invert(r) if inverted and r["output"].strip() else r for r in records]
        examples, dropped = make_examples(usable, grid.template, tokenizer, max_length=limit)
        part = f"{name}, inverted" if inverted else name
        left_out += [[part, i + 1, reason] for i, reason in dropped]
        if not examples:
            raise DataError(
                f"no row of the {name} part can be used ({len(dropped)} left out). First: "
                f"{dropped[0][1]} Mend the rows, or take other data."
            )
        gone = {i for i, _ in dropped}
        made[name] = Rows([r for i, r in enumerate(usable) if i not in gone], examples)
    return Material(**made, left_out=left_out)


def check_apart(grid: Grid, records: list[dict], heldout: list[dict]) -> None:
    """Refuse the data as held-out rows, in whatever form: every arm would be praised for its memory."""
    same, other = ({(*_question(r), r["output"]) for r in rows} for rows in (records, heldout))
    if same == other:
        raise SettingsError(
            f"the held-out rows ({heldout_name(grid)}) are the data itself ({grid.data}), and most of "
            "these are trained on. Name another file, or leave --heldout out."
        )


def seen_in_training(material: Material) -> int:
    """How many held-out rows stand, word for word, in the training split as well."""
    train = {_question(r) for r in material.train.records}
    return sum(_question(r) in train for r in material.heldout.records)


def _question(record: dict) -> tuple[str, str]:
    return record["instruction"], record["input"]


def settle_rows(grid: Grid, material: Material) -> tuple[int, ...]:
    """The numbers of rows, none of them more than there are; all there are if none was given."""
    available = {
        level: len(material.levels["any" if level == "inverted" else level])
        for level in sorted(grid.ratios, key=LEVELS.index)
    }
    level = min(available, key=lambda name: available[name])
    most = available[level]
    for rows in grid.rows:
        if not 1 <= rows <= most:
            where = "" if level == "any" else f" at the length ratio {level!r}"
            raise SettingsError(
                f"{rows} rows: {grid.data} has {most} to train on{where}. Give 1 to {most}, or "
                "leave it out to take all of them."
            )
    rows = grid.rows or (most,)
    if min(rows) < grid.batch_size:
        raise SettingsError(
            f"{min(rows)} rows are fewer than one batch of {grid.batch_size}: give more rows, or a "
            f"batch size of at most {min(rows)}."
        )
    return rows
