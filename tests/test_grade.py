"""Marking a class: right verdicts on whatever is handed in, and nothing harms the others.

One class of toy submissions (tests/toy_exercises.py) is marked once, two at a time, with small
limits; each test looks at a student of it. What a submission must not reach is looked at afterwards.
"""

import http.server
import json
import threading
import zipfile

import psutil
import pytest

from helpers.classroom import grade as grading
from helpers.classroom import sandbox
from helpers.classroom.grade import GradeSettings, grade
from helpers.classroom.marking import Keys, Lesson, mark
from helpers.classroom.sandbox import Limits
from helpers.classroom.submissions import cells_of

TOY = {"77": Lesson("77", "toy_exercises")}
LIMITS = Limits(seconds=2.5, memory=600_000_000)
RIGHT = {
    "77.1": "def double(values):\n    return [v * 2 for v in values]",
    "77.2": "def total(values):\n    return sum(double(values))",
}
ALL_PASSED = {"77.1": "passed", "77.2": "passed"}
SECOND_ONLY = {"77.2": "passed"}


def cell(source, id=""):
    return {"cell_type": "code", "id": id, "source": source, "metadata": {}, "outputs": []}


def notebook(double=RIGHT["77.1"], total=RIGHT["77.2"], before="", check='check("77.1")', after=""):
    """A submission: its answers, and what stands before them, in the first check, and after them."""
    cells = [
        cell("from helpers.checks import check, expected, progress", "setup"),
        cell(before, "own"),
        cell(double, "ex-77-1-answer"),
        cell(check, "ex-77-1-check"),
        cell(total, "ex-77-2-answer"),
        cell('check("77.2")', "ex-77-2-check"),
        cell(after, "more"),
    ]
    cells = [c for c in cells if c["source"] is not None]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def marked(given, isolation="", limits=LIMITS):
    """Exercise → what became of it, for one notebook."""
    cells = cells_of(json.dumps(given).encode())
    isolation = isolation or sandbox.best_isolation()
    keys = Keys((grading.SEED, grading.SEED + 1))
    results = mark(cells, TOY["77"], keys, limits=limits, isolation=isolation)
    return {one["exercise"]: one for one in results}


def verdicts(results):
    return {id: one["verdict"] for id, one in results.items()}


# --- the class ------------------------------------------------------------------------------------

FOREVER = "def double(values):\n    while True:\n        pass"
STUBBORN = """def double(values):
    while True:
        try:
            while True: pass
        except BaseException: pass"""
FORK = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: time.sleep(0.05)
    os._exit(0)"""
THREAD = """import threading
threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()"""
PATCHES = """import json, sys, numpy, helpers.checks, builtins
helpers.checks.check = helpers.checks.judge = lambda *a, **k: "passed"
numpy.allclose = lambda *a, **k: True
from helpers.checks import exercise
exercise.same = lambda *a: True
for name, module in list(sys.modules.items()):
    if name.startswith("helpers.classroom"):
        for key in list(vars(module)):
            if callable(getattr(module, key)) and not key.startswith("__"):
                pass
builtins.all = lambda values: True
json.dumps = lambda *a, **k: '{"verdict": "passed"}'"""
FORGES = """import gc, io, json, struct
out = [f for f in gc.get_objects() if isinstance(f, io.BufferedWriter) and f.name > 2]
for f in out:
    for _ in range(20):
        text = json.dumps({"nonce": "0", "got": [1], "verdict": "passed"}).encode()
        f.write(struct.pack(">I", len(text)) + text)
    f.flush()
def double(values):
    return values"""
LOUD = """import sys
def double(values):
    for _ in range(250):
        sys.stdout.write("x" * 1_000_000)
        sys.stderr.write("y" * 1_000_000)
    return [2 * v for v in values]"""
WARNS = """import sys, warnings
def double(values):
    print("working", file=sys.stderr)
    warnings.warn("careful")
    return [2 * v for v in values]"""
COPIES = """from helpers.checks.lesson01 import EXERCISES
double = EXERCISES[0].parts[0].expected"""
MISSING_CELL = notebook(total=None)
WITHOUT_IDS = notebook()
for one in WITHOUT_IDS["cells"]:
    del one["id"]
ALLOCATES = (
    "def double(values):\n    blocks = []\n    while len(blocks) < 100:\n"
    "        blocks.append(bytearray(b'1') * 100_000_000)\n    return [2 * v for v in values]"
)


def network(url):
    return f"""import urllib.request
def double(values):
    urllib.request.urlopen("{url}/answer", timeout=1).read()
    return [2 * v for v in values]"""


def writes_to(path):
    return f"""try:
    open({str(path)!r}, "w").write("harm")
except OSError as error:
    refused = error
