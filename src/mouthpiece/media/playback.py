"""Playing moving pictures for as long as the speech lasts: forwards, in a loop, back and forth, or held."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice, pairwise

from av import VideoFrame

from mouthpiece.errors import BrokenMediaError
from mouthpiece.media.container import ByteSource
from mouthpiece.media.info import PictureInfo
from mouthpiece.media.open import SURVEY_FRAMES, FaceSource
from mouthpiece.media.planes import Converter
from mouthpiece.media.still import StillSource, still_info
from mouthpiece.media.transform import FrameTransformer
from mouthpiece.notices import Notice, notice
from mouthpiece.options import Fit, FrameTransform
from mouthpiece.types import Frame, Picture

STILL_S = Fraction(1, 2)
"""A picture that stays longer than this is drawn again and again meanwhile: a mouth must be able to move in it."""
REVERSE_BYTES = 96 * 2**20
"""Decoded pictures kept at once while playing backwards."""
REPEAT_BYTES = 192 * 2**20
"""A video that is to be repeated is decoded once if its pictures need no more than this."""
LONGEST_GAP_S = 10
"""A longer jump between two pictures' times is a broken clock, not a pause."""
SURVEY_SPAN_S = 8
"""Seconds of video that a survey decodes at most, one after the other."""
_FEW_KEYFRAMES = 8
"""Fewer different pictures found by seeking than this are too few to know a face by."""
_NO_PTS = -(2**62)


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A decoded picture, ready to travel."""

    pts: int | None
    """The file's own time stamp, in ticks; None where it has none."""
    duration: int
    """How long the file says that it stays, in ticks; 0 where it doesn't."""
    key: bool
    """Whether decoding can start here."""
    picture: VideoFrame
    """Upright, in a native format."""


class FrameReader(ABC):
    """A file's pictures from its start or from a key picture on. Every `play` reads on its own."""

    warnings: list[Notice]

    @property
    @abstractmethod
    def time_base(self) -> Fraction:
        """The tick, seconds."""

    @abstractmethod
    def play(self, from_pts: int | None = None) -> Iterator[DecodedFrame]:
        """Pictures in the order they are shown, from the start or from the key picture at or before a time stamp."""

    @property
    def first_pts(self) -> int | None:
        """Time stamp of the first picture, where pictures can be looked for by time; else None."""
        return None

    def seek_frames(self, times: Iterable[int]) -> Iterator[DecodedFrame]:
        """The key picture at or before each time stamp, quickly; none where it can't be found."""
        raise NotImplementedError

    @abstractmethod
    def rgb(self, picture: VideoFrame) -> Picture:
        """A picture's RGB, an array of its own."""

    def warn(self, text: Notice) -> None:
        """Remember something odd; told once."""
        known = self.__dict__.setdefault("warnings", [])
        if text not in known:
            known.append(text)

    @property
    def odd(self) -> list[Notice]:
        """What was found odd so far."""
        return list(self.__dict__.get("warnings", []))


@dataclass(frozen=True, slots=True)
class _Moment:
    """A picture on the repaired clock."""

    start: int
    """Ticks from the first picture."""
    duration: int
    """Ticks."""
    shot: DecodedFrame


@dataclass(slots=True)
class _Log:
    """What was played forwards, so that it can be played backwards: 24 bytes a picture."""

    pts: array[int] = field(default_factory=lambda: array("q"))
    start: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    """Indices of key pictures."""

    def add(self, moment: _Moment) -> None:
        if moment.shot.key or not self.pts:
            self.keys.append(len(self.pts))
        self.pts.append(_NO_PTS if moment.shot.pts is None else moment.shot.pts)
        self.start.append(moment.start)
        self.duration.append(moment.duration)


class _TransformedReader(FrameReader):
    """Another reel's pictures, each framed as it comes: nothing of what is cut away is kept."""

    def __init__(self, reel: FrameReader, transform: FrameTransform, info: PictureInfo) -> None:
        self._reel = reel
        self._transform = transform
        self._untransformed = info
        self.info = FrameTransformer(transform, info).info
        self._rgb = Converter(self.info.colours)

    @property
    def time_base(self) -> Fraction:
        return self._reel.time_base

    @property
    def first_pts(self) -> int | None:
        return self._reel.first_pts

    @property
    def odd(self) -> list[Notice]:
        return self._reel.odd

    def play(self, from_pts: int | None = None) -> Iterator[DecodedFrame]:
        return self._transformed(self._reel.play(from_pts))

    def seek_frames(self, times: Iterable[int]) -> Iterator[DecodedFrame]:
        return self._transformed(self._reel.seek_frames(times))

    def _transformed(self, shots: Iterator[DecodedFrame]) -> Iterator[DecodedFrame]:
        transformer = FrameTransformer(self._transform, self._untransformed)
        for shot in shots:
            yield replace(shot, picture=transformer.native(shot.picture))

    def rgb(self, picture: VideoFrame) -> Picture:
        return self._rgb.rgb(picture)


