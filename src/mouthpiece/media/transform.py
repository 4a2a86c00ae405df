"""What part of a source is used, how large and which way up: made smaller, turned, cut, held still.

The order is fixed: smaller, then turned, then cut. Pictures stay in the decoder's own format and depth all the way, so
that what nobody draws on is still written without a detour through RGB.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from av import VideoFrame

from mouthpiece.errors import OptionError
from mouthpiece.media.info import BT709, MIN_SIDE, UNSPECIFIED, ColourTags, PictureInfo, odd_size_warning
from mouthpiece.media.planes import Converter, Orientation, plane_views, sws_matrix, tag
from mouthpiece.options import TO_EDGE, FrameTransform
from mouthpiece.types import Box, Picture

_SWS_BT709 = 1
_BT601 = 6
"""H.273's number of the colour matrix of small pictures."""


class FrameTransformer:
    """Takes one source's pictures as a `FrameTransform` says. For one thread."""

    def __init__(self, transform: FrameTransform, info: PictureInfo) -> None:
        """Work out the sizes.

        Args:
            transform: what is asked for.
            info: the source as it is without.

        Raises:
            OptionError: too little of the picture would be left.
        """
        self._scaled = _smaller(info.width, info.height, transform.resize_factor)
        self._turn = Orientation(True, flip_x=True) if transform.rotate else Orientation()
        width, height = self._turn.size(*self._scaled)
        top, bottom, left, right = transform.crop
        wanted = Box(left, top, width if right == TO_EDGE else right, height if bottom == TO_EDGE else bottom)
        self._cut = wanted.clipped(width, height)
        self._whole = self._cut == Box(0, 0, width, height)
        if min(self._cut.width, self._cut.height) < MIN_SIDE:
            raise OptionError(
                f"expected at least {MIN_SIDE} pixels each way to be left of {info.name}, resize_factor "
                f"{transform.resize_factor} and crop {' '.join(map(str, transform.crop))} leave "
                f"{self._cut.width}x{self._cut.height} of {info.width}x{info.height}; take more of it"
            )
        self.info = self._transformed(info)
        """What is known of the pictures that come out."""
        self._converter = Converter(self.info.colours)

    def _transformed(self, info: PictureInfo) -> PictureInfo:
        kept = tuple(odd for odd in info.warnings if odd not in odd_size_warning(info.width, info.height))
        return replace(
            info,
            width=self._cut.width,
            height=self._cut.height,
            pixel_aspect=self._turn.aspect(info.pixel_aspect),
            colours=_same_colours(info.colours, info.height, self._cut.height),
            warnings=kept + odd_size_warning(self._cut.width, self._cut.height),
        )

    def native(self, picture: VideoFrame) -> VideoFrame:
        """A decoder's picture (yuv420p or yuv420p10le) in the frame asked for, in the same format."""
        pix_fmt = picture.format.name
        picture = self._turn.apply(self._converter.native(picture, pix_fmt, *self._scaled))
        if self._whole:
            return picture
        if self._cut.x0 % 2 == 0 and self._cut.y0 % 2 == 0:
            return self._cut_out(picture)
        # Colour is stored for every other pixel: to begin in between, it is first spread over all of them.
        full = self._converter.native(picture, pix_fmt.replace("420", "444"))
        return self._converter.native(self._cut_out(full), pix_fmt)

    def _cut_out(self, picture: VideoFrame) -> VideoFrame:
        part = VideoFrame(self._cut.width, self._cut.height, picture.format.name)
        for source, target in zip(plane_views(picture), plane_views(part), strict=True):
            across = 1 if source.shape[1] == picture.width else 2
            down = 1 if source.shape[0] == picture.height else 2
            y, x = self._cut.y0 // down, self._cut.x0 // across
            np.copyto(target, source[y : y + target.shape[0], x : x + target.shape[1]])
        tag(part, self.info.colours)
        return part

    def rgb(self, picture: Picture) -> Picture:
        """A photo, (H, W, 3), in the frame asked for: an array of its own."""
        if picture.shape[1::-1] != self._scaled:
            picture = np.asarray(cv2.resize(picture, self._scaled, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if self._turn:
            picture = np.asarray(cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE), dtype=np.uint8)
        return picture[self._cut.slices].copy()


def _smaller(width: int, height: int, factor: int) -> tuple[int, int]:
    """Both sides divided; even ones, as most players want 4:2:0 and that has no odd ones."""
    return (width, height) if factor == 1 else (width // factor & ~1, height // factor & ~1)


def _same_colours(colours: ColourTags, height: int, transformed_height: int) -> ColourTags:
    """The tags, with the matrix said where it was left to the picture's size and the size now tells another one."""
    guessed = sws_matrix(colours.matrix, height)
    if colours.matrix != UNSPECIFIED or guessed == sws_matrix(colours.matrix, transformed_height):
        return colours
    return replace(colours, matrix=BT709 if guessed == _SWS_BT709 else _BT601)
