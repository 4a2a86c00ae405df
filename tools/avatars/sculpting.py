"""The relief: head, ears, neck and shoulders as heights towards the viewer."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from tools.avatars.anatomy import Face
from tools.avatars.drawing import Array, Canvas, across, closed, curve, f32, mirrored, mixed, smoothstep
from tools.avatars.people import Person

SKULL_CENTRE = (-0.32, -0.64)
"""y and z of the skull's middle."""
SKULL_RADII = (0.80, 0.96, 0.82)
COARSE = 8
"""The smooth base is computed on a grid this many times coarser."""
FAR = -3.0


@dataclass
class Layer:
    """One body in front of or behind others."""

    height: Array
    """(H, W) towards the viewer."""
    mask: Array
    """(H, W) in 0-1."""


def head(canvas: Canvas, person: Person, face: Face) -> Layer:
    """The bald head without eyes."""
    mask = canvas.filled(face.outline, 0.0022)
    height = _base(canvas, face)
    height = _rounded(canvas, height, face.outline)
    height = height + _eye_region(canvas, person, face) + _nose(canvas, person, face) + _mouth(canvas, person, face)
    return Layer(height, mask)


def _base(canvas: Canvas, face: Face) -> Array:
    """A smooth skin over the landmarks and the skull."""
    points = face.points
    keep = points[points[:, 1] > -0.62]
    skull = []
    for angle in np.linspace(-np.pi, 0, 15):
        for reach in (0.55, 0.75, 0.9):
            x, y = np.cos(angle) * reach, np.sin(angle) * reach
            place = (x * SKULL_RADII[0], y * SKULL_RADII[1] + SKULL_CENTRE[0])
            if place[1] < -0.70:
                skull.append((*place, SKULL_CENTRE[1] + SKULL_RADII[2] * np.sqrt(1 - reach**2)))
    knots = np.concatenate([keep, np.array(skull)])
    # The sides are steep and the reference rough there.
    smoothing = 3e-4 + 0.02 * np.clip((np.abs(knots[:, 0]) - 0.42) / 0.3, 0, 1)
    smooth = RBFInterpolator(knots[:, :2], knots[:, 2], kernel="thin_plate_spline", smoothing=smoothing)
    size = (canvas.width // COARSE, canvas.height // COARSE)
    x, y = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (canvas.x, canvas.y))
    coarse = smooth(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    full = cv2.resize(f32(coarse), (canvas.width, canvas.height), interpolation=cv2.INTER_CUBIC)
    full = f32(full)
    cheeks = np.clip(1.4 * canvas.both((0.46, 0.44), (0.15, 0.20)), 0, 1)
    return mixed(canvas.blur(full, 0.012), canvas.blur(full, 0.045), cheeks)


def _rounded(canvas: Canvas, height: Array, outline: NDArray[np.float64], reach: float = 0.13) -> Array:
    """Let a body fall away towards its outline."""
    inside = np.zeros((canvas.height, canvas.width), np.uint8)
    cv2.fillPoly(inside, [canvas.pixels(outline)], 255, cv2.LINE_8, 4)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / canvas.unit
    t = 1 - np.clip(depth / reach, 0, 1)
    return f32(height - 0.16 * (1 - np.sqrt(np.clip(1 - t**2, 0, 1))))


def _eye_region(canvas: Canvas, person: Person, face: Face) -> Array:
    """Lids over the balls, the fold above, the hollow at the inner corner, brow ridge."""
    shape = person.shape
    cx, cy = face.eye_centre
    size = shape.eye_size
    ball = 0.050 * canvas.both((cx, cy - 0.006), (0.115 * size, 0.075 * size))
    inner = -0.035 * canvas.both((0.135, -0.01), (0.040, 0.060))
    ridge = (0.022 - 0.4 * shape.eye_depth) * canvas.both((face.brow[60, 0], face.brow[60, 1] + 0.03), (0.19, 0.05))
    fold = canvas.zeros()
    lid_rim = canvas.zeros()
    for side in (1, -1):
        upper = face.eye_upper * [side, 1]
        along = np.linspace(0, 1, len(upper))
        crease = fold_line(face, person) * [side, 1]
        fold += canvas.stroked(crease, 0.030 * np.sin(np.pi * np.clip(along, 0.04, 0.96)) ** 0.6, 0.010)
        lid_rim += canvas.stroked(upper - [0, 0.012], 0.022, 0.006)
        lid_rim += 0.7 * canvas.stroked(face.eye_lower * [side, 1] + [0, 0.010], 0.018, 0.006)
    return f32(ball + inner + ridge - 0.020 * shape.lid_fold * fold + 0.008 * lid_rim)


def fold_line(face: Face, person: Person) -> NDArray[np.float64]:
    """The crease above the right eye, inner to outer end."""
    along = np.linspace(0, 1, len(face.eye_upper))
    lift = 0.020 + 0.028 * np.sin(np.pi * along**0.9) * person.shape.eye_size
    return np.asarray(face.eye_upper + np.stack([0.012 * along, -lift], axis=1))


def _nose(canvas: Canvas, person: Person, face: Face) -> Array:
    """Ball and wings with their grooves, nostrils; the bridge comes from the base."""
    width = person.shape.nose_width
    tip_x, tip_y = 0.0, float(face.nose_tip[1])
    wing_x, wing_y = float(face.wing[0]), float(face.wing[1]) - 0.012
    tip = 0.036 * canvas.bump((tip_x, tip_y - 0.015), (0.070 * width, 0.055))
    wings = 0.070 * canvas.both((wing_x - 0.020, wing_y), (0.040 * width, 0.046))
    groove = -0.030 * canvas.both((wing_x + 0.040, wing_y - 0.012), (0.016, 0.050), 0.25)
    alar = -0.018 * canvas.both((wing_x - 0.062 * width, wing_y - 0.030), (0.016, 0.034), 0.35)
    under = -0.070 * canvas.bump((0.0, face.nose_base + 0.012), (0.15 * width, 0.020))
    nostril = -0.05 * nostrils(canvas, face, 0.006)
    return f32(tip + wings + groove + alar + under + nostril)


def nostrils(canvas: Canvas, face: Face, softness: float) -> Array:
    """The two openings, (H, W) in 0-1."""
    x, y = float(face.wing[0]) * 0.56, face.nose_base - 0.030
    half = float(face.wing[0]) * 0.30
    outline = curve(
        [(x - half, y + 0.014), (x - half * 0.2, y - 0.016), (x + half, y - 0.010), (x + half * 0.75, y + 0.012),
         (x, y + 0.016), (x - half, y + 0.014)], 60,
    )  # fmt: skip
    return f32(canvas.filled(outline, softness) + canvas.filled(mirrored(outline), softness))


def _mouth(canvas: Canvas, person: Person, face: Face) -> Array:
    """Rolls of both lips, the crease between them, philtrum, the hollow under the lip."""
    upper, lower = face.lips()
    upper_roll = canvas.blur(canvas.filled(upper), 0.016)
    lower_roll = canvas.blur(canvas.filled(lower), 0.024)
    full_upper, full_lower = person.shape.upper_lip, person.shape.lower_lip
    top, middle = float(face.lip_top[60, 1]), float(face.lip_line[60, 1])
    seam = canvas.stroked(face.lip_line, 0.012, 0.007)
    bow = 0.010 * canvas.bump((0, (top + middle) / 2 + 0.01), (0.035, 0.025))
    corner_x, corner_y = face.lip_line[-1]
    corners = -0.022 * canvas.both((corner_x + 0.012, corner_y), (0.028, 0.034))
    ridge_y = (face.nose_base + top) / 2 + 0.01
    philtrum = 0.007 * canvas.both((0.045, ridge_y), (0.018, 0.06)) - 0.009 * canvas.bump((0, ridge_y), (0.022, 0.055))
    below = float(face.lip_bottom[60, 1])
    hollow = -0.024 * canvas.bump((0, below + 0.045), (0.13, 0.032))
    chin = 0.030 * canvas.bump((0, float(face.chin[1]) - 0.11), (0.13, 0.085))
    rolls = 0.025 * full_upper * upper_roll + 0.040 * full_lower * lower_roll
    return f32(rolls - 0.030 * seam + bow + corners + philtrum + hollow + chin)


def ears(canvas: Canvas, person: Person, face: Face) -> Layer:
    """Both ears, partly behind the cheeks."""
    size = person.shape.ear_size
    edge = float(face.outline[:, 0].max())
    outer = curve(
        np.array([(-0.05, -0.19), (0.02, -0.245), (0.095, -0.235), (0.135, -0.13), (0.118, 0.02), (0.075, 0.13),
                  (0.035, 0.225), (-0.02, 0.235), (-0.07, 0.16)]) * [1.0, size] + [edge - 0.025, 0.17], 160,
    )  # fmt: skip
    height, mask = canvas.zeros(), canvas.zeros()
    for side in (1, -1):
        outline = outer * [side, 1]
        inside = canvas.filled(outline, 0.0022)
        widths = 0.045 * np.interp(np.linspace(0, 1, 160), [0, 0.2, 0.6, 0.8, 1], [0.6, 1.0, 0.9, 0.3, 0.2])
        rim = canvas.stroked(outline - 0.016 * across(outline) * side, widths, 0.012)
        middle = (side * (edge + 0.035), 0.17)
        bowl = canvas.bump((middle[0] - side * 0.005, middle[1] + 0.03), (0.040, 0.075 * size), 0.0)
        inner_ridge = canvas.bump((middle[0] + side * 0.030, middle[1] - 0.04), (0.014, 0.09 * size), side * 0.15)
        lobe = canvas.bump((middle[0] - side * 0.03, middle[1] + 0.19 * size), (0.04, 0.04))
        height += 0.055 * rim - 0.075 * bowl + 0.030 * inner_ridge + 0.025 * lobe
        mask = np.maximum(mask, inside)
    base = -0.60 - 0.25 * smoothstep(edge, edge + 0.14, np.abs(canvas.x))
    return Layer(f32(base + height), mask)


def body(canvas: Canvas, person: Person, face: Face) -> Layer:
    """Neck and shoulders."""
    shape = person.shape
    chin = face.collar
    neck, wide = shape.neck, shape.shoulders
    side = curve(
        [(neck * 1.04, chin - 0.55), (neck * 0.97, chin + 0.08), (neck * 1.03, chin + 0.26), (neck * 1.40, chin + 0.40),
         (0.95 * wide, chin + 0.55), (1.32 * wide, chin + 0.76), (1.50 * wide, chin + 1.15), (1.55 * wide, chin + 2.0)]
    )  # fmt: skip
    x, y = canvas.x, canvas.y - chin
    column = neck * np.sqrt(np.clip(1 - (x / (neck * 1.12)) ** 2, 0, 1))
    spread = smoothstep(0.20, 0.75, y)
    trunk = 0.62 * np.sqrt(np.clip(1 - (x / (1.62 * wide)) ** 2, 0, 1)) - 0.15
    height = -0.66 + column * (1 - spread) + trunk * spread + 0.10 * y
    bones = 0.035 * canvas.both((0.40 * wide, chin + 0.53), (0.26, 0.028), -0.16)
    pit = -0.05 * canvas.bump((0, chin + 0.50), (0.06, 0.06))
    tendons = 0.030 * canvas.both((0.19, chin + 0.28), (0.035, 0.22), 0.42)
    throat = 0.022 * canvas.bump((0, chin + 0.24), (0.06, 0.12))
    height = canvas.blur(f32(height + bones + pit + tendons + throat), 0.02)
    return Layer(height, canvas.filled(closed(side), 0.003))
