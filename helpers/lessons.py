"""Running the lessons: execute every notebook and stamp it.

A stamp is a hash of a notebook's cells, the mode's settings and the bundled assets. It is stored in
the notebook when it is executed; when it no longer fits, the outputs are stale and a test says so.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from helpers.data import ASSETS
from helpers.errors import CourseError, nearest
from helpers.files import atomic_path, content_hash, sha256
from helpers.progress import bar
from helpers.settings import COURSE, Settings

NOTEBOOKS = COURSE / "notebooks"
CELL_TIMEOUT = 6 * 3600  # seconds; full mode on a laptop trains for a long time


@dataclass(frozen=True)
class LessonResult:
    """How one lesson went."""

    name: str
    ok: bool
    seconds: float
    error: str = ""  # the failing cell's last line


def find_lessons(only: str = "", folder: Path = NOTEBOOKS) -> list[Path]:
    """The lessons in order, or those whose numbers are given ("01,02")."""
    lessons = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise CourseError(
            f"there are no lessons in {folder}: run this from the course's own folder."
        )
    if not only:
        return lessons
    numbers = {path.name[:2]: path for path in lessons}
    chosen = []
    for number in only.split(","):
        number = number.strip().zfill(2)
        if number not in numbers:
            raise CourseError(f"there is no lesson {number!r}; {nearest(number, numbers)}.")
        chosen.append(numbers[number])
    return chosen


def stamp(notebook: nbformat.NotebookNode, settings: Settings) -> str:
    """A hash of the cells' sources, the settings and the assets: what the outputs depend on."""
    cells = [[cell.cell_type, cell.source] for cell in notebook.cells]
    return content_hash([cells, asdict(settings), asset_hashes()])


def asset_hashes() -> dict[str, str]:
    """sha256 of every bundled weight, vocabulary and data file."""
    kinds = (".safetensors", ".tiktoken", ".json", ".jsonl", ".txt")
    files = sorted(path for path in ASSETS.rglob("*") if path.suffix in kinds)
    return {path.relative_to(ASSETS).as_posix(): sha256(path) for path in files}


def is_stale(path: Path, settings: Settings) -> bool:
    """Whether the notebook's stored outputs belong to other cells, settings or assets."""
    notebook = nbformat.read(path, as_version=4)
    return notebook.metadata.get("course", {}).get("stamp") != stamp(notebook, settings)


def execute(path: Path, out: Path, settings: Settings, runs: Path) -> LessonResult:
    """Run one notebook from top to bottom and write it, with its outputs, to `out`."""
    notebook = nbformat.read(path, as_version=4)
    environment = {
        **os.environ,
        "COURSE_MODE": settings.mode,
        "COURSE_RUNS": str(runs.resolve()),
        "COURSE_PROGRESS": "off",
    }
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    started, error = time.perf_counter(), ""
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    with bar(total=cells, desc=path.stem, unit="cell") as progress:
        client.on_cell_executed = lambda **_: progress.update()
        try:
            client.execute(env=environment)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
            error = last_line(str(problem))
    seconds = time.perf_counter() - started
    tidy(notebook)
    if not error:
        notebook.metadata["course"] = {"stamp": stamp(notebook, settings), "mode": settings.mode}
    with atomic_path(out) as temporary:
        nbformat.write(notebook, temporary)
    return LessonResult(path.stem, not error, seconds, error)


def last_line(text: str) -> str:
    """The last non-empty line of an error report, without terminal colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line for line in plain.splitlines() if line.strip()]
    return lines[-1] if lines else "unknown error"


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Leave nothing in a notebook that needs a kernel or differs between two equal runs.

    Live widget views go (their static twin stays), and so do execution times and machine versions.
    """
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    view = "application/vnd.jupyter.widget-view+json"
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if view not in o.get("data", {})]


def run_lessons(
    settings: Settings, *, only: str = "", out: Path, write: bool = False
) -> Iterator[LessonResult]:
    """Execute the lessons in order, going on after a failure; a result as each one ends.

    Executed copies go to `out/notebooks`; with `write` a lesson that passed replaces the committed
    one too. Runs are kept in `out/runs`, so that nothing of the student's own is touched.
    """
    runs = out / "runs"
    if not only:
        shutil.rmtree(runs, ignore_errors=True)
    for path in find_lessons(only):
        target = out / "notebooks" / path.name
        result = execute(path, target, settings, runs)
        if write and result.ok:
            shutil.copyfile(target, path)
        yield result
