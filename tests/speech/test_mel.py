"""The mel spectrogram against librosa's."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.speech import log_mel, mel_filterbank, mfcc
from mouthpiece.speech.mel import (
    CEPSTRA,
    DELTA_REACH,
    FFT,
    HIGHEST_HZ,
    LOG_FLOOR,
    LOWEST_HZ,
    POWER_FLOOR,
    WINDOW,
    mel_power,
    power_spectrum,
)
from mouthpiece.types import MEL_BANDS, MEL_HOP, SAMPLE_RATE, FloatArray

librosa = pytest.importorskip("librosa")


def _sound(seconds: float) -> FloatArray:
    rng = np.random.default_rng(0)
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    chirp = 0.3 * np.sin(2 * np.pi * (100 + 800 * time_s) * time_s)
    return (chirp + 0.01 * rng.standard_normal(len(time_s))).astype(np.float32)


def test_the_filterbank_is_librosas() -> None:
    theirs = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=FFT, n_mels=MEL_BANDS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    np.testing.assert_allclose(mel_filterbank(), theirs, atol=1e-8)
    assert ((mel_filterbank() > 0).sum(axis=1) >= 2).all()


def test_the_spectrogram_is_librosas() -> None:
    sound = _sound(3.03)
    theirs = librosa.feature.melspectrogram(
        y=sound,
        sr=SAMPLE_RATE,
        n_fft=FFT,
        win_length=WINDOW,
        hop_length=MEL_HOP,
        n_mels=MEL_BANDS,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        pad_mode="constant",
    )
    ours = log_mel(sound)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, np.log(np.maximum(theirs, POWER_FLOOR)).T[: len(ours)], atol=1e-4)


@pytest.mark.parametrize(
    ("samples", "frames"), [(0, 0), (1, 1), (159, 1), (160, 1), (161, 2), (16_000, 100), (16_001, 101)]
)
def test_there_is_a_frame_for_every_centre_inside(samples: int, frames: int) -> None:
    assert log_mel(np.zeros(samples, dtype=np.float32)).shape == (frames, MEL_BANDS)


def test_a_frame_is_centred_on_its_sample() -> None:
    click = np.zeros(SAMPLE_RATE, dtype=np.float32)
    click[50 * MEL_HOP] = 1
    mel = log_mel(click).mean(axis=1)
    assert mel.argmax() == 50
    assert mel[49] == pytest.approx(mel[51], abs=1e-3)


def test_silence_and_faint_noise_lie_at_the_floor() -> None:
    assert (log_mel(np.zeros(4000, dtype=np.float32)) == np.float32(LOG_FLOOR)).all()
    noise = 1e-4 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    assert log_mel(noise.astype(np.float32)).mean() < LOG_FLOOR + 0.5


def test_a_frame_does_not_depend_on_its_neighbours_in_memory() -> None:
    windows = np.random.default_rng(0).standard_normal((333, WINDOW)).astype(np.float32)
    together = mel_power(power_spectrum(windows))
    for size in (1, 7, 64):
        parts = [mel_power(power_spectrum(windows[i : i + size])) for i in range(0, len(windows), size)]
        np.testing.assert_array_equal(together, np.concatenate(parts))


@pytest.mark.parametrize("wrong", [np.zeros((2, 100), dtype=np.float32), np.zeros(100, dtype=np.int16)])
def test_what_is_not_mono_floats_is_refused(wrong: FloatArray) -> None:
    with pytest.raises(OptionError, match="expected mono samples"):
        log_mel(wrong)


def test_the_cepstra_and_their_changes_are_librosas() -> None:
    mel = log_mel(_sound(2.0))
    theirs = librosa.feature.mfcc(S=mel.T.astype(np.float64), n_mfcc=CEPSTRA)
    width = 2 * DELTA_REACH + 1
    changes = [librosa.feature.delta(theirs, width=width, order=order, mode="nearest") for order in (1, 2)]
    ours = mfcc(mel)
    assert ours.shape == (len(mel), 3 * CEPSTRA) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, np.concatenate([theirs, *changes]).T, atol=2e-5)


def test_cepstra_of_little_and_of_nothing() -> None:
    assert mfcc(np.zeros((0, MEL_BANDS), dtype=np.float32)).shape == (0, 3 * CEPSTRA)
    one = mfcc(np.ones((1, MEL_BANDS), dtype=np.float32), 2)
    np.testing.assert_allclose(one, [[np.sqrt(MEL_BANDS), 0, 0, 0, 0, 0]], atol=1e-5)
    with pytest.raises(OptionError, match="expected 81 cepstra"):
        mfcc(one, 81)
