"""A side of the benchmark in a process of its own, so that its peak memory is its own as well.

The parent starts `main(SIDE, OPTIONS)` and writes a line for each turn it wants; the child answers
with a line of JSON. Idle children cost no time, so two sides can take turns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from pathlib import Path
from tempfile import TemporaryFile

import psutil

from helpers.errors import RunError

CHILD = "import sys; from helpers.bench.worker import main; main(*sys.argv[1:])"
QUIET = {"COURSE_PROGRESS": "off", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


class Worker:
    """A running side. Raises RunError, with the child's last words, where it dies."""

    def __init__(self, side: str, options: dict):
        self.side = side
        self.words = TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - __exit__
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, side, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
            text=True,
            env={**os.environ, **QUIET},
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.words.close()

    def ready(self) -> dict:
        """What the side says when it is prepared: its memory, in MB."""
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.words.seek(0)
            last = " ".join(part.strip() for part in deque(self.words, maxlen=3))
            raise RunError(f"{self.side} ended early ({self.process.returncode}): {last}")
        return json.loads(line)

    def turn(self) -> dict:
        """The numbers of one turn."""
        try:
            self.process.stdin.write("turn\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it has died: `ready` says what of
        return self.ready()


def megabytes() -> dict:
    """Memory of this process in MB (10⁶ bytes): now, and the most it ever had.

    On Linux the peak is VmHWM: getrusage's begins with that of the process it was started from.
    """
    now = psutil.Process().memory_info()
    status = Path("/proc/self/status")
    if status.exists():
        line = next(li for li in status.read_text().splitlines() if li.startswith("VmHWM"))
        peak = int(line.split()[1]) * 1024
    elif hasattr(now, "peak_wset"):  # Windows
        peak = now.peak_wset
    else:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on a Mac
    return {"memory_mb": now.rss / 1e6, "peak_mb": peak / 1e6}


def main(side: str, options: str) -> None:
    """Be a side: one line when prepared, and one for each line that is read."""
    from helpers.bench.sides import make_side

    answers, sys.stdout = sys.stdout, sys.stderr  # libraries print, too
    prepared = make_side(side, json.loads(options))
    print(json.dumps(megabytes()), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps({**next(prepared), **megabytes()}), file=answers, flush=True)
