"""Student notebooks: built from those with solutions, always the same, and giving nothing away."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from helpers.classroom import build
from helpers.classroom.build import SOLUTIONS, read_source, student_text
from helpers.classroom.nbgrader import nbgrader_text, write_nbgrader
from helpers.cli import main
from helpers.errors import CourseError

PATHS = sorted(SOLUTIONS.glob("[0-9][0-9]_*.ipynb"))
FIRST = PATHS[0]


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def changed(tmp_path):
    """A source made of the first solution notebook with one cell's text changed."""

    def change(id, old, new):
        notebook = nbformat.read(FIRST, as_version=4)
        cell = next(cell for cell in notebook.cells if cell.id == id)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)
        nbformat.write(notebook, tmp_path / FIRST.name)
        return tmp_path / FIRST.name

    return change


def cells(text):
    return {cell["id"]: cell for cell in json.loads(text)["cells"]}


# --- what a student gets -------------------------------------------------------------------------


def test_a_task_is_told_in_120_words(path):
    """Without its title, the line of facts, examples, and what is folded up."""
    for cell in read_source(path).notebook.cells:
        if cell.id.endswith("-task"):
            told = cell.source.split("\n\n", 2)[2]
            told = re.sub(r"```.*?```|<details>.*?</details>", "", told, flags=re.DOTALL)
            assert len(told.split()) <= 120, cell.id


def test_a_class_is_not_promised_a_hint_that_it_does_not_get(path):
    text = student_text(read_source(path), "class")
    assert "three hints" not in text.lower()


def test_the_committed_notebooks_are_up_to_date(capsys):
    """Not? Run `make exercises`."""
    assert main(["exercises", "build", "--check"]) == 0, capsys.readouterr().out


def test_every_build_gives_the_same_bytes(path):
    assert student_text(read_source(path)) == student_text(read_source(path))
    written = (path.parents[1] / path.name).read_bytes()
    assert written == student_text(read_source(path)).encode("utf-8")


def test_ids_are_those_of_the_source_and_nothing_else_is_taken_along(path):
    source = read_source(path)
    made = cells(student_text(source))
    assert list(made) == [cell.id for cell in source.notebook.cells]
    for cell in made.values():
        assert cell["metadata"] == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    metadata = json.loads(student_text(source))["metadata"]
    assert set(metadata) == {"kernelspec", "language_info", "course"}
    assert set(metadata["course"]) == {"built"}


@pytest.mark.parametrize("audience", build.AUDIENCES)
def test_nothing_of_a_solution_is_in_a_students_notebook(path, audience):
    """Looked up anew, line by line: whatever the builder's own guard thinks."""
    solution_lines, inside = [], False
    for cell in nbformat.read(path, as_version=4).cells:
        for line in cell.source.splitlines():
            if "### END SOLUTION" in line:
                inside = False
            if inside and len(line.strip()) > 20:
                solution_lines.append(line.strip())
            if "### BEGIN SOLUTION" in line:
                inside = True
    assert solution_lines
    text = student_text(read_source(path), audience)
    for id, cell in cells(text).items():
        told = "".join(cell["source"])
        if id.endswith("-hints"):
            told = told.partition("Hint 3")[0]
        for line in solution_lines:
            assert line not in told, id
    assert "SOLUTION" not in text
    assert "HIDDEN" not in text
    assert text.count("raise NotImplementedError()") >= len(read_source(path).exercises)


def test_a_class_gets_two_hints_and_nothing_that_is_expected(path):
    own, shared = (cells(student_text(read_source(path), a)) for a in ("self", "class"))
    assert list(own) == list(shared)
    for id in own:
        one, other = ("".join(book[id]["source"]) for book in (own, shared))
        if id.endswith("-hints"):
            assert (one.count("<details>"), other.count("<details>")) == (3, 2)
        elif id.endswith("-check"):
            assert "expected(" in one
            assert "expected(" not in other
        else:
            assert one == other


# --- what the builder refuses --------------------------------------------------------------------

