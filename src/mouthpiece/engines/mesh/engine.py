"""The embedded default engine: speech -> mouth motion -> a smooth warp of the face's own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np

from mouthpiece.engines.base import Engine, EngineOptions
from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.interior import JAW_SHARE, DrawnMouth, MouthFrame, MouthScene, face_light
from mouthpiece.engines.mesh.motion import MotionBasis, MotionStream, motion_info, motion_row
from mouthpiece.engines.mesh.own_teeth import OwnTeeth, TeethSource, suitability, take_teeth
from mouthpiece.engines.mesh.seam import PARTED_OPENING, LipStrip, find_edges, lip_strip
from mouthpiece.engines.mesh.target import PlaneMap, canonical_shape, closed, opening
from mouthpiece.engines.mesh.warp import FaceMaps, LipWarp, draw_lips
from mouthpiece.types import EngineInfo, Face, FloatArray, Patch, SpeechChunk, TrackedFrame

SAME_PERSON = 0.55
"""Least likeness of two appearances of one person."""
MAX_PEOPLE = 8
"""Faces remembered at a time; the oldest is forgotten first."""
MAX_NEUTRAL_YAW_DEG = 25.0
"""Frames turned further tell little about the neutral shape."""
LIGHT_EVERY = 4
"""Frames from one measuring of the light to the next."""
LIGHT_MEMORY = 0.7
"""How much of the light measured last stays in the next: lamps don't flicker, single pixels do."""
EDGE_INSET = 0.012
"""How far into an open mouth's lips their edges are taken to lie, outer eye distances."""
CLOSED_GAP = 0.012
"""Gap up to which landmarks see closed lips."""
FOLLOW_NEAR, FOLLOW_FAR = 0.40, 0.85
"""Distances from the mouth (outer eye distances) where points are wholly, and no longer, taken back to neutral."""


@dataclass(slots=True)
class _Person:
    """One face as far as it was learned."""

    appearance: FloatArray
    neutral: FloatArray
    """(468, 3) canonical, mouth closed."""
    correction: FloatArray
    """(468,) what the landmarks must be moved by, down the face, to lie on the lips' edges."""
    warp: LipWarp
    mouth: MouthFrame
    drawn: DrawnMouth
    teeth: OwnTeeth | None
    follow: FloatArray
    """(P, 1): how far each motion point's own motion in the source is taken out."""
    light: FloatArray | None = None
    light_age: int = 0
    """Frames drawn since the light was measured."""


@dataclass(frozen=True, slots=True)
class _Look:
    """A frame's face beside the person's neutral one."""

    plane: PlaneMap
    shift: FloatArray
    """(2,) plane: what the mouth is off from where the pose puts it."""
    shown: FloatArray
    """(P, 2) plane: how the source's own mouth is displaced."""


@dataclass(slots=True)
class _Sightings:
    """What the survey saw of one person."""

    appearance: FloatArray
    shapes: list[FloatArray] = field(default_factory=list)
    yaws: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    strips: list[LipStrip] = field(default_factory=list)
    """Straightened lips of the frames in which they are about closed."""
    open_mouth: TrackedFrame | None = None
    """The frame that shows the inside of the mouth best."""
    open_mouth_suits: float = 0.0

    def add(self, tracked: TrackedFrame, face: Face) -> None:
        """Look at one more frame."""
        aspect = float(tracked.frame.pixel_aspect)
        shape = canonical_shape(face, aspect)
        self.shapes.append(shape)
        self.yaws.append(abs(face.pose.yaw_deg))
        self.scales.append(face.pose.scale)
        gap = opening(shape)
        if gap < PARTED_OPENING:
            self.strips.append(lip_strip(tracked.frame.rgb, face, PlaneMap.of(face, aspect)))
        suits = suitability(gap, face.pose.scale, face.pose.yaw_deg)
        if suits > self.open_mouth_suits:
            self.open_mouth, self.open_mouth_suits = tracked, suits


_Known = TypeVar("_Known", _Sightings, _Person)


