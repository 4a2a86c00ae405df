"""Eyes: ball, iris, reflections, lids' edges, lashes."""

from __future__ import annotations

import numpy as np
from tools.avatars.anatomy import Face
from tools.avatars.drawing import Array, Canvas, draw_hair, f32, linear, mixed, smoothstep
from tools.avatars.people import Person

SCLERA = linear(238, 230, 224)
PUPIL = linear(9, 7, 8)
LASH = linear(26, 17, 15)


def paint(canvas: Canvas, person: Person, face: Face, light: Array, irradiance: Array) -> Array:
    """Both eyes over the lit face (H, W, 3)."""
    light = light.copy()
    for side in (1, -1):
        x, y = face.eye_centre * [side, 1]
        part, where = canvas.window((x - 0.32, y - 0.24), (x + 0.32, y + 0.24))
        light[where] = _paint_one(part, person, face, light[where], irradiance=irradiance[where], side=side)
    return light


def _paint_one(canvas: Canvas, person: Person, face: Face, light: Array, *, irradiance: Array, side: int) -> Array:
    flip = np.array([side, 1.0])
    upper, lower = face.eye_upper, face.eye_lower
    opening = canvas.filled(np.concatenate([upper, lower[1:-1]]) * flip, 0.0018)
    ball = _ball(canvas, person, face, side)
    # Light on the ball: what falls on the lids around it, evened out.
    cx, cy = face.eye_centre
    around = canvas.bump((side * cx, cy), (0.13, 0.09))
    level = (irradiance * around[..., None]).sum(axis=(0, 1)) / around.sum()
    level = level * 0.55 + float(level.mean()) * 0.45
    lid_shadow = canvas.blur(canvas.stroked((upper + np.array([0, 0.004])) * flip, 0.062), 0.012)
    dim = 1 - 0.66 * np.clip(lid_shadow, 0, 1)
    light = mixed(light, ball * level * dim[..., None], opening)
    light = _reflections(canvas, person, face, light, opening=opening, side=side)
    light = _edges(canvas, person, face, light, opening=opening, flip=flip)
    return _lashes(canvas, person, face, light, flip)


def iris_centre(face: Face, person: Person) -> tuple[float, float]:
    """Middle of the right iris: the upper lid covers a little of it."""
    top, bottom = face.eye_upper[60, 1], face.eye_lower[60, 1]
    return float(face.eye_centre[0]) - 0.004, float(0.52 * top + 0.48 * bottom) + 0.002


def _ball(canvas: Canvas, person: Person, face: Face, side: int) -> Array:
    """Colour of eyeball with iris and pupil, (H, W, 3)."""
    x, y = canvas.x * side, canvas.y
    ix, iy = iris_centre(face, person)
    reach = np.hypot((x - ix) / 0.21, (y - iy) / 0.15)
    ball = SCLERA * (0.90 * (1 - 0.36 * np.clip(reach, 0, 1.3) ** 2))[..., None] ** f32([0.85, 1.0, 1.02])
    veins = np.clip(np.abs(x - ix) / 0.17 - 0.45, 0, 1)
    ball = mixed(ball, ball * f32([1.0, 0.80, 0.76]), 0.8 * veins)
    if person.skin.age > 0.5:
        ball = ball * f32([0.95, 0.92, 0.86])
    dx, dy = x - ix, y - iy
    t = np.hypot(dx, dy) / person.shape.iris
    angle = np.arctan2(dy, dx)
    phases = canvas.rng.uniform(0, 6.28, 5)
    waves = (17, 29, 43, 67, 101)
    fibres = f32(sum(np.sin(angle * n + p + 1.2 * np.sin(3 * t + p)) for n, p in zip(waves, phases, strict=True)) / 3)
    # The lamp lights the far side of the iris through the lens.
    far = np.clip(0.35 + 0.85 * (dx * side * 0.55 + dy * 0.85) / person.shape.iris, 0, 1.4)
    glow = 0.50 + 0.95 * far * smoothstep(1.0, 0.55, t) + 0.22 * fibres * smoothstep(0.32, 0.6, t)
    colour = person.iris * np.clip(glow, 0.1, 3)[..., None]
    ring = smoothstep(0.62, 0.44, t) * smoothstep(0.30, 0.42, t)
    colour = mixed(colour, person.iris * f32([1.9, 1.5, 0.9]), 0.40 * ring * (0.6 + 0.4 * fibres))
    colour = mixed(colour, person.iris * 0.16, 0.88 * smoothstep(0.76, 1.0, t))
    ball = mixed(ball, colour, smoothstep(1.06, 0.94, t))
    return mixed(ball, PUPIL, smoothstep(0.46, 0.38, t))


