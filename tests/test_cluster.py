"""Many runs at a time: what a job leaves and goes on from, and a cluster that loses a worker."""

import contextlib
import itertools
import json
import os
import signal
import sys
import threading
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import HERE, small_files

from helpers import cluster, tune
from helpers.cli import main
from helpers.curves import Curve, run_curve
from helpers.curves import runner as curve_runner
from helpers.errors import CourseError, RunError, SettingsError
from helpers.experiment import Grid, run_grid, runner
from helpers.files import append_jsonl, read_json, read_jsonl
from helpers.tune import Search, run_search


@pytest.fixture
def grid(tmp_path, records, monkeypatch):
    """Two arms and three seeds: six runs of 36 steps."""
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path, records)
    arms = ("all", "response")
    return Grid(arms=arms, seeds=3, rows=(24,), epochs=(6,), lrs=(0.01,), batch_size=4, **HERE)


@pytest.fixture
def search(grid):
    """Trials of two or three epochs of two steps, then both settings again with two seeds."""
    pytest.importorskip("optuna", reason="optuna is not installed: make setup")
    space = {"batch_size": (4,), "epochs": (2, 3), "lora": (0, 2)}
    return Search(rows=8, trials=5, seeds=2, layout="padded", space=space, **HERE)


@pytest.fixture
def curve(grid):
    """Two points, two seeds: four runs of two or four steps."""
    training = {"epochs": 1, "lr": 0.01, "batch_size": 4, "layout": "packed"}
    return Curve(points=(8, 16), seeds=2, max_new_tokens=2, **training, **HERE)


@pytest.fixture
def one_worker(monkeypatch):
    """This process in place of a cluster: one job at a time, until there is none to begin."""

    def run_jobs(work, jobs, *, device):
        for job in itertools.takewhile(bool, jobs):
            yield job, cluster.attempt(work, job, os.getcwd())

    for module in (tune, curve_runner):
        monkeypatch.setattr(module, "run_jobs", run_jobs)
        monkeypatch.setattr(module, "connected", contextlib.nullcontext)


def comparable(row):
    """A row without what differs from run to run: its time."""
    return {key: value for key, value in row.items() if key != "seconds"}


# --- without a cluster ---------------------------------------------------------------------------


def test_a_job_goes_on_where_its_worker_died(grid, tmp_path, monkeypatch):
    """Killed in its 26th step; the row and every held-out loss are the same to the bit."""
    grid, folder = runner.set_up(grid.resolved()).grid, tmp_path / "working" / "one"
    cell = grid.cells()[1]
    bench = runner.bench_of(grid)
    rows, drawn = bench.material("any").subset("any", cell.rows, cell.seed)
    facts = runner.train_once(bench, cell, 0.01, rows)
    plain, plain_items = runner.measured(bench, cell, cell.run, drawn, facts)

    real, steps = runner.train, []

    def killed_in_the_26th(state, plan, **options):
        for record in real(state, plan, **options):
            steps.append(record.step)
            if len(steps) == 26:
                raise SystemExit("killed")
            yield record

    monkeypatch.setattr(runner, "train", killed_in_the_26th)
    with pytest.raises(SystemExit):
        runner.train_cell(grid, cell, 0.01, 0, folder)
    journal = folder / "metrics.jsonl"
    append_jsonl(journal, {**read_jsonl(journal)[-1], "step": 26})  # ahead of the checkpoint
    row, items = runner.train_cell(grid, cell, 0.01, 0, folder)
    assert steps == [*range(1, 27), *range(26, 37)]
    assert [line["step"] for line in read_jsonl(journal)] == list(range(1, 37))
    assert comparable(row) == comparable(plain)
    np.testing.assert_array_equal(items, plain_items)
    attempts = read_jsonl(folder / cluster.ATTEMPTS)
    assert [a["from_step"] for a in attempts] == [0, 25]
    assert attempts[0]["pid"] == os.getpid()


