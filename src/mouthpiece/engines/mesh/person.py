"""One person's face: samples of it from the frames that an engine prepares with, and all that is learned from them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import cv2
import numpy as np

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.fields import GRID, STEP, grid_to_pixels, ignoring_values
from mouthpiece.engines.mesh.interior import MouthFrame, ProceduralInterior, face_light
from mouthpiece.engines.mesh.interior_texture import MouthInteriorTexture, extract_interior, suitability, teeth_weight
from mouthpiece.engines.mesh.lip_blending import LipTexture, lip_feather
from mouthpiece.engines.mesh.lips import LipRim, LipView, isolate_lips, parted_edges, teeth_shown
from mouthpiece.engines.mesh.maps import FrameGeometry
from mouthpiece.engines.mesh.neutral import FaceAlignment, PlaneMap, canonical_shape, closed, opening
from mouthpiece.engines.mesh.resampling import Enlarged
from mouthpiece.engines.mesh.seam import CLOSED_OPENING, PARTED_OPENING, LipEdges, LipStrip, find_edges, lip_strip
from mouthpiece.engines.mesh.warp import LipWarp
from mouthpiece.motion.basis import MOTION_POINTS
from mouthpiece.motion.style import Style, estimate_style
from mouthpiece.types import Box, Face, FloatArray, Frame, Picture, TrackedFrame, as_float

MAX_NEUTRAL_YAW_DEG = 25.0
"""Frames turned further are of little use for the neutral shape."""
EDGE_INSET = 0.012
"""How far into an open mouth's lips their edges are taken to lie, outer eye distances."""
CLOSED_GAP = 0.008
"""Gap that landmarks leave between closed lips, at most."""
TEXTURE_GAP, TEXTURE_YAW_DEG = 0.03, 15.0
"""Gaps (outer eye distances) and turns of the head that count as much against a frame as source of the lip texture."""
TEXTURE_CANDIDATES = 12
"""Frames kept to choose that source from."""
FOLLOW_NEAR, FOLLOW_FAR = 0.40, 0.85
"""Distances from the mouth (outer eye distances) where points are wholly, and no longer, taken back to neutral."""


@dataclass(slots=True)
class FaceSamples:
    """One person in the sample frames."""

    descriptor: FloatArray
    shapes: list[FloatArray] = field(default_factory=list)
    yaws: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    """Openings of the mouth."""
    scales: list[float] = field(default_factory=list)
    strips: list[LipStrip] = field(default_factory=list)
    """Straightened lips of the frames in which they are about closed."""
    lips: list[tuple[float, LipView]] = field(default_factory=list)
    """Candidates for the lip texture, each with how far from closed and frontal it is; the least so."""
    open_mouth: tuple[LipView, FloatArray] | None = None
    """The lips of the frame that shows the inside of the mouth best, and the light on that face."""
    open_mouth_score: float = 0.0

    def add(self, tracked: TrackedFrame, face: Face) -> None:
        """Add one more frame."""
        aspect = float(tracked.frame.pixel_aspect)
        shape = canonical_shape(face, aspect)
        self.shapes.append(shape)
        self.yaws.append(abs(face.pose.yaw_deg))
        self.scales.append(face.pose.scale)
        gap = opening(shape)
        self.gaps.append(gap)
        if gap < PARTED_OPENING:
            self.strips.append(lip_strip(tracked.frame.rgb, face, PlaneMap.of(face, aspect)))
        self._add_lips(tracked, face, gap)
        score = suitability(gap, face.pose.scale, face.pose.yaw_deg)
        view = LipView.of(tracked.frame, face) if score > self.open_mouth_score else None
        if view is not None:
            score *= teeth_weight(teeth_shown(view.rgb, view.rim()))
            if score > self.open_mouth_score:
                self.open_mouth = view, face_light(tracked.frame.rgb, face.landmarks)
                self.open_mouth_score = score

    def _add_lips(self, tracked: TrackedFrame, face: Face, gap: float) -> None:
        """Keep the frame's lips if they are among the best so far."""
        away = max(gap, 0.0) / TEXTURE_GAP + abs(face.pose.yaw_deg) / TEXTURE_YAW_DEG
        if len(self.lips) >= TEXTURE_CANDIDATES and away >= self.lips[-1][0]:
            return
        view = LipView.of(tracked.frame, face)
        if view is not None:
            self.lips.append((away, view))
            self.lips.sort(key=lambda candidate: candidate[0])
            del self.lips[TEXTURE_CANDIDATES:]

    def best_lips(self, mean: FloatArray) -> LipView | None:
        """Choose the lips for the texture: nearly closed, frontal, sharp, large, and neither pressed nor pouting.

        Args:
            mean: (478, 3) the person's mean canonical shape.
        """
        if not self.lips:
            return None
        largest = max(view.face.pose.scale for _, view in self.lips)
        sharpest = max(view.sharpness for _, view in self.lips)
        lips = np.union1d(topo.UPPER_LIP, topo.LOWER_LIP)

        def cost(candidate: tuple[float, LipView]) -> float:
            away, view = candidate
            off = canonical_shape(view.face, view.pixel_aspect)[lips, :2] - mean[lips, :2]
            unlike = float(np.sqrt(np.mean((off - off.mean(axis=0)) ** 2))) / TEXTURE_GAP
            lost = np.log2(largest / view.face.pose.scale) + np.log2(sharpest / max(view.sharpness, 1e-6))
            return away + unlike + float(lost)

        return min(self.lips, key=cost)[1]


