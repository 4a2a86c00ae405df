"""A thousand requests and messages that nobody means well with, against the real server, and then a good visitor."""

from __future__ import annotations

import io
import json
import os
import random
import socket
import struct
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from tests.apps.live.conftest import Serve, Served
from tests.apps.live.visiting import Visitor, claiming, form, photo

from mouthpiece.apps.live.server import threads_for

HTTP_COUNT = 600
SOCKET_COUNT = 50
MESSAGES_A_SOCKET = 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
READ_S = 8.0
MOST_GROWTH_MB = 100.0
"""Threads keep some of what their photos needed; a leak of 100 kB a request would be more."""
ALLOWED = {
    0,
    100,
    101,
    200,
    302,
    303,
    308,
    400,
    401,
    403,
    404,
    405,
    408,
    409,
    411,
    413,
    414,
    415,
    417,
    422,
    429,
    431,
    501,
    503,
    505,
}
"""Answers; 0 is a connection that was just closed. 500 isn't among them."""

Headers = Mapping[str, bytes | str]


class Abuse:
    """Somebody with raw sockets and a seed."""

    def __init__(self, visitor: Visitor, seed: int) -> None:
        self.client_id = visitor
        self.random = random.Random(seed)
        self.open: list[socket.socket] = []
        self.seen: Counter[int] = Counter()

    def close(self) -> None:
        """Let go of what was left half open."""
        for connection in self.open:
            connection.close()

    def send(self, data: bytes) -> int:
        """Send bytes and hear the status, 0 if there is none."""
        with socket.create_connection((self.client_id.host, self.client_id.port), READ_S) as connection:
            with suppress(OSError):
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            with suppress(OSError):
                while b"\r\n" not in answer and (more := connection.recv(65_536)):
                    answer += more
        status = int(answer.split()[1]) if answer.startswith(b"HTTP/1") else 0
        self.seen[status] += 1
        return status

    def leave_half_open(self, data: bytes) -> None:
        """Send bytes and say no more."""
        connection = socket.create_connection((self.client_id.host, self.client_id.port), READ_S)
        connection.sendall(data)
        self.open.append(connection)
        self.seen[0] += 1

    def request(self, method: bytes, path: bytes, headers: Headers | None = None, body: bytes = b"") -> bytes:
        """The bytes of a request."""
        head: dict[str, bytes | str] = {
            "Host": f"localhost:{self.client_id.port}",
            "Cookie": self.client_id.cookie,
            "Content-Length": str(len(body)),
        }
        head |= headers or {}
        lines = [method + b" " + path + b" HTTP/1.1"]
        for name, value in head.items():
            lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def upload(self, data: bytes, name: str = "a.png") -> bytes:
        """The bytes of an upload."""
        body, kind = form(data, name=name)
        return self.request(b"POST", b"/upload", {"Content-Type": kind}, body)

    def bytes(self, count: int) -> bytes:
        """Anything."""
        return self.random.randbytes(count)


def pictures() -> list[bytes]:
    """Small pictures in several formats."""
    made = []
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"):
        made.append(photo(150, (64, 48), kind))
    return made


