"""Statistics of a live session: frames a second, latency, dropped frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

STATS_S = 10.0
"""Window of the latencies, seconds."""
FPS_S = 3.0
"""Window of the rate of frames, seconds."""


@dataclass(frozen=True, slots=True)
class LiveStats:
    """Statistics of a session."""

    fps: float
    """Frames a second over the last 3 s."""
    p50_ms: float
    """Median latency of the speaking frames of the last 10 s: from the arrival of the sample that a frame shows until
    the frame is handed out, the engine's look-ahead included; 0 where there were none."""
    p95_ms: float
    """95th percentile of it."""
    dropped: int
    """Frames since the start of the speech that were due and not drawn."""
    width: int
    height: int
    description: str
    """What was stepped down, for people; empty where nothing was."""
    lost_s: float = 0.0
    """Speech since its start that came faster than the engine could take it, seconds."""


class FrameStatistics:
    """Counts and latencies of the frames of a speech. Guarded by the caller's lock."""

    def __init__(self) -> None:
        self.dropped = 0
        self._frames: deque[tuple[float, float | None]] = deque()
        """When each frame of the last STATS_S was handed out, and its latency if it speaks."""

    def add(self, now_s: float, latency_s: float | None) -> None:
        """Add a frame that is handed out now; its latency if it speaks."""
        self._frames.append((now_s, latency_s))
        self._trim(now_s)

    def fps(self, now_s: float) -> float:
        """Return the frames a second of the last FPS_S."""
        self._trim(now_s)
        recent = sum(1 for at_s, _ in self._frames if at_s > now_s - FPS_S)
        first_s = self._frames[0][0] if self._frames else now_s
        return recent / min(FPS_S, max(now_s - first_s, 0.2))

    def percentiles_ms(self, now_s: float) -> tuple[float, float]:
        """Return the median and the 95th percentile of the latency, ms; 0 where no frame speaks."""
        self._trim(now_s)
        latencies = [latency_s for _, latency_s in self._frames if latency_s is not None]
        if not latencies:
            return 0.0, 0.0
        p50, p95 = np.percentile(latencies, [50, 95])
        return 1000 * float(p50), 1000 * float(p95)

    def _trim(self, now_s: float) -> None:
        while self._frames and self._frames[0][0] < now_s - STATS_S:
            self._frames.popleft()
