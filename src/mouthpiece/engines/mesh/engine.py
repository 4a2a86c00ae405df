"""The embedded default engine: speech -> mouth motion -> a smooth warp of the face's own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np

from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.interior import JAW_SHARE, DrawnMouth, MouthFrame, MouthScene, face_light
from mouthpiece.engines.mesh.interior_texture import MouthSource, OwnMouth, suitability, take_mouth, worth_of_teeth
from mouthpiece.engines.mesh.lips import (
    LentLips,
    LipRim,
    LipView,
    bare_lips,
    enlarged_lips,
    lip_hem,
    parted_edges,
    teeth_shown,
)
from mouthpiece.engines.mesh.neutral import PlaneMap, canonical_shape, closed, opening
from mouthpiece.engines.mesh.resampling import Enlarged
from mouthpiece.engines.mesh.seam import CLOSED_OPENING, PARTED_OPENING, LipEdges, LipStrip, find_edges, lip_strip
from mouthpiece.engines.mesh.warp import (
    GRID,
    STEP,
    FaceMaps,
    LipWarp,
    Loan,
    MouthMaps,
    Sight,
    draw_lips,
    grid_to_pixels,
    unheeding,
)
from mouthpiece.inference import resolve_device
from mouthpiece.motion.stream import (
    MotionBasis,
    MotionStream,
    basis_path,
    look_ahead,
    motion_row,
    shipped_weights,
)
from mouthpiece.motion.style import Style, estimate_style, styled
from mouthpiece.notices import Notice
from mouthpiece.options import EngineOptions
from mouthpiece.types import (
    Box,
    EngineInfo,
    Face,
    FloatArray,
    Frame,
    Patch,
    Picture,
    SpeechChunk,
    TrackedFrame,
    as_float,
)

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
LENT_GAP, LENT_YAW_DEG = 0.02, 15.0
"""Gaps (outer eye distances) and turns of the head that count as much against lending a frame's lips."""
LENT_CHOICE = 12
"""Frames kept to choose those lips from."""
FOLLOW_NEAR, FOLLOW_FAR = 0.40, 0.85
"""Distances from the mouth (outer eye distances) where points are wholly, and no longer, taken back to neutral."""


@dataclass(slots=True)
class _Person:
    """One face as far as it was learned."""

    descriptor: FloatArray
    neutral: FloatArray
    """(468, 3) canonical, mouth closed."""
    correction: FloatArray
    """(468,) what the landmarks must be moved by, down the face, to lie on the lips' edges."""
    correction_gap: float
    """Gap of the lips that the correction was read from, outer eye distances."""
    warp: LipWarp
    mouth: MouthFrame
    drawn: DrawnMouth
    own: OwnMouth | None
    """The inside of the mouth as the survey saw it; None where it saw none."""
    lips: LentLips | None
    """Of the frame that shows them best; None where the survey saw none wholly."""
    follow: FloatArray
    """(P, 1): how far each motion point's own motion in the source is taken out."""
    style: Style
    """How the person speaks, as far as the source shows it."""
    light: FloatArray | None = None
    light_age: int = 0
    """Frames drawn since the light was measured."""
    view: _View | None = None
    """The frame drawn last."""


@dataclass(frozen=True, slots=True)
class _Look:
    """A frame's face beside the person's neutral one."""

    plane: PlaneMap
    shift: FloatArray
    """(2,) plane: what the mouth is off from where the pose puts it."""
    shown: FloatArray
    """(P, 2) plane: how the source's own mouth is displaced."""
    pixels: FloatArray
    """(468, 2): the points in the frame, on the lips' edges as well as they are known."""


@dataclass(slots=True)
class _View:
    """All that a frame's drawing needs and its motion does not change: of a photo it is worked out but once."""

    face: Face
    pixel_aspect: Fraction
    look: _Look
    sight: Sight
    source: Enlarged
    """The sight's reach of the frame."""
    part: Box
    """Where the frame was looked at."""
    seen: Picture | None
    """A copy of that part; None where it isn't to be drawn again, as far as one can tell."""
    light: FloatArray | None = None
    """(3,) once it was measured."""

    def holds(self, face: Face, frame: Frame) -> bool:
        """Whether a frame shows the same face in the same picture."""
        if self.face is not face or self.seen is None or self.pixel_aspect != frame.pixel_aspect:
            return False
        shown = frame.rgb[self.part.slices]
        return shown.shape == self.seen.shape and cv2.norm(shown, self.seen, cv2.NORM_INF) == 0