def polyglots() -> list[bytes]:
    """Pictures that are something else as well."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("../../evil.py", "import os")
        packed = file.getvalue()
    script = b"/*\x00*/=1;alert(document.cookie);//<script>alert(1)</script>"
    gif = bytearray(photo(150, (64, 48), "GIF"))
    gif[6:8] = b"/*"  # the width, to scripts a comment
    return [
        photo(150, (64, 48), "JPEG") + packed,
        photo(150, (64, 48), "PNG") + script,
        photo(150, (64, 48), "GIF") + script,
        bytes(gif) + b"*/=1;" + script,
        packed + photo(),
        b"%PDF-1.7\n" + photo(),
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"push graphic-context\nimage over 0,0 0,0 'msl:/etc/passwd'\n",
        b"%!PS\n(/etc/passwd) (r) file\n",
    ]


def bombs() -> list[bytes]:
    """Small files that would be large."""
    with io.BytesIO() as file:
        Image.new("L", (6000, 6000)).save(file, "PNG", compress_level=9)
        flat = file.getvalue()
    gif = bytearray(photo(150, (64, 48), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    bmp = bytearray(photo(150, (64, 48), "BMP"))
    bmp[18:26] = struct.pack("<ii", 2**30, 2**30)
    return [flat, claiming(60_000, 60_000), claiming(2**31 - 1, 2**31 - 1), claiming(0, 0), bytes(gif), bytes(bmp)]


NAMES = [
    "../../etc/passwd",
    "..\\..\\evil.exe",
    "/tmp/x.png",
    "C:\\x.png",
    "a\0b.png",
    "x" * 5000,
    ".",
    "\u202egnp.exe",
]
NAMES += ["con", "${jndi:ldap://x}", "{{7*7}}.png", "<script>.png", "%2e%2e%2f.png", "~/.ssh/id_rsa"]
PATHS = [
    b"/static/../../../etc/passwd",
    b"/static/%2e%2e/%2e%2e/routes.py",
    b"/static/..%5c..%5croutes.py",
    b"//evil.example",
]
PATHS += [b"/\xff\xfe", b"/" + b"a" * 7000, b"/" + b"a" * 20_000, b"/?token=" + b"x" * 3000, b"/%00", b"/live/../stats"]
PATHS += [b"http://evil.example/", b"*", b"/stats?" + b"a=1&" * 2000, b"/requests?start=Start", b"/video_feed?\r\nX: y"]
METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND", b"get", b"\x00", b"A" * 200]


def http_abuses(abuse: Abuse) -> list[Callable[[], object]]:
    """Ways to ask badly; each call is another instance."""
    pick, some = abuse.random.choice, abuse.random.randrange
    good, both, large = pictures(), polyglots(), bombs()

    def mangled() -> bytes:
        data = bytearray(pick(good))
        for _ in range(some(1, 12)):
            data[some(len(data))] = some(256)
        return bytes(data)

    def broken_form() -> bytes:
        body, kind = form(pick(good))
        broken = [
            (body[: some(len(body))], kind),
            (body, "multipart/form-data"),
            (body, "multipart/form-data; boundary="),
            (body, "multipart/form-data; boundary=" + "b" * 300),
            (body.replace(b"\r\n", b"\n"), kind),
            (body * some(2, 30), kind),
            (body.replace(b"form-data", abuse.bytes(9)), kind),
            (b"--x\r\n" + b"A: b\r\n" * 20_000, "multipart/form-data; boundary=x"),
            (
                b"--x\r\nContent-Disposition: form-data; name=image\r\n\r\n" + b"y" * 400_000,
                "multipart/form-data; boundary=x",
            ),
            (b"start=Start&" * 50_000, "application/x-www-form-urlencoded"),
        ]
        data, said = pick(broken)
        return abuse.request(b"POST", pick([b"/upload", b"/requests"]), {"Content-Type": said}, data)

    def odd_headers() -> bytes:
        odd: list[Headers] = [
            {"Origin": pick(["https://evil.example", "null", "http://localhost:1"])},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": pick([b"evil.example", b"", b"\xff", b"a" * 3000, b"localhost, evil.example"])},
            {"Cookie": pick([b"\xff=\xfe", b"a=b;" * 1500, b"mouthpiece_%d=x.y" % abuse.client_id.port])},
            {"Content-Length": pick(["-1", "x", "99999999999999999999", str(1 << 33)])},
            {"Transfer-Encoding": pick(["chunked", "gzip", "chunked, chunked", "\x0bchunked"])},
            {"Authorization": b"Bearer " + abuse.bytes(20).replace(b"\r", b"").replace(b"\n", b"")},
            {"Accept": b"\xff" * 100},
            {"Expect": "100-continue"},
            {"Expect": "a miracle"},
            {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"},
            {"X": b"y" * 9000},
        ]
        return abuse.request(pick([b"GET", b"POST"]), pick([b"/", b"/upload", b"/requests", b"/stats"]), pick(odd))

    def handshake() -> bytes:
        whole = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Version": "13",
        }
        wrong = [("Sec-WebSocket-Key", "x"), ("Sec-WebSocket-Version", "99"), ("Upgrade", "x"), ("Origin", "null")]
        wrong += [("Cookie", "a=b"), ("Host", "evil.example"), ("Connection", "close")]
        name, value = pick(wrong)
        path = pick([b"/live", b"/live", b"/", b"/stats", b"/video_feed"])
        return abuse.request(pick([b"GET", b"GET", b"POST"]), path, whole | {name: value})

    def half() -> None:
        whole = pick([abuse.upload(pick(good)), abuse.request(b"GET", b"/"), b"GET", b"", b"\x16\x03\x01\x02\x00"])
        abuse.leave_half_open(whole[: some(len(whole) + 1)]) if len(abuse.open) < 20 else abuse.send(whole[:5])

    return [
        lambda: abuse.send(abuse.upload(abuse.bytes(some(2000)))),
        lambda: abuse.send(abuse.upload(pick(good)[: some(1, 200)])),
        lambda: abuse.send(abuse.upload(mangled(), pick(NAMES))),
        lambda: abuse.send(abuse.upload(pick(both), pick(NAMES))),
        lambda: abuse.send(abuse.upload(pick(large[1:] if some(12) else large[:1]))),
        lambda: abuse.send(abuse.upload(photo(0), pick(NAMES))),
        lambda: abuse.send(broken_form()),
        lambda: abuse.send(broken_form()),
        lambda: abuse.send(odd_headers()),
        lambda: abuse.send(odd_headers()),
        lambda: abuse.send(abuse.request(pick(METHODS), pick(PATHS))),
        lambda: abuse.send(abuse.request(b"GET", pick(PATHS))),
        lambda: abuse.send(abuse.bytes(some(1, 3000))),
        lambda: abuse.send(handshake()),
        half,
    ]


def frame(opcode: int, data: bytes, *, final: bool = True, masked: bool = True, length: int | None = None) -> bytes:
    """A WebSocket frame, right or wrong."""
    said = len(data) if length is None else length
    first = bytes([(0x80 if final else 0) | opcode])
    bit = 0x80 if masked else 0
    if said < 126:
        head = first + bytes([bit | said])
    elif said < 65_536:
        head = first + bytes([bit | 126]) + struct.pack(">H", said)
    else:
        head = first + bytes([bit | 127]) + struct.pack(">Q", said)
    return head + (b"\0\0\0\0" if masked else b"") + data


def messages(abuse: Abuse) -> Iterator[bytes]:
    """Ways to speak badly, without end."""
    pick, some = abuse.random.choice, abuse.random.randrange
    texts = [
        "",
        "null",
        "[]",
        "{" * 900,
        '{"type":{}}',
        '{"type":"start","t":1e400}',
        "\u0000",
        "9" * 1000,
        '{"type":"x"}',
    ]
    texts += [
        '{"type":"ping","t":' + "1" * 1000 + "}",
        '{"type":"__init__"}',
        '{"type":"close"}',
        '"start"',
        "{}" * 100,
    ]
    while True:
        yield pick(
            [
                frame(1, pick(texts).encode()),
                frame(1, abuse.bytes(some(50))),
                frame(
                    1,
                    json.dumps({"type": pick(["start", "stop", "clear", "ping"]), "t": pick([1, None, "x"])}).encode(),
                ),
                frame(2, abuse.bytes(some(64_000) | 1)),
                frame(2, abuse.bytes(2 * some(16_000))),
                frame(2, bytes(200_000)),
                frame(2, b"x", length=2**62),
                frame(1, b"{", final=False),
                frame(0, b"}", final=False) * 50,
                frame(some(3, 8), b"x"),
                frame(some(11, 16), b"x"),
                frame(1, b'{"type":"start"}', masked=False),
                frame(9, b"p" * 126),
                frame(9, b"ping") * 500,
                frame(10, b"pong") * 100,
                frame(8, pick([b"", b"\x03", struct.pack(">H", some(65_536)), b"\x03\xe8" + abuse.bytes(100)])),
                abuse.bytes(some(1, 300)),
                frame(2, b"half", length=1000),
            ]
        )


def speak_badly(abuse: Abuse, count: int) -> None:
    """Open a WebSocket, send messages as long as it stands, and go without a word."""
    said = messages(abuse)
    connection = socket.create_connection((abuse.client_id.host, abuse.client_id.port), READ_S)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    with connection:
        connection.sendall(abuse.request(b"GET", b"/live", upgrade))
        status = int(connection.recv(65_536).split()[1])
        abuse.seen[status] += 1
        for _ in range(count):
            abuse.seen[0] += 1
            with suppress(OSError):
                connection.sendall(next(said))
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    connection.recv(1 << 20)
                connection.setblocking(True)


def rss_mb(process: int) -> float:
    """Memory that a process holds, MB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def threads(process: int) -> int:
    """Threads of a process."""
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def files(folder: Path) -> set[str]:
    """All there is in a folder."""
    return {str(path) for path in folder.rglob("*")}


