"""A web server on this machine with all the bad manners that downloads meet."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

CONTENT = np.random.default_rng(4).bytes(300_000)
"""What a published file holds here."""
CONTENT_SHA256 = hashlib.sha256(CONTENT).hexdigest()
ETAG = '"first"'

Manner = Callable[["Handler", "Server"], None]
"""How one request is answered."""


class Server(ThreadingHTTPServer):
    """Serves CONTENT at every path; `then` says how the next requests are answered, one each."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag: str | None = ETAG
        self.manners: deque[Manner] = deque()
        self.always: Manner = well_behaved
        self.asked: list[tuple[str, Message]] = []
        """Path and headers of each request."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def then(self, *manners: Manner) -> None:
        """Answer the next requests so; later ones as `always` says."""
        self.manners.extend(manners)

    def url(self, name: str = "weights.pth") -> str:
        """Where a file is."""
        return f"http://127.0.0.1:{self.server_port}/{name}"

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of each request."""
        return [headers["Range"] for _, headers in self.asked]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer as the server's manners say."""
        self.close_connection = True
        self.server.asked.append((self.path, self.headers))
        manner = self.server.manners.popleft() if self.server.manners else self.server.always
        try:
            manner(self, self.server)
        except (BrokenPipeError, ConnectionResetError):
            return

    def head(self, status: int, **headers: object) -> None:
        """Send a status and headers; underscores in their names are hyphens."""
        self.send_response(status)
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    @property
    def wanted_from(self) -> int:
        """The first byte that is asked for, the version taken into account."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        changed = self.headers.get("If-Range", self.server.etag) != self.server.etag
        return int(match[1]) if match and not changed else 0

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def well_behaved(handler: Handler, server: Server) -> None:
    """Ranges and versions are understood."""
    _send(handler, server, len(server.content))


def cut_after(count: int) -> Manner:
    """The connection breaks after so many bytes of the answer."""
    return lambda handler, server: _send(handler, server, count)


def _send(handler: Handler, server: Server, count: int) -> None:
    start, size = handler.wanted_from, len(server.content)
    if start >= size:
        handler.head(416, Content_Range=f"bytes */{size}", Content_Length=0)
        return
    if start:
        handler.head(206, Content_Range=f"bytes {start}-{size - 1}/{size}", Content_Length=size - start)
    else:
        handler.head(200, Content_Length=size, Accept_Ranges="bytes")
    handler.wfile.write(server.content[start : start + count])


def ignoring_ranges(handler: Handler, server: Server) -> None:
    """All of it, whatever was asked."""
    handler.head(200, Content_Length=len(server.content))
    handler.wfile.write(server.content)


def wrong_bytes(handler: Handler, server: Server) -> None:
    """Another file of the same length."""
    handler.head(200, Content_Length=len(server.content))
    handler.wfile.write(bytes(len(server.content)))


def wrong_range(handler: Handler, server: Server) -> None:
    """A piece from somewhere else."""
    size = len(server.content)
    handler.head(206, Content_Range=f"bytes 10-{size - 1}/{size}", Content_Length=size - 10)
    handler.wfile.write(server.content[10:])


def status(code: int) -> Manner:
    """An error."""

    def answer(handler: Handler, server: Server) -> None:
        handler.head(code, Content_Length=0)

    return answer


def announcing(count: int) -> Manner:
    """Content-Length says something else than the truth."""

    def answer(handler: Handler, server: Server) -> None:
        handler.head(200, Content_Length=count)
        handler.wfile.write(server.content)

    return answer


def endless(handler: Handler, server: Server) -> None:
    """No length said, and more than anybody wants."""
    handler.head(200)
    while True:
        handler.wfile.write(server.content)


def packed(handler: Handler, server: Server) -> None:
    """An encoding that wasn't asked for."""
    handler.head(200, Content_Length=len(server.content), Content_Encoding="gzip")
    handler.wfile.write(server.content)


def redirecting(location: str) -> Manner:
    """Go elsewhere."""

    def answer(handler: Handler, server: Server) -> None:
        handler.head(302, Location=location, Content_Length=0)

    return answer


def stalling(count: int, seconds: float) -> Manner:
    """A long silence in the middle."""

    def answer(handler: Handler, server: Server) -> None:
        handler.head(200, Content_Length=len(server.content))
        handler.wfile.write(server.content[:count])
        time.sleep(seconds)

    return answer


def slow(pieces: int, seconds: float) -> Manner:
    """Piece by piece."""

    def answer(handler: Handler, server: Server) -> None:
        handler.head(200, Content_Length=len(server.content))
        step = -(-len(server.content) // pieces)
        for start in range(0, len(server.content), step):
            handler.wfile.write(server.content[start : start + step])
            handler.wfile.flush()
            time.sleep(seconds)

    return answer
