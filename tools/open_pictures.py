"""Pictures of people in the shared data that may be used for anything, for what ships with the package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from benchmarks.material import read_photo

from mouthpiece.types import Picture

PHOTOS = ("man_half_body.png", "man_head_crop.jpg", "woman_half_body.png")
EVERY = 15
"""Frames of a clip from one that is taken to the next."""


def pictures(data: Path, clips: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Picture]]:
    """Yield (person, picture) pairs: each of PHOTOS as a person of its own, then every fifteenth frame of the clips.

    Args:
        data: folder with photos/.
        clips: (person, video) pairs.
    """
    for name in PHOTOS:
        yield name, read_photo(data / "photos" / name)
    for person, path in clips:
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % EVERY == 0:
                    yield person, np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def unseen_speakers(data: Path) -> list[tuple[str, Path]]:
    """List (person, video) pairs of the GRID speakers in grid_unseen_dev/."""
    return [(path.name.split("_")[0], path) for path in sorted((data / "grid_unseen_dev").glob("*_224.mp4"))]
