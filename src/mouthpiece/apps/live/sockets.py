"""The WebSocket `/live`: sound and orders up, frames and news down.

Up: binary messages are sound, little-endian int16, mono, 16 kHz, up to a second each; text messages are JSON,
`{"type": "start" | "stop" | "clear" | "ping", "t": number}`. Down: binary messages are frames (see `EncodedFrame.message`)
and, where a recording speaks, its sound (see `Session.push`); text messages are JSON of the types state, stats, error and
pong.
"""

from __future__ import annotations

import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from mouthpiece.apps.live.access import Bucket, read_message
from mouthpiece.apps.live.http_errors import HttpError, TooFast, as_message
from mouthpiece.apps.live.session_registry import EncodedFrame
from mouthpiece.errors import MouthpieceError
from mouthpiece.types import SAMPLE_RATE, FloatArray

if TYPE_CHECKING:
    from simple_websocket import Server

    from mouthpiece.apps.live.session_registry import Client, Session

PING_S = 4.0
"""A client that doesn't answer between two pings has gone, seconds."""
STATS_EVERY_S = 1.0
SEND_S = 4.0
"""Longest wait for a client to take what it is sent."""
SEND_BUFFER = 128 << 10
"""Bytes that may be on their way to a client: about five frames. More of them would only be older."""
MOST_MESSAGE = 2 * SAMPLE_RATE
"""Bytes of one message: a second of sound."""
WIRE_RATE, WIRE_BURST = 192 << 10, 512 << 10
"""Bytes a second that are read from a client, six times what speech needs; and at once."""
PONG_RATE, PONG_BURST = 256, 4 << 10
"""Bytes of answers to a client's own pings, a second and at once."""
SOUND_RATE, SOUND_BURST = 2.0, 5.0
"""Seconds of sound that a client may send in a second, and at once: after a hiccup of the network."""
ORDER_RATE, ORDER_BURST = 10.0, 40.0
"""Text messages likewise."""
MOST_MISTAKES = 30
"""Messages that can't be obeyed, until the client is sent away."""
GOING_AWAY, POLICY_VIOLATION, REPLACED = 1001, 1008, 4000
"""Why a WebSocket is closed: the session is over, the client misbehaves, or newer pages of it have taken its place."""
_PONG_OPCODE = 0xA
_INT16_RANGE = 32768.0

log = logging.getLogger("mouthpiece.live")


class QuietThread(threading.Thread):
    """A thread that a client's broken bytes end without a word, and that holds no server up."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, daemon=True)

    def run(self) -> None:
        """Whatever the protocol's library raises, the connection is over."""
        with suppress(Exception):
            super().run()


class Here:
    """Stands where the WebSocket library wants a thread to read in: it reads in the thread that serves the request.

    A message then wakes one thread and not two, fifty times a second for each page.
    """

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self.name = ""

    def start(self) -> None:
        """Not yet: `read` does it."""

    def read(self) -> None:
        """Read until the connection is over; whatever the library raises, it is."""
        with suppress(Exception):
            self._target()


class Bell:
    """Stands where the library wants an event to set when a message is there, or the connection is over."""

    def __init__(self) -> None:
        self.rung: Callable[[], None] = lambda: None
        """Called in the thread that reads."""

    def set(self) -> None:
        """Something is there."""
        self.rung()


class _Enough(OSError):
    """Nothing more is read from this client."""


