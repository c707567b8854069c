"""A run folder: fine-tune a model on a data set, answer with it, keep everything that happened.

`fine_tune` puts the core together: records → examples → batches → steps → checkpoint. It leaves
`settings.json`, `metrics.jsonl`, `model.safetensors` and `config.json`, all written atomically, and
a killed run goes on where its last checkpoint was. The command line and the lessons both call it.
"""

from __future__ import annotations

import ctypes
import json
import math
import platform
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

import psutil
import torch

from helpers import __version__
from helpers.arithmetic import WORTH, choose_products, matmul_seconds, products_by
from helpers.cluster import ATTEMPTS, whoami
from helpers.collate import (
    LAYOUTS,
    BatchPlan,
    check_batch_size,
    check_tokens_per_step,
    evaluation_batches,
)
from helpers.data import BUNDLED, REMOTE, data_path, load_records, split, split_sizes
from helpers.distributed import ALONE, Ranks
from helpers.errors import DataError, RunError, SettingsError, WeightsError, nearest
from helpers.files import (
    append_jsonl,
    check_folder,
    content_hash,
    read_json,
    read_jsonl,
    remove_leftovers,
    repair_journal,
    sha256,
    write_json,
    write_jsonl,
)
from helpers.formatting import Template, get_template
from helpers.generate import Response, check_options, generate_batches, prompt_ids, with_responses
from helpers.lora import FOLDER, add_lora, plain, save_adapter
from helpers.masking import Example, segment_weights
from helpers.model import GPT
from helpers.progress import bar
from helpers.tokenizer import END_OF_TEXT, load_tokenizer
from helpers.tokens import tokenised
from helpers.train import (
    StepRecord,
    TrainSettings,
    TrainState,
    check_finite,
    clear_state,
    compile_blocks,
    evaluate_loss,
    freeze_embeddings,
    load_state,
    save_state,
    token_losses,
    train,
)
from helpers.weights import KNOWN, contiguous, find_model, load_model, save_model

CHECKPOINT_SECONDS = 60.0
SETTLED = 10  # steps after which a run has taken the memory that it needs
GROWTH = 1.3  # × that much: more is memory that was freed and does not fit anything
LORA_RATE = 10  # × the full rate: LoRA's own, found on the mini's validation rows
FILES = (  # what a run folder may hold of ours
    "settings.json",
    "metrics.jsonl",
    "config.json",
    "model.safetensors",
    "state.safetensors",
    "state.json",
)
VOCABULARY = END_OF_TEXT + 1
FORMERLY = {"layout": "padded", "products": "torch"}  # of runs begun before there was a choice
UNSAID = {**FORMERLY, "freeze_embeddings": False}  # what older descriptions of runs leave out
SPLITS = ("test", "train", "val", "all")


@dataclass(frozen=True)
class RunSettings:
    """Everything that decides the outcome of a fine-tuning run."""

    model: str
    data: str
    loss_on: str = "all"
    template: str = "alpaca"
    validation: str = ""  # a file of its own; then all of `data` is trained on
    epochs: int = 2
    lr: float = 0.0  # 0 = the rate that suits the model (see `default_lr`)
    batch_size: int = 8
    accumulate: int = 1
    tokens_per_step: int = 0  # about so many in place of `batch_size` rows; 0 = off
    max_length: int = 1024  # tokens; longer rows are cut as `masking.make_example` says
    grouped: bool = True  # rows of similar length share a batch
    layout: str = "auto"  # padded, or packed: no padding, and a shared prefix computed once
    checkpointing: bool = False  # less memory, a third more work
    lora: int = 0  # rank of the corrections that are trained instead of the weights; 0 = no LoRA
    freeze_embeddings: bool | None = None  # token and position vectors stay; None = if that suits
    warmup: float = 0.1  # share of all steps in which the rate rises from 0
    weight_decay: float = 0.1
    seed: int = 123
    device: str = "auto"
    precision: str = "auto"
    products: str = "auto"  # who multiplies float32 matrices on the CPU: torch or onednn

    def resolved(self) -> RunSettings:
        """The same settings with every "auto" and default replaced by what it means here."""
        segment_weights(self.loss_on)
        get_template(self.template)
        check_not_swapped(self.model, self.data)
        check_batch_size(self.batch_size, self.accumulate)
        check_tokens_per_step(self.tokens_per_step, self.accumulate)
        if self.max_length < 2:
            raise SettingsError(
                f"max_length is {self.max_length}: give at least 2 tokens, such as 1024."
            )
        if self.lora < 0:
            raise SettingsError(
                f"LoRA's rank is {self.lora}: give 1 or more, such as 16, or 0 to train every weight."
            )
        frozen = self.freeze_embeddings
        if frozen is None:  # LoRA freezes all there is
            frozen = suits_freezing(self.model) and not self.lora
        usual = default_lr(self.model, frozen and not self.lora)
        lr = self.lr or usual * (LORA_RATE if self.lora else 1)
        TrainSettings(  # raises for a value that is out of range
            epochs=self.epochs, lr=lr, warmup=self.warmup, weight_decay=self.weight_decay
        )
        device = choose_device(self.device)
        values = {
            "device": device,
            "precision": choose_precision(self.precision, device),
            "products": choose_products(self.products, device),
            "layout": choose_layout(self.layout),
            "lr": lr,
            "freeze_embeddings": frozen,
        }
        return RunSettings(**{**asdict(self), **values})


