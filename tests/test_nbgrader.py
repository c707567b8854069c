"""nbgrader hands out, collects and marks the exercises that we write for it.

Skips where nbgrader is not installed. It is no part of the course's own environment: see .ci/run.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.classroom.build import POINTS, SOLUTIONS, read_source, student_text
from helpers.classroom.nbgrader import write_nbgrader

pytest.importorskip("nbgrader", reason='nbgrader is not installed (pip install -e ".[grade]")')

from exercises import ROOT

LESSON = "01_dataset_formatting"
SOURCE = read_source(SOLUTIONS / f"{LESSON}.ipynb")
FULL = sum(POINTS[exercise.difficulty] for exercise in SOURCE.exercises)


def nbgrader(course, *arguments):
    """Run a command of nbgrader in a course folder, its environment active: it calls `alembic`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def right(source):
    """The reference, without its markers."""
    lines = source.splitlines()
    return "\n".join(line for line in lines if "### " not in line)


def noisy(source):
    """A right answer that writes to stderr, in a print and in a warning."""
    out = []
    for line in right(source).splitlines():
        out.append(line)
        if line.strip().endswith('"""'):
            out += [
                "    import sys, warnings",
                "    print('working on it', file=sys.stderr)",
                "    warnings.warn('this is not the best way')",
            ]
    return "\n".join(out)


def with_a_logger(source):
    """A right answer whose logger was set up in its cell, and so writes to the stderr of then."""
    logger = "import logging\n\nlogging.basicConfig(level=logging.INFO, force=True)\n\n\n"
    return logger + noisy(source).replace(
        "    print('working on it', file=sys.stderr)", "    logging.info('working on it')"
    )


def wrong_second(source):
    """Only the split is wrong, in its last part."""
    return right(source).replace("rows[border:]", "rows[border + 1 :]")


SUBMISSIONS = {
    "right": right,
    "noisy": noisy,
    "logger": with_a_logger,
    "wrong": wrong_second,
    "untouched": None,
    "ordinary": right,  # in the notebook of `course exercises build --audience class`
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder in which students' notebooks of lesson 01 have been marked."""
    folder = tmp_path_factory.mktemp("course")
    only = folder / "solutions"
    only.mkdir()
    shutil.copy(SOURCE.path, only)
    write_nbgrader(folder, folder=only)
    nbgrader(folder, "generate_assignment", LESSON, "--create")
    released = folder / "release" / LESSON / f"{LESSON}.ipynb"
    answers = {c.id: c.source for c in SOURCE.notebook.cells if c.id.endswith("-answer")}
    for student, answer in SUBMISSIONS.items():
        notebook = nbformat.read(released, as_version=4)
        if student == "ordinary":
            notebook = nbformat.reads(student_text(SOURCE, "class"), as_version=4)
        for cell in notebook.cells:
            if answer and cell.id in answers:
                cell.source = answer(answers[cell.id])
        target = folder / "submitted" / student / LESSON
        target.mkdir(parents=True)
        nbformat.write(notebook, target / released.name)
    nbgrader(folder, "autograde", LESSON, "--create")
    nbgrader(folder, "export")
    return folder


@pytest.fixture(scope="module")
def scores(course):
    with open(course / "grades.csv", encoding="utf-8", newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_what_is_handed_out_holds_no_solution_and_no_hidden_test(course):
    released = course / "release" / LESSON / f"{LESSON}.ipynb"
    text = released.read_text(encoding="utf-8")
    for word in ("SOLUTION", "HIDDEN", "require(", "n_train + n_test"):
        assert word not in text
    assert text.count("raise NotImplementedError()") == len(SOURCE.exercises)


def test_a_right_notebook_gets_all_points_and_an_untouched_one_none(scores):
    assert {float(row["max_score"]) for row in scores.values()} == {FULL}
    assert float(scores["right"]["score"]) == FULL
    assert float(scores["untouched"]["score"]) == 0


def test_one_wrong_answer_costs_its_own_points_only(scores):
    assert float(scores["wrong"]["score"]) == FULL - POINTS[SOURCE.exercises[1].difficulty]


def test_words_on_stderr_cost_nothing(scores):
    """nbgrader gives no points to a test cell with output on stderr: ours sends it to stdout."""
    assert float(scores["noisy"]["score"]) == FULL


def test_a_logger_that_holds_on_to_stderr_does_cost_points(scores):
    """As INSTRUCTORS.md says; when this fails, nbgrader has changed and the guide can too."""
    assert float(scores["logger"]["score"]) == 0


def test_right_answers_in_a_notebook_that_nbgrader_did_not_make_get_nothing(scores):
    """As INSTRUCTORS.md says: hand out what lies in release/."""
    assert float(scores["ordinary"]["score"]) == 0
