"""The face room's networks, loaded once, and real pictures to try them on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import scenes

from mouthpiece.face import FaceDetector, FaceTracker
from mouthpiece.types import Picture


@pytest.fixture(scope="session")
def detector(face_models: None) -> FaceDetector:
    """The detector."""
    return FaceDetector()


@pytest.fixture(scope="session")
def _raw_tracker(face_models: None) -> FaceTracker:
    return FaceTracker(smooth=False)


@pytest.fixture
def raw(_raw_tracker: FaceTracker) -> FaceTracker:
    """A tracker without smoothing, fresh."""
    _raw_tracker.reset()
    return _raw_tracker


@pytest.fixture(scope="session")
def photos(shared_data: Path) -> dict[str, Picture]:
    """The photos by name, longer side 640."""
    return {name: scenes.picture(shared_data / "photos" / name, 640) for name in scenes.PHOTOS}


@pytest.fixture(scope="session")
def woman(photos: dict[str, Picture]) -> Picture:
    """A frontal portrait."""
    return photos["woman_portrait.png"]


@pytest.fixture(scope="session")
def man(photos: dict[str, Picture]) -> Picture:
    """Another person."""
    return photos["man_head_crop.jpg"]
