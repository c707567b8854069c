"""Files that are either whole or absent: atomic writes, JSON, JSON Lines journals, content hashes.

A write goes to a temporary folder beside the file, is flushed to the disk, and then takes the place
of the old one in a single step. A crash leaves the old file or the new one, never half; the
temporary folder that it may leave too is found by its name (`remove_leftovers`).
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from helpers.errors import CourseError

try:
    from lzma import LZMAError
except ImportError:  # a Python built without it opens no such archive in the first place
    LZMAError = zipfile.BadZipFile

BAD_ZIP = (  # what `zipfile` and those that unpack for it raise for a file that is none, or damaged
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
MOMENT = 1.0  # seconds until a folder in use is refused
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # full disk, used-up quota, file too large


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path that replaces `path` when the block ends without an exception.

    It lies in a folder of its own beside `path`: some libraries (safetensors is one) write to a
    temporary name of their own first, and what a crash leaves of that is inside the folder as well.
    Raises CourseError where nothing can be written and when the disk is full.
    """
    path = Path(path)
    folder = _hidden_folder(path)
    temporary = folder / path.name
    try:
        yield temporary
        with open(temporary, "r+b") as f:
            os.fsync(f.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in NO_ROOM or error.filename2 == str(path):  # full, or not to be replaced
            raise write_error(path, error) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _hidden_folder(path: Path) -> Path:
    """An empty folder beside `path`, by whose name `remove_leftovers` knows it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder that becomes `path`, new or empty till then, when the block ends well.

    A process that is killed leaves nothing at `path`: the same command can be given again, and it
    removes what lies hidden beside it. Raises CourseError as `atomic_path` does.
    """
    shown, path = path, Path(path).resolve()  # "." has no name to be hidden under
    remove_leftovers(path)
    folder = _hidden_folder(path)
    try:
        yield folder
        os.chmod(folder, 0o777 & ~_umask())
        if not path.exists():
            os.rename(folder, path)
        else:  # an empty one stays the folder that it is, as somebody may be in it
            for made in folder.iterdir():
                shutil.move(made, path)
    except CourseError as error:  # of a file within: by the name that it would have had
        raise type(error)(str(error).replace(str(folder), str(shown))) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_error(path: str | Path, error: OSError) -> CourseError:
    """What to tell somebody whose file could not be written, and what mends it."""
    path = Path(path)
    if error.errno in NO_ROOM:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror.lower()
        return CourseError(
            f"cannot write {path}: {reason} ({free_space(path)} free there). What was there before "
            "is unchanged. Free some space, or choose a folder on another disk."
        )
    return CourseError(
        f"cannot write {path}: {error.strerror or error}. Choose another folder, or make "
        f"{path.parent} writable."
    )


def free_space(path: str | Path) -> str:
    """The room left on the disk of a path that need not exist yet, such as "12.3 MB"."""
    there = next(p for p in Path(path).parents if p.exists())
    size = float(shutil.disk_usage(there).free)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def check_folder(folder: str | Path) -> None:
    """Raise CourseError at once where nothing could be written after hours of work.

    Nothing is made: the folder, or the nearest above it that exists, has to be one, and writable.
    """
    folder = Path(folder)
    there = next(p for p in (folder, *folder.parents) if p.exists())
    if not there.is_dir():
        raise CourseError(
            f"cannot write {folder}: {there} is a file, not a folder. Choose another folder."
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise write_error(folder, PermissionError(errno.EACCES, f"{there} is not writable"))


@contextmanager
def alone_in(folder: str | Path, what: str) -> Iterator[None]:
    """While the block runs, a second process of this machine is refused in the same folder.

    The system gives the lock back however the process ends, a kill included; where it had just
    started another one, a moment later. On a file system without locks, as some clusters have,
    nobody is refused.
    """
    lock = FileLock(Path(folder) / ".lock")
    try:
        lock.acquire(timeout=MOMENT)
    except Timeout as error:
        raise CourseError(
            f"another process is at work on the {what} in {folder}: wait for its end, or name "
            "another folder."
        ) from error
    except NotImplementedError:
        pass
    except OSError as error:
        raise write_error(Path(folder) / ".lock", error) from error
    try:
        yield
    finally:
        lock.release()


def remove_leftovers(path: str | Path) -> None:
    """Remove the temporary folders of writes to `path` that were killed."""
    path = Path(path)
    for folder in path.parent.glob(f".{glob.escape(path.name)}.????????.part"):
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> Path:
    """`path`, now holding `text` as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def rewrite_text(path: str | Path, text: str) -> Path:
    """As `write_text`, where nobody else writes to `path`: what killed tries left goes first."""
    remove_leftovers(path)
    return write_text(path, text)


def write_json(path: str | Path, value: Any) -> Path:
    """`path`, now holding `value` as indented JSON. NaN and infinity are refused."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    return write_text(path, text + "\n")


def rewrite_json(path: str | Path, value: Any) -> Path:
    """As `write_json`, where nobody else writes to `path`: what killed tries left goes first."""
    remove_leftovers(path)
    return write_json(path, value)


def read_json(path: str | Path) -> Any:
    """The value stored in a JSON file that the course itself wrote."""
    try:
        return json.loads(_read_bytes(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CourseError(f"{path}: not JSON ({error}). Remove it, or make it again.") from error


def _read_bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CourseError(
            f"cannot read {path}: {error.strerror}. Check the name, and that it may be read."
        ) from error


def append_jsonl(path: str | Path, *values: Any) -> None:
    """Add a line a value to a journal and flush it to the disk: a crash loses no finished item.

    When the disk is full, what was written of the lines is taken back. Raises CourseError.
    """
    lines = [json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values]
    line = "".join(lines).encode("utf-8")
    try:
        with open(path, "ab", buffering=0) as f:
            start = os.fstat(f.fileno()).st_size
            try:
                written = f.write(line)
                if written != len(line):  # the disk took a part: a second try says why
                    f.write(line[written:])
                os.fsync(f.fileno())
            except OSError:
                f.truncate(start)
                raise
    except OSError as error:
        raise write_error(path, error) from error


def write_jsonl(path: str | Path, values: list[Any]) -> Path:
    """`path`, now holding one JSON value a line."""
    lines = [json.dumps(v, ensure_ascii=False, allow_nan=False) + "\n" for v in values]
    return write_text(path, "".join(lines))


NUMBER = (int, float)
NUMBER_OR_NONE = (int, float, type(None))


def row_with(**kinds: type | tuple) -> Callable[[Any], str]:
    """What says why a value is no row with these keys, each of its kind; "" where it is one.

    >>> row_with(run=str, seed=int)({"run": "base"})
    "'seed' is missing"
    """

    def fault(value: Any) -> str:
        if not isinstance(value, dict):
            return f"not an object with {', '.join(kinds)}"
        for key, kind in kinds.items():
            if key not in value:
                return f"{key!r} is missing"
            if not isinstance(value[key], kind):
                return f"{key!r} is {repr(value[key])[:40]}"
        return ""

    return fault


def read_jsonl(path: str | Path, fault: Callable[[Any], str] | None = None) -> list[Any]:
    """The values of a journal. A last line cut off by a crash is left out; other damage raises.

    So does a value of which `fault` says what is wrong with it: see `row_with`.
    """
    lines = _read_bytes(path).split(b"\n")
    values = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line.decode("utf-8")))
        except (
            ValueError,
            RecursionError,
        ) as error:  # no JSON, or no UTF-8: cut inside a character
            if number == len(lines):  # no newline after it: the write was cut off
                break
            raise CourseError(
                f"{path}, line {number}: not JSON ({error}). Remove that line or the file."
            ) from error
        if fault and (wrong := fault(values[-1])):
            raise CourseError(f"{path}, line {number}: {wrong}. Remove that line or the file.")
    return values


def repair_journal(path: str | Path, fault: Callable[[Any], str] | None = None) -> list[Any]:
    """`read_jsonl`, after cutting off a half-written last line (so that appending is safe)."""
    path = Path(path)
    if not path.exists():
        return []
    data = _read_bytes(path)
    if data and not data.endswith(b"\n"):
        with atomic_path(path) as temporary:
            temporary.write_bytes(data[: data.rfind(b"\n") + 1])
    return read_jsonl(path, fault)


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
