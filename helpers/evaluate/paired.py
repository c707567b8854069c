"""Which arm is better? Paired differences over seeds × items, with intervals that hold.

Every arm is trained with the same seeds and measured on the same held-out items, so a contrast
a - b is a table of differences, a row a seed and a column an item. Both were drawn by chance: other
seeds and other items would give another mean. The interval counts both, and this is what it is for:
treating 5 seeds × 1,000 items as 5,000 independent numbers makes anything look resolved.

The mean of the table has the variance

    V = (MS_seeds + max(0, MS_items - MS_rest)) / (S · I)

from the mean squares of a two-way analysis of variance with seeds and items random (Cornfield and
Tukey 1956; Searle, Casella and McCulloch 1992, chapter 4). How many degrees of freedom V has is the
difficulty with 3 to 5 seeds. Satterthwaite (1946) weighs the parts by their squared shares of V; the
shares are estimates, and with 3 seeds the 95 % interval then holds the truth in 92 % when
the seeds' share is large. Weighing by the plain shares,

    1 / df = share_seeds / (S - 1) + share_items / (I - 1),

is exact when one part is all, and in between covers 94 to 96.5 % from 3 seeds on, whatever the mix
(`benchmarks/calibration.py` prints the table). With 2 seeds it can sink to 91 %: take 3 or more.

The resampling twin, `bootstrap`, draws seeds and items with replacement (Owen 2007, the "pigeonhole
bootstrap"). With many seeds both agree; with few its percentile interval is far too narrow.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from helpers.errors import DataError, nearest
from helpers.evaluate.scorecard import detectable

PRIMARY = ("response", "all")  # the contrast named before any run: a - b, tested without correction
ALPHA = 0.05
UNITS = {"token": "nats per token", "example": "nats per token, averaged by example"}


@dataclass(frozen=True)
class Estimate:
    """The mean of a seeds × items table, how sure it is, and where its uncertainty comes from.

    `seed`, `item` and `rest` are the variances of one seed's effect, one item's effect and of what
    is peculiar to one seed on one item. `var_seeds` + `var_items` is the variance of the mean.
    """

    mean: float
    var_seeds: float
    var_items: float
    df: float
    seeds: int
    items: int
    seed: float
    item: float
    rest: float

    @property
    def se(self) -> float:
        """Standard error of the mean."""
        return math.sqrt(self.var_seeds + self.var_items)

    @property
    def half(self) -> float:
        """Half the width of the 95 % interval."""
        return float(stats.t.ppf(1 - ALPHA / 2, self.df)) * self.se

    @property
    def p(self) -> float:
        """Two-sided probability of a mean at least so far from 0 if the truth were 0."""
        if self.se == 0:
            return float(self.mean == 0)
        return float(2 * stats.t.sf(abs(self.mean) / self.se, self.df))

    def smallest_detectable(self, alpha: float = ALPHA) -> float:
        """The true mean that a test at level alpha on such a table finds with about 80 % power.

        An estimate itself, as the standard error is: with few seeds it is easily off by half.
        """
        return float(detectable(self.se, self.df, alpha))


# --- one table ------------------------------------------------------------------------------------


def crossed_mean(x: np.ndarray) -> Estimate:
    """The Estimate of a table x (seeds, items), both drawn by chance."""
    seeds, items = x.shape
    mean, rows, columns = x.mean(), x.mean(axis=1), x.mean(axis=0)
    rest = ((x - rows[:, None] - columns + mean) ** 2).sum() / ((seeds - 1) * (items - 1))
    ms_seeds = items * ((rows - mean) ** 2).sum() / (seeds - 1)
    ms_items = seeds * ((columns - mean) ** 2).sum() / (items - 1)
    var_seeds, var_items = ms_seeds / (seeds * items), max(0.0, ms_items - rest) / (seeds * items)
    return Estimate(
        mean=float(mean),
        var_seeds=float(var_seeds),
        var_items=float(var_items),
        df=float(degrees_of_freedom(var_seeds, var_items, seeds, items)),
        seeds=seeds,
        items=items,
        seed=float(max(0.0, ms_seeds - rest) / items),
        item=float(max(0.0, ms_items - rest) / seeds),
        rest=float(rest),
    )


def degrees_of_freedom(var_seeds, var_items, seeds, items):
    """df with 1 / df = the parts' shares of the variance / (their number - 1); arrays are fine."""
    total = np.maximum(var_seeds + var_items, np.finfo(float).tiny)
    share = np.where(var_seeds + var_items > 0, var_seeds / total, 1.0)
    return 1 / (share / (seeds - 1) + (1 - share) / (items - 1))


