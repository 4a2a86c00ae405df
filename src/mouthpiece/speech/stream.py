"""Speech analysis a block at a time, the same numbers however the speech is cut up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.speech.activity import ACTIVE, LOOK_AHEAD, PITCH_WINDOW, VoiceActivity
from mouthpiece.speech.mel import AHEAD, FFT, WINDOW, as_mono, log_compress, mel_power, power_spectrum
from mouthpiece.types import MEL_BANDS, MEL_HOP, SAMPLE_RATE, FloatArray, SpeechChunk

LATENCY_S = (AHEAD + LOOK_AHEAD * MEL_HOP) / SAMPLE_RATE
"""Sound after a mel frame's centre that the stream needs before that frame comes out: 72.5 ms."""
LIVE_LATENCY_S = AHEAD / SAMPLE_RATE
"""The same for live sound: 12.5 ms, the half of a mel frame's window; voice activity then has no look-ahead."""

TARGET_LEVEL_DB = -23.0
"""Level that active speech has in the mel, dBFS."""
PRIOR_LEVEL_DB = -26.0
"""Level assumed before any speech, dBFS."""
MIN_GAIN_DB = -30.0
MAX_GAIN_DB = 40.0
"""Limits of the levelling, so that noise is not amplified to the level of speech."""

_SPEECH_BINS = slice(round(100 * FFT / SAMPLE_RATE), round(7600 * FFT / SAMPLE_RATE))
_MEAN_SQUARE = 2 / (FFT * WINDOW * 0.375)
"""Sum of a frame's bins times this is its mean square (Parseval, Hann window)."""
_BLOCK = 512
"""Frames worked on at a time."""


def _to_db(mean_square: float) -> float:
    return float(10 * np.log10(max(mean_square, 1e-12)))


def _gain(level_db: float) -> np.float32:
    """Return the factor on the power that brings speech of a level to TARGET_LEVEL_DB, within the limits."""
    gain_db = min(max(TARGET_LEVEL_DB - level_db, MIN_GAIN_DB), MAX_GAIN_DB)
    return np.float32(10 ** (gain_db / 10))


