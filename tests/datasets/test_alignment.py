"""Forced alignment: against voices whose phones' times are known, and against the words' times of real recordings."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import pytest

from mouthpiece.datasets.alignment import align_phones
from mouthpiece.errors import InputError
from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
from mouthpiece.types import SAMPLE_RATE, Phone, SpokenWord

if importlib.util.find_spec("espeakng_loader") is None:
    pytest.skip("the extra 'speech' is not installed", allow_module_level=True)

TEXT = "My sister bought a very small boat, but we never saw the harbour."


@pytest.fixture(scope="module")
def speaker() -> Iterator[EspeakSynthesiser]:
    with EspeakSynthesiser() as one:
        yield one


def starts_apart(found: tuple[Phone, ...], wanted: tuple[Phone, ...]) -> np.ndarray:
    """By how much the starts of the phones that both have differ, seconds."""
    a, b = [p.symbol for p in found], [p.symbol for p in wanted]
    pairs = [
        (block.a + k, block.b + k)
        for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
        for k in range(block.size)
    ]
    return np.array([found[i].start_s - wanted[j].start_s for i, j in pairs])


def test_words_with_times_hold_their_phones(speaker: EspeakSynthesiser) -> None:
    said = speaker.say(TEXT, voice="en-gb", variant="m3", rate_wpm=170)
    words = [SpokenWord(word.text.strip(".,"), word.start_s, word.end_s) for word in said.words]
    rendered: dict[str, SynthesisedSpeech] = {}
    found = align_phones(said.samples, words, "en-gb", speaker=speaker, rendered=rendered)
    assert set(rendered) == {word.text for word in words}
    assert found == align_phones(said.samples, words, "en-gb", speaker=speaker, rendered=rendered)
    for word in words:
        inside = [phone for phone in found if word.start_s - 1e-6 <= phone.start_s < word.end_s - 1e-6]
        assert inside[0].start_s == pytest.approx(word.start_s) and inside[-1].end_s == pytest.approx(word.end_s)
        assert all(a.end_s == b.start_s for a, b in pairwise(inside))
    apart = starts_apart(found, tuple(phone for phone in said.phones if phone.symbol))
    assert np.median(np.abs(apart)) <= 0.025


def test_what_can_not_be_aligned_is_refused(speaker: EspeakSynthesiser) -> None:
    with pytest.raises(InputError, match="got none"):
        align_phones(np.zeros(SAMPLE_RATE, dtype=np.float32), [], speaker=speaker, rendered={})
