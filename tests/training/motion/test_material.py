"""The material of a training, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.datasets.made_clips import spoken_clip

from mouthpiece.datasets.recordings import save_recording
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.training.motion.material import Material, gather
from mouthpiece.training.options import TrainOptions
from mouthpiece.types import Phone


@pytest.fixture
def gather_again(made_corpora: tuple[Path, Path, Path], tmp_path: Path) -> Callable[[], Material]:
    """Gather the same material in the same working folder."""
    faces, _, work = made_corpora
    (tmp_path / "said").mkdir()
    phones = (Phone("b", 0.8, 0.9), Phone("a", 0.9, 1.4), Phone("m", 1.4, 1.6))
    clip = replace(spoken_clip("a"), corpus="synthetic", landmarks=None, words=(), phones=phones)
    save_recording(clip, tmp_path / "said" / "synthetic.a.npz")
    options = TrainOptions(synthetic=tmp_path / "said", augmentations=1, workers=1)
    return lambda: gather(faces, work, options)


def _openings(material: Material) -> list[bytes]:
    return [clips[0].targets.opening.tobytes() for clips in material.corpora]


def test_examples_are_kept_as_long_as_nothing_changes(
    gather_again: Callable[[], Material], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gather_again()
    monkeypatch.setattr("mouthpiece.training.motion.material.augment_all", _refuse)
    assert _openings(gather_again()) == _openings(first)


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("made again")


def test_another_teacher_makes_other_examples(
    gather_again: Callable[[], Material], monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, synthetic = _openings(gather_again())
    load = CoarticulationModel.load

    def wider(*, basis: Any) -> CoarticulationModel:
        teacher = load(basis=basis)
        return CoarticulationModel(replace(teacher.weights, target=teacher.weights.target * np.float32(1.5)), basis)

    monkeypatch.setattr(CoarticulationModel, "load", wider)
    again = _openings(gather_again())
    assert again[0] == faces and again[1] != synthetic


def test_another_motion_space_makes_other_examples(
    gather_again: Callable[[], Material], made_corpora: tuple[Path, Path, Path]
) -> None:
    faces, work = made_corpora[0], made_corpora[2]
    before = gather_again()
    # One clip fewer to fit it to, and another in its place: names and counts stay.
    save_recording(spoken_clip("b", seed=5), work / "corpora" / "made.b.npz")
    report = work / "corpora" / f"{faces.name}.report.json"
    assert json.loads(report.read_text("utf-8"))["clips"]
    after = gather_again()
    assert _openings(after)[1] != _openings(before)[1], "synthetic speech is taught in the new space"
    assert _openings(after)[0] != _openings(before)[0]