def per_item(nll: np.ndarray, tokens: np.ndarray, per: str) -> np.ndarray:
    """A table (S, I) whose mean is the metric: nats per token over all tokens, or by example.

    Per token the metric is a ratio of sums, R = Σ nll / Σ tokens, and the number of tokens is a
    matter of chance too. Its linear form R + (nll - R · tokens) / mean(tokens) has the mean R and
    the variance that matters (Cochran 1977, chapter 6; an item weighs tokens / mean tokens).
    """
    if per == "example":
        return nll / tokens
    ratio = nll.sum() / (len(nll) * tokens.sum())
    return ratio + (nll - ratio * tokens) / tokens.mean()


def contrast(
    nll: Mapping[str, ArrayLike], tokens: ArrayLike, a: str, b: str, *, per: str = "token"
) -> Estimate:
    """The Estimate of a's response loss minus b's, paired by seed and item."""
    tables, counts = _checked(nll, tokens, per, needed=(a, b))
    return crossed_mean(per_item(tables[a] - tables[b], counts, per))


def by_group(
    nll: Mapping[str, ArrayLike], tokens: ArrayLike, groups: Sequence[str]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Tables (S, G) and tokens (G,) with a group of items, such as a family, as one item.

    Items of a kind are hard or easy together. Counted one by one they say what other items *of
    these kinds* would have given; counted by kind, what other kinds would have (Miller 2024,
    arXiv:2411.00640, calls such groups clusters). Raises DataError unless every item has its group
    and there are two groups.
    """
    tables, counts = _checked(nll, tokens, "token", needed=())
    if len(groups) != len(counts):
        raise DataError(f"{len(groups)} groups for {len(counts)} items: give each item its group.")
    names, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        raise DataError(f"all items are of one group ({names[0]}): an interval needs two groups.")
    member = np.eye(len(names))[place]  # (I, G)
    return {arm: table @ member for arm, table in tables.items()}, counts @ member


def bootstrap(
    nll: Mapping[str, ArrayLike],
    tokens: ArrayLike,
    a: str,
    b: str,
    *,
    per: str = "token",
    n: int = 4000,
    seed: int = 0,
) -> np.ndarray:
    """n resampled values of the contrast a - b: seeds and items drawn apart, with replacement.

    Their 2.5 and 97.5 percentiles are the plain bootstrap interval (Efron and Tibshirani 1993),
    their variance on average ((S-1)/S · MS_seeds + (I-1)/I · MS_items + (S-1)(I-1)/(S·I) · MS_rest)
    / (S·I) (Owen 2007): short of the seeds' part by 1/S, long by twice the rest's. A check on
    `contrast`, which is what the tables use.
    """
    tables, counts = _checked(nll, tokens, per, needed=(a, b))
    difference, weights = tables[a] - tables[b], counts
    if per == "example":
        difference, weights = difference / counts, np.ones_like(counts)
    n_seeds, n_items = difference.shape
    rng = np.random.default_rng(seed)
    seeds = rng.multinomial(n_seeds, [1 / n_seeds] * n_seeds, size=n)
    items = rng.multinomial(n_items, [1 / n_items] * n_items, size=n)
    return ((seeds @ difference) * items).sum(axis=1) / (n_seeds * (items @ weights))


# --- all arms -------------------------------------------------------------------------------------


def arm_means(
    nll: Mapping[str, ArrayLike], tokens: ArrayLike, *, per: str = "token"
) -> pd.DataFrame:
    """Every arm's response loss with its 95 % interval: columns `arm mean low high`.

    nll: arm → (S, I), the sum of nats over the response tokens of item i after training with
    seed s; tokens: (I,), how many those are. The intervals of two arms may overlap although their
    difference is resolved: most of their width is the items', which pairing takes out.
    """
    tables, counts = _checked(nll, tokens, per)
    rows = []
    for arm, table in tables.items():
        e = crossed_mean(per_item(table, counts, per))
        rows.append({"arm": arm, "mean": e.mean, "low": e.mean - e.half, "high": e.mean + e.half})
    return pd.DataFrame(rows, columns=["arm", "mean", "low", "high"])


def contrasts(
    nll: Mapping[str, ArrayLike],
    tokens: ArrayLike,
    *,
    primary: tuple[str, str] | None = PRIMARY,
    others: Sequence[tuple[str, str]] | None = None,
    per: str = "token",
) -> pd.DataFrame:
    """Every pair of arms, the pre-registered one first: which has the lower response loss?

    Columns `a b difference low high p p_holm resolved smallest_detectable words`; difference is
    a - b in nats per token (below 0: a is better), low to high its 95 % interval.

    The primary pair stands alone: p_holm is p, and it is resolved when its interval excludes 0. The
    m others share one error rate of 5 % by Holm (1979) and are resolved when p_holm < 0.05. Their
    intervals are shown uncorrected, so one that excludes 0 may not be resolved: of 20 contrasts
    with nothing in them one does so by chance. Their smallest detectable difference is for the
    level 0.05 / m, Holm's strictest step. With `primary=None` all pairs are "others". Every pair
    more makes the correction harder (8 arms have 28), so name the `others` you will ask about,
    before you look: `others=[("response@0.1", "all")]`.

    nll and tokens as in `arm_means`. Raises DataError for fewer than two arms, seeds or items,
    shapes that differ, a value that is no number, or a primary pair that is not among the arms.
    """
    tables, counts = _checked(nll, tokens, per, needed=primary or (), arms=2)
    ordered = pairs(list(tables), primary)
    if others is not None:
        for pair in others:
            _check_names(tables, pair)
        ordered = [*([primary] if primary else []), *others]
    found = [crossed_mean(per_item(tables[a] - tables[b], counts, per)) for a, b in ordered]
    return verdicts(ordered, found, primary=primary, per=per)


def verdicts(
    ordered: Sequence[tuple[str, str]],
    found: Sequence[Estimate],
    *,
    primary: tuple[str, str] | None = PRIMARY,
    per: str = "token",
) -> pd.DataFrame:
    """The table of `contrasts` from the Estimate of each pair (a, b), the primary one first."""
    alone = 0 if primary is None else 1
    m = len(found) - alone
    p_holm = [e.p for e in found[:alone]] + holm([e.p for e in found[alone:]])
    rows = []
    for place, ((a, b), e, corrected) in enumerate(zip(ordered, found, p_holm, strict=True)):
        tests = 1 if place < alone else m
        row = {
            "a": a,
            "b": b,
            "difference": e.mean,
            "low": e.mean - e.half,
            "high": e.mean + e.half,
            "p": e.p,
            "p_holm": corrected,
            "resolved": corrected < ALPHA,
            "smallest_detectable": e.smallest_detectable(ALPHA / tests),
        }
        rows.append({**row, "words": in_words(row, e, tests, per)})
    return pd.DataFrame(rows)


def pairs(arms: Sequence[str], primary: tuple[str, str] | None = PRIMARY) -> list[tuple[str, str]]:
    """All pairs (a, b): the primary one, the others with its b, then the rest in the arms' order.

    >>> pairs(["all", "response", "response@0.1"])
    [('response', 'all'), ('response@0.1', 'all'), ('response', 'response@0.1')]
    """
    first = [tuple(primary)] if primary else []
    last = primary[1] if primary else None
    with_last = [(arm, last) for arm in arms if primary and arm not in primary]
    rest = itertools.combinations([arm for arm in arms if arm != last], 2)
    return [*first, *with_last, *rest]


def holm(p: Sequence[float]) -> list[float]:
    """The p-values corrected for their number (Holm 1979), in the order given.

    The smallest is multiplied by m, the next by m - 1, …; none may fall below a smaller one's.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, highest = [0.0] * len(p), 0.0
    for step, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - step) * p[place]))
        corrected[place] = highest
    return corrected


