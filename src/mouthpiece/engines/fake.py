"""An engine without a network: a drawn mouth that opens with the loudness of the speech.

For tests and demos. It keeps the whole contract, needs no weights, and what it draws can be predicted by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.errors import EngineError
from mouthpiece.options import EngineOptions
from mouthpiece.types import SAMPLE_RATE, Box, EngineInfo, FloatArray, Patch, Picture, SpeechChunk, TrackedFrame

HOP = SAMPLE_RATE // 100
"""Samples of one value of the loudness envelope: 10 ms."""
HOP_RATE = SAMPLE_RATE // HOP
LOOK_HOPS = 4
"""Loudness is averaged over so many hops to each side of a moment: 40 ms."""
LOOK_AHEAD_S = LOOK_HOPS / HOP_RATE
QUIET_DB, LOUD_DB = -50.0, -15.0
"""Level (RMS, dB of full scale) at which the mouth begins to open, and at which it is wide open."""

# Landmarks of the face mesh: corners of the mouth, middle of the inner upper and lower lip.
_CORNERS = [61, 291]
_INNER_LIPS = [13, 14]

# Shape of the drawn mouth, in widths of the face's own mouth.
_HALF_WIDTH = 0.45
_LIP = 0.16
_OPEN = 0.35
_RADIUS = 0.85
_FEATHER = 0.3
_DARK = np.array([60, 20, 25], dtype=np.float32)
_LIP_COLOUR = np.array([190, 80, 85], dtype=np.float32)


class FakeEngine(Engine):
    """Draws an ellipse for a mouth; how far it is open follows the speech's loudness."""

    def __init__(self, options: EngineOptions, job: EngineJob | None = None) -> None:
        """Choose the lips' colour by the seed; nothing is loaded, and the device is not used."""
        super().__init__(options, job)
        self._lips = _LIP_COLOUR + np.random.default_rng(options.seed).uniform(-30, 30, 3).astype(np.float32)
        self.reset()

    @classmethod
    def describe(cls, options: EngineOptions, *, live: bool = False) -> EngineInfo:
        """Describe the engine; it is always ready."""
        return EngineInfo(
            name="fake",
            summary="a drawn mouth that opens with the loudness; for tests and demos",
            look_ahead_s=LOOK_AHEAD_S,
            licence="Apache-2.0 (no weights)",
            device="CPU",
            weights="none needed",
            ready=True,
        )

    def prepare(self, sample_frames: Iterable[TrackedFrame]) -> None:
        """Read the sample frames to their end, as other engines do; there is nothing to learn."""
        for _ in sample_frames:
            pass

    def reset(self) -> None:
        """Forget the speech."""
        self._rest = np.zeros(0, dtype=np.float32)
        self._levels: list[float] = []
        self._forgotten = 0
        self._finished = False

    def push(self, chunk: SpeechChunk) -> None:
        """Add the chunk's loudness to the envelope, on a grid that doesn't depend on where chunks end."""
        samples = np.concatenate([self._rest, chunk.samples])
        hops = len(samples) // HOP
        self._levels.extend(_openings(samples[: hops * HOP].reshape(hops, HOP)))
        self._rest = samples[hops * HOP :]

    def finish(self) -> None:
        """End the speech: silence comes after the last sample."""
        if len(self._rest):
            last = np.zeros((1, HOP), dtype=np.float32)
            last[0, : len(self._rest)] = self._rest
            self._levels.extend(_openings(last))
            self._rest = np.zeros(0, dtype=np.float32)
        self._finished = True

    @property
    def ready_until_s(self) -> float:
        """40 ms less than what was heard."""
        heard_s = (self._forgotten + len(self._levels)) / HOP_RATE
        return inf if self._finished else max(0.0, heard_s - LOOK_AHEAD_S)

    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """Draw the mouth of a moment.

        Raises:
            EngineError: the moment was not heard yet.
        """
        if speech_s >= self.ready_until_s:
            raise EngineError(f"expected a moment before {self.ready_until_s:.3f} s, got {speech_s:.3f} s")
        opening = self._opening(speech_s)
        if tracked.face is None or strength <= 0:
            return None
        return draw_mouth(tracked, opening, self._lips, min(strength, 1.0))

    def _opening(self, speech_s: float) -> float:
        """Mean opening around a moment, 0-1; what lies before the window is forgotten, as moments don't go back."""
        middle = round(speech_s * HOP_RATE)
        first, last = middle - LOOK_HOPS, middle + LOOK_HOPS
        old = min(max(0, first - self._forgotten), len(self._levels))
        del self._levels[:old]
        self._forgotten += old
        window = self._levels[max(0, first - self._forgotten) : max(0, last - self._forgotten)]
        return sum(window) / (2 * LOOK_HOPS)


