"""Arabic letters to sounds, with vowel marks or without.

What the marks state is taken; where they are missing, a short vowel may or may not stand, and which, the recording
decides. At a word's end short vowels and the n of nunation may be dropped, as speakers do before a pause. Waw and ya
are long vowels or glides. The article's l is the sun letter behind it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from mouthpiece.training.real_speech.spelling import Slot, SpeltWord

_CONSONANTS = {
    "ب": "b", "ت": "t", "ث": "θ", "ج": "dʒ", "ح": "ħ", "خ": "x", "د": "d", "ذ": "ð", "ر": "r", "ز": "z", "س": "s",
    "ش": "ʃ", "ص": "sˤ", "ض": "dˤ", "ط": "tˤ", "ظ": "ðˤ", "ع": "ʕ", "غ": "ɣ", "ف": "f", "ق": "q", "ك": "k", "ل": "l",
    "م": "m", "ن": "n", "ه": "h", "ء": "ʔ", "أ": "ʔ", "إ": "ʔ", "ؤ": "ʔ", "ئ": "ʔ", "پ": "p", "چ": "tʃ", "ڤ": "v",
    "گ": "ɡ", "و": "w", "ي": "j",
}  # fmt: skip
_SUN = frozenset("تثدذرزسشصضطظلن")
_SHADDA, _SUKUN, _DAGGER = "\u0651", "\u0652", "\u0670"
_SHORT = {"\u064e": "a", "\u064f": "u", "\u0650": "i"}
_NUNATION = {"\u064b": "a", "\u064c": "u", "\u064d": "i"}
_MARKS = frozenset((_SHADDA, _SUKUN, _DAGGER, *_SHORT, *_NUNATION))
_LONG = {"و": "uː", "ي": "iː"}
_GLIDE_AFTER = {"uː": "u", "iː": "i"}
_ANY = ("a", "i", "u")
_TATWEEL = "\u0640"
_PREFIXES = frozenset("وفبك")
"""Stand before the article, whose a is dropped then."""
_KNOWN = {
    "الله": "ʔ aː lː aː h", "هذا": "h aː ð aː", "هذه": "h aː ð i h i", "ذلك": "ð aː l i k a", "لكن": "l aː k i n a",
    "هؤلاء": "h aː ʔ u l aː ʔ i", "الذي": "ʔ a lː a ð iː", "التي": "ʔ a lː a t iː", "الذين": "ʔ a lː a ð iː n a",
}  # fmt: skip
_WORD = re.compile(r"[\u0621-\u0652\u0670\u067e\u0686\u06a4\u06af]+")


@dataclass(slots=True)
class _Letter:
    sign: str
    marks: frozenset[str]

    @property
    def short(self) -> str | None:
        """The short vowel written above or below."""
        return next((vowel for mark, vowel in _SHORT.items() if mark in self.marks), None)

    @property
    def nunation(self) -> str | None:
        """The vowel of a nunation."""
        return next((vowel for mark, vowel in _NUNATION.items() if mark in self.marks), None)


def arabic_words(text: str) -> tuple[SpeltWord, ...]:
    """Spell a text; whatever is not written in Arabic letters is passed over."""
    plain = unicodedata.normalize("NFC", text).replace(_TATWEEL, "").replace("ی", "ي").replace("ک", "ك")
    spelt = [SpeltWord(word, tuple(_slots(word))) for word in _WORD.findall(plain)]
    return tuple(word for word in spelt if word.slots)


def _letters(word: str) -> list[_Letter]:
    letters: list[_Letter] = []
    for sign in word:
        if sign in _MARKS:
            if letters:
                letters[-1].marks |= {sign}
        else:
            letters.append(_Letter(sign, frozenset()))
    return letters


def _slots(word: str) -> list[Slot]:
    """Spell one word."""
    bare = "".join(sign for sign in word if sign not in _MARKS)
    if bare in _KNOWN:
        *fixed, last = _KNOWN[bare].split()
        return [*(Slot((sound,)) for sound in fixed), Slot((last,), optional=last in _ANY)]
    letters = _letters(word)
    slots: list[Slot] = []
    index = _article(letters, slots)
    while index < len(letters):
        index += _letter(letters, index, slots)
    return slots


def _article(letters: list[_Letter], slots: list[Slot]) -> int:
    """Spell a prefix and the article; return the number of letters that were taken."""
    signs = "".join(letter.sign for letter in letters)
    first = 1 if signs[:1] in _PREFIXES and signs[1:3] == "ال" and len(signs) > 4 else 0
    if signs[first : first + 2] != "ال" or len(signs) < first + 4 or letters[first + 1].short:
        return 0
    if first:
        slots += [Slot((_CONSONANTS[signs[0]],)), Slot(_vowel_of(letters[0]))]
    else:
        slots += [Slot(("ʔ",), optional=True), Slot(("a",), optional=True)]
    if signs[first + 2] not in _SUN:
        slots.append(Slot(("l",)))
    else:
        # What it becomes is the letter behind, twice as long.
        letters[first + 2].marks |= {_SHADDA}
    return first + 2


def _vowel_of(letter: _Letter) -> tuple[str, ...]:
    return (letter.short,) if letter.short else _ANY


def _letter(letters: list[_Letter], index: int, slots: list[Slot]) -> int:
    """Spell one letter, with a silent one behind it; return how many were taken."""
    letter, last = letters[index], index == len(letters) - 1
    if letter.sign in "اٱىآ":
        _alef(letters, index, slots)
        return 1
    if letter.sign == "ة":
        if not _ends_with_a(slots):
            slots.append(Slot(("a",)))
        slots += [Slot(("t",), optional=True), *_ending(letter)]
        return 1
    if letter.sign in _LONG and index > 0 and not letter.short and not letter.nunation and _SHADDA not in letter.marks:
        taken = _waw_or_ya(letters, index, slots)
        if taken:
            return taken
    sound = _CONSONANTS.get(letter.sign)
    if sound is None:
        return 1
    slots.append(Slot((sound + "ː" if _SHADDA in letter.marks else sound,)))
    if last:
        slots += _ending(letter)
    elif letter.nunation:
        slots += _ending(letter)
        return 2 if letters[index + 1].sign in "اى" else 1
    elif letter.short:
        if not _is_long_of(letters, index + 1, letter.short):
            slots.append(Slot((letter.short,)))
    elif letter.sign == "إ":
        slots.append(Slot(("i",)))
    elif _SUKUN not in letter.marks and letters[index + 1].sign not in "اىآة":
        slots.append(Slot(_ANY, optional=True))
    return 1


def _is_long_of(letters: list[_Letter], index: int, short: str) -> bool:
    """Check whether a letter makes the short vowel before it long."""
    letter = letters[index]
    if letter.short or letter.nunation or _SHADDA in letter.marks:
        return False
    return letter.sign in {"a": "اى", "u": "و", "i": "ي"}[short] or (_DAGGER in letter.marks and short == "a")


def _alef(letters: list[_Letter], index: int, slots: list[Slot]) -> None:
    """Spell an alef: a glottal stop with its vowel, a long a, or nothing."""
    letter = letters[index]
    if letter.sign == "آ":
        slots += [Slot(("ʔ",)), Slot(("aː",))]
    elif index == 0:
        slots += [Slot(("ʔ",), optional=True), Slot(_vowel_of(letter), optional=not letter.short)]
    elif letters[index - 1].nunation or (letters[index - 1].sign == "و" and index == len(letters) - 1 and index > 1):
        return
    elif letter.nunation:
        slots += _ending(letter)
    else:
        slots.append(Slot(("aː",)))


def _waw_or_ya(letters: list[_Letter], index: int, slots: list[Slot]) -> int:
    """Spell a waw or ya without a vowel of its own; 0 if it is a consonant for sure."""
    letter, before = letters[index], letters[index - 1]
    long = _LONG[letter.sign]
    if before.short == _GLIDE_AFTER[long]:
        slots.append(Slot((long,)))
        return 1
    if before.short or before.sign in "اى" or _SUKUN in letter.marks or _SUKUN in before.marks:
        return 0
    following = letters[index + 1].sign if index + 1 < len(letters) else ""
    if following and following in "اىة" and not (letter.sign == "و" and index + 2 == len(letters)):
        return 0
    slots.append(Slot((long, _CONSONANTS[letter.sign])))
    if following:
        slots.append(Slot(_ANY, optional=True))
    return 1


def _ending(letter: _Letter) -> list[Slot]:
    """Spell the vowel at a word's end, which a pause may drop."""
    if letter.nunation:
        return [Slot((letter.nunation,), optional=True), Slot(("n",), optional=True)]
    if _SUKUN in letter.marks:
        return []
    return [Slot(_vowel_of(letter), optional=True)]


def _ends_with_a(slots: list[Slot]) -> bool:
    return bool(slots) and slots[-1].choices == ("a",) and not slots[-1].optional
