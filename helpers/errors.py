"""The few exceptions that the course raises on purpose.

Each message names the value that was wrong, the limit it broke and what to do about it, so that it
can be shown to a student as it is. The command line turns `CourseError` into one line and exit
status 2; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable


class CourseError(Exception):
    """Something the user can mend: bad input, a missing file, a wrong setting."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows (IPython asks for it): the line of the cell, and our one line.

        The way through the package would bury the remedy under twenty lines of its source.
        """
        cells = [f for f in traceback.extract_tb(self.__traceback__) if "ipykernel" in f.filename]
        where = [f"line {f.lineno}: {f.line}" for f in cells if "site-packages" not in f.filename]
        return [*where[-1:], f"{type(self).__name__}: {self}"]


class DataError(CourseError):
    """A data set or record that does not follow the contract."""


class FetchError(CourseError):
    """A file that could not be downloaded; the caller adds what it was for and what to do instead."""


class WeightsError(CourseError):
    """A checkpoint that cannot be found, read or matched to the model."""


class SettingsError(CourseError):
    """An argument or setting outside its range."""


class JudgeError(CourseError):
    """A judge that cannot be reached or used at all (a single bad reply is no error)."""


class RunError(CourseError):
    """A run folder that cannot be used: another run's, half-written or of other settings."""


def one_line(error: BaseException | str) -> str:
    """The message on a single line: what other libraries report may have several."""
    return " ".join(line.strip() for line in str(error).splitlines() if line.strip())


def without_password(address: str) -> str:
    """A web or database address as it may be shown: without a name and password in it.

    >>> without_password("https://me:secret@example.org/data"), without_password("host:8080/v1")
    ('https://…@example.org/data', 'host:8080/v1')
    """
    return re.sub(r"(//|^(?=[^/\s]*:))[^/\s]*@", r"\1…@", address)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's, PyTorch's on a GPU, or on the CPU.

    PyTorch's CPU allocator raises a bare RuntimeError, so only its words tell.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in words)


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase that offers the known names, the most similar ones first.

    >>> nearest("alpca", ["alpaca", "phi3", "plain"])
    "did you mean 'alpaca'? Known: alpaca, phi3, plain"
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known: {', '.join(known)}" if guess else f"known: {', '.join(known)}"
