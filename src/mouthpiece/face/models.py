"""Paths of the two face models: Google's BlazeFace and face mesh, brought into the wheel by the build hook."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from mouthpiece.errors import WeightsError

DETECTOR_FILE = "face_detection_back.tflite"
MESH_FILE = "face_landmark_with_attention.tflite"
MODELS_VARIABLE = "MOUTHPIECE_FACE_MODELS"


def _folders() -> list[Path]:
    """List the places to search, best first; an editable install keeps the models in site-packages, not here."""
    folders = [Path(__file__).parent / "models"]
    with suppress(PackageNotFoundError):
        folders.append(Path(str(distribution("mouthpiece").locate_file("mouthpiece/face/models"))))
    if given := os.environ.get(MODELS_VARIABLE):
        folders.insert(0, Path(given))
    return folders


def model_path(name: str) -> Path:
    """Find a face model's file.

    Raises:
        WeightsError: it came with no installation and `MOUTHPIECE_FACE_MODELS` doesn't name a folder that has it.
    """
    for folder in _folders():
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(
        f"expected the face model {name} in the installed package, found none; "
        f"reinstall mouthpiece, or set {MODELS_VARIABLE} to a folder that holds it"
    )
