"""Examples that a motion network learns from: sounds as they were recorded and altered, with their targets.

recording, targets --augment--> Example ... --save_examples--> one file
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece.atomic_write import atomic_write
from mouthpiece.datasets.recordings import Recording
from mouthpiece.datasets.rig import motion_frames
from mouthpiece.motion.basis import MOTION_RATE
from mouthpiece.parallel import map_in_processes
from mouthpiece.speech import log_mel
from mouthpiece.training import acoustics
from mouthpiece.training.motion.targets import Targets
from mouthpiece.training.synthetic.voice_perturbation import perturb_voice
from mouthpiece.types import SAMPLE_RATE, FloatArray

SPEECH_DBFS = -23.0
"""Level to which active speech is brought, as engines get it."""
EXAMPLES_VERSION = 4
"""Of what `save_examples` writes."""


@dataclass(frozen=True, slots=True)
class Example:
    """The sound of a recording, as it is or altered, with its targets."""

    name: str
    log_mel: NDArray[np.float16]
    """(M, MEL_BANDS), speech at the common level."""
    targets: Targets


def levelled_log_mel(samples: FloatArray, activity: FloatArray) -> NDArray[np.float16]:
    """Make a log-mel with the speech brought to the common level.

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


def augment(
    recording: Recording, targets: Targets, count: int, seed: int, *, voice_perturbation: float = 0.0
) -> list[Example]:
    """Make examples of a recording as it is, and `count` - 1 times altered: voice, speed, room, telephone.

    Args:
        recording: the clip.
        targets: its targets.
        count: how many examples.
        seed: what is random depends on it and on the clip's name alone.
        voice_perturbation: share of the altered ones that another voice speaks (needs the extra `speech`).

    Raises:
        MissingExtraError: voices should change and pyworld is not installed.
    """
    rng = np.random.default_rng([seed, *recording.name.encode()])
    made = [Example(recording.name, levelled_log_mel(recording.samples, targets.activity), targets)]
    for _ in range(count - 1):
        sound = perturb_voice(recording.samples, rng) if rng.random() < voice_perturbation else recording.samples
        speed = float(np.exp(rng.uniform(np.log(acoustics.SLOWEST), np.log(acoustics.FASTEST))))
        sound = acoustics.at_speed(sound, speed)
        altered = targets.played(speed, motion_frames(len(sound)))
        if rng.random() < 0.4:
            sound = acoustics.in_room(sound, rng)
        if rng.random() < 0.15:
            sound = acoustics.band_limited(sound, rng.uniform(150, 350), rng.uniform(2800, 4500))
        made.append(Example(recording.name, levelled_log_mel(sound, altered.activity), altered))
    return made


def augment_all(
    pairs: Sequence[tuple[Recording, Targets]],
    count: int,
    seed: int,
    voice_perturbation: float,
    *,
    workers: int,
    progress: Callable[[int], None],
) -> list[Example]:
    """Augment many recordings, in their order, in several processes.

    Args:
        pairs: recordings with their targets.
        count: examples of each.
        seed: as of `augment`.
        voice_perturbation: as of `augment`.
        workers: processes.
        progress: called with the number of recordings done.
    """
    augment_pair = partial(_augment_pair, count=count, seed=seed, voice_perturbation=voice_perturbation)
    done = map_in_processes(augment_pair, pairs, workers, ordered=True, progress=progress)
    return [example for _, examples in done for example in examples]


def _augment_pair(
    pair: tuple[Recording, Targets], *, count: int, seed: int, voice_perturbation: float
) -> list[Example]:
    return augment(*pair, count, seed, voice_perturbation=voice_perturbation)


def noise_bank(count: int, seconds: float, seed: int) -> list[NDArray[np.float16]]:
    """Make log-mels of noises at SPEECH_DBFS, each (seconds * MEL_RATE, MEL_BANDS)."""
    rng = np.random.default_rng(seed)
    gain = np.float32(10 ** (SPEECH_DBFS / 20) / 0.1)
    return [log_mel(acoustics.noise(int(seconds * SAMPLE_RATE), rng) * gain).astype(np.float16) for _ in range(count)]


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
    with atomic_write(path) as hidden:
        np.savez(hidden, **arrays)  # type: ignore[arg-type]


def load_examples(path: Path) -> list[Example]:
    """Read what `save_examples` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    mel_ends, frame_ends = np.cumsum(arrays["mels"])[:-1], np.cumsum(arrays["frames"])[:-1]
    mels = np.split(arrays["log_mel"], mel_ends)
    parts = {name: np.split(arrays[name], frame_ends) for name in Targets.__dataclass_fields__}
    return [
        Example(str(name), mel, Targets(**{field: values[i] for field, values in parts.items()}))
        for i, (name, mel) in enumerate(zip(arrays["names"], mels, strict=True))
    ]