class MovingSource(FaceSource):
    """A video or an animation."""

    def __init__(self, info: PictureInfo, reel: FrameReader, photo_fps: Fraction, store: ByteSource | None) -> None:
        super().__init__(info, store)
        self._reel = reel
        self._photo_fps = photo_fps
        self._tick = reel.time_base
        usual = info.fps if info.fps > 1 / STILL_S else photo_fps
        self._step = 1 / usual
        self._usual = max(1, round((1 / info.fps) / self._tick))
        self._can_seek = True

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """`info.warnings` and what came up while reading since."""
        for text in self._reel.odd:
            self._warn(text)
        return super().warnings

    def transformed(self, transform: FrameTransform) -> FaceSource:
        """The same pictures in another frame, or the first of them alone."""
        source = self
        if transform.changes_picture:
            reel = _TransformedReader(self._reel, transform, self.info)
            source = MovingSource(reel.info, reel, self._photo_fps, self._store)
        return source._held() if transform.static else source

    def _held(self) -> FaceSource:
        """The first picture, for ever."""
        first = next(self._reel.play(), None)
        if first is None:
            raise BrokenMediaError(f"{self.info.name}: none of its pictures can be decoded; get a whole copy")
        info = replace(still_info(self.info, 1 / self._step), warnings=self.warnings)
        return StillSource(info, self._reel.rgb(first.picture), first.picture, self._store)

    # --- forwards ---------------------------------------------------------------------------------------------------

    def _moments(self) -> Iterator[_Moment]:
        """All pictures once, on a clock that starts at 0, never stands still and never leaps."""
        waiting: DecodedFrame | None = None
        start = 0
        for shot in self._reel.play():
            if waiting is not None:
                step = self._step_between(waiting, shot)
                yield _Moment(start, step, waiting)
                start += step
            waiting = shot
        if waiting is None:
            raise BrokenMediaError(f"{self.info.name}: none of its pictures can be decoded; get a whole copy")
        yield _Moment(start, self._last_duration(waiting), waiting)

    def _step_between(self, shot: DecodedFrame, following: DecodedFrame) -> int:
        usual = shot.duration or self._usual
        if shot.pts is None or following.pts is None:
            return usual
        step = following.pts - shot.pts
        if 0 < step * self._tick <= LONGEST_GAP_S:
            return step
        self._warn(notice("broken-times"))
        return usual

    def _last_duration(self, shot: DecodedFrame) -> int:
        duration = shot.duration or self._usual
        return duration if duration * self._tick <= LONGEST_GAP_S else self._usual

    # --- the output -------------------------------------------------------------------------------------------------

    def frames(self, duration_s: Fraction, fit: Fit = Fit.PINGPONG) -> Iterator[Frame]:
        """The video's own pictures and spacing, then what `fit` says when it ends before `duration_s`."""
        out = Fraction(0)
        for moment in self._sequence(fit, duration_s):
            yield from self._drawn(moment, out, duration_s)
            out += moment.duration * self._tick
            if out >= duration_s:
                return

    def _sequence(self, fit: Fit, duration_s: Fraction) -> Iterator[_Moment]:
        """Pictures in the order of the output, without end except for `Fit.CUT`."""
        log = _Log()
        last: _Moment | None = None
        kept: list[_Moment] = []
        room = self._repeatable(fit, duration_s)
        for moment in self._moments():
            if fit is Fit.PINGPONG:
                log.add(moment)
            if len(kept) < room:
                kept.append(moment)
            elif room:  # There are more than the file said.
                room = 0
                kept.clear()
            last = moment
            yield moment
        if fit is Fit.CUT or last is None:
            return
        if fit is Fit.HOLD:
            yield _Moment(last.start, int(duration_s / self._tick) + 1, last.shot)
        del last
        while kept:
            if fit is Fit.PINGPONG:
                yield from kept[-2:0:-1]
            yield from kept
        while True:
            if fit is Fit.PINGPONG and len(log.pts) > 2:
                yield from self._backwards(log)
            yield from self._moments()

    def _repeatable(self, fit: Fit, duration_s: Fraction) -> int:
        """How many pictures to keep so as to show them again; none where they needn't or don't fit."""
        length = self.info.duration_s
        if fit not in (Fit.LOOP, Fit.PINGPONG) or length is None or length >= duration_s:
            return 0
        room = REPEAT_BYTES // self._frame_bytes
        count = self.info.frame_count_estimate
        return room if count is not None and count <= room else 0

    @property
    def _frame_bytes(self) -> int:
        """What a decoded picture takes, with the decoder's rim around it."""
        return self.info.width * self.info.height * (3 if self.info.hdr else 2)

    def _drawn(self, moment: _Moment, out: Fraction, end: Fraction) -> Iterator[Frame]:
        """The picture as one frame, or as several where it stays long."""
        stop = min(out + moment.duration * self._tick, end)
        step = self._step if moment.duration * self._tick > STILL_S else stop - out
        source_time = moment.start * self._tick
        while out < stop:
            yield self._frame(moment.shot, out, min(step, stop - out), source_time)
            out += step

    def _frame(self, shot: DecodedFrame, time_s: Fraction, duration_s: Fraction, source_time_s: Fraction) -> Frame:
        return Frame(
            time_s,
            duration_s,
            self._reel.rgb(shot.picture),
            self.info.pixel_aspect,
            shot.picture,
            source_time_s=source_time_s,
        )

    # --- backwards --------------------------------------------------------------------------------------------------

    def _backwards(self, log: _Log) -> Iterator[_Moment]:
        """From the last but one picture down to the second: neither end is shown twice."""
        room = max(1, REVERSE_BYTES // self._frame_bytes)
        stop = len(log.pts) - 1
        for key in reversed(log.keys):
            first = max(key, 1)
            while stop > first:
                low = max(first, stop - room)
                shots = self._fetch(log, key, low, stop)
                while shots:
                    index = low + len(shots) - 1
                    yield _Moment(log.start[index], log.duration[index], shots.pop())
                stop = low

    def _fetch(self, log: _Log, key: int, low: int, stop: int) -> list[DecodedFrame]:
        """Pictures low to stop-1, decoded from the key picture if the file can seek, else from its start."""
        if self._can_seek and key > 0:
            shots = self._fetch_from_key(log, key, low, stop)
            if shots is not None:
                return shots
            self._can_seek = False
        shots = list(islice(self._reel.play(), low, stop))
        if len(shots) != stop - low:
            raise BrokenMediaError(f"{self.info.name} reads differently the second time; copy it to a local disk first")
        return shots

    def _fetch_from_key(self, log: _Log, key: int, low: int, stop: int) -> list[DecodedFrame] | None:
        """The same by seeking; None when the pictures found are not exactly the ones that were played before."""
        wanted = list(log.pts[low:stop])
        if log.pts[key] == _NO_PTS or any(b <= a for a, b in pairwise(wanted)):
            return None
        shots: list[DecodedFrame] = []
        for shot in self._reel.play(log.pts[key]):
            if shot.pts is None or shot.pts > wanted[-1]:
                break
            if shot.pts == wanted[len(shots)]:
                shots.append(shot)
                if len(shots) == len(wanted):
                    return shots
        return None

    # --- survey -----------------------------------------------------------------------------------------------------

    def sample_frames(self, limit: int = SURVEY_FRAMES) -> Iterator[Frame]:
        """Frames spread over the video: key pictures of a long one, else out of its first seconds."""
        if limit <= 0:
            return
        found: set[Fraction] = set()
        length = self.info.duration_s
        if length is not None and length > SURVEY_SPAN_S and self._reel.first_pts is not None:
            for frame in self._survey_by_seeking(limit, length):
                found.add(frame.time_s)
                yield frame
        if len(found) < min(limit, _FEW_KEYFRAMES):
            rest = self._survey_in_order(limit - len(found))
            yield from (frame for frame in rest if frame.time_s not in found)

    def _survey_by_seeking(self, limit: int, length: float) -> Iterator[Frame]:
        """The key picture at or before each of `limit` evenly spread times, no picture twice."""
        first = self._reel.first_pts or 0
        latest: int | None = None
        targets = (first + int(length * (number + 0.5) / limit / self._tick) for number in range(limit))
        for shot in self._reel.seek_frames(targets):
            if shot.pts is None or (latest is not None and shot.pts <= latest):
                continue
            latest = shot.pts
            time_s = (shot.pts - first) * self._tick
            yield self._frame(shot, time_s, self._step, time_s)

    def _survey_in_order(self, limit: int) -> Iterator[Frame]:
        """Evenly spread pictures of the first seconds, in one go."""
        span = Fraction(min(self.info.duration_s or SURVEY_SPAN_S, SURVEY_SPAN_S))
        taken = 0
        for moment in self._moments():
            time_s = moment.start * self._tick
            if time_s > SURVEY_SPAN_S or taken == limit:
                return
            if time_s >= span * taken / limit:
                taken += 1
                yield self._frame(moment.shot, time_s, moment.duration * self._tick, time_s)
