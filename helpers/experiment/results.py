"""What an experiment found: its runs as a table, and the arrays that statistics take.

A *setting* is a value for every factor (rows, epochs, ratio, rate); within one, arms are compared,
paired by seed and by held-out row.

`pack` copies an experiment into a small folder that can be published: the losses of all runs in one
file, from which every interval can be computed again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from helpers.errors import RunError, SettingsError
from helpers.evaluate import paired
from helpers.evaluate.paired import PRIMARY
from helpers.evaluate.scorecard import mean_interval
from helpers.experiment.runner import BASE, COLUMNS, PACKED, ROW, TRY, items_path, visible
from helpers.files import (
    atomic_path,
    check_folder,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
)
from helpers.model import GPTConfig

FACTORS = ("rows", "epochs", "ratio", "rate")
GUESSING = math.log(
    GPTConfig.vocab_size
)  # nats a token, of a model that finds every token equally likely


@dataclass(frozen=True)
class Results:
    """The finished runs of a grid folder."""

    out: Path
    runs: pd.DataFrame  # one row each, the untouched model's (arm "base") among them
    sweep: pd.DataFrame  # the rates that were tried, `chosen` among them; empty without a sweep
    about: dict  # grid.json
    packed: dict[str, np.ndarray] = field(default_factory=dict)  # run → items, of a packed folder

    def settings(self) -> list[dict]:
        """Every combination of factor values that at least one run has, in order."""
        trained = self.runs[self.runs["arm"] != BASE]
        found = trained[list(FACTORS)].drop_duplicates()
        return [dict(zip(FACTORS, row, strict=True)) for row in found.itertuples(index=False)]

    def arms(self, **setting) -> list[str]:
        """The arms that can be compared: those with at least 2 finished seeds."""
        finished = self.runs_of(**setting).groupby("arm", sort=False)["seed"].nunique()
        return [arm for arm, seeds in finished.items() if seeds >= 2]

    def seeds(self, arms: Sequence[str], **setting) -> list[int]:
        """The seeds that all of these arms have finished."""
        runs = self.runs_of(**setting)
        found = [set(runs.loc[runs["arm"] == arm, "seed"].tolist()) for arm in arms]
        return sorted(set.intersection(*found)) if found else []

    def pairs(self, arms: Sequence[str] = (), **setting) -> dict[tuple[str, str], list[int]]:
        """Every pair of arms, the announced one first → the seeds that both have finished."""
        arms = tuple(arms) or tuple(self.arms(**setting))
        primary = PRIMARY if set(PRIMARY) <= set(arms) else None
        return {pair: self.seeds(pair, **setting) for pair in paired.pairs(arms, primary)}

    def nll(self, arms: Sequence[str] = (), **setting) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Each arm's summed response nll (S, I), paired by seed and held-out row; tokens (I,).

        `setting` names factors, such as rows=300; those with one value can be left out. `arms`
        picks some, and their order. Seeds that one of the arms does not have (yet) are left out.
        Raises RunError when fewer than 2 are left.
        """
        runs = self.runs_of(**setting)
        arms = tuple(arms) or tuple(self.arms(**setting))
        by_arm = {arm: runs[runs["arm"] == arm].set_index("seed") for arm in arms}
        seeds = self.seeds(arms, **setting)
        if len(seeds) < 2:
            raise RunError(
                f"{self.out}: {len(seeds)} seed{'' if len(seeds) == 1 else 's'} finished for every "
                f"arm ({', '.join(arms) or 'none'}), an interval needs 2. The command that began "
                "the experiment goes on with it."
            )
        items = {
            arm: np.stack([self.items(group.loc[seed, "run"]) for seed in seeds])
            for arm, group in by_arm.items()
        }
        tokens = next(iter(items.values()))[0, :, 1]
        return {arm: values[:, :, 0] for arm, values in items.items()}, tokens

    def runs_of(self, **setting) -> pd.DataFrame:
        """The trained runs of one setting. Raises SettingsError unless it is exactly one."""
        runs = self.runs[self.runs["arm"] != BASE]
        for factor in FACTORS:
            known = list(runs[factor].unique())
            if factor not in setting and len(known) > 1:
                raise SettingsError(f"name one of {factor} = {', '.join(map(str, known))}.")
            if factor in setting and setting[factor] not in known:
                raise SettingsError(
                    f"no run with {factor} = {setting[factor]!r}; there are: "
                    f"{', '.join(map(str, known)) or 'none'}."
                )
            if factor in setting:
                runs = runs[runs[factor] == setting[factor]]
        if runs.empty:
            raise RunError(f"{self.out} holds no finished run of this setting yet.")
        return runs

    def items(self, run: str) -> np.ndarray:
        """(I, 2): summed response nll in nats and tokens of every held-out row, for one run."""
        if run in self.packed:
            return self.packed[run]
        try:
            return np.load(items_path(self.out, run))
        except (OSError, ValueError) as error:
            raise RunError(
                f"{items_path(self.out, run)} cannot be read ({error}). Remove it, and the command "
                "that began the experiment does this run again."
            ) from error


