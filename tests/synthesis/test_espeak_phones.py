"""Events to phones, on sounds made by hand: the truth is known to the sample."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mouthpiece.synthesis.espeak_phones import arabic_symbols, ipa_symbols, phones_from_events
from mouthpiece.types import FloatArray, Phone

RATE = 22050


def _tone(seconds: float, *partials: float) -> FloatArray:
    """Harmonics of 120 Hz with these amplitudes."""
    t = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(sum(a * np.sin(2 * np.pi * 120 * (k + 1) * t) for k, a in enumerate(partials)), dtype=np.float32)


VOWEL = (0.2,) * 25
HUM = (0.2, 0.02)


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        ("ˈaɪ", ("aɪ",)),
        ("ˌiː", ("iː",)),
        ("t", ("t",)),
        ("", ()),
        ("(en)", ()),
        ("ɑ5", ("ɑ",)),
        ("˥", ()),
        ("ph", ("pʰ",)),
        ("ts.h", ("ʈʂʰ",)),
        ("tʃʰ", ("tʃʰ",)),
        ("h", ("h",)),
        ("s.", ("ʂ",)),
        ("ˈonɡ", ("o", "ŋ")),
        ("ən", ("ə", "n")),
        ("ɔːɹ", ("ɔː", "ɹ")),
        ("sx", ("ɧ",)),
        ("k`", ("kʼ",)),
        ("ʲ", ("j",)),
        ("ˈa.", ("ɑ",)),
        ("g", ("ɡ",)),
        ("ɛ̃", ("ɛ̃",)),
    ],
)
def test_names_become_ipa(name: str, symbols: tuple[str, ...]) -> None:
    assert ipa_symbols(name) == symbols


def test_silence_before_a_burst_is_the_stops() -> None:
    sound = np.concatenate([_tone(0.2, *VOWEL), np.zeros(round(0.05 * RATE), np.float32), _tone(0.2, *VOWEL)])
    events = [(0, "a"), (round(0.25 * RATE), "p"), (round(0.28 * RATE), "a")]
    phones = phones_from_events(events, sound, RATE)
    assert [phone.symbol for phone in phones] == ["a", "p", "a"]
    assert phones[1].start_s == pytest.approx(0.2, abs=0.002)
    assert phones[1].end_s == pytest.approx(0.28, abs=0.001)


def test_after_a_pause_a_stop_is_closed_for_a_while_only() -> None:
    sound = np.concatenate([_tone(0.2, *VOWEL), np.zeros(round(0.5 * RATE), np.float32), _tone(0.2, *VOWEL)])
    events = [(0, "a"), (round(0.2 * RATE), ""), (round(0.7 * RATE), "p"), (round(0.72 * RATE), "a")]
    phones = phones_from_events(events, sound, RATE)
    assert [phone.symbol for phone in phones] == ["a", "", "p", "a"]
    assert phones[2].start_s == pytest.approx(0.7 - 0.12, abs=0.002)


def test_a_long_silence_before_another_sound_is_a_pause() -> None:
    sound = np.concatenate([_tone(0.2, *VOWEL), np.zeros(round(0.2 * RATE), np.float32), _tone(0.2, *VOWEL)])
    phones = phones_from_events([(0, "a"), (round(0.4 * RATE), "ɛ")], sound, RATE)
    assert [phone.symbol for phone in phones] == ["a", "", "ɛ"]
    assert phones[1].start_s == pytest.approx(0.2, abs=0.002)
    assert phones[2].start_s == pytest.approx(0.4, abs=0.001)


@pytest.mark.parametrize("late_s", [0.04, 0.06, 0.09])
@pytest.mark.parametrize("consonant", ["m", "n", "l", "b"])
def test_a_vowel_marked_late_begins_where_the_sound_changes(consonant: str, late_s: float) -> None:
    sound = np.concatenate([_tone(0.2, *VOWEL), _tone(0.1, *HUM), _tone(0.3, *VOWEL)])
    events = [(0, "a"), (round(0.2 * RATE), consonant), (round((0.3 + late_s) * RATE), "ˈa")]
    phones = phones_from_events(events, sound, RATE)
    onset = 0.012 if consonant == "b" else 0.0
    assert phones[2].start_s == pytest.approx(0.3 + onset, abs=0.006)
    assert phones[1].end_s == phones[2].start_s


def test_a_vowel_after_a_fricative_stays_where_it_is() -> None:
    sound = np.concatenate([_tone(0.2, *VOWEL), _tone(0.1, *HUM), _tone(0.3, *VOWEL)])
    phones = phones_from_events([(0, "a"), (round(0.2 * RATE), "z"), (round(0.36 * RATE), "a")], sound, RATE)
    assert phones[2].start_s == pytest.approx(0.36, abs=0.001)


def test_gaps_inside_words_are_no_pauses_and_the_end_is_covered() -> None:
    sound = _tone(0.5, *VOWEL)
    events = [(0, "a"), (2000, "p"), (3000, ""), (3600, "r"), (6000, "a"), (9000, ""), (9300, "")]
    phones = phones_from_events(events, sound, RATE)
    assert [phone.symbol for phone in phones] == ["a", "p", "r", "a", ""]
    assert phones[-1].end_s == pytest.approx(0.5, abs=1e-4)
    assert all(a.end_s == b.start_s for a, b in pairwise(phones))


def test_nothing_said_is_silence() -> None:
    assert phones_from_events([], np.zeros(RATE, np.float32), RATE) == (Phone("", 0.0, 1.0),)
    assert phones_from_events([], np.zeros(0, np.float32), RATE) == ()


def test_arabic_emphatics_by_letter_or_by_vowel() -> None:
    phones = [Phone(symbol, i / 10, (i + 1) / 10) for i, symbol in enumerate(["s̪", "ɑ", "ð", "ɑ", "ð", "a", "t̪"])]
    assert [phone.symbol for phone in arabic_symbols(phones)] == ["sˤ", "ɑ", "ðˤ", "ɑ", "ð", "a", "tˤ"]
