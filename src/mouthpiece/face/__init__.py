"""Face tracking: detect, measure and follow faces.

`FaceTracker` turns frames into tracked frames, and so does `FixedBoxTracker`, with a face in a given box; `FaceChoice`
chooses between several faces; `FaceDetector` and `FaceMesh` are the two networks beneath; `head_pose` and
`reference_face` give the canonical coordinates of motion.
"""

from mouthpiece.face.detector import Detection, FaceDetector
from mouthpiece.face.fixed_box import FixedBoxTracker
from mouthpiece.face.mesh import FaceMesh
from mouthpiece.face.pose import head_pose, reference_face
from mouthpiece.face.tracker import FaceChoice, FaceTracker

__all__ = [
    "Detection",
    "FaceChoice",
    "FaceDetector",
    "FaceMesh",
    "FaceTracker",
    "FixedBoxTracker",
    "head_pose",
    "reference_face",
]
