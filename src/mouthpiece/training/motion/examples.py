"""What a motion network learns from: recordings of several kinds, their targets, and masks for what each kind lacks.

    recordings --examples--> Example: versions of the sound, targets at MOTION_RATE --MotionBatches--> Batch

A corpus of faces teaches everything; one of rig curves teaches opening and width only; noises teach to keep still.
Another kind of teacher (synthetic speech with known phones, say) needs nothing but a function that makes Examples.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from mouthpiece.datasets.motion_space import measure_motion, project
from mouthpiece.datasets.prepare import Recording, Word
from mouthpiece.datasets.rig import CLOSED_BELOW, OPEN_ABOVE, OPENING_CURVE, motion_frames, rig_width
from mouthpiece.motion.basis import MELS_PER_FRAME, MOTION_RATE, MotionBasis, NetworkGeometry
from mouthpiece.motion.network import SILENT_LOG_MEL
from mouthpiece.speech import features, log_mel
from mouthpiece.training import acoustics
from mouthpiece.training.synthetic.voice_perturbation import perturb_voice
from mouthpiece.types import MEL_BANDS, MEL_RATE, SAMPLE_RATE, FloatArray

SPEECH_DBFS = -23.0
"""Level to which the speech room brings active speech."""
LEAD_S, LAG_S = 0.10, 0.08
"""Mouths leave their rest before the sound and come back after it."""
EXAMPLES_VERSION = 3
"""Of what `save_examples` writes."""
MOST_PHONES = 96
"""Phones told apart."""
JAW_TELLS_OPENING = 0.4
"""How much a rig's jaw counts for the opening: lips close and round themselves over an open jaw."""
JOINT_FRAMES = 6
"""Motion frames to either side of a joint of two pieces that count for nothing."""
QUIET_WEIGHT = 0.3
"""How much the shape counts where nobody speaks (the gate decides there)."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What a stretch of speech should look like, T motion frames at MOTION_RATE."""

    coefficients: FloatArray
    """(T, K)."""
    opening: FloatArray
    """(T,)."""
    width: FloatArray
    """(T,)."""
    jaw: FloatArray
    """(T,) how much lower than at rest the chin is."""
    activity: FloatArray
    """(T,) 0-1."""
    closure: FloatArray
    """(T,) 0-1: lips touch."""
    shape_weight: FloatArray
    """(T,) how much `coefficients` count; 0 where they are not known."""
    opening_weight: FloatArray
    """(T,) the same for opening and width."""
    jaw_weight: FloatArray
    """(T,) the same for the jaw."""
    closure_weight: FloatArray
    """(T,) the same for closure."""
    phone: FloatArray
    """(T,) whole numbers: which phone is said, as counted by the maker; 0 where it is not known."""

    @property
    def frames(self) -> int:
        """T."""
        return len(self.opening)

    def part(self, first: int, count: int) -> Targets:
        """Frames [first, first + count); past the ends the mouth rests and counts for nothing but its activity of 0."""
        return Targets(*(_part(getattr(self, name), first, count, 0.0) for name in Targets.__dataclass_fields__))

    def played(self, speed: float, count: int) -> Targets:
        """`count` frames of the same speech played `speed` times as fast."""
        nearest = np.minimum(np.round(np.arange(count) * speed).astype(int), self.frames - 1)
        values = {name: resampled(getattr(self, name), MOTION_RATE, count, speed) for name in _CURVES}
        return Targets(**values, phone=self.phone[nearest])


_CURVES = tuple(name for name in Targets.__dataclass_fields__ if name != "phone")


@dataclass(frozen=True, slots=True)
class Example:
    """A recording as one version of its sound with its targets."""

    name: str
    log_mel: NDArray[np.float16]
    """(M, MEL_BANDS), speech at the common level."""
    targets: Targets


def _part(array: np.ndarray, first: int, count: int, beyond: float) -> np.ndarray:
    """Rows [first, first + count) of an array, `beyond` where it has none."""
    out = np.full((count, *array.shape[1:]), beyond, dtype=np.float32)
    begin, end = max(first, 0), min(first + count, len(array))
    if begin < end:
        out[begin - first : end - first] = array[begin:end]
    return out


