"""People and speech for the whole way from inputs to a video."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests import scenes
from tests.pipeline.staging import RATE

from mouthpiece.engines.mesh import MeshEngine
from mouthpiece.options import EngineOptions
from mouthpiece.types import FloatArray, Picture


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith("mouthpiece-")] == []


@pytest.fixture(scope="session")
def voice(shared_data: Path) -> FloatArray:
    """Two seconds of real speech, (n,) float32 at 16 kHz."""
    from scipy.io import wavfile

    rate, samples = wavfile.read(shared_data / "audio" / "en_male_watson.wav")
    assert rate == RATE
    return np.asarray(samples[RATE : 3 * RATE] / 32768, np.float32)


@pytest.fixture(scope="session")
def person(shared_data: Path) -> list[Picture]:
    """A second of somebody, 360x288."""
    return scenes.pictures(shared_data / scenes.PERSON_A, 25)


@pytest.fixture(scope="session")
def woman(shared_data: Path) -> Picture:
    return scenes.picture(shared_data / "photos" / "woman_portrait.png", 256)


@pytest.fixture
def _with_mesh() -> None:
    info = MeshEngine.describe(EngineOptions())
    if not info.ready:
        pytest.skip(info.weights)
