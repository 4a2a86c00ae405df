"""Preston Blair's mouth shapes by rhubarb's names: letters over time, for characters drawn by hand.

    A  closed lips                 m b p                  F  puckered lips              u o w
    B  slightly open, teeth together  most consonants, i  G  lower lip under the teeth  f v
    C  open                        e, ae                  H  tongue behind the teeth    long l
    D  wide open                   a                      X  at rest: nobody speaks
    E  slightly rounded            aw, er

The mouth is compared with each letter every 20 ms; the sequence of letters that fits best is then found with a price on
every change and no letter shorter than MIN_FRAMES, by the Viterbi algorithm with states (letter, age). It decides
DELAY_FRAMES behind, so a speech of any length runs through in little memory.

Lips and jaw can't show teeth and tongue: G and H come only from phones that somebody gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.motion.basis import MOTION_RATE
from mouthpiece.motion.blendshapes import Readings
from mouthpiece.motion.coarticulation import lay_out
from mouthpiece.motion.phonetics import Part
from mouthpiece.types import FloatArray, Phone

LETTERS = "ABCDEFGHX"
"""The shapes."""
LETTER_RATE = MOTION_RATE
"""Comparisons a second."""
MIN_FRAMES = 3
"""No letter is shorter: 60 ms, a frame and a half of 25 a second."""
DELAY_FRAMES = 50
"""Delay from a moment to the decision of its letter: one second."""
DECIDE_FRAMES = 10
"""Comparisons that are decided at a time."""
CHANGE_COST = 1.6
"""Price of a change, in the unit of the distances below (a squared standard deviation)."""
AWAKE = 0.25
"""Activity from which on a mouth speaks."""
LONG_L_S = 0.09
"""Length from which on an l shows its tongue."""
_WRONG_CLOSED = (1.0, 3.0)
"""Price of X while somebody speaks, and of A while nobody does: both are closed lips."""
_CERTAIN, _LIKELY, _USUAL = 12.0, 6.0, 2.0
"""Strengths of hints: of sounds that lips can't miss or can't show; of vowels; of other consonants."""

_OPENINGS = {"A": 0.0, "B": 0.07, "C": 0.11, "D": 0.15, "E": 0.075, "F": 0.035}
"""Opening of each letter, outer eye distances."""
_ROUNDNESS = {"B": 0.03, "C": 0.05, "D": 0.08, "E": 0.25, "F": 0.45}
_OPENING_SPREAD = 0.35
"""Openings are compared by their ratio: so much of a power of e is one unit of distance."""
_OPENING_FLOOR = 0.018
"""Openings below are all about closed."""
_ROUNDNESS_SPREAD = 0.20
_FAR = 60.0
"""Distance of a letter that is out of the question."""


def _changes() -> NDArray[np.float64]:
    """Price changes between letters, (letters, letters); none between rest and closed lips, which look the same."""
    price = np.full((len(LETTERS), len(LETTERS)), CHANGE_COST)
    rest, closed = LETTERS.index("X"), LETTERS.index("A")
    price[rest, closed] = price[closed, rest] = _FAR
    np.fill_diagonal(price, np.inf)
    return price


_CHANGES = _changes()


@dataclass(frozen=True, slots=True)
class Cue:
    """A mouth shape with its time."""

    start_s: float
    end_s: float
    letter: str
    """One of LETTERS."""


@dataclass(frozen=True, slots=True)
class Hint:
    """The letter of a sound, to be preferred whatever the lips' motion."""

    letter: str
    strength: float
    """By how much it makes all other letters farther off."""


def hint_of(part: Part, duration_s: float) -> Hint | None:
    """Choose the hint of a sound.

    Args:
        part: of a phone (both vowels of a diphthong, say).
        duration_s: its length.

    Returns:
        None where the motion decides: in silence and for sounds of the throat.
    """
    if part.closure >= 0.5:
        return Hint("A", _CERTAIN)
    if part.dental_lip >= 0.5:
        return Hint("G", _CERTAIN)
    if part.lateral and part.coronal and duration_s >= LONG_L_S:
        return Hint("H", _CERTAIN)
    if part.vowel:
        return Hint(_letter_of_vowel(part), _LIKELY)
    if part.round >= 0.5:
        return Hint("F", _LIKELY)
    return None if part.guttural or not part.letter else Hint("B", _USUAL)


def _letter_of_vowel(part: Part) -> str:
    if part.round >= 0.5:
        return "F" if part.open <= 0.45 else "E"
    if part.rhotic or part.letter == "ɜ":
        return "E"
    if part.open < 0.3:
        return "B"
    # An open front vowel (bat) counts as less open than one further back (father).
    return "D" if part.open - 0.2 * (1 - part.back) >= 0.75 else "C"


