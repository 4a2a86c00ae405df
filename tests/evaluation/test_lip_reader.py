"""The lip reader, against an independent classifier and on mouths whose words are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from mouthpiece.errors import InputError
from mouthpiece.evaluation.lip_reader import (
    MOMENTS,
    SHRINKAGE,
    SLOTS,
    LipReader,
    SeenWord,
    slot_of,
    word_accuracy,
    words_seen,
)
from mouthpiece.evaluation.mouths import Mouth
from mouthpiece.motion.basis import MOTION_POINTS, motion_row
from mouthpiece.types import SpokenWord

WORDS = ("bin", "lay", "place", "a", "b", "now")


def seen_words(count: int, seed: int, noise: float = 0.5, outline: int = 14) -> list[SeenWord]:
    """`count` of each word: a shape of its own, and noise."""
    shapes = np.random.default_rng(0).normal(size=(len(WORDS), MOMENTS, outline))
    rng = np.random.default_rng(seed)
    return [
        SeenWord(text, (shape + noise * rng.normal(size=shape.shape)).astype(np.float32))
        for _ in range(count)
        for text, shape in zip(WORDS, shapes, strict=True)
    ]


def test_every_word_of_grid_has_one_place() -> None:
    assert sum(len(words) for words in SLOTS) == len({word for words in SLOTS for word in words}) == 51
    assert slot_of("bin") == 0 and slot_of("zero") == 4 and slot_of("sil") is None


def test_words_are_told_apart_within_their_place() -> None:
    reader = LipReader.learn(seen_words(20, seed=1))
    accuracy, chance, count = word_accuracy(reader, seen_words(10, seed=2))
    assert accuracy > 0.95 and count == 60
    assert chance == pytest.approx(np.mean([1 / 4, 1 / 4, 1 / 4, 1 / 25, 1 / 25, 1 / 4]))
    # A mouth that never moves can't be read.
    frozen = [SeenWord(word.text, np.zeros_like(word.looks)) for word in seen_words(1, seed=3)]
    assert word_accuracy(reader, frozen)[0] <= 0.5


def test_discriminants_are_gaussians_of_one_covariance() -> None:
    known, others = seen_words(30, seed=1, noise=2.0), seen_words(20, seed=2, noise=2.0)
    reader = LipReader.learn(known)

    def row(word: SeenWord) -> np.ndarray:
        return np.asarray(((word.looks - reader.mean) @ reader.shapes).reshape(-1) / reader.scale, dtype=np.float64)

    for place in (0, 3):
        texts = [text for text in WORDS if slot_of(text) == place]
        means = {text: np.mean([row(w) for w in known if w.text == text], axis=0) for text in texts}
        around = np.array([row(w) - means[w.text] for w in known if w.text in texts])
        covariance = np.cov(around.T, bias=True)
        level = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        shrunken = (1 - SHRINKAGE) * covariance + SHRINKAGE * level
        for word in others:
            if word.text in texts:
                likely = [scipy.stats.multivariate_normal.logpdf(row(word), means[t], shrunken) for t in texts]
                assert reader.read(word) == texts[int(np.argmax(likely))]


def test_a_reader_is_kept_as_it_is(tmp_path: Path) -> None:
    reader = LipReader.learn(seen_words(5, seed=1))
    reader.save(tmp_path / "reader.npz")
    again = LipReader.load(tmp_path / "reader.npz")
    others = seen_words(3, seed=4, noise=2.0)
    assert again.words == reader.words
    assert [again.read(word) for word in others] == [reader.read(word) for word in others]
    (tmp_path / "broken.npz").write_bytes(b"PK no")
    with pytest.raises(InputError, match="is no lip reader"):
        LipReader.load(tmp_path / "broken.npz")


def test_too_little_to_learn_from() -> None:
    with pytest.raises(InputError, match="said several times"):
        LipReader.learn(seen_words(1, seed=1))
    with pytest.raises(InputError, match="said several times"):
        LipReader.learn([])


def test_a_word_of_a_place_that_was_never_learned() -> None:
    reader = LipReader.learn(seen_words(5, seed=1))
    other = SeenWord("blue", seen_words(1, seed=1)[0].looks)
    assert reader.read(other) == ""
    assert word_accuracy(reader, [other]) == (0.0, 0.25, 1)
    assert word_accuracy(reader, [])[2] == 0


def test_words_are_cut_out_of_clips() -> None:
    fps, moved = 25.0, np.zeros((50, len(MOTION_POINTS), 3), dtype=np.float32)
    moved[:, motion_row(14), 1] = np.arange(50) / 25
    seen = np.ones(50, dtype=bool)
    seen[30:] = False
    words = [SpokenWord("bin", 0.2, 1.0), SpokenWord("hello", 0.2, 1.0), SpokenWord("blue", 1.2, 1.8)]
    (found,) = words_seen(Mouth(moved, seen), words, fps)
    assert found.text == "bin" and found.looks.shape[0] == MOMENTS
    column = found.looks[:, np.argmax(np.abs(found.looks).sum(axis=0))]
    np.testing.assert_allclose(column, np.linspace(0.14, 1.06, MOMENTS), atol=1e-6)
