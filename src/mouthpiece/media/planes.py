"""Operations on decoded pictures: turn them upright, change their format, and write RGB boxes into them.

These formats travel as `Frame.native`: yuv420p (nearly everything), yuv420p10le (HDR) and their 4:4:4 kin (odd sizes on
their way into H.264). Photos travel as rgb24 and are converted once.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from av import VideoCodecContext, VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from mouthpiece.media.info import RANGE_FULL, RANGE_LIMITED, ColourTags
from mouthpiece.types import Box, Picture

Plane = NDArray[np.uint8] | NDArray[np.uint16]

_SWS_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""FFmpeg's colour matrix -> libswscale's."""
_HD_ROWS = 720
"""Untagged pictures with at least so many rows are taken for BT.709, smaller ones for BT.601, as players do."""


def sws_matrix(matrix: int, height: int) -> int:
    """Return libswscale's number for a colour matrix; a guess by size where it is unspecified."""
    return _SWS_MATRIX.get(matrix, 1 if height >= _HD_ROWS else 5)


def plane_views(frame: VideoFrame) -> list[Plane]:
    """Return writable views of a planar frame's planes, each (rows, columns), without the padding of its lines."""
    deep = "10" in frame.format.name
    views: list[Plane] = []
    for plane in frame.planes:
        values: NDArray[Any] = np.frombuffer(memoryview(plane), np.uint16 if deep else np.uint8)
        stride = plane.line_size // values.itemsize
        views.append(values.reshape(-1, stride)[: plane.height, : plane.width])
    return views


def plane_windows(part: VideoFrame, whole: VideoFrame, box: Box) -> Iterator[tuple[Plane, Plane]]:
    """Yield the planes of a part of a picture, each with the window that the part's box has in the whole's plane."""
    for small, plane in zip(plane_views(part), plane_views(whole), strict=True):
        across = 1 if plane.shape[1] == whole.width else 2
        down = 1 if plane.shape[0] == whole.height else 2
        y, x = box.y0 // down, box.x0 // across
        yield small, plane[y : y + small.shape[0], x : x + small.shape[1]]


def copy_frame(frame: VideoFrame, pix_fmt: str | None = None) -> VideoFrame:
    """Copy a frame's planes and tags, so that they may be written into; if given, under a format of the same layout."""
    copy = VideoFrame(frame.width, frame.height, pix_fmt or frame.format.name)
    for source, target in zip(plane_views(frame), plane_views(copy), strict=True):
        np.copyto(target, source)
    tag_like(copy, frame)
    return copy


def tag_like(frame: VideoFrame, model: VideoFrame) -> None:
    """Set a frame's colour tags to those of another."""
    frame.color_range = model.color_range
    frame.color_primaries = model.color_primaries
    frame.color_trc = model.color_trc
    frame.colorspace = model.colorspace


def tag(frame: VideoFrame | VideoCodecContext, colours: ColourTags) -> None:
    """Set a frame's or an encoder's colour tags."""
    frame.color_range = colours.range
    frame.color_primaries = colours.primaries
    frame.color_trc = colours.transfer
    frame.colorspace = colours.matrix


