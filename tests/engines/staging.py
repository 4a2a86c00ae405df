"""Frames and speech as the pipeline would hand them to an engine, and the stage on which it plays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import cv2
import numpy as np

from mouthpiece.engines.base import Engine, EngineOptions
from mouthpiece.engines.wav2lip.options import NetworkOptions
from mouthpiece.speech import SpeechStream
from mouthpiece.types import (
    EngineInfo,
    Face,
    FloatArray,
    Frame,
    HeadPose,
    Patch,
    Picture,
    RenderRequest,
    SkipReason,
    SpeechChunk,
    TrackedFrame,
)

FPS = 25


@dataclass(frozen=True)
class Stage:
    """An engine as a test plays it."""

    engine_class: type[Engine]
    make: Callable[[EngineOptions], Engine]
    """How to make one; the class itself where nothing stands in for a part of it."""
    network: NetworkOptions = field(default_factory=NetworkOptions)
    """The weights that it is given."""

    def describe(self) -> EngineInfo:
        """The engine's word about itself."""
        return self.engine_class.describe(EngineOptions(network=self.network))

    def prepared(self, *sample_frames: TrackedFrame, seed: int = 0) -> Engine:
        """An engine that knows a face."""
        engine = self.make(EngineOptions(seed=seed, network=self.network))
        engine.prepare(iter(sample_frames))
        return engine


def frame_of(rgb: Picture, time_s: Fraction = Fraction(0), pixel_aspect: Fraction = Fraction(1)) -> Frame:
    """A frame of 1 / FPS."""
    return Frame(time_s, Fraction(1, FPS), np.ascontiguousarray(rgb), pixel_aspect)


def without_face(tracked: TrackedFrame, why: SkipReason = SkipReason.NO_FACE) -> TrackedFrame:
    """The same picture, taken for one without a usable face."""
    return replace(tracked, face=None, skip_reason=why, faces_seen=0)


def moved(tracked: TrackedFrame, dx: int, dy: int) -> TrackedFrame:
    """The same face elsewhere: what leaves the picture is lost, what comes in is grey."""
    assert tracked.face is not None
    shift = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float32)
    rgb: Picture = np.asarray(
        cv2.warpAffine(tracked.frame.rgb, shift, tracked.frame.rgb.shape[1::-1], borderValue=(128, 128, 128)),
        dtype=np.uint8,
    )
    landmarks = tracked.face.landmarks + np.array([dx, dy, 0], dtype=np.float32)
    pose = replace(tracked.face.pose, centre=tracked.face.pose.centre + np.array([dx, dy], dtype=np.float32))
    return replace(
        tracked,
        frame=replace(tracked.frame, rgb=rgb),
        face=replace(tracked.face, landmarks=landmarks, pose=pose),
    )


def scaled(tracked: TrackedFrame, across: float, down: float) -> TrackedFrame:
    """The picture stored with other pixels: pixel_aspect makes up for what `across` and `down` don't share."""
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
    """A photo as a video: the same face in so many frames, each with a picture of its own."""
    for i in range(count):
        yield replace(tracked, frame=replace(tracked.frame, time_s=Fraction(i, FPS), rgb=tracked.frame.rgb.copy()))


def chunks(samples: FloatArray, sizes: Callable[[], int]) -> Iterator[SpeechChunk]:
    """Speech as the speech room hands it on, in blocks of the sizes that `sizes` says."""
    stream = SpeechStream(reference_level_db=-23.0)
    start = 0
    while start < len(samples):
        size = sizes()
        yield stream.push(samples[start : start + size])
        start += size
    yield stream.finish()


def in_one(samples: FloatArray) -> Iterator[SpeechChunk]:
    """The whole speech at once, as from a file."""
    return chunks(samples, lambda: len(samples))


def drive(
    engine: Engine, frames: Sequence[TrackedFrame], heard: Iterator[SpeechChunk], strength: float = 1.0
) -> list[Patch | None]:
    """Let a prepared engine speak: each frame is drawn as soon as the engine has heard enough, as in the pipeline."""
    patches: list[Patch | None] = []

    def draw() -> None:
        while len(patches) < len(frames) and len(patches) / FPS < engine.ready_until_s:
            patches.append(engine.render(frames[len(patches)], len(patches) / FPS, strength))

    for chunk in heard:
        engine.push(chunk)
        draw()
    engine.finish()
    draw()
    assert len(patches) == len(frames)
    return patches


def moments(
    engine: Engine, frames: Iterable[TrackedFrame], heard: Iterator[SpeechChunk], strength: float = 1.0
) -> Iterator[RenderRequest]:
    """Each frame with its moment, as the pipeline makes them: the engine has heard as much as that needs, no more."""
    for i, tracked in enumerate(frames):
        while engine.ready_until_s <= i / FPS:
            chunk = next(heard, None)
            if chunk is None:
                engine.finish()
                break
            engine.push(chunk)
        yield RenderRequest(tracked, i / FPS, 0.0 if tracked.face is None else strength)


def laid_over(tracked: TrackedFrame, patch: Patch | None) -> FloatArray:
    """The frame with the patch on it, (H, W, 3) float32."""
    picture = tracked.frame.rgb.astype(np.float32)
    if patch is not None:
        part = picture[patch.box.slices]
        part += (patch.rgb.astype(np.float32) - part) * patch.alpha[..., None]
    return picture
