"""Windows, filterbanks and resampling against scipy's and librosa's."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal

from mouthpiece.dsp import hann, hz_to_mel, mel_filterbank, mel_to_hz, resample
from mouthpiece.errors import OptionError
from mouthpiece.types import SAMPLE_RATE


@pytest.mark.parametrize(
    ("bands", "fft", "low", "high", "rate"),
    [(80, 512, 55, 7600, 16_000), (80, 800, 55, 7600, 16_000), (13, 256, 0, 4000, 8_000), (1, 64, 100, 3000, 16_000)],
)
def test_the_filterbank_is_librosas(bands: int, fft: int, low: float, high: float, rate: int) -> None:
    theirs = librosa.filters.mel(sr=rate, n_fft=fft, n_mels=bands, fmin=low, fmax=high)
    ours = mel_filterbank(bands, fft, low, high, rate)
    assert ours.dtype == np.float32 and ours.shape == (bands, fft // 2 + 1) and not ours.flags.writeable
    np.testing.assert_allclose(ours, theirs, atol=1e-8)


def test_the_mel_scale_goes_both_ways_and_is_librosas() -> None:
    hz = np.array([0.0, 55.0, 999.0, 1000.0, 1001.0, 7600.0])
    mel = np.array([hz_to_mel(value) for value in hz])
    np.testing.assert_allclose(mel, librosa.hz_to_mel(hz), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(mel), hz, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("length", [1, 400, 800])
def test_the_window_is_the_periodic_one(length: int) -> None:
    np.testing.assert_allclose(hann(length)[1:], scipy.signal.get_window("hann", length)[1:], atol=1e-15)
    assert hann(length)[0] == 0


@pytest.mark.parametrize(
    ("bands", "fft", "low", "high"), [(0, 512, 55, 7600), (80, 1, 55, 7600), (80, 512, 55, 55), (80, 512, 55, 8001)]
)
def test_what_makes_no_bank_is_refused(bands: int, fft: int, low: float, high: float) -> None:
    with pytest.raises(OptionError, match="expected 1 band or more between 0 and 8000 Hz"):
        mel_filterbank(bands, fft, low, high)


class TestResample:
    """Against scipy's polyphase filter."""

    def test_speech_is_the_same(self) -> None:
        rng = np.random.default_rng(0)
        sections = scipy.signal.butter(8, 5000, "lowpass", fs=22050, output="sos")
        sound = scipy.signal.sosfilt(sections, rng.standard_normal(22050 * 2)).astype(np.float32)
        ours = resample(sound, 22050)
        theirs = scipy.signal.resample_poly(sound.astype(np.float64), 320, 441, window=("kaiser", 14.0))
        assert len(ours) == len(theirs) == 2 * SAMPLE_RATE
        error = (ours - theirs)[200:-200]
        assert np.sqrt(np.mean(error**2)) < 0.005 * np.std(theirs)

    def test_clicks_stay_where_they_are(self) -> None:
        sound = np.zeros(22050, dtype=np.float32)
        sound[441 * 20] = 1
        assert int(np.argmax(resample(sound, 22050))) == 320 * 20

    def test_what_is_too_high_disappears(self) -> None:
        tone = np.sin(2 * np.pi * 9500 * np.arange(22050) / 22050).astype(np.float32)
        assert np.abs(resample(tone, 22050)[500:-500]).max() < 1e-3

    def test_lengths_agree_to_the_sample(self) -> None:
        for count in (1, 440, 441, 442, 22049):
            assert len(resample(np.ones(count, np.float32), 22050)) == round(count * 320 / 441)
