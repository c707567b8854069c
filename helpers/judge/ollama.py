"""A judge that asks a language model served by Ollama on this machine (or on another of yours).

It uses Ollama's own `/api/chat`, because the OpenAI-compatible door cannot set the context length,
and asks for JSON of a fixed shape; the reply is still checked, since a model may ignore that.
Source: Ollama's API documentation, github.com/ollama/ollama/blob/main/docs/api.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from urllib.parse import urlsplit

from helpers.errors import JudgeError, SettingsError, without_password
from helpers.judge.asking import INSTEAD, Meter, Server
from helpers.judge.rubric import PERCENT, Rubric
from helpers.progress import bar

DEFAULT_PORT = 11434


def server_url(host: str | None = None) -> str:
    """The server's address: `host`, else OLLAMA_HOST, else http://127.0.0.1:11434.

    >>> server_url("otherhost"), server_url("https://example.org/ollama/")
    ('http://otherhost:11434', 'https://example.org:443/ollama')
    """
    given = (host or os.environ.get("OLLAMA_HOST") or "127.0.0.1").strip()
    parts = urlsplit(given if "://" in given else f"http://{given}")
    try:
        port = parts.port
    except ValueError as error:
        raise SettingsError(
            f"the Ollama address {without_password(given)!r} has no valid port ({error}). Set OLLAMA_HOST "
            "to an address such as 127.0.0.1:11434."
        ) from error
    if parts.scheme not in ("http", "https"):
        raise SettingsError(
            f"the Ollama address {without_password(given)!r} must begin with http:// or "
            "https://. Set OLLAMA_HOST so."
        )
    if port is None:
        port = DEFAULT_PORT if "://" not in given else {"http": 80, "https": 443}[parts.scheme]
    name = parts.hostname or "127.0.0.1"
    if name in ("0.0.0.0", "::"):  # where a server listens, not where a client calls
        name = "127.0.0.1"
    name = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{name}:{port}{parts.path.rstrip('/')}"


class OllamaJudge:
    """Scores a response by asking `model`; the same question gets the same answer (temperature 0).

    `timeout` and `load_timeout` are seconds: how long to wait for a reply, and for the first one,
    before which Ollama has to load the model from the disk. `num_ctx` is the context in tokens.
    `instead` is what messages offer somebody who has no server.
    `pull` is asked, with a sentence, before a model that is missing is fetched; without it, and
    when it says no, a missing model is an error. `digest` is known after `preflight`.
    """

    def __init__(
        self,
        model: str,
        url: str | None = None,
        timeout: float = 60.0,
        *,
        load_timeout: float = 300.0,
        num_ctx: int = 2048,
        num_predict: int = 256,
        seed: int = 123,
        rubric: Rubric = PERCENT,
        pull: Callable[[str], bool] | None = None,
        instead: str = INSTEAD,
    ):
        self.model = model
        self.name = f"ollama:{model}"
        self.instead = instead
        self.url = server_url(url)
        self.server = Server(self.url)
        self.timeout = timeout
        self.load_timeout = load_timeout
        self.options = {
            "temperature": 0,
            "seed": seed,
            "num_ctx": num_ctx,
            "num_predict": num_predict,
        }
        self.rubric = rubric
        self.pull = pull
        self.digest = ""
        self.meter = Meter()
        self._loaded = False

    def preflight(self) -> None:
        """None, when the server answers and has the model; else JudgeError with what to type."""
        there = self._models()
        wanted = self.model if ":" in self.model else f"{self.model}:latest"
        if wanted not in there and self.pull and self.pull(f"Ollama has no model {self.model!r}."):
            self._pull()
            there = self._models()
        if wanted not in there:
            raise JudgeError(
                f"Ollama has no model {self.model!r}. Fetch it with `ollama pull {self.model}`. "
                f"Models that are there: {', '.join(there) or 'none'}."
            )
        self.digest = there[wanted]

    def warm_up(self) -> None:
        """Have the model loaded, which takes a while. Raises JudgeError when it cannot be."""
        body = {"model": self.model, "messages": [], "stream": False, "options": self.options}
        wait = max(self.timeout, self.load_timeout)
        try:
            self.server.call("POST", "/api/chat", timeout=wait, json=body)
        except (ConnectionError, TimeoutError, JudgeError) as error:
            remedy = self._remedy(str(error)) or ". `ollama ps` shows what is loaded."
            raise JudgeError(f"{self.model!r} cannot be loaded: {error}{remedy}") from error
        self._loaded = True

    def version(self) -> str:
        """The server's version, such as "0.12.3"; "" when it does not say.

        Raises ConnectionError or TimeoutError when nobody answers.
        """
        return str(self.server.call("GET", "/api/version", timeout=10.0).get("version") or "")

    def score(self, record: dict) -> tuple[float | None, str]:
        """The score (None if the reply states none) and the model's reply.

        Raises ConnectionError or TimeoutError when nobody answers, JudgeError for an answer that
        is no reply of a model.
        """
        content = self.ask(self.rubric.messages(record), self.rubric.schema)
        return self.rubric.points(content, record), content

    def ask(self, messages: list[dict], schema: dict) -> str:
        """The model's reply to a conversation, in JSON of that schema if it obeys."""
        body = {
            "model": self.model,
            "messages": messages,
            "stream": False,
            "format": schema,
            "options": self.options,
            "truncate": False,  # else a long question would lose its beginning, the rules
        }
        self.meter.start()
        wait = self.timeout if self._loaded else max(self.timeout, self.load_timeout)
        try:
            reply = self.server.call("POST", "/api/chat", timeout=wait, json=body)
        except JudgeError as error:
            raise JudgeError(f"{error}{self._remedy(str(error))}") from error
        message = reply.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, str):
            text = json.dumps(reply)[:200]
            raise JudgeError(f"the reply has no message.content: {text}")
        self._loaded = True
        self.meter.add(reply.get("eval_count"))
        return content

    def _remedy(self, fault: str) -> str:
        """What to type after a fault that has a remedy; else nothing."""
        if "memory" in fault:
            return ". Close other programs, or take a smaller judge: `ollama pull llama3.2:1b`."
        if "not found" in fault:
            return f". Fetch it with `ollama pull {self.model}`."
        return ""

    def _models(self) -> dict[str, str]:
        """The models that the server has, by name, with their digests."""
        try:
            tags = self.server.call("GET", "/api/tags", timeout=min(self.timeout, 10.0))
            found = {str(m["name"]): str(m.get("digest", "")) for m in tags.get("models") or []}
        except (ConnectionError, TimeoutError) as error:
            raise JudgeError(
                f"no Ollama server answers at {self.url}. Start it with `ollama serve` in another "
                f"terminal{self.instead}."
            ) from error
        except (JudgeError, KeyError, TypeError, AttributeError) as error:
            raise JudgeError(
                f"{self.url} answers, but not as Ollama does. Check OLLAMA_HOST "
                f"(Ollama's own port is {DEFAULT_PORT}){self.instead}."
            ) from error
        return dict(sorted(found.items()))

    def _pull(self) -> None:
        """Fetch the model through the server, with a bar. Raises JudgeError when that fails."""
        remedy = f"`ollama pull {self.model}` goes on where it stopped."
        body = {"model": self.model, "stream": True}
        layers, last = {}, {}  # digest → (bytes in all, bytes that are here)
        try:
            reply = self.server.stream("POST", "/api/pull", timeout=self.load_timeout, json=body)
            with reply, bar(desc=f"pulling {self.model}", unit="B") as progress:
                for line in filter(None, reply.iter_lines()):
                    last = json.loads(line)
                    if not isinstance(last, dict):
                        raise ValueError(f"{line[:40]!r} is no report")
                    if last.get("total"):
                        layers[last.get("digest")] = (last["total"], last.get("completed", 0))
                        progress.total = sum(total for total, _ in layers.values())
                        progress.update(sum(here for _, here in layers.values()) - progress.n)
        except (OSError, ValueError) as error:  # requests' exceptions are OSErrors
            raise JudgeError(f"fetching {self.model} broke off ({error}). {remedy}") from error
        if last.get("status") != "success":
            reason = last.get("error") or "the server did not say that it succeeded"
            raise JudgeError(f"fetching {self.model} failed: {reason}. {remedy}")
