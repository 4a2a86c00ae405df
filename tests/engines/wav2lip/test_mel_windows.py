"""What the Wav2Lip networks hear, against librosa and scipy put together as the published features are."""

from __future__ import annotations

import tracemalloc
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import floor, inf
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from mouthpiece import samples as packaged
from mouthpiece.engines.wav2lip.mel_windows import (
    BANDS,
    HIGHEST,
    HOP,
    LOOK_AHEAD_S,
    LOWEST,
    RATE,
    WINDOW,
    MelStream,
    SpeechWindows,
    window_start,
)
from mouthpiece.errors import EngineError
from mouthpiece.media import open_speech
from mouthpiece.types import SAMPLE_RATE, FloatArray, as_float

librosa = pytest.importorskip("librosa")


def mel_spectrogram(samples: FloatArray) -> FloatArray:
    """Compute the mel spectrogram of a whole speech, (n,) -> (1 + n // HOP, BANDS); no frame of no sample."""
    stream = MelStream()
    return np.concatenate([stream.push(samples), stream.finish()])


CLOSE = 2e-5
"""Of 8 from LOWEST to HIGHEST: float32 products, summed in another order."""
HOUR_S = 3600
RATES = {
    "24": Fraction(24),
    "25": Fraction(25),
    "23.976": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
    "59.94": Fraction(60000, 1001),
    "60": Fraction(60),
}


def published(samples: FloatArray) -> FloatArray:
    """(M, 80) by librosa and scipy, with librosa 0.7's mirrored ends."""
    emphasised = scipy.signal.lfilter([1, -0.97], [1], samples)
    spectrum = librosa.stft(emphasised, n_fft=800, hop_length=200, win_length=800, pad_mode="reflect")
    bank = librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    level_db = librosa.amplitude_to_db(bank @ np.abs(spectrum), ref=1.0, amin=1e-5, top_db=None) - 20
    return np.asarray(np.clip(8 * (level_db + 100) / 100 - 4, -4, 4), dtype=np.float32).T


def recording(path: Path) -> FloatArray:
    """All of a file, by the media room."""
    with open_speech(path) as speech:
        return np.concatenate(list(speech.samples())).astype(np.float32)


def excerpt(path: Path) -> FloatArray:
    """Three seconds of a 16 kHz file, by the wave module."""
    with wave.open(str(path)) as file:
        assert file.getframerate() == SAMPLE_RATE and file.getnchannels() == 1
        file.setpos(SAMPLE_RATE)
        return as_float(np.frombuffer(file.readframes(3 * SAMPLE_RATE), dtype="<i2") / 32768)


@pytest.fixture(scope="module")
def speech() -> FloatArray:
    """The packaged English sample."""
    return recording(packaged.sample_speech("en"))


