"""Runs of a grid, one after another in one process, each of them only once.

`out/` holds `grid.json` (settings and provenance), `runs.jsonl` (a row for each finished run),
`items/<run>.npy` (for every held-out row: summed nll of its response in nats, and its tokens) and
`sweep.jsonl`. A run is written down when it is finished; one that was killed begins again. A
folder that `results.pack` made has `items.npz` in place of `items/`: it is read, not added to.

On a cluster every run is a job of its own: it goes on in `working/<run>` where a worker died, and
`cluster.jsonl` says which processes worked on it. This process writes the rows, and nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from helpers.arithmetic import products_by
from helpers.cluster import Job, close_job, connected, job_in, run_jobs
from helpers.collate import evaluation_batches
from helpers.data import data_path
from helpers.errors import RunError, SettingsError
from helpers.experiment.grid import MOST_SEED, SWEEP, SWEEP_SEED, Cell, Grid
from helpers.experiment.measure import Measured, item_losses, measure, per_example, per_token
from helpers.experiment.rows import (
    Material,
    Rows,
    heldout_name,
    length_ratio,
    load_material,
    seen_in_training,
    settle_rows,
)
from helpers.files import (
    NUMBER,
    NUMBER_OR_NONE,
    alone_in,
    append_jsonl,
    atomic_path,
    check_folder,
    read_json,
    remove_leftovers,
    repair_journal,
    row_with,
    sha256,
    write_json,
)
from helpers.formatting import get_template
from helpers.model import GPT
from helpers.progress import bar
from helpers.runs import (
    CHECKPOINT_SECONDS,
    as_before,
    begin,
    check_files,
    check_model,
    check_settings,
    default_lr,
    gone_on,
    interrupt_held,
    keep_memory,
    provenance,
    read_about,
)
from helpers.train import evaluate_loss, freeze_embeddings, train
from helpers.weights import load_model, save_model

FACTORS = (
    "arms",
    "seeds",
    "first_seed",
    "rows",
    "epochs",
    "lrs",
    "sweep",
    "ratios",
)  # may grow later
FREE = (*FACTORS, "keep_models")  # all other settings decide what finished runs mean
BASE = "base"
WHAT = "an experiment"
PACKED = "items.npz"
ROW = row_with(  # of runs.jsonl: what its readers need of it
    run=str, arm=str, seed=int, rows=int, epochs=int, ratio=str, rate=str, length_ratio=NUMBER
)
COLUMNS = (  # of every row there; what --metrics measured comes beside them
    *("run", "arm", "seed", "rows", "epochs", "ratio", "rate", "length_ratio", "model", "data"),
    *("heldout", "heldout_rows", "lr", "steps", "tokens", "target_tokens", "train_loss"),
    *("seconds", "response_loss", "response_loss_per_example"),
)
TRY = row_with(  # of sweep.jsonl
    run=str, arm=str, rows=int, epochs=int, ratio=str, lr=NUMBER, val_response_loss=NUMBER_OR_NONE
)


@dataclass
class Bench:
    """What all runs of a grid share: one model that is reset each time, and the rows as tokens."""

    grid: Grid
    model: GPT
    base: dict[str, torch.Tensor]  # the weights before any training
    straight: Material
    inverted: Material | None

    def material(self, ratio: str) -> Material:
        """The rows for a level of the length ratio."""
        return self.inverted if ratio == "inverted" and self.inverted else self.straight


def run_grid(
    grid: Grid,
    out: str | Path,
    *,
    cluster: str = "",
    checkpoint_every: float = CHECKPOINT_SECONDS,
) -> Iterator[dict]:
    """Train and measure every run of the grid that `out` does not hold yet; yields its rows.

    The untouched model's row (arm "base") comes first. Nothing that is finished is done again; what
    Ctrl-C or a kill ended goes on with the same call. A later call may add arms, seeds, rows,
    epochs, rates and ratios. `cluster` ("auto" or the address of a Ray cluster) trains many at a
    time, in the order in which they end; of a run whose worker dies, `checkpoint_every` seconds are
    lost at most. Raises RunError when `out` holds runs of other settings or files, and CourseError
    when another process is at work there.
    """
    out = Path(out)
    before = read_about(out / "grid.json", WHAT) if (out / "grid.json").exists() else None
    grid = (as_before(grid, before["settings"]) if before else grid).resolved()
    check_folder(out)
    if out.exists() and not before and any(visible(out)):
        raise RunError(f"{out} is not empty and holds no experiment: name another folder.")
    if (out / PACKED).exists():
        raise RunError(
            f"{out} holds a packed experiment, which is for reading: name another folder, and all of "
            "it is run again there."
        )
    if before:
        check_same(grid, out, before)
    bench = set_up(grid)
    out.mkdir(parents=True, exist_ok=True)
    with alone_in(out, "experiment"), connected(cluster):
        describe(bench, out)
        finished = done_runs(out)
        yield from base_rows(bench, out, finished)
        every = checkpoint_every if cluster else None
        rates = sweep(bench, out, every) if bench.grid.sweep else {}
        if cluster:
            yield from rows_of_cluster(bench, out, finished, rates, checkpoint_every)
        else:
            yield from trained_rows(bench, out, finished, rates)


def visible(folder: Path) -> Iterator[Path]:
    """What lies in a folder, but for hidden files such as a lock."""
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def fixed_settings(grid: Grid) -> dict:
    """The settings that every run of a folder shares, as JSON has them."""
    chosen = {k: v for k, v in asdict(grid).items() if k not in FREE}
    return {k: sorted(v) if isinstance(v, tuple) else v for k, v in chosen.items()}


def check_same(grid: Grid, out: Path, before: dict) -> None:
    """Refuse settings or files that would change what the finished runs in `out` mean."""
    settings = before["settings"]
    free = "arms, seeds, rows, epochs, learning rates, length ratios"
    check_settings(out, settings, fixed_settings(grid), free)
    own_heldout = not heldout_name(grid)
    if own_heldout and settings.get("heldout_is") != heldout_is(grid):
        raise RunError(
            f"{out} holds runs measured on {settings.get('heldout_is')}, and with a sweep the "
            "validation rows choose the rates and cannot be held out too. Name another folder."
        )
    names = ("model", "data", "heldout")
    check_files(out, before["provenance"], grid_provenance(grid), names, settings)


def heldout_is(grid: Grid) -> str:
    """Which rows are held out, in words."""
    if named := heldout_name(grid):
        return named
    return f"the {'test' if grid.sweep else 'test and validation'} rows of {grid.data}"


def grid_provenance(grid: Grid) -> dict:
    """Versions and hashes, as of a run, and the hash of the held-out file."""
    file = data_path(heldout_name(grid) or grid.data)
    return {**provenance(grid.model, grid.data), "heldout_sha256": sha256(file)}


def set_up(grid: Grid) -> Bench:
    """Model and rows, loaded once. Raises SettingsError for more rows than there are."""
    model = load_model(grid.model, device=grid.device)
    check_model(model, grid.model)
    if grid.freeze_embeddings:
        freeze_embeddings(model)
    limit = model.config.n_positions
    if grid.max_length and not 2 <= grid.max_length <= limit:
        raise SettingsError(
            f"max_length is {grid.max_length}: {grid.model} can read 2 to {limit} tokens."
        )
    straight = load_material(grid, limit)
    turned = load_material(grid, limit, inverted=True) if "inverted" in grid.ratios else None
    grid = replace(grid, rows=settle_rows(grid, straight))
    base = {name: weight.clone() for name, weight in model.state_dict().items()}
    keep_memory()
    return Bench(grid, model, base, straight, turned)


def describe(bench: Bench, out: Path) -> None:
    """Write grid.json: the settings, with the factors of earlier calls, and where it all comes from."""
    grid, path = bench.grid, out / "grid.json"
    remove_leftovers(path)
    before = read_json(path) if path.exists() else {}
    factors = {key: getattr(grid, key) for key in FACTORS if isinstance(getattr(grid, key), tuple)}
    old = before.get("settings", {})
    merged = {key: list(dict.fromkeys([*old.get(key, ()), *now])) for key, now in factors.items()}
    most = {
        "seeds": max(old.get("seeds", 0), grid.seeds),  # runs.jsonl says which each arm has
        "first_seed": min(old.get("first_seed", 1) if old else MOST_SEED, grid.first_seed),
        "sweep": grid.sweep or old.get("sweep", False),
    }
    write_json(
        path,
        {
            "settings": {
                **fixed_settings(grid),
                **merged,
                **most,
                "heldout_is": heldout_is(grid),
                "keep_models": grid.keep_models,
            },
            "rows": {
                "train": len(bench.straight.train),
                "validation": len(bench.straight.validation),
                "heldout": len(bench.straight.heldout),
                "heldout_seen_in_training": seen_in_training(bench.straight),
            },
            "left_out": [
                *bench.straight.left_out,
                *(bench.inverted.left_out if bench.inverted else []),
            ],
            "provenance": before.get("provenance") or grid_provenance(grid),
        },
    )


def done_runs(out: Path) -> set[str]:
    """The ids of finished runs, after mending a journal whose last line was cut off."""
    rows = repair_journal(out / "runs.jsonl", ROW)
    return {row["run"] for row in rows if items_path(out, row["run"]).exists()}


def items_path(out: Path, run: str) -> Path:
    """The file with a run's held-out losses."""
    return out / "items" / f"{run}.npy"


