"""Real faces for the mesh renderer, larger than those that the contract suite takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import scenes
from tests.engines.mesh.rig import Puppet, look
from tests.motion.conftest import basis, tracker

from mouthpiece.face import FaceTracker
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.types import TrackedFrame

__all__ = ["basis", "tracker"]

SIDE = 512


@pytest.fixture(scope="session")
def portraits(shared_data: Path, tracker: FaceTracker) -> dict[str, TrackedFrame]:
    """Every photo, tracked, by the photo's name without suffix. Their faces are 70 to 170 pixels from eye to eye."""
    sides = {"man_half_body.png": 1024, "woman_half_body.png": 1024}
    return {
        name.split(".")[0]: look(tracker, scenes.picture(shared_data / "photos" / name, sides.get(name, SIDE)))
        for name in scenes.PHOTOS
    }


@pytest.fixture(scope="session")
def puppets(portraits: dict[str, TrackedFrame], tracker: FaceTracker, basis: MotionBasis) -> dict[str, Puppet]:
    """A mesh engine for each portrait."""
    return {name: Puppet(tracker, [tracked]) for name, tracked in portraits.items()}


@pytest.fixture(scope="session")
def laughing(shared_data: Path, tracker: FaceTracker) -> TrackedFrame:
    """A video frame that shows teeth."""
    [rgb] = scenes.pictures(shared_data / scenes.TALKER, 1, first=60)
    return look(tracker, rgb)
