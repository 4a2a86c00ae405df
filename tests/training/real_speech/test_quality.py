"""Alignments that can't be believed."""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np
import pytest

from mouthpiece.training.real_speech.aligned import Aligned, AlignedPhone
from mouthpiece.training.real_speech.quality import Limits, doubt
from mouthpiece.types import SAMPLE_RATE, FloatArray

LIMITS = Limits(mean=-2.0, low=-6.0)


def made(*sounds: tuple[str, float, float, float]) -> tuple[Aligned, FloatArray]:
    """An alignment and its recording: (symbol, seconds, score, amplitude)."""
    edges = [0.0, *accumulate(seconds for _, seconds, _, _ in sounds)]
    phones = [
        AlignedPhone(symbol, start_s, end_s, score)
        for (symbol, _, score, _), (start_s, end_s) in zip(sounds, pairwise(edges), strict=True)
    ]
    rng = np.random.default_rng(1)
    parts = [level * rng.standard_normal(round(seconds * SAMPLE_RATE)) for _, seconds, _, level in sounds]
    samples = np.concatenate(parts).astype(np.float32)
    return Aligned.shifted(phones, [("so", 1, len(phones) - 1)], 0.0, len(samples)), samples


def test_plain_speech_is_believed() -> None:
    aligned, samples = made(("", 0.3, -1, 1e-4), ("s", 0.1, -1, 0.1), ("oʊ", 0.2, -1, 0.1), ("", 0.3, -1, 1e-4))
    assert doubt(aligned, samples, LIMITS) is None


@pytest.mark.parametrize(
    ("sounds", "reason"),
    [
        ([("s", 0.1, -3, 0.1), ("oʊ", 0.2, -3, 0.1)], "fit"),
        ([("s", 0.1, -9, 0.1), ("oʊ", 0.2, 0, 0.1), ("n", 0.1, 0, 0.1), ("a", 0.1, 2, 0.1)], "fit"),
        ([("s", 0.03, -1, 0.1), ("oʊ", 0.03, -1, 0.1)], "sounds a second"),
        ([("s", 0.1, -1, 0.1), ("oʊ", 0.9, -1, 0.1), *[("a", 0.1, -1, 0.1)] * 9], "a sound of"),
        ([("s", 0.1, -1, 0.1), ("", 0.2, -1, 0.1), ("oʊ", 0.2, -1, 0.1)], "pause"),
    ],
)
def test_what_is_wrong_is_named(sounds: list[tuple[str, float, float, float]], reason: str) -> None:
    aligned, samples = made(("", 0.3, -1, 1e-4), *sounds, ("", 0.3, -1, 1e-4))
    assert reason in (doubt(aligned, samples, LIMITS) or "")


def test_silence_alone_is_no_speech() -> None:
    aligned = Aligned((AlignedPhone("", 0.0, 1.0, 0.0),), ())
    assert doubt(aligned, np.zeros(SAMPLE_RATE, dtype=np.float32), LIMITS) == "no sound is found"


def test_short_gaps_are_closures_and_the_sounds_fill_the_recording() -> None:
    aligned, _ = made(("", 0.2, 0, 0), ("a", 0.1, 0, 1), ("", 0.04, 0, 0), ("p", 0.06, 0, 1), ("", 0.2, 0, 0))
    found = [(phone.symbol, round(phone.start_s, 3), round(phone.end_s, 3)) for phone in aligned.phones]
    assert found == [("", 0, 0.2), ("a", 0.2, 0.3), ("p", 0.3, 0.4), ("", 0.4, 0.6)]


def test_boundaries_move_together_and_stay_inside() -> None:
    sounds = [AlignedPhone("", 0.0, 0.1, 0.0), AlignedPhone("a", 0.1, 0.2, 0.0), AlignedPhone("", 0.2, 0.21, 0.0)]
    aligned = Aligned.shifted(sounds, [("a", 1, 2)], 0.02, round(0.21 * SAMPLE_RATE))
    assert [(p.symbol, p.start_s) for p in aligned.phones] == [("", 0.0), ("a", pytest.approx(0.12))]
    assert aligned.words[0].start_s == pytest.approx(0.12)
