"""Tracking of one face through a video.

The mesh is measured around its place in the frame before; the detector runs again when the face is lost and when the
picture cuts. A file of one picture goes the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mouthpiece.face.descriptor import face_descriptor
from mouthpiece.face.detector import Detection, FaceDetector
from mouthpiece.face.mesh import CROP_FACTOR, LIP_EDGES, FaceMesh
from mouthpiece.face.pose import head_pose
from mouthpiece.face.smoothing import OneEuroFilter
from mouthpiece.face.visibility import OcclusionDetector
from mouthpiece.inference import resolve_device, run_in_parallel
from mouthpiece.options import check_face_rule
from mouthpiece.types import SAME_PERSON, Face, FloatArray, Frame, Picture, SkipReason, TrackedFrame, as_float

MIN_MESH_SCORE = 0.5
MIN_EYE_DISTANCE_PX = 14.0
MAX_YAW_DEG = 50.0
MAX_PITCH_DEG = 40.0
SAME_PERSON_AT_CUT = 0.75
"""SAME_PERSON where the picture cuts: taking one person for two costs nothing, taking two for one leaves a ghost."""
JUMP = 0.85
"""Likeness to the frame before below which somebody else may have come into the same place."""
KNOWN_FRAMES = 8
"""Frames after which a lost person is waited for rather than another taken."""
CUT_DIFFERENCE = 0.16
"""Mean difference of two thumbnails (0-1) from one frame to the next that is a cut."""
THUMBNAIL = (64, 36)
TILE_SHARE = 0.5
"""Side of the tiles searched for small faces, as a share of the picture's."""
THOROUGH_EVERY_S = 0.5
"""While nobody is seen, how often the tiles are searched as well, seconds."""
_MEAN_COLOUR = np.full(3, 1 / (3 * 255), dtype=np.float32)


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
        check_face_rule(self.rule)

    def pick(self, detections: list[Detection]) -> Detection | None:
        """Choose one, or None where there are fewer faces than the number asked for."""
        if not detections:
            return None
        if self.rule == "largest":
            return max(detections, key=lambda d: d.size)
        by_place = sorted(detections, key=lambda d: float(d.centre[0]))
        if self.rule in ("left", "right"):
            return by_place[0 if self.rule == "left" else -1]
        number = int(self.rule)
        return by_place[number - 1] if number <= len(by_place) else None


@dataclass(frozen=True, slots=True)
class _Measurement:
    """A face as the mesh measured it."""

    square: FloatArray
    """(478, 3) landmarks in square pixels."""
    score: float
    descriptor: FloatArray

    def face(self, aspect: float) -> Face:
        """Return it as a face of the stored picture."""
        return Face(
            as_float(self.square / np.array([aspect, 1, 1])), head_pose(self.square), self.score, self.descriptor
        )

    def likeness(self, descriptor: FloatArray) -> float:
        """Compare with a descriptor, -1 to 1."""
        return float(self.descriptor @ descriptor)