def check_not_swapped(model: str | Path, data: str | Path) -> None:
    """Raise SettingsError for a data set's name given as model, or a model's as data."""
    if str(model) in (*BUNDLED, *REMOTE) or Path(model).suffix in (".json", ".jsonl", ".csv"):
        raise SettingsError(
            f"{str(model)!r} is a data set, not a model: are --model and --data swapped? Models: "
            f"{', '.join(KNOWN)}, or a folder."
        )
    if str(data) in KNOWN:
        raise SettingsError(
            f"{str(data)!r} is a model, not a data set: are --model and --data swapped? Data: "
            f"{', '.join((*BUNDLED, *REMOTE))}, or a file."
        )


def suits_freezing(model: str) -> bool:
    """Whether that model is known to be better for frozen embeddings: the bundled ones are."""
    return model in KNOWN and KNOWN[model].frozen_lr > 0


def default_lr(model: str, frozen: bool = False) -> float:
    """A learning rate for fine-tuning that model; 5e-5, the course text's, for one we do not know.

    With `frozen` embeddings it is the one for that, where it is known.
    """
    if frozen and suits_freezing(model):
        return KNOWN[model].frozen_lr
    return KNOWN[model].lr if model in KNOWN else 5e-5


def choose_device(name: str = "auto") -> str:
    """A device that is there: "auto" takes CUDA, then the CPU. Raises SettingsError otherwise."""
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.append("mps")
    if torch.cuda.is_available():
        available += ["cuda", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if name == "auto":
        return "cuda" if "cuda" in available else "cpu"
    if name not in available:
        raise SettingsError(
            f"no device {name!r} on this machine; {nearest(name, ['auto', *available])}."
        )
    return name


def choose_precision(name: str = "auto", device: str = "cpu") -> str:
    """ "fp32" or "bf16"; "auto" measures for a moment and takes bf16 only where it is faster."""
    if name in ("fp32", "bf16"):
        return name
    if name != "auto":
        raise SettingsError(
            f"unknown precision {name!r}; {nearest(name, ['auto', 'fp32', 'bf16'])}."
        )
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device != "cpu":
        return "fp32"
    with products_by(choose_products("auto", device)):
        seconds = matmul_seconds(torch.float32)
    return "bf16" if seconds > WORTH * matmul_seconds(torch.bfloat16) else "fp32"


def choose_layout(name: str = "auto") -> str:
    """ "padded" or "packed"; "auto" packs, which gives the same numbers for less work."""
    if name not in ("auto", *LAYOUTS):
        raise SettingsError(f"unknown layout {name!r}; {nearest(name, ['auto', *LAYOUTS])}.")
    return "packed" if name == "auto" else name


def keep_memory() -> None:
    """Tell glibc to keep freed memory instead of returning it to the kernel (Linux only).

    PyTorch frees and allocates the same large tensors every step; fetching their pages again each
    time can cost a third of a small model's step. Elsewhere nothing happens.
    """
    trim_threshold, mmap_max = -1, -4  # names in malloc.h: M_TRIM_THRESHOLD, M_MMAP_MAX
    if libc := _glibc():
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 1 << 30)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL("libc.so.6")


