"""Un-posed landmarks of a video's frames: what a closed mouth is, is known at the end, so they wait on disk."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Sequence

import numpy as np

from mouthpiece.motion.basis import MOTION_POINTS
from mouthpiece.types import FloatArray

IN_MEMORY_BYTES = 8 << 20
"""Two minutes of video."""
_SHAPE = (len(MOTION_POINTS), 3)
_ROW_BYTES = int(np.prod(_SHAPE)) * 4


class LandmarkStore:
    """Frames with their times and shots, and (P, 3) landmarks of MOTION_POINTS where a face was measured."""

    def __init__(self) -> None:
        self._rows = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed with the store
        self._place = array("q")
        self.time_s = array("d")
        """Of each frame, seconds."""
        self.shot = array("q")
        """Of each frame: counts up when somebody else is found."""
        self._stored = 0

    def close(self) -> None:
        """Release the file."""
        self._rows.close()

    @property
    def frames(self) -> int:
        """T."""
        return len(self.time_s)

    def add(self, time_s: float, shot: int, landmarks: FloatArray | None) -> None:
        """Take the next frame; None where no face was measured."""
        self.time_s.append(time_s)
        self.shot.append(shot)
        self._place.append(-1 if landmarks is None else self._stored)
        if landmarks is not None:
            self._rows.write(np.ascontiguousarray(landmarks, dtype=np.float32).tobytes())
            self._stored += 1

    def seen(self) -> list[int]:
        """List the frames in which a face was measured."""
        return [frame for frame, place in enumerate(self._place) if place >= 0]

    def landmarks(self, frame: int) -> FloatArray:
        """Return the landmarks of a frame that has some, (P, 3)."""
        self._rows.seek(self._place[frame] * _ROW_BYTES)
        return np.frombuffer(self._rows.read(_ROW_BYTES), dtype=np.float32).reshape(_SHAPE)

    def many(self, frames: Sequence[int]) -> FloatArray:
        """Return the landmarks of several frames, (n, P, 3)."""
        return np.stack([self.landmarks(frame) for frame in frames])
