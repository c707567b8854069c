"""Multiple-choice questions in MMLU's formats: found, read, checked, sampled.

MMLU (Hendrycks et al. 2021, arXiv 2009.03300) is published as CSV files without a header, a file a
subject and split, and on the Hugging Face hub as Parquet. Both are read here, and what people make
of them: headers, JSON, JSON Lines, all subjects in one file, a folder or archive of files. A row
that does not follow the format is refused with its number. Nothing is unpacked to the disk.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from helpers.data import ASSETS, LARGEST_FIELD, as_text
from helpers.errors import DataError, FetchError, nearest, one_line
from helpers.fetch import fetch
from helpers.files import BAD_ZIP, LZMAError, content_hash

LETTERS = "ABCD"
BUNDLED = {"course": ASSETS / "questions" / "course-questions.csv"}
# The hub's copy of MMLU. We have not seen the files ourselves: public repositories that pin the
# revision agree on the first hash; for the second file the hub's own announcement is checked.
HUB, HUB_REVISION = "cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe"
HUB_FILES = {
    "all/test-00000-of-00001.parquet": (
        "74a41822ce7d3def56e1682f958469c04642a5336a5ce912fa375fdb90fb25d7"
    ),
    "all/dev-00000-of-00001.parquet": "",
}
SPLITS = {"validation": "val", "auxiliary_train": "train"}  # other names of the same
READ = ("test", "dev")
SUFFIXES = (".csv", ".parquet", ".jsonl", ".json")  # a folder's first kind of these is read
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
COLUMNS = ("question", "a", "b", "c", "d", "answer")
ALIASES = {"prompt": "question", "label": "answer"}
LARGEST_PART = 64_000_000  # bytes of one file in an archive; MMLU's largest is 2 MB
LARGEST_ALL = 256_000_000  # bytes read from an archive
LARGEST_ARCHIVE = 1_000_000_000  # bytes of all that is in it, read or not; MMLU's has 170 MB
MOST_MEMBERS = 10_000


@dataclass(frozen=True)
class Question:
    """A question with four options, the right one's number (0 to 3), and its subject."""

    subject: str  # as MMLU writes it: world_capitals
    question: str
    choices: tuple[str, str, str, str]
    answer: int


@dataclass
class QuestionSet:
    """The questions to ask, in file order, and those to show first, by subject."""

    name: str
    test: list[Question] = field(default_factory=list)
    dev: dict[str, list[Question]] = field(default_factory=dict)

    def examples(self, subject: str, shots: int) -> list[Question]:
        """The first `shots` dev questions of a subject. Raises DataError when there are fewer."""
        found = self.dev.get(subject, [])
        if len(found) >= shots:
            return found[:shots]
        if not self.dev:
            raise DataError(
                f"{self.name} has no dev split, from which examples are taken: give --shots 0, or "
                "add a file such as dev/SUBJECT_dev.csv."
            )
        raise DataError(
            f"{self.name}: {subject} has {len(found)} dev questions, {shots} shots were asked for: "
            f"give --shots {len(found)}, or add dev questions."
        )


def load_questions(name: str | Path = "course") -> QuestionSet:
    """The questions of a name (course, mmlu), a file, a folder or an archive; at least one to ask.

    Raises DataError that names the file and the row.
    """
    found = QuestionSet(str(name))
    parts = [(f, path.read_bytes()) for f, path in _hub()] if name == "mmlu" else _parts(name)
    alone = _path(name).is_file() and not _is_archive(_path(name))  # whatever it is called: ask it
    for part, data in parts:
        for split, question in read_part(data, part, split="test" if alone else ""):
            if split == "test":
                found.test.append(question)
            elif split == "dev":
                found.dev.setdefault(question.subject, []).append(question)
    if not found.test:
        raise DataError(
            f"{name} holds no questions to ask: a file such as test/SUBJECT_test.csv is expected, "
            "or rows of a file that is named itself."
        )
    return found


def stratified(questions: Sequence[Question], n: int, seed: int = 123) -> list[Question]:
    """n questions in file order, of every subject its share (largest remainders), drawn by chance."""
    if not 1 <= n <= len(questions):
        raise DataError(f"a sample of {n} questions: there are {len(questions):,}. Give 1 to that.")
    places: dict[str, list[int]] = {}
    for i, question in enumerate(questions):
        places.setdefault(question.subject, []).append(i)
    exact = {subject: n * len(own) / len(questions) for subject, own in places.items()}
    counts = {subject: int(share) for subject, share in exact.items()}
    short = n - sum(counts.values())
    for subject in sorted(exact, key=lambda s: counts[s] - exact[s])[:short]:
        counts[subject] += 1
    rng = random.Random(seed)
    chosen = [i for subject, own in places.items() for i in rng.sample(own, counts[subject])]
    return [questions[i] for i in sorted(chosen)]


