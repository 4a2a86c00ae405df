"""The streams of a media file, for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from av.container import InputContainer
from av.stream import Disposition

from mouthpiece.media.byte_source import FileInput, open_bytes
from mouthpiece.media.container import DecodeError, claimed_duration_s, format_name, open_container
from mouthpiece.media.images import open_picture
from mouthpiece.media.info import ColourTags, PictureInfo
from mouthpiece.media.sound_block import layout_name
from mouthpiece.options import PHOTO_FPS


@dataclass(frozen=True, slots=True)
class PictureStream:
    """A picture track, or a photo."""

    codec: str
    width: int
    """Columns as stored."""
    height: int
    """Rows as stored."""
    fps: Fraction | None
    """Pictures a second on average; None for a photo."""
    pixel_format: str
    """FFmpeg's name: yuv420p, ..."""
    rotation_deg: int
    """How far the picture is turned counter-clockwise before it is shown."""
    pixel_aspect: Fraction
    """Width of a pixel over its height, as stored."""
    colours: ColourTags
    """Colour tags as stored."""
    language: str | None
    is_cover: bool = False
    """A picture that goes with music, not a video."""


@dataclass(frozen=True, slots=True)
class SoundStream:
    """A sound track."""

    codec: str
    sample_rate: int
    """Hz."""
    channels: int
    layout: str
    """mono, stereo, 5.1, ..."""
    language: str | None


@dataclass(frozen=True, slots=True)
class MediaReport:
    """The streams of a file and what it claims about itself."""

    name: str
    container: str
    """FFmpeg's or Pillow's name of the file's kind."""
    duration_s: float | None
    """Length that the file claims, seconds; None for a photo."""
    pictures: tuple[PictureStream, ...]
    sounds: tuple[SoundStream, ...]

    @property
    def has_picture(self) -> bool:
        """Whether there is a picture that may show a face; cover art doesn't count."""
        return any(not picture.is_cover for picture in self.pictures)

    @property
    def has_sound(self) -> bool:
        """Whether there is sound."""
        return bool(self.sounds)


def probe_media(source: FileInput, *, name: str | None = None) -> MediaReport:
    """List the streams of a file without playing it.

    Args:
        source: a path or a binary file object.
        name: what messages and the report call the file; its own name unless given.

    Raises:
        InputError: no such file.
        NotMediaError, BrokenMediaError: nothing that can be read.
        PictureSizeError: a picture too small or too large to be opened.
    """
    data = open_bytes(source, name)
    try:
        picture = open_picture(data, PHOTO_FPS)
        if picture is not None:
            return _picture_report(picture.info)
        with open_container(data) as container:
            return _report(container, data.name)
    finally:
        data.close()


def _picture_report(info: PictureInfo) -> MediaReport:
    stream = PictureStream(
        codec=info.codec,
        width=info.width,
        height=info.height,
        fps=None if info.is_photo else info.fps,
        pixel_format="rgb24",
        rotation_deg=0,
        pixel_aspect=info.pixel_aspect,
        colours=ColourTags(),
        language=None,
    )
    return MediaReport(info.name, info.container, info.duration_s, (stream,), ())


def _report(container: InputContainer, name: str) -> MediaReport:
    pictures = tuple(
        PictureStream(
            codec=s.codec_context.codec.canonical_name,
            width=s.codec_context.width,
            height=s.codec_context.height,
            fps=Fraction(s.average_rate) if s.average_rate else None,
            pixel_format=s.codec_context.pix_fmt or "unknown",
            rotation_deg=_rotation(container, s.index),
            pixel_aspect=Fraction(s.sample_aspect_ratio or 1),
            colours=ColourTags(
                int(s.codec_context.color_range),
                int(s.codec_context.color_primaries),
                int(s.codec_context.color_trc),
                int(s.codec_context.colorspace),
            ),
            language=s.language,
            is_cover=bool(s.disposition & Disposition.attached_pic),
        )
        for s in container.streams.video
        if s.codec_context is not None
    )
    sounds = tuple(
        SoundStream(
            codec=s.codec_context.codec.canonical_name,
            sample_rate=s.codec_context.sample_rate,
            channels=s.codec_context.channels,
            layout=layout_name(s.codec_context.layout.name, s.codec_context.channels),
            language=s.language,
        )
        for s in container.streams.audio
        if s.codec_context is not None
    )
    return MediaReport(name, format_name(container), claimed_duration_s(container), pictures, sounds)


def _rotation(container: InputContainer, index: int) -> int:
    """Read a stream's rotation, degrees, from its first decoded picture: that is where the display matrix stands."""
    try:
        container.seek(0)
        frame = next(container.decode(container.streams[index]), None)
    except DecodeError:
        return 0
    return int(getattr(frame, "rotation", 0))
