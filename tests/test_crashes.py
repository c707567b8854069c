"""Crashes: kill -9, Ctrl-C, a full disk. What was finished stays, and the same command goes on.

Real processes are killed: `crash_server.py` forks one for each case. The kill points of the ordinary
suite are chosen calls (and some drawn from a fixed seed); `pytest -m large tests/test_crashes.py`
kills at 20 random moments of each command.
"""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import safetensors
import torch
from conftest import TINY, random_model
from fake_ollama import FakeOllama

from helpers import arithmetic, cli, files, lessons
from helpers.arithmetic import CLOSE, product_error
from helpers.files import read_json, read_jsonl, sha256, write_json
from helpers.weights import save_model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no fork and no kill -9")

SMALL = replace(TINY, n_layer=1, n_head=1, n_embd=7)
ON_CPU = "--device cpu"
TRAIN = (
    f"train --model model --data data.json --max-length 97 --precision fp32 --lr 0.01 {ON_CPU} "
    "--loss-on response --epochs 2 --checkpoint-every 0 --out run"
)
GENERATE = (
    f"generate --model model --data data.json --split all --max-new-tokens 5 {ON_CPU} "
    "--batch-size 4 --temperature 0.8 --out answers.json"
)
MASKING = (
    f"masking --model model --data data.json --arms all,response --seeds 2 --rows 4 --epochs 1 "
    f"--batch-size 4 --lr 0.01 --template plain --precision fp32 {ON_CPU} --out grid"
)
JUDGE = "judge responses.json --judge ollama:llama3 --out verdicts.jsonl"
CURVES = (
    f"curves --model model --data data.json --points 4,8 --seeds 2 --epochs 1 --batch-size 4 --lr 0.01 "
    f"--template plain --max-new-tokens 3 --precision fp32 {ON_CPU} --out curve"
)
AUGMENT = "augment --data data.json --writer ollama:llama3 --rows 10 --per-request 2 --out new"
RUN = "run --out out"
N = 30  # rows


# --- a server, a folder, and what must always hold -----------------------------------------------