class Wire:
    """A client's connection as the WebSocket library sees it: messages leave whole, nobody holds it up or floods it.

    The server's socket stays the server's: this never closes it, only ends what goes over it.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Wrap the connection that a request came over."""
        self._socket = connection
        self._sending = threading.Lock()
        self._incoming = Bucket(WIRE_RATE, WIRE_BURST)
        self._pongs = Bucket(PONG_RATE, PONG_BURST)
        connection.setblocking(True)
        with suppress(OSError):  # not every socket has them
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout_option(SEND_S))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout_option(0))

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def recv(self, count: int) -> bytes:
        """Bytes from the client; later, where they come too fast."""
        data = self._socket.recv(count)
        wait_s = self._incoming.wait_s(len(data))
        if wait_s > 0:  # else this thread would give up its turn for nothing
            time.sleep(wait_s)
        return data

    def send(self, data: bytes) -> int:
        """All of it, or OSError: the client has gone, is too slow, or makes us answer too much."""
        if data and data[0] & 0xF == _PONG_OPCODE and not self._pongs.take(len(data)):
            raise OSError("too many pings")
        with self._sending:
            try:
                self._send_whole(data)
            except OSError:
                self.end()  # half a message is the end of all
                raise
        return len(data)

    def _send_whole(self, data: bytes) -> None:
        deadline_s = time.monotonic() + SEND_S
        left = memoryview(data)
        while left:
            left = left[self._socket.send(left) :]
            if left and time.monotonic() > deadline_s:
                raise OSError("too slow a client")

    def end(self) -> None:
        """Nothing goes over it any more; whoever waits for it wakes up."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """As `end`."""
        self.end()


def timeout_option(seconds: float) -> bytes:
    """A time as the socket options SO_RCVTIMEO and SO_SNDTIMEO take it (a C timeval); 0 for none."""
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


def converse(server: Server, session: Session) -> None:
    """Serve one WebSocket until either side ends it."""
    watcher = session.watch("socket")
    sender = QuietThread(target=_send, args=(server, session, watcher), name="mouthpiece-live-send")
    sender.start()
    try:
        _Conversation(server, session, watcher).run()
    finally:
        session.leave(watcher)
        sender.join(SEND_S)
        server.sock.end()


def _send(server: Server, session: Session, watcher: Client) -> None:
    """Frames and messages as they come, and once a second how it goes; at the end, the end."""
    stats_s = time.monotonic() + STATS_EVERY_S
    try:
        while not watcher.dismissed:
            item = watcher.next(max(stats_s - time.monotonic(), 0.0))
            if isinstance(item, EncodedFrame):
                server.send(item.message)
            elif isinstance(item, bytes):
                server.send(item)
            elif item is not None:
                server.send(json.dumps(item))
            if time.monotonic() >= stats_s:
                stats_s = time.monotonic() + STATS_EVERY_S
                server.send(json.dumps(session.stats()))
    finally:
        watcher.dismiss()
        with suppress(Exception):  # whoever has gone needs no goodbye
            server.close(REPLACED if watcher.replaced else GOING_AWAY)
        server.sock.end()  # whoever reads wakes up


class _Conversation:
    """What a client says, one message at a time."""

    def __init__(self, server: Server, session: Session, watcher: Client) -> None:
        self._server, self._session, self._watcher = server, session, watcher
        self._sound = Bucket(SOUND_RATE, SOUND_BURST)
        self._orders = Bucket(ORDER_RATE, ORDER_BURST)
        self._mistakes = 0

    def run(self) -> None:
        """Until it is over."""
        self._server.event.rung = self._take
        with suppress(_Enough):
            self._take()  # what came with the opening request
            self._server.thread.read()

    def _take(self) -> None:
        """Obey what has come.

        Raises:
            _Enough: it is over.
        """
        while self._server.input_buffer and not self._watcher.dismissed:
            try:
                self._obey(self._server.input_buffer.pop(0))
            except MouthpieceError as error:
                self._watcher.tell(as_message(error))
                self._mistakes += 1
            if self._mistakes > MOST_MISTAKES:
                self._server.close(POLICY_VIOLATION, "too many messages that can't be obeyed")
                raise _Enough
        if self._watcher.dismissed:
            raise _Enough

    def _obey(self, message: str | bytes) -> None:
        """Do what a message says.

        Raises:
            MouthpieceError: it can't be done.
        """
        if isinstance(message, bytes):
            self._push(message)
            return
        if not self._orders.take(1):
            raise TooFast("too many messages a second")
        order = read_message(message)
        kind = order["type"]
        if kind == "ping":
            self._watcher.tell({"type": "pong", "t": order.get("t")})
        elif kind == "start":
            self._session.start(self._watcher)
        elif kind in ("stop", "clear"):
            getattr(self._session, kind)()
        else:
            raise HttpError("expected a message of the type start, stop, clear or ping")

    def _push(self, data: bytes) -> None:
        if self._session.microphone != "browser":
            raise HttpError("this server listens to a microphone of its own; it takes no sound from pages")
        if not self._sound.take(len(data) / 2 / SAMPLE_RATE):
            raise TooFast("sound came faster than it can be spoken")
        self._session.push(samples_of(data), self._watcher)


def samples_of(data: bytes) -> FloatArray:
    """Sound as a client sends it.

    Args:
        data: little-endian int16 samples, 16 kHz, mono.

    Returns:
        (n,) float32 in [-1, 1).

    Raises:
        Refusal: half a sample, or more than a second.
    """
    if len(data) % 2 or len(data) > MOST_MESSAGE:
        raise HttpError(f"expected up to {MOST_MESSAGE} bytes of 16-bit samples, got {len(data)}")
    return (np.frombuffer(data, dtype="<i2") / np.float32(_INT16_RANGE)).astype(np.float32, copy=False)
