"""What a class wrote in words, for somebody to read: from the same notebooks that marking takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.checks.exercise import Exercise
from helpers.checks.registry import find_exercise, lessons_with_exercises
from helpers.classroom.build import TEXT_STUB, cell_prefix, read_sources, without_solution
from helpers.classroom.submissions import (  # its own helpers too: both must take the same files
    File,
    Notebook,
    RefusedError,
    Student,
    _groups_of_folder,
    _groups_of_zip,
    _is_zip,
    _read,
    _text,
    collect,
)
from helpers.errors import SettingsError

BEGINNING = 60  # characters by which a question is known in a notebook without ids


@dataclass(frozen=True)
class Question:
    """A part in words: the cell that asks it, and holds the answer."""

    exercise: Exercise
    cell: str  # its id
    text: str  # what stands in it before somebody writes


def questions() -> list[Question]:
    """Those of all exercises, in order."""
    found = []
    for source in read_sources():
        cells = {cell.id: cell for cell in source.notebook.cells}
        for exercise in source.exercises:
            id = f"{cell_prefix(exercise)}-words"
            if id in cells:
                text = without_solution(cells[id], source.where(cells[id])).partition(TEXT_STUB)[0]
                found.append(Question(exercise, id, text.strip()))
    return found


def choose(only: str) -> list[Question]:
    """The question of that exercise, or all for "". Raises SettingsError where it asks for no words."""
    found = questions()
    if not only:
        return found
    chosen = [q for q in found if q.exercise.id == find_exercise(only).id]
    if not chosen:
        known = ", ".join(q.exercise.id for q in found)
        raise SettingsError(f"exercise {only} asks for no words; those that do: {known}.")
    return chosen


def read_words(folder: Path, only: str = "") -> dict[str, Any]:
    """Exercise by exercise what each student wrote, and a line for all that could not be read."""
    chosen = choose(only)
    students, problems = collect(folder, lessons_with_exercises())
    handed_in = {n.digest for s in students for n in s.notebooks.values() if not n.problem}
    cells = cells_by_digest(folder, handed_in)
    for student in students:
        own = student.problems + [n.problem for n in student.notebooks.values() if n.problem]
        problems += [f"{student.name}: {problem}" for problem in own]
    exercises = [_said(question, students, cells) for question in chosen]
    return {"exercises": exercises, "problems": problems}


def _said(question: Question, students: Sequence[Student], cells: dict[str, list]) -> dict:
    exercise = question.exercise
    answers = [
        {"name": student.name, **answer(question, student.notebooks.get(exercise.lesson), cells)}
        for student in students
    ]
    return {"exercise": exercise.id, "title": exercise.title, "answers": answers}


def answer(question: Question, notebook: Notebook | None, cells: dict[str, list]) -> dict[str, str]:
    """What a notebook says to the question: `words`, or a `remark` why there are none."""
    if notebook is None:
        return {"words": "", "remark": f"no notebook {question.exercise.lesson}_*.ipynb"}
    if notebook.problem:
        return {"words": "", "remark": f"{notebook.file} cannot be read"}
    texts = words_in(cells.get(notebook.digest, []), question)
    if not texts:
        return {"words": "", "remark": f"{notebook.file} has no cell {question.cell} any more"}
    words = "\n\n".join(texts).strip()
    remark = "" if words not in ("", TEXT_STUB) else f"nothing in its place in {notebook.file}"
    return {"words": "" if remark else words, "remark": remark}


def words_in(cells: Sequence[tuple[str, str]], question: Question) -> list[str]:
    """The texts of the cells that are the question's, without the question where it still stands."""
    texts = [text for id, text in cells if id == question.cell]
    texts = texts or [text for _, text in cells if text.startswith(question.text[:BEGINNING])]
    return [text.removeprefix(question.text).strip() for text in texts]


def cells_by_digest(folder: Path, digests: set[str]) -> dict[str, list[tuple[str, str]]]:
    """sha256 of a notebook's file → ids and texts of its cells, for these files below a class."""
    found = {}
    for file in _files(folder):
        try:
            data = _read(file)
            digest = hashlib.sha256(data).hexdigest()
            if digest in digests:
                found[digest] = _cells(data)
        except RefusedError:  # said by `collect`; or a text cell without text, which is none
            continue
    return found


def _cells(data: bytes) -> list[tuple[str, str]]:
    cells = json.loads(data.decode("utf-8-sig"))["cells"]
    return [(cell.get("id", ""), _text(cell.get("source", ""))) for cell in cells]


def _files(folder: Path) -> Iterator[File]:
    groups = _groups_of_zip(folder) if _is_zip(folder) else _groups_of_folder(folder, None, [])
    return (file for _, files, _ in groups for file in files if file.name.endswith(".ipynb"))
