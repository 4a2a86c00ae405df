"""Decoded pictures of a video or an animation, read from the start or from a key picture on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from av import VideoFrame

from mouthpiece.media.info import ColourTags, PictureInfo
from mouthpiece.media.planes import Converter
from mouthpiece.media.transform import FrameTransformer
from mouthpiece.notices import Notice
from mouthpiece.options import FrameTransform
from mouthpiece.types import Picture


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A decoded picture with its time stamp."""

    pts: int | None
    """The file's own time stamp, in ticks; None where it has none."""
    duration: int
    """How long the file shows it, in ticks; 0 where it gives no duration."""
    key: bool
    """Whether decoding can start here."""
    picture: VideoFrame
    """Upright, in a native format."""


class FrameReader(ABC):
    """A file's pictures. Every `play` reads on its own."""

    first_pts: int | None = None
    """Time stamp of the first picture, where pictures can be looked for by time; else None."""

    def __init__(self, colours: ColourTags) -> None:
        self._warnings: list[Notice] = []
        self._converter = Converter(colours)

    @property
    @abstractmethod
    def time_base(self) -> Fraction:
        """The tick, seconds."""

    @abstractmethod
    def play(self, from_pts: int | None = None) -> Iterator[DecodedFrame]:
        """Yield pictures in display order, from the start or from the key picture at or before a time stamp."""

    def seek_frames(self, times: Iterable[int]) -> Iterator[DecodedFrame]:
        """Yield the key picture at or before each time stamp, quickly; none where it can't be found."""
        raise NotImplementedError

    def rgb(self, picture: VideoFrame) -> Picture:
        """Convert a picture to (H, W, 3) uint8 RGB, an array of its own."""
        return self._converter.rgb(picture)

    def warn(self, warning: Notice) -> None:
        """Add a warning, once."""
        if warning not in self._warnings:
            self._warnings.append(warning)

    @property
    def warnings(self) -> list[Notice]:
        """What came up while reading so far."""
        return list(self._warnings)


class TransformedReader(FrameReader):
    """Another reader's pictures, each transformed as it comes: nothing of what is cut away is kept."""

    def __init__(self, reader: FrameReader, transform: FrameTransform, info: PictureInfo) -> None:
        self.info = FrameTransformer(transform, info).info
        super().__init__(self.info.colours)
        self._reader = reader
        self._transform = transform
        self._source_info = info
        self.first_pts = reader.first_pts

    @property
    def time_base(self) -> Fraction:
        return self._reader.time_base

    @property
    def warnings(self) -> list[Notice]:
        return self._reader.warnings

    def play(self, from_pts: int | None = None) -> Iterator[DecodedFrame]:
        return self._transformed(self._reader.play(from_pts))

    def seek_frames(self, times: Iterable[int]) -> Iterator[DecodedFrame]:
        return self._transformed(self._reader.seek_frames(times))

    def _transformed(self, frames: Iterator[DecodedFrame]) -> Iterator[DecodedFrame]:
        transformer = FrameTransformer(self._transform, self._source_info)
        for frame in frames:
            yield replace(frame, picture=transformer.native(frame.picture))
