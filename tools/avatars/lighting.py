"""How light falls: lamps, shadows, hollows, light under the skin, the camera's curve."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from tools.avatars.drawing import Array, Canvas, f32

KEY = np.array([-0.52, -0.52, 0.68])
FILL = np.array([0.75, -0.12, 0.65])
KEY_COLOUR = f32([1.00, 0.95, 0.88]) * 1.02
FILL_COLOUR = f32([0.86, 0.93, 1.00]) * 0.26
SKY, GROUND = f32([0.90, 0.96, 1.04]) * 0.30, f32([1.05, 0.92, 0.82]) * 0.17
RIM_COLOUR = f32([1.0, 0.97, 0.94]) * 0.55
WRAP = f32([0.34, 0.20, 0.14])
"""How far light wraps around skin, for red, green and blue (cloth and hair take less)."""
SPREAD = (0.030, 0.013, 0.008)
"""How far light wanders under the skin, head units."""
LAMP_SIZE = 0.26
"""Half the key lamp's side over its distance."""
MAP_UNIT = 130
"""Shadows and hollows are computed on a smaller picture, of so many pixels a head unit."""


class Shade(NamedTuple):
    """What of the lamps and of the sky reaches each point."""

    seen: Array
    """(H, W) in 0-1: the share of the key lamp that is seen."""
    openly: Array
    """(H, W) in 0-1: the share of the sky that is seen."""


def normals(canvas: Canvas, height: Array) -> Array:
    """Unit normals of a relief, (H, W, 3), z towards the viewer."""
    right = cv2.Scharr(height, cv2.CV_32F, 1, 0, scale=canvas.unit / 32)
    down = cv2.Scharr(height, cv2.CV_32F, 0, 1, scale=canvas.unit / 32)
    length = np.sqrt(right**2 + down**2 + 1)
    return f32(np.stack([-right / length, -down / length, 1 / length], axis=-1))


def towards(normal: Array, light: ArrayLike) -> Array:
    """Cosine between normals and a light's direction, (H, W)."""
    light = np.asarray(light, np.float64)
    return f32(normal @ f32(light / np.linalg.norm(light)))


def glint(normal: Array, light: ArrayLike, sharpness: float) -> Array:
    """Highlights (Blinn's half vector), (H, W)."""
    light = np.asarray(light, np.float64)
    return f32(np.clip(towards(normal, light / np.linalg.norm(light) + [0, 0, 1]), 0, 1) ** sharpness)


def _small(canvas: Canvas, height: Array) -> tuple[Array, float]:
    shrink = max(1.0, canvas.unit / MAP_UNIT)
    size = (round(canvas.width / shrink), round(canvas.height / shrink))
    return f32(cv2.resize(height, size, interpolation=cv2.INTER_AREA)), canvas.unit / shrink


def _shifted(plane: Array, dx: float, dy: float) -> Array:
    matrix = f32([[1, 0, -dx], [0, 1, -dy]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix[:, 2] *= -1
    return f32(
        cv2.warpAffine(plane, matrix, plane.shape[::-1], flags=how, borderMode=cv2.BORDER_CONSTANT, borderValue=-9)
    )


def shadow(canvas: Canvas, height: Array, light: NDArray[np.float64], reach: float = 1.3) -> Array:
    """How much of an area lamp each point sees, (H, W) in 0-1."""
    small, unit = _small(canvas, height)
    side = np.cross(light, [0, 1, 0])
    up = np.cross(side, light)
    seen = np.zeros_like(small)
    corners = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7)]
    for across, along in corners:
        lamp = light + LAMP_SIZE * (across * side + along * up)
        lamp = lamp / np.linalg.norm(lamp)
        blocked = np.zeros_like(small)
        for step in np.geomspace(0.02, reach, 26):
            over = _shifted(small, lamp[0] * step * unit, lamp[1] * step * unit) - small - lamp[2] * step
            blocked = np.maximum(blocked, over / (0.16 * step + 0.01))
        seen += 1 - np.clip(blocked, 0, 1)
    return _large(canvas, f32(seen / len(corners)))


