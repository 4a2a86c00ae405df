"""How far mouths are open: what the engine intends, and what the tracker reads from the pictures that came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece.face import FaceTracker
from mouthpiece.media import SpeechInput, open_face, open_speech
from mouthpiece.options import Fit
from mouthpiece.speech import SpeechStream, measure_level
from mouthpiece.types import Face, FloatArray

MAX_LAG = 5
"""Frames by which two curves are shifted against each other at most."""
_LONGEST_S = Fraction(24 * 3600)

_INNER_LIPS = [13, 14]
_OUTER_EYES = [33, 263]

Curve = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Opening:
    """How a mouth was read from one picture."""

    time_s: float
    opening: float
    """Distance of the inner lips over that of the outer eye corners; not a number where no face was found."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a rendered curve follows the intended one."""

    r: float
    """Correlation without shift."""
    best_lag: int
    """Frames by which the rendered one comes late where they correlate best; negative where it comes early."""
    slope: float
    """Rendered opening for one unit of intended opening, by least squares without shift."""


def opening_of(face: Face, pixel_aspect: float = 1.0) -> float:
    """Distance of landmarks 13 and 14 over that of 33 and 263, in the picture."""
    points = face.landmarks[:, :2].astype(np.float64) * [pixel_aspect, 1.0]
    lips = float(np.linalg.norm(np.subtract(*points[_INNER_LIPS])))
    return lips / float(np.linalg.norm(np.subtract(*points[_OUTER_EYES])))


def tracked_openings(video: Path) -> list[Opening]:
    """Read the opening from every frame of a video, unsmoothed."""
    tracker = FaceTracker(smooth=False)
    found = []
    with open_face(video) as source:
        for tracked in map(tracker.track, source.frames(_LONGEST_S, Fit.CUT)):
            aspect = float(tracked.frame.pixel_aspect)
            value = opening_of(tracked.face, aspect) if tracked.face is not None else float("nan")
            found.append(Opening(float(tracked.frame.time_s), value))
    return found


def intended_openings(speech: SpeechInput, times_s: Sequence[float]) -> FloatArray:
    """What the mesh engine's motion says at ascending moments, as the pipeline lets it hear the speech; (n,) float32.

    Raises:
        WeightsError: the motion network is not there.
    """
    from mouthpiece.motion.stream import MotionStream

    motion = MotionStream()
    with open_speech(speech) as voice:
        stream = SpeechStream(reference_level_db=measure_level(voice.samples()))
        for samples in voice.samples():
            motion.push(stream.push(samples))
        motion.push(stream.finish())
    motion.finish()
    return np.array([motion.at(moment).opening for moment in times_s], dtype=np.float32)


def agreement(intended: Curve, rendered: Curve) -> Agreement:
    """Compare two curves with a value for each frame; frames in which one is not a number are left out."""
    intended, rendered = np.asarray(intended, dtype=np.float64), np.asarray(rendered, dtype=np.float64)
    by_lag = {lag: _correlation(*_shifted(intended, rendered, lag)) for lag in range(-MAX_LAG, MAX_LAG + 1)}
    # Of equals the smaller shift.
    best = max(by_lag, key=lambda lag: (by_lag[lag], -abs(lag)))
    first, second = _shifted(intended, rendered, 0)
    centred = first - first.mean()
    slope = float(centred @ second / max(float(centred @ centred), 1e-12))
    return Agreement(by_lag[0], best, slope)


def _shifted(intended: Curve, rendered: Curve, lag: int) -> tuple[Curve, Curve]:
    """The frames that both curves have, the rendered one taken `lag` frames later."""
    length = len(intended) - abs(lag)
    first, second = intended[max(0, -lag) :][:length], rendered[max(0, lag) :][:length]
    known = np.isfinite(first) & np.isfinite(second)
    return first[known], second[known]


def _correlation(first: Curve, second: Curve) -> float:
    first, second = first - first.mean(), second - second.mean()
    power = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / power if power > 1e-12 else 0.0
