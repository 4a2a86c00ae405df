"""What an open face and open speech have in common: what is known of them, what turned up since, and letting go."""

from __future__ import annotations

from abc import ABC
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from mouthpiece.notices import Notice


class SourceInfo(Protocol):
    """What is known of a source before it is played."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know."""


Info = TypeVar("Info", bound=SourceInfo)


class OpenSource(ABC, Generic[Info]):
    """A source, open for reading. A context manager; iterators end with it."""

    def __init__(self, info: Info) -> None:
        self._info = info
        self._late_warnings: list[Notice] = []

    @property
    def info(self) -> Info:
        """What is known before playing."""
        return self._info

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """`info.warnings` and what came up while reading since."""
        return self._info.warnings + tuple(self._late_warnings)

    def _warn(self, text: Notice) -> None:
        if text not in self._late_warnings and text not in self._info.warnings:
            self._late_warnings.append(text)

    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
