"""Hair: locks of strands along guides, and short hair that stands on the skin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from tools.avatars.anatomy import Face
from tools.avatars.drawing import Array, Canvas, Line, Points, across, curve, f32, smoothstep
from tools.avatars.lighting import FILL, KEY, Shade
from tools.avatars.people import Person
from tools.avatars.sculpting import SKULL_CENTRE

STEPS = 44
"""Points along a strand."""
STRAND_PX = 1.15
"""Distance of neighbouring strands, pixels of the painting."""
VOLUME = (0.97, 1.10, 0.98)
"""Radii of the body of hair around the skull's middle, head units."""
KEY_UNIT = KEY / np.linalg.norm(KEY)
FILL_UNIT = FILL / np.linalg.norm(FILL)
TO_CAMERA = np.array([0.0, 0.0, 1.0])
HALF = (KEY_UNIT + TO_CAMERA) / np.linalg.norm(KEY_UNIT + TO_CAMERA)
OVERHEAD = np.array([0.0, -0.38, 0.92])
"""Half way to a lamp above the camera, which gives hair its bands of shine."""
STEP_PX = 8
"""Length of a piece of a strand, pixels of the painting."""


@dataclass(frozen=True)
class Lock:
    """Strands that keep together."""

    line: Line
    """(STEPS, 2) the middle."""
    width: float
    """Where it is widest, head units."""
    order: float
    """Higher ones lie above lower ones."""
    taper: float = 0.85
    """How far it narrows towards the tip."""
    ragged: float = 0.12
    """How much the strands differ in length."""


class _Strands(NamedTuple):
    """The strands of a lock."""

    u: NDArray[np.float64]
    """(m,) place across the lock, -1 to 1."""
    lines: NDArray[np.float64]
    """(m, STEPS, 2)."""


@dataclass(frozen=True)
class Fuzz:
    """Short hair standing on the skin."""

    density: Array
    """(H, W) in 0-1."""
    heading: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Roots (n, 2) to directions in the picture (n, 2)."""
    length: float
    """Head units."""
    count: int
    curl: float = 0.0
    base: float = 0.75
    """How much the skin beneath is tinted."""


@dataclass(frozen=True)
class Groom:
    """All hair of a head."""

    behind: list[Lock]
    """Drawn behind neck and face."""
    front: list[Lock]
    fuzz: list[Fuzz]
    lift: float = 0.05
    """How far hair stands off what it lies on, head units."""


def depth_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """z of the body of hair at points (..., 2)."""
    x, y = points[..., 0] / VOLUME[0], (points[..., 1] - SKULL_CENTRE[0]) / VOLUME[1]
    reach = x**2 + np.where(y < 0, y, 0.25 * y) ** 2
    # Beyond the outline it goes on falling gently, so that highlights don't break there.
    inside = 0.5 * (1 - reach + np.sqrt((1 - reach) ** 2 + 0.02))
    return np.asarray(SKULL_CENTRE[1] + VOLUME[2] * (np.sqrt(inside) - 0.25 * np.clip(reach - 0.8, 0, 1)))


def volume_normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normals (..., 3) of the body of hair at points (..., 2)."""
    x, y = points[..., 0] / VOLUME[0], (points[..., 1] - SKULL_CENTRE[0]) / VOLUME[1]
    y = np.where(y < 0, y, 0.25 * y)
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0.02, 1))
    field = np.stack([x, y, z], axis=-1)
    return np.asarray(field / np.linalg.norm(field, axis=-1, keepdims=True))


def coverage(canvas: Canvas, locks: list[Lock]) -> Array:
    """Where locks lie, (H, W) in 0-1."""
    mask = np.zeros((canvas.height, canvas.width), np.uint8)
    for lock in locks:
        cv2.fillPoly(mask, [canvas.pixels(_outline(lock))], 255, cv2.LINE_AA, 4)
    return f32(mask / 255)