class Server:
    """Starts command lines in processes of their own."""

    def __init__(self):
        path = Path(__file__).with_name("crash_server.py")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COURSE_PROGRESS": "off"}
        self.process = subprocess.Popen(
            [sys.executable, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            cwd=path.parent.parent,
        )
        self.answer()  # everything is imported

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def start(self, line, place, **order):
        self.log = place.parent / "log.txt"
        order = {"argv": line.split(), "cwd": str(place), "log": str(self.log), **order}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.answer()["pid"]

    def end(self):
        """Exit status (negative: the signal that ended it) and everything that was printed."""
        return self.answer()["status"], self.log.read_text(encoding="utf-8")

    def run(self, line, place, **order):
        self.start(line, place, **order)
        return self.end()

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def template_place(tmp_path_factory):
    place = tmp_path_factory.mktemp("template")
    save_model(random_model(SMALL), place / "model")
    rows = [
        {"instruction": f"Add {n}.", "input": "", "output": f"It is {n}." + " Yes." * (n % 4)}
        for n in range(N)
    ]
    write_json(place / "data.json", rows)
    write_json(place / "responses.json", [{**r, "model_response": r["output"]} for r in rows])
    return place


@pytest.fixture
def make_place(template_place, tmp_path):
    """Another folder with the model and the data, each time it is called."""
    made = []

    def make():
        place = tmp_path / f"{len(made)}" / "place"
        place.mkdir(parents=True)
        (place / "model").symlink_to(template_place / "model")
        for name in ("data.json", "responses.json"):
            (place / name).write_bytes((template_place / name).read_bytes())
        made.append(place)
        return place

    return make


@pytest.fixture(autouse=True)
def as_in_the_server(monkeypatch):
    """Equal weights to the last bit are promised for equal numbers of threads and equal products."""
    monkeypatch.setattr(arithmetic, "onednn_is_faster", lambda: False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture(scope="module")
def uninterrupted(server, template_place, tmp_path_factory):
    """The folder after `train` and `generate` without a crash, and how often each wrote something."""
    place = tmp_path_factory.mktemp("uninterrupted") / "place"
    place.mkdir()
    (place / "model").symlink_to(template_place / "model")
    (place / "data.json").write_bytes((template_place / "data.json").read_bytes())
    calls = {}
    for line in (TRAIN, GENERATE):
        status, log = server.run(line, place, count=str(place.parent / "count.json"))
        assert status == 0, log
        calls[line] = read_json(place.parent / "count.json")
    return place, calls


def check_whole(place):
    """Every file can be read: a crash leaves the old content or the new, never half.

    A line cut off at the end of a journal is no damage: the reader leaves it out.
    """
    for path in place.rglob("*"):
        if path.is_dir() or any(part.endswith(".part") for part in path.parts):
            continue  # what a killed write leaves; `check_swept` is about that
        if path.suffix in (".jsonl", ".journal"):
            read_jsonl(path)
        elif path.suffix in (".json", ".ipynb"):
            read_json(path)
        elif path.suffix == ".npy":
            assert np.load(path).shape[1] == 2
        elif path.suffix == ".safetensors":
            with safetensors.safe_open(path, framework="pt") as file:
                assert file.keys()
        else:
            assert path.suffix in (".html", ".txt", ".flag") or path.name == ".lock", path


def check_swept(place):
    """Nothing is left of killed writes, and no journal of finished work."""
    assert not [p for p in place.rglob("*") if p.name.endswith((".part", ".journal", ".tmp"))]


def wait_until(condition):
    """Wait for something that another process does; fails when it never does."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def lines_in(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def untimed(path):
    """What every run of the same settings has in that file of rows."""
    return [{**row, "seconds": 0} for row in read_jsonl(path)]


def die(call, n, when="before"):
    chosen = {"call": call, "n": n}
    return chosen if call == "append" else {**chosen, "when": when}


def chosen_points(calls, seed, extra):
    """Kill points drawn from all there are, and those in `extra`; equal for equal seeds."""
    rng = random.Random(seed)
    every = [
        die(c, n, w) for c in calls for n in range(1, calls[c] + 1) for w in ("before", "after")
    ]
    return [*extra, *rng.sample(every, 2)]


# --- train ---------------------------------------------------------------------------------------


def go_on(line, place):
    """The command that goes on after a crash, as its message says."""
    return f"{line} --resume" if (place / "run" / "settings.json").exists() else line


def check_same_run(place, whole):
    assert sha256(place / "run/model.safetensors") == sha256(whole / "run/model.safetensors")
    assert untimed(place / "run/metrics.jsonl") == untimed(whole / "run/metrics.jsonl")
    names = [sorted(p.name for p in (folder / "run").iterdir()) for folder in (place, whole)]
    assert names[0] == names[1]
    check_swept(place)


def test_train_killed_at_chosen_steps_and_resumed_is_bit_identical(
    server, make_place, uninterrupted
):
    whole, calls = uninterrupted
    last = calls[TRAIN]["replace"]
    points = chosen_points(
        calls[TRAIN],
        seed=1,
        extra=[
            die("replace", 1),  # settings.json not yet there
            die("fsync", 3),  # the first record not yet there
            die("append", 4),  # half a line in the journal
            die("replace", 5, "after"),  # right after a checkpoint
            die("fsync", calls[TRAIN]["fsync"]),  # during the final save
            die("replace", last, "after"),  # saved, the state not yet removed
        ],
    )
    for point in points:
        place = make_place()
        assert server.run(TRAIN, place, die=point)[0] == -signal.SIGKILL, point
        check_whole(place)
        status, log = server.run(go_on(TRAIN, place), place)
        assert status == 0, (point, log)
        check_same_run(place, whole)


def test_train_killed_again_and_again(server, place, uninterrupted):
    """Each time it comes four replaced files further (a step is two), and the end is the same."""
    for _ in range(20):
        status, log = server.run(go_on(TRAIN, place), place, die=die("replace", 8))
        check_whole(place)
        if status == 0:
            break
        assert status == -signal.SIGKILL, log
    else:
        raise AssertionError("it never came to its end")
    check_same_run(place, uninterrupted[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_train_ended_by_a_signal_goes_on_where_it_was(server, make_place, number):
    """Ctrl-C saves what is done (no checkpoint is due for a day); SIGTERM is like kill -9."""
    line = TRAIN.replace("--epochs 2 --checkpoint-every 0", "--epochs 400 --checkpoint-every 86400")
    place = make_place()
    pid = server.start(line, place)
    wait_until(lambda: lines_in(place / "run/metrics.jsonl") > 5)
    os.kill(pid, number)
    status, log = server.end()
    check_whole(place)
    if number == signal.SIGTERM:
        assert (status, log) == (-signal.SIGTERM, "")
        assert not (place / "run/state.safetensors").exists()
        return
    assert (status, log) == (1, "course: stopped; the same command with --resume goes on.\n")
    done = lines_in(place / "run/metrics.jsonl") - 1
    assert int(read_json(place / "run/state.json")["step"]) == done  # nothing is lost
    pid = server.start(f"{line} --resume", place)
    wait_until(lambda: lines_in(place / "run/metrics.jsonl") > done + 5)
    os.kill(pid, number)
    assert server.end() == (1, "course: stopped; the same command goes on.\n")
    steps = [record["step"] for record in read_jsonl(place / "run/metrics.jsonl")]
    assert steps == list(range(len(steps)))


# --- generate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("greedy", [False, True], ids=["sampling", "greedy"])
def test_generate_killed_and_started_again_ends_with_the_same_file(
    server, make_place, uninterrupted, greedy
):
    whole, calls = uninterrupted
    line = GENERATE.replace("0.8", "0") if greedy else GENERATE
    expected = (whole / "answers.json").read_bytes()
    if greedy:
        place = make_place()
        assert server.run(line, place)[0] == 0
        expected = (place / "answers.json").read_bytes()
    batches = -(-N // 4)
    extra = [die("append", 3), die("fsync", 5, "after"), die("replace", 2, "after")]
    for point in extra if greedy else chosen_points(calls[GENERATE], seed=2, extra=extra):
        place = make_place()
        assert server.run(line, place, die=point)[0] == -signal.SIGKILL, point
        check_whole(place)
        journal = place / "answers.json.journal"
        begun, done = journal.exists(), max(0, lines_in(journal) - 1)
        status, log = server.run(line, place, count=str(place.parent / "count.json"))
        assert status == 0, (point, log)
        assert (place / "answers.json").read_bytes() == expected, point
        if begun:  # only what was missing has been asked
            assert read_json(place.parent / "count.json")["append"] == batches - done
        check_swept(place)


@pytest.mark.parametrize(
    "change",
    [("0.8", "0.9"), ("--split all", "--split train"), ("--out", "--template plain --out")],
    ids=["temperature", "rows", "template"],
)
def test_a_journal_of_other_options_is_never_gone_on_with(server, make_place, change):
    place, fresh = make_place(), make_place()
    assert server.run(GENERATE, place, die=die("fsync", 6))[0] == -signal.SIGKILL
    for folder in (place, fresh):
        assert server.run(GENERATE.replace(*change), folder)[0] == 0
    assert (place / "answers.json").read_bytes() == (fresh / "answers.json").read_bytes()
    check_swept(place)


def test_a_journal_of_another_model_is_never_gone_on_with(server, make_place):
    place, fresh = make_place(), make_place()
    assert server.run(GENERATE, place, die=die("fsync", 6))[0] == -signal.SIGKILL
    for folder in (place, fresh):
        (folder / "model").unlink()
        save_model(random_model(SMALL, seed=9), folder / "model")
        assert server.run(GENERATE, folder)[0] == 0
    assert (place / "answers.json").read_bytes() == (fresh / "answers.json").read_bytes()


def test_generate_stopped_with_ctrl_c_goes_on(server, place):
    line = GENERATE.replace("--max-new-tokens 5", "--max-new-tokens 90").replace(
        "--batch-size 4", "--batch-size 1"
    )
    pid = server.start(line, place)
    wait_until(lambda: lines_in(place / "answers.json.journal") > 2)
    os.kill(pid, signal.SIGINT)
    assert server.end() == (1, "course: stopped; the same command goes on.\n")
    check_whole(place)
    done = lines_in(place / "answers.json.journal") - 1
    assert done < N
    assert server.run(line, place, count=str(place.parent / "count.json"))[0] == 0
    assert read_json(place.parent / "count.json")["append"] == N - done


# --- masking -------------------------------------------------------------------------------------


def runs_in(place):
    """The rows of an experiment without their times, and their files with each row's losses."""
    items = {p.name: p.read_bytes() for p in (place / "grid/items").iterdir()}
    return untimed(place / "grid/runs.jsonl"), items


@pytest.fixture(scope="module")
def experiment(server, uninterrupted):
    """The folder after `masking` without a crash."""
    place = uninterrupted[0]
    status, log = server.run(MASKING, place)
    assert status == 0, log
    return place


def test_masking_killed_and_started_again_does_the_rest_and_ends_the_same(
    server, make_place, experiment
):
    """The base model's losses and row are the 2nd replace and the 1st append; a run has one each."""
    for point, done in (
        (die("replace", 1), 0),  # grid.json not yet there
        (die("replace", 3), 1),  # within a run: trained, but its losses are not yet there
        (die("append", 3), 2),  # half a row in the journal
        (die("replace", 5, "after"), 3),  # losses there, their row not yet
        (die("fsync", 9, "after"), 4),  # between two runs
    ):
        place = make_place()
        assert server.run(MASKING, place, die=point)[0] == -signal.SIGKILL, point
        check_whole(place)
        finished = place / "grid/runs.jsonl"
        assert len(read_jsonl(finished) if finished.exists() else []) == done, point
        status, log = server.run(MASKING, place, count=str(place.parent / "count.json"))
        assert status == 0, (point, log)
        assert read_json(place.parent / "count.json")["append"] == 5 - done, point
        assert runs_in(place) == runs_in(experiment)
        check_swept(place)


def test_masking_stopped_with_ctrl_c_within_a_run_goes_on(server, place):
    line = MASKING.replace("--epochs 1", "--epochs 40")
    pid = server.start(line, place)
    wait_until(lambda: lines_in(place / "grid/runs.jsonl") == 2)  # the base model and one run
    os.kill(pid, signal.SIGINT)
    status, log = server.end()
    assert (status, log) == (1, "course: stopped; the same command goes on.\n")
    done = lines_in(place / "grid/runs.jsonl")
    assert done < 5
    assert server.run(line, place, count=str(place.parent / "count.json"))[0] == 0
    assert read_json(place.parent / "count.json")["append"] == 5 - done
    check_swept(place)


def test_masking_in_a_folder_where_another_process_is_at_work_is_refused(
    server, place, capsys, monkeypatch
):
    line = MASKING.replace("--epochs 1", "--epochs 4000")
    pid = server.start(line, place)
    wait_until(lambda: lines_in(place / "grid/runs.jsonl") == 1)
    monkeypatch.chdir(place)
    second = cli.main(line.split())
    os.kill(pid, signal.SIGKILL)
    assert server.end()[0] == -signal.SIGKILL
    said = capsys.readouterr().err
    assert (second, said.count("\n")) == (2, 1)
    assert "another process is at work on the experiment in grid" in said
    assert "wait for its end, or name another folder" in said


# --- judge ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3])
def test_judge_killed_and_started_again_asks_about_no_judged_item_again(
    server, make_place, workers
):
    line = f"{JUDGE} --workers {workers}"
    for point in (die("append", 3), die("fsync", 9, "after"), die("replace", 1)):
        place = make_place()
        with FakeOllama() as ollama:
            environment = {"OLLAMA_HOST": ollama.url}
            status, _ = server.run(line, place, die=point, environment=environment)
            assert status == -signal.SIGKILL
            check_whole(place)
            judged = lines_in(place / "verdicts.jsonl")
            ollama.requests.clear()
            status, log = server.run(line, place, environment=environment)
            assert status == 0, log
            assert len(ollama.requests) == N - judged, point
        assert [v["index"] for v in read_jsonl(place / "verdicts.jsonl")] == list(range(N))
        check_swept(place)


@pytest.mark.parametrize("workers", [1, 3])
def test_judge_stopped_with_ctrl_c_waits_for_no_reply_and_goes_on(server, place, workers):
    line = f"{JUDGE} --workers {workers}"
    with FakeOllama(faults=dict.fromkeys(range(5, 8), "stall")) as ollama:
        environment = {"OLLAMA_HOST": ollama.url}
        pid = server.start(line, place, environment=environment)
        wait_until(lambda: len(ollama.requests) >= 5 + workers)  # all workers wait for a reply
        wait_until(lambda: lines_in(place / "verdicts.jsonl") == 5)
        os.kill(pid, signal.SIGINT)
        assert server.end() == (1, "course: stopped; the same command goes on.\n")
        assert lines_in(place / "verdicts.jsonl") == 5
        check_whole(place)
        asked = len(ollama.requests)
        assert server.run(line, place, environment=environment)[0] == 0
        assert len(ollama.requests) - asked == N - 5
    assert len(read_jsonl(place / "verdicts.jsonl")) == N


# --- curves, rows from a language model ----------------------------------------------------------


def test_curves_killed_and_started_again_do_the_rest_and_end_the_same(server, make_place):
    """The untouched model's line is the 1st append, and each of the 4 runs has one."""
    places = []
    for point, done in ((None, 5), (die("append", 3), 2), (die("fsync", 4, "after"), 3)):
        place = make_place()
        if point:
            assert server.run(CURVES, place, die=point)[0] == -signal.SIGKILL, point
            check_whole(place)
            assert len(read_jsonl(place / "curve/runs.jsonl")) == done
        status, log = server.run(CURVES, place, count=str(place.parent / "count.json"))
        assert status == 0, log
        assert read_json(place.parent / "count.json")["append"] == (5 - done if point else 5)
        check_swept(place)
        places.append(place)
    runs = [untimed(place / "curve/runs.jsonl") for place in places]
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    ("line", "point", "journal"),
    [
        (TRAIN, die("replace", 8), "run/metrics.jsonl"),
        (MASKING, die("append", 3), "grid/runs.jsonl"),
        (CURVES, die("append", 3), "curve/runs.jsonl"),
    ],
    ids=["train", "masking", "curves"],
)
def test_what_goes_on_multiplies_as_it_did_when_it_began(server, make_place, line, point, journal):
    """Which library is faster is measured, and a busy machine may measure something else."""
    if product_error("onednn") > CLOSE:
        pytest.skip("on this processor oneDNN rounds float32 products to bfloat16")
    ends = {}
    for first, then in (("torch", None), ("onednn", None), ("onednn", "torch")):
        place = make_place()
        killed = {"die": point} if then else {}
        status, log = server.run(line, place, products=first, **killed)
        assert status == (-signal.SIGKILL if then else 0), log
        if then:
            status, log = server.run(go_on(line, place), place, products=then)
            assert status == 0, log
        ends[first, then] = untimed(place / journal)
    if ends["onednn", None] == ends["torch", None]:
        pytest.skip("on this processor both libraries give the same bits")
    assert ends["onednn", "torch"] == ends["onednn", None]


def test_augment_killed_and_started_again_repeats_no_request(server, make_place):
    """Each request's line is an append; the files of rows are written at the end."""
    numbers = iter(range(10_000))

    def says(body):
        ks = [next(numbers), next(numbers)]
        rows = [{"instruction": f"Say {k} of {k + 7} to x{k}.", "output": f"o{k}"} for k in ks]
        return json.dumps({"rows": rows})

    for point, done in (
        (die("append", 3), 2),  # half a line: its reply is lost, and asked for again
        (die("fsync", 4, "after"), 3),
        (die("replace", 2), 5),  # all requests made, rows.jsonl not yet there
    ):
        place = make_place()
        with FakeOllama(says=says) as ollama:
            environment = {"OLLAMA_HOST": ollama.url}
            status, log = server.run(AUGMENT, place, die=point, environment=environment)
            assert status == -signal.SIGKILL, (point, log)
            check_whole(place)
            before = read_jsonl(place / "new/journal.jsonl")
            assert len(before) == done, point
            ollama.requests.clear()
            status, log = server.run(AUGMENT, place, environment=environment)
            assert status == 0, log
            assert len(ollama.requests) == 5 - done, point
        lines = read_jsonl(place / "new/journal.jsonl")
        assert lines[:done] == before
        assert [line["request"] for line in lines] == list(range(5))
        assert len(read_jsonl(place / "new/rows.jsonl")) == 10
        check_swept(place)


# --- run -----------------------------------------------------------------------------------------

FIRST = "open('../first.txt', 'a').write('x')"
SECOND = """\
import os, pathlib, time
flag = pathlib.Path(os.environ["COURSE_RUNS"]) / "begun.flag"
if not flag.exists():
    flag.touch()
    time.sleep(600)"""


def write_lesson(path, source):
    """A notebook with a title and one cell of code."""
    title = nbformat.v4.new_markdown_cell("# A title\n\nWhat it is about.")
    notebook = nbformat.v4.new_notebook(cells=[title, nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, path)


@pytest.fixture
def two_lessons(place):
    """A folder with two tiny lessons; the second hangs when it is run for the first time."""
    folder = place / "notebooks"
    folder.mkdir()
    write_lesson(folder / "00_first.ipynb", FIRST)
    write_lesson(folder / "01_second.ipynb", SECOND)
    return {"attributes": {"helpers.lessons.NOTEBOOKS": str(folder)}}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_run_ended_within_a_lesson_goes_on_with_that_lesson(server, place, two_lessons, number):
    pid = server.start(RUN, place, **two_lessons)
    wait_until(lambda: (place / "out/runs/begun.flag").exists())
    os.kill(pid, number)
    status, log = server.end()
    if number == signal.SIGINT:
        assert status == 1
        assert log.endswith("course: stopped; the same command goes on.\n")
        assert "Traceback" not in log
    else:
        assert status == -signal.SIGKILL
    check_whole(place)
    assert not (place / "out/notebooks/01_second.ipynb").exists()

    status, log = server.run(RUN, place, **two_lessons)
    assert status == 0, log
    assert "2 of 2 lessons ran" in log
    assert (place / "first.txt").read_text() == "x"  # the first one was not repeated
    check_whole(place)
    check_swept(place)


@pytest.mark.large
def test_run_killed_at_a_write_leaves_nothing_once_it_ran_through(server, place, two_lessons):
    """The mark, the executed lessons, the lessons themselves and the site's pages are all swept."""
    write_lesson(place / "notebooks/01_second.ipynb", FIRST)  # one that does not hang
    line = f"{RUN} --write"
    count = place.parent / "count.json"
    assert server.run(line, place, count=str(count), **two_lessons)[0] == 0
    last = read_json(count)["fsync"]
    names = []
    for n in (1, 3, 4, 9, last):
        assert server.run(line, place, die=die("fsync", n), **two_lessons)[0] == -signal.SIGKILL, n
        left = [path.name for path in place.rglob("*.part")]
        assert len(left) == 1, left  # killed within the write
        names.append(left[0].rsplit(".", 2)[0])
        status, log = server.run(line, place, **two_lessons)
        assert status == 0, log
        check_swept(place)
    mark = "..course-run.json"
    assert names == [mark, ".00_first.ipynb", mark, ".00_first.html", ".index.html"]


@pytest.mark.parametrize("line", ["export model --to hf --out hf", "report answers"])
def test_pages_and_exports_killed_at_a_write_are_made_by_the_same_command(server, place, line):
    (place / "answers").mkdir()
    shutil.copy(place / "responses.json", place / "answers")
    count = place.parent / "count.json"
    assert server.run(line, place, count=str(count))[0] == 0
    whole = {path: path.stat().st_size for path in place.rglob("*") if path.is_file()}
    for n in (1, read_json(count)["fsync"]):
        shutil.rmtree(place / "hf", ignore_errors=True)
        assert server.run(line, place, die=die("fsync", n))[0] == -signal.SIGKILL, n
        assert not (place / "hf").exists(), "half an export"
        assert list(place.rglob(".*.part"))
        status, log = server.run(line, place)
        assert status == 0, log
        check_swept(place)
        assert {p: p.stat().st_size for p in place.rglob("*") if p.is_file()} == whole


def mark(place, monkeypatch, **changes):
    """The lessons that would be kept after an interruption of these two."""
    folder = place / "notebooks"
    monkeypatch.setattr(lessons, "NOTEBOOKS", folder)
    settings = lessons.Settings.quick()
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["course"] = {"stamp": lessons.stamp(notebook, settings)}
        (place / "out/notebooks").mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, place / "out/notebooks" / path.name)
    names = ("00_first", "01_second")
    write_json(place / "out/runs/made.json", 1)
    content = {
        "finished": False,
        "key": lessons.run_key(settings),
        "lessons": {name: {"seconds": 1.0, "files": ["made.json"]} for name in names},
    }
    write_json(place / "out/runs" / lessons.MARK, {**content, **changes})
    kept = lessons.lessons_to_keep(lessons.find_lessons(), place / "out", settings)
    return list(kept)


def test_lessons_are_kept_only_after_an_interruption_and_only_unchanged(
    place, two_lessons, monkeypatch
):
    assert mark(place, monkeypatch) == ["00_first", "01_second"]
    assert mark(place, monkeypatch, finished=True) == []
    assert mark(place, monkeypatch, key="other code or settings") == []
    second = {"01_second": {"seconds": 1.0, "files": []}}
    assert mark(place, monkeypatch, lessons=second) == []  # the first one failed or never ended
    gone = {"seconds": 1.0, "files": ["made.json", "gone.json"]}
    assert mark(place, monkeypatch, lessons={"00_first": gone}) == []


def test_what_a_killed_write_of_the_mark_leaves_makes_no_folder_somebody_elses(place):
    (place / "out/runs" / f".{lessons.MARK}.abcd1234.part").mkdir(parents=True)
    (place / "out/runs" / f".{lessons.MARK}.abcd1234.part" / lessons.MARK).touch()
    lessons.check_out(place / "out")
    (place / "out/runs/mine.json").touch()
    with pytest.raises(lessons.RunError, match="did not make"):
        lessons.check_out(place / "out")


def test_single_lessons_can_be_run_again_and_again_in_a_folder_of_ones_own(
    place, two_lessons, monkeypatch
):
    monkeypatch.setattr(lessons, "NOTEBOOKS", place / "notebooks")

    def made(path, target, settings, runs):
        write_json(runs / "made.json", 1)
        return lessons.LessonResult(path.stem, True, 1.0)

    monkeypatch.setattr(lessons, "execute", made)
    settings = lessons.Settings.quick()
    for _ in range(2):
        assert [r.ok for r in lessons.run_lessons(settings, only="00", out=place / "out")] == [True]
    found = lessons.find_lessons()
    assert (
        lessons.lessons_to_keep(found, place / "out", settings) == {}
    )  # all is run when all is asked


def test_a_lesson_that_was_edited_since_is_not_kept(place, two_lessons, monkeypatch):
    mark(place, monkeypatch)
    path = place / "notebooks/01_second.ipynb"
    path.write_text(path.read_text().replace("600", "1"))
    found = lessons.find_lessons()
    kept = lessons.lessons_to_keep(found, place / "out", lessons.Settings.quick())
    assert list(kept) == ["00_first"]


# --- a full disk ---------------------------------------------------------------------------------


def in_place(line, place, monkeypatch):
    """Exit status of a command typed in that folder, in this process."""
    monkeypatch.chdir(place)
    return cli.main(line.split())


def snapshot(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def full_disk(monkeypatch, name, nth):
    """From the n-th call on, that function of `os` finds the disk full."""
    real, calls = getattr(os, name), []

    def call(*args):
        calls.append(args)
        if len(calls) >= nth:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args)

    monkeypatch.setattr(os, name, call)


FULL = "the disk is full"


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 20])
def test_a_full_disk_at_any_write_of_train(place, uninterrupted, monkeypatch, capsys, name, nth):
    with monkeypatch.context() as patch:
        full_disk(patch, name, nth)
        assert in_place(TRAIN, place, patch) == 2
    err = capsys.readouterr().err
    assert FULL in err
    assert "cannot write run/" in err
    assert " free there). What was there before is unchanged. Free some space" in err
    assert err.count("\n") == 1
    check_whole(place)
    check_swept(place)
    assert in_place(go_on(TRAIN, place), place, monkeypatch) == 0
    check_same_run(place, uninterrupted[0])


