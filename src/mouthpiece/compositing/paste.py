"""Pasting of a patch into a frame."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from mouthpiece.types import Frame, Patch


def paste(frame: Frame, patch: Patch) -> Frame:
    """Blend a patch into the frame's own picture, in place.

    Args:
        frame: the frame; its `rgb` is written into.
        patch: the picture to lay over it; its box lies inside the frame.

    Returns:
        The frame with the patch's box among its changed ones.
    """
    if not patch.box.width or not patch.box.height:
        return frame
    part = frame.rgb[patch.box.slices]
    alpha = np.ascontiguousarray(patch.alpha)
    part[:] = cv2.blendLinear(patch.rgb, np.ascontiguousarray(part), alpha, 1 - alpha)
    return replace(frame, changed=(*frame.changed, patch.box))
