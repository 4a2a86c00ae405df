"""The result's file: unchanged parts of a picture go to the encoder exactly as they were decoded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import av.error
from av import VideoFrame
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

import mouthpiece
from mouthpiece.errors import MouthpieceError, OptionError
from mouthpiece.media.info import PictureInfo
from mouthpiece.media.output_file import CONTAINERS, CommitHook, OutputFile, check_output
from mouthpiece.media.planes import Converter, copy_frame, tag
from mouthpiece.media.soundtrack import AnyPacket, SoundTrack, add_sound
from mouthpiece.media.speech_source import SpeechSource
from mouthpiece.notices import Notice, notice
from mouthpiece.options import Quality
from mouthpiece.types import Frame

_WRITE_BYTES = 1 << 18
_COARSEST_TICK = Fraction(1, 10_000)
"""The output's clock ticks at least this finely, seconds."""
_FINEST_TICK = Fraction(1, 1_000_000)
_LARGE_PIXELS = 3840 * 2160
"""Above this, x264 looks less far ahead: its waiting pictures would fill the memory."""

# Superfast with macroblock trees and a short look-ahead gives veryfast's size and sharpness for about 60 % of its time
# (docs/decisions/0003-x264-settings.md).
X264_OPTIONS: dict[Quality, dict[str, str]] = {
    Quality.DRAFT: {"preset": "ultrafast", "crf": "26"},
    Quality.GOOD: {"preset": "superfast", "crf": "19", "x264-params": "weightp=1:mbtree=1:rc-lookahead=8"},
    Quality.BEST: {"preset": "slow", "crf": "16"},
}
VP9_OPTIONS: dict[Quality, dict[str, str]] = {
    Quality.DRAFT: {"deadline": "realtime", "cpu-used": "8", "crf": "38", "row-mt": "1"},
    Quality.GOOD: {"deadline": "realtime", "cpu-used": "7", "crf": "30", "row-mt": "1"},
    Quality.BEST: {"deadline": "good", "cpu-used": "3", "crf": "22", "row-mt": "1"},
}


