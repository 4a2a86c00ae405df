"""The mesh engine, live: its mouth does what the same speech in a file makes it do, soon enough."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np
import pytest
from tests.live.turned_clock import CHUNK_S, Effort, Score, Stage

import mouthpiece
from mouthpiece.datasets.agreement import correlation
from mouthpiece.face import FaceTracker
from mouthpiece.live import LiveFrame, LiveSession, open_live
from mouthpiece.media import open_speech
from mouthpiece.options import EngineOptions, LiveOptions
from mouthpiece.pipeline import draw
from mouthpiece.samples import sample_face, sample_speech
from mouthpiece.types import SAMPLE_RATE, FloatArray, Frame, TrackedFrame, Waveform

SIDE = 512
TARGET_MS = 200.0
SLOW_MS = 1000.0
"""Machines that run tests are busy; how fast it is otherwise is measured in benchmarks."""


@pytest.fixture(scope="module")
def speech() -> FloatArray:
    """Six seconds of speech and a pause."""
    with open_speech(sample_speech()) as voice:
        samples = np.concatenate(list(voice.samples()))[: round(5.5 * SAMPLE_RATE)]
    return np.concatenate([samples, np.zeros(SAMPLE_RATE // 2, np.float32)])


@pytest.fixture(scope="module")
def filed(speech: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Times and openings of the file made of the same."""
    frames = list(draw(_photo(), Waveform(speech)))
    return np.array([float(frame.time_s) for frame in frames]), openings([frame.rgb for frame in frames])


def _photo() -> np.ndarray:
    with open_live(sample_face(), LiveOptions(engine=EngineOptions("fake"), most_side=SIDE)) as live:
        frame = live._tracked.frame
    return frame.rgb


def openings(pictures: list[np.ndarray]) -> FloatArray:
    """How far the lips are apart, over the outer eye distance, as tracked from pictures."""
    from fractions import Fraction

    tracker = FaceTracker()
    frames = (Frame(Fraction(at, 25), Fraction(1, 25), rgb) for at, rgb in enumerate(pictures))
    return np.array([_opening(tracked) for tracked in map(tracker.track, frames)], dtype=np.float32)


def _opening(tracked: TrackedFrame) -> float:
    assert tracked.face is not None
    top, bottom = tracked.face.landmarks[13], tracked.face.landmarks[14]
    return float(np.hypot(*(bottom - top)[:2]) / tracked.face.pose.scale)


def agrees(frames: list[LiveFrame], filed: tuple[FloatArray, FloatArray]) -> float:
    """r of the openings of live frames and of the file's at the same moments of the speech."""
    shown = [frame for frame in frames if frame.moment_s > 0.3]
    seen = openings([frame.rgb for frame in shown])
    return correlation(seen, np.interp([frame.moment_s for frame in shown], *filed).astype(np.float32))


def test_live_openings_follow_the_files(speech: FloatArray, filed: tuple[FloatArray, FloatArray]) -> None:
    """On a clock that stands still while the machine works, so that every frame is drawn."""
    clock = Score()
    with open_live(sample_face(), LiveOptions(most_side=SIDE), clock=clock) as live:
        on = Stage(clock, Effort(), live)
        live.start()
        on.speak(speech)
        played = on.play(len(speech) / SAMPLE_RATE)
        stats = live.stats()
    frames = [frame for _, frame in played]
    assert (live.width, live.height) == (410, 512)
    assert len(frames) == pytest.approx(25 * len(speech) / SAMPLE_RATE, abs=5)
    assert agrees(frames, filed) >= 0.8
    # Drawing is for nothing here: this is the look-ahead and the waiting for blocks.
    assert 72 <= stats.p50_ms <= stats.p95_ms <= 130


def test_real_time_speech_is_shown_in_time(speech: FloatArray, filed: tuple[FloatArray, FloatArray]) -> None:
    with open_live(sample_face(), LiveOptions(most_side=SIDE)) as live:
        live.next_frame(1.0)
        live.start()
        feeder = threading.Thread(target=_feed, args=(live, speech))
        feeder.start()
        frames = []
        while feeder.is_alive():
            frame = live.next_frame(0.1)
            frames += [] if frame is None else [frame]
        stats = live.stats()
        print(f"\nreal time, {live.width}x{live.height}: {len(frames)} frames, {stats}")
        live.stop()
        stopped_s, after = time.monotonic(), []
        while time.monotonic() < stopped_s + 0.8:
            frame = live.next_frame(0.1)
            after += [] if frame is None else [frame]
    assert len(frames) >= 4 * len(speech) / SAMPLE_RATE
    assert agrees(frames, filed) >= 0.7
    assert stats.p95_ms < SLOW_MS
    assert stats.lost_s == 0
    assert openings([after[-1].rgb])[0] < 0.02, "the mouth is at rest"


def _feed(live: LiveSession, speech: FloatArray) -> None:
    """Give speech as a microphone does."""
    size, due_s = round(CHUNK_S * SAMPLE_RATE), time.monotonic()
    for start in range(0, len(speech), size):
        due_s += CHUNK_S
        time.sleep(max(due_s - time.monotonic(), 0))
        live.push(speech[start : start + size])


def test_a_stop_amid_speech_closes_the_mouth_in_time(speech: FloatArray) -> None:
    clock = Score()
    with open_live(sample_face(), LiveOptions(most_side=SIDE), clock=clock) as live:
        on = Stage(clock, Effort(), live)
        rest = on.play(0.1)[0][1].rgb
        live.start()
        on.speak(speech)
        seen = openings([frame.rgb for _, frame in on.play(3.0)])
        closed = openings([rest])[0]
        # Stop where the mouth is wide open.
        clock.at(clock.now() + 0.4, partial(live.stop))
        stop_s = clock.now() + 0.4
        after = on.play(1.2)
    assert seen.max() > closed + 0.03, "it spoke"
    late = [frame.rgb for at_s, frame in after if at_s - stop_s > 0.35]
    assert all(np.array_equal(rgb, rest) for rgb in late)
    # The way there is no jump: what is left of the opening just before it is at rest is small.
    before = [frame.rgb for at_s, frame in after if 0.25 < at_s - stop_s < 0.35]
    assert before and openings(before)[-1] < closed + 0.02


def test_the_facade_offers_it() -> None:
    assert mouthpiece.open_live is open_live