def _openings(hops: FloatArray) -> list[float]:
    """Compute how far loudness opens the mouth, 0-1, for each row of samples."""
    power = np.mean(np.square(hops, dtype=np.float64), axis=1)
    level_db = 10 * np.log10(np.maximum(power, 1e-12))
    opened: list[float] = np.clip((level_db - QUIET_DB) / (LOUD_DB - QUIET_DB), 0.0, 1.0).tolist()
    return opened


def draw_mouth(tracked: TrackedFrame, opening: float, lips: FloatArray, strength: float) -> Patch | None:
    """Lay lips and a dark ellipse over the face's mouth.

    Args:
        tracked: a frame with a face.
        opening: 0-1.
        lips: (3,) float32, their RGB colour.
        strength: 0-1, the patch's greatest alpha.

    Returns:
        The patch, or None where the mouth lies outside the picture.
    """
    assert tracked.face is not None
    frame, aspect = tracked.frame, float(tracked.frame.pixel_aspect)
    points = tracked.face.landmarks[:, :2].astype(np.float64)
    centre = points[_INNER_LIPS].mean(axis=0)
    corners = points[_CORNERS] * [aspect, 1.0]
    across = corners[1] - corners[0]
    mouth = float(np.hypot(*across))
    if not np.isfinite(mouth) or mouth < 1.0:
        return None
    box = _box_around(centre, mouth * _RADIUS / aspect, mouth * _RADIUS).clipped(frame.width, frame.height)
    if box.width == 0 or box.height == 0:
        return None
    along, down = _mouth_coordinates(box, centre, aspect, across / mouth**2)
    rgb = frame.rgb[box.slices].astype(np.float32)
    for colour, half_width, half_height in (
        (lips, _HALF_WIDTH + _LIP / 2, _LIP + opening * _OPEN),
        (_DARK, _HALF_WIDTH, 0.02 + opening * _OPEN),
    ):
        cover = np.clip((1 - np.hypot(along / half_width, down / half_height)) * 4, 0, 1)[..., None]
        rgb += (colour - rgb) * cover
    alpha = np.clip((1 - np.hypot(along, down) / _RADIUS) / _FEATHER, 0, 1) * strength
    picture: Picture = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return Patch(box, picture, alpha.astype(np.float32))


def _box_around(centre: NDArray[np.float64], half_width: float, half_height: float) -> Box:
    """Whole pixels around a point, with a rim of one pixel where the patch has ended."""
    half = np.array([half_width, half_height])
    low = np.floor(centre - half).astype(int) - 1
    high = np.ceil(centre + half).astype(int) + 2
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _mouth_coordinates(
    box: Box, centre: NDArray[np.float64], aspect: float, across: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute each pixel's place along the mouth and below it, in mouth widths from its centre; (height, width)."""
    y, x = np.mgrid[box.y0 : box.y1, box.x0 : box.x1].astype(np.float64)
    x, y = (x - centre[0]) * aspect, y - centre[1]
    return x * across[0] + y * across[1], y * across[0] - x * across[1]
