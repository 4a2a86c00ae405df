"""Training from end to end, small."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.made_clips import spoken_clip
from tests.training.motion.ears import random_ear

from mouthpiece.datasets.recordings import save_recording
from mouthpiece.errors import InputError, MissingExtraError, OptionError
from mouthpiece.motion.basis import OpeningRange, WidthRange, load_basis, load_ranges
from mouthpiece.motion.network import basis_path
from mouthpiece.motion.stream import LIVE_LOOK_AHEAD_S, MotionStream
from mouthpiece.speech import features
from mouthpiece.testing.essential_tests import MOST_LOOK_AHEAD_S
from mouthpiece.training.motion.train import train_motion
from mouthpiece.training.options import TrainOptions
from mouthpiece.types import Phone, SpeechChunk

pytestmark = pytest.mark.filterwarnings("ignore")
"""Lightning warns of few workers and short runs; that is meant here."""


LITTLE = TrainOptions(batch=4, seconds=1.0, augmentations=2, channels=16, workers=1, limit=3)
"""A training of seconds."""


def test_a_run_stops_goes_on_and_ships(made_corpora: tuple[Path, Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    faces, rigs, work = made_corpora
    (tmp_path / "said").mkdir()
    for name, split in (("a", "train"), ("b", "train"), ("c", "val"), ("d", "test")):
        clip = spoken_clip(name)
        phones = (Phone("b", 0.8, 0.9), Phone("a", 0.9, 1.4), Phone("m", 1.4, 1.6), Phone("i", 1.6, 2.1))
        clip = replace(clip, corpus="synthetic", split=split, landmarks=None, words=(), phones=phones)
        save_recording(clip, tmp_path / "said" / f"synthetic.{name}.npz")
    out = tmp_path / "out" / "mouth.onnx"
    said: list[str] = []

    def options(steps: int) -> TrainOptions:
        return replace(
            LITTLE,
            more_corpora=(rigs,),
            synthetic=tmp_path / "said",
            steps=steps,
            check_every=4,
            spread=0.1,
            work=work,
        )

    assert train_motion(faces, out, options(4), log=said.append) == out
    assert any(line.startswith("step 4:") for line in said)
    said.clear()
    train_motion(faces, out, options(8), log=said.append)
    assert [line.split(":")[0] for line in said if line.startswith("step")] == ["step 8"]
    card = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "made test" in card and "rig val" in card and "synthetic test" in card and '"seed": 1' in card
    assert "minutes of training" in card
    assert basis_path(out).is_file()
    samples = spoken_clip("z").samples
    assert load_ranges(basis_path(out)) != (OpeningRange(), WidthRange()), "measured, not assumed"
    stream = MotionStream(weights=out)
    log_mel, activity = features(samples)
    stream.push(SpeechChunk(0, samples, 0, log_mel, activity))
    stream.finish()
    assert np.isfinite(stream.at(1.5).displacement).all()


def test_a_short_look_ahead_makes_a_live_network(made_corpora: tuple[Path, Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    faces, _, work = made_corpora
    options = replace(LITTLE, steps=2, check_every=2, look_ahead_s=LIVE_LOOK_AHEAD_S, work=tmp_path / "live")
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "corpora").symlink_to(work / "corpora")
    train_motion(faces, tmp_path / "live.onnx", options)
    geometry = load_basis(basis_path(tmp_path / "live.onnx"))[1]
    assert geometry.ahead <= 8 and geometry.memory == (56, 16)
    assert MotionStream(weights=tmp_path / "live.onnx").look_ahead_s < 0.15


def test_an_ear_becomes_a_part_of_the_network(made_corpora: tuple[Path, Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    faces, _, work = made_corpora
    ear = random_ear(tmp_path / "ear.npz")
    options = replace(LITTLE, steps=2, check_every=2, ear=ear, work=work)
    train_motion(faces, tmp_path / "hears.onnx", options)
    ear.unlink()
    card = (tmp_path / "hears.md").read_text(encoding="utf-8")
    assert '"ear": "ear.npz"' in card and "hama 1.7.0" in card
    stream = MotionStream(weights=tmp_path / "hears.onnx")
    log_mel, activity = features(spoken_clip("z").samples)
    stream.push(SpeechChunk(0, np.zeros(0, np.float32), 0, log_mel, activity))
    stream.finish()
    assert np.isfinite(stream.at(1.5).displacement).all()
    assert stream.look_ahead_s < MOST_LOOK_AHEAD_S
    with pytest.raises(OptionError, match="--ear expects a network for files"):
        train_motion(faces, tmp_path / "live.onnx", replace(options, latency="live"))


def test_without_torch_the_cure_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None)
    with pytest.raises(MissingExtraError, match=r"mouthpiece\[train\]"):
        train_motion(tmp_path, tmp_path / "x.onnx")


def test_bad_wishes_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(OptionError, match=r"\.onnx, got x\.pt"):
        train_motion(tmp_path, tmp_path / "x.pt")
    with pytest.raises(InputError, match="found none"):
        train_motion(tmp_path, tmp_path / "x.onnx")
    with pytest.raises(OptionError, match="expected 1 shares"):
        TrainOptions(shares=(0.5, 0.5))
    with pytest.raises(OptionError, match="at least 1"):
        TrainOptions(steps=0)
    with pytest.raises(OptionError, match=r"0\.5 to 10"):
        TrainOptions(seconds=60)
