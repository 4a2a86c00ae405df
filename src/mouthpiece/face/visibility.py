"""Noticing a hand, a microphone or a mask before the mouth.

The face mesh goes on imagining a mouth behind whatever hides it, and is as sure of it as ever; but the lower face then
no longer looks like it did. (Speech, smiles and wide open mouths change it far less than a hand does.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mouthpiece.face.descriptor import normalised_crop
from mouthpiece.types import Face, FloatArray, Picture

HIDDEN_BELOW = 0.70
"""Likeness to anything seen before under which the mouth counts as hidden."""
VISIBLE_FROM = 0.76
"""Likeness from which a hidden mouth counts as seen again, and from which a new look is learned."""
NEW_LOOK_BELOW = 0.86
"""Looks more alike than this are not worth remembering twice."""
MAX_LOOKS = 16
ESTABLISHED_FRAMES = 5
"""How often a look must have been seen before others are judged by it: pictures fade in, and begin with damage."""
LONGEST_UNPROVEN_FRAMES = 50
"""For how long a mouth that was seen only briefly may count as hidden."""
COMPARABLE_YAW_DEG = 15.0
"""Looks of heads turned further apart than this can't be compared."""
SAME_LIGHT = 0.6
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


@dataclass(slots=True)
class _Look:
    """A look of the lower face, and with what head it was seen."""

    yaw_deg: float
    upper: FloatArray
    lower: FloatArray
    frames: int = 1


class MouthWatch:
    """Remembers what one person's lower face has looked like in a shot, and says when it doesn't any more."""

    def __init__(self) -> None:
        """Start without memories: the first looks are taken for a mouth."""
        self.reset()

    def reset(self) -> None:
        """Another shot or person."""
        self._looks: list[_Look] = []
        self._hidden = False
        self._seen_frames = 0
        self._hidden_frames = 0

    def hidden(self, rgb: Picture, face: Face) -> bool:
        """Whether something hides the mouth in the next frame of the shot."""
        yaw_deg = face.pose.yaw_deg
        lower = lower_face_look(rgb, face.landmarks)
        turned_alike = [look for look in self._looks if abs(look.yaw_deg - yaw_deg) <= COMPARABLE_YAW_DEG]
        comparable = [look for look in turned_alike if float(look.upper @ face.descriptor) >= SAME_LIGHT]
        if turned_alike and not comparable:
            # The whole face looks different: this proves nothing, and nothing is to be learned from it.
            return self._hidden
        likeness = max((float(k.lower @ lower) for k in comparable if k.frames >= ESTABLISHED_FRAMES), default=1.0)
        self._hidden = likeness < (VISIBLE_FROM if self._hidden else HIDDEN_BELOW)
        if not self._hidden:
            self._hidden_frames = 0
            self._seen_frames += 1
            self._learn(_Look(yaw_deg, face.descriptor, lower), comparable)
            return False
        self._hidden_frames += 1
        if self._hidden_frames > max(LONGEST_UNPROVEN_FRAMES, self._seen_frames):
            # What was taken for the mouth was seen for a shorter time than this: it was the hand.
            self.reset()
        return self._hidden

    def _learn(self, look: _Look, comparable: list[_Look]) -> None:
        """Count a look with the one most like it, or remember it as another."""
        likest = max(comparable, key=lambda k: float(k.lower @ look.lower), default=None)
        if likest is not None and float(likest.lower @ look.lower) >= NEW_LOOK_BELOW:
            likest.frames += 1
            return
        if len(self._looks) >= MAX_LOOKS:
            self._looks.remove(min(self._looks, key=lambda k: k.frames))
        self._looks.append(look)