class MeshEngine(Engine):
    """Moves the lips, jaw and cheeks of the source's own pixels, at the source's own resolution."""

    uses_phones = True

    def __init__(self, options: EngineOptions) -> None:
        """Load the motion network.

        Raises:
            WeightsError: it is missing or damaged.
            EngineError: the device can't run it.
        """
        super().__init__(options)
        self._basis = MotionBasis.load()
        self._points = np.asarray(self._basis.points)
        self._motion = MotionStream(
            self._basis,
            device=options.device,
            intensity=options.intensity,
            phones=options.phones,
            phones_blend=options.phones_blend,
        )
        self._people: list[_Person] = []
        self._shots: dict[int, _Person] = {}

    @classmethod
    def describe(cls, options: EngineOptions) -> EngineInfo:
        """What the engine is; loads nothing heavy."""
        return motion_info(options)

    def prepare(self, survey: Iterable[TrackedFrame]) -> None:
        """Learn every person's neutral face from the survey."""
        people: list[_Sightings] = []
        for tracked in survey:
            if tracked.face is None:
                continue
            seen = _best_match(people, tracked.face.appearance)
            if seen is None:
                seen = _Sightings(tracked.face.appearance)
                people.append(seen)
            seen.add(tracked, tracked.face)
        self._people = [self._learn(seen) for seen in people[-MAX_PEOPLE:]]
        self._shots = {}

    def _learn(self, seen: _Sightings) -> _Person:
        """Build a person from sightings: the mean of the most frontal ones, mouth closed."""
        yaws = np.array(seen.yaws)
        frontal = yaws <= max(MAX_NEUTRAL_YAW_DEG, float(np.percentile(yaws, 25)))
        mean = np.mean(np.array(seen.shapes)[frontal], axis=0).astype(np.float32)
        correction = find_edges(seen.strips).correction(mean)
        mean[:, 1] += correction
        neutral = closed(mean, self._basis.opening_mode, self._points)
        mouth = MouthFrame.of(neutral)
        away = np.linalg.norm(neutral[self._points, :2] - mouth.centre, axis=1)
        follow = np.clip((FOLLOW_FAR - away) / (FOLLOW_FAR - FOLLOW_NEAR), 0, 1)[:, None]
        drawn = DrawnMouth(mouth, float(np.median(seen.scales)))
        warp = LipWarp(neutral, self._points)
        person = _Person(seen.appearance, neutral, correction, warp, mouth, drawn, None, follow.astype(np.float32))
        if seen.open_mouth is not None and seen.open_mouth.face is not None:
            face, frame = seen.open_mouth.face, seen.open_mouth.frame
            look = self._look(person, face, float(frame.pixel_aspect))
            light = face_light(frame.rgb, face.landmarks)
            source = TeethSource(frame.rgb, face, look.plane, look.shift, self._jaw(look.shown), light)
            person.teeth = take_teeth(source, mouth)
            if person.teeth is not None and not person.teeth.lower:
                drawn.hang_upper_teeth(person.teeth.edge)
        return person

    def _look(self, person: _Person, face: Face, pixel_aspect: float) -> _Look:
        """Compare a frame's face with the person's neutral one."""
        plane = PlaneMap.of(face, pixel_aspect)
        resting = plane.project(person.neutral)
        measured = plane.to_plane(face.landmarks[:, :2])
        gap = float(measured[topo.INNER_BOTTOM, 1] - measured[topo.INNER_TOP, 1])
        # Read off about closed lips, the correction holds for such; landmarks see open lips better than that.
        holds = min(max(1 - (gap - PARTED_OPENING / 2) / (PARTED_OPENING / 2), 0.0), 1.0)
        measured[:, 1] += np.float32(holds) * person.correction
        _clear_of_the_inside(measured)
        shift = (measured[topo.NOSE_BASE] - resting[topo.NOSE_BASE]).mean(axis=0)
        shown = (measured - resting - shift)[self._points] * person.follow
        return _Look(plane, shift.astype(np.float32), shown.astype(np.float32))

    @staticmethod
    def _jaw(displacement: FloatArray) -> FloatArray:
        """(2,) plane displacement of the lower teeth, given that of the motion points: the lower lip tells best."""
        return np.asarray(displacement[motion_row(topo.INNER_BOTTOM)] * np.float32(JAW_SHARE))

    def _person(self, tracked: TrackedFrame, face: Face) -> _Person:
        """Who the frame shows: learned in the survey, or now from this frame alone."""
        person = self._shots.get(tracked.shot)
        if person is None:
            person = _best_match(self._people, face.appearance)
            if person is None:
                alone = _Sightings(face.appearance)
                alone.add(tracked, face)
                person = self._learn(alone)
                self._people = [*self._people[-MAX_PEOPLE + 1 :], person]
            if len(self._shots) > 4 * MAX_PEOPLE:
                self._shots.clear()
            self._shots[tracked.shot] = person
        return person

    def hear(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""
        self._motion.hear(chunk)

    def finish(self) -> None:
        """The speech is over."""
        self._motion.finish()

    @property
    def heard_until_s(self) -> float:
        """Moments before this one can be drawn now."""
        return self._motion.heard_until_s

    def reset(self) -> None:
        """Forget the speech, keep the face."""
        self._motion.reset()

    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """Draw the lower face as it speaks at a moment."""
        face, frame = tracked.face, tracked.frame
        if face is None or strength <= 0:
            return None
        person = self._person(tracked, face)
        motion = self._motion.at(speech_s)
        look = self._look(person, face, float(frame.pixel_aspect))
        wanted = look.shown + np.float32(strength) * (look.plane.project(motion.displacement) - look.shown)
        fields = person.warp.fields(look.shown, wanted)
        maps = person.warp.maps(look.plane, look.shift, fields, (frame.width, frame.height))
        if maps is None:
            return None
        picture, inside = draw_lips(frame.rgb, maps)
        if maps.mouth is not None and float(inside.max()) > 1 / 255:
            drawn = self._inside(person, look, self._jaw(wanted), maps, tracked)
            part = picture[maps.mouth.part]
            part[:] = cv2.blendLinear(drawn.astype(np.uint8), np.ascontiguousarray(part), inside, 1 - inside)
        fade = strength * strength * (3 - 2 * strength)
        return Patch(maps.box, picture, np.asarray(maps.window * np.float32(fade)))

    @staticmethod
    def _inside(person: _Person, look: _Look, jaw: FloatArray, maps: FaceMaps, tracked: TrackedFrame) -> FloatArray:
        """The inside of the mouth, (h, w, 3) float32 0-255 of the mouth's rectangle."""
        assert tracked.face is not None
        if person.light is None or person.light_age >= LIGHT_EVERY:
            now = face_light(tracked.frame.rgb, tracked.face.landmarks)
            person.light = now if person.light is None else LIGHT_MEMORY * person.light + (1 - LIGHT_MEMORY) * now
            person.light_age = 0
        person.light_age += 1
        scene = MouthScene(look.plane, look.shift, maps, person.light, person.mouth.mm)
        inside, teeth = person.drawn.behind(scene, jaw), person.teeth
        if teeth is None or not teeth.lower:
            # Whoever shows the lower teeth hides the upper ones behind the lip.
            inside = person.drawn.upper_teeth(inside, scene)
        return inside if teeth is None else teeth.lay_over(inside, scene, person.mouth, jaw)


def _clear_of_the_inside(measured: FloatArray) -> None:
    """Move an open mouth's lip edges (plane, (468, 2)) a little into the lips, in place.

    Landmarks stray by a pixel or two, and a lip must not carry a rim of the source's teeth along.
    """
    gap = measured[topo.INNER_LOWER, 1] - measured[topo.INNER_UPPER, 1]
    inset = EDGE_INSET * np.clip((gap - CLOSED_GAP) / CLOSED_GAP, 0, 1)
    for points, share in ((topo.INNER_UPPER, -1.0), (topo.MIDDLE_UPPER, -0.5)):
        measured[points[1:-1], 1] += share * inset[1:-1]
    for points, share in ((topo.INNER_LOWER, 1.0), (topo.MIDDLE_LOWER, 0.5)):
        measured[points[1:-1], 1] += share * inset[1:-1]


def _best_match(people: Sequence[_Known], appearance: FloatArray) -> _Known | None:
    """The one who looks like that, if anybody does."""
    alike = [(float(p.appearance @ appearance), i) for i, p in enumerate(people)]
    likeness, index = max(alike, default=(-1.0, -1))
    return people[index] if likeness >= SAME_PERSON else None
