"""Whether a mouth articulates: what every speaker's mouth does on a sound, whoever they are.

words and phones with their times --spoken_parts--> parts --score_articulation--> closures, rounding, vowels, f and v

A correlation with one person's recording can't tell: people who say the same word move differently. All lips meet on m,
b and p.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.agreement import area_under_curve, correlation
from mouthpiece.evaluation.mouths import Mouth
from mouthpiece.motion.phonetics import Part, parse
from mouthpiece.types import FloatArray, Phone, SpokenWord

TOUCHING = 0.01
"""An opening below this, outer eye distances, is read as lips that touch: amid those that surely do and surely don't
(`mouthpiece.datasets.rig`)."""
WITHIN_S = 0.04
"""Lips may meet so much before a closure's sound begins, and after it ends."""
APART_S = 0.08
"""Sounds nearer to a closure than this may share it."""
ROUNDED, SPREAD = 0.7, 0.6
"""Degrees from which on a part counts as rounded, or spread."""
EPSILON_S = 1e-6
"""Times that differ by less are the same."""
FULL_VOWEL_S = 0.08
"""Vowels shorter than this are reduced: their openness doesn't show."""


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """One target of a speech sound (a diphthong has two) and when it is said."""

    part: Part
    symbol: str
    """The sound that it is part of."""
    sound: int
    """Number of that sound in the utterance."""
    start_s: float
    end_s: float
    initial: bool
    """Whether the sound begins a word."""

    @property
    def rounded(self) -> bool:
        """Whether lips are rounded: w, u, o, sh."""
        return max(self.part.round, self.part.hushing) >= ROUNDED

    @property
    def is_spread(self) -> bool:
        """Whether corners are drawn apart: i, e, s."""
        return not self.rounded and max(self.part.spread, self.part.hissing) >= SPREAD

    @property
    def closes(self) -> bool:
        """Whether lips touch: m, b, p."""
        return self.part.closure >= ROUNDED

    @property
    def bites(self) -> bool:
        """Whether the lower lip meets the upper teeth: f, v."""
        return self.part.dental_lip >= ROUNDED


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clip's mouth and what it says."""

    times_s: NDArray[np.float64]
    """(T,)"""
    mouth: Mouth
    parts: tuple[SpokenPart, ...]

    def seen_between(self, start_s: float, end_s: float) -> NDArray[np.bool_]:
        """Return the frames of a stretch of time in which the mouth was seen, (T,)."""
        return self.mouth.seen & (self.times_s > start_s - EPSILON_S) & (self.times_s < end_s + EPSILON_S)

    def during(self, start_s: float, end_s: float) -> NDArray[np.bool_]:
        """Return the same of the frames of a sound: the one nearest to its middle where it has none, (T,)."""
        inside = (self.times_s > start_s - EPSILON_S) & (self.times_s < end_s - EPSILON_S)
        if not inside.any():
            inside[int(np.abs(self.times_s - (start_s + end_s) / 2).argmin())] = True
        return self.mouth.seen & inside

    def frame_at(self, time_s: float) -> int | None:
        """Return the number of the frame nearest to a moment; None where the mouth was not seen in it."""
        nearest = int(np.abs(self.times_s - time_s).argmin())
        return nearest if self.mouth.seen[nearest] else None


@dataclass(frozen=True, slots=True)
class ArticulationScore:
    """How a mouth articulates, over all clips. NaN where they lack the sounds."""

    closures_met: float
    """Share of m, b, p whose lips touch within WITHIN_S of the sound."""
    initial_closures_met: float
    """The same of those that begin words."""
    wrong_touches: float
    """Share of other sounds, but f and v and a closure's neighbours, in whose middle the lips touch."""
    rounding_auc: float
    """Chance that lips are rounder on a rounded sound than on a spread one."""
    rounding_contrast: float
    """How much rounder they are in the mean, outer eye distances."""
    vowel_order: float
    """Spearman's rank correlation of the jaw's lowest places in full vowels with the openness of phonetics."""
    lip_teeth_auc: float
    """Chance that the lower lip is higher on f and v than on other consonants but m, b and p."""
    closures: int = 0
    """How many m, b and p there were."""


def spoken_parts(phones: Sequence[Phone], words: Sequence[SpokenWord]) -> tuple[SpokenPart, ...]:
    """Return the targets of speech sounds in order, silences left out; those of one sound share its time."""
    starts = {round(word.start_s, 3) for word in words}
    found = []
    for sound, phone in enumerate(phones):
        parts = [part for part in parse(phone.symbol) if part.letter]
        weight = sum(part.weight for part in parts)
        at_s = phone.start_s
        for number, part in enumerate(parts):
            end_s = at_s + (phone.end_s - phone.start_s) * part.weight / weight
            initial = number == 0 and round(phone.start_s, 3) in starts
            found.append(SpokenPart(part, phone.symbol, sound, at_s, end_s, initial))
            at_s = end_s
    return tuple(found)


