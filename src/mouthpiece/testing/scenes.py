"""Tracked frames and speech as the pipeline hands them to an engine, made of the packaged samples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from mouthpiece import samples
from mouthpiece.engines.base import Engine
from mouthpiece.face import FaceTracker
from mouthpiece.media import open_speech
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.motion_track import make_track
from mouthpiece.speech import SpeechStream
from mouthpiece.types import (
    SAMPLE_RATE,
    Face,
    FloatArray,
    Frame,
    HeadPose,
    MotionTrack,
    Patch,
    Picture,
    RenderRequest,
    SkipReason,
    SpeechChunk,
    TrackedFrame,
)

FPS = 25
AVATAR_SIZE = (256, 320)
"""Width and height that the packaged portraits are brought to: what is tested doesn't depend on the size."""
SPEECH_S = 1.0
LEAD_IN_S = 0.2
"""Of silence left before the first word."""
LOUD = 0.1
"""A sample of speech beyond this, of full scale, belongs to a word."""
REFERENCE_LEVEL_DB = -23.0


@functools.cache
def sample_people() -> dict[str, TrackedFrame]:
    """Return a tracked frame of each packaged portrait, by the avatar's name."""
    return {avatar.name: portrait(avatar.path, AVATAR_SIZE) for avatar in samples.avatars()}


@functools.cache
def sample_words() -> FloatArray:
    """Return a second of the packaged speech, as `spoken` does."""
    return spoken(samples.sample_speech())


def portrait(path: Path, size: tuple[int, int]) -> TrackedFrame:
    """Return a photo as a frame with its face.

    Args:
        path: a picture with a face that can be used.
        size: width and height that it is brought to, pixels.
    """
    bgr = cv2.imread(str(path))
    assert bgr is not None
    small = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    _tracker().reset()
    tracked = _tracker().track(frame_of(cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.uint8)))
    assert tracked.face is not None, f"no face in {path.name}"
    return tracked


@functools.cache
def _tracker() -> FaceTracker:
    return FaceTracker(smooth=False)


def spoken(path: Path) -> FloatArray:
    """Return SPEECH_S of a recording from just before its first word on, (n,) float32 at 16 kHz."""
    with open_speech(path) as speech:
        heard = np.concatenate(list(speech.samples()))
    first = int(np.flatnonzero(np.abs(heard) > LOUD)[0])
    start = max(0, first - round(LEAD_IN_S * SAMPLE_RATE))
    return np.ascontiguousarray(heard[start : start + round(SPEECH_S * SAMPLE_RATE)], dtype=np.float32)


def frame_of(rgb: Picture, time_s: Fraction = Fraction(0), pixel_aspect: Fraction = Fraction(1)) -> Frame:
    """Return a frame of 1 / FPS."""
    return Frame(time_s, Fraction(1, FPS), np.ascontiguousarray(rgb), pixel_aspect)


def without_face(tracked: TrackedFrame, why: SkipReason = SkipReason.NO_FACE) -> TrackedFrame:
    """Return the same picture as one without a usable face."""
    return replace(tracked, face=None, skip_reason=why, faces_seen=0)


def moved(tracked: TrackedFrame, dx: int, dy: int) -> TrackedFrame:
    """Return the same face elsewhere: what leaves the picture is lost, what comes in is grey."""
    return _warped(tracked, np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float32))


def turned(tracked: TrackedFrame, degrees: float, zoom: float = 1.0) -> TrackedFrame:
    """Return the same face tilted in the picture's plane around its middle, and nearer or farther away.

    Args:
        tracked: a frame with a face and square pixels.
        degrees: of tilt, positive clockwise.
        zoom: how much larger.
    """
    assert tracked.face is not None
    x, y = tracked.face.landmarks[:, :2].mean(axis=0)
    return _warped(tracked, cv2.getRotationMatrix2D((float(x), float(y)), -degrees, zoom).astype(np.float32))


def _warped(tracked: TrackedFrame, matrix: FloatArray) -> TrackedFrame:
    """Return a frame with its picture, landmarks and pose moved by a similarity, (2, 3)."""
    face, rgb = tracked.face, tracked.frame.rgb
    assert face is not None
    picture = np.asarray(cv2.warpAffine(rgb, matrix, rgb.shape[1::-1], borderValue=(128, 128, 128)), dtype=np.uint8)
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    landmarks = face.landmarks * np.float32(zoom)
    landmarks[:, :2] = face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    around = np.eye(3, dtype=np.float32)
    around[:2, :2] = matrix[:, :2] / zoom
    old = face.pose
    pose = HeadPose(around @ old.rotation, old.scale * zoom, matrix[:, :2] @ old.centre + matrix[:, 2])
    return replace(
        tracked,
        frame=replace(tracked.frame, rgb=picture),
        face=replace(face, landmarks=landmarks, pose=pose),
    )


