"""How the answers that the checks are tried with are written down: answers_NN.py, one a lesson.

Each holds `ANSWERS`, exercise → one correct answer that differs from the reference (which is in the
solution notebook) and at least three wrong ones that people really give:

    ANSWERS = {
        "02.1": Answers(
            other=shift_with_a_loop,
            wrong={"shifts the other way": Wrong(shift_back, part="…", mistake="…")},
        )
    }
"""

from __future__ import annotations

import io
import linecache
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Wrong:
    """A wrong answer, and how the check has to find it out."""

    answer: Any
    part: str  # the name of the part at which it must fail
    mistake: str | None = None  # the name of the mistake that must be recognised, if any
    says: str = ""  # words that its message must contain
    verdict: str = "failed"  # or "error", "time-out"


@dataclass(frozen=True)
class Answers:
    """Answers to one exercise, besides the reference."""

    other: Any
    wrong: Mapping[str, Wrong] = field(default_factory=dict)


def answers_of(lesson: str) -> dict[str, Answers]:
    """The answers to a lesson's exercises; none where nobody has written them down yet."""
    if not (Path(__file__).parent / f"answers_{lesson}.py").exists():
        return {}
    return import_module(f"{__name__}.answers_{lesson}").ANSWERS


def run_notebook(
    path: Path, change: Callable[[Any], None] = lambda notebook: None
) -> tuple[dict, str]:
    """A notebook's variables and all that its cells printed, run here instead of in a kernel.

    `change` may alter the notebook first. An exception in a cell is the caller's.
    """
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    namespace, printed = {"__name__": "__main__"}, io.StringIO()
    with redirect_stdout(printed):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                run_cell(cell.source, f"<{path.stem} {cell.id}>", namespace)
    return namespace, printed.getvalue()


def run_cell(source: str, name: str, namespace: dict) -> None:
    """Run a cell as a kernel would, its lines known to tracebacks and to `inspect`."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), namespace)
