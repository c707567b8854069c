"""Named settings side by side: the same rows and seeds, measured on the same held-out rows.

An entry is a model and a setting of its training; all entries of a contest share data, rows and
arm, so that they can be compared in pairs, by seed and by held-out row, as `evaluate.paired` does.
A folder holds `contest.json` and a file a run, `<number>-seed<n>.npz`; what is there is not done
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.errors import RunError, SettingsError
from helpers.evaluate import paired
from helpers.experiment.grid import check_seeds
from helpers.experiment.runner import grid_provenance, heldout_is
from helpers.files import alone_in, check_folder, read_json, remove_leftovers, write_json
from helpers.progress import bar
from helpers.tune import Choice, Search, fixed_settings, open_bench, read_losses, repeat

Entry = tuple[str, Choice]  # model, setting


def run_contest(
    entries: Mapping[str, Entry], search: Search, out: str | Path, *, seeds: int = 3
) -> Iterator[dict]:
    """Train every entry with every seed and measure it; yields a row for each run that was missing.

    search: data, rows, arm and device, the same for all; its model, space and trials do not matter.
    Raises RunError when `out` holds another contest, SettingsError for fewer than 2 entries or seeds.
    """
    out = Path(out)
    if len(entries) < 2:
        raise SettingsError(f"{len(entries)} entries: a contest needs at least 2.")
    check_seeds(seeds)
    check_folder(out)
    about, searches = describe(entries, search)
    stored = out / "contest.json"
    if stored.exists() and read_json(stored)["entries"] != about["entries"]:
        raise RunError(
            f"{out} holds a contest of other entries or settings: name another folder, or remove it."
        )
    out.mkdir(parents=True, exist_ok=True)
    with alone_in(out, "contest"):
        remove_leftovers(stored)
        if not stored.exists():
            write_json(stored, about)
        runs = [(n, seed) for n in range(len(entries)) for seed in range(1, seeds + 1)]
        missing = [(n, seed) for n, seed in runs if not run_path(out, n, seed).exists()]
        bench, of = None, -1
        for number, seed in bar(missing, desc="runs", unit="run"):
            name, (_, choice) = list(entries.items())[number]
            if of != number:
                bench, of = open_bench(searches[number]), number
            remove_leftovers(run_path(out, number, seed))
            yield repeat(bench, run_path(out, number, seed), choice, name, seed)


def describe(entries: Mapping[str, Entry], search: Search) -> tuple[dict, list[Search]]:
    """What contest.json says, and each entry's own search, resolved."""
    told, searches = {}, []
    for name, (model, choice) in entries.items():
        space = {key: (value,) for key, value in asdict(choice).items() if isinstance(value, int)}
        resolved = replace(search, model=model, space=space).resolved()
        searches.append(resolved)
        told[name] = {
            "model": model,
            "choice": asdict(choice),
            "settings": {k: v for k, v in fixed_settings(resolved).items() if k != "space"},
            "heldout_is": heldout_is(resolved.grid()),
            "provenance": grid_provenance(resolved.grid()),
        }
    return {"entries": told}, searches


def run_path(out: Path, number: int, seed: int) -> Path:
    """The file with the losses of one run."""
    return out / f"{number}-seed{seed}.npz"


@dataclass(frozen=True)
class Contest:
    """The finished runs of a contest folder."""

    out: Path
    about: dict  # contest.json
    nll: dict[str, np.ndarray]  # entry → (S, I) summed response nll of the held-out rows
    tokens: np.ndarray  # (I,)
    seconds: dict[str, float]  # entry → the median run, measuring included

    def means(self) -> pd.DataFrame:
        """Every entry's response loss with its 95 % interval: columns `arm mean low high`."""
        return paired.arm_means(self.nll, self.tokens)

    def contrasts(self, *pairs: tuple[str, str]) -> pd.DataFrame:
        """The differences a - b of those pairs, as `paired.contrasts`, the first one announced."""
        return paired.contrasts(self.nll, self.tokens, primary=pairs[0], others=pairs[1:])


def load_contest(out: str | Path) -> Contest:
    """What a contest folder holds; seeds that not all entries have are left out.

    Raises RunError when there is no contest in it, or fewer than 2 seeds of each entry.
    """
    out = Path(out)
    if not (out / "contest.json").exists():
        raise RunError(f"there is no contest in {out}: name its folder, or run one first.")
    about = read_json(out / "contest.json")
    names = list(about["entries"])
    done = [{p.stem for p in out.glob(f"{n}-seed*.npz")} for n in range(len(names))]
    common = set.intersection(*({stem.partition("-")[2] for stem in stems} for stems in done))
    if len(common) < 2:
        raise RunError(
            f"{out}: {len(common)} seeds finished for every entry, an interval needs 2. What began "
            "the contest goes on with it."
        )
    order = sorted(common, key=lambda seed: int(seed.removeprefix("seed")))
    runs = {
        name: [read_losses(out / f"{n}-{seed}.npz") for seed in order]
        for n, name in enumerate(names)
    }
    return Contest(
        out,
        about,
        {name: np.stack([r["heldout_nll"].astype(float) for r in rs]) for name, rs in runs.items()},
        runs[names[0]][0]["heldout_tokens"].astype(float),
        {name: float(np.median([r["seconds"] for r in rs])) for name, rs in runs.items()},
    )
