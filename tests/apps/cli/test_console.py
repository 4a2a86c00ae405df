"""What is said, in which words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.apps.cli.console import as_json, one_line
from mouthpiece.apps.durations import format_clock
from mouthpiece.types import SkipReason


@dataclass(frozen=True)
class Example:
    """Something with everything in it."""

    path: Path = Path("a b")
    rate: Fraction = Fraction(30000, 1001)
    reason: SkipReason | None = SkipReason.TURNED
    level_db: float = float("-inf")
    mean: np.float32 = field(default_factory=lambda: np.float32(0.5))
    box: tuple[int, ...] = (1, 2)
    secret: object = field(default_factory=object, repr=False)
    tags: dict[int, bool] = field(default_factory=lambda: {1: True})
    points: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = field(
        default_factory=lambda: np.array([[1, np.nan]], dtype=np.float32)
    )


def test_everything_becomes_strict_json() -> None:
    said = json.dumps(as_json(Example()), allow_nan=False)
    assert json.loads(said) == {
        "path": "a b",
        "rate": pytest.approx(29.97003),
        "reason": "turned-away",
        "level_db": None,
        "mean": 0.5,
        "box": [1, 2],
        "tags": {"1": True},
        "points": [[1.0, None]],
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("وجه يتكلم 'x' $HOME.jpg", "وجه يتكلم 'x' $HOME.jpg"),
        ("two\nlines\r\n\ttab\x00\x7f", "two\\nlines\\r\\n\\ttab\\x00\\x7f"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("lone \udcff byte", "lone \udcff byte"),
    ],
)
def test_one_line_is_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_clock(seconds: float, shown: str) -> None:
    assert format_clock(seconds) == shown
