"""Clothes: cloth as a relief over the shoulders, and the headscarf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tools.avatars.anatomy import Face
from tools.avatars.drawing import Array, Canvas, Points, across, closed, curve, f32, mirrored, mixed, smoothstep
from tools.avatars.people import Person
from tools.avatars.sculpting import Layer


@dataclass
class Cloth:
    """A piece of clothing."""

    layer: Layer
    colour: Array
    """(H, W, 3)."""


def dressed(canvas: Canvas, person: Person, face: Face, body: Layer) -> list[Cloth]:
    """Pieces from the innermost to the outermost."""
    return WARDROBE[person.clothes](canvas, person, face, body)


def _sleeves(person: Person, face: Face) -> Points:
    chin, wide = face.collar, person.shape.shoulders
    return [
        (0.98 * wide, chin + 0.53),
        (1.36 * wide, chin + 0.74),
        (1.55 * wide, chin + 1.15),
        (1.6 * wide, chin + 2.0),
    ]


def _folds(canvas: Canvas, face: Face, strength: float) -> Array:
    """Soft creases that hang from the shoulders, (H, W) head units."""
    drop = canvas.noise(0.16, 2.6) * 0.5 + canvas.noise(0.09, 2.0) * 0.25
    pull = canvas.zeros()
    chin = face.collar
    for side in (1, -1):
        for start, reach in (((0.62, 0.58), (0.20, 1.05)), ((0.85, 0.66), (0.42, 1.25)), ((1.1, 0.8), (0.85, 1.4))):
            line = curve([(side * start[0], chin + start[1]), (side * (start[0] * 0.75), chin + 0.85),
                          (side * reach[0], chin + reach[1])])  # fmt: skip
            pull += canvas.stroked(line, 0.05, 0.03)
    return f32(strength * (0.020 * drop + 0.022 * pull))


def _weave(canvas: Canvas, colour: Array, rough: float) -> Array:
    threads = 0.5 * canvas.noise(0.006, 3.0) + 0.5 * canvas.noise(0.012, 0.3)
    return f32(colour * (1 + rough * threads + 0.03 * canvas.noise(0.2))[..., None])


def _top(canvas: Canvas, person: Person, face: Face, body: Layer, neckline: Points, *, strength: float = 1.0) -> Cloth:
    """A garment from a neckline (right half, from the middle to the shoulder) down."""
    half = curve(neckline + _sleeves(person, face), 160)
    bottom = np.array([[0.0, half[-1, 1]]])
    mask = canvas.filled(closed(np.concatenate([half, bottom])), 0.0025)
    folds = _folds(canvas, face, strength)
    height = body.height + 0.035 + canvas.blur(folds, 0.008)
    return Cloth(Layer(f32(height), mask), _weave(canvas, person.cloth, 0.05))


def _band(canvas: Canvas, cloth: Cloth, neckline: Points, width: float, rib: bool) -> None:
    """A collar band along a neckline, in place."""
    half = curve(neckline, 80)
    line = np.concatenate([mirrored(half)[::-1], half[1:]])
    inner = line + across(line) * 0
    band = canvas.stroked(inner + np.array([0, width * 0.35]), width, 0.004) * cloth.layer.mask
    cloth.layer.height += 0.022 * canvas.blur(band, 0.010)
    seam = canvas.stroked(inner + np.array([0, width * 0.86]), 0.008, 0.004)
    cloth.layer.height -= 0.012 * seam
    if rib:
        angle = np.arctan2(canvas.x, canvas.y - line[:, 1].min() + 0.4)
        cloth.layer.height += f32(0.0025 * np.sin(angle * 150)) * band
    cloth.colour = mixed(cloth.colour, cloth.colour * 0.90, band)


def crew(canvas: Canvas, person: Person, face: Face, body: Layer) -> list[Cloth]:
    """A T-shirt or jersey with a round collar."""
    chin, neck = face.collar, person.shape.neck
    neckline: Points = [
        (0.0, chin + 0.585),
        (0.20, chin + 0.555),
        (neck * 0.98, chin + 0.42),
        (neck * 1.30, chin + 0.335),
    ]
    cloth = _top(canvas, person, face, body, neckline)
    _band(canvas, cloth, neckline, 0.075, rib=True)
    return [cloth]


def striped(canvas: Canvas, person: Person, face: Face, body: Layer) -> list[Cloth]:
    """The same with stripes."""
    [cloth] = crew(canvas, person, face, body)
    level = canvas.y + 0.10 * canvas.x**2 + 0.8 * (cloth.layer.height - body.height)
    stripes = smoothstep(-0.12, 0.12, np.sin(level * 2 * np.pi / 0.155))
    collar = canvas.y < face.collar + 0.64 - 0.62 * np.clip(np.abs(canvas.x) - 0.15, 0, 1)
    cloth.colour = mixed(cloth.colour, _weave(canvas, person.cloth_inner, 0.05), stripes * ~collar)
    return [cloth]


def vneck(canvas: Canvas, person: Person, face: Face, body: Layer) -> list[Cloth]:
    """A blouse with a soft V."""
    chin, neck = face.collar, person.shape.neck
    neckline: Points = [(0.0, chin + 0.93), (0.14, chin + 0.78), (0.30, chin + 0.58), (neck * 1.42, chin + 0.37)]
    cloth = _top(canvas, person, face, body, neckline)
    _band(canvas, cloth, neckline, 0.06, rib=False)
    return [cloth]


def shirt(canvas: Canvas, person: Person, face: Face, body: Layer) -> list[Cloth]:
    """A shirt with a collar, one button open, under a jumper."""
    chin, neck = face.collar, person.shape.neck
    inside = _top(
        canvas,
        person,
        face,
        body,
        [(0.0, chin + 0.62), (0.12, chin + 0.46), (neck * 0.90, chin + 0.30), (neck * 1.08, chin + 0.30)],
        strength=0.4,
    )
    inside.colour = _weave(canvas, person.cloth_inner, 0.03)
    inside.layer.mask *= smoothstep(neck * 1.32, neck * 1.24, np.abs(canvas.x))
    neckline: Points = [(0.0, chin + 0.90), (0.16, chin + 0.74), (0.34, chin + 0.53), (neck * 1.22, chin + 0.30)]
    jumper = _top(canvas, person, face, body, neckline)
    jumper.layer.height += 0.02
    _band(canvas, jumper, neckline, 0.085, rib=True)
    jumper.layer.height += f32(0.0022 * np.sin(canvas.x * 190) * np.sin(canvas.y * 120 + canvas.x * 20))
    flap_right = np.array(
        [(0.035, chin + 0.60), (neck * 0.60, chin + 0.41), (neck * 0.98, chin + 0.17), (neck * 1.08, chin + 0.185),
         (neck * 1.20, chin + 0.26), (neck * 1.26, chin + 0.38), (0.44, chin + 0.62), (0.285, chin + 0.745)]
    )  # fmt: skip
    height, mask = inside.layer.height + 0.05, canvas.zeros()
    for side in (1, -1):
        flap = flap_right * [side, 1]
        mask = np.maximum(mask, canvas.filled(flap, 0.003))
        height = height + 0.03 * canvas.stroked(flap[:3], 0.09, 0.03)
        height = height - 0.010 * canvas.stroked(flap[3:] + np.array([-0.012 * side, -0.014]), 0.005, 0.003)
    collar = Cloth(Layer(f32(height), mask), _weave(canvas, person.cloth_inner, 0.03))
    return [inside, jumper, collar]


def cardigan(canvas: Canvas, person: Person, face: Face, body: Layer) -> list[Cloth]:
    """A cardigan over a round blouse, with a string of pearls' worth of buttons."""
    chin, neck = face.collar, person.shape.neck
    round_: Points = [(0.0, chin + 0.56), (0.20, chin + 0.53), (neck * 0.98, chin + 0.40), (neck * 1.25, chin + 0.32)]
    blouse = _top(canvas, person, face, body, round_, strength=0.6)
    blouse.colour = _weave(canvas, person.cloth_inner, 0.03)
    blouse.layer.mask *= smoothstep(neck * 1.26, neck * 1.20, np.abs(canvas.x))
    _band(canvas, blouse, round_, 0.055, rib=False)
    edge: Points = [(0.05, chin + 1.35), (0.13, chin + 0.95), (0.27, chin + 0.66), (neck * 1.18, chin + 0.29)]
    outer = _top(canvas, person, face, body, edge)
    outer.layer.height += 0.03
    _band(canvas, outer, edge, 0.11, rib=False)
    outer.layer.height += f32(0.0030 * np.sin(canvas.x * 130 + 6 * np.sin(canvas.y * 3)) * np.sin(canvas.y * 90))
    return [blouse, outer]


