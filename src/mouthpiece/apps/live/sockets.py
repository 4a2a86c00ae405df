"""The WebSocket `/live`: sound and commands up, frames and messages down.

Up: binary messages are sound, little-endian int16, mono, 16 kHz, up to a second each; text messages are JSON,
`{"type": "start" | "stop" | "clear" | "ping", "t": number}`. Down: binary messages are frames (see
`EncodedFrame.message`) and, where a recording speaks, its sound (see `pack_sound`); text messages are JSON of the types
state, stats, error and pong.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from mouthpiece.apps.live.access import RateLimiter
from mouthpiece.apps.live.browser_session import BrowserSession
from mouthpiece.apps.live.clients import Client
from mouthpiece.apps.live.http_errors import HttpError, TooFast, as_message
from mouthpiece.apps.live.messages import EncodedFrame, read_command, unpack_sound
from mouthpiece.errors import MouthpieceError
from mouthpiece.types import SAMPLE_RATE

if TYPE_CHECKING:
    from simple_websocket import Server

PING_S = 4.0
"""A client that doesn't answer between two pings has gone, seconds."""
STATS_EVERY_S = 1.0
SEND_S = 4.0
"""Longest wait for a client to take what it is sent."""
SEND_BUFFER = 128 << 10
"""Bytes that may be on their way to a client: about five frames. More of them would only be older."""
READ_RATE, READ_BURST = 192 << 10, 512 << 10
"""Bytes a second that are read from a client, six times what speech needs; and at once."""
PONG_RATE, PONG_BURST = 256, 4 << 10
"""Bytes of answers to a client's own pings, a second and at once."""
SOUND_RATE, SOUND_BURST = 2.0, 5.0
"""Seconds of sound that a client may send in a second, and at once: after a hiccup of the network."""
COMMAND_RATE, COMMAND_BURST = 10.0, 40.0
"""Text messages likewise."""
MOST_MISTAKES = 30
"""Most messages that can't be carried out; one more closes the connection."""
GOING_AWAY, POLICY_VIOLATION, REPLACED = 1001, 1008, 4000
"""Why a WebSocket is closed: the session is over, the client misbehaves, or newer pages of it have taken its place."""
_PONG_OPCODE = 0xA


class InlineThread:
    """Replacement for the WebSocket library's reading thread: reads in the thread that serves the request.

    A message then wakes one thread and not two, fifty times a second for each page.
    """

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self.name = ""

    def start(self) -> None:
        """Do nothing; `read` runs the target."""

    def read(self) -> None:
        """Read until the connection is over; whatever the library raises, it is."""
        with suppress(Exception):
            self._target()


class CallbackEvent:
    """Replacement for the library's event that is set when a message is there or the connection is over."""

    def __init__(self) -> None:
        self.callback: Callable[[], None] = lambda: None
        """Called in the thread that reads."""

    def set(self) -> None:
        """Call the callback."""
        self.callback()


class _ConnectionOver(OSError):
    """Nothing more is read from this client."""


