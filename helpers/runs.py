"""A run folder: fine-tune a model on a data set, answer with it, keep everything that happened.

`fine_tune` puts the core together: records → examples → batches → steps → checkpoint. It leaves
`settings.json`, `metrics.jsonl`, `model.safetensors` and `config.json`, all written atomically, and
a killed run goes on where its last checkpoint was. The command line and the lessons both call it.
"""

from __future__ import annotations

import ctypes
import json
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

import torch

from helpers import __version__
from helpers.collate import BatchPlan, evaluation_batches
from helpers.data import data_path, load_records, split
from helpers.errors import DataError, RunError, SettingsError, nearest
from helpers.files import (
    append_jsonl,
    read_json,
    read_jsonl,
    repair_journal,
    sha256,
    write_json,
    write_jsonl,
)
from helpers.formatting import get_template
from helpers.generate import respond
from helpers.masking import make_examples, segment_weights
from helpers.model import GPT
from helpers.tokenizer import load_tokenizer
from helpers.train import (
    StepRecord,
    TrainSettings,
    TrainState,
    check_finite,
    clear_state,
    evaluate_loss,
    load_state,
    save_state,
    train,
)
from helpers.weights import KNOWN, find_model, load_model, save_model

CHECKPOINT_SECONDS = 60.0
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
    max_length: int = 1024  # tokens; longer rows are cut as `masking.make_example` says
    grouped: bool = True  # rows of similar length share a batch
    seed: int = 123
    device: str = "auto"
    precision: str = "auto"

    def resolved(self) -> RunSettings:
        """The same settings with every "auto" and default replaced by what it means here."""
        segment_weights(self.loss_on)
        get_template(self.template)
        device = choose_device(self.device)
        values = {
            "device": device,
            "precision": choose_precision(self.precision, device),
            "lr": self.lr or default_lr(self.model),
        }
        return RunSettings(**{**asdict(self), **values})


def default_lr(model: str) -> float:
    """A learning rate for fine-tuning that model; 5e-5, the course text's, for one we do not know."""
    return KNOWN[model].lr if model in KNOWN else 5e-5


def choose_device(name: str = "auto") -> str:
    """A device that is there: "auto" takes CUDA, then the CPU. Raises SettingsError otherwise."""
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.append("mps")
    if torch.cuda.is_available():
        available.append("cuda")
    if name == "auto":
        return "cuda" if "cuda" in available else "cpu"
    if name.split(":")[0] not in available:
        raise SettingsError(f"no device {name!r} on this machine; {nearest(name, available)}.")
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
    return (
        "bf16" if matmul_seconds(torch.float32) > 1.2 * matmul_seconds(torch.bfloat16) else "fp32"
    )


def matmul_seconds(dtype: torch.dtype, size: int = 1024, repeats: int = 3) -> float:
    """The shortest of a few timings of a (size, size) matrix product on the CPU, in seconds."""
    a = torch.randn(size, size).to(dtype)
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return min(times[1:])


