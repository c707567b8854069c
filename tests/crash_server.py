"""A process that has the course imported and forks a command line for each order on its stdin.

Importing torch takes seconds, a fork milliseconds: so a test can kill dozens of real processes. An
order is one line of JSON: `argv`, and optionally

    cwd, log        the folder to work in, and the file for stdout and stderr
    environment     variables to set
    attributes      "module.NAME" → text or number, replaced before the command begins
    products        "torch" or "onednn": which of them is found to be the faster one ("torch"). It is
                    measured otherwise, and on a busy machine now this one is ahead, now that one
    die             {"call": "fsync" or "replace", "n": 3, "when": "before" or "after"}: kill -9 at
                    the n-th such call; {"call": "append", "n": 3}: with half of that line written
    count           file for the numbers of these calls, as JSON
    file_size       bytes, the largest file that may be written (a real limit: RLIMIT_FSIZE)
    memory          bytes that may be taken in addition to those in use (RLIMIT_AS)

The answers are two lines: {"pid": …} at once and {"status": …} at the end (-9 after a kill -9).
"""

import gc
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

import torch

import helpers.experiment  # imported before the fork, so that no child has to
import helpers.lessons
import helpers.runs  # noqa: F401
from helpers import arithmetic, cli, files
from helpers.tokenizer import load_tokenizer


class Calls:
    """Counts the calls that make something lasting, and kills the process at a chosen one."""

    def __init__(self, die):
        self.die, self.counts = die, {"fsync": 0, "replace": 0, "append": 0}
        os.fsync = self.watched("fsync", os.fsync)
        os.replace = self.watched("replace", os.replace)
        files.open = self.open

    def watched(self, name, function):
        def call(*args):
            self.step(name, "before")
            value = function(*args)
            self.step(name, "after")
            return value

        return call

    def step(self, name, when):
        self.counts[name] += when == "before"
        chosen = {"call": name, "n": self.counts[name], "when": when}
        if self.die == chosen:
            os.kill(os.getpid(), signal.SIGKILL)

    def open(self, path, mode="r", **options):
        opened = open(path, mode, **options)  # noqa: SIM115  handed on
        if mode == "ab":
            self.counts["append"] += 1
            if self.die == {"call": "append", "n": self.counts["append"]}:
                return HalfWriter(opened)
        return opened


class HalfWriter:
    """A file whose process is killed in the middle of a write."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def fileno(self):
        return self.file.fileno()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)


def set_limits(order):
    if size := order.get("file_size"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    if more := order.get("memory"):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def run(order):
    """The exit status of the command, in the child."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.chdir(order["cwd"])
    os.environ.update(order.get("environment", {}))
    for name, value in order.get("attributes", {}).items():
        module, attribute = name.rsplit(".", 1)
        value = Path(value) if attribute == "NOTEBOOKS" else value
        setattr(importlib.import_module(module), attribute, value)
    arithmetic.onednn_is_faster = lambda: order.get("products", "torch") == "onednn"
    calls = Calls(order.get("die"))
    set_limits(order)
    try:
        return cli.main(order["argv"])
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        if order.get("count"):
            Path(order["count"]).write_text(json.dumps(calls.counts))


def main():
    torch.set_num_threads(1)
    load_tokenizer()
    # The first optimiser makes torch import much more: once here, not in every child.
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)], fused=True)
    gc.freeze()  # the children's garbage collector need not look at (and copy) all of torch
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is pytest's
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            sys.exit(run(order))  # with everything that happens when Python ends
        print(json.dumps({"pid": pid}), flush=True)
        print(json.dumps({"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)


if __name__ == "__main__":
    main()
