"""From ARKit's blendshapes back to mouth motion: the formulas of `mouthpiece.motion.blendshapes`, the other way.

    coefficients -> readings (opening, drop, width, corners, lips' heights) -> the likeliest mouth that has them

The second step is a least-squares fit over the motion basis: of all mouths with these readings, the one whose
coefficients are smallest. Those have a mean square of 1 in speech, so it is the likeliest one (ridge regression).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from mouthpiece.motion import blendshapes as arkit
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.shaping import MAX_OPENING
from mouthpiece.types import FloatArray, as_float

COLUMNS = {
    "jawOpen": ("jawOpen",),
    "mouthClose": ("mouthClose",),
    "mouthFunnel": ("mouthFunnel",),
    "mouthPucker": ("mouthPucker",),
    "mouthSmile": ("mouthSmileLeft", "mouthSmileRight"),
    "mouthFrown": ("mouthFrownLeft", "mouthFrownRight"),
    "mouthStretch": ("mouthStretchLeft", "mouthStretchRight"),
    "mouthRollLower": ("mouthRollLower",),
    "mouthRollUpper": ("mouthRollUpper",),
    "mouthShrugLower": ("mouthShrugLower",),
    "mouthPress": ("mouthPressLeft", "mouthPressRight"),
    "mouthLowerDown": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "mouthUpperUp": ("mouthUpperUpLeft", "mouthUpperUpRight"),
}
"""Shape -> its names in ARKit. The motion space is symmetrical: of two sides, the mean counts."""

_SPREADS = {
    "opening": 0.001,
    "drop": 0.004,
    "width": 0.003,
    "corner_lift": 0.006,
    "upper_lift": 0.004,
    "upper_height": 0.002,
    "lower_height": 0.002,
}
"""How far a mouth's readings may be from those asked for, outer eye distances: where they don't go together."""
_MOST_BENT = 0.97
"""jawOpen beyond it says no more about the jaw."""


def mouth_motion(weights: Mapping[str, FloatArray], basis: MotionBasis | None = None) -> FloatArray:
    """Compute the displacement that goes with ARKit's coefficients.

    Args:
        weights: (T,) in 0-1 by name, some of COLUMNS's; those that are missing count as 0.
        basis: the motion space; the shipped one unless given.

    Returns:
        (T, P, 3) float32 of MOTION_POINTS from the closed, resting mouth, outer eye distances; zeros where all are 0.
    """
    basis = basis or MotionBasis.load()
    length = len(next(iter(weights.values())))
    nothing = np.zeros(length, dtype=np.float32)

    def value(shape: str) -> FloatArray:
        sides = [np.clip(weights[name], 0, 1) for name in COLUMNS[shape] if name in weights]
        return as_float(np.mean(sides, axis=0)) if sides else nothing

    readings = _readings(value)
    wanted = np.stack([readings[name] / np.float32(spread) for name, spread in _SPREADS.items()], axis=1)
    coefficients = as_float(wanted @ _fit(basis).T)
    return as_float(np.tensordot(coefficients, basis.components, axes=1))


def _readings(value: Callable[[str], FloatArray]) -> dict[str, FloatArray]:
    """Compute a mouth's readings from its coefficients, (T,) each."""
    jaw, lift = value("jawOpen"), _beyond(value("mouthUpperUp"), arkit.LIFT_FULL, arkit.QUIET_LIFT)
    dropped = _unbent(jaw)
    lowered = _beyond(value("mouthLowerDown"), arkit.DROP_FULL, arkit.QUIET_LIFT)
    shut = np.minimum(value("mouthClose"), jaw)
    left_open = (jaw - shut) * np.float32(arkit.GAP_FULL)
    opening = np.where(shut > 0, left_open, dropped * np.float32(arkit.GAP_FULL) + lift + lowered)
    drop = dropped * np.float32(arkit.JAW_FULL)
    narrowing = _beyond(value("mouthFunnel") + value("mouthPucker"), arkit.NARROW_FULL, arkit.QUIET_WIDTH)
    widening = _beyond(value("mouthSmile") + value("mouthStretch"), arkit.WIDE_FULL, arkit.QUIET_WIDTH)
    pressed = value("mouthPress") * np.float32(arkit.PRESS_FULL / arkit.ROLL_FULL)
    thin_upper, thin_lower = (
        _beyond(np.maximum(value(name), pressed), arkit.ROLL_FULL, arkit.QUIET_HEIGHT)
        for name in ("mouthRollUpper", "mouthRollLower")
    )
    own = {
        "width": widening - narrowing,
        "corner_lift": (value("mouthSmile") - value("mouthFrown")) * np.float32(arkit.SMILE_LIFT),
        "upper_lift": lift,
        "upper_height": -thin_upper,
        "lower_height": -thin_lower,
    }
    # A chin above its rest with shut lips: half of it is the mean of chin and lower lip.
    raised = value("mouthShrugLower") * np.float32(arkit.SHRUG_FULL / 2)
    return {
        "opening": as_float(np.minimum(opening, MAX_OPENING)),
        "drop": as_float(np.where(drop > 0, drop, -raised)),
        **{name: as_float(reading + np.float32(arkit.PER_DROP[name]) * drop) for name, reading in own.items()},
    }


def _fit(basis: MotionBasis) -> NDArray[np.float64]:
    """Return (K, readings): the coefficients of readings that are given in units of their spreads."""
    of_units = arkit.Readings.of(basis.components)
    rows = np.stack([getattr(of_units, name) / spread for name, spread in _SPREADS.items()]).astype(np.float64)
    return np.asarray(np.linalg.solve(rows.T @ rows + np.eye(basis.size), rows.T))


def _unbent(jaw: FloatArray) -> FloatArray:
    """Undo how jawOpen bends towards 1."""
    room = 1 - arkit.JAW_KNEE
    beyond = np.clip((jaw - arkit.JAW_KNEE) / room, 0, (_MOST_BENT - arkit.JAW_KNEE) / room)
    return as_float(np.minimum(jaw, arkit.JAW_KNEE) + room * np.arctanh(beyond))


def _beyond(value: FloatArray, full: float, quiet: float) -> FloatArray:
    """Return the length of a coefficient that begins beyond a quiet one; 0 at 0."""
    return as_float(value * np.float32(full) + np.minimum(value / np.float32(0.05), 1) * np.float32(quiet))
