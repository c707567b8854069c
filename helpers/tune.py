"""Hyperparameters: a search on the validation rows, and how much of what it finds was luck.

`run_search` tries settings that Optuna proposes, each trained with one and the same seed, and keeps
the best by validation response loss. The best of many noisy numbers looks better than it is, so the
winner is then trained again beside the usual setting, with seeds that the search never used, and
both are measured on the validation rows and on held-out rows that nothing was chosen on.

A folder holds `search.json` (settings and provenance), `study.sqlite` (Optuna's own storage),
`trials.jsonl` (a row a trial, rewritten from the storage after each) and `repeats/<who>-seed<n>.npz`
(losses row by row of a repeated run). Whatever is finished is never done twice; a trial whose
process died is queued again.

On a cluster every epoch of a trial is a job, and every repeated run is one: it goes on in `working/`
where a worker died, and `cluster.jsonl` says which processes worked on it. Optuna is asked, and told
the losses, in this process alone, between two epochs; a pruned trial ends there. One worker finds
what one process finds; several are sent off before the others have told their losses, and the search
takes another way. Sources: TPE, Bergstra et al. 2011; Optuna, Akiba et al. 2019;
importance by PED-ANOVA, Watanabe et al. 2023.
"""

from __future__ import annotations

import copy
import itertools
import json
import shutil
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import torch

from helpers.cluster import WORKING, Job, close_job, connected, job_in, run_jobs
from helpers.collate import Batch, BatchPlan, evaluation_batches
from helpers.errors import CourseError, RunError, SettingsError, nearest
from helpers.evaluate import paired
from helpers.experiment.grid import Grid, check_seeds
from helpers.experiment.measure import item_losses
from helpers.experiment.rows import Material
from helpers.experiment.runner import grid_provenance, heldout_is, set_up, visible
from helpers.files import (
    NUMBER,
    NUMBER_OR_NONE,
    alone_in,
    atomic_path,
    check_folder,
    read_json,
    read_jsonl,
    remove_leftovers,
    row_with,
    write_json,
    write_jsonl,
)
from helpers.lora import add_lora
from helpers.model import GPT
from helpers.progress import bar
from helpers.runs import (
    CHECKPOINT_SECONDS,
    FORMERLY,
    LORA_RATE,
    RunSettings,
    as_before,
    begin,
    check_files,
    check_settings,
    default_lr,
    gone_on,
    read_about,
)
from helpers.train import TrainState, save_state, train

NEEDS = "the search needs one more package: pip install -e '.[tune]' in the course's folder."
SEARCH_SEED = 0  # the repeats count from 1: what won is measured with other seeds
RANDOM_FIRST = 8  # trials before Optuna begins to learn from them
COMPLETE_FIRST = 5  # finished trials before one is stopped for being worse than their median
BEST = 0.25  # share of the trials that count as the best ones, in the importances
RESAMPLES = 100  # of the trials, for the intervals of the importances
FREE = ("trials", "seeds", "minutes")  # what another call may change
WAYS = ("search", "validation", "heldout")
FOLDER = "folder"  # of a trial that was queued again: where a cluster keeps what was done of it


@dataclass(frozen=True)
class Range:
    """Any number between two ends, by its logarithm where the order of magnitude is what matters."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One setting of all that is searched. The defaults are the usual one."""

    lr_times: float = 1.0  # × the rate that suits the model, which is higher with LoRA
    batch_size: int = 8
    epochs: int = 2
    warmup: float = 0.1
    weight_decay: float = 0.1
    lora: int = 0  # rank; 0 = every weight is trained


Space = Mapping[str, "Range | tuple"]
SPACE: dict[str, Range | tuple] = {  # name → a range, or the values to choose from
    "lr_times": Range(0.125, 8.0, log=True),
    "batch_size": (4, 8, 16, 32),
    "epochs": (1, 2, 3, 4),
    "warmup": Range(0.0, 0.3),
    "weight_decay": Range(0.0, 0.3),
    "lora": (0, 4, 16, 64),
}


