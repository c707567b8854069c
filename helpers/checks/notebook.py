"""What the cells of an exercise notebook call: `check`, `expected` and `progress`.

They look into the notebook's own variables, print, and raise nothing: *Run All* goes through to the
end with every answer missing. What they remember lies among these variables too, so a restarted
kernel has forgotten it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import types
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from helpers.checks.examination import can_stop, examine
from helpers.checks.exercise import Exercise, Outcome
from helpers.checks.registry import exercises, find_exercise
from helpers.errors import CourseError

SEED = "COURSE_EXERCISE_SEED"  # a number or a name; each student may have another
MEMORY = "_course_exercises"  # the notebook's variable in which a Session lies
MISSING = object()
SIGNS = {"passed": "✓ ", "failed": "✗ ", "error": "✗ ", "time-out": "✗ "}  # beside the word


@dataclass
class Session:
    """What the checks of one notebook remember, by the exercise's id."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)  # the student's that did not pass
    placed: dict[str, Any] = field(default_factory=dict)  # what stands in for them meanwhile


def check(id: str, *, seed: int | str | None = None) -> None:
    """Print what is right and what is not about the answer to an exercise: `check("02.1")`.

    Until it passes, the course's own function takes its name, so that the cells below can go on.
    """
    namespace = sys._getframe(1).f_globals
    try:
        exercise = find_exercise(id)
    except CourseError as error:
        print(error)
        return
    session = _session(namespace)
    answer, remark = find_answer(exercise, namespace, session)
    outcome = _examine(exercise, answer, seed)
    session.outcomes[id] = outcome
    print(verdict_text(exercise, outcome, remark))
    if outcome.verdict == "passed":
        namespace[exercise.answer] = answer
        return
    session.answers[id] = answer
    if exercise.fallback is not None:
        namespace[exercise.answer] = session.placed[id] = _own_object(exercise.fallback())
        instead = exercise.fallback_name or "the course's own"
        print(f"Until yours passes, `{exercise.answer}` is {instead} in the cells below.")


def require(id: str, *, seed: int | str | None = None) -> None:
    """Raise AssertionError unless the answer passes; for nbgrader, whose tests are exceptions."""
    namespace = sys._getframe(1).f_globals
    exercise = find_exercise(id)
    answer, _ = find_answer(exercise, namespace, _session(namespace))
    outcome = _examine(exercise, answer, seed)
    if outcome.verdict != "passed":
        why = outcome.results[-1].message if outcome.results else ""
        raise AssertionError(f"{id}: {outcome.verdict}. {why}".strip())


def expected(id: str, *, seed: int | str | None = None) -> None:
    """Print what each part of an exercise is asked with and what should come back."""
    try:
        exercise = find_exercise(id)
    except CourseError as error:
        print(error)
        return
    number = seed_number(seed)
    for count, part in enumerate(exercise.parts, start=1):
        arguments = part.arguments(number)
        print(f"{count}. {part.name}")
        for argument in arguments:
            print(f"   given     {shown(argument)}")
        print(f"   expected  {shown(part.expected(*arguments))}")


def progress(lesson: str = "") -> None:
    """Print how far one is with the exercises of this notebook, or of the lesson that is named."""
    session = _session(sys._getframe(1).f_globals)
    lessons = [lesson] if lesson else sorted({id[:2] for id in session.outcomes})
    if not lessons:
        print("No check has run yet: run the cells with `check(…)` first.")
    for number in lessons:
        print(progress_text(number, session.outcomes))


def progress_text(lesson: str, outcomes: dict[str, Outcome]) -> str:
    """The count of a lesson's exercises and a line for each."""
    known = exercises(lesson)
    if not known:
        return f"Lesson {lesson} has no exercises."
    verdicts = {e.id: outcomes[e.id].verdict if e.id in outcomes else "not checked" for e in known}
    passed = sum(verdict == "passed" for verdict in verdicts.values())
    attempted = sum(id in outcomes and outcomes[id].attempted for id in verdicts)
    n = len(known)
    lines = [f"Lesson {lesson}: {attempted} of {n} attempted, {passed} of {n} passed."]
    lines += [f"  {SIGNS.get(verdicts[e.id], '')}{verdicts[e.id]}: {e.id} {e.title}" for e in known]
    return "\n".join(lines)


def verdict_text(exercise: Exercise, outcome: Outcome, remark: str = "") -> str:
    """The verdict, then a line for every part: its own verdict in words, never a sign alone."""
    head = f"Exercise {exercise.id} · {exercise.title}: {outcome.verdict}"
    if not outcome.attempted:
        todo = remark or "Write your code where the cell says so, run that cell, then this one."
        return f"{head}. {todo}"
    lines = [head]
    for count, part in enumerate(exercise.parts, start=1):
        result = outcome.results[count - 1] if count <= len(outcome.results) else None
        verdict = result.verdict if result else "not reached"
        lines.append(f"  {count}. {SIGNS.get(verdict, '')}{verdict}: {part.name}")
        if result and result.verdict != "passed":
            lines.append(f"     {result.message}")
            if result.verdict == "failed":
                lines.append(f"     What came back: {shown(result.got)}")
    if not can_stop():
        lines.append("  (Too long a run cannot be ended here: interrupt the kernel if one hangs.)")
    if exercise.has_words and outcome.verdict == "passed":
        lines.append("The part in words is read by a person, not by this check: is it written?")
    return "\n".join(lines)


def find_answer(exercise: Exercise, namespace: dict, session: Session) -> tuple[Any, str]:
    """The student's answer, or MISSING, and a remark on why it counts as missing.

    What an earlier check put there is not the student's: then theirs of that time is asked again.
    """
    answer = namespace.get(exercise.answer, MISSING)
    if exercise.id in session.placed and answer is session.placed[exercise.id]:
        return session.answers[exercise.id], ""
    if answer is None or answer is ...:
        return MISSING, ""
    if isinstance(answer, (types.FunctionType, type)) and (answer.__module__ or "").startswith(
        "helpers."
    ):
        return MISSING, f"`{exercise.answer}` is the course's own here: write one of your own."
    return answer, ""


def seed_number(seed: int | str | None = None) -> int:
    """The seed as a small number: what was given, else COURSE_EXERCISE_SEED, else 0.

    A name has a number as well, the same one everywhere.
    """
    text = str(os.environ.get(SEED, "") if seed is None else seed).strip() or "0"
    if text.isascii() and text.isdigit():
        return int(text) % 2**31
    return int(hashlib.sha256(text.encode("utf-8")).hexdigest(), 16) % 10_000


def shown(value: Any, limit: int = 400) -> str:
    """A value in a line or two: small tensors as lists of numbers, large ones by their shape."""
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "tolist"):
        size = int(np.prod(tuple(shape)))
        value = value.tolist() if size <= 60 else f"{type(value).__name__} of shape {tuple(shape)}"
        text = value if size > 60 else repr(value)
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text):,} characters)"


def _examine(exercise: Exercise, answer: Any, seed: int | str | None) -> Outcome:
    """The outcome. What the answer writes to stderr goes to stdout, where nbgrader allows it."""
    if answer is MISSING:
        return Outcome(exercise.id, "not attempted")
    with redirect_stderr(sys.stdout):
        return examine(exercise, answer, seed_number(seed))


def _session(namespace: dict) -> Session:
    return namespace.setdefault(MEMORY, Session())


def _own_object(value: Any) -> Any:
    """The value as an object that nobody else has: Python keeps one 7 for all who write 7."""
    if type(value) in (int, float, str):
        return type("GivenFor", (type(value),), {})(value)
    return value
