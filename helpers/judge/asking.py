"""Asking a server over HTTP: one kept connection a thread, a second try where it may help.

Everything that can go wrong becomes one of three exceptions, which `verdicts` tells apart:
ConnectionError and TimeoutError when nobody answers, JudgeError for an answer that is no reply.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from helpers.errors import JudgeError

BUSY = (429, 502, 503, 504)  # statuses after which the same request may well succeed
LONGEST_WAIT = 30.0  # seconds; a server that asks for more is told about as it is


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine."""
    name = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class Server:
    """An HTTP server that replies with JSON objects.

    `headers` go with every request and are never repeated in a message. After a status of BUSY it
    asks up to `retries` times again, waiting as long as Retry-After says, or 0.5, 1, 2, … seconds.
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
        reply = self._patiently(method, path, timeout=timeout, **options)
        try:
            value = reply.json()
        except ValueError:
            value = None
        if not reply.ok:
            raise JudgeError(f"HTTP {reply.status_code}: {self._reason(value, reply.text)}")
        if not isinstance(value, dict):
            raise JudgeError(f"the reply is not a JSON object: {self.hide(reply.text[:200])!r}")
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

    def _patiently(self, method, path, **options) -> requests.Response:
        for attempt in range(self.retries + 1):
            reply = self._once(method, path, **options)
            wait = _wait_for(reply, attempt)
            if reply.status_code not in BUSY or attempt == self.retries or wait > LONGEST_WAIT:
                break
            self.sleep(wait)
        return reply

    def _once(self, method, path, *, timeout, **options) -> requests.Response:
        try:
            return self._session().request(
                method, self.url + path, timeout=timeout, headers=self.headers, **options
            )
        except requests.Timeout as error:
            raise TimeoutError(f"time-out: no reply from {self.url} in {timeout:g} s") from error
        except requests.ConnectionError as error:
            if re.search("BadStatusLine|LineTooLong", repr(error)):  # somebody answers, not in HTTP
                raise JudgeError(f"the reply of {self.url} is not HTTP") from error
            raise ConnectionError(f"no connection to {self.url}: {error}") from error
        except requests.RequestException as error:
            raise JudgeError(f"request to {self.url} failed: {self.hide(str(error))}") from error

    def _session(self) -> requests.Session:
        if not hasattr(self._sessions, "session"):
            self._sessions.session = requests.Session()
            self._sessions.session.trust_env = not is_loopback(self.url)  # no proxy to ourselves
        return self._sessions.session

    def _reason(self, value, text: str) -> str:
        """The server's own words about what went wrong: Ollama's form, OpenAI's form, or the text."""
        reason = value.get("error") if isinstance(value, dict) else None
        reason = reason.get("message") if isinstance(reason, dict) else reason
        return self.hide(str(reason or text[:200]))


def _wait_for(reply: requests.Response, attempt: int) -> float:
    """Seconds to wait before the next try: what the server says, or longer each time."""
    try:
        return max(0.0, float(reply.headers.get("Retry-After", "")))
    except ValueError:
        return 0.5 * 2**attempt
