"""From a motion network's predictions to a speaking mouth's motion: stillness, range and closure.

A network predicts the mean of possible mouths: too small, never quite closed, and never quite still. Shaping adds

- stillness: a gate lets the mouth move where network and voice activity agree that somebody speaks; a moment before
  speech (and after it) lips may part a little, as people's do, never further than PARTING; in pauses they rest;
- range: openings between the low and the high end of the network's own predictions in this speech are spread over the
  average speaker's range, closed at the low end. Both ends are followed slowly and only while somebody speaks. Corners
  that go apart and lips that round have ranges of their own;
- closure: where the network is sure that lips touch (m, b, p), they touch.

Everything is decided frame by frame from the frames before it and at most `hold` frames after it; files and live speech
run the same code with another hold.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp, log, tanh

import numpy as np

from mouthpiece.dsp import ramp
from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import HIGH_SHARE, LOW_SHARE, MotionBasis, OpeningRange, WidthRange
from mouthpiece.types import FloatArray

LIVELY_OPENING = 0.125
"""Opening at the high end of the range at intensity 1, outer eye distances: the average speaker (of those measured,
docs/playing.md) opens further in a frame in ten of speech."""
LIVELY_WIDTHS = WidthRange(-0.058, -0.030, -0.005)
"""The average speaker's widths in speech, outer eye distances more than at rest."""
WIDTH_SHARE = 0.4
"""How much of the (logarithm of the) difference between a network's widths and the average speaker's is made up for: it
knows widths less well than openings, and its errors would be spread along."""
NARROWEST, WIDEST = -0.16, 0.10
"""Widths that no intensity exceeds."""
FULL_OPENING = 0.22
"""Opening up to which intensity acts in full."""
MAX_OPENING = 0.32
"""Opening that no intensity exceeds."""
PARTING = 0.008
"""Opening that lips don't exceed while the gate is shut: less than a visibly open mouth."""
MAX_INTENSITY = 4.0
HOLD_FRAMES = 15
"""Motion frames that a file's motion is held back, so that speech is known 0.3 s before it comes; none live."""

# The gate, motion frames (20 ms) for the whole way.
_ATTACK_FRAMES = 4
_RELEASE_FRAMES = 8
_PARTING_FRAMES = 6
_VOICE_BEFORE, _VOICE_AFTER = 6, 8
"""Voice activity so many motion frames before and after counts for a frame."""
_LINGER_FRAMES = 4
"""Lips may stay parted so long after speech."""
_SURE = (0.5, 0.9)
"""The network's activity that counts as none and as full."""
_HINT = (0.05, 0.30)
"""The network's activity at which lips begin to part, and are parted, where no hold shows whether speech comes."""
_CLOSED = (0.55, 0.80)
"""The network's closure from which, and at which fully, lips are pulled together."""
_CLOSING_FRAMES, _LEAVING_FRAMES = 2, 3
"""How fast lips come together and part again, motion frames for the whole way."""


@dataclass(frozen=True, slots=True)
class MotionPrediction:
    """One motion frame as the network predicts it."""

    coefficients: FloatArray
    """(K,)."""
    activity: float
    """0-1: how surely somebody speaks, by the network."""
    closure: float
    """0-1: how surely the lips touch."""
    voice: float
    """0-1: the speech stream's voice activity, here and as far ahead as speech has arrived."""


@dataclass(frozen=True, slots=True)
class MotionFrame:
    """One motion frame, ready for use."""

    coefficients: FloatArray
    """(K,)."""
    activity: float
    """0-1: how far the gate is open."""
    closed: float
    """0-1: how far the lips are held together, as in m, b and p."""


