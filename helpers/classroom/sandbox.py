"""A process of its own for a submission: started confined, watched, and ended with all it started.

The marker asks and waits so long; a second thread looks at memory and at the number of processes; a
third reads what is printed and forgets it. Whatever goes wrong in there is an `EndedError` here.
"""

from __future__ import annotations

import os
import queue
import secrets
import shutil
import site
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

import helpers
from helpers.classroom.confine import ISOLATIONS
from helpers.classroom.wire import WireError, read_frame, write_frame
from helpers.errors import CourseError

START_SECONDS = 120  # until a process has loaded PyTorch, on a busy machine
WATCH_EVERY = 0.1  # seconds
UNSHARE = (  # of util-linux, which every Linux has; ends with us, and all in it end with it
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--user", "--map-root-user", "--net", "--ipc", "--mount", "--pid", "--fork"),
    *("--kill-child=KILL", "--mount-proc"),
)
KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")
RUNNING: weakref.WeakSet[Sandbox] = weakref.WeakSet()
PREFIX = "course-grade-"  # of folders for work
TOKEN = "COURSE_SUBMISSION"  # by it a process that ran away is known


@dataclass(frozen=True)
class Limits:
    """What a submission may use."""

    seconds: float = 60.0  # for one cell or one answer
    memory: int = 2_000_000_000  # bytes, of all its processes together
    disk: int = 200_000_000  # bytes that it may write
    processes: int = 64  # threads included, where the system counts them

    @property
    def all_seconds(self) -> float:
        """For the whole notebook."""
        return 5 * self.seconds


class EndedError(Exception):
    """The process is gone, and why: a verdict and words for the student."""

    def __init__(self, verdict: str, message: str):
        super().__init__(message)
        self.verdict, self.message = verdict, message


class StartError(CourseError):
    """No process could be started for a submission: the machine's fault, and no student's."""

    def __init__(self, reason: str):
        self.reason = reason.strip()
        super().__init__(
            f"a submission's process could not be started: {self.reason} This says nothing about the "
            "submission, and no verdict was written down for it. Once it is mended, type the same "
            "command again: what was marked before is kept."
        )