def openness(canvas: Canvas, height: Array, reach: float = 0.7) -> Array:
    """How much of the sky each point sees (ambient occlusion), (H, W) in 0-1."""
    small, unit = _small(canvas, height)
    total = np.zeros_like(small)
    angles = np.arange(12) * (2 * np.pi / 12)
    for angle in angles:
        horizon = np.zeros_like(small)
        for step in np.geomspace(0.02, reach, 9):
            over = _shifted(small, np.cos(angle) * step * unit, np.sin(angle) * step * unit) - small
            slope = over / np.sqrt(over**2 + step**2)
            horizon = np.maximum(horizon, slope * (1 - step / (reach * 1.3)))
        total += 1 - horizon
    return _large(canvas, f32(total / len(angles)))


def _large(canvas: Canvas, plane: Array) -> Array:
    plane = f32(cv2.GaussianBlur(plane, (0, 0), 1.2))
    return f32(np.clip(cv2.resize(plane, (canvas.width, canvas.height), interpolation=cv2.INTER_CUBIC), 0, 1))


def under_skin(canvas: Canvas, light: Array, mask: Array) -> Array:
    """Spread light (H, W, 3) under the skin, not beyond its mask."""
    result = np.empty_like(light)
    weight = mask + 1e-4
    for channel, sigma in enumerate(SPREAD):
        near, far = (
            canvas.blur(light[..., channel] * weight, s) / np.maximum(canvas.blur(weight, s), 1e-4)
            for s in (sigma * 0.6, sigma * 2.2)
        )
        result[..., channel] = 0.65 * near + 0.35 * far
    return result


def irradiance(normal: Array, shade: Shade, wrap: ArrayLike) -> Array:
    """All light on a matt surface, (H, W, 3)."""
    seen, openly = shade
    wrap = f32(wrap)
    key = np.clip((towards(normal, KEY)[..., None] + wrap) / (1 + wrap), 0, 1) ** (1 + wrap)
    fill = np.clip((towards(normal, FILL)[..., None] + 0.4) / 1.4, 0, 1)
    up = (0.5 - 0.5 * normal[..., 1])[..., None]
    # Light that bounces around in a hollow takes on the skin's own warmth.
    open_colour = openly[..., None] ** f32([0.80, 1.0, 1.08])
    ambient = (GROUND + (SKY - GROUND) * up) * open_colour
    # Shadow edges on skin are red: red light wanders furthest.
    dim = np.clip(seen[..., None], 0, 1) ** f32([0.85, 1.0, 1.06])
    return f32(key * KEY_COLOUR * dim + fill * FILL_COLOUR * (0.35 + 0.65 * open_colour) + ambient)


def rim(normal: Array, openly: Array) -> Array:
    """Two lamps behind the head that only catch its edges, (H, W, 3)."""
    edge = (1 - normal[..., 2]) ** 2
    right = np.clip(towards(normal, [0.95, -0.25, 0.05]), 0, 1) ** 2
    left = np.clip(towards(normal, [-0.95, -0.25, 0.05]), 0, 1) ** 2
    return f32(((right * 1.0 + left * 0.45) * edge * openly)[..., None] * RIM_COLOUR)


def wall(canvas: Canvas, light: Array, dark: Array) -> Array:
    """A softly lit background, (H, W, 3)."""
    cx, cy = (canvas.width / 2 - canvas.origin[0]) / canvas.unit, (canvas.height / 2 - canvas.origin[1]) / canvas.unit
    pool = np.exp(-0.5 * (((canvas.x - cx + 0.55) / 1.35) ** 2 + ((canvas.y - cy + 0.15) / 1.5) ** 2))
    return f32(dark + (light - dark) * pool[..., None])


def developed(canvas: Canvas, light: Array, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The finished picture (height, width, 3) uint8 RGB of `size` (width, height): glow, curve, sRGB, grain."""
    small = cv2.resize(np.clip(light, 0, 4), size, interpolation=cv2.INTER_AREA)
    glow = cv2.GaussianBlur(np.clip(small - 0.55, 0, 1), (0, 0), size[0] / 60)
    small = small + 0.16 * glow
    small = np.where(small > 0.55, 0.55 + 0.45 * np.tanh((small - 0.55) / 0.45), small)
    code = np.where(small <= 0.0031308, 12.92 * small, 1.055 * np.maximum(small, 1e-6) ** (1 / 2.4) - 0.055)
    rows, columns = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    code *= (1 - 0.07 * np.clip(columns**2 + rows**2 - 0.5, 0, 2))[..., None]
    grain = cv2.GaussianBlur(canvas.rng.normal(0, 0.011, size=(size[1], size[0])), (0, 0), 0.7)
    return np.asarray(np.round(np.clip(code + grain[..., None], 0, 1) * 255), dtype=np.uint8)
