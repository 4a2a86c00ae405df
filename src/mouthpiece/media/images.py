"""Photos and animated pictures, read by Pillow: any mode becomes upright 8-bit RGB on white."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from mouthpiece.errors import BrokenMediaError, InputError, PictureSizeError
from mouthpiece.media.byte_source import ByteSource
from mouthpiece.media.container import unreadable
from mouthpiece.media.face_source import FaceSource
from mouthpiece.media.frame_reader import DecodedFrame, FrameReader
from mouthpiece.media.info import MAX_PIXELS, MAX_SIDE, PHOTO_COLOURS, PictureInfo, check_size, odd_size_warning
from mouthpiece.media.playback import MovingSource
from mouthpiece.media.still import StillSource
from mouthpiece.notices import Notice, notice
from mouthpiece.types import Picture

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "PPM", "JPEG2000", "ICO", "PCX", "SGI", "DDS", "QOI")
"""What Pillow may try: formats with a signature, and none that runs another program (EPS) or fetches anything."""
_ANIMATED_FORMATS = frozenset({"GIF", "PNG", "WEBP", "AVIF"})

_MILLISECOND = Fraction(1, 1000)
_FASTEST_DELAY_MS = 10
_USUAL_DELAY_MS = 100
"""Delays up to 10 ms are shown as 100 ms: what browsers do with animations that name no sensible one."""


def open_picture(data: ByteSource, photo_fps: Fraction) -> FaceSource | None:
    """Open a photo or an animation; None when it is neither, which leaves it to the video reader.

    Raises:
        PictureSizeError: too small or too large by its header.
        BrokenMediaError: it begins as a picture and can't be decoded.
    """
    with data.open() as reader:
        image = _identify(reader, data)
        if image is None:
            return None
        with contextlib.closing(image):
            check_size(*image.size, data.name)
            if image.format in _ANIMATED_FORMATS and _is_animated(image):
                return _open_animation(data, image, photo_fps)
            return PhotoSource(_decode(image, data.name), photo_fps, data.name, str(image.format).lower(), data)


def _identify(reader: Any, data: ByteSource) -> Image.Image | None:
    """Read the header with Pillow; nothing is decoded yet. None for what is no picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # check_size is stricter than Pillow's own warning
        try:
            return Image.open(reader, formats=_readable_formats())
        except UnidentifiedImageError:
            return None
        except Image.DecompressionBombError as error:
            raise PictureSizeError(
                f"expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS >> 20} megapixels, {data.name} claims far "
                "more; scale it down first"
            ) from error
        except (OSError, ValueError, SyntaxError, EOFError, OverflowError) as error:
            damaged = unreadable(data)
            if isinstance(damaged, BrokenMediaError):
                raise damaged from error
            return None


@lru_cache(maxsize=1)
def _readable_formats() -> tuple[str, ...]:
    """Return those of `_FORMATS` that this build of Pillow has."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged later picture must not hide the first one
        return False


def _decode(image: Image.Image, name: str) -> tuple[Picture, tuple[Notice, ...]]:
    """Decode a picture whose header was accepted: upright RGB, and warnings."""
    try:
        image.load()
        upright = _turn_upright(image)
        return flatten(upright)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, IndexError, TypeError) as error:
        raise BrokenMediaError(
            f"{name} begins like {image.format} but its picture can't be decoded: damaged or cut off; get a whole copy"
        ) from error


def _turn_upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF is no reason to refuse a good picture
        return image


def flatten(image: Image.Image) -> tuple[Picture, tuple[Notice, ...]]:
    """Convert a Pillow image of any mode to (H, W, 3) uint8 RGB, and warn where transparency was laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = _narrow_grey(np.asarray(image))
        return np.repeat(grey[:, :, None], 3, axis=2), ()
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        return on_white(rgba)
    return np.array(_to_srgb(image), dtype=np.uint8), ()


def on_white(rgba: NDArray[np.uint8]) -> tuple[Picture, tuple[Notice, ...]]:
    """Lay an (H, W, 4) uint8 picture on white: (H, W, 3), and the warning if any of the white shows."""
    alpha = rgba[:, :, 3]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[:, :, :3]), ()
    rgb = np.empty((*rgba.shape[:2], 3), np.uint8)
    weight = alpha.astype(np.uint16)
    for channel in range(3):  # one channel at a time keeps the 16-bit scratch small
        value = rgba[:, :, channel].astype(np.uint16) * weight + (255 - weight) * 255
        rgb[:, :, channel] = (value + 127) // 255
    return rgb, (notice("transparent"),)


