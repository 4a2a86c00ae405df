"""English by pocketsphinx: against espeak-ng, whose sounds have known times."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
from tests.training.real_speech.conftest import recorded

from mouthpiece.errors import InputError, MissingExtraError
from mouthpiece.motion.phonetics import UNKNOWN, parse
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.real_speech.align import ENGLISH_LIMITS
from mouthpiece.training.real_speech.english import _ARPABET_OF_IPA, EnglishAligner, english_words
from mouthpiece.training.real_speech.quality import doubt
from mouthpiece.types import SAMPLE_RATE

TEXTS = ("My sister bought a very small boat.", "We never saw the harbour, but the river was cold.")


@pytest.fixture(scope="module")
def aligner(speaker: EspeakSynthesiser) -> EnglishAligner:
    """The aligner."""
    pytest.importorskip("pocketsphinx")
    return EnglishAligner(speaker)


@pytest.mark.parametrize("variant", ["m3", "f2"])
def test_sounds_are_where_espeak_said_them(aligner: EnglishAligner, speaker: EspeakSynthesiser, variant: str) -> None:
    errors: list[float] = []
    for text in TEXTS:
        said = speaker.say(text, voice="en-us", variant=variant, rate_wpm=140)
        samples = recorded(said.samples)
        found = aligner.align(samples, text)
        assert doubt(found, samples, ENGLISH_LIMITS) is None
        assert [word.text for word in found.words] == english_words(text)
        phones = found.phones
        assert phones[0].start_s == 0 and phones[-1].end_s == pytest.approx(len(samples) / SAMPLE_RATE)
        assert all(a.end_s == b.start_s for a, b in pairwise(phones))
        assert not any(UNKNOWN in parse(phone.symbol) for phone in phones)
        for word, known in zip(found.words, said.words, strict=True):
            errors += [word.start_s - known.start_s, word.end_s - known.end_s]
    assert np.median(np.abs(errors)) < 0.02
    assert abs(np.median(errors)) < 0.015


def test_the_words_of_another_line_are_doubted(aligner: EnglishAligner, speaker: EspeakSynthesiser) -> None:
    samples = recorded(speaker.say(TEXTS[0], voice="en-us", variant="m3", rate_wpm=140).samples)
    try:
        found = aligner.align(samples, TEXTS[1])
    except InputError:
        return
    assert doubt(found, samples, ENGLISH_LIMITS)


def test_stress_and_unknown_words(aligner: EnglishAligner, speaker: EspeakSynthesiser) -> None:
    said = speaker.say("Blorgle was another zifflet.", voice="en-us", rate_wpm=130)
    found = aligner.align(recorded(said.samples), "Blorgle was another zifflet.")
    assert [word.text for word in found.words] == ["blorgle", "was", "another", "zifflet"]
    symbols = [phone.symbol for phone in found.phones if phone.symbol]
    assert symbols[0] == "b" and "z" in symbols and "ɚ" in symbols
    assert "ə" in symbols and "ʌ" in symbols  # another
    given = aligner.align(recorded(said.samples), "Blorgle was another zifflet.", ["B L AO1 R G AH0 L", *[""] * 3])
    assert len(given.words) == 4


def test_figures_and_nothing_are_refused(aligner: EnglishAligner) -> None:
    for text in ("we have 4 boats", "...", ""):
        with pytest.raises(InputError):
            aligner.align(np.zeros(SAMPLE_RATE, dtype=np.float32), text)
    with pytest.raises(InputError, match="not found"):
        aligner.align(np.zeros(SAMPLE_RATE // 10, dtype=np.float32), "a very long text for so short a sound")


def test_what_espeak_spells_is_arpabet(aligner: EnglishAligner) -> None:
    known = {"AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY"}
    known |= {"JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y"}
    assert {one for sounds in _ARPABET_OF_IPA.values() for one in sounds.split()} <= known | {"Z", "ZH"}
    assert aligner._spelt("bird") == "B ER D"


def test_without_pocketsphinx_the_cure_is_named(speaker: EspeakSynthesiser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(MissingExtraError, match=r"mouthpiece\[train\]"):
        EnglishAligner(speaker)
