"""How much work and how many bytes the encoder spends, by names that people choose from."""

from __future__ import annotations

from enum import StrEnum


class Quality(StrEnum):
    """A trade of speed against looks and size."""

    DRAFT = "draft"
    """Quickest; traces of compression may show."""
    GOOD = "good"
    """The default: a quick preset at a quality that keeps skin and teeth."""
    BEST = "best"
    """Closest to the source; slower to make and larger."""
