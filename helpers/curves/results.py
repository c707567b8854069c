"""What a curve found: a table with intervals, differences between points, and formats crossed.

An interval counts both seeds and measured rows as chance (see `evaluate.paired`). The same rows
measure every point, so a difference is known better than either of its ends: most of an interval is
that some rows are hard for every model. The `within` interval leaves that out and is for comparing
points by eye (Cousineau 2005, with the correction of Morey 2008); `effects` compares them properly.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.curves.runner import BASE, WHAT, row_fault
from helpers.errors import RunError
from helpers.evaluate.paired import Estimate, crossed_mean, per_item
from helpers.files import check_folder, read_jsonl, write_json, write_jsonl
from helpers.judge.verdicts import mean_interval
from helpers.runs import read_about


@dataclass(frozen=True)
class CurveResults:
    """The finished runs of a curve's folder."""

    out: Path
    about: dict  # curve.json
    base: dict | None  # the untouched model's row
    runs: dict[int | str, list[dict]]  # point → its rows, by seed; only points with at least 2
    unfinished: list[int | str]  # points with fewer

    @property
    def vary(self) -> str:
        """What was varied."""
        return self.about["settings"]["vary"]

    def losses(self, point: int | str) -> tuple[np.ndarray, np.ndarray]:
        """(S, I) summed nll of every validation row, and its tokens (I,)."""
        rows = self.runs[point]
        return np.array([row["nll"] for row in rows]), np.array(rows[0]["n_tokens"])

    def scores(self, point: int | str, asked: str = "") -> np.ndarray:
        """(S, I) scores of the test rows, asked in the format of that name or the run's own."""
        return np.array([row["scores"][asked or row["template"]] for row in self.runs[point]])


def load_curve(out: str | Path) -> CurveResults:
    """The finished runs in a curve's folder. Raises RunError when there is no curve in it."""
    out = Path(out)
    if not (out / "runs.jsonl").exists() or not (out / "curve.json").exists():
        raise RunError(f"there is no curve in {out}: make one with `course curves --out`.")
    about = read_about(out / "curve.json", WHAT)
    lines = read_jsonl(out / "runs.jsonl", row_fault)
    trained = [(number, row) for number, row in enumerate(lines, start=1) if row["run"] != BASE]
    for number, row in trained:
        if _sizes(row) != _sizes(trained[0][1]):
            raise RunError(
                f"{out / 'runs.jsonl'}, line {number}: measured on other rows than the run before. "
                "Remove that line, and the command that began the curve does this run again."
            )
    rows = {row["run"]: row for row in lines}
    points = {point: [] for point in about["settings"]["points"]}
    for row in sorted(rows.values(), key=lambda row: row["seed"]):
        if row["point"] in points:
            points[row["point"]].append(row)
    few = [point for point, found in points.items() if len(found) < 2]
    whole = {point: found for point, found in points.items() if len(found) >= 2}
    return CurveResults(out, about, rows.get(BASE), whole, few)


def _sizes(row: dict) -> tuple:
    """How many numbers there are of each kind: the same in every run of a curve."""
    scores = {name: len(found) for name, found in row["scores"].items()}
    return len(row["nll"]), len(row["n_tokens"]), len(row.get("marked", [])), scores


def publish(results: CurveResults, target: str | Path) -> Path:
    """Copy a curve to the folder `target`, which may be read as any other; returns that folder."""
    target = Path(target)
    check_folder(target)
    rows = [row for row in (results.base, *(r for rs in results.runs.values() for r in rs)) if row]
    write_jsonl(target / "runs.jsonl", rows)
    write_json(target / "curve.json", results.about)
    return target


