"""Coarticulation: from phones with times to the motion of a mouth, for `--phones` and to train motion networks with.

    phones --phonetics.parse--> parts --targets, dominance--> blended targets --rest, closure--> motion

Each part of a phone has a target in the motion space and, for every direction of that space, a dominance, which fades
with the distance in time from the part itself. The motion is the mean of the targets, weighted by dominance at each
moment (Cohen & Massaro, "Modeling coarticulation in synthetic visual speech", 1993, after Löfqvist's dominance
functions): a lip closure dominates the opening and leaves the width to its vowel, a t dominates next to nothing, a
short vowel falls short of its target. Targets and dominances are linear in features that phones share
(phonetics.FEATURES), plus a part of their own where the training speech had the phone; so every phone of every language
has them. They are fitted on measured faces by `mouthpiece train teacher`.

Two constraints stand above the fit: lips touch in m b p, and the mouth rests where nobody speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mouthpiece.errors import OptionError, WeightsError
from mouthpiece.motion.basis import MOTION_RATE, MotionBasis
from mouthpiece.motion.phonetics import FEATURES, Part, features, parse
from mouthpiece.types import FloatArray, Phone

WEIGHTS = Path(__file__).with_name("weights") / "coarticulation.npz"
"""The shipped weights."""

NEIGHBOURS = 5
"""Parts to either side of a moment's own that may act on it."""
CORE = 0.3
"""Share of a part, in its middle, over which its dominance is full."""
SILENT_MARGIN_S = 0.1
"""A silence is full up to so long before its ends: mouths prepare for the next sound."""
ENDLESS_S = 1e6
SHORTEST_S = 0.01
"""Parts that are shorter count as this long."""
LEAST_FADING = 8.0
"""Dominance fades at least so fast, 1/s: no sound acts on another that is half a second away."""
CARE = 1.7
"""Effort that counts as 1. Fits melt sounds into each other more than speakers do, since phones' times are never exact;
this gives the spread back and costs no agreement with the measured faces."""
_FADED = 30.0
"""Exponent beyond which dominance is nothing."""

ATTACK_S = (0.16, 0.04)
"""Before its first sound the mouth leaves its rest, and fully follows the sound: seconds before."""
RELEASE_S = (0.14, 0.02)
"""After its last sound the mouth is back at rest, and starts to go there: seconds after."""
CLOSING_S = 0.045
"""Time in which lips that must touch come together, and apart."""
CLOSED_MARGIN_S = 0.012
"""Lips touch from this long after a closure's start to this long before its end."""
PRESSED = 0.004
"""How far beyond touching the lips go in a closure (canonical units), so that they touch on any face."""

_BLOCK = 20_000
"""Motion frames worked on at a time."""


@dataclass(frozen=True, slots=True)
class Articulation:
    """Size and care of articulation."""

    gain: float = 1.0
    """Size of all motion; 1 is as measured."""
    effort: float = 1.0
    """How carefully targets are reached: above 1 parts dominate more, below 1 they melt into each other."""


@dataclass(frozen=True, slots=True)
class CoarticulatedMotion:
    """Motion of T frames at the rate asked for, frame n at n / rate s."""

    coefficients: FloatArray
    """(T, K) float32, of MotionBasis."""
    closure: FloatArray
    """(T,) float32 0-1: the lips touch."""
    activity: FloatArray
    """(T,) float32 0-1: somebody speaks; from a little before the first sound to a little after the last."""
    opening: FloatArray
    """(T,) float32: distance of the inner lips, outer eye distances; below 0 pressed."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Parts of phones in a row, N of them, with one silence in every pause and an endless one at either end."""

    parts: tuple[Part, ...]
    start_s: np.ndarray
    """(N,)."""
    end_s: np.ndarray
    """(N,)."""
    silent: np.ndarray
    """(N,) bool."""


