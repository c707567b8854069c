"""A source tree for nbgrader, which hands exercises out, collects them and marks them.

nbgrader marks in the submission's own process, by cells that raise or do not. So the check cells
get a hidden test that raises unless the answer passes, with other numbers than the student saw.
`course grade` needs no nbgrader, and keeps what is expected where no submission can reach it.
"""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode

from helpers.checks.exercise import Exercise
from helpers.classroom.build import (
    POINTS,
    SOLUTIONS,
    WORDS_POINTS,
    Source,
    bare_cell,
    cell_prefix,
    for_class,
    notebook_text,
    read_sources,
    refuse_leaks,
    student_cell,
)
from helpers.files import write_text

SEED = 1  # of the hidden tests; what the student's check asks with has another, 0
CONFIG = '''"""For nbgrader, whose commands are typed in this folder: `nbgrader generate_assignment 01_…`."""

c = get_config()
c.CourseDirectory.course_id = "instruction-finetuning"
c.ExecutePreprocessor.timeout = 120  # seconds a cell
'''


def write_nbgrader(out: Path, audience: str = "class", folder: Path = SOLUTIONS) -> list[Path]:
    """Write `source/NN_name/NN_name.ipynb` for every lesson, and nbgrader's settings if it has none.

    Returns the paths of the notebooks.
    """
    texts = {
        out / "source" / source.path.stem / source.path.name: nbgrader_text(source, audience)
        for source in read_sources(folder)
    }
    config = out / "nbgrader_config.py"
    if not config.exists():  # the instructor may have changed it
        write_text(config, CONFIG)
    return [write_text(path, text) for path, text in texts.items()]


def nbgrader_text(source: Source, audience: str = "class") -> str:
    """The notebook as nbgrader's *source* version: with solutions, points and hidden tests."""
    refuse_leaks(source, [student_cell(source, cell, audience) for cell in source.notebook.cells])
    by_prefix = {cell_prefix(exercise): exercise for exercise in source.exercises}
    cells = []
    for cell in source.notebook.cells:
        prefix, _, kind = cell.id.rpartition("-")
        cells.append(_graded_cell(cell, by_prefix.get(prefix), kind, audience))
    return notebook_text(cells)


def _graded_cell(
    cell: NotebookNode, exercise: Exercise | None, kind: str, audience: str
) -> NotebookNode:
    text = for_class(cell.id, cell.source) if audience == "class" else cell.source
    if exercise and kind == "check":
        text = f"{text.rstrip()}\n{hidden_test(exercise)}"
    made = bare_cell(cell, text)
    if exercise and kind in ("answer", "check", "words"):
        made.metadata = {"nbgrader": _metadata(cell, exercise, kind)}
    elif cell.cell_type == "code":  # set-up and progress: put back if somebody changes them
        made.metadata = {"nbgrader": _marks(cell, locked=True)}
    return made


def hidden_test(exercise: Exercise) -> str:
    """The lines that nbgrader takes out of what it hands out, and puts back to mark."""
    return (
        "### BEGIN HIDDEN TESTS\n"
        "from helpers.checks import require\n\n"
        f'require("{exercise.id}", seed={SEED})\n'
        "### END HIDDEN TESTS"
    )


def _metadata(cell: NotebookNode, exercise: Exercise, kind: str) -> dict:
    if kind == "answer":
        return _marks(cell, solution=True)
    if kind == "words":  # read and marked by a person
        return _marks(cell, solution=True, grade=True, points=WORDS_POINTS)
    return _marks(cell, grade=True, locked=True, points=POINTS[exercise.difficulty])


def _marks(
    cell: NotebookNode,
    *,
    solution: bool = False,
    grade: bool = False,
    locked: bool = False,
    points: int | None = None,
) -> dict:
    """A cell's entry for nbgrader, in the third version of its format."""
    marks = {
        "cell_type": cell.cell_type,
        "grade": grade,
        "grade_id": cell.id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return marks if points is None else {**marks, "points": points}
