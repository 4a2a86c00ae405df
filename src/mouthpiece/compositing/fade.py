"""Fades into and out of stretches that pass through untouched."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from mouthpiece.types import TrackedFrame

FADE_FRAMES = 5
"""Frames over which the mouth goes from the source's to the speaking one."""


def fade_near_gaps(frames: Iterable[TrackedFrame]) -> Iterator[tuple[TrackedFrame, float]]:
    """Give each frame its strength: rising over `FADE_FRAMES` after a gap, falling over as many before one.

    A cut needs no fade: the picture jumps there anyway. Neither do the two ends of the video.
    Holds back `FADE_FRAMES` frames.

    Yields:
        Each frame and how far it may be changed, 0-1; 0 exactly where there is no face to work on.
    """
    held: deque[tuple[TrackedFrame, float]] = deque()
    since_gap = float(FADE_FRAMES)
    shot: int | None = None
    for tracked in frames:
        if tracked.face is None:
            since_gap = 0.0
            lowered = []
            for distance, (earlier, rise) in enumerate(reversed(held), start=1):
                same_shot = earlier.shot == tracked.shot
                fall = distance / (FADE_FRAMES + 1) if same_shot else 1.0
                lowered.append((earlier, min(rise, fall)))
            held = deque(reversed(lowered))
            held.append((tracked, 0.0))
        else:
            if shot is not None and tracked.shot != shot:
                since_gap = float(FADE_FRAMES)
            since_gap += 1
            held.append((tracked, min(1.0, since_gap / (FADE_FRAMES + 1))))
            shot = tracked.shot
        if len(held) > FADE_FRAMES:
            yield held.popleft()
    yield from held