# --- files, folders, archives, the hub --------------------------------------------------------------


def _parts(name: str | Path) -> Iterator[tuple[str, bytes]]:
    """The name and content of every file behind a name; of a folder or archive those worth reading."""
    path = _path(name)
    if not str(name).strip() or not path.exists():
        raise DataError(
            f"no questions {str(name)!r}: neither a file nor a folder; "
            f"{nearest(str(name), [*BUNDLED, 'mmlu'])}. Give the path of a CSV, JSON or Parquet "
            "file, or of a folder or archive of them."
        )
    try:
        if path.is_dir():
            files = {p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file()}
            yield from ((f, files[f].read_bytes()) for f in _worth_reading(files, path))
        elif _is_archive(path):
            yield from (_zipped if path.suffix.lower() == ".zip" else _tarred)(path)
        else:
            yield str(path), path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}. Check the file."
        ) from error


def _path(name: str | Path) -> Path:
    return BUNDLED.get(str(name), Path(name))


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ARCHIVES)


def _worth_reading(names: Iterable[str], where: str | Path) -> list[str]:
    """The test and dev files among the names, in order: of one kind, and `all/` before its parts."""
    visible = [n for n in sorted(names) if not re.search(r"(^|/)(\.|__MACOSX/)", n)]
    for suffix in SUFFIXES:
        wanted = [n for n in visible if n.lower().endswith(suffix) and place(n)[1] in READ]
        if whole := [n for n in wanted if PurePosixPath(n).parent.name == "all"]:
            return whole  # the hub's folder has every question twice: in all/ and by subject
        if wanted:
            return wanted
    raise DataError(
        f"{where} holds no questions: no .csv, .parquet, .json or .jsonl file of a test or dev split."
    )