class _FrameCutter:
    """A stream of samples cut into overlapping windows, one per mel frame, with zeros beyond both ends.

    The window of frame m is samples [m * MEL_HOP + AHEAD - PITCH_WINDOW, m * MEL_HOP + AHEAD).
    """

    def __init__(self) -> None:
        self._tail = np.zeros(PITCH_WINDOW - AHEAD, dtype=np.float32)
        self._after_last = 0
        """Samples taken since the centre of the next frame; negative while it is still to come."""

    def push(self, samples: FloatArray) -> FloatArray:
        """Take samples (n,); return the windows (m, PITCH_WINDOW) that they complete."""
        self._after_last += len(samples)
        self._tail = np.concatenate([self._tail, samples])
        count = (len(self._tail) - PITCH_WINDOW) // MEL_HOP + 1
        if count <= 0:
            return np.zeros((0, PITCH_WINDOW), dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._tail, PITCH_WINDOW)[::MEL_HOP]
        self._tail = self._tail[count * MEL_HOP :]
        self._after_last -= count * MEL_HOP
        return windows

    def finish(self) -> FloatArray:
        """Return the windows of the frames that are complete but for their end."""
        missing = -(-self._after_last // MEL_HOP)
        if missing <= 0:
            return np.zeros((0, PITCH_WINDOW), dtype=np.float32)
        wanted = PITCH_WINDOW + (missing - 1) * MEL_HOP - len(self._tail)
        self._after_last = 0
        return self.push(np.zeros(wanted, dtype=np.float32))


class _RunningLevel:
    """The level of the speech so far, frame by frame: up fast, down slowly, unchanged while nobody speaks."""

    _SLOW = 1 / 500
    """Weight of a new frame in the long run: 5 s of speech."""
    _FAST = 1 / 40
    _PRIOR_FRAMES = 25
    """How much speech the prior level counts for: a quarter of a second."""
    _PEAK_OVER_MEAN = 0.5
    """The fast mean may stand 3 dB above the level before it pulls the level up."""

    def __init__(self) -> None:
        prior = 10 ** (PRIOR_LEVEL_DB / 10)
        self._mean = prior
        self._recent = prior
        self._frames = self._PRIOR_FRAMES

    def update(self, mean_square: float, activity: float) -> float:
        """Take one frame; return the level of speech, dBFS."""
        if activity >= ACTIVE:
            self._frames += 1
            self._mean += max(self._SLOW, 1 / self._frames) * (mean_square - self._mean)
            self._recent += self._FAST * (mean_square - self._recent)
            self._mean = max(self._mean, self._PEAK_OVER_MEAN * self._recent)
        return _to_db(self._mean)


class _Analysis:
    """Mel power, loudness and activity of a stream of samples, before levelling."""

    def __init__(self, look_ahead: int = LOOK_AHEAD) -> None:
        self._cutter = _FrameCutter()
        self._activity = VoiceActivity(look_ahead)
        self._mel = np.zeros((0, MEL_BANDS), dtype=np.float32)
        self._mean_square = np.zeros(0, dtype=np.float32)

    def push(self, samples: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Take samples (n,); return (m, MEL_BANDS) mel power, (m,) mean square in the speech bands, (m,) activity."""
        return self._release(self._push(self._cutter.push(samples)))

    def finish(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the frames still waiting."""
        decided = self._push(self._cutter.finish())
        return self._release(np.concatenate([decided, self._activity.finish()]))

    def _push(self, windows: FloatArray) -> FloatArray:
        decided, mels, louds = [np.zeros(0, dtype=np.float32)], [self._mel], [self._mean_square]
        for start in range(0, len(windows), _BLOCK):
            block = windows[start : start + _BLOCK]
            power = power_spectrum(block[:, -WINDOW:])
            decided.append(self._activity.push(power, block))
            mels.append(mel_power(power))
            louds.append(power[:, _SPEECH_BINS].sum(axis=1) * np.float32(_MEAN_SQUARE))
        self._mel, self._mean_square = np.concatenate(mels), np.concatenate(louds)
        return np.concatenate(decided)

    def _release(self, activity: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        count = len(activity)
        mel, self._mel = self._mel[:count], self._mel[count:]
        loud, self._mean_square = self._mean_square[:count], self._mean_square[count:]
        return mel, loud, activity


class SpeechStream:
    """A stream of samples analysed into the chunks that engines take.

    Chunks follow each other without gap or overlap, both in samples and in mel frames; the mel frames trail the samples
    by LATENCY_S, or LIVE_LATENCY_S. Any way of cutting the same speech into blocks gives the same frames, bit for bit.
    """

    def __init__(self, reference_level_db: float | None = None, *, live: bool = False) -> None:
        """Start at the beginning of a speech.

        Args:
            reference_level_db: level of the speech in the whole recording as of `measure_level`, dBFS: the mel
                then has one gain throughout. None for live sound: the level is followed as it comes, starting at
                PRIOR_LEVEL_DB, up fast and down slowly, unchanged while nobody speaks.
            live: give frames out 60 ms earlier; voice activity is then noticed so much later.

        Raises:
            OptionError: the level is not a finite number.
        """
        if reference_level_db is not None and not np.isfinite(reference_level_db):
            raise OptionError(f"expected a level in dBFS or None, got {reference_level_db}")
        self._reference_level_db = reference_level_db
        self._look_ahead = 0 if live else LOOK_AHEAD
        self.reset()

    def reset(self) -> None:
        """Forget the speech; the next sample is the first one. The reference level stays."""
        self._analysis = _Analysis(self._look_ahead)
        self._level = _RunningLevel()
        self._samples = 0
        self._mels = 0

    def push(self, samples: FloatArray) -> SpeechChunk:
        """Take the next block.

        Args:
            samples: (n,) floats in [-1, 1], finite, SAMPLE_RATE; any n, 0 too.

        Returns:
            These samples and the mel frames that became certain; there may be none.

        Raises:
            OptionError: the samples are not one channel of floats.
        """
        samples = as_mono(samples)
        chunk = self._chunk(samples, *self._analysis.push(samples))
        self._samples += len(samples)
        return chunk

    def finish(self) -> SpeechChunk:
        """End the speech: no samples, and the mel frames still missing of ceil(n / MEL_HOP)."""
        return self._chunk(np.zeros(0, dtype=np.float32), *self._analysis.finish())

    def _chunk(self, samples: FloatArray, mel: FloatArray, loud: FloatArray, activity: FloatArray) -> SpeechChunk:
        first_mel = self._mels
        self._mels += len(mel)
        return SpeechChunk(
            first_sample=self._samples,
            samples=samples,
            first_mel=first_mel,
            log_mel=log_compress(mel * self._gains(loud, activity)),
            activity=activity,
        )

    def _gains(self, loud: FloatArray, activity: FloatArray) -> FloatArray:
        """Return the factor on each frame's mel power, (m, 1)."""
        if self._reference_level_db is not None:
            return np.full((len(loud), 1), _gain(self._reference_level_db), dtype=np.float32)
        levels = [
            self._level.update(float(mean_square), float(active))
            for mean_square, active in zip(loud, activity, strict=True)
        ]
        return np.array([_gain(level) for level in levels], dtype=np.float32).reshape(-1, 1)


def _analysed(blocks: Iterable[FloatArray]) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    analysis = _Analysis()
    for block in blocks:
        yield analysis.push(as_mono(block))
    yield analysis.finish()


def measure_level(blocks: Iterable[FloatArray]) -> float | None:
    """Measure the level of a recording's speech: mean power from 100 to 7600 Hz of the frames in which somebody speaks.

    Args:
        blocks: (n,) floats in [-1, 1], SAMPLE_RATE, one after the other; only one is held at a time.

    Returns:
        dBFS (0 for a full-scale square wave), or None where nobody speaks.

    Raises:
        OptionError: a block is not one channel of floats.
    """
    total, frames = 0.0, 0
    for _, loud, activity in _analysed(blocks):
        speech = loud[activity >= ACTIVE]
        total, frames = total + float(speech.sum(dtype=np.float64)), frames + len(speech)
    return _to_db(total / frames) if frames else None


def features(samples: FloatArray, reference_level_db: float | None = None) -> tuple[FloatArray, FloatArray]:
    """Analyse a whole recording: the same numbers as of `SpeechStream`.

    Args:
        samples: (n,) floats in [-1, 1], SAMPLE_RATE.
        reference_level_db: level of the speech, dBFS; measured here when not given.

    Returns:
        (m, MEL_BANDS) float32 log-mel at the common level, and (m,) float32 activity in 0-1; m is ceil(n / MEL_HOP).

    Raises:
        OptionError: the samples are not one channel of floats, or the level is not finite.
    """
    if reference_level_db is None:
        reference_level_db = measure_level([samples])
    stream = SpeechStream(reference_level_db)
    chunks = [stream.push(samples), stream.finish()]
    return (
        np.concatenate([chunk.log_mel for chunk in chunks]),
        np.concatenate([chunk.activity for chunk in chunks]),
    )
