"""Praat's TextGrid files, long and short, as text.

By Praat's own rule a reader of either form takes the free-standing strings, numbers and flags in their order and skips
everything else (`xmin =`, `intervals [1]:`, comments); so one reader reads both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mouthpiece.errors import InputError

_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"'
    r"|(?<![^\s=])(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\S)"
    r"|(?<!\S)<(?P<flag>\w+)>"
    r"|(?P<comment>![^\n]*)"
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A labelled stretch of a tier."""

    start_s: float
    end_s: float
    label: str
    line: int
    """Where it begins in its file, from 1."""


@dataclass(frozen=True, slots=True)
class Tier:
    """An interval tier."""

    name: str
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    value: str | float
    kind: str
    line: int


def looks_like_textgrid(text: str) -> bool:
    """Check whether a text begins as Praat's files do."""
    return "ooTextFile" in text[:200]


def read_textgrid(text: str, name: str) -> tuple[list[Tier], float]:
    """Read the interval tiers of a TextGrid, and where it ends, seconds.

    Args:
        text: the file's.
        name: the file's, for messages.

    Raises:
        InputError: it is no TextGrid, or ends too early.
    """
    reader = _Reader(text, name)
    reader.take("text", "'ooTextFile'")
    kind = reader.take("text", "the object class")
    if kind != "TextGrid":
        raise reader.wrong(f"an object of class 'TextGrid', got {str(kind)!r}; export a TextGrid from Praat")
    reader.take("number", "the start time")
    end_s = reader.number("the end time")
    if reader.take("flag", "<exists>") != "exists":
        raise reader.wrong("tiers, got none; save the TextGrid with a tier of phones")
    tiers = []
    for _ in range(reader.count("tiers")):
        kind = reader.take("text", "a tier's class")
        tier_name = str(reader.take("text", "a tier's name"))
        reader.take("number", "the tier's start")
        reader.take("number", "the tier's end")
        size = reader.count("intervals")
        if kind == "IntervalTier":
            tiers.append(Tier(tier_name, tuple(reader.interval() for _ in range(size))))
        elif kind == "TextTier":
            for _ in range(size):
                reader.take("number", "a point's time")
                reader.take("text", "a point's label")
        else:
            raise reader.wrong(f"'IntervalTier' or 'TextTier', got {str(kind)!r}")
    return tiers, end_s


class _Reader:
    """A reader of the free-standing values of a file, one after the other."""

    def __init__(self, text: str, name: str) -> None:
        self._tokens = _tokens(text)
        self._name = name
        self._line = 1

    def take(self, kind: str, what: str) -> str | float:
        """Read the next value.

        Raises:
            InputError: there is none, or it is of another kind.
        """
        token = next(self._tokens, None)
        if token is None:
            raise InputError(f"{self._name} ends after line {self._line}, expected {what}; export it again whole")
        self._line = token.line
        if token.kind != kind:
            raise self.wrong(f"{what}, got {str(token.value)!r}")
        return token.value

    def number(self, what: str) -> float:
        """Read the next value, a number."""
        return float(self.take("number", what))

    def count(self, what: str) -> int:
        """Read the next value, a count."""
        number = self.number(f"the number of {what}")
        if number < 0 or number != int(number):
            raise self.wrong(f"a number of {what}, got {number:g}")
        return int(number)

    def interval(self) -> Interval:
        """Read an interval: the next three values."""
        start_s = self.number("an interval's start")
        line = self._line
        end_s = self.number("an interval's end")
        return Interval(start_s, end_s, str(self.take("text", "an interval's label")), line)

    def wrong(self, expected: str) -> InputError:
        """Make the error for something else than what was expected here."""
        return InputError(f"{self._name}, line {self._line}: expected {expected}")


def _tokens(text: str) -> Iterator[_Token]:
    line, seen = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        kind = match.lastgroup or ""
        if kind == "comment":
            continue
        value = match[kind]
        if kind == "text":
            yield _Token(value.replace('""', '"'), kind, line)
        elif kind == "number":
            yield _Token(float(value), kind, line)
        else:
            yield _Token(value, kind, line)