REFUSED = {
    "a line of a solution in a hint": (
        "ex-01-2-hints",
        "Compute two sizes",
        "Write border = n_train + n_test. Compute two sizes",
        "ex-01-2-hints: this is part of a solution",
    ),
    "what a solution returns, with other blanks": (
        "ex-01-2-task",
        "Every row must",
        "Like rows[:n_train],rows[n_train:border]  ,rows[border:]. Every row must",
        "ex-01-2-task: this is part of a solution",
    ),
    "a solution in a cell that stays": (
        "ex-01-2-use",
        "print(",
        "n_train, n_test = int(0.85 * len(rows)), int(0.10 * len(rows))\nprint(",
        "ex-01-2-use: this is part of a solution",
    ),
    "a solution at the margin": (
        "ex-01-2-answer",
        "    ### BEGIN SOLUTION",
        "### BEGIN SOLUTION",
        "would end .Run All.",
    ),
    "a marker without a partner": (
        "ex-01-2-answer",
        "    ### END SOLUTION",
        "",
        "has no partner",
    ),
    "a solution in the set-up": (
        "setup",
        "END = 50256",
        "if True:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION\nEND = 50256",
        "belong into the answer cell",
    ),
    "a title that is not the exercise's": (
        "ex-01-1-task",
        "Another way to ask",
        "Ask in another way",
        "ex-01-1-task lacks",
    ),
    "a check of another exercise": (
        "ex-01-2-check",
        'check("01.2")',
        'check("01.1")',
        "ex-01-2-check lacks",
    ),
    "only two hints": (
        "ex-01-3-hints",
        "<details><summary>Hint 3</summary>",
        "",
        "ex-01-3-hints has 2 hints: three in",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_notebook_that_tells_too_much_or_lacks_something_is_refused(case, changed):
    id, old, new, says = REFUSED[case]
    path = changed(id, old, new)
    with pytest.raises(CourseError, match=says):
        student_text(read_source(path))


def test_a_third_hint_may_nearly_give_it_away(changed):
    path = changed("ex-01-2-hints", "The first border is", "`border = n_train + n_test`. The first")
    assert "border = n_train" in student_text(read_source(path))
    assert "border = n_train" not in student_text(read_source(path), "class")


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        (["ex-01-2-check"], "lacks the cell ex-01-2-check: expected intro"),
        (
            ["ex-01-2-task", "ex-01-2-check"],
            "lacks the cells ex-01-2-task, ex-01-2-check: expected",
        ),
    ],
)
def test_missing_cells_are_named(ids, says, tmp_path):
    notebook = nbformat.read(FIRST, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id not in ids]
    nbformat.write(notebook, tmp_path / FIRST.name)
    with pytest.raises(CourseError, match=says):
        read_source(tmp_path / FIRST.name)


def test_all_that_an_exercise_lacks_is_said_at_once(tmp_path):
    notebook = nbformat.read(FIRST, as_version=4)
    for cell in notebook.cells:
        if cell.id.startswith("ex-01-2-"):
            cell.source = ""
    nbformat.write(notebook, tmp_path / FIRST.name)
    with pytest.raises(CourseError) as error:
        read_source(tmp_path / FIRST.name)
    assert str(error.value) == (
        f"{FIRST.name}, cell ex-01-2-task lacks '## Exercise 01.2 · Three parts, every row once'; "
        "cell ex-01-2-task lacks 'medium · 10 minute'; "
        "cell ex-01-2-answer lacks '### BEGIN SOLUTION'; cell ex-01-2-answer lacks 'split_rows'; "
        "cell ex-01-2-check lacks 'check(\"01.2\")'; "
        "cell ex-01-2-check lacks '# expected(\"01.2\")'; "
        "cell ex-01-2-hints has 0 hints: three in <details>…</details> are needed."
    )


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "01_x.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(CourseError, match=r"01_x\.ipynb: not a notebook"):
        read_source(tmp_path / "01_x.ipynb")
    with pytest.raises(CourseError, match="there are no solutions in"):
        build.read_sources(tmp_path / "nowhere")


# --- the command ---------------------------------------------------------------------------------


def test_check_says_what_is_out_of_date_and_the_command_mends_it(tmp_path, capsys):
    folder = ["--out", str(tmp_path)]
    assert main(["exercises", "build", "--check", *folder]) == 1
    assert FIRST.name in capsys.readouterr().out
    assert main(["exercises", "build", *folder]) == 0
    assert main(["exercises", "build", "--check", *folder]) == 0
    (tmp_path / FIRST.name).write_text("{}", encoding="utf-8")
    (tmp_path / "77_gone.ipynb").write_text("{}", encoding="utf-8")
    assert main(["exercises", "build", "--check", "--json", *folder]) == 1
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["stale"] == [FIRST.name]
    assert report["without_source"] == ["77_gone.ipynb"]
    assert report["notebooks"] == [p.name for p in PATHS]


def saved(path, change):
    """Change a notebook and save it, as Jupyter would."""
    notebook = nbformat.read(path, as_version=4)
    change({cell.id: cell for cell in notebook.cells}, notebook)
    nbformat.write(notebook, path)


def write_an_answer(cells, notebook):
    stub = cells["ex-01-2-answer"].source
    cells["ex-01-2-answer"].source = stub.replace("raise NotImplementedError()", "return rows")


