"""Scores of motion as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mouthpiece.evaluation.motion import MotionScore

_COLUMNS = (
    ("r opening", "opening_r", ".3f"),
    ("bare network", "network_r", ".3f"),
    ("energy envelope", "envelope_r", ".3f"),
    ("while speaking", "opening_r_speaking", ".3f"),
    ("pooled", "opening_r_pooled", ".3f"),
    ("r width", "width_r", ".3f"),
    ("r jaw", "jaw_r", ".3f"),
    ("MAE", "opening_mae", ".4f"),
    ("lag, frames", "lag_frames", "d"),
    ("within 1", "clips_within_a_frame", ".0%"),
    ("closure AUC", "closure_auc", ".3f"),
    ("envelope's AUC", "envelope_auc", ".3f"),
    ("silence leak", "silence_leak", ".1%"),
    ("spread ratio", "spread_ratio", ".2f"),
)


def score_table(scores: Sequence[MotionScore]) -> str:
    """Format scores as a Markdown table; a dash where a corpus holds nothing to judge by."""
    named = any(score.network for score in scores)
    heads = ["set", *(["network"] if named else []), "clips", *(title for title, _, _ in _COLUMNS)]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for score in scores:
        first = [f"{score.corpus} {score.split}", *([score.network] if named else []), str(score.clips)]
        cells = [_cell(getattr(score, name), form) for _, name, form in _COLUMNS]
        lines.append("| " + " | ".join([*first, *cells]) + " |")
    return "\n".join(lines)


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None or np.isnan(value) else format(value, form)
