"""A live session that costs nothing, and servers with it: in this process, or in one of their own.

`python -m tests.apps.live.stand_in '{"port": 0, "sessions": 2}'` serves until a signal comes and prints its address.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

from mouthpiece.apps.cli import main
from mouthpiece.apps.live import LiveConfig, routes, serve, session_registry
from mouthpiece.errors import NoFaceError
from mouthpiece.live import LiveFrame, LiveStats
from mouthpiece.media import FaceInput, Named
from mouthpiece.options import LiveOptions
from mouthpiece.types import SAMPLE_RATE, FloatArray

FPS = 25.0
RESTING_FPS = 4.0
LATENCY_S = 0.05


class StandInSession:
    """Shows how loud it is: grey while it speaks, as bright as the last sound; black at rest."""

    engine = "stand-in"
    fps = FPS
    faces_seen = 1

    def __init__(self, face: FaceInput, options: LiveOptions) -> None:
        face = face.source if isinstance(face, Named) else face
        assert isinstance(face, np.ndarray)
        if face.mean() < 2:
            raise NoFaceError("expected a face, but it is dark")
        self.height, self.width = face.shape[:2]
        self.options = options
        self.heard = 0
        self.started = self.closed = False
        self._level = 0.0
        self._index = 0
        self._due_s = time.monotonic()
        self._changed = threading.Condition()
        self.drawers: set[int] = set()
        """Threads that asked for frames."""

    def start(self) -> None:
        with self._changed:
            self.started, self.heard, self._level = True, 0, 0.0
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self.started = False
            self._due_s = time.monotonic()
            self._changed.notify_all()

    def push(self, samples: FloatArray, arrived_s: float | None = None) -> None:
        assert samples.dtype == np.float32
        with self._changed:
            self.heard += len(samples)
            self._level = float(np.abs(samples).max(initial=0.0))

    def next_frame(self, timeout_s: float = 1.0) -> LiveFrame | None:
        self.drawers.add(threading.get_ident())
        with self._changed:
            wait_s = self._due_s - time.monotonic()
            if wait_s > 0:
                self._changed.wait(min(wait_s, timeout_s))
            if self.closed or time.monotonic() < self._due_s:
                return None
            self._due_s = time.monotonic() + 1 / (FPS if self.started else RESTING_FPS)
            level = 64 + round(191 * self._level) if self.started else 0
            self._index += 1
            rgb = np.full((self.height, self.width, 3), level, np.uint8)
            latency_s = LATENCY_S if self.started and self.heard else 0.0
            return LiveFrame(rgb, self.heard / SAMPLE_RATE, self._index, latency_s)

    def stats(self) -> LiveStats:
        return LiveStats(FPS, 1000 * LATENCY_S, 1000 * LATENCY_S, 0, self.width, self.height, "")

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()


def open_stand_in(face: FaceInput, options: LiveOptions) -> StandInSession:
    """As `mouthpiece.live.open_live`."""
    return StandInSession(face, options)


def stand_in_config(**chosen: object) -> LiveConfig:
    """A config with the stand-in."""
    if isinstance(chosen.get("mic"), str) and chosen["mic"] not in ("browser", "server"):
        chosen["mic"] = Path(str(chosen["mic"]))
    return LiveConfig(open_live=open_stand_in, **chosen)  # type: ignore[arg-type]


if __name__ == "__main__":
    if forget_s := os.environ.get("STAND_IN_FORGET_S"):
        session_registry.FORGET_S = float(forget_s)
    if ping_s := os.environ.get("STAND_IN_PING_S"):
        vars(routes)["PING_S"] = float(ping_s)
    main._return_pictures()  # as the command does
    ended_by = serve(stand_in_config(**json.loads(sys.argv[1])), ready=lambda link: print(link, flush=True))
    sys.exit(128 + ended_by)
