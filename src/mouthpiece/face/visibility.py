"""Noticing a hand, a microphone or a mask before the mouth.

The face mesh goes on imagining a mouth behind whatever hides it, and is as sure of it as ever; but the lower face then
no longer looks like it did. (Speech, smiles and wide open mouths change it far less than a hand does.)
"""

from __future__ import annotations

import numpy as np

from mouthpiece.face.crop import normalised_crop
from mouthpiece.types import Face, FloatArray, Picture

HIDDEN_BELOW = 0.70
"""Likeness to anything seen before under which the mouth counts as hidden."""
VISIBLE_FROM = 0.76
"""Likeness from which a hidden mouth counts as seen again, and from which a new look is learned."""
NEW_LOOK_BELOW = 0.92
"""Looks more alike than this are not worth remembering twice."""
MAX_LOOKS = 16
COMPARABLE_YAW_DEG = 15.0
"""Looks of heads turned further apart than this can't be compared."""
SAME_LIGHT = 0.75
"""Likeness of the upper face under which everything changed, and a changed mouth proves nothing."""

# Cheeks beside the nose and the chin, and where they go in the crop.
_POINTS = [36, 266, 152]
_SIZE = (24, 24)
_TARGET = np.array([[3, 1], [20, 1], [11.5, 21]], dtype=np.float32)


def lower_face_look(rgb: Picture, landmarks: FloatArray) -> FloatArray:
    """What the lower face looks like in colour, at a common place and contrast: (1728,) float32 of unit norm."""
    crop = normalised_crop(rgb, landmarks[_POINTS, :2], _TARGET, _SIZE).astype(np.float32)
    crop -= crop.mean(axis=(0, 1))
    return (crop.reshape(-1) / max(float(np.linalg.norm(crop)), 1e-6)).astype(np.float32)


class MouthWatch:
    """Remembers what one person's lower face has looked like in a shot, and says when it doesn't any more."""

    def __init__(self) -> None:
        """Start without memories: the first look is taken for a mouth."""
        self.reset()

    def reset(self) -> None:
        """Another shot or person."""
        self._looks: list[tuple[float, FloatArray, FloatArray]] = []
        self._hidden = False

    def hidden(self, rgb: Picture, face: Face) -> bool:
        """Whether something hides the mouth in the next frame of the shot."""
        yaw_deg = face.pose.yaw_deg
        look = lower_face_look(rgb, face.landmarks)
        comparable = [
            float(seen @ look)
            for seen_yaw_deg, upper, seen in self._looks
            if abs(seen_yaw_deg - yaw_deg) <= COMPARABLE_YAW_DEG and float(upper @ face.appearance) >= SAME_LIGHT
        ]
        likeness = max(comparable, default=1.0)
        self._hidden = likeness < (VISIBLE_FROM if self._hidden else HIDDEN_BELOW)
        if not self._hidden and (not comparable or VISIBLE_FROM <= likeness < NEW_LOOK_BELOW):
            self._looks = [*self._looks[-MAX_LOOKS + 1 :], (yaw_deg, face.appearance, look)]
        return self._hidden