def load_grid(out: str | Path) -> Results:
    """The finished runs in a grid folder. Raises RunError when there is no experiment in it."""
    out = Path(out)
    if not (out / "runs.jsonl").exists() or not (out / "grid.json").exists():
        raise RunError(f"there is no experiment in {out}: make one with `course masking --out`.")
    rows = _rows(out)
    packed = _unpack(out / PACKED) if (out / PACKED).exists() else {}
    kept = [r for r in rows.values() if r["run"] in packed or items_path(out, r["run"]).exists()]
    return Results(out, pd.DataFrame(kept), _sweep(out), read_json(out / "grid.json"), packed)


def pack(results: Results, target: str | Path) -> Path:
    """Copy an experiment to the folder `target`, its losses in one file; returns that file.

    `items.npz` holds, run after run, `nll` (float32: seven digits, where intervals need four) and
    `tokens`; `rows` says how many belong to each of `runs`. Raises RunError when `target` holds
    something else than a packed experiment.
    """
    target = Path(target)
    check_folder(target)
    if target.exists() and any(visible(target)) and not (target / PACKED).exists():
        raise RunError(
            f"{target} is not empty and holds no packed experiment: name another folder."
        )
    runs = list(results.runs["run"])
    items = [results.items(run) for run in runs]
    nll, tokens = np.concatenate(items).T
    rows = _rows(results.out)
    write_json(target / "grid.json", results.about)
    write_jsonl(target / "runs.jsonl", [rows[run] for run in runs])
    if len(results.sweep):
        write_jsonl(target / "sweep.jsonl", read_jsonl(results.out / "sweep.jsonl"))
    with atomic_path(target / PACKED) as path, open(path, "wb") as file:
        np.savez_compressed(
            file,
            runs=np.array(runs),
            rows=np.array([len(x) for x in items]),
            nll=nll.astype(np.float32),
            tokens=tokens.astype(np.uint16),
        )
    return target / PACKED


def _rows(out: Path) -> dict[str, dict]:
    """Run → its row in runs.jsonl; of a run that was done twice the last counts."""
    return {row["run"]: row for row in read_jsonl(out / "runs.jsonl", ROW)}


def _unpack(path: Path) -> dict[str, np.ndarray]:
    """Run → (I, 2) float64, from a file that `pack` wrote."""
    try:
        # numpy leaves a file open that it cannot read, unless it was opened here.
        with open(path, "rb") as file, np.load(file) as found:
            items = np.stack([found["nll"], found["tokens"]], axis=1).astype(float)
            parts = np.split(items, np.cumsum(found["rows"])[:-1])
            return dict(zip(found["runs"].tolist(), parts, strict=True))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise RunError(
            f"{path} cannot be read ({error}). Take the file from the repository again, or repeat "
            "the experiment in another folder."
        ) from error


def _sweep(out: Path) -> pd.DataFrame:
    """sweep.jsonl as a table; `edge` where the chosen rate is the lowest or highest that was tried."""
    path = out / "sweep.jsonl"
    tries = pd.DataFrame(read_jsonl(path, TRY) if path.exists() else [])
    if tries.empty:
        return tries
    tries["val_response_loss"] = tries["val_response_loss"].astype(float)
    groups = tries.groupby(["arm", "rows", "epochs", "ratio"], sort=False)
    best = groups["val_response_loss"].transform("min")
    tries["chosen"] = tries["val_response_loss"] == best
    lowest, highest = groups["lr"].transform("min"), groups["lr"].transform("max")
    tries["edge"] = tries["chosen"] & ((tries["lr"] == lowest) | (tries["lr"] == highest))
    return tries


