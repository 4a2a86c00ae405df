"""Faces measured in videos of any length, in parts that can be learned from.

    video --measure_video--> parts: one person, one shot, at most PART_S long, sound and landmarks on one clock

Landmarks are kept un-posed: turned to the front, centred and scaled to the outer eye distance, so that what is left of
them is the face's own motion. Only the moving and the rigid points are kept, and only one part is held at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.layouts import ClipSource, read_align
from mouthpiece.datasets.recordings import Recording, open_arrays
from mouthpiece.errors import InputError, NoFaceError, NoPictureError, OptionError
from mouthpiece.face import FaceTracker, reference_face
from mouthpiece.face.pose import RIGID_POINTS
from mouthpiece.media import open_face, open_speech
from mouthpiece.motion.basis import MOTION_POINTS
from mouthpiece.options import Fit
from mouthpiece.types import SAMPLE_RATE, Face, FloatArray, Frame, SpokenWord

KEPT_POINTS: NDArray[np.intp] = np.union1d(MOTION_POINTS, RIGID_POINTS)
"""(P,) mesh points that are kept: what speech moves, and what shows that the pose was taken out."""
MIN_SEEN = 0.8
"""Share of a part's frames in which the face must have been measured."""
PART_S = 60.0
"""A part is no longer than this: the resting mouth is taken to be the same throughout."""
SHORTEST_PART_S = 2.0
"""Parts shorter than this show too little of the person's rest."""
SHORTEST_VIDEO_S = 1.0
"""A video that is all one part may be a little shorter."""
GAP_S = 1.0
"""Where the face is not seen for so long, a part ends."""
BLUR = 0.1
"""Frames nearer to a tick of the even clock than this share of its step are taken as they are."""
LONGEST_BRIDGE_S = 0.1
"""Frames farther apart than this have nothing between them."""
MAX_FPS = 60
_FOREVER = Fraction(10**9)


def measure_video(source: ClipSource) -> Iterator[Recording]:
    """Decode a video, follow its face, un-pose it.

    Args:
        source: a video with sound.

    Yields:
        Its usable parts in order, named `NAME`, `NAME+2`, ...

    Raises:
        NoPictureError, NoSoundError: a track is missing.
        NoFaceError: no part shows one face for long enough.
        InputError: the file or its .align can't be read.
    """
    words = read_align(source.align) if source.align else ()
    with open_face(source.media) as face, open_speech(source.media) as speech:
        if face.info.is_photo:
            raise NoPictureError(
                f"{source.media.name}: expected a video, found a still picture; this corpus needs video"
            )
        fps = min(face.info.fps, Fraction(MAX_FPS))
        cutter = _PartCutter(float(fps))
        sound = _SoundTrack(speech.samples(), picture_lead_s(source.media))
        rows = _evenly(_tracked(face.frames(_FOREVER, Fit.CUT)), fps)
        count = 0
        for part in cutter.parts(rows):
            name = source.name if count == 0 else f"{source.name}+{count + 1}"
            recording = _recording(source, name, part, float(fps), sound)
            if recording is not None:
                count += 1
                start_s = part.first / float(fps)
                spoken = words_between(words, start_s, start_s + recording.frames / float(fps))
                yield replace(recording, words=spoken, start_s=start_s)
    if count == 0:
        raise NoFaceError(
            f"{source.name}: expected one face for {SHORTEST_PART_S:g} s and more, saw it in {cutter.seen} of "
            f"{cutter.frames} frames; leave it out, or cut it to where somebody faces the camera"
        )


def picture_lead_s(path: Path) -> Fraction:
    """Read how much later than its sound a file's picture starts, seconds; 0 where it starts first or it is unknown."""
    import av

    with av.open(str(path)) as container:
        starts = [
            Fraction(stream.start_time) * stream.time_base
            if stream.start_time is not None and stream.time_base
            else None
            for stream in (*container.streams.video[:1], *container.streams.audio[:1])
        ]
    if len(starts) < 2 or starts[0] is None or starts[1] is None:
        return Fraction(0)
    return max(starts[0] - starts[1], Fraction(0))


Row = tuple[float, int, FloatArray | None]
"""A frame: its time in seconds, its shot, and (P, 3) landmarks where the face was measured."""


def _tracked(frames: Iterator[Frame]) -> Iterator[Row]:
    tracker = FaceTracker(smooth=False)
    for frame in frames:
        tracked = tracker.track(frame)
        aspect = float(frame.pixel_aspect)
        landmarks = canonical_landmarks(tracked.face, aspect)[KEPT_POINTS] if tracked.face else None
        yield float(frame.time_s), tracked.shot, landmarks


