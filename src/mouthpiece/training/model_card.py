"""Where model cards lie."""

from __future__ import annotations

from pathlib import Path


def card_path(trained: Path) -> Path:
    """Return the path of the model card of a network or teacher: beside it."""
    return trained.with_suffix(".md")
