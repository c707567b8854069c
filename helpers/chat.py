"""A chat: one request, the answers of several models while they are written, and all of it kept.

`Chat` holds the models, the prompt style they are asked in and the options; `Chat.ask` gives an
`Answer` a model, which is written as one reads it, and kept in the history when it ends. Every
request stands alone, as every training row did: no model sees what was said before. A terminal
(`course chat`) and a notebook (`widgets.ChatBox`) are shells around this file.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path

import torch

from helpers.data import LARGEST_FIELD
from helpers.errors import CourseError, DataError, RunError, SettingsError, WeightsError
from helpers.files import append_jsonl, check_folder, read_jsonl, repair_journal
from helpers.formatting import Template, get_template
from helpers.generate import check_options, prompt_ids, stream
from helpers.model import GPT
from helpers.runs import check_model, choose_device, settings_of, tuned_template
from helpers.settings import runs_folder
from helpers.tokenizer import END_OF_TEXT, load_tokenizer
from helpers.weights import contiguous, load_model

ENDS = {"stop": "", "length": "cut off after {n} tokens", "stopped": "stopped by you"}


@dataclass(frozen=True)
class Options:
    """How the next token is chosen, and how many there may be. Raises SettingsError out of range."""

    temperature: float = 0.0  # 0 = greedy
    top_k: int | None = None  # candidates; None = all
    max_new_tokens: int = 128

    def __post_init__(self):
        check_options(self.max_new_tokens, self.temperature, self.top_k)

    def changed(self, **typed: str) -> Options:
        """The options after somebody typed others: `temperature`, `top_k` ("" or "off" for none)."""
        values: dict = {}
        if "temperature" in typed:
            values["temperature"] = _number(float, "temperature", typed["temperature"], "0.7")
        if "top_k" in typed:
            none = typed["top_k"].strip().lower() in ("", "off")
            values["top_k"] = None if none else _number(int, "top-k", typed["top_k"], "40")
        return replace(self, **values)

    def __str__(self):
        if not self.temperature:
            return "greedy"
        return f"temperature {self.temperature:g}" + (f", top-k {self.top_k}" if self.top_k else "")


def _number(kind: type, name: str, text: str, example: str):
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(
            f"{name} {text!r} is not a number: give one such as {example}."
        ) from error


class Answer:
    """What a model says to one request. To iterate is to write it: each item is a further piece.

    `text` is what is there, without white space around it; `finish_reason` is "" until the answer
    ends: "stop" by itself, "length" cut off, "stopped" by who reads it. `about` says to what it is
    an answer, and how it was made.
    """

    def __init__(self, model: str, about: dict, tokens: Iterator[bytes | None], keep: Callable):
        self.model, self.about = model, about
        self.text, self.n_tokens, self.finish_reason = "", 0, ""
        self._keep, self._pieces = keep, self._write(tokens)

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def stop(self) -> None:
        """End the answer as it stands; nothing happens when it has ended already."""
        self._pieces.close()
        self._end("stopped")

    @property
    def line(self) -> dict:
        """The answer as the history holds it, `finish_reason` "" while it is being written."""
        said = {"model": self.model, "response": self.text}
        return {
            **self.about,
            **said,
            "finish_reason": self.finish_reason,
            "n_tokens": self.n_tokens,
        }

    def _write(self, tokens: Iterator[bytes | None]) -> Iterator[str]:
        """Pieces of text, one a token (None: the stop token).

        A piece is "" while a character of several tokens is not whole, and white space is held back
        until something follows it.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        held, reason = "", "length"
        for token in tokens:
            if token is None:
                reason = "stop"
                break
            self.n_tokens += 1
            piece, held = self._add(held + decoder.decode(token))
            yield piece
        piece, _ = self._add(held + decoder.decode(b"", final=True))
        self._end(reason)
        yield piece

    def _add(self, new: str) -> tuple[str, str]:
        """What was added to the text, and the white space at its end, which was not."""
        new = new if self.text else new.lstrip()
        piece = new.rstrip()
        self.text += piece
        return piece, new[len(piece) :]

    def _end(self, reason: str) -> None:
        if not self.finish_reason:
            self.finish_reason = reason
            self._keep(self)


