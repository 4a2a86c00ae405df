"""How late a picture is: real clips whose sound was moved by a known time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.av_offset import (
    IN_SYNC_S,
    LAGS_S,
    AvOffset,
    Evidence,
    Verdict,
    corrected,
    judge,
    mouth_evidence,
)
from mouthpiece.datasets.options import LARGEST_LAG_S
from mouthpiece.datasets.recordings import Recording
from mouthpiece.types import SAMPLE_RATE, Phone, SpokenWord

FRAME_S = 0.04
MOVED_S = (-0.24, -0.16, -0.08, 0.08, 0.16, 0.24)


def measure_offset(clip: Recording) -> AvOffset:
    """How late a clip's picture is."""
    return judge([mouth_evidence(clip)])


def sound_moved(clip: Recording, later_s: float) -> Recording:
    """The clip with its sound coming later (earlier if negative) than it did, silence where there is none."""
    count = round(later_s * SAMPLE_RATE)
    silence = np.zeros(abs(count), dtype=np.float32)
    moved = np.concatenate([silence, clip.samples[:-count]] if count > 0 else [clip.samples[-count:], silence])
    return replace(clip, samples=moved.astype(np.float32))


def test_clips_in_sync_are_left_alone(grid_clips: list[Recording]) -> None:
    for clip in grid_clips:
        offset = measure_offset(clip)
        assert offset.verdict is Verdict.IN_SYNC, (clip.name, offset)
        assert abs(offset.lag_s) < IN_SYNC_S and offset.confidence > 0.5


@pytest.mark.parametrize("later_s", MOVED_S)
def test_a_moved_sound_is_found_and_mended(grid_clips: list[Recording], later_s: float) -> None:
    for clip in grid_clips:
        before = measure_offset(clip).lag_s
        moved = sound_moved(clip, later_s)
        offset = measure_offset(moved)
        # A sound that comes later makes the picture early.
        assert offset.lag_s == pytest.approx(before - later_s, abs=FRAME_S), (clip.name, offset)
        mended = corrected(moved, offset.lag_s)
        assert measure_offset(mended).lag_s == pytest.approx(0, abs=0.03)
        assert mended.offset_s == offset.lag_s


def test_a_free_speakers_rig_is_in_sync_too(mandarin_clip: Recording) -> None:
    assert measure_offset(mandarin_clip).verdict is Verdict.IN_SYNC
    late = measure_offset(sound_moved(mandarin_clip, -0.2))
    assert late.verdict is Verdict.SHIFTED and late.lag_s == pytest.approx(0.2, abs=FRAME_S)


def test_sound_of_something_else_is_unsure(grid_clips: list[Recording], mandarin_clip: Recording) -> None:
    clip = grid_clips[0]
    foreign = replace(clip, samples=mandarin_clip.samples[: len(clip.samples)])
    assert measure_offset(foreign).verdict is not Verdict.IN_SYNC
    noise = np.random.default_rng(0).normal(0, 0.05, len(clip.samples)).astype(np.float32)
    offset = measure_offset(replace(clip, samples=noise))
    assert offset.verdict is Verdict.UNSURE and "s of speech" in offset.reason


def test_what_hardly_moves_or_lasts_is_unsure() -> None:
    clip = spoken_clip("a")
    assert clip.landmarks is not None
    still = replace(clip, landmarks=np.repeat(clip.landmarks[:1], clip.frames, axis=0))
    assert measure_offset(still).reason == "the mouth hardly moves"
    assert np.isnan(measure_offset(still).lag_s) and measure_offset(still).confidence == 0
    brief = replace(clip, landmarks=clip.landmarks[:20], seen=clip.seen[:20])
    assert measure_offset(brief).reason == "only 0.8 s of picture and sound"
    resting = rigged_clip("b")
    flat = {name: np.zeros_like(curve) for name, curve in resting.curves.items()}
    assert measure_offset(replace(resting, curves=flat)).reason == "the mouth hardly moves"
    unseen = replace(clip, seen=np.arange(clip.frames) < 20)
    assert measure_offset(unseen).verdict is Verdict.UNSURE


