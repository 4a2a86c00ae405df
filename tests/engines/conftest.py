"""Faces and speech to test engines with: real photos as `mouthpiece.face` measures them, and a real recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from mouthpiece.testing.scenes import portrait, spoken
from mouthpiece.types import FloatArray, TrackedFrame

PHOTO_SIZE = (320, 320)
"""Width and height that photos are brought to: what is tested here doesn't depend on the size."""
WOMAN, MAN = "woman_portrait", "man_head_crop"
"""Photos of two people: a frontal portrait, and another person."""


@pytest.fixture(scope="session")
def photographed(shared_data: Path, face_models: None) -> dict[str, TrackedFrame]:
    """A tracked frame of each photo, by the photo's name."""
    return {photo.stem: portrait(photo, PHOTO_SIZE) for photo in sorted((shared_data / "photos").iterdir())}


@pytest.fixture(scope="session")
def people(photographed: dict[str, TrackedFrame]) -> dict[str, TrackedFrame]:
    """The same, by the name that the contract suite has for it."""
    return photographed


@pytest.fixture(scope="session")
def woman(photographed: dict[str, TrackedFrame]) -> TrackedFrame:
    """A frontal portrait."""
    return photographed[WOMAN]


@pytest.fixture(scope="session")
def man(photographed: dict[str, TrackedFrame]) -> TrackedFrame:
    """Another person."""
    return photographed[MAN]


@pytest.fixture(scope="session")
def recorded(shared_data: Path) -> FloatArray:
    """A real recording, (n,) float32 at 16 kHz."""
    return spoken(shared_data / "audio" / "en_male_watson.wav")


@pytest.fixture(scope="session")
def speech(recorded: FloatArray) -> FloatArray:
    """The same, by the name that the contract suite has for it."""
    return recorded
