"""Comparisons: sides that take turns, and the ratios of their times.

A turn of A and the turn of B after it saw the same machine in the same mood; their ratio is one
observation. A row shows the median of these, the smallest and the largest. Before anything is timed
the sides must agree: the same loss and gradients on a first step, the same words from the same model.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from helpers.bench.worker import Worker
from helpers.errors import RunError, SettingsError, nearest
from helpers.files import read_json

COURSE = Path(__file__).resolve().parent.parent.parent

LOSS_LIMIT, GRADIENT_LIMIT = 1e-5, 1e-4  # shares by which the two may differ in float32
FIRST_LOSS_LIMIT = 1e-2  # the same for sides in bfloat16
EXTRA = 'pip install -e ".[bench]"'


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    model: str
    data: str = "course"
    turns: int = 3  # pairs A B A B …
    steps: int = 4  # training steps a turn, after one that warms up
    answers: int = 110  # test rows that are answered
    textbook_answers: int = 8  # of these, by the textbook's way: the rest is projected
    words: int = 6  # answers of the bundled model that must be the same on all sides
    keep: bool = False  # keep sides alive between turns: quicker, and takes the memory of all

    def __post_init__(self):
        for name in ("turns", "steps", "answers", "textbook_answers"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: give at least 1.")


def quick_sizes(model: str = "gpt2-mini") -> Sizes:
    """The bundled model, few steps: three minutes on two cores."""
    return Sizes(model, steps=3, answers=32, textbook_answers=4, words=4, keep=True)


@dataclass
class Row:
    """A line of the table: how many times as long the peer takes, or why that is not known."""

    name: str
    peer: str
    ratio: float | None = None  # of the peer's time and ours: 2 = we take half as long
    ratio_min: float | None = None
    ratio_max: float | None = None
    peak_mb: float | None = None  # ours
    peer_peak_mb: float | None = None
    seconds: float | None = None  # ours, median
    peer_seconds: float | None = None
    tokens_per_second: float | None = None  # real ones, ours
    peer_tokens_per_second: float | None = None
    work_per_second: float | None = None  # operations that the real tokens are worth, ours
    peer_work_per_second: float | None = None
    peak_share: float | None = None  # of the machine's matrix products a second, ours
    peer_peak_share: float | None = None
    precision: str = ""
    peer_precision: str = ""
    at_least: float | None = None
    aim: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """Which two sides of a group make a row, and what time it is about."""

    name: str
    peer: str
    ours: str
    theirs: str
    at_least: float | None = None
    aim: float | None = None
    seconds: Callable[[dict], float] = lambda turn: turn["seconds"]
    needs: str = ""  # a package
    about_memory: bool = False  # say how much memory a turn took, against the model's file


@dataclass(frozen=True)
class Group:
    """Sides that take turns, (side, options) by a name, and the rows that come of them."""

    sides: Callable[[Sizes], dict[str, tuple[str, dict]]]
    comparisons: tuple[Comparison, ...]
    fresh: bool = False  # every turn in a new process


def two_epochs(turn: dict) -> float:
    """Seconds of two epochs, with ten batches evaluated every five steps, from measured parts."""
    return turn["steps"] * turn["seconds"] + -(-turn["steps"] // 5) * turn["evaluation"]


def _training(sizes: Sizes) -> dict:
    common = {"model": sizes.model, "data": sizes.data, "steps": sizes.steps}
    return {
        "textbook": ("train_textbook", common),
        "ours": ("train_ours", {**common, "precision": "fp32"}),
        "separate": ("train_textbook", {**common, "separate_head": True}),
        "auto": ("train_ours", {**common, "precision": "auto"}),
    }


def _trl(sizes: Sizes) -> dict:
    common = {"model": sizes.model, "data": sizes.data, "steps": sizes.steps}
    precision = chosen_precision()
    ours = {"loss_on": "response", "precision": precision, "grouped": True}
    return {
        "trl": ("train_trl", {**common, "precision": precision}),
        "ours": ("train_ours", {**common, **ours}),
    }


def _generation(sizes: Sizes) -> dict:
    common = {"model": sizes.model, "data": sizes.data}
    rows = {**common, "rows": sizes.answers}
    return {
        "textbook": (
            "generate_textbook",
            {**common, "rows": min(sizes.textbook_answers, sizes.answers), "of": sizes.answers},
        ),
        "ours": ("generate_ours", {**rows, "precision": "fp32"}),
        "transformers": ("generate_transformers", {**rows, "precision": "fp32"}),
        "auto": ("generate_ours", {**rows, "precision": "auto"}),
        "transformers auto": ("generate_transformers", {**rows, "precision": "auto"}),
    }


def _loading(sizes: Sizes) -> dict:
    return {
        "transformers": ("load_transformers", {"model": sizes.model}),
        "ours": ("load_ours", {"model": sizes.model}),
    }


GROUPS: dict[str, Group] = {
    "training": Group(
        _training,
        (
            Comparison("training step, fp32, all", "textbook", "ours", "textbook", 1.9, 2.3),
            Comparison("training step, fp32, all", "textbook, separate head", "ours", "separate"),
            Comparison(
                "training step, precision auto, all", "textbook", "auto", "textbook", 3.5, 5.0
            ),
            Comparison(
                "two epochs with evaluation (projected)",
                "textbook",
                "auto",
                "textbook",
                5.0,
                7.0,
                two_epochs,
            ),
        ),
    ),
    "trl": Group(
        _trl,
        (
            Comparison(
                "training step, same precision, response",
                "TRL",
                "ours",
                "trl",
                1.5,
                2.5,
                needs="trl",
            ),
        ),
    ),
    "generation": Group(
        _generation,
        (
            Comparison("answers, fp32 (projected)", "textbook", "ours", "textbook"),
            Comparison(
                "answers, precision auto (projected)", "textbook", "auto", "textbook", 10.0, 25.0
            ),
            Comparison(
                "answers, fp32",
                "transformers",
                "ours",
                "transformers",
                1.2,
                2.0,
                needs="transformers",
            ),
            Comparison(
                "answers, precision auto",
                "transformers",
                "auto",
                "transformers auto",
                needs="transformers",
            ),
        ),
    ),
    "loading": Group(
        _loading,
        (
            Comparison(
                "file to first logits",
                "transformers",
                "ours",
                "transformers",
                1.2,
                2.0,
                needs="transformers",
                about_memory=True,
            ),
        ),
        fresh=True,
    ),
    "data": Group(lambda sizes: {}, ()),
    "gpu": Group(lambda sizes: {}, ()),
}


def run_bench(
    sizes: Sizes, only: tuple[str, ...] = (), say: Callable[[str], None] = print
) -> tuple[list[Row], dict]:
    """The rows of the table and what they were measured on. Raises RunError where sides disagree."""
    check_groups(only)
    agreement = check_agreement(sizes, say)
    rows: list[Row] = []
    alone = {"gpu": lambda: gpu_rows(sizes), "data": data_rows}
    peaks = [matmul_peak()]
    for name in only or GROUPS:
        rows += alone[name]() if name in alone else measure(name, sizes, say)
        peaks.append(matmul_peak())  # the machine may have been busy the first time
    peak = {precision: max(seen[precision] for seen in peaks) for precision in ("fp32", "bf16")}
    add_shares(rows, peak)
    return rows, {**machine(), "agreement": agreement, "peak": peak, "sizes": vars(sizes)}


def matmul_peak() -> dict:
    """Operations a second in matrix products, by precision."""
    with Worker("matmul_peak", {}) as worker:
        worker.ready()
        return worker.turn()


def check_groups(only: tuple[str, ...]) -> None:
    """Raise SettingsError for the name of a group that there is not."""
    for name in only:
        if name not in GROUPS:
            raise SettingsError(f"there is no group {name!r}; {nearest(name, GROUPS)}.")


def check_agreement(sizes: Sizes, say: Callable[[str], None]) -> dict:
    """How far ours and the peers are apart, within the limits; RunError otherwise."""
    say("same results first: loss, gradients, words")
    with Worker("same_step", {"model": sizes.model, "data": sizes.data}) as worker:
        worker.ready()
        step = worker.turn()
    others = missing("transformers") == ""
    options = {"model": "gpt2-mini", "data": sizes.data, "rows": sizes.words, "others": others}
    with Worker("same_words", options) as worker:
        worker.ready()
        words = worker.turn()
    words = {name: n for name, n in words.items() if not name.endswith("_mb")}
    return refuse_to_differ({"loss": step["loss"], "gradient": step["gradient"], "words": words})


def refuse_to_differ(found: dict) -> dict:
    """`found`, if ours and the peers compute the same. Raises RunError: a ratio would say nothing."""
    for what, limit in (("loss", LOSS_LIMIT), ("gradient", GRADIENT_LIMIT)):
        if not found[what] <= limit:  # NaN as well
            raise RunError(
                f"ours and the textbook differ in the {what} of the first step by {found[what]:.1e} "
                f"of it, more than {limit:.0e}. No time is worth comparing before that is mended."
            )
    for name, n in found["words"].items():
        if n:
            raise RunError(
                f"{n} answers of gpt2-mini in a batch differ from those of {name}. No time is worth "
                "comparing before that is mended."
            )
    return found


def missing(package: str) -> str:
    """Why a peer cannot be measured: nothing, or the command that would install it."""
    if not package or importlib.util.find_spec(package):
        return ""
    return f"not measured: {EXTRA}"


def measure(name: str, sizes: Sizes, say: Callable[[str], None]) -> list[Row]:
    """The rows of a group; a peer that cannot be run has a row that says why."""
    group = GROUPS[name]
    absent = {c.theirs: why for c in group.comparisons if (why := missing(c.needs))}
    sides = {key: side for key, side in group.sides(sizes).items() if key not in absent}
    turns: dict[str, list[dict]] = {}
    if len(sides) > 1:
        turns = take_turns(name, sides, sizes, sizes.keep and not group.fresh, absent, say)
    return [make_row(c, turns, absent, sizes) for c in group.comparisons]


def take_turns(name: str, sides: dict, sizes: Sizes, keep: bool, absent: dict, say) -> dict:
    """Side → what it said in each turn, one side after the other, and again.

    A peer that fails is left out, and `absent` says why. Ours that fail end the run.
    """
    turns: dict[str, list[dict]] = {key: [] for key in sides}
    with ExitStack() as stack:
        alive: dict[str, Worker] = {}
        for turn in range(sizes.turns):
            for key, (side, options) in sides.items():
                if key in absent:
                    continue
                say(f"{name}, turn {turn + 1} of {sizes.turns}: {key}")
                try:
                    if keep:
                        if key not in alive:
                            alive[key] = stack.enter_context(Worker(side, options))
                            alive[key].ready()
                        turns[key].append(alive[key].turn())
                    else:
                        with Worker(side, options) as worker:
                            before = worker.ready()["memory_mb"]
                            turns[key].append({"before_mb": before, **worker.turn()})
                except RunError as error:
                    if "ours" in side:
                        raise
                    absent[key] = f"not measured: {str(error)[:300]}"
    return turns


def make_row(comparison: Comparison, turns: dict, absent: dict, sizes: Sizes) -> Row:
    """The row of two sides' turns."""
    row = Row(
        comparison.name,
        comparison.peer,
        at_least=comparison.at_least,
        aim=comparison.aim,
    )
    if why := absent.get(comparison.theirs):
        row.note = why
        return row
    ours, theirs = turns[comparison.ours], turns[comparison.theirs]
    check_first_loss(comparison, ours, theirs)
    pairs = [
        (comparison.seconds(a), comparison.seconds(b)) for a, b in zip(ours, theirs, strict=True)
    ]
    ratios = [b / a for a, b in pairs]
    row.ratio, row.ratio_min, row.ratio_max = statistics.median(ratios), min(ratios), max(ratios)
    row.seconds = statistics.median(a for a, _ in pairs)
    row.peer_seconds = statistics.median(b for _, b in pairs)
    row.peak_mb = max(turn["peak_mb"] for turn in ours)
    row.peer_peak_mb = max(turn["peak_mb"] for turn in theirs)
    row.precision, row.peer_precision = (t[0].get("precision", "fp32") for t in (ours, theirs))
    if comparison.seconds is two_epochs:
        return row
    row.tokens_per_second, row.work_per_second = _speed(ours)
    row.peer_tokens_per_second, row.peer_work_per_second = _speed(theirs)
    if comparison.about_memory:
        row.note = loading_note(ours, theirs, sizes.model)
    return row


