"""What more rows, more kinds, clean rows and other prompt formats buy: the large run of lesson 08.

    python -m benchmarks.curves [NAME…]

Makes the curves of CURVES (all of them, or those named) in build/curves/NAME and copies each to
benchmarks/results/curves/NAME: curve.json with provenance, and a line for each run with the losses
and scores from which every interval can be computed again. Ctrl-C loses nothing that is finished: the
same command goes on. `python -m benchmarks.curves --minutes` says from this machine's speed, after
one short run, how long all of it takes. What is compared was written down here before it was run.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks import in_one_line
from helpers.curves import (
    Curve,
    curve_table,
    effects,
    load_curve,
    publish,
    run_curve,
    template_matrix,
)
from helpers.curves.plan import CLEAN
from helpers.errors import CourseError, nearest

RESULTS = Path(__file__).parent / "results" / "curves"
BUILD = Path(__file__).parent.parent / "build" / "curves"
MICRO = {"model": "gpt2-micro", "seeds": 3}
CURVES: dict[str, Curve] = {  # the quickest first: a run that is cut short still has some of them
    "clean": Curve(**MICRO, vary="clean", points=CLEAN, rows=600, same_steps=150),
    "formats": Curve(**MICRO, vary="template", rows=600),
    "styles": Curve(**MICRO, vary="style", points=(1, 2, 4), rows=600),
    "families": Curve(**MICRO, vary="family", points=(4, 8, 16, 32), rows=600),
    "rows": Curve(**MICRO, vary="rows", points=(100, 300, 935, 3000, 10_000)),
    "rows-same-steps": Curve(**MICRO, vary="rows", points=(935, 10_000), same_steps=234),
}


def make(name: str) -> Path:
    """The published folder of one of CURVES, after running what is missing of it."""
    for _ in run_curve(CURVES[name], BUILD / name):
        pass
    return publish(load_curve(BUILD / name), RESULTS / name)


def rows_read(curve: Curve) -> int:
    """How many rows all runs of a curve read while training."""
    points = curve.resolved().points
    rows = points if curve.vary == "rows" else [curve.rows] * len(points)
    return curve.seeds * curve.batch_size * sum(map(curve.steps_for, rows))


def minutes(names: list[str]) -> None:
    """Print how long each curve takes here: training by rows, and answering by runs."""
    with tempfile.TemporaryDirectory() as folder:
        for model in sorted({CURVES[name].model for name in names}):
            short = Curve(model=model, points=(200,), seeds=2, epochs=1)
            began = time.perf_counter()
            rows = [row for row in run_curve(short, Path(folder) / model) if row["run"] != "base"]
            each = sum(row["seconds"] for row in rows) / (200 * len(rows))
            rest = (time.perf_counter() - began - 400 * each) / (len(rows) + 1)
            for name in (n for n in names if CURVES[n].model == model):
                curve = CURVES[name].resolved()
                answered = len(curve.points) if curve.vary == "template" else 1
                runs = len(curve.points) * curve.seeds
                total = rows_read(curve) * each + (runs + 1) * rest * answered
                print(f"{name}: about {total / 60:.0f} minutes ({runs} runs)", flush=True)


def main(arguments: list[str]) -> int:
    names = [name for name in arguments if name != "--minutes"] or list(CURVES)
    for name in names:
        if name not in CURVES:
            raise CourseError(f"there is no curve {name!r}; {nearest(name, CURVES)}.")
    if "--minutes" in arguments:
        minutes(names)
        return 0
    for name in names:
        found = load_curve(make(name))
        print(found.out, curve_table(found).to_string(index=False), sep="\n")
        print(*("  " + words for words in effects(found)["words"]), sep="\n", flush=True)
        if found.vary == "template":
            print(template_matrix(found).to_string(index=False))
    return 0


if __name__ == "__main__":
    in_one_line(main)
