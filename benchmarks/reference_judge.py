"""How well the reference judge agrees with the labelled answers of tests/judge_labels.

    python -m benchmarks.reference_judge            # on the answers that it was fitted to
    python -m benchmarks.reference_judge --sealed   # on those kept sealed; once, when all is final

What it was fitted to flatters it: benchmarks/fit_judge.py has the cross-validated numbers. `--sealed`
prints what it finds and writes it to benchmarks/results/reference_judge_sealed.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from helpers.errors import DataError
from helpers.judge import ReferenceJudge

FOLDER = Path(__file__).parent.parent / "tests" / "judge_labels"
RESULT = Path(__file__).parent / "results" / "reference_judge_sealed.md"
FITTED, SEALED = ("open", "sealed", "second_open", "training"), "second_sealed"
DRAWS, SEED = 2000, 123


def labelled(name: str, folder: Path = FOLDER) -> list[dict]:
    """The rows of one label file by its name, `open` for example. Raises DataError without it."""
    path = folder / f"{name}.jsonl"
    if not path.exists():
        raise DataError(f"{path.name} is not in {folder}: the labelled answers belong there.")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def scores(rows: Sequence[dict]) -> np.ndarray:
    judge = ReferenceJudge()
    return np.array([judge.score(row)[0] for row in rows])


def task_of(row: dict) -> tuple[str, str]:
    return row["instruction"], row.get("input") or ""


def agreement(labels: np.ndarray, given: np.ndarray) -> dict[str, float]:
    """Spearman, Pearson and the mean absolute error between labels and scores."""
    return {
        "Spearman": float(stats.spearmanr(labels, given)[0]),
        "Pearson": float(stats.pearsonr(labels, given)[0]),
        "mean absolute error": float(abs(labels - given).mean()),
    }


def intervals(
    rows: Sequence[dict], given: np.ndarray, *, draws: int = DRAWS, seed: int = SEED
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each number of `agreement`: a bootstrap that draws tasks, as the answers to
    one task are no independent observations."""
    labels = np.array([float(row["label"]) for row in rows])
    tasks = list(dict.fromkeys(map(task_of, rows)))
    places = {task: [] for task in tasks}
    for i, row in enumerate(rows):
        places[task_of(row)].append(i)
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        drawn = rng.integers(len(tasks), size=len(tasks))
        at = np.concatenate([places[tasks[i]] for i in drawn])
        for name, value in agreement(labels[at], given[at]).items():
            found.setdefault(name, []).append(value)
    return {name: tuple(np.nanquantile(v, [0.025, 0.975])) for name, v in found.items()}


def table(name: str, folder: Path = FOLDER) -> str:
    """The agreement with one label file as Markdown, in all and for each kind of answer."""
    rows = labelled(name, folder)
    labels, given = np.array([float(row["label"]) for row in rows]), scores(rows)
    ends = intervals(rows, given)
    lines = [f"## {name}.jsonl: {len(rows)} answers to {len(set(map(task_of, rows)))} tasks", ""]
    lines += ["| | value | 95 % interval |", "|---|---|---|"]
    for key, value in agreement(labels, given).items():
        digits = 1 if "error" in key else 3
        low, high = ends[key]
        lines.append(f"| {key} | {value:.{digits}f} | {low:.{digits}f} to {high:.{digits}f} |")
    lines += ["", "| kind | answers | label | score | error |", "|---|---|---|---|---|"]
    kinds = np.array([row.get("kind", "") for row in rows])
    for kind in sorted(set(kinds)):
        at = kinds == kind
        cells = [labels[at].mean(), given[at].mean(), abs(labels - given)[at].mean()]
        lines.append(f"| {kind} | {at.sum()} | " + " | ".join(f"{c:.1f}" for c in cells) + " |")
    return "\n".join(lines) + "\n"


def main(
    argv: Sequence[str] | None = None, *, folder: Path = FOLDER, result: Path = RESULT
) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sealed", action="store_true", help="the answers that were kept sealed")
    if parser.parse_args(argv).sealed:
        text = table(SEALED, folder)
        head = "# The reference judge on sealed answers\n\nMade by `python -m benchmarks.reference_judge"
        result.write_text(f"{head} --sealed`.\n\n{text}", encoding="utf-8")
        print(text)
    else:
        for name in FITTED:
            if (folder / f"{name}.jsonl").exists():
                print(table(name, folder))


if __name__ == "__main__":
    main()
