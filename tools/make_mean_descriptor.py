"""Make the mean descriptor: the part that all upper faces share, by which people can't be told apart.

    python -m tools.make_mean_descriptor shared/data src/mouthpiece/face/mean_descriptor.npy

Averages the raw descriptors of `mouthpiece.face.descriptor` over people (not frames) and over their mirror images, and
writes float32 (480,). Only pictures that may be used for anything are taken.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from tools.open_pictures import pictures, unseen_speakers

from mouthpiece.face import FaceTracker
from mouthpiece.face.descriptor import DESCRIPTOR_CROP, raw_descriptor
from mouthpiece.types import FloatArray, Frame


def main(data: Path, out: Path) -> None:
    """Measure, average, write."""
    tracker = FaceTracker(smooth=False)
    people: dict[str, list[FloatArray]] = {}
    clips = [("s1", path) for path in sorted((data / "clips").glob("grid_s1_*.mpg"))] + unseen_speakers(data)
    for person, rgb in pictures(data, [*clips, ("fur hat", data / "clips" / "talking_silent_fur_hat.mp4")]):
        tracker.reset()
        face = tracker.track(Frame(Fraction(0), Fraction(1, 25), rgb)).face
        if face is not None:
            people.setdefault(person, []).append(raw_descriptor(rgb, face.landmarks))
    mean = np.mean([np.mean(raw, axis=0) for raw in people.values()], axis=0).reshape(DESCRIPTOR_CROP[::-1])
    both = (mean + mean[:, ::-1]) / 2
    np.save(out, both.reshape(-1).astype(np.float32))
    print(f"{sum(map(len, people.values()))} frames of {len(people)} people -> {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
