"""Sessions on a stage: a clock that tests turn, engines that take as long as told, a tracker that is loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pytest
from tests.live.turned_clock import Effort, Score, Stage

from mouthpiece.engines.base import Engine, EngineOptions
from mouthpiece.engines.fake import FakeEngine
from mouthpiece.face import FaceChoice, FaceTracker
from mouthpiece.live import open_live, portrait, session
from mouthpiece.live.pace import PaceGroup
from mouthpiece.options import LiveOptions
from mouthpiece.samples import sample_face
from mouthpiece.types import SAMPLE_RATE, FloatArray, Patch, TrackedFrame


@lru_cache(maxsize=1)
def _tracker() -> FaceTracker:
    return FaceTracker(FaceChoice("largest"), "CPU")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stage]]:
    """Makes stages; `clock` and `effort` may be shared, all else are options of the session."""
    monkeypatch.setattr(portrait, "FaceTracker", lambda choice, device: _tracker())
    monkeypatch.setattr(session, "_PROCESS_SESSIONS", PaceGroup())
    opened = []

    def make(clock: Score | None = None, effort: Effort | None = None, **options: object) -> Stage:
        turned, spent = clock or Score(), effort or Effort()
        full = [0]

        class Slow(FakeEngine):
            """The fake engine, but drawing takes time."""

            def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
                patch = super().render(tracked, speech_s, strength)
                pixels = tracked.frame.width * tracked.frame.height
                full[0] = max(full[0], pixels)
                turned.spend(spent.seconds * (pixels / full[0] if spent.by_size else 1.0))
                spent.drawn.append(speech_s)
                return patch

        def load(name: str) -> Callable[[EngineOptions], Engine]:
            return Slow

        monkeypatch.setattr(session, "load_engine", load)
        wanted = {"most_side": 160, **options}
        live = open_live(sample_face(), LiveOptions(**wanted), clock=turned)  # type: ignore[arg-type]
        opened.append(live)
        return Stage(turned, spent, live)

    yield make
    for live in opened:
        live.close()


@pytest.fixture(scope="session")
def loud() -> FloatArray:
    """Four seconds that are loud for half a second and silent for half a second, by turns."""
    time_s = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    return np.where(time_s % 1 < 0.5, 0.5 * np.sin(2 * np.pi * 150 * time_s), 0).astype(np.float32)