def _reflections(canvas: Canvas, person: Person, face: Face, light: Array, *, opening: Array, side: int) -> Array:
    """The key lamp's window, a faint second one, the wet line on the lower lid."""
    ix, iy = iris_centre(face, person)
    radius = person.shape.iris
    # The lamps stand still while the eyes are mirrored: the same side in both.
    x, y = (canvas.x - side * ix) / radius, (canvas.y - iy) / radius
    window = smoothstep(1.25, 0.75, (np.abs((x + 0.36) / 0.20) ** 3 + np.abs((y + 0.40 - 0.12 * x) / 0.23) ** 3))
    second = smoothstep(1.4, 0.3, np.hypot((x - 0.40) / 0.16, (y - 0.40) / 0.16))
    sky = smoothstep(1.0, 0.2, np.hypot(x, (y + 0.75) / 0.75)) * smoothstep(1.0, 0.9, np.hypot(x, y))
    light = mixed(light, f32([0.75, 0.85, 1.0]) * 0.45, 0.30 * sky * opening)
    light = mixed(light, f32([1.0, 1.0, 1.0]) * 1.05, 0.95 * window * opening)
    light = mixed(light, f32([1.0, 0.95, 0.9]) * 0.8, 0.30 * second * opening)
    wet = canvas.stroked((face.eye_lower - [0, 0.004]) * [side, 1], 0.0045, 0.0016)
    return mixed(light, f32([1.0, 0.97, 0.95]) * 0.8, 0.30 * wet * opening)


def _edges(canvas: Canvas, person: Person, face: Face, light: Array, *, opening: Array, flip: Array) -> Array:
    """Pink lower edge, corner, dark root line of the upper lashes."""
    pink = person.skin.blush * 0.75 + person.skin.tone * 0.15
    lower = face.eye_lower
    light = mixed(light, pink, 0.60 * canvas.stroked((lower + np.array([0, 0.004])) * flip, 0.011, 0.003))
    corner = canvas.bump((float(flip[0]) * (face.eye_upper[0, 0] + 0.012), float(face.eye_upper[0, 1])), (0.015, 0.009))
    light = mixed(light, person.skin.blush * f32([0.85, 0.62, 0.60]), 0.80 * np.clip(corner, 0, 1) * opening)
    along = np.linspace(0, 1, len(face.eye_upper))
    weight = 0.006 + 0.010 * person.lashes * along**0.7
    light = mixed(light, LASH, 0.90 * canvas.stroked((face.eye_upper - [0, 0.001]) * flip, weight, 0.0025))
    shade = canvas.stroked((lower + np.array([0, 0.011])) * flip, 0.004 + 0.004 * along[::-1], 0.004)
    return mixed(light, person.skin.tone * f32([0.35, 0.22, 0.18]), 0.38 * shade)


def _lashes(canvas: Canvas, person: Person, face: Face, light: Array, flip: Array) -> Array:
    rng = canvas.rng
    layer = canvas.zeros()
    count = len(face.eye_upper)
    for share in rng.uniform(0.06, 1.0, round(95 * person.lashes)):
        root = face.eye_upper[int(share * (count - 1))]
        lean = -0.35 + 1.60 * share + rng.normal(0, 0.12)
        length = (0.014 + 0.030 * share**1.2) * person.lashes**0.7 * rng.uniform(0.6, 1.1)
        t = np.linspace(0, 1, 7)[:, None]
        tip = np.array([np.sin(lean), -np.cos(lean) * 0.75]) * length
        draw_hair(layer, canvas.pixels((root + tip * t + [0, -0.012] * t**2) * flip), rng.uniform(0.6, 1.0))
    for share in rng.uniform(0.05, 0.8, round(36 * person.lashes)):
        root = face.eye_lower[int(share * (count - 1))] + [0, 0.006]
        lean = 1.1 - 1.4 * share + rng.normal(0, 0.12)
        length = 0.013 * person.lashes * rng.uniform(0.6, 1.1)
        t = np.linspace(0, 1, 4)[:, None]
        line = root + np.array([np.sin(lean), np.cos(lean)]) * length * t
        draw_hair(layer, canvas.pixels(line * flip), rng.uniform(0.25, 0.5))
    return mixed(light, LASH, 0.92 * layer)
