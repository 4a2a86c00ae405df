"""Lengths of time as people read them."""

from __future__ import annotations


def format_clock(seconds: float) -> str:
    """Return seconds as 0:07 or 1:02:03."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
