"""Scores of motion, against numbers known beforehand and independent oracles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mouthpiece.errors import InputError, WeightsError
from mouthpiece.evaluation.motion import (
    area_under_curve,
    correlation,
    energy_envelope,
    evaluate_motion,
    in_speech,
    joined_words,
    lagged_correlation,
    score_table,
)
from mouthpiece.face import FaceTracker
from mouthpiece.training.corpora import Word, prepare_corpus
from mouthpiece.types import SAMPLE_RATE


def test_area_under_curve_is_mann_whitneys() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.3
    score = (rng.integers(0, 20, 300) + 5 * positive).astype(np.float32)
    expected = stats.mannwhitneyu(score[positive], score[~positive]).statistic / positive.sum() / (~positive).sum()
    assert area_under_curve(score, positive) == pytest.approx(float(expected))
    assert np.isnan(area_under_curve(score, np.zeros(300, dtype=bool)))


def test_correlation_and_lag() -> None:
    rng = np.random.default_rng(0)
    measured = np.convolve(rng.normal(size=300), np.ones(4), "same").astype(np.float32)
    late = np.roll(measured, 2)
    lags = {lag: lagged_correlation(late, measured, lag) for lag in range(-5, 6)}
    assert max(lags, key=lambda lag: lags[lag]) == 2 and lags[2] == pytest.approx(1, abs=1e-6)
    assert correlation(measured, -measured) == pytest.approx(-1)
    assert np.isnan(correlation(measured, np.zeros(300, dtype=np.float32)))


def test_envelope_is_the_level() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    tone[: SAMPLE_RATE // 2] = 0
    envelope = energy_envelope(tone, np.array([0.25, 0.75]))
    assert envelope[0] == 0 and envelope[1] == pytest.approx(np.sqrt(0.5), rel=0.01)


def test_pauses_are_what_words_leave() -> None:
    words = [Word("a", 1.0, 1.5), Word("b", 1.6, 2.0), Word("c", 3.0, 3.2)]
    assert joined_words(words) == [(1.0, 2.0), (3.0, 3.2)]
    inside = in_speech(np.array([0.5, 0.95, 1.55, 2.1, 2.5, 3.1]), joined_words(words))
    assert inside.tolist() == [False, True, True, True, False, True]
    assert not in_speech(np.array([0.5]), []).any()


def test_the_shipped_network_holds_on_people_it_never_saw(shared_data: Path, tmp_path: Path) -> None:
    try:
        FaceTracker()
    except WeightsError as error:
        pytest.skip(str(error))
    few = tmp_path / "strangers"
    few.mkdir()
    for source in sorted((shared_data / "grid_unseen_dev").glob("*_224.mp4"))[::3]:
        (few / source.name.replace("_224", "")).symlink_to(source)
        align = source.name.replace("_224.mp4", ".align")
        (few / align).symlink_to(source.with_name(align))
    report = prepare_corpus(few, tmp_path / "cache", workers=1)
    assert not report.skipped
    score = evaluate_motion(tmp_path / "cache", "strangers", "train")
    assert score is not None and score.clips == 5
    assert score.network_r > 0.65 and score.network_r > score.envelope_r + 0.2
    assert score.opening_r_speaking > 0.6
    assert abs(score.lag_frames) <= 1
    assert score.silence_leak < 0.02
    assert 0.5 < score.spread_ratio < 1.5
    table = score_table([score])
    assert "strangers train" in table and len({line.count("|") for line in table.splitlines()}) == 1
    assert evaluate_motion(tmp_path / "cache", "strangers", "test") is None


def test_an_empty_cache_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prepare the corpus first"):
        evaluate_motion(tmp_path, "nobody", "test")