class Hints:
    """The hints of a speech whose phones are known, at times that don't go back."""

    def __init__(self, phones: Sequence[Phone]) -> None:
        line = lay_out(phones)
        self._spans = zip(line.start_s.tolist(), line.end_s.tolist(), line.parts, strict=True)
        self._now = next(self._spans, None)

    def at(self, time_s: float) -> Hint | None:
        """Return the hint of a moment's sound."""
        while self._now is not None and self._now[1] <= time_s:
            self._now = next(self._spans, None)
        if self._now is None or time_s < self._now[0]:
            return None
        start_s, end_s, part = self._now
        return hint_of(part, end_s - start_s)


def distances(readings: Readings, activity: float, hint: Hint | None = None) -> FloatArray:
    """Compute the distance of a mouth from each letter.

    Args:
        readings: of one moment, scalars.
        activity: 0-1, how surely somebody speaks.
        hint: of the moment's phone, where it is known.

    Returns:
        (len(LETTERS),) float32, 0 for a perfect likeness.
    """
    cost = np.full(len(LETTERS), _FAR, dtype=np.float32)
    opening, roundness = max(float(readings.opening), 0.0), float(readings.roundness)
    for letter, usual in _OPENINGS.items():
        ratio = np.log((opening + _OPENING_FLOOR) / (usual + _OPENING_FLOOR)) / _OPENING_SPREAD
        if letter == "D":
            ratio = min(ratio, 0.0)  # wider still is as wide as it gets
        off = (roundness - _ROUNDNESS[letter]) / _ROUNDNESS_SPREAD if letter in _ROUNDNESS else 0.0
        cost[LETTERS.index(letter)] = ratio**2 + off**2
    against_rest, against_closed = _WRONG_CLOSED
    closed = cost[LETTERS.index("A")]
    if activity >= AWAKE:
        cost[LETTERS.index("X")] = closed + against_rest
    else:
        cost[LETTERS.index("X")] = closed
        cost[LETTERS.index("A")] = closed + against_closed
    if hint is not None:
        named = LETTERS.index(hint.letter)
        nearest = 0.0 if hint.strength >= _CERTAIN else float(cost[named])
        cost += np.float32(hint.strength)
        cost[named] = nearest
    return cost


class LetterStream:
    """Viterbi decoding: distances in, every 1 / LETTER_RATE s; cues out, as soon as they can't change any more."""

    def __init__(self) -> None:
        letters, ages = len(LETTERS), MIN_FRAMES
        self._cost = np.full((letters, ages), np.inf, dtype=np.float64)
        """(letter, age - 1): price of the best path there; the last age includes all beyond."""
        self._back: list[NDArray[np.int16]] = []
        """For each undecided comparison, (letter, age - 1): the state before."""
        self._letter: int | None = None
        self._start = 0
        self._decided = 0

    def push(self, cost: FloatArray) -> list[Cue]:
        """Take the next `distances`; return the cues that are finished by now."""
        letters, ages = self._cost.shape
        back = np.arange(letters * ages, dtype=np.int16).reshape(letters, ages)
        new = np.full_like(self._cost, np.inf)
        if not self._decided and not self._back:
            new[LETTERS.index("X"), 0] = 0.0  # Before the first sound there is rest.
        else:
            ripe = self._cost[:, -1]
            came = ripe[:, None] + _CHANGES
            before = came.argmin(axis=0)
            new[:, 0], back[:, 0] = came.min(axis=0), before * ages + ages - 1
            new[:, 1:], back[:, 1:] = self._cost[:, :-1], np.arange(letters * ages).reshape(letters, ages)[:, :-1]
            stays = ripe < new[:, -1]
            new[stays, -1], back[stays, -1] = ripe[stays], np.flatnonzero(stays) * ages + ages - 1
        self._cost = new + cost[:, None]
        self._cost -= self._cost.min()
        self._back.append(back)
        ready = len(self._back) - DELAY_FRAMES
        return self._decide(ready) if ready >= DECIDE_FRAMES else []

    def finish(self, end_s: float) -> list[Cue]:
        """End the speech: return the remaining cues; the last one ends at `end_s`."""
        if np.isfinite(self._cost[:, -1]).any():
            self._cost[:, :-1] = np.inf  # The last letter is no shorter than others.
        cues = self._decide(len(self._back))
        if self._letter is not None and end_s > self._start / LETTER_RATE:
            cues.append(Cue(self._start / LETTER_RATE, end_s, LETTERS[self._letter]))
        return cues

    def _decide(self, count: int) -> list[Cue]:
        """Fix the letters of the oldest `count` comparisons along the best path to now."""
        if count <= 0:
            return []
        state = int(np.argmin(self._cost))
        path = []
        for back in reversed(self._back):
            path.append(state // self._cost.shape[1])
            state = int(back.reshape(-1)[state])
        path.reverse()
        cues = []
        for letter in path[:count]:
            if self._letter is not None and letter != self._letter:
                cues.append(Cue(self._start / LETTER_RATE, self._decided / LETTER_RATE, LETTERS[self._letter]))
                self._start = self._decided
            self._letter = letter
            self._decided += 1
        del self._back[:count]
        return cues