def profile(lock: Lock) -> NDArray[np.float64]:
    """Half width along a lock, (STEPS,) head units."""
    t = np.linspace(0, 1, STEPS)
    return np.asarray(lock.width / 2 * np.interp(t, [0, 0.10, 0.25, 0.6, 1], [0.15, 0.65, 0.95, 1.0, 1 - lock.taper]))


def _outline(lock: Lock) -> Line:
    half = profile(lock)[:, None] * 0.88 * across(lock.line)
    return np.concatenate([lock.line + half, (lock.line - half)[::-1]])


def encoded(light: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Linear light as 8-bit code values, for OpenCV's lines."""
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.2) * 255, dtype=np.uint8)


def paint_locks(canvas: Canvas, person: Person, locks: list[Lock], light: Array, shade: Shade) -> Array:
    """Draw locks over the picture (H, W, 3), back ones first."""
    layer = encoded(light)
    before = layer.copy()
    for lock in sorted(locks, key=lambda lock: lock.order):
        _paint_lock(canvas, person, lock, layer, shade)
    changed = (layer != before).any(axis=2)
    result = light.copy()
    result[changed] = (layer[changed] / 255.0) ** 2.2
    return result


def _paint_lock(canvas: Canvas, person: Person, lock: Lock, layer: NDArray[np.uint8], shade: Shade) -> None:
    rng = canvas.rng
    half = profile(lock)
    count = max(3, round(2 * half.max() * canvas.unit / STRAND_PX))
    u = np.concatenate([np.linspace(-1, 1, count), rng.uniform(-1, 1, count // 2)])
    rng.shuffle(u)
    normal = across(lock.line)
    sway = rng.normal(0, 0.10, (len(u), 1)) * np.linspace(0, 1, STEPS) ** 1.5
    wobble = np.sin(np.linspace(0, 9, STEPS) + rng.uniform(0, 6.28, (len(u), 1))) * rng.normal(0, 0.03, (len(u), 1))
    offset = (u[:, None] + sway + wobble) * half
    lines = lock.line + offset[..., None] * normal  # (m, STEPS, 2)
    tones = _tones(canvas, person, lock, _Strands(u, lines), shade)
    lines, tones = _finer(canvas, lines, tones)
    steps = lines.shape[1]
    codes = encoded(tones).astype(float)
    middle = tuple(map(float, codes.mean(axis=(0, 1)) * 0.80))
    cv2.fillPoly(layer, [canvas.pixels(_outline(lock))], middle, cv2.LINE_AA, 4)
    points = canvas.pixels(lines)
    ends = np.clip((steps * (1 - lock.ragged * rng.uniform(0, 1, len(u)) ** 1.5 - 0.3 * lock.ragged * u**2)), 4, steps)
    for row in range(len(u)):
        end = int(ends[row])
        colours = codes[row].tolist()
        for first in range(end - 1):
            cv2.line(layer, *_pair(points[row, first], points[row, first + 1]), colours[first], 1, cv2.LINE_AA, 4)


def _finer(
    canvas: Canvas, lines: NDArray[np.float64], tones: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cut strands into pieces so short that their tones run into one another, each strand at its own places."""
    length = np.linalg.norm(np.diff(lines[0], axis=0), axis=1).sum() * canvas.unit
    steps = max(STEPS, round(length / STEP_PX))
    t = np.linspace(0, STEPS - 1, steps)[None] + canvas.rng.uniform(-0.5, 0.5, (len(lines), 1)) * (STEPS / steps)
    t = np.clip(t, 0, STEPS - 1.001)
    low = t.astype(int)
    share = (t - low)[..., None]
    row = np.arange(len(lines))[:, None]
    lines, tones = (v[row, low] * (1 - share) + v[row, low + 1] * share for v in (lines, tones))
    return lines, tones


def _pair(a: NDArray[np.int32], b: NDArray[np.int32]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))


def _tones(canvas: Canvas, person: Person, lock: Lock, strands: _Strands, shade: Shade) -> NDArray[np.float64]:
    """Colours along the strands of a lock, (m, STEPS, 3) linear light."""
    rng, hair = canvas.rng, person.hair
    u, lines = strands
    count = len(u)
    body = volume_normals(lock.line)  # (STEPS, 3)
    flat = np.concatenate([across(lock.line), np.zeros((STEPS, 1))], axis=1)
    round_ = np.sqrt(np.clip(1 - (0.9 * u) ** 2, 0.05, 1))[:, None, None]
    normal = round_ * body + (0.85 * u)[:, None, None] * flat
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    tangent = np.gradient(np.concatenate([lock.line, depth_of(lock.line)[:, None]], axis=1), axis=0)
    tangent = tangent / np.linalg.norm(tangent, axis=1, keepdims=True) + rng.normal(0, 0.055, (count, 1, 3))
    tangent = tangent + 0.10 * normal
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
    facing = np.clip(normal[..., 2] + 0.2, 0, 1)
    sharp, broad = np.zeros_like(facing), np.zeros_like(facing)
    for half, share in ((HALF, 0.40), (OVERHEAD, 0.60)):
        along = tangent @ half
        sharp += share * np.sqrt(np.clip(1 - along**2, 0, 1)) ** 60 * facing
        broad += share * np.sqrt(np.clip(1 - (along - 0.10) ** 2, 0, 1)) ** 12 * facing
    rows = np.clip((lines[..., 1] * canvas.unit + canvas.origin[1]).astype(int), 0, canvas.height - 1)
    columns = np.clip((lines[..., 0] * canvas.unit + canvas.origin[0]).astype(int), 0, canvas.width - 1)
    seen, openly = (plane[rows, columns] for plane in shade)
    key = np.clip((normal @ KEY_UNIT + 0.25) / 1.25, 0, 1) * (0.25 + 0.75 * seen)
    fill = np.clip((normal @ FILL_UNIT + 0.3) / 1.3, 0, 1)
    edge = (1 - np.clip(normal[..., 2], 0, 1)) ** 2 * np.clip(-body[:, 1] * 0.5 + np.abs(body[:, 0]), 0, 1)
    t = np.linspace(0, 1, STEPS)
    root = 0.62 + 0.38 * smoothstep(0.0, 0.16, t)
    gap = 1 - 0.38 * np.abs(u)[:, None] ** 3
    key = 0.8 * key + 0.2 * seen
    diffuse = (
        (0.17 + 0.86 * key + 0.32 * fill) * (0.30 + 0.70 * openly) * root * gap * rng.uniform(0.60, 1.32, (count, 1))
    )
    colour = np.where(rng.uniform(size=(count, 1)) < hair.grey, hair.colour * 0.35 + 0.42, hair.colour)
    colour = colour * (1 + rng.normal(0, 0.06, (count, 1)))
    lit = 0.25 + 0.75 * seen
    spec = (0.78 * sharp * rng.uniform(0.2, 1.3, (count, 1)) + 0.18 * broad) * lit * openly * gap
    spec = spec + 0.35 * edge * openly
    toned = colour[:, None] * diffuse[..., None] + hair.shine * spec[..., None]
    return np.asarray(gaussian_filter1d(toned, 1.2, axis=1, mode="nearest"))


def paint_fuzz(canvas: Canvas, person: Person, fuzz: Fuzz, light: Array, irradiance: Array) -> Array:
    """Draw short hair over the lit skin (H, W, 3)."""
    rng, hair = canvas.rng, person.hair
    shade = hair.colour * 0.75 * irradiance * 0.8
    result = f32(light + (shade - light) * (fuzz.base * canvas.blur(fuzz.density, 0.006))[..., None])
    rows, columns = np.nonzero(fuzz.density > 0.03)
    weight = fuzz.density[rows, columns].astype(np.float64)
    if not len(rows):
        return result
    chosen = rng.choice(len(rows), size=fuzz.count, p=weight / weight.sum())
    chosen = chosen[np.argsort(rows[chosen] + rng.normal(0, 12, fuzz.count))]
    roots = (
        np.stack([columns, rows], axis=1)[chosen] + rng.uniform(-0.5, 0.5, (fuzz.count, 2)) - canvas.origin
    ) / canvas.unit
    heading = fuzz.heading(roots) + rng.normal(0, 0.28, (fuzz.count, 2))
    heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-6)
    size = fuzz.length * rng.uniform(0.5, 1.15, fuzz.count) * (0.35 + 0.65 * weight[chosen])
    t = np.linspace(0, 1, 5)
    bend = rng.normal(0, 0.35, fuzz.count) + fuzz.curl * rng.choice([-1, 1], fuzz.count)
    side = heading[:, ::-1] * [1, -1]
    lines = roots[:, None] + size[:, None, None] * (
        t[None, :, None] * heading[:, None] + (bend[:, None] * t**2)[..., None] * side[:, None]
    )
    level = irradiance[rows[chosen], columns[chosen]]
    grey = rng.uniform(size=(fuzz.count, 1)) < hair.grey
    colour = np.where(grey, hair.colour * 0.35 + 0.42, hair.colour) * rng.uniform(0.5, 1.25, (fuzz.count, 1))
    shine = hair.shine * (0.05 + 0.24 * rng.uniform(0, 1, (fuzz.count, 1)) ** 3)
    codes = encoded((colour + shine) * level).astype(float).tolist()
    layer = encoded(result)
    before = layer.copy()
    points = canvas.pixels(lines)
    for row in range(fuzz.count):
        cv2.polylines(layer, [points[row]], False, codes[row], 1, cv2.LINE_AA, 4)
    changed = (layer != before).any(axis=2)
    result[changed] = (layer[changed] / 255.0) ** 2.2
    return result


# --- cuts -------------------------------------------------------------------------------------------------------------


def sheet(
    rng: np.random.Generator, guides: list[Points], count: int, width: float, *, order: float = 0.0, wave: float = 0.0,
    waves: float = 2.0, jitter: float = 0.35, outer_last: bool = False, taper: float = 0.85, ragged: float = 0.12,
) -> list[Lock]:  # fmt: skip
    """Locks between guides, which run from root to tip and lie side by side."""
    lines = np.stack([curve(guide, STEPS) for guide in guides])
    t = np.linspace(0, 1, STEPS)
    locks = []
    for number in range(count):
        share = (number + 0.5 + rng.uniform(-jitter, jitter)) / count
        position = float(np.clip(share, 0, 1)) * (len(lines) - 1)
        low = min(int(position), len(lines) - 2)
        line = lines[low] * (1 - position + low) + lines[low + 1] * (position - low)
        swing = wave * np.sin(2 * np.pi * (waves * t + 0.35 * share + rng.normal(0, 0.06))) * smoothstep(0.05, 0.5, t)
        line = line + swing[:, None] * across(line) + rng.normal(0, 0.012, 2) * t[:, None]
        rank = share if outer_last else 1 - share
        size = width * rng.uniform(0.75, 1.3)
        locks.append(Lock(line, size, order + rank + rng.normal(0, 0.12), taper, ragged))
    return locks


def flipped(guides: list[Points], roots: Points | None = None) -> list[Points]:
    """Guides of the other half; with `roots` they start there, crossing the parting."""
    other = [[(-x, y) for x, y in guide] for guide in guides]
    if roots:
        return [[root, *guide[1:]] for root, guide in zip(roots, other, strict=True)]
    return other


def between(first: ArrayLike, last: ArrayLike, count: int) -> list[Points]:
    """Guides from one to another with as many points."""
    a, b = np.array(first), np.array(last)
    return [[(float(x), float(y)) for x, y in a + (b - a) * s] for s in np.linspace(0, 1, count)]


def _down(roots: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(
        [0.55 * np.sign(roots[:, 0]) * np.clip(np.abs(roots[:, 0]) * 1.5, 0, 1), np.ones(len(roots))], axis=1
    )


def _up(roots: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([roots[:, 0] * 0.9, -np.ones(len(roots))], axis=1)


def scalp_sides(canvas: Canvas, face: Face, top: float, burns: float) -> Array:
    """The sides of the head above the ears down to the side-burns, (H, W) in 0-1; thinner towards the face."""
    side = float(face.outline[:, 0].max())
    inner = curve(
        [(0.50, top - 0.14), (0.53, top + 0.06), (side - 0.115, -0.40), (side - 0.070, -0.26), (side - 0.060, -0.10),
         (side - 0.045, burns)], 60,
    )  # fmt: skip
    outer = np.array([(side + 0.02, burns - 0.03), (side + 0.05, -0.4), (side + 0.05, top - 0.35), (0.5, top - 0.55)])
    half = np.concatenate([inner, outer])
    skull = canvas.filled(face.outline * [1.012, 1.0], 0.006)
    fade = 0.30 + 0.70 * smoothstep(burns, -0.35, canvas.y)
    return f32((canvas.filled(half, 0.022) + canvas.filled(half * [-1, 1], 0.022)) * skull * fade)


def hairline_strip(canvas: Canvas, face: Face, top: float, reach: float = 0.10) -> Array:
    """A soft strip above the hairline, where the first short hairs stand, (H, W) in 0-1."""
    line = _hairline(face, top)
    return f32(np.clip(canvas.stroked(line - [0, reach * 0.55], reach, 0.022) * 1.1, 0, 1))


def groom(canvas: Canvas, person: Person, face: Face) -> Groom:
    """Cut the hair of a person."""
    cut = CUTS[person.hair.style]
    return cut(canvas, person, face)


def bald(canvas: Canvas, person: Person, face: Face) -> Groom:
    """None that is seen."""
    return Groom([], [], _beard(canvas, person, face))


def _beard(canvas: Canvas, person: Person, face: Face) -> list[Fuzz]:
    if not person.beard:
        return []
    from tools.avatars.skin import beard_area

    area = beard_area(canvas, face)
    long = person.beard == "full"

    def grow(roots: NDArray[np.float64]) -> NDArray[np.float64]:
        above = roots[:, 1] < face.lip_line[60, 1]
        outwards = np.where(above & (np.abs(roots[:, 0]) < 0.3), 2.2, 0.35) * roots[:, 0] / 0.3
        return np.stack([outwards, np.ones(len(roots))], axis=1)

    area = f32(area * canvas.filled(face.outline * [0.985, 1.0] + [0, 0.015], 0.012))
    return [Fuzz(area, grow, 0.046 if long else 0.03, 26000 if long else 9000, 0.35, 0.74 if long else 0.6)]


def crop(canvas: Canvas, person: Person, face: Face) -> Groom:
    """Very short all over."""
    outline = face.outline * 1.0
    skull = canvas.filled(outline * [1.006, 1.008], 0.008)
    line = _hairline(face, -0.70)
    above = canvas.filled(np.concatenate([line, [[1.2, -2.0], [-1.2, -2.0]]]), 0.014)
    sides = scalp_sides(canvas, face, -0.60, 0.12)
    area = np.clip(np.maximum(above, sides), 0, 1) * skull
    return Groom([], [], [Fuzz(f32(area), _up, 0.020, 36000, 0.6, 0.84), *_beard(canvas, person, face)], 0.03)


def _hairline(face: Face, top: float) -> Line:
    """From the left temple over the forehead to the right one."""
    side = float(face.outline[:, 0].max())
    half = curve(
        [(0.0, top + 0.008), (0.22, top - 0.005), (0.42, top + 0.045), (0.535, top + 0.13), (side - 0.12, top + 0.36)],
        40,
    )
    return np.concatenate([(half * [-1, 1])[::-1], half[1:]])


def side_part(canvas: Canvas, person: Person, face: Face, recede: float = 0.0) -> Groom:
    """A man's cut: short sides, parted at the side, the top combed across; `recede` lifts the hairline, head units."""
    rng = canvas.rng
    side = float(face.outline[:, 0].max())
    low = np.array(
        [(-0.35, -0.70), (-0.2, -0.82), (0.08, -0.83), (0.36, -0.72), (side - 0.14, -0.54), (side - 0.05, -0.36)]
    )
    low[:, 1] -= recede * np.array([0.8, 0.6, 0.6, 1.0, 1.2, 0.5])
    high = [(-0.27, -1.14), (-0.1, -1.26), (0.22, -1.285), (0.5, -1.14), (side + 0.01, -0.84), (side + 0.015, -0.5)]
    across_top = sheet(rng, between(low, high, 4), 40, 0.088, order=2, ragged=0.35, taper=0.96, jitter=0.8, wave=0.012)
    left_low = np.array([(-0.37, -0.68), (-0.45, -0.66), (-0.54, -0.56), (-side + 0.11, -0.38)])
    left_low[:, 1] -= recede * np.array([0.8, 1.2, 1.2, 0.5])
    left_high = [(-0.26, -1.19), (-0.42, -1.16), (-side + 0.03, -0.90), (-side - 0.005, -0.50)]
    beside = sheet(rng, between(left_low, left_high, 4), 26, 0.07, order=0, ragged=0.35, taper=0.96, jitter=0.8)
    brushed = []
    for x in np.linspace(-0.36, 0.34, 23):
        y = -0.655 - recede + 0.30 * abs(x) ** 2.2 + rng.normal(0, 0.012)
        reach = 0.34 * rng.uniform(0.8, 1.15)
        points = [
            (x, y),
            (x + 0.05, y - 0.30 * reach),
            (x + 0.35 * reach + 0.05, y - 0.52 * reach),
            (x + 0.95 * reach + 0.05, y - 0.46 * reach),
        ]
        width = 0.050 * rng.uniform(0.7, 1.3)
        brushed.append(Lock(curve(points, STEPS), width, 1.2 + rng.normal(0, 0.1), 0.95, 0.4))
    sides = Fuzz(np.clip(scalp_sides(canvas, face, -0.58, 0.06), 0, 1), _down, 0.032, 20000, 0.0, 0.70)
    front = Fuzz(hairline_strip(canvas, face, -0.63 - recede), _up, 0.075, 6000, 0.1, 0.50 - 1.5 * recede)
    crown = Fuzz(_crown(canvas, face, -0.69 - recede), _up, 0.02, 6000, 0.1, 1.0)
    return Groom([], across_top + beside + brushed, [crown, sides, front, *_beard(canvas, person, face)], 0.05)


def receding(canvas: Canvas, person: Person, face: Face) -> Groom:
    """The same with a hairline that has moved up."""
    return side_part(canvas, person, face, 0.10)


def _crown(canvas: Canvas, face: Face, top: float) -> Array:
    """The scalp above a hairline, (H, W) in 0-1."""
    above = canvas.filled(np.concatenate([_hairline(face, top), [[1.2, -2.0], [-1.2, -2.0]]]), 0.02)
    return f32(above * canvas.filled(face.outline * [1.005, 1.005], 0.006))


def long_waves(canvas: Canvas, person: Person, face: Face) -> Groom:
    """A woman's: parted at the side, long waves over the shoulders."""
    rng = canvas.rng
    inner: Points = [(0.17, -0.66), (0.36, -0.61), (0.55, -0.41), (0.645, -0.08), (0.675, 0.32), (0.70, 0.74),
                     (0.64, 1.14), (0.58, 1.54), (0.62, 2.05)]  # fmt: skip
    outer: Points = [(0.13, -1.25), (0.44, -1.22), (0.76, -0.88), (0.88, -0.28), (0.93, 0.30), (1.00, 0.82),
                     (1.05, 1.26), (0.98, 1.70), (1.00, 2.20)]  # fmt: skip
    guides = between(inner, outer, 5)
    roots = [guide[0] for guide in guides]
    front = sheet(rng, guides, 34, 0.105, wave=0.045, waves=3.0, ragged=0.2)
    front += sheet(rng, flipped(guides, roots), 40, 0.105, wave=0.045, waves=3.0, ragged=0.2)
    back = [[(0.3, -0.9), (0.75, -0.5), (0.82, 0.2), (0.80, 1.0), (0.74, 1.7), (0.72, 2.1)],
            [(0.0, -0.9), (0.30, -0.4), (0.36, 0.3), (0.36, 1.0), (0.32, 1.6), (0.30, 1.75)]]  # fmt: skip
    behind = sheet(rng, back, 16, 0.16, wave=0.02) + sheet(rng, flipped(back), 16, 0.16, wave=0.02)
    return Groom(behind, front, [], 0.06)


def short_waves(canvas: Canvas, person: Person, face: Face) -> Groom:
    """An old lady's: soft short waves around the head."""
    rng = canvas.rng
    inner: Points = [
        (0.20, -0.70),
        (0.38, -0.70),
        (0.56, -0.50),
        (0.67, -0.22),
        (0.73, 0.06),
        (0.76, 0.28),
        (0.70, 0.44),
    ]
    outer: Points = [
        (0.12, -1.28),
        (0.46, -1.34),
        (0.86, -1.00),
        (1.02, -0.44),
        (1.06, 0.02),
        (1.00, 0.40),
        (0.84, 0.62),
    ]
    guides = between(inner, outer, 5)
    roots = [guide[0] for guide in guides]
    front = sheet(rng, guides, 36, 0.110, wave=0.055, waves=2.2, ragged=0.35, taper=0.97)
    front += sheet(rng, flipped(guides, roots), 40, 0.110, wave=0.055, waves=2.2, ragged=0.35, taper=0.97)
    back = [[(0.3, -0.9), (0.80, -0.5), (0.94, 0.0), (0.92, 0.34), (0.74, 0.60)],
            [(0.1, -0.9), (0.60, -0.4), (0.74, 0.1), (0.70, 0.44), (0.56, 0.60)]]  # fmt: skip
    behind = sheet(rng, back, 14, 0.13, wave=0.03, taper=0.95) + sheet(
        rng, flipped(back), 14, 0.13, wave=0.03, taper=0.95
    )
    return Groom(behind, front, [], 0.03)


def tousled(canvas: Canvas, person: Person, face: Face) -> Groom:
    """A child's: locks from the crown over forehead and ears."""
    rng = canvas.rng
    side = float(face.outline[:, 0].max())
    locks: list[Lock] = []
    inner: Points = [(0.34, -1.08), (0.58, -0.86), (side - 0.03, -0.56), (side - 0.02, -0.26), (side - 0.03, -0.02)]
    outer: Points = [(-0.04, -1.24), (0.46, -1.17), (side + 0.04, -0.84), (side + 0.14, -0.40), (side + 0.075, 0.06)]
    guides = between(inner, outer, 4)
    for half in (guides, flipped(guides)):
        locks += sheet(rng, half, 20, 0.115, order=0, ragged=0.3, wave=0.022, waves=1.4, taper=0.95)
    for x in np.linspace(-0.66, 0.66, 40):
        end_y = -0.42 + 0.16 * abs(x) + rng.normal(0, 0.045)
        shift = 0.13 + rng.normal(0, 0.04)
        start = (0.60 * x + 0.05 + rng.normal(0, 0.015), -1.238 + 0.34 * x * x + rng.normal(0, 0.008))
        points = [start, (0.80 * x + 0.05, -1.10 + 0.30 * x * x), (0.99 * x + 0.03, -0.80), (x - 0.1 * shift, -0.58),
                  (x - shift * (1 if x > -0.45 else 0.2), end_y)]  # fmt: skip
        locks.append(Lock(curve(points, STEPS), 0.10 * rng.uniform(0.7, 1.3), 2 + rng.normal(0, 0.5), 0.96, 0.25))
    scalp = Fuzz(_crown(canvas, face, -0.58), _up, 0.03, 2000, 0.1, 0.9)
    return Groom([], locks, [scalp], 0.06)


CUTS: dict[str, Callable[[Canvas, Person, Face], Groom]] = {
    "none": bald,
    "crop": crop,
    "side part": side_part,
    "receding": receding,
    "long waves": long_waves,
    "short waves": short_waves,
    "tousled": tousled,
}
