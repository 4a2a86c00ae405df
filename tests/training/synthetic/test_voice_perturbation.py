"""Re-voicing against librosa's own pitch meter and spectra: the voice changes, the timing doesn't."""

from __future__ import annotations

import builtins
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mouthpiece.datasets.measuring import read_sound
from mouthpiece.errors import MissingExtraError
from mouthpiece.training.synthetic import voice_perturbation
from mouthpiece.training.synthetic.voice_perturbation import Voice, in_voice, perturb_voice, random_voice
from mouthpiece.types import SAMPLE_RATE, FloatArray

librosa = pytest.importorskip("librosa")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("pyworld")


@pytest.fixture(scope="module")
def speech(repo_root: Path) -> FloatArray:
    """Three seconds of the English sample that ships with the package."""
    return read_sound(repo_root / "src/mouthpiece/samples/speech_en.wav")[: 3 * SAMPLE_RATE]


def _loudness(samples: FloatArray) -> FloatArray:
    """Power above 1.5 kHz in dB every 5 ms; what is below is the pitch's and the whisper's to change."""
    power = (np.abs(librosa.stft(samples, n_fft=512, win_length=320, hop_length=80)[48:]) ** 2).sum(axis=0)
    return np.asarray(np.maximum(10 * np.log10(power + 1e-9), -40), dtype=np.float32)


def _best_lag(a: FloatArray, b: FloatArray, most: int = 20) -> int:
    """Frames by which b comes later than a."""
    inner = a[most:-most]
    scores = [float(np.corrcoef(inner, b[most + lag : len(b) - most + lag])[0, 1]) for lag in range(-most, most + 1)]
    return int(np.argmax(scores)) - most


def _pitch(samples: FloatArray) -> FloatArray:
    """Pitch by librosa's pYIN, Hz, nan where there is none."""
    f0, _, _ = librosa.pyin(samples, fmin=50, fmax=600, sr=SAMPLE_RATE, frame_length=1024, hop_length=320)
    return np.asarray(f0, dtype=np.float32)


@pytest.mark.parametrize(
    "voice",
    [Voice(0.6, 0.5, 0.85), Voice(1.7, 1.5, 1.22), Voice(1.0, 1.0, 1.0, breath=0.9), Voice(tract=1.1, whisper=True)],
)
def test_timing_length_and_level_stay(speech: FloatArray, voice: Voice) -> None:
    made = in_voice(speech, voice)
    assert made.dtype == np.float32
    assert made.shape == speech.shape
    # One frame here is 5 ms, a quarter of the motion network's.
    assert abs(_best_lag(_loudness(speech), _loudness(made))) <= 1
    assert np.mean(made**2) == pytest.approx(np.mean(speech**2), rel=0.1)  # less where peaks would clip
    assert np.abs(made).max() <= 0.985


@pytest.mark.parametrize("factor", [0.65, 1.5])
def test_pitch_moves_by_the_factor(speech: FloatArray, factor: float) -> None:
    before, after = _pitch(speech), _pitch(in_voice(speech, Voice(pitch=factor)))
    both = np.isfinite(before) & np.isfinite(after)
    assert both.sum() > 20
    assert np.median(after[both] / before[both]) == pytest.approx(factor, rel=0.04)


def test_formants_move_by_the_factor(speech: FloatArray) -> None:
    def envelope(samples: FloatArray) -> FloatArray:
        """Long-term spectrum, smoothed, on a logarithmic axis of 400 to 4000 Hz."""
        power = (np.abs(librosa.stft(samples, n_fft=1024)) ** 2).mean(axis=1)
        smooth = np.convolve(power, np.hanning(15) / np.hanning(15).sum(), "same")
        at = np.geomspace(400, 4000, 400)
        return np.asarray(np.log(np.interp(at, np.linspace(0, 8000, 513), smooth)), dtype=np.float32)

    lag = _best_lag(envelope(speech), envelope(in_voice(speech, Voice(tract=1.2))), most=60)
    assert np.exp(lag * np.log(10) / 399) == pytest.approx(1.2, abs=0.05)


def test_whisper_has_no_pitch(speech: FloatArray) -> None:
    whisper = in_voice(speech, Voice(whisper=True))
    assert np.isfinite(_pitch(whisper)).mean() < 0.1 < np.isfinite(_pitch(speech)).mean()


def test_same_seed_same_sound(speech: FloatArray) -> None:
    one, two = (perturb_voice(speech, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_silence_and_clicks_stay_as_they_are() -> None:
    for samples in (np.zeros(0, np.float32), np.zeros(SAMPLE_RATE, np.float32), np.ones(100, np.float32)):
        np.testing.assert_array_equal(in_voice(samples, Voice(pitch=1.3)), samples)


def test_voices_drawn_keep_the_limits() -> None:
    rng = np.random.default_rng(0)
    voices = [random_voice(rng) for _ in range(500)]
    assert all(voice_perturbation.TRACT[0] <= voice.tract <= voice_perturbation.TRACT[1] for voice in voices)
    assert all(voice_perturbation.PITCH[0] <= voice.pitch <= voice_perturbation.PITCH[1] for voice in voices)
    assert 0.03 < np.mean([voice.whisper for voice in voices]) < 0.15


def test_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pyworld":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"mouthpiece\[speech\]"):
        in_voice(np.ones(SAMPLE_RATE, np.float32), Voice())
