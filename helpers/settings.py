"""The two modes of the course, and what lessons leave for each other.

`Settings` is the only place where quick and full mode differ. `artifact` hands a lesson what an
earlier one made, and makes it when the earlier one was skipped.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from textwrap import TextWrapper

from helpers.data import data_path
from helpers.errors import SettingsError, nearest
from helpers.files import content_hash, read_json, sha256, write_json
from helpers.judge import judge_from_name, judge_responses
from helpers.runs import (
    RunSettings,
    answer,
    can_go_on,
    choose_rows,
    default_lr,
    fine_tune,
    suits_freezing,
    watched,
)
from helpers.weights import KNOWN, find_model

MODES = ("quick", "full")
COURSE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """What a lesson works with. Two instances matter: quick() and full()."""

    mode: str
    model: str
    data: str
    judge: str
    epochs: int
    lr: float
    precision: str
    max_new_tokens: int  # tokens a response may have
    memory_gb: float  # what the mode needs, in GB (10⁹ bytes), weights and optimiser included
    disk_gb: float
    loss_on: str = "all"  # lesson 04's arm, as in the course text; see masking.ARMS
    template: str = "alpaca"
    batch_size: int = 8
    seed: int = 123
    freeze_embeddings: bool = False  # token and position vectors stay; helps the bundled models

    @staticmethod
    def quick() -> Settings:
        """The bundled model and data, no network, a few minutes on two cores."""
        return Settings(
            mode="quick",
            model="gpt2-mini",
            data="course",
            judge="reference",
            epochs=2,
            lr=KNOWN["gpt2-mini"].frozen_lr,
            precision="fp32",
            max_new_tokens=64,
            memory_gb=3,
            disk_gb=1,
            freeze_embeddings=True,
        )

    @staticmethod
    def full() -> Settings:
        """GPT-2 medium, the book's data set and an 8 B Llama as judge, as in the course text."""
        return Settings(
            mode="full",
            model="gpt2-medium",
            data="book",
            judge="ollama:llama3",
            epochs=2,
            lr=5e-5,
            precision="auto",
            max_new_tokens=256,
            memory_gb=16,
            disk_gb=12,
        )

    def run_settings(self, **changes) -> RunSettings:
        """The settings of a fine-tuning run in this mode; `changes` override."""
        values = {
            "model": self.model,
            "data": self.data,
            "loss_on": self.loss_on,
            "template": self.template,
            "epochs": self.epochs,
            "lr": self.lr,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "precision": self.precision,
            "freeze_embeddings": self.freeze_embeddings,
        }
        return RunSettings(**{**values, **changes})


def course_settings(mode: str = "", **changes) -> Settings:
    """The settings of the chosen mode: the argument, or else COURSE_MODE, or else quick.

    Another model is trained at the rate, and with frozen embeddings or not, as suits that model.
    """
    mode = mode or os.environ.get("COURSE_MODE", "") or "quick"
    if mode not in MODES:
        raise SettingsError(f"unknown mode {mode!r}; {nearest(mode, MODES)}.")
    settings = Settings.quick() if mode == "quick" else Settings.full()
    if model := changes.get("model"):  # the mode's rate is its own model's
        frozen = suits_freezing(model)
        settings = replace(settings, lr=default_lr(model, frozen), freeze_embeddings=frozen)
    return replace(settings, **changes)


def runs_folder() -> Path:
    """Where runs are kept: COURSE_RUNS, or `runs/` beside the notebooks folder."""
    return Path(os.environ.get("COURSE_RUNS") or COURSE / "runs")


def run_folder(settings: Settings, kind: str, runs: Path | None = None) -> Path:
    """The folder of the mode's untouched model ("base") or fine-tuned one ("tuned")."""
    arm = "" if kind == "base" else "-" + settings.loss_on.replace("+", "-").replace("@", "-")
    return (runs or runs_folder()) / f"{settings.mode}-{kind}{arm}"


ARTIFACTS: dict[str, tuple[str, str, str]] = {  # name → (folder, file, lesson that makes it)
    "base_responses": ("base", "responses.json", "03"),
    "tuned": ("tuned", "model.safetensors", "04"),
    "responses": ("tuned", "responses.json", "04"),
    "base_verdicts": ("base", "verdicts.jsonl", "05"),
    "verdicts": ("tuned", "verdicts.jsonl", "05"),
}


_ASKED = {"model", "data", "template", "max_new_tokens", "seed"}
_TUNED = {
    *("model", "data", "template", "loss_on", "epochs", "lr", "batch_size", "seed", "precision"),
    "freeze_embeddings",
}
DEPENDS = {  # which settings change an artefact
    "base_responses": _ASKED,
    "tuned": _TUNED,
    "responses": _ASKED | _TUNED,
    "base_verdicts": _ASKED | {"judge"},
    "verdicts": _ASKED | _TUNED | {"judge"},
}


