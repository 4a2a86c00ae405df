"""A person's speaking style: amplitude of the mouth and rest of the lips, estimated from the target's own video.

The motion network is everybody's: people differ in how widely they open (the opening of two speakers saying the same
words may differ by a factor of two) and a few rest with their lips apart. A dubbed video keeps the person's own
amplitude; a photo gives no estimate and speaks like the average. The user's `--intensity` comes on top of it, `--rest`
in its stead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.motion.shaping import LIVELY_OPENING, MAX_OPENING
from mouthpiece.types import FloatArray, Motion

ENOUGH_FRAMES = 12
"""Fewer frames give no estimate."""
LOW_PERCENTILE, HIGH_PERCENTILE = 10, 90
"""Ends of a person's openings that are compared: single frames may be misread, or yawn."""
LEAST_SWING = 0.03
"""A mouth whose openings differ by less doesn't speak in its video, outer eye distances."""
TYPICAL_SWING = 0.117
"""Swing that amplitude 1 shows in a video of speech and pauses, outer eye distances."""
TRUST = 0.6
"""How much of a person's difference (its logarithm) is believed: two dozen frames are a small sample."""
AMPLITUDE_BOUNDS = (0.75, 1.35)
SEEN_CLOSED = 0.01
"""Opening up to which the face mesh reads lips that touch, outer eye distances."""
MAX_REST = 0.35
"""Largest share of a lively opening at which anybody is taken to rest."""


@dataclass(frozen=True, slots=True)
class Style:
    """A speaking style against the average."""

    amplitude: float = 1.0
    """How much further the mouth moves than the average's, in speech."""
    rest: float = 0.0
    """How far apart the lips rest, as a share of a lively opening, 0-1."""

    def __post_init__(self) -> None:
        """Check the range of the rest.

        Raises:
            OptionError: the rest is out of range.
        """
        if not 0 <= self.rest <= 1:
            raise OptionError(f"rest expects a number from 0 (lips closed) to 1 (a lively opening), got {self.rest:g}")


def estimate_style(openings: Sequence[float]) -> Style:
    """Estimate a style from the mouth's openings in frames spread over a video.

    Args:
        openings: opening of each frame that shows the face from the front, outer eye distances, in any order.

    Returns:
        The style; the average's where there are too few frames or the mouth does not move.
    """
    if len(openings) < ENOUGH_FRAMES:
        return Style()
    low, high = np.percentile(np.asarray(openings, dtype=float), [LOW_PERCENTILE, HIGH_PERCENTILE])
    swing = float(high - low)
    if swing < LEAST_SWING:
        return Style()
    amplitude = float(np.clip((swing / TYPICAL_SWING) ** TRUST, *AMPLITUDE_BOUNDS))
    return Style(amplitude, float(np.clip((low - SEEN_CLOSED) / LIVELY_OPENING, 0, MAX_REST)))


def styled(motion: Motion, style: Style, opening_mode: FloatArray) -> Motion:
    """Apply a style to a motion.

    Args:
        motion: the average's.
        style: the person's.
        opening_mode: (P, 3) displacement that goes with one unit of opening.

    Returns:
        The motion: larger or smaller where somebody speaks, the lips as far apart at rest as theirs are, still touching
        where they must.
    """
    amplitude = np.float32(1 + (style.amplitude - 1) * motion.activity)
    if motion.opening > 0:
        amplitude = min(amplitude, np.float32(max(MAX_OPENING / motion.opening, 1.0)))
    displacement, opening = motion.displacement * amplitude, motion.opening * float(amplitude)
    apart = style.rest * LIVELY_OPENING * (1 - opening / MAX_OPENING) * (1 - motion.closed)
    if apart > 0:
        displacement, opening = displacement + np.float32(apart) * opening_mode, opening + apart
    return Motion(displacement, opening, motion.activity, motion.closed)
