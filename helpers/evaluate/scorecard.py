"""Scores with their uncertainty: is B better than A, or do the numbers merely differ?

Every comparison is paired by item: the same question, answered by both, judged by the same judge.
Items are much harder or easier than one another, and pairing takes that difference out.

**Which interval.** `ci95` is the t-interval, the one that most papers print. Near an end of the
scale it can run past it. It is then cut there, and a remark says so: no mean can lie beyond, so
cutting loses nothing. What it does mean is that the scores are too lopsided for a t-interval, which
then misses the truth more often than it says; `bootstrap95` (BCa, which cannot leave the scale) is
the better guide from about 30 scores on. When all scores are equal there is no spread to measure,
and both would be of width 0, which claims too much. Then only this is certain: had more than a
share p of all items other scores, n equal ones would come with a chance below 5 %, where
p = 1 - 0.05^(1/n), about 3/n (the "rule of three": Hanley and Lippman-Hand 1983).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from helpers.errors import DataError, RunError, SettingsError
from helpers.judge.verdicts import Verdict, mean_interval

__all__ = ["bootstrap_interval", "compare", "mean_interval", "score_card", "would_differ"]

POWER = 0.80
LOWEST, HIGHEST = 0.0, 100.0
# Points: the standard deviation of single scores behind the usual ±6 of a mean of 110 answers.
USUAL_SPREAD = 32.0

Line = Verdict | dict[str, Any]


# --- one run --------------------------------------------------------------------------------------


def score_card(items: Sequence[Line | float | None]) -> dict[str, Any]:
    """Mean, coverage and intervals of one run's scores: verdicts, or numbers with None for none.

    `coverage` is the share of the n items that have a score, `bounds` the mean over all n if every
    other one had deserved 0, and if 100; `sd` the spread of single scores, `ci95` and `bootstrap95`
    as at the top of this file, `remark` what is to be said about them, `words` all in a sentence.
    Raises DataError without items. Mean, sd and intervals are None when there are too few scores.
    """
    scores = [_score(item) for item in items]
    there = [score for score in scores if score is not None]
    if not scores:
        raise DataError("there are no scores to sum up. Judge some responses first.")
    n, total = len(scores), math.fsum(there)
    low, high, remark = score_interval(there) if len(there) > 1 else (None, None, "")
    card = {
        "n": n,
        "scored": len(there),
        "coverage": len(there) / n,
        "mean": total / len(there) if there else None,
        "sd": float(np.std(there, ddof=1)) if len(there) > 1 else None,
        "ci95": [low, high] if len(there) > 1 else None,
        "bootstrap95": list(bootstrap_interval(there)[1:]) if len(set(there)) > 1 else None,
        "bounds": [total / n, (total + HIGHEST * (n - len(there))) / n],
        "remark": remark,
    }
    return {**card, "words": _card_in_words(card)}


def score_interval(
    scores: Sequence[float], lowest: float = LOWEST, highest: float = HIGHEST
) -> tuple[float, float, str]:
    """The ends of the 95 % interval of a mean that lies between lowest and highest, and a remark.

    The t-interval, cut at the ends, or the rule of three for equal scores: see the top of the file.
    """
    mean, low, high = mean_interval(scores)
    if low == high:
        share = 1 - 0.05 ** (1 / len(scores))  # of items that may score otherwise
        low, high = (mean + share * (end - mean) for end in (lowest, highest))
        return low, high, f"all {len(scores)} are {_tenths(mean)}: only the rule of three applies"
    cut = [end for end, past in ((lowest, low < lowest), (highest, high > highest)) if past]
    remark = f"the t-interval is cut at {' and '.join(f'{end:g}' for end in cut)}" if cut else ""
    return max(low, lowest), min(high, highest), remark


def bootstrap_interval(
    scores: Sequence[float], seed: int = 0, n: int = 9_999
) -> tuple[float, float, float]:
    """The mean and the ends of its 95 % bootstrap interval (BCa) over `n` resamples of the scores.

    It assumes no shape of the scores' distribution, unlike `mean_interval`; for 100 scores or more
    the two should nearly agree. Source: Efron and Tibshirani 1993, chapter 14; SciPy does the work.
    """
    if len(scores) < 2:
        raise DataError(f"an interval needs at least 2 scores, not {len(scores)}")
    values = np.asarray(scores, dtype=float)
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0]), float(values[0])
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=n,
        batch=max(1, 1_000_000 // len(values)),  # resamples at a time, to bound the memory
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(values.mean()), float(found.low), float(found.high)


def _card_in_words(card: dict[str, Any]) -> str:
    covered = f"{card['scored']} of {card['n']} scored"
    if card["mean"] is None:
        return f"no mean: {covered}"
    if card["scored"] < card["n"]:
        low, high = card["bounds"]
        covered += f", so the mean over all lies between {_tenths(low)} and {_tenths(high)}"
    if card["ci95"] is None:
        return f"mean {_tenths(card['mean'])} (one score: no interval); {covered}"
    remark = f"; {card['remark']}" if card["remark"] else ""
    resampled = f", by bootstrap {_span(card['bootstrap95'])}" if card["bootstrap95"] else ""
    interval = f"95 % interval {_span(card['ci95'])}{resampled}{remark}"
    return f"mean {_tenths(card['mean'])} ({interval}); {covered}"


# --- two runs on the same items -------------------------------------------------------------------


def compare(a: Sequence[Line], b: Sequence[Line], *, resamples: int = 9_999) -> dict[str, Any]:
    """How much higher B scores than A on the same items, and whether that is more than chance.

    `difference` is the mean of b - a over the n items that both scored (`left_out` counts the
    rest), `ci95` its 95 % t-interval, `bootstrap95` the one of so many `resamples` (0: leave it
    out), `resolved` whether the first excludes 0, `smallest_detectable` the true difference that so
    many items would resolve in 80 of 100 repetitions, `items_needed` how many it would take to
    resolve one as large as this, `words` all this in a sentence. What too few or equal items do not
    tell is None.
    Raises RunError when the two are about different items or come from different judges.
    """
    scores_a, scores_b = by_item(a), by_item(b)
    check_same_items(scores_a, scores_b)
    _check_same_judge(a, b)
    pairs = [
        (score, scores_b[item])
        for item, score in scores_a.items()
        if score is not None and scores_b[item] is not None
    ]
    differences = [second - first for first, second in pairs]
    n = len(pairs)
    low, high, remark = (
        score_interval(differences, LOWEST - HIGHEST, HIGHEST) if n > 1 else (None, None, "")
    )
    spread = n > 1 and max(differences) > min(differences)
    result = {
        "n": n,
        "left_out": len(scores_a) - n,
        "mean_a": math.fsum(p[0] for p in pairs) / n if n else None,
        "mean_b": math.fsum(p[1] for p in pairs) / n if n else None,
        "difference": math.fsum(differences) / n if n else None,
        "ci95": [low, high] if n > 1 else None,
        "bootstrap95": (
            list(bootstrap_interval(differences, n=resamples)[1:]) if spread and resamples else None
        ),
        "resolved": n > 1 and (low > 0 or high < 0),
        "smallest_detectable": smallest_detectable(differences) if spread else None,
        "items_needed": items_needed(differences) if spread else None,
        "remark": remark,
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


def items_needed(differences: Sequence[float]) -> int | None:
    """About how many items would resolve a true difference of this size with 80 % power.

    None for a difference of 0, which no number of items resolves.
    """
    values = np.asarray(differences, dtype=float)
    mean, sd = abs(float(values.mean())), float(values.std(ddof=1))
    if mean == 0:
        return None
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(POWER)
    return max(2, math.ceil((normal * sd / mean) ** 2))


# --- two published means --------------------------------------------------------------------------


def would_differ(
    a: float, b: float, n: int, *, spread: float = USUAL_SPREAD, correlation: float = 0.0
) -> dict[str, Any]:
    """Whether two means over the same n items, of which one knows nothing else, differ.

    `spread` is the standard deviation of single scores in points, `correlation` that between the
    two runs' scores of the same item; both are assumptions, because such reports rarely say. So
    `needed_spread` and `needed_correlation` say what would have to be true for the difference to be
    resolved: the standard deviation of the differences item by item, and the correlation at the
    given spread (1 or more cannot be, below -1 any will do; None for equal means).
    """
    _check_published(a, b, n, spread, correlation)
    se = spread * math.sqrt(2 * (1 - correlation) / n)
    t, difference = float(stats.t.ppf(0.975, n - 1)), b - a
    needed = abs(difference) * math.sqrt(n) / t
    result = {
        "n": n,
        "mean_a": a,
        "mean_b": b,
        "difference": difference,
        "spread": spread,
        "correlation": correlation,
        "ci95": [difference - t * se, difference + t * se],
        "resolved": abs(difference) > t * se,
        "smallest_detectable": float(detectable(se, n - 1)),
        "needed_spread": needed,
        "needed_correlation": 1 - needed**2 / (2 * spread**2) if difference else None,
    }
    return {**result, "words": _published_in_words(result)}


def _check_published(a: float, b: float, n: int, spread: float, correlation: float) -> None:
    for mean in (a, b):
        if not LOWEST <= mean <= HIGHEST:
            raise SettingsError(f"a mean score is {mean:g}: give one from 0 to 100.")
    if n < 2:
        raise SettingsError(f"{n} items: give 2 or more, as many as the means were taken over.")
    if not 0 < spread <= 50:
        raise SettingsError(
            f"a spread of {spread:g} points: give one above 0 and at most 50, which is what scores "
            "of nothing but 0 and 100 have."
        )
    if not -1 < correlation < 1:
        raise SettingsError(f"a correlation of {correlation:g}: give one between -1 and 1.")


def _published_in_words(result: dict[str, Any]) -> str:
    a, b, n = result["mean_a"], result["mean_b"], result["n"]
    assumed = (
        f"if single scores spread by {result['spread']:g} points (standard deviation) and the two "
        f"runs' scores of an item correlate by {result['correlation']:g}"
    )
    interval = f"the difference of {_tenths(b - a)} has the 95 % interval {_span(result['ci95'])}"
    if result["resolved"]:
        side = "higher" if b > a else "lower"
        return f"B scores {side} by {_tenths(abs(b - a))} points, {assumed}: {interval}"
    words = (
        f"not resolved: {b:g} against {a:g} on {n} items is no difference, {assumed}: {interval}, "
        f"and so many items can detect about {_tenths(result['smallest_detectable'])} points"
    )
    if needed := result["needed_correlation"]:
        words += f". It would take a correlation above {needed:.2f} to resolve it"
    return words


# --- the border -----------------------------------------------------------------------------------


def _score(item: Line | float | None) -> float | None:
    """The score of a verdict or a number, None where there is none."""
    if isinstance(item, Verdict):
        item = vars(item)
    if isinstance(item, dict):
        return item["score"] if item["status"] == "scored" else None
    return None if item is None else float(item)


def by_item(verdicts: Sequence[Line]) -> dict[tuple[str, int], float | None]:
    """Scores by item and occurrence, since a data set may hold the same item twice."""
    seen: Counter[str] = Counter()
    scores = {}
    for line in (vars(v) if isinstance(v, Verdict) else v for v in verdicts):
        item = line["item"]
        scores[item, seen[item]] = _score(line)
        seen[item] += 1
    return scores


def check_same_items(a: dict, b: dict) -> None:
    """Raise RunError unless both have the same items as keys."""
    if only_a_or_b := a.keys() ^ b.keys():
        raise RunError(
            f"{len(only_a_or_b)} items differ: {len(a.keys() - b.keys())} are only in A and "
            f"{len(b.keys() - a.keys())} only in B. Judge both runs on the same records."
        )


def _check_same_judge(a: Sequence[Verdict | dict], b: Sequence[Verdict | dict]) -> None:
    lines = [vars(v) if isinstance(v, Verdict) else v for v in (*a, *b)]
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
    remark = f"; {result['remark']}" if result["remark"] else ""
    interval = f"(95 % interval {_span(ci95)}{remark})"
    if result["resolved"]:
        side = "higher" if difference > 0 else "lower"
        return f"B scores {side} by {_tenths(abs(difference))} points {interval}"
    words = f"not resolved: B - A is {_tenths(difference)} points {interval}"
    if result["smallest_detectable"] is None:
        return words
    words += f"; {n} items can detect a difference of about "
    words += f"{_tenths(result['smallest_detectable'])} points"
    if (needed := result["items_needed"]) is None:
        return words
    many = f"about {needed:,}" if needed <= 1_000_000 else "more than a million"
    return f"{words}, and it would take {many} to detect one of {_tenths(abs(difference))}"


def _tenths(score: float) -> str:
    """A score with one decimal and no negative zero."""
    return f"{round(score, 1) + 0.0:.1f}"


def _span(ends: Sequence[float]) -> str:
    return f"{_tenths(ends[0])} to {_tenths(ends[1])}"
