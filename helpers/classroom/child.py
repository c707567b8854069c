"""What runs in a submission's process: its cells, one by one, and its answers to what is asked.

It is told what to do over stdin and replies over what was stdout, in frames of `wire`; what a
submission prints goes to stderr, which the marker reads and forgets. Nothing here knows what an
answer should be: that is kept from this process, so whatever a submission changes in it, it has to
come up with the right values.
"""

from __future__ import annotations

import os
import sys
import types
from importlib import import_module
from typing import Any

from helpers.classroom.confine import confine
from helpers.classroom.wire import decode, encode, read_frame, write_frame
from helpers.errors import one_line

MISSING = object()


def main() -> None:
    """Serve requests until there are no more."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    submission: Submission | None = None
    while (request := read_frame(requests)) is not None:
        nonce = request.pop("nonce")
        try:
            if submission is None:
                submission, reply = Submission(**request), {"ready": True}
            else:
                reply = submission.do(**request)
        # A submission may have broken anything here; that is its own loss, and has to be told.
        except BaseException as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:500], "type": "broken"}
        write_frame(replies, {"nonce": nonce, **reply})


class Submission:
    """A notebook's variables, and how its answers are asked."""

    def __init__(self, *, module: str, folder: str, isolation: str, limits: dict, hide: list[str]):
        self.calls, self.fallbacks, self.tools = take_exercises(module)
        self.asked: dict[str, Any] = {}  # exercise → the answer that was last asked
        self.placed: dict[str, Any] = {}  # exercise → what took its place
        self.failed = ""  # what the first cell that failed has raised
        confine(isolation, folder=folder, limits=limits, hide=hide)
        self.shell = start_shell()

    def do(self, *, do: str, **what: Any) -> dict:
        """What the request `do` (cell, ask or fallback) gives."""
        return {"cell": self.cell, "ask": self.ask, "fallback": self.fallback}[do](**what)

    def cell(self, *, source: str) -> dict:
        """Run a cell as Jupyter would; what it raises is told and stops nothing."""
        result = self.shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            return {}
        told = self._told(error, None)
        if not self.failed and told["type"] != "stub":
            self.failed = f"{told['type']}: {one_line(error)}"[:200]
        return told

    def ask(self, *, exercise: str, name: str, part: int, seed: int, arguments: Any, again: bool):
        """What an answer returns. `again`: only if another one has its name by now."""
        answer = self.shell.user_ns.get(name, MISSING)
        if again and any(answer is x for x in (*self._known(exercise), MISSING)):
            return {"unchanged": True}
        self.asked[exercise] = answer
        if answer is MISSING or answer is None or answer is ...:
            return {"missing": True}
        if is_the_courses(answer):
            return {"missing": True, "own": True}
        try:
            given = decode(arguments)
            with self.tools["seeded"](seed):
                got = self.calls[exercise][part](answer, *given)
            return {"got": encode(got)}
        except BaseException as error:  # whatever an answer raises is its verdict, SystemExit too
            return self._told(error, answer)

    def _known(self, exercise: str) -> list:
        return [known[exercise] for known in (self.asked, self.placed) if exercise in known]

    def fallback(self, *, exercise: str, name: str) -> dict:
        """Let the cells below go on with the course's own in place of an answer."""
        if exercise not in self.asked:
            self.asked[exercise] = self.shell.user_ns.get(name, MISSING)
        if make := self.fallbacks[exercise]:
            self.shell.user_ns[name] = self.placed[exercise] = make()
        return {}

    def _told(self, error: BaseException, answer: Any) -> dict:
        kind = "stub" if isinstance(error, NotImplementedError) else type(error).__name__
        text = self.tools["error_text"](error, answer)
        if kind == "NameError" and self.failed:  # that cell may be why nothing has the name
            text = f"Look further up: an earlier cell failed: {self.failed}. {text}"
        return {"error": text, "type": kind}


def take_exercises(module: str) -> tuple[dict, dict, dict]:
    """How each part is asked and the fallbacks, by exercise; then the module is as if never loaded.

    Importing `helpers.checks` gets a submission something that checks nothing: its checks are put
    by the marker, and what is right is not to be had there. (In an open repository it can be read
    elsewhere; this only keeps a copied answer from being an import.)
    """
    loaded = import_module(module)
    exercises = vars(loaded).pop("EXERCISES")
    calls = {e.id: [part.call for part in e.parts] for e in exercises}
    fallbacks = {e.id: e.fallback for e in exercises}
    tools = {
        "seeded": import_module("helpers.checks.exercise").seeded,
        "error_text": import_module("helpers.checks.examination").error_text,
    }
    for name in list(sys.modules):
        if name == module or name.startswith("helpers.checks"):
            del sys.modules[name]
    stand_in = types.ModuleType("helpers.checks")
    stand_in.__path__ = []
    stand_in.__getattr__ = _nothing_to_check
    sys.modules["helpers.checks"] = sys.modules["helpers"].checks = stand_in
    return calls, fallbacks, tools


def _nothing_to_check(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *arguments, **options: None


def is_the_courses(answer: Any) -> bool:
    """Whether an answer is one of the course's own functions."""
    own = isinstance(answer, (types.FunctionType, type))
    return own and (answer.__module__ or "").startswith("helpers.")


def start_shell() -> Any:
    """IPython without a terminal: magics, `display` and a last line's value work as in Jupyter."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.cache_size = 0
    config.InteractiveShell.colors = "NoColor"
    shell = InteractiveShell.instance(config=config)
    shell.showtraceback = shell.showsyntaxerror = lambda *arguments, **options: None
    return shell


if __name__ == "__main__":
    main()
