"""What is on the skin: colour, lines of age, freckles, lips, stubble."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tools.avatars.anatomy import Face
from tools.avatars.drawing import (
    Array,
    Canvas,
    Line,
    Points,
    across,
    closed,
    curve,
    draw_hair,
    f32,
    mirrored,
    mixed,
    smoothstep,
)
from tools.avatars.people import Person
from tools.avatars.sculpting import fold_line, nostrils


class Groove(NamedTuple):
    """A line in the skin."""

    line: Line
    depth: float
    """Head units."""
    width: float
    """Head units."""


def albedo(canvas: Canvas, person: Person, face: Face) -> Array:
    """Colour of the face without shading, (H, W, 3)."""
    skin = person.skin
    plane = np.broadcast_to(skin.tone, (canvas.height, canvas.width, 3)).astype(np.float32)
    plane = mixed(plane, skin.blush, np.clip(skin.redness * _redness(canvas, face), 0, 0.75))
    cx, cy = face.eye_centre
    brow_y = float(face.brow[60, 1])
    forehead = canvas.bump((0, brow_y - 0.24), (0.42, 0.16))
    plane = mixed(plane, plane * f32([1.04, 1.03, 0.94]), forehead)
    # Thin skin around the eyes: darker, a little violet.
    thin = 0.55 * canvas.both((cx - 0.02, cy + 0.085), (0.13, 0.028), 0.10) + 0.75 * canvas.both(
        (cx, cy - 0.085), (0.14, 0.035), -0.05
    )
    thin = thin + 0.5 * canvas.both((0.15, cy), (0.035, 0.05))
    plane = plane * (1 - (0.13 + 0.20 * skin.age) * np.clip(thin, 0, 1))[..., None] ** f32([0.85, 1.15, 1.05])
    plane = plane * (1 + 0.016 * canvas.noise(0.10) + 0.014 * canvas.noise(0.03))[..., None] ** f32([0.7, 1.1, 1.2])
    plane = _spots(canvas, person, face, plane)
    plane = _stubble(canvas, person, face, plane)
    return f32(np.clip(_lips(canvas, person, face, plane), 0.004, 1))


def _redness(canvas: Canvas, face: Face) -> Array:
    tip = float(face.nose_tip[1])
    chin = float(face.chin[1])
    red = 0.50 * canvas.both((0.44, 0.36), (0.16, 0.12), -0.25) + 0.36 * canvas.bump((0, tip), (0.11, 0.07))
    red = red + 0.22 * canvas.both((float(face.wing[0]), float(face.wing[1])), (0.05, 0.05))
    red = red + 0.16 * canvas.bump((0, chin - 0.10), (0.15, 0.09)) + 0.45 * canvas.both((0.80, 0.2), (0.10, 0.30))
    return f32(red + 0.14 * canvas.bump((0, float(face.lip_line[60, 1])), (0.36, 0.16)))


def _spots(canvas: Canvas, person: Person, face: Face, plane: Array) -> Array:
    """Freckles on nose and cheeks; spots of age at the temples."""
    skin, rng = person.skin, canvas.rng
    layer = canvas.zeros()
    for _ in range(round(150 * skin.freckles)):
        x, y = rng.normal(0, 0.30), 0.26 + rng.normal(0, 0.085)
        radius = rng.uniform(0.004, 0.010)
        layer += rng.uniform(0.3, 0.9) * canvas.bump((x, y), (radius, radius * rng.uniform(0.7, 1.2)))
    for _ in range(round(16 * max(skin.age - 0.45, 0))):
        x, y = rng.choice([-1, 1]) * rng.uniform(0.40, 0.62), rng.uniform(-0.45, 0.45)
        layer += rng.uniform(0.2, 0.55) * canvas.bump((x, y), (rng.uniform(0.010, 0.024), rng.uniform(0.010, 0.02)))
    return f32(plane * (1 - 0.42 * np.clip(layer, 0, 1))[..., None] ** f32([0.6, 1.0, 1.25]))


def beard_area(canvas: Canvas, face: Face) -> Array:
    """Where a beard grows, (H, W) in 0-1."""
    mouth, chin = float(face.lip_line[60, 1]), float(face.chin[1])
    corner = float(face.lip_line[-1, 0])
    side = float(face.outline[:, 0].max())
    edge = curve(
        [
            (0.0, face.nose_base + 0.045),
            (0.12, face.nose_base + 0.055),
            (corner + 0.035, mouth - 0.035),
            (corner + 0.16, mouth + 0.005),
            (side - 0.15, 0.50),
            (side - 0.075, 0.16),
            (side + 0.02, 0.05),
            (side + 0.05, 0.6),
            (0.5, chin + 0.2),
            (0.0, chin + 0.25),
        ]
    )
    area = canvas.filled(closed(edge), 0.032)
    lips = np.clip(sum(canvas.filled(outline, 0.008) for outline in face.lips()), 0, 1)
    below = float(face.lip_bottom[60, 1])
    bare = 0.75 * canvas.both((0.115, below + 0.035), (0.055, 0.020), -0.25)
    return f32(np.clip(area * (1 - 1.15 * lips) - bare, 0, 1))


def _stubble(canvas: Canvas, person: Person, face: Face, plane: Array) -> Array:
    if person.skin.stubble <= 0:
        return plane
    area = beard_area(canvas, face)
    dots = smoothstep(0.2, 1.6, canvas.noise(0.005))
    share = person.skin.stubble * area * (0.42 + 0.45 * dots)
    return mixed(plane, person.skin.stubble_colour, share)


def _lips(canvas: Canvas, person: Person, face: Face, plane: Array) -> Array:
    upper, lower = (canvas.filled(outline, 0.009) for outline in face.lips())
    fibres = canvas.noise(0.010, 7.0)
    tone = person.skin.lips * (1 + (0.06 + 0.06 * person.skin.age) * fibres)[..., None]
    plane = mixed(plane, tone * 0.93, 0.86 * upper)
    plane = mixed(plane, tone, 0.86 * lower)
    inner = canvas.stroked(face.lip_line, 0.035, 0.012)
    return f32(plane * (1 - 0.10 * inner)[..., None] ** f32([0.8, 1.2, 1.1]))


def paint_openings(canvas: Canvas, person: Person, face: Face, light: Array) -> Array:
    """The dark of the nostrils and of the lips' seam over the lit face (H, W, 3)."""
    deep = person.skin.tone * f32([0.12, 0.055, 0.045])
    light = mixed(light, deep, 0.85 * nostrils(canvas, face, 0.0075))
    along = np.linspace(-1, 1, len(face.lip_line))
    seam = canvas.stroked(face.lip_line, 0.0110 * (1 - 0.45 * np.abs(along) ** 1.5), 0.0035)
    light = mixed(light, person.skin.lips * f32([0.16, 0.09, 0.10]), 0.80 * seam)
    soft = canvas.stroked(face.lip_line, 0.030 * (1 - 0.6 * along**2), 0.012)
    corner = canvas.both((float(face.lip_line[-1, 0]) + 0.002, float(face.lip_line[-1, 1])), (0.018, 0.012))
    shade = f32(np.clip(0.12 * soft + 0.40 * corner, 0, 1))
    light = f32(light * (1 - shade)[..., None] ** f32([0.8, 1.1, 1.1]))
    for side in (1, -1):
        fold = fold_line(face, person) * [side, 1]
        ends = np.sin(np.pi * np.clip(np.linspace(0, 1, len(fold)), 0.05, 0.98))
        stroke = canvas.stroked(fold, 0.011 * ends, 0.005)
        light = f32(light * (1 - 0.38 * person.shape.lid_fold * stroke)[..., None] ** f32([0.8, 1.1, 1.1]))
    return f32(light)


