"""What is compared: the settings of an experiment, and the runs that follow from them.

A `Grid` is a list of arms and of seeds, and of values for every factor that is varied; a `Cell` is
one run of it, with an id that says what it is. Nothing is read or trained here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from helpers.errors import SettingsError, nearest
from helpers.masking import ARMS, segment_weights
from helpers.runs import FORMERLY, RunSettings, default_lr

DEFAULT_ARMS = ("all", "instruction+response", "header+response", "response", "response@0.1")
LEVELS = ("any", "low", "middle", "high", "inverted")  # of the length ratio; see `rows`
SWEEP = (0.25, 0.5, 1.0, 2.0, 4.0)  # the learning rates that a sweep tries, times the common one
SWEEP_SEED = 0  # a grid's own seeds are higher: the rate is chosen on none of them
MOST_SEED = 1_000_000_000
METRICS = {
    "gap": "response loss on the training rows, and how much higher it is on the held-out ones",
    "memory": "loss on instructions and share of their second halves continued word for word",
    "overlap": "4-word sequences and whole answers that stand in the training answers too",
    "stops": "share of the answers that end by themselves, and their length",
    "score": "mean score of the answers by the reference judge, 0 to 100",
    "plain": "perplexity of ordinary text: what tuning costs",
    "distance": "how far the weights moved, relative to their length, by layer",
    "paraphrase": "what other prompt templates cost in response loss",
}


class Cell(NamedTuple):
    """One run: an arm, a seed, and a value of every factor. `rate` 0 is the arm's swept rate."""

    arm: str
    seed: int
    rows: int
    epochs: int
    ratio: str
    rate: float

    @property
    def run(self) -> str:
        """The id: it never changes, whatever is added to the grid later.

        >>> Cell("response@0.1", 2, 935, 2, "any", 2e-4).run
        'response@0.1-seed2-rows935-epochs2-lr0.0002'
        """
        level = "" if self.ratio == "any" else f"-{self.ratio}"
        rate = f"lr{self.rate:.8g}" if self.rate else "swept"
        return f"{self.arm}-seed{self.seed}-rows{self.rows}-epochs{self.epochs}{level}-{rate}"


@dataclass(frozen=True)
class Grid:
    """Arms × seeds × factors. What may have several values is a tuple."""

    model: str = "gpt2-mini"
    data: str = "course"
    heldout: str = (
        ""  # a file or name; "" = course-heldout for course, else rows of the data itself
    )
    arms: tuple[str, ...] = DEFAULT_ARMS
    seeds: int = 5  # how many; more of them keep those that are there
    first_seed: int = 1  # the others follow; another one for new seeds
    rows: tuple[int, ...] = ()  # of the training split; () = all
    epochs: tuple[int, ...] = (2,)
    lrs: tuple[float, ...] = ()  # the same rate for every arm; () = the one that suits the model
    sweep: bool = False  # each arm at its own best rate, found on the validation rows
    ratios: tuple[str, ...] = ("any",)  # how long instructions are against responses; see LEVELS
    metrics: tuple[str, ...] = ()  # beside the response loss; see METRICS
    batch_size: int = 8
    template: str = "alpaca"
    max_length: int = 0  # tokens; 0 = as many as the model reads
    device: str = "auto"
    precision: str = "auto"
    products: str = "auto"  # see helpers.arithmetic
    layout: str = "auto"  # padded or packed; the same numbers but for rounding
    freeze_embeddings: bool = False  # lesson 04's way; False = all weights, as the course text does
    keep_models: bool = False  # also the weights of every run

    def resolved(self) -> Grid:
        """The same grid, checked, with every "auto" and default that needs no data filled in.

        Raises SettingsError for whatever could not be trained, or not be compared.
        """
        check_arms(self.arms)
        arms = tuple(canonical(arm) for arm in self.arms)
        check_seeds(self.seeds)
        check_first_seed(self.first_seed)
        for name in ("epochs", "lrs", "rows", "ratios", "metrics"):
            check_distinct(name, getattr(self, name))
        for ratio in self.ratios:
            check_known(ratio, LEVELS, "level of the length ratio")
        for metric in self.metrics:
            check_known(metric, METRICS, "metric")
        if not self.epochs or not self.ratios:
            raise SettingsError("no epochs or no length ratio: give at least one, or leave it out.")
        if self.sweep and self.lrs:
            raise SettingsError(
                f"a sweep finds the learning rates itself: leave out either it or "
                f"{', '.join(f'{lr:g}' for lr in self.lrs)}."
            )
        for lr in self.lrs:
            if not 0 < lr < math.inf:
                raise SettingsError(f"lr = {lr} is outside its range: give a number above 0.")
        lrs = self.lrs or (default_lr(self.model, self.freeze_embeddings),)
        first = self.run_settings(Cell(arms[0], 1, 0, self.epochs[0], "any", lrs[0])).resolved()
        for epochs in self.epochs[1:]:
            self.run_settings(Cell(arms[0], 1, 0, epochs, "any", lrs[0])).resolved()
        fixed = {key: getattr(first, key) for key in ("device", "precision", *FORMERLY)}
        return replace(self, arms=arms, lrs=() if self.sweep else lrs, **fixed)

    def run_settings(self, cell: Cell, lr: float = 0.0) -> RunSettings:
        """The settings of one run, as `helpers.runs` takes them."""
        return RunSettings(
            model=self.model,
            data=self.data,
            loss_on=cell.arm,
            template=self.template,
            epochs=cell.epochs,
            lr=lr or cell.rate,
            batch_size=self.batch_size,
            seed=cell.seed,
            device=self.device,
            precision=self.precision,
            products=self.products,
            layout=self.layout,
            freeze_embeddings=self.freeze_embeddings,
        )

    def cells(self) -> list[Cell]:
        """Every run of a resolved grid; seed by seed, so that a grid cut short is still paired."""
        rates = (0.0,) if self.sweep else self.lrs
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        factors = itertools.product(seeds, self.ratios, self.rows, self.epochs, rates, self.arms)
        return [
            Cell(arm, seed, rows, epochs, ratio, rate)
            for seed, ratio, rows, epochs, rate, arm in factors
        ]