@dataclass(frozen=True)
class Search:
    """What is searched for, on which model and rows."""

    model: str = "gpt2-mini"
    data: str = "course"
    heldout: str = ""  # a file or name; "" = course-heldout for course, else the data's test rows
    loss_on: str = "all"
    rows: int = 0  # of the training split; 0 = all
    trials: int = 20  # in all, those of earlier calls counted
    seeds: int = 5  # fresh ones for the repeats; 0 = no repeats
    minutes: float = 0.0  # only the first trial of a call begins later than this; 0 = no limit
    space: Space = field(default_factory=lambda: dict(SPACE))
    template: str = "alpaca"
    max_length: int = 0  # tokens; 0 = as many as the model reads
    device: str = "auto"
    precision: str = "auto"
    products: str = "auto"
    layout: str = "auto"

    def resolved(self) -> Search:
        """The same search, checked, with every "auto" filled in.

        Raises SettingsError for whatever could not be tried.
        """
        if self.trials < 2:
            raise SettingsError(
                f"{self.trials} trials: give at least 2, better 20; the first is the usual setting."
            )
        if self.seeds:
            check_seeds(self.seeds)
        if not 0 <= self.minutes < float("inf"):
            raise SettingsError(f"minutes = {self.minutes}: give a time above 0, or leave it out.")
        if self.rows < 0:
            raise SettingsError(f"{self.rows} rows: give at least 1, or leave it out for all.")
        space = {**SPACE, **self.space}
        check_space(space)
        found = replace(self, space=space)
        first = found.run_settings(usual(space), SEARCH_SEED).resolved()
        fixed = {key: getattr(first, key) for key in ("device", "precision", *FORMERLY)}
        found = replace(found, **fixed)
        for name, values in space.items():
            ends = (values.low, values.high) if isinstance(values, Range) else values
            for value in ends:
                found.run_settings(replace(usual(space), **{name: value}), SEARCH_SEED).resolved()
        return found

    def run_settings(self, choice: Choice, seed: int) -> RunSettings:
        """The settings of one run, as `helpers.runs` takes them."""
        return RunSettings(
            model=self.model,
            data=self.data,
            loss_on=self.loss_on,
            template=self.template,
            epochs=choice.epochs,
            lr=rate(self.model, choice),
            batch_size=choice.batch_size,
            warmup=choice.warmup,
            weight_decay=choice.weight_decay,
            lora=choice.lora,
            seed=seed,
            device=self.device,
            precision=self.precision,
            products=self.products,
            layout=self.layout,
            freeze_embeddings=False,  # all weights, as the course text does
        )

    def grid(self) -> Grid:
        """What the experiment's own functions need to load model and rows.

        With `sweep`, as there, validation rows choose and so are never held out too.
        """
        return Grid(
            model=self.model,
            data=self.data,
            heldout=self.heldout,
            rows=(self.rows,) if self.rows else (),
            sweep=True,
            batch_size=usual(self.space).batch_size,
            template=self.template,
            max_length=self.max_length,
            device=self.device,
            layout=self.layout,
        )


def rate(model: str, choice: Choice) -> float:
    """The learning rate that a choice stands for, with three digits."""
    return float(f"{default_lr(model) * choice.lr_times * (LORA_RATE if choice.lora else 1):.3g}")


# --- what may be tried ----------------------------------------------------------------------------


def check_space(space: Space) -> None:
    """Refuse an unknown name, a range turned round, and a space in which trials would be repeated."""
    known = asdict(Choice())
    for name, values in space.items():
        if name not in known:
            raise SettingsError(
                f"{name!r} is nothing that can be searched; {nearest(name, known)}."
            )
        if isinstance(values, Range):
            if isinstance(known[name], int):
                raise SettingsError(
                    f"{name} takes whole numbers: name them with commas between them, such as "
                    f"{','.join(map(str, SPACE[name]))}."
                )
            if not values.low < values.high or (values.log and values.low <= 0):
                raise SettingsError(
                    f"{name} from {values.low:g} to {values.high:g}: give the lower end first"
                    f"{', and above 0' if values.log else ''}."
                )
        elif not values or len(set(values)) < len(values):
            raise SettingsError(f"{name}: give at least one value, and none of them twice.")
    if not any(isinstance(values, Range) for values in space.values()):
        raise SettingsError(
            "nothing is left that varies without steps, so that a search would try the same setting "
            "twice: leave lr_times, warmup or weight_decay free. For a few values `course masking "
            "--lr` is the better way."
        )


def usual(space: Space) -> Choice:
    """The usual setting, or the nearest to it that the space allows."""
    values = {}
    for name, value in asdict(Choice()).items():
        allowed = space[name]
        if not isinstance(allowed, Range):
            value = min(allowed, key=lambda v, value=value: abs(v - value))
        values[name] = inside(value, allowed)
    return Choice(**values)


