"""Shares of right answers: their intervals, and whether two models differ on the same questions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats

from helpers.errors import DataError

Z = float(stats.norm.ppf(0.975))


def wilson(right: int, n: int) -> tuple[float, float]:
    """The ends of the 95 % interval of a share (Wilson 1927): right also for few or nearly all.

    >>> [round(end, 3) for end in wilson(0, 10)]
    [0.0, 0.278]
    """
    if not 0 <= right <= n or n < 1:
        raise DataError(f"{right} right of {n}: a share needs at least one question.")
    interval = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(only_a: int, only_b: int) -> float:
    """The two-sided exact p-value of McNemar's test (1947): a coin for every disagreement.

    Questions that both or neither got right say nothing about which is better; among the others,
    equally good models share the right answers like the sides of a coin.
    """
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)


def paired_difference(a: Sequence[bool], b: Sequence[bool]) -> dict:
    """How much more often B is right than A on the same questions, and whether that is chance.

    `difference` is B's share minus A's, `ci95` its interval (Bonett and Price 2012: the four counts'
    estimate after adding one disagreement a side), `p` McNemar's, which decides `resolved`.
    """
    n = len(a)
    if n != len(b) or not n:
        raise DataError(f"{n} and {len(b)} answers: pairs of the same questions are needed.")
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    low_a, low_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    half = Z * math.sqrt((low_a + low_b - (low_b - low_a) ** 2) / (n + 2))
    p = mcnemar(only_a, only_b)
    return {
        "difference": (only_b - only_a) / n,
        "ci95": [max(-1.0, low_b - low_a - half), min(1.0, low_b - low_a + half)],
        "only_a": only_a,
        "only_b": only_b,
        "p": p,
        "resolved": p < 0.05,
    }
