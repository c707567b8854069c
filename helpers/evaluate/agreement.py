"""Do two judges agree about the same answers, and does one agree with itself?

`pair` puts the two scores of every answer side by side and refuses what does not belong together;
everything else reads its table. No single number says it all:

- *Pearson's r* asks for a straight line, *Spearman's rho* and *Kendall's tau* (tau-b) only for the
  same order. All three are blind to a judge who is always 20 points too kind.
- *Weighted kappa* counts agreement of the grades (five of 20 points each) beyond what chance would
  give, a miss by two grades four times as heavily as a miss by one (Cohen 1968). It sees kindness.
- The *mean absolute error* is in points; the *bias* is B's mean less A's.
- The *calibration* says what B gives, on average, where A gives so much.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from helpers.errors import DataError, RunError
from helpers.evaluate.scorecard import Line, check_same_items, score_interval
from helpers.judge.verdicts import Verdict, read_verdicts

GRADES = 5  # of equal width, from 0 to 100
FEWEST = 4  # pairs without which a correlation and its interval mean nothing

Scores = Sequence[Line] | Sequence[float | None]


# --- side by side ---------------------------------------------------------------------------------


def pair(a: Scores, b: Scores, families: Sequence[str] | None = None) -> pd.DataFrame:
    """A row per answer, in A's order: columns `a b` (NaN where there is no score) and `family`.

    Two lists of verdicts are paired by item. Plain scores (numbers, None for none) are paired by
    place, so their lists must be equally long; `families`, a name for each of A's, too.
    Raises DataError for lists of different length or a number outside 0 to 100, and RunError for
    verdicts about other items or about other responses.
    """
    a, b = list(a), list(b)
    if a and b and _are_verdicts(a) and _are_verdicts(b):
        scores = _by_item(a, b)
    else:
        _check_length(len(a), len(b), "scores")
        scores = [(_number(x), _number(y)) for x, y in zip(a, b, strict=True)]
    table = pd.DataFrame(scores, columns=["a", "b"], dtype=float)
    if families is not None:
        _check_length(len(table), len(families), "scores and families")
        table["family"] = list(families)
    return table


def _are_verdicts(items: list) -> bool:
    return all(isinstance(item, (Verdict, dict)) for item in items)


def _check_length(a: int, b: int, what: str) -> None:
    if a != b:
        raise DataError(
            f"{a} against {b} {what}: the lists are of different length, so nobody knows which "
            "belong together. Give one for each answer, in the same order, and none where there is "
            "no score."
        )


def _by_item(a: list[Line], b: list[Line]) -> list[tuple[float, float]]:
    """The scores of both judges per item, once it is sure that they judged the same answers."""
    first, second = (_numbered(lines) for lines in (a, b))
    check_same_items(first, second)
    others = [
        key
        for key, line in first.items()
        if line.get("response") and second[key].get("response") not in ("", None, line["response"])
    ]
    if others:
        raise RunError(
            f"{len(others)} of {len(first)} items have another response in A than in B. Agreement "
            "is about the same answers, judged twice; `course compare` is for two models."
        )
    return [(_number(line), _number(second[key])) for key, line in first.items()]


def _numbered(lines: list[Line]) -> dict[tuple[str, int], dict]:
    """Verdicts as dicts by item and occurrence, since a data set may hold an item twice."""
    found: dict[tuple[str, int], dict] = {}
    seen: dict[str, int] = {}
    for line in (vars(v) if isinstance(v, Verdict) else v for v in lines):
        place = seen[line["item"]] = seen.get(line["item"], -1) + 1
        found[line["item"], place] = line
    return found


def _number(item: Line | float | None) -> float:
    """The score of a verdict or list entry, NaN where there is none."""
    if isinstance(item, Verdict):
        item = vars(item)
    if isinstance(item, dict):
        item = item["score"] if item["status"] == "scored" else None
    if item is None:
        return math.nan
    if isinstance(item, bool) or not isinstance(item, (int, float)) or not 0 <= item <= 100:
        raise DataError(
            f"{item!r} is no score from 0 to 100. Grades from 1 to 5 become (grade - 1) · 25; where "
            "there is no score, give none."
        )
    return float(item)


# --- how well they agree --------------------------------------------------------------------------


def agreement(pairs: pd.DataFrame) -> dict[str, Any]:
    """How well the scores of A and B agree, over the n answers that both scored.

    `left_out` counts the others. Keys: `mean_a mean_b bias mae` in points, `pearson` with
    `pearson_ci95` (by Fisher's z), `spearman`, `kendall`, `kappa` (quadratic weights), `words`.
    A number that cannot be had, because there are few pairs or one side is constant, is None.
    Raises DataError when no answer has both scores.
    """
    both = _both(pairs)
    a, b = both["a"].to_numpy(), both["b"].to_numpy()
    report = {
        "n": len(both),
        "left_out": len(pairs) - len(both),
        "mean_a": float(a.mean()),
        "mean_b": float(b.mean()),
        "bias": float((b - a).mean()),
        "mae": float(np.abs(b - a).mean()),
        **_correlations(a, b),
        "kappa": weighted_kappa(a, b),
    }
    return {**report, "words": _in_words(report, a, b)}


def _both(pairs: pd.DataFrame) -> pd.DataFrame:
    both = pairs.dropna(subset=["a", "b"])
    if both.empty:
        raise DataError(
            f"none of {len(pairs)} answers has a score from both. Score them with `course judge` "
            "first."
        )
    return both


def _correlations(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    if len(a) < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return dict.fromkeys(("pearson", "pearson_ci95", "spearman", "kendall"))
    pearson = stats.pearsonr(a, b)
    return {
        "pearson": float(pearson.statistic),
        "pearson_ci95": [float(end) for end in pearson.confidence_interval(0.95)],
        "spearman": float(stats.spearmanr(a, b).statistic),
        "kendall": float(stats.kendalltau(a, b).statistic),
    }


def weighted_kappa(a: Sequence[float], b: Sequence[float], grades: int = GRADES) -> float | None:
    """Cohen's kappa of the grades with quadratic weights; None when all have one and the same."""
    seen = np.zeros((grades, grades))  # share of the pairs with A's grade i and B's grade j
    np.add.at(seen, (_grade(a, grades), _grade(b, grades)), 1 / len(a))
    by_chance = np.outer(seen.sum(axis=1), seen.sum(axis=0))
    distance = np.subtract.outer(np.arange(grades), np.arange(grades)) ** 2
    expected = float((distance * by_chance).sum())
    return 1 - float((distance * seen).sum()) / expected if expected > 0 else None


def _grade(scores: Sequence[float], grades: int) -> np.ndarray:
    """0 for the lowest part of the scale … grades - 1 for the highest, which holds 100 as well."""
    return np.minimum(np.asarray(scores) * grades // 100, grades - 1).astype(int)


def calibration(pairs: pd.DataFrame, grades: int = GRADES) -> pd.DataFrame:
    """What B gives where A gives so much: a row per grade of A's that occurs.

    Columns `from to n mean_a mean_b low high`: A's scores from … to (the last grade holds its end
    as well), how many answers, both means, and the 95 % interval of B's (NaN for one answer).
    """
    both = _both(pairs)
    rows = []
    for grade, part in both.groupby(_grade(both["a"], grades)):
        scores = part["b"].tolist()
        low, high = score_interval(scores)[:2] if len(part) > 1 else (math.nan, math.nan)
        start, stop = (100 * g / grades for g in (grade, grade + 1))
        rows.append((start, stop, len(part), part["a"].mean(), part["b"].mean(), low, high))
    return pd.DataFrame(rows, columns=["from", "to", "n", "mean_a", "mean_b", "low", "high"])


def by_family(pairs: pd.DataFrame) -> pd.DataFrame:
    """How well they agree per kind of task, the widest apart first.

    Columns `family n mean_a mean_b bias mae pearson` (NaN below 4 pairs or for constant scores).
    Raises DataError when `pair` was not told the families.
    """
    if "family" not in pairs:
        raise DataError("the families are not known: give them to `pair`, a name for each answer.")
    rows = []
    for family, part in _both(pairs).groupby("family"):
        a, b = part["a"].to_numpy(), part["b"].to_numpy()
        r = _correlations(a, b)["pearson"]
        apart = b - a
        numbers = (a.mean(), b.mean(), apart.mean(), np.abs(apart).mean())
        rows.append((family, len(part), *numbers, math.nan if r is None else r))
    columns = ["family", "n", "mean_a", "mean_b", "bias", "mae", "pearson"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("mae", ascending=False, kind="stable", ignore_index=True)


def _in_words(report: dict[str, Any], a: np.ndarray, b: np.ndarray) -> str:
    n, bias = report["n"], report["bias"]
    answers = "1 answer" if n == 1 else f"{n} answers"
    apart = f"on {answers} they are {report['mae']:.1f} points apart on average"
    if round(bias, 1):
        apart += f", B {abs(bias):.1f} {'higher' if bias > 0 else 'lower'} than A"
    constant = [
        f"{name} gives {x[0]:g} to all" for name, x in (("A", a), ("B", b)) if not np.ptp(x)
    ]
    if n < FEWEST:
        return f"{apart}; fewer than {FEWEST} tell nothing about a correlation"
    if constant:
        return f"{apart}; {' and '.join(constant)}, so no correlation is defined"
    low, high = report["pearson_ci95"]
    kappa = "" if report["kappa"] is None else f", weighted kappa {report['kappa']:.2f}"
    return (
        f"Pearson's r = {report['pearson']:.2f} (95 % interval {low:.2f} to {high:.2f}), rank correlation "
        f"{report['spearman']:.2f}, Kendall's tau {report['kendall']:.2f}{kappa}; {apart}"
    )


# --- the same judge twice -------------------------------------------------------------------------


def retest(a: Sequence[Line], b: Sequence[Line]) -> dict[str, Any]:
    """How much one judge's scores move when it is asked the same again.

    `identical` is the share of the n answers with the same score both times, `sd` the standard
    deviation of the differences in points (None for one answer), `largest` the largest of them.
    Raises RunError for two judges: what they differ by is no mood.
    """
    judges = sorted({(vars(v) if isinstance(v, Verdict) else v)["judge"] for v in (*a, *b)})
    if len(judges) > 1:
        raise RunError(
            f"a retest asks one judge twice, and these are {', '.join(judges)}. Judge the same "
            "responses again with one of them, into another file."
        )
    both = _both(pair(a, b))
    apart = (both["b"] - both["a"]).to_numpy()
    report = {
        "judge": judges[0],
        "n": len(both),
        "identical": float((apart == 0).mean()),
        "sd": float(apart.std(ddof=1)) if len(both) > 1 else None,
        "largest": float(np.abs(apart).max()),
    }
    words = (
        f"asked twice, {judges[0]} gave the same score to {report['identical']:.0%} of {len(both)}"
    )
    if report["largest"] > 0 and report["sd"] is not None:
        words += (
            f"; the differences have a standard deviation of {report['sd']:.1f} points, the largest "
            f"is {report['largest']:.1f}"
        )
    return {**report, "words": words}


# --- files ----------------------------------------------------------------------------------------


def read_scores(path: str | Path) -> list[Verdict] | list[float | None]:
    """Verdicts, or plain scores: a JSON list of numbers, or one number a line.

    Where somebody gave no score stands null in the list, - on the line. Raises DataError with the
    place of anything else.
    """
    path = Path(path)
    try:
        there = path.exists() and not path.is_dir()
        text = path.read_text(encoding="utf-8-sig").strip() if there else "{"
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text. {_WHAT_TO_GIVE}") from error
    if text.startswith("{"):
        return read_verdicts(path)  # which also says what is wrong with a missing file
    if text.startswith("["):
        return _listed(path, text)
    return [_on_line(path, n, line) for n, line in enumerate(text.splitlines(), start=1)]


_WHAT_TO_GIVE = (
    "Give a verdicts.jsonl that `course judge` wrote, a JSON list of scores, or a file with one "
    "score a line (- for none)."
)


def _listed(path: Path, text: str) -> list[float | None]:
    try:
        values = json.loads(text)
        return [None if math.isnan(x := _number(v)) else x for v in values]
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}). {_WHAT_TO_GIVE}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _on_line(path: Path, number: int, line: str) -> float | None:
    if line.strip() == "-":
        return None
    try:
        return _number(float(line))
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {line!r} is no number. {_WHAT_TO_GIVE}") from error
    except DataError as error:
        raise DataError(f"{path}, line {number}: {error}") from error
