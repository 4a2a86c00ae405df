"""English words and their sounds in time, by pocketsphinx (extra `train`).

    text --words--> dictionary, unknown words spelt by espeak-ng --decode twice--> words and phones in time

The first decoding finds the words, their pronunciations and the pauses between them, the second the states of each
sound. pocketsphinx is Huggins-Daines' (CMU Sphinx); its dictionary is CMUdict.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mouthpiece.errors import InputError, MissingExtraError
from mouthpiece.phones.notation import Notation, to_ipa
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.real_speech.aligned import Aligned, AlignedPhone
from mouthpiece.types import FloatArray

FRAME_S = 0.01
WINDOW_S = 0.0256
"""Span of a frame of pocketsphinx: frame n is centred on n * FRAME_S + WINDOW_S / 2, a boundary is between centres."""
EDGE_S = (WINDOW_S - FRAME_S) / 2
VOICE = "en-us"
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_STRESS = re.compile(r"\d")
_VARIANT = re.compile(r"\(\d+\)$")
_REDUCED = {"AH": "AH0", "ER": "ER0"}
_WEAK = frozenset(("a", "an", "the"))
_SCHWAS = "əɚɐᵻ"
_VOWELS = frozenset(("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"))
_ARPABET_OF_IPA = {
    "iː": "IY", "i": "IY", "ɪ": "IH", "ᵻ": "IH", "ɛ": "EH", "æ": "AE", "aː": "AE", "a": "AE", "ɑː": "AA", "ɑ": "AA",
    "ɔ": "AO", "ɔː": "AO", "oː": "AO", "ʊ": "UH", "uː": "UW", "u": "UW", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "əl": "AH L",
    "ɜː": "ER", "ɚ": "ER", "eɪ": "EY", "aɪ": "AY", "ɔɪ": "OY", "oʊ": "OW", "aʊ": "AW", "iə": "IY AH", "ɪə": "IH R",
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "tʃ": "CH", "dʒ": "JH", "f": "F", "v": "V", "θ": "TH",
    "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "m": "M", "n": "N", "ŋ": "NG", "l": "L",
    "ɹ": "R", "w": "W", "j": "Y", "ɾ": "T", "ʔ": "T", "ɫ": "L", "n̩": "AH N", "l̩": "AH L",
}  # fmt: skip


class EnglishAligner:
    """Aligns English text. One serves any number of recordings."""

    def __init__(self, speaker: EspeakSynthesiser) -> None:
        """Load the acoustic model and the dictionary.

        Args:
            speaker: spells words that the dictionary lacks.

        Raises:
            MissingExtraError: pocketsphinx is not installed.
        """
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise MissingExtraError("aligning English speech (pocketsphinx)", "train") from error
        # Its search for the best path gives durations that the second decoding can't keep.
        self._decoder: Any = Decoder(lm=None, bestpath=False, loglevel="FATAL")
        self._speaker = speaker
        self._sounds: dict[str, tuple[str, ...]] = {}
        """Sounds of a word as espeak-ng says it."""

    def align(self, samples: FloatArray, text: str, arpabet: Sequence[str] = ()) -> Aligned:
        """Align a recording.

        Args:
            samples: (n,) mono, SAMPLE_RATE.
            text: what is said.
            arpabet: each word's sounds with their stress, where they are known.

        Raises:
            InputError: there are no words, or text and sound don't belong together.
        """
        words = english_words(text)
        stress = self._learn(words, arpabet if len(arpabet) == len(words) else ())
        pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2").tobytes()
        self._decoder.set_align_text(" ".join(words))
        try:
            self._decode(pcm)
            if self._decoder.hyp() is None:
                raise InputError("the words are not found in the sound")
            self._decoder.set_alignment()
            self._decode(pcm)
        except RuntimeError as error:
            raise InputError(f"the words are not found in the sound ({error})") from error
        return _aligned(self._decoder.get_alignment(), len(samples), stress, self._reduced)

    def _decode(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()

    def _learn(self, words: Sequence[str], arpabet: Sequence[str]) -> dict[tuple[str, str], tuple[str, ...]]:
        """Add what the dictionary lacks; return the given sounds with stress by (word, sounds without)."""
        stress: dict[tuple[str, str], tuple[str, ...]] = {}
        for word, given in zip(words, arpabet or [""] * len(words), strict=True):
            plain = _STRESS.sub("", given)
            if given:
                stress[word, plain] = tuple(given.split())
            known = self._pronunciations(word)
            if plain and plain not in known:
                self._decoder.add_word(f"{word}({len(known) + 1})" if known else word, plain, True)
            elif not plain and not known:
                self._decoder.add_word(word, self._spelt(word), True)
        return stress

    def _pronunciations(self, word: str) -> list[str]:
        """Return how the dictionary pronounces a word."""
        found: list[str] = []
        while (next_one := self._decoder.lookup_word(f"{word}({len(found) + 1})" if found else word)) is not None:
            found.append(next_one)
        return found

    def _espeak(self, word: str) -> tuple[str, ...]:
        if word not in self._sounds:
            said = self._speaker.say(word, voice=VOICE)
            self._sounds[word] = tuple(phone.symbol for phone in said.phones if phone.symbol)
        return self._sounds[word]

    def _spelt(self, word: str) -> str:
        """Spell a word in ARPABET after espeak-ng.

        Raises:
            InputError: one of its sounds is not English.
        """
        spelt = []
        for symbol in self._espeak(word):
            sound = _ARPABET_OF_IPA.get(symbol) or _ARPABET_OF_IPA.get(symbol.rstrip("ːʰ"))
            if sound is None:
                raise InputError(f"the word {word!r} is in no dictionary, and its sound {symbol} not English")
            spelt.append(sound)
        return " ".join(spelt)

    def _reduced(self, word: str, sounds: Sequence[str]) -> tuple[str, ...]:
        """Mark the vowels that are reduced, after espeak-ng: the dictionary writes AH for ʌ and ə alike."""
        if word in _WEAK:
            return tuple(_REDUCED.get(sound, sound) for sound in sounds)
        vowels = [symbol for symbol in self._espeak(word) if symbol[0] in "aeiouæɐɑɔəɚɛɜɪʊʌᵻ"]
        if len(vowels) != sum(sound in _VOWELS for sound in sounds):
            several = sum(sound in _VOWELS for sound in sounds) > 1
            return tuple(_REDUCED.get(sound, sound) if several else sound for sound in sounds)
        heard = iter(vowels)
        marked = []
        for sound in sounds:
            reduced = sound in _VOWELS and next(heard)[0] in _SCHWAS
            marked.append(_REDUCED.get(sound, sound) if reduced else sound)
        return tuple(marked)


def english_words(text: str) -> list[str]:
    """Split a text into words of the dictionary's kind.

    Raises:
        InputError: there are none, or there are figures among them.
    """
    plain = text.lower().replace("’", "'")
    words = _WORD.findall(plain)
    if not words or any(sign.isdigit() for sign in plain):
        raise InputError(f"expected English words without figures, got {text[:40]!r}")
    return words


def _aligned(
    alignment: Any,
    count: int,
    stress: dict[tuple[str, str], tuple[str, ...]],
    reduced: Any,
) -> Aligned:
    """Convert pocketsphinx's alignment: silence where there is no word; IPA."""
    phones: list[AlignedPhone] = []
    words: list[tuple[str, int, int]] = []
    for word in alignment:
        inner = list(word)
        sounds = tuple(phone.name for phone in inner)
        name = _VARIANT.sub("", word.name)
        if sounds in (("SIL",), ("+SPN+",), ("+NSN+",)) or not name.strip("<>[]").isascii() or name[:1] in "<[":
            phones += [
                AlignedPhone("", p.start * FRAME_S, (p.start + p.duration) * FRAME_S, p.score / p.duration)
                for p in inner
            ]
            continue
        marked = stress.get((name, " ".join(sounds))) or reduced(name, sounds)
        first = len(phones)
        for phone, sound in zip(inner, marked, strict=True):
            symbol = to_ipa(sound, Notation.ARPABET)
            if symbol is None:
                raise InputError(f"expected sounds in ARPABET, got {sound}")
            start = phone.start * FRAME_S
            phones.append(AlignedPhone(symbol, start, start + phone.duration * FRAME_S, phone.score / phone.duration))
        words.append((name, first, len(phones)))
    return Aligned.shifted(phones, words, EDGE_S, count)