def read_space(texts: list[str]) -> dict[str, Range | tuple]:
    """Ranges and values from `name=low..high` and `name=value,value`, as they are typed.

    >>> read_space(["warmup=0..0.2", "lora=0,16"])
    {'warmup': Range(low=0.0, high=0.2, log=False), 'lora': (0, 16)}
    """
    known, space = asdict(Choice()), {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or name not in known:
            raise SettingsError(
                f"{text!r} names nothing to try: write NAME=LOW..HIGH or NAME=VALUE,VALUE; "
                f"{nearest(name, known)}."
            )
        kind, low_high = type(known[name]), values.split("..")
        try:
            if len(low_high) == 2:
                low, high = map(float, low_high)
                space[name] = Range(low, high, log=name == "lr_times")
            else:
                space[name] = tuple(kind(value) for value in values.split(","))
        except ValueError as error:
            what = "whole numbers" if kind is int else "numbers"
            raise SettingsError(f"{text!r}: {name} takes {what}, such as {known[name]}.") from error
    return space


def written(space: Space) -> dict:
    """The space as JSON has it."""
    return {k: asdict(v) if isinstance(v, Range) else list(v) for k, v in space.items()}


def read_back(space: Mapping) -> dict[str, Range | tuple]:
    """The space that `written` wrote."""
    return {k: Range(**v) if isinstance(v, dict) else tuple(v) for k, v in space.items()}


def inside(value, allowed: Range | tuple):
    """The value, not beyond the ends of a range (rounding may have moved it there)."""
    return min(max(value, allowed.low), allowed.high) if isinstance(allowed, Range) else value


def choice_from(params: Mapping) -> Choice:
    """The setting that Optuna's numbers stand for, rounded so that it can be typed again."""
    digits = {"lr_times": ".3g", "warmup": ".2f", "weight_decay": ".2f"}
    return Choice(
        **{k: float(format(v, digits[k])) if k in digits else v for k, v in params.items()}
    )


# --- one run --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """A search with its untouched model and its rows, loaded once."""

    search: Search
    model: GPT
    material: Material
    validation: list[Batch]


def open_bench(search: Search) -> Bench:
    """Model and rows of a resolved search. Raises what the masking experiment would raise."""
    found = set_up(search.grid())
    width = found.model.config.n_embd
    ranks = tuple(rank for rank in search.space["lora"] if rank <= width // 2)
    if not ranks:
        raise SettingsError(
            f"LoRA's rank is {search.space['lora'][0]} at least: {search.model} takes up to "
            f"{width // 2} (half its width), such as lora=0,16."
        )
    (rows,) = found.grid.rows
    sizes = tuple(size for size in search.space["batch_size"] if size <= rows)
    space = {**search.space, "lora": ranks, "batch_size": sizes or search.space["batch_size"]}
    validation = evaluation_batches(found.straight.validation.examples, layout=search.layout)
    return Bench(replace(search, rows=rows, space=space), found.model, found.straight, validation)


def begin_run(bench: Bench, choice: Choice, seed: int) -> tuple[BatchPlan, TrainState]:
    """A fresh copy of the model and the steps of its training; the seed draws rows and their order."""
    rows, _ = bench.material.subset("any", bench.search.rows, seed)
    model = copy.deepcopy(bench.model)
    if choice.lora:
        add_lora(model, choice.lora, generator=torch.Generator().manual_seed(seed))
    plan, state = begin(bench.search.run_settings(choice, seed), model, rows.examples)
    state.settings = replace(state.settings, eval_every=0)  # at the end of each epoch
    return plan, state


def epoch_losses(bench: Bench, plan: BatchPlan, state: TrainState) -> Iterator[float]:
    """Train, yielding the validation response loss (nats per token) after each epoch."""
    steps = train(state, plan, validation=bench.validation, device=bench.search.device)
    for record in steps:
        if record.val_response_loss is not None:
            yield record.val_response_loss


# --- one run on a cluster -------------------------------------------------------------------------


def as_text(search: Search) -> str:
    """The search as JSON, for `bench_of`."""
    return json.dumps({**asdict(search), "space": written(search.space)})


@lru_cache(maxsize=1)
def bench_of(search: str) -> Bench:
    """`open_bench`, once for all jobs of a worker process."""
    settings = json.loads(search)
    return open_bench(Search(**{**settings, "space": read_back(settings["space"])}))


def epoch_on_cluster(
    search: str, choice: Choice, epoch: int, every: float, folder: Path
) -> tuple[float | None, float]:
    """(validation loss of a trial after that epoch, seconds of training so far).

    What the folder lacks of it is trained, and a checkpoint left for the next epoch. The loss is None
    when one on the way there is not finite.
    """
    bench = bench_of(search)
    plan, state = begin_run(bench, choice, SEARCH_SEED)
    steps = train(state, plan, validation=bench.validation, device=bench.search.device)
    done, steps = gone_on(steps, state, folder, every)
    records = itertools.chain(done, steps)
    losses = (r.val_response_loss for r in records if r.val_response_loss is not None)
    try:
        loss = next(itertools.islice(losses, epoch - 1, None))
    except RunError:
        return None, state.seconds
    save_state(folder, state)
    return loss, state.seconds


def repeat_on_cluster(search: str, choice: Choice, seed: int, every: float, folder: Path):
    """(`trained_losses`, seconds of this process): begun, or gone on with from the folder."""
    started = time.perf_counter()
    losses = trained_losses(bench_of(search), choice, seed, folder=folder, every=every)
    return losses, time.perf_counter() - started


# --- the search -----------------------------------------------------------------------------------


def _optuna():
    """The library, saying only what goes wrong; or what to type to have it."""
    try:
        import optuna
    except ImportError as error:
        raise CourseError(NEEDS) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def distributions(space: Space) -> dict:
    """The space in Optuna's words."""
    kinds = _optuna().distributions
    return {
        name: kinds.FloatDistribution(values.low, values.high, log=values.log)
        if isinstance(values, Range)
        else kinds.CategoricalDistribution(values)
        for name, values in space.items()
    }


def run_search(
    search: Search,
    out: str | Path,
    *,
    cluster: str = "",
    checkpoint_every: float = CHECKPOINT_SECONDS,
) -> Iterator[dict]:
    """Try what is missing of the trials, then train the winner again; yields a row for each run.

    The first trial is the usual setting. Every trial has the same seed, hence the same rows in the
    same order. After each epoch but the last, one that is worse than the median of the others at
    that epoch is stopped (pruned). `cluster` ("auto" or the address of a Ray cluster) tries many at a
    time, in the order in which they end; of a run whose worker dies, `checkpoint_every` seconds are
    lost at most. Raises RunError when `out` holds a search of other settings or files, CourseError
    when another process is at work there or Optuna is not installed.
    """
    _optuna()
    out = Path(out)
    before = read_about(out / "search.json", "a search") if (out / "search.json").exists() else None
    search = (as_before(search, before["settings"]) if before else search).resolved()
    check_folder(out)
    if out.exists() and not before and any(visible(out)):
        raise RunError(f"{out} is not empty and holds no search: name another folder.")
    bench = open_bench(search)
    if before:
        now = grid_provenance(bench.search.grid())
        free = "trials, seeds, minutes"
        check_settings(out, before["settings"], fixed_settings(bench.search), free)
        names = ("model", "data", "heldout")
        check_files(out, before["provenance"], now, names, before["settings"])
    out.mkdir(parents=True, exist_ok=True)
    every = checkpoint_every if cluster else None
    with alone_in(out, "search"), connected(cluster):
        describe(bench, out)
        if not cluster:  # what one has left there half done begins again
            shutil.rmtree(out / WORKING, ignore_errors=True)
        yield from run_trials(bench, out, every)
        if search.seeds:
            yield from run_repeats(bench, out, every)


def fixed_settings(search: Search) -> dict:
    """The settings that every call on a folder shares, as JSON has them."""
    return {
        **{k: v for k, v in asdict(search).items() if k not in (*FREE, "space")},
        "space": written(search.space),
    }


def describe(bench: Bench, out: Path) -> None:
    """Write search.json, unless it is there: the settings, and where it all comes from."""
    remove_leftovers(out / "search.json")
    if (out / "search.json").exists():
        return
    material = bench.material
    write_json(
        out / "search.json",
        {
            "settings": {
                **fixed_settings(bench.search),
                "heldout_is": heldout_is(bench.search.grid()),
            },
            "usual": asdict(usual(bench.search.space)),
            "rows": {
                "train": len(material.train),
                "validation": len(material.validation),
                "heldout": len(material.heldout),
            },
            "left_out": material.left_out,
            "provenance": grid_provenance(bench.search.grid()),
        },
    )


@contextmanager
def open_study(out: Path, space: Space):
    """Optuna's study of the folder; its database is closed in the end.

    A trial that is still "running" belongs to a process that died, for the folder is locked: it is
    given up, and its setting queued again.
    """
    optuna = _optuna()
    storage = optuna.storages.RDBStorage(f"sqlite:///{(out / 'study.sqlite').resolve()}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="search",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=COMPLETE_FIRST),
        )
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(asdict(usual(space)))
        running = (optuna.trial.TrialState.RUNNING,)
        for dead in study.get_trials(deepcopy=False, states=running):
            study.tell(dead.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(
                {**dead.system_attrs.get("fixed_params", {}), **dead.params},
                user_attrs={FOLDER: folder_of(dead)},
            )
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def folder_of(trial) -> str:
    """The name of a trial's folder on a cluster: of the one that it was when it began."""
    return trial.user_attrs.get(FOLDER, f"trial{trial.number}")


def run_trials(bench: Bench, out: Path, every: float | None = None) -> Iterator[dict]:
    """The trials that are missing, as rows, beside a bar.

    With `every`, seconds between checkpoints, they are jobs of the cluster.
    """
    search = bench.search
    with open_study(out, search.space) as study:
        rows = write_trials(search, study, out)
        trials = proposals(search, study, len(rows))
        if every is None:
            ended = (try_choice(bench, study, trial) for trial in trials)
        else:
            ended = try_on_cluster(bench, study, trials, out, every)
        with bar(total=search.trials, initial=len(rows), desc="trials", unit="trial") as progress:
            for number in ended:
                rows = write_trials(search, study, out)
                progress.set_postfix_str(f"best {best_of(rows):.3f}", refresh=False)
                progress.update()
                yield next(row for row in rows if row["trial"] == number)


def proposals(search: Search, study, ended: int) -> Iterator:
    """Optuna's trials, of which `ended` are done; each is proposed when it is asked for.

    A sampler of its own for each trial: a search that was killed goes on with the very proposals that
    it would have made, and none of them twice. Trials that are still under way on a cluster count as
    bad ones, so that not all go looking at the same place.
    """
    until = time.monotonic() + 60 * search.minutes if search.minutes else float("inf")
    optuna = _optuna()
    for begun in range(ended, search.trials):
        if begun > ended and time.monotonic() >= until:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.sampler = optuna.samplers.TPESampler(
                seed=SEARCH_SEED + begun, n_startup_trials=RANDOM_FIRST, constant_liar=True
            )
        yield study.ask(distributions(search.space))


def try_choice(bench: Bench, study, trial) -> int:
    """Train one trial to its end, or to where it is stopped, and tell Optuna; returns its number."""
    started, choice = time.perf_counter(), choice_from(trial.params)
    losses = epoch_losses(bench, *begin_run(bench, choice, SEARCH_SEED))
    epoch, how = 0, ""
    while not how:
        epoch += 1
        try:
            loss = next(losses)
        except RunError:
            loss = None
        how = verdict(trial, choice, epoch, loss)
    return tell(study, trial, how, loss, time.perf_counter() - started)


def try_on_cluster(bench: Bench, study, trials: Iterator, out: Path, every: float) -> Iterator[int]:
    """`try_choice` for many trials at a time, each epoch a job; yields the numbers as they end.

    Trials that go on come before new ones: one worker does everything in the order of one process.
    """
    search, under_way, next_epochs = as_text(bench.search), {}, deque()

    def job_for(trial, epoch: int) -> Job:
        arguments = (search, choice_from(trial.params), epoch, every)
        job = job_in(out, f"trial{trial.number}", arguments, folder=folder_of(trial))
        under_way[job.name] = trial
        return job

    def jobs() -> Iterator[Job | None]:
        while True:
            if next_epochs:
                yield next_epochs.popleft()
            else:
                trial = next(trials, None)
                yield trial and job_for(trial, 1)

    for job, (loss, seconds) in run_jobs(epoch_on_cluster, jobs(), device=bench.search.device):
        _, choice, epoch, _ = job.arguments
        trial = under_way.pop(job.name)
        if how := verdict(trial, choice, epoch, loss):
            number = tell(study, trial, how, loss, seconds)
            close_job(job, out)
            yield number
        else:
            next_epochs.append(job_for(trial, epoch + 1))


def verdict(trial, choice: Choice, epoch: int, loss: float | None) -> str:
    """How the trial has ended with this loss after this epoch; "" when it goes on.

    A loss that is not finite, which is None here, is an answer too. Any other is reported to Optuna.
    """
    if loss is None:
        return "diverged"
    trial.report(loss, epoch)
    if epoch == choice.epochs:
        return "finished"
    return "pruned" if trial.should_prune() else ""


def tell(study, trial, how: str, loss: float | None, seconds: float) -> int:
    """Tell Optuna how the trial ended; from then on it is done. Returns its number."""
    trial.set_user_attr("state", how)
    trial.set_user_attr("seconds", seconds)
    if how == "finished":
        study.tell(trial, loss)
    else:
        study.tell(trial, state=_optuna().trial.TrialState.PRUNED)
    return trial.number


def write_trials(search: Search, study, out: Path) -> list[dict]:
    """The rows of all trials that came to an end, in their order, now also in trials.jsonl."""
    states = _optuna().trial.TrialState
    ended = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED))
    rows = []
    for trial in ended:
        choice = choice_from(trial.params)
        losses = [trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)]
        rows.append(
            {
                "trial": trial.number,
                "state": trial.user_attrs["state"],
                "val_response_loss": losses[-1] if losses else None,
                "lr": rate(search.model, choice),
                **asdict(choice),
                "losses": losses,
                "seconds": trial.user_attrs["seconds"],
            }
        )
    remove_leftovers(out / "trials.jsonl")
    write_jsonl(out / "trials.jsonl", rows)
    return rows