def in_words(row: Mapping, e: Estimate, tests: int, per: str) -> str:
    """The verdict on one contrast in a sentence."""
    d, unit = _decimals(e.half), UNITS[per]
    a, b, low, high = row["a"], row["b"], row["low"], row["high"]
    after = f" after Holm's correction for {tests} contrasts" if tests > 1 else ""
    rough = "; 2 seeds tell little of the spread between seeds: run 3 or more"
    rough = rough if e.seeds == 2 else ""
    if row["resolved"]:
        side = "lower" if e.mean < 0 else "higher"
        low, high = sorted((abs(low), abs(high)))
        p = f", p = {row['p_holm']:.2g}{after}" if after else ""
        return (
            f"{a} has a {side} response loss than {b}, by {abs(e.mean):.{d}f} {unit} "
            f"(95 % interval {low:.{d}f} to {high:.{d}f}{p}){rough}"
        )
    return (
        f"not resolved{after}: {a} - {b} is {e.mean:.{d}f} {unit} "
        f"(95 % interval {low:.{d}f} to {high:.{d}f}); {e.seeds} seeds × {e.items:,} items could "
        f"detect a difference of about {row['smallest_detectable']:.{d}f}{rough}"
    )


# --- what more data would do ----------------------------------------------------------------------


def seeds_needed(e: Estimate, effect: float) -> int | None:
    """How many seeds, on the same items, would resolve a true difference of so many nats.

    None when no number up to 1,000 would: then the items are what is missing.
    """
    return _first_enough(e, effect, np.arange(2, 1001), e.items, have=e.seeds)