def place(name: str) -> tuple[str, str]:
    """The subject and split that a file's name and folder tell; "test" where they tell none.

    >>> place("data/dev/astronomy_dev.csv"), place("astronomy/test-00000-of-00001.parquet")
    (('astronomy', 'dev'), ('astronomy', 'test'))
    """
    path = PurePosixPath(name.replace("\\", "/"))
    words = "test|dev|val|validation|train|auxiliary_train"
    if match := re.fullmatch(rf"(.+)[_-]({words})", path.stem):
        subject, split = match.groups()
    elif match := re.fullmatch(rf"({words})(-\d+-of-\d+)?", path.stem):
        subject, split = path.parent.name or path.stem, match[1]
    else:
        folder = path.parent.name
        subject, split = path.stem, folder if re.fullmatch(words, folder) else "test"
    if "auxiliary_train" in path.parts:  # its files are called otherwise: race.csv
        split = "train"
    return subject, SPLITS.get(split, split)


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a zip archive that are worth reading."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {}
            for info in archive.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                _check_member(path, info.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
                if not info.is_dir():
                    members[info.filename] = info
            _check_sizes(path, [info.file_size for info in archive.infolist()])
            wanted = _worth_reading(members, path)
            _check_read(path, {name: members[name].file_size for name in wanted})
            for name in wanted:
                yield name, archive.read(members[name])
    except BAD_ZIP as error:
        raise _damaged(path, error) from error


def _tarred(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a tar archive, packed or not, that are worth reading."""
    try:
        with tarfile.open(path) as archive:
            members: dict[str, tarfile.TarInfo] = {}
            sizes = []
            for info in archive:  # sizes are known before what they announce is unpacked
                _check_member(path, info.name, info.isreg() or info.isdir())
                sizes.append(info.size)
                _check_sizes(path, sizes)
                if info.isreg():
                    members[info.name] = info
            wanted = _worth_reading(members, path)
            _check_read(path, {name: members[name].size for name in wanted})
            for name in wanted:
                yield name, archive.extractfile(members[name]).read()
    except (tarfile.TarError, zlib.error, LZMAError, EOFError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is not a whole archive, or locked ({one_line(error)[:200]}). Download it again, or "
        "unpack it and name the folder."
    )


def _check_member(path: Path, name: str, plain: bool) -> None:
    """Refuse what no archive of questions has: links, devices, and names that lead out of it."""
    inner = PurePosixPath(name.replace("\\", "/"))
    if not plain:
        raise DataError(
            f"{path}: {name!r} is a link or device, no file. Do not trust this archive."
        )
    if inner.is_absolute() or ".." in inner.parts or re.match("[A-Za-z]:", name):
        raise DataError(
            f"{path}: the name {name!r} leads out of the archive. Do not trust this archive."
        )


def _check_sizes(path: Path, sizes: Sequence[int]) -> None:
    if sum(sizes) > LARGEST_ARCHIVE or len(sizes) > MOST_MEMBERS:
        raise DataError(
            f"{path} unpacks to {sum(sizes):,} bytes in {len(sizes):,} files or more; at most "
            f"{LARGEST_ARCHIVE:,} in {MOST_MEMBERS:,} are allowed. Name a folder with the questions."
        )


def _check_read(path: Path, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        if size > LARGEST_PART:
            raise DataError(
                f"{path}: {name} unpacks to {size:,} bytes, at most {LARGEST_PART:,} are allowed."
            )
    if sum(sizes.values()) > LARGEST_ALL:
        raise DataError(
            f"{path}: its questions unpack to {sum(sizes.values()):,} bytes, at most "
            f"{LARGEST_ALL:,} are allowed."
        )


def hub_paths() -> list[Path]:
    """The files of MMLU in the hub's cache, downloaded at the pinned revision when not there."""
    return [path for _, path in _hub()]


def _hub() -> list[tuple[str, Path]]:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    folder = (
        Path(constants.HF_HUB_CACHE) / f"datasets--{HUB.replace('/', '--')}"
        / "snapshots" / HUB_REVISION
    )  # fmt: skip
    endpoint = os.environ.get("HF_ENDPOINT") or None
    for file, expected in HUB_FILES.items():
        if (folder / file).exists():
            continue
        try:
            if constants.HF_HUB_OFFLINE:
                raise FetchError("HF_HUB_OFFLINE is set, so no server was asked.")
            url = hf_hub_url(
                HUB, file, repo_type="dataset", revision=HUB_REVISION, endpoint=endpoint
            )
            fetch(url, folder / file, sha256=expected, headers=build_hf_headers())
        except FetchError as error:
            raise DataError(
                f"MMLU is not in the cache ({folder / file}) and could not be downloaded: {error} "
                "Try again later, or use the bundled questions: course. Other ways: put the file "
                "there by hand, or name the folder or archive of the original CSV files."
            ) from error
    return [(file, folder / file) for file in HUB_FILES]


# --- rows -------------------------------------------------------------------------------------------


def read_part(data: bytes, name: str, *, split: str = "") -> list[tuple[str, Question]]:
    """The questions of one file, each with its split. Raises DataError that names the row.

    A row's own subject and split count; where it has none, the file's name and folder do, for the
    split `split` first.
    """
    subject, own = place(name)
    split = split or own
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".parquet":
        rows = _parquet_rows(data, name)
    elif suffix in (".json", ".jsonl"):
        rows = enumerate(_json_rows(as_text(data, name), name), start=1)
    else:
        rows = _csv_rows(data, name)
    return [_question(row, f"{name}, row {number}", subject, split) for number, row in rows]


def _csv_rows(data: bytes, name: str) -> Iterator[tuple[int, dict]]:
    """Number (from 1, a header included) and cells by column of every row that is not blank."""
    reader = csv.reader(io.StringIO(_csv_text(data, name), newline=""), strict=True)
    columns, number = None, 0
    try:
        for number, cells in enumerate(reader, start=1):
            if not any(cells):
                continue
            if columns is None:
                header = [ALIASES.get(c.strip().lower(), c.strip().lower()) for c in cells]
                is_header = {"question", "answer"} <= set(header)
                columns = header if is_header else COLUMNS
                if is_header:
                    continue
            if len(cells) != len(columns):
                raise DataError(
                    f"{name}, row {number}: {len(cells)} columns instead of {len(columns)} "
                    f"({', '.join(columns)}). A text with a comma in it needs quotes around it."
                )
            yield number, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise DataError(
            f"{name}, row {number + 1}: not CSV ({error}). A quote inside a quoted text is written "
            'twice: "".'
        ) from error


def _csv_text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name}, row {row}: not UTF-8 (byte {data[error.start]:#04x}). Save the file as UTF-8."
        ) from error


@dataclass
class _Twice:
    """Stands for an object in which a key appears twice: its row is named when it is checked."""

    key: str


def _once(pairs: list[tuple]):
    found: dict = {}
    for key, value in pairs:
        if key in found:
            return _Twice(key)
        found[key] = value
    return found


def _json_rows(text: str, name: str) -> list:
    """The rows of a JSON list or of JSON Lines, not yet checked. Raises DataError with the line."""
    whole = text.lstrip().startswith("[")
    lines = [(1, text)] if whole else enumerate(text.split("\n"), start=1)
    rows = []
    for number, line in lines:
        try:
            if line.strip():
                rows.append(json.loads(line, object_pairs_hook=_once))
        except (ValueError, RecursionError) as error:
            at = getattr(error, "lineno", 1) if whole else number
            raise DataError(
                f"{name}, line {at}: not JSON ({getattr(error, 'msg', error)}). Expected a list of "
                "questions, or one question a line; the file may be cut off."
            ) from error
    return rows[0] if whole else rows


def _parquet_rows(data: bytes, name: str) -> Iterator[tuple[int, dict]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            f"{name} is a Parquet file, and pyarrow, which reads them, is not installed: "
            'python -m pip install "pyarrow>=17" (the extra mmlu)'
        ) from error
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{name} is not a whole Parquet file ({error}). Download it again."
        ) from error
    yield from enumerate(table, start=1)


def _question(row, where: str, subject: str, split: str) -> tuple[str, Question]:
    """The split and Question of a row, checked."""
    if isinstance(row, _Twice):
        raise DataError(f"{where}: the key {row.key[:40]!r} appears twice: keep one of them.")
    if not isinstance(row, dict):
        raise DataError(
            f"{where}: expected an object with question, choices and answer, got "
            f"{type(row).__name__}. Write one such object for each row."
        )
    row = {ALIASES.get(str(key).lower(), str(key).lower()): value for key, value in row.items()}
    choices = row.get("choices", [row[x] for x in "abcd" if x in row])
    if not isinstance(choices, (list, tuple)) or len(choices) != len(LETTERS):
        n = len(choices) if isinstance(choices, (list, tuple)) else "no list of"
        raise DataError(f"{where}: {n} options; a question has four, A to D. Add or remove some.")
    own_split = _text(row.get("split") or split, where, "split").strip().lower()
    question = Question(
        subject=_text(row.get("subject") or subject, where, "subject"),
        question=_text(row.get("question"), where, "question"),
        choices=tuple(
            _text(c, where, f"option {x}") for x, c in zip(LETTERS, choices, strict=True)
        ),
        answer=_answer(row.get("answer"), where),
    )
    if not question.question.strip():
        raise DataError(f"{where}: the question is empty. Write one or remove the row.")
    return SPLITS.get(own_split, own_split), question


def _text(value, where: str, what: str) -> str:
    """The value, which must be text that can be encoded. Blank options are MMLU's own: let them be."""
    if not isinstance(value, str):
        found = "is missing" if value is None else f"must be text, got {type(value).__name__}"
        raise DataError(f"{where}: the {what} {found}. Put it in quotes.")
    if len(value) > LARGEST_FIELD:
        raise DataError(
            f"{where}: the {what} has {len(value):,} characters, at most {LARGEST_FIELD:,} are allowed."
        )
    if "\0" in value or re.search("[\ud800-\udfff]", value):
        raise DataError(
            f"{where}: the {what} holds a character that is no text ({ascii(value)[:60]}). Remove it."
        )
    return value


def _answer(value, where: str) -> int:
    """0 to 3 from a letter or a number."""
    text = value.strip().upper() if isinstance(value, str) else value
    if isinstance(text, str) and len(text) == 1 and text in LETTERS:
        return LETTERS.index(text)
    if isinstance(text, str) and text in ("0", "1", "2", "3"):
        return int(text)
    if type(text) is int and 0 <= text <= 3:  # True is an int too
        return text
    raise DataError(
        f"{where}: the answer is {str(value)[:40]!r}, not A, B, C or D, nor 0, 1, 2 or 3 (0 is A). "
        "Correct it."
    )


def as_csv(found: QuestionSet) -> str:
    """The questions as one CSV with a header: dev first, then test, as `load_questions` reads them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["split", "subject", "question", *LETTERS, "answer"])
    dev = [q for questions in found.dev.values() for q in questions]
    for split, questions in (("dev", dev), ("test", found.test)):
        for q in questions:
            writer.writerow([split, q.subject, q.question, *q.choices, LETTERS[q.answer]])
    return out.getvalue()


def item_hash(question: Question) -> str:
    """A short hash by which the same question is recognised in two results."""
    return content_hash([question.question, list(question.choices), question.answer])[:16]
