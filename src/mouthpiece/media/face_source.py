"""The contract of an open face, whatever it is stored in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction

from mouthpiece.media.byte_source import MediaSource
from mouthpiece.media.info import PictureInfo
from mouthpiece.options import Fit, FrameTransform
from mouthpiece.types import Frame

SAMPLE_FRAMES = 24
"""Frames that are sampled of a source unless told otherwise: enough to learn a face from."""


class FaceSource(MediaSource[PictureInfo]):
    """A face's photo or video, open for reading. A context manager; iterators end with it.

    `sample_frames` and `frames` may be called any number of times, each reads from the start on its own.
    """

    @abstractmethod
    def sample_frames(self, limit: int = SAMPLE_FRAMES) -> Iterator[Frame]:
        """Yield up to `limit` frames spread over the source, cheaply; one for a photo.

        Their `time_s` is the time in the source.
        """

    @abstractmethod
    def frames(self, duration_s: Fraction, fit: Fit = Fit.PINGPONG) -> Iterator[Frame]:
        """Yield frames that cover [0, duration_s) without a gap; the last one is trimmed to end there.

        Only `Fit.CUT` may end earlier: where the video does.

        Raises:
            BrokenMediaError: nothing can be decoded.
        """

    @abstractmethod
    def transformed(self, transform: FrameTransform) -> FaceSource:
        """Return the same source with its frames transformed, to be used in its place; itself where nothing changes.

        Raises:
            OptionError: too little of the picture would be left.
        """
