"""A pretend Ollama server on 127.0.0.1 whose faults a test can choose.

    with FakeOllama(score=70, faults={2: "memory"}) as server:
        OllamaJudge("llama3", server.url)

`faults` maps the number of a chat request (from 0) to what goes wrong with it, one of the names in
REPLIES or "stall"; `always` is what goes wrong with all of them. After `stop_after` requests it
hangs up on every further one. `every=(3, "busy")` is what goes wrong with each third item when it is
first asked about. A request without messages loads the model: no question, kept in `loads`; `load`
is its fault. `tags` replaces the whole reply of /api/tags. It also speaks the
OpenAI-compatible dialect under /v1, where `key` is asked for if given and `formats` are the kinds of
response_format that it takes, and it fetches models: `pull` is what it says while it does.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Instead of a status: the reply ends in the middle, is none, or comes byte by byte.
CUT, NOT_HTTP, TRICKLE = 1, 2, 3
STALL = 1.0  # seconds; tests use a much shorter time-out


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class FakeOllama:
    """`requests` holds the bodies of the chat requests in the order of their arrival."""

    def __init__(
        self,
        *,
        score: int = 70,
        says: str | Callable[[dict], str] = "",  # the whole reply, in place of a score
        models: tuple[str, ...] = ("llama3:latest",),
        faults: dict[int, str] | None = None,
        always: str = "",
        every: tuple[int, str] | None = None,
        load: str = "",
        stop_after: int | None = None,
        tags: bytes | None = None,
        digest: str = "d1",
        takes: float = 0.0,  # seconds for each reply
        key: str = "",
        formats: tuple[str, ...] = ("json_schema", "json_object"),
        pull: list[dict] | None = None,
    ):
        self.score, self.always, self.stop_after = score, always, stop_after
        self.faults = faults or {}
        self.models, self.digest, self.given_tags = list(models), digest, tags
        self.takes, self.says = takes, says
        self.key, self.formats, self.pull = key, formats, pull or []
        self.every, self.load = every, load
        self.asked: set[str] = set()
        self.connections = 0
        self.loads: list[dict] = []
        self.pulled: list[dict] = []
        self.requests: list[dict] = []
        self.released = threading.Event()  # ends a stall early, when the test is over
        self.lock = threading.Lock()

    def __enter__(self) -> FakeOllama:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def tags(self) -> bytes:
        there = [{"name": name, "digest": self.digest} for name in self.models]
        return self.given_tags or json.dumps({"models": there}).encode()

    def reply_to_get(self, path: str, headers) -> tuple[int, bytes]:
        if not path.startswith("/v1"):
            return 200, self.tags
        if self.key and headers.get("Authorization") != f"Bearer {self.key}":
            given = headers.get("Authorization", "")
            words = f"Incorrect API key provided: {given}"  # real servers do repeat it
            return 401, json.dumps({"error": {"message": words}}).encode()
        return 200, json.dumps({"data": [{"id": name} for name in self.models]}).encode()

    def reply_to_pull(self, body: dict) -> tuple[int, bytes]:
        self.pulled.append(body)
        if self.pull and self.pull[-1].get("status") == "success":
            self.models.append(body["model"] + ":latest")
        return 200, b"".join(json.dumps(line).encode() + b"\n" for line in self.pull)

    def reply_to_openai(self, body: dict) -> tuple[int, bytes] | None:
        kind = body.get("response_format", {}).get("type")
        if kind and kind not in self.formats:
            return 400, b'{"error": {"message": "response_format is not supported"}}'
        reply = self.reply_to_chat(body)
        if reply is None or reply[0] != 200 or b'"message"' not in reply[1]:
            return reply
        usage = json.dumps(json.loads(reply[1]).get("usage")).encode()
        return 200, b'{"choices": [' + reply[1] + b'], "usage": ' + usage + b"}"

    def reply_to_chat(self, body: dict) -> tuple[int, bytes] | None:
        """Status and body, or None for hanging up without a word."""
        if not body["messages"]:
            self.loads.append(body)
            self.released.wait(STALL if self.load == "stall" else 0)
            return REPLIES.get(self.load, lambda *_: _chat(""))(self, body)
        with self.lock:
            number = len(self.requests)
            self.requests.append(body)
        if self.stop_after is not None and number >= self.stop_after:
            return None
        self.released.wait(self.takes)
        fault = self.faults.get(number, self.always)
        if self.every and self._nth_item(body) % self.every[0] == 1:
            fault = self.every[1]
        if fault == "stall":
            self.released.wait(STALL)
        return REPLIES.get(fault, _good)(self, body)

    def _nth_item(self, body: dict) -> int:
        """1, 2, … for a question that was not asked before, 0 for one that was."""
        question = json.dumps(body["messages"])
        with self.lock:
            if question in self.asked:
                return 0
            self.asked.add(question)
            return len(self.asked)


def _good(server: FakeOllama, body: dict) -> tuple[int, bytes]:
    if callable(server.says):
        return _chat(server.says(body))
    return _chat(server.says or json.dumps({"score": server.score}))


def _chat(content: str) -> tuple[int, bytes]:
    message = {"role": "assistant", "content": content}
    counts = {"eval_count": 9, "usage": {"completion_tokens": 9}}  # Ollama's words, and OpenAI's
    return 200, json.dumps({"message": message, "done": True, **counts}).encode()


REPLIES = {
    "hang up": lambda server, body: None,
    "trickle": lambda server, body: (TRICKLE, _chat('{"score": 70}')[1]),
    "elsewhere": lambda server, body: (302, b""),
    "cut": lambda server, body: (CUT, _chat('{"score": 70}')[1]),
    "busy": lambda server, body: (503, b'{"error": "server busy, please try again"}'),
    "wrong JSON": lambda server, body: _chat('{"points": "seventy"}'),
    "not HTTP": lambda server, body: (NOT_HTTP, b"hello\r\n"),
    "no model": lambda server, body: (404, b'{"error": "model \'llama3\' not found"}'),
    "memory": lambda server, body: (500, b'{"error": "model requires more system memory"}'),
    "prose": lambda server, body: _chat("A fine answer, I would say."),
    "off the scale": lambda server, body: _chat('{"score": 850}'),
    "not JSON": lambda server, body: (200, b"<html>a proxy's welcome page</html>"),
    "no content": lambda server, body: (200, b'{"message": {"role": "assistant"}}'),
    "a list": lambda server, body: (200, b"[1, 2]"),
    "half a character": lambda server, body: (200, b'{"message": {"content": "70 \\ud83d"}}'),
}


def _handler(server: FakeOllama) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open
        wbufsize = -1  # head and body in one packet: in two, the second waits for 40 ms

        def setup(self) -> None:
            super().setup()
            with server.lock:
                server.connections += 1

        def do_GET(self) -> None:
            self._send(server.reply_to_get(self.path, self.headers))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            doors = {"/api/pull": server.reply_to_pull, "/api/chat": server.reply_to_chat}
            self._send(doors.get(self.path, server.reply_to_openai)(body))

        def _send(self, reply: tuple[int, bytes] | None) -> None:
            if reply is None:
                self.close_connection = True
                return
            status, body = reply
            self.close_connection = status in (CUT, NOT_HTTP)
            try:
                if status != NOT_HTTP:
                    self.send_response(200 if status in (CUT, TRICKLE) else status)
                    self.send_header("Content-Length", str(len(body)))
                    if status == 302:
                        self.send_header("Location", f"{server.url}/elsewhere")
                    if status == 503:
                        self.send_header("Retry-After", "0.01")
                    self.end_headers()
                if status == TRICKLE:
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        server.released.wait(0.02)
                else:
                    self.wfile.write(body[: len(body) // 2] if status == CUT else body)
                    self.wfile.flush()
            except OSError:  # the client did not wait for a stalled reply
                self.close_connection = True

        def log_message(self, *_) -> None:
            pass

    return Handler
