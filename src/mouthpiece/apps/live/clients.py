"""Clients of a browser session: its WebSockets and feeds, each with a queue of what is to be sent."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from mouthpiece.apps.live.messages import EncodedFrame

MOST_MESSAGES = 32
"""Most messages that wait for a client."""
MOST_SOUNDS = 32
"""Most pieces of sound that wait for a client."""


class Client:
    """One WebSocket or feed. Its queue holds the newest frame only: one that it was too slow for is dropped."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        """socket or feed."""
        self.dropped = 0
        """Frames it was too slow for."""
        self.replaced = False
        """Whether it was dismissed for newer ones of the same session."""
        self.dismissed = False
        self._changed = threading.Condition()
        self._frame: EncodedFrame | None = None
        self._messages: deque[dict[str, Any]] = deque(maxlen=MOST_MESSAGES)
        self._sounds: deque[bytes] = deque(maxlen=MOST_SOUNDS)

    def put_frame(self, frame: EncodedFrame) -> None:
        """Queue a frame in place of one that still waits."""
        with self._changed:
            self.dropped += self._frame is not None
            self._frame = frame
            self._changed.notify()

    def put_message(self, message: dict[str, Any]) -> None:
        """Queue a message."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify()

    def put_sound(self, sound: bytes) -> None:
        """Queue sound, packed for the WebSocket."""
        with self._changed:
            self._sounds.append(sound)
            self._changed.notify()

    def clear_sound(self) -> None:
        """Drop sound that still waits."""
        with self._changed:
            self._sounds.clear()

    def next(self, timeout_s: float) -> EncodedFrame | dict[str, Any] | bytes | None:
        """Take a message, else sound, else the newest frame; None if none came in that time, or it was dismissed."""
        with self._changed:
            if not (self._messages or self._sounds or self._frame or self.dismissed):
                self._changed.wait(timeout_s)
            if self.dismissed:
                return None
            if self._messages:
                return self._messages.popleft()
            if self._sounds:
                return self._sounds.popleft()
            frame, self._frame = self._frame, None
            return frame

    def dismiss(self) -> None:
        """Send nothing more; `next` returns None from now on."""
        with self._changed:
            self.dismissed = True
            self._changed.notify_all()
