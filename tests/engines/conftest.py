"""Faces and speech to test engines with: real photos as the face room measures them, and real recordings."""

from __future__ import annotations

import wave
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.engines.staging import frame_of

from mouthpiece.errors import WeightsError
from mouthpiece.face import FaceTracker
from mouthpiece.types import SAMPLE_RATE, FloatArray, TrackedFrame

PICTURE_SIZE = 320
"""Photos are brought to so many pixels square: what is tested here doesn't depend on the size."""
SPEECH_S = 1.0


@pytest.fixture(scope="session")
def people(shared_data: Path) -> dict[str, TrackedFrame]:
    """A tracked frame of each photo, by the photo's name."""
    try:
        tracker = FaceTracker(smooth=False)
    except WeightsError as error:
        pytest.skip(str(error))
    found = {}
    for photo in sorted((shared_data / "photos").iterdir()):
        bgr = cv2.imread(str(photo))
        assert bgr is not None
        small = cv2.resize(bgr, (PICTURE_SIZE, PICTURE_SIZE), interpolation=cv2.INTER_AREA)
        tracker.reset()
        tracked = tracker.track(frame_of(cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.uint8)))
        assert tracked.face is not None, f"no face in {photo.name}"
        found[photo.stem] = tracked
    return found


@pytest.fixture(scope="session")
def woman(people: dict[str, TrackedFrame]) -> TrackedFrame:
    """A frontal portrait."""
    return people["woman_portrait"]


@pytest.fixture(scope="session")
def man(people: dict[str, TrackedFrame]) -> TrackedFrame:
    """Another person."""
    return people["man_head_crop"]


@pytest.fixture(scope="session")
def speech(shared_data: Path) -> FloatArray:
    """A real recording, (n,) float32 at 16 kHz."""
    with wave.open(str(shared_data / "audio" / "en_male_watson.wav")) as recording:
        assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (SAMPLE_RATE, 1, 2)
        samples = np.frombuffer(recording.readframes(10 * SAMPLE_RATE), dtype="<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.1)[0]
    start = max(0, int(loud) - SAMPLE_RATE // 5)
    spoken: FloatArray = samples[start : start + round(SPEECH_S * SAMPLE_RATE)].astype(np.float32)
    return spoken
