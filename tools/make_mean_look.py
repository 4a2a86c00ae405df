"""Make the mean look: what every upper face has in common, which says nothing about who it is.

    python tools/make_mean_look.py shared/data src/mouthpiece/face/mean_look.npy

Averages the thumbnails that `mouthpiece.face.tracker` compares people by over people (not frames) and over their mirror
images, and writes float32 (480,). Only pictures that may be used for anything are taken.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mouthpiece.face import FaceTracker
from mouthpiece.face.tracker import LOOK_SIZE, thumbnail_of_face
from mouthpiece.types import FloatArray, Frame, Picture

PHOTOS = ("man_half_body.png", "man_head_crop.jpg", "woman_half_body.png")
EVERY = 15
"""Frames of a clip from one that is taken to the next."""


def pictures(data: Path) -> Iterator[tuple[str, Picture]]:
    """(person, picture) pairs."""
    for name in PHOTOS:
        bgr = cv2.imread(str(data / "photos" / name))
        if bgr is None:
            sys.exit(f"expected a picture at {data / 'photos' / name}, found none")
        yield name, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    clips = [("s1", path) for path in sorted((data / "clips").glob("grid_s1_*.mpg"))]
    clips += [(path.name.split("_")[0], path) for path in sorted((data / "grid_unseen_dev").glob("*_224.mp4"))]
    clips += [("fur hat", data / "clips" / "talking_silent_fur_hat.mp4")]
    for person, path in clips:
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % EVERY == 0:
                    yield person, np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def main(data: Path, out: Path) -> None:
    """Measure, average, write."""
    tracker = FaceTracker(smooth=False)
    people: dict[str, list[FloatArray]] = {}
    for person, rgb in pictures(data):
        tracker.reset()
        face = tracker.track(Frame(Fraction(0), Fraction(1, 25), rgb)).face
        if face is not None:
            people.setdefault(person, []).append(thumbnail_of_face(rgb, face.landmarks))
    mean = np.mean([np.mean(looks, axis=0) for looks in people.values()], axis=0).reshape(LOOK_SIZE[::-1])
    both = (mean + mean[:, ::-1]) / 2
    np.save(out, both.reshape(-1).astype(np.float32))
    print(f"{sum(map(len, people.values()))} frames of {len(people)} people -> {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
