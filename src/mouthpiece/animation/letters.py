"""Preston Blair's mouth shapes as rhubarb names them: letters over time, for characters drawn by hand.

    A  closed lips                 m b p                  F  puckered lips              u o w
    B  slightly open, teeth together  most consonants, i  G  lower lip under the teeth  f v
    C  open                        e, ae                  H  tongue behind the teeth    long l
    D  wide open                   a                      X  at rest: nobody speaks
    E  slightly rounded            aw, er

What the mouth does every 20 ms is compared with what each letter looks like; the sequence of letters that fits best is
then found with a price on every change and no letter shorter than MIN_FRAMES, by the Viterbi algorithm with states
(letter, age). It decides DELAY_FRAMES behind, so a speech of any length runs through in little memory.

Lips and jaw can't show teeth and tongue: G and H come only from phones that somebody gave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.animation.blendshapes import Readings
from mouthpiece.engines.mesh.motion import MOTION_RATE
from mouthpiece.types import FloatArray

LETTERS = "ABCDEFGHX"
"""The shapes."""
LETTER_RATE = MOTION_RATE
"""Looks a second."""
MIN_FRAMES = 3
"""No letter is shorter: 60 ms, a frame and a half of 25 a second."""
DELAY_FRAMES = 50
"""How much later than a moment its letter is decided: one second."""
DECIDE_FRAMES = 10
"""Looks that are decided at a time."""
CHANGE_COST = 1.6
"""Price of a change, in the unit of the distances below (a squared standard deviation)."""
AWAKE = 0.25
"""Activity from which on a mouth speaks."""
LONG_L_S = 0.09
"""Length from which on an l shows its tongue."""
STILL_OPENING = 0.006
"""Opening up to which a mouth looks closed, outer eye distances."""
_WRONG_CLOSED = 3.0
"""What keeps a closed mouth at rest (X) and one that speaks (A) apart."""

_OPENINGS = {"A": 0.0, "B": 0.030, "C": 0.068, "D": 0.120, "E": 0.060, "F": 0.028}
"""How far open each letter is, outer eye distances."""
_ROUNDNESS = {"A": 0.0, "B": 0.05, "C": 0.05, "D": 0.05, "E": 0.45, "F": 0.60}
_OPENING_SPREAD = 0.35
"""Openings are told apart by their ratio: so much of a power of e is one unit of distance."""
_OPENING_FLOOR = 0.012
"""Openings below are all about closed."""
_ROUNDNESS_SPREAD = 0.20
_FAR = 60.0
"""Distance of a letter that is out of the question."""
_SAID = 12.0
"""How much nearer a letter comes that a phone asks for."""

_LIPS_CLOSED = frozenset("mbpɓʙʘ")
_LIP_UNDER_TEETH = frozenset("fvɱⱱ")
_LATERAL = frozenset("lɫɭɬɮʎʟɺ")


@dataclass(frozen=True, slots=True)
class Cue:
    """A mouth shape and how long it is shown."""

    start_s: float
    end_s: float
    letter: str
    """One of LETTERS."""


def letter_of_phone(symbol: str, duration_s: float) -> str | None:
    """The letter that a sound asks for whatever the lips' motion says; None for most sounds.

    Args:
        symbol: IPA.
        duration_s: its length.
    """
    base = symbol[:1]
    if base in _LIPS_CLOSED and base:
        return "A"
    if base in _LIP_UNDER_TEETH and base:
        return "G"
    return "H" if base in _LATERAL and base and duration_s >= LONG_L_S else None


def distances(readings: Readings, activity: FloatArray, said: str | None = None) -> FloatArray:
    """How far a mouth is from looking like each letter.

    Args:
        readings: of one moment, scalars.
        activity: () 0-1, how surely somebody speaks.
        said: a letter that the phone of the moment asks for.

    Returns:
        (len(LETTERS),) float32, 0 for a perfect likeness.
    """
    cost = np.full(len(LETTERS), _FAR, dtype=np.float32)
    opening, awake = max(float(readings.opening), 0.0), float(activity) >= AWAKE
    for letter, usual in _OPENINGS.items():
        ratio = np.log((opening + _OPENING_FLOOR) / (usual + _OPENING_FLOOR)) / _OPENING_SPREAD
        if letter == "D":
            ratio = min(ratio, 0.0)  # wider still is as wide as it gets
        round_off = (float(readings.roundness) - _ROUNDNESS[letter]) / _ROUNDNESS_SPREAD
        cost[LETTERS.index(letter)] = ratio**2 + (0.0 if letter == "A" else round_off**2)
    cost[LETTERS.index("X")] = cost[LETTERS.index("A")]
    cost[LETTERS.index("X" if awake else "A")] += _WRONG_CLOSED
    if said is not None:
        cost[LETTERS.index(said)] = max(float(cost[LETTERS.index(said)]) - _FAR, 0.0)
        cost += _SAID
        cost[LETTERS.index(said)] -= _SAID
    return cost


class LetterStream:
    """Looks in, one every 1 / LETTER_RATE s; cues out, as soon as they can't change any more."""

    def __init__(self) -> None:
        letters, ages = len(LETTERS), MIN_FRAMES
        self._cost = np.full((letters, ages), np.inf, dtype=np.float64)
        """(letter, age - 1): price of the best way there; the last age stands for it and all beyond."""
        self._cost[LETTERS.index("X"), -1] = 0.0
        self._back: list[NDArray[np.int16]] = []
        """For each undecided look, (letter, age - 1): the state before."""
        self._letter: int | None = None
        self._start = 0
        self._decided = 0

    def push(self, cost: FloatArray) -> list[Cue]:
        """Take the next look's `distances`; the cues that are finished by now."""
        letters, ages = self._cost.shape
        new = np.full_like(self._cost, np.inf)
        back = np.zeros((letters, ages), dtype=np.int16)
        ripe = self._cost[:, -1]
        best = int(np.argmin(ripe))
        second = int(np.argmin(np.where(np.arange(letters) == best, np.inf, ripe)))
        came = np.where(np.arange(letters) == best, second, best)
        new[:, 0] = ripe[came] + CHANGE_COST
        back[:, 0] = came * ages + ages - 1
        for age in range(1, ages):
            new[:, age] = self._cost[:, age - 1]
            back[:, age] = np.arange(letters) * ages + age - 1
        stays = ripe < new[:, -1]
        new[stays, -1] = ripe[stays]
        back[stays, -1] = np.flatnonzero(stays) * ages + ages - 1
        if not self._decided and not self._back:
            # Before the first sound there is rest.
            cost = np.where(np.arange(letters) == LETTERS.index("X"), 0, 1e6).astype(np.float32)
        self._cost = new + cost[:, None]
        self._cost -= self._cost.min()
        self._back.append(back)
        ready = len(self._back) - DELAY_FRAMES
        return self._decide(ready) if ready >= DECIDE_FRAMES else []

    def finish(self, end_s: float) -> list[Cue]:
        """The speech is over: the remaining cues; the last one ends at `end_s`."""
        cues = self._decide(len(self._back))
        if self._letter is not None and end_s > self._start / LETTER_RATE:
            cues.append(Cue(self._start / LETTER_RATE, end_s, LETTERS[self._letter]))
        return cues

    def _decide(self, count: int) -> list[Cue]:
        """Fix the letters of the oldest `count` looks along the best way to now."""
        if count <= 0:
            return []
        state = int(np.argmin(self._cost))
        way = []
        for back in reversed(self._back):
            way.append(state // self._cost.shape[1])
            state = int(back.reshape(-1)[state])
        way.reverse()
        cues = []
        for letter in way[:count]:
            if self._letter is not None and letter != self._letter:
                cues.append(Cue(self._start / LETTER_RATE, self._decided / LETTER_RATE, LETTERS[self._letter]))
                self._start = self._decided
            self._letter = letter
            self._decided += 1
        del self._back[:count]
        return cues