@dataclass(slots=True)
class _Sightings:
    """What the survey saw of one person."""

    descriptor: FloatArray
    shapes: list[FloatArray] = field(default_factory=list)
    yaws: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    """How far open the mouth is."""
    scales: list[float] = field(default_factory=list)
    strips: list[LipStrip] = field(default_factory=list)
    """Straightened lips of the frames in which they are about closed."""
    lips: list[tuple[float, LipView]] = field(default_factory=list)
    """Lips that may be lent to all frames, each with how far from closed and frontal they are; the least so."""
    open_mouth: tuple[LipView, FloatArray] | None = None
    """The lips of the frame that shows the inside of the mouth best, and the light on that face."""
    open_mouth_suits: float = 0.0

    def add(self, tracked: TrackedFrame, face: Face) -> None:
        """Look at one more frame."""
        aspect = float(tracked.frame.pixel_aspect)
        shape = canonical_shape(face, aspect)
        self.shapes.append(shape)
        self.yaws.append(abs(face.pose.yaw_deg))
        self.scales.append(face.pose.scale)
        gap = opening(shape)
        self.gaps.append(gap)
        if gap < PARTED_OPENING:
            self.strips.append(lip_strip(tracked.frame.rgb, face, PlaneMap.of(face, aspect)))
        self._see_lips(tracked, face, gap)
        suits = suitability(gap, face.pose.scale, face.pose.yaw_deg)
        view = LipView.of(tracked.frame, face) if suits > self.open_mouth_suits else None
        if view is not None:
            suits *= worth_of_teeth(teeth_shown(view.rgb, view.rim()))
            if suits > self.open_mouth_suits:
                self.open_mouth = view, face_light(tracked.frame.rgb, face.landmarks)
                self.open_mouth_suits = suits

    def _see_lips(self, tracked: TrackedFrame, face: Face, gap: float) -> None:
        """Keep the frame's lips if they are among the best so far."""
        away = max(gap, 0.0) / LENT_GAP + abs(face.pose.yaw_deg) / LENT_YAW_DEG
        if len(self.lips) >= LENT_CHOICE and away >= self.lips[-1][0]:
            return
        view = LipView.of(tracked.frame, face)
        if view is not None:
            self.lips.append((away, view))
            self.lips.sort(key=lambda seen: seen[0])
            del self.lips[LENT_CHOICE:]

    def best_lips(self, mean: FloatArray) -> LipView | None:
        """The lips to be lent: nearly closed, frontal, sharp, large, and neither pressed nor pouting."""
        if not self.lips:
            return None
        largest = max(view.face.pose.scale for _, view in self.lips)
        sharpest = max(view.sharpness for _, view in self.lips)
        lips = np.union1d(topo.UPPER_LIP, topo.LOWER_LIP)

        def cost(seen: tuple[float, LipView]) -> float:
            away, view = seen
            off = canonical_shape(view.face, view.pixel_aspect)[lips, :2] - mean[lips, :2]
            unlike = float(np.sqrt(np.mean((off - off.mean(axis=0)) ** 2))) / LENT_GAP
            lost = np.log2(largest / view.face.pose.scale) + np.log2(sharpest / max(view.sharpness, 1e-6))
            return away + unlike + float(lost)

        return min(self.lips, key=cost)[1]


_Known = TypeVar("_Known", _Sightings, _Person)


