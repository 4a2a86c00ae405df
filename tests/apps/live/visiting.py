"""A browser as a server sees it: keeps its cookie, sends forms, opens WebSockets."""

from __future__ import annotations

import http.client
import io
import json
import struct
import time
import uuid
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import websocket
from numpy.typing import NDArray
from PIL import Image

from mouthpiece.types import FloatArray, Picture

TIMEOUT_S = 20.0


def photo(shade: int = 200, size: tuple[int, int] = (96, 64), kind: str = "PNG") -> bytes:
    """A picture of one shade of grey."""
    with io.BytesIO() as file:
        Image.new("RGB", size, (shade, shade, shade)).save(file, kind)
        return file.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims that many pixels, and a few bytes of data."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(1000))))
    made = b"\x89PNG\r\n\x1a\n"
    for kind, data in (*chunks, (b"IEND", b"")):
        made += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return made


def form(data: bytes, *, field: str = "image", name: str = "me.png", kind: str = "image/png") -> tuple[bytes, str]:
    """A form with a file: its body and its content type."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    body = head.encode() + f"Content-Type: {kind}\r\n\r\n".encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def pcm(samples: FloatArray) -> bytes:
    """Sound as the WebSocket takes it."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The answer's JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of the error in it."""
        return str(self.json["error"]["code"])


@dataclass(frozen=True)
class Seen:
    """A frame from the WebSocket."""

    moment_s: float
    latency_s: float
    jpeg: bytes = field(repr=False)

    @property
    def rgb(self) -> Picture:
        """The picture."""
        return np.asarray(Image.open(io.BytesIO(self.jpeg)).convert("RGB"))

    @property
    def brightness(self) -> float:
        """Its mean value, 0-255."""
        return float(self.rgb.mean())


@dataclass(frozen=True)
class Heard:
    """Sound from the WebSocket."""

    moment_s: float
    samples: NDArray[np.int16]


class Visitor:
    """One browser session."""

    def __init__(self, url: str) -> None:
        """Know where the server is; nothing is asked yet."""
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "localhost", parts.port or 80
        self.cookies: dict[str, str] = {}

    @property
    def origin(self) -> str:
        """What a page of the server has for its origin."""
        return f"http://{self.host}:{self.port}"

    @property
    def cookie(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        try:
            cookie = {"Cookie": self.cookie} if self.cookies else {}
            connection.request(method, path, body, {**cookie, **(headers or {})})
            answer = connection.getresponse()
            for value in answer.headers.get_all("Set-Cookie") or ():
                name, _, rest = value.partition("=")
                self.cookies[name] = rest.partition(";")[0]
            return Reply(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        """GET; `Accept_Language="en"` for a header."""
        return self.ask("GET", path, headers=_headers(headers))

    def upload(self, data: bytes, name: str = "me.png", **headers: str) -> Reply:
        """POST a photo; JSON comes back unless another Accept is given."""
        body, kind = form(data, name=name)
        return self.ask(
            "POST", "/upload", body, {"Accept": "application/json", "Content-Type": kind} | _headers(headers)
        )

    def order(self, _headers_: dict[str, str] | None = None, **fields: str) -> Reply:
        """POST to /requests: `order(start="Start")`."""
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return self.ask("POST", "/requests", urlencode(fields).encode(), kind | (_headers_ or {}))

    def socket(self, **options: Any) -> Line:
        """Open the WebSocket."""
        options = {"origin": self.origin, "cookie": self.cookie or None, "timeout": TIMEOUT_S} | options
        return Line(websocket.create_connection(f"ws://{self.host}:{self.port}/live", **options))


class LineClosed(OSError):
    """The server closed it."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Line:
    """An open WebSocket."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self.connection = connection

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        connection = self.connection.sock
        with suppress(Exception):
            self.connection.close(timeout=2)
        if connection is not None:
            connection.close()

    def say(self, kind: str, **more: object) -> None:
        """Send an order."""
        self.connection.send(json.dumps({"type": kind, **more}))

    def sound(self, samples: FloatArray) -> None:
        """Send sound."""
        self.connection.send_binary(pcm(samples))

    def next(self) -> Seen | Heard | dict[str, Any]:
        """What comes next."""
        opcode, message = self.connection.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise LineClosed(struct.unpack(">H", message[:2])[0] if len(message) >= 2 else None)
        if opcode == websocket.ABNF.OPCODE_BINARY:
            if message[:4] == b"MPS1":
                return Heard(struct.unpack("<d", message[4:12])[0], np.frombuffer(message[12:], "<i2"))
            magic, moment_s, latency_s = struct.unpack("<4sdd", message[:20])
            assert magic == b"MPF1"
            return Seen(moment_s, latency_s, message[20:])
        told: dict[str, Any] = json.loads(message)
        return told

    def message(self, kind: str, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The next message of a type that is as wanted."""
        for item in self.until():
            if isinstance(item, dict) and item["type"] == kind and wanted(item):
                return item
        raise AssertionError(f"no {kind} came")

    def frame(self, wanted: Callable[[Seen], bool] = lambda _: True) -> Seen:
        """The next frame that is as wanted."""
        for item in self.until():
            if isinstance(item, Seen) and wanted(item):
                return item
        raise AssertionError("no such frame came")

    def until(self, seconds: float = TIMEOUT_S) -> Any:
        """All that comes in that time."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            yield self.next()


def _headers(given: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}
