"""Running the lessons: execute every notebook, stamp it, turn it into pages to read.

A stamp is a hash of a notebook's cells, the mode's settings and the bundled assets. It is stored in
the notebook when it is executed; when it no longer fits, the outputs are stale and a test says so.
"""

from __future__ import annotations

import asyncio
import html
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
from nbconvert import HTMLExporter

from helpers.data import ASSETS
from helpers.errors import CourseError, RunError, nearest
from helpers.files import (
    atomic_path,
    check_folder,
    content_hash,
    read_json,
    remove_leftovers,
    sha256,
    write_json,
    write_text,
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
    """sha256 of every bundled weight, vocabulary and data file."""
    kinds = (".safetensors", ".tiktoken", ".json", ".txt")
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
        write_json(runs / MARK, mark)
    for path in lessons:
        target = out / "notebooks" / path.name
        remove_leftovers(target)
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
    if not ours and runs.exists() and any(runs.iterdir()):
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


def build_site(notebooks: Path, out: Path) -> Path:
    """`out/index.html` and a page for each executed notebook, readable without a network."""
    pages = []
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        pages.append((path.stem, nbformat.read(path, as_version=4)))
    for number, (name, notebook) in enumerate(pages):
        before = pages[number - 1][0] if number else ""
        after = pages[number + 1][0] if number + 1 < len(pages) else ""
        write_text(out / f"{name}.html", page(notebook, name, before, after))
    write_text(out / "index.html", index(pages))
    return out / "index.html"


def title_of(notebook: nbformat.NotebookNode) -> str:
    """The text of the first heading."""
    for cell in notebook.cells:
        match = re.search(r"^# (.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and match:
            return match.group(1)
    return "Untitled"


def summary_of(notebook: nbformat.NotebookNode) -> str:
    """The first plain paragraph under the first heading."""
    body = notebook.cells[0].source.split("\n", 1)[-1]
    paragraphs = [p.strip() for p in body.split("\n\n") if p.strip()]
    return re.sub(r"[*`]", "", paragraphs[0].replace("\n", " ")) if paragraphs else ""


_CSS = """
:root{color-scheme:light}
body{font:17px/1.6 system-ui,sans-serif;color:#1f2328;background:#fff;margin:0}
main,nav,footer{max-width:52rem;margin:0 auto;padding:0 1.2rem}
nav{display:flex;gap:1.2rem;flex-wrap:wrap;padding-top:1rem;font-size:.95rem}
a{color:#0057a8}h1{line-height:1.2}
ol.lessons{list-style:none;padding:0}
ol.lessons li{border-left:4px solid #0072b2;margin:1rem 0;padding:.1rem 1rem}
ol.lessons p{margin:.2rem 0}
pre,code{font-size:.88em}pre{overflow-x:auto}
.jp-OutputArea-output pre{word-break:normal !important;overflow-wrap:break-word}
.jp-Notebook{padding:0 !important}.jp-InputPrompt,.jp-OutputPrompt{display:none !important}
.jp-InputArea-editor{border-radius:6px}img{max-width:100%;height:auto}
figure{margin:1rem 0}figcaption{color:#57606a;font-size:.92em}
table{border-collapse:collapse;display:block;overflow-x:auto}
@media print{nav{display:none}}
"""


def page(notebook, name: str, before: str, after: str) -> str:
    """A lesson as a page of its own: nothing is loaded from anywhere."""
    exporter = HTMLExporter(
        template_name="lab",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        mermaid_js_url="",
    )
    body, _ = exporter.from_notebook_node(notebook)
    # What is left of external scripts belongs to widgets and formulas, and the lessons use neither.
    body = re.sub(r"<script\b[^>]*\bsrc=[^>]*>\s*</script>", "", body)
    body = re.sub(r"<script\b[^>]*>.*?</script>", "", body, flags=re.DOTALL)
    links = [("index.html", "All lessons")]
    links += [(f"{before}.html", "← Previous")] if before else []
    links += [(f"{after}.html", "Next →")] if after else []
    menu = "".join(f'<a href="{href}">{text}</a>' for href, text in links)
    title = html.escape(title_of(notebook))
    body = re.sub(r"<title>.*?</title>", f"<title>{title}</title>", body, count=1, flags=re.DOTALL)
    body = body.replace("</head>", f"<style>{_CSS}</style></head>", 1)
    body = re.sub(r"(<body[^>]*>)", rf'\1<nav aria-label="Lessons">{menu}</nav>', body, count=1)
    # A file of the repository has no page: its name stays, without a link that leads nowhere.
    body = re.sub(r'<a [^>]*href="\.\./[^"]*"[^>]*>(.*?)</a>', r"\1", body)
    # Links between notebooks become links between pages.
    return re.sub(r'href="(?:\./)?([0-9]{2}_[a-z0-9_]+)\.ipynb', r'href="\1.html', body)


def index(pages) -> str:
    """The front page: what the course is and where each lesson leads."""
    items = "".join(
        f'<li><p><a href="{name}.html"><strong>{html.escape(title_of(nb))}</strong></a></p>'
        f"<p>{html.escape(summary_of(nb))}</p></li>"
        for name, nb in pages
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Instruction fine-tuning</title><style>{_CSS}</style></head><body><main>"
        "<h1>Instruction fine-tuning</h1>"
        "<p>You take a pretrained GPT-2, teach it to follow instructions, and then measure "
        "honestly how good it has become. These are the lessons as they ran on this machine; to "
        "change something, open them with <code>make lab</code>.</p>"
        f'<ol class="lessons">{items}</ol></main></body></html>'
    )
