"""The large runs of lesson 08 on hyperparameters, and on larger models and LoRA.

    python -m benchmarks.tuning [NAME…]

Runs SEARCHES and CONTESTS (all of them, or those named) in build/NAME and copies what matters to
benchmarks/results/NAME, which lesson 08 reads. Ctrl-C loses nothing that is finished: the same
command goes on. About 25 minutes on one core. What is compared was written down here before
anything was run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import in_one_line
from helpers.contest import Contest, load_contest, run_contest
from helpers.errors import CourseError, nearest
from helpers.tune import Choice, Found, Range, Search, load_search, run_search

RESULTS = Path(__file__).parent / "results"
BUILD = Path(__file__).parent.parent / "build"
USUAL = {"batch_size": (8,), "epochs": (2,), "lora": (0,)}
SEARCHES = {
    # Everything that `course tune` searches, where few rows leave something to be found.
    "tune": Search(loss_on="response", rows=300, trials=30, seeds=5),
    # Only what hardly matters: whatever is found here is luck, or nearly so.
    "tune-narrow": Search(
        loss_on="response",
        rows=300,
        trials=16,
        seeds=5,
        space={**USUAL, "lr_times": Range(0.9, 1.1, log=True)},
    ),
}
CONTESTS = {
    "sizes": {
        "gpt2-micro": ("gpt2-micro", Choice()),
        "gpt2-mini": ("gpt2-mini", Choice()),
        "gpt2-mini, LoRA 16": ("gpt2-mini", Choice(lora=16)),
    },
}
COMMON = Search(loss_on="response")  # all training rows
SEEDS = 3


def search(name: str) -> Found:
    """The results of one of SEARCHES, after running what is missing of it, also in RESULTS."""
    for _ in run_search(SEARCHES[name], BUILD / name):
        pass
    found = load_search(BUILD / name)
    who = ("usual", f"trial{found.best['trial']}")
    repeats = [f"repeats/{name}-seed{n}.npz" for name in who for n in found.seeds()]
    copy(BUILD / name, RESULTS / name, ["search.json", "trials.jsonl", *repeats])
    return load_search(RESULTS / name)


def contest(name: str) -> Contest:
    """The results of one of CONTESTS, after running what is missing of it, also in RESULTS."""
    for _ in run_contest(CONTESTS[name], COMMON, BUILD / name, seeds=SEEDS):
        pass
    files = sorted(path.name for path in (BUILD / name).glob("*-seed*.npz"))
    copy(BUILD / name, RESULTS / name, ["contest.json", *files])
    return load_contest(RESULTS / name)


def copy(source: Path, target: Path, files: list[str]) -> None:
    """Those files of a folder in another one, which holds nothing else afterwards."""
    shutil.rmtree(target, ignore_errors=True)
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, target / file)


def main(names: list[str]) -> int:
    known = [*SEARCHES, *CONTESTS]
    for name in names:
        if name not in known:
            raise CourseError(f"there is no run {name!r}; {nearest(name, known)}.")
    for name in names or known:
        if name in SEARCHES:
            found = search(name)
            print(f"{name}: {found.words()}\n  {found.command()}")
        else:
            print(f"{name}:\n{contest(name).means().to_string(index=False)}")
    return 0


if __name__ == "__main__":
    in_one_line(main)
