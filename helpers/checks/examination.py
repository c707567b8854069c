"""Asking an answer all parts of its exercise, in this process, and never raising.

What an answer does wrong becomes a verdict: an exception is an *error*, a loop without end a
*time-out*, a stub that was left as it is *not attempted*. This is what the notebooks use; marking
has a process of its own for every submission, because nothing here could stop one that means harm.
"""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from helpers.checks.exercise import Exercise, Outcome, Part, Result, ask, judge
from helpers.errors import one_line


class TimeUp(BaseException):  # no Exception: an answer's own `except Exception` must not stop it
    """The answer has had its time."""


def can_stop() -> bool:
    """Whether an answer that runs too long can be ended here: signals reach the main thread only."""
    main = threading.current_thread() is threading.main_thread()
    return main and hasattr(signal, "setitimer")  # Windows has none


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeUp in the block after that many seconds; where that cannot be, at its end."""
    started = time.monotonic()
    if not can_stop():
        yield
        if time.monotonic() - started > seconds:
            raise TimeUp
        return

    def ring(signum, frame):
        raise TimeUp

    handler = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def examine(exercise: Exercise, answer: Any, seed: int = 0) -> Outcome:
    """What becomes of the exercise: its parts are asked in order, up to the first that fails."""
    results: list[Result] = []
    left = exercise.seconds
    for part in exercise.parts:
        started = time.monotonic()
        results.append(_examine_part(part, answer, seed, left, exercise.seconds))
        left -= time.monotonic() - started
        if results[-1].verdict != "passed":
            break
    last = results[-1]
    if last.verdict == "not attempted" and len(results) > 1:  # begun, but not to its end
        says = "Here your code still comes to `raise NotImplementedError()`. Write what is missing."
        results[-1] = last = Result(last.part, "failed", says)
    return Outcome(exercise.id, last.verdict, tuple(results))


def _examine_part(part: Part, answer: Any, seed: int, left: float, seconds: float) -> Result:
    try:
        with time_limit(left):
            got = ask(part, answer, seed)
        return judge(part, got, seed)
    except NotImplementedError:
        return Result(part.name, "not attempted")
    except TimeUp:
        says = (
            f"No answer within {seconds:g} seconds. Look for a loop that never ends: does what its "
            "condition tests change in every round?"
        )
        return Result(part.name, "time-out", says)
    # Whatever an answer raises is its verdict: the one place where no exception may pass. Ctrl-C
    # is none of these and does.
    except (Exception, SystemExit) as error:
        return Result(part.name, "error", error_text(error, answer))


def error_text(error: BaseException, answer: Any) -> str:
    """What was raised and, where the answer is a function, the line of it that did."""
    text = f"Your code raised {type(error).__name__}"
    text += f": {one_line(error)[:300]}." if str(error).strip() else "."
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if lines and lines[-1].line:
        text += f" It happened in line {lines[-1].lineno} of the cell: {lines[-1].line.strip()}"
    elif isinstance(error, TypeError):
        text += " Does your function take the arguments that the task names, and return something?"
    return text
