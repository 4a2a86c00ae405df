"""Uploads and samples: checked, stored, previewed."""

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
from mouthpiece.apps.studio.formatting import isolate_name
from mouthpiece.apps.web import Limits, MediaKind, check_face, check_length, check_speech, safe_name
from mouthpiece.errors import BrokenMediaError, NoFaceError, NoSoundError, OutputError
from mouthpiece.face import FaceTracker
from mouthpiece.media import FaceSource, open_face, open_speech
from mouthpiece.options import SyncOptions
from mouthpiece.pipeline import why_nobody
from mouthpiece.types import SAMPLE_RATE, Frame, Picture

PREVIEW_SIDE = 640
"""Largest side of a preview, pixels."""
PREVIEW_QUALITY = 88
SILENCE_PEAK = 0.004
"""A recording that never gets louder than this (-48 dB) is taken for silence: a microphone that is off."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that a control of the page sent."""

    content: BinaryIO
    token: str
    """Identifier within the visit."""
    name: str
    """For display."""
    message_name: str
    """For messages; English where the file has no name of the visitor's."""
    control: str
    """Which control sent it."""


@dataclass(frozen=True, slots=True)
class ChosenFace:
    """A face that may speak."""

    token: str
    """Identifier within the visit."""
    path: Path
    name: str
    """The visitor's name for it; for display."""
    is_video: bool
    width: int
    """Pixels, upright."""
    height: int
    """Pixels, upright."""
    duration_s: float | None
    """Length of a video, where it is known."""
    preview: bytes
    """A small JPEG of its first picture."""


@dataclass(frozen=True, slots=True)
class ChosenSpeech:
    """Speech that a face may be given."""

    token: str
    """Identifier within the visit."""
    path: Path
    name: str
    """The visitor's name for it; for display."""
    duration_s: float
    wav: bytes
    """A copy that any browser plays: WAV, 16 kHz, mono, 16 bit."""


def ingest_face(folder: VisitFolder, sent: SentFile, limits: Limits) -> ChosenFace:
    """Check and store a face.

    Raises:
        InputError: it is no picture or video within the limits, or a photo of nobody.
        OutputError: it can't be stored.
    """
    with _stored(folder, sent.content, "face") as path:
        name, message_name = safe_name(sent.name), isolate_name(safe_name(sent.message_name))
        is_video = check_face(path, message_name, limits).kind is MediaKind.VIDEO
        return load_face(path, name, sent.token, message_name, is_video=is_video, require_face=True)


def load_face(
    path: Path,
    name: str,
    token: str,
    message_name: str | None = None,
    *,
    is_video: bool = False,
    require_face: bool = False,
) -> ChosenFace:
    """Open a face and make its preview.

    Args:
        path: where it is.
        name: for display.
        token: identifier within the visit.
        message_name: for messages; the file's own unless given.
        is_video: whether it moves.
        require_face: refuse a photo that shows no face; a video may show it later.

    Raises:
        InputError: its first picture can't be decoded, or the photo shows no face.
    """
    with open_face(path, name=message_name) as source:
        info = source.info
        first = next(source.sample_frames(1), None)
        if first is None:
            raise BrokenMediaError(f"{info.name} holds no picture that can be decoded; get a whole copy")
        if require_face and not is_video:
            _require_face(source, first)
        preview = _jpeg(first.rgb)
    return ChosenFace(token, path, name, is_video, info.width, info.height, info.duration_s, preview)


def _require_face(source: FaceSource, photo: Frame) -> None:
    """Refuse a photo now in which the job would find no face.

    Raises:
        NoFaceError: it shows none that can be used.
    """
    detections = FaceTracker().detect_all(photo)
    if all(skip_reason is not None for _, skip_reason in detections):
        reasons = [(skip_reason, len(detections)) for _, skip_reason in detections]
        raise NoFaceError(why_nobody(reasons, source, SyncOptions()))


def ingest_speech(folder: VisitFolder, sent: SentFile, limits: Limits) -> ChosenSpeech:
    """Check and store speech.

    Raises:
        InputError: it is no sound within the limits, or silence.
        OutputError: it can't be stored.
    """
    with _stored(folder, sent.content, "speech") as path:
        message_name = isolate_name(safe_name(sent.message_name))
        check_speech(path, message_name, limits)
        return load_speech(path, safe_name(sent.name), sent.token, limits, message_name)


def load_speech(path: Path, name: str, token: str, limits: Limits, message_name: str | None = None) -> ChosenSpeech:
    """Decode speech into a copy that browsers play; the other arguments are as of `load_face`.

    Raises:
        InputError: it is too long, too short, or silence.
    """
    pieces: list[bytes] = []
    samples, peak = 0, 0.0
    with open_speech(path, name=message_name) as source:
        for block in source.samples():
            samples += len(block)
            check_length(samples / SAMPLE_RATE, source.info.name, limits)
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            pieces.append(np.rint(block * 32767).astype("<i2").tobytes())
    if peak < SILENCE_PEAK:
        raise NoSoundError(f"expected speech, but nothing can be heard in {source.info.name}; is the microphone on?")
    return ChosenSpeech(token, path, name, samples / SAMPLE_RATE, _wav(b"".join(pieces)))


@contextmanager
def _stored(folder: VisitFolder, content: BinaryIO, stem: str) -> Iterator[Path]:
    """Store an upload; it is removed again if the block fails.

    Raises:
        OutputError: it can't be stored.
    """
    try:
        path = folder.store(content, stem)
    except OSError as error:
        raise OutputError(f"the file can't be kept on the server: {error.strerror}; try again later") from error
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _jpeg(rgb: Picture) -> bytes:
    scale = min(PREVIEW_SIDE / max(rgb.shape[:2]), 1.0)
    size = (max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    encoded, data = cv2.imencode(".jpg", bgr, [int(cv2.IMWRITE_JPEG_QUALITY), PREVIEW_QUALITY])
    assert encoded, "OpenCV writes JPEG of any picture"
    return data.tobytes()


def _wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(samples)
    return file.getvalue()
