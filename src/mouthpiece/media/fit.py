"""What the face does when its video is shorter than the speech."""

from __future__ import annotations

from enum import StrEnum


class Fit(StrEnum):
    """How a video is stretched to the length of the speech; photos and longer videos don't care."""

    LOOP = "loop"
    """Starts again from its beginning."""
    PINGPONG = "pingpong"
    """Plays backwards from its end, then forwards again, so that nothing jumps."""
    HOLD = "hold"
    """Stays on its last picture, drawn again at the video's own rate."""
    CUT = "cut"
    """Ends with the video; the speech is cut there."""
