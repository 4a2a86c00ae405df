"""Laying patches over frames."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

import cv2
import numpy as np

from mouthpiece.types import Frame, Patch

Lane = Generator[tuple[Frame, Patch | None], None, None]
"""One speaker's patches: each frame with what is to be laid over it."""


def paste(frame: Frame, patch: Patch) -> Frame:
    """Blend a patch into the frame's own picture, in place.

    Args:
        frame: the frame; its `rgb` is written into.
        patch: what to lay over it; its box lies inside the frame.

    Returns:
        The frame with the patch's box among its changed ones.
    """
    if not patch.box.width or not patch.box.height:
        return frame
    part = frame.rgb[patch.box.slices]
    alpha = np.ascontiguousarray(patch.alpha)
    part[:] = cv2.blendLinear(patch.rgb, np.ascontiguousarray(part), alpha, 1 - alpha)
    return replace(frame, changed=(*frame.changed, patch.box))


def composite(lanes: Sequence[Lane]) -> Generator[Frame, None, None]:
    """Lay what several speakers' lanes drew over their common frames, the first lane's patch lowest.

    Args:
        lanes: over the same frames, in the same order. Closed at the end.

    Yields:
        The frames of the first lane, each with every lane's patch.
    """
    with ExitStack() as stack:
        for lane in lanes:
            stack.enter_context(closing(lane))
        for drawn in zip(*lanes, strict=True):
            frame = drawn[0][0]
            for patch in (patch for _, patch in drawn if patch is not None):
                frame = paste(frame, patch)
            yield frame
