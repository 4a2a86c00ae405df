"""Forced alignment: against voices whose phones' times are known, and against the words' times of real recordings."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.datasets.layouts import read_align
from mouthpiece.datasets.measuring import read_sound
from mouthpiece.errors import InputError
from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
from mouthpiece.training.teacher.alignment import LETTERS, align_phones, align_text
from mouthpiece.types import SAMPLE_RATE, FloatArray, Phone, SpokenWord

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


def in_noise(samples: FloatArray, pause_s: float = 0.4) -> FloatArray:
    """Speech between two pauses, in a little noise."""
    silence = np.zeros(int(pause_s * SAMPLE_RATE), dtype=np.float32)
    whole = np.concatenate([silence, samples, silence])
    return (whole + np.random.default_rng(0).normal(0, 0.0005, len(whole))).astype(np.float32)


@pytest.mark.parametrize(("variant", "rate_wpm"), [("f2", 130), ("m3", 220)])
def test_a_text_is_found_in_another_voice_at_another_pace(
    speaker: EspeakSynthesiser, variant: str, rate_wpm: int
) -> None:
    said = speaker.say(TEXT, voice="en-gb", variant=variant, rate_wpm=rate_wpm, pitch=65)
    found = align_text(in_noise(said.samples), TEXT, "en-gb", speaker=speaker)
    wanted = tuple(Phone(p.symbol, p.start_s + 0.4, p.end_s + 0.4) for p in said.phones if p.symbol)
    apart = starts_apart(found, wanted)
    assert len(apart) > 0.9 * len(wanted)
    assert np.median(np.abs(apart)) <= 0.02 and np.percentile(np.abs(apart), 90) <= 0.06
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(found))
    assert all(phone.end_s > phone.start_s for phone in found)


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


@pytest.mark.real_media
def test_words_of_real_speech_are_found_without_their_times(speaker: EspeakSynthesiser, shared_data: Path) -> None:
    folder = shared_data / "grid_s1"
    errors = []
    for align in sorted((folder / "align").glob("*.align"))[:6]:
        words = read_align(align)
        samples = read_sound(folder / "clips" / f"{align.stem}.mp4")
        rendered: dict[str, SynthesisedSpeech] = {}
        timed = align_phones(samples, words, speaker=speaker, rendered=rendered)
        text = " ".join(LETTERS.get(word.text, word.text) for word in words)
        errors.append(starts_apart(align_text(samples, text, speaker=speaker), timed))
    found = np.abs(np.concatenate(errors))
    assert np.median(found) < 0.05 and np.percentile(found, 90) < 0.2


def test_what_can_not_be_aligned_is_refused(speaker: EspeakSynthesiser) -> None:
    with pytest.raises(InputError, match="nobody speaks"):
        align_text(np.zeros(SAMPLE_RATE, dtype=np.float32), "hello", speaker=speaker)
    with pytest.raises(InputError, match="got none"):
        align_phones(np.zeros(SAMPLE_RATE, dtype=np.float32), [], speaker=speaker)
