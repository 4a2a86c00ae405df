"""Make the sample face that ships in the package: a portrait of nobody, sculpted and painted by this program.

    python tools/make_sample_face.py src/mouthpiece/samples/face.jpg

The head is a height field (an oval with bumps and hollows) lit by three lamps; each colour channel sees the relief
blurred differently, which is how light that wanders under skin looks. Eyes, lips, brows and hair are painted on it.
Lengths are in head units: x to the right, y down, the origin between the outer eye corners, their distance 1.
Colours are linear light, 0-1, until the last step.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Array = NDArray[np.float64]
Points = list[tuple[float, float]]

WIDTH, HEIGHT = 768, 960
"""Size of the result, pixels."""
OVERSAMPLING = 2
UNIT = 258 * OVERSAMPLING
"""Pixels a head unit, while painting."""
ORIGIN = (384 * OVERSAMPLING, 425 * OVERSAMPLING)
"""Where (0, 0) falls, pixels (x, y), while painting."""
SUBPIXEL_BITS = 4
JPEG_QUALITY = 94

KEY_LIGHT = np.array([-0.56, -0.50, 0.66])
SOFT_LIGHT = np.array([-0.56, -0.35, 0.66])
FILL_LIGHT = np.array([0.72, -0.10, 0.68])
RIM_LIGHT = np.array([0.86, -0.35, 0.36])
# How far light wanders under the skin (head units) and how far it wraps around, for red, green and blue.
WANDER = (0.020, 0.011, 0.007)
WRAP = (0.42, 0.30, 0.25)


def linear(red: int, green: int, blue: int) -> Array:
    """An sRGB colour as linear light, (3,)."""
    code = np.array([red, green, blue]) / 255
    return np.asarray(np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4))


SKIN = linear(233, 186, 160)
BLUSH = linear(222, 128, 112)
UPPER_LIP = linear(176, 82, 84)
LOWER_LIP = linear(201, 104, 103)
LIP_SEAM = linear(84, 30, 32)
HAIR = linear(82, 50, 34)
HAIR_SHINE = linear(196, 138, 92)
HAIR_DEEP = linear(30, 18, 13)
BROW = linear(66, 42, 30)
LASH = linear(34, 22, 20)
IRIS = linear(96, 68, 42)
IRIS_RIM = linear(38, 30, 24)
SCLERA = linear(236, 230, 226)
BLOUSE = linear(46, 104, 112)
BACKGROUND_LIGHT = linear(206, 204, 198)
BACKGROUND_DARK = linear(128, 134, 138)

FACE_OUTLINE: Points = [
    (0.0, -1.02), (0.36, -0.93), (0.59, -0.66), (0.675, -0.30), (0.690, 0.06), (0.652, 0.40),
    (0.556, 0.70), (0.382, 0.940), (0.175, 1.072), (0.0, 1.104),
]  # fmt: skip
EYE_UPPER: Points = [
    (0.180, 0.034),
    (0.222, -0.026),
    (0.285, -0.072),
    (0.352, -0.084),
    (0.430, -0.062),
    (0.505, -0.012),
]
EYE_LOWER: Points = [(0.505, -0.012), (0.455, 0.036), (0.372, 0.062), (0.290, 0.058), (0.222, 0.044), (0.180, 0.034)]
IRIS_CENTRE, IRIS_RADIUS, PUPIL_RADIUS = (0.345, -0.014), 0.077, 0.033
LIP_TOP: Points = [
    (-0.255, 0.683),
    (-0.16, 0.648),
    (-0.062, 0.617),
    (0.0, 0.63),
    (0.062, 0.617),
    (0.16, 0.648),
    (0.255, 0.683),
]
LIP_LINE: Points = [
    (-0.255, 0.683),
    (-0.15, 0.699),
    (-0.05, 0.697),
    (0.0, 0.703),
    (0.05, 0.697),
    (0.15, 0.699),
    (0.255, 0.683),
]
LIP_BOTTOM: Points = [
    (-0.255, 0.683),
    (-0.17, 0.763),
    (-0.075, 0.814),
    (0.0, 0.822),
    (0.075, 0.814),
    (0.17, 0.763),
    (0.255, 0.683),
]
BODY_RISE = 0.06
"""How far neck and shoulders are lifted, head units."""
BROW_CURVE: Points = [(0.140, -0.212), (0.25, -0.255), (0.39, -0.284), (0.52, -0.250), (0.605, -0.185)]


@dataclass
class Canvas:
    """The picture being painted."""

    rgb: Array
    """(H, W, 3) linear light."""
    x: Array
    """(H, W) head units."""
    y: Array
    """(H, W) head units."""
    rng: np.random.Generator

    def lay(self, colour: Array, alpha: Array) -> None:
        """Paint a colour (3,) or (H, W, 3) over the picture; alpha (H, W) in 0-1."""
        self.rgb += (colour - self.rgb) * alpha[..., None]

    def darken(self, factor: Array) -> None:
        """Multiply by (H, W) in 0-1; what is dark grows warmer, as skin does."""
        self.rgb *= factor[..., None] ** np.array([0.86, 1.06, 1.12])


def new_canvas() -> Canvas:
    """An empty canvas with its coordinates."""
    rows, columns = np.mgrid[0 : HEIGHT * OVERSAMPLING, 0 : WIDTH * OVERSAMPLING].astype(np.float64)
    x, y = (columns - ORIGIN[0]) / UNIT, (rows - ORIGIN[1]) / UNIT
    return Canvas(np.zeros((*x.shape, 3)), x, y, np.random.default_rng(7))


def blur(picture: Array, sigma: float) -> Array:
    """Gaussian blur; sigma in head units."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma * UNIT, borderType=cv2.BORDER_REPLICATE))


