"""Marking a class: every notebook of every student, several at a time, and what came of it as files.

The journal in the output folder keeps each notebook's result under a hash of its cells, of the
course's code and of the limits: a second run marks only what is new or was not finished.
"""

from __future__ import annotations

import csv
import io
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import helpers
from helpers.checks.registry import lessons_with_exercises
from helpers.classroom.marking import Keys, Lesson, Marked, mark
from helpers.classroom.sandbox import Limits, best_isolation, end_all, remove_left_folders
from helpers.classroom.submissions import Notebook, Student, collect, holds_marks
from helpers.errors import CourseError, SettingsError
from helpers.files import (
    alone_in,
    append_jsonl,
    check_folder,
    content_hash,
    read_json,
    repair_journal,
    rewrite_json,
    rewrite_text,
    row_with,
    sha256,
)
from helpers.progress import bar

SOLUTIONS = Path(helpers.__file__).parents[1] / "exercises" / "solutions"
SEED = (
    20_011  # above what a student's name can give as seed; each part is asked with it and the next
)
LEAST_MEMORY, MOST_MEMORY = 800, 1_000_000  # MB; lesson 02 took 480 with no answer in it, 08 640
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes UTF-8 for something else, and ü for Ã¼
COUNTS = {  # how a student's row calls each verdict
    "passed": "passed",
    "failed": "failed",
    "not attempted": "not_attempted",
    "error": "error",
    "time-out": "timeout",
}


@dataclass(frozen=True)
class GradeSettings:
    """How a class is marked."""

    limits: Limits = field(default_factory=Limits)
    workers: int = 0  # submissions at a time; 0: as many as there are cores
    seed: int = SEED
    isolation: str = ""  # one of ISOLATIONS; "": the best that works here

    def __post_init__(self):
        if not 0 < self.limits.seconds <= 86_400:
            raise SettingsError(
                f"--timeout {self.limits.seconds:g}: give seconds above 0, up to a day (86400)."
            )
        check_memory(self.limits.memory / 1e6)
        if self.workers < 0:
            raise SettingsError(f"--workers {self.workers}: give 1 or more.")
        if not 0 <= self.seed < 2**31:
            raise SettingsError(f"--seed {self.seed}: give a number from 0 to {2**31 - 1}.")


def check_memory(megabytes: float) -> None:
    """Raise SettingsError for a limit that no notebook keeps, or that limits nothing."""
    if not LEAST_MEMORY <= megabytes <= MOST_MEMORY:
        raise SettingsError(
            f"--memory {megabytes:g}: PyTorch and a lesson's own cells need up to 660 MB; give "
            f"{LEAST_MEMORY} to {MOST_MEMORY}, such as 2000."
        )


def grade(
    folder: Path,
    out: Path,
    settings: GradeSettings | None = None,
    lessons: Mapping[str, Lesson] | None = None,
) -> dict[str, Any]:
    """The report on a class, written to `out` as grades.json, grades.csv and pages.

    lessons: number → Lesson; by default those of the course that have exercises.
    """
    settings = settings or GradeSettings()
    lessons = course_lessons() if lessons is None else lessons
    check_folder(out)
    check_place(out, folder)
    students, others = collect(folder, sorted(lessons), leave_out=out)
    out.mkdir(parents=True, exist_ok=True)
    with alone_in(out, "marks"):
        remove_left_folders()
        isolation = settings.isolation or best_isolation()
        marks = mark_all(students, out, settings, lessons, isolation, folder)
        report = {**make_report(students, marks, lessons, isolation), "problems": others}
        report["problems"] += remove_old_pages(out, page_names([s.name for s in students]))
        write_results(out, report)
    return report


def check_place(out: Path, folder: Path) -> None:
    """Raise SettingsError where the marks would lie in the way of what a student handed in."""
    place, folder_of_class = out.resolve(), folder.resolve()
    reason = ""
    if place == folder_of_class:
        reason = "is the class itself"
    elif folder_of_class in place.parents:
        top = folder_of_class / place.relative_to(folder_of_class).parts[0]
        if top != place:
            reason = f"lies inside {top.name}, which counts as a student's folder"
        elif top.is_dir() and (names := os.listdir(top)) and not holds_marks(names):
            reason = "is a student's folder: there is something in it"
    if reason:
        raise SettingsError(
            f"--out {out} {reason}. Name a folder for the marks alone, beside {folder} or new in it."
        )


def course_lessons() -> dict[str, Lesson]:
    """The course's lessons with exercises, by number. Raises CourseError if there are none."""
    found = {n: Lesson(n, f"helpers.checks.lesson{n}") for n in lessons_with_exercises()}
    if not found:
        raise CourseError("no lesson has exercises here: get the whole course again.")
    return found


# --- marking, and what is kept of it --------------------------------------------------------------


MARKS = row_with(key=str, results=list)  # a line of journal.jsonl


