"""Marking one notebook: its cells in order, and where a check stands, its answer is asked.

The notebook's own check cells are left out: where they stood, every part is asked with arguments
that the notebook has not seen, and what comes back is judged here, outside its process. A cell or an
answer that ends the process, or does not end itself, costs its own exercise only: the notebook
starts again without it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from helpers.checks.exercise import Exercise, Part, judge
from helpers.classroom.sandbox import EndedError, Limits, Sandbox
from helpers.classroom.submissions import Cell
from helpers.classroom.wire import WireError, decode, encode

SLACK = 4  # an answer gets so many times its exercise's seconds: the machine marks others as well
RESTARTS = 8  # of a notebook whose cells end its process
STUB_LEFT = "Here your code still comes to `raise NotImplementedError()`. Write what is missing."


@dataclass(frozen=True)
class Lesson:
    """The exercises of a lesson, and the module that a submission's process takes their calls from."""

    number: str
    module: str

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """Those that its module of checks asks, in order."""
        return import_module(self.module).EXERCISES


class Keys:
    """What each part is asked with and what should come back, computed once for a class.

    Two threads never compute at once: arguments may be drawn from a global generator.
    """

    def __init__(self, seeds: Sequence[int]):
        self.seeds = tuple(seeds)
        self._known: dict[tuple, tuple[Any, Part]] = {}
        self._lock = threading.RLock()

    def arguments(self, part: Part, seed: int) -> Any:
        """A part's arguments, as they are sent."""
        return self._key(part, seed)[0]

    def judge(self, part: Part, got: Any, seed: int) -> Any:
        """The part's Result."""
        with self._lock, np.errstate(all="ignore"):
            return judge(self._key(part, seed)[1], got, seed)

    def _key(self, part: Part, seed: int) -> tuple[Any, Part]:
        with self._lock:
            if (id(part), seed) not in self._known:
                self._known[id(part), seed] = self._compute(part, seed)
            return self._known[id(part), seed]

    def _compute(self, part: Part, seed: int) -> tuple[Any, Part]:
        sent = encode(part.arguments(seed))
        right = part.expected(*part.arguments(seed))
        mistakes = tuple(
            replace(m, gives=_once(lambda m=m: m.gives(*part.arguments(seed))))
            for m in part.mistakes
        )
        ready = replace(part, arguments=lambda _: (), expected=lambda: right, mistakes=mistakes)
        return sent, ready


def _once(compute: Callable[[], Any]) -> Callable[[], Any]:
    """A function that computes its value when it is first asked for it."""
    values: list[Any] = []

    def value() -> Any:
        if not values:
            values.append(compute())
        return values[0]

    return value


# --- the order of things --------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One thing to do: run a cell (`cell`, its number), or ask an exercise."""

    cell: int = -1
    exercise: Exercise | None = None
    again: bool = False  # at the end: only if the answer was defined anew further down


def plan(cells: Sequence[Cell], exercises: Sequence[Exercise]) -> list[Step]:
    """All steps: each exercise stands where its check stood, and those that failed at the end again.

    A check cell is known by its id, else by what it calls; without one, the exercise is asked after
    its answer's cell, and without that too, after all cells.
    """
    places: dict[int, list[Exercise]] = {}
    checks = set()
    for exercise in exercises:
        check = _find(cells, exercise, "check")
        checks |= {check} - {None}
        after = check if check is not None else _find(cells, exercise, "answer")
        places.setdefault(len(cells) - 1 if after is None else after, []).append(exercise)
    steps = []
    for number in range(len(cells)):
        steps += [Step(cell=number)] if number not in checks else []
        steps += [Step(exercise=exercise) for exercise in places.get(number, [])]
    steps += [Step(exercise=exercise) for exercise in places.get(-1, [])]  # there are no cells
    return steps + [Step(exercise=exercise, again=True) for exercise in exercises]


def _find(cells: Sequence[Cell], exercise: Exercise, kind: str) -> int | None:
    """The number of an exercise's check or answer cell."""
    name = f"ex-{exercise.id.replace('.', '-')}-{kind}"
    for number, cell in enumerate(cells):
        if cell.id == name:
            return number
    quoted = rf"""["']{re.escape(exercise.id)}["']"""
    answer = rf"^(?:(?:async )?def|class) {exercise.answer}\b|^{exercise.answer}\b[^=\n]*=(?!=)"
    known = rf"^\s*check\(\s*{quoted}" if kind == "check" else answer
    found = [n for n, cell in enumerate(cells) if re.search(known, cell.source, re.MULTILINE)]
    return found[-1] if found else None


