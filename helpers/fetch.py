"""One file over HTTP: whole, checked, and continued where an earlier try stopped.

What has arrived lies in `.NAME.part` beside the file, and takes the file's name only when it is all
there and its sha256 is right. A download that was cut or killed continues with a Range request; with
If-Range, so that a file which changed meanwhile starts over (RFC 9110, sections 13 and 14). Proxies and
certificates come from the environment, as `requests` reads it.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests
from filelock import FileLock, Timeout

from helpers import files
from helpers.errors import FetchError, without_password
from helpers.progress import bar

TIMEOUT = (5, 30)  # seconds to connect to one address, and to wait for the next bytes
TRIES = 5  # in a row without a new byte
LONGEST_WAIT = 30  # seconds; a server that asks for more gets its answer from the person
BUSY = (408, 425, 429, 500, 502, 503, 504)  # worth another try
PIECE = 1 << 16  # bytes; what a crash may lose of what came
KEPT = "What came is kept."

sleep = time.sleep


class _TryError(Exception):
    """What went wrong in one try, in words.

    `again`: worth another try; None if only when bytes came before, so that the line had been good.
    `wait`: the seconds that the server asks for.
    """

    def __init__(self, words: str, *, again: bool | None = False, wait: float = 0.0):
        super().__init__(words)
        self.again, self.wait = again, wait


def fetch(
    url: str,
    path: str | Path,
    *,
    sha256: str = "",
    check: Callable[[Path], str] | None = None,
    headers: dict[str, str] | None = None,
) -> str:
    """The sha256 of `path`, now the whole file from `url`; nothing is asked when it is there already.

    The content must have the `sha256` (hexadecimal), or else the one that the server announces. `check`
    looks at the file before it is kept and returns a complaint, or "". Raises FetchError that says what
    happened and at which address.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            found = files.sha256(path) if path.exists() else ""
            if not found or (sha256 and found != sha256):
                found = _fetch(url, path, part, sha256, check, headers or {})
            return found
    except _TryError as error:
        raise FetchError(f"{error} [{without_password(url)}]") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            words = f"the disk is full at {path.parent}. Free some space."
        else:
            words = f"cannot write {error.filename or part} ({error.strerror or error})."
        raise FetchError(f"{words} [{without_password(url)}]") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While the block runs, no other process of this machine downloads the same file."""
    lock_file = path.with_name(f".{path.name}.lock")
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Another process is downloading {path.name}: waiting for it.", file=sys.stderr)
        lock.acquire()
    except NotImplementedError:  # a file system without locks, as some clusters have: go on without
        pass
    try:
        yield
        # Whoever locks a new file of that name now finds the download there, and does nothing.
        with suppress(OSError):  # Windows removes no file that another process waits for
            lock_file.unlink()
    finally:
        lock.release()


def _fetch(url: str, path: Path, part: Path, sha256: str, check, headers: dict) -> str:
    """The sha256 of the file, completed and given its name; a wrong one is removed and raises."""
    if part.exists() and not (sha256 or _etag_file(part).exists()):
        part.unlink()  # nothing would tell whether the two halves belong together
    continued = part.exists()
    expected = _receive_all(url, part, headers, sha256)
    found = files.sha256(part)
    if continued and expected not in ("", found):  # halves of two different files: start over
        part.unlink()
        expected = _receive_all(url, part, headers, sha256)
        found = files.sha256(part)
    _etag_file(part).unlink(missing_ok=True)
    complaint = check(part) if check else ""
    if expected not in ("", found):
        complaint = (
            f"what came is not the expected file (sha256 {found[:12]}…, expected {expected[:12]}…): "
            "it was changed there or on the way."
        )
    if complaint:
        part.unlink()
        raise _TryError(complaint)
    os.replace(part, path)
    return found


def _receive_all(url: str, part: Path, headers: dict, sha256: str) -> str:
    """The sha256 to expect of `part`, now complete. Tries as long as there is hope.

    Bytes that came are not fetched twice, unless the server cannot continue or its file changed.
    """
    failures, most, alive = 0, _size(part), False
    while True:
        try:
            announced = _receive(url, part, headers)
            return sha256 or announced
        except _TryError as error:
            failures += 1
            if _size(part) > most:
                failures, most, alive = 1, _size(part), True
            wait = error.wait or min(2.0 ** (failures - 1), 8.0)
            hope = alive if error.again is None else error.again
            if not hope or failures >= TRIES or wait > LONGEST_WAIT:
                raise
            sleep(wait)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _receive(url: str, part: Path, headers: dict) -> str:
    """The sha256 that the server announces, or "", after one request for what is still missing."""
    start = _size(part)
    ask = {**headers, "Accept-Encoding": "identity"}  # ranges count the bytes of the file itself
    if start:
        ask["Range"] = f"bytes={start}-"
        if _etag_file(part).exists() and (etag := _etag_file(part).read_text(encoding="utf-8")):
            ask["If-Range"] = etag
    try:
        with requests.get(
            url, headers=ask, stream=True, timeout=TIMEOUT, verify=_certificates()
        ) as reply:
            _store(reply, part, start)
            return _announced(reply)
    except (requests.exceptions.InvalidHeader, UnicodeEncodeError):  # it repeats the header
        words = "a header holds a character that none may have: look at your token (HF_TOKEN)."
        raise _TryError(words) from None
    except requests.RequestException as error:
        raise _in_words(error, url) from error


def _announced(reply: requests.Response) -> str:
    """The sha256 that Hugging Face's hub gives with a large file, when it redirects to the storage."""
    for answer in (*reply.history, reply):
        etag = answer.headers.get("X-Linked-Etag", "").strip('"')
        if re.fullmatch("[0-9a-f]{64}", etag):
            return etag
    return ""


