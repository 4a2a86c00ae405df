"""The fake engine draws what can be predicted by hand."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest

from mouthpiece.engines.base import EngineOptions
from mouthpiece.engines.fake import LOOK_AHEAD_S, FakeEngine
from mouthpiece.errors import EngineError
from mouthpiece.testing.scenes import FPS, drive, in_one, laid_over, moved, still, without_face
from mouthpiece.types import SAMPLE_RATE, FloatArray, TrackedFrame


def tone(level_db: float, seconds: float) -> FloatArray:
    """A 200 Hz sine of an RMS level."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * 200 * t)).astype(np.float32)


def heard(samples: FloatArray, seed: int = 0) -> FakeEngine:
    """An engine that has heard a speech to its end."""
    engine = FakeEngine(EngineOptions(seed=seed))
    for chunk in in_one(samples):
        engine.push(chunk)
    engine.finish()
    return engine


def dark_rows(engine: FakeEngine, tracked: TrackedFrame, speech_s: float) -> int:
    """Rows of the picture in which the drawn mouth is open, in the column through its middle."""
    assert tracked.face is not None
    picture = laid_over(tracked, engine.render(tracked, speech_s))
    column = picture[:, round(float(tracked.face.landmarks[13, 0]))]
    return int((np.abs(column - [60, 20, 25]).max(axis=1) < 3).sum())


@pytest.mark.parametrize(("level_db", "opening"), [(-60, 0.0), (-50, 0.0), (-32.5, 0.5), (-15, 1.0), (-6, 1.0)])
def test_the_opening_is_the_level(level_db: float, opening: float) -> None:
    assert heard(tone(level_db, 0.4))._opening(0.2) == pytest.approx(opening, abs=0.01)


def test_the_mouth_opens_when_the_sound_begins(woman: TrackedFrame) -> None:
    """Half open at the very onset: the loudness around a moment counts, as much after it as before."""
    samples = np.concatenate([np.zeros(SAMPLE_RATE, dtype=np.float32), tone(-15, 1)])
    engine = heard(samples)
    opening = {moment: engine._opening(moment) for moment in (0.5, 0.95, 1.0, 1.05, 1.5)}
    assert opening == pytest.approx({0.5: 0.0, 0.95: 0.0, 1.0: 0.5, 1.05: 1.0, 1.5: 1.0}, abs=0.01)
    engine = heard(samples)
    closed, wide = dark_rows(engine, woman, 0.5), dark_rows(engine, woman, 1.5)
    assert wide > closed + 5


def test_it_waits_for_its_look_ahead() -> None:
    engine = FakeEngine(EngineOptions())
    for chunk in list(in_one(tone(-20, 0.5)))[:1]:
        engine.push(chunk)
    assert engine.ready_until_s == pytest.approx(0.5 - LOOK_AHEAD_S)
    engine.finish()
    assert engine.ready_until_s == inf


def test_a_moment_not_heard_is_refused(woman: TrackedFrame) -> None:
    with pytest.raises(EngineError, match=r"^expected a moment before 0.000 s, got 0.040 s$"):
        FakeEngine(EngineOptions()).render(woman, 0.04)


def test_seeds_give_other_lips(woman: TrackedFrame) -> None:
    first, second = (heard(tone(-20, 0.2), seed).render(woman, 0.1) for seed in (1, 2))
    assert np.abs(laid_over(woman, first) - laid_over(woman, second)).max() > 5


def test_no_face_no_patch(woman: TrackedFrame) -> None:
    engine = heard(tone(-20, 0.2))
    assert engine.render(without_face(woman), 0.1) is None
    assert engine.render(moved(woman, 2000, 0), 0.1) is None
    assert engine.render(woman, 0.1, strength=0.0) is None


def test_a_rest_shorter_than_a_hop_counts(woman: TrackedFrame) -> None:
    engine = heard(tone(-15, 0.005))
    assert engine._opening(0.0) > 0.05
    frames = list(still(woman, FPS))
    assert all(drive(FakeEngine(EngineOptions()), frames, in_one(tone(-15, 0.005))))