# --- the relief of skin: pores and lines ------------------------------------------------------------------------------


def texture(canvas: Canvas, person: Person, face: Face) -> Array:
    """Pores and lines as a relief to add to the head's, (H, W) head units."""
    pores = 0.00035 * canvas.noise(0.006) + 0.0003 * canvas.noise(0.012)
    fine = canvas.zeros()
    age = person.skin.age
    for line, depth, width in _lines(face, age):
        count = len(line)
        ends = np.sin(np.pi * np.clip(np.linspace(0, 1, count), 0.03, 0.97)) ** 0.7
        groove = canvas.stroked(line, width * ends, width * 0.45)
        shoulder = canvas.stroked(line, 3.6 * width * ends, width * 1.6)
        fine += 2.0 * depth * (0.50 * shoulder - groove)
    if age > 0.5:
        crepe = canvas.noise(0.016, 0.5) * canvas.both((0.42, 0.30), (0.24, 0.30)) + canvas.noise(0.014, 2.4) * (
            canvas.bump((0, float(face.lip_line[60, 1])), (0.26, 0.13))
        )
        fine += 0.0011 * (age - 0.4) * crepe
    return f32(pores + fine + age * _sagging(canvas, face))


def _sagging(canvas: Canvas, face: Face) -> Array:
    """Bags under the eyes, folds beside nose and mouth, jowls, hollow temples and cheeks."""
    cx, cy = face.eye_centre
    corner_x, corner_y = face.lip_line[-1]
    bags = 0.020 * canvas.both((cx - 0.01, cy + 0.105), (0.11, 0.030), 0.10)
    bags = bags - 0.018 * canvas.both((cx - 0.03, cy + 0.165), (0.12, 0.022), 0.25)
    folds = 0.028 * canvas.both((corner_x + 0.08, corner_y - 0.20), (0.05, 0.14), -0.45)
    jowls = 0.030 * canvas.both((corner_x + 0.10, corner_y + 0.20), (0.07, 0.09), -0.3)
    jowls = jowls - 0.022 * canvas.both((corner_x + 0.00, corner_y + 0.14), (0.020, 0.10), -0.25)
    hollow = -0.035 * canvas.both((0.60, -0.18), (0.09, 0.14)) - 0.030 * canvas.both((0.52, 0.60), (0.08, 0.14), -0.3)
    lid = 0.016 * canvas.both((cx + 0.07, cy - 0.085), (0.10, 0.026), 0.25)
    return f32(bags + folds + jowls + hollow + lid)


