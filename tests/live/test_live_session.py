"""A session on a clock that the test turns: what is shown when, and what happens when sound or time run short."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests import scenes
from tests.live.turned_clock import CHUNK_S, Effort, Score, Stage

from mouthpiece.engines.fake import LOOK_AHEAD_S
from mouthpiece.errors import NoFaceError, OptionError
from mouthpiece.live import LiveFrame, open_live, session, states
from mouthpiece.live.inbox import GAP_S
from mouthpiece.live.session import RESTING_FPS
from mouthpiece.live.states import CLOSING_S
from mouthpiece.options import EngineOptions, LiveOptions
from mouthpiece.types import MEL_BANDS, SAMPLE_RATE, FloatArray, SpeechChunk

Make = Callable[..., Stage]


def resting(stage: Stage) -> np.ndarray:
    """The face before anybody spoke."""
    frame = stage.live.next_frame(1.0)
    assert frame is not None
    return frame.rgb


def unlike(frame: LiveFrame, other: np.ndarray) -> float:
    """The most that a pixel differs."""
    return float(np.abs(frame.rgb.astype(int) - other).max())


def test_frames_follow_the_sound(stage: Make, loud: FloatArray) -> None:
    on = stage()
    rest = resting(on)
    on.live.start()
    began_s = on.clock.now()
    on.speak(loud)
    seen = on.play(4.0)
    speaking = [(at_s - began_s, frame) for at_s, frame in seen if at_s - began_s > 0.3]
    assert len(speaking) == pytest.approx(25 * 3.7, abs=2)
    for at_s, frame in speaking:
        assert frame.rgb.shape == (on.live.height, on.live.width, 3)
        assert at_s - frame.moment_s == pytest.approx(LOOK_AHEAD_S, abs=0.05)
        # From the arrival of the chunk in which the sample came.
        arrived_s = (int(frame.moment_s / CHUNK_S) + 1) * CHUNK_S
        assert frame.latency_s == pytest.approx(at_s - arrived_s, abs=1e-3)
    loud_now = [0.1 < frame.moment_s % 1 < 0.4 for _, frame in speaking]
    quiet_now = [0.6 < frame.moment_s % 1 < 0.9 for _, frame in speaking]
    moved = np.array([unlike(frame, rest) for _, frame in speaking])
    assert moved[loud_now].min() > 3 * max(moved[quiet_now].max(), 1)
    assert [frame.index for _, frame in seen] == list(range(seen[0][1].index, seen[0][1].index + len(seen)))
    steps = np.diff([frame.moment_s for _, frame in speaking])
    assert steps.min() > 0.02 and steps.max() < 0.06, "even motion"


def test_what_came_since_the_frame_before_is_heard_at_once(
    stage: Make, loud: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stage(fps=12.5)
    heard: list[int] = []
    push = on.live._engine.push

    def counted(chunk: SpeechChunk) -> None:
        heard.append(len(chunk.samples))
        push(chunk)

    monkeypatch.setattr(on.live._engine, "push", counted)
    on.live.start()
    on.speak(loud)
    frames = on.play(4.0)
    assert len(frames) == pytest.approx(50, abs=2)
    assert len(heard) <= len(frames) + 5, "four pieces of sound a frame, heard together"
    assert sum(heard) == pytest.approx(len(loud), abs=0.1 * SAMPLE_RATE)


def test_what_came_before_a_stop_is_heard(stage: Make, loud: FloatArray, monkeypatch: pytest.MonkeyPatch) -> None:
    on = stage(fps=12.5)
    heard: list[int] = []
    push = on.live._engine.push

    def counted(chunk: SpeechChunk) -> None:
        heard.append(len(chunk.samples))
        push(chunk)

    monkeypatch.setattr(on.live._engine, "push", counted)
    on.live.start()
    on.speak(loud[: SAMPLE_RATE // 2])
    on.play(0.501)
    on.live.stop()
    on.play(0.1)
    assert sum(heard) == SAMPLE_RATE // 2


def test_latency_is_told(stage: Make, loud: FloatArray) -> None:
    on = stage(effort=Effort(0.01))
    assert on.live.stats().p95_ms == 0
    on.live.start()
    on.speak(loud)
    latencies = [frame.latency_s for _, frame in on.play(4.0)]
    stats = on.live.stats()
    assert stats.p50_ms == pytest.approx(1000 * np.median(latencies), abs=1)
    assert stats.p95_ms == pytest.approx(1000 * np.percentile(latencies, 95), abs=1)
    assert 1000 * LOOK_AHEAD_S <= stats.p50_ms <= stats.p95_ms < 1000 * (LOOK_AHEAD_S + 0.01 + 0.04)
    assert stats.fps == pytest.approx(25, abs=1)
    assert (stats.dropped, stats.description) == (0, "")
    assert (stats.width, stats.height) == (on.live.width, on.live.height) == (128, 160)
    on.live.stop()
    on.play(11)
    assert on.live.stats().p95_ms == 0, "only the last seconds count"


@pytest.mark.parametrize("chunk_s", [0.008, 0.064, 0.2])
def test_sound_in_lumps_is_shown_evenly(stage: Make, loud: FloatArray, chunk_s: float) -> None:
    on = stage()
    on.live.start()
    on.speak(loud, chunk_s=chunk_s)
    frames = [frame for _, frame in on.play(4.0)][50:]  # how large the lumps are is learned in two seconds
    steps = np.diff([frame.moment_s for frame in frames])
    assert steps.min() >= 0 and steps.max() < chunk_s + 0.05
    if chunk_s < 0.1:
        assert steps.min() > 0.029 and steps.max() < 0.051
    assert max(frame.latency_s for frame in frames) < LOOK_AHEAD_S + chunk_s + 0.05


def test_nothing_is_said_twice_or_before_it_is_known(stage: Make, loud: FloatArray) -> None:
    on = stage()
    on.live.start()
    on.speak(loud)
    began_s = on.clock.now()
    moments = [(at_s - began_s, frame.moment_s) for at_s, frame in on.play(4.0)]
    assert all(moment_s < at_s for at_s, moment_s in moments[2:])
    assert all(a < b for (_, a), (_, b) in pairwise(moments) if b > 0.1)


def test_a_stop_closes_the_mouth_and_a_start_begins_anew(stage: Make, loud: FloatArray) -> None:
    on = stage()
    rest = resting(on)
    on.live.start()
    assert on.live.started
    on.speak(loud)
    said = on.play(0.4)
    assert unlike(said[-1][1], rest) > 50, "the mouth was open"
    on.live.stop()
    assert not on.live.started
    stopped_s = on.clock.now()
    closing = on.play(CLOSING_S + 2.1 / RESTING_FPS)  # and more sound arrives all the time
    assert max(unlike(frame, rest) for at_s, frame in closing if at_s - stopped_s > 0.3) <= 2
    at_rest = [frame for at_s, frame in closing if at_s - stopped_s > CLOSING_S + 1e-6]
    assert len(at_rest) == pytest.approx(2.1, abs=1)
    assert all(np.array_equal(frame.rgb, rest) and frame.latency_s == 0 for frame in at_rest)
    on.play(4.0)
    on.live.start()
    on.speak(loud)
    again = on.play(0.4)
    assert again[-1][1].moment_s == pytest.approx(said[-1][1].moment_s, abs=0.03)
    assert unlike(again[-1][1], rest) > 50


def test_a_stop_shows_within_a_frame(stage: Make, loud: FloatArray) -> None:
    on = stage()
    on.live.start()
    on.speak(loud)
    on.play(0.41)
    on.live.stop()
    stopped_s = on.clock.now()
    on.play(0.2)
    # What was heard is played to its end, quicker; what came later is never shown.
    assert max(on.effort.drawn) < 0.41 + 2 * 0.2
    assert on.clock.now() - stopped_s == pytest.approx(0.2)


def test_sound_before_a_start_is_not_heard(stage: Make, loud: FloatArray) -> None:
    on = stage()
    on.live.push(loud)
    on.live.start()
    on.play(0.3)
    on.live.stop()
    on.live.push(loud)
    on.play(0.1)
    on.live.start()
    assert on.live.stats().lost_s == 0
    rest = resting(on)
    assert all(unlike(frame, rest) <= 2 for _, frame in on.play(1.0))


def test_sound_that_stays_away_closes_the_mouth(stage: Make, loud: FloatArray) -> None:
    on = stage()
    rest = resting(on)
    on.live.start()
    last_s = on.speak(loud[: round(0.4 * SAMPLE_RATE)])
    frames = on.play(2.0)
    after = {at_s - last_s: unlike(frame, rest) for at_s, frame in frames}
    assert max(moved for at_s, moved in after.items() if at_s < GAP_S) > 50
    assert max(moved for at_s, moved in after.items() if at_s > GAP_S + 0.15) <= 2
    assert len([at_s for at_s in after if at_s > 0.5]) == pytest.approx(25 * 1.1, abs=3), "it goes on being drawn"
    assert frames[-1][1].moment_s == pytest.approx(0.4, abs=0.001), "nothing more was sent"


def test_late_sound_is_shown_without_lasting_delay(stage: Make, loud: FloatArray) -> None:
    on = stage()
    on.live.start()
    now_s = on.clock.now()
    on.speak(loud[:SAMPLE_RATE])
    for start in range(SAMPLE_RATE, 2 * SAMPLE_RATE, 320):  # the second second comes half a second late, at once
        late_s = max(now_s + 1.5, now_s + start / SAMPLE_RATE)
        on.clock.at(late_s, partial(on.live.push, loud[start : start + 320]))
    on.speak(loud[2 * SAMPLE_RATE :], now_s + 2)
    on.play(2.0)
    late = [(at_s - now_s) - frame.moment_s for at_s, frame in on.play(2.0)]
    # Frames hold back a little longer after a lump, but not for long.
    assert max(late) < LOOK_AHEAD_S + 0.15
    assert late[-5:] == pytest.approx([LOOK_AHEAD_S + 0.02] * 5, abs=0.03)


def test_a_backlog_is_dropped_and_counted(stage: Make, loud: FloatArray) -> None:
    on = stage()
    on.live.start()
    on.live.push(np.concatenate([loud, loud])[: 5 * SAMPLE_RATE])
    assert on.live.stats().lost_s == pytest.approx(4.0)
    frame = on.play(0.1)[-1][1]
    assert 5 - 0.2 < frame.moment_s <= 5


def test_a_slow_machine_gets_fewer_frames_and_says_so(stage: Make, loud: FloatArray) -> None:
    on = stage(effort=Effort(0.055))
    on.live.start()
    now_s = on.clock.now()
    for again in range(8):
        on.speak(loud, now_s + 4 * again)
    on.play(8.0)
    stats = on.live.stats()
    assert on.live.fps == 15
    assert stats.description == "15 frames a second: this machine can't keep up"
    assert stats.dropped > 0
    assert stats.fps == pytest.approx(15, abs=1)
    assert stats.p95_ms < 1000 * (LOOK_AHEAD_S + 0.055 + 0.1), "late frames are left out, not queued"
    on.effort.seconds = 0.005
    on.play(20.0)
    assert on.live.fps == 25
    assert on.live.stats().description == ""


def test_a_very_slow_machine_gets_smaller_frames(stage: Make, loud: FloatArray) -> None:
    on = stage(effort=Effort(0.13, by_size=True), most_side=256)
    whole = (on.live.width, on.live.height)
    on.live.start()
    now_s = on.clock.now()
    for again in range(12):
        on.speak(loud, now_s + 4 * again)
    frame = on.play(14.0)[-1][1]
    assert on.live.fps == 12
    assert (on.live.width, on.live.height) == (152, 192)
    assert frame.rgb.shape == (192, 152, 3)
    stats = on.live.stats()
    assert stats.description == "12 frames a second, 192 px: this machine can't keep up"
    on.effort.seconds = 0.01
    on.play(30.0)
    assert (on.live.width, on.live.height) == whole
    on.live.stop()
    on.play(1.0)
    assert resting(on).shape == (*whole[::-1], 3)


def test_an_engine_far_too_slow_stays_in_step_and_says_so(stage: Make, loud: FloatArray) -> None:
    """Two frames a second, whatever their size, as a large network on a busy machine."""
    on = stage(effort=Effort(0.45))
    on.live.start()
    now_s = on.clock.now()
    for again in range(8):
        on.speak(loud, now_s + 4 * again)
    late = [at_s - now_s - frame.moment_s for at_s, frame in on.play(30.0)]
    assert max(late[5:]) < LOOK_AHEAD_S + 0.45 + 0.1, "each frame shows what is said now"
    stats = on.live.stats()
    assert stats.description.startswith("fewer than 12 frames a second")
    assert stats.lost_s == 0
    on.live.stop()
    on.play(1.0)
    assert "fewer" not in on.live.stats().description


def test_two_slow_sessions_take_turns_in_stepping_down(stage: Make, loud: FloatArray) -> None:
    """One thread draws both here, so each one's work is time that the other doesn't have."""
    clock = Score()
    one, other = stage(clock, Effort(0.025)), stage(clock, Effort(0.025))
    for each in (one, other):
        each.live.start()
        for again in range(2):
            each.speak(loud, clock.now() + 4 * again)
    end_s = clock.now() + 7
    while clock.now() < end_s:
        for each in (one, other):
            each.live.next_frame(0.001)
    rates = {one.live.fps, other.live.fps}
    assert max(rates) < 25 and max(rates) - min(rates) <= 5


def test_an_hour_leaves_nothing_behind(stage: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the speech room, whose own tests say what it holds."""

    class Quick:
        """Heard samples, without features."""

        def __init__(self, *, live: bool) -> None:
            assert live
            self._nothing = np.zeros((0, MEL_BANDS), np.float32), np.zeros(0, np.float32)

        def push(self, samples: FloatArray) -> SpeechChunk:
            return SpeechChunk(0, samples, 0, *self._nothing)

        def finish(self) -> SpeechChunk:
            return self.push(np.zeros(0, np.float32))

    monkeypatch.setattr(states, "SpeechStream", Quick)
    on = stage(fps=1, most_side=64)
    on.live.start()
    sound = np.full(SAMPLE_RATE, 0.1, np.float32)

    def play(minutes: int) -> None:
        for minute in range(minutes):
            # Every tenth minute sound stays away for a while.
            on.speak(np.tile(sound, 50 if minute % 10 == 9 else 60), chunk_s=1.0)
            for _, frame in on.play(60):
                assert frame.latency_s < 2.5
            on.effort.drawn.clear()

    play(10)
    tracemalloc.start()
    try:
        play(10)
        before, _ = tracemalloc.get_traced_memory()
        play(40)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 50_000
    assert len(on.live._player._timeline._segments) < 30


