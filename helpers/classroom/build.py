"""Exercise notebooks for students, built from those with solutions, and a tree for nbgrader.

One source: exercises/solutions/NN_name.ipynb, with nbgrader's markers around what is the solution.
The student's notebook is the same with `# YOUR CODE HERE` in place of each solution, without
outputs, and byte for byte the same at every build. A notebook that would give a solution away is
refused, and so is one whose cells are not those that checking and marking look for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.checks.exercise import Exercise
from helpers.checks.registry import exercises
from helpers.errors import CourseError
from helpers.files import content_hash, write_text

EXERCISES = Path(__file__).resolve().parents[2] / "exercises"
SOLUTIONS = EXERCISES / "solutions"
AUDIENCES = ("self", "class")  # class: neither hint 3 nor the line that shows what is expected
CODE_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"  # both as nbgrader writes them
TEXT_STUB = "YOUR ANSWER HERE"
REGION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[ \t]*\n(?P<solution>.*?)^[ \t]*### END SOLUTION[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
HIDDEN = re.compile(
    r"^[ \t]*### BEGIN HIDDEN TESTS.*?^[ \t]*### END HIDDEN TESTS[ \t]*\n?", re.M | re.S
)
MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN")
HINT = re.compile(r"<details>.*?</details>\s*", re.DOTALL)
TELLING = 20  # characters, blanks not counted: a longer piece of a solution is found by chance only
POINTS = {"easy": 1, "medium": 2, "hard": 3, "open": 2}  # by difficulty; an open one's words add 2
WORDS_POINTS = 2


@dataclass(frozen=True)
class Source:
    """A notebook with solutions, read and found to be in order."""

    path: Path
    notebook: NotebookNode
    exercises: tuple[Exercise, ...]

    @property
    def lesson(self) -> str:
        """The number of its lesson, such as "01"."""
        return self.path.name[:2]

    def where(self, cell: NotebookNode) -> str:
        """How a message names one of its cells."""
        return f"{self.path.name}, cell {cell.id}"


def read_sources(folder: Path = SOLUTIONS) -> list[Source]:
    """All notebooks with solutions, in order. Raises CourseError where there are none."""
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise CourseError(
            f"there are no solutions in {folder}. They are part of the folder that you cloned, and "
            "of no installed package: go there."
        )
    return [read_source(path) for path in paths]


def read_source(path: Path) -> Source:
    """The notebook, when its cells are those of the lesson's exercises. Raises CourseError."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, nbformat.ValidationError) as error:  # no JSON, or no notebook
        raise CourseError(f"{path}: not a notebook ({str(error).splitlines()[0]}).") from error
    source = Source(path, notebook, exercises(path.name[:2]))
    if not source.exercises:
        raise CourseError(
            f"{path}: its checks, helpers/checks/lesson{source.lesson}.py, are missing."
        )
    _check_cells(source)
    return source


# --- the student's notebook ----------------------------------------------------------------------


def build(audience: str = "self", folder: Path = SOLUTIONS) -> dict[str, str]:
    """File name → text of every student notebook. Raises CourseError for one that tells too much."""
    return {source.path.name: student_text(source, audience) for source in read_sources(folder)}


def student_text(source: Source, audience: str = "self") -> str:
    """The student's notebook as it is written to its file."""
    cells = [student_cell(source, cell, audience) for cell in source.notebook.cells]
    refuse_leaks(source, cells)
    return notebook_text(cells, course={"built": cells_hash(cells)})


def cells_hash(cells: list[NotebookNode]) -> str:
    """A hash of what is written in the cells: a notebook keeps it to tell whether it was changed."""
    return content_hash([[cell.get("id"), cell.cell_type, cell.source] for cell in cells])


