"""Canvas, curves and masks.

Lengths are in head units: x to the right, y down, z towards the viewer, the origin between the outer eye corners of an
average adult, whose distance is 1. Colours are linear light, 0-1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

Array = NDArray[np.float32]
Line = NDArray[np.float64]
"""(n, 2) points of a curve or an outline."""
Points = list[tuple[float, float]]
SUBPIXEL_BITS = 4


@dataclass
class Canvas:
    """A grid of points to paint and model on."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    unit: float
    """Pixels a head unit."""
    origin: tuple[float, float]
    """Where (0, 0) falls, pixels (x, y)."""
    rng: np.random.Generator
    x: Array = field(init=False)
    """(H, W) head units."""
    y: Array = field(init=False)
    """(H, W) head units."""

    def __post_init__(self) -> None:
        """Lay out the grid."""
        rows, columns = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        self.x = (columns - self.origin[0]) / self.unit
        self.y = (rows - self.origin[1]) / self.unit

    def window(self, low: tuple[float, float], high: tuple[float, float]) -> tuple[Canvas, tuple[slice, slice]]:
        """A part of the canvas between two corners in head units, and where it lies."""
        left, top = np.clip(np.array(low) * self.unit + self.origin, 0, (self.width, self.height)).astype(int)
        right, bottom = np.clip(np.array(high) * self.unit + self.origin, 0, (self.width, self.height)).astype(int)
        origin = (self.origin[0] - left, self.origin[1] - top)
        part = Canvas(int(right - left), int(bottom - top), self.unit, origin, self.rng)
        return part, np.s_[top:bottom, left:right]

    def zeros(self) -> Array:
        """An empty plane, (H, W)."""
        return np.zeros((self.height, self.width), np.float32)

    def blur(self, plane: Array, sigma: float) -> Array:
        """Gaussian blur; sigma in head units. Wide ones are done on a smaller picture."""
        pixels = sigma * self.unit
        if pixels < 0.3:
            return plane
        shrink = int(pixels / 6)
        if shrink < 2:
            return f32(cv2.GaussianBlur(plane, (0, 0), pixels, borderType=cv2.BORDER_REPLICATE))
        small = cv2.resize(plane, (self.width // shrink, self.height // shrink), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), pixels / shrink, borderType=cv2.BORDER_REPLICATE)
        return f32(cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_CUBIC))

    def noise(self, size: float, stretch: float = 1.0) -> Array:
        """Smooth noise with deviation 1; `size` in head units, `stretch` times longer downwards."""
        columns = max(4, round(self.width / max(size * self.unit, 1.0)))
        rows = max(4, round(self.height / max(size * self.unit * stretch, 1.0)))
        coarse = self.rng.normal(size=(rows, columns)).astype(np.float32)
        plane = cv2.resize(coarse, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        return f32(plane / max(float(plane.std()), 1e-6))

    def pixels(self, points: ArrayLike) -> NDArray[np.int32]:
        """Head units to OpenCV's fixed-point pixels."""
        placed = np.asarray(points, np.float64) * self.unit + self.origin
        return np.asarray(np.round(placed * 2**SUBPIXEL_BITS), dtype=np.int32)

    def filled(self, outline: ArrayLike, softness: float = 0.0) -> Array:
        """The inside of a closed outline, (H, W) in 0-1; softness in head units."""
        mask = np.zeros((self.height, self.width), np.uint8)
        cv2.fillPoly(mask, [self.pixels(outline)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        return self.blur(f32(mask / 255), softness)

    def stroked(self, line: ArrayLike, widths: ArrayLike, softness: float = 0.0) -> Array:
        """A line whose width changes along the way, (H, W) in 0-1; widths and softness in head units."""
        line = np.asarray(line, np.float64)
        half = np.broadcast_to(np.asarray(widths, np.float64), (len(line),))[:, None] / 2 * across(line)
        return self.filled(np.concatenate([line + half, (line - half)[::-1]]), softness)

    def bump(
        self, centre: tuple[float, float], size: tuple[float, float], tilt: float = 0.0, *, mirrored: bool = False
    ) -> Array:
        """A Gaussian hill of height 1, tilt in radians clockwise; or two, one on each side."""
        plane = self.zeros()
        for side in (1, -1) if mirrored else (1,):
            middle = np.array([side * centre[0], centre[1]]) * self.unit + self.origin
            reach = 4.0 * max(size) * self.unit
            low = np.clip(np.floor(middle - reach), 0, (self.width, self.height)).astype(int)
            high = np.clip(np.ceil(middle + reach), 0, (self.width, self.height)).astype(int)
            part = np.s_[low[1] : high[1], low[0] : high[0]]
            dx, dy = self.x[part] * side - centre[0], self.y[part] - centre[1]
            along = dx * np.cos(tilt) + dy * np.sin(tilt)
            over = dy * np.cos(tilt) - dx * np.sin(tilt)
            plane[part] += np.exp(-0.5 * ((along / size[0]) ** 2 + (over / size[1]) ** 2))
        return plane

    def both(self, centre: tuple[float, float], size: tuple[float, float], tilt: float = 0.0) -> Array:
        """A hill and its mirror image."""
        return self.bump(centre, size, tilt, mirrored=True)


def f32(values: ArrayLike) -> Array:
    """As float32."""
    return np.asarray(values, dtype=np.float32)


def linear(red: int, green: int, blue: int) -> Array:
    """An sRGB colour as linear light, (3,)."""
    code = np.array([red, green, blue]) / 255
    return f32(np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4))


def smoothstep(low: float, high: float, value: ArrayLike) -> Array:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((np.asarray(value, np.float32) - low) / (high - low), 0, 1)
    return f32(t * t * (3 - 2 * t))


def mixed(below: Array, above: ArrayLike, share: ArrayLike) -> Array:
    """Lay one plane or picture over another; share (H, W) in 0-1."""
    share, above = f32(share), f32(above)
    rows = np.flatnonzero(share.max(axis=1) > 1e-4)
    if not rows.size:
        return below
    columns = np.flatnonzero(share.max(axis=0) > 1e-4)
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    result = below.copy()
    cover = share[part][..., None] if below.ndim == 3 else share[part]
    top = above[part] if above.shape[:2] == below.shape[:2] else above
    result[part] += (top - result[part]) * cover
    return result


def curve(points: ArrayLike, count: int = 120) -> NDArray[np.float64]:
    """A smooth curve through points (n, 2 or 3), (count, 2 or 3)."""
    knots = np.asarray(points, np.float64)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return np.asarray(CubicSpline(length, knots)(np.linspace(0, length[-1], count)))


def across(line: Line) -> Line:
    """Unit vectors square to a line (n, 2)."""
    square = np.gradient(line, axis=0)[:, ::-1] * [1, -1]
    return np.asarray(square / np.maximum(np.linalg.norm(square, axis=1, keepdims=True), 1e-9))


def mirrored(points: ArrayLike) -> Line:
    """The same curve on the other side."""
    return np.asarray(points, np.float64) * [-1, 1]


def closed(half: Line) -> Line:
    """A symmetric outline from its right half."""
    return np.concatenate([half, mirrored(half)[::-1]])


def draw_hair(layer: Array, points: NDArray[np.int32], strength: float) -> None:
    """Draw a short hair over a layer (H, W), in place, where it is stronger; points (n, 2) as `Canvas.pixels` gives."""
    one = 2**SUBPIXEL_BITS
    low = np.maximum(points.min(axis=0) // one - 3, 0)
    high = points.max(axis=0) // one + 4
    part = layer[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return
    drawn = np.zeros(part.shape, np.uint8)
    moved = points - low.astype(np.int32) * one
    cv2.polylines(drawn, [moved], False, round(255 * strength), 1, cv2.LINE_AA, SUBPIXEL_BITS)
    np.maximum(part, drawn.astype(np.float32) / 255, out=part)
