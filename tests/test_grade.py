"""Marking a class: right verdicts on whatever is handed in, and nothing harms the others.

One class of toy submissions (tests/toy_exercises.py) is marked once, two at a time, with small
limits; each test looks at a student of it. What a submission must not reach is looked at afterwards.
"""

import csv
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from bs4 import BeautifulSoup

from helpers.checks.exercise import same
from helpers.checks.registry import exercises
from helpers.classroom import grade as grading
from helpers.classroom import sandbox, submissions, wire
from helpers.classroom.confine import ISOLATIONS
from helpers.classroom.grade import GradeSettings, grade
from helpers.classroom.marking import Keys, Lesson, brief, mark
from helpers.classroom.sandbox import Limits
from helpers.classroom.submissions import RefusedError, cells_of, collect
from helpers.cli import main
from helpers.errors import CourseError, SettingsError
from helpers.files import read_json
from helpers.markup import prose
from helpers.settings import COURSE

TOY = {"77": Lesson("77", "toy_exercises")}
LIMITS = Limits(seconds=4, memory=800_000_000)
RIGHT = {
    "77.1": "def double(values):\n    return [v * 2 for v in values]",
    "77.2": "def total(values):\n    return sum(double(values))",
}
ALL_PASSED = {"77.1": "passed", "77.2": "passed"}


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
    cells, _ = cells_of(json.dumps(given).encode())
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
threading.Thread(target=lambda: sum(0 for _ in iter(int, 1))).start()"""
PATCHES = """import builtins, numpy, helpers.checks
helpers.checks.check = helpers.checks.judge = lambda *a, **k: "passed"
numpy.allclose = builtins.all = lambda *a, **k: True"""
FORGES = """import gc, io, json, struct
out = [f for f in gc.get_objects() if isinstance(f, io.BufferedWriter) and type(f.name) is int]
for f in out:
    for _ in range(20):
        text = json.dumps({"nonce": "0", "got": [1], "verdict": "passed"}).encode()
        f.write(struct.pack(">I", len(text)) + text)
    f.flush()
def double(values):
    return values"""
LOUD = """import sys
def double(values, left=[250]):
    while left[0]:
        sys.stdout.write("x" * 1_000_000)
        sys.stderr.write("y" * 1_000_000)
        left[0] -= 1
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
    "Łucja Müller": notebook(),
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
    "exits": notebook(double="import os\ndef double(values):\n    os._exit(0)"),
    "exits in a cell": notebook(before="import os\nos._exit(0)"),
    "sys.exit": notebook(double="def double(values):\n    raise SystemExit"),
    "missing cell": MISSING_CELL,
    "without ids": WITHOUT_IDS,
    "stub": notebook(double="def double(values):\n    raise NotImplementedError()"),
    "odd words": notebook(double="def double(values):\n    raise ValueError('\\ud800 \\x00 🙂')"),
    "raises": notebook(double="def double(values:\n    return"),
    "squares": notebook(double="def double(values):\n    return [v * v for v in values]"),
    "squares too": notebook(double="double = lambda values: [v ** 2 for v in values]"),
    "copies": notebook(double=COPIES),
    "later": notebook(double="double = lambda values: values", after=RIGHT["77.1"]),
    "<script>alert(1)": notebook(double="double = lambda v: '</code><script>x</script>'"),
}


class Server(http.server.BaseHTTPRequestHandler):
    """Counts who came."""

    seen: ClassVar[list] = []

    def do_GET(self):
        self.seen.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


OURS: list[str] = []  # the tokens by which the processes of this module's submissions are known


@pytest.fixture(scope="module", autouse=True)
def noted_tokens():
    """Every sandbox's token is in OURS: another program may be marking on the same machine."""
    new = sandbox.secrets.token_hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox.secrets, "token_hex", lambda n: OURS.append(new(n)) or OURS[-1])
        yield


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
    for name, one in given.items():
        write_notebook(folder / name / "77_toy.ipynb", one)
    write_notebook(folder / "no json" / "77_toy.ipynb", "print('hello')")
    with zipfile.ZipFile(folder / "reaches out.zip", "w") as archive:
        archive.writestr("77_toy.ipynb", json.dumps(notebook()))
        archive.writestr("../harm.txt", "harm")
    (folder / "empty").mkdir()
    report = grade(folder, root / "out", GradeSettings(limits=LIMITS, workers=2), TOY)
    return report, root


def row(graded, name):
    report, _ = graded
    return next(row for row in report["students"] if row["name"] == name)


def of(graded, name):
    return {one["exercise"]: one for one in row(graded, name)["exercises"]}