def curve_table(results: CurveResults) -> pd.DataFrame:
    """A line a point: means with 95 % intervals, and what the runs cost.

    Columns: `point seeds rows steps`, `loss loss_low loss_high` (response loss on validation, nats
    per token), `score score_low score_high` (test, reference judge), the `within` intervals as
    `loss_within_low` and so on, `stopped` (share of answers
    that end by themselves), `tokens_a_row`, `tokens_per_second`, `rows_per_second` (medians while
    training; of tokens those that were computed, so that packing counts a shared prefix once).
    Where test rows are marked also `score_marked` and `score_others`, each with `low` and `high`.
    """
    lines = []
    losses = {point: per_item(*results.losses(point), "token") for point in results.runs}
    scores = {point: results.scores(point) for point in results.runs}
    for point, rows in results.runs.items():
        line = {
            "point": point,
            "seeds": len(rows),
            "rows": round(statistics.fmean(row["rows"] for row in rows)),
            "steps": round(statistics.fmean(row["steps"] for row in rows)),
            **_with_ends("loss", crossed_mean(losses[point])),
            **_with_ends("score", crossed_mean(scores[point])),
            **_within("loss", losses, point),
            **_within("score", scores, point),
            "stopped": statistics.fmean(row["stopped"][row["template"]] for row in rows),
            "tokens_a_row": statistics.fmean(row["tokens_a_row"] for row in rows),
        }
        for what in ("tokens", "rows"):
            read = [row[what] * (1 if what == "tokens" else row["epochs"]) for row in rows]
            speeds = [n / row["seconds"] for n, row in zip(read, rows, strict=True)]
            line[f"{what}_per_second"] = statistics.median(speeds)
        lines.append(line | _parts(results, point))
    return pd.DataFrame(lines)


def _with_ends(name: str, e: Estimate) -> dict:
    return {name: e.mean, f"{name}_low": e.mean - e.half, f"{name}_high": e.mean + e.half}


def _within(name: str, tables: dict, point: int | str) -> dict:
    """The ends of a point's interval without what its measured rows have in common at all points."""
    hard = np.mean([table.mean(axis=0) - table.mean() for table in tables.values()], axis=0)
    points = len(tables)
    e = crossed_mean(tables[point] - (hard if points > 1 else 0))
    half = e.half * math.sqrt(points / max(1, points - 1))
    return {f"{name}_within_low": e.mean - half, f"{name}_within_high": e.mean + half}


def _parts(results: CurveResults, point: int | str) -> dict:
    """Mean scores of the test rows that are marked and of the others, with intervals over seeds.

    NaN where fewer than 2 seeds have any.
    """
    if not any("marked" in row for row in results.runs[point]):
        return {}
    found = {"score_marked": [], "score_others": []}
    for row, scores in zip(results.runs[point], results.scores(point), strict=True):
        mark = np.array(row["marked"], dtype=bool)
        for name, which in (("score_marked", mark), ("score_others", ~mark)):
            if which.any():
                found[name].append(float(scores[which].mean()))
    line = {}
    for name, means in found.items():
        ends = mean_interval(means) if len(means) > 1 else (math.nan,) * 3
        line |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
    return line


def effects(results: CurveResults) -> pd.DataFrame:
    """What going from one point to another changes, paired by seed and by measured row.

    Each point after the one before it; of formats and of clean rows, each after the first. Columns:
    `before after`, then `loss loss_low loss_high loss_resolved` and the same of `score`, and `words`.
    An effect is resolved when its 95 % interval does not hold 0.
    """
    points, table = list(results.runs), []
    for place, after in enumerate(points[1:]):
        before = points[0] if results.vary in ("clean", "template") else points[place]
        row = {"before": before, "after": after}
        for name, e in (("loss", _loss_effect), ("score", _score_effect)):
            found = _with_ends(name, e(results, before, after))
            low, high = found[f"{name}_low"], found[f"{name}_high"]
            row |= {**found, f"{name}_resolved": bool(low > 0 or high < 0)}
        table.append({**row, "words": _in_words(results.vary, row)})
    return pd.DataFrame(table)


