"""Detection of a hand, a microphone or a mask before the mouth.

The face mesh extrapolates a mouth behind whatever hides it, with as high a score as ever; but the lower face then
no longer looks as it did. (Speech, smiles and wide open mouths change it far less than a hand does.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mouthpiece.face.descriptor import normalised_crop
from mouthpiece.types import Face, FloatArray, Picture

HIDDEN_BELOW = 0.70
"""Likeness to all earlier samples under which the mouth counts as hidden."""
VISIBLE_FROM = 0.76
"""Likeness from which a hidden mouth counts as visible again."""
NEW_SAMPLE_BELOW = 0.86
"""Samples more alike than this count as one."""
MAX_SAMPLES = 16
ESTABLISHED_FRAMES = 5
"""Frames that a sample must stand for before others are judged by it: pictures fade in, and begin with damage."""
LONGEST_UNPROVEN_FRAMES = 50
"""For how long a mouth that was visible only briefly may count as hidden."""
COMPARABLE_YAW_DEG = 15.0
"""Samples of heads turned further apart than this can't be compared."""
SAME_LIGHT = 0.6
"""Likeness of the upper face under which everything changed, and a changed mouth proves nothing."""

# Cheeks beside the nose and the chin, and their places in the crop.
_POINTS = [36, 266, 152]
_SIZE = (24, 24)
_TARGET = np.array([[3, 1], [20, 1], [11.5, 21]], dtype=np.float32)


def lower_face_descriptor(rgb: Picture, landmarks: FloatArray) -> FloatArray:
    """Describe the lower face in colour, at a common place and contrast: (1728,) float32 of unit norm."""
    crop = normalised_crop(rgb, landmarks[_POINTS, :2], _TARGET, _SIZE).astype(np.float32)
    crop -= crop.mean(axis=(0, 1))
    return (crop.reshape(-1) / max(float(np.linalg.norm(crop)), 1e-6)).astype(np.float32)


@dataclass(slots=True)
class _LowerFaceSample:
    """The lower face in some frames."""

    yaw_deg: float
    upper: FloatArray
    """Descriptor of the upper face."""
    lower: FloatArray
    """Descriptor of the lower face."""
    frames: int = 1


class OcclusionDetector:
    """A detector of hidden mouths that compares one person's lower face with samples from the same shot."""

    def __init__(self) -> None:
        """Start without samples: the first frames are taken to show a mouth."""
        self.reset()

    def reset(self) -> None:
        """Begin another shot or person."""
        self._samples: list[_LowerFaceSample] = []
        self._hidden = False
        self._visible_frames = 0
        self._hidden_frames = 0

    def hidden(self, rgb: Picture, face: Face) -> bool:
        """Decide whether something hides the mouth in the next frame of the shot."""
        yaw_deg = face.pose.yaw_deg
        lower = lower_face_descriptor(rgb, face.landmarks)
        turned_alike = [one for one in self._samples if abs(one.yaw_deg - yaw_deg) <= COMPARABLE_YAW_DEG]
        comparable = [one for one in turned_alike if float(one.upper @ face.descriptor) >= SAME_LIGHT]
        if turned_alike and not comparable:
            # The whole face looks different: no evidence, and no sample.
            return self._hidden
        likeness = max(
            (float(one.lower @ lower) for one in comparable if one.frames >= ESTABLISHED_FRAMES), default=1.0
        )
        self._hidden = likeness < (VISIBLE_FROM if self._hidden else HIDDEN_BELOW)
        if not self._hidden:
            self._hidden_frames = 0
            self._visible_frames += 1
            self._add(_LowerFaceSample(yaw_deg, face.descriptor, lower), comparable)
            return False
        self._hidden_frames += 1
        if self._hidden_frames > max(LONGEST_UNPROVEN_FRAMES, self._visible_frames):
            # The supposed mouth was visible for a shorter time than this: it was the hand.
            self.reset()
        return self._hidden

    def _add(self, sample: _LowerFaceSample, comparable: list[_LowerFaceSample]) -> None:
        """Count a sample with the one most like it, or keep it as another."""
        likest = max(comparable, key=lambda one: float(one.lower @ sample.lower), default=None)
        if likest is not None and float(likest.lower @ sample.lower) >= NEW_SAMPLE_BELOW:
            likest.frames += 1
            return
        if len(self._samples) >= MAX_SAMPLES:
            self._samples.remove(min(self._samples, key=lambda one: one.frames))
        self._samples.append(sample)