class Converter:
    """Conversions of format by libswscale, whose tables are kept from frame to frame. For one thread."""

    def __init__(self, colours: ColourTags) -> None:
        self._colours = colours
        self._reformatter = VideoReformatter()
        self._box_reformatter = VideoReformatter()

    @property
    def _range(self) -> int:
        return RANGE_FULL if self._colours.full else RANGE_LIMITED

    def rgb(self, frame: VideoFrame) -> Picture:
        """Convert a frame to (H, W, 3) uint8 RGB, an array of its own."""
        if frame.format.name == "rgb24":
            return np.array(frame.to_ndarray(), dtype=np.uint8)
        converted = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=sws_matrix(self._colours.matrix, frame.height),
            src_color_range=self._range,
            dst_color_range=RANGE_FULL,
            threads=1,
        )
        return np.ascontiguousarray(converted.to_ndarray(), dtype=np.uint8)

    def native(
        self, frame: VideoFrame, pix_fmt: str, width: int | None = None, height: int | None = None
    ) -> VideoFrame:
        """Convert a frame to another format and, if given, another size; the same object where nothing changes."""
        width, height = width or frame.width, height or frame.height
        name = frame.format.name
        if (width, height) == (frame.width, frame.height):
            if name == pix_fmt:
                return frame
            if name == pix_fmt.replace("yuv", "yuvj"):
                # yuvj420p is yuv420p of full range under an old name: the same bytes.
                renamed = copy_frame(frame, pix_fmt)
                renamed.color_range = RANGE_FULL
                return renamed
        from_rgb = frame.format.is_rgb or "pal8" in name
        matrix = sws_matrix(self._colours.matrix, height if from_rgb else frame.height)
        converted = self._reformatter.reformat(
            frame,
            width,
            height,
            pix_fmt,
            src_colorspace=None if from_rgb else matrix,
            dst_colorspace=matrix,
            src_color_range=RANGE_FULL if from_rgb else self._range,
            dst_color_range=self._range,
            threads=1,
        )
        tag(converted, self._colours)
        return converted

    def paste(self, target: VideoFrame, rgb: Picture, box: Box) -> None:
        """Write `rgb` inside the box, widened to whole chroma samples, into a native frame of the same size."""
        box = _align_to_chroma(box, target)
        if box.width <= 0 or box.height <= 0:
            return
        rows = rgb[box.slices]
        rows = rows if rows.strides[1:] == (3, 1) else np.ascontiguousarray(rows)
        piece = VideoFrame.from_numpy_buffer(rows, "rgb24")
        converted = self._box_reformatter.reformat(
            piece,
            format=target.format.name,
            src_color_range=RANGE_FULL,
            dst_colorspace=sws_matrix(self._colours.matrix, target.height),
            dst_color_range=self._range,
            threads=1,
        )
        for source, window in plane_windows(converted, target, box):
            np.copyto(window, source)


def _align_to_chroma(box: Box, frame: VideoFrame) -> Box:
    """Widen the box to even edges, inside the frame."""
    box = box.clipped(frame.width, frame.height)
    if box.width <= 0 or box.height <= 0:
        return box
    return Box(box.x0 & ~1, box.y0 & ~1, box.x1 + (box.x1 & 1), box.y1 + (box.y1 & 1)).clipped(
        frame.width, frame.height
    )


class Orientation:
    """The turn that brings a stored picture upright: an optional transposition, then optional flips."""

    def __init__(self, transpose: bool = False, flip_x: bool = False, flip_y: bool = False) -> None:
        self.transpose = transpose
        self.flip_x = flip_x
        self.flip_y = flip_y

    def __bool__(self) -> bool:
        return self.transpose or self.flip_x or self.flip_y

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Read the turn of a frame's display matrix; odd angles are rounded to a quarter turn."""
        data: Any = frame.side_data.get("DISPLAYMATRIX")
        return cls() if data is None else cls._of_matrix(np.frombuffer(bytes(data), np.int32))

    @classmethod
    def _of_matrix(cls, matrix: NDArray[np.int32]) -> Orientation:
        # x' = a x + c y and y' = b x + d y; only the signs of a pure quarter turn matter here.
        a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, flip_x=c < 0, flip_y=b < 0)
        return cls(False, flip_x=a < 0, flip_y=d < 0)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) after the turn."""
        return (height, width) if self.transpose else (width, height)

    def aspect(self, pixel_aspect: Fraction) -> Fraction:
        """Return the pixel aspect after the turn."""
        return 1 / pixel_aspect if self.transpose else pixel_aspect

    def apply(self, frame: VideoFrame) -> VideoFrame:
        """Turn a frame, plane by plane; the same object when there is nothing to turn."""
        if not self:
            return frame
        turned = VideoFrame(*self.size(frame.width, frame.height), frame.format.name)
        for source, target in zip(plane_views(frame), plane_views(turned), strict=True):
            np.copyto(target, self._turn(source))
        tag_like(turned, frame)
        turned.pts = frame.pts
        turned.time_base = frame.time_base
        return turned

    def _turn(self, plane: Plane) -> Plane:
        turned: Any = cv2.transpose(plane) if self.transpose else plane
        if self.flip_x or self.flip_y:
            turned = cv2.flip(turned, -1 if self.flip_x and self.flip_y else int(self.flip_x))
        return turned  # type: ignore[no-any-return]
