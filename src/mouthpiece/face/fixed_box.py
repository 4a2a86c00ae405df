"""Tracking of a face in a box that the user gives: for drawings, animals and all else that no detector finds."""

from __future__ import annotations

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.face.descriptor import DESCRIPTOR_LENGTH
from mouthpiece.face.mesh import OUTER_EYE_LEFT, OUTER_EYE_RIGHT
from mouthpiece.face.pose import reference_face
from mouthpiece.types import Box, Face, FloatArray, Frame, HeadPose, TrackedFrame

MIN_BOX_PX = 32
"""Shortest side of a box in which a mouth can be drawn."""


class FixedBoxTracker:
    """The mean face, seen from the front and stretched into a box, in every frame; used in place of a `FaceTracker`."""

    def __init__(self, box: Box, width: int, height: int) -> None:
        """Take the box as it is.

        Args:
            box: from the top of the forehead to the chin and from cheek to cheek, pixels of the frame as stored.
            width: the frames' columns.
            height: the frames' rows.

        Raises:
            OptionError: the box leaves the picture, or is too small.
        """
        if box.clipped(width, height) != box or min(box.width, box.height) < MIN_BOX_PX:
            raise OptionError(
                f"box expects top < bottom and left < right within the picture of {width}x{height}, at least "
                f"{MIN_BOX_PX} pixels each way, got {box.y0} {box.y1} {box.x0} {box.x1}"
            )
        self._box = box
        self._descriptor = np.full(DESCRIPTOR_LENGTH, DESCRIPTOR_LENGTH**-0.5, dtype=np.float32)
        """The same in every frame, as it is always the same face."""

    def reset(self) -> None:
        """Do nothing: there is no state."""

    def track(self, frame: Frame) -> TrackedFrame:
        """Return the frame with the face in the box, whatever the frame shows there."""
        aspect = float(frame.pixel_aspect)
        landmarks = _stretched(self._box, aspect)
        eyes = landmarks[[OUTER_EYE_LEFT, OUTER_EYE_RIGHT], :2] * np.array([aspect, 1], dtype=np.float32)
        pose = HeadPose(np.eye(3, dtype=np.float32), float(np.linalg.norm(eyes[1] - eyes[0])), eyes.mean(axis=0))
        return TrackedFrame(frame, Face(landmarks, pose, 1.0, self._descriptor))


def _stretched(box: Box, aspect: float) -> FloatArray:
    """Stretch the mean face so that its outermost landmarks lie on the middles of the box's outermost pixels."""
    shape = reference_face()
    low, high = shape[:, :2].min(axis=0), shape[:, :2].max(axis=0)
    span = np.array([box.width - 1, box.height - 1])
    landmarks = np.empty_like(shape)
    landmarks[:, :2] = np.array([box.x0, box.y0]) + (shape[:, :2] - low) / (high - low) * span
    scale = span / (high - low) * [aspect, 1]
    landmarks[:, 2] = shape[:, 2] * scale.mean()
    return landmarks
