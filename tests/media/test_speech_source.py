"""Speech from every kind of file and array: nothing lost, nothing shifted."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.conftest import build_video, build_wav, clicks, onsets, tone

from mouthpiece.errors import BrokenMediaError, InputError, NoSoundError, NotMediaError, SpeechTooShortError
from mouthpiece.media import open_speech
from mouthpiece.notices import notice
from mouthpiece.types import SAMPLE_RATE, Waveform

Run = Callable[..., None]


def heard(source: Any) -> np.ndarray:
    with open_speech(source) as speech:
        blocks = list(speech.samples())
        again = list(speech.samples())
        assert Fraction(sum(map(len, blocks)), SAMPLE_RATE) == speech.duration_s
    samples = np.concatenate(blocks)
    np.testing.assert_array_equal(samples, np.concatenate(again))
    assert samples.dtype == np.float32
    assert max(map(len, blocks)) <= SAMPLE_RATE // 4
    return samples


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32", "float64"])
@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 96_000])
def test_rates_and_types(tmp_path: Path, dtype: str, rate: int) -> None:
    wave = tone(0.7, rate)
    stored = {"int16": wave * 32_767, "int32": wave * (2**31 - 1), "uint8": wave * 127 + 128}.get(dtype, wave).astype(
        dtype
    )
    samples = heard(build_wav(tmp_path / "a.wav", stored, rate))
    assert len(samples) == round(0.7 * SAMPLE_RATE)
    expected = tone(0.7)
    inner = slice(400, -400)
    assert np.abs(samples[inner] - expected[inner]).max() < (0.02 if dtype == "uint8" else 0.005)


@pytest.mark.parametrize(
    "suffix", ["mp3", "m4a", "ogg", "opus", "flac", "webm", "aiff", "wv", "ac3", "caf", "w64", "au"]
)
def test_codecs_keep_time(tmp_path: Path, run_ffmpeg: Run, suffix: str) -> None:
    rate = 48_000
    at = [0.3, 0.9, 1.41]
    wav = build_wav(tmp_path / "a.wav", clicks(2, at, rate), rate)
    path = tmp_path / f"a.{suffix}"
    run_ffmpeg("-i", wav, path)
    samples = heard(path)
    # AC-3 alone doesn't say how much its encoder put before the sound: 256 samples.
    assert onsets(samples, SAMPLE_RATE) == pytest.approx(at, abs=0.006 if suffix == "ac3" else 0.003)
    assert len(samples) / SAMPLE_RATE == pytest.approx(2, abs=0.07)


@pytest.mark.parametrize("name", ["en_male.flac", "en_male.m4a", "en_male.mp3", "en_male.ogg", "en_male.webm"])
def test_against_ffmpeg(shared_data: Path, ffmpeg_samples: Any, name: str) -> None:
    path = shared_data / "audio" / "variants" / name
    ours, theirs = heard(path), ffmpeg_samples(path, SAMPLE_RATE)
    assert abs(len(ours) - len(theirs)) < 0.05 * SAMPLE_RATE
    lags = range(-80, 81)
    here = ours[16_000:48_000]
    fits = [float(np.corrcoef(here, theirs[16_000 + lag : 48_000 + lag])[0, 1]) for lag in lags]
    assert max(fits) > 0.99
    # FFmpeg 8 skips too little of Opus that was made from 16 kHz: 4 ms.
    assert abs(lags[int(np.argmax(fits))]) <= (70 if name.endswith("webm") else 8)


def test_left_only(tmp_path: Path) -> None:
    wave = tone(1)
    samples = heard(build_wav(tmp_path / "a.wav", np.stack([wave, 0 * wave], 1)))
    assert level(samples) == pytest.approx(level(wave), rel=0.01)


def test_inverted_channel(tmp_path: Path) -> None:
    wave = tone(1)
    samples = heard(build_wav(tmp_path / "a.wav", np.stack([wave, -0.8 * wave], 1)))
    assert level(samples) == pytest.approx(0.9 * level(wave), rel=0.01)


def test_two_speakers_on_two_channels_are_both_heard(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, two = (0.1 * rng.standard_normal((2, 16_000))).astype(np.float32)
    samples = heard(build_wav(tmp_path / "a.wav", np.stack([one, two], 1)))
    assert np.corrcoef(samples, one)[0, 1] > 0.6
    assert np.corrcoef(samples, two)[0, 1] > 0.6


@pytest.mark.parametrize("speaking", ["FC", "FL"])
def test_surround(tmp_path: Path, run_ffmpeg: Run, speaking: str) -> None:
    rng = np.random.default_rng(0)
    music = (0.05 * rng.standard_normal((16_000, 6))).astype(np.float32)
    wave = tone(1)
    music[:, 2] = 0
    if speaking == "FC":
        music[:, 2] = wave
    else:
        music[:] = 0
        music[:, 0] = wave
    raw = tmp_path / "a.raw"
    raw.write_bytes(music.tobytes())
    path = tmp_path / "a.flac"
    run_ffmpeg("-f", "f32le", "-ar", "16000", "-ac", "6", "-channel_layout", "5.1", "-i", raw, path)
    samples = heard(path)
    assert np.corrcoef(samples, wave)[0, 1] > 0.98
    assert level(samples) > 0.7 * level(wave)


def test_late_sound_keeps_its_place(tmp_path: Path, run_ffmpeg: Run) -> None:
    video = build_video(tmp_path / "v.mp4", frames=50)
    wav = build_wav(tmp_path / "a.wav", clicks(1, [0.2], 48_000), 48_000)
    for suffix in ("mp4", "mkv", "ts"):
        path = tmp_path / f"late.{suffix}"
        run_ffmpeg("-i", video, "-itsoffset", "0.6", "-i", wav, "-c:v", "copy", "-c:a", "aac", path)
        samples = heard(path)
        assert onsets(samples, SAMPLE_RATE) == pytest.approx([0.8], abs=0.005), suffix
        assert len(samples) / SAMPLE_RATE == pytest.approx(1.6, abs=0.07), suffix


def test_sound_of_an_edit_list(tmp_path: Path, run_ffmpeg: Run, ffmpeg_samples: Any) -> None:
    whole = build_video(tmp_path / "w.mp4", frames=60, options={"g": "10"}, sound=clicks(2.4, [0.3, 1.3, 2.0]))
    path = tmp_path / "cut.mp4"
    run_ffmpeg("-ss", "0.9", "-i", whole, "-c", "copy", path)
    expected = onsets(ffmpeg_samples(path, SAMPLE_RATE, "-af", "aresample=async=1:first_pts=0"), SAMPLE_RATE)
    assert onsets(heard(path), SAMPLE_RATE) == pytest.approx(expected, abs=0.005)


def test_two_sound_tracks(tmp_path: Path, run_ffmpeg: Run) -> None:
    a, b = build_wav(tmp_path / "a.wav", tone(1)), build_wav(tmp_path / "b.wav", tone(2))
    path = tmp_path / "two.mkv"
    run_ffmpeg("-i", a, "-i", b, "-map", "0", "-map", "1", "-c", "flac", path)
    with open_speech(path) as speech:
        assert speech.duration_s == 1
        assert speech.warnings == (notice("several-sounds"),)


def test_not_finite_samples(tmp_path: Path) -> None:
    wave = tone(1)
    wave[100:110] = np.nan
    wave[200] = np.inf
    wave[300] = 7.0
    path = build_wav(tmp_path / "a.wav", wave)
    samples = heard(path)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1
    with open_speech(path) as speech:
        assert any("finite" in w.text for w in speech.warnings)
    with open_speech(wave) as speech:
        assert any("11 samples" in w.text for w in speech.warnings)


def riff(data: bytes, *, riff_size: int, data_size: int, rate: int = 16_000) -> bytes:
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", riff_size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return header + struct.pack("<4sI", b"data", data_size) + data


@pytest.mark.parametrize("claim", [0, 0xFFFFFFFF, 0xF0000000, 100_000_000])
def test_lying_headers(tmp_path: Path, claim: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff((tone(1) * 32_767).astype("<i2").tobytes(), riff_size=claim, data_size=claim))
    assert len(heard(path)) == SAMPLE_RATE


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", NotMediaError),
        (riff(b"", riff_size=36, data_size=0), NoSoundError),
        (b"hello, this is my speech\n" * 20, NotMediaError),
        (b"RIFF\x10\0\0\0WAVE", BrokenMediaError),
        (b"ID3", BrokenMediaError),
        (b"fLaC" + b"\0" * 60, (BrokenMediaError, NoSoundError)),
        (riff(b"\1\0" * 100, riff_size=236, data_size=200), SpeechTooShortError),
    ],
)
def test_no_sound_in_it(tmp_path: Path, content: bytes, error: Any) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        open_speech(path)
    assert "\n" not in str(caught.value)


def test_silent_video_and_photo(tmp_path: Path) -> None:
    with pytest.raises(NoSoundError, match="no sound track"):
        open_speech(build_video(tmp_path / "a.mp4"))
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(NoSoundError):
        open_speech(tmp_path / "a.png")


@pytest.mark.parametrize("seconds", [0.05, 0.02])
def test_very_short_speech_is_speech(tmp_path: Path, seconds: float) -> None:
    assert len(heard(build_wav(tmp_path / "a.wav", tone(seconds, 48_000), 48_000))) == round(seconds * SAMPLE_RATE)


def test_digital_silence(tmp_path: Path) -> None:
    samples = heard(build_wav(tmp_path / "a.wav", np.zeros((16_000, 2), np.int16)))
    assert len(samples) == SAMPLE_RATE
    assert not samples.any()


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "m4a", "wav"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated(tmp_path: Path, run_ffmpeg: Run, suffix: str, share: float) -> None:
    wav = build_wav(tmp_path / "w.wav", tone(3, 44_100), 44_100)
    whole = tmp_path / f"x.{suffix}"
    run_ffmpeg("-i", wav, whole)
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    try:
        length = len(heard(path)) / SAMPLE_RATE
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert 0 < length < 3


@pytest.mark.parametrize(
    "array",
    [
        tone(1),
        tone(1).astype(np.float64),
        (tone(1) * 32_767).astype(np.int16),
        np.stack([tone(1)] * 2),
        np.stack([tone(1)] * 2, 1),
        tone(1)[None],
    ],
)
def test_arrays(array: np.ndarray) -> None:
    np.testing.assert_allclose(heard(array), tone(1), atol=1e-4)


def test_waveforms_and_rates() -> None:
    assert len(heard(Waveform(tone(1)))) == SAMPLE_RATE
    assert len(heard((tone(1, 48_000), 48_000))) == SAMPLE_RATE


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (np.zeros(0, np.float32), NoSoundError),
        (np.zeros((2, 3, 4), np.float32), InputError),
        ((np.zeros(100, np.float32), 16_000), SpeechTooShortError),
        ((np.zeros(100, np.float32), 0), InputError),
        ((np.zeros(16_000, np.complex64), 16_000), InputError),
        ("nowhere.wav", InputError),
        (7, InputError),
    ],
)
def test_sources_refused(source: Any, error: Any) -> None:
    with pytest.raises(error):
        open_speech(source)


def test_file_object(tmp_path: Path) -> None:
    data = build_wav(tmp_path / "a.wav", tone(1)).read_bytes()
    np.testing.assert_allclose(heard(io.BytesIO(data)), tone(1), atol=1e-4)


def test_names_say_nothing(tmp_path: Path) -> None:
    path = build_wav(tmp_path / "a.wav", tone(1)).rename(tmp_path / "كلام it's.mp4")
    assert len(heard(path)) == SAMPLE_RATE


def test_hole_in_the_sound_becomes_silence(tmp_path: Path, run_ffmpeg: Run) -> None:
    whole = tmp_path / "whole.mkv"
    run_ffmpeg("-i", build_wav(tmp_path / "a.wav", clicks(3, [0.5, 2.5], 48_000), 48_000), "-c:a", "flac", whole)
    path = tmp_path / "hole.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.pts is not None and not 1000 <= packet.pts <= 2000:
                packet.stream = stream
                target.mux(packet)
    assert onsets(heard(path), SAMPLE_RATE) == pytest.approx([0.5, 2.5], abs=0.005)