def artifact(name: str, settings: Settings, *, say: Callable[[str], None] = print) -> Path:
    """The path of something an earlier lesson leaves, made now if it is missing or out of date.

    Names: base_responses, tuned (a folder), responses, base_verdicts, verdicts.
    """
    if name not in ARTIFACTS:
        raise SettingsError(f"unknown artefact {name!r}; {nearest(name, ARTIFACTS)}.")
    kind, file, lesson = ARTIFACTS[name]
    folder = run_folder(settings, kind)
    path = folder if name == "tuned" else folder / file
    if (folder / file).exists() and is_current(name, settings):
        return path
    say(f"{name!r} is lesson {lesson}'s work and not there yet: making it now.")
    started = time.perf_counter()
    make = {
        "base_responses": lambda: _answer(settings, settings.model, path),
        "tuned": lambda: tune(settings),
        "responses": lambda: _answer(settings, artifact("tuned", settings, say=say), path),
        "base_verdicts": lambda: _judge(
            settings, artifact("base_responses", settings, say=say), path
        ),
        "verdicts": lambda: _judge(settings, artifact("responses", settings, say=say), path),
    }
    make[name]()
    mark_current(name, settings)
    say(f"{name!r} took {time.perf_counter() - started:.0f} s.")
    return path


def tune(settings: Settings) -> Path:
    """The folder of a fresh fine-tuning run in this mode, with a progress bar."""
    folder = fresh_folder(settings)
    run = fine_tune(settings.run_settings(), folder, resume=True)
    for _ in watched(run, settings.epochs):
        pass
    return folder


def fresh_folder(settings: Settings) -> Path:
    """The folder to fine-tune into: emptied, unless a killed run of the same settings can go on."""
    folder = run_folder(settings, "tuned")
    if folder.exists() and not can_go_on(settings.run_settings(), folder):
        shutil.rmtree(folder)
    return folder


def _answer(settings: Settings, model: str | Path, out: Path) -> None:
    rows = choose_rows(settings.data, "test")
    options = {"max_new_tokens": settings.max_new_tokens, "template": settings.template}
    answer(model, rows, out, seed=settings.seed, **options)


def _judge(settings: Settings, responses: Path, out: Path) -> None:
    out.unlink(missing_ok=True)
    judge_responses(judge_from_name(settings.judge), read_json(responses), out=out)


def fingerprint(name: str, settings: Settings) -> str:
    """A hash of all that an artefact depends on: settings, model and data files."""
    relevant = {key: value for key, value in asdict(settings).items() if key in DEPENDS[name]}
    files = [sha256(find_model(settings.model)), sha256(data_path(settings.data))]
    return content_hash([name, relevant, files])


def is_current(name: str, settings: Settings) -> bool:
    """Whether the artefact on disk was made with these very settings and files."""
    path = run_folder(settings, ARTIFACTS[name][0]) / "artifacts.json"
    return path.exists() and read_json(path).get(name) == fingerprint(name, settings)


def mark_current(name: str, settings: Settings) -> None:
    """Note that the artefact on disk belongs to these settings; what depends on it no longer does."""
    path = run_folder(settings, ARTIFACTS[name][0]) / "artifacts.json"
    marks = read_json(path) if path.exists() else {}
    order = list(ARTIFACTS)
    kept = {k: v for k, v in marks.items() if order.index(k) < order.index(name)}
    write_json(path, {**kept, name: fingerprint(name, settings)})


def experiment_folder(settings: Settings, name: str = "masking") -> Path:
    """The folder of an experiment in this mode: another one for other settings or other files.

    So an experiment goes on with what is there, and never meets runs of another model or data set.
    """
    same = replace(settings, loss_on="all")  # an experiment varies the arm
    return runs_folder() / f"{settings.mode}-{name}-{fingerprint('tuned', same)[:8]}"


def say(*sentences: object, width: int = 92) -> None:
    """Print each in lines of at most `width` characters, broken between words.

    JupyterLab breaks a longer line wherever its window ends, within a number too. What goes on in
    another line is indented; line breaks of a sentence are kept, and so are words too long to fit.
    """
    wrap = TextWrapper(
        width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    for sentence in sentences:
        for line in str(sentence).replace(" %", "\N{NO-BREAK SPACE}%").splitlines() or [""]:
            print(wrap.fill(line).replace("\N{NO-BREAK SPACE}%", " %"))


def compare_guess(guess: float | str | None, found: float | str, unit: str = "") -> str:
    """A sentence that sets a student's prediction beside what was found."""
    shown = f"{found:.3g}" if isinstance(found, float) else f"{found}"
    shown = f"{shown} {unit}".strip()
    if guess is None:
        return f"Found: {shown}. (You made no prediction; a wrong one teaches more than none.)"
    if isinstance(guess, str) or isinstance(found, str):
        same = str(guess).strip().lower() == str(found).strip().lower()
        verdict = "as you predicted" if same else "not what you predicted"
        return f"You predicted {guess}, found: {shown}, {verdict}."
    said = f"You predicted {guess:g}, found: {shown}. Your prediction"
    if guess == found or (isinstance(found, float) and f"{guess:.3g}" == f"{found:.3g}"):
        return f"{said} holds."
    ratio = f"{guess / found:.2g} times" if found else "off from"
    return f"{said} is {'close to' if ratio == '1 times' else ratio} what was found."