def base_rows(bench: Bench, out: Path, finished: set[str]) -> Iterator[dict]:
    """The row of the untouched model, and of its losses on inverted rows if there are any."""
    for ratio in ("any", "inverted"):
        run = BASE if ratio == "any" else f"{BASE}-inverted"
        wanted = ratio == "inverted" or set(bench.grid.ratios) - {"inverted"}
        if wanted and ratio in ("any", *bench.grid.ratios) and run not in finished:
            bench.model.load_state_dict(bench.base)
            cell = Cell(BASE, 0, 0, 0, ratio, 0.0)
            rows = bench.material(ratio).train
            yield finish(bench, out, cell, run, rows, {"lr": 0.0, "steps": 0, "seconds": 0.0})


def trained_rows(bench: Bench, out: Path, finished: set[str], rates: dict) -> Iterator[dict]:
    """The rows of all runs that are not finished, beside a bar with runs done and time left."""
    cells = bench.grid.cells()
    with steps_bar(bench, [c for c in cells if c.run not in finished]) as tick:
        for number, cell in enumerate(cells, start=1):
            if cell.run in finished:
                continue
            tick(0, f"run {number} of {len(cells)}: {cell.arm}, seed {cell.seed}")
            remove_leftovers(items_path(out, cell.run))
            lr = rate_of(cell, rates)
            rows, drawn = bench.material(cell.ratio).subset(cell.ratio, cell.rows, cell.seed)
            job = job_of(cell, out)
            begun = job.folder if job.folder.exists() else None  # on a cluster that is gone
            facts = train_once(bench, cell, lr, rows, tick, folder=begun)
            row = finish(bench, out, cell, cell.run, drawn, facts)
            if begun:
                close_job(job, out)
            yield row