def do(abuse: Abuse, http: int, sockets: int) -> None:
    """So many requests, and so many sockets."""
    ways = http_abuses(abuse)
    for index in range(http):
        ways[index % len(ways)]()
    for _ in range(sockets):
        speak_badly(abuse, MESSAGES_A_SOCKET)


def a_good_visit(server: Served) -> None:
    """Upload, speak, stop."""
    visitor = Visitor(server.url)
    assert visitor.get("/").status == 200
    assert visitor.upload(photo()).status == 200
    with visitor.socket() as line:
        line.say("start")
        line.message("state", lambda state: state["speaking"])
        line.sound(np.full(1600, 0.9, np.float32))
        assert line.frame(lambda seen: seen.brightness > 200)
        line.say("stop")
        line.message("state", lambda state: not state["speaking"])
        assert line.frame().brightness < 5


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_thousand_abuses(served: Serve) -> None:
    server = served(sessions=64)
    a_good_visit(server)
    worker = server.worker
    visitor = Visitor(server.url)
    visitor.upload(photo())
    before_files = files(server.folder)

    warmup = Abuse(visitor, seed=1)
    do(warmup, http=120, sockets=5)
    warmup.close()
    before_mb = rss_mb(worker)

    abuse = Abuse(visitor, seed=5)
    do(abuse, http=HTTP_COUNT, sockets=SOCKET_COUNT)
    abuse.close()

    assert sum(abuse.seen.values()) >= 1000
    assert set(abuse.seen) <= ALLOWED, abuse.seen
    assert server.process.poll() is None and server.worker == worker  # nothing crashed
    a_good_visit(server)
    assert files(server.folder) == before_files
    assert rss_mb(worker) - before_mb < MOST_GROWTH_MB
    assert "Traceback" not in server.log and "unexpected error" not in server.log, server.log