def within_memory(steps: Iterator[StepRecord]) -> Iterator[StepRecord]:
    """The records; now and then, what glibc keeps of freed memory goes back to the system.

    Every batch has another number of tokens, so kept pieces fit worse and worse: after 200 steps of
    gpt2-mini a process had grown from 1 to 5 GB. Giving back takes a tenth of a second.
    """
    libc, process, usual = _glibc(), psutil.Process(), 0
    for number, record in enumerate(steps):
        yield record
        if libc and number < SETTLED:
            usual = max(usual, process.memory_info().rss)
        elif libc and process.memory_info().rss > GROWTH * usual:
            libc.malloc_trim(0)


def provenance(model: str, data: str) -> dict:
    """Versions, hashes and machine facts that say what produced a result. No host or user name."""
    return {
        "course": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("torch", "tiktoken", "numpy")},
        "system": platform.system(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "model_sha256": sha256(find_model(model)),
        "data_sha256": sha256(data_path(data)),
    }


def load_examples(settings: RunSettings):
    """(training examples, validation examples, rows left out as (split, row, reason))."""
    rows, dropped, n_records = tokenised(settings.data, settings.template, settings.max_length)
    n_train, n_test = n_records, 0
    if not settings.validation:
        n_train, n_test, _ = split_sizes(n_records)
    before = [sum(row < border for row, _ in dropped) for border in (n_train, n_train + n_test)]
    train_rows = rows[: n_train - before[0]]
    left_out = {"train": [(row, reason) for row, reason in dropped if row < n_train]}
    if settings.validation:
        validation_rows, left_out["validation"], _ = tokenised(
            settings.validation, settings.template, settings.max_length
        )
    else:
        start = n_train + n_test
        validation_rows = rows[start - before[1] :]
        left_out["validation"] = [(row - start, reason) for row, reason in dropped if row >= start]
    for name, made in (("train", train_rows), ("validation", validation_rows)):
        if not len(made):
            reason = left_out[name][0][1] if left_out[name] else "there are no rows"
            raise DataError(
                f"no row of the {name} part can be used ({len(left_out[name])} left out). First: "
                f"{reason} Mend the rows, or take other data."
            )
    all_left_out = [(name, row + 1, why) for name, rows in left_out.items() for row, why in rows]
    return train_rows, validation_rows, all_left_out