def rate_of(cell: Cell, rates: dict) -> float:
    """The cell's learning rate, or the one that the sweep found for it."""
    return cell.rate or rates[cell.arm, cell.rows, cell.epochs, cell.ratio]


def rows_of_cluster(
    bench: Bench, out: Path, finished: set[str], rates: dict, every: float
) -> Iterator[dict]:
    """As `trained_rows`, each run a job of the cluster; written down here, as soon as it is done."""
    grid, cells = bench.grid, [c for c in bench.grid.cells() if c.run not in finished]
    jobs = [job_of(cell, out, (grid, cell, rate_of(cell, rates), every)) for cell in cells]
    with bar(total=len(jobs), unit="run", desc="runs on the cluster", steady=True) as progress:
        for job, (row, items) in run_jobs(train_cell, jobs, device=grid.device):
            remove_leftovers(items_path(out, job.name))
            row = written(out, row, items)
            close_job(job, out)
            progress.update(1)
            yield row


def job_of(cell: Cell, out: Path, arguments: tuple = ()) -> Job:
    """The job of a cell, with its folder."""
    return job_in(out, cell.run, arguments)


@lru_cache(maxsize=1)
def bench_of(grid: Grid) -> Bench:
    """`set_up`, once for all jobs of a worker process."""
    return set_up(grid)


