"""Clips rendered anew, and their pictures read: a speaker's face saying what it says in the clip, to the clip's sound.

clip --rendered_frames--> frames, numbered as the clip's --read_frames--> landmarks, as a corpus's are measured
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from mouthpiece.datasets.measuring import KEPT_POINTS, canonical_landmarks, filled
from mouthpiece.datasets.recordings import Recording
from mouthpiece.errors import NoFaceError
from mouthpiece.evaluation.options import View
from mouthpiece.face import FaceTracker
from mouthpiece.media import open_face
from mouthpiece.options import EngineOptions, Fit, SyncOptions
from mouthpiece.pipeline import draw, sync
from mouthpiece.types import SAMPLE_RATE, FloatArray, Frame, Phone, Picture, Waveform

_FOREVER = Fraction(10**9)
FPS_DENOMINATOR = 1001
"""Frame rates are fractions with at most this below: 30000/1001."""

NumberedFrame = tuple[int, Frame]
"""A rendered frame and the number of the clip's frame that it stands for."""


def rendered_frames(
    clip: Recording,
    media: Path,
    view: View,
    engine: EngineOptions,
    *,
    phones: tuple[Phone, ...] = (),
    encoded: bool = False,
) -> Iterator[NumberedFrame]:
    """Render a clip anew with its own sound.

    Args:
        clip: the sound, and how many frames there are.
        media: the video that it was measured in.
        view: whether the face is a photo, the clip's first frame that shows one, or the video itself.
        engine: who moves the mouth, and how.
        phones: what is said, where the mouth is to follow that.
        encoded: read the frames from a file as `sync` writes it, not as they are drawn.

    Yields:
        Frames in order, those that stand for none of the clip's left out.

    Raises:
        MouthpieceError: as of `mouthpiece.draw`.
    """
    fps = Fraction(clip.fps).limit_denominator(FPS_DENOMINATOR)
    options = SyncOptions(engine=engine, fit=Fit.CUT, fps=fps, phones=_delayed(phones, 0.0) or None, overwrite=True)
    if view is View.PHOTO:
        yield from _numbered(_made(first_picture(clip, media), clip.samples, options, encoded), clip, 0.0)
        return
    before = np.zeros(round(clip.start_s * SAMPLE_RATE), dtype=np.float32)
    later = SyncOptions(engine=engine, fit=Fit.CUT, phones=_delayed(phones, clip.start_s) or None, overwrite=True)
    frames = _made(media, np.concatenate([before, clip.samples]), later, encoded)
    yield from _numbered(frames, clip, clip.start_s)


def _delayed(phones: tuple[Phone, ...], start_s: float) -> tuple[Phone, ...]:
    return tuple(Phone(phone.symbol, phone.start_s + start_s, phone.end_s + start_s) for phone in phones)


def _made(face: Path | Picture, speech: FloatArray, options: SyncOptions, encoded: bool) -> Iterator[Frame]:
    """Yield frames as they are drawn, or as they come out of a file."""
    if not encoded:
        yield from draw(face, Waveform(speech), options)
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rendered.mp4"
        sync(face, Waveform(speech), out, options)
        with open_face(out) as source:
            yield from source.frames(_FOREVER, Fit.CUT)


def _numbered(frames: Iterator[Frame], clip: Recording, start_s: float) -> Iterator[NumberedFrame]:
    """Number frames by their time, each number once, and stop after the clip's last one."""
    last = -1
    with closing(frames):  # type: ignore[type-var]  # a generator
        for frame in frames:
            number = round((float(frame.time_s) - start_s) * clip.fps)
            if last < number < clip.frames:
                yield number, frame
                last = number
            if number >= clip.frames - 1:
                return


def recorded_frames(clip: Recording, media: Path) -> Iterator[NumberedFrame]:
    """Yield the frames that a clip was measured in, with their numbers.

    Raises:
        InputError: the video can't be read.
    """
    with open_face(media) as source:
        yield from _numbered(source.frames(_FOREVER, Fit.CUT), clip, clip.start_s)


def first_picture(clip: Recording, media: Path) -> Picture:
    """Return the clip's first frame that shows a face, (H, W, 3) RGB in square pixels.

    Raises:
        NoFaceError: none does.
    """
    tracker = FaceTracker(smooth=False)
    with closing(recorded_frames(clip, media)) as frames:  # type: ignore[type-var]  # a generator
        for _, frame in frames:
            if tracker.track(frame).face is not None:
                return _squared(frame)
    raise NoFaceError(f"expected a face in {media.name} to make a photo of, found none; leave the clip out")


def _squared(frame: Frame) -> Picture:
    """Return a frame's picture in square pixels."""
    if frame.pixel_aspect == 1:
        return frame.rgb.copy()
    size = round(frame.width * float(frame.pixel_aspect)), frame.height
    return np.asarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def read_frames(frames: Iterable[NumberedFrame], clip: Recording, tracker: FaceTracker | None = None) -> Recording:
    """Read rendered frames with the ruler that corpora are measured with.

    Args:
        frames: in order.
        clip: what they were made from.
        tracker: without smoothing; loaded if not given.

    Returns:
        The clip with the landmarks of the frames in place of its own; frames that are missing or show no face are not
        `seen`.
    """
    tracker = tracker or FaceTracker(smooth=False)
    tracker.reset()
    rows: list[FloatArray | None] = [None] * clip.frames
    for number, frame in frames:
        face = tracker.track(frame).face
        if face is not None:
            rows[number] = canonical_landmarks(face, float(frame.pixel_aspect))[KEPT_POINTS]
    landmarks, seen = filled(rows)
    return replace(clip, landmarks=landmarks, seen=seen, points=KEPT_POINTS)
