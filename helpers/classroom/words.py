"""What a class wrote in words, for somebody to read: from the same notebooks that marking takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.checks.exercise import Exercise
from helpers.checks.registry import find_exercise, lessons_with_exercises
from helpers.classroom.build import TEXT_STUB, cell_prefix, read_sources, without_solution
from helpers.classroom.submissions import Cell, Notebook, Student, collect
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
    for student in students:
        own = student.problems + [n.problem for n in student.notebooks.values() if n.problem]
        problems += [f"{student.name}: {problem}" for problem in own]
    exercises = [_said(question, students) for question in chosen]
    return {"exercises": exercises, "problems": problems}


def _said(question: Question, students: Sequence[Student]) -> dict:
    exercise = question.exercise
    answers = [
        {"name": student.name, **answer(question, student.notebooks.get(exercise.lesson))}
        for student in students
    ]
    return {"exercise": exercise.id, "title": exercise.title, "answers": answers}


def answer(question: Question, notebook: Notebook | None) -> dict[str, str]:
    """What a notebook says to the question: `words`, or a `remark` why there are none."""
    if notebook is None:
        return {"words": "", "remark": f"no notebook {question.exercise.lesson}_*.ipynb"}
    if notebook.problem:
        return {"words": "", "remark": f"{notebook.file} cannot be read"}
    texts = words_in(notebook.texts, question)
    if not texts:
        return {"words": "", "remark": f"{notebook.file} has no cell {question.cell} any more"}
    words = "\n\n".join(texts).strip()
    remark = "" if words not in ("", TEXT_STUB) else f"nothing in its place in {notebook.file}"
    return {"words": "" if remark else words, "remark": remark}


def words_in(cells: Sequence[Cell], question: Question) -> list[str]:
    """The texts of the cells that are the question's, without the question where it still stands."""
    texts = [cell.source for cell in cells if cell.id == question.cell]
    texts = texts or [c.source for c in cells if c.source.startswith(question.text[:BEGINNING])]
    return [text.removeprefix(question.text).strip() for text in texts]
