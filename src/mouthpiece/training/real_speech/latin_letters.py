"""Letters to sounds of languages that espeak-ng lacks and that are written nearly as they sound: Yoruba, Tagalog."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from mouthpiece.training.real_speech.spelling import Slot, SpeltWord

_DOT, _NASAL = "\u0323", "\u0303"
_WORD = re.compile(r"[a-z\u0323ñ']+")
_YORUBA = {
    "gb": "ɡb", "b": "b", "d": "d", "f": "f", "g": "ɡ", "h": "h", "j": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n",
    "p": "kp", "r": "ɾ", f"s{_DOT}": "ʃ", "sh": "ʃ", "s": "s", "t": "t", "w": "w", "y": "j", "a": "a",
    f"e{_DOT}": "ɛ", f"o{_DOT}": "ɔ", "i": "i", "u": "u", "c": "k", "v": "f", "z": "s", "x": "s", "q": "k",
}  # fmt: skip
_UNDOTTED = {"e": ("e", "ɛ"), "o": ("o", "ɔ"), "s": ("s", "ʃ")}
"""Yoruba's letters whose dot below is often not written."""
_TAGALOG = {
    "ng": "ŋ", "ts": "tʃ", "ch": "tʃ", "a": "a", "b": "b", "c": "k", "d": "d", "e": "ɛ", "f": "f", "g": "ɡ", "h": "h",
    "i": "i", "j": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n", "ñ": "ɲ", "o": "o", "p": "p", "q": "k", "r": "ɾ",
    "s": "s", "t": "t", "u": "u", "v": "v", "w": "w", "x": "s", "y": "j", "z": "z",
}  # fmt: skip
_TAGALOG_WORDS = {"ng": "naŋ", "mga": "maŋa"}
"""Not written as they sound."""


def yoruba_words(text: str) -> tuple[SpeltWord, ...]:
    """Spell a text in Yoruba: tones are passed over, a vowel before a final n is nasal."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    plain = "".join(sign for sign in decomposed if not unicodedata.combining(sign) or sign == _DOT)
    words = []
    for word in _WORD.findall(plain):
        slots: list[Slot] = []
        for letter, following in _pieces(word, _YORUBA, _UNDOTTED):
            if letter == "n" and slots and _is_vowel(slots[-1]) and (not following or following[0] not in "aeiou"):
                slots[-1] = Slot(tuple(choice + _NASAL for choice in slots[-1].choices))
            else:
                slots.append(Slot(_UNDOTTED.get(letter) or (_YORUBA[letter],)))
        words.append(SpeltWord(word, tuple(slots)))
    return tuple(word for word in words if word.slots)


def tagalog_words(text: str) -> tuple[SpeltWord, ...]:
    """Spell a text in Tagalog; vowels that meet, or begin a word, may have a glottal stop before them."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    plain = unicodedata.normalize(
        "NFC", "".join(sign for sign in decomposed if not unicodedata.combining(sign) or sign == _NASAL)
    )
    words = []
    for word in _WORD.findall(plain):
        slots: list[Slot] = []
        if word in _TAGALOG_WORDS:
            slots = [Slot((sound,)) for sound in _TAGALOG_WORDS[word]]
        else:
            for letter, _ in _pieces(word, _TAGALOG, {}):
                slot = Slot((_TAGALOG[letter],))
                if _is_vowel(slot) and (not slots or _is_vowel(slots[-1])):
                    slots.append(Slot(("ʔ",), optional=True))
                slots.append(slot)
        words.append(SpeltWord(word, tuple(slots)))
    return tuple(word for word in words if word.slots)


def _is_vowel(slot: Slot) -> bool:
    return slot.choices[0][0] in "aeɛioɔu"


def _pieces(word: str, table: Mapping[str, object], more: Mapping[str, object]) -> list[tuple[str, str]]:
    """Divide a word into letters and pairs of letters, each with what follows; signs without a sound are dropped."""
    pieces = []
    at = 0
    while at < len(word):
        piece = next((word[at : at + n] for n in (2, 1) if word[at : at + n] in table or word[at : at + n] in more), "")
        at += max(len(piece), 1)
        if piece:
            pieces.append((piece, word[at:]))
    return pieces