def lay_out(phones: Sequence[Phone]) -> Timeline:
    """Lay phones out as parts with times of their own.

    Raises:
        OptionError: phones overlap, run backwards or have times that are no numbers.
    """
    parts: list[Part] = []
    edges: list[tuple[float, float]] = []
    silence = parse("")[0]
    now = last = -ENDLESS_S
    for phone in phones:
        start, end = phone.start_s, phone.end_s
        if not (np.isfinite(start) and np.isfinite(end) and start <= end):
            raise OptionError(
                f"phone {phone.symbol!r}: expected its end not before its start, got {start:g} to {end:g} s"
            )
        if start < last - 1e-3:
            raise OptionError(
                f"phone {phone.symbol!r} starts at {start:g} s, before the one before it ends ({last:g} s); "
                "sort the phones"
            )
        last = max(end, last)
        found = parse(phone.symbol)
        if end <= start or found == (silence,):
            # Given or not, silence fills the gaps between the sounds.
            continue
        if start > now + 1e-3:
            parts.append(silence)
            edges.append((now, start))
        now = end
        shares = np.cumsum([0.0, *(part.weight for part in found)])
        bounds = start + (end - start) * shares / shares[-1]
        parts.extend(found)
        edges.extend(pairwise(bounds))
    parts.append(silence)
    edges.append((now, now + ENDLESS_S))
    times = np.array(edges, dtype=np.float64)
    return Timeline(tuple(parts), times[:, 0], times[:, 1], np.array([not part.letter for part in parts]))


@dataclass(frozen=True, slots=True)
class CoarticulationWeights:
    """Fitted targets and dominances. D = K directions of the motion space, F = len(FEATURES)."""

    components: FloatArray
    """(K, P, 3): the motion space that it was fitted in, as of MotionBasis."""
    directions: FloatArray
    """(D, K) orthonormal; coefficients = activations @ directions. The first ones are opening, width, jaw."""
    target: FloatArray
    """(F, D): contribution of each feature to a target."""
    dominance: FloatArray
    """(F, D): contribution of each feature to the logarithm of the dominance."""
    fading: FloatArray
    """(F, 2, D): contribution of each feature to the rate at which dominance fades before (0) and after (1) the part,
    1/s; LEAST_FADING + softplus of the sum."""
    letters: tuple[str, ...]
    """Letters with targets of their own."""
    letter_target: FloatArray
    """(len(letters), D): their difference from their features' target."""

    def targets(self, parts: Sequence[Part]) -> FloatArray:
        """Return the targets of parts, (N, D)."""
        known = {letter: row for row, letter in enumerate(self.letters)}
        rows = np.array([known.get(part.letter, len(self.letters)) for part in parts], dtype=np.intp)
        own = np.concatenate([self.letter_target, np.zeros((1, self.target.shape[1]), dtype=np.float32)])
        return np.asarray(features(list(parts)) @ self.target + own[rows], dtype=np.float32)


def load_weights(path: Path = WEIGHTS) -> CoarticulationWeights:
    """Read weights from a .npz file.

    Raises:
        WeightsError: it is missing, damaged or made for other features.
    """
    if not path.is_file():
        raise WeightsError(f"expected the coarticulation model at {path}, found no file there; reinstall mouthpiece")
    try:
        with np.load(path, allow_pickle=False) as file:
            names = tuple(str(name) for name in file["features"])
            arrays = ("components", "directions", "target", "dominance", "fading", "letter_target")
            weights = CoarticulationWeights(
                **{name: file[name].astype(np.float32) for name in arrays},
                letters=tuple(str(letter) for letter in file["letters"]),
            )
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path.name} is not a coarticulation model ({error}); reinstall mouthpiece") from error
    if names != FEATURES or weights.target.shape[0] != len(FEATURES):
        raise WeightsError(f"{path.name} was made for other phone features; train again or reinstall mouthpiece")
    return weights


def save_weights(weights: CoarticulationWeights, path: Path) -> None:
    """Write weights to a .npz file."""
    arrays: dict[str, Any] = {item.name: np.asarray(getattr(weights, item.name)) for item in fields(weights)}
    np.savez_compressed(path, features=np.array(FEATURES), **arrays)


