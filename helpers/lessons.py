"""Running the lessons: execute every notebook and stamp it.

A stamp is a hash of a notebook's cells, the mode's settings and the bundled assets. It is stored in
the notebook when it is executed; when it no longer fits, the outputs are stale and a test says so.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from helpers.data import ASSETS
from helpers.errors import CourseError, RunError, nearest
from helpers.files import (
    atomic_path,
    check_folder,
    content_hash,
    read_json,
    remove_leftovers,
    rewrite_json,
    sha256,
    write_json,
)
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


def find_lessons(only: str = "", folder: Path | None = None) -> list[Path]:
    """The lessons in order, or those whose numbers are given ("01,02")."""
    folder = folder or NOTEBOOKS
    lessons = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise CourseError(
            f"there are no lessons in {folder}: the course is installed without them. Go to the "
            "folder that you cloned and type `python -m helpers.cli run` there."
        )
    if not only:
        return lessons
    numbers = {path.name[:2]: path for path in lessons}
    chosen = []
    for number in only.split(","):
        number = number.strip() and number.strip().zfill(2)
        if number not in numbers:
            raise CourseError(
                f"there is no lesson {number!r}; {nearest(number, numbers)}. Give numbers such as "
                "--only 01,02."
            )
        chosen.append(numbers[number])
    return chosen


def stamp(notebook: nbformat.NotebookNode, settings: Settings) -> str:
    """A hash of the cells' sources, the settings and the assets: what the outputs depend on."""
    cells = [[cell.cell_type, cell.source] for cell in notebook.cells]
    return content_hash([cells, asdict(settings), asset_hashes()])


def asset_hashes() -> dict[str, str]:
    """sha256 of every bundled file of weights, vocabulary or data."""
    kinds = (".safetensors", ".tiktoken", ".json", ".jsonl", ".csv", ".txt", ".npz", ".xz")
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
        pressed: list[bool] = []
        client.on_notebook_start = lambda **_: stop_on_ctrl_c(client, pressed)
        try:
            client.execute(env=environment)
        except asyncio.CancelledError:  # by `stop_on_ctrl_c`, between two cells
            raise KeyboardInterrupt from None
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
            if pressed:
                raise KeyboardInterrupt from None
            error = last_line(str(problem))
    seconds = time.perf_counter() - started
    tidy(notebook)
    if not error:
        notebook.metadata["course"] = {"stamp": stamp(notebook, settings), "mode": settings.mode}
    with atomic_path(out) as temporary:
        nbformat.write(notebook, temporary)
    return LessonResult(path.stem, not error, seconds, error)


def stop_on_ctrl_c(client: NotebookClient, pressed: list[bool]) -> None:
    """Make Ctrl-C end the running notebook and its kernel at once; `pressed` then holds something.

    nbclient's own handler ends the kernel, but the execution goes on waiting for its reply. SIGTERM
    gets its usual meaning back: the process ends, and the kernel notices that and ends too.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        pressed.append(True)
        client.shutdown_kernel = "immediate"
        task.cancel()

    try:
        loop.add_signal_handler(signal.SIGINT, stop)
        loop.remove_signal_handler(signal.SIGTERM)
    except (NotImplementedError, RuntimeError):  # Windows; not the main thread
        return


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


MARK = ".course-run.json"  # in the folder of runs: whose they are, and how far the lessons are


def run_lessons(
    settings: Settings, *, only: str = "", out: Path, write: bool = False
) -> Iterator[LessonResult]:
    """Execute the lessons in order, going on after a failure; a result as each one ends.

    Executed copies go to `out/notebooks`; with `write` a lesson that passed replaces the committed
    one too. Runs are kept in `out/runs`, so that nothing of the student's own is touched. All
    lessons begin with empty runs, unless the last time was interrupted: then those that passed and
    are still as they were, up to the first that is not, are reported as they were and not repeated.
    """
    lessons = find_lessons(only)
    check_out(out)
    runs = out / "runs"
    mark = {"finished": False, "key": run_key(settings), "lessons": {}}
    kept = {} if only else lessons_to_keep(lessons, out, settings)
    if not only:
        if not kept:
            shutil.rmtree(runs, ignore_errors=True)
        mark["lessons"] = dict(kept)
        rewrite_json(runs / MARK, mark)
    elif not (runs / MARK).exists():  # the next one may write here too; nothing of it is kept
        write_json(runs / MARK, {**mark, "finished": True})
    for path in lessons:
        target = out / "notebooks" / path.name
        remove_leftovers(target)
        if write:
            remove_leftovers(path)
        if path.stem in kept:
            if write:
                copy_whole(target, path)
            yield LessonResult(path.stem, True, kept[path.stem]["seconds"])
            continue
        result = execute(path, target, settings, runs)
        if write and result.ok:
            copy_whole(target, path)
        if not only and result.ok:
            mark["lessons"][path.stem] = {"seconds": result.seconds, "files": files_in(runs)}
            write_json(runs / MARK, mark)
        yield result
    if not only:
        write_json(runs / MARK, {**mark, "finished": True})


def check_out(out: Path) -> None:
    """Refuse an output folder whose `runs` or `notebooks` are not ours to empty and replace."""
    check_folder(out)
    runs, notebooks = out / "runs", out / "notebooks"
    if notebooks.resolve() == NOTEBOOKS.resolve():
        raise RunError(
            f"--out {out} would write over the lessons themselves: name another folder, such as "
            "build."
        )
    ours = (runs / MARK).exists() or out.resolve() == COURSE / "build"
    if not ours and files_in(runs):
        raise RunError(
            f"{runs} holds runs that `course run` did not make, and it would empty that folder: "
            "name another one with --out."
        )


def run_key(settings: Settings) -> str:
    """A hash of what all lessons depend on: settings, assets and the package's own code."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    code = [[path.as_posix(), sha256(path)] for path in files]
    return content_hash([asdict(settings), asset_hashes(), code])


def lessons_to_keep(lessons: list[Path], out: Path, settings: Settings) -> dict[str, dict]:
    """The leading lessons that an interrupted run of the same settings and code has finished.

    Each must have passed, its executed copy must belong to the notebook as it is now, and the files
    it left in `out/runs` must be there.
    """
    runs = out / "runs"
    if not (runs / MARK).exists():
        return {}
    mark = read_json(runs / MARK)
    if mark["finished"] or mark["key"] != run_key(settings):
        return {}
    kept = {}
    for path in lessons:
        lesson, copy = mark["lessons"].get(path.stem), out / "notebooks" / path.name
        if not lesson or not copy.exists() or not is_copy(copy, path, settings):
            break
        if not set(lesson["files"]) <= set(files_in(runs)):
            break
        kept[path.stem] = lesson
    return kept


def is_copy(copy: Path, path: Path, settings: Settings) -> bool:
    """Whether an executed notebook has its stamp, and the stamp belongs to the lesson at `path`."""
    lesson = nbformat.read(path, as_version=4)
    done = nbformat.read(copy, as_version=4).metadata.get("course", {}).get("stamp")
    return done == stamp(lesson, settings)


def files_in(folder: Path) -> list[str]:
    """The names of all files below a folder, those of killed writes not counted."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(n.as_posix() for n in names if not any(p.endswith(".part") for p in n.parts))


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that a crash leaves the old target or the new one."""
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
