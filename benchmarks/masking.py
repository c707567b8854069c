"""The large run of lesson 06: does masking the instruction pay, for the bundled data?

    python -m benchmarks.masking [NAME…]

Runs the experiments of GRIDS (all of them, or those named) in build/NAME and copies each, packed, to
benchmarks/results/NAME, which lesson 06 reads. Ctrl-C loses nothing that is finished: the same
command goes on. Hours on two cores; a bar says how many are left. What is compared was written down
here before anything was run, the contrast response − all first of all.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import in_one_line
from helpers.errors import CourseError, nearest
from helpers.experiment import Grid, load_grid, pack, run_grid, summary

RESULTS = Path(__file__).parent / "results"
BUILD = Path(__file__).parent.parent / "build"
ARMS = ("all", "instruction+response", "header+response", "response")
WEIGHTS = ("response@0.01", "response@0.1", "response@0.25", "response@0.5")
SIZES = Grid(arms=(*ARMS, "response@0.1"), seeds=5, rows=(100, 300, 935))
GRIDS: dict[str, tuple[Grid, ...]] = {  # name → grids that share a folder, one after the other
    "masking": (SIZES, Grid(arms=("all", "response", *WEIGHTS), seeds=5, rows=(300,))),
    "masking-memory": (
        Grid(
            arms=("all", "response"),
            seeds=5,
            rows=(300,),
            metrics=("memory", "gap", "stops", "score", "plain"),
        ),
    ),
    "masking-frozen": (
        Grid(arms=("all", "response"), seeds=5, rows=(100, 300, 935), freeze_embeddings=True),
    ),
    "masking-sweep": (Grid(arms=("all", "response"), seeds=5, rows=(300,), sweep=True),),
}


def make(name: str) -> Path:
    """The packed results of one of GRIDS, after running what is missing of it."""
    for grid in GRIDS[name]:
        for _ in run_grid(grid, BUILD / name):
            pass
    return pack(load_grid(BUILD / name), RESULTS / name)


def main(names: list[str]) -> int:
    for name in names:
        if name not in GRIDS:
            raise CourseError(f"there is no experiment {name!r}; {nearest(name, GRIDS)}.")
    for name in names or GRIDS:
        packed = make(name)
        print(f"{packed} ({packed.stat().st_size:,} bytes)")
        found = load_grid(packed.parent)
        for setting in found.settings():
            print(setting)
            print(*("  " + words for words in summary(found, **setting)[1]["words"]), sep="\n")
    return 0


if __name__ == "__main__":
    in_one_line(main)