class CoarticulationModel:
    """Phones in, motion out; deterministic."""

    def __init__(self, weights: CoarticulationWeights, basis: MotionBasis) -> None:
        """Bring the weights into a motion space; displacements stay those of the space of the fit.

        Raises:
            WeightsError: the weights were made for other mesh points.
        """
        self.weights = weights
        self.basis = basis
        self._directions = _in_space(weights, basis)

    @classmethod
    def load(cls, path: Path = WEIGHTS, basis: MotionBasis | None = None) -> CoarticulationModel:
        """Read a model from its file.

        Raises:
            WeightsError: a file is missing or damaged, or they don't belong together.
        """
        return cls(load_weights(path), basis or MotionBasis.load())

    def motion(
        self, phones: Sequence[Phone], count: int, *, rate: float = MOTION_RATE, style: Articulation | None = None
    ) -> CoarticulatedMotion:
        """Compute the motion of a mouth that says these phones.

        Args:
            phones: in order, not overlapping; gaps are silence.
            count: T.
            rate: frames a second; frame n is at n / rate s.
            style: size and care; as measured if not given.

        Raises:
            OptionError: phones are not in order, or the style is out of range.
        """
        style = style or Articulation()
        if not (0 <= style.gain <= 4 and 0.2 <= style.effort <= 5):
            raise OptionError(
                f"expected a gain of 0 to 4 and an effort of 0.2 to 5, got {style.gain:g} and {style.effort:g}"
            )
        line = lay_out(phones)
        time_s = np.arange(count) / rate
        blended = blend(self.weights, line, time_s, CARE * style.effort)
        coefficients = (_smoothed(blended) @ self._directions).astype(np.float32)
        activity = speaking(line, time_s)
        closure = lips_closed(line, time_s)
        coefficients = coefficients * (activity * np.float32(style.gain))[:, None]
        opening = self.basis.opening(coefficients)
        wanted = np.maximum(opening, 0) * (1 - closure) - np.float32(PRESSED) * closure
        coefficients += (wanted - opening)[:, None] * self.basis.opening_direction
        coefficients = self.basis.clamp(coefficients)
        return CoarticulatedMotion(coefficients, closure, activity, self.basis.opening(coefficients))


def _in_space(weights: CoarticulationWeights, basis: MotionBasis) -> FloatArray:
    """Return (D, K), the weights' directions as coefficients of a basis."""
    if weights.components.shape[1:] != basis.components.shape[1:]:
        raise WeightsError(
            f"the coarticulation model moves {weights.components.shape[1]} mesh points, the motion basis "
            f"{basis.components.shape[1]}; train it again"
        )
    if np.array_equal(weights.components, basis.components):
        return weights.directions
    own, other = weights.components.reshape(len(weights.components), -1), basis.components.reshape(basis.size, -1)
    change = np.linalg.lstsq(other.T.astype(np.float64), own.T.astype(np.float64), rcond=None)[0]  # (K, K of own)
    return np.asarray(weights.directions @ change.T, dtype=np.float32)


def blend(weights: CoarticulationWeights, line: Timeline, time_s: np.ndarray, effort: float = 1.0) -> FloatArray:
    """Blend targets by dominance at each moment, (T, D)."""
    rows = features(list(line.parts))
    targets = weights.targets(line.parts)
    dominance = (rows @ weights.dominance) * np.float32(effort)
    fading = LEAST_FADING + np.logaddexp(0, np.tensordot(rows, weights.fading, axes=1)).astype(np.float32)  # (N, 2, D)
    fading *= np.float32(effort)
    blocks = [time_s[first : first + _BLOCK] for first in range(0, len(time_s), _BLOCK)]
    mixed = [_blend_block(line, block, targets, dominance, fading) for block in blocks]
    return np.concatenate(mixed) if mixed else np.zeros((0, targets.shape[1]), dtype=np.float32)


