"""What a class handed in: students, their notebooks, and whatever cannot be marked, said in a line.

A class is a folder (or a zip) with a folder or a zip for each student. Nothing is unpacked: the
notebooks of an archive are read from it, and an archive that tries to reach out of its place is
refused as a whole. Of a notebook only the cells' kinds, ids and sources are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath

from helpers.errors import CourseError, one_line
from helpers.files import BAD_ZIP

MAX_NOTEBOOK = 30_000_000  # bytes; outputs may hold pictures
MAX_ARCHIVE = 300_000_000  # bytes of all notebooks of an archive, unpacked
MAX_FILES = 5_000  # in an archive
CLUTTER = {"__MACOSX", ".ipynb_checkpoints", ".git", "__pycache__", "Thumbs.db", "desktop.ini"}


class RefusedError(Exception):
    """Something handed in that cannot be used; the message is for the instructor."""


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook."""

    id: str  # "" where the file has none
    source: str


@dataclass(frozen=True)
class Notebook:
    """One notebook of a student; with a problem, it has no cells."""

    lesson: str  # "02"
    file: str
    digest: str  # sha256 of the file
    cells: tuple[Cell, ...] = ()  # of code
    problem: str = ""
    texts: tuple[Cell, ...] = ()  # the others, of Markdown


@dataclass
class Student:
    """A student, with what can be marked and what cannot."""

    name: str
    notebooks: dict[str, Notebook] = field(default_factory=dict)  # by lesson
    problems: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)  # those of archives that were refused


@dataclass(frozen=True)
class File:
    """A file of a folder or an archive, not read yet."""

    name: str  # with the folders above it, "/" between them
    size: int
    time: float  # of its last change
    read: Callable[[], bytes]  # one byte more than MAX_NOTEBOOK at most


@dataclass
class HandedIn:
    """All that lies in a student's folder or zip."""

    files: list[File] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # a line for each archive that was

    def add_archive(self, path: Path, within: str = "") -> HandedIn:
        """Itself, with the files of the archive, or the reason why it is refused."""
        try:
            more = _files_of_archive(path)
        except RefusedError as error:
            self.refused.append(f"{within or path.name} was refused: {error}")
        else:
            self.files += [replace(f, name=f"{within}/{f.name}") if within else f for f in more]
        return self


def holds_marks(names: Iterable[str]) -> bool:
    """Whether a folder with these files is one that `course grade` wrote."""
    found = set(names)
    return "journal.jsonl" in found and bool(found & {"grades.json", ".lock"})


def collect(
    folder: Path, lessons: Sequence[str], leave_out: Path | None = None
) -> tuple[list[Student], list[str]]:
    """The students of a class by name, and a line for all else that lies there.

    Raises CourseError if there is no student.
    """
    others: list[str] = []
    if _is_zip(folder):
        groups = _groups_of_zip(folder, others)
    else:
        groups = _groups_of_folder(folder, leave_out, others)
    students, taken = [], {}
    for given, handed_in in groups:
        name = printable(given)
        student = Student(name, problems=[*map(printable, handed_in.problems)])
        student.unread = [*map(printable, handed_in.refused)]
        student.problems += student.unread
        key = unicodedata.normalize("NFC", name).casefold()
        if key in taken:
            student.name = _free_name(name, taken)
            first = taken[key].name
            student.problems.append(
                f"There are two students called {first!r}: this one is {student.name!r}."
            )
            taken[key].problems.append(
                f"There are two students called {first!r}. If they are one, who handed in a folder and "
                "a zip perhaps, leave one of the two in the class."
            )
        taken[unicodedata.normalize("NFC", student.name).casefold()] = student
        _sort_in(student, handed_in.files, lessons)
        students.append(student)
    if not students:
        raise CourseError(
            f"{folder} holds no students: it needs a folder or a zip for each, with their notebooks "
            f"(NN_*.ipynb) in it. {' '.join(others[:1])}".rstrip()
        )
    return students, others