def _loss_effect(results: CurveResults, before: int | str, after: int | str) -> Estimate:
    """After minus before, in nats per token: below 0 is better."""
    (a, tokens), (b, _) = results.losses(before), results.losses(after)
    seeds = min(len(a), len(b))
    return crossed_mean(per_item(b[:seeds] - a[:seeds], tokens, "token"))


def _score_effect(results: CurveResults, before: int | str, after: int | str) -> Estimate:
    a, b = results.scores(before), results.scores(after)
    seeds = min(len(a), len(b))
    return crossed_mean(b[:seeds] - a[:seeds])


def _in_words(vary: str, row: dict) -> str:
    told = []
    for name, label, digits, unit in (
        ("loss", "response loss", 3, " nats per token"),
        ("score", "score", 1, " points"),
    ):
        numbers = [row[key] for key in (name, f"{name}_low", f"{name}_high")]
        mean, low, high = (f"{n + 0.0:+.{digits}f}".replace("-", "−") for n in numbers)
        sure = "" if row[f"{name}_resolved"] else ", not more than chance"
        told.append(f"{label} {mean}{unit} ({low} to {high}{sure})")
    name = {"template": "prompt format", "clean": "training rows"}.get(vary, vary)
    return f"{name} {_shown(row['before'])} → {_shown(row['after'])}: {', '.join(told)}"


def _shown(point: int | str) -> str:
    return f"{point:,}" if isinstance(point, int) else point


def template_matrix(results: CurveResults) -> pd.DataFrame:
    """Scores by the format trained with (rows) and the one asked with (columns), tidy.

    Columns `trained asked score low high difference difference_low difference_high`: the difference
    is to asking in the format that was trained with, paired. Raises RunError for other curves.
    """
    if results.vary != "template":
        raise RunError(f"{results.out} varies {results.vary}, not the prompt format (template).")
    table = []
    for trained in results.runs:
        for asked in results.runs:
            own, other = results.scores(trained, str(trained)), results.scores(trained, str(asked))
            e, apart = crossed_mean(other), crossed_mean(other - own)
            table.append(
                {
                    "trained": trained,
                    "asked": asked,
                    "score": e.mean,
                    "low": e.mean - e.half,
                    "high": e.mean + e.half,
                    **_with_ends("difference", apart),
                }
            )
    return pd.DataFrame(table)


def crossing(results: CurveResults) -> dict:
    """What asking in another format than was trained with costs, on average over all such pairs.

    `difference low high` in points, paired by seed and test row, and `words`.
    """
    matrix = template_matrix(results)  # raises for other curves
    seeds = min(map(len, results.runs.values()))
    pairs = [(a, b) for a, b in zip(matrix["trained"], matrix["asked"], strict=True) if a != b]
    apart = [results.scores(a, b)[:seeds] - results.scores(a, a)[:seeds] for a, b in pairs]
    if not apart:
        raise RunError(
            f"{results.out} has one finished prompt format: two are needed to cross them."
        )
    e = crossed_mean(np.mean(apart, axis=0))
    mean, low, high = (
        f"{n:+.1f}".replace("-", "−") for n in (e.mean, e.mean - e.half, e.mean + e.half)
    )
    return {
        "difference": e.mean,
        "low": e.mean - e.half,
        "high": e.mean + e.half,
        "words": f"asked in another format than it was trained with, a model scores {mean} points "
        f"({low} to {high}), averaged over {len(pairs)} pairs",
    }


POINT_NAMES = {  # what a point is, under a figure
    "rows": "training rows",
    "clean": "training rows",
    "template": "prompt format",
    "family": "families in as many rows",
    "style": "styles in as many rows",
}
MARKED = {  # what the marked test rows are, by what is varied
    "clean": ("test rows with a leaked copy", "the other test rows"),
    "": ("test rows of kinds trained on", "test rows of other kinds"),
}


def marked_names(vary: str) -> tuple[str, str]:
    """What to call the marked test rows and the others."""
    return MARKED.get(vary, MARKED[""])