# --- marking --------------------------------------------------------------------------------------


@dataclass
class Marked:
    """What became of one exercise."""

    exercise: str
    verdict: str
    parts: list[dict] = field(default_factory=list)  # those asked, each as `_result` makes it
    message: str = ""  # where no part was asked
    unread: bool = False  # what was handed in for it cannot be read


def _result(part: str, verdict: str, message: str = "", mistake: str = "", got: str = "") -> dict:
    return {"part": part, "verdict": verdict, "message": message, "mistake": mistake, "got": got}


def _words(value: Any, limit: int = 600) -> str:
    """Words from a submission as text that every file can hold."""
    text = str(value or "Nothing came back.")[:limit]
    return text.encode("utf-8", "replace").decode("utf-8")


class Marking:
    """A notebook being marked. `results` fills up as exercises get their verdicts."""

    def __init__(self, cells: Sequence[Cell], lesson: Lesson, keys: Keys, limits: Limits):
        self.cells, self.lesson, self.keys, self.limits = cells, lesson, keys, limits
        self.results: dict[str, Marked] = {}
        self.trouble: Marked | None = None  # of the cells since the last check
        self.left_out: dict[int, EndedError] = {}  # cells that ended the process
        self.over: set[str] = set()  # exercises that are not asked again
        self.step: Step = Step()
        self.ends = time.monotonic() + limits.all_seconds

    def go_through(self, process: Sandbox) -> None:
        """Do all steps that are left. Raises EndedError when the process has."""
        self.trouble = None
        for step in plan(self.cells, self.lesson.exercises):
            self.step = step
            if step.exercise is None:
                self._run_cell(process, step.cell)
            elif step.again:
                self._ask_again(process, step.exercise)
            else:
                self._ask_first(process, step.exercise)
                self.trouble = None

    def _wait(self, seconds: float) -> float:
        """How long to wait for the next step: what is left of the notebook's time at most."""
        return max(min(seconds, self.ends - time.monotonic()), 0.0)

    def _too_long(self) -> EndedError:
        text = f"The whole notebook did not end within {self.limits.all_seconds:g} seconds."
        return EndedError("time-out", text)

    def _run_cell(self, process: Sandbox, number: int) -> None:
        if end := self.left_out.get(number):
            self.trouble = Marked("", end.verdict, message=f"In your cell: {end.message}")
            return
        request = {"do": "cell", "source": self.cells[number].source}
        reply = process.ask(request, self._wait(self.limits.seconds))
        if "error" in reply:
            verdict = "not attempted" if reply.get("type") == "stub" else "error"
            self.trouble = Marked("", verdict, message=_words(reply["error"]))

    def _ask_first(self, process: Sandbox, exercise: Exercise) -> None:
        if exercise.id not in self.results:
            self.results[exercise.id] = self._ask(process, exercise, again=False)
        if self.results[exercise.id].verdict != "passed":
            request = {"do": "fallback", "exercise": exercise.id, "name": exercise.answer}
            process.ask(request, self._wait(self.limits.seconds))

    def _ask_again(self, process: Sandbox, exercise: Exercise) -> None:
        if self.results[exercise.id].verdict == "passed" or exercise.id in self.over:
            return
        found = self._ask(process, exercise, again=True)
        if found is not None and found.verdict == "passed":
            self.results[exercise.id] = found

    def _ask(self, process: Sandbox, exercise: Exercise, again: bool) -> Marked | None:
        """All parts with all seeds, up to the first that does not pass; None if nothing is new."""
        limit = min(SLACK * exercise.seconds, self.limits.seconds)
        stop = time.monotonic() + limit
        done: list[dict] = []
        for number, part in enumerate(exercise.parts):
            for seed in self.keys.seeds:
                request = {
                    "do": "ask",
                    "exercise": exercise.id,
                    "name": exercise.answer,
                    "part": number,
                    "seed": seed,
                    "again": again,
                    "arguments": self.keys.arguments(part, seed),
                }
                reply = process.ask(request, self._wait(stop - time.monotonic()), of=limit)
                if again and "unchanged" in reply:
                    return None
                if "missing" in reply:
                    return self._missing(exercise, reply)
                again = False
                result = self._verdict(part, seed, reply, begun=bool(done))
                if result["verdict"] != "passed":
                    break
            done.append(result)
            if result["verdict"] != "passed":
                break
        return Marked(exercise.id, done[-1]["verdict"], done)

    def _missing(self, exercise: Exercise, reply: dict) -> Marked:
        if "own" in reply:
            text = f"`{exercise.answer}` is the course's own here: write one of your own."
            return Marked(exercise.id, "not attempted", message=text)
        if self.trouble and self.trouble.verdict != "not attempted":
            return replace(self.trouble, exercise=exercise.id)
        return Marked(exercise.id, "not attempted", message=f"There is no `{exercise.answer}`.")

    def _verdict(self, part: Part, seed: int, reply: dict, begun: bool) -> dict:
        """What became of a part, from what came back."""
        if reply.get("type") == "stub":
            if begun:
                return _result(part.name, "failed", STUB_LEFT)
            return _result(part.name, "not attempted")
        if "got" not in reply:
            return _result(part.name, "error", _words(reply.get("error")))
        try:
            got = decode(reply["got"])
        except WireError as error:
            return _result(part.name, "error", f"{error}")
        found = self.keys.judge(part, got, seed)
        told = brief(got) if found.verdict != "passed" else ""
        return _result(part.name, found.verdict, found.message, found.mistake, told)

    def blame(self, end: EndedError) -> bool:
        """Leave out what ended the process; False if the rest of the notebook has no chance."""
        exercise, late = self.step.exercise, time.monotonic() >= self.ends
        end = self._too_long() if late else end
        if late:
            self._give_up(end)
            return False
        if exercise is None:
            self.left_out[self.step.cell] = end
        else:
            self.over.add(exercise.id)
            if exercise.id not in self.results:
                self.results[exercise.id] = Marked(exercise.id, end.verdict, message=end.message)
        if len(self.left_out) + len(self.over) <= RESTARTS:
            return True
        self._give_up(end)
        return False

    def _give_up(self, end: EndedError) -> None:
        """A verdict for every exercise that has none."""
        text = f"The notebook was stopped before this exercise. The last thing: {end.message}"
        for exercise in self.lesson.exercises:
            self.results.setdefault(exercise.id, Marked(exercise.id, end.verdict, message=text))


