"""A small network that hears which class of sound each frame holds (extra `train`).

    samples --log-mel of 40 bands, each recording's own mean taken off--> (T, 40) --three convolutions--> (T, classes)

Trained on speech whose sounds are known: on espeak-ng's renderings of the same texts, on English that pocketsphinx
aligned, and then once more on what it aligned itself. Its posteriors divided by how frequent the classes are serve as
likelihoods (Bourlard & Morgan, Connectionist Speech Recognition, 1994).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mouthpiece.atomic_write import atomic_write
from mouthpiece.datasets.recordings import open_arrays
from mouthpiece.errors import MissingExtraError
from mouthpiece.speech import log_mel
from mouthpiece.training.real_speech.aligned import Aligned, AlignedPhone
from mouthpiece.training.real_speech.sound_classes import CLASSES, SILENCE, classes_of
from mouthpiece.training.real_speech.spelling import SpeltWord
from mouthpiece.training.real_speech.viterbi import force_align
from mouthpiece.types import MEL_RATE, FloatArray, Phone, SpokenWord

if TYPE_CHECKING:
    import torch

BANDS = 40
RANGE = 8.0
"""What is so much (natural log of power) below the loudest counts as silence: 35 dB."""
CHANNELS = 96
REACH = (5, 5, 5)
"""Frames that each convolution spans, before it is dilated."""
DILATION = (1, 2, 3)
PRIOR_POWER = 0.6
"""How far the frequency of the classes is divided out."""
BATCH = 32
CROP = 200
"""Frames learned from at once: 2 s."""
LEARNING_RATE = 3e-3
SMOOTHING = 0.05
"""Share of every label that is spread over all classes: alignments are never exact."""
WARP = 0.13
"""Bands are stretched by up to so much: shorter and longer vocal tracts."""
TILT = 1.0
"""Log power that the highest bands gain or lose at most against the lowest."""


@dataclass(frozen=True, slots=True)
class LabelledSound:
    """Speech to learn from."""

    features: FloatArray
    """(T, BANDS) float32."""
    labels: NDArray[np.int64]
    """(T,) class of each frame."""


def sound_features(samples: FloatArray) -> FloatArray:
    """Return what the network hears of a recording: (n,) samples -> (T, BANDS) float32."""
    mel = log_mel(samples)
    mel = mel.reshape(len(mel), BANDS, -1).mean(axis=2)
    mel = np.maximum(mel, mel.max() - RANGE)
    level = mel.mean(axis=1)
    loud = level >= 0.5 * (level.min() + level.max())
    return np.asarray((mel - mel[loud].mean(axis=0)) / 2.0, dtype=np.float32)


def labels_of(phones: Sequence[Phone], frames: int) -> NDArray[np.int64]:
    """Return the class of each frame, (frames,), for sounds whose times are known."""
    labels = np.full(frames, SILENCE, dtype=np.int64)
    for phone in phones:
        parts = classes_of(phone.symbol)
        edges = phone.start_s + (phone.end_s - phone.start_s) * np.linspace(0, 1, len(parts) + 1)
        # Frame m is centred on m / MEL_RATE.
        rows = np.ceil(edges * MEL_RATE - 1e-6).astype(int)
        for part, first, end in zip(parts, rows[:-1], rows[1:], strict=True):
            labels[first:end] = part
    return labels


class PhoneNetwork:
    """Hears sounds; made by `train`, or loaded."""

    def __init__(self, layers: torch.nn.Sequential, log_prior: FloatArray) -> None:
        """Keep a network.

        Args:
            layers: (B, BANDS, T) -> (B, classes, T) logits.
            log_prior: (classes,) natural log of how frequent each class is.
        """
        self._layers = layers
        self._log_prior = log_prior

    @classmethod
    def untrained(cls, seed: int) -> PhoneNetwork:
        """Make a network that has heard nothing.

        Raises:
            MissingExtraError: torch is not installed.
        """
        _check_torch()
        import torch

        torch.manual_seed(seed)
        layers: list[torch.nn.Module] = []
        width = BANDS
        for reach, dilation in zip(REACH, DILATION, strict=True):
            conv = torch.nn.Conv1d(width, CHANNELS, reach, padding="same", dilation=dilation)
            layers += [conv, torch.nn.ReLU(), torch.nn.BatchNorm1d(CHANNELS), torch.nn.Dropout(0.1)]
            width = CHANNELS
        layers.append(torch.nn.Conv1d(width, len(CLASSES), 1))
        return cls(torch.nn.Sequential(*layers), np.zeros(len(CLASSES), dtype=np.float32))

    def learn(
        self,
        material: Sequence[LabelledSound],
        steps: int,
        seed: int,
        *,
        rate: float = LEARNING_RATE,
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Train on random stretches of the material.

        Args:
            material: speech whose sounds are known, longer pieces drawn more often.
            steps: of Adam (Kingma & Ba 2015), the rate falling to nothing as half a cosine.
            seed: of what is drawn.
            rate: learning rate at first.
            log: called with a line now and then.
        """
        import torch

        rng = np.random.default_rng(seed)
        counts = sum(np.bincount(sound.labels, minlength=len(CLASSES)) for sound in material)
        self._log_prior = np.log((counts + 10.0) / np.sum(counts + 10.0)).astype(np.float32)
        lengths = np.array([len(sound.labels) for sound in material], dtype=float)
        optimiser = torch.optim.Adam(self._layers.parameters(), rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        loss_of = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING, ignore_index=-1)
        self._layers.train()
        for step in range(steps):
            chosen = rng.choice(len(material), BATCH, p=lengths / lengths.sum())
            crops = [_crop(material[int(index)], rng) for index in chosen]
            heard = torch.from_numpy(np.stack([features.T for features, _ in crops]))
            loss = loss_of(self._layers(heard), torch.from_numpy(np.stack([labels for _, labels in crops])))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % 100 == 99:
                log(f"phone network: step {step + 1} of {steps}, loss {loss.item():.3f}")
        self._layers.eval()

    def scores(self, features: FloatArray) -> FloatArray:
        """Return log-likelihoods of the classes but for a constant: (T, BANDS) -> (T, classes) float32."""
        import torch

        with torch.no_grad():
            logits = self._layers(torch.from_numpy(np.ascontiguousarray(features.T[None])))
            posterior = torch.log_softmax(logits[0].T, dim=1).numpy()
        return np.asarray(posterior - PRIOR_POWER * self._log_prior, dtype=np.float32)

    def align(self, samples: FloatArray, words: Sequence[SpeltWord]) -> Aligned:
        """Align a recording, (n,) at SAMPLE_RATE, whose words are known.

        Raises:
            InputError: there are no words, or too many for so short a sound.
        """
        sounds, spoken = force_align(self.scores(sound_features(samples)), words)
        return _in_seconds(sounds, spoken, len(samples))

    def align_within(self, samples: FloatArray, words: Sequence[SpeltWord], known: Sequence[SpokenWord]) -> Aligned:
        """Align a recording whose words have known times; outside of them it is silent.

        Args:
            samples: (n,) at SAMPLE_RATE.
            words: what is said.
            known: the same words with their times, in order.

        Raises:
            InputError: there are no words, or one is too long for its time.
        """
        scores = self.scores(sound_features(samples))
        sounds: list[AlignedPhone] = []
        spoken: list[tuple[str, int, int]] = []
        at = 0
        for word, timed in zip(words, known, strict=True):
            first, end = max(round(timed.start_s * MEL_RATE), at), min(round(timed.end_s * MEL_RATE), len(scores))
            inner, found = force_align(scores[first:end], [word])
            if first > at:
                sounds.append(AlignedPhone("", float(at), float(first), 0.0))
            spoken += [(text, a + len(sounds), b + len(sounds)) for text, a, b in found]
            sounds += [AlignedPhone(s.symbol, s.start_s + first, s.end_s + first, s.score) for s in inner]
            at = end
        if at < len(scores):
            sounds.append(AlignedPhone("", float(at), float(len(scores)), 0.0))
        return _in_seconds(sounds, spoken, len(samples))

    def save(self, path: Path) -> None:
        """Write the network; the file appears whole or not at all."""
        arrays = {name: value.numpy() for name, value in self._layers.state_dict().items()}
        with atomic_write(path) as hidden:
            np.savez_compressed(hidden, log_prior=self._log_prior, **arrays)

    @classmethod
    def load(cls, path: Path) -> PhoneNetwork:
        """Read a network that `save` wrote.

        Raises:
            MissingExtraError: torch is not installed.
        """
        network = cls.untrained(0)
        import torch

        with open_arrays(path) as file:
            network._log_prior = file["log_prior"]
            state = {name: torch.from_numpy(file[name]) for name in file.files if name != "log_prior"}
        network._layers.load_state_dict(state)
        network._layers.eval()
        return network


