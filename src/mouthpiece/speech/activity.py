"""Voice activity of each 10 ms by signal processing only, causal but for a short look-ahead.

Evidence for a voice in a frame: energy between 100 and 4000 Hz above a noise floor that follows the quietest moments of
each band (minimum statistics, Martin 2001), and a pitch between 60 and 400 Hz in the energy above that floor
(normalised autocorrelation, Boersma 1993). Consonants have no pitch: they are kept by holding on after voiced sound and
by dating onsets back.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache

import numpy as np

from mouthpiece.dsp import hann, ramp
from mouthpiece.speech.mel import FFT, WINDOW
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, FloatArray

PITCH_WINDOW = 640
"""Samples in which a pitch is looked for: 40 ms, three periods of a low voice; they end where the mel window ends."""
LOOK_AHEAD = 6
"""Mel frames after a frame that are available when its activity is decided: 60 ms. Live sound can't wait for them."""
ACTIVE = 0.5
"""Activity from here on counts as speech."""

_BAND_EDGES_HZ = (100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 4000)
"""Critical bands (Zwicker 1961) that carry speech through a telephone too."""
_BANDS = len(_BAND_EDGES_HZ) - 1

_SILENCE_DBFS = -85.0
"""White noise of this level is taken for digital silence: the noise floor ignores it."""
_FLOOR_MIN_DBFS = -78.0
_FLOOR_SPAN = 6
_FLOOR_PART = 25
"""The floor is the least smoothed energy within the last _FLOOR_SPAN parts of _FLOOR_PART frames: 1.5 s."""
_FLOOR_SMOOTHING = 0.8
_FLOOR_BIAS = 2.0
"""The minimum of smoothed noise lies about 3 dB below its mean."""
_FLOOR_MARGIN = 2.0
"""Energy below this many times the floor is not trusted to be anything but noise."""
_START_FLOOR_DBFS = -62.0
_START_RISE_DB = 1.0
"""The first sound may be noise or not: the floor may rise by this much a frame."""