def test_a_full_disk_keeps_the_answers_and_verdicts_that_were_there(place, monkeypatch, capsys):
    judge = "judge answers.json"
    assert in_place(GENERATE, place, monkeypatch) == 0
    assert in_place(judge, place, monkeypatch) == 0
    before = snapshot(place)
    (place / "answers.json").write_text(json.dumps(read_json(place / "answers.json")[:20]))
    with monkeypatch.context() as patch:
        full_disk(patch, "fsync", 1)
        assert in_place(GENERATE, place, patch) == 2
        assert FULL in capsys.readouterr().err
    assert len(read_json(place / "answers.json")) == 20
    assert (place / "verdicts.jsonl").read_bytes() == before[place / "verdicts.jsonl"]
    check_whole(place)

    assert in_place(GENERATE, place, monkeypatch) == 0
    with monkeypatch.context() as patch:
        full_disk(patch, "fsync", 1)
        assert in_place(judge, place, patch) == 2
        assert "cannot write verdicts.jsonl" in capsys.readouterr().err
    assert snapshot(place) == before


@pytest.mark.parametrize(
    ("line", "size", "path"),
    [
        (TRAIN.replace("--checkpoint-every 0", ""), 1_200, "run/metrics.jsonl"),
        (TRAIN, 1_000_000, "run/state.safetensors"),
        (TRAIN.replace("--checkpoint-every 0", ""), 1_000_000, "run/model.safetensors"),
        (GENERATE, 700, "answers.json.journal"),
        (GENERATE, 3_000, "answers.json"),
        ("judge responses.json", 700, "verdicts.jsonl"),
    ],
)
def test_a_file_that_may_grow_no_further(server, place, line, size, path):
    """The system's own limit, met in the middle of a write; half a line is taken back."""
    status, log = server.run(line, place, file_size=size)
    assert status == 2, log
    assert log.count("\n") == 1
    assert f"course: cannot write {path}: file too large" in log
    check_whole(place)
    if path.endswith(("l", "journal")):
        assert (place / path).read_bytes().endswith(b"\n")
    status, log = server.run(go_on(line, place), place)
    assert status == 0, log
    check_swept(place)


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True
        )
        if sys.platform == "linux"
        else None
    )
    if mounted is None or mounted.returncode:
        pytest.skip("no small disk can be mounted here (that takes Linux and the right to mount)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk(server, place, small_disk):
    """Room for the model (1.4 MB) but not for a checkpoint (4.2 MB): the last one stays whole."""
    line = TRAIN.replace("--out run", f"--out {small_disk}/run")
    status, log = server.run(line, place)
    assert status == 2
    assert f"cannot write {small_disk}/run/state.safetensors: {FULL} (" in log
    assert " MB free there)" in log
    check_whole(small_disk)
    check_swept(small_disk)
    line = f"{line} --resume".replace("--checkpoint-every 0", "")
    assert server.run(line, place)[0] == 0
    assert (small_disk / "run/model.safetensors").exists()


def test_a_line_that_could_not_be_appended_is_taken_back(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    files.append_jsonl(path, {"step": 1})
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        full_disk(patch, "fsync", 1)
        with pytest.raises(files.CourseError, match=FULL):
            files.append_jsonl(path, {"step": 2})
    assert path.read_bytes() == before


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited with Linux's RLIMIT_AS")
def test_memory_that_really_runs_out(server, place):
    """All rows in one step: their logits alone take more than the 100 MB there are."""
    line = TRAIN.replace("response --epochs 2", "all --epochs 1 --batch-size 25")
    status, log = server.run(line, place, memory=100_000_000)
    assert status == 2, log
    assert log.startswith("course: out of memory: lower --batch-size (now 25)")
    assert log.count("\n") == 1
    check_whole(place)


# --- random moments ------------------------------------------------------------------------------


def kill_at_random(server, line, place, rng, longest, **order):
    """Start a command again and again and kill it, 20 times, then let it end."""
    for _ in range(20):
        pid = server.start(go_on(line, place) if line.startswith("train") else line, place, **order)
        time.sleep(rng.uniform(0, longest))
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)
        status, log = server.end()
        assert status in (0, -signal.SIGKILL), log
        check_whole(place)
        if status == 0:
            return
    status, log = server.run(
        go_on(line, place) if line.startswith("train") else line, place, **order
    )
    assert status == 0, log


@pytest.mark.large
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_moments(server, place, uninterrupted, two_lessons, seed):
    rng = random.Random(seed)
    whole, _ = uninterrupted
    kill_at_random(server, TRAIN, place, rng, 0.6)
    check_same_run(place, whole)
    kill_at_random(server, GENERATE, place, rng, 0.4)
    assert (place / "answers.json").read_bytes() == (whole / "answers.json").read_bytes()
    with FakeOllama() as ollama:
        kill_at_random(server, JUDGE, place, rng, 0.3, environment={"OLLAMA_HOST": ollama.url})
        verdicts = read_jsonl(place / "verdicts.jsonl")
        assert [v["index"] for v in verdicts] == list(range(N))
        assert len(ollama.requests) <= N + 20  # one a kill may have been on its way
    check_swept(place)
    (place / "out/runs").mkdir(parents=True)
    write_lesson(place / "notebooks/01_second.ipynb", FIRST)  # one that does not hang
    kill_at_random(server, RUN, place, rng, 4.0, **two_lessons)
    check_swept(place / "out")
