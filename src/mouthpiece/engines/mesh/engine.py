"""The embedded default engine: speech -> mouth motion -> a smooth warp of the face's own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.interior import MouthScene, face_light
from mouthpiece.engines.mesh.lip_blending import LipBlend, draw_lips
from mouthpiece.engines.mesh.maps import FaceMaps, MouthMaps
from mouthpiece.engines.mesh.neutral import jaw_displacement
from mouthpiece.engines.mesh.options import MeshOptions
from mouthpiece.engines.mesh.person import FaceSamples, FrameCache, Person
from mouthpiece.engines.mesh.resampling import Enlarged
from mouthpiece.errors import WeightsError
from mouthpiece.inference import resolve_device
from mouthpiece.motion.basis import load_basis, motion_row
from mouthpiece.motion.motion_track import MotionPlayer, MotionSource
from mouthpiece.motion.network import basis_path, shipped_weights
from mouthpiece.motion.stream import MotionStream, look_ahead_s
from mouthpiece.motion.style import Style, styled
from mouthpiece.notices import Notice
from mouthpiece.options import EngineOptions
from mouthpiece.types import SAME_PERSON, Box, EngineInfo, Face, FloatArray, Frame, Patch, SpeechChunk, TrackedFrame

MAX_PEOPLE = 8
"""Faces kept at a time; the oldest is forgotten first."""
APART = 0.06
"""Opening from which lips are surely apart, outer eye distances."""
LIGHT_EVERY = 4
"""Frames from one measuring of the light to the next."""
LIGHT_MEMORY = 0.7
"""How much of the light measured last stays in the next: lamps don't flicker, single pixels do."""

_Known = TypeVar("_Known", FaceSamples, Person)


class MeshEngine(Engine):
    """Moves the lips, jaw and cheeks of the source's own pixels, at the source's own resolution."""

    Options = MeshOptions
    supported_options = frozenset({"intensity", "rest", "phones", "motion"})

    def __init__(self, options: EngineOptions, job: EngineJob | None = None) -> None:
        """Load the motion network; where the job brings motion, that is played instead.

        Raises:
            WeightsError: it is missing or damaged.
            EngineError: the device can't run it.
        """
        super().__init__(options, job)
        device, self._warnings = resolve_device(options.device)
        self._motion = self._motion_source(device)
        self._opening_mode = self._motion.basis.opening_mode
        self._rest = None if options.rest is None else Style(rest=options.rest).rest
        self._people: list[Person] = []
        self._shots: dict[int, Person] = {}

    def _motion_source(self, device: str) -> MotionSource:
        """Load what moves the mouth."""
        if self.job.motion is not None:
            return MotionPlayer(self.job.motion, intensity=self.options.intensity)
        return MotionStream(
            weights=self.own.weights or shipped_weights(live=self.job.live),
            device=device,
            intensity=self.options.intensity,
            phones=self.job.phones,
            phones_blend=self.job.phones_blend,
        )

    def _style(self, person: Person) -> Style:
        """Return the style to speak in: motion that is given has its own, and only gets the rest that was asked for."""
        return person.style if self.job.motion is None else Style(rest=self._rest or 0.0)

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """That the device asked for isn't here."""
        return self._warnings

    @classmethod
    def describe(cls, options: EngineOptions, *, live: bool = False) -> EngineInfo:
        """Describe the engine; loads no network and never raises."""
        chosen = cls.own_options(options).weights
        weights, ahead_s, ready = chosen or shipped_weights(live=live), 0.0, False
        with suppress(WeightsError):
            geometry = load_basis(basis_path(weights))[1]
            if weights.is_file():
                ahead_s, ready = look_ahead_s(geometry), True
        return EngineInfo(
            name="mesh",
            summary="moves the face's own pixels as a small network predicts from speech",
            look_ahead_s=ahead_s,
            licence="Apache-2.0; trained on CC BY 4.0 and MIT recordings, see motion/weights/motion.md",
            device=options.device,
            weights=_where(weights, chosen=chosen is not None, ready=ready),
            ready=ready,
        )

    def prepare(self, sample_frames: Iterable[TrackedFrame]) -> None:
        """Learn every person's neutral face from the sample frames."""
        people: list[FaceSamples] = []
        for tracked in sample_frames:
            if tracked.face is None:
                continue
            samples = _best_match(people, tracked.face.descriptor)
            if samples is None:
                samples = FaceSamples(tracked.face.descriptor)
                people.append(samples)
            samples.add(tracked, tracked.face)
        self._people = [Person.learn(samples, self._opening_mode, self._rest) for samples in people[-MAX_PEOPLE:]]
        self._shots = {}

    def _person(self, tracked: TrackedFrame, face: Face) -> Person:
        """Find the person whom the frame shows: learned while preparing, or now from this frame alone."""
        person = self._shots.get(tracked.shot)
        if person is None:
            person = _best_match(self._people, face.descriptor)
            if person is None:
                alone = FaceSamples(face.descriptor)
                alone.add(tracked, face)
                person = Person.learn(alone, self._opening_mode, self._rest)
                self._people = [*self._people[-MAX_PEOPLE + 1 :], person]
            if len(self._shots) > 4 * MAX_PEOPLE:
                self._shots.clear()
            self._shots[tracked.shot] = person
        return person

    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""
        self._motion.push(chunk)

    def finish(self) -> None:
        """End the speech."""
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
        motion = styled(self._motion.at(speech_s), self._style(person), self._opening_mode)
        cache = _cached(person, face, frame)
        if cache is None:
            return None
        alignment, geometry, texture = cache.alignment, cache.geometry, person.lip_texture
        moved = alignment.plane.project(motion.displacement)
        wanted = alignment.shown + np.float32(strength) * (moved - alignment.shown)
        fade = strength * strength * (3 - 2 * strength)
        share = texture.fits(face) * fade if texture is not None else 0.0
        blend = LipBlend(texture, _parting(wanted), share) if texture is not None and share > 0 else None
        maps = person.warp.maps(geometry, wanted, None if blend is None else blend.texture, own=share < 1)
        picture, inside = draw_lips(frame.rgb, maps, blend, cache.source)
        mouth = _opened(maps.mouth, inside)
        if mouth is not None:
            within, shown = mouth
            drawn = _draw_inside(person, cache, jaw_displacement(wanted), replace(maps, mouth=within), frame)
            part = picture[within.part]
            part[:] = cv2.blendLinear(drawn.astype(np.uint8), np.ascontiguousarray(part), shown, 1 - shown)
        return Patch(geometry.box, picture, geometry.window if fade == 1 else geometry.window * np.float32(fade))


