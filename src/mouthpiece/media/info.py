"""The properties of a face's picture (size, shape, rate, colours) and the sizes that are accepted."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from mouthpiece.errors import PictureSizeError
from mouthpiece.notices import Notice, notice

MIN_SIDE = 32
"""Pixels of the shortest side that can hold a face."""
MAX_SIDE = 16_384
"""Pixels of the longest side that H.264 can hold."""
MAX_PIXELS = 2**26
"""Pixels of the largest picture that is opened: 64 megapixels."""

RANGE_LIMITED, RANGE_FULL = 1, 2
UNSPECIFIED = 2
"""FFmpeg's number for primaries, transfer and matrix that the file does not name."""
BT709 = 1
TRANSFER_PQ, TRANSFER_HLG = 16, 18


@dataclass(frozen=True, slots=True)
class ColourTags:
    """How code values become colours, in FFmpeg's (ITU-T H.273's) numbers."""

    range: int = 0
    """1 limited (16-235), 2 full, 0 unspecified."""
    primaries: int = UNSPECIFIED
    """2 means unspecified."""
    transfer: int = UNSPECIFIED
    """2 means unspecified."""
    matrix: int = UNSPECIFIED
    """2 means unspecified."""

    @property
    def hdr(self) -> bool:
        """Whether the transfer curve is one of high dynamic range (PQ or HLG)."""
        return self.transfer in (TRANSFER_PQ, TRANSFER_HLG)

    @property
    def full(self) -> bool:
        """Whether luma runs from 0 to 255."""
        return self.range == RANGE_FULL


PHOTO_COLOURS = ColourTags(RANGE_LIMITED, BT709, BT709, BT709)
"""What photos become when they turn into video."""


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """The properties of a face's picture as it is decoded here: upright, at its own size and rate."""

    width: int
    """Columns, rotation applied."""
    height: int
    """Rows, rotation applied."""
    pixel_aspect: Fraction
    """Width of a pixel over its height, rotation applied."""
    fps: Fraction
    """Pictures a second, on average."""
    is_photo: bool
    """One picture without a time of its own."""
    duration_s: float | None
    """Length that the file claims, seconds; None for photos and where it claims none."""
    frame_count_estimate: int | None
    """Pictures expected in the file; None where it can't be estimated."""
    colours: ColourTags
    """Colour tags of the decoded pictures."""
    time_base: Fraction
    """The tick of the picture's clock, seconds: every frame time is a multiple of it."""
    codec: str
    """How the pictures are stored: h264, jpeg, array, ..."""
    container: str
    """The file's kind: mp4, png, array, ..."""
    name: str
    """What messages call it."""
    hdr: bool = False
    """High dynamic range: kept in 10 bits with its tags."""
    warnings: tuple[Notice, ...] = ()
    """What is unusual about the file and what is done about it, one line each."""


def odd_size_warning(width: int, height: int) -> tuple[Notice, ...]:
    """Return the warning about a size that 4:2:0 H.264 can't hold; none for even sides."""
    if width % 2 == 0 and height % 2 == 0:
        return ()
    return (notice("odd-size", width=width, height=height),)


def check_size(width: int, height: int, name: str) -> None:
    """Refuse what is too small for a face or too large to open safely.

    Raises:
        PictureSizeError: a side below 32 or above 16384 pixels, or more than 64 megapixels.
    """
    if min(width, height) < MIN_SIDE:
        raise PictureSizeError(
            f"expected a picture of at least {MIN_SIDE} pixels each way, {name} has {width}x{height}; give a larger one"
        )
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise PictureSizeError(
            f"expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS >> 20} megapixels, {name} claims "
            f"{width}x{height}; scale it down first"
        )
