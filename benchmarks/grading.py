"""How long marking takes: `python -m benchmarks.grading [--students 30]`.

Makes a class out of the solution notebooks: each student's answers are the reference, another right
one, or one of the wrong ones that the checks are tested with (tests/exercises), every student with
others. Marks it as `course grade` does, compares each verdict with the one that is known, prints a
line and writes build/grading.json. Exit status 1 when a verdict is another one, or when the time is
above the limit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import nbformat

from helpers.checks.exercise import Exercise
from helpers.checks.registry import exercises
from helpers.classroom.grade import SOLUTIONS, GradeSettings, grade
from helpers.files import write_json

sys.path.append(str(Path(__file__).parent.parent / "tests"))  # submissions import it from there too
answers_of = import_module("exercises").answers_of
LIMIT = 45.0  # minutes, for 30 students and nine notebooks on two cores


@dataclass(frozen=True)
class Known:
    """An answer to put into a notebook, and what marking has to find."""

    source: str  # of the cell; "" leaves the reference where it is
    verdict: str = "passed"
    part: str = ""
    mistake: str = ""


def known_answers(exercise: Exercise) -> list[Known]:
    """The reference, the other right answer, and the wrong ones."""
    where = f"answers_of({exercise.lesson!r})[{exercise.id!r}]"
    given = answers_of(exercise.lesson)[exercise.id]

    def cell(what: str) -> str:
        return f"from exercises import answers_of\n{exercise.answer} = {where}.{what}\n"

    wrong = [
        Known(cell(f"wrong[{name!r}].answer"), one.verdict, one.part, one.mistake or "")
        for name, one in given.wrong.items()
    ]
    return [Known(""), Known(cell("other")), *wrong]


def make_class(folder: Path, students: int) -> dict[tuple[str, str], Known]:
    """The class in `folder`, and (student, exercise) → what it answers there."""
    known: dict[tuple[str, str], Known] = {}
    for path in sorted(SOLUTIONS.glob("[0-9][0-9]_*.ipynb")):
        choices = {e.id: known_answers(e) for e in exercises(path.name[:2])}
        for number in range(students):
            name, notebook = f"student {number + 1:02}", nbformat.read(path, as_version=4)
            for place, (id, answers) in enumerate(choices.items()):
                chosen = known[name, id] = answers[(number + place) % len(answers)]
                cell = next(
                    c for c in notebook.cells if c.id == f"ex-{id.replace('.', '-')}-answer"
                )
                cell.source = chosen.source or cell.source
            (folder / name).mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, folder / name / path.name)
    return known


def differences(report: dict, known: dict[tuple[str, str], Known]) -> list[str]:
    """A line for each exercise that was not marked as it should be."""
    lines = []
    for row in report["students"]:
        for one in row["exercises"]:
            last = one["parts"][-1] if one["parts"] else {"part": "", "mistake": ""}
            right = known[row["name"], one["exercise"]]
            part = last["part"] if right.part else ""
            found = (one["verdict"], part, last["mistake"])
            if right.verdict == "time-out":  # a process that was ended says no more than that
                found, right = found[:1], Known("", right.verdict)
            if found != (right.verdict, right.part, right.mistake)[: len(found)]:
                lines.append(f"{row['name']} {one['exercise']}: {found}, {one['message']} {last}")
    return lines


def measure(folder: Path, students: int, settings: GradeSettings | None = None) -> dict:
    """How long it took to make and mark the class, and what was not marked as it should be."""
    shutil.rmtree(folder, ignore_errors=True)
    known = make_class(folder / "class", students)
    settings, started = settings or GradeSettings(), time.perf_counter()
    report = grade(folder / "class", folder / "marks", settings)
    return {
        "students": students,
        "notebooks": sum(row["notebooks"] for row in report["students"]),
        "exercises": len(known),
        "minutes": round((time.perf_counter() - started) / 60, 2),
        "workers": settings.workers or os.cpu_count(),
        "isolation": report["isolation"],
        "wrong_verdicts": differences(report, known),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("build/grading"))
    args = parser.parse_args()
    result = measure(args.out, args.students)
    write_json(args.out.with_suffix(".json"), {**result, "limit_minutes": LIMIT})
    for line in result["wrong_verdicts"]:
        print(line, file=sys.stderr)
    print(
        f"{result['notebooks']} notebooks of {result['students']} students marked in "
        f"{result['minutes']:.1f} minutes (limit {LIMIT:.0f}) with {result['workers']} workers, "
        f"isolation {result['isolation']}; {len(result['wrong_verdicts'])} of "
        f"{result['exercises']} verdicts are wrong"
    )
    return 1 if result["wrong_verdicts"] or result["minutes"] > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