def _lines(face: Face, age: float) -> list[Groove]:
    """Grooves of both sides."""
    wing_x, wing_y = face.wing
    x, y = face.lip_line[-1]
    beside_nose = [(wing_x + 0.035, wing_y - 0.05), (wing_x + 0.085, wing_y + 0.05), (x + 0.050, y - 0.10),
                   (x + 0.060, y + 0.01 + 0.05 * age)]  # fmt: skip
    right = [Groove(curve(beside_nose, 60), 0.8 * (0.0010 + 0.009 * age), 0.036)]
    if age <= 0.3:
        return right + _other_side(right)
    corner = [(x + 0.018, y + 0.02), (x + 0.036, y + 0.09), (x + 0.02, y + 0.17)]
    right.append(Groove(curve(corner, 60), 0.006 * (age - 0.2), 0.026))
    right += _eye_lines(face, age - 0.2) + _mouth_lines(face, age - 0.2)
    return right + _other_side(right) + _middle_lines(face, age)


def _other_side(grooves: list[Groove]) -> list[Groove]:
    return [Groove(mirrored(groove.line), groove.depth, groove.width) for groove in grooves]


def _eye_lines(face: Face, deep: float) -> list[Groove]:
    """Crow's feet, lines under the right eye and over the nose."""
    cx, cy = face.eye_centre
    x, y = face.eye_lower[0]
    found: list[tuple[Points, float, float]] = [
        ([(x + 0.025, y + rise * 0.45), (x + 0.08, y + rise * 0.8), (x + reach, y + rise * 1.3)], 0.0046, 0.010)
        for rise, reach in ((-0.075, 0.12), (-0.018, 0.14), (0.045, 0.13), (0.095, 0.10))
    ]
    brow_y = float(face.brow[0, 1])
    found += [
        ([(0.20, cy + 0.060), (cx - 0.02, cy + 0.125), (cx + 0.10, cy + 0.115)], 0.0052, 0.012),
        ([(0.19, cy + 0.085), (cx - 0.04, cy + 0.175), (cx + 0.10, cy + 0.185)], 0.0045, 0.013),
        ([(0.052, brow_y - 0.055), (0.040, brow_y + 0.02), (0.050, brow_y + 0.075)], 0.0055, 0.013),
    ]
    return [Groove(curve(points, 60), depth * deep, width) for points, depth, width in found]