def resampled(values: FloatArray, fps: float, count: int, speed: float = 1.0) -> FloatArray:
    """Values at `fps` (frame n at n / fps) as `count` frames at MOTION_RATE of speech played `speed` times as fast.

    Catmull-Rom between the frames, held beyond the ends; (N, ...) -> (count, ...).
    """
    position = np.clip(np.arange(count) / MOTION_RATE * speed * fps, 0, len(values) - 1)
    index = np.minimum(np.floor(position).astype(int), max(len(values) - 2, 0))
    t = (position - index).reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    p0, p1, p2, p3 = (values[np.clip(index + k, 0, len(values) - 1)] for k in (-1, 0, 1, 2))
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.asarray(curve, dtype=np.float32)


def words_activity(words: Sequence[Word], count: int) -> FloatArray:
    """1 from a little before each word until a little after it, (count,)."""
    time_s = np.arange(count) / MOTION_RATE
    spoken = [(time_s >= word.start_s - LEAD_S) & (time_s <= word.end_s + LAG_S) for word in words]
    return np.asarray(np.any(spoken, axis=0) if spoken else np.zeros(count), dtype=np.float32)


def heard_activity(samples: FloatArray, count: int) -> FloatArray:
    """The speech room's voice activity at MOTION_RATE, widened a little, (count,)."""
    _, activity = features(samples)
    padded = np.pad(activity, (int(LAG_S * MEL_RATE) // 2, int(LEAD_S * MEL_RATE)))
    widened = np.lib.stride_tricks.sliding_window_view(padded, int(LAG_S * MEL_RATE) // 2 + int(LEAD_S * MEL_RATE) + 1)
    return _part(widened.max(axis=1)[::MELS_PER_FRAME], 0, count, 0.0)


def face_targets(recording: Recording, basis: MotionBasis) -> Targets:
    """Targets of a clip whose face was measured."""
    measured = measure_motion(recording)
    count = motion_frames(len(recording.samples))
    coefficients = resampled(project(measured.displacement, basis.components), recording.fps, count)
    opening = basis.opening(coefficients)
    seen = resampled(recording.seen.astype(np.float32), recording.fps, count) > 0.99
    spoken = words_activity(recording.words, count) if recording.words else heard_activity(recording.samples, count)
    weight = seen * (QUIET_WEIGHT + (1 - QUIET_WEIGHT) * spoken)
    closure = np.clip((OPEN_ABOVE - opening) / (OPEN_ABOVE - CLOSED_BELOW), 0, 1)
    return Targets(
        coefficients,
        opening,
        (coefficients @ basis.width_weights).astype(np.float32),
        (coefficients @ basis.jaw_weights).astype(np.float32),
        spoken,
        closure.astype(np.float32),
        weight.astype(np.float32),
        weight.astype(np.float32),
        weight.astype(np.float32),
        (seen * spoken).astype(np.float32),
        np.zeros(count, dtype=np.float32),
    )


@dataclass(frozen=True, slots=True)
class CurveMapping:
    """From a rig's curves to opening and width, while speaking.

    The jaw's curve is scaled, so that closed stays closed and r with it is not bent; width has no such zero, and is
    matched by how often each value occurs.
    """

    opening_scale: float
    """Opening that goes with a jaw curve of 1."""
    jaw_scale: float
    """How much lower the chin is at a jaw curve of 1."""
    rig_width: FloatArray
    width: FloatArray
    """Both (Q,): values at the same quantiles."""


WIDE_QUANTILE = 0.95
"""Openings that are compared between a rig and measured faces."""
_QUANTILES = np.linspace(0.01, 0.99, 50)


def fit_curve_mapping(rigs: Sequence[Recording], faces: Sequence[Targets]) -> CurveMapping:
    """Compare rig curves with measured faces, both while speaking: wide openings, and all quantiles of the width."""
    speaking = [heard_activity(rig.samples, motion_frames(len(rig.samples))) > 0.5 for rig in rigs]
    opening = [
        resampled(rig.curves[OPENING_CURVE], rig.fps, len(on))[on] for rig, on in zip(rigs, speaking, strict=True)
    ]
    width = [resampled(rig_width(rig), rig.fps, len(on))[on] for rig, on in zip(rigs, speaking, strict=True)]
    spoken = [face.activity * face.shape_weight > 0.5 for face in faces]
    rig_wide = _wide(opening)
    return CurveMapping(
        _wide([face.opening[on] for face, on in zip(faces, spoken, strict=True)]) / rig_wide,
        _wide([face.jaw[on] for face, on in zip(faces, spoken, strict=True)]) / rig_wide,
        _quantiles(width),
        _quantiles([face.width[on] for face, on in zip(faces, spoken, strict=True)]),
    )


def _wide(pieces: Sequence[np.ndarray]) -> float:
    return max(float(np.quantile(np.concatenate(pieces), WIDE_QUANTILE)), 1e-6)


def _quantiles(pieces: Sequence[np.ndarray]) -> FloatArray:
    # Equal neighbours (a curve that rests at 0) would make the mapping a step.
    values = np.quantile(np.concatenate(pieces), _QUANTILES)
    return np.asarray(values + np.arange(len(values)) * 1e-6, dtype=np.float32)


def curve_targets(recording: Recording, mapping: CurveMapping, size: int) -> Targets:
    """Targets of a clip that has rig curves: jaw and width, the opening as far as the jaw tells it; no shape."""
    count = motion_frames(len(recording.samples))
    curve = resampled(recording.curves[OPENING_CURVE], recording.fps, count)
    width = np.interp(rig_width(recording), mapping.rig_width, mapping.width).astype(np.float32)
    activity = heard_activity(recording.samples, count)
    zeros = np.zeros(count, dtype=np.float32)
    weight = (QUIET_WEIGHT + (1 - QUIET_WEIGHT) * activity).astype(np.float32)
    return Targets(
        np.zeros((count, size), dtype=np.float32),
        curve * np.float32(mapping.opening_scale),
        resampled(width, recording.fps, count),
        curve * np.float32(mapping.jaw_scale),
        activity,
        zeros,
        zeros,
        weight * np.float32(JAW_TELLS_OPENING),
        weight,
        zeros,
        zeros,
    )


def common_phones(recordings: Sequence[Recording], most: int = MOST_PHONES) -> dict[str, int]:
    """The phones said most often, numbered from 1 on, the most frequent first."""
    said = Counter(phone.symbol for recording in recordings for phone in recording.phones if phone.symbol)
    ranked = sorted(said, key=lambda symbol: (-said[symbol], symbol))
    return {symbol: number for number, symbol in enumerate(ranked[:most], start=1)}


def phone_targets(recording: Recording, basis: MotionBasis, numbers: Mapping[str, int]) -> Targets:
    """Targets of speech whose phones are known, from the phone teacher.

    Args:
        recording: speech with phones.
        basis: the motion space.
        numbers: number of each phone that is told apart.
    """
    from mouthpiece.motion.coarticulation import CoarticulationModel

    count = motion_frames(len(recording.samples))
    taught = CoarticulationModel.load(basis=basis).motion(recording.phones, count)
    phone = np.zeros(count, dtype=np.float32)
    for said in recording.phones:
        first, end = round(said.start_s * MOTION_RATE), round(said.end_s * MOTION_RATE)
        phone[first:end] = numbers.get(said.symbol, 0)
    weight = (QUIET_WEIGHT + (1 - QUIET_WEIGHT) * taught.activity).astype(np.float32)
    return Targets(
        taught.coefficients,
        taught.opening,
        (taught.coefficients @ basis.width_weights).astype(np.float32),
        (taught.coefficients @ basis.jaw_weights).astype(np.float32),
        taught.activity,
        taught.closure,
        weight,
        weight,
        weight,
        taught.activity,
        phone,
    )


def levelled_log_mel(samples: FloatArray, activity: FloatArray) -> NDArray[np.float16]:
    """Log-mel with the speech brought to the common level.

    Args:
        samples: (n,).
        activity: (T,) at MOTION_RATE.
    """
    per_frame = SAMPLE_RATE // MOTION_RATE
    whole = samples[: len(samples) // per_frame * per_frame].reshape(-1, per_frame)
    power = (whole**2).mean(axis=1)
    loud = power[activity[: len(power)] > 0.5]
    level = float(loud.mean()) if len(loud) else 10 ** (SPEECH_DBFS / 10)
    gain = np.sqrt(10 ** (SPEECH_DBFS / 10) / max(level, 1e-9))
    return log_mel((samples * np.float32(min(gain, 100.0))).astype(np.float32)).astype(np.float16)


def versions(recording: Recording, targets: Targets, count: int, seed: int, *, revoice: float = 0.0) -> list[Example]:
    """A recording as it is, and `count` - 1 times altered: voice, speed, room, telephone.

    Args:
        recording: the clip.
        targets: its targets.
        count: how many versions.
        seed: what is random depends on it and on the clip's name alone.
        revoice: share of the altered versions that another voice speaks (needs the extra `speech`).

    Raises:
        MissingExtraError: voices should change and pyworld is not installed.
    """
    rng = np.random.default_rng([seed, *recording.name.encode()])
    made = [Example(recording.name, levelled_log_mel(recording.samples, targets.activity), targets)]
    for _ in range(count - 1):
        heard = perturb_voice(recording.samples, rng) if rng.random() < revoice else recording.samples
        speed = float(np.exp(rng.uniform(np.log(acoustics.SLOWEST), np.log(acoustics.FASTEST))))
        heard = acoustics.at_speed(heard, speed)
        altered = targets.played(speed, motion_frames(len(heard)))
        if rng.random() < 0.4:
            heard = acoustics.in_room(heard, rng)
        if rng.random() < 0.15:
            heard = acoustics.band_limited(heard, rng.uniform(150, 350), rng.uniform(2800, 4500))
        made.append(Example(recording.name, levelled_log_mel(heard, altered.activity), altered))
    return made


VersionsJob = tuple[Recording, Targets, int, int, float]
"""What `versions` takes: recording, targets, count, seed, share of other voices."""


def make_examples(jobs: Sequence[VersionsJob], workers: int, progress: Callable[[int], None]) -> list[Example]:
    """Versions of many recordings, in their order, made by several processes.

    Args:
        jobs: one a recording.
        workers: processes.
        progress: called with the number of recordings done.
    """
    made: list[Example] = []
    for done, examples in enumerate(_versions_of_all(jobs, workers), start=1):
        made += examples
        progress(done)
    return made


def _versions_of_all(jobs: Sequence[VersionsJob], workers: int) -> Iterator[list[Example]]:
    if workers <= 1 or len(jobs) < 2:
        yield from map(_versions_of, jobs)
        return
    # Spawned, not forked: the parent may have torch's threads running.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_versions_of, jobs, chunksize=max(1, min(8, len(jobs) // (2 * workers))))


def _versions_of(job: VersionsJob) -> list[Example]:
    recording, targets, count, seed, revoice = job
    return versions(recording, targets, count, seed, revoice=revoice)


def noise_bank(count: int, seconds: float, seed: int) -> list[NDArray[np.float16]]:
    """Log-mels of noises at SPEECH_DBFS, each (seconds * MEL_RATE, MEL_BANDS)."""
    rng = np.random.default_rng(seed)
    gain = np.float32(10 ** (SPEECH_DBFS / 20) / 0.1)
    return [log_mel(acoustics.noise(int(seconds * SAMPLE_RATE), rng) * gain).astype(np.float16) for _ in range(count)]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from."""

    log_mel: Tensor
    """(B, M, MEL_BANDS)."""
    coefficients: Tensor
    """(B, T, K)."""
    opening: Tensor
    width: Tensor
    jaw: Tensor
    activity: Tensor
    closure: Tensor
    shape_weight: Tensor
    opening_weight: Tensor
    jaw_weight: Tensor
    closure_weight: Tensor
    phone: Tensor
    """All (B, T)."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in Batch.__dataclass_fields__})


class MotionBatches(IterableDataset[Batch]):
    """An endless stream of batches, drawn at random and altered on the way."""

    def __init__(
        self,
        corpora: Sequence[Sequence[Example]],
        shares: Sequence[float],
        noises: Sequence[NDArray[np.float16]],
        geometry: NetworkGeometry,
        *,
        batch: int,
        size: int,
        seed: int,
        noise_share: float = 0.08,
        splice: float = 0.0,
    ) -> None:
        """Prepare.

        Args:
            corpora: examples, by corpus.
            shares: of each corpus in a batch; need not add up to 1.
            noises: log-mels of noises.
            geometry: of the network, `block` being the motion frames of one sequence.
            batch: sequences in a batch.
            size: K.
            seed: of everything random here.
            noise_share: share of sequences in which nobody speaks.
            splice: share of sequences of all but the first corpus that are pieced together from several examples, so
                that nothing longer than a syllable or two can be learned by heart from a corpus of few minutes.
        """
        self._corpora = [list(examples) for examples in corpora]
        self._shares = np.array(shares, dtype=float) / float(sum(shares))
        frames = [np.array([example.targets.frames for example in examples], dtype=float) for examples in corpora]
        self._lengths = [lengths / lengths.sum() for lengths in frames]
        self._noises = list(noises)
        self._geometry = geometry
        self._batch = batch
        self._size = size
        self._seed = seed
        self._noise_share = noise_share
        self._splice = splice

    def __iter__(self) -> Iterator[Batch]:
        """Draw batches for ever."""
        rng = np.random.default_rng(self._seed)
        while True:
            yield self.draw(rng)

    def draw(self, rng: np.random.Generator) -> Batch:
        """One batch."""
        mels, parts = zip(*(self._sequence(rng) for _ in range(self._batch)), strict=True)
        stacked = {
            name: torch.from_numpy(np.stack([getattr(part, name) for part in parts]))
            for name in Targets.__dataclass_fields__
        }
        return Batch(log_mel=torch.from_numpy(np.stack(mels)), **stacked)

    def _sequence(self, rng: np.random.Generator) -> tuple[FloatArray, Targets]:
        if rng.random() < self._noise_share:
            return self._still(rng)
        corpus = int(rng.choice(len(self._corpora), p=self._shares))
        mel, part = self._cut(corpus, rng)
        if corpus > 0 and rng.random() < self._splice:
            mel, part = self._pieced(mel, part, corpus, rng)
        return alter_mel(mel, self._pick_noise(rng), rng), part

    def _cut(self, corpus: int, rng: np.random.Generator) -> tuple[FloatArray, Targets]:
        """A random stretch of a random example."""
        examples = self._corpora[corpus]
        example = examples[int(rng.choice(len(examples), p=self._lengths[corpus]))]
        span = self._geometry.block
        first = int(rng.integers(-span // 4, max(example.targets.frames - 3 * span // 4, 1 - span // 4)))
        start = first * MELS_PER_FRAME - self._geometry.past
        mel = _part(example.log_mel, start, self._geometry.input_mels, SILENT_LOG_MEL)
        return mel, example.targets.part(first, span)

    def _pieced(
        self, mel: FloatArray, part: Targets, corpus: int, rng: np.random.Generator
    ) -> tuple[FloatArray, Targets]:
        """A stretch whose end comes from one or two others; nothing counts close to the joints."""
        span = self._geometry.block
        values = {name: getattr(part, name).copy() for name in Targets.__dataclass_fields__}
        for joint in sorted(rng.integers(1, span, int(rng.integers(1, 3)))):
            other_mel, other = self._cut(corpus, rng)
            start = self._geometry.past + int(joint) * MELS_PER_FRAME
            mel[start:] = other_mel[start:]
            for name, value in values.items():
                value[joint:] = getattr(other, name)[joint:]
            for name in ("shape_weight", "opening_weight", "jaw_weight", "closure_weight", "phone"):
                values[name][max(joint - JOINT_FRAMES, 0) : joint + JOINT_FRAMES] = 0
        return mel, Targets(**values)

    def _still(self, rng: np.random.Generator) -> tuple[FloatArray, Targets]:
        """A noise, or nothing at all, and a mouth at rest."""
        mel = self._pick_noise(rng) + np.float32(rng.uniform(-9, 1))
        if rng.random() < 0.2:
            mel = np.full_like(mel, SILENT_LOG_MEL)
        ones = np.ones(self._geometry.block, dtype=np.float32)
        rest = np.zeros((self._geometry.block, self._size), dtype=np.float32)
        none, little = ones * 0, ones * QUIET_WEIGHT
        still = Targets(rest, none, none, none, none, ones, little, little, little, none, none)
        return np.maximum(mel, SILENT_LOG_MEL).astype(np.float32), still

    def _pick_noise(self, rng: np.random.Generator) -> FloatArray:
        noise = self._noises[int(rng.integers(len(self._noises)))]
        start = int(rng.integers(max(len(noise) - self._geometry.input_mels, 1)))
        return _part(noise, start, self._geometry.input_mels, SILENT_LOG_MEL)


def alter_mel(mel: FloatArray, noise: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Another voice, microphone, level and background: (M, MEL_BANDS) -> the same shape.

    Vocal tract length (Jaitly & Hinton 2013), a smooth equaliser, added noise, level, and patches blanked out
    (SpecAugment, Park et al. 2019).
    """
    if rng.random() < 0.7:
        mel = _stretch_bands(mel, float(np.exp(rng.uniform(-0.17, 0.17))))
    if rng.random() < 0.7:
        knots = rng.normal(0, 0.7, 6)
        mel = mel + np.interp(np.linspace(0, 5, MEL_BANDS), np.arange(6), knots).astype(np.float32)
    if rng.random() < 0.6:
        snr_db = rng.uniform(0, 35)
        mel = np.logaddexp(mel, noise - np.float32(snr_db * np.log(10) / 10))
    if rng.random() < 0.5:
        # A microphone's own noise.
        hiss = rng.uniform(SILENT_LOG_MEL, -8) + rng.gumbel(0, 0.5, mel.shape)
        mel = np.logaddexp(mel, hiss)
    mel = mel + np.float32(rng.normal(0, 0.6))
    mel = np.maximum(mel, SILENT_LOG_MEL).astype(np.float32)
    for _ in range(int(rng.integers(0, 3))):
        low, width = int(rng.integers(MEL_BANDS)), int(rng.integers(1, 10))
        mel[:, low : low + width] = mel.mean()
    if rng.random() < 0.3:
        start, length = int(rng.integers(len(mel))), int(rng.integers(1, 8))
        mel[start : start + length] = mel.mean(axis=0)
    return mel


def _stretch_bands(mel: FloatArray, factor: float) -> FloatArray:
    """Move the spectrum's features up or down by a factor of the band number."""
    position = np.clip(np.arange(MEL_BANDS) / factor, 0, MEL_BANDS - 1)
    low = np.minimum(position.astype(int), MEL_BANDS - 2)
    share = (position - low).astype(np.float32)
    return np.asarray(mel[:, low] * (1 - share) + mel[:, low + 1] * share, dtype=np.float32)


def save_examples(examples: Sequence[Example], path: Path) -> None:
    """Keep examples in one file; it appears whole or not at all."""
    arrays: dict[str, NDArray[np.generic]] = {
        "names": np.array([example.name for example in examples]),
        "mels": np.array([len(example.log_mel) for example in examples]),
        "frames": np.array([example.targets.frames for example in examples]),
        "log_mel": np.concatenate([example.log_mel for example in examples]),
    }
    for name in Targets.__dataclass_fields__:
        arrays[name] = np.concatenate([getattr(example.targets, name) for example in examples]).astype(np.float32)
    unfinished = path.with_name(f".{path.name}")
    np.savez(unfinished, **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)


def load_examples(path: Path) -> list[Example]:
    """Read what `save_examples` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    mel_ends, frame_ends = np.cumsum(arrays["mels"])[:-1], np.cumsum(arrays["frames"])[:-1]
    mels = np.split(arrays["log_mel"], mel_ends)
    targets = zip(*(np.split(arrays[name], frame_ends) for name in Targets.__dataclass_fields__), strict=True)
    return [
        Example(str(name), mel, Targets(*parts))
        for name, mel, parts in zip(arrays["names"], mels, targets, strict=True)
    ]