def _blend_block(
    line: Timeline, time_s: np.ndarray, targets: FloatArray, dominance: FloatArray, fading: FloatArray
) -> FloatArray:
    own = np.clip(np.searchsorted(line.end_s, time_s, side="right"), 0, len(line.parts) - 1)
    above = np.zeros((len(time_s), targets.shape[1]), dtype=np.float32)
    below = np.full_like(above, 1e-12)
    for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
        wanted = own + step
        row = np.clip(wanted, 0, len(line.parts) - 1)
        distance, side = core_distance(line, row, time_s)
        exponent = dominance[row] - distance[:, None].astype(np.float32) * fading[row, side]
        weight = np.exp(np.clip(exponent, -_FADED, _FADED)) * (wanted == row)[:, None]
        above += weight * targets[row]
        below += weight
    return above / below


def core_distance(
    line: Timeline, row: np.ndarray, time_s: np.ndarray, silent_margin_s: float | np.ndarray = SILENT_MARGIN_S
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the time between moments and the full core of parts.

    Args:
        line: the parts.
        row: (T,) which of them.
        time_s: (T,) the moments.
        silent_margin_s: how long before their ends silences are full; for all, or (T,).

    Returns:
        (T,) seconds, and (T,) on which side: 0 before the part's middle, 1 after.
    """
    start, end = line.start_s[row], line.end_s[row]
    length = np.maximum(end - start, SHORTEST_S)
    half, middle = length * CORE / 2, (start + end) / 2
    half = np.where(line.silent[row], np.maximum(length / 2 - silent_margin_s, half), half)
    after = time_s > middle
    return np.maximum(np.abs(time_s - middle) - half, 0), after.astype(np.intp)


def _smoothed(values: FloatArray) -> FloatArray:
    """Smooth over three frames: lips have mass."""
    if len(values) < 3:
        return values
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(padded[:-2] * 0.25 + padded[1:-1] * 0.5 + padded[2:] * 0.25, dtype=np.float32)


def speaking(line: Timeline, time_s: np.ndarray) -> FloatArray:
    """Return (T,) 0-1: 1 in sounds, fading to 0 by ATTACK_S before and RELEASE_S after."""
    sounds = np.array([bool(part.letter) for part in line.parts])
    if not sounds.any():
        return np.zeros(len(time_s), dtype=np.float32)
    starts, ends = line.start_s[sounds], line.end_s[sounds]
    coming = np.searchsorted(starts, time_s, side="left")  # the next sound
    until = np.where(coming < len(starts), starts[np.minimum(coming, len(starts) - 1)] - time_s, np.inf)
    since = np.where(coming > 0, time_s - ends[np.maximum(coming - 1, 0)], np.inf)
    return np.maximum(_fade(until, ATTACK_S), _fade(since, RELEASE_S))


def _fade(distance: np.ndarray, ends: tuple[float, float]) -> FloatArray:
    """Return 1 up to the second end, 0 from the first on, smooth between."""
    share = np.clip((ends[0] - distance) / (ends[0] - ends[1]), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def lips_closed(line: Timeline, time_s: np.ndarray) -> FloatArray:
    """Return (T,) 0-1: 1 where lips must touch; every closure that a frame falls into reaches 1 at least once."""
    closed = np.zeros(len(time_s), dtype=np.float32)
    rows = np.flatnonzero([part.closure >= 0.5 for part in line.parts])
    if not len(rows) or len(time_s) < 2:
        return closed
    step = float(time_s[1] - time_s[0])
    middle = (line.start_s[rows] + line.end_s[rows]) / 2
    half = np.maximum((line.end_s[rows] - line.start_s[rows]) / 2 - CLOSED_MARGIN_S, step / 2 + 1e-6)
    reach = int(np.ceil((half.max() + CLOSING_S) / step)) + 1
    centre = np.round((middle - time_s[0]) / step).astype(np.intp)
    for offset in range(-reach, reach + 1):
        frame = centre + offset
        inside = (frame >= 0) & (frame < len(time_s))
        away = np.abs(time_s[frame[inside]] - middle[inside]) - half[inside]
        np.maximum.at(closed, frame[inside], _fade(away, (CLOSING_S, 0.0)))
    return closed
