"""A judge behind any OpenAI-compatible server: a hosted one, vLLM, LM Studio, llama.cpp's server.

The key comes from the environment variable OPENAI_API_KEY and goes nowhere but into the request: not
into verdicts, logs or messages. Servers differ in how they are asked for JSON; the strictest form that
a server takes is used: a schema, JSON of any shape, or nothing but the words of the rubric. Source:
the OpenAI API reference, platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

from helpers.errors import JudgeError, SettingsError, without_password
from helpers.judge.asking import INSTEAD, Meter, Server, is_loopback
from helpers.judge.rubric import PERCENT, Rubric

KEY = "OPENAI_API_KEY"
FORMATS = ("schema", "json", "words")  # from the strictest
REFUSED = ("HTTP 400", "HTTP 404", "HTTP 422", "HTTP 500")  # what servers say to an unknown format


def base_url(given: str) -> str:
    """The address up to and with /v1. Raises SettingsError for what is none, or would leak the key.

    >>> base_url("http://127.0.0.1:8080"), base_url("https://api.example.org/openai/v1/")
    ('http://127.0.0.1:8080/v1', 'https://api.example.org/openai/v1')
    """
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"the server's address {without_password(given)!r} must be like http://127.0.0.1:8080/v1. "
            "Name model and server as openai:MODEL@URL."
        )
    if parts.username or parts.password or parts.query:
        raise SettingsError(
            f"the server's address for {parts.hostname} holds a name, a password or a query, and "
            f"would be written into every result. Put a key into {KEY} instead."
        )
    url = given.rstrip("/")
    return url if parts.path.rstrip("/").endswith("/v1") else f"{url}/v1"


def _key() -> str:
    """The key, "" without one. Raises SettingsError, not repeating it, for what can be no key."""
    key = os.environ.get(KEY, "").strip()
    if any(not "!" <= character <= "~" for character in key):  # libraries would quote it in errors
        raise SettingsError(
            f"{KEY} holds a blank or a character that no key has. Set it again: `export {KEY}=…`."
        )
    return key


class OpenAIJudge:
    """Scores a response by asking `model` at `url`, at temperature 0 and with a seed.

    `timeout` is in seconds, for each reply. `digest` stays empty: these servers name a model, and
    nothing says whether the weights behind the name are still the same.
    """

    def __init__(
        self,
        model: str,
        url: str,
        timeout: float = 60.0,
        *,
        max_tokens: int = 256,
        seed: int = 123,
        rubric: Rubric = PERCENT,
        instead: str = INSTEAD,
    ):
        self.model = model
        self.instead = instead
        self.url = base_url(url)
        self.name = f"openai:{model}@{self.url}"
        key = _key()
        if key and self.url.startswith("http://") and not is_loopback(self.url):
            raise SettingsError(
                f"{KEY} would travel unencrypted to {self.url}: take an https:// address, or unset "
                f"{KEY} if that server needs no key."
            )
        self.server = Server(self.url, headers={"Authorization": f"Bearer {key}"} if key else {})
        self.timeout = timeout
        self.options = {"temperature": 0, "seed": seed, "max_tokens": max_tokens}
        self.rubric = rubric
        self.digest = ""
        self.meter = Meter()
        self._format = FORMATS[0]

    def preflight(self) -> None:
        """None, when the server answers and does not lack the model; else JudgeError with a remedy."""
        try:
            models = self.server.call("GET", "/models", timeout=min(self.timeout, 30.0))
            names = sorted(str(entry["id"]) for entry in models.get("data") or [])
        except (ConnectionError, TimeoutError) as error:
            raise JudgeError(
                f"no server answers at {self.url} ({error}). Start it, check the address in "
                f"openai:MODEL@URL{self.instead}."
            ) from error
        except (KeyError, TypeError):
            names = []
        except JudgeError as error:
            if str(error).startswith(("HTTP 401", "HTTP 403")):
                raise JudgeError(
                    f"{self.url} refuses us ({error}). Type `export {KEY}=…` with a valid key."
                ) from error
            if "not a JSON object" in str(error) or "is not HTTP" in str(error):
                raise JudgeError(
                    f"{self.url} answers, but not as OpenAI's servers do. Check the port (llama.cpp "
                    "has 8080, vLLM 8000, LM Studio 1234) and the path. To see what is there, type "
                    f"`curl {self.url}/models`."
                ) from error
            names = []  # a server that lists no models may judge all the same
        if names and self.model not in names:
            raise JudgeError(
                f"{self.url} has no model {self.model!r}. Models that are there: "
                f"{', '.join(names[:10])}. Name one in openai:MODEL@URL."
            )

    def score(self, record: dict) -> tuple[float | None, str]:
        """The score (None if the reply states none) and the model's reply; raises as OllamaJudge."""
        content = self.ask(self.rubric.messages(record), self.rubric.schema)
        return self.rubric.points(content, record), content

    def ask(self, messages: list[dict], schema: dict) -> str:
        """The model's reply to a conversation, in JSON of that schema if it can be made to."""
        self.meter.start()
        for form in FORMATS[FORMATS.index(self._format) :]:
            body = {"model": self.model, "messages": messages, **self.options}
            body |= _response_format(form, schema)
            try:
                reply = self.server.call(
                    "POST", "/chat/completions", timeout=self.timeout, json=body
                )
            except JudgeError as error:
                about_it = "response_format" in str(error) or "json_schema" in str(error)
                if form == FORMATS[-1] or not (about_it and str(error).startswith(REFUSED)):
                    raise
                continue
            self._format = form
            usage = reply.get("usage")
            self.meter.add(usage.get("completion_tokens") if isinstance(usage, dict) else None)
            return _content(reply)
        raise AssertionError("the last form either returns or raises")


def _response_format(form: str, schema: dict) -> dict:
    if form == "schema":
        named = {
            "name": "reply",
            "strict": True,
            "schema": {**schema, "additionalProperties": False},
        }
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    return {"response_format": {"type": "json_object"}} if form == "json" else {}


def _content(reply: dict) -> str:
    try:
        content = reply["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        content = None
    if not isinstance(content, str):
        raise JudgeError(f"the reply has no choices[0].message.content: {json.dumps(reply)[:200]}")
    return content