def begin(
    settings: RunSettings, model: GPT, examples: Sequence[Example], ranks: Ranks = ALONE
) -> tuple[BatchPlan, TrainState]:
    """The plan and the state that `train` takes, at the first step of a run of resolved settings.

    Which examples meet in which step follows from their lengths and the seed alone: the same for
    every arm, and for any number of ranks.
    """
    plan = BatchPlan(
        examples,
        settings.loss_on,
        batch_size=settings.batch_size,
        accumulate=settings.accumulate,
        grouped=settings.grouped,
        layout=settings.layout,
        tokens_per_step=settings.tokens_per_step,
        seed=settings.seed,
        share=ranks.share,
    )
    schedule = TrainSettings(
        epochs=settings.epochs,
        lr=settings.lr,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        eval_every=max(1, plan.steps_per_epoch // 5),
        precision=settings.precision,
        products=settings.products,
        checkpointing=settings.checkpointing,
    )
    return plan, TrainState(model, schedule)


def fine_tune(
    settings: RunSettings,
    out: str | Path,
    *,
    resume: bool = False,
    keep_state: bool = False,
    checkpoint_every: float | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[StepRecord]:
    """Fine-tune into the folder `out`, yielding a record before the first step and after each.

    The first record (step 0) holds the validation loss of the untouched model. When the last one
    has been taken, the model is saved. `resume` goes on with a run of the same settings, from the
    last checkpoint; there is one every `checkpoint_every` seconds (default: CHECKPOINT_SECONDS) and
    when Ctrl-C ends the run. Raises RunError when `out` holds something else. Of several ranks all
    have to call this, and the first alone writes; another number of them may go on with a run.
    """
    out = Path(out)
    every = CHECKPOINT_SECONDS if checkpoint_every is None else checkpoint_every
    if math.isnan(every):
        raise SettingsError("checkpoint_every is NaN: give seconds, 0 for every step.")
    settings = ranks.agreed(settle, settings, out, resume, ranks)
    if ranks.agreed((out / "model.safetensors").exists):  # resumed after its end: nothing to do
        if ranks.first:
            if not keep_state:
                clear_state(out)
            yield from step_records(read_jsonl(out / "metrics.jsonl"), out / "metrics.jsonl")
        return
    keep_memory()
    examples, validation_examples, left_out = load_examples(settings)
    check_rows(len(examples), settings)
    model = load_model(settings.model, device="cpu" if ranks.shard else settings.device)
    check_model(model, settings.model)
    check_length(model, settings)
    if settings.lora:
        add_lora(
            model, settings.lora, generator=torch.Generator().manual_seed(settings.seed % 2**63)
        )
    if settings.freeze_embeddings:
        freeze_embeddings(model)
    if settings.device.startswith("cuda"):
        compile_blocks(model)
    losses = ranks.wrap(model, token_losses, settings.device)
    plan, state = begin(settings, model, examples, ranks)
    validation = evaluation_batches(validation_examples, layout=settings.layout, share=ranks.share)
    journal = out / "metrics.jsonl"
    if ranks.agreed((out / "state.safetensors").exists):
        load_state(out, state)
        if ranks.first:
            yield from journal_until(state.step, journal)
    else:
        if ranks.first:
            write_json(
                out / "settings.json",
                {
                    **asdict(settings),
                    "rows": {"train": len(examples), "validation": len(validation_examples)},
                    "left_out": [list(row) for row in left_out],
                    "provenance": {
                        **provenance(settings.model, settings.data),
                        "ranks": ranks.size,
                    },
                },
            )
            write_jsonl(journal, [])
        loss = evaluate_loss(
            model,
            validation,
            device=settings.device,
            precision=settings.precision,
            products=settings.products,
            loss=losses,
            ranks=ranks,
        )
        check_finite(f"loss of {settings.model} before training", loss, state.settings)
        first = StepRecord(0, 0.0, 0, 0, 0.0, None, loss, 0.0)
        if ranks.first:
            append_jsonl(journal, asdict(first))
        yield first
    steps = train(
        state, plan, validation=validation, loss=losses, device=settings.device, ranks=ranks
    )
    yield from checkpointed(within_memory(steps), state, out, every, ranks)
    with interrupt_held():  # all steps are done: the run ends a moment later anyway
        if keep_state:
            save_state(out, state, ranks)
        if settings.lora and ranks.first:
            save_adapter(model, out / FOLDER, settings.model)
        if whole := ranks.whole_model(model):
            save_model(plain(whole), out)
            if not keep_state:
                clear_state(out)


def settle(settings: RunSettings, out: Path, resume: bool, ranks: Ranks) -> RunSettings:
    """The settings with every "auto" decided, and `out` checked; nothing is written yet."""
    settings = (as_begun(settings, out) if resume else settings).resolved()
    if ranks.shard and settings.lora:
        raise SettingsError(
            "LoRA and --shard together: LoRA leaves little to spread. Leave out one of them; without "
            "--shard every process holds the model and trains its share of the rows."
        )
    if ranks.shard and settings.freeze_embeddings:
        raise SettingsError(
            "Frozen embeddings and --shard together: leave out one of them. Without --shard every "
            "process holds the model and trains its share of the rows."
        )
    start_folder(settings, out, resume)
    return settings


def journal_until(step: int, journal: Path) -> list[StepRecord]:
    """The records of a journal up to that step, after cutting off what came later: it is done again."""
    records = [r for r in step_records(repair_journal(journal), journal) if r.step <= step]
    write_jsonl(journal, [asdict(record) for record in records])
    return records


def step_records(lines: Sequence, path: Path) -> list[StepRecord]:
    """The records in the lines of a metrics.jsonl. Raises RunError for a line that holds none."""
    records = [_step_record(line) for line in lines]
    if None in records:
        raise RunError(
            f"{path}, line {records.index(None) + 1}: not the record of a step. Delete the folder and "
            "start again."
        )
    return records


def _step_record(line) -> StepRecord | None:
    try:
        record = StepRecord(**line)
    except TypeError:
        return None
    may_lack = ("loss", "val_response_loss")  # in step 0, and in a step without an evaluation
    numbers = [x for name, x in vars(record).items() if x is not None or name not in may_lack]
    good = all(type(x) in (int, float) and abs(x) < math.inf for x in numbers)
    return record if good and type(record.step) is int else None


def checkpointed(
    steps: Iterator[StepRecord], state: TrainState, out: Path, every: float, ranks: Ranks = ALONE
) -> Iterator[StepRecord]:
    """The records, each in the journal before it is handed on, with a checkpoint now and then.

    Ctrl-C waits until a step is complete, then for a checkpoint: nothing that is done is lost. That
    holds between two steps as well, while somebody looks at a record; after the last one the run
    ends a moment later anyway. It may reach one of several ranks a step before the others: they all
    stop after the same one.
    """
    saved = time.monotonic()
    with interrupt_held() as pressed:
        while (record := next(steps, None)) is not None:
            if ranks.first:
                append_jsonl(out / "metrics.jsonl", asdict(record))
            due = ranks.first and time.monotonic() - saved >= every
            stop, due = ranks.all_sum(bool(pressed), due)
            if stop or due:
                save_state(out, state, ranks)
                saved = time.monotonic()
            if stop:
                raise KeyboardInterrupt
            yield record


def gone_on(
    steps: Iterator[StepRecord], state: TrainState, folder: Path, every: float
) -> tuple[list[StepRecord], Iterator[StepRecord]]:
    """(records of the steps that are done, the others as they are done) of training in a job's folder.

    `steps` is what `train` gave for `state`, not begun yet: what an earlier process left in the folder
    comes into `state` first. From then on there is a checkpoint every so many seconds, and the
    folder's ATTEMPTS say that this process was at work.
    """
    if (folder / "state.safetensors").exists():
        remove_leftovers(folder / "state.safetensors")
        load_state(folder, state)
    done = journal_until(state.step, folder / "metrics.jsonl")
    repair_journal(folder / ATTEMPTS)
    append_jsonl(folder / ATTEMPTS, {**whoami(), "from_step": state.step})
    return done, checkpointed(steps, state, folder, every)


@contextmanager
def interrupt_held() -> Iterator[list]:
    """Ctrl-C waits for the end of the block; the list is then no longer empty.

    A second Ctrl-C does not wait. Outside the main thread nothing is held: Python delivers signals
    to the main thread only.
    """
    pressed: list[int] = []

    def hold(number, frame):
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pressed
        return
    signal.signal(signal.SIGINT, hold)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def watched(
    records: Iterable[StepRecord], epochs: int, desc: str = "fine-tuning"
) -> Iterator[StepRecord]:
    """The records of `fine_tune` as they come, beside a bar that shows steps, time left and loss.

    The bar begins with the first record, so that bars of downloads before it are done.
    """
    progress = None
    try:
        for record in records:
            if progress is None:
                progress = bar(desc=desc, unit="step")
            if record.step:
                progress.total = round(record.step / record.epoch * epochs)
            if record.val_response_loss is not None:
                loss = f"val response loss {record.val_response_loss:.3f}"
                progress.set_postfix_str(loss, refresh=False)
            progress.update(record.step - progress.n)
            yield record
    finally:
        if progress is not None:
            progress.close()


def as_begun(settings: RunSettings, out: Path) -> RunSettings:
    """`as_before` the run in `out`, if there is one."""
    if not (out / "settings.json").exists():
        return settings
    before = described(out)
    if settings.freeze_embeddings is None:
        settings = replace(settings, freeze_embeddings=before["freeze_embeddings"])
    return as_before(settings, before)


def as_before(settings, before: Mapping):
    """The settings with "auto" replaced by what it meant `before`, as far as that says.

    Precision is chosen by measuring, and a busy machine may measure something else the second time.
    For the settings of a run, a grid, a curve or a search alike.
    """
    auto = [key for key in (*FORMERLY, "device", "precision") if getattr(settings, key) == "auto"]
    before = {**FORMERLY, **before}
    return replace(settings, **{key: before[key] for key in auto if key in before})


def read_about(path: Path, what: str) -> dict:
    """What the JSON file beside many runs says. Raises RunError when it describes no `what`."""
    found = read_json(path)
    known = found if isinstance(found, dict) else {}
    if not all(isinstance(known.get(key), dict) for key in ("settings", "provenance")):
        raise RunError(f"{path} does not describe {what}: name another folder.")
    return found


def check_settings(out: Path, before: Mapping, now: Mapping, free: str) -> None:
    """Refuse settings `now` under which the runs in `out` would have meant something else.

    `free` says in words what is not among them.
    """
    before = {**UNSAID, **before}
    for key, value in now.items():
        if before.get(key) != value:
            raise RunError(
                f"{out} holds runs with {key} = {before.get(key)!r}, not {value!r}: they could not "
                f"be compared. Give {key} as it was, or name another folder. (What may be another: "
                f"{free}.)"
            )


def check_files(
    out: Path, before: Mapping, now: Mapping, names: Iterable[str], settings: Mapping
) -> None:
    """Refuse to go on in `out` when one of these files is another than `before` (provenances).

    `settings` say what a file is called, as far as they do.
    """
    for what in names:
        if before.get(f"{what}_sha256") != now[f"{what}_sha256"]:
            file = f"the {what} file {settings.get(what) or ''}".rstrip()
            raise RunError(
                f"{out}: {file} has changed since the runs there began, so going on would mix the "
                "two. Name another folder."
            )


def described(out: Path) -> dict:
    """What the settings.json of a run says. Raises RunError when it describes no run."""
    path = out / "settings.json"
    found = read_json(path)
    texts, others = ("loss_on", "device", "precision"), {"rows": dict, "left_out": list}
    kinds = {**dict.fromkeys(texts, str), **others, "provenance": dict}
    good = isinstance(found, dict)
    if not good or not all(isinstance(found.get(key), kind) for key, kind in kinds.items()):
        raise RunError(f"{path} does not describe a run: name another folder.")
    return {**UNSAID, **found}


def can_go_on(settings: RunSettings, out: str | Path) -> bool:
    """Whether `out` holds an unfinished run of these settings that left a state to go on from."""
    out = Path(out)
    if not (out / "state.safetensors").exists() or (out / "model.safetensors").exists():
        return False
    try:
        start_folder(as_begun(settings, out).resolved(), out, resume=True)
    except RunError:
        return False
    return True


def start_folder(settings: RunSettings, out: Path, resume: bool) -> None:
    """Check that `out` may be written: new or empty, or with `resume` a run of the same settings."""
    known = out / "settings.json"
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file: name a folder for the run.")
    for name in FILES:  # of a killed run
        remove_leftovers(out / name)
    if not known.exists():
        if out.exists() and any(out.iterdir()):
            raise RunError(f"{out} is not empty and holds no run: name another folder.")
        check_folder(out)
        return
    if not resume:
        raise RunError(
            f"{out} already holds a run. Go on with it by adding --resume, or name another folder."
        )
    before = described(out)
    for key, value in asdict(settings).items():
        if before.get(key, getattr(RunSettings, key, None)) != value:  # or older than the setting
            raise RunError(
                f"{out} holds a run with {key} = {before.get(key)!r}, not {value!r}: resume it with "
                "its own settings, or name another folder."
            )
    now = provenance(settings.model, settings.data)
    check_files(out, before["provenance"], now, ("model", "data"), asdict(settings))


def check_rows(n: int, settings: RunSettings) -> None:
    """Refuse a batch size beyond the rows: every epoch would be one step, if memory lasts."""
    if settings.batch_size > max(n, RunSettings.batch_size):
        raise SettingsError(
            f"batch size {settings.batch_size} is more than the {n} rows to train on: give 1 to "
            f"{n}, such as {min(n, RunSettings.batch_size)}."
        )


def check_model(model: GPT, name: str | Path) -> None:
    """Refuse a model whose vocabulary is not the tokenizer's: its ids would mean something else."""
    if model.config.vocab_size != VOCABULARY:
        raise WeightsError(
            f"{name} has a vocabulary of {model.config.vocab_size:,} tokens, GPT-2's tokenizer has "
            f"{VOCABULARY:,}: take a model with GPT-2's own."
        )


def check_length(model: GPT, settings: RunSettings) -> None:
    """Refuse a length limit beyond the model's positions."""
    if not 2 <= settings.max_length <= model.config.n_positions:
        raise SettingsError(
            f"max_length is {settings.max_length}: {settings.model} can read 2 to "
            f"{model.config.n_positions} tokens."
        )


def run_summary(out: str | Path) -> dict:
    """What a finished run achieved: response loss before and after, arm, time, tokens."""
    out = Path(out)
    settings = described(out)
    records = step_records(read_jsonl(out / "metrics.jsonl"), out / "metrics.jsonl")
    evaluated = [r.val_response_loss for r in records if r.val_response_loss is not None]
    if not evaluated:
        raise RunError(f"{out} was never evaluated: go on with it, or start again.")
    return {
        "out": str(out),
        "loss_on": settings["loss_on"],
        "val_response_loss_before": evaluated[0],
        "val_response_loss_after": evaluated[-1],
        "steps": records[-1].step,
        "seconds": records[-1].seconds,
        "tokens": records[-1].tokens,
        "target_tokens": records[-1].target_tokens,
        "rows": settings["rows"],
        "left_out": len(settings["left_out"]),
        "precision": settings["precision"],
        "device": settings["device"],
    }


def choose_rows(data: str, name: str) -> list[dict]:
    """The rows of one split of a data set: test, train, val or all."""
    if name not in SPLITS:
        raise SettingsError(f"unknown split {name!r}; {nearest(name, SPLITS)}.")
    records = load_records(data)
    if name == "all":
        return records
    parts = split(records)
    return {"test": parts.test, "train": parts.train, "val": parts.validation}[name]


def answer(
    model: str | Path,
    rows: list[dict],
    out: str | Path,
    *,
    template: str = "",
    device: str = "auto",
    seed: int = 123,
    max_new_tokens: int = 128,
    temperature: float = 0.0,
    top_k: int | None = None,
    batch_size: int = 16,
    precision: str = "fp32",
) -> dict:
    """Write the rows with the model's responses to `out`; returns n, seconds, stopped, out.

    The template defaults to the one that the model was tuned with. Finished batches are kept in a
    journal beside `out` until all are there: a run that was killed goes on when it is started again
    with the same model, rows and options, and ends with the same file. A row whose prompt is too
    long gets that status; DataError is raised when that is so for every row. Precision "bf16" halves
    what a token costs and may change a word where two were nearly as likely.
    """
    out = Path(out)
    check_options(max_new_tokens, temperature, top_k, batch_size)
    template = get_template(template or tuned_template(model))
    device = choose_device(device)
    check_folder(out.parent)
    keep_memory()
    precision = choose_precision(precision, device)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    loaded = contiguous(load_model(model, device=device, dtype=dtype))
    check_model(loaded, model)
    options = {
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "batch_size": batch_size,
    }
    tokenizer = load_tokenizer()
    prompts = prompt_ids(rows, template, tokenizer)
    check_prompts(prompts, max_new_tokens, loaded)
    started = time.perf_counter()
    remove_leftovers(out)
    journal = out.with_name(out.name + ".journal")
    key = journal_key(model, rows, template, device, seed, [options, precision])
    products, responses = open_journal(journal, key, choose_products("auto", device))
    generator = torch.Generator(device).manual_seed(seed % 2**63)
    for batch in generate_batches(
        loaded,
        prompts,
        generator=generator,
        done=frozenset(responses),
        products=products,
        **options,
    ):
        append_jsonl(journal, [[i, r.ids, r.finish_reason] for i, r in batch.items()])
        responses.update(batch)
    answered = with_responses(rows, [responses[i] for i in range(len(rows))], tokenizer)
    write_json(out, answered)
    journal.unlink()
    n = len(answered)
    return {
        "n": n,
        "seconds": time.perf_counter() - started,
        "stopped": sum(row["finish_reason"] == "stop" for row in answered) / n if n else None,
        "out": str(out),
    }


def check_prompts(prompts: list[list[int]], max_new_tokens: int, model: GPT) -> None:
    """Refuse what no row can be answered with: too many new tokens, or every prompt too long."""
    limit = model.config.n_positions
    if max_new_tokens > limit:
        raise SettingsError(
            f"max_new_tokens is {max_new_tokens}: the model has {limit:,} positions for prompt and "
            "answer together. Give less, such as 128."
        )
    if prompts and min(map(len, prompts)) >= limit:
        raise DataError(
            f"every prompt is too long: the shortest of {len(prompts)} has "
            f"{min(map(len, prompts)):,} tokens, and the model reads {limit:,}, answer included. "
            "Shorten instruction and input, or take a model with more positions."
        )


def journal_key(model, rows: list[dict], template: Template, device: str, seed: int, options):
    """A hash of all that decides the answers, to the last bit: only then a journal is gone on with."""
    weights = find_model(model)
    files = [sha256(weights), sha256(weights.parent / "config.json")]
    machine = [device, torch.get_num_threads(), torch.__version__]
    return content_hash([files, rows, asdict(template), seed, options, machine])


def open_journal(path: Path, key: str, products: str) -> tuple[str, dict[int, Response]]:
    """What a killed run of the same key left in the journal: who multiplied for it, and its responses.

    Without such a run a journal is begun, with `products`: they are chosen by a measurement, which may
    come out otherwise the second time.
    """
    remove_leftovers(path)
    lines = repair_journal(path)
    if not lines or not isinstance(lines[0], dict) or lines[0].get("key") != key:
        write_jsonl(path, [{"key": key, "products": products}])
        return products, {}
    done: dict[int, Response] = {}
    for number, batch in enumerate(lines[1:], start=2):
        if not isinstance(batch, list) or not all(map(_is_response, batch)):
            raise RunError(f"{path}, line {number}: no answers. Remove the file to begin anew.")
        done |= {i: Response(ids, reason) for i, ids, reason in batch}
    return lines[0].get("products", products), done


def _is_response(found) -> bool:
    """Whether it is what `answer` keeps of a response: its row, its ids, why it ended."""
    if not isinstance(found, list) or [type(x) for x in found] != [int, list, str]:
        return False
    return all(type(token) is int and 0 <= token <= END_OF_TEXT for token in found[1])


def check_answers_file(out: Path) -> None:
    """Refuse to write responses over a file that holds something else, such as the data."""
    if out.is_dir():
        raise RunError(f"{out} is a folder: name the file to write, such as responses.json.")
    if not out.exists():
        return
    try:
        read_responses(out)
    except DataError as error:
        raise RunError(
            f"{out} exists and holds no responses: name another file, such as responses.json, or "
            "remove it first."
        ) from error


def settings_of(model: str | Path) -> dict:
    """What the settings.json of a run folder says; nothing for any other model."""
    path = Path(model) / "settings.json"
    found = read_json(path) if path.exists() else {}
    return found if isinstance(found, dict) else {}


def tuned_template(model: str | Path) -> str:
    """The template that a run was tuned with, or "alpaca" for any other model."""
    name = settings_of(model).get("template", "alpaca")
    if not isinstance(name, str):
        raise RunError(f"{model}/settings.json: the template is {str(name)[:40]!r}, not a name.")
    return name


def trained_on_all(model: str | Path, data: str) -> bool:
    """Whether a run had a validation file of its own and so trained on every row of `data`."""
    settings = settings_of(model)
    return bool(settings.get("validation")) and settings.get("data") == str(data)


def read_responses(path: str | Path) -> list[dict]:
    """The rows of a responses.json: records with `model_response`. Raises DataError otherwise."""
    path = Path(path)
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist. Make it with `course generate`.") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path} cannot be read as JSON ({reason}). Name a file that `course generate` wrote."
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(
            f"{path}: expected a list of records with responses. Make it with `course generate`."
        )
    if not rows:
        raise DataError(f"{path} holds no rows: make it again with `course generate`.")
    for number, row in enumerate(rows, start=1):
        for key in ("instruction", "output", "model_response"):
            if not isinstance(row.get(key), str):
                raise DataError(
                    f"{path}, row {number}: {key!r} is missing or not text. "
                    "Make the file with `course generate`."
                )
    return rows