class RunningRange:
    """Low and high end of the openings predicted in speech: a histogram that forgets, with a prior."""

    _BINS, _TOP = 100, 0.30
    _PRIOR_FRAMES = 800.0
    """How much speech the prior counts for: 16 s."""
    _MEMORY_FRAMES = 4000.0
    """Speech further back than 80 s fades away."""
    _EVERY = 10
    """Frames between two readings."""
    _SHARE = 0.7
    """How much of a recording's difference from the prior is taken out; the rest stays: some speak more livelily."""
    _LOW_BOUNDS, _HIGH_BOUNDS = (0.4, 2.0), (0.65, 1.5)
    """How far the ends may leave the prior's, as factors."""

    def __init__(self, opening_range: OpeningRange) -> None:
        self._prior = opening_range
        self._counts = self._PRIOR_FRAMES * _lognormal_shares(opening_range, self._edges())
        self._unread = 0
        self._at_first = self._ends()
        """The ends before any speech: about the prior's, but for the bins' width."""
        self.low, self.high = opening_range.low, opening_range.high

    @classmethod
    def _edges(cls) -> np.ndarray:
        return np.linspace(0.0, cls._TOP, cls._BINS + 1)

    def push(self, opening: float) -> None:
        """Take the opening of one frame of speech."""
        self._counts *= 1 - 1 / self._MEMORY_FRAMES
        self._counts[min(int(max(opening, 0.0) / self._TOP * self._BINS), self._BINS - 1)] += 1
        self._unread += 1
        if self._unread >= self._EVERY:
            self._unread = 0
            self._read()

    def _read(self) -> None:
        low, high = (self._ends() / self._at_first) ** self._SHARE
        self.low = self._prior.low * float(np.clip(low, *self._LOW_BOUNDS))
        self.high = self._prior.high * float(np.clip(high, *self._HIGH_BOUNDS))

    def _ends(self) -> np.ndarray:
        """Return the openings with LOW_SHARE and HIGH_SHARE of the counts below them, (2,)."""
        below = np.concatenate([[0.0], np.cumsum(self._counts)])
        return np.asarray(np.interp(np.array([LOW_SHARE, HIGH_SHARE]) * below[-1], below, self._edges()))


def _lognormal_shares(opening_range: OpeningRange, edges: np.ndarray) -> np.ndarray:
    """Return the shares of openings between edges, of a log-normal distribution with these ends; they add up to 1."""
    quantile = 1.2816  # of the standard normal distribution at HIGH_SHARE
    low, high = log(opening_range.low), log(opening_range.high)
    middle, spread = (low + high) / 2, (high - low) / (2 * quantile)
    position = (np.log(np.maximum(edges, 1e-9)) - middle) / spread
    # The logistic curve is close enough to the normal distribution's, and its ends are made exact.
    rate = log(HIGH_SHARE / LOW_SHARE) / (2 * quantile)
    below = 1 / (1 + np.exp(-2 * rate * position))
    shares = np.diff(below)
    return np.asarray(shares / shares.sum())


class _Slew:
    """A level that follows a wanted one at limited speed, smooth at both ends of its way."""

    def __init__(self, up_frames: int, down_frames: int) -> None:
        self._up, self._down = 1 / up_frames, 1 / down_frames
        self._level = 0.0

    def follow(self, wanted: float) -> float:
        """Go one frame on towards a level; 0-1."""
        self._level = min(max(wanted, self._level - self._down), self._level + self._up)
        return self._level * self._level * (3 - 2 * self._level)


