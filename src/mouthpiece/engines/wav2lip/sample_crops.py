"""Sample inputs that int8 models are calibrated with and precisions compared on: crops of a face, and speech.

The face is the packaged sample face as it was then, the speech the packaged sample speech in two languages
(tools/make_calibration.py). The face is taken nearer and further off, from aside, mirrored, in light and darkness, in
warm and cold light, so that the ranges found hold for faces of any colour in any light.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.networks.wav2lip import FACE_SIZE, MEL_STEPS
from mouthpiece.types import FloatArray, Picture, as_float

FILE = Path(__file__).with_name("sample_crops.npz")
SIDE = 160
"""Rows and columns of the picture in the file."""
MARGIN = 1.3
"""Its width and height over those of the face's box."""
CALIBRATION_CROPS = 48
_NEAREST, _FURTHEST = 0.85, 1.25
"""Width of the crop over that of the face's box."""
_SHIFT = 0.05
"""Most that the crop's middle lies beside the face's, in widths of the box."""
_DARKEST, _BRIGHTEST = 0.3, 1.5
_TINT = 0.15
"""Most by which a colour is stronger or weaker than the others."""
_SEED = 0


def crops(count: int, *, after: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return the generator's inputs, the same ones every time.

    Args:
        count: how many.
        after: how many of the sequence to skip; int8 models are calibrated with the first CALIBRATION_CROPS.

    Returns:
        (count, 1, 80, 16) float32 mel windows and (count, 6, 96, 96) float32 faces.
    """
    face, mels = _material()
    rng = np.random.default_rng(_SEED)
    pairs = [(_mel_window(mels[i % len(mels)], rng), _network_face(_crop(face, rng))) for i in range(after + count)]
    windows, faces = zip(*pairs[after:], strict=True)
    return np.stack(windows)[:, None], np.stack(faces)


@lru_cache(maxsize=1)
def _material() -> tuple[Picture, tuple[FloatArray, ...]]:
    with np.load(FILE) as file:
        names = sorted(name for name in file.files if name.startswith("mel_"))
        return np.asarray(file["face"], dtype=np.uint8), tuple(as_float(file[name]) for name in names)


def _mel_window(mel: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Cut a window out of speech at random, (m, 80) -> (80, 16)."""
    start = int(rng.integers(len(mel) - MEL_STEPS + 1))
    return np.ascontiguousarray(mel[start : start + MEL_STEPS].T)


def _crop(face: Picture, rng: np.random.Generator) -> FloatArray:
    """Crop the face at a random place, size and light, (96, 96, 3) float32 RGB 0-1."""
    width = SIDE / MARGIN * rng.uniform(_NEAREST, _FURTHEST) / FACE_SIZE
    middle = SIDE / 2 + rng.uniform(-_SHIFT, _SHIFT, 2) * SIDE / MARGIN
    across = -width if rng.random() < 0.5 else width
    to_picture: NDArray[np.float64] = np.array([[across, 0, 0], [0, width, 0]])
    to_picture[:, 2] = middle - to_picture[:, :2] @ np.full(2, (FACE_SIZE - 1) / 2)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(face, to_picture, (FACE_SIZE, FACE_SIZE), flags=how, borderMode=cv2.BORDER_REPLICATE)
    light = rng.uniform(_DARKEST, _BRIGHTEST) * (1 + rng.uniform(-_TINT, _TINT, 3))
    return as_float(np.clip(crop / 255 * light, 0, 1))


def _network_face(rgb: FloatArray) -> FloatArray:
    """Make the network's input, (96, 96, 3) -> (6, 96, 96): blue, green, red with the lower half black, then whole."""
    whole = rgb[..., ::-1].transpose(2, 0, 1)
    masked = whole.copy()
    masked[:, FACE_SIZE // 2 :] = 0
    return np.concatenate([masked, whole])
