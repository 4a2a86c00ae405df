"""Voice perturbation: the same words at the same times in another voice, by WORLD (extra 'speech').

    samples --pitch, envelope, noisiness--> changed --synthesis--> as many samples

So that a network that learns from one speaker, or from one synthesiser, can't lean on that voice's timbre. Timing is
kept to the analysis frame (5 ms): targets still fit the sound.

WORLD: M. Morise, F. Yokomori, K. Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system for real-time
applications", IEICE Trans. Inf. Syst. E99-D (2016).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import MissingExtraError
from mouthpiece.types import SAMPLE_RATE, FloatArray

FRAME_MS = 5.0
"""Step of the analysis."""
LOWEST_PITCH_HZ, HIGHEST_PITCH_HZ = 60.0, 620.0
"""Where pitch is looked for, and what a changed pitch stays within."""
PITCH = (0.6, 1.7)
"""Limits of the change of mean pitch."""
PITCH_RANGE = (0.3, 1.6)
"""Limits of the change of pitch movement: 0 is a monotone, 1 as it was."""
TRACT = (0.82, 1.22)
"""Limits of the change of the formants' frequencies; above 1 is a shorter vocal tract."""
WHISPERED = 0.08
"""Share of the voices drawn that whisper."""
BREATHY = 0.35
"""Share of the others that are breathy."""
SHORTEST_S = 0.1
"""Speech shorter than this stays as it is: there is no pitch to find in it."""
WHISPER_TILT_HZ = 900.0
"""A whisper has no glottal pulses: what the folds give below this frequency is missing from it."""
SMALLEST = 1e-9
"""WORLD takes logarithms of the envelope, of the noise's share and of what is left."""
FULL_SCALE = 0.98
"""Peaks are kept below this."""

_Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voice:
    """How a voice differs from the one that was recorded."""

    pitch: float = 1.0
    """Factor of the mean pitch."""
    pitch_range: float = 1.0
    """Factor of the pitch's movement about its mean, in octaves."""
    tract: float = 1.0
    """Factor of the formants' frequencies."""
    breath: float = 0.0
    """0-1: how much of the harmonics' power becomes noise, more at high frequencies."""
    whisper: bool = False
    """Noise alone; pitch is gone."""


def random_voice(rng: np.random.Generator) -> Voice:
    """Draw a voice within the limits above; higher voices tend to have shorter tracts, as people do."""
    pitch = float(np.exp(rng.uniform(*np.log(PITCH))))
    # Adults: the formants' factor goes with about a quarter of the pitch's in octaves (Peterson & Barney, 1952).
    tract = float(np.clip(pitch**0.25 * np.exp(rng.normal(0, 0.08)), *TRACT))
    if rng.random() < WHISPERED:
        return Voice(tract=tract, whisper=True)
    breath = float(rng.uniform(0.2, 0.9)) if rng.random() < BREATHY else 0.0
    return Voice(pitch, float(rng.uniform(*PITCH_RANGE)), tract, breath)


def perturb_voice(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Put speech in a random other voice, at the level it had. (n,) float32 -> (n,) float32, same timing.

    Raises:
        MissingExtraError: pyworld is not installed.
    """
    return in_voice(samples, random_voice(rng))


def in_voice(samples: FloatArray, voice: Voice) -> FloatArray:
    """Put speech in a given other voice, at the level it had. (n,) float32 -> (n,) float32, same timing.

    The same samples and voice give the same result.

    Raises:
        MissingExtraError: pyworld is not installed.
    """
    world = _world()
    if len(samples) < SHORTEST_S * SAMPLE_RATE or not np.any(samples):
        return samples
    sound = np.ascontiguousarray(samples, dtype=np.float64)
    pitch, times = world.dio(
        sound, SAMPLE_RATE, f0_floor=LOWEST_PITCH_HZ, f0_ceil=HIGHEST_PITCH_HZ, frame_period=FRAME_MS
    )
    pitch = world.stonemask(sound, pitch, times, SAMPLE_RATE)
    envelope = world.cheaptrick(sound, pitch, times, SAMPLE_RATE)  # (frames, bins), power
    if voice.whisper:
        noise = np.ones_like(envelope)
        envelope = _without_folds(envelope, pitch > 0)
        pitch = np.zeros_like(pitch)
    else:
        noise = _noisier(world.d4c(sound, pitch, times, SAMPLE_RATE), voice.breath)
        pitch = _moved(pitch, voice)
    envelope = _stretched(envelope, voice.tract)
    noise = np.clip(_stretched(noise, voice.tract), SMALLEST, 1 - SMALLEST)
    made = world.synthesize(pitch, np.maximum(envelope, SMALLEST**2), noise, SAMPLE_RATE, FRAME_MS)
    return _at_level(made[: len(samples)], samples)


def _world() -> Any:
    """Import pyworld, which asks pkg_resources for its own version, which warns."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyworld
    except ImportError as error:
        raise MissingExtraError("changing voices (pyworld)", "speech") from error
    return pyworld


def _moved(pitch: _Array, voice: Voice) -> _Array:
    """Change the mean and range of a pitch, Hz; 0 where there is no voice. (frames,) -> (frames,)."""
    voiced = pitch > 0
    if not voiced.any():
        return pitch
    octaves = np.log(pitch[voiced])
    mean = octaves.mean()
    moved = np.zeros_like(pitch)
    moved[voiced] = np.exp(mean + np.log(voice.pitch) + voice.pitch_range * (octaves - mean))
    moved[voiced] = np.clip(moved[voiced], LOWEST_PITCH_HZ, HIGHEST_PITCH_HZ)
    return moved


def _stretched(spectra: _Array, factor: float) -> _Array:
    """Multiply the frequencies of spectra; what is beyond the highest bin repeats it. (frames, bins)."""
    if factor == 1.0:
        return spectra
    last = spectra.shape[1] - 1
    position = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(position.astype(np.int64), last - 1)
    part = position - below
    stretched: _Array = np.ascontiguousarray(spectra[:, below] * (1 - part) + spectra[:, below + 1] * part)
    return stretched


def _noisier(noise: _Array, breath: float) -> _Array:
    """Add breath to an aperiodicity (0-1, of the amplitude), from a third at 0 Hz to all of it at the top."""
    if breath == 0.0:
        return noise
    added = breath * np.linspace(1 / 3, 1, noise.shape[1])
    raised: _Array = np.sqrt(noise**2 + (1 - noise**2) * added)
    return raised


def _without_folds(envelope: _Array, voiced: NDArray[np.bool_]) -> _Array:
    """Take from voiced frames the low frequencies that only vibrating folds give. (frames, bins)."""
    hz = np.linspace(0, SAMPLE_RATE / 2, envelope.shape[1])
    tilt = hz**2 / (hz**2 + WHISPER_TILT_HZ**2)
    # Without the voice, vowels are hardly louder than the consonants beside them.
    return np.where(voiced[:, None], 0.1 * envelope * tilt, envelope)


def _at_level(made: _Array, original: FloatArray) -> FloatArray:
    """Bring a new sound to the original's power and length, peaks below full scale. (m,) -> (n,)."""
    out = np.zeros(len(original), dtype=np.float64)
    out[: len(made)] = made
    power, wanted = float(np.mean(out**2)), float(np.mean(original.astype(np.float64) ** 2))
    if power > 0:
        out *= np.sqrt(wanted / power)
    peak = float(np.abs(out).max())
    if peak > FULL_SCALE:
        out *= FULL_SCALE / peak
    return out.astype(np.float32)
