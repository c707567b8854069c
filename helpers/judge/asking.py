"""Asking a server over HTTP: one kept connection a thread, a second try where it may help.

Everything that can go wrong becomes one of three exceptions, which `verdicts` tells apart:
ConnectionError and TimeoutError when nobody answers (or always "busy": the next item would fare no
better), JudgeError for an answer that is no reply.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from helpers.errors import JudgeError

BUSY = (429, 502, 503, 504)  # statuses after which the same request may well succeed
LONGEST_WAIT = 30.0  # seconds; a server that asks for more is told about as it is
LONGEST_REPLY = 2_000_000  # bytes
INSTEAD = ", or use the judge `reference`, which needs none"  # what messages offer without a server


class DroppedError(ConnectionError):
    """A connection that ended before the reply did: a second one may fare better."""


class Meter:
    """Tokens a second since the first question; may be used from several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._tokens, self._began = 0, 0.0

    def start(self) -> None:
        """Called before each question; only the first counts."""
        with self._lock:
            self._began = self._began or time.monotonic()

    def add(self, tokens: Any) -> None:
        """Called with the number that a reply names; anything else counts nothing."""
        if type(tokens) is int:
            with self._lock:
                self._tokens += tokens

    def rate(self) -> float | None:
        """Tokens a second; None while there are none."""
        with self._lock:
            seconds = time.monotonic() - self._began
            return self._tokens / max(seconds, 1e-6) if self._tokens else None


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine."""
    name = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class Server:
    """An HTTP server that replies with JSON objects.

    `headers` go with every request and are never repeated in a message. After a status of BUSY, or
    a connection that was dropped, it asks up to `retries` times again, waiting as long as
    Retry-After says, or 0.5, 1, 2, … seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: dict | None = None,
        retries: int = 3,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.url = url
        self.headers = headers or {}
        self.retries = retries
        self.sleep = sleep
        self._sessions = threading.local()  # requests' sessions are not made to be shared

    def call(self, method: str, path: str, *, timeout: float, **options) -> dict:
        """The JSON object that the server replies with. `timeout` in seconds, for each try."""
        status, text = self._patiently(method, path, timeout=timeout, **options)
        text = self.hide(text)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if status >= 300:
            told = f"HTTP {status}: {_reason(value, text)}"
            raise ConnectionError(told) if status in BUSY else JudgeError(told)
        if not isinstance(value, dict):
            raise JudgeError(f"the reply is not a JSON object: {text[:200]!r}")
        return value

    def stream(self, method: str, path: str, *, timeout: float, **options) -> requests.Response:
        """The reply, whose lines arrive while the server works; close it when done."""
        return self._once(method, path, timeout=timeout, stream=True, **options)

    def hide(self, text: str) -> str:
        """The text without the values of our headers: a server may repeat a key that it refuses."""
        for value in self.headers.values():
            for secret in (value, value.removeprefix("Bearer ")):
                text = text.replace(secret, "…") if secret else text
        return text

    def _patiently(self, method, path, **options) -> tuple[int, str]:
        """Status and body of the last try."""
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            try:
                status, text, wait = self._whole(method, path, **options)
            except DroppedError:
                if last:
                    raise
                wait = None
            else:
                wait = wait if wait is None or wait <= LONGEST_WAIT else math.inf
                if status not in BUSY or last or wait == math.inf:
                    return status, text
            self.sleep(0.5 * 2**attempt if wait is None else wait)
        raise AssertionError("the last try either returns or raises")

    def _whole(self, method, path, *, timeout, **options) -> tuple[int, str, float | None]:
        """Status, body, and the seconds that the server asks us to wait."""
        deadline = time.monotonic() + timeout
        reply = self._once(method, path, timeout=timeout, stream=True, **options)
        with reply, self._translated(timeout):
            return reply.status_code, _read(reply, deadline), _wait_for(reply)

    def _once(self, method, path, *, timeout, **options) -> requests.Response:
        with self._translated(timeout):
            return self._session().request(
                method,
                self.url + path,
                timeout=timeout,
                headers=self.headers,
                allow_redirects=False,  # a question that is passed on loses its body
                **options,
            )

    @contextmanager
    def _translated(self, timeout: float) -> Iterator[None]:
        try:
            yield
        except requests.RequestException as error:
            words, kind = self.hide(str(error)), repr(error)
            if isinstance(error, requests.Timeout) or "Read timed out" in words:
                told = f"time-out: no reply from {self.url} in {timeout:g} s"
                raise TimeoutError(told) from error
            if re.search("BadStatusLine|LineTooLong", kind):  # somebody answers, not in HTTP
                raise JudgeError(f"the reply of {self.url} is not HTTP") from error
            if re.search("Connection aborted|ConnectionReset|IncompleteRead|Broken pipe", kind):
                raise DroppedError(f"no connection to {self.url}: {words}") from error
            if isinstance(error, requests.ConnectionError):
                raise ConnectionError(f"no connection to {self.url}: {words}") from error
            raise JudgeError(f"request to {self.url} failed: {words}") from error

    def _session(self) -> requests.Session:
        if not hasattr(self._sessions, "session"):
            self._sessions.session = requests.Session()
            self._sessions.session.trust_env = not is_loopback(self.url)  # no proxy to ourselves
        return self._sessions.session


def _read(reply: requests.Response, deadline: float) -> str:
    """The body. A server that sends a byte now and then is not waited for beyond the deadline:

    the time-out of a socket begins anew with every byte.
    """
    body = bytearray()
    for byte in reply.iter_content(1):  # a larger piece would be waited for until it is whole
        body += byte
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("the reply trickles")
        if len(body) > LONGEST_REPLY:
            raise JudgeError(f"the reply is longer than {LONGEST_REPLY:,} bytes")
    return body.decode("utf-8", "replace")


def _reason(value, text: str) -> str:
    """The server's own words about what went wrong: Ollama's form, OpenAI's form, or the text."""
    reason = value.get("error") if isinstance(value, dict) else None
    reason = reason.get("message") if isinstance(reason, dict) else reason
    return str(reason or text[:200])


def _wait_for(reply: requests.Response) -> float | None:
    """Seconds to wait before the next try, if the server says."""
    try:
        return max(0.0, float(reply.headers.get("Retry-After", "")))
    except ValueError:
        return None