WORK = {
    "an answer that was saved and not run": write_an_answer,
    "code above a stub that is still there": lambda cells, _: cells["ex-01-2-answer"].update(
        source=cells["ex-01-2-answer"].source.replace("# YOUR CODE", "n = 1\n    # YOUR CODE")
    ),
    "a cell that was run": lambda cells, _: cells["setup"].update(execution_count=3),
    "an output": lambda cells, _: cells["setup"].update(
        outputs=[nbformat.v4.new_output("stream", text="hello")]
    ),
    "a note of one's own": lambda _, notebook: notebook.cells.append(
        nbformat.v4.new_markdown_cell("Ask about borders.", id="mine")
    ),
    "a notebook without a sign of being ours": lambda _, notebook: notebook.metadata.pop("course"),
    "one that has another's sign": lambda _, notebook: notebook.metadata.update(course="biology"),
}


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("audience", build.AUDIENCES)
def test_building_never_writes_over_somebodys_work(work, audience, tmp_path, capsys):
    assert main(["exercises", "build", "--out", str(tmp_path)]) == 0
    saved(tmp_path / FIRST.name, WORK[work])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["exercises", "build", "--audience", audience, "--out", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert f"{tmp_path / FIRST.name} has been worked in" in message
    assert "remove it here" in message
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"cells": 3}', "Ask about borders."])
def test_a_file_that_is_no_notebook_is_somebodys_work(text, tmp_path):
    (tmp_path / FIRST.name).write_text(text, encoding="utf-8")
    assert build.worked_in(tmp_path / FIRST.name)


def test_what_nobody_has_touched_is_built_anew(tmp_path, changed, capsys):
    """For another audience, after the solutions changed, and when Jupyter has only saved it."""
    old = student_text(read_source(changed("ex-01-2-answer", "three lists that", "lists that")))
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / FIRST.name
    path.write_text(old, encoding="utf-8")
    for audience in ("class", "self", "class"):
        saved(path, lambda cells, notebook: notebook.metadata.language_info.update(version="3.11"))
        assert main(["exercises", "build", "--audience", audience, "--out", str(path.parent)]) == 0
        assert path.read_text(encoding="utf-8") == student_text(read_source(FIRST), audience)


def test_the_notebooks_of_the_course_are_not_replaced_by_those_for_a_class(monkeypatch, capsys):
    written = []
    monkeypatch.setattr(build, "write_text", lambda path, text: written.append(path))
    monkeypatch.chdir(SOLUTIONS.parents[1])
    assert main(["exercises", "build", "--audience", "class", "--out", "exercises"]) == 2
    assert "leave --out away" in capsys.readouterr().err
    assert written == []


@pytest.mark.parametrize("way", ["absolute", "relative", "a link"])
@pytest.mark.parametrize("check", [[], ["--check"]], ids=["build", "check"])
def test_solutions_are_never_replaced_by_stubs(way, check, tmp_path, monkeypatch, capsys):
    written = []
    monkeypatch.setattr(build, "write_text", lambda path, text: written.append(path))
    monkeypatch.chdir(SOLUTIONS.parent)
    out = {"absolute": SOLUTIONS, "relative": Path("../exercises/./solutions")}.get(way)
    if out is None:
        out = tmp_path / "link"
        out.symlink_to(SOLUTIONS, target_is_directory=True)
    assert main(["exercises", "build", "--out", str(out), *check]) == 2
    assert "holds the solutions" in capsys.readouterr().err
    assert written == []


# --- nbgrader ------------------------------------------------------------------------------------


def test_nbgrader_gets_points_hidden_tests_and_locked_checks(path):
    source = read_source(path)
    made = cells(nbgrader_text(source))
    for exercise in source.exercises:
        prefix = build.cell_prefix(exercise)
        answer, check = made[f"{prefix}-answer"], made[f"{prefix}-check"]
        marks = answer["metadata"]["nbgrader"]
        assert (marks["solution"], marks["grade"], marks["locked"]) == (True, False, False)
        assert "### BEGIN SOLUTION" in "".join(answer["source"])
        marks = check["metadata"]["nbgrader"]
        assert (marks["solution"], marks["grade"], marks["locked"]) == (False, True, True)
        assert marks["points"] == build.POINTS[exercise.difficulty]
        assert "### BEGIN HIDDEN TESTS" in "".join(check["source"])
        assert f'require("{exercise.id}", seed=1)' in "".join(check["source"])
    assert made["setup"]["metadata"]["nbgrader"]["locked"]


def test_the_nbgrader_folder_keeps_settings_that_were_changed(tmp_path, capsys):
    assert main(["exercises", "build", "--nbgrader", str(tmp_path)]) == 0
    assert "nbgrader generate_assignment 01_" in capsys.readouterr().out
    (tmp_path / "nbgrader_config.py").write_text("mine", encoding="utf-8")
    paths = write_nbgrader(tmp_path)
    assert [p.name for p in paths] == [p.name for p in PATHS]
    assert all(p.parent == tmp_path / "source" / p.stem for p in paths)
    assert (tmp_path / "nbgrader_config.py").read_text(encoding="utf-8") == "mine"
    assert main(["exercises", "build", "--nbgrader", str(tmp_path), "--check"]) == 2
