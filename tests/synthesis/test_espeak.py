"""espeak-ng in its own process: what it says, how it fails, and that it stays outside.

The times of the sounds are checked against the sound itself, by filters of scipy's that the room doesn't use.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import signal as filters

from mouthpiece.errors import EngineError, InputError, MissingExtraError, OptionError
from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
from mouthpiece.types import SAMPLE_RATE, FloatArray

if importlib.util.find_spec("espeakng_loader") is None:
    pytest.skip("the extra 'speech' is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def synthesiser() -> Iterator[EspeakSynthesiser]:
    with EspeakSynthesiser() as one:
        yield one


def _level_db(samples: FloatArray, start_s: float, end_s: float, low_hz: float = 80.0) -> float:
    """Level of a stretch above a frequency, dB against full scale."""
    sections = filters.butter(4, low_hz, "highpass", fs=SAMPLE_RATE, output="sos")
    heard = filters.sosfiltfilt(sections, samples.astype(np.float64))
    part = heard[int(start_s * SAMPLE_RATE) : max(int(end_s * SAMPLE_RATE), int(start_s * SAMPLE_RATE) + 16)]
    return float(10 * np.log10(np.mean(part**2) + 1e-9))


def _sounds(spoken: SynthesisedSpeech) -> list[str]:
    return [phone.symbol for phone in spoken.phones if phone.symbol]


def test_says_a_sentence_with_its_sounds_and_words(synthesiser: EspeakSynthesiser) -> None:
    spoken = synthesiser.say("My puppy, Bob!")
    assert _sounds(spoken) == ["m", "aɪ", "p", "ʌ", "p", "i", "b", "ɑː", "b"]
    assert [word.text for word in spoken.words] == ["My", "puppy", "Bob"]
    assert spoken.samples.dtype == np.float32
    assert 0.3 < np.abs(spoken.samples).max() <= 1
    # Sounds follow each other without a gap from the beginning to the end; the comma is a silence.
    assert spoken.phones[0].start_s == 0
    assert spoken.phones[-1].end_s == pytest.approx(len(spoken.samples) / SAMPLE_RATE, abs=1e-3)
    assert all(a.end_s == b.start_s for a, b in pairwise(spoken.phones))
    comma = next(p for p in spoken.phones if not p.symbol and spoken.words[1].start_s < p.start_s < 1)
    assert comma.end_s - comma.start_s > 0.05  # The rest is Bob's closure.
    assert spoken.words[1].end_s == comma.start_s


@pytest.mark.parametrize("voice", ["en-us", "ar", "es", "hi"])
@pytest.mark.parametrize("variant", [None, "f2", "m3", "klatt"])
def test_lips_close_when_the_sound_says_so(synthesiser: EspeakSynthesiser, voice: str, variant: str | None) -> None:
    """A closed mouth is silent (p), or hums without overtones (b, m); the release brings them back."""
    for stop in ("p", "b", "m"):
        spoken = synthesiser.say(f"a#{stop}'a:#{stop}'i:", voice=voice, variant=variant, rate_wpm=140, mnemonics=True)
        closed = [i for i, phone in enumerate(spoken.phones) if phone.symbol in ("p", "b", "m", "β")]
        for index in closed:
            before, phone, after = (spoken.phones[index + step] for step in (-1, 0, 1))
            if phone.symbol == "β":  # Spanish doesn't close here.
                continue
            level_in = _level_db(spoken.samples, phone.start_s + 0.012, phone.start_s + 0.045, 700)
            level_before = _level_db(spoken.samples, before.start_s, before.end_s, 700)
            level_after = _level_db(spoken.samples, after.start_s + 0.03, after.start_s + 0.06, 700)
            assert level_in < level_before - 6, (stop, phone)
            assert level_in < level_after - 6, (stop, phone)


@pytest.mark.parametrize("consonant", ["m", "b", "d"])
@pytest.mark.parametrize("rate", [120, 240])
def test_vowels_begin_at_the_release(synthesiser: EspeakSynthesiser, consonant: str, rate: int) -> None:
    """Within 25 ms of the boundary the level above 700 Hz has risen by half; espeak-ng says it later."""
    spoken = synthesiser.say(f"a#{consonant}'a:", rate_wpm=rate, mnemonics=True)
    index = next(i for i, phone in enumerate(spoken.phones) if phone.symbol == consonant)
    phone, vowel = spoken.phones[index], spoken.phones[index + 1]
    times = np.arange(phone.start_s + 0.02, min(vowel.start_s + 0.09, vowel.end_s - 0.02), 0.002)
    levels = np.array([_level_db(spoken.samples, t - 0.005, t + 0.005, 700) for t in times])
    levels = np.convolve(levels, np.ones(5) / 5, "same")[2:-2]
    half = (levels[:8].mean() + levels[-8:].mean()) / 2
    release = float(times[2:-2][np.argmax(levels > half)])
    assert vowel.start_s == pytest.approx(release, abs=0.025)


def test_arabic_is_written_with_its_emphatics(synthesiser: EspeakSynthesiser) -> None:
    assert _sounds(synthesiser.say("طَابَ", voice="ar"))[0] == "tˤ"
    assert _sounds(synthesiser.say("صَدَ", voice="ar"))[0] == "sˤ"
    assert _sounds(synthesiser.say("ظَبْي", voice="ar"))[0] == "ðˤ"
    assert _sounds(synthesiser.say("ذَهَبَ", voice="ar"))[:2] == ["ð", "a"]


def test_manners_are_heard(synthesiser: EspeakSynthesiser) -> None:
    text = "Seven men went away"
    plain = synthesiser.say(text)
    assert len(synthesiser.say(text, rate_wpm=300).samples) < 0.7 * len(plain.samples)
    assert len(synthesiser.say(text, word_gap_ms=300).samples) > len(plain.samples) + 0.5 * SAMPLE_RATE
    for other in (
        synthesiser.say(text, pitch=90),
        synthesiser.say(text, pitch_range=0),
        synthesiser.say(text, variant="f3"),
        synthesiser.say(text, voice="en-gb"),
    ):
        assert not np.array_equal(plain.samples, other.samples)


def test_the_same_words_always_sound_the_same(synthesiser: EspeakSynthesiser) -> None:
    synthesiser.say("something else before", voice="es", variant="m3")
    with EspeakSynthesiser() as fresh:
        for variant in ("f2", "klatt", "whisper"):
            one, two = (box.say("Now or never.", variant=variant) for box in (synthesiser, fresh))
            np.testing.assert_array_equal(one.samples, two.samples)
            assert one.phones == two.phones


def test_a_language_goes_by_all_its_codes(synthesiser: EspeakSynthesiser) -> None:
    assert _sounds(synthesiser.say("bonjour", voice="fr")) == _sounds(synthesiser.say("bonjour", voice="FR-fr"))
    codes = {code for voice in synthesiser.voices() for code in voice.languages}
    assert {"en-us", "ar", "de", "zh", "hi", "sw"} <= codes
    assert len(codes) > 100


def test_made_up_words_are_said_as_written(synthesiser: EspeakSynthesiser) -> None:
    assert _sounds(synthesiser.say("fl'Imb@", mnemonics=True)) == ["f", "l", "ɪ", "m", "b", "ə"]
    # In a text, brackets are no notation.
    assert _sounds(synthesiser.say("[[fl'Imb@]]")) != ["f", "l", "ɪ", "m", "b", "ə"]


@pytest.mark.parametrize("text", ["", "  ", "...!?", "\x01\x02"])
def test_nothing_to_say_is_refused(synthesiser: EspeakSynthesiser, text: str) -> None:
    with pytest.raises(InputError, match="expected a text to say"):
        synthesiser.say(text)


def test_nonsense_is_refused_with_a_cure(synthesiser: EspeakSynthesiser) -> None:
    with pytest.raises(OptionError, match="'xx'; try"):
        synthesiser.say("hello", voice="xx")
    with pytest.raises(OptionError, match="variant"):
        synthesiser.say("hello", variant="../../f1")
    with pytest.raises(OptionError, match="rate of 80 to 400, got 900"):
        synthesiser.say("hello", rate_wpm=900)
    with pytest.raises(InputError, match="at most 20000 characters"):
        synthesiser.say("a " * 20_000)


def test_control_characters_are_no_commands(synthesiser: EspeakSynthesiser) -> None:
    assert _sounds(synthesiser.say("hello\x015P there\x00you")) == _sounds(synthesiser.say("hello 5P there you"))


def test_a_dead_process_is_replaced() -> None:
    with EspeakSynthesiser() as synthesiser:
        synthesiser.say("hello")
        process = synthesiser._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert _sounds(synthesiser.say("hello")) == ["h", "ə", "l", "oʊ"]


def test_what_kills_it_twice_is_the_texts_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with EspeakSynthesiser() as synthesiser:
        synthesiser.voices()
        synthesiser.close()
        killer = tmp_path / "killer.py"
        killer.write_text("import os, sys\nsys.stdin.buffer.read(4)\nos.abort()\n")
        monkeypatch.setattr(synthesiser, "_command", [sys.executable, "-I", "-S", str(killer)])
        with pytest.raises(InputError, match="crashed twice while saying 'hello'"):
            synthesiser.say("hello")


def test_a_library_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with EspeakSynthesiser() as synthesiser:
        monkeypatch.setattr(
            synthesiser, "_command", [*synthesiser._command[:-2], str(tmp_path / "none.so"), str(tmp_path)]
        )
        with pytest.raises(EngineError, match="doesn't start here"):
            synthesiser.say("hello")


def test_what_takes_too_long_is_given_up() -> None:
    with EspeakSynthesiser(timeout_s=0.3) as synthesiser:
        synthesiser.voices()
        with pytest.raises(InputError, match=r"longer than 0\.3 s"):
            synthesiser.say("why not " * 2400)
        assert _sounds(synthesiser.say("oh")) == ["oʊ"]


def test_the_gpl_library_stays_in_its_own_process() -> None:
    program = """
import sys
from pathlib import Path
from mouthpiece.synthesis.espeak import EspeakSynthesiser
with EspeakSynthesiser() as synthesiser:
    synthesiser.say("hello")
    maps = Path("/proc/self/maps")
    assert "espeakng_loader" not in sys.modules
    assert not maps.exists() or "espeak" not in maps.read_text()
"""
    # A process of its own: other tests may have had a look at the library.
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_closing_ends_the_process() -> None:
    synthesiser = EspeakSynthesiser()
    synthesiser.say("hello")
    process = synthesiser._process
    assert process is not None
    synthesiser.close()
    assert process.poll() is not None


def test_a_missing_wheel_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"mouthpiece\[speech\]"):
        EspeakSynthesiser()