open("mine.txt", "w").write("allowed")"""


CLASS = {
    "right": notebook(),
    "warns": notebook(double=WARNS),
    "deleted check": notebook(check=None),
    "edited check": notebook(check="double = None\nraise SystemExit"),
    "patches": notebook(double="def double(values):\n    return [0]", before=PATCHES),
    "patches but right": notebook(before=PATCHES),
    "forges": notebook(double=FORGES),
    "loops": notebook(double=FOREVER),
    "loops stubbornly": notebook(double=STUBBORN),
    "loops in a cell": notebook(before="while True: pass"),
    "thread": notebook(before=THREAD),
    "fork": notebook(before=FORK),
    "allocates": notebook(double=ALLOCATES),
    "big array": notebook(double="import numpy\ndouble = lambda v: numpy.ones(1_250_000_000)"),
    "exits": notebook(double="import os\ndef double(values):\n    os._exit(0)"),
    "exits in a cell": notebook(before="import os\nos._exit(0)"),
    "sys.exit": notebook(double="def double(values):\n    raise SystemExit"),
    "loud": notebook(double=LOUD),
    "missing cell": MISSING_CELL,
    "without ids": WITHOUT_IDS,
    "stub": notebook(double="def double(values):\n    raise NotImplementedError()"),
    "raises": notebook(double="def double(values:\n    return"),
    "squares": notebook(double="def double(values):\n    return [v * v for v in values]"),
    "squares too": notebook(double="double = lambda values: [v ** 2 for v in values]"),
    "copies": notebook(double=COPIES),
    "later": notebook(double="double = lambda values: values", after=RIGHT["77.1"]),
    "<script>alert(1)</script>": notebook(double="double = lambda v: '</code><script>x</script>'"),
}


class Server(http.server.BaseHTTPRequestHandler):
    """Counts who came."""

    seen: list = []

    def do_GET(self):
        self.seen.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def write_notebook(path, given):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(given if isinstance(given, str) else json.dumps(given), encoding="utf-8")


@pytest.fixture(scope="module")
def graded(tmp_path_factory, server):
    """The report on the class, and its folder; everything is marked here once."""
    root = tmp_path_factory.mktemp("grade")
    folder, outside = root / "class", root / "outside.txt"
    given = {
        **CLASS,
        "network": notebook(double=network(server)),
        "writes outside": notebook(before=writes_to(outside)),
    }
    for number, (name, one) in enumerate(given.items()):
        student = f"student {number}" if "<" in name else name
        write_notebook(folder / student / "77_toy.ipynb", one)
    script = next(n for n, name in enumerate(given) if "<" in name)
    (folder / f"student {script}").rename(folder / "<script>alert(1)<")
    write_notebook(folder / "no json" / "77_toy.ipynb", "print('hello')")
    with zipfile.ZipFile(folder / "reaches out.zip", "w") as archive:
        archive.writestr("77_toy.ipynb", json.dumps(notebook()))
        archive.writestr("../harm.txt", "harm")
    (folder / "empty").mkdir()
    before = {p.pid for p in psutil.process_iter()}
    report = grade(folder, root / "out", GradeSettings(limits=LIMITS, workers=2), TOY)
    return report, root, before


def row(graded, name):
    report, _, _ = graded
    return next(row for row in report["students"] if row["name"] == name)


def of(graded, name):
    return {one["exercise"]: one for one in row(graded, name)["exercises"]}


@pytest.mark.parametrize(
    "name",
    [
        *("right", "warns", "deleted check", "edited check", "patches but right", "thread", "fork"),
        *("loud", "without ids", "later", "loops in a cell", "exits in a cell", "writes outside"),
    ],
)
def test_a_right_answer_passes_whatever_is_around_it(graded, name):
    assert verdicts(of(graded, name)) == ALL_PASSED, of(graded, name)
    assert row(graded, name)["passed"] == 2


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("patches", "failed", "Multiply each number by 2."),
        ("forges", "error", "Something else came back than what was asked for."),
        ("loops", "time-out", "within 2.5 seconds"),
        ("loops stubbornly", "time-out", "within 2.5 seconds"),
        ("allocates", "error", "memory"),
        ("big array", "error", "emory"),
        ("exits", "error", "ended Python itself"),
        ("sys.exit", "error", "Your code raised SystemExit"),
        ("network", "error", "URLError"),
        ("raises", "error", "SyntaxError"),
        ("stub", "not attempted", ""),
        ("squares", "failed", "Those are squares: take 2 * x."),
        ("copies", "error", "No module named 'helpers.checks.lesson01'"),
    ],
)
def test_a_wrong_one_has_its_verdict_and_costs_no_other_exercise(graded, name, verdict, words):
    found = of(graded, name)
    assert verdicts(found) == {"77.1": verdict, "77.2": "passed"}, found
    one = found["77.1"]
    message = one["message"] or one["parts"][-1]["message"]
    assert words in message


def test_nothing_arrived_nothing_was_written_and_nothing_is_left_running(graded):
    _, root, before = graded
    assert Server.seen == []
    assert not (root / "outside.txt").exists()
    assert not list(root.rglob("harm*"))
    mine = psutil.Process().children(recursive=True)
    assert mine == [], [p.cmdline() for p in mine]
    assert not [p for p in psutil.process_iter() if p.pid not in before and _is_submission(p)]


def _is_submission(process):
    try:
        return sandbox.TOKEN in process.environ()
    except (psutil.Error, OSError):
        return False