def test_without_the_cluster_that_began_it_the_same_command_goes_on(grid, tmp_path, monkeypatch):
    """A run that is half done in its folder is finished there by the one process that there is."""
    grid = replace(grid, seeds=2, epochs=(1,))
    whole = [comparable(row) for row in run_grid(grid, tmp_path / "whole")]
    out, real = tmp_path / "out", runner.train
    settled = runner.set_up(grid.resolved()).grid
    job = runner.job_of(settled.cells()[0], out)

    def killed(state, plan, **options):
        yield from itertools.islice(real(state, plan, **options), 4)
        raise SystemExit("killed")

    monkeypatch.setattr(runner, "train", killed)
    running = run_grid(grid, out)
    next(running)  # the base's row, after which the folder is an experiment's
    running.close()
    with pytest.raises(SystemExit):
        runner.train_cell(settled, settled.cells()[0], 0.01, 0, job.folder)
    monkeypatch.setattr(runner, "train", real)
    rows = [comparable(row) for row in run_grid(grid, out)]
    assert rows == whole[1:]
    assert not job.folder.exists()
    (line,) = read_jsonl(out / "cluster.jsonl")
    assert [attempt["from_step"] for attempt in line["attempts"]] == [0, 4]


def searched(out):
    """What a search folder holds, but for times: the trials, and the losses of every repeated run."""
    trials = [comparable(row) for row in read_jsonl(out / "trials.jsonl")]
    losses = {path.stem: tune.read_losses(path) for path in (out / "repeats").glob("*.npz")}
    return trials, {
        (run, key): list(values)
        for run, arrays in losses.items()
        for key, values in arrays.items()
        if key != "seconds"
    }


def from_steps(out):
    """Run → the steps from which processes went on with it. No run is closed twice."""
    lines = read_jsonl(out / "cluster.jsonl")
    found = {line["run"]: [a["from_step"] for a in line["attempts"]] for line in lines}
    assert len(found) == len(lines)
    return found


def test_one_worker_finds_what_one_process_finds(search, one_worker, tmp_path, monkeypatch):
    """The same proposals, losses and pruned trials, to the bit, though every epoch is a job."""
    monkeypatch.setattr(tune, "RANDOM_FIRST", 2)  # so that losses decide what is proposed
    monkeypatch.setattr(tune, "COMPLETE_FIRST", 1)
    list(run_search(search, "alone"))
    rows = list(run_search(search, "out", cluster="auto"))
    alone, found = searched(tmp_path / "alone"), searched(tmp_path / "out")
    assert found == alone
    trials, repeats = found
    assert {row["state"] for row in trials} == {"finished", "pruned"}
    begun = from_steps(tmp_path / "out")
    assert set(begun) == {f"trial{n}" for n in range(5)} | {run for run, _ in repeats}
    for row in trials:
        assert begun[f"trial{row['trial']}"] == [2 * epoch for epoch in range(len(row["losses"]))]
    assert len(rows) == len(begun)
    assert not any((tmp_path / "out" / "working").iterdir())
    assert list(run_search(search, "out", cluster="auto")) == []