class MeshEngine(Engine):
    """Moves the lips, jaw and cheeks of the source's own pixels, at the source's own resolution."""

    supported_options = frozenset({"intensity", "rest", "phones"})

    def __init__(self, options: EngineOptions, job: EngineJob | None = None) -> None:
        """Load the motion network.

        Raises:
            WeightsError: it is missing or damaged.
            EngineError: the device can't run it.
        """
        super().__init__(options, job)
        weights = shipped_weights(live=self.job.live)
        device, self._warnings = resolve_device(options.device)
        self._basis = MotionBasis.load(basis_path(weights))
        self._points = np.asarray(self._basis.points)
        self._motion = MotionStream(
            self._basis,
            weights=weights,
            device=device,
            intensity=options.intensity,
            phones=self.job.phones,
            phones_blend=self.job.phones_blend,
        )
        self._opening_mode = self._basis.opening_mode
        self._rest = None if options.rest is None else Style(rest=options.rest).rest
        self._people: list[_Person] = []
        self._shots: dict[int, _Person] = {}

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """That the device asked for isn't here."""
        return self._warnings

    @classmethod
    def describe(cls, options: EngineOptions, *, live: bool = False) -> EngineInfo:
        """Describe the engine; loads no network and never raises."""
        look_ahead_s, problem = look_ahead(live=live)
        return EngineInfo(
            name="mesh",
            summary="moves the face's own pixels as a small network hears it speak",
            look_ahead_s=look_ahead_s,
            licence="Apache-2.0; trained on CC BY 4.0 and MIT recordings, see motion/weights/motion.md",
            device=options.device,
            weights=problem or "in the package",
            ready=not problem,
        )

    def prepare(self, sample_frames: Iterable[TrackedFrame]) -> None:
        """Learn every person's neutral face from the survey."""
        people: list[_Sightings] = []
        for tracked in sample_frames:
            if tracked.face is None:
                continue
            seen = _best_match(people, tracked.face.descriptor)
            if seen is None:
                seen = _Sightings(tracked.face.descriptor)
                people.append(seen)
            seen.add(tracked, tracked.face)
        self._people = [self._learn(seen) for seen in people[-MAX_PEOPLE:]]
        self._shots = {}

    def _learn(self, seen: _Sightings) -> _Person:
        """Build a person from sightings: the mean of the most frontal ones, mouth closed."""
        yaws = np.array(seen.yaws)
        frontal = yaws <= max(MAX_NEUTRAL_YAW_DEG, float(np.percentile(yaws, 25)))
        mean = np.mean(np.array(seen.shapes)[frontal], axis=0).astype(np.float32)
        view = seen.best_lips(mean)
        edges, edges_gap = self._edges(seen, view)
        correction = edges.correction(mean)
        mean[:, 1] += correction
        neutral = closed(mean, self._basis.opening_mode, self._points)
        mouth = MouthFrame.of(neutral)
        away = np.linalg.norm(neutral[self._points, :2] - mouth.centre, axis=1)
        follow = np.clip((FOLLOW_FAR - away) / (FOLLOW_FAR - FOLLOW_NEAR), 0, 1)[:, None]
        drawn = DrawnMouth(mouth, float(np.median(seen.scales)))
        warp = LipWarp(neutral, self._points)
        follow = follow.astype(np.float32)
        style = self._style(np.array(seen.gaps)[yaws <= MAX_NEUTRAL_YAW_DEG].tolist())
        person = _Person(seen.descriptor, neutral, correction, edges_gap, warp, mouth, drawn, None, None, follow, style)
        if view is not None:
            person.lips = self._lend(person, view)
        if seen.open_mouth is not None:
            person.own = self._own_mouth(person, *seen.open_mouth)
            if person.own is not None:
                drawn.match(person.own.dark, person.own.light)
        return person

    def _style(self, openings: list[float]) -> Style:
        """How somebody speaks: as the source shows it, but for what the user asked for."""
        style = estimate_style(openings)
        return style if self._rest is None else replace(style, rest=self._rest)

    @staticmethod
    def _edges(seen: _Sightings, view: LipView | None) -> tuple[LipEdges, float]:
        """Where the lips' edges are against the landmarks, and how far open the mouth was that told."""
        if view is not None and not any(strip.opening < CLOSED_OPENING for strip in seen.strips):
            rim = view.rim()
            edges = parted_edges(view.rgb, rim)
            if edges is not None:
                return edges, rim.gap
        return find_edges(seen.strips), 0.0

    def _lend(self, person: _Person, view: LipView) -> LentLips:
        """Make a frame's lips ready for all the others."""
        look, warp = self._look(person, view.face, view.pixel_aspect), person.warp
        corner = np.array([view.box.x0, view.box.y0], dtype=np.float32)
        rim = LipRim.of(look.pixels - corner, view.face.pose.scale)
        hem, drift = lip_hem(person.neutral, GRID), warp.drift(look.plane)
        upper, lower = (
            as_float(np.dstack([shown * np.float32(1 / STEP) + drift, hem, warp.split]))
            for shown in warp.fields(look.shown)
        )
        closed_lips, parted = (bare_lips(view.rgb, rim, parted=far) for far in (False, True))
        pictures = enlarged_lips(closed_lips, parted)
        to_pictures = grid_to_pixels(look.plane, look.shift, view.box, pictures[0][0].times)
        return LentLips(
            *pictures,
            closed_lips.seam,
            upper,
            lower,
            unheeding(to_pictures, 2),
            view.face.pose.yaw_deg,
            view.face.pose.scale,
        )

    def _own_mouth(self, person: _Person, view: LipView, light: FloatArray) -> OwnMouth | None:
        """Lift the inside of the mouth out of a frame."""
        look = self._look(person, view.face, view.pixel_aspect)
        corner = np.array([view.box.x0, view.box.y0], dtype=np.float32)
        plane = replace(look.plane, centre=as_float(look.plane.centre - corner))
        return take_mouth(
            MouthSource(view.rgb, view.rim(), plane, look.shift, self._jaw(look.shown), light), person.mouth
        )

    def _look(self, person: _Person, face: Face, pixel_aspect: float) -> _Look:
        """Compare a frame's face with the person's neutral one."""
        plane = PlaneMap.of(face, pixel_aspect)
        resting = plane.project(person.neutral)
        measured = plane.to_plane(face.landmarks[:, :2])
        gap = float(measured[topo.INNER_BOTTOM, 1] - measured[topo.INNER_TOP, 1])
        # The correction holds for lips as open as those that it was read from; wide open ones landmarks see well.
        known = max(PARTED_OPENING / 2, person.correction_gap)
        holds = min(max(1 - (gap - known) / (PARTED_OPENING / 2), 0.0), 1.0)
        measured[:, 1] += np.float32(holds) * person.correction
        if person.lips is None:
            _clear_of_the_inside(measured)
        shift = (measured[topo.NOSE_BASE] - resting[topo.NOSE_BASE]).mean(axis=0)
        shown = (measured - resting - shift)[self._points] * person.follow
        pixels = as_float(measured @ plane.matrix.T + plane.centre)
        return _Look(plane, shift.astype(np.float32), shown.astype(np.float32), pixels)

    @staticmethod
    def _jaw(displacement: FloatArray) -> FloatArray:
        """(2,) plane displacement of the lower teeth, given that of the motion points: the lower lip tells best."""
        return np.asarray(displacement[motion_row(topo.INNER_BOTTOM)] * np.float32(JAW_SHARE))

    def _person(self, tracked: TrackedFrame, face: Face) -> _Person:
        """Who the frame shows: learned in the survey, or now from this frame alone."""
        person = self._shots.get(tracked.shot)
        if person is None:
            person = _best_match(self._people, face.descriptor)
            if person is None:
                alone = _Sightings(face.descriptor)
                alone.add(tracked, face)
                person = self._learn(alone)
                self._people = [*self._people[-MAX_PEOPLE + 1 :], person]
            if len(self._shots) > 4 * MAX_PEOPLE:
                self._shots.clear()
            self._shots[tracked.shot] = person
        return person

    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""
        self._motion.push(chunk)

    def finish(self) -> None:
        """The speech is over."""
        self._motion.finish()

    @property
    def ready_until_s(self) -> float:
        """Moments before this one can be drawn now."""
        return self._motion.ready_until_s

    def reset(self) -> None:
        """Forget the speech, keep the face."""
        self._motion.reset()

    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """Draw the lower face as it speaks at a moment."""
        face, frame = tracked.face, tracked.frame
        if face is None or strength <= 0:
            return None
        person = self._person(tracked, face)
        motion = styled(self._motion.at(speech_s), person.style, self._opening_mode)
        view = self._view(person, face, frame)
        if view is None:
            return None
        look = view.look
        wanted = look.shown + np.float32(strength) * (look.plane.project(motion.displacement) - look.shown)
        fade = strength * strength * (3 - 2 * strength)
        lent = person.lips
        share = lent.fits(face) * fade if lent is not None else 0.0
        maps = person.warp.maps(view.sight, wanted, lent if share > 0 else None, own=share < 1)
        loan = Loan(lent, _parting(wanted), share) if lent is not None and share > 0 else None
        picture, inside = draw_lips(frame.rgb, maps, loan, view.source)
        mouth = _opened(maps.mouth, inside)
        if mouth is not None:
            within, shown = mouth
            drawn = self._inside(person, view, self._jaw(wanted), replace(maps, mouth=within), frame)
            part = picture[within.part]
            part[:] = cv2.blendLinear(drawn.astype(np.uint8), np.ascontiguousarray(part), shown, 1 - shown)
        return Patch(maps.box, picture, maps.window if fade == 1 else maps.window * np.float32(fade))

    def _view(self, person: _Person, face: Face, frame: Frame) -> _View | None:
        """Study a frame, unless it is the one before; None where the lower face lies outside the picture."""
        last = person.view
        if last is not None and last.holds(face, frame):
            return last
        look = self._look(person, face, float(frame.pixel_aspect))
        sight = person.warp.sight(look.plane, look.shift, look.shown, (frame.width, frame.height))
        if sight is None:
            return None
        reach, whole = sight.reach, face.box.clipped(frame.width, frame.height)
        part = Box(min(reach.x0, whole.x0), min(reach.y0, whole.y0), max(reach.x1, whole.x1), max(reach.y1, whole.y1))
        # A video's faces are measured anew in each frame; the very same one twice is a photo's.
        again = last is not None and last.face is face
        seen = frame.rgb[part.slices].copy() if again else None
        # What is kept must not be a view of a frame, which others write into.
        source = Enlarged.of(frame.rgb[reach.slices].copy() if again else frame.rgb[reach.slices])
        person.view = _View(face, frame.pixel_aspect, look, sight, source, part, seen)
        return person.view

    @staticmethod
    def _inside(person: _Person, view: _View, jaw: FloatArray, maps: FaceMaps, frame: Frame) -> FloatArray:
        """The inside of the mouth, (h, w, 3) float32 0-255 of the mouth's rectangle."""
        if person.light is None or person.light_age >= LIGHT_EVERY:
            if view.light is None:
                view.light = face_light(frame.rgb, view.face.landmarks)
            now = view.light
            person.light = now if person.light is None else LIGHT_MEMORY * person.light + (1 - LIGHT_MEMORY) * now
            person.light_age = 0
        person.light_age += 1
        scene = MouthScene(view.look.plane, view.look.shift, maps, person.light, person.mouth.mm)
        inside = person.drawn.behind(scene, jaw)
        if person.own is None:
            return person.drawn.upper_teeth(inside, scene)
        return person.own.lay_over(inside, scene, person.mouth, jaw)


def _opened(mouth: MouthMaps | None, inside: FloatArray) -> tuple[MouthMaps, FloatArray] | None:
    """The part of a mouth's rectangle where its inside shows, and how far it does; None where it is shut."""
    if mouth is None:
        return None
    rows, columns = np.flatnonzero(inside.max(axis=1) > 1 / 255), np.flatnonzero(inside.max(axis=0) > 1 / 255)
    if not len(rows):
        return None
    down, across = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return mouth.cropped(down, across), np.ascontiguousarray(inside[down, across])


def _parting(displacement: FloatArray) -> float:
    """0-1: how surely lips are apart, given the motion points' displacement (P, 2) in outer eye distances."""
    gap = displacement[motion_row(topo.INNER_BOTTOM), 1] - displacement[motion_row(topo.INNER_TOP), 1]
    return min(max(float(gap) / PARTED_OPENING, 0.0), 1.0)


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


def _best_match(people: Sequence[_Known], descriptor: FloatArray) -> _Known | None:
    """The one who looks like that, if anybody does."""
    alike = [(float(p.descriptor @ descriptor), i) for i, p in enumerate(people)]
    likeness, index = max(alike, default=(-1.0, -1))
    return people[index] if likeness >= SAME_PERSON else None
