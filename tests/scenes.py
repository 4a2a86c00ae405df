"""Real pictures of people as frames, and scenes put together from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mouthpiece.types import FloatArray, Frame, Picture

FPS = 25
PERSON_A = "grid_unseen_dev/s22_bbad1n.mpg"
PERSON_B = "grid_unseen_dev/s5_bbae8n.mpg"
"""Two people before the same background, 360x288."""
TALKER = "clips/talking_silent_fur_hat.mp4"
"""512x512, moves her head while she speaks and shows her teeth."""
PHOTOS = (
    "boy_3d_cartoon.png",
    "man_half_body.png",
    "man_head_crop.jpg",
    "woman_half_body.png",
    "woman_portrait.png",
)


def picture(path: Path, side: int | None = None) -> Picture:
    """A photo, its longer side brought to `side` pixels."""
    bgr = cv2.imread(str(path))
    assert bgr is not None, path
    if side is not None:
        scale = side / max(bgr.shape[:2])
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[..., ::-1], dtype=np.uint8)


def pictures(path: Path, count: int = 10_000, first: int = 0) -> list[Picture]:
    """Some pictures of a video, read by PyAV itself."""
    found: list[Picture] = []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= first:
                found.append(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))
            if len(found) == count:
                break
    return found


def frame(rgb: Picture, index: int = 0, pixel_aspect: Fraction = Fraction(1), fps: int = FPS) -> Frame:
    """The n-th frame of a video."""
    return Frame(Fraction(index, fps), Fraction(1, fps), np.ascontiguousarray(rgb), pixel_aspect)


def frames(shown: Sequence[Picture]) -> Iterator[Frame]:
    """A video of pictures; each frame has a picture of its own."""
    for index, rgb in enumerate(shown):
        yield frame(rgb.copy(), index)


def grey_like(rgb: Picture) -> Picture:
    """A blank picture of the same size."""
    return np.full_like(rgb, 110)


def side_by_side(*shown: Picture) -> Picture:
    """Pictures of one height in a row."""
    height = min(rgb.shape[0] for rgb in shown)
    scaled = [cv2.resize(rgb, (rgb.shape[1] * height // rgb.shape[0], height)) for rgb in shown]
    return np.concatenate(scaled, axis=1).astype(np.uint8)


def on_canvas(rgb: Picture, width: int, height: int, x: int, y: int) -> Picture:
    """A picture somewhere in a larger grey one."""
    canvas = np.full((height, width, 3), 110, np.uint8)
    canvas[y : y + rgb.shape[0], x : x + rgb.shape[1]] = rgb
    return canvas


def rotated(rgb: Picture, degrees: float) -> tuple[Picture, FloatArray]:
    """A picture turned clockwise about its middle, and the (2, 3) map from old to new pixels."""
    height, width = rgb.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0).astype(np.float32)
    turned = cv2.warpAffine(rgb, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.uint8), turn


def psnr(one: Picture, other: Picture) -> float:
    """Likeness of two pictures, dB."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))
