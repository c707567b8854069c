"""Jobs on a Ray cluster: each in a folder of its own, each finished once.

A job is a function of this package with arguments that can be pickled, and a folder that all machines
of the cluster see under the same name. Ray runs as many at a time as there are cores (or GPUs), and
starts a job again, elsewhere if need be, when its process or its machine has died; the job finds in
its folder how far it had come. Ray (Moritz et al. 2018) is an extra: `pip install -e ".[ray]"`.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from helpers.errors import CourseError, RunError, SettingsError, one_line
from helpers.files import alone_in, append_jsonl, read_jsonl

NEEDS = "--cluster needs one more package: pip install -e '.[ray]' in the course's folder."
RETRIES = 5  # a job whose process dies more often than this is ended by something in itself
WORKING = "working"  # in a folder of runs: the folders of the jobs that are under way
ATTEMPTS = "attempts.jsonl"  # in a job's folder: which process began it or went on, and where


class Job(NamedTuple):
    """What `work(*arguments, folder)` is to do; the folder, an absolute path, is the job's alone."""

    name: str
    folder: Path
    arguments: tuple = ()


def job_in(out: Path, name: str, arguments: tuple = (), *, folder: str = "") -> Job:
    """A job of the runs in `out`; its folder is called as it is, unless another name is given."""
    return Job(name, out.absolute() / WORKING / (folder or name), arguments)


def close_job(job: Job, out: Path) -> None:
    """Write down who worked on a job, and remove its folder: what it gave is written already."""
    attempts = read_jsonl(job.folder / ATTEMPTS)
    append_jsonl(out / "cluster.jsonl", {"run": job.name, "attempts": attempts})
    shutil.rmtree(job.folder)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """While the block runs, this process is connected to the cluster at `address`.

    "auto" is the cluster that runs on this machine, or else one that is started for the block, of its
    cores and GPUs. "" connects to nothing. Who is connected already stays so afterwards.
    """
    if not address:
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # asks nothing of the network
    try:
        import ray
    except ImportError as error:
        raise SettingsError(NEEDS) from error
    if ray.is_initialized():
        yield
        return
    check_answer(address)
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address != "auto":
            raise SettingsError(no_cluster(address, error)) from error
        ray.init("local", include_dashboard=False, **quiet)  # one of our own
    try:
        yield
    finally:
        ray.shutdown()


def check_answer(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would go on asking for minutes."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SettingsError(no_cluster(address, error)) from error


def no_cluster(address: str, error: Exception) -> str:
    """What to tell somebody whose cluster cannot be reached."""
    return (
        f"no Ray cluster answers at {address!r} ({one_line(error)}). Begin one with `ray start --head`, "
        "join it from other machines as that tells, and give its address, such as 10.0.0.1:6379; or "
        "give auto."
    )


def run_jobs(
    work: Callable, jobs: Iterable[Job | None], *, device: str = "cpu"
) -> Iterator[tuple[Job, Any]]:
    """(job, what `work` returned), in the order in which they end.

    A job takes one core, and a GPU for the device "cuda". The next one is asked for when there is a
    place for it, so `jobs` may be a generator that decides by what came out before; it yields None
    where another job has to end first. Raises the CourseError of a job that ends with one, and
    RunError when the process of one died RETRIES + 1 times.
    """
    import ray

    gpus = int(device.startswith("cuda"))
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(attempt)
    waiting, running = iter(jobs), {}
    while True:
        while len(running) < places(gpus) and (job := next(waiting, None)):
            running[remote.remote(work, job, os.getcwd())] = job
        if not running:
            return
        (done, *_), _ = ray.wait(list(running), num_returns=1)
        job = running.pop(done)
        yield job, outcome(done, job)


def places(gpus: int) -> int:
    """How many jobs the cluster can run at a time; machines may join and leave it."""
    import ray

    found = ray.cluster_resources()
    return max(1, int(found.get("GPU", 0) // gpus if gpus else found.get("CPU", 1)))


def attempt(work: Callable, job: Job, home: str) -> Any:
    """What the job gives. Runs in a process of the cluster, which may be the second to try."""
    try:
        os.chdir(home)  # relative names mean what they meant where the command was typed
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{job.name}: {error.filename} cannot be used on one of the cluster's machines "
            f"({error.strerror}): all of them need the same folders under the same names."
        ) from error
    with alone_in(job.folder, job.name):
        return work(*job.arguments, job.folder)


def whoami() -> dict:
    """Which process of which machine this is, as Ray numbers the machines."""
    ray = sys.modules.get("ray")  # not imported where there is no cluster
    node = ray.get_runtime_context().get_node_id()[:8] if ray and ray.is_initialized() else ""
    return {"node": node, "pid": os.getpid()}


def outcome(reference, job: Job) -> Any:
    """What a finished job gave, or the reason why it gave nothing."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CourseError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise RunError(
            f"{job.name}: its process died {RETRIES + 1} times ({one_line(error)[:200]}). Memory may be "
            "short there. What is finished is kept: the same command goes on."
        ) from error