def mark_all(
    students: Sequence[Student],
    out: Path,
    settings: GradeSettings,
    lessons: Mapping[str, Lesson],
    isolation: str,
    folder: Path,
) -> dict[tuple[str, str], list[dict]]:
    """(student, lesson) → results; notebooks that are in the journal are not marked again."""
    journal = out / "journal.jsonl"
    journal.touch()  # from now on the folder is known as one with marks
    known = {line["key"]: line["results"] for line in repair_journal(journal, MARKS)}
    common = code_hash(settings, lessons, isolation)
    keys = {
        (student.name, notebook.lesson): content_hash(
            [common, asdict(notebook)["cells"], notebook.lesson]
        )
        for student in students
        for notebook in student.notebooks.values()
        if not notebook.problem
    }
    todo = {
        keys[student.name, notebook.lesson]: notebook
        for student in students
        for notebook in student.notebooks.values()
        if not notebook.problem and keys[student.name, notebook.lesson] not in known
    }
    hide = [*places_of_a_class(folder, out), SOLUTIONS, *map(_folder_of, lessons.values())]
    work = Work(lessons, settings, isolation, hide)
    with bar(total=len(todo), desc="marking", unit="notebook") as progress:
        for key, results in work.do(todo):
            known[key] = results
            append_jsonl(journal, {"key": key, "results": results})
            progress.update()
    return {who: known[key] for who, key in keys.items()}


def places_of_a_class(folder: Path, out: Path) -> list[Path]:
    """Where others' work and marks lie: class and marks, the class (un)packed, and earlier marks."""
    folder, out = folder.resolve(), out.resolve()
    packed = folder.suffix.lower() == ".zip"
    twin = folder.with_suffix("") if packed else folder.with_name(f"{folder.name}.zip")
    beside = {path for place in (folder, out) for path in place.parent.iterdir() if path.is_dir()}
    earlier = [path for path in sorted(beside) if holds_marks(_names_in(path))]
    return [folder, out, twin, *earlier]


def _names_in(folder: Path) -> list[str]:
    """The names of what lies in a folder; none where it may not be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


class Work:
    """Marks notebooks, as many at a time as there are workers."""

    def __init__(self, lessons: Mapping[str, Lesson], settings: GradeSettings, isolation, hide):
        self.lessons, self.settings, self.isolation, self.hide = lessons, settings, isolation, hide
        self.keys = Keys((settings.seed, settings.seed + 1))
        self.stop = threading.Event()

    def do(self, todo: Mapping[str, Notebook]) -> Iterator[tuple[str, list[dict]]]:
        """(key, results) as each notebook is done. Left early, as by Ctrl-C, it ends the others."""
        pool = ThreadPoolExecutor(self.settings.workers or os.cpu_count() or 1)
        jobs = {pool.submit(self._one, notebook): key for key, notebook in todo.items()}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        finally:
            self.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            pool.shutdown()

    def _one(self, notebook: Notebook) -> list[dict]:
        return mark(
            notebook.cells,
            self.lessons[notebook.lesson],
            self.keys,
            limits=self.settings.limits,
            isolation=self.isolation,
            hide=self.hide,
            stop=self.stop,
        )


def _folder_of(lesson: Lesson) -> Path:
    return Path(import_module(lesson.module).__file__).parent


def code_hash(settings: GradeSettings, lessons: Mapping[str, Lesson], isolation: str) -> str:
    """A hash of all but the notebook that a result depends on: code, limits, seed, isolation."""
    files = [*Path(helpers.__file__).parent.rglob("*.py")]
    files += [Path(import_module(lesson.module).__file__) for lesson in lessons.values()]
    code = [[path.name, sha256(path)] for path in sorted(set(files))]
    return content_hash([code, asdict(settings.limits), settings.seed, isolation])


# --- the report -----------------------------------------------------------------------------------


def make_report(
    students: Sequence[Student],
    marks: Mapping[tuple[str, str], list[dict]],
    lessons: Mapping[str, Lesson],
    isolation: str,
) -> dict[str, Any]:
    """What became of everybody, as JSON values.

    The lessons are those that anybody handed in: for a student without one of them, its exercises
    count as not attempted.
    """
    numbers = sorted({number for student in students for number in student.notebooks})
    rows = []
    for student in students:
        exercises = []
        for number in numbers:
            found = marks.get((student.name, number))
            exercises += found or _unmarked(lessons[number], student)
        verdicts = Counter(COUNTS[e["verdict"]] for e in exercises)
        problems = [n.problem for n in student.notebooks.values() if n.problem]
        rows.append(
            {
                "name": student.name,
                "notebooks": len(student.notebooks),
                **{count: verdicts[count] for count in COUNTS.values()},
                "problems": student.problems + problems,
                "exercises": exercises,
            }
        )
    titles = {e.id: e.title for number in numbers for e in lessons[number].exercises}
    return {
        "students": rows,
        "titles": titles,
        "class": class_of(rows, titles),
        "isolation": isolation,
        "course": helpers.__version__,
    }


def _unmarked(lesson: Lesson, student: Student) -> list[dict]:
    """What stands for the exercises of a notebook that is missing, or cannot be read.

    One that is missing may have been in an archive that was refused.
    """
    notebook = student.notebooks.get(lesson.number)
    unread = [notebook.problem] if notebook else student.unread
    verdict, message = "not attempted", f"No notebook {lesson.number}_*.ipynb was handed in."
    if unread:
        verdict, message = "error", " ".join(unread)
    marked = [Marked(e.id, verdict, message=message, unread=bool(unread)) for e in lesson.exercises]
    return [asdict(one) for one in marked]


def class_of(rows: Sequence[dict], titles: Mapping[str, str]) -> list[dict]:
    """Exercise by exercise: how many have which verdict, and where and how the others go wrong."""
    found = []
    for place, (id, title) in enumerate(titles.items()):
        mine = [row["exercises"][place] for row in rows]
        verdicts = Counter(COUNTS[one["verdict"]] for one in mine)
        wrong: dict[str, Counter] = {}
        for one in mine:
            if one["verdict"] not in ("passed", "not attempted") and not one["unread"]:
                part = one["parts"][-1]["part"] if one["parts"] else "no answer came back"
                wrong.setdefault(part, Counter())[_kind_of_wrong(one)] += 1
        parts = [
            {
                "part": part,
                "failed": kinds.total(),
                "answers": [{"answer": a, "students": n} for a, n in kinds.most_common()],
            }
            for part, kinds in sorted(wrong.items(), key=lambda item: -item[1].total())
        ]
        found.append({"exercise": id, "title": title, **verdicts_of(verdicts), "parts": parts})
    return found


def verdicts_of(counter: Counter) -> dict[str, int]:
    """How many of each verdict, 0 included."""
    return {count: counter[count] for count in COUNTS.values()}


def _kind_of_wrong(one: Mapping[str, Any]) -> str:
    """By what equal wrong answers are known: the mistake's name, the error, or what came back."""
    last = one["parts"][-1] if one["parts"] else {"verdict": one["verdict"], "message": ""}
    if last.get("mistake"):
        return last["mistake"]
    if last["verdict"] == "failed" and last["got"]:
        return f"what came back: {last['got']}"
    return f"{one['verdict']}: {last['message'] or one['message']}"


