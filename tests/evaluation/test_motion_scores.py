"""Scores of motion, against numbers known beforehand and independent oracles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.made_clips import spoken_clip

from mouthpiece.datasets.agreement import lagged_correlation
from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.evaluation.motion import energy_envelope, evaluate_motion, score_recordings
from mouthpiece.evaluation.report import score_table
from mouthpiece.types import SAMPLE_RATE


def test_what_was_not_seen_does_not_count() -> None:
    clip = spoken_clip("a", "test")
    assert clip.landmarks is not None
    score = score_recordings([clip], "made", "test")
    hidden = np.arange(clip.frames) % 5 == 0
    spoilt = clip.landmarks.copy()
    # Repeats a neighbour's, as the cache does; a little is lost, and no more.
    spoilt[hidden] = spoilt[np.flatnonzero(hidden) - 1]
    partly = score_recordings([replace(clip, landmarks=spoilt, seen=~hidden)], "made", "test")
    assert score is not None and partly is not None
    assert partly.opening_r == pytest.approx(score.opening_r, abs=0.05)
    assert partly.lag_frames == score.lag_frames
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40)).astype(np.float32)
    known = rng.random(40) < 0.7
    for lag in (-3, 0, 2):
        pairs = [(a[i + lag], b[i]) for i in range(40) if known[i] and 0 <= i + lag < 40]
        assert lagged_correlation(a, b, lag, known) == pytest.approx(np.corrcoef(np.array(pairs).T)[0, 1], abs=1e-6)


def test_envelope_is_the_level() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    tone[: SAMPLE_RATE // 2] = 0
    envelope = energy_envelope(tone, np.array([0.25, 0.75]))
    assert envelope[0] == 0 and envelope[1] == pytest.approx(np.sqrt(0.5), rel=0.01)


@pytest.mark.real_media
@pytest.mark.usefixtures("face_models")
def test_the_shipped_network_holds_on_people_it_never_saw(shared_data: Path, tmp_path: Path) -> None:
    few = tmp_path / "strangers"
    few.mkdir()
    for source in sorted((shared_data / "grid_unseen_dev").glob("*_224.mp4"))[::3]:
        (few / source.name.replace("_224", "")).symlink_to(source)
        align = source.name.replace("_224.mp4", ".align")
        (few / align).symlink_to(source.with_name(align))
    report = prepare_corpus(few, tmp_path / "cache", PrepareOptions(workers=1))
    assert not report.skipped
    score = evaluate_motion(tmp_path / "cache", "strangers", "train")
    assert score is not None and score.clips == 5
    assert score.network_r > 0.65 and score.network_r > score.envelope_r + 0.2
    assert score.opening_r_speaking > 0.6
    assert score.lag_frames is not None and abs(score.lag_frames) <= 1
    assert score.silence_leak < 0.02
    assert 0.5 < score.spread_ratio < 1.5
    table = score_table([score])
    assert "strangers train" in table and len({line.count("|") for line in table.splitlines()}) == 1
    assert evaluate_motion(tmp_path / "cache", "strangers", "test") is None
