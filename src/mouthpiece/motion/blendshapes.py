"""Mouth motion as ARKit's blendshapes: 52 numbers in 0-1 that many 3-D characters are built for.

Each shape is a formula over a few landmarks, so that one can check it by hand. Lengths are in outer eye distances
(about 90 mm on an adult), measured as change from the person's own closed, resting mouth, which is all zeros here:

    reading         landmarks of the face mesh          meaning
    opening         14 - 13, down                       the inner lips' distance
    drop            mean of 14 and 152, down            way of lower lip and chin with the jaw
    chin            152, down                           the chin alone
    width           291 - 61, across                    the corners' distance
    corner_lift     61 and 291, up                      corners pulled up
    upper_lift      0, 37, 267, up                      the upper lip's edge raised
    upper_height    13, 82, 312 below 0, 37, 267        the upper lip's own height
    lower_height    17, 84, 314 below 14, 87, 317       the lower lip's own height

A dropping jaw draws the corners in and down and stretches the lips; the rest of a reading beyond that (PER_DROP) is the
lips' own motion, and its part beyond the noise of measured landmarks (the QUIET values) gives the coefficients:

    jawOpen         drop over JAW_FULL; beyond JAW_KNEE it bends towards 1
    mouthClose      jawOpen's opening that the lips keep shut: jawOpen - opening / GAP_FULL, not below 0. ARKit's
                    mouthClose takes jawOpen's opening back, so closed lips (m, b, p) have mouthClose = jawOpen
    mouthFunnel     narrowed corners while open (o, sh);  mouthPucker: narrowed corners while about closed (u, w).
                    Together they are roundness: narrowing over NARROW_FULL, shared out by the opening
    mouthStretch    widened corners (i, e), over WIDE_FULL;  mouthSmile: the share of it that goes with lifted corners
    mouthUpperUp    upper_lift beyond the jaw's, over LIFT_FULL
    mouthLowerDown  the opening beyond what jaw and upper lip explain, over DROP_FULL: lower teeth bared
    mouthRollLower  the lower lip held above the chin's way while lips are apart (f, v), over ROLL_FULL, or thinner than
                    the jaw makes it, less so the wider the lips are open;  mouthRollUpper: the upper lip thinner
    mouthPress      both lips thinned while closed (a firm m, b, p), over PRESS_FULL
    mouthShrugLower the chin above its rest, over SHRUG_FULL;  mouthShrugUpper: the upper lip pushed up by it

Left and right are equal: the motion space is symmetrical. All that speech can't drive (eyes, brows, cheeks, nose,
tongue, sideways jaw, dimples, frowns) is 0. Nothing is smoothed over time here: the numbers are those of the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from mouthpiece.motion.basis import (
    CHIN,
    LEFT_CORNER,
    LOWER_LIP,
    RIGHT_CORNER,
    UPPER_LIP,
    motion_row,
    width_of,
)
from mouthpiece.types import FloatArray, as_float

ARKIT_NAMES = (
    *("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft"),
    *("eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight"),
    *("eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel"),
    *("mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft"),
    *("mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight"),
    *("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft"),
    *("browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft"),
    *("cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
"""All of ARKit's blendshapes, in ARKit's order (ARFaceAnchor.BlendShapeLocation)."""

JAW_FULL = 0.28
"""Drop at jawOpen 1, outer eye distances: a yawn. An open vowel of lively speech goes half as far."""
JAW_KNEE = 0.7
"""From here on jawOpen bends towards 1, which it never reaches."""
GAP_FULL = 0.39
"""Opening at jawOpen 1 with the lips left to the jaw."""
NARROW_FULL = 0.07
"""Narrowing of a firm u."""
WIDE_FULL = 0.04
"""Widening of a drawn-out i."""
LIFT_FULL = 0.08
DROP_FULL = 0.10
ROLL_FULL = 0.02
"""Thinning of a lip that rolls in."""
PRESS_FULL = 0.015
SHRUG_FULL = 0.055
FUNNEL_OPENING = 0.13
"""Opening from which on roundness is all funnel; at 0 it is all pucker."""
CLOSED_OPENING = 0.012
"""Opening from which on lips can't press each other."""
SMILE_LIFT = 0.04
"""Lift of the corners, beyond the jaw's, that makes a stretched mouth all smile."""
QUIET_WIDTH, QUIET_LIFT, QUIET_HEIGHT = 0.006, 0.005, 0.006
"""Changes of width, of the upper lip's place and of a lip's height that mean nothing."""

PER_DROP = {
    "width": -0.55,
    "corner_lift": -0.52,
    "upper_lift": -0.04,
    "upper_height": -0.08,
    "lower_height": 0.21,
}
"""How readings change with each unit of drop in speech: slopes of regression lines over 80 clips of GRID speaker
s1's, faces as measured, his own smile taken out (`datasets.motion_space.SpeakerHabit`)."""

_UPPER_INNER, _LOWER_INNER = (13, 82, 312), (14, 87, 317)
_UPPER_OUTER, _LOWER_OUTER = (0, 37, 267), (17, 84, 314)