def canonical(arm: str) -> str:
    """The one name of all ways to write an arm.

    >>> canonical("response@0.10"), canonical("response@0"), canonical("response@1")
    ('response@0.1', 'response', 'all')
    """
    weights = segment_weights(arm)
    for plain in ARMS:
        if segment_weights(plain) == weights:
            return plain
    name, at, weight = arm.partition("@")
    return f"{name}@{float(weight):g}" if at else name


def check_arms(arms: tuple[str, ...]) -> None:
    """Refuse fewer than two arms, and two that are the same."""
    if len(arms) < 2:
        raise SettingsError(
            f"{len(arms)} arm{'' if len(arms) == 1 else 's'} ({', '.join(arms) or 'none'}): a "
            "comparison needs at least 2, such as all,response."
        )
    seen: dict[tuple, str] = {}
    for arm in arms:
        weights = tuple(segment_weights(arm).values())
        if weights in seen:
            same = "given twice" if seen[weights] == arm else f"the same as {seen[weights]!r}"
            raise SettingsError(f"the arm {arm!r} is {same}: leave one of them out.")
        seen[weights] = arm


def check_seeds(seeds: int) -> None:
    """Refuse a number of seeds that gives no interval."""
    if seeds < 2:
        raise SettingsError(
            f"{seeds} seed{'' if seeds == 1 else 's'}: an interval needs at least 2, better 5, "
            "because two runs that differ in nothing but the seed differ too."
        )


def check_first_seed(seed: int) -> None:
    """Refuse a first seed that is the sweep's, or that no random number generator takes."""
    if not SWEEP_SEED < seed <= MOST_SEED:
        raise SettingsError(
            f"the first seed is {seed}: give a number from {SWEEP_SEED + 1} to {MOST_SEED:,}."
        )


def check_distinct(name: str, values: tuple) -> None:
    """Refuse a value that is given twice."""
    for value in values:
        if values.count(value) > 1:
            raise SettingsError(f"{name}: {value} is given twice. Leave one of them out.")


def check_known(name: str, known: Iterable[str], what: str) -> None:
    """Refuse a name that is not among those known."""
    if name not in known:
        raise SettingsError(f"unknown {what} {name!r}; {nearest(name, known)}.")