_PITCH_FFT = 1024
_PITCH_LAGS = slice(SAMPLE_RATE // 400, SAMPLE_RATE // 60 + 1)
_PITCH_BANDS = 12
"""A pitch is looked for in the bands up to 2000 Hz: higher harmonics of a gliding voice no longer line up."""
_LEAST_SHARE = 0.3
"""Share of those bands that must stand above the floor for a full voicing."""

_TONE_BINS = slice(500 * _PITCH_FFT // SAMPLE_RATE, 2000 * _PITCH_FFT // SAMPLE_RATE)
_TONE_SPAN = 9
"""Bins over which a spectrum's envelope is averaged, to separate its fine structure."""
_TONE_GAP = 10
"""Frames between compared spectra: in 100 ms the harmonics of a voice move, those of a held note don't."""
_MUSIC_MEMORY = 1 / 80
_MUSIC_FROM, _MUSIC_FULL = 0.22, 0.38
"""Mean likeness of spectra _TONE_GAP apart: speech stays below the first, notes and chords above the second."""

_CLEAR_BANDS = 6
"""A frame is as clear as its best bands: noise may hide the others."""
_CLEAR_DB = (5.0, 9.0)
_VOICED = (0.31, 0.51)
"""Where the evidence for a voice begins and is full."""
_UNSURE_VOICED = 0.12
_UNSURE_FRAMES = 80
"""A voice must be this much clearer at first, while the floor is still a guess; less and less so for this long."""
_SMOOTH = 2
"""Frames to either side over which the evidence is averaged."""
_SMOOTH_GAIN = 1.5
_PRE_ROLL = LOOK_AHEAD - _SMOOTH
_CARRY = 30
"""Frames for which sound without pitch counts as speech after a voice: fricatives, bursts, breath."""
_HOLD = 12
_FADE = 6
"""Frames that activity stays after the last sound of speech, and fades in after that."""


def _white_power(dbfs: float) -> float:
    """Return the power in each bin of a frame of white noise of that level."""
    return float(10 ** (dbfs / 10) * WINDOW * 0.375)


@lru_cache(maxsize=1)
def _band_of_bin() -> np.ndarray:
    """Return the first bin of each band and the one after the last band, (_BANDS + 1,)."""
    return np.round(np.array(_BAND_EDGES_HZ) * FFT / SAMPLE_RATE).astype(int)


def band_power(power: FloatArray) -> FloatArray:
    """Average the power per bin in the speech bands: (m, BINS) -> (m, bands)."""
    edges = _band_of_bin()
    sums = np.add.reduceat(power, edges, axis=1)[:, :-1]
    widths = np.diff(edges).astype(np.float32)
    return np.asarray(sums / widths, dtype=np.float32)


class _NoiseFloor:
    """The quietest recent energy of each band."""

    def __init__(self) -> None:
        self._smooth: FloatArray | None = None
        self._part = np.full(_BANDS, np.inf, dtype=np.float32)
        self._parts = np.full((_FLOOR_SPAN, _BANDS), np.inf, dtype=np.float32)
        self.frames = 0
        """Frames that were not digital silence."""

    def update(self, bands: FloatArray) -> FloatArray:
        """Take one frame, (bands,), and return the floor, (bands,)."""
        if bands.mean() > _white_power(_SILENCE_DBFS):
            self._follow(bands)
        start = _white_power(min(_START_FLOOR_DBFS + _START_RISE_DB * self.frames, 20.0))
        lowest = np.minimum(self._parts.min(axis=0), self._part) * np.float32(_FLOOR_BIAS)
        return np.asarray(np.clip(lowest, _white_power(_FLOOR_MIN_DBFS), start), dtype=np.float32)

    def _follow(self, bands: FloatArray) -> None:
        if self._smooth is None:
            self._smooth = bands.copy()
        self._smooth = self._smooth + np.float32(1 - _FLOOR_SMOOTHING) * (bands - self._smooth)
        self._part = np.minimum(self._part, self._smooth)
        self.frames += 1
        if self.frames % _FLOOR_PART == 0:
            self._parts = np.roll(self._parts, -1, axis=0)
            self._parts[-1] = self._part
            self._part = self._smooth.copy()


@lru_cache(maxsize=1)
def _pitch_window() -> tuple[FloatArray, FloatArray]:
    """Return the Hann window (PITCH_WINDOW,) and its normalised autocorrelation at the pitch lags."""
    window = hann(PITCH_WINDOW)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * PITCH_WINDOW)) ** 2)
    return window.astype(np.float32), (own[_PITCH_LAGS] / own[0]).astype(np.float32)


def _pitch_spectrum(windows: FloatArray) -> FloatArray:
    """Compute power spectra fine enough for harmonics: (m, PITCH_WINDOW) -> (m, _PITCH_FFT // 2 + 1)."""
    spectrum = np.fft.rfft(windows * _pitch_window()[0], _PITCH_FFT)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)