@pytest.mark.parametrize(
    "name",
    [
        *("right", "warns", "deleted check", "edited check", "patches but right", "thread", "fork"),
        *("without ids", "later", "loops in a cell", "exits in a cell", "writes outside"),
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
        ("loops", "time-out", "within 4 seconds"),
        ("loops stubbornly", "time-out", "within 4 seconds"),
        ("exits", "error", "ended Python itself"),
        ("sys.exit", "error", "Your code raised SystemExit"),
        ("network", "error", "URLError"),
        ("raises", "error", "SyntaxError"),
        ("odd words", "error", "ValueError: ? \x00 🙂"),
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
    _, root = graded
    assert Server.seen == []
    assert not (root / "outside.txt").exists()
    assert not list(root.rglob("harm*"))
    mine = psutil.Process().children(recursive=True)
    assert mine == [], [p.cmdline() for p in mine]
    assert not left_running()


def left_running():
    """The processes of submissions that this test process has marked, not those of others'."""
    return [process for process in psutil.process_iter() if _token(process) in OURS]


def _token(process):
    try:
        return process.environ().get(sandbox.TOKEN)
    except (psutil.Error, OSError):
        return None


def test_what_is_no_notebook_is_said_and_not_dropped(graded):
    assert verdicts(of(graded, "no json")) == dict.fromkeys(ALL_PASSED, "error")
    (problem,) = row(graded, "no json")["problems"]
    assert problem.startswith("77_toy.ipynb was not marked: it is not a notebook (Expecting value")
    (problem,) = row(graded, "reaches out")["problems"]
    assert problem == "reaches out.zip was refused: '../harm.txt' in it leads out of its folder."
    (problem,) = row(graded, "empty")["problems"]
    assert problem == "Nothing was handed in: the folder is empty."
    assert [row(graded, "empty")[key] for key in ("not_attempted", "notebooks")] == [2, 0]
    assert verdicts(of(graded, "reaches out")) == dict.fromkeys(ALL_PASSED, "error")
    assert "reaches out.zip was refused" in of(graded, "reaches out")["77.1"]["message"]
    assert row(graded, "reaches out")["notebooks"] == 0


def test_what_could_not_be_read_is_nothing_that_the_class_did_not_understand(graded):
    report, root = graded
    told = json.dumps(report["class"])
    assert "not marked" not in told
    assert "refused" not in told
    page = BeautifulSoup((root / "out" / "class.html").read_text(encoding="utf-8"), "html.parser")
    for name in ("no json", "reaches out"):
        lines = [p.get_text() for p in page.select("p.notice") if p.get_text().startswith(name)]
        assert len(lines) == 1
        assert not [td for td in page.select("td") if name in td.get_text() and not td.a]


def test_pages_of_who_left_the_class_are_removed_and_nothing_else(tmp_path):
    folder, out = small_class(tmp_path / "class", 3), tmp_path / "out"
    settings = GradeSettings(limits=LIMITS, workers=1)
    grade(folder, out, settings, TOY)
    (folder / "student 2").rename(tmp_path / "elsewhere")
    write_notebook(out / "feedback" / "letter to all.html", "by the instructor")
    report = grade(folder, out, settings, TOY)
    pages = ["letter to all.html", "student 0.html", "student 1.html"]
    assert sorted(path.name for path in (out / "feedback").iterdir()) == pages
    assert report["problems"] == [
        "feedback/student 2.html was removed: nobody in the class has it any more."
    ]
    for forged in ("no json", "[1]", json.dumps({"students": [{"page": "../journal.jsonl"}]})):
        (out / "grades.json").write_text(forged)
        assert grade(folder, out, settings, TOY)["problems"] == []
        assert sorted(path.name for path in (out / "feedback").iterdir()) == pages


def test_a_broken_zip_beside_good_notebooks_costs_only_what_is_missing(tmp_path):
    write_notebook(tmp_path / "class" / "ann" / "77_toy.ipynb", notebook())
    (tmp_path / "class" / "ann" / "more.zip").write_bytes(b"no zip")
    report = grade(tmp_path / "class", tmp_path / "out", GradeSettings(limits=LIMITS), TOY)
    (ann,) = report["students"]
    assert ann["passed"] == 2
    assert ann["problems"] == ["more.zip was refused: File is not a zip file"]


def test_an_exercise_whose_cell_is_gone_is_not_attempted(graded):
    assert verdicts(of(graded, "missing cell")) == {"77.1": "passed", "77.2": "not attempted"}


NO_SEABORN = "import seaborn_of_77\nFACTOR = 2"
NOT_THERE = "ModuleNotFoundError: No module named 'seaborn_of_77'."
TIMES_FACTOR = "def double(values):\n    return [v * FACTOR for v in values]"


def said(one):
    """What a student reads of an exercise."""
    return one["message"] or one["parts"][-1]["message"]


def test_a_name_that_is_missing_is_put_down_to_the_cell_that_should_have_made_it():
    found = marked(notebook(double=TIMES_FACTOR, before=NO_SEABORN))
    assert verdicts(found) == {"77.1": "error", "77.2": "passed"}
    assert said(found["77.1"]).startswith(
        f"Look further up: an earlier cell failed: {NOT_THERE} Your code raised NameError: name "
        "'FACTOR' is not defined. It happened in line 2"
    )


def test_the_first_cell_that_failed_is_named_however_many_fail_after_it():
    default = "def double(values, factor=FACTOR):\n    return [v * factor for v in values]"
    total = "def total(values):\n    return sum(v * FACTOR for v in values)"
    found = marked(notebook(double=default, total=total, before=NO_SEABORN))
    for one in found.values():
        assert f"an earlier cell failed: {NOT_THERE} Your code raised NameError" in said(one)
        assert said(one).count("earlier cell") == 1


@pytest.mark.parametrize(
    ("before", "double"),
    [
        (NO_SEABORN, "def double(values):\n    return 1 / 0"),  # it needs no name
        ("raise NotImplementedError()", TIMES_FACTOR),  # nobody has written that cell
        ("", TIMES_FACTOR),  # no cell failed before
        ("", "def double(values, factor=FACTOR):\n    return values"),  # but this one
    ],
)
def test_an_earlier_cell_is_not_named_where_it_explains_nothing(before, double):
    found = marked(notebook(double=double, before=before))
    assert said(found["77.1"]).startswith("Your code raised ")


def test_what_an_earlier_cell_says_is_cut_and_the_own_error_is_still_there():
    before = "raise ValueError('\\ud800' + 5_000_000 * 'x')"
    message = said(marked(notebook(double=TIMES_FACTOR, before=before))["77.1"])
    assert message.startswith("Look further up: an earlier cell failed: ValueError: ?xxx")
    assert "name 'FACTOR' is not defined" in message
    assert len(message) <= 600


def test_the_class_page_shows_what_fails_most_and_groups_equal_wrong_answers(graded):
    report, root = graded
    double = report["class"][0]
    part = next(p for p in double["parts"] if p["part"] == "every number is doubled")
    counts = {answer["answer"]: answer["students"] for answer in part["answers"]}
    assert counts["squares"] == 2
    assert max(double["parts"], key=lambda p: p["failed"]) == double["parts"][0]
    soup = BeautifulSoup((root / "out" / "class.html").read_text(encoding="utf-8"), "html.parser")
    rows = [[c.get_text() for c in tr.find_all(["th", "td"])] for tr in soup.select("tr")]
    assert ["77.1 every number is doubled", "squares", "2"] in rows
    figure = soup.find("figure")
    assert figure.img["alt"] == figure.figcaption.get_text()
    assert "77.1 every number is doubled" in figure.img["alt"]
    heads = [th.get_text() for th in soup.select("th.num")]
    assert heads.count("passed") == 2, "numbers stand to the right"
    assert "answer" not in heads, "words to the left"
    assert figure.find("table"), "the numbers that are drawn"
    targets = [a["href"] for a in soup.select("table a")]
    assert len(targets) == len(report["students"])
    assert all((root / "out" / unquote(target)).exists() for target in targets)


def test_pages_need_nothing_else_and_show_nothing_as_markup_that_students_wrote(graded):
    _, root = graded
    pages = [root / "out" / "class.html", *(root / "out" / "feedback").iterdir()]
    assert len(pages) == len(CLASS) + 6
    for path in pages:
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        assert len(soup.find_all("h1")) == 1
        assert not soup.find_all(["script", "iframe", "object"])
        assert not [x for x in soup.select("[src]") if not x["src"].startswith("data:")]
        assert not soup.select("a[href^=http], link[href^=http]")
        assert all(image.get("alt") for image in soup.find_all("img"))
        assert soup.html["lang"] == "en"
    page = (root / "out" / "feedback" / "_script_alert(1).html").read_text(encoding="utf-8")
    assert "<h1>Feedback for &lt;script&gt;alert(1)</h1>" in page
    assert "&lt;/code&gt;&lt;script&gt;x&lt;/script&gt;" in page


def test_a_table_for_a_spreadsheet(graded):
    _, root = graded
    with open(root / "out" / "grades.csv", encoding="utf-8-sig", newline="") as f:
        rows = {row["name"]: row for row in csv.DictReader(f)}
    assert rows["squares"]["77.1"] == "failed"
    assert (rows["squares"]["passed"], rows["squares"]["failed"]) == ("1", "1")
    assert rows["loops"]["timeout"] == "1"
    assert "refused" in rows["reaches out"]["problems"]
    assert [rows[name]["share_passed"] for name in ("right", "squares", "empty")] == [
        *("1.0", "0.5", "0.0")
    ]


def test_the_table_is_utf8_with_a_mark_by_which_excel_knows_it(graded):
    _, root = graded
    path = root / "out" / "grades.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbfname,notebooks,passed,")
    for encoding in ("utf-8", "utf-8-sig"):
        table = pd.read_csv(path, encoding=encoding)
        assert list(table.columns[:2]) == ["name", "notebooks"]
        assert "Łucja Müller" in set(table["name"])
        assert table["share_passed"].between(0, 1).all()


# --- one at a time, with either kind of isolation -------------------------------------------------


@pytest.fixture(params=ISOLATIONS)
def isolation(request):
    if reason := sandbox.why_not(request.param) if request.param == "guard" else _no_namespaces():
        pytest.skip(f"{request.param} do not work here: {reason}")
    return request.param


def _no_namespaces():
    return "" if sandbox.best_isolation() == "namespaces" else "this system or container forbids it"


def test_no_network_and_no_writing_outside(isolation, server, tmp_path):
    outside = tmp_path / "outside.txt"
    tried = notebook(double=network(server), before=writes_to(outside))
    check = "assert 'refused' in globals() and open('mine.txt').read() == 'allowed'"
    tried["cells"][4]["source"] = f"{check}\n{RIGHT['77.2']}"
    found = marked(tried, isolation)
    assert verdicts(found) == {"77.1": "error", "77.2": "passed"}, found
    assert Server.seen == []
    assert not outside.exists()


BIG = "import numpy\ndouble = lambda values: numpy.ones(1_250_000_000)"


@pytest.mark.parametrize("double", [ALLOCATES, BIG], ids=["piece by piece", "at once"])
def test_ten_gigabytes_are_not_to_be_had(double):
    found = marked(notebook(double=double), limits=Limits(seconds=60, memory=LIMITS.memory))
    assert verdicts(found) == {"77.1": "error", "77.2": "passed"}, found
    one = found["77.1"]
    assert "emory" in (one["message"] or one["parts"][-1]["message"])


def test_500_megabytes_of_output_are_read_and_forgotten(monkeypatch):
    kept = []
    close = sandbox.Sandbox.close
    monkeypatch.setattr(
        sandbox.Sandbox, "close", lambda box: close(box) or kept.append(box.printed)
    )
    found = marked(notebook(double=LOUD), limits=Limits(seconds=60, memory=LIMITS.memory))
    assert verdicts(found) == ALL_PASSED, found
    assert len(kept[-1]) == 4000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_runs_away_is_ended(isolation):
    assert verdicts(marked(notebook(before=FORK), isolation)) == ALL_PASSED
    assert OURS
    assert not left_running()


FORKS = """import os, time
def double(values):
    for _ in range(12):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(30)
    return [2 * v for v in values]"""
WRITES = """def double(values):
    with open("large", "wb") as f:
        for _ in range(12):
            f.write(bytes(1_000_000))
    return [2 * v for v in values]"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_too_many_processes_are_ended(isolation):
    found = marked(notebook(double=FORKS), isolation, Limits(seconds=60, processes=8))
    assert verdicts(found) == {"77.1": "error", "77.2": "passed"}, found


def test_a_disk_is_not_filled(isolation):
    found = marked(notebook(double=WRITES), isolation, Limits(seconds=60, disk=10_000_000))
    assert verdicts(found) == {"77.1": "error", "77.2": "passed"}, found
    assert "Your code raised OSError" in found["77.1"]["parts"][-1]["message"]


def test_a_process_that_does_not_even_read_is_ended():
    isolation = sandbox.best_isolation()
    with sandbox.Sandbox("toy_exercises", isolation=isolation, limits=LIMITS) as box:
        for process in sandbox.tree(box.process.pid):
            process.suspend()
        with pytest.raises(sandbox.EndedError) as caught:
            box.ask({"do": "cell", "source": "#" * 1_000_000}, 0.2)
    assert caught.value.verdict == "time-out"


def test_secrets_and_others_work_are_out_of_sight(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_TOKEN", "secret")
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "solution.txt").write_text("solution")
    looks = f"""import os
found = [os.environ.get("MY_TOKEN", "nothing"), os.path.exists({str(tmp_path / "class/solution.txt")!r})]
found.append(os.getppid() == 0)
status = dict(line.split(":") for line in open("/proc/self/status")) if found[2] else {{}}
found.append(int(status.get("CapEff", "1"), 16))
def double(values):
    return found"""
    namespaces = sandbox.best_isolation() == "namespaces"
    cells, _ = cells_of(json.dumps(notebook(double=looks)).encode())
    options = {"limits": LIMITS, "isolation": sandbox.best_isolation()}
    results = mark(cells, TOY["77"], Keys((1,)), hide=[tmp_path / "class"], **options)
    got = results[0]["parts"][-1]["got"]
    assert got == f"['nothing', {not namespaces}, {namespaces}, {int(not namespaces)}]"


def test_a_notebook_has_a_time_of_its_own_besides_that_of_each_cell():
    slow = notebook(before="import time; time.sleep(0.35)")
    slow["cells"] = slow["cells"][1:2] * 12 + slow["cells"]
    limits = Limits(seconds=0.4, memory=LIMITS.memory)
    found = marked(slow, limits=limits)
    assert verdicts(found) == dict.fromkeys(ALL_PASSED, "time-out")
    assert "The whole notebook did not end within 2 seconds" in found["77.1"]["message"]


def test_a_check_that_was_moved_or_an_answer_given_twice(graded):
    """Without ids a check is known by what it calls; an answer further down counts as well."""
    moved = notebook()
    for one in moved["cells"]:
        del one["id"]
    order = [0, 1, 4, 2, 5, 3, 6]  # total before double: it finds no `double` yet, but when called
    moved["cells"] = [moved["cells"][n] for n in order]
    assert verdicts(marked(moved)) == ALL_PASSED


# --- resuming -------------------------------------------------------------------------------------


def small_class(folder, n=3):
    for number in range(n):
        given = notebook(
            double=f"def double(values):\n    return [2 * v for v in values] + [{number}]"
        )
        write_notebook(folder / f"student {number}" / "77_toy.ipynb", given)
    return folder


def in_python(script, **options):
    """Another process of Python that runs the script."""
    path = os.pathsep.join([str(Path(grading.__file__).parents[2]), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen([sys.executable, "-c", script], env=environment, **options)


def test_a_submission_does_not_outlive_its_marker(isolation):
    script = f"""
from helpers.classroom.sandbox import Limits, Sandbox
with Sandbox("toy_exercises", isolation={isolation!r}, limits=Limits()) as box:
    box.ask({{"do": "cell", "source": {THREAD!r}}}, 60)
    print("ready", flush=True)
    input()
"""
    if sys.platform != "linux":
        pytest.skip("only Linux can end a process with its parent")
    with in_python(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as marker:
        assert marker.stdout.readline() == b"ready\n"
        its = psutil.Process(marker.pid).children(recursive=True)
        submissions = [process for process in its if _token(process)]
        assert submissions
        marker.kill()
    patience = time.monotonic() + 30  # seconds; its own time is longer
    while any(process.is_running() and _token(process) for process in submissions):
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_folders_of_killed_markers_are_removed_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.tempfile, "tempdir", str(tmp_path))
    left, new, used, other = (tmp_path / f"course-grade-{n * 8}" for n in "abcd")
    for folder in (left, new, used, other):
        write_notebook(folder / "work.txt", "of a submission")
        write_notebook(folder / (".lock" if folder != other else "no.lock"), "")
        os.utime(folder, (1e9, 1e9) if folder != new else None)
    with sandbox.FileLock(used / ".lock"):
        os.utime(used, (1e9, 1e9))
        sandbox.remove_left_folders()
    assert sorted(tmp_path.iterdir()) == [new, used, other]
    before = set(tmp_path.iterdir())
    with sandbox.Sandbox("toy_exercises", isolation=sandbox.best_isolation(), limits=LIMITS) as box:
        os.utime(box.folder, (1e9, 1e9))
        sandbox.remove_left_folders()
        assert Path(box.folder).is_dir()
    assert set(tmp_path.iterdir()) == before - {used}


def test_after_a_kill_nothing_is_marked_twice(tmp_path, monkeypatch):
    folder, out = small_class(tmp_path / "class"), tmp_path / "out"
    script = f"""
from pathlib import Path
from helpers.classroom.grade import GradeSettings, grade
from helpers.classroom.marking import Lesson
from helpers.classroom.sandbox import Limits
limits = Limits(seconds=4, memory=800_000_000)
settings = GradeSettings(limits=limits, workers=1)
grade(Path({str(folder)!r}), Path({str(out)!r}), settings, {{"77": Lesson("77", "toy_exercises")}})
"""
    first = in_python(script)
    journal = out / "journal.jsonl"
    while not (journal.exists() and journal.stat().st_size) and first.poll() is None:
        time.sleep(0.02)
    first.kill()
    first.wait()
    done = len(journal.read_bytes().splitlines())
    assert 1 <= done < 3
    with open(journal, "ab") as f:
        f.write(b'{"key": "cut o')
    for left in (".class.html.abcd1234.part", ".grades.json.abcd1234.part"):
        (out / left).mkdir()  # by kills within a write
    count = []
    monkeypatch.setattr(grading, "mark", lambda *a, **k: count.append(1) or mark(*a, **k))
    settings = GradeSettings(limits=LIMITS, workers=1)
    report = grade(folder, out, settings, TOY)
    assert len(count) == 3 - done
    assert [row["failed"] for row in report["students"]] == [1, 1, 1]
    assert not list(out.rglob("*.part"))
    again = grade(folder, out, settings, TOY)
    assert len(count) == 3 - done
    assert again == report
    write_notebook(folder / "student 1" / "77_toy.ipynb", notebook())
    assert grade(folder, out, settings, TOY)["students"][1]["passed"] == 2
    assert len(count) == 3 - done + 1


# --- where the marks lie ---------------------------------------------------------------------------


def test_marks_may_lie_in_the_class_and_are_never_a_student(tmp_path):
    folder = small_class(tmp_path / "class", 1)
    settings = GradeSettings(limits=LIMITS, workers=1)
    for place in ("marks", "later", "marks"):
        report = grade(folder, folder / place, settings, TOY)
        assert [row["name"] for row in report["students"]] == ["student 0"]
        assert verdicts({e["exercise"]: e for e in report["students"][0]["exercises"]}) == {
            "77.1": "failed",
            "77.2": "passed",
        }
    line = "later holds the marks of a class, and is no student: it was left out."
    assert report["problems"] == [line]
    archive = zipped(tmp_path / "all.zip", **{"ann/77_toy.ipynb": GOOD})
    with zipfile.ZipFile(archive, "a") as more:
        for path in (folder / "later").rglob("*.json*"):
            more.write(path, path.relative_to(folder))
    students, others = collect(archive, ["77"])
    assert ([student.name for student in students], others) == (["ann"], [line])


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (".", "is the class itself"),
        ("student 0", "is a student's folder: there is something in it"),
        ("student 0/marks", "lies inside student 0, which counts as a student's folder"),
        ("new/marks", "lies inside new, which counts as a student's folder"),
    ],
)
def test_marks_do_not_lie_in_the_way_of_submissions(tmp_path, place, words):
    folder = small_class(tmp_path / "class", 1)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingsError, match=words):
        grade(folder, folder / place, GradeSettings(limits=LIMITS), TOY)
    assert sorted(tmp_path.rglob("*")) == before


def test_of_folders_in_each_other_the_outermost_is_hidden(tmp_path):
    for place in ("class/marks", "class2"):
        (tmp_path / place).mkdir(parents=True)
    given = [tmp_path / "class/marks", tmp_path / "class", tmp_path / "class2", tmp_path / "class"]
    assert sandbox.hidden(given, "work") == [tmp_path / "class", tmp_path / "class2"]


def test_a_class_packed_and_unpacked_and_all_its_marks_are_out_of_sight(tmp_path):
    """What the folder of the class shows to a submission: no name but those it was given."""
    looks = f"""import os
def double(values):
    seen = []
    for top, _, files in os.walk({str(tmp_path)!r}):
        seen += [name for name in files if os.path.getsize(os.path.join(top, name))]
    try:
        open({str(tmp_path / "class.zip")!r}, "rb").read(1)
        open({str(tmp_path / "class.zip")!r}, "ab")
    except OSError as error:
        seen.append(type(error).__name__)
    return sorted(seen)"""
    if sandbox.best_isolation() != "namespaces":
        pytest.skip("without namespaces nothing can be hidden")
    write_notebook(tmp_path / "class" / "ann" / "77_toy.ipynb", notebook(double=looks))
    text = (tmp_path / "class" / "ann" / "77_toy.ipynb").read_text()
    zipped(tmp_path / "class.zip", **{"class/ann/77_toy.ipynb": text})
    write_notebook(tmp_path / "yours.txt", "no part of it")
    for earlier in (tmp_path / "marks1", tmp_path / "out" / "marks2"):
        for name in ("journal.jsonl", "grades.json", "grades.csv"):
            write_notebook(earlier / name, "ben 100 %")
    for given in ("class", "class.zip"):
        settings = GradeSettings(limits=LIMITS, workers=1)
        report = grade(tmp_path / given, tmp_path / "out" / f"of {given}", settings, TOY)
        (double, _) = report["students"][0]["exercises"]
        assert double["parts"][0]["got"] == "['yours.txt']"


def test_a_process_that_does_not_start_is_no_verdict(tmp_path, monkeypatch):
    """It ends the marking with an error of ours, and the next try marks what this one could not."""
    folder, out = small_class(tmp_path / "class", 2), tmp_path / "out"
    settings = GradeSettings(limits=LIMITS, workers=1, isolation=sandbox.best_isolation())
    with monkeypatch.context() as broken:
        broken.setattr(sandbox, "font_cache", lambda: ["no path"])  # confining fails
        with pytest.raises(CourseError, match=r"could not be started: TypeError.*type the same"):
            grade(folder, out, settings, TOY)
        broken.setattr(sandbox, "START_SECONDS", 0)
        with pytest.raises(CourseError, match="could not be started: It did not end within"):
            grade(folder, out, settings, TOY)
    assert (out / "journal.jsonl").read_bytes() == b""
    assert not (out / "grades.json").exists()
    assert [row["failed"] for row in grade(folder, out, settings, TOY)["students"]] == [1, 1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_ctrl_c_ends_what_is_running(tmp_path, monkeypatch):
    write_notebook(tmp_path / "class" / "ann" / "77_toy.ipynb", notebook(before="while True: pass"))
    timer = threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    started = time.monotonic()
    timer.start()
    settings = GradeSettings(limits=Limits(seconds=60), workers=1)
    with pytest.raises(KeyboardInterrupt):
        grade(tmp_path / "class", tmp_path / "out", settings, TOY)
    assert time.monotonic() - started < 60, "it waited for the cell's own limit"
    assert psutil.Process().children(recursive=True) == []
    assert not (tmp_path / "out" / "grades.json").exists()


# --- what is handed in ----------------------------------------------------------------------------


def zipped(path, **members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


GOOD = json.dumps(notebook())


def test_folders_and_archives_and_archives_in_folders(tmp_path):
    write_notebook(tmp_path / "ann" / "deep" / "77_toy.ipynb", notebook())
    zipped(tmp_path / "bob.zip", **{"exercises/77_toy.ipynb": GOOD, "__MACOSX/._77_toy.ipynb": ""})
    zipped(tmp_path / "cem" / "work.zip", **{"77_toy.ipynb": GOOD})
    (tmp_path / "ann" / ".ipynb_checkpoints").mkdir()
    write_notebook(tmp_path / "ann" / ".ipynb_checkpoints" / "77_toy.ipynb", "{}")
    students, others = collect(tmp_path, ["77"])
    assert others == []
    assert [s.name for s in students] == ["ann", "bob", "cem"]
    assert [len(s.notebooks["77"].cells) for s in students] == [7, 7, 7]
    assert [s.problems for s in students] == [[], [], []]


@pytest.mark.parametrize("top", ["", "class/"])
def test_a_whole_class_in_one_archive(tmp_path, top):
    path = zipped(
        tmp_path / "all.zip", **{f"{top}ann/77_toy.ipynb": GOOD, f"{top}bob/77_toy.ipynb": "no"}
    )
    students, _ = collect(path, ["77"])
    assert [s.name for s in students] == ["ann", "bob"]
    assert students[1].notebooks["77"].problem


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../../etc/77_toy.ipynb", "leads out of its folder"),
        ("/etc/77_toy.ipynb", "is an absolute path"),
        ("C:/77_toy.ipynb", "is an absolute path"),
        ("a\\..\\77_toy.ipynb", "is an absolute path"),
    ],
)
def test_an_archive_that_reaches_out_is_refused(tmp_path, name, reason):
    zipped(tmp_path / "ann.zip", **{"77_toy.ipynb": GOOD, name: "x"})
    (student,), _ = collect(tmp_path, ["77"])
    assert student.notebooks == {}
    assert len(student.problems) == 1
    assert reason in student.problems[0]


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    write_notebook(secret, notebook())
    member = zipfile.ZipInfo("77_toy.ipynb")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bob.zip", "w") as archive:
        archive.writestr(member, str(secret))
    (tmp_path / "ann").mkdir()
    try:
        (tmp_path / "ann" / "77_toy.ipynb").symlink_to(secret)
    except OSError:
        pytest.skip("no links can be made on this system")
    secret.rename(tmp_path / ".secret")
    (ann, bob), _ = collect(tmp_path, ["77"])
    assert ann.problems == ["77_toy.ipynb is a link, and links are not followed."]
    assert bob.problems == ["bob.zip was refused: '77_toy.ipynb' in it is a link."]


def test_archives_that_grow_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "MAX_NOTEBOOK", 1_000_000)
    monkeypatch.setattr(submissions, "MAX_ARCHIVE", 3_000_000)
    zeros = "0" * 2_000_000
    zipped(tmp_path / "ann.zip", **{"77_a.ipynb": zeros, "78_b.ipynb": zeros})
    zipped(tmp_path / "bob.zip", **{"77_a.ipynb": zeros})
    (tmp_path / "cem.zip").write_bytes(b"PK\x03\x04 and then nothing")
    (ann, bob, cem), _ = collect(tmp_path, ["77"])
    assert ann.problems == ["ann.zip was refused: its notebooks have 4 MB, more than 3."]
    assert "it has 2 MB, more than 1" in bob.notebooks["77"].problem
    assert cem.problems == ["cem.zip was refused: File is not a zip file"]


def test_whatever_is_not_marked_is_said(tmp_path):
    for name in ("77_a.ipynb", "77_b.ipynb", "42_x.ipynb", "notes.ipynb", "notes.txt"):
        write_notebook(tmp_path / "ann" / name, GOOD if name[0] == "7" else A_LESSON)
        os.utime(tmp_path / "ann" / name, (1e9 - ord(name[3]), 1e9 - ord(name[3])))
    (tmp_path / "readme.md").write_text("hello")
    (ann,), others = collect(tmp_path, ["77"])
    assert ann.notebooks["77"].file == "77_a.ipynb"
    assert sorted(ann.problems) == [
        "42_x.ipynb was not marked: no exercises have its number, and it has no exercise's cells. Those "
        "that have: 77, as in 77_name.ipynb.",
        "77_b.ipynb was not marked: 77_a.ipynb is for the same lesson, and newer.",
        "notes.ipynb was not marked: no exercises have its number, and it has no exercise's cells. Those "
        "that have: 77, as in 77_name.ipynb.",
        "notes.txt is not a notebook and was not marked.",
    ]
    assert others == ["readme.md is neither a folder nor a zip of a student: it was not marked."]


SOLUTION = json.dumps(
    notebook(*(f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION" for answer in RIGHT.values()))
)
A_LESSON = json.dumps({"cells": [cell("print('a lesson, run last')", "l77-01")]})


def put(folder, **files):
    """Files with these contents, each newer than the one before."""
    for place, (name, text) in enumerate(files.items()):
        write_notebook(folder / name, text)
        os.utime(folder / name, (1e9 + place, 1e9 + place))


def test_of_a_whole_course_folder_the_notebook_of_exercises_is_marked(tmp_path):
    """As docs/setup.md has students copy it: lessons and solutions have the same names."""
    names = ("exercises/77_toy.ipynb", "notebooks/77_toy.ipynb", "exercises/solutions/77_toy.ipynb")
    put(tmp_path / "ann", **dict(zip(names, (GOOD, A_LESSON, SOLUTION), strict=True)))
    zipped(tmp_path / "bob.zip", **dict(zip(names, (GOOD, A_LESSON, SOLUTION), strict=True)))
    for student in collect(tmp_path, ["77"])[0]:
        assert student.notebooks["77"].file == "exercises/77_toy.ipynb"
        assert student.problems == [
            "exercises/solutions/77_toy.ipynb was not marked: the course's own solution.",
            "notebooks/77_toy.ipynb was not marked: not the notebook of exercises, which is there.",
        ]


@pytest.mark.parametrize("zip_it", [False, True], ids=["folder", "zip"])
def test_of_equal_dates_the_later_copy_is_marked(tmp_path, zip_it):
    names = ["77_toy (1).ipynb", "77_toy (10).ipynb", "77_toy (9).ipynb", "77_toy.ipynb"]
    if zip_it:
        zipped(tmp_path / "ann.zip", **dict.fromkeys(names, GOOD))
    for name in () if zip_it else names:
        put(tmp_path / "ann", **{name: GOOD})
    ((ann,), _) = collect(tmp_path, ["77"])
    assert ann.notebooks["77"].file == "77_toy (10).ipynb"
    same = "77_toy (10).ipynb is for the same lesson, and of the same date and a later copy."
    assert ann.problems == [f"{names[n]} was not marked: {same}" for n in (3, 0, 2)]


def test_of_equal_dates_without_numbers_the_last_name_is_marked_and_that_is_said(tmp_path):
    for name in ("77_a.ipynb", "77_b.ipynb"):
        put(tmp_path / "ann", **{name: GOOD})
    ((ann,), _) = collect(tmp_path, ["77"])
    assert ann.problems == [
        "77_a.ipynb was not marked: 77_b.ipynb is for the same lesson, and of the same date and later "
        "by name."
    ]


@pytest.mark.parametrize("kind", ["folders", "zips in a folder", "a zip"])
def test_a_class_within_the_class_is_noticed(tmp_path, kind):
    folder, end = tmp_path / "class", ".zip" if kind == "zips in a folder" else ""
    for name in ("ada", "ben"):
        if end:
            zipped(folder / "groupA" / f"{name}.zip", **{"77_toy.ipynb": GOOD})
        else:
            put(folder / "groupA" / name, **{"77_toy.ipynb": GOOD, "78_toy.ipynb": GOOD})
    if kind == "a zip":
        names = [f"{top}/77_toy.ipynb" for top in ("groupA/ada", "groupA/ben", "zoe")]
        folder = zipped(tmp_path / "class.zip", **dict.fromkeys(names, GOOD))
    top = "groupA/" if kind == "a zip" else ""
    student = collect(folder, ["77", "78"])[0][0]
    assert student.name == "groupA"
    assert (
        f"{top}ada{end} and {top}ben{end} hold notebooks for the same lesson, and one was marked for "
        "each lesson. If they are several students, name the folder they lie in as the class (of a "
        "zip, unpacked)."
    ) in student.problems


def test_the_courses_own_solution_is_not_marked_even_alone_but_an_own_one_is(tmp_path):
    put(tmp_path / "ann", **{"solutions/77_toy.ipynb": SOLUTION})
    put(tmp_path / "bob", **{"solutions/77_toy.ipynb": GOOD})
    put(tmp_path / "cem", **{"77_toy.ipynb": A_LESSON})
    (ann, bob, cem), _ = collect(tmp_path, ["77"])
    assert ann.notebooks == {}
    assert ann.problems == ["solutions/77_toy.ipynb was not marked: the course's own solution."]
    assert len(bob.notebooks["77"].cells) == 7
    assert len(cem.notebooks["77"].cells) == 1
    assert bob.problems == cem.problems == []


def test_a_notebook_that_can_be_read_is_taken_before_a_newer_one_that_cannot(tmp_path):
    put(tmp_path / "ann", **{"77_a.ipynb": json.dumps(WITHOUT_IDS), "77_b.ipynb": "no"})
    ((ann,), _) = collect(tmp_path, ["77"])
    assert ann.notebooks["77"].file == "77_a.ipynb"
    (problem,) = ann.problems
    assert problem.startswith("77_b.ipynb was not marked: it is not a notebook")


@pytest.mark.parametrize(
    "name",
    ["77_TOY.IPYNB", "Copy of 77_toy.ipynb", "lea_77_toy.ipynb", "7_toy.ipynb", "78_toy.ipynb"],
)
def test_a_lesson_is_known_by_its_exercises_where_the_name_does_not_tell(tmp_path, name):
    put(tmp_path / "ann", **{name: GOOD})
    zipped(tmp_path / "bob.zip", **{name: GOOD})
    students, _ = collect(tmp_path, ["77"])
    assert [s.notebooks["77"].file for s in students] == [name, name]
    assert [s.problems for s in students] == [[], []]


def test_what_lies_beside_the_students_is_said_in_a_folder_and_in_a_zip(tmp_path):
    names = ["77_toy.ipynb", "ann/77_toy.ipynb", "readme.md"]
    put(tmp_path / "class", **dict.fromkeys(names, GOOD))
    archive = zipped(tmp_path / "a.zip", **dict.fromkeys([*names, "bob.zip"], GOOD))
    told = [
        f"{name} is neither a folder nor a zip of a student: it was not marked."
        for name in ("77_toy.ipynb", "readme.md")
    ]
    told[0] += " Put it into a folder with the student's name."
    students, others = collect(tmp_path / "class", ["77"])
    assert ([student.name for student in students], others) == (["ann"], told)
    students, others = collect(archive, ["77"])
    assert [student.name for student in students] == ["ann"]
    told.append(
        "bob.zip is a zip within a zip and was not opened: unpack the class, name its folder."
    )
    assert others == told
    with pytest.raises(CourseError, match=r"no students: .* bob\.zip is a zip within a zip"):
        collect(zipped(tmp_path / "b.zip", **{"bob.zip": GOOD}), ["77"])


def test_two_students_of_one_name_are_both_marked(tmp_path):
    write_notebook(tmp_path / "ann" / "77_toy.ipynb", notebook())
    zipped(tmp_path / "Ann.zip", **{"77_toy.ipynb": GOOD})
    (first, second), _ = collect(tmp_path, ["77"])
    assert {first.name, second.name} in ({"Ann", "ann (2)"}, {"ann", "Ann (2)"})
    assert all([first.problems, second.problems, first.notebooks, second.notebooks])
    assert "If they are one, who handed in a folder and a zip perhaps" in first.problems[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xff\xfe", "not a notebook"),
        (b"[" * 100_000, "not a notebook"),
        (b"[]", "no cells"),
        (b'{"worksheets": []}', "before 2015"),
        (b'{"cells": [{"cell_type": "code", "source": 7}]}', "a cell has no text"),
    ],
)
def test_bytes_that_are_no_notebook(data, words):
    with pytest.raises(RefusedError, match=words):
        cells_of(data)


def test_words_for_students_are_set_as_they_are_meant_and_escaped():
    told = "Take `x < 2 * *y`, *not* 2 * x, nor a*b*c: <b>"
    assert prose(told) == (
        "Take <code>x &lt; 2 * *y</code>, <em>not</em> 2 * x, nor a*b*c: &lt;b&gt;"
    )


def test_page_names_are_different_on_every_file_system():
    names = grading.page_names(["Ann", "ann", "a/b", "a?b", "..", "çelik"])
    assert names == [
        "Ann.html",
        "ann.2.html",
        "a_b.html",
        "a_b.2.html",
        "student.html",
        "çelik.html",
    ]


def test_no_cell_of_the_table_is_a_formula():
    row = {"name": "=1+1", "notebooks": 0, **dict.fromkeys(grading.COUNTS.values(), 0)}
    row |= {"problems": ["@x"], "exercises": []}
    assert grading.as_csv({"students": [row], "titles": {}}).splitlines()[1].startswith("'=1+1,")


# --- what travels ---------------------------------------------------------------------------------

SENT = [
    *(
        None,
        True,
        3,
        -2.5,
        float("inf"),
        "naïve 🙂",
        "\ud800",
        [1, [2, "x"]],
        (1, (2,)),
        {"a": (1,)},
    ),
    *({"!": "tuple", "of": [1]}, np.arange(6).reshape(2, 3), np.float64(0.1), np.zeros((0, 4))),
    *(torch.arange(6).reshape(2, 3), torch.tensor(1.5), torch.tensor([True]), [torch.ones(2)]),
]


@pytest.mark.parametrize("value", SENT, ids=repr)
def test_plain_data_arrives_as_it_was(value):
    there = wire.decode(json.loads(json.dumps(wire.encode(value))))
    assert same(there, value, 0.0)
    assert isinstance(there, tuple) == isinstance(value, tuple)
    assert torch.is_tensor(there) == torch.is_tensor(value)


def test_bfloat16_arrives_with_its_kind():
    there = wire.decode(wire.encode(torch.tensor([1.5, 2.0], dtype=torch.bfloat16)))
    assert there.dtype == torch.bfloat16
    assert there.tolist() == [1.5, 2.0]


def test_what_is_no_plain_data_arrives_as_something_that_equals_nothing():
    deep = []
    for _ in range(200):
        deep = [deep]
    for value in ({1, 2}, object(), b"x", {1: 2}, 10**5000, np.array(["a"])):
        assert isinstance(wire.decode(wire.encode(value)), wire.Opaque)
    assert "object" in str(wire.encode(deep))


@pytest.mark.parametrize(
    "forged",
    [
        {"!": "array", "dtype": "object", "shape": [1], "data": "AAAA"},
        {"!": "tensor", "dtype": "float32", "shape": [10**30], "data": "AAAA"},
        {"!": "array", "dtype": "int64", "shape": [-1], "data": ""},
        {"!": "array", "dtype": "int8", "shape": [1], "data": "?"},
        {"!": "pickle", "of": "x"},
        {"a": 1},
    ],
    ids=lambda forged: str(forged)[:40],
)
def test_forged_values_are_refused(forged):
    with pytest.raises(wire.WireError):
        wire.decode(forged)


@pytest.mark.parametrize("data", [b"[" * 5000, b'"text"', b'{"a": ' * 500 + b"1" + b"}" * 500])
def test_frames_that_are_no_messages_are_refused(data):
    with pytest.raises(wire.WireError):
        wire.read_frame(io.BytesIO(wire.HEADER.pack(len(data)) + data))
    with pytest.raises(wire.WireError):
        wire.read_frame(io.BytesIO(wire.HEADER.pack(2**31)))


def test_a_frame_that_is_cut_off_is_the_end():
    frame = io.BytesIO()
    wire.write_frame(frame, {"got": 1})
    for n in range(len(frame.getvalue())):
        assert wire.read_frame(io.BytesIO(frame.getvalue()[:n])) is None


def test_what_came_back_in_a_line():
    assert brief(torch.tensor([[1, 2], [3, 4]])) == "int64 of shape (2, 2): 1 2 3 4"
    assert brief({"a": [0.25, "x"]}) == "{'a': [0.25, 'x']}"
    assert len(brief(["y" * 1000] * 9)) < 130


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def toy_course(monkeypatch):
    monkeypatch.setattr(grading, "course_lessons", lambda: TOY)


def test_the_command_prints_one_object(tmp_path, capsys, toy_course):
    folder = small_class(tmp_path / "class", 1)
    (folder / "zoe").mkdir()
    out = str(tmp_path / "out")
    assert main(["grade", str(folder), "--out", out, "--timeout", "3", "--json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    first, second = result["students"]
    assert first == {
        "name": "student 0",
        "notebooks": 1,
        "passed": 1,
        "failed": 1,
        "not_attempted": 0,
        "error": 0,
        "timeout": 0,
        "problems": [],
    }
    assert second["not_attempted"] == 2
    assert result["isolation"] in ISOLATIONS
    assert "zoe: Nothing was handed in" in printed.err
    assert main(["grade", str(folder), "--out", out, "--timeout", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "student 0  1 of 2 passed, 1 failed"
    assert lines[1] == "zoe        0 of 2 passed, 2 not attempted"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nowhere", "--out", "out"], "nowhere is no folder and no zip"),
        (["class", "--out", "out"], "class holds no students"),
        (["class", "--out", "out", "--timeout", "0"], "--timeout 0: give seconds above 0"),
        (
            ["class", "--out", "out", "--memory", "50"],
            "--memory 50: PyTorch and a lesson's own cells",
        ),
        (["class", "--out", "out", "--memory", "250"], "give 800 to 1000000, such as 2000"),
        (["class", "--out", "out", "--memory", "nan"], "--memory nan: PyTorch and"),
        (["class", "--out", "out", "--memory", "inf"], "--memory inf: PyTorch and"),
        (["class", "--out", "out", "--memory", "1e9"], "--memory 1e+09: PyTorch and"),
        (["class", "--out", "out", "--timeout", "nan"], "--timeout nan: give seconds above 0"),
        (
            ["class", "--out", "out", "--timeout", "inf"],
            "--timeout inf: give seconds above 0, up to a",
        ),
        (["class", "--out", "out", "--workers", "0"], "--workers 0: give 1 or more"),
        (["class", "--out", "out", "--seed", "-1"], "--seed -1: give a number from 0"),
        (["class"], "required: --out"),
    ],
)
def test_bad_input_is_said_in_a_line(tmp_path, monkeypatch, capsys, toy_course, options, words):
    monkeypatch.chdir(tmp_path)
    Path("class").mkdir()
    assert main(["grade", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_the_least_memory_is_enough_for_the_lesson_that_needs_most():
    source = COURSE / "exercises" / "08_improving_the_model.ipynb"
    limits = Limits(memory=grading.LEAST_MEMORY * 1_000_000)
    lesson = grading.course_lessons()["08"]
    options = {"limits": limits, "isolation": sandbox.best_isolation()}
    results = mark(cells_of(source.read_bytes())[0], lesson, Keys((1,)), **options)
    assert [one["verdict"] for one in results] == ["not attempted"] * 4


def test_a_class_that_is_being_marked_is_not_marked_twice_at_once(tmp_path, toy_course):
    folder, out = small_class(tmp_path / "class", 1), tmp_path / "out"
    out.mkdir()
    with grading.alone_in(out, "marks"), pytest.raises(CourseError, match="another process"):
        grade(folder, out, GradeSettings(limits=LIMITS), TOY)


# --- the course's own exercises -------------------------------------------------------------------


def kinds(value):
    """The types of a value and of all that is in it."""
    if isinstance(value, dict):
        return [dict, *(kinds(v) for v in value.values())]
    if isinstance(value, (list, tuple)):
        return [type(value), *map(kinds, value)]
    return [type(value), getattr(value, "dtype", None)]


@pytest.mark.parametrize("exercise", exercises(), ids=lambda exercise: exercise.id)
def test_what_an_exercise_asks_and_expects_can_travel(exercise):
    for part in exercise.parts:
        given = part.arguments(grading.SEED)
        there = wire.decode(json.loads(json.dumps(wire.encode(given))))
        assert same(there, given, 0.0), part.name
        assert kinds(there) == kinds(given), f"{part.name}: an argument becomes something else"
        right = part.expected(*given)
        assert same(wire.decode(wire.encode(right)), right, 0.0), part.name


@pytest.mark.large
def test_three_submissions_of_every_notebook(tmp_path, count):
    """Right answers and the known wrong ones, through the whole of marking."""
    from benchmarks.grading import measure

    result = measure(tmp_path, 3)
    count(
        f"3 submissions of {result['notebooks'] // 3} notebooks marked in "
        f"{result['minutes']:.1f} minutes"
    )
    assert result["notebooks"] >= 3
    assert result["wrong_verdicts"] == []


def test_the_guide_tells_what_was_measured():
    found = read_json(COURSE / "benchmarks" / "results" / "grading.json")
    guide = (COURSE / "docs" / "grading.md").read_text(encoding="utf-8")
    told = f"{found['minutes']:.1f} minutes for {found['notebooks']} notebooks"
    assert told in guide
    assert f"with {found['exercises']} answers" in guide
    assert (found["students"], found["wrong_verdicts"]) == (30, [])
    assert found["minutes"] <= found["limit_minutes"]
