"""What the exercises call: `check("02.1")` under an answer, `progress()` at the end.

An exercise and its parts are described in `exercise`; lesson01 … lesson09 hold those of a lesson,
`registry` finds them, `examination` asks an answer, and `notebook` prints what came of it.
"""

from helpers.checks.examination import examine
from helpers.checks.exercise import Exercise, Mistake, Outcome, Part, Result, ask, judge, same
from helpers.checks.notebook import check, expected, progress, require
from helpers.checks.registry import exercises, find_exercise

__all__ = [
    "Exercise",
    "Mistake",
    "Outcome",
    "Part",
    "Result",
    "ask",
    "check",
    "examine",
    "exercises",
    "expected",
    "find_exercise",
    "judge",
    "progress",
    "require",
    "same",
]
