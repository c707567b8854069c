"""A judge from one GGUF file: llama.cpp's own server, started here and stopped at the end.

Needs the package xllamacpp (extra `judge`), which carries llama.cpp. The server listens on a free port
of 127.0.0.1 and nowhere else, and is asked like any other OpenAI-compatible one.
"""

from __future__ import annotations

import os
from pathlib import Path

from helpers.errors import JudgeError, SettingsError, one_line
from helpers.files import sha256
from helpers.judge.asking import INSTEAD
from helpers.judge.openai import OpenAIJudge
from helpers.judge.rubric import PERCENT, Rubric

MAGIC = b"GGUF"


class LlamaCppJudge(OpenAIJudge):
    """Scores a response with the model in `file`; `digest` is the file's sha256.

    `num_ctx` is the context in tokens of each of `workers` questions at a time; `timeout` in seconds.
    """

    def __init__(
        self,
        file: str | Path,
        timeout: float = 120.0,
        *,
        num_ctx: int = 2048,
        max_tokens: int = 256,
        seed: int = 123,
        workers: int = 1,
        rubric: Rubric = PERCENT,
        instead: str = INSTEAD,
    ):
        self.file = _gguf(Path(file))
        super().__init__(
            self.file.stem,
            "http://127.0.0.1",  # the port is known once the server runs
            timeout,
            max_tokens=max_tokens,
            seed=seed,
            rubric=rubric,
            instead=instead,
        )
        self.name = f"llamacpp:{self.file.name}"
        self.options = {**self.options, "cache_prompt": False}  # or the order would change replies
        self.num_ctx = num_ctx
        self.workers = workers
        self.running = None

    def preflight(self) -> None:
        """None, when the model is loaded and answers; else JudgeError with what to do."""
        if self.running is None:
            self.digest = sha256(self.file)
            context = self.num_ctx * self.workers
            self.running = _start(self.file, context, self.workers, self.instead)
        self.server.url = f"{self.running.listening_address}/v1"

    def close(self) -> None:
        """Stops the server and frees its memory."""
        self.running = None  # xllamacpp stops a server that nothing names any more


def _gguf(file: Path) -> Path:
    """The file, if it begins as GGUF does. Raises SettingsError otherwise."""
    try:
        with open(file, "rb") as opened:
            start = opened.read(len(MAGIC))
    except OSError as error:
        raise SettingsError(
            f"the model {file} cannot be read ({one_line(error)}). Name a GGUF file: "
            "llamacpp:FILE.gguf."
        ) from error
    if start != MAGIC:
        raise SettingsError(
            f"{file} is no GGUF file (it begins with {start!r}). `course export` writes one, and "
            "others are on the Hugging Face hub."
        )
    return file


def _start(file: Path, n_ctx: int, parallel: int, instead: str):
    """A running server with the model. Raises JudgeError when it does not start."""
    try:
        import xllamacpp
    except ImportError as error:
        raise JudgeError(
            f"llamacpp:… needs the package xllamacpp: type `pip install xllamacpp`{instead}."
        ) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = n_ctx, parallel
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # One core is left to us and the server's own work: a thread too many waits for all the others.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, (threads or 2) - 1)
    params.warmup, params.verbosity = True, 0
    try:
        return xllamacpp.Server(params)
    except (RuntimeError, ValueError, OSError) as error:
        raise JudgeError(
            f"llama.cpp cannot load {file} ({one_line(error)}). The file may be incomplete, or the "
            "memory too small: close other programs, or take a smaller model."
        ) from error
