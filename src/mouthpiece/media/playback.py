"""Moving pictures played for as long as the speech lasts: forwards, in a loop, back and forth, or held."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice, pairwise

from mouthpiece.errors import BrokenMediaError
from mouthpiece.media.byte_source import ByteSource
from mouthpiece.media.face_source import SAMPLE_FRAMES, FaceSource
from mouthpiece.media.frame_reader import DecodedFrame, FrameReader, TransformedReader
from mouthpiece.media.info import PictureInfo
from mouthpiece.media.still import StillSource, still_info
from mouthpiece.notices import Notice, notice
from mouthpiece.options import Fit, FrameTransform
from mouthpiece.types import Frame

STILL_S = Fraction(1, 2)
"""A picture that stays longer than this is drawn again and again meanwhile: a mouth must be able to move in it."""
REVERSE_BYTES = 96 * 2**20
"""Decoded pictures kept at once while playing backwards."""
REPEAT_BYTES = 192 * 2**20
"""A video that is to be repeated is decoded once if its pictures need no more than this."""
LONGEST_GAP_S = 10
"""A longer jump between two pictures' times is a broken clock, not a pause."""
SAMPLED_SPAN_S = 8
"""Seconds of video that sampling decodes at most, one after the other."""
_FEW_KEYFRAMES = 8
"""Fewer different pictures found by seeking than this are too few to learn a face from."""
_NO_PTS = -(2**62)


@dataclass(frozen=True, slots=True)
class _TimedFrame:
    """A picture on the repaired clock."""

    start: int
    """Ticks from the first picture."""
    duration: int
    """Ticks."""
    decoded: DecodedFrame


@dataclass(slots=True)
class _PlayLog:
    """What was played forwards, so that it can be played backwards: 24 bytes a picture."""

    pts: array[int] = field(default_factory=lambda: array("q"))
    start: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    """Indices of key pictures."""

    def add(self, frame: _TimedFrame) -> None:
        if frame.decoded.key or not self.pts:
            self.keys.append(len(self.pts))
        self.pts.append(_NO_PTS if frame.decoded.pts is None else frame.decoded.pts)
        self.start.append(frame.start)
        self.duration.append(frame.duration)


