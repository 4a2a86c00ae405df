"""What happens during a sync, for its progress and its result."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mouthpiece.errors import NoFaceError
from mouthpiece.notices import Notice, notice
from mouthpiece.types import Box, FaceStretch, Frame, Progress, SkipReason, TrackedFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What was made, and how it went."""

    path: Path
    """The video."""
    frames: int
    """Frames in it."""
    seconds: float
    """Its length."""
    elapsed_s: float
    """Wall-clock seconds that it took."""
    first_frame_s: float
    """Wall-clock seconds until the first frame was written."""
    timeline: tuple[FaceStretch, ...]
    """Where the mouth was moved and where frames passed through, in order, without gaps."""
    faces_seen: int
    """Faces in the first frame that had any."""
    face_chosen: Box | None
    """Where the chosen face was then, pixels of the output."""
    engine: str
    """Name of the engine."""
    warnings: tuple[Notice, ...]
    """What the user should know."""

    @property
    def speed(self) -> float:
        """Seconds of video made per second of waiting."""
        return self.seconds / self.elapsed_s if self.elapsed_s > 0 else 0.0


class Journal:
    """Collects what is tracked and written."""

    def __init__(self) -> None:
        self._notes: list[tuple[float, float, SkipReason | None]] = []
        self._first: TrackedFrame | None = None
        self._started = time.monotonic()
        self._first_frame_s = 0.0
        self.progress = Progress(0, 0, 0.0, 0.0)

    def note(self, tracked: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
        """Pass tracked frames on, and keep where the face could be used."""
        for one in tracked:
            start_s, end_s = float(one.frame.time_s), float(one.frame.time_s + one.frame.duration_s)
            if self._notes and self._notes[-1][2] == one.skip_reason:
                self._notes[-1] = (self._notes[-1][0], end_s, one.skip_reason)
            else:
                self._notes.append((start_s, end_s, one.skip_reason))
            if one.face is not None and self._first is None:
                self._first = TrackedFrame(one.frame, one.face, faces_seen=one.faces_seen)
            yield one

    def wrote(self, frame: Frame, duration_s: Fraction, fps: Fraction) -> None:
        """Count a written frame.

        Args:
            frame: the frame, at its time in the output.
            duration_s: of the whole output, seconds.
            fps: frames a second to expect.
        """
        elapsed_s = time.monotonic() - self._started
        frames = self.progress.frames + 1
        if frames == 1:
            self._first_frame_s = elapsed_s
        total = max(frames, round(float(duration_s * fps)))
        self.progress = Progress(frames, total, float(frame.time_s + frame.duration_s), elapsed_s)

    def require_a_face(self) -> None:
        """Refuse a video in which nothing was synced.

        Raises:
            NoFaceError: no frame that would be written could be used.
        """
        if self._first is None:
            raise NoFaceError(
                "expected a face within the part of the video that the speech covers, found none; "
                "use another video or longer speech"
            )

    def result(self, path: Path, engine: str, warnings: Sequence[Notice]) -> SyncResult:
        """Sum up.

        Args:
            path: the video.
            engine: the engine's name.
            warnings: what files, options and engine made necessary.
        """
        timeline = tuple(FaceStretch(start, end, why is None, why) for start, end, why in self._notes)
        notices = list(warnings)
        first = self._first
        if first is not None and first.faces_seen > 1:
            notices.append(notice("faces-ignored", faces=first.faces_seen))
        passed_s = sum(s.end_s - s.start_s for s in timeline if not s.synced)
        if passed_s > 0:
            reasons = ", ".join(sorted({str(s.reason) for s in timeline if s.reason}))
            notices.append(notice("stretches-passed", seconds=passed_s, reasons=reasons))
        return SyncResult(
            path=path,
            frames=self.progress.frames,
            seconds=self.progress.seconds,
            elapsed_s=time.monotonic() - self._started,
            first_frame_s=self._first_frame_s,
            timeline=timeline,
            faces_seen=first.faces_seen if first else 0,
            face_chosen=first.face.box if first and first.face else None,
            engine=engine,
            warnings=tuple(dict.fromkeys(notices)),
        )
