"""Videos in any container and codec that FFmpeg reads, decoded into upright native pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import av.error
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.filter import Graph
from av.video.stream import VideoStream

from mouthpiece.errors import BrokenMediaError, NoPictureError, NotMediaError
from mouthpiece.media.byte_source import ByteSource
from mouthpiece.media.container import (
    DecodeError,
    claimed_duration_s,
    decode_packets,
    format_name,
    open_container,
    picture_streams,
    unreadable,
)
from mouthpiece.media.face_source import FaceSource
from mouthpiece.media.frame_reader import DecodedFrame, FrameReader
from mouthpiece.media.images import PhotoSource, on_white
from mouthpiece.media.info import (
    BT709,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    ColourTags,
    PictureInfo,
    check_size,
    odd_size_warning,
)
from mouthpiece.media.planes import Converter, Orientation
from mouthpiece.media.playback import MovingSource
from mouthpiece.notices import Notice, notice

_USUAL_FPS = Fraction(25)
"""Taken where the file names no sensible rate."""
_LARGEST_ASPECT = 8
"""Pixels more oblong than this either way are a broken tag."""
_SCANNED_FRAMES = 3
"""Pictures looked at for signs of interlacing."""
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_PROGRESSIVE_ORDERS = (0, 1)
"""FFmpeg's field orders unknown and progressive."""


def open_video(data: ByteSource, photo_fps: Fraction) -> FaceSource:
    """Open the first video track of the file, or a photo of a kind that only FFmpeg reads.

    Raises:
        NotMediaError, NoPictureError, PictureSizeError, BrokenMediaError: see `open_face`.
    """
    _refuse_heic(data)
    with open_container(data) as container:
        streams = picture_streams(container)
        if not streams:
            raise NoPictureError(
                f"expected a photo or a video with a face, but {data.name} has no picture track; give another file"
            )
        stream = streams[0]
        warnings = [notice("several-pictures")] if len(streams) > 1 else []
        if stream.codec_context.width and stream.codec_context.height:
            check_size(stream.codec_context.width, stream.codec_context.height, data.name)
        track = _read_track_format(container, stream, data)
        reader = VideoFrameReader(data, track)
        if container.format.name.endswith("_pipe"):
            return _photo(reader, stream, data, photo_fps)
        info = _info(container, stream, track, data, warnings)
    return MovingSource(info, reader, photo_fps, data)


def _refuse_heic(data: ByteSource) -> None:
    """Refuse an iPhone photo, which FFmpeg reads as a video of its first tile.

    Raises:
        NotMediaError: it is such a photo.
    """
    start = data.start(12)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        raise NotMediaError(f"{data.name} is a HEIC photo, which can't be read here; convert it to JPEG or PNG")


def _photo(reader: VideoFrameReader, stream: VideoStream, data: ByteSource, photo_fps: Fraction) -> FaceSource:
    """Open the only picture of a file that is one."""
    rgb = next((reader.rgb(frame.picture) for frame in reader.play()), None)
    if rgb is None:
        raise BrokenMediaError(f"{data.name}: its picture can't be decoded; get a whole copy or convert it")
    return PhotoSource((rgb, ()), photo_fps, data.name, stream.codec_context.name, data)


class _TrackFormat:
    """The format of a video track's pictures, found in its first decoded ones."""

    def __init__(self, frame: VideoFrame, stream: VideoStream, interlaced: bool) -> None:
        self.index = stream.index
        self.width, self.height = frame.width, frame.height
        self.turn = Orientation.of(frame)
        self.interlaced = interlaced
        stored = _stored_colours(frame, stream)
        self.hdr = stored.hdr
        self.alpha = "a" in frame.format.name.replace("gray", "").replace("pal8", "")
        rgb_coded = bool(frame.format.is_rgb) or frame.format.name == "pal8"
        self.colours = ColourTags(RANGE_LIMITED, stored.primaries, stored.transfer, BT709) if rgb_coded else stored
        """Colour tags of the converted pictures."""
        self.pix_fmt = "yuv420p10le" if self.hdr else "yuv420p"
        assert stream.time_base is not None
        self.time_base = stream.time_base
        self.first_pts = frame.pts


def _stored_colours(frame: VideoFrame, stream: VideoStream) -> ColourTags:
    context = stream.codec_context
    full_by_name = "yuvj" in frame.format.name
    return ColourTags(
        RANGE_FULL if full_by_name else int(frame.color_range) or int(context.color_range),
        _specified(frame.color_primaries, context.color_primaries),
        _specified(frame.color_trc, context.color_trc),
        _specified(frame.colorspace, context.colorspace),
    )


def _specified(of_frame: int, of_stream: int) -> int:
    return int(of_frame) if int(of_frame) != UNSPECIFIED else int(of_stream)


def _read_track_format(container: InputContainer, stream: VideoStream, data: ByteSource) -> _TrackFormat:
    """Decode a few pictures.

    Raises:
        BrokenMediaError: none can be decoded.
        PictureSizeError: they are of another size than the header claims, and not an acceptable one.
    """
    first: VideoFrame | None = None
    interlaced = stream.codec_context.field_order not in _PROGRESSIVE_ORDERS
    for frame in islice(decode_packets(container, stream), _SCANNED_FRAMES):
        first = first or frame
        interlaced = interlaced or frame.interlaced_frame
    if first is None:
        raise BrokenMediaError(f"{data.name}: none of its pictures can be decoded; get a whole copy or convert it")
    check_size(first.width, first.height, data.name)
    return _TrackFormat(first, stream, interlaced)


