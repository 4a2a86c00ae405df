"""Geometric transforms of a source's pictures: made smaller, turned, cut, held still.

The order is fixed: smaller, then turned, then cut. Pictures stay in the decoder's own format and depth all the way, so
that what is not drawn on is still written without a detour through RGB.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from av import VideoFrame

from mouthpiece.errors import OptionError
from mouthpiece.media.info import BT709, MIN_SIDE, UNSPECIFIED, ColourTags, PictureInfo, odd_size_warning
from mouthpiece.media.planes import Converter, Orientation, plane_windows, sws_matrix, tag
from mouthpiece.options import TO_EDGE, FrameTransform
from mouthpiece.types import Box, Picture

_SWS_BT709 = 1
_BT601 = 6
"""H.273's number of the colour matrix of small pictures."""


class FrameTransformer:
    """A `FrameTransform` applied to one source's pictures. For one thread."""

    def __init__(self, transform: FrameTransform, info: PictureInfo) -> None:
        """Compute the sizes.

        Args:
            transform: the transform.
            info: the source before it.

        Raises:
            OptionError: too little of the picture would be left.
        """
        self._scaled = _divide_size(info.width, info.height, transform.resize_factor)
        self._turn = Orientation(True, flip_x=True) if transform.rotate else Orientation()
        width, height = self._turn.size(*self._scaled)
        top, bottom, left, right = transform.crop
        wanted = Box(left, top, width if right == TO_EDGE else right, height if bottom == TO_EDGE else bottom)
        self._kept = wanted.clipped(width, height)
        self._whole = self._kept == Box(0, 0, width, height)
        if min(self._kept.width, self._kept.height) < MIN_SIDE:
            raise OptionError(
                f"expected at least {MIN_SIDE} pixels each way to be left of {info.name}, resize_factor "
                f"{transform.resize_factor} and crop {' '.join(map(str, transform.crop))} leave "
                f"{self._kept.width}x{self._kept.height} of {info.width}x{info.height}; take more of it"
            )
        self.info = self._transformed(info)
        """The properties of the transformed pictures."""
        self._converter = Converter(self.info.colours)

    def _transformed(self, info: PictureInfo) -> PictureInfo:
        kept = tuple(text for text in info.warnings if text not in odd_size_warning(info.width, info.height))
        return replace(
            info,
            width=self._kept.width,
            height=self._kept.height,
            pixel_aspect=self._turn.aspect(info.pixel_aspect),
            colours=_keep_matrix(info.colours, info.height, self._kept.height),
            warnings=kept + odd_size_warning(self._kept.width, self._kept.height),
        )

    def native(self, picture: VideoFrame) -> VideoFrame:
        """Transform a decoded picture (yuv420p or yuv420p10le); its format stays."""
        pix_fmt = picture.format.name
        picture = self._turn.apply(self._converter.native(picture, pix_fmt, *self._scaled))
        if self._whole:
            return picture
        if self._kept.x0 % 2 == 0 and self._kept.y0 % 2 == 0:
            return self._crop(picture)
        # Colour is stored for every other pixel: to begin in between, it is first spread over all of them.
        full = self._converter.native(picture, pix_fmt.replace("420", "444"))
        return self._converter.native(self._crop(full), pix_fmt)

    def _crop(self, picture: VideoFrame) -> VideoFrame:
        part = VideoFrame(self._kept.width, self._kept.height, picture.format.name)
        for target, window in plane_windows(part, picture, self._kept):
            np.copyto(target, window)
        tag(part, self.info.colours)
        return part

    def rgb(self, picture: Picture) -> Picture:
        """Transform a photo, (H, W, 3), to an array of its own."""
        if picture.shape[1::-1] != self._scaled:
            picture = np.asarray(cv2.resize(picture, self._scaled, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if self._turn:
            picture = np.asarray(cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE), dtype=np.uint8)
        return picture[self._kept.slices].copy()


def _divide_size(width: int, height: int, factor: int) -> tuple[int, int]:
    """Divide both sides, and round down to even numbers, as most players want 4:2:0 and that has no odd ones."""
    return (width, height) if factor == 1 else (width // factor & ~1, height // factor & ~1)


def _keep_matrix(colours: ColourTags, height: int, transformed_height: int) -> ColourTags:
    """Return the tags; the matrix is named where it was guessed by the size and the new size leads to another guess."""
    guessed = sws_matrix(colours.matrix, height)
    if colours.matrix != UNSPECIFIED or guessed == sws_matrix(colours.matrix, transformed_height):
        return colours
    return replace(colours, matrix=BT709 if guessed == _SWS_BT709 else _BT601)