def best_of(rows: list[dict]) -> float:
    """The lowest validation loss of the trials that were finished; NaN when none was."""
    finished = [row["val_response_loss"] for row in rows if row["state"] == "finished"]
    return min(finished, default=float("nan"))


# --- the repeats ----------------------------------------------------------------------------------


def run_repeats(bench: Bench, out: Path, every: float | None = None) -> Iterator[dict]:
    """Train the winner and the usual setting again, each with the same fresh seeds; yields rows.

    When the usual setting is itself the best there is nothing to repeat. With `every`, seconds
    between checkpoints, they are jobs of the cluster.
    """
    found = load_search(out)
    best, base = found.best, found.usual
    if best["trial"] == base["trial"]:
        return
    who = {"usual": base, f"trial{best['trial']}": best}
    runs = [(name, seed) for seed in range(1, bench.search.seeds + 1) for name in who]
    missing = [(name, seed) for name, seed in runs if not repeat_path(out, name, seed).exists()]
    for name, seed in missing:
        remove_leftovers(repeat_path(out, name, seed))
    choices = {name: choice_of(row) for name, row in who.items()}
    if every is None:
        rows = (
            repeat(bench, repeat_path(out, name, seed), choices[name], name, seed)
            for name, seed in missing
        )
    else:
        rows = repeats_on_cluster(bench, out, choices, missing, every)
    yield from bar(rows, total=len(missing), desc="repeats", unit="run")


