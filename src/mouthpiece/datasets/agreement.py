"""How well two curves agree: correlation, correlation at a lag, area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mouthpiece.types import FloatArray


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Return Pearson's r; NaN where one of the curves does not vary."""
    if len(a) < 3 or float(a.std()) < 1e-9 or float(b.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def agreement(made: FloatArray, measured: FloatArray) -> float:
    """Return Pearson's r; 0 where the made curve never moves, NaN where the measured one doesn't."""
    r = correlation(made, measured)
    moves = len(measured) >= 3 and float(measured.std()) >= 1e-9
    return 0.0 if moves and np.isnan(r) else r


def lagged_correlation(
    made: FloatArray, measured: FloatArray, lag: int, known: NDArray[np.bool_] | None = None
) -> float:
    """Return r with the made curve taken `lag` frames later, over the frames at which the measured one is known."""
    known = np.ones(len(measured), dtype=bool) if known is None else known
    here = slice(0, len(measured) - lag) if lag >= 0 else slice(-lag, None)
    there = slice(lag, None) if lag >= 0 else slice(0, lag)
    return correlation(made[there][known[here]], measured[here][known[here]])


def area_under_curve(score: FloatArray, positive: NDArray[np.bool_]) -> float:
    """Return the chance that a positive scores higher than a negative, ties counting half (Mann & Whitney).

    NaN where there are no positives or no negatives.
    """
    wins = int(positive.sum()) * int((~positive).sum())
    if wins == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    below = float(ranks[positive].sum()) - int(positive.sum()) * (int(positive.sum()) + 1) / 2
    return below / wins
