"""The corpora of the datasets' tests are trained on here."""

from __future__ import annotations

from tests.datasets.conftest import grid_clips, made_corpora, mandarin_clip

__all__ = ["grid_clips", "made_corpora", "mandarin_clip"]
