"""How many may speak at once: `python -m benchmarks.live DATA [--sessions 1 2 4 8] [--seconds 20] [--engine mesh]`.

A real server, and for each session a client without a browser that sends a recording as it would be spoken, 20 ms at a
time, and takes the frames that come back. Targets on 2 cores: one session at 25 frames a second with p95 <= 200 ms from
the sample's arrival to its frame leaving, look-ahead included; four sessions get slower evenly and say so.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import struct
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import websocket
from benchmarks.material import ENGLISH, PORTRAIT, on_canvas, read_photo, read_speech
from benchmarks.table import Cell, print_table
from PIL import Image

from mouthpiece.types import SAMPLE_RATE, FloatArray

SIDE = 512
"""Pixels of each side of the faces."""
PACKET = SAMPLE_RATE // 50
"""Samples that a client sends at a time: 20 ms, as the page does."""
WARM_S = 6.0
"""Frames of the beginning that don't count: the server finds out what it can do."""
WAIT_S = 60.0
"""Longest wait for the server."""
TARGET_FPS, TARGET_P95_MS = 25.0, 200.0
_HEADER = struct.Struct("<4sdd")
_BORDER = "mouthpiece-benchmark"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame that came."""

    at_s: float
    """When, by this process's monotonic clock."""
    moment_s: float
    """What of the speech it shows."""
    latency_s: float
    """From the sample's arrival at the server to the frame's leaving, as the server says."""