def check_first_loss(comparison: Comparison, ours: list[dict], theirs: list[dict]) -> None:
    """Raise RunError where a peer's first step has another loss: it would be learning something else."""
    if "first_loss" not in theirs[0]:
        return
    a, b = ours[0]["first_loss"], theirs[0]["first_loss"]
    if not abs(a - b) <= FIRST_LOSS_LIMIT * abs(b):
        raise RunError(
            f"the first step's loss is {a:.4f} with ours and {b:.4f} with {comparison.peer}: they "
            "do not learn the same, so their times are not compared."
        )


def _speed(turns: list[dict]) -> list[float | None]:
    """Real tokens a second, and the operations that they are worth."""
    return [
        statistics.median(turn[what] / turn["seconds"] for turn in turns)
        if what in turns[0]
        else None
        for what in ("tokens", "work")
    ]


def add_shares(rows: list[Row], peak: dict) -> None:
    """Set the work of each row in proportion to the best that this machine was seen to do.

    Work is counted as if every row were computed for itself: what is computed once for several (a
    shared prefix) can bring the share above what a processor could do.
    """
    for row in rows:
        if row.work_per_second and row.peer_work_per_second:
            row.peak_share = row.work_per_second / peak[row.precision]
            row.peer_peak_share = row.peer_work_per_second / peak[row.peer_precision]


