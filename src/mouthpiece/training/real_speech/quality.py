"""Whether an alignment can be believed: by its score, its rate, and how quiet its silences are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mouthpiece.training.real_speech.aligned import Aligned
from mouthpiece.types import SAMPLE_RATE, FloatArray

PHONES_A_SECOND = (3.0, 22.0)
"""Slower, or faster, than people speak while they speak."""
LONGEST_PHONE_S = 0.8
SILENCE_S = 0.1
"""Silences from here on are listened to."""
LOUDEST_SILENCE_DB = -4.0
"""Against the median sound: what is louder is speech that the text lacks."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an aligner's scores must reach; they are on a scale of its own."""

    mean: float
    """Of all sounds."""
    low: float
    """Of all but the worst tenth."""


def doubt(aligned: Aligned, samples: FloatArray, limits: Limits) -> str | None:
    """Return why an alignment can't be believed, None where it can.

    Args:
        aligned: what was found.
        samples: (n,) the recording, SAMPLE_RATE.
        limits: of the aligner that found it.
    """
    spoken = [sound for sound in aligned.sounds if sound.symbol]
    if not spoken:
        return "no sound is found"
    lengths = np.array([sound.end_s - sound.start_s for sound in spoken])
    low = float(np.quantile([sound.score for sound in spoken], 0.1))
    rate = len(spoken) / float(lengths.sum())
    reasons = (
        (
            aligned.score < limits.mean or low < limits.low,
            f"the sound doesn't fit the text (score {aligned.score:.2f})",
        ),
        (not PHONES_A_SECOND[0] <= rate <= PHONES_A_SECOND[1], f"{rate:.1f} sounds a second"),
        (float(lengths.max()) > LONGEST_PHONE_S, f"a sound of {lengths.max():.2f} s"),
        (_loudest_silence(aligned, samples) > LOUDEST_SILENCE_DB, "something is said where the text has a pause"),
    )
    return next((reason for holds, reason in reasons if holds), None)


def _loudest_silence(aligned: Aligned, samples: FloatArray) -> float:
    """Return how loud the loudest silence is against the median sound, dB."""
    levels = [(_level_db(samples, s.start_s, s.end_s), s) for s in aligned.sounds]
    silences = [level for level, s in levels if not s.symbol and s.end_s - s.start_s >= SILENCE_S]
    usual = float(np.median([level for level, s in levels if s.symbol]))
    return max(silences, default=-np.inf) - usual


def _level_db(samples: FloatArray, start_s: float, end_s: float) -> float:
    """Return the RMS of a stretch against full scale."""
    part = samples[int(start_s * SAMPLE_RATE) : max(int(end_s * SAMPLE_RATE), int(start_s * SAMPLE_RATE) + 1)]
    return 10 * float(np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-12)) if len(part) else -120.0