def notebook_text(cells: list[NotebookNode], **metadata: dict) -> str:
    """These cells as a notebook file: no outputs, the kernel's name and what else is to be kept."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.nbformat_minor = 5
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        **metadata,
    }
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def student_cell(source: Source, cell: NotebookNode, audience: str) -> NotebookNode:
    """The cell as students get it: without solution, hidden tests and what the audience is not shown."""
    text = without_solution(cell, source.where(cell))
    text = HIDDEN.sub("", text).rstrip("\n")
    if audience == "class":
        text = for_class(cell.id, text)
    return bare_cell(cell, text)


def bare_cell(cell: NotebookNode, text: str) -> NotebookNode:
    """A cell of the same kind and id with that text, without outputs and metadata."""
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    return make[cell.cell_type](text, id=cell.id)


def without_solution(cell: NotebookNode, where: str) -> str:
    """The cell's text with a stub in place of each solution. Raises CourseError for loose markers."""
    stub = CODE_STUB if cell.cell_type == "code" else TEXT_STUB

    def replaced(match: re.Match) -> str:
        indent = match["indent"]
        if cell.cell_type == "code" and not indent:
            raise CourseError(
                f"{where}: a solution at the left margin would end *Run All* of an untouched "
                "notebook. Put it into a function."
            )
        return "\n".join(indent + line for line in stub.splitlines())

    text = REGION.sub(replaced, cell.source)
    loose = [marker for marker in MARKERS[:2] if marker in text]
    if loose:
        raise CourseError(
            f"{where}: {loose[0]} has no partner, or stands not alone on its line. Write "
            "`### BEGIN SOLUTION` and `### END SOLUTION`, each on a line of its own."
        )
    return text


def for_class(id: str, text: str) -> str:
    """The text of a cell without the last hint, and without the line that shows the expected."""
    if id.endswith("-hints"):
        return text.replace(HINT.findall(text)[2], "").rstrip("\n")
    if id.endswith("-check"):
        return "\n".join(line for line in text.splitlines() if "expected(" not in line)
    return text


# --- nothing is given away -----------------------------------------------------------------------


def telling_pieces(notebook: NotebookNode) -> set[str]:
    """What must stand in no student's cell: lines of solutions, and what they return or assign.

    Blanks are taken out. Short lines, as `return total`, tell nothing and would be found anywhere;
    a solution as a whole counts from half that length on.
    """
    pieces = set()
    for cell in notebook.cells:
        for match in REGION.finditer(cell.source):
            whole = squeezed(match["solution"])
            if len(whole) > TELLING // 2:
                pieces.add(whole)
            for line in match["solution"].splitlines():
                code = re.sub(r"\s#\s.*", "", line)
                parts = [line, code, re.sub(r"^\s*return\b", "", code), code.partition(" = ")[2]]
                pieces.update(s for s in map(squeezed, parts) if len(s) > TELLING)
    return pieces


def squeezed(text: str) -> str:
    """The text without any blanks."""
    return "".join(text.split())


def public_text(cell: NotebookNode) -> str:
    """What a cell says without the third hint, which may nearly give the solution away."""
    if cell.id.endswith("-hints"):
        return "".join(HINT.findall(cell.source)[:2]) + HINT.sub("", cell.source)
    return cell.source


def refuse_leaks(source: Source, cells: list[NotebookNode]) -> None:
    """Raise CourseError when a cell that students see holds a telling piece of a solution."""
    pieces = telling_pieces(source.notebook)
    for cell in cells:
        text = public_text(cell)
        squeezed_text = squeezed(text)
        for piece in sorted(pieces):
            if piece in squeezed_text:
                raise CourseError(
                    f"{source.where(cell)}: this is part of a solution: {piece[:60]}. Say it in "
                    "other words, or take it out of the solution."
                )
        for marker in MARKERS:
            if marker in text:
                raise CourseError(f"{source.where(cell)}: {marker} is left over. Take it away.")


# --- the cells that must be there ----------------------------------------------------------------


def _check_cells(source: Source) -> None:
    """Raise CourseError unless the notebook has the cells of its lesson's exercises, in order."""
    cells = {cell.id: cell for cell in source.notebook.cells}
    ids = [cell.id for cell in source.notebook.cells]
    wanted = ["intro", "setup"]
    for exercise in source.exercises:
        wanted += [f"{cell_prefix(exercise)}-{k}" for k in ("task", "answer", "check", "hints")]
    wanted += ["progress", "next"]
    missing = [id for id in wanted if id not in cells]
    if missing or [id for id in ids if id in wanted] != wanted:
        which = f"cell{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        what = f"lacks the {which}" if missing else "has its cells in another order"
        raise CourseError(f"{source.path.name} {what}: expected {', '.join(wanted)}.")
    for exercise in source.exercises:
        _check_exercise(source, exercise, cells)
    for cell in cells.values():
        if "BEGIN SOLUTION" in cell.source and not re.search("-(answer|words)$", cell.id):
            raise CourseError(f"{source.where(cell)}: solutions belong into the answer cell.")


