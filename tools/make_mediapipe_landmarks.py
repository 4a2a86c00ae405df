"""Record what MediaPipe itself measures on the shared photos and clips, for tests of the face mesh to compare with.

    python -m venv oracle && oracle/bin/pip install mediapipe==0.10.21 av
    oracle/bin/python tools/make_mediapipe_landmarks.py shared/data tests/face/mediapipe_landmarks.npz

Runs in an environment of its own, for MediaPipe asks for older versions of much. Each frame is shown a few times, so
that the crop comes from the landmarks, as it does while a face is followed. Writes, by picture, (frames, 478, 3)
float32 in pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np

SHOWN = 4
"""Times that a frame is shown."""
EVERY = 12
"""Of a clip's frames, one in so many is measured."""
PHOTOS = ("man_half_body.png", "man_head_crop.jpg", "woman_half_body.png")
CLIPS = (
    "grid_unseen_dev/s5_bbae8n.mpg",
    "grid_unseen_dev/s5_bbaf1a.mpg",
    "grid_unseen_dev/s22_bbad1n.mpg",
    "grid_unseen_dev/s22_lbbc2a.mpg",
    "clips/grid_s1_bbaf3s.mpg",
    "clips/talking_silent_fur_hat.mp4",
)


def main(data: Path, out: Path) -> None:
    """Measure and write."""
    import mediapipe  # type: ignore[import-not-found]

    found: dict[str, np.ndarray] = {}
    for name in (*(f"photos/{photo}" for photo in PHOTOS), *CLIPS):
        with av.open(str(data / name)) as container:
            frames = [f.to_ndarray(format="rgb24") for i, f in enumerate(container.decode(video=0)) if i % EVERY == 0]
        rows = []
        for rgb in frames[:20]:
            with mediapipe.solutions.face_mesh.FaceMesh(
                static_image_mode=False, refine_landmarks=True, max_num_faces=1
            ) as mesh:
                for _ in range(SHOWN):
                    result = mesh.process(np.ascontiguousarray(rgb))
            points = result.multi_face_landmarks[0].landmark
            height, width = rgb.shape[:2]
            rows.append([[p.x * width, p.y * height, p.z * width] for p in points])
        found[name] = np.array(rows, dtype=np.float32)
        print(name, found[name].shape)
    np.savez_compressed(out, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