def _store(reply: requests.Response, part: Path, start: int) -> None:
    """Write the body of a reply to `part`: behind the first `start` bytes if it continues them."""
    if reply.status_code == 416 and reply.headers.get("Content-Range") == f"bytes */{start}":
        return  # killed just before the end: all bytes are there
    start = start if _continues(reply, part, start) else 0
    length = reply.headers.get("Content-Length", "")
    # Packed, other bytes are on the way than are counted.
    packed = reply.headers.get("Content-Encoding", "identity") != "identity"
    total = start + int(length) if length.isdigit() and not packed else None
    if total is not None:
        _check_room(part.parent, total - start)
    with (
        open(part, "ab" if start else "wb") as f,
        bar(total=total, initial=start, desc=part.name[1:-5], unit="B") as progress,
    ):
        if not start:
            _remember_etag(reply, part)
        for piece in reply.iter_content(PIECE):
            f.write(piece)
            progress.update(len(piece))
        f.flush()
        os.fsync(f.fileno())
    if total not in (None, size := _size(part)):
        raise _TryError(
            f"the connection broke off after {size:,} of {total:,} bytes. {KEPT}", again=True
        )


def _continues(reply: requests.Response, part: Path, start: int) -> bool:
    """Whether the reply carries the file from `start` on; False where it carries the whole of it.

    A server answers a range with all of the file when it knows no ranges or its file has changed.
    Raises _TryError when there is no file in the reply.
    """
    begins = re.match(r"bytes (\d+)-", reply.headers.get("Content-Range", ""))
    if reply.status_code == 416 or (begins and int(begins[1]) != start):
        part.unlink(missing_ok=True)
        raise _TryError("the server cannot continue this download.", again=True)
    _check_status(reply)
    return reply.status_code == 206


def _etag_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _remember_etag(reply: requests.Response, part: Path) -> None:
    """Keep what lets a later process know that it may continue: a strong ETag, or an announced hash."""
    etag = reply.headers.get("ETag", "")
    strong = etag if etag.startswith('"') else ""  # a weak one may not be used with If-Range
    if strong or _announced(reply):
        _etag_file(part).write_text(strong, encoding="utf-8")
    else:
        _etag_file(part).unlink(missing_ok=True)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise _TryError(
            f"the disk is full at {folder}: {needed:,} bytes are needed and {free:,} are free. "
            "Free some space."
        )


def _certificates() -> str | bool:
    """The file of trusted certificates that the environment names, or True for the usual ones."""
    # requests reads the first two itself; the third is what most other programs look at.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if value := os.environ.get(name):
            if not os.path.exists(value):
                raise _TryError(f"{name} names {value}, which does not exist: correct or unset it.")
            return value
    return True


def _check_status(reply: requests.Response) -> None:
    """Raise _TryError unless the reply carries the file."""
    code, host = reply.status_code, urlsplit(reply.url).hostname
    if code in (200, 206):
        if reply.headers.get("Content-Type", "").startswith("text/html"):
            raise _TryError(
                f"{host} sent a web page instead of the file: perhaps the login page of this "
                "network. Open a browser and log in, or check the mirror's address."
            )
        return
    wait = _retry_after(reply.headers.get("Retry-After", ""))
    if code == 429:
        asks = f" and asks to wait {wait:.0f} seconds" if wait else ""
        words = f"{host} says that there were too many requests (429){asks}."
    elif code in BUSY:
        words = f"{host} is out of order (status {code})."
    elif code == 401:
        words = f"{host} has no such file, or wants another token than yours (status 401)."
    elif code in (404, 410):
        words = f"{host} says that it has no such file (status {code})."
    elif code in (403, 407):
        words = f"{host} refuses access (status {code}); this network or its proxy may block it."
    else:
        words = f"{host} gave an answer that is no file (status {code})."
    raise _TryError(words, again=code in BUSY, wait=wait)


def _retry_after(value: str) -> float:
    """The seconds of a Retry-After header (a number or a date); 0 where there is none."""
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value).astimezone(timezone.utc)
    except ValueError:
        return 0.0
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


def _in_words(error: requests.RequestException, url: str) -> _TryError:
    """What an exception of `requests` means to the person at the keyboard."""
    asked = error.request.url if error.request is not None else url  # it may have been redirected
    host, text = urlsplit(asked).hostname, str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return _TryError(
            f"the certificate of {host} is not trusted. If your organisation inspects its traffic, "
            "set REQUESTS_CA_BUNDLE to its certificate file; check this computer's clock too."
        )
    if isinstance(error, (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL)):
        return _TryError("the proxy does not answer or refuses: check HTTPS_PROXY and HTTP_PROXY.")
    if isinstance(error, ValueError):  # InvalidURL, MissingSchema, InvalidSchema
        return _TryError("that is no web address.")
    if "Failed to resolve" in text or "getaddrinfo" in text:  # the words of urllib3 2 and 1
        words = f"{host} cannot be found: this computer is offline, or the name is wrong."
    elif isinstance(error, requests.exceptions.ConnectTimeout):
        words = f"{host} did not answer in {TIMEOUT[0]} seconds: offline, or blocked."
    elif isinstance(error, requests.exceptions.ReadTimeout) or "Read timed out" in text:
        return _TryError(f"{host} sent nothing for {TIMEOUT[1]} seconds.", again=True)
    elif (
        isinstance(error, requests.exceptions.ChunkedEncodingError) or "Connection aborted" in text
    ):
        return _TryError(
            f"the connection broke off before the file was complete. {KEPT}", again=True
        )
    elif isinstance(error, requests.exceptions.ConnectionError):
        words = f"no connection to {host}: this computer is offline, or no server runs there."
    else:
        words = f"{host}: {text}."
    return _TryError(words, again=None)