def scaled(tracked: TrackedFrame, across: float, down: float) -> TrackedFrame:
    """Return the picture stored with other pixels: pixel_aspect makes up for what `across` and `down` don't share."""
    assert tracked.face is not None
    size = (round(tracked.frame.width * across), round(tracked.frame.height * down))
    rgb: Picture = np.asarray(cv2.resize(tracked.frame.rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    factors = np.array([size[0] / tracked.frame.width, size[1] / tracked.frame.height, down], dtype=np.float32)
    aspect = (tracked.frame.pixel_aspect * Fraction(down) / Fraction(across)).limit_denominator(100)
    old = tracked.face.pose
    pose = HeadPose(old.rotation, old.scale * down, (old.centre * down).astype(np.float32))
    face = Face(tracked.face.landmarks * factors, pose, tracked.face.score, tracked.face.descriptor)
    return replace(tracked, frame=replace(tracked.frame, rgb=rgb, pixel_aspect=aspect), face=face)


def still(tracked: TrackedFrame, count: int) -> Iterator[TrackedFrame]:
    """Yield a photo as a video: the same face in so many frames, each with a picture of its own."""
    for i in range(count):
        yield replace(tracked, frame=replace(tracked.frame, time_s=Fraction(i, FPS), rgb=tracked.frame.rgb.copy()))


def nodding(tracked: TrackedFrame, count: int) -> list[TrackedFrame]:
    """Return a video of so many frames in which the head sways, tilts and comes nearer, as heads do when they speak."""
    frames = []
    for i, frame in enumerate(still(tracked, count)):
        sway = np.sin(2 * np.pi * i / FPS)
        frames.append(moved(turned(frame, 6.0 * sway, 1.0 + 0.004 * i), round(5 * sway), i % 3 - 1))
    return frames


def yawn() -> MotionTrack:
    """Return the motion of a mouth that opens wide for the length of the speech, and shuts."""
    times = np.arange(round(SPEECH_S * FPS) + 1) / FPS
    opening = (0.2 * np.sin(np.pi * times / SPEECH_S) ** 2).astype(np.float32)
    return make_track(times, opening[:, None, None] * MotionBasis.load().opening_mode, fps=FPS)


def chunks(samples: FloatArray, size: Callable[[], int]) -> Iterator[SpeechChunk]:
    """Yield speech as `mouthpiece.speech` hands it on, in blocks of the sizes that `size` returns."""
    stream = SpeechStream(reference_level_db=REFERENCE_LEVEL_DB)
    start = 0
    while start < len(samples):
        end = start + size()
        yield stream.push(samples[start:end])
        start = end
    yield stream.finish()


def in_one(samples: FloatArray) -> Iterator[SpeechChunk]:
    """Yield the whole speech at once, as from a file."""
    return chunks(samples, lambda: len(samples))


def drive(
    engine: Engine, frames: Sequence[TrackedFrame], speech: Iterator[SpeechChunk], strength: float = 1.0
) -> list[Patch | None]:
    """Draw frames with a prepared engine, each as soon as the engine can.

    Returns:
        A patch or None for each frame.
    """
    patches: list[Patch | None] = []

    def draw() -> None:
        while len(patches) < len(frames) and len(patches) / FPS < engine.ready_until_s:
            patches.append(engine.render(frames[len(patches)], len(patches) / FPS, strength))

    for chunk in speech:
        engine.push(chunk)
        draw()
    engine.finish()
    draw()
    assert len(patches) == len(frames)
    return patches


def moments(
    engine: Engine, frames: Iterable[TrackedFrame], speech: Iterator[SpeechChunk], strength: float = 1.0
) -> Iterator[RenderRequest]:
    """Yield requests as the pipeline makes them: the engine has as much speech as the next one needs, and no more."""
    for i, tracked in enumerate(frames):
        while engine.ready_until_s <= i / FPS:
            chunk = next(speech, None)
            if chunk is None:
                engine.finish()
                break
            engine.push(chunk)
        yield RenderRequest(tracked, i / FPS, 0.0 if tracked.face is None else strength)


def laid_over(tracked: TrackedFrame, patch: Patch | None) -> FloatArray:
    """Return the frame with the patch on it, (H, W, 3) float32."""
    picture = tracked.frame.rgb.astype(np.float32)
    if patch is not None:
        part = picture[patch.box.slices]
        part += (patch.rgb.astype(np.float32) - part) * patch.alpha[..., None]
    return picture
