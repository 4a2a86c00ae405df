"""What `import mouthpiece` promises: these names, typed, and nothing heavy before they are used."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mouthpiece

PUBLIC = [
    "MEL_RATE",
    "SAMPLE_RATE",
    "Box",
    "CaptureOptions",
    "Checkpoint",
    "Engine",
    "EngineInfo",
    "EngineJob",
    "EngineOptions",
    "Face",
    "FaceStretch",
    "Fit",
    "Frame",
    "FrameTransform",
    "HeadPose",
    "LiveFrame",
    "LiveOptions",
    "LiveSession",
    "LiveStats",
    "MotionTrack",
    "Notice",
    "OptionInfo",
    "Patch",
    "Phone",
    "ProbeReport",
    "Progress",
    "Quality",
    "RenderRequest",
    "SkipReason",
    "SpeechChunk",
    "SyncOptions",
    "SyncResult",
    "TrackedFrame",
    "VisemeOptions",
    "VisemeTrack",
    "Waveform",
    "__version__",
    "capture",
    "errors",
    "open_live",
    "option",
    "probe",
    "sync",
    "visemes",
]
"""Frozen: taking a name away or renaming it breaks users."""


def test_the_facade_is_frozen() -> None:
    assert mouthpiece.__all__ == PUBLIC
    assert [name for name in dir(mouthpiece) if name[0] != "_"] == sorted(name for name in PUBLIC if name[0] != "_")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(mouthpiece, name)
    assert isinstance(found, str) or inspect.getdoc(found)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mouthpiece' has no attribute 'snyc'"):
        _ = mouthpiece.snyc


def test_the_signature_of_sync_is_frozen() -> None:
    parameters = inspect.signature(mouthpiece.sync).parameters
    assert list(parameters) == ["face", "speech", "out", "options", "progress", "cancelled"]
    assert [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == ["progress", "cancelled"]


def test_the_signature_of_visemes_is_frozen() -> None:
    parameters = inspect.signature(mouthpiece.visemes).parameters
    assert list(parameters) == ["speech", "options", "progress", "cancelled"]
    assert [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == ["progress", "cancelled"]


def test_the_signature_of_capture_is_frozen() -> None:
    parameters = inspect.signature(mouthpiece.capture).parameters
    assert list(parameters) == ["video", "options", "progress", "cancelled"]
    assert [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == ["progress", "cancelled"]


def test_options_have_defaults_and_are_frozen() -> None:
    options = mouthpiece.SyncOptions()
    with pytest.raises(AttributeError):
        options.engine = mouthpiece.EngineOptions("other")  # type: ignore[misc]


@pytest.mark.parametrize(
    "values",
    [
        {"fps": 0},
        {"fps": 1000},
        {"face": "middle"},
        {"audio_offset_s": 5.0},
        {"phones_blend": 0.5},
        {"phones": "said.TextGrid", "phones_blend": 1.1},
        {"phones": "said.TextGrid", "motion": "motion.npz"},
    ],
)
def test_options_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(mouthpiece.errors.OptionError) as caught:
        mouthpiece.SyncOptions(**values)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values", [{"face": "middle"}, {"start_s": -1.0}, {"end_s": float("nan")}, {"start_s": 2.0, "end_s": 2.0}]
)
def test_capture_options_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(mouthpiece.errors.OptionError) as caught:
        mouthpiece.CaptureOptions(**values)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{"intensity": -1.0}, {"intensity": float("nan")}, {"rest": 1.5}])
def test_engine_options_that_make_no_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(mouthpiece.errors.OptionError) as caught:
        mouthpiece.EngineOptions(**values)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_it_is_typed() -> None:
    assert (Path(mouthpiece.__file__).parent / "py.typed").is_file()


def test_star_import_works_in_a_fresh_interpreter() -> None:
    code = "from mouthpiece import *; print(sync.__name__, Fit.LOOP, errors.NoFaceError.code)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["sync", "loop", "no-face"]


def test_nobody_is_told_that_it_is_used(tmp_path: Path) -> None:
    """OpenVINO's telemetry leaves a number in HOME before it sends anything; where CI is set it is silent."""
    program = "import sys, mouthpiece.inference as i; i.core(); assert sys.modules['openvino_telemetry'] is None"
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-c", program], env=environment | {"HOME": str(home)}, check=True)
    assert list(home.iterdir()) == []
