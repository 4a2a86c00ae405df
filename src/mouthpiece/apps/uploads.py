"""Files that strangers send to a server: known by their content, held to limits, named for display only.

Nothing here trusts a name: not its suffix for what the file is, not its folders for where it goes. Every refusal is one
line of an `InputError` that calls the file by the name it is shown by.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mouthpiece.errors import InputError, MouthpieceError, NoPictureError, NoSoundError, NotMediaError, PictureSizeError

if TYPE_CHECKING:
    from mouthpiece.media import MediaReport

MEGABYTE = 1 << 20
MEGAPIXEL = 1_000_000
LONGEST_NAME = 60
"""Characters of a name that are shown."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what a shown name has no use for: controls, direction marks, halves of characters."""
_JOINERS = "\u200c\u200d"
"""They shape Persian and Indian letters and turn nothing around."""
_HEADERS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "JPEG2000")
"""Pictures whose size is looked up before they are decoded."""

Upload = bytes | BinaryIO | Path
"""What came: its bytes, an open file (read from its beginning), or where it was put."""


class Kind(StrEnum):
    """What a file is, by its content."""

    PICTURE = "picture"
    """A photo; something that doesn't move."""
    VIDEO = "video"
    """Moving pictures, with or without sound; animated GIF, PNG and WebP, too."""
    SOUND = "sound"
    """Sound without a picture; cover art doesn't count as one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes."""

    most_bytes: int = 200 * MEGABYTE
    """Size of the file."""
    most_pixels: int = 50 * MEGAPIXEL
    """Of a picture, or of one frame of a video."""
    most_s: float = 600.0
    """Length of speech or of a video, seconds."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a file."""

    kind: Kind
    width: int | None
    """Pixels as stored; None for sound."""
    height: int | None
    """Pixels as stored; None for sound."""
    duration_s: float | None
    """Length that the file claims, seconds; None for photos, and where it says nothing."""
    has_sound: bool
    """Whether there is something to hear."""


def check_face(data: Upload, name: str = "the file", limits: Limits | None = None) -> Found:
    """See that a file is a picture or video within limits; whether it shows a face is found out later.

    Args:
        data: what came.
        name: what to call it in messages.
        limits: what is taken.

    Raises:
        InputError: it isn't.
    """
    found = examine(data, name, limits)
    if found.kind is Kind.SOUND:
        raise NoPictureError(
            f"expected a photo or video with a face, but {safe_name(name)} is sound only; choose another"
        )
    return found


def check_speech(data: Upload, name: str = "the file", limits: Limits | None = None) -> Found:
    """See that a file holds sound within limits.

    Args:
        data: what came.
        name: what to call it in messages.
        limits: what is taken.

    Raises:
        InputError: it doesn't.
    """
    found = examine(data, name, limits)
    if not found.has_sound:
        what = "a picture" if found.kind is Kind.PICTURE else "a video without sound"
        raise NoSoundError(f"expected speech, but {safe_name(name)} is {what}; choose a recording")
    return found


def examine(data: Upload, name: str = "the file", limits: Limits | None = None) -> Found:
    """Look into a file that came.

    Args:
        data: what came.
        name: what to call it in messages.
        limits: what is taken.

    Raises:
        InputError: it is no media, damaged, or beyond the limits.
    """
    from mouthpiece.media import probe_media

    limits = limits or Limits()
    shown = safe_name(name)
    _check_bytes(_size(data), shown, limits)
    with _opened(data) as file, said_as(file, shown):
        pixels = _pixels_of_header(file)
        if pixels is not None:
            _check_pixels(*pixels, shown, limits)
        report = probe_media(file)
    if not report.has_picture and not report.has_sound:  # a drawing in XML, subtitles: FFmpeg knows them
        raise NotMediaError(f"expected a picture, video or sound, but {shown} holds none that can be shown or heard")
    found = _found(report)
    if found.width is not None and found.height is not None:
        _check_pixels(found.width, found.height, shown, limits)
    if found.duration_s is not None:
        check_length(found.duration_s, shown, limits)
    return found


def check_length(seconds: float, name: str, limits: Limits) -> None:
    """Refuse what plays too long.

    Raises:
        InputError: it does.
    """
    if seconds > limits.most_s:
        raise InputError(
            f"expected at most {span(limits.most_s)}, but {safe_name(name)} is {span(seconds)} long; cut it first"
        )


def span(seconds: float) -> str:
    """A length as one says it: 45 seconds, 10 minutes, 2 min 5 s."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s" if int(seconds) % 60 else f"{int(seconds) // 60} minutes"


def safe_name(name: str, longest: int = LONGEST_NAME) -> str:
    """A file's name to be shown: no folders, one line, nothing invisible, not too long. Never to be used as a path."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = (c if c in _JOINERS or unicodedata.category(c) not in _INVISIBLE else " " for c in last)
    shown = " ".join("".join(kept).split())
    if len(shown) > longest:
        end = longest // 4
        shown = f"{shown[: longest - end - 1]}…{shown[-end:]}"
    return shown if shown.strip(". ") else "file"


@contextmanager
def said_as(stored: Path | BinaryIO, shown: str) -> Iterator[None]:
    """Let errors call a file by the name that its sender knows, and not by that of where it is kept."""
    own = stored.name if isinstance(stored, Path) else "<file object>"
    try:
        yield
    except MouthpieceError as error:
        error.args = (str(error).replace(own, shown),)
        raise


@contextmanager
def _opened(data: Upload) -> Iterator[Path | BinaryIO]:
    yield io.BytesIO(data) if isinstance(data, bytes) else data


def _size(data: Upload) -> int:
    if isinstance(data, bytes):
        return len(data)
    if isinstance(data, Path):
        return data.stat().st_size
    position = data.tell()
    size = data.seek(0, io.SEEK_END)
    data.seek(position)
    return size


def _pixels_of_header(file: Path | BinaryIO) -> tuple[int, int] | None:
    """A picture's width and height before it is decoded; None where a header of a known kind doesn't tell."""
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the limits are stricter than Pillow's own warning
        try:
            if not isinstance(file, Path):
                file.seek(0)
            with Image.open(file, formats=[name for name in _HEADERS if name in _known_formats()]) as image:
                return image.size
        except Exception:  # the media room knows what to say of it
            return None


def _known_formats() -> list[str]:
    from PIL import Image

    Image.init()
    return list(Image.OPEN)


def _found(report: MediaReport) -> Found:
    if not report.has_picture:
        return Found(Kind.SOUND, None, None, report.duration_s, report.has_sound)
    picture = next(picture for picture in report.pictures if not picture.is_cover)
    moves = picture.fps is not None
    kind = Kind.VIDEO if moves else Kind.PICTURE
    return Found(kind, picture.width, picture.height, report.duration_s if moves else None, report.has_sound)


def _check_bytes(size: int, shown: str, limits: Limits) -> None:
    if size > limits.most_bytes:
        most, has = (f"{count / MEGABYTE:.0f} MB" for count in (limits.most_bytes, size))
        raise InputError(f"expected a file of at most {most}, but {shown} has {has}; give a smaller one")


def _check_pixels(width: int, height: int, shown: str, limits: Limits) -> None:
    if width * height > limits.most_pixels:
        most = f"{limits.most_pixels / MEGAPIXEL:g} megapixels"
        raise PictureSizeError(f"expected at most {most}, but {shown} is {width}x{height}; scale it down first")