def repeat(bench: Bench, path: Path, choice: Choice, name: str, seed: int) -> dict:
    """One repeated run: its row, after its losses row by row were stored."""
    started = time.perf_counter()
    losses = trained_losses(bench, choice, seed)
    return stored(path, losses, time.perf_counter() - started, name, seed)


def repeats_on_cluster(
    bench: Bench, out: Path, choices: dict, missing: list[tuple], every: float
) -> Iterator[dict]:
    """`repeat` for all the missing (name, seed), each a job; stored here, as soon as it is done."""
    runs = {repeat_path(out, name, seed).stem: (name, seed) for name, seed in missing}
    search = as_text(bench.search)
    jobs = [job_in(out, run, (search, choices[n], seed, every)) for run, (n, seed) in runs.items()]
    for job, (losses, seconds) in run_jobs(repeat_on_cluster, jobs, device=bench.search.device):
        name, seed = runs[job.name]
        row = stored(repeat_path(out, name, seed), losses, seconds, name, seed)
        close_job(job, out)
        yield row


def stored(path: Path, losses: dict, seconds: float, name: str, seed: int) -> dict:
    """The row of a repeated run, after its losses row by row were stored."""
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            seconds=seconds,
            **{f"{rows}_nll": found[:, 0].astype(np.float32) for rows, found in losses.items()},
            **{f"{rows}_tokens": found[:, 1].astype(np.uint16) for rows, found in losses.items()},
        )
    return {"run": path.stem, "setting": name, "seed": seed, "seconds": seconds}


