"""Motion that is there already: read at any moment, and played in place of a network's."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.motion_track import MotionPlayer, make_track, opening_of
from mouthpiece.motion.shaping import MAX_OPENING
from mouthpiece.speech import features
from mouthpiece.types import EASE_S, SAMPLE_RATE, MotionTrack, SpeechChunk


def track(openings: list[float], start_s: float = 0.0, fps: float = 10.0) -> MotionTrack:
    """A mouth that opens as told, frame by frame."""
    displacement = np.array(openings, dtype=np.float32)[:, None, None] * MotionBasis.load().opening_mode
    return make_track(start_s + np.arange(len(openings)) / fps, displacement, fps=fps)


def chunk(first: int, seconds: float) -> SpeechChunk:
    """Silence."""
    samples = np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)
    return SpeechChunk(first * 160, samples, first, *features(samples))


def test_between_frames_motion_is_interpolated() -> None:
    mouth = track([0.0, 0.1, 0.04])
    assert mouth.at(0.1).opening == pytest.approx(0.1)
    assert mouth.at(0.025).opening == pytest.approx(0.025)
    assert mouth.at(0.15).opening == pytest.approx(0.07)
    for moment in (0.025, 0.15):
        assert opening_of(mouth.at(moment).displacement) == pytest.approx(mouth.at(moment).opening, abs=1e-6)


def test_at_a_frame_it_is_that_frame_to_the_bit() -> None:
    times = np.arange(100) / 29.97
    random = np.random.default_rng(1).normal(0, 0.05, (100, MotionBasis.load().size)).astype(np.float32)
    displacement = np.tensordot(random, MotionBasis.load().components, axes=1).astype(np.float32)
    mouth = make_track(times, displacement, fps=29.97)
    for frame in range(100):
        np.testing.assert_array_equal(mouth.at(float(times[frame])).displacement, displacement[frame])


def test_the_mouth_eases_to_rest_at_both_ends() -> None:
    mouth = track([0.1] * 5, start_s=1.0)
    assert mouth.end_s == pytest.approx(1.5)
    assert mouth.at(1.5).opening == pytest.approx(0.1), "the last frame is shown for as long as the others"
    for there, away in ((1.0, -1), (1.5, 1)):
        left = [mouth.at(there + away * share * EASE_S).opening for share in (0, 0.25, 0.5, 0.75, 1, 3)]
        assert left == pytest.approx([0.1, 0.084375, 0.05, 0.015625, 0, 0], abs=1e-6)
    gone = mouth.at(9.0)
    assert not gone.displacement.any()
    assert (gone.opening, gone.activity, gone.closed) == (0, 0, 0)


def test_what_a_file_does_not_say_is_estimated() -> None:
    still, speaking = [0.0] * 10, [0.0, 0.08] * 5
    mouth = track(still + speaking + still)
    assert mouth.activity[:6].max() == 0
    assert mouth.activity[10:20].min() == 1
    assert mouth.closed[10:20:2] == pytest.approx(1)
    assert mouth.closed[11:20:2] == pytest.approx(0)
    assert mouth.closed[:6].max() == 0, "nobody speaks: lips are not held together"
    assert mouth.seen.all()


def test_a_player_is_ready_as_far_as_speech_came() -> None:
    player = MotionPlayer(track([0.0, 0.1, 0.0]))
    assert player.ready_until_s == 0
    with pytest.raises(OptionError, match="expected a moment before"):
        player.at(0.0)
    player.push(chunk(0, 0.5))
    assert player.ready_until_s == pytest.approx(0.5, abs=0.02)
    assert player.at(0.1).opening == pytest.approx(0.1)
    player.finish()
    assert player.ready_until_s == float("inf")
    player.reset()
    assert player.ready_until_s == 0


@pytest.mark.parametrize(
    ("intensity", "opening"), [(1.0, 0.1), (0.5, 0.05), (2.0, 0.2), (0.0, 0.0), (4.0, MAX_OPENING)]
)
def test_intensity_scales(intensity: float, opening: float) -> None:
    player = MotionPlayer(track([0.1, 0.1]), intensity=intensity)
    player.finish()
    shown = player.at(0.05)
    assert shown.opening == pytest.approx(opening)
    assert opening_of(shown.displacement) == pytest.approx(opening, abs=1e-6)


def test_a_mouth_that_is_wider_than_any_grows_no_further() -> None:
    player = MotionPlayer(track([MAX_OPENING + 0.05] * 2), intensity=3.0)
    player.finish()
    assert player.at(0.05).opening == pytest.approx(MAX_OPENING + 0.05)


@pytest.mark.parametrize("intensity", [-0.1, 4.5, float("nan")])
def test_an_intensity_out_of_range_is_refused(intensity: float) -> None:
    with pytest.raises(OptionError, match="intensity expects a number from 0 to 4"):
        MotionPlayer(track([0.0, 0.1]), intensity=intensity)


def test_curves_are_read_from_the_points() -> None:
    mouth = track([0.0, 0.05, 0.1])
    assert mouth.jaw[2] > mouth.jaw[1] > mouth.jaw[0] == 0
    assert mouth.width.shape == mouth.opening.shape == (3,)
