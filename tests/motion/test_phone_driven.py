"""Motion from known phones, alone and blended with the network's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from tests.motion.test_motion_stream import babble, moments

from mouthpiece.errors import OptionError
from mouthpiece.motion.phone_driven import HELD_S, split_held
from mouthpiece.motion.stream import MotionStream
from mouthpiece.types import SAMPLE_RATE, FloatArray, Motion, Phone

SAID = [
    Phone("", 0.0, 0.4),
    *[Phone(symbol, 0.4 + i * 0.15, 0.55 + i * 0.15) for i, symbol in enumerate("mapubifo")],
    Phone("", 1.6, 2.0),
]
SILENCE = np.zeros(2 * SAMPLE_RATE, dtype=np.float32)


def openings(motions: list[Motion]) -> FloatArray:
    return np.array([motion.opening for motion in motions], dtype=np.float32)


def test_phones_alone_need_no_sound() -> None:
    heard = openings(moments(MotionStream(phones=SAID), babble(2.0), 1600))
    silent = openings(moments(MotionStream(phones=SAID), SILENCE, 1600))
    np.testing.assert_allclose(silent, heard, atol=1e-6)
    assert silent.max() > 0.03
    closed = [round((phone.start_s + phone.end_s) / 2 * 25) for phone in SAID if phone.symbol in ("m", "p", "b")]
    assert closed
    assert silent[closed].max() < 0.006
    assert silent[:5].max() < 0.006
    assert silent[-5:].max() < 0.006


@pytest.mark.parametrize("blend", [1.0, 0.4])
@pytest.mark.parametrize("block", [160, 1111])
def test_any_chunking_gives_the_same_motion(blend: float, block: int) -> None:
    samples = babble(2.0)
    whole = moments(MotionStream(phones=SAID, phones_blend=blend), samples, len(samples))
    pieces = moments(MotionStream(phones=SAID, phones_blend=blend), samples, block)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(a.displacement, b.displacement, atol=1e-5)


def test_no_blend_is_the_sound_alone() -> None:
    samples = babble(2.0)
    alone = openings(moments(MotionStream(), samples, 1600))
    np.testing.assert_allclose(openings(moments(MotionStream(phones=SAID, phones_blend=0), samples, 1600)), alone)


def test_reset_starts_the_phones_afresh() -> None:
    stream = MotionStream(phones=SAID)
    first = openings(moments(stream, SILENCE, 4000))
    stream.reset()
    np.testing.assert_array_equal(openings(moments(stream, SILENCE, 4000)), first)


def test_after_the_last_phone_the_mouth_rests() -> None:
    short = openings(moments(MotionStream(phones=[Phone("a", 0.2, 0.5)]), babble(4.0), 1600))
    assert short[:20].max() > 0.02
    assert short[40:].max() < 0.006


def test_a_blend_beyond_its_range_is_refused() -> None:
    with pytest.raises(OptionError, match="expected a blend of 0"):
        MotionStream(phones=SAID, phones_blend=1.5)


def test_a_held_vowel_stays_as_it_is() -> None:
    song = openings(moments(MotionStream(phones=[Phone("a", 0.3, 3.5)]), np.zeros(4 * SAMPLE_RATE, np.float32), 4000))
    middle = song[12:80]
    assert middle.min() > 0.7 * middle.max() > 0.03


def test_long_sounds_are_cut_and_short_ones_are_not() -> None:
    said = [
        Phone("", 0.0, 2.0),
        Phone("m", 2.0, 3.0),
        Phone("t", 3.0, 3.2),
        Phone("aʊ", 3.2, 4.0),
        Phone("ɑː", 4.0, 4.5),
    ]
    cut = split_held(said)
    assert cut[:3] == said[:3]
    assert "".join(phone.symbol for phone in cut[3:]) in ("aaʊʊɑːɑː", "aaʊɑːɑː", "aaaʊʊɑːɑː", "aaaʊɑːɑː")
    assert max(phone.end_s - phone.start_s for phone in cut[3:]) <= HELD_S + 1e-9
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(cut))
    assert cut[-1].end_s == 4.5
