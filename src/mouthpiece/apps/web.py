"""Parts that web apps share: addresses and host names, signed cookies, and files that clients upload.

A server of this machine alone answers to names of this machine only: a page elsewhere whose name suddenly leads here
(DNS rebinding) gets nothing. Behind a proxy, the server is started with the name by which the proxy reaches it.

An upload is identified by its content: no suffix decides what a file is, no folder in its name where it goes. Every
refusal is one line of an `InputError` with the name that its sender gave the file.
"""

from __future__ import annotations

import io
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mouthpiece.errors import (
    InputError,
    NoPictureError,
    NoSoundError,
    NotMediaError,
    OptionError,
    PictureSizeError,
)
from mouthpiece.option_fields import check_ranges, option

if TYPE_CHECKING:
    from mouthpiece.media import MediaReport

LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain"})
HOST = re.compile(r"[A-Za-z0-9._\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
"""What a Host header may be: a name or address, and perhaps a port."""
MINUTE_S = 60
MEGABYTE = 1 << 20
MEGAPIXEL = 1_000_000
LONGEST_NAME = 60
"""Characters of a name that are shown."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what a shown name has no use for: controls, direction marks, halves of characters."""
_JOINERS = "\u200c\u200d"
"""They shape Persian and Indian letters and turn nothing around."""
_HEADERS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "JPEG2000")
"""Formats of pictures whose size is read from the header before they are decoded."""


def is_loopback(host: str) -> bool:
    """Return whether an address or name to bind to is for this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in LOCAL_NAMES


def check_host(name: str) -> str:
    """Check and return a name by which browsers reach a server, as a Host header has it.

    Raises:
        OptionError: an address of a page, a port with it, or nothing that a Host header could have.
    """
    if not HOST.fullmatch(f"[{name}]" if ":" in name else name):
        raise OptionError(f"allow-host expects a name like lips.example.org, without https:// or port; got {name!r}")
    return name


class CookieSigner:
    """Signatures for cookies: only values that this server gave out are read back."""

    def __init__(self, secret: bytes, context: str) -> None:
        """Derive the key.

        Args:
            secret: the server's.
            context: what the cookies are for; those of another context are not valid.
        """
        import hashlib

        from itsdangerous import Signer  # Flask brings it

        self._signer = Signer(secret, salt=context, key_derivation="hmac", digest_method=hashlib.sha256)

    def sign(self, value: str) -> str:
        """Return the cookie of a value: the value, a dot, and its signature."""
        return self._signer.sign(value).decode()

    def unsign(self, cookie: str | None) -> str | None:
        """Return the value of a cookie; None if this server did not sign it. Compares in constant time."""
        from itsdangerous import BadSignature

        try:
            return self._signer.unsign((cookie or "").encode("utf-8", "replace")).decode()
        except BadSignature:
            return None


Upload = bytes | BinaryIO | Path
"""An uploaded file: its bytes, an open file (read from its beginning), or its path."""


class MediaKind(StrEnum):
    """MediaKind of a file, by its content."""

    PICTURE = "picture"
    """A photo; something that doesn't move."""
    VIDEO = "video"
    """Moving pictures, with or without sound; animated GIF, PNG and WebP, too."""
    SOUND = "sound"
    """Sound without a picture; cover art doesn't count as one."""