def bump(x: Array, y: Array, centre: tuple[float, float], size: tuple[float, float], tilt: float = 0.0) -> Array:
    """A Gaussian hill of height 1; tilt in radians clockwise."""
    dx, dy = x - centre[0], y - centre[1]
    along = dx * np.cos(tilt) + dy * np.sin(tilt)
    across = dy * np.cos(tilt) - dx * np.sin(tilt)
    return np.asarray(np.exp(-0.5 * ((along / size[0]) ** 2 + (across / size[1]) ** 2)))


def both(x: Array, y: Array, centre: tuple[float, float], size: tuple[float, float], tilt: float = 0.0) -> Array:
    """A hill and its mirror image."""
    return bump(x, y, centre, size, tilt) + bump(-x, y, centre, size, tilt)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def curve(points: Points, count: int = 200) -> Array:
    """A smooth curve through points, (count, 2)."""
    knots = np.array(points)
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    return np.asarray(CubicSpline(length, knots)(np.linspace(0, length[-1], count)))


def pixels(points: Array) -> NDArray[np.int32]:
    """Head units to OpenCV's fixed-point pixels."""
    return np.asarray(np.round((points * UNIT + ORIGIN) * 2**SUBPIXEL_BITS), dtype=np.int32)


def filled(canvas: Canvas, outline: Array, softness: float = 0.0) -> Array:
    """The inside of a closed outline, (H, W) in 0-1; softness in head units."""
    mask = np.zeros(canvas.x.shape, np.uint8)
    cv2.fillPoly(mask, [pixels(outline)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return blur(mask / 255, softness) if softness else mask / 255


def stroked(canvas: Canvas, line: Array, widths: Array, softness: float = 0.0) -> Array:
    """A line whose width changes along the way, (H, W) in 0-1; widths and softness in head units."""
    normal = np.gradient(line, axis=0)[:, ::-1] * [1, -1]
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    half = widths[:, None] / 2 * normal
    return filled(canvas, np.concatenate([line + half, (line - half)[::-1]]), softness)


def mirrored(points: Array) -> Array:
    """The same curve on the other side."""
    return points * [-1, 1]


def face_outline() -> Array:
    """The closed outline of the bare head, (n, 2)."""
    right = curve(FACE_OUTLINE)
    return np.concatenate([right, mirrored(right)[::-1]])


# --- the relief ---------------------------------------------------------------------------------------------------


def head_relief(x: Array, y: Array) -> Array:
    """Height of the bare oval towards the viewer, head units; falls steeply to 0 at the outline."""
    outline = face_outline() - [0, 0.15]
    angle = np.arctan2(outline[:, 0], outline[:, 1])
    order = np.argsort(angle)
    reach = np.interp(np.arctan2(x, y - 0.15), angle[order], np.hypot(*outline[order].T), period=2 * np.pi)
    t = np.clip(np.hypot(x, y - 0.15) / reach, 0, 1)
    return np.asarray(0.62 * (1 - t**2.5) ** 0.5)


def nose_relief(x: Array, y: Array) -> Array:
    """Bridge, tip and wings; the underside arches up to both sides of the middle."""
    down = np.array([-0.22, -0.10, 0.05, 0.20, 0.33, 0.405, 0.455, 0.50])
    height = np.interp(y + 1.6 * x**2, down, [0.0, 0.045, 0.105, 0.17, 0.225, 0.205, 0.085, 0.0])
    width = np.interp(y, down, [0.085, 0.062, 0.054, 0.058, 0.070, 0.074, 0.074, 0.07])
    bridge = blur(height * np.exp(-0.5 * (x / width) ** 2), 0.014)
    tip = 0.060 * bump(x, y, (0, 0.370), (0.056, 0.050))
    wings = 0.092 * both(x, y, (0.108, 0.408), (0.037, 0.041))
    groove = -0.014 * both(x, y, (0.165, 0.385), (0.020, 0.045), 0.35)
    return np.asarray(bridge + tip + wings + groove)


def mouth_relief(x: Array, y: Array) -> Array:
    """The mound under the mouth, both lips, the crease between them, philtrum, chin."""
    mound = 0.075 * bump(x, y, (0, 0.698), (0.21, 0.16))
    upper = 0.028 * bump(x, y, (0, 0.666), (0.115, 0.024)) + 0.010 * bump(x, y, (0, 0.676), (0.035, 0.022))
    lower = 0.042 * bump(x, y, (0, 0.756), (0.125, 0.034)) + 0.006 * both(x, y, (0.05, 0.751), (0.04, 0.03))
    crease = -0.030 * bump(x, y, (0, 0.700), (0.115, 0.010))
    corners = -0.012 * both(x, y, (0.266, 0.684), (0.024, 0.030))
    philtrum = 0.007 * both(x, y, (0.046, 0.575), (0.020, 0.055)) - 0.009 * bump(x, y, (0, 0.57), (0.024, 0.055))
    under = -0.030 * bump(x, y, (0, 0.862), (0.13, 0.036))
    chin = 0.066 * bump(x, y, (0, 0.955), (0.14, 0.082))
    return np.asarray(mound + upper + lower + crease + corners + philtrum + under + chin)


def relief(x: Array, y: Array) -> Array:
    """Height of the whole face, head units."""
    brow = 0.030 * both(x, y, (0.34, -0.20), (0.18, 0.06), -0.15)
    sockets = -0.055 * both(x, y, (0.34, -0.06), (0.16, 0.10)) - 0.055 * both(x, y, (0.13, -0.03), (0.05, 0.08))
    balls = 0.040 * both(x, y, (0.345, -0.008), (0.105, 0.075))
    cheeks = 0.050 * both(x, y, (0.44, 0.26), (0.15, 0.12), 0.5)
    hollows = -0.012 * both(x, y, (0.46, 0.62), (0.10, 0.16), 0.4)
    return head_relief(x, y) + nose_relief(x, y) + mouth_relief(x, y) + brow + sockets + balls + cheeks + hollows


def normals(height: Array) -> Array:
    """Unit normals of a relief, (H, W, 3), z towards the viewer."""
    down, right = np.gradient(height, 1 / UNIT)
    field = np.stack([-right, -down, np.ones_like(height)], axis=-1)
    return np.asarray(field / np.linalg.norm(field, axis=-1, keepdims=True))


def lit(normal: Array, light: Array, wrap: float) -> Array:
    """Diffuse light that wraps around, (H, W) in 0-1."""
    return np.asarray(np.clip((normal @ (light / np.linalg.norm(light)) + wrap) / (1 + wrap), 0, 1) ** 1.25)


def shine(normal: Array, light: Array, sharpness: float) -> Array:
    """Highlights (Blinn's half vector), (H, W)."""
    half = light / np.linalg.norm(light) + [0, 0, 1]
    return np.asarray(np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** sharpness)


def shaded(height: Array, albedo: Array) -> Array:
    """Skin of a relief under the lamps, (H, W, 3)."""
    result = np.empty_like(albedo)
    for channel in range(3):
        normal = normals(blur(height, WANDER[channel]))
        ambient = 0.17 - 0.06 * normal[..., 1]
        key = (1.00, 0.95, 0.89)[channel] * lit(normal, KEY_LIGHT, WRAP[channel])
        fill = (0.20, 0.21, 0.23)[channel] * lit(normal, FILL_LIGHT, WRAP[channel])
        rim = (0.10, 0.11, 0.13)[channel] * lit(normal, RIM_LIGHT, 0.0) ** 2
        result[..., channel] = albedo[..., channel] * (ambient + 0.98 * key + fill + rim)
    hollow = 3.2 * np.clip(blur(height, 0.05) - height, 0, None) + 1.6 * np.clip(blur(height, 0.12) - height, 0, None)
    result *= np.exp(-hollow)[..., None] ** np.array([0.8, 1.05, 1.15])
    gloss = normals(blur(height, 0.006))
    return np.asarray(result + (0.050 * shine(gloss, KEY_LIGHT, 24) + 0.07 * shine(gloss, KEY_LIGHT, 90))[..., None])


# --- the layers, from back to front -----------------------------------------------------------------------------


def paint_background(canvas: Canvas) -> None:
    """A wall with a soft pool of light."""
    pool = np.exp(-0.5 * (((canvas.x + 0.35) / 1.5) ** 2 + ((canvas.y + 0.2) / 1.6) ** 2))
    canvas.rgb[:] = BACKGROUND_DARK + (BACKGROUND_LIGHT - BACKGROUND_DARK) * pool[..., None]


def paint_body(canvas: Canvas) -> None:
    """Neck, shoulders and a blouse."""
    x, y = canvas.x, canvas.y + BODY_RISE
    side = curve([(0.40, 0.75), (0.385, 1.15), (0.42, 1.42), (0.62, 1.60), (1.10, 1.74), (1.55, 2.0), (1.7, 2.6)]) - [
        0,
        BODY_RISE,
    ]
    body = np.concatenate([side, mirrored(side)[::-1]])
    mask = filled(canvas, body, 0.004)
    neck = 0.42 * np.sqrt(np.clip(1 - (x / 0.47) ** 2, 0, 1)) * smoothstep(1.75, 1.25, y)
    chest = 0.35 * np.exp(-0.5 * (x / 1.1) ** 2) * smoothstep(1.2, 1.8, y)
    collarbones = 0.030 * both(x, y, (0.42, 1.70), (0.26, 0.030), 0.22) - 0.04 * bump(x, y, (0, 1.66), (0.06, 0.07))
    tendons = 0.022 * both(x, y, (0.20, 1.40), (0.035, 0.24), 0.30)
    skin = shaded(blur(neck + chest + collarbones + tendons, 0.012), np.broadcast_to(SKIN * 0.93, canvas.rgb.shape))
    shadow = 1 - 0.74 * smoothstep(1.66, 1.16, y - 0.22 * x) * smoothstep(0.95, 0.25, np.abs(x - 0.06))
    canvas.lay(skin * shadow[..., None] ** np.array([0.9, 1.05, 1.1]), mask)
    neckline = curve([(0.0, 1.93), (0.22, 1.83), (0.42, 1.66), (0.60, 1.56), (1.2, 1.72), (1.75, 2.05), (1.8, 2.7)]) - [
        0,
        BODY_RISE,
    ]
    cloth = filled(canvas, np.concatenate([neckline, mirrored(neckline)[::-1]]), 0.003)
    canvas.darken(1 - 0.45 * np.clip(blur(cloth, 0.03) - cloth, 0, 1))
    folds = blur(canvas.rng.normal(size=x.shape), 0.05)
    slope = 0.40 * np.exp(-0.5 * (x / 0.9) ** 2) + 0.10 * both(x, y, (0.78, 1.75), (0.3, 0.2)) + 0.25 * folds
    weave = 1 + 0.03 * canvas.rng.normal(size=x.shape)
    normal = normals(blur(slope, 0.02))
    light = 0.22 + 0.72 * lit(normal, KEY_LIGHT, 0.2) + 0.2 * lit(normal, FILL_LIGHT, 0.2)
    canvas.lay(BLOUSE * (light * weave)[..., None], cloth)


def skin_albedo(canvas: Canvas) -> Array:
    """Colour of the bare skin, (H, W, 3): redder cheeks, nose and chin, darker lids, pores."""
    x, y = canvas.x, canvas.y
    red = 0.27 * both(x, y, (0.43, 0.36), (0.15, 0.13)) + 0.26 * bump(x, y, (0, 0.38), (0.10, 0.07))
    red = red + 0.16 * bump(x, y, (0, 0.955), (0.13, 0.082)) + 0.22 * both(x, y, (0.33, -0.09), (0.14, 0.035))
    red = red + 0.16 * both(x, y, (0.34, 0.085), (0.13, 0.035)) + 0.12 * bump(x, y, (0, 0.74), (0.30, 0.14))
    albedo = SKIN + (BLUSH - SKIN) * np.clip(red, 0, 1)[..., None]
    lids = 0.42 * both(x, y, (0.36, -0.085), (0.13, 0.035), -0.08)
    blotches = 1 + 0.22 * blur(canvas.rng.normal(size=x.shape), 0.03)
    pores = 1 + 0.055 * blur(canvas.rng.normal(size=x.shape), 0.0028)
    return np.asarray(albedo * ((1 - lids) * blotches * pores)[..., None])


def lip_shapes() -> tuple[Array, Array]:
    """Closed outlines of the upper and the lower lip."""
    top, line, bottom = curve(LIP_TOP), curve(LIP_LINE), curve(LIP_BOTTOM)
    return np.concatenate([top, line[::-1]]), np.concatenate([line, bottom[::-1]])


def colour_lips(canvas: Canvas, albedo: Array) -> None:
    """Give the lips their two tones, in place."""
    upper, lower = (filled(canvas, outline, 0.0055) for outline in lip_shapes())
    fibres = cv2.GaussianBlur(canvas.rng.normal(size=canvas.x.shape), (0, 0), sigmaX=2.2, sigmaY=14)
    grain = 1 + 0.55 * fibres
    for mask, colour in ((upper, UPPER_LIP), (lower, LOWER_LIP)):
        tone = colour * grain[..., None]
        albedo += (tone - albedo) * (0.88 * mask)[..., None]


def paint_face(canvas: Canvas) -> None:
    """The head's skin with the lips on it."""
    x, y = canvas.x, canvas.y
    height = relief(x, y)
    albedo = skin_albedo(canvas)
    colour_lips(canvas, albedo)
    mask = filled(canvas, face_outline(), 0.003)
    below = np.roll(blur(mask, 0.07), (round(0.17 * UNIT), round(0.05 * UNIT)), axis=(0, 1))
    canvas.darken(1 - 0.72 * below * smoothstep(0.62, 0.40, np.abs(x)))
    canvas.lay(shaded(height, albedo), mask)
    paint_mouth_details(canvas, height)
    paint_nostrils(canvas)


def paint_mouth_details(canvas: Canvas, height: Array) -> None:
    """The seam of the closed lips, the shade beneath them and the shine on the lower one."""
    line = curve(LIP_LINE)
    along = np.linspace(-1, 1, len(line))
    seam = stroked(canvas, line, 0.015 * (1 - 0.55 * along**2), 0.0035)
    canvas.lay(LIP_SEAM, 0.85 * seam)
    canvas.darken(1 - 0.22 * blur(stroked(canvas, line, np.full(len(line), 0.03)), 0.010))
    corners = both(canvas.x, canvas.y, (0.257, 0.683), (0.013, 0.010))
    canvas.darken(1 - 0.35 * np.clip(corners, 0, 1))
    _, lower = lip_shapes()
    gloss = shine(normals(blur(height, 0.005)), SOFT_LIGHT, 60) * filled(canvas, lower, 0.008)
    canvas.rgb += 0.16 * gloss[..., None]


def paint_nostrils(canvas: Canvas) -> None:
    """Two soft dark openings and the shade under the nose."""
    x, y = canvas.x, canvas.y
    openings = both(x, y, (0.066, 0.455), (0.028, 0.0125), -0.30)
    canvas.lay(linear(62, 26, 22), 0.88 * smoothstep(0.30, 0.95, openings))
    canvas.darken(1 - 0.20 * bump(x, y, (0.03, 0.497), (0.11, 0.028)))
    canvas.darken(1 - 0.30 * both(x, y, (0.152, 0.432), (0.011, 0.028), 0.30))


def paint_eye(canvas: Canvas, side: int) -> None:
    """One eye; side is -1 for the picture's left, 1 for its right."""
    x, y = canvas.x * side, canvas.y
    upper, lower = curve(EYE_UPPER), curve(EYE_LOWER)
    flip = np.array([side, 1.0])
    opening = filled(canvas, np.concatenate([upper, lower]) * flip, 0.0025)
    paint_eyeball(canvas, x, y, side, opening)
    lid_shadow = blur(stroked(canvas, (upper + np.array([0, 0.012])) * flip, np.full(len(upper), 0.045)), 0.012)
    canvas.rgb *= (1 - 0.60 * lid_shadow * opening)[..., None]
    waterline = stroked(canvas, (lower + np.array([0, 0.003])) * flip, np.full(len(lower), 0.012), 0.003)
    canvas.lay(linear(226, 170, 156), 0.70 * waterline)
    canvas.lay(linear(206, 128, 118), 0.8 * bump(x, y, (0.203, 0.027), (0.014, 0.009)) * opening)
    along = np.linspace(0, 1, len(upper))
    canvas.lay(LASH, 0.93 * stroked(canvas, upper * flip, 0.009 + 0.015 * along**0.8, 0.003))
    canvas.lay(LASH, 0.34 * stroked(canvas, (lower + np.array([0, 0.010])) * flip, 0.004 + 0.006 * (1 - along), 0.003))
    crease = upper[20:] + np.stack([0.006 * along[20:], -0.034 - 0.014 * np.sin(np.pi * along[20:])], axis=1)
    canvas.darken(
        1 - 0.42 * stroked(canvas, crease * flip, 0.012 * np.sin(np.pi * np.linspace(0.06, 0.97, len(crease))), 0.005)
    )
    paint_lashes(canvas, upper, flip)


def paint_eyeball(canvas: Canvas, x: Array, y: Array, side: int, opening: Array) -> None:
    """Sclera, iris, pupil and the lamps' reflections."""
    ball = 1 - 0.42 * np.clip(np.hypot((x - 0.345) / 0.18, (y + 0.012) / 0.13), 0, 1.2) ** 2
    canvas.lay(SCLERA * (0.86 * ball)[..., None] ** np.array([0.92, 1.0, 1.0]), opening)
    dx, dy = x - IRIS_CENTRE[0], y - IRIS_CENTRE[1]
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    t = radius / IRIS_RADIUS
    fibres = sum(np.sin(angle * n + phase) for n, phase in ((23, 0.4), (37, 1.9), (61, 4.0)))
    glow = 0.55 + 0.75 * smoothstep(0.95, 0.40, t) + 0.10 * np.asarray(fibres) * smoothstep(0.3, 0.6, t)
    glow = glow * (1 + 0.55 * np.clip(dy * 1.0 + dx * side * 0.6, -1, 1) / IRIS_RADIUS * 0.6)
    colour = IRIS * glow[..., None]
    colour = colour + (IRIS_RIM - colour) * smoothstep(0.74, 1.0, t)[..., None]
    canvas.lay(colour, opening * smoothstep(1.04, 0.95, t))
    canvas.lay(linear(10, 8, 8), opening * smoothstep(1.08, 0.92, radius / PUPIL_RADIUS))
    # The lamps stand still while the eyes are mirrored, so the reflections fall on the same side in both.
    lamp_x, lamp_y = dx * side + 0.024, dy + 0.026
    canvas.lay(np.ones(3), 0.96 * opening * smoothstep(1.15, 0.80, np.hypot(lamp_x / 0.0135, lamp_y / 0.0155)))
    canvas.lay(
        np.ones(3), 0.30 * opening * smoothstep(1.3, 0.5, np.hypot((dx * side - 0.030) / 0.010, (dy - 0.026) / 0.010))
    )


def paint_lashes(canvas: Canvas, upper: Array, flip: Array) -> None:
    """Short curved upper lashes, longer towards the outside."""
    layer = np.zeros(canvas.x.shape, np.uint8)
    for share in np.sort(canvas.rng.uniform(0.12, 1.0, 70)):
        root = upper[int(share * (len(upper) - 1))]
        lean = -0.30 + 1.65 * share + canvas.rng.normal(0, 0.16)
        length = (0.010 + 0.026 * share) * canvas.rng.uniform(0.5, 1.15)
        step = np.linspace(0, 1, 6)[:, None]
        tip = np.array([np.sin(lean), -np.cos(lean)]) * length
        lash = root + tip * step + [0, -0.010] * step**2
        cv2.polylines(layer, [pixels(lash * flip)], False, 255, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    canvas.lay(LASH, 0.9 * blur(layer / 255, 0.0009))


def paint_brow(canvas: Canvas, side: int) -> None:
    """One eyebrow: a soft shade with hairs on it."""
    line = curve(BROW_CURVE)
    along = np.linspace(0, 1, len(line))
    widths = 0.066 * np.interp(along, [0, 0.12, 0.5, 1], [0.50, 0.95, 0.82, 0.10])
    flip = np.array([side, 1.0])
    canvas.lay(BROW, 0.78 * stroked(canvas, line * flip, widths * 0.92, 0.012))
    layer = np.zeros(canvas.x.shape, np.uint8)
    for _ in range(420):
        at = canvas.rng.uniform(0, 1) ** 0.9
        index = int(at * (len(line) - 1))
        offset = canvas.rng.uniform(-0.5, 0.5)
        root = line[index] + [0, offset * widths[index]]
        lean = np.interp(at, [0, 0.2, 0.6, 1], [-0.95, -0.45, 0.00, 0.55]) + 0.5 * offset + canvas.rng.normal(0, 0.10)
        length = np.interp(at, [0, 0.5, 1], [0.036, 0.046, 0.034]) * canvas.rng.uniform(0.7, 1.15)
        hair = root + np.stack(
            [np.cos(lean) * np.linspace(0, length, 5), np.sin(lean) * np.linspace(0, length, 5)], axis=1
        )
        cv2.polylines(
            layer, [pixels(hair * flip)], False, int(canvas.rng.uniform(120, 255)), 1, cv2.LINE_AA, SUBPIXEL_BITS
        )
    canvas.lay(BROW * 0.45, 0.9 * layer / 255)


# --- hair -----------------------------------------------------------------------------------------------------------

# Guides of the right-hand half, each from the parting to the tip: the innermost frames the face.
PART_LOW, PART_HIGH = (0.13, -0.655), (0.08, -1.20)
HAIR_GUIDES: list[Points] = [
    [
        (0.13, -0.655),
        (0.30, -0.60),
        (0.50, -0.38),
        (0.625, -0.04),
        (0.690, 0.36),
        (0.700, 0.72),
        (0.58, 1.14),
        (0.52, 1.52),
        (0.64, 1.90),
    ],
    [
        (0.12, -0.82),
        (0.38, -0.76),
        (0.65, -0.40),
        (0.76, 0.02),
        (0.83, 0.42),
        (0.83, 0.80),
        (0.72, 1.20),
        (0.68, 1.60),
        (0.80, 2.00),
    ],
    [
        (0.10, -1.02),
        (0.46, -0.95),
        (0.76, -0.48),
        (0.855, 0.02),
        (0.93, 0.44),
        (0.96, 0.84),
        (0.88, 1.26),
        (0.84, 1.64),
        (0.94, 2.04),
    ],
    [
        (0.08, -1.20),
        (0.48, -1.12),
        (0.83, -0.62),
        (0.925, -0.04),
        (1.00, 0.42),
        (1.07, 0.86),
        (1.03, 1.30),
        (0.97, 1.68),
        (1.06, 2.02),
    ],
]


def hair_half(side: int) -> list[Points]:
    """The guides for one half; on the far side of the parting they cross over first."""
    if side > 0:
        return HAIR_GUIDES
    return [[guide[0], *((-x, y) for x, y in guide[1:])] for guide in HAIR_GUIDES]


def strand(guides: Array, across: float, count: int) -> Array:
    """A strand between the guides (g, count, 2); across in 0-1 from the innermost to the outermost."""
    position = across * (len(guides) - 1)
    low = min(int(position), len(guides) - 2)
    share = position - low
    share = share * share * (3 - 2 * share) * 0.5 + share * 0.5
    return np.asarray(guides[low] * (1 - share) + guides[low + 1] * share)


def paint_strands(canvas: Canvas, side: int, count: int) -> None:
    """Many thin strands from the parting down, shining where they bend towards the lamp."""
    steps = 96
    guides = np.stack([curve(guide, steps) for guide in hair_half(side)])
    along = np.linspace(0, 1, steps)
    locks = np.interp(np.linspace(0, 1, 512), np.linspace(0, 1, 44), canvas.rng.normal(size=44))
    layer = encoded(canvas.rgb)
    for depth in canvas.rng.permutation(count) / count:
        across = float(np.clip(depth + canvas.rng.normal(0, 0.014), -0.030, 1.02))
        lock = float(np.interp(across, np.linspace(0, 1, 512), locks))
        line = strand(guides, across, steps)
        wave = 0.020 * lock * np.sin(along * 11 + lock * 2) * along**1.5 + canvas.rng.normal(0, 0.010) * along**2
        line = line + np.stack([wave, 0.2 * wave], axis=1)
        tone = strand_tone(along, lock, across, side, canvas.rng)
        end = steps - int(canvas.rng.uniform(0, 14) + 10 * np.clip(lock, 0, 1.5) * canvas.rng.uniform())
        points, codes = pixels(line), encoded(tone).astype(float)
        for first in range(int(canvas.rng.integers(0, 2)), end - 2, 2):
            piece = points[first : first + 3]
            cv2.polylines(layer, [piece], False, tuple(codes[first + 1]), 1, cv2.LINE_AA, SUBPIXEL_BITS)
    canvas.rgb[:] = (layer / 255) ** 2.2


def encoded(light: Array) -> NDArray[np.uint8]:
    """Linear light as 8-bit code values, for OpenCV's lines."""
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.2) * 255, dtype=np.uint8)


def strand_tone(along: Array, lock: float, across: float, side: int, rng: np.random.Generator) -> Array:
    """Colour along a strand, (n, 3)."""
    slip = 0.030 * lock + rng.normal(0, 0.012)
    crown = np.exp(-0.5 * ((along - 0.16 - slip) / 0.055) ** 2)
    bend = np.exp(-0.5 * ((along - 0.56 - slip) / 0.10) ** 2)
    facing = 1.0 if side < 0 else 0.60
    light = facing * (0.90 * crown + 0.42 * bend) * np.clip(0.8 + 0.35 * lock, 0.2, 1.4) * rng.uniform(0.2, 1.15)
    under = 1 - 0.55 * (1 - np.clip(across * 2.2, 0, 1)) * smoothstep(0.35, 0.7, along)
    rim = 1 - 0.35 * smoothstep(0.85, 1.0, np.full_like(along, across))
    body = np.clip(0.62 + 0.16 * lock + 0.22 * facing, 0.25, 1.5) * rng.uniform(0.55, 1.25) * under * rim
    colour = HAIR * body[:, None]
    return np.asarray(colour + (HAIR_SHINE - colour) * np.clip(0.42 * light * under, 0, 0.8)[:, None])


def hair_mask(canvas: Canvas, side: int) -> Array:
    """Where one half of the front hair lies, (H, W) in 0-1; it thins out towards the tips."""
    guides = hair_half(side)
    inner, outer = curve(guides[0])[:170], curve(guides[-1])[:176]
    return filled(canvas, np.concatenate([inner, outer[::-1]]), 0.006)


def paint_hair_behind(canvas: Canvas) -> None:
    """The dark mass behind neck and head."""
    side = curve(
        [(0.0, -1.19), (0.46, -1.08), (0.80, -0.60), (0.90, 0.0), (0.95, 0.6), (0.95, 1.1), (0.82, 1.52), (0.5, 1.60)]
    )
    canvas.lay(HAIR_DEEP, filled(canvas, np.concatenate([side, mirrored(side)[::-1]]), 0.01))


def paint_hair(canvas: Canvas) -> None:
    """The hair in front, with its shadow on the face."""
    masks = {side: hair_mask(canvas, side) for side in (-1, 1)}
    cover = np.clip(masks[-1] + masks[1], 0, 1)
    canvas.darken(1 - 0.60 * np.roll(blur(cover, 0.035), round(0.03 * UNIT), axis=0))
    for side in (1, -1):
        canvas.lay(HAIR_DEEP * 1.4, masks[side])
        paint_strands(canvas, side, 5200)
    part = curve([PART_LOW, (0.09, -0.85), PART_HIGH], 60)
    canvas.darken(1 - 0.35 * stroked(canvas, part, np.full(60, 0.012), 0.008))


def developed(canvas: Canvas) -> NDArray[np.uint8]:
    """The finished picture, (HEIGHT, WIDTH, 3) uint8 RGB: exposure, soft shoulder, sRGB, a trace of grain."""
    light = cv2.resize(np.clip(canvas.rgb, 0, None), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    light = 1.08 * light
    light = np.where(light > 0.6, 0.6 + 0.4 * np.tanh((light - 0.6) / 0.4), light)
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    grain = canvas.rng.normal(0, 0.006, size=(HEIGHT, WIDTH, 1))
    return np.asarray(np.round(np.clip(code + grain, 0, 1) * 255), dtype=np.uint8)


def portrait() -> NDArray[np.uint8]:
    """Paint the whole picture, (HEIGHT, WIDTH, 3) uint8 RGB."""
    canvas = new_canvas()
    paint_background(canvas)
    paint_hair_behind(canvas)
    paint_body(canvas)
    paint_face(canvas)
    for side in (-1, 1):
        paint_eye(canvas, side)
        paint_brow(canvas, side)
    paint_hair(canvas)
    return developed(canvas)


def main(out: Path) -> None:
    """Paint and write."""
    bgr = cv2.cvtColor(portrait(), cv2.COLOR_RGB2BGR)
    quality = [
        cv2.IMWRITE_JPEG_QUALITY,
        JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    if not cv2.imwrite(str(out), bgr, quality):
        sys.exit(f"{out}: can't be written")
    print(f"{out}: {WIDTH}x{HEIGHT}, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
