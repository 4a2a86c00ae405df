"""The way through a text: against scores whose best way is known."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.errors import InputError
from mouthpiece.training.real_speech.sound_classes import CLASSES, SILENCE, classes_of
from mouthpiece.training.real_speech.spelling import Slot, SpeltWord
from mouthpiece.training.real_speech.viterbi import SHORTEST_FRAMES, force_align
from mouthpiece.types import FloatArray


def heard(*stretches: tuple[str, int]) -> FloatArray:
    """Scores of what is plainly heard: 0 for the sound's classes, one after the other, -5 for all others."""
    frames: list[int] = []
    for symbol, count in stretches:
        parts = classes_of(symbol)
        frames += [parts[min(k * len(parts) // count, len(parts) - 1)] for k in range(count)]
    scores = np.full((len(frames), len(CLASSES)), -5.0, dtype=np.float32)
    scores[np.arange(len(frames)), frames] = 0.0
    return scores


def word(text: str, *choices: str) -> SpeltWord:
    """A word; `a|i` is a choice, `a?` may be missing."""
    return SpeltWord(text, tuple(Slot(tuple(c.rstrip("?").split("|")), c.endswith("?")) for c in choices))


def test_sounds_pauses_and_words_are_found() -> None:
    scores = heard(("", 10), ("m", 7), ("aɪ", 12), ("", 9), ("tʃ", 8), ("u", 5), ("", 4))
    sounds, words = force_align(scores, [word("my", "m", "aɪ"), word("chew", "tʃ", "uː")])
    found = [(sound.symbol, sound.start_s, sound.end_s, sound.score) for sound in sounds]
    spans = (("", 0, 10), ("m", 10, 17), ("aɪ", 17, 29), ("", 29, 38), ("tʃ", 38, 46), ("uː", 46, 51), ("", 51, 55))
    assert found == [(symbol, first, end, 0.0) for symbol, first, end in spans]
    assert words == [("my", 1, 3), ("chew", 4, 6)]


def test_what_writing_leaves_open_is_decided_by_the_sound() -> None:
    spelt = [word("ktb", "k", "a|i|u?", "t", "a|i|u?", "b", "a|i|u?")]
    for said in (["k", "u", "t", "i", "b"], ["k", "a", "t", "a", "b", "a"], ["k", "t", "b"]):
        sounds, words = force_align(heard(*((symbol, 6) for symbol in said)), spelt)
        assert [sound.symbol for sound in sounds] == said
        assert words == [("ktb", 0, len(said))]


def test_every_sound_lasts_a_little() -> None:
    sounds, _ = force_align(heard(("a", 30)), [word("atka", "a", "t", "k", "a")])
    assert min(sound.end_s - sound.start_s for sound in sounds) >= SHORTEST_FRAMES
    assert sounds[0].score == 0.0 and sounds[1].score == -5.0


def test_a_text_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="too long"):
        force_align(heard(("a", 5)), [word("ata", "a", "t", "a")])
    with pytest.raises(InputError, match="words"):
        force_align(heard(("a", 5)), [])


def test_against_every_way_there_is() -> None:
    """Three sounds in eight frames: all divisions by hand, pauses and the optional sound included."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        scores = rng.standard_normal((9, len(CLASSES))).astype(np.float32)
        ways = [["s", "a"], ["s", "i", "a"], ["", "s", "a"], ["s", "a", ""]]
        best = -np.inf
        for way in ways:
            numbers = [classes_of(symbol)[0] if symbol else SILENCE for symbol in way]
            for first in range(3, 7):
                edges = [0, first, 9] if len(way) == 2 else [0, 3, 6, 9]
                total = sum(float(scores[a:b, n].sum()) for n, a, b in zip(numbers, edges[:-1], edges[1:], strict=True))
                best = max(best, total)
        sounds, _ = force_align(scores, [word("sa", "s", "i?", "a")])
        found = sum(sound.score * (sound.end_s - sound.start_s) for sound in sounds)
        assert found == pytest.approx(best, abs=1e-4)
