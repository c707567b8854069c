"""Many runs at a time: what a job leaves and goes on from, and a cluster that loses a worker."""

import itertools
import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from conftest import TINY, random_model

from helpers import cluster
from helpers.cli import main
from helpers.errors import RunError, SettingsError
from helpers.experiment import Grid, run_grid, runner
from helpers.files import append_jsonl, read_json, read_jsonl, write_json
from helpers.weights import save_model

SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=7)


@pytest.fixture
def grid(tmp_path, records, monkeypatch):
    """Two arms and three seeds: six runs of 36 steps."""
    monkeypatch.chdir(tmp_path)
    save_model(random_model(SMALL), tmp_path / "model")
    write_json(tmp_path / "data.json", records)
    return Grid(
        model="model",
        data="data.json",
        arms=("all", "response"),
        seeds=3,
        rows=(24,),
        epochs=(6,),
        lrs=(0.01,),
        batch_size=4,
        template="plain",
        device="cpu",
        precision="fp32",
        products="torch",
    )


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
    attempts = read_jsonl(folder / runner.ATTEMPTS)
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


def test_ray_is_missing(monkeypatch, tmp_path, capsys, grid):
    monkeypatch.setitem(sys.modules, "ray", None)
    command = ["masking", "--model", "model", "--data", "data.json", "--device", "cpu"]
    command += ["--precision", "fp32", "--seeds", "2", "--out", "out", "--cluster", "auto"]
    assert main(command) == 2
    assert "pip install -e '.[ray]'" in capsys.readouterr().err


def test_an_unseen_folder_is_named(tmp_path, monkeypatch):
    """On another machine of the cluster, where the folder of the command does not exist."""
    monkeypatch.chdir(tmp_path)
    job = cluster.Job("job 1", tmp_path / "job-1", (1,))
    with pytest.raises(RunError, match=r"job 1: .*/nowhere cannot be used on one of the cluster's"):
        cluster.attempt(double, job, str(tmp_path / "nowhere"))
    assert cluster.attempt(double, job, str(tmp_path)) == 2


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


@pytest.mark.filterwarnings("default")
def test_a_killed_worker_loses_and_repeats_nothing(two_workers, grid, tmp_path):
    alone = {row["run"]: comparable(row) for row in run_grid(grid, tmp_path / "alone")}
    out, killed = tmp_path / "out", []

    def kill_one():
        """As soon as a run is finished and another has some steps behind it, its process dies."""
        while not killed:
            time.sleep(0.02)
            rows = read_jsonl(out / "runs.jsonl") if (out / "runs.jsonl").exists() else []
            for state in sorted((out / "working").glob("*/state.json")) if len(rows) > 1 else []:
                if 5 <= int(read_json(state)["step"]) <= 24:
                    attempt = read_jsonl(state.parent / runner.ATTEMPTS)[-1]
                    os.kill(attempt["pid"], signal.SIGKILL)
                    killed.append(state.parent.name)
                    break

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    rows = list(run_grid(grid, out, cluster="auto", checkpoint_every=0))
    killer.join(10)
    assert len(killed) == 1

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
