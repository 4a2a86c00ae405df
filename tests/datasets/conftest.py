"""Corpora that need not be measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.layouts import find_sources
from mouthpiece.datasets.measuring import measure_video, read_curves
from mouthpiece.datasets.recordings import Recording, save_recording
from mouthpiece.types import SAMPLE_RATE


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


@pytest.fixture(scope="session")
def grid_clips(shared_data: Path, face_models: None) -> list[Recording]:
    """Three real clips of three people, measured here."""
    grid = {source.name: source for source in find_sources(shared_data / "grid_unseen_dev")}
    one_man = {source.name: source for source in find_sources(shared_data / "grid_s1")}
    chosen = [grid["s5_bbae8n"], grid["s22_lbbc2a"], one_man["bbaf3s"]]
    return [clip for source in chosen for clip in measure_video(source)]


@pytest.fixture(scope="session")
def mandarin_clip(shared_data: Path) -> Recording:
    """Ten seconds of free speech with a rig's curves."""
    sources = {source.name: source for source in find_sources(shared_data / "facegood_mandarin")}
    whole = read_curves(sources["1114_3_16"])
    frames, samples = round(10 * whole.fps), 10 * SAMPLE_RATE
    curves = {name: curve[:frames] for name, curve in whole.curves.items()}
    return replace(whole, samples=whole.samples[:samples], seen=whole.seen[:frames], curves=curves)