def _peaked(at_s: float, height: float, seconds: float) -> Evidence:
    bump = np.exp(-0.5 * ((LAGS_S - at_s) / 0.04) ** 2)
    return Evidence(height * bump, seconds)


def test_parts_of_a_video_are_pooled_by_their_length() -> None:
    # Each alone too weak, together clear: what agrees by chance shrinks with the length.
    weak = _peaked(0.123, 0.25, 3.0)
    assert judge([weak]).verdict is Verdict.UNSURE
    pooled = judge([weak] * 8)
    assert pooled.verdict is Verdict.SHIFTED and pooled.lag_s == pytest.approx(0.123, abs=0.002)
    assert pooled.agreement == pytest.approx(0.25, abs=0.005)
    outvoted = judge([_peaked(0.0, 0.8, 30.0), _peaked(0.3, 0.9, 3.0), Evidence(np.zeros(len(LAGS_S)), 0.0, "still")])
    assert outvoted.verdict is Verdict.IN_SYNC and outvoted.lag_s == pytest.approx(0, abs=0.002)


def test_two_answers_are_none() -> None:
    two = Evidence(_peaked(-0.2, 0.8, 3.0).agreement + _peaked(0.2, 0.78, 3.0).agreement, 3.0)
    offset = judge([two])
    assert offset.verdict is Verdict.UNSURE and offset.confidence < 0.5
    assert offset.margin == pytest.approx(0.02, abs=0.005)
    assert judge([_peaked(LARGEST_LAG_S + 0.02, 0.9, 3.0)]).reason == "further apart than 0.6 s"
    assert judge([]).reason == "nothing was seen"


@pytest.mark.parametrize("lag_s", [0.1, -0.1, 0.013, 0.32])
def test_mending_cuts_and_makes_nothing_up(lag_s: float) -> None:
    clip = spoken_clip("a")
    words = (SpokenWord("lost", 0.0, 0.2), SpokenWord("kept", 0.5, 2.5))
    clip = replace(clip, words=words, phones=(Phone("k", 0.5, 0.6),))
    mended = corrected(clip, lag_s)
    assert mended.landmarks is not None and clip.landmarks is not None
    skipped = clip.frames - len(mended.landmarks) if lag_s > 0 else 0
    np.testing.assert_array_equal(mended.landmarks[0], clip.landmarks[skipped])
    assert mended.start_s == pytest.approx(skipped / clip.fps)
    # Frame n showed what was heard lag_s earlier; now both are at n / fps.
    cut_s = skipped / clip.fps - lag_s
    first = round(cut_s * SAMPLE_RATE)
    np.testing.assert_array_equal(mended.samples, clip.samples[first:])
    assert 0 <= cut_s < max(-lag_s, 0) + 1 / clip.fps
    kept = {word.text: word.start_s for word in mended.words}
    assert kept["kept"] == pytest.approx(0.5 - cut_s) and mended.phones[0].start_s == pytest.approx(0.5 - cut_s)
    assert ("lost" in kept) == (cut_s == 0)
    assert mended.frames == len(mended.landmarks)
    assert mended.frames / clip.fps <= len(mended.samples) / SAMPLE_RATE + 1 / clip.fps


def test_unseen_frames_do_not_count(grid_clips: list[Recording]) -> None:
    clip = grid_clips[0]
    assert clip.landmarks is not None
    hidden = np.arange(clip.frames) % 9 == 0
    spoilt = clip.landmarks.copy()
    spoilt[hidden] += np.random.default_rng(0).normal(0, 0.2, spoilt[hidden].shape).astype(np.float32)
    evidence = mouth_evidence(replace(clip, landmarks=spoilt, seen=~hidden))
    assert judge([evidence]).verdict is Verdict.IN_SYNC