def test_closing_ends_a_wait(stage: Make) -> None:
    live = open_live_with_wall_clock(stage)
    live.start()
    threading.Timer(0.05, live.close).start()
    while live.next_frame(5.0) is not None:
        pass
    assert live.next_frame(5.0) is None
    live.push(np.zeros(10, np.float32))
    live.stop()


def open_live_with_wall_clock(stage: Make) -> session.LiveSession:
    """A session of the stage's kind in real time."""
    return stage(clock=_RealScore()).live


class _RealScore(Score):
    """Real time."""

    def now(self) -> float:
        return time.monotonic()

    def spend(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        changed.wait(seconds)


def test_many_threads_may_talk_to_a_session(stage: Make, loud: FloatArray) -> None:
    live = open_live_with_wall_clock(stage)
    live.start()
    over = threading.Event()
    failed: list[BaseException] = []

    def pester(what: Callable[[], object]) -> None:
        try:
            while not over.is_set():
                what()
                time.sleep(0.001)
        except BaseException as error:
            failed.append(error)

    def turn() -> None:
        live.stop()
        live.start()

    jobs = [lambda: live.push(loud[:320]), lambda: live.push(loud[320:400], 0.0), live.stats, turn]
    threads = [threading.Thread(target=pester, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    frames = [live.next_frame(0.1) for _ in range(20)]
    over.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert any(frames)


def test_frames_belong_to_who_takes_them(stage: Make, loud: FloatArray) -> None:
    on = stage()
    rest = resting(on).copy()
    for frame in (on.live.next_frame(1.0), on.live.next_frame(1.0)):
        assert frame is not None
        assert np.array_equal(frame.rgb, rest)
        frame.rgb[:] = 0
    on.live.start()
    on.speak(loud)
    for _, frame in on.play(1.0):
        assert frame.rgb[:20].any(), "the picture's top shows no mouth"
        frame.rgb[:] = 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"most_side": 10}, "at least 64"),
        ({"fps": 0.0}, "fps expects"),
        ({"fps": float("nan")}, "fps expects"),
        ({"face": "middle"}, "middle"),
    ],
)
def test_options_that_make_no_sense_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said) as caught:
        LiveOptions(**values)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_picture_without_a_face_is_refused() -> None:
    with pytest.raises(NoFaceError, match="expected a face in the") as caught:
        open_live(np.full((200, 200, 3), 128, np.uint8), LiveOptions(engine=EngineOptions("fake")))
    assert "\n" not in str(caught.value)


def test_a_video_gives_its_first_picture(shared_data: Path) -> None:
    live = open_live(shared_data / scenes.PERSON_A, LiveOptions(engine=EngineOptions("fake"), most_side=100))
    with live:
        assert (live.width, live.height, live.engine) == (100, 80, "fake")
        assert live.next_frame(1.0) is not None
    assert live.next_frame(1.0) is None