def _where(weights: Path, *, chosen: bool, ready: bool) -> str:
    """Describe where a network is, or what is missing."""
    if ready:
        return str(weights) if chosen else "in the package"
    cure = "give the file of a network with its basis beside it" if chosen else "reinstall mouthpiece"
    return f"{weights.name} is missing or damaged; {cure}"


def _cached(person: Person, face: Face, frame: Frame) -> FrameCache | None:
    """Work out a frame's cache, unless it is the frame before; None where the lower face lies outside the picture."""
    last = person.cache
    if last is not None and last.holds(face, frame):
        return last
    alignment = person.align(face, float(frame.pixel_aspect))
    size = (frame.width, frame.height)
    geometry = person.warp.geometry(alignment.plane, alignment.shift, alignment.shown, size)
    if geometry is None:
        return None
    reach, whole = geometry.reach, face.box.clipped(*size)
    part = Box(min(reach.x0, whole.x0), min(reach.y0, whole.y0), max(reach.x1, whole.x1), max(reach.y1, whole.y1))
    # A video's faces are measured anew in each frame; the very same one twice is a photo's.
    again = last is not None and last.face is face
    rgb = frame.rgb[part.slices].copy() if again else None
    # A cache must not hold a view of a frame, which others write into.
    source = Enlarged.of(frame.rgb[reach.slices].copy() if again else frame.rgb[reach.slices])
    person.cache = FrameCache(face, frame.pixel_aspect, alignment, geometry, source, part, rgb)
    return person.cache


def _draw_inside(person: Person, cache: FrameCache, jaw: FloatArray, maps: FaceMaps, frame: Frame) -> FloatArray:
    """Draw the inside of the mouth, (h, w, 3) float32 0-255 of the mouth's rectangle."""
    if person.light is None or person.light_age >= LIGHT_EVERY:
        if cache.light is None:
            cache.light = face_light(frame.rgb, cache.face.landmarks)
        now = cache.light
        person.light = now if person.light is None else LIGHT_MEMORY * person.light + (1 - LIGHT_MEMORY) * now
        person.light_age = 0
    person.light_age += 1
    scene = MouthScene(cache.alignment.plane, cache.alignment.shift, maps, person.light, person.mouth.mm)
    inside = person.procedural.behind(scene, jaw)
    if person.interior is None:
        return person.procedural.upper_teeth(inside, scene)
    return person.interior.lay_over(inside, scene, person.mouth, jaw)


def _opened(mouth: MouthMaps | None, inside: FloatArray) -> tuple[MouthMaps, FloatArray] | None:
    """Crop a mouth's rectangle to its visible inside, with how far that shows; None where the mouth is shut."""
    if mouth is None:
        return None
    rows, columns = np.flatnonzero(inside.max(axis=1) > 1 / 255), np.flatnonzero(inside.max(axis=0) > 1 / 255)
    if not len(rows):
        return None
    down, across = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return mouth.cropped(down, across), np.ascontiguousarray(inside[down, across])


def _parting(displacement: FloatArray) -> float:
    """Estimate how surely lips are apart, 0-1, from the motion points' displacement (P, 2) in outer eye distances."""
    gap = displacement[motion_row(topo.INNER_BOTTOM), 1] - displacement[motion_row(topo.INNER_TOP), 1]
    return min(max(float(gap) / APART, 0.0), 1.0)


def _best_match(people: Sequence[_Known], descriptor: FloatArray) -> _Known | None:
    """Find the likest person, if any is like enough to be the same."""
    alike = [(float(person.descriptor @ descriptor), index) for index, person in enumerate(people)]
    likeness, index = max(alike, default=(-1.0, -1))
    return people[index] if likeness >= SAME_PERSON else None