class MotionShaper:
    """Shaping of one speech: predictions in, one motion frame after the other; shaped frames out, `hold` later."""

    def __init__(
        self,
        basis: MotionBasis,
        *,
        intensity: float = 1.0,
        hold: int = HOLD_FRAMES,
        opening_range: OpeningRange | None = None,
        width_range: WidthRange | None = None,
        closure: bool = True,
        gate: bool = True,
    ) -> None:
        """Start at the beginning of a speech.

        Args:
            basis: the motion space.
            intensity: how far the mouth moves; 1 is lively, 0 keeps it at rest. At most MAX_INTENSITY.
            hold: frames to know after the one that is shaped.
            opening_range: the network's openings in speech of all kinds.
            width_range: its widths.
            closure: pull the lips together where the network is sure that they touch.
            gate: keep the mouth at rest where nobody speaks, and spread its range; off only to measure the bare
                network.

        Raises:
            OptionError: the intensity is out of range.
        """
        if not 0 <= intensity <= MAX_INTENSITY:
            raise OptionError(f"intensity expects a number from 0 to {MAX_INTENSITY:g}, got {intensity}")
        self._basis = basis
        self._intensity = intensity
        self._hold = hold
        self._closure = closure
        self._gate = gate
        self._readings = np.stack([basis.opening_weights, basis.width_weights], axis=1)
        """(K, 2): coefficients to opening and width."""
        self._directions = basis.shape_directions
        self._widths = width_range or WidthRange()
        self._around: deque[MotionPrediction] = deque(maxlen=_BEFORE + 1 + hold)
        """Predictions around the frame to be shaped next, which is the one `hold` from the end."""
        self._waiting = 0
        self._range = RunningRange(opening_range or OpeningRange())
        self._speaking = _Slew(_ATTACK_FRAMES, _RELEASE_FRAMES)
        self._parting = _Slew(_PARTING_FRAMES, _RELEASE_FRAMES)
        self._closing = _Slew(_CLOSING_FRAMES, _LEAVING_FRAMES)

    def push(self, prediction: MotionPrediction) -> MotionFrame | None:
        """Take the next prediction; return the frame `hold` before it, once there is one."""
        self._around.append(prediction)
        if self._waiting < self._hold:
            self._waiting += 1
            return None
        return self._shape(list(self._around))

    def _shape(self, around: list[MotionPrediction]) -> MotionFrame:
        now = len(around) - 1 - self._hold
        coefficients = self._basis.clamp(around[now].coefficients)
        if not self._gate:
            return MotionFrame(coefficients * np.float32(self._intensity), 1.0, 0.0)
        read = coefficients @ self._readings
        opening = max(float(read[0]), 0.0)
        speaking, moving = self._gates(around, now)
        if speaking > 0.5:
            self._range.push(opening)
        closed = self._closed(around, now) * speaking
        open_wide = self._spread(opening)
        parted = speaking * open_wide + (1 - speaking) * moving * _bounded(open_wide, PARTING)
        shaped = coefficients * np.float32(moving * self._intensity * LIVELY_OPENING / self._range.high)
        return MotionFrame(
            self._formed(shaped, parted * (1 - closed), moving * self._width(float(read[1]))), speaking, closed
        )

    def _gates(self, around: list[MotionPrediction], now: int) -> tuple[float, float]:
        """Decide how far the mouth may speak, and how far it may move at all; 0-1, the second not below the first."""
        first = max(now - _VOICE_BEFORE, 0)
        voice = max(one.voice for one in around[first : now + _VOICE_AFTER + 1])
        speaking = self._speaking.follow(ramp(around[now].activity, *_SURE) * voice)
        near = around[max(now - _LINGER_FRAMES, 0) :]
        activity = max(one.activity for one in near)
        coming = ramp(activity, *_SURE) * max(voice, *(one.voice for one in near))
        if self._hold < HOLD_FRAMES:
            coming = max(coming, ramp(activity, *_HINT))
        return speaking, max(self._parting.follow(coming), speaking)

    def _closed(self, around: list[MotionPrediction], now: int) -> float:
        """Decide how far the lips are pulled together; a frame early where known, and long enough to be seen."""
        if not self._closure:
            return 0.0
        sure = max(one.closure for one in around[max(now - 1, 0) : now + 2])
        return self._closing.follow(ramp(sure, *_CLOSED))

    def _spread(self, opening: float) -> float:
        """Spread the network's opening over a lively mouth's range."""
        low, high = self._range.low, self._range.high
        return _soft_limit(self._intensity * LIVELY_OPENING * _above(opening, low) / _above(high, low))

    def _width(self, width: float) -> float:
        """Bring the network's width towards the average speaker's range: what is narrower than its middle and what is
        wider, each by its own factor."""
        own, lively = self._widths, LIVELY_WIDTHS
        if width < own.middle:
            factor = (lively.middle - lively.narrow) / (own.middle - own.narrow)
        else:
            factor = (lively.wide - lively.middle) / (own.wide - own.middle)
        wanted = lively.middle + (width - own.middle) * factor**WIDTH_SHARE
        return float(min(max(self._intensity * wanted, NARROWEST), WIDEST))

    def _formed(self, coefficients: FloatArray, opening: float, width: float) -> FloatArray:
        """Open and widen the same mouth as far as wanted."""
        lacking = np.array([opening, width], dtype=np.float32) - coefficients @ self._readings
        return (coefficients + lacking @ self._directions).astype(np.float32)


_BEFORE = max(_VOICE_BEFORE, _LINGER_FRAMES, 1)
"""Frames before the shaped one that matter."""


def _above(opening: float, floor: float) -> float:
    """Return the part of an opening above a floor, with a soft knee: 0 and flat at 0, opening - floor far above it."""
    return opening - floor * (1 - exp(-opening / floor))


def _bounded(opening: float, bound: float) -> float:
    """Keep an opening below a bound: itself where it is small, hardly bent before it gets there."""
    return float(opening / (1 + (opening / bound) ** 4) ** 0.25)


def _soft_limit(opening: float) -> float:
    """Bend openings beyond FULL_OPENING towards MAX_OPENING."""
    room = MAX_OPENING - FULL_OPENING
    beyond = opening - FULL_OPENING
    return opening if beyond <= 0 else FULL_OPENING + room * tanh(beyond / room)
