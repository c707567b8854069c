"""Runs of a curve, one after another in one process, each of them only once.

`out/` holds `curve.json` (settings, provenance, what was held constant) and `runs.jsonl`: a line for
each finished run with its response loss on every validation row and the score of every test row's
answer, so that each interval can be computed again. A run that was killed begins again.

On a cluster every run is a job of its own, as in `experiment.runner`: it goes on in `working/<run>`
where a worker died. This process writes the rows, and nobody else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from helpers.arithmetic import products_by
from helpers.cluster import close_job, connected, job_in, run_jobs
from helpers.collate import Batch
from helpers.curves.plan import Curve, run_name
from helpers.curves.rows import Draw, Pool, draw, held_rows, kinds, load_pool
from helpers.errors import DataError, RunError
from helpers.experiment.grid import Cell
from helpers.experiment.measure import item_losses, per_token
from helpers.experiment.runner import visible
from helpers.files import (
    NUMBER,
    NUMBER_OR_NONE,
    alone_in,
    append_jsonl,
    check_folder,
    content_hash,
    remove_leftovers,
    repair_journal,
    row_with,
    write_json,
)
from helpers.generate import respond
from helpers.judge import ReferenceJudge
from helpers.masking import Example, make_examples
from helpers.model import GPT
from helpers.progress import bar
from helpers.runs import (
    CHECKPOINT_SECONDS,
    as_before,
    begin,
    check_files,
    check_model,
    check_settings,
    gone_on,
    keep_memory,
    provenance,
    read_about,
)
from helpers.tokenizer import load_tokenizer
from helpers.train import Plan, TrainState, train
from helpers.weights import load_model

WHAT = "a curve"
BASE = "base"  # the run that is the untouched model
FREE = ("points", "seeds")  # may grow later; all other settings decide what finished runs mean


@dataclass(frozen=True)
class Desk:
    """What all runs of a curve share."""

    curve: Curve
    pool: Pool
    model: GPT  # one for all runs, reset for each
    base: dict[str, torch.Tensor]  # its weights before any training

    def examples(self, records: list[dict], template: str) -> tuple[list[Example], list]:
        """The records as tokens, and those left out as (place, reason)."""
        return make_examples(
            records,
            self.curve.templates()[template],
            load_tokenizer(),
            max_length=self.model.config.n_positions,
        )


MEASURED = row_with(
    run=str, point=(int, str, type(None)), seed=int, rows=int, template=str, response_loss=NUMBER,
    score=NUMBER_OR_NONE, nll=list, n_tokens=list, scores=dict, stopped=dict,
)  # fmt: skip
TRAINED = row_with(steps=int, epochs=NUMBER, tokens=int, tokens_a_row=NUMBER, seconds=NUMBER)


def row_fault(row) -> str:
    """What is wrong with a line of runs.jsonl; "" if nothing is. The untouched model was not trained."""
    if fault := MEASURED(row) or (TRAINED(row) if row["run"] != BASE else ""):
        return fault
    lists = {"nll": row["nll"], "n_tokens": row["n_tokens"], "marked": row.get("marked", [])}
    for name, numbers in {**lists, **row["scores"]}.items():
        if not isinstance(numbers, list) or not all(isinstance(n, NUMBER) for n in numbers):
            return f"{name!r} is no list of numbers"
    if row["run"] == BASE:
        return ""
    if not row["seconds"] > 0:
        return f"'seconds' is {row['seconds']}"
    if row["template"] not in row["scores"].keys() & row["stopped"].keys():
        return f"no scores for its template {row['template']!r}"
    return ""


def run_curve(
    curve: Curve,
    out: str | Path,
    *,
    cluster: str = "",
    checkpoint_every: float = CHECKPOINT_SECONDS,
) -> Iterator[dict]:
    """Train and measure every run of the curve that `out` does not hold yet; yields its rows.

    The untouched model's row (run "base") comes first. Nothing that is finished is done again; a
    later call may add points and seeds. `cluster` ("auto" or the address of a Ray cluster) trains
    many at a time, in the order in which they end; of a run whose worker dies, `checkpoint_every`
    seconds of training are lost at most. Raises RunError when `out` holds runs of other settings or
    rows, and CourseError when another process is at work there.
    """
    out = Path(out)
    before = read_about(out / "curve.json", WHAT) if (out / "curve.json").exists() else None
    curve = (as_before(curve, before["settings"]) if before else curve).resolved()
    check_folder(out)
    if out.exists() and not before and any(visible(out)):
        raise RunError(f"{out} is not empty and holds no curve: name another folder.")
    pool = load_pool(curve)
    about = description(curve, pool)
    if before:
        check_same(about, out, before)
    for point in curve.points:  # before anything is loaded or trained
        draw(curve, pool, point, 1)
    out.mkdir(parents=True, exist_ok=True)
    with alone_in(out, "curve"), connected(cluster):
        write_about(about, out)
        finished = {row["run"] for row in repair_journal(out / "runs.jsonl", row_fault)}
        desk = set_up(curve, pool)
        if BASE not in finished:
            yield base_row(desk, out)
        todo = [(p, s) for p, s in curve.runs() if run_name(p, s) not in finished]
        if cluster:
            yield from rows_of_cluster(desk, out, todo, checkpoint_every)
        else:
            yield from trained_rows(desk, out, todo)


def description(curve: Curve, pool: Pool) -> dict:
    """curve.json: the settings, how many rows there are, where it all comes from."""
    named = curve.vary not in ("rows", "clean", "template")
    return {
        "settings": asdict(curve),
        "held_rows": 0 if curve.vary == "rows" else held_rows(curve, pool),
        "kinds": kinds(curve, pool) if named else [],
        "rows": {
            **{name: len(getattr(pool, name)) for name in ("own", "more", "validation", "test")},
            "leaks_left_out": pool.leaks_left_out,
        },
        "provenance": {
            **provenance(curve.model, curve.data),
            "more_sha256": content_hash(pool.more),
        },
    }


def check_same(about: dict, out: Path, before: dict) -> None:
    """Refuse settings or rows that would change what the finished runs in `out` mean."""
    # Each run answers in all formats that there were: one more would have to be asked in afterwards.
    free = FREE[1:] if about["settings"]["vary"] == "template" else FREE
    now = {key: _as_json(value) for key, value in about["settings"].items() if key not in free}
    check_settings(out, before["settings"], now, " and ".join(free))
    if before["kinds"] != about["kinds"]:
        raise RunError(
            f"{out} holds runs that draw from other values of {about['settings']['vary']!r}: the point "
            "with the fewest values decides which have rows enough. Name another folder."
        )
    # Further rows that nothing needed so far were not loaded either.
    both = before["rows"]["more"] and about["rows"]["more"]
    names = ("model", "data", *(["more"] if both else []))
    check_files(out, before["provenance"], about["provenance"], names, before["settings"])


def _as_json(value):
    """The value as it comes back from a JSON file: tuples are lists there."""
    if isinstance(value, (list, tuple)):
        return [_as_json(v) for v in value]
    return {k: _as_json(v) for k, v in value.items()} if isinstance(value, dict) else value


def write_about(about: dict, out: Path) -> None:
    """Write curve.json, with the points and seeds of earlier calls."""
    path = out / "curve.json"
    remove_leftovers(path)
    old = read_about(path, WHAT) if path.exists() else {}
    settings, before = about["settings"], old.get("settings", {})
    points = list(dict.fromkeys([*before.get("points", ()), *settings["points"]]))
    if all(isinstance(point, int) for point in points):
        points.sort()
    seeds = max(before.get("seeds", 0), settings["seeds"])
    more = max(old, about, key=lambda a: a["rows"]["more"] if a else -1)
    write_json(
        path,
        {
            **about,
            "settings": {**settings, "points": points, "seeds": seeds},
            "rows": more["rows"],
            "provenance": {
                **(old or about)["provenance"],
                "more_sha256": more["provenance"]["more_sha256"],
            },
        },
    )


def set_up(curve: Curve, pool: Pool) -> Desk:
    """The model, loaded once, beside the rows."""
    model = load_model(curve.model, device=curve.device)
    check_model(model, curve.model)
    base = {name: weight.clone() for name, weight in model.state_dict().items()}
    keep_memory()
    return measurable(Desk(curve, pool, model, base))


def measurable(desk: Desk) -> Desk:
    """The desk without validation rows that are too long in one of the formats, or have no answer.

    Raises DataError when fewer than 2 are left: an interval needs as many.
    """
    formats = desk.curve.points if desk.curve.vary == "template" else (desk.curve.template,)
    gone = {i for name in formats for i, _ in desk.examples(desk.pool.validation, name)[1]}
    kept = [row for i, row in enumerate(desk.pool.validation) if i not in gone]
    if len(kept) < 2 or len(desk.pool.test) < 2:
        raise DataError(
            f"{len(kept)} validation rows can be used, and there are {len(desk.pool.test)} test rows: "
            "an interval needs at least 2 of each. Add rows to the data set."
        )
    return replace(desk, pool=replace(desk.pool, validation=kept))


def base_row(desk: Desk, out: Path) -> dict:
    """The row of the untouched model, now in the journal."""
    row = {"run": BASE, "point": None, "seed": 0, "rows": 0, **measured(desk, desk.curve.template)}
    append_jsonl(out / "runs.jsonl", row)
    return row


def trained_rows(desk: Desk, out: Path, todo: list[tuple]) -> Iterator[dict]:
    """The rows of those runs (point, seed), beside a bar with runs done and time left."""
    curve = desk.curve
    total = sum(curve.steps_for(planned_rows(desk, point)) for point, _ in todo)
    with bar(total=total, unit="step", steady=True) as progress:
        for number, (point, seed) in enumerate(todo, start=1):
            words = f"run {number} of {len(todo)}: {curve.vary} {point}, seed {seed}"
            progress.set_description_str(words, refresh=False)
            job = job_in(out, run_name(point, seed))
            begun = job.folder if job.folder.exists() else None  # on a cluster that is gone
            row = one_run(desk, point, seed, progress.update, folder=begun)
            append_jsonl(out / "runs.jsonl", row)
            if begun:
                close_job(job, out)
            yield row


def rows_of_cluster(desk: Desk, out: Path, todo: list[tuple], every: float) -> Iterator[dict]:
    """As `trained_rows`, each run a job of the cluster; written down here, as soon as it is done."""
    jobs = [job_in(out, run_name(p, s), (desk.curve, p, s, every)) for p, s in todo]
    with bar(total=len(jobs), unit="run", desc="runs on the cluster", steady=True) as progress:
        for job, row in run_jobs(run_on_cluster, jobs, device=desk.curve.device):
            append_jsonl(out / "runs.jsonl", row)
            close_job(job, out)
            progress.update(1)
            yield row


@lru_cache(maxsize=1)
def desk_of(curve: Curve) -> Desk:
    """`set_up`, once for all jobs of a worker process."""
    return set_up(curve, load_pool(curve))


def run_on_cluster(curve: Curve, point: int | str, seed: int, every: float, folder: Path) -> dict:
    """`one_run` on the cluster: begun, or gone on with from its folder."""
    return one_run(desk_of(curve), point, seed, folder=folder, every=every)


def planned_rows(desk: Desk, point: int | str) -> int:
    """About how many rows a run learns from: what is put in or left out is not counted."""
    return point if desk.curve.vary == "rows" else held_rows(desk.curve, desk.pool)


def one_run(
    desk: Desk, point: int | str, seed: int, tick: Callable = lambda: None, **checkpoints
) -> dict:
    """Draw the rows, train on them, measure: one line of runs.jsonl."""
    drawn = draw(desk.curve, desk.pool, point, seed)
    template = str(point) if desk.curve.vary == "template" else desk.curve.template
    examples, dropped = desk.examples(drawn.records, template)
    if len(examples) < desk.curve.batch_size:
        raise DataError(
            f"{len(examples)} of {len(drawn.records)} rows of {desk.curve.vary} {point} can be used, "
            f"fewer than one batch of {desk.curve.batch_size}. `course data check` says why."
        )
    return {
        "run": run_name(point, seed),
        "point": point,
        "seed": seed,
        "rows": len(examples),
        "left_out": len(dropped),
        "tokens_a_row": sum(len(e.ids) for e in examples) / len(examples),
        **tuned(desk, examples, seed, tick, **checkpoints),
        **marked(drawn),
        **measured(desk, template),
    }


class FirstSteps:
    """The first `steps` steps of a plan as one epoch, however many of its own epochs they are."""

    def __init__(self, plan: Plan, steps: int):
        self.plan, self.steps_per_epoch = plan, steps

    def micro_batches(self, epoch: int, step: int) -> list[Batch]:
        """The batches of a step."""
        return self.plan.micro_batches(*divmod(step, self.plan.steps_per_epoch))


def tuned(
    desk: Desk,
    examples: list[Example],
    seed: int,
    tick: Callable[[], None],
    *,
    folder: Path | None = None,
    every: float = CHECKPOINT_SECONDS,
) -> dict:
    """Train the model afresh on the examples; returns what happened, as columns of the row.

    With a folder, what an earlier process left there is gone on with, and a checkpoint is left there
    every so many seconds.
    """
    curve, model = desk.curve, desk.model
    model.load_state_dict(desk.base)
    model.zero_grad(set_to_none=True)
    model.train()
    cell = Cell(curve.loss_on, seed, len(examples), curve.epochs, "any", curve.lr)
    plan, state = begin(curve.grid().run_settings(cell), model, examples)
    each, steps = plan.steps_per_epoch, curve.steps_for(len(examples))
    if curve.same_steps:
        plan, state = FirstSteps(plan, steps), TrainState(model, replace(state.settings, epochs=1))
    started, records = time.perf_counter(), train(state, plan, device=curve.device)
    if folder:
        _, records = gone_on(records, state, folder, every)
        started -= state.seconds  # of the processes before
    for _ in records:
        tick()
    model.eval()
    return {
        "lr": curve.lr,
        "steps": state.step,
        "epochs": steps / each,
        "tokens": state.tokens,
        "target_tokens": state.target_tokens,
        "seconds": time.perf_counter() - started,
    }


def marked(drawn: Draw) -> dict:
    """Which test rows are marked, where that means anything."""
    return {"marked": [int(mark) for mark in drawn.marked]} if drawn.marked else {}


def measured(desk: Desk, template: str) -> dict:
    """Response loss on the validation rows, and the scores of the answers to the test rows.

    `nll` and `n_tokens`: a number a validation row. `scores`: a list for each format in which was
    asked, which is the one trained with, and all of them where formats are what is varied.
    """
    curve, model = desk.curve, desk.model
    examples, _ = desk.examples(desk.pool.validation, template)
    with products_by(curve.products):
        items = item_losses(model, examples)
    asked = curve.points if curve.vary == "template" else (template,)
    scores, stopped = {}, {}
    for name in asked:
        answers = respond(
            model,
            desk.pool.test,
            curve.templates()[name],
            load_tokenizer(),
            max_new_tokens=curve.max_new_tokens,
            batch_size=32,
            desc=None,
        )
        judge = ReferenceJudge()
        scores[name] = [round(judge.score(row)[0], 2) for row in answers]
        stopped[name] = sum(row["finish_reason"] == "stop" for row in answers) / len(answers)
    return {
        "template": template,
        "response_loss": per_token(items),
        "nll": [float(f"{value:.6g}") for value in items[:, 0]],
        "n_tokens": [int(value) for value in items[:, 1]],
        "score": math.fsum(scores[template]) / len(scores[template])
        if template in scores
        else None,
        "scores": scores,
        "stopped": stopped,
    }