@dataclass(slots=True)
class FrameCache:
    """Everything of a frame that its motion does not change: for a photo it is worked out but once."""

    face: Face
    pixel_aspect: Fraction
    alignment: FaceAlignment
    geometry: FrameGeometry
    source: Enlarged
    """The geometry's reach of the frame."""
    part: Box
    """The part of the frame that all of this depends on."""
    rgb: Picture | None
    """A copy of that part; None where the frame isn't expected again."""
    light: FloatArray | None = None
    """(3,) once it was measured."""

    def holds(self, face: Face, frame: Frame) -> bool:
        """Compare with a frame: whether it shows the same face in the same picture."""
        if self.face is not face or self.rgb is None or self.pixel_aspect != frame.pixel_aspect:
            return False
        rgb = frame.rgb[self.part.slices]
        return rgb.shape == self.rgb.shape and cv2.norm(rgb, self.rgb, cv2.NORM_INF) == 0


@dataclass(slots=True)
class Person:
    """One face as far as it was learned."""

    descriptor: FloatArray
    neutral: FloatArray
    """(478, 3) canonical, mouth closed."""
    correction: FloatArray
    """(478,) shift of the landmarks, down the face, onto the lips' edges."""
    correction_gap: float
    """Gap of the lips that the correction was read from, outer eye distances."""
    warp: LipWarp
    mouth: MouthFrame
    procedural: ProceduralInterior
    follow: FloatArray
    """(P, 1): how far each motion point's own motion in the source is taken out."""
    style: Style
    """The speaking style, as far as the source shows it."""
    interior: MouthInteriorTexture | None = None
    """None where the samples show no inside of the mouth."""
    lip_texture: LipTexture | None = None
    """None where no sample shows the lips wholly."""
    light: FloatArray | None = None
    light_age: int = 0
    """Frames drawn since the light was measured."""
    cache: FrameCache | None = None
    """Of the frame drawn last."""

    @classmethod
    def learn(cls, samples: FaceSamples, opening_mode: FloatArray, rest: float | None) -> Person:
        """Build a person from samples: the mean of the most frontal ones, mouth closed.

        Args:
            samples: of the person; at least one.
            opening_mode: (P, 3) displacement of the motion points for one unit of opening.
            rest: the rest that the user asked for, if any.
        """
        yaws = np.array(samples.yaws)
        frontal = yaws <= max(MAX_NEUTRAL_YAW_DEG, float(np.percentile(yaws, 25)))
        mean = np.mean(np.array(samples.shapes)[frontal], axis=0).astype(np.float32)
        view = samples.best_lips(mean)
        edges, edges_gap = _find_edges(samples, view)
        correction = edges.correction(mean)
        mean[:, 1] += correction
        neutral = closed(mean, opening_mode, MOTION_POINTS)
        mouth = MouthFrame.of(neutral)
        away = np.linalg.norm(neutral[MOTION_POINTS, :2] - mouth.centre, axis=1)
        follow = np.clip((FOLLOW_FAR - away) / (FOLLOW_FAR - FOLLOW_NEAR), 0, 1)[:, None]
        style = estimate_style(np.array(samples.gaps)[yaws <= MAX_NEUTRAL_YAW_DEG].tolist())
        person = cls(
            samples.descriptor,
            neutral,
            correction,
            edges_gap,
            LipWarp(neutral, MOTION_POINTS),
            mouth,
            ProceduralInterior(mouth, float(np.median(samples.scales))),
            follow.astype(np.float32),
            style if rest is None else replace(style, rest=rest),
        )
        if view is not None:
            person.lip_texture = person._texture_of(view)
        if samples.open_mouth is not None:
            open_view, light = samples.open_mouth
            alignment = person.align(open_view.face, open_view.pixel_aspect)
            person.interior = extract_interior(open_view, alignment, mouth, light)
            if person.interior is not None:
                person.procedural.match(person.interior.dark, person.interior.light)
        return person

    def align(self, face: Face, pixel_aspect: float) -> FaceAlignment:
        """Compare a frame's face with the neutral one."""
        plane = PlaneMap.of(face, pixel_aspect)
        resting = plane.project(self.neutral)
        measured = plane.to_plane(face.landmarks[:, :2])
        gap = float(measured[topo.INNER_BOTTOM, 1] - measured[topo.INNER_TOP, 1])
        # The correction holds for lips as open as those that it was read from; on wide open ones landmarks lie well.
        known = max(PARTED_OPENING / 2, self.correction_gap)
        holds = min(max(1 - (gap - known) / (PARTED_OPENING / 2), 0.0), 1.0)
        measured[:, 1] += np.float32(holds) * self.correction
        if self.lip_texture is None:
            _clear_of_the_inside(measured)
        shift = (measured[topo.NOSE_BASE] - resting[topo.NOSE_BASE]).mean(axis=0)
        shown = (measured - resting - shift)[MOTION_POINTS] * self.follow
        pixels = as_float(measured @ plane.matrix.T + plane.centre)
        return FaceAlignment(plane, shift.astype(np.float32), shown.astype(np.float32), pixels)

    def _texture_of(self, view: LipView) -> LipTexture:
        """Make the lip texture of a frame's lips."""
        alignment, fields = self.align(view.face, view.pixel_aspect), self.warp.fields
        rim = LipRim.of(alignment.pixels - view.corner, view.face.pose.scale)
        feather, drift = lip_feather(self.neutral, GRID), fields.drift(alignment.plane)
        upper, lower = (
            as_float(np.dstack([field * np.float32(1 / STEP) + drift, feather, fields.split]))
            for field in fields.spread(alignment.shown)
        )
        closed_lips, parted = (isolate_lips(view.rgb, rim, parted=parted) for parted in (False, True))
        upper_lip, lower_lip = Enlarged.of(closed_lips.upper), Enlarged.of(closed_lips.lower)
        to_pictures = grid_to_pixels(alignment.plane, alignment.shift, view.box, upper_lip.times)
        return LipTexture(
            (upper_lip, lower_lip),
            (
                upper_lip if parted.upper is closed_lips.upper else Enlarged.of(parted.upper),
                lower_lip if parted.lower is closed_lips.lower else Enlarged.of(parted.lower),
            ),
            closed_lips.seam,
            (upper, lower),
            ignoring_values(to_pictures, 2),
            view.face.pose.yaw_deg,
            view.face.pose.scale,
        )


