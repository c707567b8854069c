"""Scores with their uncertainty: is B better than A, or do the numbers merely differ?

Every comparison is paired by item: the same question, answered by both, judged by the same judge.
Items are much harder or easier than one another, and pairing takes that difference out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy import stats

from helpers.errors import DataError, RunError
from helpers.judge.verdicts import Verdict, mean_interval

__all__ = ["bootstrap_interval", "compare", "mean_interval"]

POWER = 0.80


def bootstrap_interval(
    scores: Sequence[float], seed: int = 0, n: int = 10_000
) -> tuple[float, float, float]:
    """The mean and the ends of its 95 % percentile interval over `n` resamples of the scores.

    It assumes no shape of the scores' distribution, unlike `mean_interval`; for 100 scores or more
    the two should nearly agree. Source: Efron and Tibshirani 1993, chapter 13.
    """
    if len(scores) < 2:
        raise DataError(f"an interval needs at least 2 scores, not {len(scores)}")
    values, rng = np.asarray(scores, dtype=float), np.random.default_rng(seed)
    rows = max(1, 1_000_000 // len(values))  # resamples at a time, to bound the memory
    means = np.concatenate(
        [
            rng.choice(values, size=(min(rows, n - start), len(values))).mean(axis=1)
            for start in range(0, n, rows)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def compare(a: Sequence[Verdict | dict], b: Sequence[Verdict | dict]) -> dict[str, Any]:
    """How much higher B scores than A on the same items, and whether that is more than chance.

    `difference` is the mean of b - a over the n items that both scored (`left_out` counts the
    rest), `ci95` its 95 % t-interval, `resolved` whether that excludes 0, `smallest_detectable` the
    true difference that so many items would resolve in 80 of 100 repetitions, `words` all this in
    a sentence. Means, interval and smallest difference are None when there are too few items.
    Raises RunError when the two are about different items or come from different judges.
    """
    scores_a, scores_b = _by_item(a), _by_item(b)
    _check_same_items(scores_a, scores_b)
    _check_same_judge(a, b)
    pairs = [
        (score, scores_b[item])
        for item, score in scores_a.items()
        if score is not None and scores_b[item] is not None
    ]
    differences = [second - first for first, second in pairs]
    n = len(pairs)
    ci95 = list(mean_interval(differences)[1:]) if n > 1 else None
    resolved = ci95 is not None and (ci95[0] > 0 or ci95[1] < 0)
    result = {
        "n": n,
        "left_out": len(scores_a) - n,
        "mean_a": math.fsum(p[0] for p in pairs) / n if n else None,
        "mean_b": math.fsum(p[1] for p in pairs) / n if n else None,
        "difference": math.fsum(differences) / n if n else None,
        "ci95": ci95,
        "resolved": resolved,
        "smallest_detectable": smallest_detectable(differences) if n > 1 else None,
    }
    return {**result, "words": _in_words(result)}


def smallest_detectable(differences: Sequence[float]) -> float:
    """The true mean difference that a paired test on so many items finds with 80 % power."""
    n = len(differences)
    return float(detectable(np.std(differences, ddof=1) / math.sqrt(n), n - 1))


def detectable(se, df, alpha: float = 0.05):
    """The true difference that a two-sided t-test at level alpha finds with 80 % power.

    (t_(1 - alpha/2) + t_0.80) · standard error, the usual approximation; arrays are fine.
    """
    return (stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(POWER, df)) * se


def _by_item(verdicts: Sequence[Verdict | dict]) -> dict[tuple[str, int], float | None]:
    """Scores by item and occurrence, since a data set may hold the same item twice."""
    seen: Counter[str] = Counter()
    scores = {}
    for line in (asdict(v) if isinstance(v, Verdict) else v for v in verdicts):
        item = line["item"]
        scores[item, seen[item]] = line["score"] if line["status"] == "scored" else None
        seen[item] += 1
    return scores


def _check_same_items(a: dict, b: dict) -> None:
    if only_a_or_b := a.keys() ^ b.keys():
        raise RunError(
            f"{len(only_a_or_b)} items differ: {len(a.keys() - b.keys())} are only in A and "
            f"{len(b.keys() - a.keys())} only in B. Judge both runs on the same records."
        )


def _check_same_judge(a: Sequence[Verdict | dict], b: Sequence[Verdict | dict]) -> None:
    lines = [asdict(v) if isinstance(v, Verdict) else v for v in (*a, *b)]
    judges = sorted({line["judge"] for line in lines if "judge" in line})
    if len(judges) > 1:
        raise RunError(
            f"the scores come from different judges ({', '.join(judges)}), so a difference may be "
            "theirs. Judge both runs with the same one."
        )


def _in_words(result: dict[str, Any]) -> str:
    n, difference, ci95 = result["n"], result["difference"], result["ci95"]
    if ci95 is None:
        return f"not resolved: only {n} items have a score in both"
    interval = f"(95 % interval {ci95[0]:.1f} to {ci95[1]:.1f})"
    if result["resolved"]:
        side = "higher" if difference > 0 else "lower"
        return f"B scores {side} by {abs(difference):.1f} points {interval}"
    return (
        f"not resolved: B - A is {difference:.1f} points {interval}; {n} items can detect a "
        f"difference of about {result['smallest_detectable']:.1f} points"
    )
