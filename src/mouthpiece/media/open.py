"""Opening what the user gave; what it is, is decided by its content and never by its name."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import OptionError
from mouthpiece.media.byte_source import FileInput, open_bytes
from mouthpiece.media.face_source import FaceSource
from mouthpiece.media.images import PhotoSource, open_picture
from mouthpiece.media.speech_array import ArraySpeech
from mouthpiece.media.speech_file import SpeechFile
from mouthpiece.media.speech_source import SpeechSource
from mouthpiece.media.video import open_video
from mouthpiece.options import PHOTO_FPS, FrameTransform
from mouthpiece.types import SAMPLE_RATE, Waveform

PlainFaceInput = FileInput | NDArray[Any]
PlainSpeechInput = FileInput | Waveform | NDArray[Any] | tuple[NDArray[Any], int]


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Named(Generic[T_co]):
    """An input with another name than its file's, for messages: what somebody sent is stored under a name of ours."""

    source: T_co
    name: str


FaceInput = PlainFaceInput | Named[PlainFaceInput]
"""A path, a binary file object, or a picture as an array: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, of uint8, uint16, or
float in 0-1; or one of these with a name for messages."""
SpeechInput = PlainSpeechInput | Named[PlainSpeechInput]
"""A path, a binary file object, a `Waveform`, an array of samples at 16 kHz, or (array, sample rate in Hz); or one of
these with a name for messages. Arrays are (n,), (n, channels) or (channels, n), floats in [-1, 1] or integers of any
width."""


def open_face(
    source: FaceInput,
    *,
    name: str | None = None,
    photo_fps: Fraction = PHOTO_FPS,
    transform: FrameTransform | None = None,
) -> FaceSource:
    """Open a face's photo or video.

    Args:
        source: where the picture is.
        name: what messages call it; the file's own name, or "the array", unless given.
        photo_fps: pictures a second that a photo becomes; also the rate at which long still stretches of a video are
            drawn again, so that a mouth can move in them.
        transform: what part of the picture is taken, how large and which way up; all of it as it is unless given.
            Photos are transformed like videos.

    Raises:
        InputError: no such file, or an array of a shape that is no picture.
        NotMediaError: nothing that can be read.
        NoPictureError: sound only.
        PictureSizeError: too small or too large by its header, before anything of that size is allocated.
        BrokenMediaError: damaged from its first picture on.
        OptionError: `photo_fps` outside 1-240; too little would be left after `transform`.
    """
    plain, name = (source.source, name or source.name) if isinstance(source, Named) else (source, name)
    if not 1 <= photo_fps <= 240:
        raise OptionError(f"expected 1 to 240 frames a second for a photo, got {float(photo_fps):g}")
    photo_fps = Fraction(photo_fps).limit_denominator(1001)
    transform = transform or FrameTransform()
    if isinstance(plain, np.ndarray):
        return PhotoSource.of_array(plain, photo_fps, name or "the array").transformed(transform)
    data = open_bytes(plain, name)
    try:
        return (open_picture(data, photo_fps) or open_video(data, photo_fps)).transformed(transform)
    except BaseException:
        data.close()
        raise


def open_speech(source: SpeechInput, *, name: str | None = None) -> SpeechSource:
    """Open speech.

    Args:
        source: where the sound is.
        name: what messages call it; the file's own name, or "the array", unless given.

    Raises:
        InputError: no such file, or an array that is no sound.
        NotMediaError: nothing that can be read.
        NoSoundError: no sound track, or not a single sample in it.
        BrokenMediaError: damaged so that nothing decodes.
        SpeechTooShortError: less than 20 ms.
    """
    plain, name = (source.source, name or source.name) if isinstance(source, Named) else (source, name)
    if isinstance(plain, np.ndarray):
        plain = (plain, SAMPLE_RATE)
    elif isinstance(plain, Waveform):
        plain = (plain.samples, plain.sample_rate)
    if isinstance(plain, tuple):
        return ArraySpeech(np.asarray(plain[0]), plain[1], name or "the array")
    data = open_bytes(plain, name)
    try:
        return SpeechFile(data)
    except BaseException:
        data.close()
        raise
