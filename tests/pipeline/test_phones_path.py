"""From a file of phones to a video: the mouth says them, whatever is to be heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import measured_opening

from mouthpiece.errors import InputError, OutputError
from mouthpiece.face import FaceTracker
from mouthpiece.notices import notice
from mouthpiece.options import EngineOptions, Quality, SyncOptions
from mouthpiece.pipeline import sync
from mouthpiece.types import SAMPLE_RATE, FloatArray, Phone, Picture

HUM: FloatArray = (0.1 * np.sin(2 * np.pi * 120 * np.arange(int(1.6 * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)
"""Something steady that tells the network nothing of these phones."""
SAID = "0.2\t0.4\tm\n0.4\t0.7\tɑː\n0.7\t0.9\tp\n0.9\t1.2\tɑː\n1.2\t1.4\tm\n"


def test_the_mouth_says_the_phones(tmp_path: Path, woman: Picture) -> None:
    (tmp_path / "said.tsv").write_text(SAID)
    options = SyncOptions(phones=tmp_path / "said.tsv", quality=Quality.BEST)
    result = sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", options)
    assert result.warnings == ()
    shown = scenes.pictures(tmp_path / "out.mp4")
    tracker = FaceTracker()
    closed = [measured_opening(tracker, shown[frame]) for frame in (7, 20, 32)]
    opened = [measured_opening(tracker, shown[frame]) for frame in (14, 26)]
    assert min(opened) > max(closed) + 0.04


def test_an_engine_that_cannot_use_phones_says_so(tmp_path: Path, woman: Picture) -> None:
    options = SyncOptions(engine=EngineOptions("fake"), phones=[Phone("a", 0.2, 1.4)])
    result = sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", options)
    assert result.warnings == (notice("phones-ignored", engine="fake"),)
    assert str(result.warnings[0]) == "the engine fake can't use phones: it moves the mouth by the sound alone"


def test_words_are_spelled_by_espeak(tmp_path: Path, woman: Picture) -> None:
    pytest.importorskip("espeakng_loader")
    (tmp_path / "said.align").write_text("0 5000 sil\n5000 17500 bob\n17500 30000 bob\n30000 40000 sil\n")
    options = SyncOptions(engine=EngineOptions("fake"), phones=tmp_path / "said.align")
    result = sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", options)
    assert [warning.values["file"] for warning in result.warnings if warning.code == "words-spelled"] == ["said.align"]


def test_bad_phones_leave_nothing_behind(tmp_path: Path, woman: Picture) -> None:
    (tmp_path / "said.tsv").write_text("0.2\t0.1\tm\n")
    with pytest.raises(InputError, match=r"said\.tsv, line 1: expected an end after the start"):
        sync(
            woman,
            (HUM, SAMPLE_RATE),
            tmp_path / "out.mp4",
            SyncOptions(engine=EngineOptions("fake"), phones=tmp_path / "said.tsv"),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["said.tsv"]


def test_the_phones_are_not_overwritten(tmp_path: Path, woman: Picture) -> None:
    said = tmp_path / "said.mp4"
    said.write_text(SAID)
    with pytest.raises(OutputError, match="is the input file itself"):
        sync(woman, (HUM, SAMPLE_RATE), said, SyncOptions(engine=EngineOptions("fake"), phones=said, overwrite=True))