def test_heads_that_never_end_keep_nobody_out_for_long(served: Serve) -> None:
    """Twice as many as there are threads, each with another letter a second."""
    server = served(sessions=1)
    visitor = Visitor(server.url)
    visitor.upload(photo())
    place = urlsplit(server.url)
    over = threading.Event()
    lines = [socket.create_connection((place.hostname, place.port)) for _ in range(2 * threads_for(1))]
    for line in lines:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")

    def drip() -> None:
        while not over.wait(1.0):
            for line in lines:
                with suppress(OSError):
                    line.sendall(b"a")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        began_s = time.monotonic()
        assert visitor.get("/healthz").status == 200
        assert time.monotonic() - began_s < 20, "as long as a visitor waits: they are sent away after two seconds each"
    finally:
        over.set()
        dripping.join()
        for line in lines:
            line.close()


def test_faces_one_after_the_other_are_too_many(server: Served) -> None:
    visitor = Visitor(server.url)
    seen = [visitor.upload(photo()).status for _ in range(14)]
    assert seen[:10] == [200] * 10 and seen[-1] == 429
    assert visitor.upload(photo()).error == "too-fast"
    assert Visitor(server.url).upload(photo()).status == 200, "that is nobody else's affair"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_comers_and_goers_leave_no_thread_behind(served: Serve) -> None:
    server = served(sessions=8)
    a_good_visit(server)
    worker = server.worker
    counts = []
    for _ in range(3):
        visitor = Visitor(server.url)
        visitor.upload(photo())
        for _ in range(8):
            with visitor.socket() as line:
                line.say("start")
                line.frame()
        time.sleep(1.0)
        counts.append(threads(worker))
    # A drawing thread for each that still has a place, and those of the pool for visits that met on a busy machine.
    assert counts[-1] <= counts[0] + 8, "sixteen lines have come and gone since"
