"""Readability: whether a lip reader tells words from the landmarks of a mouth.

real mouths of known words --LipReader.learn--> LipReader --read--> the word, out of those that fit its place

The reader learns the real mouths of one speaker and reads others'. What it reads of real strangers is the ceiling of
what it can read of mouths made for them. It is a linear discriminant analysis (Fisher 1936) with a shrunken covariance
of the lips' outline over the time of a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mouthpiece.atomic_write import atomic_write
from mouthpiece.datasets.motion_space import LIP_POINTS
from mouthpiece.datasets.recordings import open_arrays
from mouthpiece.errors import InputError
from mouthpiece.evaluation.mouths import Mouth
from mouthpiece.motion.basis import CHIN, MOTION_POINTS, mirror_rows
from mouthpiece.types import FloatArray, SpokenWord

SLOTS = (
    ("bin", "lay", "place", "set"),
    ("blue", "green", "red", "white"),
    ("at", "by", "in", "with"),
    tuple("abcdefghijklmnopqrstuvxyz"),
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    ("again", "now", "please", "soon"),
)
"""The words of a GRID sentence, place by place (Cooke et al. 2006): command, colour, preposition, letter, digit,
adverb."""
MOMENTS = 11
"""Times at which a word is looked at."""
AROUND_S = 0.06
"""A word is looked at from so long before it to so long after: mouths move early."""
SHAPES = 10
"""Components of the lips' shape that are kept."""
FEWEST = 2
"""Words seen less often are not learned."""
SHRINKAGE = 0.3
"""Share of the covariance that is taken to be alike in all directions (Friedman 1989)."""


def slot_of(word: str) -> int | None:
    """Return the number of a word's place in SLOTS; None if it has none."""
    return next((number for number, words in enumerate(SLOTS) if word in words), None)


@dataclass(frozen=True, slots=True)
class SeenWord:
    """A word, and the mouth that says it."""

    text: str
    looks: FloatArray
    """(MOMENTS, n) the lips' outline at the word's times."""


def words_seen(mouth: Mouth, words: Sequence[SpokenWord], fps: float) -> list[SeenWord]:
    """Cut the words that a lip reader knows out of a clip; those hardly seen are left out."""
    outline = _outline(mouth.displacement)
    times_s = np.arange(len(outline)) / fps
    found = []
    for word in words:
        at_s = np.linspace(word.start_s - AROUND_S, word.end_s + AROUND_S, MOMENTS)
        during = (times_s >= word.start_s) & (times_s <= word.end_s)
        if slot_of(word.text) is None or not during.any() or mouth.seen[during].mean() < 0.5:
            continue
        looks = np.stack([np.interp(at_s, times_s, column) for column in outline.T], axis=1)
        found.append(SeenWord(word.text, looks.astype(np.float32)))
    return found


def _outline(displacement: FloatArray) -> FloatArray:
    """Return one half of the lips and the chin, x and y, (T, n): the other half mirrors it."""
    kept = np.isin(MOTION_POINTS, [*LIP_POINTS, CHIN]) & (mirror_rows() >= np.arange(len(MOTION_POINTS)))
    return displacement[:, kept, :2].reshape(len(displacement), -1)


@dataclass(frozen=True, slots=True)
class LipReader:
    """A reader of GRID's words."""

    words: tuple[str, ...]
    """Those that it has learned."""
    mean: FloatArray = field(repr=False)
    """(n,) outline."""
    shapes: FloatArray = field(repr=False)
    """(n, SHAPES)."""
    scale: FloatArray = field(repr=False)
    """(MOMENTS * SHAPES,) standard deviations."""
    weights: FloatArray = field(repr=False)
    """(words, MOMENTS * SHAPES)."""
    bias: FloatArray = field(repr=False)
    """(words,)."""

    @classmethod
    def learn(cls, seen: Sequence[SeenWord]) -> LipReader:
        """Learn from mouths whose words are known.

        Raises:
            InputError: no two words of one place were seen twice.
        """
        known = sorted({word.text for word in seen})
        counts = {text: sum(word.text == text for word in seen) for text in known}
        kept = [word for word in seen if counts[word.text] >= FEWEST]
        texts = tuple(text for text in known if counts[text] >= FEWEST)
        if len(texts) <= len({slot_of(text) for text in texts}):
            raise InputError("expected clips in which words of GRID are said several times to learn from, found none")
        looks = np.stack([word.looks for word in kept])
        mean = looks.mean(axis=(0, 1))
        flat = (looks - mean).reshape(-1, looks.shape[2])
        _, vectors = np.linalg.eigh(flat.T @ flat)
        shapes = vectors[:, ::-1][:, :SHAPES]
        rows = ((looks - mean) @ shapes).reshape(len(kept), -1)
        scale = rows.std(axis=0) + 1e-9
        weights, bias = _discriminants(rows / scale, np.array([word.text for word in kept]), texts)
        return cls(texts, mean, shapes.astype(np.float32), scale, weights, bias)

    def read(self, word: SeenWord) -> str:
        """Return the likeliest of the words that fit a word's place; empty where the reader knows none."""
        fitting = [n for n, text in enumerate(self.words) if slot_of(text) == slot_of(word.text)]
        if not fitting:
            return ""
        row = ((word.looks - self.mean) @ self.shapes).reshape(-1) / self.scale
        return self.words[fitting[int((self.weights[fitting] @ row + self.bias[fitting]).argmax())]]

    def save(self, path: Path) -> None:
        """Write it to an .npz file."""
        with atomic_write(path) as hidden, hidden.open("wb") as file:
            np.savez_compressed(
                file,
                words=np.array(self.words),
                mean=self.mean,
                shapes=self.shapes,
                scale=self.scale,
                weights=self.weights,
                bias=self.bias,
            )

    @classmethod
    def load(cls, path: Path) -> LipReader:
        """Read it from such a file.

        Raises:
            InputError: it is none.
        """
        try:
            with open_arrays(path) as file:
                words = tuple(str(word) for word in file["words"])
                return cls(words, *(file[name] for name in ("mean", "shapes", "scale", "weights", "bias")))
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise InputError(f"{path.name} is no lip reader ({error}); delete it, and it is learned anew") from error


def _discriminants(rows: FloatArray, texts: NDArray[np.str_], words: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Fit each place's discriminants with its own covariance: (words, D) weights and (words,) biases."""
    weights = np.zeros((len(words), rows.shape[1]), dtype=np.float32)
    bias = np.zeros(len(words), dtype=np.float32)
    for slot in range(len(SLOTS)):
        here = [number for number, text in enumerate(words) if slot_of(text) == slot]
        if not here:
            continue
        means = np.stack([rows[texts == words[number]].mean(axis=0) for number in here])
        around = np.concatenate([rows[texts == words[n]] - mean for n, mean in zip(here, means, strict=True)])
        covariance = around.T @ around / len(around)
        level = np.trace(covariance) / len(covariance)
        shrunken = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * np.eye(len(covariance))
        found = np.linalg.solve(shrunken, means.T).T
        weights[here] = found
        bias[here] = -(found * means).sum(axis=1) / 2
    return weights, bias


def word_accuracy(reader: LipReader, seen: Iterable[SeenWord]) -> tuple[float, float, int]:
    """Return the share of words that are read right, the share that guessing would get, and how many there were."""
    right = [
        (reader.read(word) == word.text, 1 / len(SLOTS[slot]))
        for word in seen
        if (slot := slot_of(word.text)) is not None
    ]
    if not right:
        return float("nan"), float("nan"), 0
    return float(np.mean([one for one, _ in right])), float(np.mean([chance for _, chance in right])), len(right)