@dataclass
class Client:
    """Somebody who speaks to the server."""

    url: str
    sent_s: list[float] = field(default_factory=list)
    """When packet n left."""
    arrivals: list[Arrival] = field(default_factory=list)
    """Frames of the speaking face."""
    dropped: list[tuple[float, int]] = field(default_factory=list)
    """When the server told how many frames it had dropped, and how many."""
    said: list[str] = field(default_factory=list)
    """What it said that it stepped down to, each once."""
    trouble: str = ""
    """Why it ended early."""

    def come(self, photo: bytes) -> None:
        """Open the page, choose a photo, connect.

        Args:
            photo: a picture file.

        Raises:
            RuntimeError: the server turned it down.
        """
        self._cookie = _ask(self.url, "GET", "/", {})[0].partition(";")[0]
        body = (
            f'--{_BORDER}\r\nContent-Disposition: form-data; name="image"; filename="face.png"\r\n\r\n'.encode()
            + photo
            + f"\r\n--{_BORDER}--\r\n".encode()
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={_BORDER}", "Accept": "application/json"}
        _ask(self.url, "POST", "/upload", {"Cookie": self._cookie} | kind, body)
        address = self.url.replace("http", "ws", 1) + "/live"
        self._socket = websocket.create_connection(address, timeout=WAIT_S, cookie=self._cookie, origin=self.url)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def speak(self, sound: FloatArray, began_s: float, seconds: float) -> None:
        """Say this over and over, from `began_s` on, for so long; then leave."""
        packets = np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2")
        packets = packets[: len(packets) // PACKET * PACKET].reshape(-1, PACKET)
        try:
            _sleep_until(began_s)
            self._socket.send(json.dumps({"type": "start"}))
            for number in range(round(seconds * SAMPLE_RATE / PACKET)):
                _sleep_until(began_s + (number + 1) * PACKET / SAMPLE_RATE)
                self.sent_s.append(time.monotonic())
                self._socket.send_binary(packets[number % len(packets)].tobytes())
        except (OSError, websocket.WebSocketException) as error:
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            with suppress(OSError, websocket.WebSocketException):
                self._socket.close(timeout=2)
            self._reader.join(5)

    def _read(self) -> None:
        with suppress(OSError, websocket.WebSocketException):
            while True:
                message = self._socket.recv()
                if not message:
                    return
                self._take(message, time.monotonic())

    def _take(self, message: str | bytes, now_s: float) -> None:
        if isinstance(message, bytes):
            _, moment_s, latency_s = _HEADER.unpack_from(message)
            if latency_s > 0:
                self.arrivals.append(Arrival(now_s, moment_s, latency_s))
            return
        told = json.loads(message)
        if told["type"] == "error":
            self.trouble = told["message"]
        elif told["type"] == "stats" and told.get("face"):
            self.dropped.append((now_s, told["dropped"]))
            if told["said"] and told["said"] not in self.said:
                self.said.append(told["said"])

    def round_trips_s(self, since_s: float) -> list[float]:
        """From the sending of the packet with the shown sample to the frame's arrival, of frames after a time."""
        found = []
        for one in self.arrivals:
            number = min(int(one.moment_s * SAMPLE_RATE / PACKET), len(self.sent_s) - 1)
            if one.at_s >= since_s and number >= 0:
                found.append(one.at_s - self.sent_s[number])
        return found


@dataclass(frozen=True, slots=True)
class Load:
    """How so many sessions did."""

    sessions: int
    fps: tuple[float, ...]
    """Frames a second of each, as they came."""
    latency_ms: FloatArray
    """Of all sessions' frames, as the server says."""
    worst_p95_ms: float
    """p95 of the session that has the highest."""
    round_trip_ms: FloatArray
    """As the clients saw it."""
    dropped: int
    """Frames that were due and not sent, in the time measured."""
    said: tuple[str, ...]
    """What was stepped down to, in order."""
    troubles: tuple[str, ...]
    clients_cpu: float = 0.0
    """Cores that the clients kept busy all the while."""

    def row(self) -> tuple[Cell, ...]:
        """For the table."""
        p50, p95 = _percentiles(self.latency_ms)
        trip_50, trip_95 = _percentiles(self.round_trip_ms)
        fps = float(np.mean(self.fps))
        said = " > ".join(text.partition(":")[0] for text in self.said) or "all of it"
        return (
            self.sessions,
            fps,
            min(self.fps),
            max(self.fps),
            p50,
            p95,
            self.worst_p95_ms,
            trip_50,
            trip_95,
            self.dropped,
            self.clients_cpu,
            "; ".join((said, *self.troubles)),
        )


def _percentiles(values_ms: FloatArray) -> tuple[float | None, float | None]:
    if len(values_ms) == 0:
        return None, None
    p50, p95 = np.percentile(values_ms, [50, 95])
    return float(p50), float(p95)


def _sleep_until(moment_s: float) -> None:
    while (left_s := moment_s - time.monotonic()) > 0:
        time.sleep(left_s)


def _ask(url: str, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> tuple[str, bytes]:
    """One request; its answer's cookie and body."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=WAIT_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return answer.headers.get("Set-Cookie", ""), text
    finally:
        connection.close()


@contextmanager
def serving(sessions: int, engine: str) -> Iterator[str]:
    """Run the server in a process of its own; gives its address."""
    options = ("--json", "--port", "0", "--sessions", str(sessions), "--size", str(SIDE), "--engine", engine)
    command = [sys.executable, "-m", "mouthpiece", "live", *options]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                said.seek(0)
                raise RuntimeError(f"the server didn't start: {said.read().decode(errors='replace')}")
            yield str(json.loads(line)["url"]).rstrip("/")
        finally:
            process.terminate()
            process.communicate(timeout=30)


def measure(photo: bytes, sound: FloatArray, sessions: int, seconds: float, engine: str) -> Load:
    """Let so many speak at once for so long."""
    with serving(sessions, engine) as url:
        clients = [Client(url) for _ in range(sessions)]
        for client in clients:
            client.come(photo)
        began_s = time.monotonic() + 1.0
        # Nobody says the same at the same time.
        starts = [number * len(sound) // sessions for number in range(sessions)]
        threads = [
            threading.Thread(target=client.speak, args=(np.roll(sound, -start), began_s, WARM_S + seconds))
            for client, start in zip(clients, starts, strict=True)
        ]
        cpu_s = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cpu_s = time.process_time() - cpu_s
    load = summary(clients, began_s + WARM_S, seconds)
    return replace(load, clients_cpu=cpu_s / (WARM_S + seconds))


def summary(clients: Sequence[Client], since_s: float, seconds: float) -> Load:
    """What the clients saw after a time."""
    counted = [[one for one in client.arrivals if one.at_s >= since_s] for client in clients]
    each = [np.array([1000 * one.latency_s for one in arrivals], dtype=np.float32) for arrivals in counted]
    worst = [found for latencies in each if (found := _percentiles(latencies)[1]) is not None]
    trips = [1000 * trip for client in clients for trip in client.round_trips_s(since_s)]
    said = dict.fromkeys(text for client in clients for text in client.said)
    return Load(
        sessions=len(clients),
        fps=tuple(len(arrivals) / seconds for arrivals in counted),
        latency_ms=np.concatenate(each),
        worst_p95_ms=max(worst, default=float("nan")),
        round_trip_ms=np.array(trips, dtype=np.float32),
        dropped=sum(_grown(client.dropped, since_s) for client in clients),
        said=tuple(said),
        troubles=tuple(dict.fromkeys(client.trouble for client in clients if client.trouble)),
    )


def _grown(counts: Sequence[tuple[float, int]], since_s: float) -> int:
    """By how much a count grew after a time."""
    if not counts:
        return 0
    first = bisect_left(counts, (since_s, 0))
    return counts[-1][1] - (counts[first - 1][1] if first else 0)


def report(loads: Sequence[Load], seconds: float, engine: str) -> None:
    """Print the table."""
    columns = ("sessions", "fps each", "least", "most", "p50 ms", "p95 ms", "worst p95")
    print_table(
        f"Live sessions at once, {SIDE}x{SIDE}, engine {engine}",
        (*columns, "trip p50", "trip p95", "dropped", "clients' cores", "stepped down to"),
        [load.row() for load in loads],
        (
            f"{seconds:g} s of each after {WARM_S:g} s; server and clients on the same machine",
            "p50, p95: from a sample's arrival at the server to its frame leaving, look-ahead included; "
            "worst: of the slowest session",
            "clients' cores: how many they kept busy themselves, which the server can't have",
            "trip: from the sending of the packet with that sample to the frame's arrival, as a client sees it",
            f"targets for one session on 2 cores: {TARGET_FPS:g} fps, p95 <= {TARGET_P95_MS:g} ms; "
            "more sessions: evenly slower, and said",
        ),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/ and audio/")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, after the start")
    parser.add_argument("--engine", default="mesh")
    given = parser.parse_args()
    photo = io.BytesIO()
    Image.fromarray(on_canvas(read_photo(given.data / PORTRAIT), (SIDE, SIDE))).save(photo, "PNG")
    sound = read_speech(given.data / ENGLISH)
    loads = [measure(photo.getvalue(), sound, count, given.seconds, given.engine) for count in given.sessions]
    report(loads, given.seconds, given.engine)


if __name__ == "__main__":
    main()