def _mouth_lines(face: Face, deep: float) -> list[Groove]:
    """Lines on the right cheek and above the lips."""
    x, y = face.lip_line[-1]
    cheek = [(x + 0.13, y - 0.16), (x + 0.145, y - 0.02), (x + 0.10, y + 0.12)]
    grooves = [Groove(curve(cheek, 60), 0.003 * deep, 0.022)]
    for i in range(7):
        at = -0.16 + i * 0.052
        top = float(np.interp(abs(at), [0, x], [face.lip_top[60, 1], y]))
        line = curve([(at, top - 0.055), (at * 0.98, top - 0.03), (at * 0.96, top + 0.008)], 30)
        grooves.append(Groove(line, 0.0018 * deep, 0.007))
    return grooves


def _middle_lines(face: Face, age: float) -> list[Groove]:
    """Lines across forehead and throat."""
    grooves = []
    for i, (rise, reach) in enumerate(((0.13, 0.40), (0.215, 0.46), (0.30, 0.42))):
        y = float(face.brow[60, 1]) - rise
        wave = [(-reach, y + 0.035), (-reach * 0.5, y - 0.010), (0.0, y + 0.012 + 0.006 * i),
                (reach * 0.5, y - 0.012), (reach, y + 0.03)]  # fmt: skip
        grooves.append(Groove(curve(wave, 90), 0.0065 * (age - 0.2), 0.015))
    for drop in (0.22, 0.34):
        y = float(face.chin[1]) + drop
        grooves.append(Groove(curve([(-0.26, y - 0.03), (0.0, y + 0.03), (0.26, y - 0.03)], 60), 0.006 * age, 0.016))
    return grooves


# --- brows ------------------------------------------------------------------------------------------------------------


def paint_brows(canvas: Canvas, person: Person, face: Face, light: Array) -> Array:
    """Brows of single hairs on a soft shade over the lit face (H, W, 3)."""
    rng = canvas.rng
    line = face.brow
    along = np.linspace(0, 1, len(line))
    widths = 0.062 * person.brow_weight * np.interp(along, [0, 0.10, 0.45, 0.8, 1], [0.55, 0.92, 0.95, 0.55, 0.10])
    normal = across(line)
    for side in (1, -1):
        light = mixed(light, person.brow, 0.55 * canvas.stroked(line * [side, 1], widths * 0.85, 0.013))
        dark, pale = canvas.zeros(), canvas.zeros()
        for number in range(round(420 * person.brow_weight)):
            at = float(rng.uniform(0, 1) ** 0.9)
            index = int(at * (len(line) - 1))
            offset = rng.uniform(-0.5, 0.5)
            root = line[index] + normal[index] * offset * widths[index]
            heading = np.arctan2(*(line[min(index + 4, 119)] - line[max(index - 4, 0)])[::-1])
            lean = heading + np.interp(at, [0, 0.15, 0.5, 1], [-1.05, -0.65, -0.25, 0.10]) + 0.55 * offset
            lean += rng.normal(0, 0.10 + 0.12 * person.skin.age)
            length = np.interp(at, [0, 0.5, 1], [0.050, 0.060, 0.042]) * rng.uniform(0.6, 1.15)
            t = np.linspace(0, 1, 6)[:, None]
            step = np.array([np.cos(lean), np.sin(lean)]) * length
            hair = root + t * step + t**2 * np.array([0, 0.18 * length])
            layer = pale if number % 5 == 0 else dark
            draw_hair(layer, canvas.pixels(hair * [side, 1]), rng.uniform(0.5, 1.0))
        light = mixed(light, person.brow * 0.55, 0.85 * np.clip(dark, 0, 1))
        light = mixed(light, person.brow * 1.7 + 0.01, 0.60 * np.clip(pale, 0, 1))
    return light
