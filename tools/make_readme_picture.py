"""Make the README's picture: frames of a finished video side by side, from closed to wide open.

mouthpiece demo -o demo.mp4 && python tools/make_readme_picture.py demo.mp4 docs/images/demo.png
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from mouthpiece.face import FaceTracker
from mouthpiece.media import open_face
from mouthpiece.options import Fit
from mouthpiece.types import FloatArray, Frame, Picture

FRAMES = 5
HEIGHT = 300
# What of the picture is shown: left, top, right, bottom, as shares.
CROP = (0.10, 0.08, 0.90, 0.92)


def opening(tracker: FaceTracker, frame: Frame) -> float:
    """Distance of the inner lips over that of the outer eye corners; 0 where no face is seen."""
    face = tracker.track(frame).face
    if face is None:
        return 0.0
    points: FloatArray = face.landmarks[:, :2]
    return float(np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[33] - points[263]))


def main(video: Path, out: Path) -> None:
    """Choose frames of evenly spread opening, in the order of time, and write them as one picture."""
    tracker = FaceTracker()
    seen: list[tuple[float, Picture]] = []
    with open_face(video) as source:
        for frame in source.frames(Fraction(source.info.duration_s or 10).limit_denominator(90_000), Fit.CUT):
            seen.append((opening(tracker, frame), frame.rgb))
    order = np.argsort([o for o, _ in seen])
    chosen = sorted(int(order[i]) for i in np.linspace(0, len(order) - 1, FRAMES).astype(int))
    tiles = []
    for index in chosen:
        picture = Image.fromarray(seen[index][1])
        left, top, right, bottom = CROP
        picture = picture.crop(
            (
                int(left * picture.width),
                int(top * picture.height),
                int(right * picture.width),
                int(bottom * picture.height),
            )
        )
        tiles.append(picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS))
    strip = Image.new("RGB", (sum(t.width for t in tiles), HEIGHT))
    left_px = 0
    for tile in tiles:
        strip.paste(tile, (left_px, 0))
        left_px += tile.width
    out.parent.mkdir(parents=True, exist_ok=True)
    strip.save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