def allow_hosts_option() -> Any:
    """Declare the option of a server's names behind a proxy."""
    return option((), flag="--allow-host", kind=list[str], metavar="NAME", help="The server's name behind a proxy.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the files that a server takes."""

    most_bytes: int = option(
        200 * MEGABYTE,
        flag="--max-upload",
        kind=int,
        metavar="MB",
        scale=1 / MEGABYTE,
        help="The largest upload.",
        low=MEGABYTE,
        high=4096 * MEGABYTE,
        limits="1 to 4096 MB, in bytes",
    )
    """Size of the file."""
    most_pixels: int = 50 * MEGAPIXEL
    """Of a picture, or of one frame of a video."""
    most_s: float = option(
        600.0,
        flag="--max-minutes",
        scale=1 / MINUTE_S,
        help="The longest speech or video.",
        low=0.1,
        high=36_000.0,
        limits="0.1 s to 600 minutes, in seconds",
    )
    """Length of speech or of a video, seconds."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: one is out of range.
        """
        check_ranges(self)


@dataclass(frozen=True, slots=True)
class UploadReport:
    """Properties of an uploaded file."""

    kind: MediaKind
    width: int | None
    """Pixels as stored; None for sound."""
    height: int | None
    """Pixels as stored; None for sound."""
    duration_s: float | None
    """Length that the file claims, seconds; None for photos, and where it says nothing."""
    has_sound: bool
    """Whether there is something to hear."""


def check_face(data: Upload, shown: str = "the file", limits: Limits | None = None) -> UploadReport:
    """Check that a file is a picture or video, as `inspect_upload`; whether it shows a face is found out later."""
    report = inspect_upload(data, shown, limits)
    if report.kind is MediaKind.SOUND:
        raise NoPictureError(f"expected a photo or video with a face, but {shown} is sound only; choose another")
    return report


def check_speech(data: Upload, shown: str = "the file", limits: Limits | None = None) -> UploadReport:
    """Check that a file holds sound, as `inspect_upload`."""
    report = inspect_upload(data, shown, limits)
    if not report.has_sound:
        what = "a picture" if report.kind is MediaKind.PICTURE else "a video without sound"
        raise NoSoundError(f"expected speech, but {shown} is {what}; choose a recording")
    return report


def inspect_upload(data: Upload, shown: str = "the file", limits: Limits | None = None) -> UploadReport:
    """Read the properties of a file and check it against limits.

    Args:
        data: the file.
        shown: what messages call it; made harmless already, see `safe_name`.
        limits: the server's; None for the defaults.

    Raises:
        InputError: it is no media, damaged, or beyond the limits.
    """
    from mouthpiece.media import probe_media

    limits = limits or Limits()
    _check_bytes(_size(data), shown, limits)
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    pixels = _pixels_of_header(file)
    if pixels is not None:
        _check_pixels(*pixels, shown, limits)
    media = probe_media(file, name=shown)
    if not media.has_picture and not media.has_sound:  # a drawing in XML, subtitles: FFmpeg knows them
        raise NotMediaError(f"expected a picture, video or sound, but {shown} holds none that can be shown or heard")
    report = _upload_report(media)
    if report.width is not None and report.height is not None:
        _check_pixels(report.width, report.height, shown, limits)
    if report.duration_s is not None:
        check_length(report.duration_s, shown, limits)
    return report


def check_length(seconds: float, shown: str, limits: Limits) -> None:
    """Check the length of speech or a video.

    Raises:
        InputError: it is longer than the limit.
    """
    if seconds > limits.most_s:
        raise InputError(
            f"expected at most {duration_text(limits.most_s)}, but {shown} is {duration_text(seconds)} long; "
            "cut it first"
        )


def duration_text(seconds: float) -> str:
    """Format a length for people: 45 seconds, 10 minutes, 2 min 5 s."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s" if int(seconds) % 60 else f"{int(seconds) // 60} minutes"


def safe_name(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a file's name for display, never for use as a path: no folders, one line, nothing invisible, not long."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = (c if c in _JOINERS or unicodedata.category(c) not in _INVISIBLE else " " for c in last)
    shown = " ".join("".join(kept).split())
    if len(shown) > longest:
        end = longest // 4
        shown = f"{shown[: longest - end - 1]}…{shown[-end:]}"
    return shown if shown.strip(". ") else "file"


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
    """Return a picture's width and height from its header, undecoded; None where it has none of a known format."""
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the limits are stricter than Pillow's own warning
        try:
            if not isinstance(file, Path):
                file.seek(0)
            Image.init()
            with Image.open(file, formats=[name for name in _HEADERS if name in Image.OPEN]) as image:
                return image.size
        except Exception:  # `probe_media` raises the error that describes it
            return None


def _upload_report(media: MediaReport) -> UploadReport:
    if not media.has_picture:
        return UploadReport(MediaKind.SOUND, None, None, media.duration_s, media.has_sound)
    picture = next(picture for picture in media.pictures if not picture.is_cover)
    moves = picture.fps is not None
    kind = MediaKind.VIDEO if moves else MediaKind.PICTURE
    return UploadReport(kind, picture.width, picture.height, media.duration_s if moves else None, media.has_sound)


def _check_bytes(size: int, shown: str, limits: Limits) -> None:
    if size > limits.most_bytes:
        most, has = (f"{count / MEGABYTE:.0f} MB" for count in (limits.most_bytes, size))
        raise InputError(f"expected a file of at most {most}, but {shown} has {has}; give a smaller one")


def _check_pixels(width: int, height: int, shown: str, limits: Limits) -> None:
    if width * height > limits.most_pixels:
        most = f"{limits.most_pixels / MEGAPIXEL:g} megapixels"
        raise PictureSizeError(f"expected at most {most}, but {shown} is {width}x{height}; scale it down first")