def loading_note(ours: list[dict], theirs: list[dict], model: str) -> str:
    """How much memory loading took, against the file."""
    from helpers.weights import find_model

    size = find_model(model).stat().st_size / 1e6
    grown, theirs_grown = (
        max(turn["peak_mb"] - turn["before_mb"] for turn in turns) for turns in (ours, theirs)
    )
    return (
        f"memory grows by {grown / size:.2f} × the file ({size:,.0f} MB), the peer's by "
        f"{theirs_grown / size:.2f}"
    )


def chosen_precision() -> str:
    """What "auto" means for training on this CPU."""
    from helpers.runs import choose_precision

    return choose_precision("auto")


def data_rows(path: Path = COURSE / "build" / "data_scale.json") -> list[Row]:
    """What `benchmarks/data_scale.py` found last: a row's time in a small file and in a large one."""
    row = Row("data path, a row of a large file", "itself, small file")
    if not path.exists():
        row.note = "not measured: python -m benchmarks.data_scale"
        return [row]
    found = sorted(read_json(path), key=lambda one: one["rows"])
    small, large = found[0], found[-1]
    row.seconds, row.peer_seconds = (one["tokenise"] / 1e6 for one in (large, small))
    row.ratio = row.ratio_min = row.ratio_max = row.peer_seconds / row.seconds
    row.note = (
        f"{small['rows']:,} and {large['rows']:,} rows; memory grows by {small['memory_mb']:.0f} and "
        f"{large['memory_mb']:.0f} MB, of which {small['own_mb']:.0f} and {large['own_mb']:.0f} MB "
        "are the process's own and the rest pages of the mapped file"
    )
    return [row]


def gpu_rows(sizes: Sizes) -> list[Row]:
    """What a GPU takes for two epochs and 110 answers; without one, a row that says so."""
    import torch

    row = Row("two epochs on a GPU", "none")
    if not torch.cuda.is_available():
        row.note = "not measured: no CUDA GPU here"
        return [row]
    with Worker("epochs_on_gpu", {"model": sizes.model, "data": sizes.data}) as worker:
        worker.ready()
        turn = worker.turn()
    row.seconds, row.peak_mb = turn["seconds"], turn["peak_mb"]
    row.tokens_per_second = turn["tokens"] / turn["seconds"]
    row.note = (
        f"{torch.cuda.get_device_name()}; 110 answers in {turn['answering']:.1f} s; limits: 10 s, "
        "150,000 tokens/s, 3 s"
    )
    return [row]


def machine() -> dict:
    """Processor, memory, threads and versions: what a result must be read with. No names of hosts."""
    import psutil
    import torch

    packages = ("torch", "transformers", "trl", "numpy")
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {p: metadata.version(p) for p in packages if importlib.util.find_spec(p)},
    }


def processor() -> str:
    """The processor's name, as well as the system knows it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
