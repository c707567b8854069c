"""Files that are either whole or absent: atomic writes, JSON, JSON Lines journals, content hashes.

A write goes to a temporary file in the same folder, is flushed to the disk, and then takes the
place of the old one in a single step. A crash leaves the old file or the new one, never half.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.errors import CourseError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that replaces it when the block ends without an exception."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise CourseError(
            f"cannot write {path}: {error.strerror}. Choose another folder, or make "
            f"{path.parent} writable."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "r+b") as f:
            os.fsync(f.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> Path:
    """`path`, now holding `text` as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def write_json(path: str | Path, value: Any) -> Path:
    """`path`, now holding `value` as indented JSON. NaN and infinity are refused."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    return write_text(path, text + "\n")


def read_json(path: str | Path) -> Any:
    """The value stored in a JSON file that the course itself wrote."""
    try:
        return json.loads(_read_bytes(path).decode("utf-8"))
    except ValueError as error:
        raise CourseError(f"{path}: not JSON ({error}). Remove it, or make it again.") from error


def _read_bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CourseError(f"cannot read {path}: {error.strerror}.") from error


def append_jsonl(path: str | Path, value: Any) -> None:
    """Add one line to a journal and flush it to the disk, so that a crash loses no finished item."""
    with open(path, "a", encoding="utf-8", newline="\n") as f:
        f.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
        f.flush()
        os.fsync(f.fileno())


def write_jsonl(path: str | Path, values: list[Any]) -> Path:
    """`path`, now holding one JSON value a line."""
    lines = [json.dumps(v, ensure_ascii=False, allow_nan=False) + "\n" for v in values]
    return write_text(path, "".join(lines))


def read_jsonl(path: str | Path) -> list[Any]:
    """The values of a journal. A last line cut off by a crash is left out; other damage raises."""
    lines = _read_bytes(path).split(b"\n")
    values = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line.decode("utf-8")))
        except ValueError as error:  # no JSON, or cut inside a character and so no UTF-8
            if number == len(lines):  # no newline after it: the write was cut off
                break
            raise CourseError(
                f"{path}, line {number}: not JSON ({error}). Remove that line or the file."
            ) from error
    return values


def repair_journal(path: str | Path) -> list[Any]:
    """The whole lines of a journal, after cutting off a half-written last one (so appending is safe)."""
    path = Path(path)
    if not path.exists():
        return []
    data = _read_bytes(path)
    if data and not data.endswith(b"\n"):
        with atomic_path(path) as temporary:
            temporary.write_bytes(data[: data.rfind(b"\n") + 1])
    return read_jsonl(path)


def sha256(path: str | Path) -> str:
    """The file's sha256 in hexadecimal, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while piece := f.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def content_hash(value: Any) -> str:
    """sha256 of a JSON value, independent of key order."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
