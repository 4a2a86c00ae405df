"""Voice activity: in which 10 ms somebody speaks. Signal processing only, causal but for a short look-ahead.

What speaks for a voice in a frame: energy between 100 and 4000 Hz above a noise floor that follows the quietest moments
of each band (minimum statistics, Martin 2001), and a pitch between 60 and 400 Hz in what stands above that floor
(normalised autocorrelation, Boersma 1993). Consonants have no pitch: they are kept by holding on after voiced sound and
by dating onsets back.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mouthpiece.speech.mel import FFT, WINDOW
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, FloatArray

PITCH_WINDOW = 640
"""Samples in which a pitch is looked for: 40 ms, three periods of a low voice; they end where the mel window ends."""
LOOK_AHEAD = 6
"""Mel frames after a frame that are known when its activity is decided: 60 ms."""
ACTIVE = 0.5
"""Activity from here on counts as speech."""

_BAND_EDGES_HZ = (100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 4000)
"""Critical bands (Zwicker 1961) that carry speech through a telephone too."""
_BANDS = len(_BAND_EDGES_HZ) - 1

_SILENCE_DBFS = -85.0
"""White noise of this level is taken for digital silence: it teaches the noise floor nothing."""
_FLOOR_MIN_DBFS = -78.0
_FLOOR_SPAN = 6
_FLOOR_PART = 25
"""The floor is the least smoothed energy within the last _FLOOR_SPAN parts of _FLOOR_PART frames: 1.5 s."""
_FLOOR_SMOOTHING = 0.8
_FLOOR_BIAS = 2.0
"""The minimum of smoothed noise lies about 3 dB below its mean."""
_START_FLOOR_DBFS = -70.0
_START_RISE_DB = 0.6
"""At first nobody knows whether the first sound is noise: the floor may rise by this much a frame."""

_PITCH_FFT = 1024
_PITCH_LAGS = slice(SAMPLE_RATE // 400, SAMPLE_RATE // 60 + 1)

_SMOOTH = 2
"""Frames to either side over which the evidence is averaged."""
_PRE_ROLL = LOOK_AHEAD - _SMOOTH
_HOLD = 16
_FADE = 6


def _white_power(dbfs: float) -> float:
    """Power in each bin of a frame of white noise of that level."""
    return float(10 ** (dbfs / 10) * WINDOW * 0.375)


@lru_cache(maxsize=1)
def _band_of_bin() -> np.ndarray:
    """First bin of each band and of what follows the last, (_BANDS + 1,)."""
    return np.round(np.array(_BAND_EDGES_HZ) * FFT / SAMPLE_RATE).astype(int)


def band_power(power: FloatArray) -> FloatArray:
    """Mean power per bin in the speech bands: (m, BINS) -> (m, bands)."""
    edges = _band_of_bin()
    sums = np.add.reduceat(power, edges, axis=1)[:, :-1]
    return np.asarray(sums / np.diff(edges), dtype=np.float32)


class _NoiseFloor:
    """Quietest recent energy of each band."""

    def __init__(self) -> None:
        self._smooth: FloatArray | None = None
        self._part = np.full(_BANDS, np.inf, dtype=np.float32)
        self._parts = np.full((_FLOOR_SPAN, _BANDS), np.inf, dtype=np.float32)
        self._heard = 0

    def update(self, bands: FloatArray) -> FloatArray:
        """Hear one frame, (bands,), and tell the floor, (bands,)."""
        if bands.mean() > _white_power(_SILENCE_DBFS):
            self._learn(bands)
        start = _white_power(min(_START_FLOOR_DBFS + _START_RISE_DB * self._heard, 20.0))
        lowest = np.minimum(self._parts.min(axis=0), self._part) * np.float32(_FLOOR_BIAS)
        return np.clip(lowest, _white_power(_FLOOR_MIN_DBFS), start).astype(np.float32)

    def _learn(self, bands: FloatArray) -> None:
        if self._smooth is None:
            self._smooth = bands.copy()
        self._smooth = self._smooth + np.float32(1 - _FLOOR_SMOOTHING) * (bands - self._smooth)
        self._part = np.minimum(self._part, self._smooth)
        self._heard += 1
        if self._heard % _FLOOR_PART == 0:
            self._parts = np.roll(self._parts, -1, axis=0)
            self._parts[-1] = self._part
            self._part = self._smooth.copy()


@lru_cache(maxsize=1)
def _pitch_window() -> tuple[FloatArray, FloatArray]:
    """Hann window (PITCH_WINDOW,) and its normalised autocorrelation at the pitch lags."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(PITCH_WINDOW) / PITCH_WINDOW)
    own = np.fft.irfft(np.abs(np.fft.rfft(hann, 2 * PITCH_WINDOW)) ** 2)
    return hann.astype(np.float32), (own[_PITCH_LAGS] / own[0]).astype(np.float32)


