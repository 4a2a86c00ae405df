"""Voice activity on real speech, and on what is no speech."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mouthpiece.speech import SpeechStream, features, speech_stretches
from mouthpiece.types import MEL_HOP, MEL_RATE, SAMPLE_RATE, FloatArray

ACTIVE = 0.5
LANGUAGES = (
    "ar_male_watson",
    "ar_synthetic_female_espeak",
    "de_female_kerstin",
    "en_female_ljspeech",
    "en_male_watson",
    "es_dialogue_watson",
    "fr_female_watson",
    "zh_watson",
)

SYNTHETIC = ("ar_synthetic_female_espeak", "en_male_watson")
"""Those whose stand-ins are in their language."""


def _active(samples: FloatArray) -> Any:
    return features(samples)[1] >= ACTIVE


def _loud(clean: FloatArray, below_peak_db: float = 25) -> Any:
    """Frames of a clean recording that speech fills: an oracle by energy alone."""
    frames = -(-len(clean) // MEL_HOP)
    padded = np.pad(clean, (0, frames * MEL_HOP - len(clean))).reshape(frames, MEL_HOP)
    energy = np.convolve((padded**2).mean(axis=1), np.ones(3) / 3, "same")
    return energy > energy.max() * 10 ** (-below_peak_db / 10)


def _white(seconds: float, level_db: float, seed: int = 0) -> FloatArray:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))
    return np.asarray(noise * 10 ** (level_db / 20), dtype=np.float32)


def _coloured(seconds: float, slope: float) -> FloatArray:
    noise = _white(seconds, 0)
    hz = np.maximum(np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE), 20)
    shaped = np.fft.irfft(np.fft.rfft(noise) / hz**slope, len(noise))
    return np.asarray(0.1 * shaped / shaped.std(), dtype=np.float32)


@pytest.mark.parametrize(
    "name", [name if name in SYNTHETIC else pytest.param(name, marks=pytest.mark.real_media) for name in LANGUAGES]
)
def test_speech_is_found_in_every_language(read: Any, name: str) -> None:
    speech = read(f"audio/{name}.wav")[: 12 * SAMPLE_RATE]
    assert _active(speech)[_loud(speech)].mean() > 0.95


@pytest.mark.parametrize("level_db", [-45.0, -10.0])
def test_the_level_does_not_matter(english: FloatArray, level_db: float) -> None:
    spoken = english[np.repeat(_loud(english), MEL_HOP)[: len(english)]]
    gain = 10 ** (level_db / 20) / np.sqrt((spoken**2).mean())
    scaled = np.clip(english * np.float32(gain), -1, 1)
    assert _active(scaled)[_loud(english)].mean() > 0.95


@pytest.mark.parametrize(
    ("variant", "share"),
    [("noise_10db", 0.85), ("noise_0db", 0.5), ("music_6db", 0.9), ("phone_8k_mulaw", 0.9)],
)
def test_speech_is_found_in_bad_sound(read: Any, english: FloatArray, variant: str, share: float) -> None:
    active = _active(read(f"audio/variants/en_male_{variant}.wav"))
    loud = _loud(english)
    assert active[: len(loud)][loud[: len(active)]].mean() > share


def test_pauses_of_nothing_are_pauses(read: Any) -> None:
    padded = read("audio/variants/en_male_padded.wav")
    activity = features(padded)[1]
    stretches = speech_stretches(activity)
    assert stretches[0][0] == pytest.approx(2.0, abs=0.15)
    pause = next((end, start) for (_, end), (start, _) in pairwise(stretches) if start - end > 1.3)
    assert pause[1] - pause[0] < 2.6
    assert stretches[-1][1] < 12.3
    assert (activity[: round(1.85 * MEL_RATE)] == 0).all()
    assert (activity[round(12.4 * MEL_RATE) :] == 0).all()


def test_digital_silence_is_exactly_no_speech() -> None:
    assert (features(np.zeros(3 * SAMPLE_RATE, dtype=np.float32))[1] == 0).all()


@pytest.mark.parametrize("level_db", [-70.0, -50.0, -30.0, -10.0])
def test_white_noise_is_no_speech(level_db: float) -> None:
    assert _active(_white(6, level_db)).mean() < 0.02


@pytest.mark.parametrize("slope", [0.5, 1.0])
def test_coloured_noise_is_no_speech(slope: float) -> None:
    assert _active(_coloured(6, slope)).mean() < 0.02


def test_hum_is_no_speech() -> None:
    time_s = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in range(1, 12))
    sound = (0.05 * np.asarray(hum)).astype(np.float32) + _white(6, -50)
    assert _active(sound).mean() < 0.05


def test_a_held_chord_is_soon_no_speech() -> None:
    time_s = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * hz * k * time_s) / k for hz in (220, 277.2, 329.6) for k in range(1, 5))
    active = _active((0.05 * np.asarray(chord)).astype(np.float32))
    assert active[2 * MEL_RATE :].mean() < 0.02


def test_a_tune_is_mostly_no_speech() -> None:
    time_s = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    note = (time_s // 0.5).astype(int)
    hz = 220 * np.array([1, 1.25, 1.5, 2, 1.5, 1.25])[note % 6]
    since = time_s % 0.5
    shape = np.minimum(since / 0.01, 1) * np.exp(-since * 3)
    tune = shape * sum(np.sin(2 * np.pi * hz * k * since) / k for k in range(1, 6))
    assert _active((0.2 * tune).astype(np.float32)).mean() < 0.4


def test_grid_words_are_found_and_the_rest_is_not(shared_data: Path, read: Any) -> None:
    found, wrong = [], []
    for clip in sorted((shared_data / "grid_unseen_dev").glob("*_224.mp4")):
        active = _active(read(f"grid_unseen_dev/{clip.name}"))
        words = np.zeros(len(active), dtype=bool)
        for line in clip.with_name(f"{clip.stem.removesuffix('_224')}.align").read_text().splitlines():
            start, end, word = line.split()
            words[int(start) // 250 : int(end) // 250] = word not in ("sil", "sp")
        near = np.convolve(words, np.ones(41), "same") > 0
        found.append(active[words])
        wrong.append(active[~near])
    assert np.concatenate(found).mean() > 0.9
    assert np.concatenate(wrong).mean() < 0.12


def test_a_pause_within_speech_is_seen(english: FloatArray) -> None:
    speech = english[SAMPLE_RATE : 3 * SAMPLE_RATE]
    pause = np.zeros(round(0.45 * SAMPLE_RATE), dtype=np.float32)
    active = _active(np.concatenate([speech, pause, speech]))
    start = 2 * MEL_RATE
    assert not active[start + 22 : start + 35].any()


def test_activity_waits_for_no_more_than_it_says(english: FloatArray) -> None:
    stream = SpeechStream()
    chunk = stream.push(english[: 2 * SAMPLE_RATE])
    changed = SpeechStream().push(np.concatenate([english[: 2 * SAMPLE_RATE], _white(1, -10)]))
    np.testing.assert_array_equal(chunk.activity, changed.activity[: len(chunk.activity)])


def test_stretches_are_the_active_frames() -> None:
    activity = np.array([1, 0, 0, 0.7, 0.5, 0.4, 0, 1], dtype=np.float32)
    assert speech_stretches(activity) == [(0.0, 0.01), (0.03, 0.05), (0.07, 0.08)]
    assert speech_stretches(np.zeros(5, dtype=np.float32)) == []
    assert speech_stretches(np.zeros(0, dtype=np.float32)) == []


def test_live_speech_is_noticed_a_little_later_and_over_no_later(english: FloatArray) -> None:
    pause = np.zeros(SAMPLE_RATE, dtype=np.float32)
    sound = np.concatenate([pause, english[: 6 * SAMPLE_RATE], pause])
    live, filed = SpeechStream(-20.0, live=True), SpeechStream(-20.0)
    now, known = (
        np.concatenate([stream.push(sound).activity, stream.finish().activity]) >= ACTIVE for stream in (live, filed)
    )
    assert len(now) == len(known)
    starts = [np.flatnonzero(active)[0] for active in (known, now)]
    ends = [np.flatnonzero(active)[-1] for active in (known, now)]
    assert 0 < starts[1] - starts[0] <= 6
    assert abs(int(ends[1]) - int(ends[0])) <= 1
    assert (now == known).mean() > 0.9
