"""The generator's benchmark: what it counts, and one measurement for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import wav2lip
from benchmarks.fresh import FreshRun

from mouthpiece.engines.wav2lip.loading import open_generator
from mouthpiece.engines.wav2lip.options import NetworkOptions, Precision
from mouthpiece.engines.wav2lip.sample_crops import crops


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's is touched."""
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path / "cache"))


def test_random_weights_draw_with_contrast_and_are_timed(tmp_path: Path) -> None:
    checkpoint = wav2lip.random_checkpoint(tmp_path)
    drawn = open_generator(checkpoint, NetworkOptions(precision=Precision.F32))(*crops(2))
    assert drawn.std() > 0.1
    kept = tmp_path / "kept.npy"
    found = wav2lip.measure_in_new_process("OpenVINO f32", 1, checkpoint, kept)
    assert found.description == "OpenVINO, f32, CPU"
    assert 0.1 < found.ms_a_frame < 60_000
    assert 100 < found.peak_rss_mb < 1500
    assert np.load(kept).shape == (wav2lip.PICTURES, 3, 96, 96)
    assert wav2lip.variants_here()[0] == wav2lip.EAGER


def test_rows_compare_with_eager_pytorch() -> None:
    timed = {
        (wav2lip.EAGER, 8): wav2lip.Timed(50.0, 600.0, "PyTorch"),
        ("OpenVINO f32", 8): wav2lip.Timed(25.0, 500.0, "OpenVINO"),
    }
    pictures = {wav2lip.EAGER: np.zeros((1, 3, 96, 96), np.float32)}
    pictures["OpenVINO f32"] = pictures[wav2lip.EAGER] + np.float32(0.25)
    rows = wav2lip.rows_of(timed, pictures)
    assert rows[1] == ("OpenVINO f32", 8, 25.0, 40.0, 2.0, 500.0, "2.5e-01", None)
    assert all(len(row) == len(wav2lip.COLUMNS) for row in rows)
    row = wav2lip.sync_row(FreshRun(500, 20.0, 10.0, 15.0, 1.0, 1.5, 1.2, 800.0))
    assert len(row) == len(wav2lip.COLUMNS)
    assert (row[2], row[3], row[5], row[7]) == (20.0, 50.0, 800.0, 2.0)