def mark(
    cells: Sequence[Cell],
    lesson: Lesson,
    keys: Keys,
    *,
    limits: Limits,
    isolation: str,
    hide: Sequence[Path] = (),
    stop: threading.Event | None = None,
) -> list[dict]:
    """What became of each exercise of the lesson, as JSON values. Ends early when `stop` is set."""
    marking = Marking(cells, lesson, keys, limits)
    while stop is None or not stop.is_set():
        marking.step = Step()
        try:
            with Sandbox(lesson.module, isolation=isolation, limits=limits, hide=hide) as process:
                marking.go_through(process)
            break
        except EndedError as end:
            if not marking.blame(end):
                break
    return [asdict(marking.results[e.id]) for e in lesson.exercises if e.id in marking.results]


def brief(value: Any, limit: int = 120, depth: int = 0) -> str:
    """What came back, in a line: enough to see that two students got the same."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        flat = value.reshape(-1)
        numbers = " ".join(f"{x:.4g}" for x in flat[:12].tolist())
        more = " …" if len(flat) > 12 else ""
        text = f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(shape)}: {numbers}{more}"
    elif isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, str):
        text = repr(value[: 2 * limit])
    elif isinstance(value, (list, tuple, dict)) and depth > 3:
        text = "…"
    elif isinstance(value, dict):
        items = list(value.items())[:8]
        text = f"{{{', '.join(f'{k[:40]!r}: {brief(v, 40, depth + 1)}' for k, v in items)}}}"
    elif isinstance(value, (list, tuple)):
        items = ", ".join(brief(x, 40, depth + 1) for x in value[:8])
        text = f"[{items}{', …' if len(value) > 8 else ''}]"
    else:
        text = repr(value)
    return _words(text if len(text) <= limit else f"{text[:limit]} …")
