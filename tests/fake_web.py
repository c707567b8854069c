"""A pretend web server on 127.0.0.1, and a pretend Hugging Face hub made of two, with faults.

    with FakeWeb({"/a/rows.json": b"[]"}, faults=["500", "cut"]) as web:
        requests.get(web.url + "/a/rows.json")

`faults` go wrong one after the other, a GET each; `always` goes wrong with every GET:
a status such as "404"; "429 7" asks to wait 7 seconds; "cut" hangs up after half of the bytes, "cut
small" after a tenth; "wrong" sends other bytes of the same number; "login" is a web page with status
200; "no length" leaves the size out. A request by a proxy's client (its path is a whole address) is
answered by the address's path.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class FakeWeb:
    """`requests` holds (method, path, headers) in the order of arrival."""

    def __init__(self, files, *, faults=(), always="", ranges=True, headers=None, tls=None):
        self.files, self.faults, self.always = dict(files), list(faults), always
        self.ranges, self.tls = ranges, tls
        self.headers = headers or {}  # path → headers of its own; a "Location" makes it a redirect
        self.requests: list[tuple[str, str, dict]] = []
        self.released = threading.Event()  # ends a stall

    def __enter__(self) -> FakeWeb:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.handle_error = lambda *_: None  # a client that hangs up is what we test
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def ranges_asked(self) -> list[str]:
        """The Range headers of all GET requests, "" for one without."""
        return [h.get("Range", "") for method, _, h in self.requests if method == "GET"]


def _handler(web: FakeWeb):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer("")

        def do_GET(self):
            redirects = "Location" in web.headers.get(self.path, {})
            fault = web.always
            if not fault and web.faults and not redirects:
                fault = web.faults.pop(0)
            self.answer(fault)

        def answer(self, fault):
            path = re.sub("^http://[^/]+", "", self.path)
            headers = {name.title(): value for name, value in self.headers.items()}
            web.requests.append((self.command, self.path, headers))
            self.close_connection = True
            if re.match(r"\d{3}", fault):
                wait = {"Retry-After": fault[4:]} if fault[4:] else {}
                self.head(int(fault[:3]), 9, {"Content-Type": "text/html", **wait})
                self.wfile.write(b"<p>Sorry.")
            elif fault == "login":
                self.head(200, 9, {"Content-Type": "text/html; charset=utf-8"})
                self.wfile.write(b"<p>Log in")
            elif "Location" in web.headers.get(path, {}):
                self.head(302, 0, web.headers[path])
            elif path not in web.files:
                self.head(404, 9, {"Content-Type": "text/html"})
                self.wfile.write(b"<p>Sorry." if self.command == "GET" else b"")
            else:
                self.file(path, fault)

        def file(self, path, fault):
            content = web.files[path]
            size = content.stat().st_size if isinstance(content, Path) else len(content)
            headers = {"ETag": f'"{size}"', **web.headers.get(path, {})}
            start = self.start(size, headers["ETag"])
            if start >= size > 0:
                self.head(416, 0, {"Content-Range": f"bytes */{size}"})
                return
            if start:
                headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
            if fault == "gzip":
                content = gzip.compress(content)
                headers["Content-Encoding"], size = "gzip", len(content)
            self.head(
                206 if start else 200, None if fault == "no length" else size - start, headers
            )
            if self.command == "GET":
                self.send(content, start, size, fault)

        def start(self, size, etag):
            """Where the reply begins: 0 unless a range was asked for that may be given."""
            asked = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
            same = self.headers.get("If-Range", etag) == etag
            return int(asked[1]) if asked and web.ranges and same else 0

        def send(self, content, start, size, fault):
            if isinstance(content, Path) and not fault:
                with open(content, "rb") as f:
                    self.connection.sendfile(f, start)
                return
            whole = content.read_bytes() if isinstance(content, Path) else content
            body = whole[start:]
            if fault == "wrong":
                body = bytes(255 - byte for byte in body)
            part = {"cut": 2, "cut small": 10, "stall": 2}.get(fault, 1)
            self.wfile.write(body[: len(body) // part])
            if fault == "stall":
                web.released.wait(30)

        def head(self, status, length, headers):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.send_header("Connection", "close")
            self.end_headers()

    return Handler


@contextmanager
def fake_hub(known, config: bytes, weights: bytes | Path, *, sha256: str = "", **options):
    """A hub that holds the two files of a known model as huggingface.co does; yields (hub, storage).

    The small file comes from the hub itself. For the large one it redirects to a storage server, with
    the file's sha256 and size in headers of its own. `options` (faults …) are the storage's.
    """
    base = f"/{known.repository}/resolve/{known.revision}"
    commit = {"X-Repo-Commit": known.revision}
    sha256 = sha256 or hashlib.sha256(weights).hexdigest()
    size = weights.stat().st_size if isinstance(weights, Path) else len(weights)
    git = hashlib.sha1(b"blob %d\0" % len(config) + config).hexdigest()
    with FakeWeb({f"/blob/{sha256}": weights}, **options) as storage:
        headers = {
            f"{base}/config.json": {**commit, "ETag": f'"{git}"'},
            f"{base}/model.safetensors": {
                **commit,
                "Location": f"{storage.url}/blob/{sha256}",
                "X-Linked-Etag": f'"{sha256}"',
                "X-Linked-Size": str(size),
            },
        }
        with FakeWeb({f"{base}/config.json": config}, headers=headers) as hub:
            yield hub, storage
