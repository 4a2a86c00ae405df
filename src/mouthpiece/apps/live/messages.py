"""Messages of the WebSocket and parts of the feed: frames and sound in binary, commands as JSON."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mouthpiece.apps.live.http_errors import HttpError
from mouthpiece.types import SAMPLE_RATE, FloatArray

FRAME_MAGIC = b"MPF1"
"""First bytes of a frame on the WebSocket."""
SOUND_MAGIC = b"MPS1"
"""First bytes of sound on it: that of a recording, for the page to play."""
BOUNDARY = b"frame"
"""Boundary between two pictures of the feed."""
MOST_MESSAGE = 2 * SAMPLE_RATE
"""Most bytes of a client's message: a second of sound."""
MOST_TEXT = 1024
"""Most characters of a text message."""
MOST_BRACKETS = 4
"""Most opening brackets in a text message: commands are flat."""
MOST_STAMP = 1e15
"""Largest "t" that is sent back: milliseconds of the page's clock."""
_INT16_MAX, _INT16_RANGE = 32767, 32768.0
_FRAME_HEADER = struct.Struct("<4sdd")
_SOUND_HEADER = struct.Struct("<4sd")


@dataclass(frozen=True)
class EncodedFrame:
    """One frame on its way to the clients: encoded once, and packed once for each kind of client."""

    jpeg: bytes = field(repr=False)
    moment_s: float
    """Moment of the sound that it shows, seconds of the sender's time."""
    latency_s: float
    """From the arrival of the sample that it shows until it was ready to leave; 0 for a face at rest."""

    @cached_property
    def message(self) -> bytes:
        """The frame for the WebSocket: FRAME_MAGIC, two little-endian doubles, the JPEG."""
        return _FRAME_HEADER.pack(FRAME_MAGIC, self.moment_s, self.latency_s) + self.jpeg

    @cached_property
    def part(self) -> bytes:
        """The frame for the feed, with the next part's boundary: browsers wait for it before they show this one."""
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(self.jpeg)
        return head + self.jpeg + b"\r\n--" + BOUNDARY + b"\r\n"


def pack_sound(samples: FloatArray, first: int) -> bytes:
    """Pack sound for the WebSocket: SOUND_MAGIC, its time in the speech as a little-endian double, int16 samples.

    Args:
        samples: (n,) float32 in [-1, 1], 16 kHz.
        first: count of samples[0] in the speech.
    """
    pcm = np.clip(np.rint(samples * _INT16_MAX), -_INT16_MAX, _INT16_MAX).astype("<i2").tobytes()
    return _SOUND_HEADER.pack(SOUND_MAGIC, first / SAMPLE_RATE) + pcm


def unpack_sound(data: bytes) -> FloatArray:
    """Unpack the sound that a client sends.

    Args:
        data: little-endian int16 samples, 16 kHz, mono.

    Returns:
        (n,) float32 in [-1, 1).

    Raises:
        HttpError: half a sample, or more than a second.
    """
    if len(data) % 2 or len(data) > MOST_MESSAGE:
        raise HttpError(f"expected up to {MOST_MESSAGE} bytes of 16-bit samples, got {len(data)}")
    return (np.frombuffer(data, dtype="<i2") / np.float32(_INT16_RANGE)).astype(np.float32, copy=False)


def read_command(text: str) -> dict[str, Any]:
    """Parse a text message: a small flat JSON object with a "type".

    Raises:
        HttpError: anything else.
    """
    if len(text) > MOST_TEXT or sum(text.count(bracket) for bracket in "[{") > MOST_BRACKETS:
        raise HttpError(f'expected a JSON object like {{"type": "start"}} of at most {MOST_TEXT} characters, flat')
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise HttpError('expected a JSON object like {"type": "start"}')
    stamp = message.get("t")
    if isinstance(stamp, bool) or not isinstance(stamp, int | float | None) or not abs(stamp or 0) < MOST_STAMP:
        raise HttpError('expected a number as "t", or none')
    return message