def _narrow_grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert 16-bit, 32-bit or float grey to 8 bits; the range in use decides how deep the numbers are."""
    if values.dtype == np.uint16:
        return _narrow_16_bits(values)
    clean = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(clean.max(initial=0.0))
    steps = (1.0, 255.0, 65_535.0, 2.0**31) if values.dtype.kind == "f" else (255.0, 65_535.0, 2.0**31)
    white = next((step for step in steps if top <= step), top)
    return np.clip(np.rint(clean * (255.0 / white)), 0, 255).astype(np.uint8)


def _narrow_16_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert to RGB by the embedded colour profile where it is usable, else by Pillow's plain conversion."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        with contextlib.suppress(Exception):  # a broken profile: plain conversion
            embedded = ImageCms.ImageCmsProfile(BytesIO(profile))
            if "srgb" not in ImageCms.getProfileDescription(embedded).lower():
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, embedded, target, outputMode="RGB")
                if converted is not None:
                    return converted
    return image.convert("RGB")


def _rgb_of_array(array: NDArray[Any], name: str) -> tuple[Picture, tuple[Notice, ...]]:
    """Convert a picture given as an array to (H, W, 3) uint8 RGB, with warnings.

    Raises:
        InputError: not a picture's shape or type.
        PictureSizeError: too small or too large.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise InputError(f"expected a picture of shape (H, W), (H, W, 3) or (H, W, 4), got {array.shape}")
    check_size(array.shape[1], array.shape[0], name)
    if array.dtype == np.uint8:
        eight_bit = array
    elif array.dtype == np.uint16:
        eight_bit = _narrow_16_bits(array)
    elif array.dtype.kind == "f":
        eight_bit = np.clip(np.rint(np.nan_to_num(array) * 255.0), 0, 255).astype(np.uint8)
    elif array.dtype == np.bool_:
        eight_bit = array.astype(np.uint8) * 255
    else:
        raise InputError(f"expected a picture of uint8, uint16, or float in 0-1, got {array.dtype}")
    if eight_bit.ndim == 2 or eight_bit.shape[2] == 1:
        return np.repeat(eight_bit.reshape(*eight_bit.shape[:2], 1), 3, axis=2), ()
    if eight_bit.shape[2] == 4:
        return on_white(eight_bit)
    return np.array(eight_bit), ()


class PhotoSource(StillSource):
    """A photo."""

    def __init__(
        self,
        decoded: tuple[Picture, tuple[Notice, ...]],
        fps: Fraction,
        name: str,
        codec: str,
        data: ByteSource | None = None,
    ) -> None:
        """Take over a decoded picture, (H, W, 3) uint8 RGB, and the warnings about it."""
        rgb, warnings = decoded
        height, width = rgb.shape[:2]
        info = PictureInfo(
            width=width,
            height=height,
            pixel_aspect=Fraction(1),
            fps=fps,
            is_photo=True,
            duration_s=None,
            frame_count_estimate=1,
            colours=PHOTO_COLOURS,
            time_base=1 / fps,
            codec=codec,
            container=codec,
            name=name,
            warnings=warnings + odd_size_warning(width, height),
        )
        super().__init__(info, rgb, VideoFrame.from_ndarray(rgb, "rgb24"), data)

    @classmethod
    def of_array(cls, array: NDArray[Any], fps: Fraction, name: str = "the array") -> PhotoSource:
        """Make a photo of an array.

        Raises:
            InputError: not a picture's shape or type.
            PictureSizeError: too small or too large.
        """
        return cls(_rgb_of_array(array, name), fps, name, "array")


class _AnimationReader(FrameReader):
    """An animated GIF, PNG, WebP or AVIF; it plays from its start only."""

    def __init__(self, data: ByteSource, size: tuple[int, int]) -> None:
        super().__init__(PHOTO_COLOURS)
        self._data = data
        self._size = size

    @property
    def time_base(self) -> Fraction:
        return _MILLISECOND

    def play(self, from_pts: int | None = None) -> Iterator[DecodedFrame]:
        time_ms = 0
        for rgb, delay_ms in self._pictures():
            native = self._converter.native(VideoFrame.from_ndarray(rgb, "rgb24"), "yuv420p")
            yield DecodedFrame(time_ms, delay_ms, False, native)
            time_ms += delay_ms

    def _pictures(self) -> Iterator[tuple[Picture, int]]:
        with self._data.open() as reader, Image.open(reader, formats=_readable_formats()) as image:
            index = 0
            while True:
                try:
                    image.seek(index)
                    image.load()
                    rgb = flatten(image)[0]
                except EOFError:
                    return
                except (OSError, ValueError, SyntaxError, IndexError):
                    if index == 0:
                        raise BrokenMediaError(f"{self._data.name}: its pictures can't be decoded") from None
                    self.warn(notice("animation-damaged"))
                    return
                if rgb.shape[1::-1] == self._size:
                    yield rgb, _delay_ms(image)
                index += 1


def _delay_ms(image: Image.Image) -> int:
    try:
        delay = round(float(image.info.get("duration") or 0))
    except (TypeError, ValueError, OverflowError):
        delay = 0
    return delay if delay > _FASTEST_DELAY_MS else _USUAL_DELAY_MS


def _open_animation(data: ByteSource, image: Image.Image, photo_fps: Fraction) -> FaceSource:
    """Open an animation as a video of its own variable rate."""
    count = int(getattr(image, "n_frames", 1))
    delay_ms = _delay_ms(image)
    kind = str(image.format).lower()
    info = PictureInfo(
        width=image.width,
        height=image.height,
        pixel_aspect=Fraction(1),
        fps=Fraction(1000, delay_ms),
        is_photo=False,
        duration_s=count * delay_ms / 1000,
        frame_count_estimate=count,
        colours=PHOTO_COLOURS,
        time_base=_MILLISECOND,
        codec=kind,
        container=kind,
        name=data.name,
        warnings=odd_size_warning(image.width, image.height),
    )
    return MovingSource(info, _AnimationReader(data, image.size), photo_fps, data)