def _evenly(rows: Iterator[Row], fps: Fraction) -> Iterator[Row]:
    """Yield rows at 0, 1 / fps, 2 / fps, ...: frames that come unevenly are interpolated, others are as they were."""
    step = 1 / float(fps)
    before: Row | None = None
    index = 0
    for row in rows:
        while index * step <= row[0] + BLUR * step:
            yield index * step, row[1], _at(index * step, before, row, BLUR * step)
            index += 1
        before = row


def _at(time_s: float, before: Row | None, after: Row, near_s: float) -> FloatArray | None:
    """Interpolate landmarks between two frames; take those of a frame that is near."""
    if before is None or before[0] >= after[0]:
        return after[2]
    if time_s > after[0] - near_s:
        return after[2]
    if time_s < before[0] + near_s:
        return before[2]
    if before[1] != after[1] or before[2] is None or after[2] is None or after[0] - before[0] > LONGEST_BRIDGE_S:
        return None
    share = (time_s - before[0]) / (after[0] - before[0])
    return np.asarray(before[2] + np.float32(share) * (after[2] - before[2]), dtype=np.float32)


class _Part:
    """Frames of one shot, one after the other."""

    def __init__(self, first: int, shot: int) -> None:
        self.first = first
        self.shot = shot
        self.rows: list[FloatArray | None] = []
        self.anybody = False
        """Whether the face was seen at all."""
        self.unseen = 0
        """Frames since it was last seen."""

    def add(self, shot: int, landmarks: FloatArray | None) -> None:
        """Take the next frame. A shot counts up when somebody is found: until then, it is the same part."""
        self.shot = self.shot if self.anybody else shot
        self.rows.append(landmarks)
        self.anybody = self.anybody or landmarks is not None
        self.unseen = 0 if landmarks is not None else self.unseen + 1

    @property
    def seen(self) -> int:
        """Frames in which the face was measured."""
        return sum(row is not None for row in self.rows)


class _PartCutter:
    """Cuts a video's frames into parts."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self.frames = 0
        """Looked at so far."""
        self.seen = 0
        """Of these, with a face."""

    def parts(self, rows: Iterator[Row]) -> Iterator[_Part]:
        """Yield parts that are long enough and seen well enough; a whole video may be shorter."""
        part: _Part | None = None
        whole = True
        for _, shot, landmarks in rows:
            if part is not None and self._ends(part, shot):
                whole = False
                if self._usable(part, whole=False):
                    yield part
                part = None
            if part is None:
                part = _Part(self.frames, shot)
            part.add(shot, landmarks)
            self.frames += 1
            self.seen += landmarks is not None
        if part is not None and self._usable(part, whole=whole):
            yield part

    def _ends(self, part: _Part, shot: int) -> bool:
        return (
            (part.anybody and shot != part.shot)
            or len(part.rows) >= PART_S * self._fps
            or part.unseen >= GAP_S * self._fps
        )

    def _usable(self, part: _Part, *, whole: bool) -> bool:
        if part.unseen >= GAP_S * self._fps:
            part.rows = part.rows[: -part.unseen]
        while not whole and part.rows and part.rows[0] is None:
            part.rows.pop(0)
            part.first += 1
        long_enough = len(part.rows) >= (SHORTEST_VIDEO_S if whole else SHORTEST_PART_S) * self._fps
        return long_enough and part.seen / len(part.rows) >= MIN_SEEN


class _SoundTrack:
    """A video's sound, taken from front to back; what was passed is forgotten."""

    def __init__(self, blocks: Iterator[FloatArray], lead_s: Fraction) -> None:
        self._blocks = blocks
        self._kept = np.zeros(0, dtype=np.float32)
        self._first = -round(lead_s * SAMPLE_RATE)
        """Sample, counted from the first picture, that _kept begins with."""

    def between(self, start_s: float, end_s: float) -> FloatArray:
        """Take (n,) samples, fewer where the sound ends earlier; to be called in order."""
        start, end = round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
        pieces = [self._kept]
        have = self._first + len(self._kept)
        while have < end and (block := next(self._blocks, None)) is not None:
            pieces.append(block)
            have += len(block)
        joined = np.concatenate(pieces)
        taken = joined[max(start - self._first, 0) : max(end - self._first, 0)]
        passed = min(max(end - self._first, 0), len(joined))
        self._kept = joined[passed:].copy()
        self._first += passed
        return taken