def train_cell(grid: Grid, cell: Cell, lr: float, every: float, folder: Path):
    """(row, held-out losses) of a run, on the cluster: begun, or gone on with from its folder."""
    bench = bench_of(grid)
    rows, drawn = bench.material(cell.ratio).subset(cell.ratio, cell.rows, cell.seed)
    facts = train_once(bench, cell, lr, rows, folder=folder, every=every)
    row, items = measured(bench, cell, cell.run, drawn, facts)
    if grid.keep_models:
        save_model(bench.model, folder.parent.parent / "models" / cell.run)
    return row, items


def try_cell(grid: Grid, cell: Cell, every: float, folder: Path) -> dict:
    """A line of sweep.jsonl, as `train_cell` gives a row."""
    return try_rate(bench_of(grid), cell, folder=folder, every=every)


@contextmanager
def steps_bar(bench: Bench, cells: list[Cell]):
    """A bar over the steps of `cells`; what it gives is called with steps done and what is going on."""
    total = sum(-(-c.rows // bench.grid.batch_size) * c.epochs for c in cells)
    with bar(total=total, unit="step", steady=True) as progress:

        def tick(steps: int, words: str = "") -> None:
            if words:
                progress.set_description_str(words, refresh=False)
            progress.update(steps)

        yield tick


def train_once(
    bench: Bench,
    cell: Cell,
    lr: float,
    rows: Rows,
    tick=lambda steps: None,
    *,
    folder: Path | None = None,
    every: float = CHECKPOINT_SECONDS,
) -> dict:
    """Train the model afresh as the cell says; returns what happened, as columns of the row.

    With a folder, what an earlier process left there is gone on with, and a checkpoint is left there
    every so many seconds.
    """
    started = time.perf_counter()
    bench.model.load_state_dict(bench.base)
    bench.model.zero_grad(set_to_none=True)  # a run that diverged leaves its last gradient behind
    plan, state = begin(bench.grid.run_settings(cell, lr), bench.model, rows.examples)
    losses, earlier = [], 0.0
    steps = train(state, plan, device=bench.grid.device)
    if folder:
        done, steps = gone_on(steps, state, folder, every)
        losses, earlier = [record.loss for record in done], state.seconds
    for record in steps:
        losses.append(record.loss)
        tick(1)
    last = losses[-plan.steps_per_epoch :]
    return {
        "lr": lr,
        "steps": state.step,
        "tokens": state.tokens,
        "target_tokens": state.target_tokens,
        "train_loss": sum(last) / len(last),  # over what this arm learns from, in its last epoch
        "seconds": earlier + time.perf_counter() - started,
    }


def finish(bench: Bench, out: Path, cell: Cell, run: str, drawn: Rows, facts: dict) -> dict:
    """Measure the model, store its held-out losses and its row, and return the row."""
    row, items = measured(bench, cell, run, drawn, facts)
    if bench.grid.keep_models and cell.arm != BASE:
        save_model(bench.model, out / "models" / run)
    return written(out, row, items)


def measured(
    bench: Bench, cell: Cell, run: str, drawn: Rows, facts: dict
) -> tuple[dict, np.ndarray]:
    """The row of a trained model, and its held-out losses."""
    grid, heldout = bench.grid, bench.material(cell.ratio).heldout
    bench.model.eval()
    with products_by(grid.products):
        items = item_losses(bench.model, heldout.examples)
    template = get_template(grid.template)
    subject = Measured(bench.model, bench.base, drawn, heldout, items, template)
    row = {
        "run": run,
        "arm": cell.arm,
        "seed": cell.seed,
        "rows": cell.rows,
        "epochs": cell.epochs,
        "ratio": cell.ratio,
        "rate": f"{cell.rate:.8g}" if cell.rate else ("" if cell.arm == BASE else "swept"),
        "length_ratio": length_ratio(drawn.examples),
        "model": grid.model,
        "data": grid.data,
        "heldout": heldout_is(grid),
        "heldout_rows": len(heldout),
        **facts,
        "response_loss": per_token(items),
        "response_loss_per_example": per_example(items),
        **measure(grid.metrics, subject),
    }
    return row, items


def written(out: Path, row: dict, items: np.ndarray) -> dict:
    """The row, after storing it and the held-out losses.

    The row comes last: a run that is killed before it has not happened.
    """
    with interrupt_held() as pressed:
        with atomic_path(items_path(out, row["run"])) as path:
            np.save(path, items)
        append_jsonl(out / "runs.jsonl", row)
    if pressed:
        raise KeyboardInterrupt
    return row


def sweep(bench: Bench, out: Path, every: float | None = None) -> dict[tuple, float]:
    """The learning rate of each (arm, rows, epochs, ratio) with the lowest validation response loss.

    Each of SWEEP, times the rate that suits the model, is tried with a seed of its own. A rate that
    makes the loss infinite loses. Every try is a line of `sweep.jsonl`. With `every`, seconds between
    checkpoints, they are jobs of the cluster.
    """
    grid, common = bench.grid, default_lr(bench.grid.model, bench.grid.freeze_embeddings)
    journal = out / "sweep.jsonl"
    known = {row["run"]: row for row in repair_journal(journal, TRY)}
    settings = {(c.arm, c.rows, c.epochs, c.ratio) for c in grid.cells()}
    tries = [
        Cell(arm, SWEEP_SEED, rows, epochs, ratio, float(f"{common * times:.6g}"))
        for arm, rows, epochs, ratio in sorted(settings)
        for times in SWEEP
    ]
    if every is not None:
        jobs = [job_of(c, out, (grid, c, every)) for c in tries if c.run not in known]
        for job, line in run_jobs(try_cell, jobs, device=grid.device):
            known[job.name] = line
            append_jsonl(journal, line)
            close_job(job, out)
    with steps_bar(bench, [c for c in tries if c.run not in known]) as tick:
        for number, cell in enumerate(tries, start=1):
            if cell.run not in known:
                tick(0, f"learning rate {number} of {len(tries)}: {cell.arm}, {cell.rate:g}")
                known[cell.run] = try_rate(bench, cell, tick)
                append_jsonl(journal, known[cell.run])
    return best_rates([known[c.run] for c in tries])


def try_rate(bench: Bench, cell: Cell, tick=lambda steps: None, **checkpoints) -> dict:
    """A line of sweep.jsonl: the validation response loss after training with this rate."""
    material = bench.material(cell.ratio)
    rows, _ = material.subset(cell.ratio, cell.rows, cell.seed)
    loss: float | None = None
    try:
        train_once(bench, cell, cell.rate, rows, tick, **checkpoints)
        loss = evaluate_loss(
            bench.model,
            evaluation_batches(material.validation.examples, layout=bench.grid.layout),
            device=bench.grid.device,
            products=bench.grid.products,
        )
    except RunError:  # not finite: this rate is too high, which is an answer
        pass
    finite = loss is not None and np.isfinite(loss)
    keys = ("arm", "rows", "epochs", "ratio")
    values = {key: getattr(cell, key) for key in keys}
    return {
        "run": cell.run,
        **values,
        "lr": cell.rate,
        "val_response_loss": loss if finite else None,
    }


def best_rates(tries: list[dict]) -> dict[tuple, float]:
    """(arm, rows, epochs, ratio) → the rate with the lowest loss. Raises RunError if none is finite."""
    best: dict[tuple, dict] = {}
    for row in tries:
        key = (row["arm"], row["rows"], row["epochs"], row["ratio"])
        loss = row["val_response_loss"]
        if loss is not None and (key not in best or loss < best[key]["val_response_loss"]):
            best[key] = row
    for row in tries:
        if (row["arm"], row["rows"], row["epochs"], row["ratio"]) not in best:
            raise RunError(
                f"no learning rate of the sweep gives {row['arm']} a finite loss: look at the data "
                "with `course data check`, or name a rate with --lr."
            )
    return {key: row["lr"] for key, row in best.items()}
