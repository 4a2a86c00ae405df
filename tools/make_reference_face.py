"""Make the reference face: the mean 478-point shape in canonical coordinates that head poses are measured against.

    python -m tools.make_reference_face shared/data src/mouthpiece/face/reference.npy

Takes frames of talking people, brings their meshes together by generalised Procrustes analysis over the points that
speech and mimic leave alone (Gower 1975), averages people (not frames), mirrors, and writes float32 (478, 3).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from tools.open_pictures import pictures, unseen_speakers

from mouthpiece.face.detector import FaceDetector
from mouthpiece.face.mesh import CROP_FACTOR, OUTER_EYE_LEFT, OUTER_EYE_RIGHT, FaceMesh
from mouthpiece.face.pose import RIGID_POINTS, fit_similarity
from mouthpiece.face.tracker import crop_around
from mouthpiece.types import FloatArray, Picture

ROUNDS = 5


def measure(detector: FaceDetector, mesh: FaceMesh, rgb: Picture) -> FloatArray:
    """Landmarks of the surest face of a picture, (478, 3)."""
    face = detector.detect(rgb)[0]
    eye_line = face.eyes[1] - face.eyes[0]
    angle = float(np.arctan2(eye_line[1], eye_line[0]))
    landmarks, _ = mesh.measure(rgb, face.centre, face.size * CROP_FACTOR, angle)
    # The detector's box is looser than the mesh's own, by which a face is followed.
    landmarks, _ = mesh.measure(rgb, *crop_around(landmarks))
    return landmarks


def canonical(shape: FloatArray) -> FloatArray:
    """Put a mean shape in canonical position: origin between the outer eye corners, their distance 1, upright."""
    left, right = shape[OUTER_EYE_LEFT], shape[OUTER_EYE_RIGHT]
    x_axis = (right - left) / np.linalg.norm(right - left)
    # Upright: the line from the glabella (9) to under the nose (2) has no depth but what the average face gives it;
    # take the forehead-to-chin line (10 to 152) as vertical.
    down = shape[152] - shape[10]
    y_axis = down - x_axis * (down @ x_axis)
    y_axis /= np.linalg.norm(y_axis)
    axes = np.stack([x_axis, y_axis, np.cross(x_axis, y_axis)])
    placed = (shape - (left + right) / 2) @ axes.T / np.linalg.norm(right - left)
    return np.asarray(placed, dtype=np.float32)


def mirrored(shape: FloatArray) -> FloatArray:
    """Average a canonical shape with its mirror image; pairs are the assignment of the smallest squared distances."""
    flipped = shape * np.array([-1, 1, 1], dtype=np.float32)
    _, partner = linear_sum_assignment(np.square(shape[:, None] - flipped[None]).sum(axis=2))
    assert (partner[partner] == np.arange(len(shape))).all(), "pairs go both ways"
    return np.asarray((shape + flipped[partner]) / 2, dtype=np.float32)


def main(data: Path, out: Path) -> None:
    """Measure, average, write."""
    detector, mesh = FaceDetector(), FaceMesh(eyes=True)
    people: dict[str, list[FloatArray]] = {}
    s1 = [("s1", path) for path in sorted((data / "grid_s1" / "clips").glob("*.mp4"))[::50]]
    for person, rgb in pictures(data, s1 + unseen_speakers(data)):
        people.setdefault(person, []).append(measure(detector, mesh, rgb))
    mean = canonical(next(iter(people.values()))[0])
    for _ in range(ROUNDS):
        averages = []
        for shapes in people.values():
            aligned = []
            for shape in shapes:
                rotation, scale, shift = fit_similarity(shape[RIGID_POINTS], mean[RIGID_POINTS])
                aligned.append(scale * shape @ rotation.T + shift)
            averages.append(np.mean(aligned, axis=0))
        mean = mirrored(canonical(np.mean(averages, axis=0).astype(np.float32)))
    np.save(out, mean)
    print(f"{out}: {sum(map(len, people.values()))} frames of {len(people)} people")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
