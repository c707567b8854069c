"""Which exercises there are: those of the files lesson01.py … lesson09.py beside this one."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from helpers.checks.exercise import Exercise
from helpers.errors import SettingsError, nearest


def lessons_with_exercises() -> list[str]:
    """The numbers of these lessons, in order: "01", "02", …"""
    files = Path(__file__).parent.glob("lesson[0-9][0-9].py")
    return sorted(path.stem.removeprefix("lesson") for path in files)


def exercises(lesson: str = "") -> tuple[Exercise, ...]:
    """The exercises of a lesson ("02"), or of all lessons, in order; none for an unknown lesson."""
    numbers = [n for n in lessons_with_exercises() if not lesson or n == lesson]
    return tuple(
        exercise
        for number in numbers
        for exercise in import_module(f"helpers.checks.lesson{number}").EXERCISES
    )


def find_exercise(id: str) -> Exercise:
    """The exercise of that number. Raises SettingsError for an unknown one, the nearest offered."""
    lesson = id[:2] if re.fullmatch(r"\d\d\.\d", str(id)) else ""
    found = {exercise.id: exercise for exercise in exercises(lesson) or exercises()}
    if id not in found:
        raise SettingsError(f"there is no exercise {id!r}; {nearest(str(id), found)}.")
    return found[id]
