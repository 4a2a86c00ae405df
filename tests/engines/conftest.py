"""Faces and speech to test engines with: real photos as the face room measures them, and real recordings."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.checkpoint_files import seeded_state, write_safetensors
from tests.engines.staging import Stage, frame_of
from tests.engines.wav2lip.drawn_mouth import DrawnMouth

from mouthpiece.engines.base import EngineOptions
from mouthpiece.engines.registry import engine_names, load_engine
from mouthpiece.engines.wav2lip.engine import Wav2LipEngine
from mouthpiece.engines.wav2lip.options import NetworkOptions, Precision
from mouthpiece.errors import EngineError
from mouthpiece.face import FaceTracker
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.types import SAMPLE_RATE, FloatArray, TrackedFrame

PICTURE_SIZE = 320
"""Photos are brought to so many pixels square: what is tested here doesn't depend on the size."""
SPEECH_S = 1.0
WITHOUT_NETWORK = [name for name in engine_names() if name != "wav2lip"] + ["wav2lip-by-hand"]
"""Every engine. Wav2Lip's network costs as much a frame as the others a second: here a stand-in draws."""


@pytest.fixture(scope="session")
def seeded_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Random weights of Wav2Lip's generator, in a file that needs no PyTorch; what is made of them goes beside it."""
    folder = tmp_path_factory.mktemp("wav2lip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOUTHPIECE_CACHE", str(folder / "cache"))
        yield write_safetensors(folder / "random.safetensors", seeded_state(GENERATOR))


def _stage(name: str, request: pytest.FixtureRequest) -> Stage:
    """An engine that can run on this machine."""
    if name == WITHOUT_NETWORK[-1]:
        return Stage(Wav2LipEngine, lambda options: Wav2LipEngine(options, generator=DrawnMouth()))
    try:
        found = load_engine(name)
    except EngineError as error:
        pytest.skip(str(error))
    network = NetworkOptions()
    if found is Wav2LipEngine:
        network = NetworkOptions(request.getfixturevalue("seeded_checkpoint"), precision=Precision.F32)
    info = found.describe(EngineOptions(network=network))
    if not info.ready:
        pytest.skip(info.weights)
    return Stage(found, found, network)


@pytest.fixture(params=WITHOUT_NETWORK)
def stage(request: pytest.FixtureRequest) -> Stage:
    """Each engine, those with a large network without it."""
    return _stage(request.param, request)


@pytest.fixture(params=[*WITHOUT_NETWORK, "wav2lip"])
def whole_stage(request: pytest.FixtureRequest) -> Stage:
    """Each engine, also as a user runs it."""
    return _stage(request.param, request)


@pytest.fixture(scope="session")
def people(shared_data: Path, face_models: None) -> dict[str, TrackedFrame]:
    """A tracked frame of each photo, by the photo's name."""
    tracker = FaceTracker(smooth=False)
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
