"""Photos that clients upload: identified by their content, checked against limits, decoded in memory one at a time.

`mouthpiece.media` rejects pictures beyond 64 megapixels (what phones take) by their header.
"""

from __future__ import annotations

import io
import threading
from functools import lru_cache
from pathlib import Path

from mouthpiece.apps.live.http_errors import Busy, NotAPicture, Unknown
from mouthpiece.apps.web import MEGABYTE, safe_name
from mouthpiece.errors import InputError, NoPictureError, UnknownMediaError
from mouthpiece.samples import Avatar, avatars
from mouthpiece.types import Picture

MOST_BYTES = 16 * MEGABYTE
"""Size of a photo's file."""
THUMBNAIL_SIZE = (128, 160)
"""Columns and rows of the gallery's pictures."""
THUMBNAIL_QUALITY = 82
WAIT_S = 10.0
"""Longest wait for other photos to be decoded: they take memory."""

_decoding = threading.Semaphore()


def read_face(data: bytes, name: str, most_side: int | None) -> Picture:
    """Decode the picture in a file.

    Args:
        data: the file's bytes.
        name: its name, for messages only.
        most_side: pixels that the longer side may have afterwards.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        InputError: it isn't a photo, is damaged, or beyond the limits.
        Busy: too many photos at once.
    """
    shown = safe_name(name)
    if len(data) > MOST_BYTES:
        raise InputError(f"expected a photo of at most {MOST_BYTES / MEGABYTE:.0f} MB, but {shown} is larger")
    if not _decoding.acquire(timeout=WAIT_S):
        raise Busy("many photos at once; try again in a moment")
    try:
        with io.BytesIO(data) as file:
            return _decoded(file, shown, most_side)
    finally:
        _decoding.release()


def find_avatar(name: str | None) -> Avatar:
    """Return a face of the gallery.

    Raises:
        Unknown: there is none of that name.
    """
    known = {avatar.name: avatar for avatar in avatars()}
    if name not in known:
        raise Unknown(f"expected the name of a face of the gallery: {', '.join(known)}")
    return known[name]


@lru_cache(maxsize=16)
def thumbnail(path: Path) -> bytes:
    """Return a face of the gallery as a small JPEG."""
    from PIL import Image

    with Image.open(path) as picture, io.BytesIO() as file:
        picture.convert("RGB").resize(THUMBNAIL_SIZE, Image.Resampling.LANCZOS).save(
            file, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True
        )
        return file.getvalue()


def _decoded(file: io.BytesIO, shown: str, most_side: int | None) -> Picture:
    import cv2

    from mouthpiece.media import open_face

    try:
        opened = open_face(file, name=shown)  # nothing is decoded yet but photos; their size is looked up before
    except UnknownMediaError as error:
        raise NotAPicture(f"expected a photo, but {shown} is none; choose one: JPEG, PNG or WebP") from error
    except NoPictureError as error:
        raise NoPictureError(
            f"expected a photo, but {shown} holds no picture; choose one: JPEG, PNG or WebP"
        ) from error
    with opened as source:
        if not source.info.is_photo:
            raise NotAPicture(
                f"expected a photo, but {shown} moves; choose a photo: JPEG, PNG or WebP (a still of the video will do)"
            )
        rgb = next(iter(source.sample_frames(1))).rgb
    height, width = rgb.shape[:2]
    scale = 1.0 if most_side is None else most_side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    smaller: Picture = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype("uint8", copy=False)
    return smaller
