"""What an exercise is, and how one answer to it is judged.

An answer is what a student's cell leaves behind: a function, or a value. It is asked in ordered
parts, each about one mechanism: `ask` calls the answer on a part's arguments, `judge` compares what
came back with what should have. The two are apart because marking asks in the submission's process
and judges in another, where no submission can reach.

A wrong result may be one that many students get: then the part's `mistakes` recognise it and say
what is likely wrong, instead of the general next step.
"""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

VERDICTS = ("passed", "failed", "not attempted", "error", "time-out")
DIFFICULTIES = ("easy", "medium", "hard", "open")


def call_it(answer: Any, *arguments: Any) -> Any:
    """What the answer says to the arguments; a value stands for itself."""
    return answer(*arguments) if callable(answer) else answer


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is made often, known by what it returns."""

    name: str  # a few words, for the class page: "shifts the other way"
    gives: Callable[..., Any]  # arguments → what somebody who makes it gets
    says: str  # what is likely wrong, and the next step


@dataclass(frozen=True)
class Part:
    """One mechanism of an exercise."""

    name: str  # what is right when it passes: "the last position has no target"
    arguments: Callable[[int], tuple]  # seed → arguments; the same ones for the same seed
    expected: Callable[..., Any]  # arguments → the right result
    says: str  # when it fails and no mistake is recognised: what to look at next
    mistakes: tuple[Mistake, ...] = ()
    call: Callable[..., Any] = call_it  # how the answer is asked; returns plain data or tensors
    tolerance: float = 1e-5  # absolute and relative, for floating point


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson; `id` is the lesson's number, a point and its own: "02.1"."""

    id: str
    title: str
    teaches: str  # in a sentence
    difficulty: str  # one of DIFFICULTIES
    minutes: int
    answer: str  # the name that the student's cell defines
    parts: tuple[Part, ...]
    fallback: Callable[[], Any] | None = None  # makes what later cells use until the answer passes
    fallback_name: str = ""  # how a student would import it: "helpers.collate.collate"
    seconds: float = 5.0  # all parts together, at most

    @property
    def lesson(self) -> str:
        """The number of its lesson: "02"."""
        return self.id[:2]

    @property
    def has_words(self) -> bool:
        """Whether a part of the answer is written in words, which no check can read."""
        return self.difficulty == "open"


@dataclass(frozen=True)
class Result:
    """What became of one part: `verdict` of VERDICTS, what to tell the student, and which mistake."""

    part: str
    verdict: str
    message: str = ""
    mistake: str = ""  # the name of the one recognised
    got: Any = None


@dataclass(frozen=True)
class Outcome:
    """What became of an exercise: its verdict, and the parts that were asked, in order.

    The last of them decides: the first that does not pass ends the asking.
    """

    id: str
    verdict: str
    results: tuple[Result, ...] = ()

    @property
    def attempted(self) -> bool:
        """Whether there was an answer to look at."""
        return self.verdict != "not attempted"


def ask(part: Part, answer: Any, seed: int = 0) -> Any:
    """What the answer returns for the part's arguments, of which it gets copies of its own.

    Every random generator starts from the seed and is put back: an answer that draws numbers gets
    the same ones each time, and asking it changes nothing in the notebook.
    """
    arguments = copy.deepcopy(part.arguments(seed))
    with seeded(seed):
        return part.call(answer, *arguments)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within the block, the generators of Python, NumPy and PyTorch start from `seed`."""
    torch = sys.modules.get("torch")  # where it is not loaded, nothing draws from it
    python, legacy = random.getstate(), np.random.get_state()
    tensors = torch.get_rng_state() if torch else None
    random.seed(seed)
    np.random.seed(seed)
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        if torch:
            torch.set_rng_state(tensors)


def judge(part: Part, got: Any, seed: int = 0) -> Result:
    """The part's result for what an answer returned."""
    arguments = part.arguments(seed)
    if same(got, part.expected(*copy.deepcopy(arguments)), part.tolerance):
        return Result(part.name, "passed", got=got)
    for mistake in part.mistakes:
        if same(got, mistake.gives(*copy.deepcopy(arguments)), part.tolerance):
            return Result(part.name, "failed", mistake.says, mistake.name, got)
    return Result(part.name, "failed", part.says, got=got)


def same(got: Any, expected: Any, tolerance: float = 1e-5) -> bool:
    """Whether two results are equal: shapes, kinds and keys exactly, floating point within bounds.

    A tensor, an array and a list of the same numbers are the same, a tuple and a list as well; True
    is not 1, and NaN is equal to NaN only.
    """
    if _is_numbers(got) or _is_numbers(expected):
        return _same_numbers(got, expected, tolerance)
    if isinstance(expected, Mapping):
        return (
            isinstance(got, Mapping)
            and got.keys() == expected.keys()
            and all(same(got[key], value, tolerance) for key, value in expected.items())
        )
    if isinstance(expected, Sequence) and not isinstance(expected, (str, bytes)):
        return (
            isinstance(got, Sequence)
            and not isinstance(got, (str, bytes))
            and len(got) == len(expected)
            and all(same(a, b, tolerance) for a, b in zip(got, expected, strict=True))
        )
    return type(got) is type(expected) and got == expected


def _is_numbers(value: Any) -> bool:
    """Whether a value is a tensor, an array or a number; a bool counts as none."""
    return hasattr(value, "__array__") or (
        isinstance(value, (int, float)) and not isinstance(value, bool)
    )


def _same_numbers(got: Any, expected: Any, tolerance: float) -> bool:
    try:
        a, b = (_as_array(value) for value in (got, expected))
    except (TypeError, ValueError):  # ragged lists, text, None
        return False
    if a.shape != b.shape or (a.dtype == bool) != (b.dtype == bool):
        return False
    if a.dtype.kind not in "biuf" or b.dtype.kind not in "biuf":
        return False
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))


def _as_array(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # a tensor: bfloat16 has no numpy twin
        value = value.detach().cpu()
        value = value.double() if value.is_floating_point() else value
    return np.asarray(value)
