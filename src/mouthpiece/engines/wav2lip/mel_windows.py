"""The published mel spectrogram of the Wav2Lip networks, in windows of sixteen frames.

The speech at the level recorded is pre-emphasised and cut into frames of 50 ms, 80 a second; their amplitudes in 80
mel bands are taken in dB and brought to -4 ... 4 (Prajwal et al., A Lip Sync Expert Is All You Need for Speech to Lip
Generation in the Wild, 2020; the numbers are those of the published project's audio.py and hparams.py). Frame m is
centred on sample m * HOP, and n samples have 1 + n // HOP frames.

Beyond both ends stands the speech's mirror image, as in the librosa of the published project (0.7); from 0.9 on it
puts zeros there, which changes the first and the last two frames. Silence of exact zeros is as any other silence:
LOWEST.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor, inf

import numpy as np
from numpy.typing import NDArray

from mouthpiece.dsp import hann, mel_filterbank
from mouthpiece.errors import EngineError
from mouthpiece.types import SAMPLE_RATE, FloatArray, as_float

HOP = 200
"""Samples from one mel frame to the next: 12.5 ms."""
RATE = SAMPLE_RATE // HOP
"""Mel frames a second."""
FFT = 800
"""Points of the Fourier transform, and samples of the window: 50 ms."""
AHEAD = FFT // 2
"""Samples to either side of a frame's centre that it needs."""
BANDS = 80
LOWEST_HZ, HIGHEST_HZ = 55.0, 7600.0
PRE_EMPHASIS = 0.97
"""How much of the sample before is taken away from each sample."""
LEAST_AMPLITUDE = 1e-5
"""Amplitudes below count as this: -100 dB."""
REFERENCE_DB, RANGE_DB = 20.0, 100.0
"""The level that becomes HIGHEST, and how far below it LOWEST lies."""
LOWEST, HIGHEST = -4.0, 4.0

WINDOW = 16
"""Mel frames of the network's input for one picture: 200 ms."""
LOOK_AHEAD_S = ((WINDOW - 1) * HOP + AHEAD) / SAMPLE_RATE
"""Speech after a moment that its window needs: 212.5 ms."""

_BLOCK = 512
"""Frames worked on at a time, so that an hour of speech does not become an hour of spectra in memory."""
_SAME_MOMENT_S = 1e-6
"""A moment so little before a mel frame's is that frame's: times are exact fractions that floats round."""


def window_start(moment_s: float) -> int:
    """Return the first mel frame of a moment's window: floor(80 t), of the exact time that the float stands for.

    The published script counts int(i * (80. / fps)) for picture i. Where i * 80 / fps is a whole number, that product
    of floats may come out a hair too small, and its window then begins a mel frame (12.5 ms) early: among the frame
    rates in use (24, 25, 30, 50, 60 and the NTSC ones), only for 83 pictures of an hour at 24000/1001. Here such a
    window begins where it should.
    """
    return max(0, floor((moment_s + _SAME_MOMENT_S) * RATE))


@lru_cache(maxsize=1)
def _bank_columns() -> FloatArray:
    """Return the filterbank transposed for the matrix product, (FFT // 2 + 1, BANDS)."""
    return np.ascontiguousarray(mel_filterbank(BANDS, FFT, LOWEST_HZ, HIGHEST_HZ).T)


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float64]:
    """Return the (FFT,) periodic Hann window."""
    return hann(FFT)


def _normalised(spectrum: FloatArray) -> FloatArray:
    """Normalise (m, BANDS) mel amplitudes to (m, BANDS) float32, LOWEST to HIGHEST."""
    level_db = 20 * np.log10(np.maximum(spectrum, np.float32(LEAST_AMPLITUDE))) - np.float32(REFERENCE_DB)
    scaled = (HIGHEST - LOWEST) / RANGE_DB * (level_db + np.float32(RANGE_DB)) + LOWEST
    return as_float(np.clip(scaled, LOWEST, HIGHEST))


