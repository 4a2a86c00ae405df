"""From a network's answers to the mouth that is played, on answers made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import MotionBasis, OpeningRange, WidthRange
from mouthpiece.motion.shaping import (
    HOLD_FRAMES,
    LIVELY_OPENING,
    LIVELY_WIDTHS,
    MAX_OPENING,
    PARTING,
    WIDTH_SHARE,
    MotionPrediction,
    MotionShaper,
    RunningRange,
)
from mouthpiece.types import FloatArray

RATE = 50


def answers(
    basis: MotionBasis, openings: FloatArray, speaking: FloatArray, closure: float = 0.0
) -> list[MotionPrediction]:
    """Answers that open so far and are as sure that somebody speaks."""
    return [
        MotionPrediction(np.float32(wide) * basis.opening_direction, float(sure), closure, float(sure))
        for wide, sure in zip(openings, speaking, strict=True)
    ]


def played(player: MotionShaper, given: list[MotionPrediction], hold: int = HOLD_FRAMES) -> FloatArray:
    """Openings of as many frames as were given; nobody speaks after them."""
    silence = [replace(given[-1], coefficients=0 * given[-1].coefficients, activity=0.0, closure=0.0, voice=0.0)] * hold
    frames = [frame for frame in map(player.push, [*given, *silence]) if frame is not None]
    assert len(frames) == len(given)
    return np.array([frame.coefficients @ player._basis.opening_weights for frame in frames], dtype=np.float32)


def syllables(seconds: float, low: float = 0.02, high: float = 0.09) -> FloatArray:
    """Openings that go up and down four times a second, a tenth of them below `low` and a tenth above `high`."""
    phase = np.arange(int(seconds * RATE)) / RATE * 4 * 2 * np.pi
    swing = np.sin(phase + np.sin(phase / 7)) / np.sin(0.4 * np.pi)
    return np.asarray(np.maximum((low + high) / 2 + (high - low) / 2 * swing, 0), dtype=np.float32)


def test_speech_is_spread_from_closed_to_lively(basis: MotionBasis) -> None:
    wide = syllables(6)
    made = played(MotionShaper(basis, closure=False), answers(basis, wide, np.ones_like(wide)))
    assert np.percentile(made, 90) == pytest.approx(LIVELY_OPENING, rel=0.1)
    assert np.percentile(made, 10) < 0.015
    assert np.corrcoef(made[20:], wide[20:])[0, 1] > 0.98


def test_mumbled_and_roared_speech_come_to_be_played_more_alike(basis: MotionBasis) -> None:
    for factor in (0.7, 1.4):
        wide = factor * syllables(90)
        made = played(MotionShaper(basis, closure=False), answers(basis, wide, np.ones_like(wide)))
        first, last = (np.percentile(part, 90) / LIVELY_OPENING for part in (made[: 5 * RATE], made[-20 * RATE :]))
        assert abs(np.log(last)) < 0.5 * abs(np.log(factor)), "in the end most of the difference is gone"
        assert abs(np.log(first)) > 0.7 * abs(np.log(factor)), "which takes its time"
        assert (first < last < 1) if factor < 1 else (first > last > 1)


def test_a_habit_tells_what_to_expect(basis: MotionBasis) -> None:
    wide = syllables(4, 0.03, 0.16)
    player = MotionShaper(basis, opening_range=OpeningRange(0.03, 0.16), closure=False)
    made = played(player, answers(basis, wide, np.ones_like(wide)))
    assert np.percentile(made, 90) == pytest.approx(LIVELY_OPENING, rel=0.15)
    with pytest.raises(OptionError, match="low < high"):
        OpeningRange(0.1, 0.05)


def test_the_range_never_pumps(basis: MotionBasis) -> None:
    """A quiet half after a loud one: gain changes by less than 3 % a second."""
    running = RunningRange(OpeningRange())
    before = running.high
    for wide in np.concatenate([syllables(60), 0.6 * syllables(60)]):
        running.push(float(wide))
        if running._unread == 0:
            assert abs(running.high / before - 1) < 0.03 * RunningRange._EVERY / RATE
            before = running.high


def test_silence_teaches_nothing(basis: MotionBasis) -> None:
    """After a long pause the range is where it was, and so is the motion of what is said then."""
    said, pause = syllables(10, 0.012, 0.07), np.zeros(60 * RATE, dtype=np.float32)
    again = syllables(4)
    # In the pause the network opens the mouth, as it will, with nobody speaking.
    long, short = (
        played(
            MotionShaper(basis, closure=False),
            [
                *answers(basis, said, np.ones_like(said)),
                *answers(basis, pause[:frames] + 0.02, pause[:frames]),
                *answers(basis, again, np.ones_like(again)),
            ],
        )[-len(again) :]
        for frames in (len(pause), RATE)
    )
    np.testing.assert_allclose(long, short, atol=1e-6)


def test_pauses_are_still_however_the_network_opens(basis: MotionBasis) -> None:
    speaking = np.zeros(8 * RATE, dtype=np.float32)
    speaking[3 * RATE : 5 * RATE] = 1
    made = played(MotionShaper(basis), answers(basis, np.full_like(speaking, 0.05), speaking))
    before, after = made[: 3 * RATE], made[5 * RATE :]
    assert not made[: 3 * RATE - HOLD_FRAMES].any(), "nothing before speech is near"
    assert not after[RATE // 2 :].any()
    assert before.max() <= PARTING
    assert before[-3:].min() > 0.005, "lips part before they speak"
    assert (np.diff(made) < 0.03).all(), "and open smoothly"
    assert made[3 * RATE + 10 : 5 * RATE - 10].min() > 0.05


def test_voice_without_speech_and_speech_without_voice_are_still(basis: MotionBasis) -> None:
    """The network hears speech in a rattle, the speech room's voice activity a voice in music: both must agree."""
    wide = np.full(3 * RATE, 0.05, dtype=np.float32)
    for activity, voice in ((1.0, 0.0), (0.0, 1.0)):
        given = [MotionPrediction(np.float32(w) * basis.opening_direction, activity, 0.0, voice) for w in wide]
        assert not played(MotionShaper(basis), given).any()