def _key_frame_at(container: InputContainer, stream: VideoStream, time: int) -> VideoFrame | None:
    """Decode the key picture at or before a time alone: the decoder is drained instead of fed with what follows."""
    try:
        container.seek(time, stream=stream)
        for packet in container.demux(stream):
            if packet.is_keyframe:
                frames = packet.decode() or stream.codec_context.decode(None)
                return frames[0] if frames else None
    except DecodeError:
        return None
    return None


def _info(
    container: InputContainer, stream: VideoStream, track: _TrackFormat, data: ByteSource, warnings: list[Notice]
) -> PictureInfo:
    width, height = track.turn.size(track.width, track.height)
    fps = _rate(stream)
    duration_s = claimed_duration_s(container, stream)
    if track.interlaced:
        warnings.append(notice("interlaced"))
    if track.alpha:
        warnings.append(notice("transparent"))
    return PictureInfo(
        width=width,
        height=height,
        pixel_aspect=track.turn.aspect(_aspect(stream)),
        fps=fps,
        is_photo=False,
        duration_s=duration_s,
        frame_count_estimate=stream.frames or (round(duration_s * fps) if duration_s else None),
        colours=track.colours,
        time_base=track.time_base,
        codec=stream.codec_context.name,
        container=format_name(container),
        name=data.name,
        hdr=track.hdr,
        warnings=(*warnings, *odd_size_warning(width, height)),
    )


def _rate(stream: VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and Fraction(1, 100) <= rate <= 1000:
            return Fraction(rate)
    return _USUAL_FPS


def _aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not aspect or not Fraction(1, _LARGEST_ASPECT) <= aspect <= _LARGEST_ASPECT:
        return Fraction(1)
    return Fraction(aspect)


class VideoFrameReader(FrameReader):
    """A video track, decoded: deinterlaced, upright, in the native format, all of one size."""

    def __init__(self, data: ByteSource, track: _TrackFormat) -> None:
        super().__init__(track.colours)
        self._data = data
        self._track = track
        self.first_pts = track.first_pts

    @property
    def time_base(self) -> Fraction:
        return self._track.time_base

    def play(self, from_pts: int | None = None) -> Iterator[DecodedFrame]:
        with open_container(self._data) as container:
            stream = container.streams[self._track.index]
            if not isinstance(stream, VideoStream):
                raise unreadable(self._data)
            if from_pts is not None:
                try:
                    container.seek(from_pts, stream=stream)
                except DecodeError:
                    return
            converter = Converter(self._track.colours)
            frames: Iterator[VideoFrame] = decode_packets(
                container,
                stream,
                on_break=lambda: self.warn(notice("cut-off")),
                on_damage=lambda: self.warn(notice("pictures-dropped")),
            )
            if self._track.interlaced:
                frames = _deinterlace(frames)
            for frame in frames:
                if frame.is_corrupt:
                    self.warn(notice("pictures-damaged"))
                yield self._converted(frame, converter)

    def seek_frames(self, times: Iterable[int]) -> Iterator[DecodedFrame]:
        with open_container(self._data) as container:
            stream = container.streams[self._track.index]
            assert isinstance(stream, VideoStream)
            converter = Converter(self._track.colours)
            for time in times:
                frame = _key_frame_at(container, stream, time)
                if frame is not None:
                    yield self._converted(frame, converter)

    def _converted(self, frame: VideoFrame, converter: Converter) -> DecodedFrame:
        return DecodedFrame(
            self._ticks(frame.pts, frame.time_base),
            self._ticks(frame.duration or 0, frame.time_base) or 0,
            frame.key_frame,
            self._track.turn.apply(self._native(frame, converter)),
        )

    def _ticks(self, value: int | None, time_base: Fraction | None) -> int | None:
        if value is None or time_base is None or time_base == self.time_base:
            return value
        return round(value * time_base / self.time_base)

    def _native(self, frame: VideoFrame, converter: Converter) -> VideoFrame:
        track = self._track
        if (frame.width, frame.height) != (track.width, track.height):
            self.warn(notice("size-changes"))
        if track.alpha:
            rgb, _ = on_white(np.asarray(frame.to_ndarray(format="rgba"), dtype=np.uint8))
            opaque = VideoFrame.from_ndarray(rgb, "rgb24")
            opaque.pts, opaque.time_base = frame.pts, frame.time_base
            frame = opaque
        return converter.native(frame, track.pix_fmt, track.width, track.height)


def _deinterlace(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield as many frames, whole ones; those marked as progressive pass through."""
    graph: Any = None
    size: tuple[int, int, str] | None = None
    for frame in frames:
        if size != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _drain(graph, end=True)
            size = (frame.width, frame.height, frame.format.name)
            graph = _deinterlacer(frame)
        graph.push(frame)
        yield from _drain(graph)
    if graph is not None:
        yield from _drain(graph, end=True)


def _deinterlacer(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _drain(graph: Graph, *, end: bool = False) -> Iterator[VideoFrame]:
    if end:
        graph.push(None)
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError, EOFError, BlockingIOError):
            return