def printable(name: str) -> str:
    """A file's name as text that can be written anywhere: on Linux it need not be UTF-8."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _free_name(name: str, taken: dict) -> str:
    numbered = (f"{name} ({n})" for n in range(2, len(taken) + 3))
    return next(x for x in numbered if unicodedata.normalize("NFC", x).casefold() not in taken)


# --- folders and archives -------------------------------------------------------------------------


def _is_zip(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() == ".zip"


def _groups_of_folder(folder: Path, leave_out: Path | None, others: list[str]) -> Iterator[tuple]:
    """(name, HandedIn) of each student; what is no student goes to `others`."""
    if not folder.is_dir():
        raise CourseError(
            f"{folder} is no folder and no zip: name the one that holds a folder or a zip for each "
            "student."
        )
    for path in sorted(folder.iterdir(), key=lambda p: (p.stem.casefold(), p.name)):
        if _is_clutter(path.name) or (leave_out and path.resolve() == leave_out.resolve()):
            continue
        name = printable(path.name)
        if path.is_symlink():
            others.append(f"{name} is a link, and links are not followed.")
        elif path.is_dir() and holds_marks(inside.name for inside in path.iterdir()):
            others.append(f"{name} holds the marks of a class, and is no student: it was left out.")
        elif path.is_dir():
            yield path.name, _handed_in(path)
        elif _is_zip(path):
            yield path.stem, HandedIn().add_archive(path)
        else:
            others.append(_loose(name))


def _loose(name: str) -> str:
    if name.lower().endswith(".zip"):
        return (
            f"{name} is a zip within a zip and was not opened: unpack the class, name its folder."
        )
    remedy = " Put it into a folder with the student's name." if _is_notebook(name) else ""
    return f"{name} is neither a folder nor a zip of a student: it was not marked.{remedy}"


def _groups_of_zip(path: Path, others: list[str]) -> Iterator[tuple]:
    """The same for a zip of the whole class, whose first folders are the students."""
    try:
        files = _files_of_archive(path)
    except RefusedError as error:
        raise CourseError(f"{path.name} was refused: {error}") from error
    groups: dict[str, list[File]] = {}
    tops = {PurePosixPath(file.name).parts[0] for file in files}
    deep = {len(PurePosixPath(file.name).parts) > 2 for file in files if _is_notebook(file.name)}
    alone = len(tops) == 1 and deep == {True}
    for file in files:
        parts = PurePosixPath(file.name).parts[alone:]  # below the folder that holds all others
        if len(parts) > 1:
            groups.setdefault(parts[0], []).append(file)
        else:
            others.append(_loose(parts[0]))
    for name, mine in sorted(groups.items()):
        if holds_marks("/".join(PurePosixPath(f.name).parts[alone + 1 :]) for f in mine):
            others.append(f"{name} holds the marks of a class, and is no student: it was left out.")
        else:
            yield name, HandedIn(mine)


def _is_clutter(name: str) -> bool:
    return name in CLUTTER or name.startswith(".")


def _handed_in(folder: Path) -> HandedIn:
    """All files below a folder, those of archives in it included."""
    found = HandedIn()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(_is_clutter(part) for part in PurePosixPath(name).parts):
            continue
        if path.is_symlink():
            found.problems.append(f"{name} is a link, and links are not followed.")
        elif _is_zip(path):
            found.add_archive(path, within=printable(name))
        elif path.is_file():
            about = path.stat()
            found.files.append(
                File(printable(name), about.st_size, about.st_mtime, partial(_read_file, path))
            )
    return found


def _files_of_archive(path: Path) -> list[File]:
    """The files of a zip. Raises RefusedError where nothing of it is taken."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
        _refuse_members(members)
    except (*BAD_ZIP, OSError) as error:
        raise RefusedError(one_line(error)[:200]) from error
    return [
        File(
            printable(m.filename),
            m.file_size,
            _seconds(m.date_time),
            partial(_read_member, path, m),
        )
        for m in members
        if not any(_is_clutter(part) for part in m.filename.split("/"))
    ]


def _seconds(date_time: tuple) -> float:
    """The date of a member of an archive as seconds, so that it compares with a file's."""
    try:
        return datetime(*date_time).timestamp()
    except (ValueError, OverflowError, OSError):  # an archive can claim the 31st of June
        return 0.0


