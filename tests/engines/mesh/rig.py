"""A puppeteer's hand in the mesh engine: the mouth opens as told, whatever the speech network would say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

import numpy as np
from tests import scenes

from mouthpiece.compositing import paste
from mouthpiece.engines.mesh import MeshEngine
from mouthpiece.engines.mesh.maps import FaceMaps
from mouthpiece.engines.mesh.neutral import PlaneMap, canonical_shape, opening
from mouthpiece.engines.mesh.warp import LipWarp
from mouthpiece.face import FaceTracker
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.options import EngineOptions
from mouthpiece.types import FloatArray, Frame, Motion, Picture, SpeechChunk, TrackedFrame

Script = Callable[[float], float]
"""Moment in seconds -> opening in outer eye distances."""


class Puppeteer:
    """Stands where the motion network's stream stands."""

    def __init__(self, basis: MotionBasis, script: Script) -> None:
        self._mode = basis.opening_mode
        self._script = script

    ready_until_s = inf

    def at(self, time_s: float) -> Motion:
        wide = self._script(time_s)
        return Motion((wide * self._mode).astype(np.float32), wide, 1.0)

    def push(self, chunk: SpeechChunk) -> None:
        """It has a script."""

    finish = reset = lambda self: None


class Puppet:
    """A mesh engine whose mouth is told how far to open, and a tracker that measures what came out."""

    def __init__(self, tracker: FaceTracker, sample_frames: Iterable[TrackedFrame]) -> None:
        self.engine = MeshEngine(EngineOptions())
        self.basis = self.engine._motion.basis
        self._wide = 0.0
        puppeteer = Puppeteer(self.basis, lambda _: self._wide)
        self.engine._motion = puppeteer  # type: ignore[assignment]
        self.engine.prepare(sample_frames)
        self._tracker = tracker

    def speak(self, tracked: TrackedFrame, wide: float, strength: float = 1.0) -> Picture:
        """The frame with the mouth that far open."""
        self._wide = wide
        patch = self.engine.render(tracked, 0.0, strength)
        frame = tracked.frame
        copy = Frame(frame.time_s, frame.duration_s, frame.rgb.copy(), frame.pixel_aspect)
        return copy.rgb if patch is None else paste(copy, patch).rgb

    def measured(self, rgb: Picture) -> float:
        """How far open a picture's mouth is."""
        return measured_opening(self._tracker, rgb)


def measured_opening(tracker: FaceTracker, rgb: Picture) -> float:
    """How far open the tracker sees a picture's mouth."""
    tracker.reset()
    face = tracker.track(scenes.frame(rgb)).face
    assert face is not None
    return opening(canonical_shape(face, 1.0))


def look(tracker: FaceTracker, rgb: Picture, shot: int = 0) -> TrackedFrame:
    """A picture as the tracker sees it."""
    tracker.reset()
    tracked = tracker.track(scenes.frame(rgb))
    assert tracked.face is not None
    return TrackedFrame(tracked.frame, tracked.face, None, shot)


def displacement(basis: MotionBasis, wide: float) -> FloatArray:
    """(P, 3) of the motion points of a mouth that far open."""
    return (wide * basis.opening_mode).astype(np.float32)


def fields_of(warp: LipWarp, motion: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Upper and lower field, (GRID_H, GRID_W, 2), of motion points displaced by (P, 2)."""
    return warp.fields.spread(motion)


def maps_of(
    warp: LipWarp, plane: PlaneMap, shift: FloatArray, shown: FloatArray, wanted: FloatArray, size: tuple[int, int]
) -> FaceMaps | None:
    """Maps from a shown mouth to a wanted one, both (P, 2), in a frame of a size (width, height)."""
    geometry = warp.geometry(plane, shift, shown, size)
    return None if geometry is None else warp.maps(geometry, wanted)
