"""Following one face through a video.

The mesh of one frame says where to look in the next; the detector is asked again when the face is lost and when the
picture cuts. A file of one picture goes the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.face.descriptor import normalised_crop
from mouthpiece.face.detector import Detection, FaceDetector
from mouthpiece.face.mesh import CROP_FACTOR, LIP_EDGES, FaceMesh
from mouthpiece.face.pose import head_pose
from mouthpiece.face.smoothing import OneEuroFilter
from mouthpiece.face.visibility import MouthWatch
from mouthpiece.inference import resolve_device, run_in_parallel
from mouthpiece.types import Face, FloatArray, Frame, Picture, SkipReason, TrackedFrame, as_float

MIN_MESH_SCORE = 0.5
MIN_EYE_DISTANCE_PX = 14.0
MAX_YAW_DEG = 50.0
MAX_PITCH_DEG = 40.0
SAME_PERSON = 0.55
"""Least likeness of a followed face to how it has looked so far."""
SAME_PERSON_AT_CUT = 0.75
"""The same where the picture cuts: taking one person for two costs nothing, taking two for one leaves a ghost."""
JUMP = 0.85
"""Likeness to the frame before below which somebody else may have come into the same place."""
KNOWN_FRAMES = 8
"""Frames after which a person is known well enough to wait for rather than take another."""
CUT_DIFFERENCE = 0.16
"""Mean difference of two thumbnails (0-1) from one frame to the next that is a cut."""
THUMBNAIL = (64, 36)
TILE_SHARE = 0.5
"""Side of the tiles searched for small faces, as a share of the picture's."""
THOROUGH_EVERY_S = 0.5
"""While nobody is seen, how often the tiles are searched as well, seconds."""
_MEAN_COLOUR = np.full(3, 1 / (3 * 255), dtype=np.float32)