def assert_published(samples: FloatArray) -> None:
    ours = mel_spectrogram(samples)
    assert ours.shape == (1 + len(samples) // HOP, BANDS) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, published(samples), atol=CLOSE)


@pytest.mark.parametrize("language", packaged.LANGUAGES)
def test_speech_sounds_as_published(language: str) -> None:
    assert_published(recording(packaged.sample_speech(language)))


@pytest.mark.parametrize("name", ["en_male_watson", "ar_male_watson", "zh_watson"])
def test_recordings_of_people_sound_as_published(shared_data: Path, name: str) -> None:
    samples = excerpt(shared_data / "audio" / f"{name}.wav")
    assert_published(samples)
    assert_published(0.01 * samples)  # a faint one is clipped below, as published: no common level


def test_noise_and_clicks_sound_as_published() -> None:
    rng = np.random.default_rng(0)
    assert_published((0.9 * rng.uniform(-1, 1, 20_000)).astype(np.float32))
    assert_published((1e-4 * rng.standard_normal(20_000)).astype(np.float32))
    click = np.zeros(9_999, dtype=np.float32)
    click[[0, 5_000, -1]] = 1
    assert_published(click)


@pytest.mark.parametrize("count", [2, 199, 200, 399, 400, 401, 402, 600, 799, 800, 801, 1_000, 4_321])
def test_short_sounds_are_mirrored_as_numpy_does(count: int) -> None:
    samples = (0.3 * np.random.default_rng(count).standard_normal(count)).astype(np.float32)
    emphasised = scipy.signal.lfilter([1, -0.97], [1], samples)
    padded = np.pad(emphasised, 400, mode="reflect")
    spectrum = librosa.stft(padded, n_fft=800, hop_length=200, center=False)
    bank = librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    level_db = 20 * np.log10(np.maximum(1e-5, bank @ np.abs(spectrum))) - 20
    ours = mel_spectrogram(samples)
    np.testing.assert_allclose(ours, np.clip(8 * (level_db + 100) / 100 - 4, -4, 4).T, atol=CLOSE)
    assert len(ours) == 1 + count // HOP


def test_silence_is_the_lowest_and_never_not_a_number() -> None:
    for count in (0, 1, 200, 5_000):
        assert (mel_spectrogram(np.zeros(count, dtype=np.float32)) == LOWEST).all()
    one = mel_spectrogram(np.full(1, 0.5, dtype=np.float32))
    assert one.shape == (1, BANDS) and np.isfinite(one).all()
    loud = np.where(np.arange(8_000) % 2, 1, -1).astype(np.float32)
    assert mel_spectrogram(loud).max() <= HIGHEST


def pieces(samples: FloatArray, size: Callable[[], int]) -> Iterator[FloatArray]:
    start = 0
    while start < len(samples):
        count = size()
        yield samples[start : start + count]
        start += count


@pytest.mark.parametrize("most", [1, 7, 199, 200, 3_333])
def test_speech_in_pieces_is_the_same_to_the_bit(speech: FloatArray, most: int) -> None:
    samples = speech[: 5_000 if most == 1 else 40_000]
    rng = np.random.default_rng(most)
    stream = MelStream()
    mel = [stream.push(piece) for piece in pieces(samples, lambda: int(rng.integers(0 if most > 1 else 1, most + 1)))]
    np.testing.assert_array_equal(np.concatenate([*mel, stream.finish()]), mel_spectrogram(samples))


@pytest.mark.parametrize("fps", RATES.values(), ids=RATES.keys())
def test_windows_begin_where_the_published_ones_do(fps: Fraction) -> None:
    pictures, mels = range(int(HOUR_S * fps)), 80.0 / float(fps)
    ours = np.array([window_start(i * fps.denominator / fps.numerator) for i in pictures])
    exact = np.array([i * 80 * fps.denominator // fps.numerator for i in pictures])
    theirs = np.array([int(i * mels) for i in pictures])
    np.testing.assert_array_equal(ours, exact)
    odd = np.flatnonzero(ours != theirs)
    # Their product of floats falls short of a whole number now and then, at this one rate.
    assert len(odd) == (83 if fps == RATES["23.976"] else 0)
    assert (ours[odd] - theirs[odd] == 1).all()
    assert all(picture * 80 % fps == 0 for picture in odd.tolist())


def test_forty_milliseconds_earlier_is_the_alignment_of_the_training() -> None:
    """There picture f of 25 a second went with the window that begins at picture f - 1."""
    for picture in range(1, 25 * 60):
        moment_s = float(Fraction(picture, 25) + Fraction(-40, 1000))
        assert window_start(moment_s) == int(80.0 * ((picture - 1) / 25.0))


def test_windows_never_begin_earlier_for_a_later_moment() -> None:
    near = np.arange(0, 40) / RATE
    moments = np.sort(np.concatenate([near + jitter for jitter in (-2e-6, -1e-6, -1e-9, -1e-13, 0, 1e-13, 1e-9)]))
    starts = [window_start(float(moment)) for moment in moments]
    assert starts == sorted(starts) and starts[0] == 0
    for index, moment in enumerate(near):
        assert window_start(float(np.nextafter(moment, -1))) == index == window_start(float(np.nextafter(moment, 9)))


def test_windows_are_the_published_ones(speech: FloatArray) -> None:
    """Those of a video of 25 frames a second, of all pictures that the published script draws."""
    mel = published(speech).T
    windows = SpeechWindows()
    windows.push(speech)
    windows.finish()
    picture = 0
    while (start := int(picture * (80.0 / 25))) + WINDOW <= mel.shape[1]:
        window = windows.at(picture / 25)
        assert window.shape == (BANDS, WINDOW) and window.dtype == np.float32 and window.flags.c_contiguous
        np.testing.assert_allclose(window, mel[:, start : start + WINDOW], atol=CLOSE)
        picture += 1
    for moment_s in (picture / 25, len(speech) / SAMPLE_RATE, 1e6):
        np.testing.assert_allclose(windows.at(moment_s), mel[:, -WINDOW:], atol=CLOSE)


@pytest.mark.parametrize("most", [160, 1_601, 30_000])
def test_each_window_can_be_had_as_soon_as_is_said(speech: FloatArray, most: int) -> None:
    whole = SpeechWindows()
    whole.push(speech)
    whole.finish()
    windows, heard, picture, fps = SpeechWindows(), 0, 0, Fraction(30000, 1001)
    assert windows.ready_until_s == 0
    rng = np.random.default_rng(most)
    for piece in pieces(speech, lambda: int(rng.integers(1, most))):
        windows.push(piece)
        heard += len(piece)
        until_s = windows.ready_until_s
        assert until_s == 0 or heard / SAMPLE_RATE - LOOK_AHEAD_S - 2e-6 <= until_s <= heard / SAMPLE_RATE - 0.2
        with pytest.raises(EngineError, match=r"expected a moment before \d"):
            windows.at(until_s)
        while (moment_s := float(picture / fps)) < until_s:
            np.testing.assert_array_equal(windows.at(moment_s), whole.at(moment_s))
            picture += 1
    windows.finish()
    assert windows.ready_until_s == inf and picture > 0
    np.testing.assert_array_equal(windows.at(100.0), whole.at(100.0))


def test_what_is_heard_says_the_last_moment_before() -> None:
    windows = SpeechWindows()
    windows.push(np.zeros(HOP * (WINDOW - 1) + 400, dtype=np.float32))
    assert floor(windows.ready_until_s * RATE) == 0 < windows.ready_until_s < 1 / RATE
    windows.at(float(np.nextafter(windows.ready_until_s, 0)))
    assert pytest.approx(0.2125) == LOOK_AHEAD_S


@pytest.mark.parametrize("count", [0, 1, 400, 2_999])
def test_a_speech_shorter_than_a_window_ends_in_silence(count: int) -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal(count)).astype(np.float32)
    windows = SpeechWindows()
    windows.push(samples)
    windows.finish()
    mel = mel_spectrogram(samples)
    for moment_s in (0.0, 0.5):
        window = windows.at(moment_s)
        np.testing.assert_array_equal(window[:, : len(mel)], mel.T)
        assert (window[:, len(mel) :] == LOWEST).all() and window.shape == (BANDS, WINDOW)


def test_order_of_calls(speech: FloatArray) -> None:
    windows = SpeechWindows()
    with pytest.raises(EngineError, match=r"expected a moment before 0\.000 s, got 0\.000 s"):
        windows.at(0.0)
    windows.push(speech[:20_000])
    first = windows.at(0.1)
    first[:] = 0  # the caller's own
    assert (windows.at(0.1) != 0).any()
    windows.at(0.5)
    with pytest.raises(EngineError, match=r"don't go back, 0\.500 s or later; got 0\.100 s"):
        windows.at(0.1)
    windows.finish()
    windows.finish()
    with pytest.raises(EngineError, match="reset first"):
        windows.push(speech)
    windows.reset()
    assert windows.ready_until_s == 0
    windows.push(speech)
    np.testing.assert_array_equal(windows.at(0.1), mel_spectrogram(speech).T[:, 8:24])


def test_memory_does_not_grow_with_the_speech() -> None:
    noise = (0.1 * np.random.default_rng(1).standard_normal(SAMPLE_RATE)).astype(np.float32)
    windows = SpeechWindows()
    held = []
    tracemalloc.start()
    try:
        for second in range(60):
            windows.push(noise)
            windows.at(second + 0.04)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[-1] < held[10] + 50_000
