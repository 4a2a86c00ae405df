"""Acoustics between a mouth and a recording, synthesised: speed, rooms, telephones, noises, hums and music."""

from __future__ import annotations

import numpy as np

from mouthpiece.types import SAMPLE_RATE, FloatArray

SLOWEST, FASTEST = 0.82, 1.22
"""Limits of the change of speed (which moves pitch and formants along)."""


def at_speed(samples: FloatArray, speed: float) -> FloatArray:
    """Play speech faster (speed > 1) or slower: pitch, formants and tempo change together. (n,) -> (n / speed,)."""
    if speed == 1.0:
        return samples
    count = int(len(samples) / speed)
    if speed > 1:
        samples = band_limited(samples, 60.0, 0.98 * SAMPLE_RATE / 2 / speed)
    position = np.arange(count) * speed
    return _cubic(samples, position)


def _cubic(samples: FloatArray, position: np.ndarray) -> FloatArray:
    """Interpolate samples at fractional positions."""
    index = np.floor(position).astype(np.int64)
    t = (position - index).astype(np.float32)
    padded = np.pad(samples, (1, 3))
    p0, p1, p2, p3 = (padded[np.minimum(index + k, len(padded) - 1)] for k in range(4))
    return catmull_rom(p0, p1, p2, p3, t)


def catmull_rom(p0: FloatArray, p1: FloatArray, p2: FloatArray, p3: FloatArray, t: FloatArray) -> FloatArray:
    """Interpolate between p1 (t = 0) and p2 (t = 1) by the cubic of Catmull & Rom (1974) through p0 and p3."""
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.asarray(curve, dtype=np.float32)


def band_limited(samples: FloatArray, low_hz: float, high_hz: float) -> FloatArray:
    """Pass speech through a band-pass with soft edges, as of a telephone. (n,) -> (n,)."""
    spectrum = np.fft.rfft(samples, _fast_length(len(samples)))
    hz = np.linspace(0, SAMPLE_RATE / 2, len(spectrum))
    gain = 1 / (1 + (low_hz / np.maximum(hz, 1.0)) ** 8) / (1 + (hz / high_hz) ** 16)
    return np.fft.irfft(spectrum * gain, _fast_length(len(samples)))[: len(samples)].astype(np.float32)


def in_room(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Put speech in a random room: direct sound, and a tail of decaying noise 4 to 16 dB below it. (n,) -> (n,)."""
    decay_s = rng.uniform(0.15, 0.8)
    length = int(decay_s * SAMPLE_RATE)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail[: int(rng.uniform(0.002, 0.02) * SAMPLE_RATE)] = 0
    tail *= 10 ** (-rng.uniform(4, 16) / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1
    size = _fast_length(len(samples) + length)
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
    return wet[: len(samples)].astype(np.float32)


def _fast_length(n: int) -> int:
    """Return a length from n on whose Fourier transform is quick."""
    step = 1 << max(int(np.log2(n)) - 3, 0)
    return -(-n // step) * step


def noise(count: int, rng: np.random.Generator) -> FloatArray:
    """Make a noise without speech, (count,) float32 with a root mean square of 0.1.

    One of: coloured noise (steady or gusty), hum with overtones, music, a rattle of short bursts.
    """
    kinds = (_coloured, _gusts, _hum, _music, _music, _bursts)
    made = kinds[int(rng.integers(len(kinds)))](count, rng)
    return (made * (0.1 / max(float(np.sqrt((made**2).mean())), 1e-6))).astype(np.float32)


def _coloured(count: int, rng: np.random.Generator) -> np.ndarray:
    """Make noise with a random slope (0 to 9 dB an octave down) and a few broad resonances."""
    size = _fast_length(count)
    hz = np.maximum(np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1), 20.0)
    level_db = -rng.uniform(0, 9) * np.log2(hz / 1000)
    for _ in range(int(rng.integers(0, 4))):
        level_db += rng.uniform(-12, 12) * np.exp(-((np.log2(hz / rng.uniform(100, 7000)) / rng.uniform(0.2, 1)) ** 2))
    spectrum = (rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))) * 10 ** (level_db / 20)
    return np.fft.irfft(spectrum, size)[:count]


def _gusts(count: int, rng: np.random.Generator) -> np.ndarray:
    """Make coloured noise that swells and fades a few times a second, as traffic and crowds do."""
    knots = rng.uniform(-20, 0, max(int(count / SAMPLE_RATE * rng.uniform(0.5, 5)), 1) + 2)
    swell = np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)
    return _coloured(count, rng) * 10 ** (swell / 20)


def _hum(count: int, rng: np.random.Generator) -> np.ndarray:
    """Make the hum of a machine: overtones of a steady tone, with a little coloured noise."""
    time_s = np.arange(count) / SAMPLE_RATE
    base = rng.uniform(45, 400)
    tones = sum(
        rng.uniform(0.1, 1) / (1 + 0.3 * k) * np.sin(2 * np.pi * base * k * time_s + rng.uniform(0, 6.28))
        for k in range(1, int(rng.integers(3, 20)))
    )
    background = _coloured(count, rng)
    return np.asarray(tones + background / max(background.std(), 1e-9) * rng.uniform(0.02, 0.5))


def _music(count: int, rng: np.random.Generator) -> np.ndarray:
    """Make chords and a melody of decaying overtones on a scale, with a beat."""
    out = np.zeros(count)
    scale = np.array([0, 2, 4, 5, 7, 9, 11]) if rng.random() < 0.5 else np.array([0, 2, 3, 5, 7, 8, 10])
    root_hz = 55 * 2 ** rng.uniform(0, 2)
    beat = int(SAMPLE_RATE * rng.uniform(0.15, 0.6))
    sustain = rng.uniform(0.1, 1.5)
    for start in range(0, count, beat):
        for voice in range(int(rng.integers(1, 5))):
            step = scale[int(rng.integers(len(scale)))] + 12 * int(rng.integers(0, 3))
            out[start:] += _note(root_hz * 2 ** (step / 12), sustain, count - start, voice, rng)
        if rng.random() < 0.5:
            length = min(int(0.08 * SAMPLE_RATE), count - start)
            out[start : start + length] += rng.standard_normal(length) * np.exp(-np.arange(length) / 300)
    return out


def _note(hz: float, sustain_s: float, count: int, voice: int, rng: np.random.Generator) -> np.ndarray:
    """Make a plucked or bowed tone that dies away, (count,)."""
    length = min(count, int(3 * sustain_s * SAMPLE_RATE))
    time_s = np.arange(length) / SAMPLE_RATE
    tone = np.zeros(count)
    fade = np.exp(-time_s / sustain_s) * np.minimum(time_s / rng.uniform(0.003, 0.08), 1)
    for overtone in range(1, 1 + min(6, int(7000 / hz))):
        tone[:length] += np.sin(2 * np.pi * hz * overtone * time_s) * fade / overtone ** rng.uniform(0.7, 2)
    return tone / (1 + voice)


def _bursts(count: int, rng: np.random.Generator) -> np.ndarray:
    """Make knocks, keys and steps: short bursts of coloured noise over a quiet background."""
    out = _coloured(count, rng)
    out *= 0.05 / max(out.std(), 1e-9)
    for _ in range(max(1, int(count / SAMPLE_RATE * rng.uniform(1, 8)))):
        start, length = int(rng.integers(count)), int(SAMPLE_RATE * rng.uniform(0.01, 0.2))
        burst = _coloured(length, rng) * np.exp(-np.arange(length) / (length / 4))
        end = min(start + length, count)
        out[start:end] += (burst / max(burst.std(), 1e-9))[: end - start]
    return out
