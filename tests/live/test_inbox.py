"""Sound on its way in: nothing waits for ever, and every moment is somebody's sample."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.live.inbox import BACKLOG_S, Inbox, SpeechTimeline, as_samples
from mouthpiece.types import SAMPLE_RATE


def test_what_arrives_is_taken_in_order() -> None:
    inbox = Inbox()
    assert not inbox
    inbox.put(np.array([1, 2, 3], np.float32), 5.0)
    inbox.put(np.zeros(0, np.float32), 5.5)
    inbox.put(np.array([4], np.float32), 6.0)
    assert inbox
    assert [(chunk.samples.tolist(), chunk.first, chunk.arrived_s) for chunk in inbox.take()] == [
        ([1, 2, 3], 0, 5.0),
        ([4], 3, 6.0),
    ]
    assert not inbox and inbox.take() == []


@pytest.mark.parametrize("size", [1, 160, 1000, 3 * SAMPLE_RATE])
def test_a_backlog_loses_its_oldest_samples(size: int) -> None:
    inbox, sent = Inbox(), 3 * SAMPLE_RATE
    ramp = np.arange(sent, dtype=np.float32)
    for start in range(0, sent, size):
        inbox.put(ramp[start : start + size], 0.0)
    left = round(BACKLOG_S * SAMPLE_RATE)
    chunks = inbox.take()
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), ramp[-left:])
    assert chunks[0].first == sent - left == inbox.lost
    inbox.clear()
    assert inbox.lost == 0
    inbox.put(ramp[:5], 1.0)
    assert inbox.take()[0].first == 0


def test_moments_are_found_among_what_was_sent() -> None:
    inbox, timeline = Inbox(), SpeechTimeline()
    assert timeline.locate(0.0) is None
    for arrived_s in (10.0, 11.0):
        inbox.put(np.zeros(SAMPLE_RATE // 2, np.float32), arrived_s)
    for chunk in inbox.take():
        timeline.add_sound(chunk)
    timeline.add_silence(SAMPLE_RATE // 4, 12.0)
    inbox.put(np.zeros(SAMPLE_RATE // 2, np.float32), 13.0)
    for chunk in inbox.take():
        timeline.add_sound(chunk)
    assert timeline.samples == 1.75 * SAMPLE_RATE
    asked = (0.0, 0.25, 0.5, 0.9, 1.0, 1.2, 1.25, 1.5, 9.0)
    # Silence that nobody sent stands still on the sender's clock.
    assert [timeline.locate(moment_s) for moment_s in asked] == [
        (0.0, 10.0),
        (0.25, 10.0),
        (0.5, 11.0),
        (0.9, 11.0),
        (1.0, 12.0),
        (1.0, 12.0),
        (1.0, 13.0),
        (1.25, 13.0),
        (1.5, 13.0),
    ]


def test_lost_sound_counts_on_the_senders_clock() -> None:
    inbox, timeline = Inbox(), SpeechTimeline()
    inbox.put(np.zeros(3 * SAMPLE_RATE, np.float32), 1.0)
    for chunk in inbox.take():
        timeline.add_sound(chunk)
    assert timeline.locate(0.25) == (3 - BACKLOG_S + 0.25, 1.0)


def test_only_the_present_is_remembered() -> None:
    timeline, inbox = SpeechTimeline(), Inbox()
    for at in range(5000):
        inbox.put(np.zeros(160, np.float32), at / 100)
        for chunk in inbox.take():
            timeline.add_sound(chunk)
        timeline.locate(at / 100 - 0.2)
        assert len(timeline._segments) < 30


def test_sound_is_made_harmless() -> None:
    given = np.array([0.5, np.nan, np.inf, -np.inf, 3.0, -3.0])
    sound = as_samples(given)
    assert sound.dtype == np.float32
    assert sound.tolist() == [0.5, 0.0, 0.0, 0.0, 1.0, -1.0]
    same = np.zeros(3, np.float32)
    assert not np.shares_memory(as_samples(same), same)


@pytest.mark.parametrize("samples", [np.zeros((2, 4), np.float32), np.zeros(4, np.int16), np.array(0.5)])
def test_other_sound_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(OptionError, match="mono samples"):
        as_samples(samples)
