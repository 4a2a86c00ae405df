"""Videos in any container and codec that FFmpeg reads, decoded into upright native pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import av
import av.error
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.filter import Graph
from av.stream import Disposition
from av.video.stream import VideoStream

from mouthpiece.errors import BrokenMediaError, NoPictureError, NotMediaError
from mouthpiece.media.container import ByteSource, open_container, unreadable
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
from mouthpiece.media.open import FaceSource
from mouthpiece.media.planes import Converter, Orientation
from mouthpiece.media.playback import DecodedFrame, FrameReader, MovingSource
from mouthpiece.notices import Notice, notice
from mouthpiece.types import Picture

_USUAL_FPS = Fraction(25)
"""Taken where the file names no sensible rate."""
_LARGEST_ASPECT = 8
"""Pixels more oblong than this either way are a broken tag."""
_SCANNED_FRAMES = 3
"""Pictures looked at for signs of interlacing."""
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_PROGRESSIVE_ORDERS = (0, 1)
"""FFmpeg's field orders unknown and progressive."""

DecodeError = (av.error.FFmpegError, ValueError, EOFError, OSError)
"""What decoding damaged data may raise."""


def picture_streams(container: InputContainer) -> list[VideoStream]:
    """The container's moving pictures; cover art is none."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic and s.codec_context]


def open_video(store: ByteSource, photo_fps: Fraction) -> FaceSource:
    """The first video track of the store, or a photo of a kind that only FFmpeg knows.

    Raises:
        NotMediaError, NoPictureError, PictureSizeError, BrokenMediaError: see `open_face`.
    """
    _refuse_heic(store)
    with open_container(store) as container:
        streams = picture_streams(container)
        if not streams:
            raise NoPictureError(
                f"expected a photo or a video with a face, but {store.name} has no picture track; give another file"
            )
        stream = streams[0]
        odd = [notice("several-pictures")] if len(streams) > 1 else []
        if stream.codec_context.width and stream.codec_context.height:
            check_size(stream.codec_context.width, stream.codec_context.height, store.name)
        look = _first_look(container, stream, store)
        reel = VideoFrameReader(store, look)
        if container.format.name.endswith("_pipe"):
            return _photo(reel, stream, store, photo_fps)
        info = _info(container, stream, look, store, odd)
    return MovingSource(info, reel, photo_fps, store)


def _refuse_heic(store: ByteSource) -> None:
    """FFmpeg reads an iPhone photo as a video of its first tile.

    Raises:
        NotMediaError: it is such a photo.
    """
    start = store.start(12)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        raise NotMediaError(f"{store.name} is a HEIC photo, which can't be read here; convert it to JPEG or PNG")


def _photo(reel: VideoFrameReader, stream: VideoStream, store: ByteSource, photo_fps: Fraction) -> FaceSource:
    """The only picture of a file that is one."""
    rgb = next((reel.rgb(shot.picture) for shot in reel.play()), None)
    if rgb is None:
        raise BrokenMediaError(f"{store.name}: its picture can't be decoded; get a whole copy or convert it")
    return PhotoSource((rgb, ()), photo_fps, store.name, stream.codec_context.name, store)


class _Look:
    """What the first decoded pictures say about all of them."""

    def __init__(self, frame: VideoFrame, stream: VideoStream, interlaced: bool) -> None:
        self.index = stream.index
        self.width, self.height = frame.width, frame.height
        self.turn = Orientation.of(frame)
        self.interlaced = interlaced
        self.stored = _stored_colours(frame, stream)
        self.rgb_coded = bool(frame.format.is_rgb) or frame.format.name == "pal8"
        self.alpha = "a" in frame.format.name.replace("gray", "").replace("pal8", "")
        self.colours = _leaving_colours(self.stored, self.rgb_coded)
        self.pix_fmt = "yuv420p10le" if self.stored.hdr else "yuv420p"
        assert stream.time_base is not None
        self.time_base = stream.time_base
        self.first_pts = frame.pts


def _stored_colours(frame: VideoFrame, stream: VideoStream) -> ColourTags:
    context = stream.codec_context
    full_by_name = "yuvj" in frame.format.name
    return ColourTags(
        RANGE_FULL if full_by_name else int(frame.color_range) or int(context.color_range),
        _said(frame.color_primaries, context.color_primaries),
        _said(frame.color_trc, context.color_trc),
        _said(frame.colorspace, context.colorspace),
    )


def _said(of_frame: int, of_stream: int) -> int:
    return int(of_frame) if int(of_frame) != UNSPECIFIED else int(of_stream)


def _leaving_colours(stored: ColourTags, rgb_coded: bool) -> ColourTags:
    if not rgb_coded:
        return stored
    return ColourTags(RANGE_LIMITED, stored.primaries, stored.transfer, BT709)


def _first_look(container: InputContainer, stream: VideoStream, store: ByteSource) -> _Look:
    """Decode a few pictures.

    Raises:
        BrokenMediaError: none can be decoded.
        PictureSizeError: they are of another size than the header says, and not an acceptable one.
    """
    first: VideoFrame | None = None
    interlaced = stream.codec_context.field_order not in _PROGRESSIVE_ORDERS
    for frame in islice(_decoded(container, stream, None), _SCANNED_FRAMES):
        first = first or frame
        interlaced = interlaced or frame.interlaced_frame
    if first is None:
        raise BrokenMediaError(f"{store.name}: none of its pictures can be decoded; get a whole copy or convert it")
    check_size(first.width, first.height, store.name)
    return _Look(first, stream, interlaced)


def _decoded(container: InputContainer, stream: VideoStream, reel: VideoFrameReader | None) -> Iterator[VideoFrame]:
    """Frames as they come out of the decoder; damaged packets are passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except DecodeError:
            _note(reel, notice("cut-off"))
            packet = None
        if packet is None:
            return
        try:
            frames = packet.decode()
        except DecodeError:
            _note(reel, notice("pictures-dropped"))
            continue
        yield from frames