def _thumbnail(rgb: Picture) -> FloatArray:
    """Sample a few pixels of the picture to detect cuts by, (rows, columns) float32 in 0-1."""
    height, width = rgb.shape[:2]
    samples = rgb[:: max(1, height // THUMBNAIL[1]), :: max(1, width // THUMBNAIL[0])][: THUMBNAIL[1], : THUMBNAIL[0]]
    return as_float(as_float(samples) @ _MEAN_COLOUR)


class FaceTracker:
    """A tracker of the chosen face; call `track` with the frames in order."""

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
        self._occlusion = OcclusionDetector()
        self.reset()

    def reset(self) -> None:
        """Forget the video."""
        self._last: _Measurement | None = None
        """Of the frame before, if it showed the face."""
        self._descriptor: FloatArray | None = None
        """Of the latest frame that showed the face."""
        self._person: FloatArray | None = None
        """Descriptor of the person followed, averaged over the latest frames."""
        self._thumbnail: FloatArray | None = None
        self._shot = 0
        self._faces_seen = 0
        self._had_company = False
        self._person_frames = 0
        self._searched_s: float | None = None
        self._occlusion.reset()
        if self._filter:
            self._filter.reset()

    def track(self, frame: Frame) -> TrackedFrame:
        """Find the chosen face in the next frame."""
        aspect = float(frame.pixel_aspect)
        thumbnail = _thumbnail(frame.rgb)
        cut = self._thumbnail is not None and float(np.abs(thumbnail - self._thumbnail).mean()) > CUT_DIFFERENCE
        self._thumbnail = thumbnail
        measured = None if cut or self._last is None else self._follow(frame, self._last.square, aspect)
        if measured is not None and self._descriptor is not None and measured.likeness(self._descriptor) < JUMP:
            measured, cut = None, True
        if measured is None:
            measured = self._search(frame, aspect, cut=cut)
            if self._filter:
                self._filter.reset()
        self._last = measured
        if measured is None:
            return TrackedFrame(frame, None, SkipReason.NO_FACE, self._shot, self._faces_seen)
        self._descriptor = measured.descriptor
        if self._filter:
            square = measured.square
            eye = float(np.linalg.norm(square[33] - square[263]))
            measured = replace(measured, square=self._filter(square, float(frame.time_s), eye))
        face = measured.face(aspect)
        skip_reason = _skip_reason(face, frame)
        if skip_reason is None and self._occlusion.hidden(frame.rgb, face):
            skip_reason = SkipReason.HIDDEN_MOUTH
        return TrackedFrame(frame, face if skip_reason is None else None, skip_reason, self._shot, self._faces_seen)

    def _follow(self, frame: Frame, last: FloatArray, aspect: float) -> _Measurement | None:
        """Measure at the face's place in the frame before; None when that person isn't there any more."""
        measured = self._measure(frame, *crop_around(last), aspect)
        if measured is None or (self._person is not None and measured.likeness(self._person) < SAME_PERSON):
            return None
        self._person_frames += 1
        if self._person is not None:
            mixed = 0.95 * self._person + 0.05 * measured.descriptor
            self._person = (mixed / np.linalg.norm(mixed)).astype(np.float32)
        return measured

    def _search(self, frame: Frame, aspect: float, *, cut: bool) -> _Measurement | None:
        """Search the whole picture: for the person followed so far, else for the choice's pick."""
        candidates = self._confirmed(frame, aspect)
        if candidates:  # Unconfirmed detections are fur, foliage, a pattern.
            self._faces_seen = len(candidates)
        if self._person is not None and not cut:
            person = self._person
            likest = max((c[1] for c in candidates), key=lambda one: one.likeness(person), default=None)
            if likest is not None and likest.likeness(person) >= SAME_PERSON:
                return likest
            if self._had_company and self._person_frames >= KNOWN_FRAMES:
                # The others were there when the choice was made, and were not chosen.
                return None
        picked = self._choice.pick([c[0] for c in candidates])
        if picked is None:
            return None
        measured = next(c[1] for c in candidates if c[0] is picked)
        if self._person is not None and measured.likeness(self._person) < SAME_PERSON_AT_CUT:
            self._shot += 1
            self._occlusion.reset()
        self._person = measured.descriptor
        self._person_frames = 1
        self._had_company = len(candidates) > 1
        return measured

    def _confirmed(self, frame: Frame, aspect: float) -> list[tuple[Detection, _Measurement]]:
        """Detect the faces that the mesh confirms, with its measurements."""
        confirmed = []
        for detection in self._detect(frame, aspect):
            eye_line = detection.eyes[1] - detection.eyes[0]
            angle = float(np.arctan2(eye_line[1], eye_line[0]))
            rough = self._measure(frame, detection.centre, detection.size * CROP_FACTOR, angle, aspect)
            # The detector's box is looser than the mesh's own; the second crop is like those of following frames.
            refined = self._measure(frame, *crop_around(rough.square), aspect) if rough else None
            if refined:
                confirmed.append((detection, refined))
        return confirmed

    def detect_all(self, frame: Frame) -> list[tuple[Face, SkipReason | None]]:
        """Detect every face of one picture, left to right as `FaceChoice` counts, each with the reason to skip it."""
        self._searched_s = None
        aspect = float(frame.pixel_aspect)
        by_place = sorted(self._confirmed(frame, aspect), key=lambda c: float(c[0].centre[0]))
        faces = [measured.face(aspect) for _, measured in by_place]
        return [(face, _skip_reason(face, frame)) for face in faces]

    def _detect(self, frame: Frame, aspect: float) -> list[Detection]:
        """Detect faces in the whole picture, or else in its tiles (not in every frame: nine runs take their time)."""
        detections = self._detector.detect(frame.rgb, aspect)
        now_s = float(frame.time_s)
        rested = self._searched_s is None or abs(now_s - self._searched_s) >= THOROUGH_EVERY_S
        if detections or not rested:
            return detections
        self._searched_s = now_s
        return self._detect_in_tiles(frame.rgb, aspect)

    def _detect_in_tiles(self, rgb: Picture, aspect: float) -> list[Detection]:
        """Detect faces too small for the whole picture's 256 pixels."""
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
    ) -> _Measurement | None:
        """Measure the face in a square; None where the mesh finds none."""
        if not np.isfinite(size) or size < 4:
            return None
        square, score = self._mesh.measure(frame.rgb, centre, size, angle, aspect)
        if score < MIN_MESH_SCORE:
            return None
        stored = (square / np.array([aspect, 1, 1])).astype(np.float32)
        return _Measurement(square, score, face_descriptor(frame.rgb, stored))


def crop_around(square: FloatArray) -> tuple[FloatArray, float, float]:
    """Compute centre, side and tilt of the crop to measure a face in again."""
    eye_line = square[263, :2] - square[33, :2]
    angle = float(np.arctan2(eye_line[1], eye_line[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    upright = square[:, :2] @ np.array([[cos, -sin], [sin, cos]], dtype=np.float32)
    low, high = upright.min(axis=0), upright.max(axis=0)
    centre = (low + high) / 2 @ np.array([[cos, sin], [-sin, cos]], dtype=np.float32)
    return centre.astype(np.float32), float((high - low).max()) * CROP_FACTOR, angle


def _skip_reason(face: Face, frame: Frame) -> SkipReason | None:
    """Find the reason why a face can't be worked on, if any."""
    if face.pose.scale < MIN_EYE_DISTANCE_PX:
        return SkipReason.TOO_SMALL
    if abs(face.pose.yaw_deg) > MAX_YAW_DEG or abs(face.pose.pitch_deg) > MAX_PITCH_DEG:
        return SkipReason.TURNED
    lips = face.landmarks[LIP_EDGES, :2]
    if (lips < 0).any() or (lips > np.array([frame.width - 1, frame.height - 1])).any():
        return SkipReason.OUTSIDE  # where the picture ends, the mesh goes on by guessing
    return None
