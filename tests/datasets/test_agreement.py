"""Agreement of curves, against independent oracles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mouthpiece.datasets.agreement import agreement, area_under_curve, correlation, lagged_correlation


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


def test_a_mouth_that_never_moves_agrees_with_nothing() -> None:
    measured = np.sin(np.arange(50)).astype(np.float32)
    still = np.zeros(50, dtype=np.float32)
    assert agreement(still, measured) == 0
    assert np.isnan(agreement(measured, still))