def _in_seconds(sounds: Sequence[AlignedPhone], spoken: Sequence[tuple[str, int, int]], count: int) -> Aligned:
    """Convert times in frames; a boundary is between the centres of two."""
    timed = [AlignedPhone(s.symbol, s.start_s / MEL_RATE, s.end_s / MEL_RATE, s.score) for s in sounds]
    return Aligned.shifted(timed, spoken, -0.5 / MEL_RATE, count)


def _check_torch() -> None:
    """Raise what is missing: MissingExtraError."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("aligning speech other than English", "train") from error


def _crop(sound: LabelledSound, rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int64]]:
    """Draw a stretch, as another vocal tract and microphone would have it: (CROP, BANDS) and (CROP,)."""
    features = np.zeros((CROP, BANDS), dtype=np.float32)
    labels = np.full(CROP, -1, dtype=np.int64)
    first = int(rng.integers(0, max(len(sound.labels) - CROP, 0) + 1))
    part = sound.features[first : first + CROP]
    position = np.clip(np.arange(BANDS) * np.exp(rng.uniform(-WARP, WARP)), 0, BANDS - 1)
    below = np.minimum(position.astype(int), BANDS - 2)
    share = (position - below).astype(np.float32)
    warped = part[:, below] * (1 - share) + part[:, below + 1] * share
    warped = warped + np.linspace(-1, 1, BANDS, dtype=np.float32) * np.float32(rng.uniform(-TILT, TILT) / 2)
    floor = warped.min() + np.float32(rng.uniform(0, 0.35)) * (warped.max() - warped.min())
    features[: len(part)] = np.maximum(warped, floor)
    labels[: len(part)] = sound.labels[first : first + CROP]
    return features, labels
