"""One avatar from the first outline to the finished picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tools.avatars import anatomy, clothing, eyes, hair, lighting, sculpting, skin
from tools.avatars.clothing import Cloth
from tools.avatars.drawing import Array, Canvas, f32, mixed
from tools.avatars.lighting import Shade
from tools.avatars.people import Person
from tools.avatars.sculpting import FAR, Layer

SIZE = (768, 960)
"""Width and height of the finished picture, pixels."""
UNIT = 268
"""Pixels a head unit in it."""
ORIGIN = (384, 432)
"""Where the middle between the eyes falls in it."""
OVERSAMPLING = 1.5
CLOTH_WRAP = 0.12


class Scene:
    """Everything of a portrait, lit together: who stands in front throws shadows on who stands behind."""

    def __init__(self, canvas: Canvas) -> None:
        """An empty scene."""
        self.canvas = canvas
        self.height = np.full(canvas.x.shape, FAR, np.float32)

    def add(self, layer: Layer) -> None:
        """Put a body in front."""
        self.height = mixed(self.height, layer.height, layer.mask)


def painted(person: Person, scale: float = 1.0, oversampling: float = OVERSAMPLING) -> NDArray[np.uint8]:
    """Paint a person: (960 * scale, 768 * scale, 3) uint8 RGB."""
    size = (round(SIZE[0] * scale), round(SIZE[1] * scale))
    fine = scale * oversampling
    unit = UNIT * fine * person.zoom
    origin = (ORIGIN[0] * fine, (ORIGIN[1] - person.lift * UNIT) * fine)
    canvas = Canvas(round(SIZE[0] * fine), round(SIZE[1] * fine), unit, origin, np.random.default_rng(person.seed))
    return lighting.developed(canvas, _lit(canvas, person), size)


def _lit(canvas: Canvas, person: Person) -> Array:
    """The whole picture in linear light, (H, W, 3)."""
    face = anatomy.features(person.shape)
    body, ears, head = (part(canvas, person, face) for part in (sculpting.body, sculpting.ears, sculpting.head))
    head.height = f32(head.height + skin.texture(canvas, person, face))
    cloths = clothing.dressed(canvas, person, face, body)
    scarf = clothing.headscarf(canvas, person, face, head, body)
    groom = hair.groom(canvas, person, face)
    cover = hair.coverage(canvas, groom.front)

    scene = Scene(canvas)
    behind = hair.coverage(canvas, groom.behind)
    scene.add(Layer(f32(np.full_like(behind, -1.0)), behind))
    for layer in (body, *(cloth.layer for cloth in cloths), ears, head):
        scene.add(layer)
    if scarf:
        scene.add(scarf.layer)
    grid = np.stack([canvas.x, canvas.y], axis=-1).astype(np.float64)
    volume = f32(hair.depth_of(grid)) + groom.lift
    scene.add(Layer(np.maximum(volume, head.height * head.mask - 3 * (1 - head.mask) + groom.lift), cover))
    seen = lighting.shadow(canvas, scene.height, lighting.KEY / np.linalg.norm(lighting.KEY))
    shade = Shade(seen, lighting.openness(canvas, scene.height))

    light = lighting.wall(canvas, *person.wall)
    light = light * (1 - 0.28 * canvas.blur(np.roll(head.mask, round(0.12 * canvas.unit), axis=1), 0.22))[..., None]
    light = hair.paint_locks(canvas, person, groom.behind, light, Shade(seen, shade.openly * 0.55))
    light = _lay_skin(canvas, person, light, body, shade)
    for cloth in cloths:
        light = _lay_cloth(canvas, light, cloth, shade)
    light = _lay_skin(canvas, person, light, ears, shade, red=0.22)
    light = _lay_skin(canvas, person, light, head, shade, face=face)
    if groom.fuzz:
        glow = _skin_light(canvas, head, shade)
        for fuzz in groom.fuzz:
            light = hair.paint_fuzz(canvas, person, fuzz, light, glow)
    if scarf:
        light = _lay_cloth(canvas, light, scarf, shade)
    return hair.paint_locks(canvas, person, groom.front, light, shade)


def _skin_light(canvas: Canvas, layer: Layer, shade: Shade) -> Array:
    """Light on and under the skin, (H, W, 3)."""
    normal = lighting.normals(canvas, layer.height)
    surface = lighting.irradiance(normal, shade, lighting.WRAP)
    return f32(0.72 * lighting.under_skin(canvas, surface, layer.mask) + 0.28 * surface)


def _lay_skin(
    canvas: Canvas,
    person: Person,
    below: Array,
    layer: Layer,
    shade: Shade,
    *,
    face: anatomy.Face | None = None,
    red: float = 0.0,
) -> Array:
    """Lay lit skin over the picture; with `face`, its colours and features too."""
    seen, openly = shade
    tone = person.skin.tone
    glow = _skin_light(canvas, layer, shade)
    if face is None:
        plain = mixed(np.broadcast_to(tone, below.shape), person.skin.blush, np.full(canvas.x.shape, red))
        colour = plain * (1 + 0.02 * canvas.noise(0.08))[..., None]
    else:
        colour = skin.albedo(canvas, person, face)
    normal = lighting.normals(canvas, canvas.blur(layer.height, 0.004))
    sheen = 0.055 * lighting.glint(normal, lighting.KEY, 16) + 0.05 * lighting.glint(normal, lighting.KEY, 60)
    sheen = sheen + 0.022 * lighting.glint(normal, lighting.FILL, 24)
    if face is not None:
        lips = np.clip(sum(canvas.filled(outline, 0.008) for outline in face.lips()), 0, 1)
        sheen = sheen * (1 + 0.4 * lips) + 0.16 * lips * lighting.glint(normal, lighting.KEY * [0.5, 1, 1], 70)
    light = colour * glow + (person.skin.gloss * sheen * (0.15 + 0.85 * seen) * openly)[..., None] * f32(
        [1, 0.97, 0.93]
    )
    light = light + lighting.rim(normal, openly) * np.sqrt(tone) * 0.55
    if face is not None:
        light = skin.paint_openings(canvas, person, face, light)
        light = eyes.paint(canvas, person, face, light, glow)
        light = skin.paint_brows(canvas, person, face, light)
    return mixed(below, light, layer.mask)


def _lay_cloth(canvas: Canvas, below: Array, cloth: Cloth, shade: Shade) -> Array:
    seen, openly = shade
    normal = lighting.normals(canvas, canvas.blur(cloth.layer.height, 0.003))
    light = cloth.colour * lighting.irradiance(normal, shade, CLOTH_WRAP)
    fuzz = (1 - normal[..., 2]) ** 2 * openly
    light = light + 0.16 * fuzz[..., None] * np.sqrt(cloth.colour) * (0.3 + 0.7 * seen)[..., None]
    return mixed(below, light, cloth.layer.mask)