def differences(results: Results, a: str = "response", b: str = "all", **options) -> pd.DataFrame:
    """The difference a - b in held-out response loss for every setting that has both arms.

    Columns: the factors, `length_ratio` (mean of its runs), then those of `paired.contrasts`;
    `options` go there.
    """
    table = []
    for setting in results.settings():
        if len(results.seeds((a, b), **setting)) < 2:
            continue
        nll, tokens = results.nll((a, b), **setting)
        found = paired.contrasts(nll, tokens, primary=(a, b), **options).iloc[0]
        ratio = results.runs_of(**setting)["length_ratio"].mean()
        table.append({**setting, "length_ratio": ratio, **found.to_dict()})
    return pd.DataFrame(table)


def above_untouched(results: Results) -> list[str]:
    """The runs whose held-out loss is above the untouched model's: training made them worse.

    Where that was not measured (yet), those above the loss of guessing: ln of the vocabulary.
    """
    runs = results.runs
    before = runs[runs["arm"] == BASE].set_index("run")["response_loss"].to_dict()
    limits = [
        before.get(f"{BASE}-inverted" if ratio == "inverted" else BASE, GUESSING)
        for ratio in runs["ratio"]
    ]
    return runs.loc[(runs["arm"] != BASE) & (runs["response_loss"] > limits), "run"].tolist()


def summary(results: Results, arms: Sequence[str] = (), *, per: str = "token", **setting):
    """(arm means, contrasts) of one setting, as tables of `paired`; `arms` picks some.

    Both have a column more: the `seeds`. A mean is over all seeds of its arm, a contrast over those
    that its two arms have in common; pairs with fewer than 2 are left out. Raises RunError when no
    pair is left.
    """
    arms = tuple(arms) or tuple(results.arms(**setting))
    common = {pair: s for pair, s in results.pairs(arms, **setting).items() if len(s) >= 2}
    if not common:
        raise RunError(
            f"{results.out}: no two arms ({', '.join(arms) or 'none'}) have 2 finished seeds in "
            "common, and an interval needs 2. The command that began the experiment goes on with it."
        )
    means = [paired.arm_means(*results.nll((arm,), **setting), per=per) for arm in arms]
    found = [paired.contrast(*results.nll(pair, **setting), *pair, per=per) for pair in common]
    primary = PRIMARY if PRIMARY in common else None
    contrasts = paired.verdicts(list(common), found, primary=primary, per=per)
    seeds = [results.seeds((arm,), **setting) for arm in arms]
    return pd.concat(means, ignore_index=True).assign(seeds=seeds), contrasts.assign(
        seeds=list(common.values())
    )


def secondary(results: Results, **setting) -> list[dict]:
    """What `--metrics` measured in one setting: `metric means difference ci95 seeds` of each number.

    `means` are the arms' over their seeds; `difference` is response - all over the `seeds` that both
    have a number for, `ci95` its t-interval over these seeds: not corrected for how many there are,
    and blind to the chance in the held-out rows. None is what fewer than 2 seeds, or differences
    that are all the same, do not tell.
    """
    runs, arms = results.runs_of(**setting), results.arms(**setting)
    found = []
    for metric in (column for column in runs if column not in COLUMNS):
        values = pd.to_numeric(runs[metric], errors="coerce").groupby([runs["seed"], runs["arm"]])
        table = values.mean().unstack("arm").reindex(columns=[*arms, *set(PRIMARY) - set(arms)])
        gains = (table[PRIMARY[0]] - table[PRIMARY[1]]).dropna()
        spread = len(gains) > 1 and gains.min() < gains.max()
        found.append(
            {
                "metric": metric,
                "means": {arm: None if np.isnan(m) else m for arm, m in table[arms].mean().items()},
                "difference": float(gains.mean()) if len(gains) else None,
                "ci95": list(mean_interval(gains.tolist())[1:]) if spread else None,
                "seeds": gains.index.tolist(),
            }
        )
    return found