def _find_edges(samples: FaceSamples, view: LipView | None) -> tuple[LipEdges, float]:
    """Find the lips' edges beside the landmarks, and how far open the mouth was there."""
    if view is not None and not any(strip.opening < CLOSED_OPENING for strip in samples.strips):
        rim = view.rim()
        edges = parted_edges(view.rgb, rim)
        if edges is not None:
            return edges, rim.gap
    return find_edges(samples.strips), 0.0


def _clear_of_the_inside(measured: FloatArray) -> None:
    """Move an open mouth's lip edges (plane, (478, 2)) a little into the lips, in place.

    Landmarks stray by a pixel or two, and a lip must not carry a rim of the source's teeth along.
    """
    gap = measured[topo.INNER_LOWER, 1] - measured[topo.INNER_UPPER, 1]
    inset = EDGE_INSET * np.clip((gap - CLOSED_GAP) / CLOSED_GAP, 0, 1)
    for points, share in ((topo.INNER_UPPER, -1.0), (topo.MIDDLE_UPPER, -0.5)):
        measured[points[1:-1], 1] += share * inset[1:-1]
    for points, share in ((topo.INNER_LOWER, 1.0), (topo.MIDDLE_LOWER, 0.5)):
        measured[points[1:-1], 1] += share * inset[1:-1]