def items_needed(e: Estimate, effect: float) -> int | None:
    """About how many items, with the same seeds, would do; None when not even ten million would."""
    counts = np.unique(np.ceil(np.geomspace(2, 1e7, 2000)).astype(int))
    return _first_enough(e, effect, e.seeds, counts, have=e.items)


def more_data(e: Estimate, effect: float) -> str:
    """A sentence: what would resolve a true difference of that size, and which helps more."""
    seeds, items = seeds_needed(e, effect), items_needed(e, effect)
    share = e.var_seeds / e.se**2 if e.se else 0.0
    because = f"{share:.0%} of the uncertainty comes from the seeds"
    here = f"{e.seeds} seeds × {e.items:,} items"
    if e.smallest_detectable() <= effect:
        return f"{here} suffice for a difference of {effect:g}; {because}"
    ways = [f"{seeds:,} seeds on these {e.items:,} items"] if seeds else []
    ways += [f"about {items:,} items with these {e.seeds} seeds"] if items else []
    needs = " or ".join(ways) or "more seeds and more items: more of one alone will not do"
    return f"a difference of {effect:g} is too small for {here}; it needs {needs}; {because}"


def _first_enough(e: Estimate, effect: float, seeds, items, *, have: int) -> int | None:
    """The smallest of the seeds (or items, whichever is an array) that detects the effect."""
    if not effect > 0:
        raise DataError(f"a difference to resolve is above 0 nats, not {effect}")
    if e.smallest_detectable() <= effect:
        return have
    var_seeds = (e.seed + e.rest / items) / seeds
    var_items = e.item / items
    df = degrees_of_freedom(var_seeds, var_items, seeds, items)
    enough = detectable(np.sqrt(var_seeds + var_items), df) <= effect
    counts = seeds if np.ndim(seeds) else items
    larger = counts[enough & (counts > have)]
    return int(larger[0]) if len(larger) else None


# --- the border -----------------------------------------------------------------------------------


def _checked(
    nll: Mapping[str, ArrayLike],
    tokens: ArrayLike,
    per: str,
    *,
    needed: Sequence[str] = (),
    arms: int = 1,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The tables and token counts as float64 arrays, or a DataError that says what to mend."""
    if per not in UNITS:
        raise DataError(f"per {per!r} is no way of counting, {nearest(per, UNITS)}")
    if len(nll) < arms:
        raise DataError(
            f"a contrast needs two arms, not {len(nll)} ({', '.join(nll)}): run another"
        )
    _check_names(nll, needed)
    counts = np.asarray(tokens, dtype=float)
    tables = {arm: np.asarray(table, dtype=float) for arm, table in nll.items()}
    if counts.ndim != 1 or not (np.isfinite(counts) & (counts >= 1)).all():
        raise DataError("tokens must be one number per item, each 1 or more (the end token counts)")
    shape = next(iter(tables.values())).shape if tables else ()
    for arm, table in tables.items():
        _check_table(arm, table, shape, len(counts))
    return tables, counts


def _check_names(nll: Mapping[str, ArrayLike], needed: Sequence[str]) -> None:
    for arm in needed:
        if arm not in nll:
            raise DataError(f"there is no result of arm {arm!r}, {nearest(arm, nll)}")
    if len(needed) != len(set(needed)):
        raise DataError(f"an arm cannot be compared with itself ({needed[0]}): name two arms")


def _check_table(arm: str, table: np.ndarray, shape: tuple[int, ...], items: int) -> None:
    if table.ndim != 2 or table.shape != shape or table.shape[1] != items:
        raise DataError(
            f"arm {arm!r} has results of shape {table.shape}, but {shape} (seeds, items) with "
            f"{items} items is asked for: run every arm with the same seeds on the same items"
        )
    if len(table) < 2:
        raise DataError(
            f"{len(table)} seed says nothing about the spread between seeds: run at least 2, better 5"
        )
    if items < 2:
        raise DataError(f"{items} item says nothing about other items: measure on 2 or more")
    if not np.isfinite(table).all():
        seed, item = np.argwhere(~np.isfinite(table))[0]
        raise DataError(
            f"arm {arm!r} has the loss {table[seed, item]} at seed number {seed + 1}, item number "
            f"{item + 1}: repeat that run, perhaps with a smaller learning rate"
        )


def _decimals(half: float) -> int:
    """Decimals that show two digits of the interval's half width, between 3 and 6."""
    return 3 if half <= 0 else min(6, max(3, 1 - math.floor(math.log10(half))))