def voicing(windows: FloatArray, above_floor: FloatArray) -> FloatArray:
    """How periodic the sound above the noise floor is.

    Args:
        windows: (m, PITCH_WINDOW) float32 samples.
        above_floor: (m, bands) float32 in 0-1: share of each band's energy that is not noise.

    Returns:
        (m,) float32 in 0-1.
    """
    hann, own = _pitch_window()
    spectrum = np.fft.rfft(windows * hann, _PITCH_FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    edges = _band_of_bin() * (_PITCH_FFT // FFT)
    inside = power[:, edges[0] : edges[-1]]
    widths = np.diff(edges)
    means = np.add.reduceat(inside, edges[:-1] - edges[0], axis=1) / widths
    flat = inside / np.repeat(np.maximum(means, np.float32(1e-12)), widths, axis=1)
    kept = np.zeros((len(windows), _PITCH_FFT // 2 + 1), dtype=np.float32)
    kept[:, edges[0] : edges[-1]] = flat * np.repeat(above_floor, widths, axis=1)
    correlation = np.fft.irfft(kept, _PITCH_FFT)[:, _PITCH_LAGS] / own
    whole = 2 * widths.sum() / _PITCH_FFT
    return np.asarray(np.clip(correlation.max(axis=1) / whole, 0, 1), dtype=np.float32)


class VoiceActivity:
    """Decides frame by frame; a frame's activity comes out LOOK_AHEAD frames after it went in."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self._floor = _NoiseFloor()
        self._evidence: list[float] = [0.0] * _SMOOTH
        self._envelope = _Envelope()
        self._pending = 0

    def push(self, power: FloatArray, windows: FloatArray) -> FloatArray:
        """Hear the next frames.

        Args:
            power: (m, BINS) float32 power spectra.
            windows: (m, PITCH_WINDOW) float32 samples that end where the spectra's windows end.

        Returns:
            (k,) float32 in 0-1: activity of the next k frames that can be decided.
        """
        if len(power) == 0:
            return np.zeros(0, dtype=np.float32)
        return self._decide(self._judge(power, windows))

    def finish(self) -> FloatArray:
        """Activity of the frames still waiting, as if silence followed."""
        return self._decide([0.0] * self._pending, fresh=0)

    def _judge(self, power: FloatArray, windows: FloatArray) -> list[float]:
        """Evidence for a voice in each frame, 0-1."""
        bands = band_power(power)
        floors = np.stack([self._floor.update(row) for row in bands])
        ratio = np.maximum(bands, np.float32(1e-12)) / floors
        loud = np.clip(10 * np.log10(ratio), 0, 20).mean(axis=1)
        voiced = voicing(windows, np.clip(1 - 1 / ratio, 0, 1))
        evidence = np.clip((loud - 2) / 5, 0, 1) * np.clip((voiced - 0.25) / 0.25, 0, 1)
        return [float(value) for value in evidence]

    def _decide(self, evidence: list[float], fresh: int | None = None) -> FloatArray:
        self._pending += len(evidence) if fresh is None else fresh
        decided: list[float] = []
        for value in evidence:
            self._evidence.append(value)
            if len(self._evidence) > 2 * _SMOOTH + 1:
                del self._evidence[0]
            smooth = sum(self._evidence) / (2 * _SMOOTH + 1)
            decided.append(self._envelope.update(min(1.0, smooth * 1.6)))
        ready = self._pending - LOOK_AHEAD if fresh is None else self._pending
        out = decided[len(decided) - max(ready, 0) :] if ready > 0 else []
        self._pending -= len(out)
        return np.array(out, dtype=np.float32)


class _Envelope:
    """Dates onsets back and holds on after voiced sound."""

    def __init__(self) -> None:
        self._coming = [0.0] * (_PRE_ROLL + 1)
        self._value = 0.0
        self._age = 0

    def update(self, value: float) -> float:
        """Take the evidence of a frame and tell the activity of the one _PRE_ROLL frames before it."""
        self._coming = [*self._coming[1:], value]
        highest = max(self._coming)
        held = self._value * max(0.0, 1 - max(0, self._age - _HOLD) / _FADE)
        if highest >= held:
            self._value, self._age = highest, 0
            return highest
        self._age += 1
        return held


def speech_stretches(activity: FloatArray) -> list[tuple[float, float]]:
    """Where somebody speaks.

    Args:
        activity: (m,) float32 in 0-1, one per mel frame, from the start of the speech.

    Returns:
        (start_s, end_s) of each stretch, seconds, in order; mel frame m stands for m / MEL_RATE and the 10 ms after it.
    """
    active = np.concatenate([[False], np.asarray(activity) >= ACTIVE, [False]])
    turns = np.flatnonzero(active[1:] != active[:-1])
    return [
        (float(start) / MEL_RATE, float(end) / MEL_RATE) for start, end in zip(turns[::2], turns[1::2], strict=True)
    ]