def _check_exercise(source: Source, exercise: Exercise, cells: dict[str, NotebookNode]) -> None:
    """Raise CourseError with all that the exercise's cells lack."""
    prefix = cell_prefix(exercise)
    head = f"## Exercise {exercise.id} · {exercise.title}\n"
    effort = f"{exercise.difficulty} · {exercise.minutes} minute"
    wanted = {
        "task": (head, effort),
        "answer": ("### BEGIN SOLUTION", exercise.answer),
        "check": (f'check("{exercise.id}")', f'# expected("{exercise.id}")'),
    }
    lacks = [
        f"cell {prefix}-{kind} lacks {text.strip()!r}"
        for kind, texts in wanted.items()
        for text in texts
        if text not in cells[f"{prefix}-{kind}"].source
    ]
    if (n := len(HINT.findall(cells[f"{prefix}-hints"].source))) != 3:
        lacks.append(f"cell {prefix}-hints has {n} hints: three in <details>…</details> are needed")
    if lacks:
        raise CourseError(f"{source.path.name}, {'; '.join(lacks)}.")


def cell_prefix(exercise: Exercise) -> str:
    """How the ids of an exercise's cells begin: "ex-02-1"."""
    return f"ex-{exercise.id.replace('.', '-')}"


# --- files ---------------------------------------------------------------------------------------


def refuse_folder(out: Path, audience: str) -> None:
    """Raise CourseError where building would replace what it builds from, or the course's own."""
    if not out.exists():
        return
    if out.samefile(SOLUTIONS):
        raise CourseError(
            f"{out} holds the solutions that the notebooks are made from, and building there would "
            "replace each by a stub: name another folder with --out."
        )
    if audience != "self" and out.samefile(EXERCISES):
        raise CourseError(
            f"{out} holds the notebooks for learning alone, which belong to the course: leave --out "
            f"away or name another folder, as those with --audience {audience} would replace them."
        )


def stale_files(out: Path, texts: dict[str, str]) -> list[str]:
    """The names of the notebooks in `out` that are missing or differ from these texts."""
    return sorted(name for name, text in texts.items() if _text_of(out / name) != text)


def orphans(out: Path, texts: dict[str, str]) -> list[str]:
    """The names of the notebooks in `out` that have no source any more."""
    return sorted(p.name for p in out.glob("[0-9][0-9]_*.ipynb") if p.name not in texts)


def write_files(out: Path, texts: dict[str, str]) -> None:
    """Write the notebooks; one that is right already is left alone.

    Raises CourseError, before anything is written, where somebody has worked in one of them.
    """
    stale = stale_files(out, texts)
    for name in stale:
        if (out / name).exists() and worked_in(out / name):
            raise CourseError(
                f"{out / name} has been worked in (or an earlier version of the course built it), and "
                "building would write over it: copy it to another folder and remove it here, or "
                "build elsewhere with --out FOLDER."
            )
    for name in stale:
        write_text(out / name, texts[name])


def worked_in(path: Path) -> bool:
    """Whether a notebook's cells were changed or run since it was built; also for no notebook."""
    try:
        notebook = nbformat.read(path, as_version=4)
        built = notebook.metadata["course"]["built"]
        ran = any(cell.get("execution_count") or cell.get("outputs") for cell in notebook.cells)
        return ran or built != cells_hash(notebook.cells)
    # Somebody's own file may lack whatever a notebook has, and a file that is none is somebody's too.
    except (ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError):
        return True


def _text_of(path: Path) -> str | None:
    """A file's text with its line ends as they are, or None where there is no such file."""
    return path.read_bytes().decode("utf-8", "replace") if path.exists() else None
