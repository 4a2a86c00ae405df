"""Speech in blocks is the same speech; levels are what they should be."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.speech import SpeechStream, features, log_mel, measure_level
from mouthpiece.speech.stream import LATENCY_S, LIVE_LATENCY_S, MAX_GAIN_DB, PRIOR_LEVEL_DB, TARGET_LEVEL_DB
from mouthpiece.types import MEL_BANDS, MEL_HOP, MEL_RATE, SAMPLE_RATE, FloatArray, SpeechChunk

POWER_PER_DB = np.log(10) / 10


def _in_blocks(stream: SpeechStream, samples: FloatArray, largest: int, seed: int) -> list[SpeechChunk]:
    rng = np.random.default_rng(seed)
    chunks, start = [], 0
    while start < len(samples):
        size = int(rng.integers(0, largest + 1))
        chunks.append(stream.push(samples[start : start + size]))
        start += size
    return [*chunks, stream.finish()]


def _joined(chunks: list[SpeechChunk]) -> tuple[FloatArray, FloatArray, FloatArray]:
    return (
        np.concatenate([chunk.samples for chunk in chunks]),
        np.concatenate([chunk.log_mel for chunk in chunks]),
        np.concatenate([chunk.activity for chunk in chunks]),
    )


@pytest.mark.parametrize("level_db", [None, -20.0])
@pytest.mark.parametrize(("largest", "seed"), [(40, 0), (200, 1), (700, 2), (5000, 3), (50_000, 4)])
def test_any_blocks_give_the_same_frames(english: FloatArray, level_db: float | None, largest: int, seed: int) -> None:
    speech = english[: 4 * SAMPLE_RATE + 77]
    whole = _joined(_in_blocks(SpeechStream(level_db), speech, 10**7, 0))
    chunks = _in_blocks(SpeechStream(level_db), speech, largest, seed)
    for ours, theirs in zip(_joined(chunks), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    sample = mel = 0
    for chunk in chunks:
        assert (chunk.first_sample, chunk.first_mel) == (sample, mel)
        assert chunk.log_mel.shape == (len(chunk.activity), MEL_BANDS)
        assert chunk.log_mel.dtype == chunk.activity.dtype == chunk.samples.dtype == np.float32
        sample, mel = sample + len(chunk.samples), mel + len(chunk.activity)
    assert (sample, mel) == (len(speech), -(-len(speech) // MEL_HOP))


@pytest.mark.parametrize(("largest", "seed"), [(40, 0), (5000, 3)])
def test_any_blocks_give_the_same_live_frames(english: FloatArray, largest: int, seed: int) -> None:
    speech = english[: 4 * SAMPLE_RATE + 77]
    whole = _joined(_in_blocks(SpeechStream(live=True), speech, 10**7, 0))
    for ours, theirs in zip(_joined(_in_blocks(SpeechStream(live=True), speech, largest, seed)), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(whole[2]) == -(-len(speech) // MEL_HOP)


@pytest.mark.parametrize(("live", "latency_s"), [(False, LATENCY_S), (True, LIVE_LATENCY_S)])
def test_mel_frames_come_as_soon_as_promised(english: FloatArray, live: bool, latency_s: float) -> None:
    stream = SpeechStream(live=live)
    told = 0
    for start in range(0, 2 * SAMPLE_RATE, MEL_HOP):
        told += len(stream.push(english[start : start + MEL_HOP]).activity)
        certain_s = (start + MEL_HOP) / SAMPLE_RATE - latency_s
        assert told == max(0, int(np.floor(certain_s * MEL_RATE + 1e-9)) + 1)


def test_reset_forgets_the_speech(english: FloatArray) -> None:
    stream = SpeechStream()
    first = _joined([stream.push(english[:32_000]), stream.finish()])
    stream.reset()
    again = _joined([stream.push(english[:32_000]), stream.finish()])
    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("samples", [0, 1, 160, 199, 360, 361, 800, 2001])
def test_short_speech_has_all_its_frames(samples: int) -> None:
    mel, activity = features(np.full(samples, 0.1, dtype=np.float32))
    assert len(mel) == len(activity) == -(-samples // MEL_HOP)


def test_a_given_level_is_one_gain_for_the_whole_speech(english: FloatArray) -> None:
    mel, _ = features(english, reference_level_db=-13.0)
    plain = log_mel(english)
    loud = plain > plain.max() - 8
    expected = (TARGET_LEVEL_DB + 13.0) * POWER_PER_DB
    np.testing.assert_allclose(mel[loud] - plain[loud], expected, atol=1e-4)


def test_samples_keep_their_level(english: FloatArray) -> None:
    chunk = SpeechStream(-40.0).push(english)
    np.testing.assert_array_equal(chunk.samples, english)


@pytest.mark.parametrize("gain_db", [-20.0, -10.0, 6.0])
def test_the_measured_level_follows_the_gain(english: FloatArray, gain_db: float) -> None:
    level = measure_level([english])
    louder = measure_level(np.array_split(english * np.float32(10 ** (gain_db / 20)), 7))
    assert level is not None
    assert louder is not None
    assert louder - level == pytest.approx(gain_db, abs=0.7)


def test_the_level_is_that_of_the_speech_and_not_of_the_pauses(english: FloatArray) -> None:
    pause = np.zeros(20 * SAMPLE_RATE, dtype=np.float32)
    level = measure_level([english])
    assert level is not None
    assert measure_level([pause, english, pause]) == pytest.approx(level, abs=0.5)
    loud = 10 * np.log10((english**2).mean())
    assert loud - 1 < level < loud + 4


def test_silence_has_no_level() -> None:
    noise = 1e-3 * np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE)
    assert measure_level([]) is None
    assert measure_level([np.zeros(5 * SAMPLE_RATE, dtype=np.float32)]) is None
    assert measure_level([noise.astype(np.float32)]) is None


def test_noise_alone_is_not_raised_to_speech() -> None:
    noise = (1e-3 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE)).astype(np.float32)
    mel, _ = features(noise)
    gain_db = (mel - log_mel(noise)).max() / POWER_PER_DB
    assert gain_db == pytest.approx(TARGET_LEVEL_DB - PRIOR_LEVEL_DB, abs=0.1)
    extreme, _ = features(noise, reference_level_db=-100.0)
    assert (extreme - log_mel(noise)).max() / POWER_PER_DB == pytest.approx(MAX_GAIN_DB, abs=0.1)


@pytest.mark.parametrize("gain_db", [-20.0, 8.0])
def test_live_speech_comes_to_the_same_level_as_a_file(english: FloatArray, gain_db: float) -> None:
    speech = np.clip(english * np.float32(10 ** (gain_db / 20)), -1, 1)
    stream = SpeechStream()
    live = np.concatenate([stream.push(speech).log_mel, stream.finish().log_mel])
    filed, activity = features(speech)
    loud = (activity >= 0.5)[:, None] & (filed > filed.max() - 9)
    loud[: 6 * MEL_RATE] = False
    assert abs((live - filed)[loud]).mean() / POWER_PER_DB < 4


def test_a_level_must_be_a_number() -> None:
    with pytest.raises(OptionError, match="dBFS"):
        SpeechStream(float("nan"))