class Sandbox:
    """A running submission, as a context: at its end nothing of it is left."""

    def __init__(self, module: str, *, isolation: str, limits: Limits, hide: Sequence[Path] = ()):
        self.limits, self.isolation = limits, isolation
        self.why: EndedError | None = None
        self.who = "It"  # until code of the submission runs
        self.deadline = float("inf")
        self.token = secrets.token_hex(16)
        self.folder = tempfile.mkdtemp(prefix=PREFIX)
        self.lock = FileLock(Path(self.folder) / ".lock")
        with suppress(NotImplementedError, OSError):  # a file system without locks
            self.lock.acquire(timeout=0)
        command = [sys.executable, "-m", "helpers.classroom.child"]
        self.process = subprocess.Popen(
            [*UNSHARE, *command] if isolation == "namespaces" else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=environment(self.folder, self.token),
            start_new_session=True,
        )
        self.printed = b""  # the last of it
        self._wanted, self._replies = threading.Semaphore(0), queue.SimpleQueue()
        works = (self._read, self._drain, self._watch)
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()
        RUNNING.add(self)
        self._start = {
            "module": module,
            "folder": self.folder,
            "isolation": isolation,
            "limits": self._limits(),
            "hide": [str(path) for path in hidden(hide, self.folder)],
        }

    def _limits(self) -> dict:
        cpu = 2 * self.limits.all_seconds + 60
        sizes = {key: getattr(self.limits, key) for key in ("memory", "disk", "processes")}
        return {**sizes, "cpu": cpu, "fonts": font_cache()}

    def __enter__(self) -> Sandbox:
        try:
            reply = self.ask(self._start, START_SECONDS)
            if "ready" not in reply:
                raise self._end("error", reply["error"])
        except EndedError as end:  # none of the submission's own code has run yet
            self.close()
            printed = self.printed.decode(errors="replace")[-300:]
            raise StartError(f"{end.message} {printed}") from None
        except BaseException:
            self.close()
            raise
        self.who = "Your code"
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def ask(self, request: dict, seconds: float, of: float = 0.0) -> dict:
        """The reply to a request. Raises EndedError when there is none within so many seconds.

        of: what is said to be the limit, where the seconds are the rest of a longer time.
        """
        nonce = secrets.token_hex(8)
        self.deadline = time.monotonic() + seconds + 1  # for a process that does not even read
        self._wanted.release()
        try:
            write_frame(self.process.stdin, {"nonce": nonce, **request})
            reply = self._replies.get(timeout=max(seconds, 0.01))
        except queue.Empty:
            text = (
                f"It did not end within {of or seconds:.3g} seconds. Is there a loop without end?"
            )
            raise self._end("time-out", text) from None
        except OSError:  # nobody reads any more
            reply = None
        if isinstance(reply, dict) and reply.pop("nonce", None) == nonce:
            self.deadline = float("inf")
            return reply
        if isinstance(reply, WireError):
            raise self._end("error", f"What came back cannot be read: {reply}.")
        if reply is not None:
            raise self._end("error", "Something else came back than what was asked for.")
        raise self._end(
            "error",
            f"{self.who} ended Python itself: with os._exit, a crash of a library, or more memory or "
            "disk than there is.",
        )

    def _end(self, verdict: str, message: str) -> EndedError:
        """What the watcher found, if it ended the process, or else this."""
        if self.why is None:
            self.why = EndedError(verdict, message)
        return self.why

    # --- three threads ----------------------------------------------------------------------------

    def _read(self) -> None:
        """One message for each one that is wanted; more than that stays in the pipe."""
        while self._wanted.acquire():
            try:
                reply = read_frame(self.process.stdout)
            except WireError as error:
                reply = error
            except (OSError, ValueError):  # closed
                reply = None
            self._replies.put(reply)
            if not isinstance(reply, dict):
                return

    def _drain(self) -> None:
        with suppress(OSError, ValueError):
            while piece := os.read(self.process.stderr.fileno(), 1 << 16):
                self.printed = (self.printed + piece)[-4000:]

    def _watch(self) -> None:
        """End the process when all that it started needs too much memory, or is too many."""
        while self.process.poll() is None:
            memory, count = usage(self.process.pid)
            if memory > self.limits.memory:
                most = f"{self.limits.memory / 1e6:,.0f} MB"
                self._end("error", f"{self.who} needed more than {most} of memory.")
            elif count > self.limits.processes:
                self._end(
                    "error", f"{self.who} started more than {self.limits.processes} programs."
                )
            elif time.monotonic() > self.deadline:
                self._end("time-out", "It did not end in its time.")
            else:
                time.sleep(WATCH_EVERY)
                continue
            self.kill()

    # --- the end ----------------------------------------------------------------------------------

    def kill(self) -> None:
        """End the process and all that it started, however it hides."""
        started = [] if self.isolation == "namespaces" else tree(self.process.pid)
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, 9)
        self.process.kill()
        self.process.wait()
        if self.isolation != "namespaces":  # there, the kernel ends all with the first
            for process in [*started, *strays(self.token)]:
                with suppress(psutil.Error):
                    process.kill()

    def close(self) -> None:
        """End every process of it, and give back threads, pipes and its folder."""
        self.kill()
        RUNNING.discard(self)
        self._wanted.release()
        for thread in self._threads:
            thread.join(timeout=5)
        reading, draining, _ = self._threads
        streams = [self.process.stdin]
        # One that a runaway process still holds stays open: to close it would wait for its reader.
        streams += [] if reading.is_alive() else [self.process.stdout]
        streams += [] if draining.is_alive() else [self.process.stderr]
        for stream in streams:
            with suppress(OSError):
                stream.close()
        self.lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_left_folders() -> None:
    """Remove the folders of submissions whose marker was killed: nobody holds their lock any more.

    One that is a minute old at most may be about to be locked.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}????????"):
        lock = folder / ".lock"
        with suppress(OSError, NotImplementedError, Timeout):
            if folder.is_symlink() or lock.is_symlink() or not lock.is_file():
                continue
            about = folder.stat()
            mine = not hasattr(os, "getuid") or about.st_uid == os.getuid()
            if not mine or time.time() - about.st_mtime < 60:
                continue
            with FileLock(lock).acquire(timeout=0):
                pass
            shutil.rmtree(folder, ignore_errors=True)


def end_all() -> None:
    """End every submission that is running."""
    for box in list(RUNNING):
        box.kill()


def tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def usage(pid: int) -> tuple[int, int]:
    """The memory of a process and its descendants in bytes, and how many they are."""
    memory, processes = 0, tree(pid)
    for process in processes:
        with suppress(psutil.Error):
            memory += process.memory_info().rss
    return memory, len(processes)


def strays(token: str) -> list[psutil.Process]:
    """Processes of a submission that left its tree: they still have its environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(TOKEN) == token:
                found.append(process)
    return found


def environment(folder: str, token: str) -> dict[str, str]:
    """What a submission's process sees as environment: nothing of the marker's own but paths."""
    home = Path(folder) / "home"
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    course = str(Path(helpers.__file__).parents[1])
    paths = [course, *(path for path in sys.path if path and path != course)]
    return {
        **kept,
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder),
        **{name: str(home) for name in ("HOME", "USERPROFILE")},
        TOKEN: token,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "COURSE_PROGRESS": "off",
        "COURSE_RUNS": str(Path(folder) / "runs"),
        "COURSE_CACHE": str(home / "cache"),
    }


def hidden(folders: Sequence[Path], work: str) -> list[Path]:
    """Those folders and files that the process itself does not need, without those inside others.

    Something empty is put over each of them: what lay inside is not there to be covered any more.
    """
    needed = [Path(x).resolve() for x in (helpers.__file__, sys.prefix, sys.executable, work)]
    found = dict.fromkeys(folder.resolve() for folder in folders if folder.exists())
    found = [f for f in found if not any(n.is_relative_to(f) for n in needed)]
    return [f for f in found if not any(other in f.parents for other in found)]


@lru_cache
def font_cache() -> str:
    """The folder in which matplotlib keeps its list of fonts."""
    import matplotlib

    return matplotlib.get_cachedir()


@lru_cache
def best_isolation() -> str:
    """The first of ISOLATIONS that works on this machine. Raises CourseError if none does."""
    reasons = []
    for isolation in ISOLATIONS:
        if isolation == "namespaces" and not (sys.platform == "linux" and shutil.which("setpriv")):
            continue
        reason = why_not(isolation)
        if not reason:
            return isolation
        reasons.append(f"{isolation}: {reason}")
    raise CourseError(f"no process for submissions can be started here. {'; '.join(reasons)}")


def why_not(isolation: str) -> str:
    """Why submissions cannot be confined in this way here; nothing if they can."""
    box = Sandbox("helpers.classroom.nothing", isolation=isolation, limits=Limits())
    try:
        with box:
            return ""
    except StartError as error:
        return error.reason