class Chat:
    """Models to talk to, in the prompt style of their training, and the history of what was said.

    models: by the name that is shown, asked in this order. history: a file of JSON Lines to add to,
    by default `chat.jsonl` where the runs are; each answer is on the disk as soon as it has ended.
    With a temperature above 0 each request draws with a seed of its own, from `seed` upwards; the
    history names it.
    """

    def __init__(
        self,
        models: dict[str, GPT],
        template: str | Template = "alpaca",
        *,
        options: Options | None = None,
        history: str | Path | None = None,
        seed: int = 123,
        stop_ids: Collection[int] = (END_OF_TEXT,),
    ):
        if not models:
            raise SettingsError("a chat with 0 models: give at least 1, by the name to show.")
        self.models, self.template = dict(models), get_template(template)
        self.options, self.seed, self.stop_ids = options or Options(), seed, frozenset(stop_ids)
        self.history = Path(history or runs_folder() / "chat.jsonl")
        self.tokenizer = load_tokenizer()
        self.asked, self.said = 0, []  # requests and lines of the history since the beginning
        open_history(self.history)

    def ask(self, instruction: str, input: str = "") -> list[Answer]:
        """An answer from each model, not begun: iterate over it.

        Raises DataError for an empty request, and for one that is too long for one of the models.
        """
        request = {"instruction": _text(instruction).strip(), "input": _text(input).strip()}
        if not request["instruction"]:
            raise DataError("the message is empty: type a request, such as 'Name a bird.'")
        [prompt] = prompt_ids([request], self.template, self.tokenizer)
        for name, model in self.models.items():
            if len(prompt) >= model.config.n_positions:
                raise DataError(
                    f"the message is too long: with the prompt around it {len(prompt):,} tokens, and "
                    f"{name} reads at most {model.config.n_positions - 1:,}, so that an answer has "
                    "room. Shorten the message or its input."
                )
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        seed = (self.seed + self.asked) % 2**63
        self.asked += 1
        made = {"template": self.template.name, **vars(self.options), "seed": seed}
        about = {"time": now, **request, **made}
        return [self._answer(name, prompt, about) for name in self.models]

    def _answer(self, name: str, prompt: list[int], about: dict) -> Answer:
        device = next(self.models[name].parameters()).device
        generator = torch.Generator(device).manual_seed(about["seed"])
        options = {**vars(self.options), "stop_ids": self.stop_ids, "generator": generator}
        ids = stream(self.models[name], prompt, **options)
        decode = self.tokenizer.decode_single_token_bytes
        tokens = (None if token in self.stop_ids else decode(token) for token in ids)
        return Answer(name, about, tokens, self._keep)

    def _keep(self, answer: Answer) -> None:
        self.said.append(answer.line)
        self.history.parent.mkdir(parents=True, exist_ok=True)
        append_jsonl(self.history, answer.line)


def _text(typed: str) -> str:
    """What was typed, as valid text of a size that the tokenizer can be given."""
    if len(typed) > LARGEST_FIELD:
        raise DataError(
            f"the message is too long: {len(typed):,} characters, at most {LARGEST_FIELD:,} are "
            "read. Shorten the message or its input."
        )
    return typed.encode("utf-8", "replace").decode("utf-8")  # no half surrogate pairs


def load_chat(run: str | Path, base: str | Path | None = None, *, device="auto", **options) -> Chat:
    """A chat with a run (or any model), beside the model that it was tuned from.

    The prompt style is the one that the run's settings name. `base` is another model to compare
    with; "" for none. `options` as in `Chat`. Raises WeightsError for a model that cannot be loaded.
    """
    settings = settings_of(run)
    device = choose_device(device)
    tuned = _load(run, device)
    base = settings.get("model", "") if base is None else base
    models = {}
    if str(base):
        try:
            models[f"base ({Path(base).name})"] = _load(base, device)
        except WeightsError as error:
            raise WeightsError(
                f"the base model cannot be loaded: {error} Name another one with --base, or go "
                "without it: --no-base."
            ) from error
    models[f"{'tuned' if settings else 'model'} ({Path(run).name})"] = tuned
    return Chat(models, tuned_template(run), **options)


def _load(name: str | Path, device: str) -> GPT:
    model = contiguous(load_model(name, device=device))
    check_model(model, name)
    return model


# --- the history ---------------------------------------------------------------------------------

KEYS = ("time", "instruction", "input", "model", "response", "finish_reason")


def open_history(path: str | Path) -> None:
    """Make sure that a history may be added to `path`. Raises RunError for a file of another kind.

    A last line that a crash has cut off is removed, so that the next one begins on its own.
    """
    path = Path(path)
    check_folder(path.parent)
    if not path.exists():
        return
    if read_history(path) or not path.stat().st_size:
        repair_journal(path)
        return
    raise not_a_history(path)


def read_history(path: str | Path) -> list[dict]:
    """The answers in a history, oldest first. Raises RunError for a file of another kind."""
    path = Path(path)
    if not path.exists():
        return []
    if path.is_dir():
        raise RunError(f"{path} is a folder: name the file for the history, such as chat.jsonl.")
    try:
        lines = read_jsonl(path)
    except CourseError as error:
        raise not_a_history(path) from error
    if not all(isinstance(line, dict) and set(KEYS) <= set(line) for line in lines):
        raise not_a_history(path)
    return lines


def not_a_history(path: Path) -> RunError:
    """What to say of a file that holds something else: nothing is added to it."""
    return RunError(f"{path} holds no history of a chat: name another file, or remove it first.")


def messages(lines: list[dict], last: int = 0) -> list[list[dict]]:
    """The answers grouped by the message they belong to; with `last`, those to so many last ones."""

    def message(line: dict) -> tuple:
        return line["time"], line["instruction"], line["input"]

    grouped = [list(group) for _, group in groupby(lines, message)]
    return grouped[-last:] if last else grouped


def remark(line: dict) -> str:
    """How an answer ended, in words, where that is worth saying; "" otherwise."""
    if line["finish_reason"] == "stop" and not line["response"]:
        return "nothing: it ended at once"
    return ENDS.get(line["finish_reason"], "").format(n=line.get("n_tokens", 0))


def transcript(lines: list[dict], last: int = 0) -> str:
    """The conversation as text to read, with `last` only its end."""
    parts = []
    for answers in messages(lines, last):
        request = answers[0]
        asked = [f"You, {request['time'][:16].replace('T', ' ')} UTC: {request['instruction']}"]
        asked += [f"Input: {request['input']}"] if request["input"] else []
        aside = [f" ({remark(a)})" if remark(a) else "" for a in answers]
        said = [
            f"{a['model']}: {a['response']}{end}" for a, end in zip(answers, aside, strict=True)
        ]
        parts.append("\n".join([*asked, *said]))
    return "\n\n".join(parts) or "Nothing has been said yet."