def trained_losses(
    bench: Bench,
    choice: Choice,
    seed: int,
    *,
    folder: Path | None = None,
    every: float = CHECKPOINT_SECONDS,
) -> dict[str, np.ndarray]:
    """After training so: (rows, 2) summed response nll and tokens of "validation" and "heldout".

    With a folder, what an earlier process left there is gone on with, and a checkpoint is left there
    every so many seconds.
    """
    plan, state = begin_run(bench, choice, seed)
    steps = train(state, plan, device=bench.search.device)
    if folder:
        _, steps = gone_on(steps, state, folder, every)
    for _ in steps:
        pass
    state.model.eval()
    material = bench.material
    return {
        "validation": item_losses(state.model, material.validation.examples),
        "heldout": item_losses(state.model, material.heldout.examples),
    }


def repeat_path(out: Path, name: str, seed: int) -> Path:
    """The file with the losses of one repeated run."""
    return out / "repeats" / f"{name}-seed{seed}.npz"


def choice_of(row) -> Choice:
    """The setting of a row of the table, as plain numbers."""
    return Choice(**{k: type(default)(row[k]) for k, default in asdict(Choice()).items()})


# --- what was found -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A search folder as tables."""

    out: Path
    trials: pd.DataFrame  # one row each: its setting, how it ended, its loss after each epoch
    about: dict  # search.json

    @property
    def best(self) -> pd.Series:
        """The finished trial with the lowest validation response loss. RunError if there is none."""
        finished = self.trials[self.trials["state"] == "finished"]
        if finished.empty:
            raise RunError(
                f"{self.out}: no trial has finished yet, so there is no best one. The command that "
                "began the search goes on with it."
            )
        return finished.loc[finished["val_response_loss"].idxmin()]

    @property
    def usual(self) -> pd.Series:
        """The trial of the usual setting. RunError if it did not come to an end."""
        for _, row in self.trials.iterrows():
            if row["state"] == "finished" and choice_of(row) == choice_from(self.about["usual"]):
                return row
        raise RunError(
            f"{self.out}: the usual setting was not finished (its loss may not have stayed finite), so "
            "there is nothing to compare with. Allow smaller rates, such as lr_times=0.01..1."
        )

    @property
    def gain(self) -> float:
        """How many nats per token better the best trial looked than the usual one, in the search."""
        return float(self.usual["val_response_loss"] - self.best["val_response_loss"])

    def seeds(self) -> list[int]:
        """The fresh seeds with which both the best trial and the usual setting were repeated."""
        done = [
            {int(p.stem.rpartition("seed")[2]) for p in self.out.glob(f"repeats/{name}-seed*.npz")}
            for name in ("usual", f"trial{self.best['trial']}")
        ]
        return sorted(set.intersection(*done))

    def repeated(self, rows: str = "heldout") -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Summed response nll (S, I) of "usual" and "best" on those rows, and tokens (I,).

        rows: "heldout" or "validation". Raises RunError with fewer than 2 repeats of each.
        """
        seeds = self.seeds()
        if len(seeds) < 2:
            raise RunError(
                f"{self.out}: {len(seeds)} fresh seed{'' if len(seeds) == 1 else 's'} of both settings, "
                "an interval needs 2. The command that began the search goes on with it."
            )
        names = {"usual": "usual", "best": f"trial{self.best['trial']}"}
        loaded = {
            who: [read_losses(repeat_path(self.out, name, seed)) for seed in seeds]
            for who, name in names.items()
        }
        nll = {
            who: np.stack([run[f"{rows}_nll"].astype(float) for run in runs])
            for who, runs in loaded.items()
        }
        return nll, loaded["usual"][0][f"{rows}_tokens"].astype(float)

    def optimism(self) -> pd.DataFrame:
        """How much better the best trial is than the usual setting, measured in three WAYS.

        Columns `way words gain low high`, in nats per token, above 0: better. In the search there
        is one seed and so no interval; then come the fresh seeds, on the same validation rows and
        on held-out rows. Without repeats only the first row.
        """
        rows = [("search", "in the search: one seed, validation rows", self.gain, np.nan, np.nan)]
        seeds = len(self.seeds())
        for way, words in (
            ("validation", "the same validation rows"),
            ("heldout", "held-out rows"),
        ):
            if seeds >= 2:
                e = paired.contrast(*self.repeated(way), "usual", "best")
                told = f"{seeds} fresh seeds, {words}"
                rows.append((way, told, e.mean, e.mean - e.half, e.mean + e.half))
        return pd.DataFrame(rows, columns=["way", "words", "gain", "low", "high"])

    def words(self) -> str:
        """What was found, in a sentence or two."""
        best, tried = self.best, len(self.trials)
        if best["trial"] == self.usual["trial"]:
            return f"none of {tried} trials was better than the usual setting: keep it"
        told = f"trial {best['trial']} of {tried} was {self.gain:.3f} nats per token better in the search"
        measured = self.optimism().set_index("way")
        if "heldout" not in measured.index:
            return f"{told}; it has not been repeated, so how much of that is luck is not known"
        parts = []
        for way, where in (("validation", "the same rows"), ("heldout", "rows nobody chose on")):
            gain, low, high = measured.loc[way, ["gain", "low", "high"]]
            resolved = "" if low > 0 or high < 0 else ", not resolved"
            parts.append(f"{gain:.3f} on {where} ({low:.3f} to {high:.3f}{resolved})")
        return f"{told}; repeated with {len(self.seeds())} fresh seeds {' and '.join(parts)}"

    def command(self) -> str:
        """The command that trains a model with the best setting."""
        of, best = self.about["settings"], self.best
        how = f" --lora {best['lora']}" if best["lora"] else " --no-freeze-embeddings"
        return (
            f"course train --model {of['model']} --data {of['data']} --loss-on {of['loss_on']} "
            f"--lr {best['lr']:g} --batch-size {best['batch_size']} --epochs {best['epochs']} "
            f"--warmup {best['warmup']:g} --weight-decay {best['weight_decay']:g}{how} --out runs/best"
        )


TRIAL = row_with(  # of trials.jsonl
    trial=int, state=str, val_response_loss=NUMBER_OR_NONE, lr=NUMBER, losses=list,
    **dict.fromkeys(asdict(Choice()), NUMBER),
)  # fmt: skip


def load_search(out: str | Path) -> Found:
    """What a search folder holds so far. Raises RunError when there is no search in it."""
    out = Path(out)
    if not (out / "search.json").exists() or not (out / "trials.jsonl").exists():
        raise RunError(f"there is no search in {out}: make one with `course tune --out`.")
    trials = pd.DataFrame(read_jsonl(out / "trials.jsonl", TRIAL))
    if trials.empty:
        raise RunError(f"{out}: no trial has come to an end yet. The same command goes on.")
    trials["val_response_loss"] = trials["val_response_loss"].astype(float)
    return Found(out, trials, read_json(out / "search.json"))


def read_losses(path: Path) -> dict[str, np.ndarray]:
    """The arrays of one repeated run."""
    try:
        with open(path, "rb") as file, np.load(file) as found:
            return dict(found)
    except (OSError, ValueError, BadZipFile) as error:
        raise RunError(
            f"{path} cannot be read ({error}). Remove it, and the command that began the search "
            "makes it again."
        ) from error


def importance(found: Found, seed: int = 0) -> pd.DataFrame:
    """How much each hyperparameter has to do with being among the best trials; shares that sum to 1.

    Columns `parameter importance low high`, the greatest first. PED-ANOVA asks how differently a
    parameter is spread among the best quarter of the trials and among all; a pruned trial counts with
    the loss that it had. low to high is the middle 95 % over resamples of the trials: with twenty of
    them, wide. Raises RunError for fewer than 4 trials, or when all have the same loss.
    """
    space = read_back(found.about["settings"]["space"])
    names = [name for name, v in space.items() if isinstance(v, Range) or len(v) > 1]
    trials = found.trials.dropna(subset="val_response_loss")
    if len(trials) < 4 or trials["val_response_loss"].nunique() < 2:
        raise RunError(
            f"{found.out}: {len(trials)} trials with a loss say nothing about what matters: give "
            "more --trials, such as 20."
        )
    rng, all_trials = np.random.default_rng(seed), range(len(trials))
    draws = [rng.choice(all_trials, len(trials)) for _ in range(RESAMPLES)]
    values = trials["val_response_loss"].to_numpy()
    draws = [draw for draw in draws if len(set(values[draw])) > 1]
    shares = _importance(trials, space, names)
    resampled = pd.DataFrame([_importance(trials.iloc[d], space, names) for d in draws])
    table = pd.DataFrame(
        {
            "parameter": names,
            "importance": [shares[name] for name in names],
            "low": resampled[names].quantile(0.025).to_numpy(),
            "high": resampled[names].quantile(0.975).to_numpy(),
        }
    )
    return table.sort_values("importance", ascending=False, ignore_index=True)


def _importance(trials: pd.DataFrame, space: Space, names: list[str]) -> dict[str, float]:
    """Optuna's importances of some trials, 0 for a parameter that it leaves out."""
    optuna = _optuna()
    kinds = distributions({name: space[name] for name in names})
    study = optuna.create_study()
    for row in trials.to_dict("records"):
        params = {name: inside(row[name], space[name]) for name in names}
        value = row["val_response_loss"]
        study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Where all trials of a resample are equally good, equal shares are the answer.
        warnings.simplefilter("ignore", UserWarning)
        judge = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST)
        found = optuna.importance.get_param_importances(study, evaluator=judge)
    return {name: found.get(name, 0.0) for name in names}