# Outer eye corners and the point under the nose, and where they go in the appearance thumbnail.
_APPEARANCE_POINTS = [33, 263, 2]
LOOK_SIZE = (24, 20)
_APPEARANCE_TARGET = np.array([[4, 7], [19, 7], [11.5, 18]], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Which of several faces to take."""

    rule: str = "largest"
    """largest, left, right, or a number from 1 counted from the left."""

    def __post_init__(self) -> None:
        """Check the rule.

        Raises:
            OptionError: it is none of the known ones.
        """
        if self.rule not in ("largest", "left", "right") and not re.fullmatch(r"[1-9]\d{0,2}", self.rule):
            raise OptionError(
                f"--face expects largest, left, right or a number from 1 (counted from the left), got {self.rule!r}"
            )

    def pick(self, detections: list[Detection]) -> Detection | None:
        """The chosen one, or None where there are fewer faces than the number asked for."""
        if not detections:
            return None
        if self.rule == "largest":
            return max(detections, key=lambda d: d.size)
        by_place = sorted(detections, key=lambda d: float(d.centre[0]))
        if self.rule in ("left", "right"):
            return by_place[0 if self.rule == "left" else -1]
        number = int(self.rule)
        return by_place[number - 1] if number <= len(by_place) else None


@lru_cache(maxsize=1)
def _mean_look() -> FloatArray:
    """What all upper faces share, (480,) float32; made by tools/make_mean_look.py."""
    look: FloatArray = np.load(Path(__file__).with_name("mean_descriptor.npy"), allow_pickle=False)
    return look


def descriptor(rgb: Picture, landmarks: FloatArray) -> FloatArray:
    """How the upper face differs from the average one, whatever its place, light and contrast: (480,) float32 of unit
    norm."""
    own = thumbnail_of_face(rgb, landmarks) - _mean_look()
    return (own / max(float(np.linalg.norm(own)), 1e-6)).astype(np.float32)


def thumbnail_of_face(rgb: Picture, landmarks: FloatArray) -> FloatArray:
    """The upper face in grey, brought to a common place, light and contrast: (480,) float32 of unit norm."""
    crop = normalised_crop(rgb, landmarks[_APPEARANCE_POINTS, :2], _APPEARANCE_TARGET, LOOK_SIZE)
    small = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    signature = small.astype(np.float32).reshape(-1)
    signature -= signature.mean()
    return (signature / max(float(np.linalg.norm(signature)), 1e-6)).astype(np.float32)


def _thumbnail(rgb: Picture) -> FloatArray:
    """A few pixels of the picture to see cuts by, (rows, columns) float32 in 0-1."""
    height, width = rgb.shape[:2]
    samples = rgb[:: max(1, height // THUMBNAIL[1]), :: max(1, width // THUMBNAIL[0])][: THUMBNAIL[1], : THUMBNAIL[0]]
    return as_float(as_float(samples) @ _MEAN_COLOUR)


class FaceTracker:
    """Follows the chosen face; call `track` with the frames in order."""

    def __init__(self, choice: FaceChoice | None = None, device: str = "CPU", *, smooth: bool = True) -> None:
        """Load the models.

        Args:
            choice: which face to take where there are several.
            device: OpenVINO device; where it isn't on this machine, the CPU does as well.
            smooth: remove landmark jitter; measurements for training are taken without.

        Raises:
            WeightsError: the models are not installed.
            EngineError: the device can't run them.
        """
        here, _ = resolve_device(device)
        self._detector, self._mesh = run_in_parallel(lambda: FaceDetector(here), lambda: FaceMesh(here))
        self._choice = choice or FaceChoice()
        self._filter = OneEuroFilter() if smooth else None
        self._mouth_watch = MouthWatch()
        self.reset()

    def reset(self) -> None:
        """Forget the video."""
        self._last: FloatArray | None = None
        self._person: FloatArray | None = None
        self._look: FloatArray | None = None
        self._thumbnail: FloatArray | None = None
        self._shot = 0
        self._faces_seen = 0
        self._had_company = False
        self._person_frames = 0
        self._searched_s: float | None = None
        self._mouth_watch.reset()
        if self._filter:
            self._filter.reset()

    def track_all(self, frames: Iterable[Frame]) -> Iterator[TrackedFrame]:
        """Track frames as they come."""
        for frame in frames:
            yield self.track(frame)

    def track(self, frame: Frame) -> TrackedFrame:
        """Find the chosen face in the next frame."""
        aspect = float(frame.pixel_aspect)
        thumbnail = _thumbnail(frame.rgb)
        cut = self._thumbnail is not None and float(np.abs(thumbnail - self._thumbnail).mean()) > CUT_DIFFERENCE
        self._thumbnail = thumbnail
        measured = None if cut or self._last is None else self._follow(frame, self._last, aspect)
        if measured is not None and self._look is not None and float(measured[2] @ self._look) < JUMP:
            measured, cut = None, True
        if measured is None:
            measured = self._search(frame, aspect, cut=cut)
            if self._filter:
                self._filter.reset()
        if measured is None:
            self._last = None
            return TrackedFrame(frame, None, SkipReason.NO_FACE, self._shot, self._faces_seen)
        square, score, looks = measured
        self._last, self._look = square, looks
        if self._filter:
            square = self._filter(square, float(frame.time_s), float(np.linalg.norm(square[33] - square[263])))
        face = _face(square, score, looks, aspect)
        skip_reason = _why_unusable(face, frame)
        if skip_reason is None and self._mouth_watch.hidden(frame.rgb, face):
            skip_reason = SkipReason.HIDDEN_MOUTH
        if skip_reason is not None:
            return TrackedFrame(frame, None, skip_reason, self._shot, self._faces_seen)
        return TrackedFrame(frame, face, None, self._shot, self._faces_seen)

    def _follow(self, frame: Frame, last: FloatArray, aspect: float) -> tuple[FloatArray, float, FloatArray] | None:
        """Measure where the face was a frame ago; None when it isn't that person there any more."""
        measured = self._measure(frame, *_crop_around(last), aspect)
        if measured is None or (self._person is not None and float(measured[2] @ self._person) < SAME_PERSON):
            return None
        self._person_frames += 1
        if self._person is not None:
            mixed = 0.95 * self._person + 0.05 * measured[2]
            self._person = (mixed / np.linalg.norm(mixed)).astype(np.float32)
        return measured

    def _search(self, frame: Frame, aspect: float, *, cut: bool) -> tuple[FloatArray, float, FloatArray] | None:
        """Look at the whole picture: the person followed so far if still there, else whom the choice picks."""
        candidates = self._confirmed(frame, aspect)
        if candidates:  # What the mesh doesn't confirm is fur, foliage, a pattern.
            self._faces_seen = len(candidates)
        if self._person is not None and not cut:
            person = self._person
            likest = max((c[1] for c in candidates), key=lambda m: float(m[2] @ person), default=None)
            if likest is not None and float(likest[2] @ person) >= SAME_PERSON:
                return likest
            if self._had_company and self._person_frames >= KNOWN_FRAMES:
                # The others were there when the choice was made, and were not chosen.
                return None
        picked = self._choice.pick([c[0] for c in candidates])
        if picked is None:
            return None
        measured = next(c[1] for c in candidates if c[0] is picked)
        if self._person is not None and float(measured[2] @ self._person) < SAME_PERSON_AT_CUT:
            self._shot += 1
            self._mouth_watch.reset()
        self._person = measured[2]
        self._person_frames = 1
        self._had_company = len(candidates) > 1
        return measured

    def _confirmed(self, frame: Frame, aspect: float) -> list[tuple[Detection, tuple[FloatArray, float, FloatArray]]]:
        """The detections that the mesh confirms, with what it measured."""
        confirmed = []
        for detection in self._detect(frame, aspect):
            eye_line = detection.eyes[1] - detection.eyes[0]
            angle = float(np.arctan2(eye_line[1], eye_line[0]))
            rough = self._measure(frame, detection.centre, detection.size * CROP_FACTOR, angle, aspect)
            # The detector's box is looser than the mesh's own; the second look is what tracking will see.
            refined = self._measure(frame, *_crop_around(rough[0]), aspect) if rough else None
            if refined:
                confirmed.append((detection, refined))
        return confirmed

    def detect_all(self, frame: Frame) -> list[tuple[Face, SkipReason | None]]:
        """Every face of one picture, left to right as `FaceChoice` counts them, each with why it can't be used."""
        self._searched_s = None
        aspect = float(frame.pixel_aspect)
        found = []
        for _, (square, score, looks) in sorted(self._confirmed(frame, aspect), key=lambda c: float(c[0].centre[0])):
            face = _face(square, score, looks, aspect)
            found.append((face, _why_unusable(face, frame)))
        return found

    def _detect(self, frame: Frame, aspect: float) -> list[Detection]:
        """Faces of the whole picture, or else of its tiles (not in every frame: nine looks take their time)."""
        detections = self._detector.detect(frame.rgb, aspect)
        now_s = float(frame.time_s)
        rested = self._searched_s is None or abs(now_s - self._searched_s) >= THOROUGH_EVERY_S
        if detections or not rested:
            return detections
        self._searched_s = now_s
        return self._detect_in_tiles(frame.rgb, aspect)

    def _detect_in_tiles(self, rgb: Picture, aspect: float) -> list[Detection]:
        """Faces too small for the whole picture's 256 pixels."""
        height, width = rgb.shape[:2]
        side_y, side_x = max(1, int(height * TILE_SHARE)), max(1, int(width * TILE_SHARE))
        found: list[Detection] = []
        for top in np.linspace(0, height - side_y, 3).astype(int):
            for left in np.linspace(0, width - side_x, 3).astype(int):
                shift = np.array([left * aspect, top], dtype=np.float32)
                for d in self._detector.detect(rgb[top : top + side_y, left : left + side_x], aspect):
                    moved = Detection(d.score, d.corners + np.tile(shift, 2), d.keypoints + shift)
                    if all(np.linalg.norm(moved.centre - o.centre) > o.size / 2 for o in found):
                        found.append(moved)
        return found

    def _measure(
        self, frame: Frame, centre: FloatArray, size: float, angle: float, aspect: float
    ) -> tuple[FloatArray, float, FloatArray] | None:
        """Landmarks in square pixels, score and appearance; None where the mesh sees no face."""
        if not np.isfinite(size) or size < 4:
            return None
        square, score = self._mesh.measure(frame.rgb, centre, size, angle, aspect)
        if score < MIN_MESH_SCORE:
            return None
        stored = (square / np.array([aspect, 1, 1])).astype(np.float32)
        return square, score, descriptor(frame.rgb, stored)


def _face(square: FloatArray, score: float, looks: FloatArray, aspect: float) -> Face:
    """A measurement in square pixels as a face of the stored picture."""
    return Face(as_float(square / np.array([aspect, 1, 1])), head_pose(square), score, looks)


def _crop_around(square: FloatArray) -> tuple[FloatArray, float, float]:
    """Centre, side and tilt of the crop to measure a face in again."""
    eye_line = square[263, :2] - square[33, :2]
    angle = float(np.arctan2(eye_line[1], eye_line[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    upright = square[:, :2] @ np.array([[cos, -sin], [sin, cos]], dtype=np.float32)
    low, high = upright.min(axis=0), upright.max(axis=0)
    centre = (low + high) / 2 @ np.array([[cos, sin], [-sin, cos]], dtype=np.float32)
    return centre.astype(np.float32), float((high - low).max()) * CROP_FACTOR, angle


def _why_unusable(face: Face, frame: Frame) -> SkipReason | None:
    """What makes a face that is there unfit to be worked on."""
    if face.pose.scale < MIN_EYE_DISTANCE_PX:
        return SkipReason.TOO_SMALL
    if abs(face.pose.yaw_deg) > MAX_YAW_DEG or abs(face.pose.pitch_deg) > MAX_PITCH_DEG:
        return SkipReason.TURNED
    lips = face.landmarks[LIP_EDGES, :2]
    if (lips < 0).any() or (lips > np.array([frame.width - 1, frame.height - 1])).any():
        return SkipReason.OUTSIDE  # where the picture ends, the mesh goes on by guessing
    return None
