"""The inside of the mouth, drawn: teeth, tongue and the dark behind them.

The upper teeth hang on the skull and the lower teeth and tongue on the jaw; the lips only uncover them. A face that
shows its own teeth keeps them (`MouthInteriorTexture`); `ProceduralInterior` draws all that such a texture lacks.
Sizes are those of an average adult (Ash & Nelson, Wheeler's Dental Anatomy), scaled with the mouth's width.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.lips import LUMA
from mouthpiece.engines.mesh.maps import FaceMaps, MouthMaps
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.types import FloatArray, Picture, as_float

MOUTH_WIDTH_MM = 50.0
UPPER_EDGE_BELOW_SEAM_MM = 2.4
"""Where the upper cutting edge stands under the line of the closed lips."""
LOWER_EDGE_BELOW_SEAM_MM = 1.8
TEETH_BEHIND_LIPS = 0.06
"""Depth of the teeth behind the lips, outer eye distances."""
TEXTURE_HALF_WIDTH_MM, TEXTURE_TOP_MM, TEXTURE_BOTTOM_MM = 30.0, -14.0, 14.0

CAVITY_RGB = np.array([58, 24, 22], dtype=np.float32)
TONGUE_RGB = np.array([186, 98, 94], dtype=np.float32)
GUM_RGB = np.array([176, 98, 94], dtype=np.float32)
TOOTH_RGB = np.array([236, 227, 212], dtype=np.float32)
REFERENCE_LIGHT = 190.0
"""The light (sRGB value of a white thing in the face's light) at which the colours above are meant."""
LIP_SHADOW_MM = 3.2
LIP_SHADOWS = (0.42, 0.30)
"""Share of light that the upper and the lower lip keep from things right behind them."""
TOOTH_SHADOW = 0.55
"""How much of these shadows falls on teeth: they stand right behind the lips, the rest lies deep."""
NARROW_MM, NARROW_SHADE = (0.4, 3.0), 0.5
"""Gaps as narrow as the first let little light in, from the second on all; the share of light in the first."""
GRAIN = 0.02
"""How unevenly enamel reflects, a share of its brightness."""


@dataclass(frozen=True, slots=True)
class MouthFrame:
    """Place and size of a closed mouth in the chart."""

    centre: FloatArray
    """(2,) chart: middle of the closed lips' line."""
    depth: float
    """Canonical depth of the teeth."""
    mm: float
    """Outer eye distances for one millimetre of an average mouth."""

    @classmethod
    def of(cls, neutral: FloatArray) -> MouthFrame:
        """Measure a canonical shape whose mouth is closed."""
        seam = neutral[topo.INNER_UPPER]
        width = float(np.linalg.norm(neutral[291, :2] - neutral[61, :2]))
        middle = seam[len(seam) // 2]
        centre = np.array([(seam[0, 0] + seam[-1, 0]) / 2, middle[1]], dtype=np.float32)
        return cls(centre, float(middle[2]) + TEETH_BEHIND_LIPS, width / MOUTH_WIDTH_MM)


class MouthScene:
    """Place and light in a frame for the inside of a mouth to be drawn in."""

    def __init__(self, plane: PlaneMap, shift: FloatArray, maps: FaceMaps, light: FloatArray, mm: float) -> None:
        """Set the scene.

        Args:
            plane: the frame's plane map.
            shift: (2,) plane offset of the mouth on the head.
            maps: the face's maps, with a mouth: the inside is drawn in its rectangle, shaded by its lips' edges.
            light: (3,) from `face_light`.
            mm: outer eye distances for one millimetre.
        """
        assert maps.mouth is not None
        box, (rows, columns) = maps.geometry.box, maps.mouth.part
        self.light = light
        self._plane, self._shift = plane, shift
        self._origin = np.array([box.x0 + columns.start, box.y0 + rows.start], dtype=np.float32)
        self._size = (columns.stop - columns.start, rows.stop - rows.start)
        pixels_per_mm = plane.stretch * mm
        shadow = _lip_shadow(maps.mouth, pixels_per_mm)[..., None]
        self.let_in = _let_in(maps.mouth, pixels_per_mm)[..., None]
        """(h, w, 1) 0-1: share of light that the gap lets in."""
        relit = as_float(light / REFERENCE_LIGHT) * self.let_in
        self.shade = as_float(shadow * relit)
        """(h, w, 3) factors on colours meant at `REFERENCE_LIGHT`."""
        self.tooth_shade = as_float((1 - TOOTH_SHADOW + TOOTH_SHADOW * shadow) * relit)
        """(h, w, 3) the same for teeth."""

    def place(self, texture: FloatArray, mouth: MouthFrame, corner: FloatArray, pixel: float) -> FloatArray:
        """Bring a texture in the teeth's plane into the mouth's rectangle.

        Args:
            texture: (h, w, 4) float32, premultiplied.
            mouth: the closed mouth.
            corner: (2,) plane: the texture's first pixel, from the middle of the closed lips' line.
            pixel: outer eye distances for one texture pixel.

        Returns:
            (h, w, 4) float32, transparent outside the texture.
        """
        affine = texture_to_picture(self._plane, self._shift, mouth, corner, pixel)
        affine[:, 2] -= self._origin
        return as_float(cv2.warpAffine(texture, affine, self._size, borderMode=cv2.BORDER_CONSTANT))


def texture_to_picture(
    plane: PlaneMap, shift: FloatArray, mouth: MouthFrame, corner: FloatArray, pixel: float
) -> FloatArray:
    """Return the (2, 3) affine of a texture's pixels in the teeth's plane to the picture's; see `MouthScene.place`."""
    base = mouth.centre + mouth.depth * plane.slant + shift + corner
    affine = np.empty((2, 3), dtype=np.float32)
    affine[:, :2], affine[:, 2] = plane.matrix * np.float32(pixel), plane.matrix @ base + plane.centre
    return affine


def face_light(rgb: Picture, landmarks: FloatArray) -> FloatArray:
    """Estimate the light on a face: the colour of a white thing beside the mouth, (3,) float32 in 0-255.

    Skin gives its colour; the whites of the eyes give the brightness, whatever the skin's own.
    """
    height, width = rgb.shape[:2]

    def pixels(points: list[int], radius: int) -> FloatArray:
        middle, around = landmarks[points, :2].astype(int), np.arange(-radius, radius + 1)
        columns = (middle[:, :1] + around).clip(0, width - 1)
        rows = (middle[:, 1:] + around).clip(0, height - 1)
        return as_float(rgb[rows[:, :, None], columns[:, None]].reshape(-1, 3))

    eye = float(np.linalg.norm(landmarks[33, :2] - landmarks[263, :2]))
    skin = _percentile(pixels([205, 425, 50, 280, 199, 164], max(1, int(eye * 0.02))), 50)
    whites = _percentile(pixels([33, 133, 362, 263, 153, 380, 158, 385], max(1, int(eye * 0.025))) @ LUMA, 90)
    brightness = min(max(float(skin @ LUMA) * 1.08, float(whites) * 1.02, 40.0), 235.0)
    tint = skin / max(float(skin @ LUMA), 1.0)
    return np.asarray(brightness * (0.72 + 0.28 * tint), dtype=np.float32)


def _percentile(values: FloatArray, percent: float) -> FloatArray:
    """Take the percentile of values (n,) or (n, d) along their first axis; NumPy's own takes longer for so few."""
    ordered = np.sort(values, axis=0)
    place = percent / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return as_float(ordered[below] + (ordered[above] - ordered[below]) * np.float32(place - below))


@dataclass(frozen=True, slots=True)
class _ToothRow:
    """Sizes of a row of teeth, from the middle line outwards."""

    edges_mm: FloatArray
    """Right edge of each tooth."""
    recess_mm: FloatArray
    """How far its cutting edge stands back."""
    length_mm: float


# As seen from the front: the arch foreshortens the outer teeth.
UPPER_ROW = _ToothRow(np.array([8.4, 14.7, 21.2, 25.6, 28.6]), np.array([0.0, 0.8, 0.6, 1.6, 2.4]), 10.5)
LOWER_ROW = _ToothRow(np.array([5.2, 10.8, 16.8, 21.6, 25.2]), np.array([0.0, 0.1, 0.0, 0.8, 1.4]), 9.0)


def _draw_teeth(x_mm: FloatArray, y_mm: FloatArray, row: _ToothRow, pixel_mm: float) -> tuple[FloatArray, FloatArray]:
    """Draw a row of teeth whose cutting edge is at y = 0 and whose roots go to positive y.

    Returns:
        colour (h, w, 3) and alpha (h, w) 0-1.
    """
    edges, recess, length = row.edges_mm, row.recess_mm, row.length_mm
    across = np.abs(x_mm)
    starts = np.concatenate([[0.0], edges[:-1]])
    index = np.clip(np.searchsorted(edges, across), 0, len(edges) - 1)
    middle, half = (starts + edges) / 2, (edges - starts) / 2
    t = (across - middle[index]) / half[index]
    rounding = 0.9 * np.abs(t) ** 5
    edge = recess[index] + rounding
    soft = max(pixel_mm, 0.25)
    body = np.clip((y_mm - edge) / soft + 0.5, 0, 1)
    ends = np.clip((edges[-1] - across) / 1.5, 0, 1)
    to_gap = (1 - np.abs(t)) * half[index]
    gap = 1 - 0.26 * min(1.0, 0.35 / pixel_mm) * np.exp(-((to_gap / max(0.35, pixel_mm)) ** 2))
    arch = 0.25 + 0.75 * np.cos(np.clip(across / (0.92 * edges[-1]), 0, 1) * np.pi / 2) ** 0.8
    # Each crown bulges: its middle third catches the light, its flanks and its thin, glassy tip do not.
    bulge = 1 - 0.14 * np.abs(t) ** 3
    up = np.clip(y_mm - edge, 0, None)
    crown = (
        1 - 0.12 * np.exp(-up / 0.9) + 0.06 * np.exp(-(((up - 0.35 * length) / (0.25 * length)) ** 2) - (t / 0.6) ** 2)
    )
    neck = 1 - 0.18 * np.clip(up / length - 0.5, 0, 1)
    shade = gap * arch * bulge * crown * neck * _grain(x_mm.shape, pixel_mm)
    gum = np.clip((y_mm - length + 0.2 + t**2) / 0.8, 0, 1)[..., None]
    # Towards the neck enamel thins and the yellow beneath shows.
    warm = np.stack([np.ones_like(up), 1 - 0.05 * up / length, 1 - 0.13 * up / length], axis=-1).clip(0.5, 1)
    colour = (TOOTH_RGB * warm * (1 - gum) + GUM_RGB * gum) * shade[..., None]
    return colour.astype(np.float32), (body * ends).astype(np.float32)


def _grain(shape: tuple[int, ...], pixel_mm: float) -> FloatArray:
    """Make fine upright streaks, as enamel has, (h, w) about 1; always the same."""
    noise = np.random.default_rng(7).standard_normal(shape).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), sigmaX=max(0.5, 0.15 / pixel_mm), sigmaY=max(0.8, 0.9 / pixel_mm))
    return as_float(1 + GRAIN * blurred / max(float(blurred.std()), 1e-6))