def scarf_body(canvas: Canvas, person: Person, face: Face, body: Layer) -> list[Cloth]:
    """Plain cloth beneath a headscarf."""
    chin, neck = face.collar, person.shape.neck
    neckline: Points = [(0.0, chin + 0.40), (0.20, chin + 0.38), (neck * 0.98, chin + 0.30), (neck * 1.25, chin + 0.22)]
    cloth = _top(canvas, person, face, body, neckline)
    cloth.colour = _weave(canvas, person.cloth_inner, 0.05)
    return [cloth]


WARDROBE = {"crew": crew, "striped": striped, "vneck": vneck, "shirt": shirt, "cardigan": cardigan, "scarf": scarf_body}


def headscarf(canvas: Canvas, person: Person, face: Face, head: Layer, body: Layer) -> Cloth | None:
    """A scarf around the head, draped over the shoulders; None for those who wear none."""
    if person.clothes != "scarf":
        return None
    chin = float(face.chin[1])
    side = float(face.outline[:, 0].max())
    cheeks = face.outline[(face.outline[:, 0] > 0.05) & (face.outline[:, 1] > -0.15)]
    cheeks = cheeks[np.argsort(cheeks[:, 1])][:: max(1, len(cheeks) // 9)]
    cheeks = (cheeks - [0, 0.25]) * [0.90, 0.955] + [0, 0.25]
    opening = curve(np.concatenate([[(0.0, -0.60), (0.26, -0.55), (0.46, -0.40)], cheeks, [(0.0, chin - 0.04)]]), 160)
    outer = curve(
        [(0.0, -1.34), (0.46, -1.22), (0.78, -0.86), (0.875, -0.30), (0.87, 0.30), (0.79, 0.82), (0.74, chin - 0.08),
         (0.86, chin + 0.12), (1.14, chin + 0.40), (1.26, chin + 0.85), (1.0, chin + 1.30), (0.0, chin + 1.6)], 240,
    )  # fmt: skip
    hole = canvas.filled(closed(opening), 0.0025)
    mask = canvas.filled(closed(outer), 0.003) * (1 - hole)
    top = (
        0.96 * np.sqrt(np.clip(1 - (canvas.x / 0.93) ** 2 - (np.minimum(canvas.y + 0.30, 0) / 1.08) ** 2, 0, 1)) - 0.66
    )
    low = smoothstep(chin - 0.55, chin + 0.20, canvas.y)
    drape = body.height + 0.20 + 0.14 * np.exp(-0.5 * ((canvas.y - chin - 0.14) / 0.24) ** 2)
    height = top * (1 - low) + np.maximum(drape, top - 0.55 * low) * low
    height = canvas.blur(f32(height), 0.03)
    # Near the face the cloth lies on the skin and leaves it gently.
    near = np.clip(canvas.blur(hole, 0.09) * 1.6, 0, 1)
    height = mixed(height, np.maximum(height, head.height + 0.045), near)
    height = height + 1.35 * _scarf_folds(canvas, chin - 0.12, side)
    rim = canvas.stroked(np.concatenate([closed(opening), opening[:1]]), 0.075, 0.010)
    seam = canvas.stroked((closed(opening) - [0, 0.25]) * [1.10, 1.075] + [0, 0.25], 0.012, 0.008)
    height = height + 0.022 * canvas.blur(rim, 0.012) - 0.012 * seam
    return Cloth(Layer(f32(height), mask), _weave(canvas, person.cloth, 0.035))


def _scarf_folds(canvas: Canvas, chin: float, side: float) -> Array:
    """Pleats that run around the face and cross under the chin."""
    folds = canvas.zeros()
    for push, depth in ((0.06, 0.020), (0.13, 0.026), (0.21, 0.022)):
        for mirror in (1, -1):
            line = curve(
                [(0.10 * mirror, -0.72 - push), (0.52 * mirror, -0.55 - push * 1.2), ((side + push) * mirror, -0.05),
                 ((side + push * 0.9 - 0.03) * mirror, 0.55), ((0.52 + push) * mirror, chin - 0.08 + push),
                 (0.16 * mirror, chin + 0.14 + 1.3 * push)]
            )  # fmt: skip
            widths = 0.055 * np.sin(np.pi * np.clip(np.linspace(0, 1, len(line)), 0.05, 0.97))
            folds += (
                (0.5 + smoothstep(-0.5, 0.3, canvas.y))
                * depth
                * (
                    canvas.stroked(line, widths, 0.016)
                    - 0.6 * canvas.stroked(line + np.array([0.02, 0.03]), widths, 0.03)
                )
            )
    for start, end, bend, depth in (
        ((-0.62, 0.05), (0.75, 0.62), 0.20, 0.040), ((-0.70, 0.20), (0.62, 0.86), 0.22, 0.036),
        ((-0.74, 0.38), (0.42, 1.05), 0.20, 0.034), ((0.60, 0.02), (-0.10, 0.42), 0.10, 0.030),
        ((-0.85, 0.52), (0.10, 1.20), 0.16, 0.030), ((0.80, 0.30), (0.95, 0.95), -0.05, 0.028),
    ):  # fmt: skip
        a, b = np.array(start) + np.array([0, chin]), np.array(end) + np.array([0, chin])
        middle = (a + b) / 2 + [0, bend]
        line = curve([a, middle, b])
        widths = 0.085 * np.sin(np.pi * np.clip(np.linspace(0, 1, len(line)), 0.06, 0.95))
        folds += depth * canvas.stroked(line, widths, 0.026)
    return f32(folds + 0.004 * canvas.noise(0.10, 1.6))
