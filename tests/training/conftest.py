"""Corpora that need not be measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.training.made_clips import rigged_clip, spoken_clip

from mouthpiece.training.corpora import save_recording


@pytest.fixture
def made_corpora(tmp_path: Path) -> tuple[Path, Path, Path]:
    """(face corpus, rig corpus, working folder whose cache holds both): nothing has to be measured."""
    faces, rigs, work = tmp_path / "made", tmp_path / "rig", tmp_path / "work"
    (faces / "clips").mkdir(parents=True)
    rigs.mkdir()
    (work / "corpora").mkdir(parents=True)
    splits = {"a": "train", "b": "train", "c": "train", "d": "val", "e": "test"}
    rows = ["clip,split", *(f"{name},{split}" for name, split in splits.items())]
    (faces / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name, split in splits.items():
        (faces / "clips" / f"{name}.mp4").touch()
        save_recording(spoken_clip(name, split), work / "corpora" / f"made.{name}.npz")
        (rigs / f"{name}.wav").touch()
        (rigs / f"{name}.npz").touch()
    for name, split in zip("abcde", ("train", "train", "train", "val", "test"), strict=True):
        save_recording(rigged_clip(name, split), work / "corpora" / f"rig.{name}.npz")
    return faces, rigs, work