def _tongue(x_mm: FloatArray, y_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Draw the tongue's back; y = 0 is the lower teeth's cutting edge, positive y goes to the floor of the mouth."""
    radius = np.sqrt((x_mm / 20.0) ** 2 + ((y_mm - 3.2) / 11.0) ** 2)
    alpha = np.clip((1.0 - radius) / 0.30, 0, 1)
    alpha = alpha * alpha * (3 - 2 * alpha)
    groove = 1 - 0.14 * np.exp(-((x_mm / 1.8) ** 2))
    # Its tip, behind the lower teeth, lies in the light that falls in; its back does not.
    light = 0.42 + 0.50 * np.clip((y_mm + 7.0) / 9.0, 0, 1)
    wet = 1 + 0.10 * np.exp(-(((x_mm - 4.0) / 5.0) ** 2) - ((y_mm - 0.5) / 2.0) ** 2)
    shade = light * (0.70 + 0.30 * np.clip(1.2 - radius, 0, 1)) * groove * wet
    return (TONGUE_RGB * shade[..., None]).astype(np.float32), alpha.astype(np.float32)


class ProceduralInterior:
    """A procedural inside of the mouth, lit like the face around it."""

    def __init__(self, mouth: MouthFrame, pixels_per_unit: float) -> None:
        """Draw the teeth and tongue once, at about the resolution of the frames."""
        self._mouth = mouth
        self._cavity = CAVITY_RGB
        self.upper_edge = UPPER_EDGE_BELOW_SEAM_MM * mouth.mm
        """Distance of the upper cutting edge under the line of the closed lips, outer eye distances."""
        self._pixel_mm = max(1.0 / (pixels_per_unit * mouth.mm), 0.12)
        width = int(2 * TEXTURE_HALF_WIDTH_MM / self._pixel_mm) + 1
        height = int((TEXTURE_BOTTOM_MM - TEXTURE_TOP_MM) / self._pixel_mm) + 1
        x, y = np.meshgrid(
            (np.arange(width) * self._pixel_mm - TEXTURE_HALF_WIDTH_MM).astype(np.float32),
            (np.arange(height) * self._pixel_mm + TEXTURE_TOP_MM).astype(np.float32),
        )
        upper = _draw_teeth(x, -y, UPPER_ROW, self._pixel_mm)
        lower = _draw_teeth(x, y, LOWER_ROW, self._pixel_mm)
        self._upper = self._pack(upper)
        self._lower = self._pack((lower[0] * 0.88, lower[1]))
        self._tongue = self._pack(_tongue(x, y))

    def match(self, dark: FloatArray, light: FloatArray) -> None:
        """Take on the darkness (3,) of the face's own mouth, seen in a light (3,)."""
        own = dark / np.maximum(light, 1) * REFERENCE_LIGHT
        self._cavity = as_float(np.clip(own, CAVITY_RGB / 4, CAVITY_RGB * 1.1))

    @staticmethod
    def _pack(layer: tuple[FloatArray, FloatArray]) -> FloatArray:
        """Pack a layer as premultiplied RGBA, (h, w, 4) float32."""
        colour, alpha = layer
        return np.concatenate([colour * alpha[..., None], alpha[..., None]], axis=2)

    def behind(self, scene: MouthScene, jaw: FloatArray) -> FloatArray:
        """Draw the dark, the tongue and the lower teeth.

        Args:
            scene: place and light.
            jaw: (2,) plane displacement of the lower teeth from closed.

        Returns:
            (h, w, 3) float32 in 0-255, of the mouth's rectangle.
        """
        picture = np.empty((*scene.shade.shape[:2], 3), dtype=np.float32)
        picture[:] = self._cavity
        picture *= scene.shade
        edge = jaw + np.array([0, LOWER_EDGE_BELOW_SEAM_MM * self._mouth.mm], dtype=np.float32)
        picture = self._lay_over(picture, self._tongue, scene, edge, scene.shade)
        return self._lay_over(picture, self._lower, scene, edge, scene.tooth_shade)

    def upper_teeth(self, inside: FloatArray, scene: MouthScene) -> FloatArray:
        """Draw the upper teeth over the inside behind them, (h, w, 3) float32 in 0-255."""
        edge = np.array([0, self.upper_edge], dtype=np.float32)
        return self._lay_over(inside, self._upper, scene, edge, scene.tooth_shade)

    def _lay_over(
        self, inside: FloatArray, texture: FloatArray, scene: MouthScene, edge: FloatArray, shade: FloatArray
    ) -> FloatArray:
        """Lay a texture, shaded by lips and light, over the inside; its y = 0 goes `edge` from the seam's middle."""
        mm = self._mouth.mm
        corner = edge + np.array([-TEXTURE_HALF_WIDTH_MM, TEXTURE_TOP_MM], dtype=np.float32) * mm
        layer = scene.place(texture, self._mouth, corner, self._pixel_mm * mm)
        return as_float(inside * (1 - layer[..., 3:]) + layer[..., :3] * shade)


def _lip_shadow(mouth: MouthMaps, pixels_per_mm: float) -> FloatArray:
    """Shade the inside by the lips, (h, w) float32 in 0-1: darker under the upper lip than over the lower."""
    from_upper = np.clip(-mouth.above, 0, None) / pixels_per_mm
    from_lower = np.clip(-mouth.below, 0, None) / pixels_per_mm
    upper = 1 - LIP_SHADOWS[0] * np.exp(-from_upper / LIP_SHADOW_MM)
    lower = 1 - LIP_SHADOWS[1] * np.exp(-from_lower / (LIP_SHADOW_MM / 2))
    return np.asarray(upper * lower, dtype=np.float32)


def _let_in(mouth: MouthMaps, pixels_per_mm: float) -> FloatArray:
    """Estimate the share of light that the gap between the lips lets in, (h, w) float32 in 0-1."""
    gap_mm = (-mouth.above - mouth.below) / pixels_per_mm
    t = np.clip((gap_mm - NARROW_MM[0]) / (NARROW_MM[1] - NARROW_MM[0]), 0, 1)
    return as_float(NARROW_SHADE + (1 - NARROW_SHADE) * t * t * (3 - 2 * t))