def _recording(source: ClipSource, name: str, part: _Part, fps: float, sound: _SoundTrack) -> Recording | None:
    """Join a part and its sound; None where the sound is over."""
    start_s, end_s = part.first / fps, (part.first + len(part.rows)) / fps
    samples = sound.between(start_s, end_s)
    frames = min(len(part.rows), round(len(samples) / SAMPLE_RATE * fps))
    # A frame or two without sound at the end are common, and silent; more is a sound that ended.
    if len(part.rows) - frames <= 2:
        frames = len(part.rows)
        samples = np.pad(samples, (0, max(round((end_s - start_s) * SAMPLE_RATE) - len(samples), 0)))
    if frames < 2:
        return None
    landmarks, seen = filled(part.rows)
    return Recording(
        source.corpus,
        name,
        source.split,
        fps,
        samples,
        (),
        landmarks[:frames],
        seen[:frames],
        points=KEPT_POINTS,
    )


def filled(rows: Sequence[FloatArray | None]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return (T, P, 3) landmarks, those of frames without a face a neighbour's, and which were measured, (T,)."""
    measured = np.array([row is not None for row in rows], dtype=bool)
    known = [row for row in rows if row is not None]
    if not known:
        return np.zeros((len(rows), len(KEPT_POINTS), 3), dtype=np.float32), measured
    place = np.searchsorted(np.flatnonzero(measured), np.arange(len(rows)))
    return np.stack(known)[np.minimum(place, len(known) - 1)], measured


def words_between(words: tuple[SpokenWord, ...], start_s: float, end_s: float) -> tuple[SpokenWord, ...]:
    """Return the words that lie at least in part between two moments, counted from the first one."""
    return tuple(
        SpokenWord(word.text, max(word.start_s, start_s) - start_s, min(word.end_s, end_s) - start_s)
        for word in words
        if word.start_s < end_s and word.end_s > start_s
    )


def read_curves(source: ClipSource) -> Recording:
    """Read a clip that has rig curves instead of a picture.

    Raises:
        InputError: the curves' file is not what it should be.
        NoSoundError: there is no sound.
    """
    if source.curves is None:
        raise OptionError(f"{source.name} has no curves; use measure_video")
    try:
        with open_arrays(source.curves) as file:
            weights, names = file["weights"].astype(np.float32), [str(n) for n in file["names"]]
            fps = float(file["fps"])
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise InputError(f"{source.curves.name}: expected arrays weights, names and fps; {error}") from error
    if weights.ndim != 2 or weights.shape[1] != len(names) or not 1 <= fps <= 240:
        raise InputError(
            f"{source.curves.name}: expected weights (frames, {len(names)}) at 1 to 240 fps, "
            f"got {weights.shape} at {fps:g}"
        )
    curves = {name: np.ascontiguousarray(weights[:, i]) for i, name in enumerate(names)}
    seen = np.ones(len(weights), dtype=bool)
    return Recording(source.corpus, source.name, source.split, fps, read_sound(source.media), (), None, seen, curves)


def canonical_landmarks(face: Face, pixel_aspect: float = 1.0) -> FloatArray:
    """Take the pose out of a face's landmarks.

    Args:
        face: a measured face.
        pixel_aspect: of the picture that it was measured in.

    Returns:
        (478, 3) float32 in canonical units; the rigid points lie on the reference face's in the mean.
    """
    square = face.landmarks * np.array([pixel_aspect, 1, 1], dtype=np.float32)
    square = square - np.array([*face.pose.centre, 0.0], dtype=np.float32)
    turned = square @ face.pose.rotation / np.float32(face.pose.scale)
    # The picture doesn't say how far the head is: depth is counted from where the rigid points have it.
    depth = (reference_face()[RIGID_POINTS, 2] - turned[RIGID_POINTS, 2]).mean()
    shift = face.pose.rotation[2] * depth / max(float(face.pose.rotation[2, 2]), 0.3)
    unposed: FloatArray = (turned + shift).astype(np.float32)
    return unposed


def read_sound(path: Path) -> FloatArray:
    """Read all of a file's first sound track as mono float32 at SAMPLE_RATE, (n,).

    Raises:
        NoSoundError: there is none.
        InputError: the file can't be decoded.
    """
    with open_speech(path) as speech:
        return np.concatenate(list(speech.samples())).astype(np.float32)