def voicing(windows_power: FloatArray, above_floor: FloatArray) -> FloatArray:
    """Measure the periodicity of the sound above the noise floor.

    Args:
        windows_power: (m, _PITCH_FFT // 2 + 1) float32 power spectra of pitch windows.
        above_floor: (m, bands) float32 in 0-1: share of each band's energy that is not noise.

    Returns:
        (m,) float32 in 0-1: greatest normalised autocorrelation at the lags of a voice.
    """
    edges = _band_of_bin()[: _PITCH_BANDS + 1] * (_PITCH_FFT // FFT)
    widths = np.diff(edges)
    share = above_floor[:, :_PITCH_BANDS]
    inside = windows_power[:, edges[0] : edges[-1]]
    means = np.add.reduceat(inside, edges[:-1] - edges[0], axis=1) / widths
    # Each band weighs by its width and its clarity, not by its energy: formants would hide the pitch.
    weight = share / np.maximum(means, np.float32(1e-12))
    kept = np.zeros_like(windows_power)
    kept[:, edges[0] : edges[-1]] = inside * np.repeat(weight, widths, axis=1)
    correlation = np.fft.irfft(kept, _PITCH_FFT)[:, _PITCH_LAGS] / _pitch_window()[1]
    clear = (share * widths).sum(axis=1)
    whole = np.maximum(clear, _LEAST_SHARE * widths.sum()) * (2 / _PITCH_FFT)
    return np.asarray(np.clip(correlation.max(axis=1) / whole, 0, 1), dtype=np.float32)


def _fine_structure(windows_power: FloatArray) -> FloatArray:
    """Take spectra over their envelope, unit length: (m, _PITCH_FFT // 2 + 1) -> (m, bins of _TONE_BINS)."""
    level = np.log(windows_power[:, _TONE_BINS] + np.float32(1e-12))
    padded = np.pad(level, ((0, 0), (_TONE_SPAN // 2, _TONE_SPAN // 2)), mode="edge")
    envelope = np.lib.stride_tricks.sliding_window_view(padded, _TONE_SPAN, axis=1).mean(axis=2)
    fine = np.maximum(level - envelope, np.float32(-1))
    fine -= fine.mean(axis=1, keepdims=True)
    length = np.sqrt((fine**2).sum(axis=1, keepdims=True))
    return np.asarray(fine / (length + np.float32(1e-6)), dtype=np.float32)


class _NoteDetector:
    """A detector of held notes: their harmonics stand still for a tenth of a second, a voice's hardly ever."""

    def __init__(self) -> None:
        self._before = np.zeros((_TONE_GAP, _TONE_BINS.stop - _TONE_BINS.start), dtype=np.float32)
        self._mean = 0.0

    def likeness(self, windows_power: FloatArray) -> FloatArray:
        """Correlate each frame's fine structure with that of _TONE_GAP frames before: (m,) in -1 to 1."""
        fine = np.concatenate([self._before, _fine_structure(windows_power)])
        self._before = fine[len(fine) - _TONE_GAP :]
        return np.asarray((fine[_TONE_GAP:] * fine[:-_TONE_GAP]).sum(axis=1), dtype=np.float32)

    def music(self, likeness: float) -> float:
        """Take the likeness of a frame with sound; return how surely this is music, 0-1."""
        self._mean += _MUSIC_MEMORY * (likeness - self._mean)
        return ramp(self._mean, _MUSIC_FROM, _MUSIC_FULL)


class _Envelope:
    """The envelope of activity: onsets dated back, speech carried over its consonants and held after it."""

    def __init__(self, hold: int) -> None:
        self._coming: deque[tuple[float, bool]] = deque([(0.0, False)] * (_PRE_ROLL + 1), _PRE_ROLL + 1)
        self._hold = hold
        self._value = 0.0
        self._since_voice = _CARRY + 1
        self._since_sound = hold + _FADE

    def update(self, voice: float, sound: bool) -> float:
        """Take a frame's evidence for a voice, and whether it stands above the noise at all.

        Returns:
            Activity of the frame _PRE_ROLL frames earlier.
        """
        self._coming.append((voice, sound))
        highest = max(evidence for evidence, _ in self._coming)
        self._since_voice += 1
        self._since_sound += 1
        held = self._value * (1 - ramp(self._since_sound, self._hold, self._hold + _FADE))
        if highest >= held:
            self._value, self._since_sound = highest, 0
            if highest >= ACTIVE:
                self._since_voice = 0
            return highest
        if self._coming[0][1] and self._since_voice <= _CARRY:
            self._since_sound = 0
        return held


class VoiceActivity:
    """Voice activity frame by frame; a frame's activity comes out `look_ahead` frames after it went in."""

    def __init__(self, look_ahead: int = LOOK_AHEAD) -> None:
        """Start before the first frame.

        Args:
            look_ahead: mel frames needed after the one decided, 0 to LOOK_AHEAD. With fewer, speech is noticed so much
                later; it is over no later, as activity then stays less long after the last sound.
        """
        self._floor = _NoiseFloor()
        self._notes = _NoteDetector()
        self._recent: deque[tuple[float, bool]] = deque([(0.0, False)] * (2 * _SMOOTH + 1), 2 * _SMOOTH + 1)
        self._envelope = _Envelope(_HOLD - LOOK_AHEAD + look_ahead)
        self._undecided = 0
        """Frames taken whose activity has not come out."""
        self._look_ahead = look_ahead
        self._ahead = look_ahead
        """Frames by which the envelope's output still precedes the first frame."""

    def push(self, power: FloatArray, windows: FloatArray) -> FloatArray:
        """Take the next frames.

        Args:
            power: (m, BINS) float32 power spectra.
            windows: (m, PITCH_WINDOW) float32 samples that end where the spectra's windows end.

        Returns:
            (k,) float32 in 0-1: activity of the next k frames that can be decided.
        """
        if len(power) == 0:
            return np.zeros(0, dtype=np.float32)
        self._undecided += len(power)
        return self._decide(self._judge(power, windows))

    def finish(self) -> FloatArray:
        """Decide the frames still waiting, as if silence followed."""
        return self._decide([(0.0, False)] * self._look_ahead)

    def _judge(self, power: FloatArray, windows: FloatArray) -> list[tuple[float, bool]]:
        """Weigh the evidence for a voice in each frame, 0-1, and whether it stands above the noise."""
        bands = band_power(power)
        floors, unsure = self._floors(bands)
        ratio = np.maximum(bands, np.float32(1e-12)) / floors
        above_db = np.clip(10 * np.log10(ratio), 0, 20)
        clear = np.sort(above_db, axis=1)[:, -_CLEAR_BANDS:].mean(axis=1)
        fine = _pitch_spectrum(windows)
        voiced = voicing(fine, np.clip(1 - _FLOOR_MARGIN / ratio, 0, 1))
        likeness = self._notes.likeness(fine)
        return [
            self._evidence(*frame)
            for frame in zip(clear.tolist(), voiced.tolist(), likeness.tolist(), unsure, strict=True)
        ]

    def _floors(self, bands: FloatArray) -> tuple[FloatArray, list[float]]:
        """Return the floor under each frame, (m, bands), and how much clearer a voice must be there."""
        floors = np.empty_like(bands)
        unsure = []
        for frame, row in enumerate(bands):
            floors[frame] = self._floor.update(row)
            unsure.append(_UNSURE_VOICED * (1 - ramp(self._floor.frames, 0, _UNSURE_FRAMES)))
        return floors, unsure

    def _evidence(self, clear_db: float, voiced: float, likeness: float, unsure: float) -> tuple[float, bool]:
        sound = clear_db > sum(_CLEAR_DB) / 2
        if clear_db <= _CLEAR_DB[0]:
            return 0.0, sound
        music = self._notes.music(likeness)
        return ramp(clear_db, *_CLEAR_DB) * ramp(voiced - unsure, *_VOICED) * (1 - music), sound

    def _decide(self, evidence: list[tuple[float, bool]]) -> FloatArray:
        activity: list[float] = []
        for frame in evidence:
            self._recent.append(frame)
            smooth = sum(voice for voice, _ in self._recent) / len(self._recent)
            activity.append(self._envelope.update(min(1.0, smooth * _SMOOTH_GAIN), self._recent[_SMOOTH][1]))
        early = min(self._ahead, len(activity))
        self._ahead -= early
        decided = activity[early:][: self._undecided]
        self._undecided -= len(decided)
        return np.array(decided, dtype=np.float32)


def speech_stretches(activity: FloatArray) -> list[tuple[float, float]]:
    """Find the stretches in which somebody speaks.

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