def keep_memory() -> None:
    """Tell glibc to keep freed memory instead of returning it to the kernel (Linux only).

    PyTorch frees and allocates the same large tensors every step; fetching their pages again each
    time can cost a third of a small model's step. Elsewhere nothing happens.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, mmap_max = -1, -4  # names in malloc.h: M_TRIM_THRESHOLD, M_MMAP_MAX
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 1 << 30)


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
    records = load_records(settings.data)
    validation = load_records(settings.validation) if settings.validation else None
    parts = split(records, validation)
    tokenizer = load_tokenizer()
    made, left_out = {}, []
    for name in ("train", "validation"):
        rows = getattr(parts, name)
        examples, dropped = make_examples(
            rows, settings.template, tokenizer, max_length=settings.max_length
        )
        if not examples:
            reason = dropped[0][1] if dropped else "there are no rows"
            raise DataError(
                f"no row of the {name} part can be used ({len(dropped)} left out). First: {reason}"
            )
        made[name] = examples
        left_out += [(name, row + 1, reason) for row, reason in dropped]
    return made["train"], made["validation"], left_out


def fine_tune(
    settings: RunSettings, out: str | Path, *, resume: bool = False, keep_state: bool = False
) -> Iterator[StepRecord]:
    """Fine-tune into the folder `out`, yielding a record before the first step and after each.

    The first record (step 0) holds the validation loss of the untouched model. When the last one
    has been taken, the model is saved. `resume` goes on with a run of the same settings. Raises
    RunError when `out` holds something else.
    """
    out = Path(out)
    settings = (as_begun(settings, out) if resume else settings).resolved()
    start_folder(settings, out, resume)
    if (out / "model.safetensors").exists():  # resumed after its end: report, do nothing
        if not keep_state:
            clear_state(out)
        yield from (StepRecord(**line) for line in read_jsonl(out / "metrics.jsonl"))
        return
    keep_memory()
    examples, validation_examples, left_out = load_examples(settings)
    model = load_model(settings.model, device=settings.device)
    check_length(model, settings)
    plan = BatchPlan(
        examples,
        settings.loss_on,
        batch_size=settings.batch_size,
        accumulate=settings.accumulate,
        grouped=settings.grouped,
        seed=settings.seed,
    )
    state = TrainState(
        model,
        TrainSettings(
            epochs=settings.epochs,
            lr=settings.lr,
            eval_every=max(1, plan.steps_per_epoch // 5),
            precision=settings.precision,
        ),
    )
    validation = evaluation_batches(validation_examples)
    journal = out / "metrics.jsonl"
    if (out / "state.safetensors").exists():
        load_state(out, state)
        lines = [line for line in repair_journal(journal) if line["step"] <= state.step]
        write_jsonl(journal, lines)
        yield from (StepRecord(**line) for line in lines)
    else:
        write_json(
            out / "settings.json",
            {
                **asdict(settings),
                "rows": {"train": len(examples), "validation": len(validation_examples)},
                "left_out": [list(row) for row in left_out],
                "provenance": provenance(settings.model, settings.data),
            },
        )
        write_jsonl(journal, [])
        loss = evaluate_loss(
            model, validation, device=settings.device, precision=settings.precision
        )
        check_finite(f"loss of {settings.model} before training", loss, state.settings)
        first = StepRecord(0, 0.0, 0, 0, 0.0, None, loss, 0.0)
        append_jsonl(journal, asdict(first))
        yield first
    saved = time.monotonic()
    for record in train(state, plan, validation=validation, device=settings.device):
        append_jsonl(journal, asdict(record))
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            save_state(out, state)
            saved = time.monotonic()
        yield record
    if keep_state:
        save_state(out, state)
    save_model(model, out)
    if not keep_state:
        clear_state(out)


def as_begun(settings: RunSettings, out: Path) -> RunSettings:
    """The settings with "auto" replaced by what it meant when the run in `out` began, if there is one.

    Precision is chosen by measuring, and a busy machine may measure something else the second time.
    """
    known = out / "settings.json"
    if not known.exists():
        return settings
    before = read_json(known)
    if not isinstance(before, dict) or "provenance" not in before:
        raise RunError(f"{known} does not describe a run: name another folder.")
    auto = [key for key in ("device", "precision") if getattr(settings, key) == "auto"]
    return replace(settings, **{key: before[key] for key in auto if key in before})


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
    if not known.exists():
        if out.exists() and any(out.iterdir()):
            raise RunError(f"{out} is not empty and holds no run: name another folder.")
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder {out}: {error.strerror}.") from error
        return
    if not resume:
        raise RunError(
            f"{out} already holds a run. Go on with it by adding --resume, or name another folder."
        )
    before = read_json(known)
    for key, value in asdict(settings).items():
        if before.get(key) != value:
            raise RunError(
                f"{out} holds a run with {key} = {before.get(key)!r}, not {value!r}: resume it with "
                "its own settings, or name another folder."
            )
    now = provenance(settings.model, settings.data)
    for what in ("model", "data"):
        if before["provenance"][f"{what}_sha256"] != now[f"{what}_sha256"]:
            raise RunError(
                f"{out}: the {what} file {getattr(settings, what)} has changed since the run began, "
                "so going on would mix the two. Name another folder."
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
    settings = read_json(out / "settings.json")
    lines = read_jsonl(out / "metrics.jsonl")
    evaluated = [line for line in lines if line["val_response_loss"] is not None]
    return {
        "out": str(out),
        "loss_on": settings["loss_on"],
        "val_response_loss_before": evaluated[0]["val_response_loss"],
        "val_response_loss_after": evaluated[-1]["val_response_loss"],
        "steps": lines[-1]["step"],
        "seconds": lines[-1]["seconds"],
        "tokens": lines[-1]["tokens"],
        "target_tokens": lines[-1]["target_tokens"],
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
    **options,
) -> dict:
    """Write the rows with the model's responses to `out`; returns n, seconds, stopped, out.

    The template defaults to the one that the model was tuned with. `options` go to `generate`.
    """
    device = choose_device(device)
    keep_memory()
    loaded = load_model(model, device=device)
    template = template or tuned_template(model)
    generator = torch.Generator(device).manual_seed(seed % 2**63)
    started = time.perf_counter()
    answered = respond(loaded, rows, template, load_tokenizer(), generator=generator, **options)
    write_json(out, answered)
    n = len(answered)
    return {
        "n": n,
        "seconds": time.perf_counter() - started,
        "stopped": sum(row["finish_reason"] == "stop" for row in answered) / n if n else None,
        "out": str(out),
    }


def settings_of(model: str | Path) -> dict:
    """What the settings.json of a run folder says; nothing for any other model."""
    path = Path(model) / "settings.json"
    found = read_json(path) if path.exists() else {}
    return found if isinstance(found, dict) else {}


def tuned_template(model: str | Path) -> str:
    """The template that a run was tuned with, or "alpaca" for any other model."""
    return settings_of(model).get("template", "alpaca")


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
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}).") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: expected a list of records with responses.")
    for number, row in enumerate(rows, start=1):
        for key in ("instruction", "output", "model_response"):
            if not isinstance(row.get(key), str):
                raise DataError(
                    f"{path}, row {number}: {key!r} is missing or not text. "
                    "Make the file with `course generate`."
                )
    return rows