class VideoWriter:
    """A writer of frames and sound, whose file appears under its name only when it is whole.

    `with VideoWriter(...) as writer:` then `writer.write(frame)` for each; leaving the block normally finishes the
    file, leaving it by any exception removes everything. Used from one thread at a time.
    """

    def __init__(
        self,
        out: str | os.PathLike[str],
        info: PictureInfo,
        speech: SpeechSource | None,
        *,
        duration_s: Fraction,
        quality: Quality = Quality.GOOD,
        eight_bit: bool = False,
        overwrite: bool = False,
        forbidden: Iterable[object] = (),
        before_commit: Sequence[CommitHook] = (),
    ) -> None:
        """Check everything that can be checked; nothing is created yet.

        Args:
            out: where the result goes; its suffix chooses the container (.mp4, .m4v, .mov, .mkv, .webm).
            info: the face's picture: size, rate, colours, clock.
            speech: its sound goes along, copied where the container can hold it; None for a silent video.
            duration_s: how long the result lasts; sound beyond is cut.
            quality: the encoder's effort.
            eight_bit: whether high dynamic range loses its last two bits, for players that show 8 only.
            overwrite: whether a file already there may be replaced.
            forbidden: the inputs, which must not be overwritten.
            before_commit: called with the whole file before it appears under its name; raising refuses it.

        Raises:
            OptionError, OutputError, OutputExistsError: see `check_output`.
        """
        self._path = check_output(out, overwrite=overwrite, forbidden=forbidden)
        if duration_s <= 0:
            raise OptionError(f"expected a result longer than nothing, got {float(duration_s)} s")
        self._info = info
        self._speech = speech
        self._quality = Quality(quality)
        self._overwrite = overwrite
        self._before_commit = tuple(before_commit)
        self._duration_s = Fraction(duration_s)
        self._kind = CONTAINERS[self._path.suffix.lower()]
        self._tick = _fine_tick(info.time_base)
        self._deep = info.hdr and self._kind != "webm" and not eight_bit
        self._pix_fmt = _encoder_format(info, self._kind, deep=self._deep)
        self._width, self._pixel_aspect = _stored_shape(info, self._kind)
        self._converter = Converter(info.colours)
        self._converted: tuple[VideoFrame, VideoFrame] | None = None
        self._latest_pts = -1
        self._end_s = Fraction(0)
        self._file: OutputFile | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._sound: SoundTrack | None = None
        self.frames_written = 0
        """Pictures handed to the encoder so far."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the container makes necessary, one line each."""
        warnings = []
        if self._width != self._info.width:
            warnings.append(notice("pixels-stretched"))
        if self._info.hdr and self._kind == "webm":
            warnings.append(notice("hdr-8-bits-webm"))
        elif self._deep:
            warnings.append(notice("hdr-kept"))
        elif self._info.hdr:
            warnings.append(notice("hdr-8-bits"))
        return tuple(warnings)

    @property
    def path(self) -> Path:
        """Where the result lies once it is whole, symbolic links resolved."""
        return self._path

    # --- the file's life --------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._file = OutputFile(self._path, overwrite=self._overwrite)
        try:
            self._open(self._file)
        except BaseException as error:
            self._abandon()
            if isinstance(error, MouthpieceError) or not isinstance(error, Exception):
                raise
            raise self._file.failure(error) from error
        return self

    def _open(self, file: OutputFile) -> None:
        options = {"movflags": "+faststart"} if self._kind in ("mp4", "mov") else {}
        self._container = av.open(
            file,
            "w",
            format=self._kind,
            container_options=options,
            buffer_size=_WRITE_BYTES,
            io_open=file.reopen,
        )
        self._container.metadata["comment"] = (
            f"Made with mouthpiece {mouthpiece.__version__}. The mouth in this video is synthesised."
        )
        self._stream = self._add_picture(self._container)
        if self._speech is not None:
            self._sound = add_sound(self._container, self._speech, self._duration_s, self._mux)

    def _add_picture(self, container: OutputContainer) -> VideoStream:
        info = self._info
        webm = self._kind == "webm"
        options = dict((VP9_OPTIONS if webm else X264_OPTIONS)[self._quality])
        if webm:
            options["b"] = "0"
        else:
            options["a53cc"] = "0"  # captions of other words
            if info.width * info.height > _LARGE_PIXELS:
                options["x264-params"] = "rc-lookahead=2:sync-lookahead=0:bframes=0:ref=1:sliced-threads=1"
        stream: Any = container.add_stream("libvpx-vp9" if webm else "libx264", rate=info.fps, options=options)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = self._width, info.height, self._pix_fmt
        context.time_base = stream.time_base = self._tick
        context.sample_aspect_ratio = self._pixel_aspect
        tag(context, info.colours)
        context.flags |= Flags.frame_duration
        return stream  # type: ignore[no-any-return]

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        assert self._file is not None
        if error is not None:
            self._abandon()
            return
        try:
            self._finish()
        except BaseException as failure:
            self._abandon()
            if isinstance(failure, MouthpieceError) or not isinstance(failure, Exception):
                raise
            raise self._file.failure(failure) from failure
        self._file.commit(self._before_commit)

    def _finish(self) -> None:
        assert self._stream is not None and self._container is not None and self._file is not None
        self._mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish(self._end_s)
            self._sound.close()
        self._container.close()
        if self._file.error is not None:
            raise self._file.error

    def _abandon(self) -> None:
        """Remove what was written; the container must not write its trailer into a closed file."""
        if self._sound is not None:
            self._sound.close()
        if self._file is not None:
            self._file.discard()
        if self._container is not None:
            with contextlib.suppress(Exception):  # what it could say is about a file that is gone
                self._container.close()

    # --- pictures ---------------------------------------------------------------------------------------------------

    def write(self, frame: Frame) -> None:
        """Encode a frame and the sound that belongs to it. Frames come in order.

        Raises:
            DiskFullError, OutputError: the file can't be written.
        """
        assert self._stream is not None and self._file is not None
        picture = self._converter.native(self._picture(frame), self._pix_fmt, self._width, self._info.height)
        picture.pts = self._latest_pts = max(round(frame.time_s / self._tick), self._latest_pts + 1)
        picture.time_base = self._tick
        picture.duration = max(1, round((frame.time_s + frame.duration_s) / self._tick) - picture.pts)
        picture.pict_type = PictureType.NONE
        self._end_s = frame.time_s + frame.duration_s
        try:
            packets = self._stream.encode(picture)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._file.failure(error) from error
        self._mux(packets)
        if self._sound is not None:
            self._sound.advance(self._end_s)
        self.frames_written += 1

    def _picture(self, frame: Frame) -> VideoFrame:
        """Return the frame in the encoder's format: the decoded picture, with the changed boxes written into a copy."""
        native = frame.native
        if not isinstance(native, VideoFrame):
            picture = self._converter.native(VideoFrame.from_numpy_buffer(frame.rgb, "rgb24"), self._pix_fmt)
            tag(picture, self._info.colours)
            return picture
        base = self._in_encoder_format(native)
        if not frame.changed:
            return base
        picture = copy_frame(base)
        for box in frame.changed:
            self._converter.paste(picture, frame.rgb, box)
        return picture

    def _in_encoder_format(self, native: VideoFrame) -> VideoFrame:
        """Convert the native picture if need be; a photo, which is the same one every time, only once."""
        if native.format.name == self._pix_fmt:
            return native
        if self._converted is None or self._converted[0] is not native:
            self._converted = (native, self._converter.native(native, self._pix_fmt))
        return self._converted[1]

    def _mux(self, packets: AnyPacket | list[AnyPacket]) -> None:
        assert self._container is not None and self._file is not None
        try:
            self._container.mux(packets)
        except (av.error.FFmpegError, OSError) as error:
            raise self._file.failure(error) from error
        if self._file.error is not None:
            raise self._file.failure(self._file.error)


def _encoder_format(info: PictureInfo, kind: str, *, deep: bool) -> str:
    odd = info.width % 2 or info.height % 2
    if deep:
        return "yuv444p10le" if odd else "yuv420p10le"
    return "yuv444p" if odd and kind != "webm" else "yuv420p"


def _stored_shape(info: PictureInfo, kind: str) -> tuple[int, Fraction]:
    """Return columns and pixel aspect to store: PyAV can't write VP9's aspect, so WebM is stretched to square ones."""
    if kind != "webm" or info.pixel_aspect == 1:
        return info.width, info.pixel_aspect
    return max(2, 2 * round(info.width * info.pixel_aspect / 2)), Fraction(1)


def _fine_tick(tick: Fraction) -> Fraction:
    """Halve the source's tick until it is fine enough: every time of the source is a multiple of it."""
    if tick < _FINEST_TICK:
        return _FINEST_TICK
    while tick > _COARSEST_TICK:
        tick /= 2
    return tick