class ClientConnection:
    """A client's socket for the WebSocket library, with rate limits and timeouts; messages are sent whole.

    The server's socket stays the server's: this never closes it, only shuts the connection down.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Wrap the socket that a request came over."""
        self._socket = connection
        self._sending = threading.Lock()
        self._incoming = RateLimiter(READ_RATE, READ_BURST)
        self._pongs = RateLimiter(PONG_RATE, PONG_BURST)
        connection.setblocking(True)
        with suppress(OSError):  # not every socket has them
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout_option(SEND_S))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout_option(0))

    def fileno(self) -> int:
        """Return the file descriptor, for selectors."""
        return self._socket.fileno()

    def recv(self, count: int) -> bytes:
        """Receive bytes from the client; wait where they come too fast."""
        data = self._socket.recv(count)
        wait_s = self._incoming.wait_s(len(data))
        if wait_s > 0:  # sleeping for 0 s would give up this thread's turn for nothing
            time.sleep(wait_s)
        return data

    def send(self, data: bytes) -> int:
        """Send all of it.

        Raises:
            OSError: the client has gone, is too slow, or sent too many pings.
        """
        if data and data[0] & 0xF == _PONG_OPCODE and not self._pongs.take(len(data)):
            raise OSError("too many pings")
        with self._sending:
            try:
                self._send_whole(data)
            except OSError:
                self.close()  # half a message is the end of all
                raise
        return len(data)

    def _send_whole(self, data: bytes) -> None:
        deadline_s = time.monotonic() + SEND_S
        left = memoryview(data)
        while left:
            left = left[self._socket.send(left) :]
            if left and time.monotonic() > deadline_s:
                raise OSError("too slow a client")

    def close(self) -> None:
        """Shut the connection down; threads that wait for it wake up."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def timeout_option(seconds: float) -> bytes:
    """Pack a time for the socket options SO_RCVTIMEO and SO_SNDTIMEO (a C timeval); 0 for none."""
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


def serve_socket(server: Server, session: BrowserSession) -> None:
    """Serve one WebSocket until either side ends it."""
    client = session.watch("socket")
    sender = threading.Thread(target=_send, args=(server, session, client), name="mouthpiece-live-send", daemon=True)
    sender.start()
    try:
        _MessageHandler(server, session, client).run()
    finally:
        session.leave(client)
        sender.join(SEND_S)
        server.sock.close()


def _send(server: Server, session: BrowserSession, client: Client) -> None:
    """Send frames and messages as they come, statistics once a second, and at last the closing message."""
    stats_s = time.monotonic() + STATS_EVERY_S
    with suppress(Exception):  # whatever the library raises, the connection is over
        while not client.dismissed:
            item = client.next(max(stats_s - time.monotonic(), 0.0))
            if isinstance(item, EncodedFrame):
                server.send(item.message)
            elif item is not None:
                server.send(json.dumps(item) if isinstance(item, dict) else item)
            if time.monotonic() >= stats_s:
                stats_s = time.monotonic() + STATS_EVERY_S
                server.send(json.dumps(session.stats()))
    client.dismiss()
    with suppress(Exception):  # the client may have gone
        server.close(REPLACED if client.replaced else GOING_AWAY)
    server.sock.close()  # the reading thread wakes up


class _MessageHandler:
    """Handler of a client's messages, one at a time."""

    def __init__(self, server: Server, session: BrowserSession, client: Client) -> None:
        self._server, self._session, self._client = server, session, client
        self._sound_rate = RateLimiter(SOUND_RATE, SOUND_BURST)
        self._command_rate = RateLimiter(COMMAND_RATE, COMMAND_BURST)
        self._mistakes = 0

    def run(self) -> None:
        """Handle messages until the connection is over."""
        self._server.event.callback = self._handle_all
        with suppress(_ConnectionOver):
            self._handle_all()  # what came with the opening request
            self._server.thread.read()

    def _handle_all(self) -> None:
        """Handle the messages that have come; raise _ConnectionOver when the connection is over."""
        while self._server.input_buffer and not self._client.dismissed:
            try:
                self._handle(self._server.input_buffer.pop(0))
            except MouthpieceError as error:
                self._client.put_message(as_message(error))
                self._mistakes += 1
            if self._mistakes > MOST_MISTAKES:
                self._server.close(POLICY_VIOLATION, "too many messages that can't be obeyed")
                raise _ConnectionOver
        if self._client.dismissed:
            raise _ConnectionOver

    def _handle(self, message: str | bytes) -> None:
        """Handle a message; raise MouthpieceError where it can't be carried out."""
        if isinstance(message, bytes):
            self._push(message)
            return
        if not self._command_rate.take(1):
            raise TooFast("too many messages a second")
        command = read_command(message)
        kind = command["type"]
        if kind == "ping":
            self._client.put_message({"type": "pong", "t": command.get("t")})
        elif kind == "start":
            self._session.start(self._client)
        elif kind in ("stop", "clear"):
            getattr(self._session, kind)()
        else:
            raise HttpError("expected a message of the type start, stop, clear or ping")

    def _push(self, data: bytes) -> None:
        if self._session.microphone != "browser":
            raise HttpError("this server listens to a microphone of its own; it takes no sound from pages")
        if not self._sound_rate.take(len(data) / 2 / SAMPLE_RATE):
            raise TooFast("sound came faster than it can be spoken")
        self._session.push(unpack_sound(data), self._client)