class MovingSource(FaceSource):
    """A video or an animation."""

    def __init__(self, info: PictureInfo, reader: FrameReader, photo_fps: Fraction, data: ByteSource | None) -> None:
        super().__init__(info, data)
        self._reader = reader
        self._photo_fps = photo_fps
        self._tick = reader.time_base
        usual = info.fps if info.fps > 1 / STILL_S else photo_fps
        self._step = 1 / usual
        self._usual = max(1, round((1 / info.fps) / self._tick))
        self._can_seek = True

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """`info.warnings` and what came up while reading since."""
        for warning in self._reader.warnings:
            self._warn(warning)
        return super().warnings

    def transformed(self, transform: FrameTransform) -> FaceSource:
        """Return the same pictures transformed, or the first of them alone."""
        source = self
        if transform.changes_picture:
            reader = TransformedReader(self._reader, transform, self.info)
            source = MovingSource(reader.info, reader, self._photo_fps, self._data)
        return source._still() if transform.static else source

    def _still(self) -> FaceSource:
        """Hold the first picture for ever."""
        first = next(self._reader.play(), None)
        if first is None:
            raise BrokenMediaError(f"{self.info.name}: none of its pictures can be decoded; get a whole copy")
        info = replace(still_info(self.info, 1 / self._step), warnings=self.warnings)
        return StillSource(info, self._reader.rgb(first.picture), first.picture, self._data)

    # --- forwards ---------------------------------------------------------------------------------------------------

    def _timed_frames(self) -> Iterator[_TimedFrame]:
        """Yield all pictures once, on a clock that starts at 0, never stands still and never leaps."""
        waiting: DecodedFrame | None = None
        start = 0
        for decoded in self._reader.play():
            if waiting is not None:
                step = self._step_between(waiting, decoded)
                yield _TimedFrame(start, step, waiting)
                start += step
            waiting = decoded
        if waiting is None:
            raise BrokenMediaError(f"{self.info.name}: none of its pictures can be decoded; get a whole copy")
        yield _TimedFrame(start, self._last_duration(waiting), waiting)

    def _step_between(self, decoded: DecodedFrame, following: DecodedFrame) -> int:
        usual = decoded.duration or self._usual
        if decoded.pts is None or following.pts is None:
            return usual
        step = following.pts - decoded.pts
        if 0 < step * self._tick <= LONGEST_GAP_S:
            return step
        self._warn(notice("broken-times"))
        return usual

    def _last_duration(self, decoded: DecodedFrame) -> int:
        duration = decoded.duration or self._usual
        return duration if duration * self._tick <= LONGEST_GAP_S else self._usual

    # --- the output -------------------------------------------------------------------------------------------------

    def frames(self, duration_s: Fraction, fit: Fit = Fit.PINGPONG) -> Iterator[Frame]:
        """Yield the video's own pictures and spacing, then what `fit` asks for when it ends before `duration_s`."""
        out = Fraction(0)
        for frame in self._sequence(fit, duration_s):
            yield from self._output_frames(frame, out, duration_s)
            out += frame.duration * self._tick
            if out >= duration_s:
                return

    def _sequence(self, fit: Fit, duration_s: Fraction) -> Iterator[_TimedFrame]:
        """Yield pictures in the order of the output, without end except for `Fit.CUT`."""
        log = _PlayLog()
        last: _TimedFrame | None = None
        kept: list[_TimedFrame] = []
        room = self._repeatable(fit, duration_s)
        for frame in self._timed_frames():
            if fit is Fit.PINGPONG:
                log.add(frame)
            if len(kept) < room:
                kept.append(frame)
            elif room:  # There are more than the file claims.
                room = 0
                kept.clear()
            last = frame
            yield frame
        if fit is Fit.CUT or last is None:
            return
        if fit is Fit.HOLD:
            yield _TimedFrame(last.start, int(duration_s / self._tick) + 1, last.decoded)
        del last
        while kept:
            if fit is Fit.PINGPONG:
                yield from kept[-2:0:-1]
            yield from kept
        while True:
            if fit is Fit.PINGPONG and len(log.pts) > 2:
                yield from self._backwards(log)
            yield from self._timed_frames()

    def _repeatable(self, fit: Fit, duration_s: Fraction) -> int:
        """Return how many pictures to keep for repeating; none where they aren't repeated or don't fit."""
        length = self.info.duration_s
        if fit not in (Fit.LOOP, Fit.PINGPONG) or length is None or length >= duration_s:
            return 0
        room = REPEAT_BYTES // self._frame_bytes
        count = self.info.frame_count_estimate
        return room if count is not None and count <= room else 0

    @property
    def _frame_bytes(self) -> int:
        """Bytes of a decoded picture, with the decoder's rim around it."""
        return self.info.width * self.info.height * (3 if self.info.hdr else 2)

    def _output_frames(self, frame: _TimedFrame, out: Fraction, end: Fraction) -> Iterator[Frame]:
        """Yield the picture as one frame, or as several where it stays long."""
        stop = min(out + frame.duration * self._tick, end)
        step = self._step if frame.duration * self._tick > STILL_S else stop - out
        source_time = frame.start * self._tick
        while out < stop:
            yield self._frame(frame.decoded, out, min(step, stop - out), source_time)
            out += step

    def _frame(self, decoded: DecodedFrame, time_s: Fraction, duration_s: Fraction, source_time_s: Fraction) -> Frame:
        return Frame(
            time_s,
            duration_s,
            self._reader.rgb(decoded.picture),
            self.info.pixel_aspect,
            decoded.picture,
            source_time_s=source_time_s,
        )

    # --- backwards --------------------------------------------------------------------------------------------------

    def _backwards(self, log: _PlayLog) -> Iterator[_TimedFrame]:
        """Yield from the last but one picture down to the second: neither end is shown twice."""
        room = max(1, REVERSE_BYTES // self._frame_bytes)
        stop = len(log.pts) - 1
        for key in reversed(log.keys):
            first = max(key, 1)
            while stop > first:
                low = max(first, stop - room)
                found = self._decode_range(log, key, low, stop)
                while found:
                    index = low + len(found) - 1
                    yield _TimedFrame(log.start[index], log.duration[index], found.pop())
                stop = low

    def _decode_range(self, log: _PlayLog, key: int, low: int, stop: int) -> list[DecodedFrame]:
        """Decode pictures low to stop-1, from the key picture if the file can seek, else from its start."""
        if self._can_seek and key > 0:
            found = self._seek_range(log, key, low, stop)
            if found is not None:
                return found
            self._can_seek = False
        found = list(islice(self._reader.play(), low, stop))
        if len(found) != stop - low:
            raise BrokenMediaError(f"{self.info.name} reads differently the second time; copy it to a local disk first")
        return found

    def _seek_range(self, log: _PlayLog, key: int, low: int, stop: int) -> list[DecodedFrame] | None:
        """Decode them by seeking; None when the pictures found are not exactly the ones that were played before."""
        wanted = list(log.pts[low:stop])
        if log.pts[key] == _NO_PTS or any(b <= a for a, b in pairwise(wanted)):
            return None
        found: list[DecodedFrame] = []
        for decoded in self._reader.play(log.pts[key]):
            if decoded.pts is None or decoded.pts > wanted[-1]:
                break
            if decoded.pts == wanted[len(found)]:
                found.append(decoded)
                if len(found) == len(wanted):
                    return found
        return None

    # --- samples ----------------------------------------------------------------------------------------------------

    def sample_frames(self, limit: int = SAMPLE_FRAMES) -> Iterator[Frame]:
        """Yield frames spread over the video: key pictures of a long one, else out of its first seconds."""
        if limit <= 0:
            return
        found: set[Fraction] = set()
        length = self.info.duration_s
        if length is not None and length > SAMPLED_SPAN_S and self._reader.first_pts is not None:
            for frame in self._sample_key_frames(limit, length):
                found.add(frame.time_s)
                yield frame
        if len(found) < min(limit, _FEW_KEYFRAMES):
            rest = self._sample_in_order(limit - len(found))
            yield from (frame for frame in rest if frame.time_s not in found)

    def _sample_key_frames(self, limit: int, length: float) -> Iterator[Frame]:
        """Yield the key picture at or before each of `limit` evenly spread times, no picture twice."""
        first = self._reader.first_pts or 0
        latest: int | None = None
        targets = (first + int(length * (number + 0.5) / limit / self._tick) for number in range(limit))
        for decoded in self._reader.seek_frames(targets):
            if decoded.pts is None or (latest is not None and decoded.pts <= latest):
                continue
            latest = decoded.pts
            time_s = (decoded.pts - first) * self._tick
            yield self._frame(decoded, time_s, self._step, time_s)

    def _sample_in_order(self, limit: int) -> Iterator[Frame]:
        """Yield evenly spread pictures of the first seconds, decoded in one go."""
        span = Fraction(min(self.info.duration_s or SAMPLED_SPAN_S, SAMPLED_SPAN_S))
        taken = 0
        for frame in self._timed_frames():
            time_s = frame.start * self._tick
            if time_s > SAMPLED_SPAN_S or taken == limit:
                return
            if time_s >= span * taken / limit:
                taken += 1
                yield self._frame(frame.decoded, time_s, frame.duration * self._tick, time_s)
