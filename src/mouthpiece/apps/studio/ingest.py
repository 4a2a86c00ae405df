"""From what a browser sent, or the gallery has, to a file that was looked into and can be shown."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from mouthpiece.apps.studio.folders import VisitFolder
from mouthpiece.apps.uploads import Kind, Limits, check_face, check_length, check_speech, safe_name, said_as
from mouthpiece.errors import BrokenMediaError, NoFaceError, NoSoundError, OutputError
from mouthpiece.face import FaceTracker
from mouthpiece.media import FaceSource, open_face, open_speech
from mouthpiece.options import SyncOptions
from mouthpiece.pipeline import why_nobody
from mouthpiece.types import SAMPLE_RATE, Frame, Picture

STILL_SIDE = 640
"""Largest side of a preview, pixels."""
STILL_QUALITY = 88
QUIET = 0.004
"""A recording that never gets louder than this (-48 dB) is taken for silence: a microphone that is off."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face that may speak."""

    token: str
    """Tells it from others of this visit."""
    path: Path
    name: str
    """What the visitor calls it; for display."""
    is_video: bool
    width: int
    """Pixels, upright."""
    height: int
    """Pixels, upright."""
    duration_s: float | None
    """Length of a video, where it says."""
    still: bytes
    """A small JPEG of its first picture."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Something to say."""

    token: str
    """Tells it from others of this visit."""
    path: Path
    name: str
    """What the visitor calls it; for display."""
    seconds: float
    wav: bytes
    """The same as any browser plays it: WAV, 16 kHz, mono, 16 bit."""


def take_face(visit: VisitFolder, content: BinaryIO, name: str, token: str, limits: Limits) -> Face:
    """Keep a face that was sent.

    Raises:
        InputError: it is no picture or video within the limits, or a photo of nobody.
        OutputError: it can't be kept.
    """
    with _kept(visit, content, "face") as path:
        found = check_face(path, name, limits)
        with said_as(path, safe_name(name)):
            return known_face(path, safe_name(name), token, is_video=found.kind is Kind.VIDEO, seek=True)


def known_face(path: Path, name: str, token: str, *, is_video: bool = False, seek: bool = False) -> Face:
    """A face that needs no checks but whether it can be seen.

    Args:
        path: where it is.
        name: what to call it.
        token: tells it from others.
        is_video: whether it moves.
        seek: see that a photo shows a face; a video may show it later.

    Raises:
        InputError: its first picture can't be decoded, or nobody is to be seen in the photo.
    """
    with open_face(path) as source:
        info = source.info
        first = next(source.sample_frames(1), None)
        if first is None:
            raise BrokenMediaError(f"{path.name} holds no picture that can be decoded; get a whole copy")
        if seek and not is_video:
            _seek(source, first)
        still = _jpeg(first.rgb)
    return Face(token, path, name, is_video, info.width, info.height, info.duration_s, still)


def _seek(source: FaceSource, photo: Frame) -> None:
    """Find a face now that the job would not find."""
    looks = FaceTracker().detect_all(photo)
    if all(skip_reason is not None for _, skip_reason in looks):
        raise NoFaceError(why_nobody([(skip_reason, len(looks)) for _, skip_reason in looks], source, SyncOptions()))


def take_speech(visit: VisitFolder, content: BinaryIO, name: str, token: str, limits: Limits) -> Speech:
    """Keep speech that was sent.

    Raises:
        InputError: it is no sound within the limits, or nothing can be heard.
        OutputError: it can't be kept.
    """
    with _kept(visit, content, "speech") as path:
        check_speech(path, name, limits)
        with said_as(path, safe_name(name)):
            return known_speech(path, safe_name(name), token, limits)


def known_speech(path: Path, name: str, token: str, limits: Limits) -> Speech:
    """Speech that needs no checks but its length.

    Raises:
        InputError: it is too long, too short, or nothing can be heard.
    """
    pieces: list[bytes] = []
    heard, loudest = 0, 0.0
    with open_speech(path) as voice:
        for block in voice.samples():
            heard += len(block)
            check_length(heard / SAMPLE_RATE, name, limits)
            loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
            pieces.append(np.rint(block * 32767).astype("<i2").tobytes())
    if loudest < QUIET:
        raise NoSoundError(f"expected speech, but nothing can be heard in {name}; is the microphone on?")
    return Speech(token, path, name, heard / SAMPLE_RATE, _wav(b"".join(pieces)))


@contextmanager
def _kept(visit: VisitFolder, content: BinaryIO, what: str) -> Iterator[Path]:
    """A file of the visit, which goes again if it turns out to be of no use."""
    try:
        path = visit.keep(content, what)
    except OSError as error:
        raise OutputError(f"the file can't be kept on the server: {error.strerror}; try again later") from error
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _jpeg(rgb: Picture) -> bytes:
    scale = min(STILL_SIDE / max(rgb.shape[:2]), 1.0)
    size = (max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [int(cv2.IMWRITE_JPEG_QUALITY), STILL_QUALITY]
    )
    assert done, "OpenCV writes JPEG of any picture"
    return data.tobytes()


def _wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(samples)
    return file.getvalue()