def _frames_of(padded: NDArray[np.float64]) -> FloatArray:
    """Compute mel frames of pre-emphasised samples from their beginning: (n,) -> (1 + (n - FFT) // HOP, BANDS)."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    mel = np.empty((len(windows), BANDS), dtype=np.float32)
    for start in range(0, len(windows), _BLOCK):
        block = slice(start, start + _BLOCK)
        amplitude = np.abs(np.fft.rfft(windows[block] * _window())).astype(np.float32)
        # One product per frame: a single large one rounds a row differently with the number of rows beside it, and
        # then speech in chunks would differ from the same speech in one piece.
        mel[block] = _normalised(np.matmul(amplitude[:, None, :], _bank_columns())[:, 0, :])
    return mel


class MelStream:
    """The mel spectrogram of speech that comes in pieces; the same, to the bit, as of the whole."""

    def __init__(self) -> None:
        """Start at the beginning of a speech."""
        self._last = 0.0
        """The last sample before its pre-emphasis."""
        self._waiting: NDArray[np.float64] = np.zeros(0)
        """Pre-emphasised samples that frames to come need, mirrored beyond the beginning once that can be done."""
        self._mirrored = False

    def push(self, samples: FloatArray) -> FloatArray:
        """Take the next (n,) samples, SAMPLE_RATE; return the frames that are complete now, (m, BANDS) float32."""
        if len(samples) == 0:
            return np.zeros((0, BANDS), dtype=np.float32)
        heard = np.concatenate([[self._last], samples.astype(np.float64)])
        self._last = float(heard[-1])
        self._waiting = np.concatenate([self._waiting, heard[1:] - PRE_EMPHASIS * heard[:-1]])
        if not self._mirrored and len(self._waiting) > AHEAD:
            self._waiting = np.concatenate([self._waiting[AHEAD:0:-1], self._waiting])
            self._mirrored = True
        return self._known() if self._mirrored else np.zeros((0, BANDS), dtype=np.float32)

    def finish(self) -> FloatArray:
        """End the speech and return the frames still missing, (m, BANDS) float32; none of a speech without a sample."""
        if len(self._waiting) == 0:
            return np.zeros((0, BANDS), dtype=np.float32)
        missing = (0 if self._mirrored else AHEAD, AHEAD)
        self._waiting = np.pad(self._waiting, missing, mode="reflect")
        return self._known()

    def _known(self) -> FloatArray:
        """Compute every frame whose samples are there; drop the samples that no later one needs."""
        if len(self._waiting) < FFT:
            return np.zeros((0, BANDS), dtype=np.float32)
        mel = _frames_of(self._waiting)
        self._waiting = self._waiting[len(mel) * HOP :].copy()
        return mel


class SpeechWindows:
    """The sixteen mel frames for each moment of a speech that comes in pieces.

    A window begins at its moment, as in the published inference (in training it began one picture, 40 ms, earlier). At
    the end of the speech the last window is held; a speech shorter than one is completed with silence. What lies
    before the last moment asked for is forgotten.
    """

    def __init__(self) -> None:
        """Start at the beginning of a speech."""
        self.reset()

    def reset(self) -> None:
        """Forget the speech."""
        self._stream = MelStream()
        self._mel: list[FloatArray] = []
        """Mel frames from number `_first` on, in pieces."""
        self._first = 0
        self._count = 0
        """Mel frames known, those forgotten too."""
        self._finished = False

    def push(self, samples: FloatArray) -> None:
        """Take the next (n,) samples: float32 in [-1, 1], SAMPLE_RATE, level as recorded.

        Raises:
            EngineError: the speech is over.
        """
        if self._finished:
            raise EngineError("expected no more speech after its end, got some; reset first")
        self._add(self._stream.push(samples))

    def finish(self) -> None:
        """End the speech; every moment has its window now."""
        if self._finished:
            return
        self._add(self._stream.finish())
        if self._count < WINDOW:
            self._add(np.full((WINDOW - self._count, BANDS), LOWEST, dtype=np.float32))
        self._finished = True

    def _add(self, mel: FloatArray) -> None:
        if len(mel):
            self._mel.append(mel)
            self._count += len(mel)

    @property
    def ready_until_s(self) -> float:
        """Moments before this one have their window; infinite after the end."""
        if self._finished:
            return inf
        return max(0.0, (self._count - WINDOW + 1) / RATE - _SAME_MOMENT_S)

    def at(self, moment_s: float) -> FloatArray:
        """Return the network's window for a moment.

        Args:
            moment_s: seconds of speech time, below `ready_until_s`; moments don't go back.

        Returns:
            (BANDS, WINDOW) float32, a copy.

        Raises:
            EngineError: the moment is not complete yet, or is forgotten.
        """
        if not moment_s < self.ready_until_s:
            raise EngineError(f"expected a moment before {self.ready_until_s:.3f} s, got {moment_s:.3f} s")
        start = window_start(moment_s)
        if self._finished:
            start = min(start, self._count - WINDOW)
        if start < self._first:
            first_s = self._first / RATE
            raise EngineError(f"expected moments that don't go back, {first_s:.3f} s or later; got {moment_s:.3f} s")
        self._forget_before(start)
        held = self._mel[0]
        if len(held) < WINDOW:
            held = np.concatenate(self._mel)
            self._mel = [held]
        return np.ascontiguousarray(held[:WINDOW].T)

    def _forget_before(self, start: int) -> None:
        """Drop the frames before number `start`, which is known."""
        while self._mel and self._first + len(self._mel[0]) <= start:
            self._first += len(self._mel.pop(0))
        self._mel[0] = self._mel[0][start - self._first :]
        self._first = start
