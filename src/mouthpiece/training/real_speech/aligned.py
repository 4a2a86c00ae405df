"""What an aligner finds: sounds one after the other, how well each fits, and the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mouthpiece.types import SAMPLE_RATE, Phone, SpokenWord

SHORTEST_PAUSE_S = 0.06
"""As for synthetic speech: shorter silence within speech is none."""


@dataclass(frozen=True, slots=True)
class AlignedPhone:
    """A sound in its place."""

    symbol: str
    """IPA; empty for silence."""
    start_s: float
    end_s: float
    score: float
    """Mean log-likelihood of its frames, on the aligner's own scale; the higher the better."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """A recording's sounds, which follow each other without gap from its start to its end."""

    sounds: tuple[AlignedPhone, ...]
    words: tuple[SpokenWord, ...]

    @property
    def phones(self) -> tuple[Phone, ...]:
        """Symbols and times alone."""
        return tuple(Phone(sound.symbol, sound.start_s, sound.end_s) for sound in self.sounds)

    @property
    def score(self) -> float:
        """Mean score of the spoken sounds, each of the same weight."""
        return float(np.mean([sound.score for sound in self.sounds if sound.symbol] or [-np.inf]))

    @classmethod
    def shifted(
        cls, sounds: Sequence[AlignedPhone], words: Sequence[tuple[str, int, int]], by_s: float, count: int
    ) -> Aligned:
        """Make one of sounds that are found a little early.

        Args:
            sounds: in order, without gaps.
            words: (text, first sound, sound after the last).
            by_s: by how much the inner boundaries move.
            count: samples of the recording, which the sounds fill.
        """
        duration_s = count / SAMPLE_RATE
        inner = [min(sound.end_s + by_s, duration_s) for sound in sounds[:-1]]
        spans = list(pairwise([0.0, *inner, duration_s]))
        timed = [
            AlignedPhone(sound.symbol, start_s, end_s, sound.score)
            for sound, (start_s, end_s) in zip(sounds, spans, strict=True)
        ]
        spoken = [SpokenWord(text, timed[first].start_s, timed[end - 1].end_s) for text, first, end in words]
        return cls(_without_gaps(_joined(timed)), tuple(spoken))


def _without_gaps(sounds: tuple[AlignedPhone, ...]) -> tuple[AlignedPhone, ...]:
    """Give inner silences that are too short to be pauses to the sound behind: they are its closure."""
    kept = list(sounds)
    for index in range(len(kept) - 2, 0, -1):
        gap, behind = kept[index], kept[index + 1]
        if not gap.symbol and gap.end_s - gap.start_s < SHORTEST_PAUSE_S:
            kept[index : index + 2] = [AlignedPhone(behind.symbol, gap.start_s, behind.end_s, behind.score)]
    return tuple(kept)


def _joined(sounds: Sequence[AlignedPhone]) -> tuple[AlignedPhone, ...]:
    """Join silences in a row; empty spans go."""
    kept: list[AlignedPhone] = []
    for sound in sounds:
        if sound.end_s <= sound.start_s:
            continue
        if kept and not sound.symbol and not kept[-1].symbol:
            kept[-1] = AlignedPhone("", kept[-1].start_s, sound.end_s, min(kept[-1].score, sound.score))
        else:
            kept.append(sound)
    return tuple(kept)
