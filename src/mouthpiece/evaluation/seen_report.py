"""Scores of what is seen as Markdown tables, one for each set and network: a row for each score, a column for each kind
of mouth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from mouthpiece.evaluation.seen import SeenScore

_ROWS = (
    ("r opening", "opening_r", ".3f"),
    ("r width", "width_r", ".3f"),
    ("r jaw", "jaw_r", ".3f"),
    ("r rounding", "rounding_r", ".3f"),
    ("MAE", "opening_mae", ".4f"),
    ("spread of opening", "opening_spread", ".2f"),
    ("spread of width", "width_spread", ".2f"),
    ("closure AUC", "closure_auc", ".3f"),
    ("lag, frames", "lag_frames", "d"),
    ("r at best lag", "best_lag_r", ".3f"),
    ("silence leak", "silence_leak", ".1%"),
    ("closures met", "articulation.closures_met", ".2f"),
    ("closures met at words' beginnings", "articulation.initial_closures_met", ".2f"),
    ("touches of other sounds", "articulation.wrong_touches", ".2f"),
    ("rounding AUC", "articulation.rounding_auc", ".3f"),
    ("rounding contrast", "articulation.rounding_contrast", ".4f"),
    ("vowels' order", "articulation.vowel_order", ".2f"),
    ("lip and teeth AUC", "articulation.lip_teeth_auc", ".3f"),
    ("readability", "readability", ".2f"),
    ("readability, guessing", "chance", ".2f"),
    ("readability, share of real", "readability_share", ".2f"),
    ("frames without a face", "lost", ".1%"),
)


def seen_tables(scores: Sequence[SeenScore]) -> str:
    """Format scores as Markdown tables; a dash where there is nothing to judge by."""
    tables = []
    for (corpus, split, network), group in groupby(scores, key=lambda one: (one.corpus, one.split, one.network)):
        columns = list(group)
        clips = columns[0].clips
        title = f"{corpus} {split}, {network}, {clips} clip{'s' if clips > 1 else ''}"
        tables.append(_table(title, columns))
    return "\n\n".join(tables)


def _table(title: str, columns: Sequence[SeenScore]) -> str:
    lines = [
        "| " + " | ".join([title, *(column.view for column in columns)]) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for name, path, form in _ROWS:
        cells = [_cell(_value(column, path), form) for column in columns]
        if any(cell != "-" for cell in cells):
            lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def _value(score: SeenScore, path: str) -> float | None:
    value: object = score
    for name in path.split("."):
        value = getattr(value, name)
    assert value is None or isinstance(value, int | float)
    return value


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None or np.isnan(value) else format(value, form)
