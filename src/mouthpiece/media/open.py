"""The face's picture, whatever it is stored in: `open_face` gives a `FaceSource` that plays frames."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import OptionError
from mouthpiece.media.container import ByteSource, open_store
from mouthpiece.media.info import PictureInfo
from mouthpiece.media.lifetime import OpenSource
from mouthpiece.options import Fit, FrameTransform
from mouthpiece.types import Frame

FaceInput = str | os.PathLike[str] | BinaryIO | NDArray[Any]
"""A path, a binary file object, or a picture as an array: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, of uint8, uint16, or
float in 0-1."""

DEFAULT_PHOTO_FPS = Fraction(25)
SURVEY_FRAMES = 32
"""Frames that a survey looks at unless told otherwise."""


class FaceSource(OpenSource[PictureInfo]):
    """A face's photo or video, open for reading. A context manager; iterators end with it.

    `sample_frames` and `frames` may be called any number of times, each reads from the start on its own.
    """

    def __init__(self, info: PictureInfo, store: ByteSource | None = None) -> None:
        super().__init__(info)
        self._store = store

    @abstractmethod
    def sample_frames(self, limit: int = SURVEY_FRAMES) -> Iterator[Frame]:
        """Up to `limit` frames spread over the source, cheaply; `time_s` is the time in the source. One for a photo."""

    @abstractmethod
    def frames(self, duration_s: Fraction, fit: Fit = Fit.PINGPONG) -> Iterator[Frame]:
        """Frames that cover [0, duration_s) without a gap; the last one is trimmed to end there.

        Only `Fit.CUT` may end earlier: where the video does.

        Raises:
            BrokenMediaError: nothing can be decoded.
        """

    @abstractmethod
    def transformed(self, transform: FrameTransform) -> FaceSource:
        """The same source in another frame, to be used in its place; itself where nothing changes.

        Raises:
            OptionError: too little of the picture would be left.
        """

    def close(self) -> None:
        """Let go of the file."""
        if self._store is not None:
            self._store.close()


def open_face(
    source: FaceInput, *, photo_fps: Fraction = DEFAULT_PHOTO_FPS, transform: FrameTransform | None = None
) -> FaceSource:
    """Open a face's photo or video; what it is, is told by its content and never by its name.

    Args:
        source: where the picture is.
        photo_fps: pictures a second that a photo becomes; also the rate at which long still stretches of a video are
            drawn again, so that a mouth can move in them.
        transform: what part of the picture is taken, how large and which way up; all of it as it is unless told
            otherwise. Photos are transformed like videos.

    Raises:
        InputError: no such file, or an array of a shape that is no picture.
        NotMediaError: nothing that can be read.
        NoPictureError: sound only.
        PictureSizeError: too small or too large; told from the header, before anything of that size is allocated.
        BrokenMediaError: damaged from its first picture on.
        OptionError: `photo_fps` outside 1-240; too little would be left after `transform`.
    """
    if not 1 <= photo_fps <= 240:
        raise OptionError(f"expected 1 to 240 frames a second for a photo, got {float(photo_fps):g}")
    photo_fps = Fraction(photo_fps).limit_denominator(1001)
    from mouthpiece.media import images, video

    transform = transform or FrameTransform()
    if isinstance(source, np.ndarray):
        return images.PhotoSource.of_array(source, photo_fps).transformed(transform)
    store = open_store(source)
    try:
        opened = images.open_picture(store, photo_fps)
        return (opened if opened is not None else video.open_video(store, photo_fps)).transformed(transform)
    except BaseException:
        store.close()
        raise