@pytest.mark.parametrize("again", ["auto", ""])
def test_a_search_that_is_stopped_goes_on_with_the_trial_that_was_under_way(
    search, one_worker, tmp_path, monkeypatch, again
):
    """On a cluster after the epochs that it has had; one process begins the trial anew."""
    search = replace(search, seeds=0, trials=3, space={**search.space, "epochs": (3,)})
    out, real = tmp_path / "out", tune.verdict

    def ctrl_c(trial, choice, epoch, loss):
        if (trial.number, epoch) == (1, 2):
            raise KeyboardInterrupt
        return real(trial, choice, epoch, loss)

    monkeypatch.setattr(tune, "verdict", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        list(run_search(search, out, cluster="auto"))
    assert len(read_jsonl(out / "trials.jsonl")) == 1
    monkeypatch.setattr(tune, "verdict", real)
    assert len(list(run_search(search, out, cluster=again))) == 2
    list(run_search(search, "whole"))
    one, other = searched(out)[0], searched(tmp_path / "whole")[0]
    assert [{**row, "trial": n} for n, row in enumerate(one)] == other
    if again:  # of the first two epochs it asks again, and trains the third
        assert from_steps(out)["trial2"] == [0, 2, 4, 4, 4]
    else:
        assert not (out / "working").exists()


def test_a_loss_that_is_not_finite_ends_a_trial_and_no_search(
    search, one_worker, tmp_path, monkeypatch
):
    real = tune.train

    def train(state, plan, **options):
        for record in real(state, plan, **options):
            if record.step == 4:
                raise RunError("the loss of step 4 is nan")
            yield record

    monkeypatch.setattr(tune, "train", train)
    rows = list(run_search(replace(search, seeds=0, trials=2), "out", cluster="auto"))
    assert [(row["state"], len(row["losses"])) for row in rows] == [("diverged", 1)] * 2


def test_a_curve_of_one_worker_and_one_that_was_half_done(curve, one_worker, tmp_path, monkeypatch):
    alone = [comparable(row) for row in run_curve(curve, "alone")]
    out, real = tmp_path / "out", curve_runner.train

    def killed_in_the_second(state, plan, **options):
        yield from itertools.islice(real(state, plan, **options), 1)
        raise SystemExit("killed")

    monkeypatch.setattr(curve_runner, "train", killed_in_the_second)
    running = run_curve(curve, out, cluster="auto", checkpoint_every=0)
    next(running)  # the base's row
    with pytest.raises(SystemExit):
        next(running)
    monkeypatch.setattr(curve_runner, "train", real)
    first = next(run_curve(curve, out))  # without a cluster
    rest = [comparable(row) for row in run_curve(curve, out, cluster="auto")]
    assert [comparable(first), *rest] == alone[1:]
    begun = from_steps(out)
    assert begun.pop("8-seed1") == [0, 1]
    assert begun == {run: [0] for run in ("16-seed1", "8-seed2", "16-seed2")}


@pytest.mark.parametrize("name", ["masking", "tune", "curves"])
def test_ray_is_missing(monkeypatch, tmp_path, capsys, grid, name):
    monkeypatch.setitem(sys.modules, "ray", None)
    command = [name, "--model", "model", "--data", "data.json", "--device", "cpu"]
    command += ["--precision", "fp32", "--seeds", "2", "--out", "out", "--cluster", "auto"]
    command += {"tune": ["--rows", "8", "--try", "lora=0"], "curves": ["--points", "8"]}.get(
        name, []
    )
    assert main(command) == 2
    assert "pip install -e '.[ray]'" in capsys.readouterr().err


def test_an_unseen_folder_is_named(tmp_path, monkeypatch):
    """On another machine of the cluster, where the folder of the command does not exist."""
    monkeypatch.chdir(tmp_path)
    job = cluster.Job("job 1", tmp_path / "job-1", (1,))
    with pytest.raises(RunError, match=r"job 1: .*/nowhere cannot be used on one of the cluster's"):
        cluster.attempt(double, job, str(tmp_path / "nowhere"))
    assert cluster.attempt(double, job, str(tmp_path)) == 2


class FakeRay:
    """Ray, as far as `run_jobs` asks: one job after another, in the order in which they were sent."""

    def __init__(self, **resources):
        self.resources, self.asked, self.most = resources, [], 0

    def cluster_resources(self):
        return self.resources

    def remote(self, **options):
        self.asked.append(options)
        return lambda work: SimpleNamespace(remote=lambda *arguments: partial(work, *arguments))

    def wait(self, running, num_returns):
        self.most = max(self.most, len(running))
        return running[:1], running[1:]

    def get(self, job):
        return job()


@pytest.mark.parametrize(
    ("resources", "device", "gpus", "at_a_time"),
    [
        ({"CPU": 8.0, "GPU": 2.0}, "cuda", 1, 2),
        ({"CPU": 8.0, "GPU": 2.0}, "cuda:1", 1, 2),
        ({"CPU": 3.0, "GPU": 2.0}, "cpu", 0, 3),
        ({"CPU": 8.0}, "cuda", 1, 1),  # none yet: a machine with one may join
        ({}, "cpu", 0, 1),
    ],
)
def test_a_job_takes_a_core_and_on_cuda_a_gpu(
    tmp_path, monkeypatch, resources, device, gpus, at_a_time
):
    ray = FakeRay(**resources)
    monkeypatch.setitem(sys.modules, "ray", ray)
    done = cluster.run_jobs(double, jobs(tmp_path, 1, 2, 4, 6), device=device)
    assert [(job.name, value) for job, value in done] == [(f"job {n}", 2 * n) for n in (1, 2, 4, 6)]
    assert ray.asked == [{"num_cpus": 1, "num_gpus": gpus, "max_retries": cluster.RETRIES}]
    assert ray.most == at_a_time


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "somewhere", "a:b"])
def test_an_address_where_nobody_answers_is_refused_at_once(address):
    with pytest.raises(SettingsError, match=f"no Ray cluster answers at '{address}'.*start --head"):
        cluster.check_answer(address)


