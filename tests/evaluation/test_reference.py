"""What recordings of each kind show of the mouth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.datasets.made_clips import rigged_clip

from mouthpiece.datasets.recordings import Recording
from mouthpiece.errors import InputError
from mouthpiece.evaluation.reference import in_speech, joined_words, reference_of, stretches
from mouthpiece.motion.basis import MOTION_RATE, MotionBasis
from mouthpiece.motion.coarticulation import CoarticulatedMotion
from mouthpiece.types import SAMPLE_RATE, Phone, SpokenWord


class _Teacher:
    """Lips touch on p, are apart on a, and nothing is sure about t; every coefficient is 1."""

    basis = MotionBasis.load()

    def motion(self, phones: Sequence[Phone], count: int) -> CoarticulatedMotion:
        closure = np.full(count, 0.5, dtype=np.float32)
        for phone in phones:
            first, end = round(phone.start_s * MOTION_RATE), round(phone.end_s * MOTION_RATE)
            closure[first:end] = {"p": 1.0, "a": 0.0}.get(phone.symbol, 0.5)
        size = self.basis.size
        return CoarticulatedMotion(np.ones((count, size), np.float32), closure, closure, 0.1 * (1 - closure))


def test_pauses_are_what_words_leave() -> None:
    words = [SpokenWord("a", 1.0, 1.5), SpokenWord("b", 1.6, 2.0), SpokenWord("c", 3.0, 3.2)]
    assert joined_words(words) == [(1.0, 2.0), (3.0, 3.2)]
    inside = in_speech(np.array([0.5, 0.95, 1.55, 2.1, 2.5, 3.1]), joined_words(words))
    assert inside.tolist() == [False, True, True, True, False, True]
    assert not in_speech(np.array([0.5]), []).any()


def test_a_rigs_jaw_judges_opening_and_jaw_but_not_closure() -> None:
    clip = rigged_clip("r")
    reference = reference_of(clip)
    np.testing.assert_array_equal(reference.curves.opening, clip.curves["mouth_stretch_c"])
    assert reference.curves.jaw is reference.curves.opening
    assert not reference.certain.any() and not reference.metric


def test_synthetic_speech_is_judged_by_the_teacher() -> None:
    phones = (Phone("", 0.0, 0.2), Phone("p", 0.2, 0.4), Phone("a", 0.4, 0.8), Phone("t", 0.8, 1.0))
    sound = np.zeros(SAMPLE_RATE, dtype=np.float32)
    said = Recording("synthetic", "u", "test", 25.0, sound, (), None, np.ones(25, bool), {}, phones, "en", "en+f1")
    reference = reference_of(said, _Teacher())  # type: ignore[arg-type]
    assert np.flatnonzero(reference.touching).tolist() == [5, 6, 7, 8, 9]
    assert np.flatnonzero(reference.certain).tolist() == list(range(5, 20))
    np.testing.assert_allclose(reference.curves.opening[5:10], 0, atol=1e-7)
    np.testing.assert_allclose(reference.curves.opening[10:20], 0.1)
    basis = _Teacher.basis
    assert reference.curves.width is not None and reference.curves.jaw is not None
    assert reference.curves.width[3] == pytest.approx(basis.width_weights.sum(), abs=1e-6)
    assert reference.curves.jaw[3] == pytest.approx(basis.jaw_weights.sum(), abs=1e-6)
    # A pause is what lies between sounds, and at least 0.3 s long.
    assert stretches(said) == [(0.2, 1.0)]
    with pytest.raises(InputError, match="found none"):
        reference_of(replace(said, phones=()))