def test_live_lips_part_on_a_hint_and_no_further(basis: MotionBasis) -> None:
    """Nobody knows yet whether speech comes: the network's guess parts the lips, voice activity alone opens them."""
    wide = np.full(2 * RATE, 0.06, dtype=np.float32)
    for activity, least, most in ((0.04, 0.0, 0.0), (0.35, 0.006, PARTING), (0.9, 0.006, PARTING)):
        given = [MotionPrediction(np.float32(w) * basis.opening_direction, activity, 0.0, 0.0) for w in wide]
        live = played(MotionShaper(basis, hold=0), given, 0)
        assert least <= live[20:].min() <= live.max() <= most
        assert not played(MotionShaper(basis), given).any(), "a file's lips wait for a voice"


@pytest.mark.parametrize("hold", [0, HOLD_FRAMES])
def test_closed_lips_touch_long_enough_to_be_seen(basis: MotionBasis, hold: int) -> None:
    """A closure of 60 ms: at 25 frames a second a frame at least must show touching lips, wherever frames fall."""
    given = answers(basis, np.full(100, 0.05, dtype=np.float32), np.ones(100, dtype=np.float32))
    given[50:53] = [replace(one, closure=0.9) for one in given[50:53]]
    made = played(MotionShaper(basis, hold=hold), given, hold)
    touching = np.flatnonzero(made < 0.002)
    assert len(touching) >= 2
    assert abs(touching.mean() - 51) <= (1 if hold else 2.5)
    assert made[44] > 0.05 and made[60] > 0.05, "quickly closed, quickly parted"
    assert (played(MotionShaper(basis, hold=hold, closure=False), given, hold)[40:60] > 0.05).all()


def test_intensity_scales_up_to_a_limit(basis: MotionBasis) -> None:
    wide = syllables(3)
    still, half, plain, wild = (
        played(MotionShaper(basis, intensity=i, closure=False), answers(basis, wide, np.ones_like(wide)))
        for i in (0, 0.5, 1, 4)
    )
    assert not still.any()
    np.testing.assert_allclose(half[20:], plain[20:] / 2, atol=2e-3)
    assert wild.max() <= MAX_OPENING + 1e-5
    assert (wild >= plain - 1e-6).all()


def test_intensity_out_of_range_is_refused(basis: MotionBasis) -> None:
    with pytest.raises(OptionError, match="intensity expects"):
        MotionShaper(basis, intensity=9)


def test_what_is_played_does_not_depend_on_what_comes_later_than_the_hold(basis: MotionBasis) -> None:
    rng = np.random.default_rng(2)
    wide = syllables(4)
    sure = (rng.random(len(wide)) > 0.3).astype(np.float32)
    given = answers(basis, wide, sure, 0.6)
    other = answers(basis, wide[::-1].copy(), sure[::-1].copy(), 0.1)
    for hold in (0, 1, HOLD_FRAMES):
        one = played(MotionShaper(basis, hold=hold), given, hold)
        changed = played(MotionShaper(basis, hold=hold), [*given[:100], *other[100:]], hold)
        assert np.array_equal(one[: 100 - hold], changed[: 100 - hold])
        assert not np.array_equal(one, changed)


def test_corners_and_rounding_have_their_own_range(basis: MotionBasis) -> None:
    """What a network narrows timidly is rounded as far as people do, at the opening that it would have had anyway."""
    own = WidthRange(-0.02, -0.01, 0.0)
    lively = LIVELY_WIDTHS
    ends = {
        "narrow": lively.middle - 0.01 * ((lively.middle - lively.narrow) / 0.01) ** WIDTH_SHARE,
        "middle": lively.middle,
        "wide": lively.middle + 0.01 * ((lively.wide - lively.middle) / 0.01) ** WIDTH_SHARE,
    }
    for name, wanted in ends.items():
        shape = np.array([0.06, getattr(own, name)], dtype=np.float32) @ basis.shape_directions
        given = [MotionPrediction(shape, 1.0, 0.0, 1.0)] * (2 * RATE)
        shaper = MotionShaper(basis, closure=False, width_range=own)
        frames = [frame for frame in map(shaper.push, given) if frame is not None]
        assert frames[-1].coefficients @ basis.width_weights == pytest.approx(wanted, abs=1e-5)
        plain = MotionShaper(basis, closure=False)
        unspread = [frame for frame in map(plain.push, given) if frame is not None][-1]
        assert basis.opening(frames[-1].coefficients) == pytest.approx(basis.opening(unspread.coefficients), rel=0.05)
    with pytest.raises(OptionError, match="narrow < middle < wide"):
        WidthRange(0.0, -0.01, 0.02)