def score_articulation(utterances: Sequence[Utterance]) -> ArticulationScore:
    """Score mouths by the sounds that they say; sounds during which the mouth was not seen don't count."""
    closures = [found for one in utterances for found in _closures(one)]
    everywhere = [found for one in utterances for found in _readings(one)]
    rounding = np.array([r.rounding for r in everywhere], dtype=np.float32)
    rounded = np.array([r.part.rounded for r in everywhere], dtype=bool)
    judged = rounded | np.array([r.part.is_spread for r in everywhere], dtype=bool)
    lower_lip = np.array([r.lower_lip for r in everywhere], dtype=np.float32)
    bites = np.array([r.part.bites for r in everywhere], dtype=bool)
    consonant = np.array([not (r.part.part.vowel or r.part.closes) for r in everywhere], dtype=bool)
    return ArticulationScore(
        closures_met=_mean([touched for _, touched in closures]),
        initial_closures_met=_mean([touched for part, touched in closures if part.initial]),
        wrong_touches=_mean([touched for one in utterances for touched in _touches_elsewhere(one)]),
        rounding_auc=area_under_curve(rounding[judged], rounded[judged]),
        rounding_contrast=_mean(rounding[rounded]) - _mean(rounding[judged & ~rounded]),
        vowel_order=_vowel_order(utterances),
        lip_teeth_auc=area_under_curve(-lower_lip[consonant], bites[consonant]),
        closures=len(closures),
    )


def _closures(one: Utterance) -> Iterator[tuple[SpokenPart, bool]]:
    """Yield each m, b and p, and whether the lips touch near it."""
    for part in one.parts:
        if part.closes:
            near = one.seen_between(part.start_s - WITHIN_S, part.end_s + WITHIN_S)
            if near.any():
                yield part, bool(one.mouth.opening[near].min() < TOUCHING)


def _touches_elsewhere(one: Utterance) -> Iterator[bool]:
    """Yield of each sound that touches no lips whether they touch in its middle."""
    lips = [part for part in one.parts if part.closes or part.bites]
    for part in one.parts:
        near = any(part.start_s < lip.end_s + APART_S and lip.start_s - APART_S < part.end_s for lip in lips)
        middle = one.frame_at((part.start_s + part.end_s) / 2)
        if not near and middle is not None:
            yield bool(one.mouth.opening[middle] < TOUCHING)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read of a mouth while it says a part."""

    part: SpokenPart
    rounding: float
    lower_lip: float


def _readings(one: Utterance) -> Iterator[_Reading]:
    """Read the mouth during each part: the mean over its frames, or the frame of its middle if it has none."""
    rounding, lower_lip = one.mouth.rounding, one.mouth.lower_lip
    for part in one.parts:
        during = one.during(part.start_s, part.end_s)
        if during.any():
            yield _Reading(part, float(rounding[during].mean()), float(lower_lip[during].mean()))


def _vowel_order(utterances: Sequence[Utterance]) -> float:
    """Correlate the ranks of vowels' jaws and of their openness; a diphthong counts as its more open part.

    (Lips are farther apart on a spread i than on an open, weak a; the jaw alone goes by a vowel's height.)
    """
    openness, lowest = [], []
    for one in utterances:
        jaw = one.mouth.jaw
        for symbol, start_s, end_s in _vowels(one.parts):
            during = one.during(start_s, end_s)
            if end_s - start_s > FULL_VOWEL_S - EPSILON_S and during.any():
                openness.append(max(part.open for part in parse(symbol)))
                lowest.append(float(jaw[during].max()))
    return correlation(_ranks(openness), _ranks(lowest))


def _vowels(parts: Sequence[SpokenPart]) -> Iterator[tuple[str, float, float]]:
    """Yield (symbol, start_s, end_s) of each sound that begins with a vowel."""
    for symbol, group in groupby(parts, key=lambda part: (part.symbol, part.sound)):
        sound = list(group)
        if sound[0].part.vowel:
            yield symbol[0], sound[0].start_s, sound[-1].end_s


def _ranks(values: Sequence[float]) -> FloatArray:
    """Rank values from 1 up; equals share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse], dtype=np.float32)


def _mean(values: Sequence[float] | FloatArray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
