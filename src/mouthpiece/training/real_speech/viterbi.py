"""Forced alignment: the best way through all that a text allows, given how well each class fits each frame.

    words --slots, pauses between--> best score of every slot's end at every frame --back--> sounds and their frames

Viterbi's search (1967), a slot at a time and all frames at once: a sound of one class is best begun where the score so
far less the class's own is highest, which a running maximum finds. Every class of a sound lasts at least a few frames;
between words there may be silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import InputError
from mouthpiece.training.real_speech.aligned import AlignedPhone
from mouthpiece.training.real_speech.sound_classes import classes_of
from mouthpiece.training.real_speech.spelling import Slot, SpeltWord
from mouthpiece.types import FloatArray

SHORTEST_FRAMES = 3
"""That a sound of one class lasts, and a pause: shorter ones are closures."""
SHORTEST_PART_FRAMES = 2
"""That each class of a sound of several lasts."""

_Scores = NDArray[np.float64]
_PAUSE = Slot(("",), optional=True)
_NO_WORD, _SKIPPED = -1, -1


@dataclass(frozen=True, slots=True)
class _Reached:
    """A slot that was gone through."""

    slot: Slot
    word: int
    """Number of its word; _NO_WORD for a pause."""
    choice: NDArray[np.intp]
    """(T + 1,) the choice that ends best at each frame; _SKIPPED where none is better."""
    begins: tuple[NDArray[np.intp], ...]
    """For each choice, (T + 1,) the frame at which it then begins."""


def force_align(
    scores: FloatArray, words: Sequence[SpeltWord]
) -> tuple[list[AlignedPhone], list[tuple[str, int, int]]]:
    """Align a text.

    Args:
        scores: (T, C) log-likelihood of each class in each frame.
        words: what is said, in order.

    Returns:
        The sounds with times in frames, silence among them, and (text, first sound, sound after the last) of the
        words. Their scores are mean log-likelihoods.

    Raises:
        InputError: there are no words, or they don't fit into so few frames.
    """
    if not words:
        raise InputError("expected words to align, got none")
    places = [(_NO_WORD, _PAUSE)]
    for number, word in enumerate(words):
        places += [*((number, slot) for slot in word.slots), (_NO_WORD, _PAUSE)]
    # (T + 1, C): what the frames before each one sum up to.
    sums: _Scores = np.vstack([np.zeros(scores.shape[1]), np.cumsum(scores, axis=0, dtype=np.float64)])
    best = np.full(len(sums), -np.inf)
    best[0] = 0.0
    way: list[_Reached] = []
    for number, slot in places:
        best, reached = _through(slot, number, best, sums)
        way.append(reached)
    if not np.isfinite(best[-1]):
        raise InputError("the text is too long for the sound")
    return _read_back(way, sums, best, words)


def _through(slot: Slot, word: int, best: _Scores, sums: _Scores) -> tuple[_Scores, _Reached]:
    """Go through a slot: best scores of what ended before each frame, before and after it."""
    ends = [_sound(symbol, best, sums) for symbol in slot.choices]
    totals = np.stack([total for total, _ in ends])
    choice = totals.argmax(axis=0)
    after = totals.max(axis=0)
    if slot.optional:
        choice = np.where(best >= after, _SKIPPED, choice)
        after = np.maximum(best, after)
    return after, _Reached(slot, word, choice, tuple(begins for _, begins in ends))


def _sound(symbol: str, best: _Scores, sums: _Scores) -> tuple[_Scores, NDArray[np.intp]]:
    """Add one sound: best scores of its ends, and the frames where it then begins."""
    parts = classes_of(symbol)
    least = SHORTEST_FRAMES if len(parts) == 1 else SHORTEST_PART_FRAMES
    frames = np.arange(len(best))
    begins = frames
    for part in parts:
        own = sums[:, part]
        gained = best - own
        highest = np.maximum.accumulate(gained)
        at = np.maximum.accumulate(np.where(gained >= highest, frames, 0))
        best = np.full(len(own), -np.inf)
        best[least:] = own[least:] + highest[:-least]
        from_frame = np.zeros(len(own), dtype=np.intp)
        from_frame[least:] = at[:-least]
        begins = begins[from_frame]
    return best, begins


def _read_back(
    way: Sequence[_Reached], sums: _Scores, best: _Scores, words: Sequence[SpeltWord]
) -> tuple[list[AlignedPhone], list[tuple[str, int, int]]]:
    """Follow the best way from its end to its beginning."""
    taken: list[tuple[str, int, int, int]] = []
    end = len(best) - 1
    for reached in reversed(way):
        choice = int(reached.choice[end])
        if choice == _SKIPPED:
            continue
        begin = int(reached.begins[choice][end])
        taken.append((reached.slot.choices[choice], reached.word, begin, end))
        end = begin
    sounds: list[AlignedPhone] = []
    spoken: list[tuple[str, int, int]] = []
    last_word = _NO_WORD
    for symbol, word, begin, end in reversed(taken):
        if word != _NO_WORD:
            first = len(sounds) if word != last_word else spoken.pop()[1]
            spoken.append((words[word].text, first, len(sounds) + 1))
            last_word = word
        sounds.append(AlignedPhone(symbol, float(begin), float(end), _score(symbol, begin, end, sums)))
    return sounds, spoken


def _score(symbol: str, begin: int, end: int, sums: _Scores) -> float:
    """Return the mean log-likelihood of a sound's frames, divided best among its classes."""
    before = np.full(end - begin + 1, -np.inf)
    before[0] = 0.0
    total, _ = _sound(symbol, before, sums[begin : end + 1] - sums[begin])
    return float(total[-1]) / (end - begin)