@dataclass(frozen=True, slots=True)
class Readings:
    """Measures of a mouth by its landmarks, (...) float32, outer eye distances; 0 is the closed, resting mouth."""

    opening: FloatArray
    drop: FloatArray
    chin: FloatArray
    width: FloatArray
    corner_lift: FloatArray
    upper_lift: FloatArray
    upper_height: FloatArray
    lower_height: FloatArray

    @classmethod
    def of(cls, displacement: FloatArray) -> Readings:
        """Read displacements.

        Args:
            displacement: (..., P, 3) of MOTION_POINTS, as `Motion.displacement`.
        """
        upper, lower = _height(displacement, _UPPER_OUTER), _height(displacement, _LOWER_OUTER)
        lower_lip, chin = _height(displacement, (LOWER_LIP,)), _height(displacement, (CHIN,))
        return cls(
            opening=lower_lip - _height(displacement, (UPPER_LIP,)),
            drop=as_float((lower_lip + chin) / 2),
            chin=chin,
            width=width_of(displacement),
            corner_lift=-_height(displacement, (LEFT_CORNER, RIGHT_CORNER)),
            upper_lift=-upper,
            upper_height=_height(displacement, _UPPER_INNER) - upper,
            lower_height=lower - _height(displacement, _LOWER_INNER),
        )

    @property
    def narrowing(self) -> FloatArray:
        """(...): how much nearer to each other the corners are than the jaw alone draws them; negative when wider."""
        return -self._own("width")

    @property
    def roundness(self) -> FloatArray:
        """(...) in 0-1: `narrowing` over NARROW_FULL."""
        return _share(self.narrowing - QUIET_WIDTH, NARROW_FULL)

    def _own(self, name: str) -> FloatArray:
        """Take the opening jaw's effect out of a reading."""
        reading: FloatArray = getattr(self, name)
        return as_float(reading - np.float32(PER_DROP[name]) * np.maximum(self.drop, 0))

    def as_blendshapes(self) -> dict[str, FloatArray]:
        """Compute the coefficients that speech drives, (...) float32 in 0-1 by name, without the side."""
        opening = np.maximum(self.opening, 0)
        dropped = as_float(np.maximum(self.drop, 0) / np.float32(JAW_FULL))
        jaw = _bent(dropped)
        open_share, closed_share = _share(opening, FUNNEL_OPENING), 1 - _share(opening, CLOSED_OPENING)
        wide = _share(-self.narrowing - QUIET_WIDTH, WIDE_FULL)
        smiling = _share(self._own("corner_lift"), SMILE_LIFT)
        lift = np.maximum(self._own("upper_lift"), 0)
        thin_upper, thin_lower = (-self._own(name) - QUIET_HEIGHT for name in ("upper_height", "lower_height"))
        # drop is the mean of both ways: so far the lower lip stays behind the chin.
        held = (1 - closed_share) * _share(2 * (self.chin - self.drop), ROLL_FULL)
        shrug = _share(-self.chin, SHRUG_FULL)
        return {
            "jawOpen": jaw,
            "mouthClose": np.maximum(jaw - opening / np.float32(GAP_FULL), 0),
            "mouthFunnel": self.roundness * open_share,
            "mouthPucker": self.roundness * (1 - open_share),
            "mouthSmile": wide * smiling,
            "mouthStretch": wide * (1 - smiling),
            "mouthRollLower": np.maximum(held, (1 - open_share) * _share(thin_lower, ROLL_FULL)),
            "mouthRollUpper": (1 - open_share) * _share(thin_upper, ROLL_FULL),
            "mouthShrugLower": shrug,
            "mouthShrugUpper": shrug * _share(lift - QUIET_LIFT, LIFT_FULL),
            "mouthPress": closed_share * _share(np.minimum(thin_upper, thin_lower), PRESS_FULL),
            "mouthLowerDown": _share(opening - dropped * np.float32(GAP_FULL) - lift - QUIET_LIFT, DROP_FULL),
            "mouthUpperUp": _share(lift - QUIET_LIFT, LIFT_FULL),
        }


def blendshapes(displacement: FloatArray) -> FloatArray:
    """Compute ARKit's coefficients of mouth motion.

    Args:
        displacement: (..., P, 3) of MOTION_POINTS from the closed, resting mouth, outer eye distances.

    Returns:
        (..., 52) float32 in 0-1, in the order of ARKIT_NAMES; all 0 at rest.
    """
    known = Readings.of(as_float(displacement)).as_blendshapes()
    nothing = np.zeros(np.shape(displacement)[:-2], dtype=np.float32)
    sides = ((name, name.removesuffix("Left").removesuffix("Right")) for name in ARKIT_NAMES)
    columns = [known.get(name, known.get(sideless, nothing)) for name, sideless in sides]
    return np.stack(columns, axis=-1).astype(np.float32)


def _height(displacement: FloatArray, points: tuple[int, ...]) -> FloatArray:
    """Average the way down of some mesh points, (...)."""
    return as_float(displacement[..., _rows(points), 1].mean(axis=-1))


@lru_cache
def _rows(points: tuple[int, ...]) -> list[int]:
    return [motion_row(point) for point in points]


def _bent(jaw: FloatArray) -> FloatArray:
    """Bend values beyond JAW_KNEE towards 1."""
    room = np.float32(1 - JAW_KNEE)
    beyond = np.maximum(jaw - np.float32(JAW_KNEE), 0)
    return as_float(np.minimum(jaw, np.float32(JAW_KNEE)) + room * np.tanh(beyond / room))


def _share(value: ArrayLike, full: float) -> FloatArray:
    """Divide a length by the one that counts as 1, within 0-1."""
    return as_float(np.clip(as_float(value) / np.float32(full), 0, 1) + 0.0)  # + 0.0: no minus zeros