def _refuse_members(members: Sequence[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_FILES:
        raise RefusedError(f"it holds {len(members):,} files, more than {MAX_FILES:,}.")
    seen: set[str] = set()
    for member in members:
        name = member.filename
        if name.startswith("/") or "\\" in member.orig_filename or re.match(r"[A-Za-z]:", name):
            raise RefusedError(f"{name[:80]!r} in it is an absolute path.")
        if ".." in PurePosixPath(name).parts:
            raise RefusedError(f"{name[:80]!r} in it leads out of its folder.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise RefusedError(f"{name[:80]!r} in it is a link.")
        if member.flag_bits & 1:
            raise RefusedError("it is locked with a password.")
        if name in seen:
            raise RefusedError(f"{name[:80]!r} is in it twice.")
        seen.add(name)
    size = sum(m.file_size for m in members if _is_notebook(m.filename))
    if size > MAX_ARCHIVE:
        raise RefusedError(
            f"its notebooks have {size / 1e6:,.0f} MB, more than {MAX_ARCHIVE / 1e6:.0f}."
        )


def _read_file(path: Path) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(MAX_NOTEBOOK + 1)


def _read_member(path: Path, member: zipfile.ZipInfo) -> bytes:
    with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        return stream.read(MAX_NOTEBOOK + 1)


def _read(file: File) -> bytes:
    """The bytes of a file. Raises RefusedError where they are too many, or cannot be read."""
    if file.size > MAX_NOTEBOOK:
        raise RefusedError(f"it has {file.size / 1e6:,.0f} MB, more than {MAX_NOTEBOOK / 1e6:.0f}")
    try:
        data = file.read()
    except (*BAD_ZIP, OSError) as error:
        raise RefusedError(f"it cannot be read: {one_line(error)[:200]}") from error
    if len(data) > MAX_NOTEBOOK:  # the size that an archive claims need not be true
        raise RefusedError(f"it has more than {MAX_NOTEBOOK / 1e6:.0f} MB")
    return data


# --- notebooks ------------------------------------------------------------------------------------


def _sort_in(student: Student, files: Sequence[File], lessons: Sequence[str]) -> None:
    """Give the student the notebooks among the files, and a line for each that is none."""
    found: dict[str, list[Candidate]] = {}
    for file in sorted(files, key=lambda f: (f.time, copy_number(f.name), f.name)):
        if not _is_notebook(file.name):
            student.problems.append(f"{file.name} is not a notebook and was not marked.")
            continue
        notebook = read_notebook(file, lessons)
        if notebook.lesson:
            found.setdefault(notebook.lesson, []).append(Candidate(file, notebook))
        else:
            student.problems.append(
                f"{file.name} was not marked: no exercises have its number, and it has no exercise's "
                f"cells. Those that have: {', '.join(lessons)}, as in {lessons[0]}_name.ipynb."
            )
    _leave_out(student, found, Candidate.is_solution, "the course's own solution")
    several = {lesson: many for lesson, many in found.items() if len(many) > 1}
    _leave_out(student, several, Candidate.is_none, "not the notebook of exercises, which is there")
    found |= several
    if groups := _groups_in(found):
        student.problems.append(
            f"{' and '.join(groups)} hold notebooks for the same lesson, and one was marked for each "
            "lesson. If they are several students, name the folder they lie in as the class (of a zip, "
            "unpacked)."
        )
    for lesson, candidates in sorted(found.items()):
        if candidates:
            student.notebooks[lesson] = _newest(student, candidates)
    if not files and not student.problems:
        student.problems.append("Nothing was handed in: the folder is empty.")


@dataclass(frozen=True)
class Candidate:
    """A notebook that may be the one to mark for its lesson."""

    file: File
    notebook: Notebook

    def is_solution(self, _: Sequence[Candidate]) -> bool:
        """Whether it is one of exercises/solutions: there, and with the marks around each answer."""
        answers = [c.source for c in self.notebook.cells if re.fullmatch("ex-.*-answer", c.id)]
        there = "solutions" in PurePosixPath(self.file.name).parts[:-1]
        return there and bool(answers) and all("### BEGIN SOLUTION" in text for text in answers)

    def is_none(self, among: Sequence[Candidate]) -> bool:
        """Whether it has no exercises, as a lesson, while another one has."""
        if self.notebook.problem or self.has_exercises():
            return False
        return any(other.has_exercises() for other in among)

    def has_exercises(self) -> bool:
        """Whether it has an exercise's cells, or what checks them in a notebook without ids."""
        number = self.notebook.lesson
        checks = re.compile(rf"""^\s*check\(\s*["']{number}\.""", re.MULTILINE)
        cells = self.notebook.cells
        return any(c.id.startswith(f"ex-{number}-") or checks.search(c.source) for c in cells)


def _leave_out(
    student: Student, found: dict[str, list[Candidate]], bad: Callable, why: str
) -> None:
    """Take the bad ones out of what was found, with one line for all of them."""
    names = []
    for lesson, candidates in found.items():
        out = [candidate for candidate in candidates if bad(candidate, candidates)]
        found[lesson] = [candidate for candidate in candidates if candidate not in out]
        names += [candidate.file.name for candidate in out]
    if names:
        were = "was" if len(names) == 1 else "were"
        student.problems.append(f"{', '.join(sorted(names))} {were} not marked: {why}.")


def _groups_in(found: Mapping[str, Sequence[Candidate]]) -> list[str]:
    """The folders of a student that hold a notebook for the same lesson, as several students do."""
    groups: set[str] = set()
    for candidates in found.values():
        folders = [PurePosixPath(one.file.name).parts[:-1] for one in candidates]
        levels = takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))
        shared = len(list(levels))
        tops = {"/".join(folder[: shared + 1]) for folder in folders if len(folder) > shared}
        groups |= tops if len(tops) > 1 else set()
    return sorted(groups)


def _newest(student: Student, candidates: Sequence[Candidate]) -> Notebook:
    """The notebook to mark, the newest that can be read, with a line for each other one."""
    readable = [one for one in candidates if not one.notebook.problem] or candidates[-1:]
    *others, chosen = readable
    student.problems += [one.notebook.problem for one in candidates if one not in readable]
    for other in (one.file for one in others):
        if other.time < chosen.file.time:
            why = "newer"
        elif copy_number(other.name) < copy_number(chosen.file.name):
            why = "of the same date and a later copy"
        else:
            why = "of the same date and later by name"
        student.problems.append(
            f"{other.name} was not marked: {chosen.file.name} is for the same lesson, and {why}."
        )
    return chosen.notebook


def copy_number(name: str) -> int:
    """Which copy of a file it is, as browsers, Jupyter and Windows write it; 0 for the first.

    >>> [copy_number(f"a{x}.ipynb") for x in ("", " (1)", "-Copy2", " - Copy (3)", " - Copy")]
    [0, 1, 2, 3, 1]
    """
    copy = re.search(r"( - Copy)?(?: ?\((\d{1,4})\)|-Copy(\d{1,4})|(?<=Copy))\.ipynb$", name, re.I)
    return int(copy[2] or copy[3] or 1) if copy else 0


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def lesson_of(name: str, cells: Sequence[Cell], lessons: Sequence[str]) -> str:
    """The lesson that a file's name tells, or else the ids of its exercises' cells; "" if none."""
    number = re.match(r"(\d\d)[_ -]", PurePosixPath(name).name)
    if number and number[1] in lessons:
        return number[1]
    ids = [re.match(r"ex-(\d\d)-\d+-", cell.id) for cell in cells]
    told = Counter(found[1] for found in ids if found and found[1] in lessons)
    return max(told, key=told.__getitem__, default="")


def read_notebook(file: File, lessons: Sequence[str]) -> Notebook:
    """The notebook in a file, or one that says what is wrong with it."""
    data = b""
    try:
        data = _read(file)
        cells, texts = cells_of(data)
    except RefusedError as error:
        digest, lesson = hashlib.sha256(data).hexdigest(), lesson_of(file.name, (), lessons)
        return Notebook(lesson, file.name, digest, problem=f"{file.name} was not marked: {error}.")
    lesson = lesson_of(file.name, cells, lessons)
    return Notebook(lesson, file.name, hashlib.sha256(data).hexdigest(), cells, texts=texts)


def cells_of(data: bytes) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """The code cells of a notebook's bytes and the others. Raises RefusedError where it is none."""
    if not data.strip():
        raise RefusedError("the file is empty")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"it is not a notebook ({one_line(error)[:80]})") from error
    if isinstance(notebook, dict) and "worksheets" in notebook:
        raise RefusedError("its format is of before 2015; open it in Jupyter and save it")
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise RefusedError("it is not a notebook (it has no cells)")
    code, texts = [], []
    for cell in cells:
        is_code, source = cell.get("cell_type") == "code", _text(cell.get("source", ""))
        if is_code and source is None:
            raise RefusedError("it is not a notebook (a cell has no text)")
        if source is not None:
            (code if is_code else texts).append(Cell(str(cell.get("id") or ""), source))
    return tuple(code), tuple(texts)


def _text(source: object) -> str | None:
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    return None
