"""Pictures read back from a page, and the mouths in them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
from benchmarks.openings import Curve, opening_of
from playwright.sync_api import Page

from mouthpiece.face import FaceTracker
from mouthpiece.types import FloatArray, Frame, Picture

_CANVAS_PNG = "node => node.toDataURL('image/png')"
_VIDEO_PNGS = """async (node, times) => {
  const canvas = document.createElement('canvas');
  const found = [];
  for (const time of times) {
    const sought = new Promise(done => node.addEventListener('seeked', done, {once: true}));
    node.currentTime = time;
    await sought;
    canvas.width = node.videoWidth;
    canvas.height = node.videoHeight;
    canvas.getContext('2d').drawImage(node, 0, 0);
    found.push(canvas.toDataURL('image/png'));
  }
  return found;
}"""


def canvas_picture(page: Page, selector: str = "canvas") -> Picture:
    """What a canvas shows now, (H, W, 3) RGB."""
    return decoded(str(page.locator(selector).evaluate(_CANVAS_PNG)))


def video_pictures(page: Page, times_s: Sequence[float], selector: str = "video") -> list[Picture]:
    """What a <video> shows at these times, (H, W, 3) RGB each; it has to be there and loaded."""
    found = page.locator(selector).evaluate(_VIDEO_PNGS, list(times_s))
    return [decoded(str(url)) for url in found]


def decoded(data_url: str) -> Picture:
    """A data: URL's picture, (H, W, 3) RGB."""
    data = np.frombuffer(base64.b64decode(data_url.partition(",")[2]), np.uint8)
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert bgr is not None, f"no picture in {data_url[:40]}"
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def openings(pictures: Iterable[Picture], fps: int = 25) -> Curve:
    """How far the mouth is open in each of one face's pictures, in order; not a number where no face is found.

    Distance of the inner lips over that of the outer eye corners, (n,) float64.
    """
    tracker = _tracker()
    tracked = (tracker.track(_as_frame(rgb, i, fps)) for i, rgb in enumerate(pictures))
    return np.array([np.nan if t.face is None else opening_of(t.face) for t in tracked], dtype=np.float64)


def looks(picture: Picture) -> FloatArray:
    """What the largest face of a picture looks like, (k,) of unit norm: the dot product of two tells people apart."""
    face = _tracker().track(_as_frame(picture, 0, 25)).face
    assert face is not None, "no face in a picture"
    return face.descriptor


def likeness(one: Picture, other: Picture) -> float:
    """How much the largest faces of two pictures look like one person, up to 1."""
    return float(looks(one) @ looks(other))


@lru_cache(maxsize=1)
def _loaded() -> FaceTracker:
    return FaceTracker(smooth=False)


def _tracker() -> FaceTracker:
    """One that has seen nothing yet."""
    tracker = _loaded()
    tracker.reset()
    return tracker


def _as_frame(rgb: Picture, index: int, fps: int) -> Frame:
    return Frame(Fraction(index, fps), Fraction(1, fps), rgb)
