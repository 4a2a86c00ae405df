"""The motion of a mouth, measured in a video.

    video -> face tracker -> landmarks without pose -> displacement from the person's own closed mouth

It is what training learns from (`mouthpiece.datasets.measuring` and `motion_space`), on the video's own frames. Each
shot has a closed mouth of its own. Frames without a face are filled: a gap of at most BRIDGE_S within a shot is bridged
in a straight line, in longer ones the mouth eases to rest and back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import numpy as np

from mouthpiece.concurrency import one_thread_each
from mouthpiece.datasets.measuring import SHORTEST_PART_S, SHORTEST_VIDEO_S, canonical_landmarks, picture_lead_s
from mouthpiece.datasets.motion_space import measure_motion, symmetrical
from mouthpiece.datasets.recordings import Recording
from mouthpiece.errors import Cancelled, InputError, NoFaceError, NoPictureError
from mouthpiece.face import FaceChoice, FaceTracker
from mouthpiece.media import FaceInput, FaceSource, Named, open_face
from mouthpiece.motion.basis import MOTION_POINTS, width_of
from mouthpiece.motion.motion_track import activity_of, closeness_of, jaw_of, opening_of
from mouthpiece.motion.style import LEAST_SWING
from mouthpiece.motion_capture.landmarks import LandmarkStore
from mouthpiece.notices import Notice, notice
from mouthpiece.options import CaptureOptions, Fit
from mouthpiece.types import EASE_S, FloatArray, Motion, MotionTrack, as_float, motion_left

BRIDGE_S = 2 * EASE_S
"""Gaps of up to so much within a shot are bridged in a straight line."""
REFERENCE_FRAMES = 3000
"""Frames spread over a shot that its closed mouth is found in: two minutes of video, all of a shorter one."""
LOW_PERCENTILE, HIGH_PERCENTILE = 5, 95
"""Ends of the openings whose difference shows whether the mouth moves."""
MOST_SECONDS = Fraction(10**6)


def capture(
    video: FaceInput,
    options: CaptureOptions | None = None,
    *,
    progress: Callable[[float, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> MotionTrack:
    """Measure the motion of a mouth in a video of somebody who speaks.

    Args:
        video: path or binary file object.
        options: everything else.
        progress: called after each frame with the seconds done and the seconds in all (0 where that is unknown).
        cancelled: called before each frame; True ends the job.

    Returns:
        A track at the video's own frames; about 2.4 kB for each of them.

    Raises:
        InputError: the video can't be used: it is a photo, shows no face or a mouth that doesn't move.
        Cancelled: `cancelled` returned True.
    """
    with CapturedMotion(video, options, progress=progress, cancelled=cancelled) as captured:
        motions = [motion for _, motion, _ in captured]
        displacement = np.stack([motion.displacement for motion in motions])
        return MotionTrack(
            np.array(captured.time_s, dtype=np.float64),
            displacement,
            as_float([motion.opening for motion in motions]),
            width_of(displacement),
            jaw_of(displacement),
            as_float([motion.activity for motion in motions]),
            as_float([motion.closed for motion in motions]),
            np.array(captured.seen, dtype=bool),
            captured.fps,
            captured.name,
        )


class CapturedMotion:
    """The captured motion as a stream of frames. A context manager: measuring is done when it is entered."""

    def __init__(
        self,
        video: FaceInput,
        options: CaptureOptions | None = None,
        *,
        progress: Callable[[float, float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Take note of the job; arguments as of `capture`."""
        self._video = video
        self._options = options or CaptureOptions()
        self._progress = progress or (lambda done_s, total_s: None)
        self._cancelled = cancelled or (lambda: False)
        self._store = LandmarkStore()
        self._rests: dict[int, FloatArray] = {}
        """Shot -> its closed mouth, (P, 3), both halves alike."""
        self.fps = 0.0
        """Frames a second of the video."""
        self.name = ""
        """Of the video, for messages."""
        self.seen: list[bool] = []
        """Of each frame, whether the face was measured."""
        self._opening = np.zeros(0, dtype=np.float32)
        self._warnings: tuple[Notice, ...] = ()

    def __enter__(self) -> CapturedMotion:
        """Measure the video.

        Raises:
            InputError: it can't be used.
            Cancelled: the caller asked to stop.
        """
        try:
            with one_thread_each(), open_face(self._video) as source:
                self._measure(source)
                self._warnings = source.warnings
            self._find_rests()
            self._opening = as_float([opening_of(self._displacement(frame)) for frame in range(self.frames)])
            self._require_motion()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release temporary files."""
        self._store.close()

    @property
    def frames(self) -> int:
        """Frames of the video, or of the part that was asked for."""
        return self._store.frames

    @property
    def time_s(self) -> list[float]:
        """Of each frame, seconds of the video's sound from the beginning that was asked for."""
        return self._store.time_s.tolist()

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know."""
        unseen = self.frames - sum(self.seen)
        return (*self._warnings, notice("face-unseen", count=unseen, total=self.frames)) if unseen else self._warnings

    def __iter__(self) -> Iterator[tuple[float, Motion, bool]]:
        """Yield each frame's time, its motion, and whether it was measured."""
        activity = activity_of(self._opening, self.fps)
        closed = activity * closeness_of(self._opening)
        for frame, time_s in enumerate(self._store.time_s):
            motion = Motion(
                self._displacement(frame), float(self._opening[frame]), float(activity[frame]), float(closed[frame])
            )
            yield time_s, motion, self.seen[frame]

    def _measure(self, source: FaceSource) -> None:
        """Follow the face through the video.

        Raises:
            NoPictureError: it is a photo.
            InputError: the part that was asked for is empty.
        """
        options, info = self._options, source.info
        self.name, self.fps = info.name, float(info.fps)
        if info.is_photo:
            raise NoPictureError(f"expected a video of somebody who speaks, {info.name} is a still picture")
        lead_s = _picture_lead_s(self._video)
        total_s = min(info.duration_s or 0.0, options.end_s or np.inf)
        until_s = MOST_SECONDS if options.end_s is None else Fraction(options.end_s).limit_denominator(90_000) - lead_s
        tracker = FaceTracker(FaceChoice(options.face), options.device, smooth=False)
        frames = source.frames(until_s, Fit.CUT) if until_s > 0 else iter(())
        for frame in frames:
            if self._cancelled():
                raise Cancelled("stopped as asked; nothing was written")
            # The picture may begin later than its sound, whose clock counts: with it, the motion is played.
            time_s = float(frame.time_s + lead_s) - options.start_s
            if time_s < 0:
                continue
            tracked = tracker.track(frame)
            face = tracked.face
            shape = None if face is None else canonical_landmarks(face, float(frame.pixel_aspect))[MOTION_POINTS]
            self._store.add(time_s, tracked.shot, shape)
            self._progress(time_s + options.start_s, total_s)
        if self.frames < 2:
            raise InputError(
                f"expected pictures from {options.start_s:g} s on, {info.name} has {self.frames} there; choose "
                "another part"
            )

    def _find_rests(self) -> None:
        """Find the closed mouth of each shot.

        Raises:
            NoFaceError: no shot shows a face for long enough.
        """
        shots = {
            shot: list(frames)
            for shot, frames in groupby(self._store.seen(), key=lambda frame: self._store.shot[frame])
        }
        least_s = SHORTEST_VIDEO_S if len(shots) <= 1 else SHORTEST_PART_S
        for shot, frames in shots.items():
            if len(frames) < least_s * self.fps:
                continue
            spread = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), REFERENCE_FRAMES)).round().astype(int))
            self._rests[shot] = _closed_mouth(self._store.many([frames[row] for row in spread]), self.fps, self.name)
        measured = {frame for shot in self._rests for frame in shots[shot]}
        if not measured:
            seen = sum(map(len, shots.values()))
            raise NoFaceError(
                f"expected one face for {least_s:g} s and more in {self.name}, saw it in {seen} of {self.frames} "
                "frames; film somebody who faces the camera"
            )
        self.seen = [frame in measured for frame in range(self.frames)]
        known = np.flatnonzero(self.seen)
        self._before = known[np.maximum(np.searchsorted(known, np.arange(self.frames), side="right") - 1, 0)]
        self._after = known[np.minimum(np.searchsorted(known, np.arange(self.frames)), len(known) - 1)]

    def _require_motion(self) -> None:
        """Refuse a mouth that doesn't move.

        Raises:
            InputError: it doesn't.
        """
        low, high = np.percentile(self._opening[np.array(self.seen)], [LOW_PERCENTILE, HIGH_PERCENTILE])
        if high - low < LEAST_SWING:
            raise InputError(
                f"expected somebody who speaks in {self.name}, the mouth opens and shuts by {100 * (high - low):.1f} % "
                "of the eyes' distance only; film one who speaks, or choose another face"
            )

    def _displacement(self, frame: int) -> FloatArray:
        """Return the displacement of any frame, (P, 3)."""
        if self.seen[frame]:
            return symmetrical(self._store.landmarks(frame)) - self._rests[self._store.shot[frame]]
        time_s, before, after = self._store.time_s, int(self._before[frame]), int(self._after[frame])
        now_s, gap_s = time_s[frame], time_s[after] - time_s[before]
        if before < frame < after and gap_s <= BRIDGE_S and self._store.shot[before] == self._store.shot[after]:
            share = np.float32((now_s - time_s[before]) / gap_s)
            return self._displacement(before) + share * (self._displacement(after) - self._displacement(before))
        left = np.float32(motion_left(now_s - time_s[before]) if before < frame else 0)
        coming = np.float32(motion_left(time_s[after] - now_s) if after > frame else 0)
        return left * self._displacement(before) + coming * self._displacement(after)


def _closed_mouth(shapes: FloatArray, fps: float, name: str) -> FloatArray:
    """Return the closed mouth of one person's (n, P, 3) un-posed shapes, (P, 3), both halves alike."""
    seen = np.ones(len(shapes), dtype=bool)
    silence = np.zeros(0, dtype=np.float32)
    recording = Recording("capture", name, "", fps, silence, (), shapes, seen, points=MOTION_POINTS)
    # Measured motion is what symmetrical shapes have beyond it.
    rest: FloatArray = symmetrical(shapes[0]) - measure_motion(recording).displacement[0]
    return rest


def _picture_lead_s(video: FaceInput) -> Fraction:
    """Return how much later than its sound a video's picture starts, seconds; 0 for what is no file."""
    plain = video.source if isinstance(video, Named) else video
    return picture_lead_s(Path(os.fsdecode(plain))) if isinstance(plain, str | os.PathLike) else Fraction(0)