def write_results(out: Path, report: Mapping[str, Any]) -> None:
    """grades.json, grades.csv, class.html, and feedback/NAME.html for every student."""
    # Not above: figures load PyTorch and more, seconds in which marking can already be at work.
    from helpers.classroom.pages import class_page, feedback_page

    pages = page_names([row["name"] for row in report["students"]])
    for row, name in zip(report["students"], pages, strict=True):
        row["page"] = f"feedback/{name}"
        rewrite_text(out / "feedback" / name, feedback_page(row, report))
    rewrite_text(out / "class.html", class_page(report))
    rewrite_text(out / "grades.csv", BYTE_ORDER_MARK + as_csv(report))
    rewrite_json(out / "grades.json", report)


def remove_old_pages(out: Path, pages: Sequence[str]) -> list[str]:
    """Remove pages of students who are no longer in the class; a line for each.

    Only what the last report says that it wrote: other files in the folder are not ours.
    """
    try:
        rows = read_json(out / "grades.json")["students"]
        old = {Path(row["page"]).name for row in rows}
    except (CourseError, KeyError, TypeError):  # no report, or not one of ours
        return []
    kept = {page.casefold() for page in pages}  # as file systems compare that know no capitals
    gone = [name for name in sorted(old) if name.casefold() not in kept and name.endswith(".html")]
    gone = [name for name in gone if (out / "feedback" / name).is_file()]
    for name in gone:
        (out / "feedback" / name).unlink()
    return [f"feedback/{name} was removed: nobody in the class has it any more." for name in gone]


def page_names(students: Sequence[str]) -> list[str]:
    """A file name for each student, all different on every file system."""
    names: list[str] = []
    for student in students:
        stem = re.sub(r"[^\w .()-]", "_", student).strip(". ")[:60] or "student"
        number = sum(n.startswith(f"{stem.casefold()}.") for n in map(str.casefold, names))
        names.append(f"{stem}.html" if not number else f"{stem}.{number + 1}.html")
    return names


def as_csv(report: Mapping[str, Any]) -> str:
    """A row per student: counts, share passed, the verdict on every exercise, what was not marked."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["name", "notebooks", *COUNTS.values()]
    writer.writerow([*head, "share_passed", *report["titles"], "problems"])
    for row in report["students"]:
        verdicts = [one["verdict"] for one in row["exercises"]]
        share = round(row["passed"] / max(len(verdicts), 1), 3)
        cells = [*(row[key] for key in head), share, *verdicts, " ".join(row["problems"])]
        writer.writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: names and files are the students' own words."""
    text = isinstance(cell, str) and cell.lstrip()[:1] in tuple("=+-@")
    return f"'{cell}" if text else cell