# --- with one ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_workers():
    """A cluster of two workers on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is an extra: pip install -e '.[ray]'")
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=2, **quiet)
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers know no tests
        yield ray
        ray.shutdown()


def double(number, folder):
    """A job that writes down that it began, and dies the first time it is given 3."""
    append_jsonl(folder / "began.jsonl", number)
    if number == 3 and len(read_jsonl(folder / "began.jsonl")) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        raise SettingsError("five is right out: give another number.")
    return 2 * number


def jobs(folder, *numbers):
    return [cluster.Job(f"job {n}", folder / f"job-{n}", (n,)) for n in numbers]


@pytest.mark.filterwarnings("default")
def test_jobs_of_any_kind(two_workers, tmp_path):
    found = dict(cluster.run_jobs(double, jobs(tmp_path, 1, 2, 3, 4)))
    assert {job.name: result for job, result in found.items()} == {
        "job 1": 2,
        "job 2": 4,
        "job 3": 6,
        "job 4": 8,
    }
    began = [len(read_jsonl(job.folder / "began.jsonl")) for job in jobs(tmp_path, 1, 2, 3, 4)]
    assert began == [1, 1, 2, 1]
    with pytest.raises(SettingsError, match="^five is right out"):
        list(cluster.run_jobs(double, jobs(tmp_path, 5)))


@pytest.mark.filterwarnings("default")
def test_jobs_are_asked_for_one_by_one(two_workers, tmp_path):
    """A search decides on the next trial by what came out so far."""
    asked, known = [], []

    def as_they_come():
        for job in jobs(tmp_path, 10, 20, 30, 40):
            asked.append(len(known))
            yield job

    for _, result in cluster.run_jobs(double, as_they_come()):
        known.append(result)
    assert asked == [0, 0, 1, 2]


@contextlib.contextmanager
def one_killed(journal, finished, in_the_middle):
    """A list, afterwards with the name of the run whose process died while the block ran.

    It dies when so many lines are in the journal and its checkpoint is of a step in the middle: it is
    held before that is looked at, so that it cannot have gone on to something else.
    """
    killed, over = [], threading.Event()

    def kill_one():
        while not killed and not over.wait(0.01):
            with contextlib.suppress(CourseError, ProcessLookupError):  # a run that ends meanwhile
                enough = journal.exists() and len(read_jsonl(journal)) >= finished
                for state in (journal.parent / "working").glob("*/state.json") if enough else ():
                    attempts = read_jsonl(state.parent / cluster.ATTEMPTS)
                    os.kill(attempts[-1]["pid"], signal.SIGSTOP)
                    try:
                        held = read_jsonl(state.parent / cluster.ATTEMPTS) == attempts
                        if held and in_the_middle(int(read_json(state)["step"])):
                            os.kill(attempts[-1]["pid"], signal.SIGKILL)
                            killed.append(state.parent.name)
                            return
                    finally:
                        os.kill(attempts[-1]["pid"], signal.SIGCONT)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    yield killed
    over.set()
    killer.join(10)
    assert len(killed) == 1


@pytest.mark.filterwarnings("default")
def test_a_killed_worker_loses_and_repeats_nothing(two_workers, grid, tmp_path):
    alone = {row["run"]: comparable(row) for row in run_grid(grid, tmp_path / "alone")}
    out = tmp_path / "out"
    with one_killed(out / "runs.jsonl", 2, lambda step: 5 <= step <= 24) as killed:
        rows = list(run_grid(grid, out, cluster="auto", checkpoint_every=0))

    assert len(rows) == len(alone) == 7  # the base and six runs, none twice
    stored = read_jsonl(out / "runs.jsonl")
    assert {row["run"]: comparable(row) for row in stored} == alone
    assert len(stored) == 7
    attempts = {line["run"]: line["attempts"] for line in read_jsonl(out / "cluster.jsonl")}
    assert set(attempts) == set(alone) - {"base"}
    for run, tries in attempts.items():
        assert len(tries) == (2 if run in killed else 1), run
        assert tries[0]["from_step"] == 0
    assert attempts[killed[0]][1]["from_step"] >= 5  # it went on, and did not begin again
    assert attempts[killed[0]][1]["pid"] != attempts[killed[0]][0]["pid"]
    assert not any((out / "working").iterdir())
    assert list(run_grid(grid, out, cluster="auto")) == []  # nothing is left to do


@pytest.mark.filterwarnings("default")
def test_a_search_whose_worker_is_killed_loses_and_repeats_nothing(two_workers, search, tmp_path):
    """Among the first trials, which are drawn at random, the order in which they end decides nothing."""
    search = replace(search, rows=24, space={**search.space, "epochs": (5, 6)})
    list(run_search(search, "alone"))
    out = tmp_path / "out"
    with one_killed(out / "trials.jsonl", 1, lambda step: step % 6 in (1, 2, 3)) as killed:
        rows = list(run_search(search, out, cluster="auto", checkpoint_every=0))

    found = trials, repeats = searched(out)
    assert found == searched(tmp_path / "alone")
    begun = from_steps(out)
    assert len(rows) == len(begun) == len(trials) + len({run for run, _ in repeats})
    for row in trials:
        run = f"trial{row['trial']}"
        extra = [step for step in begun[run] if step % 6]
        assert len(extra) == (run in killed)  # it went on within the epoch, under its own number
        assert [s for s in begun[run] if s % 6 == 0] == [6 * e for e in range(len(row["losses"]))]
    assert not any((out / "working").iterdir())
    assert list(run_search(search, out, cluster="auto")) == []  # nothing is left to do


@pytest.mark.filterwarnings("default")
def test_a_curve_on_a_cluster(two_workers, curve, tmp_path):
    alone = {row["run"]: comparable(row) for row in run_curve(curve, "alone")}
    rows = list(run_curve(curve, "out", cluster="auto"))
    assert {row["run"]: comparable(row) for row in rows} == alone
    assert len(read_jsonl(tmp_path / "out" / "runs.jsonl")) == len(rows) == 5
    assert from_steps(tmp_path / "out") == {run: [0] for run in set(alone) - {"base"}}


@pytest.mark.filterwarnings("default")
def test_the_command_line_on_a_cluster_with_a_sweep(two_workers, grid, tmp_path, capsys):
    command = ["masking", "--model", "model", "--data", "data.json", "--arms", "all,response"]
    command += ["--seeds", "2", "--rows", "8", "--epochs", "1", "--sweep", "--device", "cpu"]
    command += ["--precision", "fp32", "--template", "plain", "--out", "out", "--json"]
    assert main([*command, "--cluster", "auto"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["new_runs"] == 4
    assert len(read_jsonl(tmp_path / "out" / "sweep.jsonl")) == 10
    assert main(command) == 0  # and without a cluster all is found done
    assert json.loads(capsys.readouterr().out)["new_runs"] == 0