def _key_frame_at(container: InputContainer, stream: VideoStream, time: int) -> VideoFrame | None:
    """The key picture at or before a time, decoded alone: the decoder is drained instead of fed with what follows."""
    try:
        container.seek(time, stream=stream)
        for packet in container.demux(stream):
            if packet.is_keyframe:
                frames = packet.decode() or stream.codec_context.decode(None)
                return frames[0] if frames else None
    except DecodeError:
        return None
    return None


def _note(reel: VideoFrameReader | None, text: Notice) -> None:
    if reel is not None:
        reel.warn(text)


def _info(
    container: InputContainer, stream: VideoStream, look: _Look, store: ByteSource, odd: list[Notice]
) -> PictureInfo:
    width, height = look.turn.size(look.width, look.height)
    fps = _rate(stream)
    duration_s = _duration_s(container, stream)
    if look.interlaced:
        odd.append(notice("interlaced"))
    if look.alpha:
        odd.append(notice("transparent"))
    return PictureInfo(
        width=width,
        height=height,
        pixel_aspect=look.turn.aspect(_aspect(stream)),
        fps=fps,
        is_photo=False,
        duration_s=duration_s,
        frame_count_estimate=stream.frames or (round(duration_s * fps) if duration_s else None),
        colours=look.colours,
        time_base=look.time_base,
        codec=stream.codec_context.name,
        container=container.format.name.split(",")[0],
        name=store.name,
        hdr=look.stored.hdr,
        warnings=(*odd, *odd_size_warning(width, height)),
    )


def _rate(stream: VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and Fraction(1, 100) <= rate <= 1000:
            return Fraction(rate)
    return _USUAL_FPS


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0:
        return container.duration / av.time_base
    return None


def _aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not aspect or not Fraction(1, _LARGEST_ASPECT) <= aspect <= _LARGEST_ASPECT:
        return Fraction(1)
    return Fraction(aspect)


class VideoFrameReader(FrameReader):
    """A video track, decoded: deinterlaced, upright, in the native format, all of one size."""

    def __init__(self, store: ByteSource, look: _Look) -> None:
        self._store = store
        self._look = look
        self._rgb = Converter(look.colours)

    @property
    def time_base(self) -> Fraction:
        return self._look.time_base

    @property
    def first_pts(self) -> int | None:
        """Time stamp of the first picture shown."""
        return self._look.first_pts

    def rgb(self, picture: VideoFrame) -> Picture:
        return self._rgb.rgb(picture)

    def play(self, from_pts: int | None = None) -> Iterator[DecodedFrame]:
        with open_container(self._store) as container:
            stream = container.streams[self._look.index]
            if not isinstance(stream, VideoStream):
                raise unreadable(self._store)
            if from_pts is not None:
                try:
                    container.seek(from_pts, stream=stream)
                except DecodeError:
                    return
            converter = Converter(self._look.colours)
            frames: Iterator[VideoFrame] = _decoded(container, stream, self)
            if self._look.interlaced:
                frames = _deinterlaced(frames)
            for frame in frames:
                if frame.is_corrupt:
                    self.warn(notice("pictures-damaged"))
                yield self._shot(frame, converter)

    def seek_frames(self, times: Iterable[int]) -> Iterator[DecodedFrame]:
        with open_container(self._store) as container:
            stream = container.streams[self._look.index]
            assert isinstance(stream, VideoStream)
            converter = Converter(self._look.colours)
            for time in times:
                frame = _key_frame_at(container, stream, time)
                if frame is not None:
                    yield self._shot(frame, converter)

    def _shot(self, frame: VideoFrame, converter: Converter) -> DecodedFrame:
        return DecodedFrame(
            self._ticks(frame.pts, frame.time_base),
            self._ticks(frame.duration or 0, frame.time_base) or 0,
            frame.key_frame,
            self._look.turn.apply(self._native(frame, converter)),
        )

    def _ticks(self, value: int | None, time_base: Fraction | None) -> int | None:
        if value is None or time_base is None or time_base == self._look.time_base:
            return value
        return round(value * time_base / self._look.time_base)

    def _native(self, frame: VideoFrame, converter: Converter) -> VideoFrame:
        look = self._look
        if (frame.width, frame.height) != (look.width, look.height):
            self.warn(notice("size-changes"))
        if look.alpha:
            rgb, _ = on_white(np.asarray(frame.to_ndarray(format="rgba"), dtype=np.uint8))
            frame = _with_times(VideoFrame.from_ndarray(rgb, "rgb24"), frame)
        return converter.native(frame, look.pix_fmt, look.width, look.height)


def _with_times(frame: VideoFrame, model: VideoFrame) -> VideoFrame:
    frame.pts, frame.time_base = model.pts, model.time_base
    return frame


def _deinterlaced(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """The same number of frames, whole ones; those that say they are progressive pass through."""
    graph: Any = None
    size: tuple[int, int, str] | None = None
    for frame in frames:
        if size != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _drained(graph, end=True)
            size = (frame.width, frame.height, frame.format.name)
            graph = _deinterlacer(frame)
        graph.push(frame)
        yield from _drained(graph)
    if graph is not None:
        yield from _drained(graph, end=True)


def _deinterlacer(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _drained(graph: Graph, *, end: bool = False) -> Iterator[VideoFrame]:
    if end:
        graph.push(None)
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError, EOFError, BlockingIOError):
            return
