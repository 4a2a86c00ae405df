"""The shipped motion network, its basis, and the stream around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mouthpiece.errors import OptionError, WeightsError
from mouthpiece.inference import Network
from mouthpiece.motion.basis import MOTION_POINTS, MOTION_RATE, MotionBasis, load_basis, mirror_rows, motion_row
from mouthpiece.motion.network import LIVE_WEIGHTS, SILENT_LOG_MEL, WEIGHTS, basis_path
from mouthpiece.motion.shaping import MAX_OPENING
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import SpeechStream, features
from mouthpiece.speech.mel import LOG_FLOOR
from mouthpiece.types import MEL_BANDS, SAMPLE_RATE, FloatArray, Motion, SpeechChunk


@pytest.fixture(scope="module")
def basis() -> MotionBasis:
    return MotionBasis.load()


def babble(seconds: float, seed: int = 3) -> FloatArray:
    """Something like speech: a buzzing voice through moving resonances, in syllables."""
    count = int(seconds * SAMPLE_RATE)
    time_s = np.arange(count) / SAMPLE_RATE
    rng = np.random.default_rng(seed)
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * time_s)) / SAMPLE_RATE
    voice = np.zeros(count)
    for k in range(1, 30):
        gain = np.exp(-(((k * 120 - 500 - 300 * np.sin(2 * np.pi * 2 * time_s)) / 250) ** 2)) + 0.1 / k
        voice += gain * np.sin(k * pitch + rng.uniform(0, 6))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, 1)
    return np.asarray(0.1 * voice * syllables / np.abs(voice).max(), dtype=np.float32)


def moments(stream: MotionStream, samples: FloatArray, block: int, fps: int = 25) -> list[Motion]:
    """Every frame's motion when the speech comes in blocks, each asked for as soon as it is known."""
    speech = SpeechStream(-25.0)
    motions: list[Motion] = []
    total = len(samples) * fps // SAMPLE_RATE

    def ask() -> None:
        while len(motions) < total and len(motions) / fps < stream.ready_until_s:
            motions.append(stream.at(len(motions) / fps))

    for start in range(0, len(samples), block):
        stream.push(speech.push(samples[start : start + block]))
        ask()
    stream.push(speech.finish())
    stream.finish()
    ask()
    return motions


def test_silence_is_what_the_speech_room_calls_silence() -> None:
    assert pytest.approx(LOG_FLOOR) == SILENT_LOG_MEL


def test_motion_points_are_mirrored_in_pairs() -> None:
    rows = mirror_rows()
    assert np.array_equal(rows[rows], np.arange(len(MOTION_POINTS)))
    assert len(set(MOTION_POINTS.tolist())) == len(MOTION_POINTS)
    assert MOTION_POINTS[rows[np.flatnonzero(MOTION_POINTS == 61)[0]]] == 291


def test_rest_is_the_closed_mouth_itself(basis: MotionBasis) -> None:
    assert not basis.displacement(basis.rest).any()
    assert float(basis.opening(basis.rest)) == 0.0


def test_basis_is_symmetrical(basis: MotionBasis) -> None:
    mirrored = basis.components[:, mirror_rows()] * np.array([-1, 1, 1], dtype=np.float32)
    np.testing.assert_allclose(mirrored, basis.components, atol=1e-6)


def test_readings_are_those_of_the_displacement(basis: MotionBasis) -> None:
    coefficients = np.random.default_rng(1).normal(size=basis.size).astype(np.float32)
    moved = basis.displacement(coefficients)
    opening = moved[motion_row(14), 1] - moved[motion_row(13), 1]
    assert float(basis.opening(coefficients)) == pytest.approx(float(opening), abs=1e-6)
    width = moved[motion_row(291), 0] - moved[motion_row(61), 0]
    assert float(coefficients @ basis.width_weights) == pytest.approx(float(width), abs=1e-6)
    assert float(coefficients @ basis.jaw_weights) == pytest.approx(float(moved[motion_row(152), 1]), abs=1e-6)


def test_opening_mode_opens_by_one_and_lowers_the_jaw(basis: MotionBasis) -> None:
    mode = basis.opening_mode
    assert mode[motion_row(14), 1] - mode[motion_row(13), 1] == pytest.approx(1.0, abs=1e-4)
    assert mode[motion_row(152), 1] > 0.2


def test_basis_is_smooth_over_the_face(basis: MotionBasis) -> None:
    # Lip corner neighbours go together: no component tears the skin.
    first = basis.components[0]
    assert np.linalg.norm(first[motion_row(61)] - first[motion_row(76)]) < 0.2 * np.linalg.norm(first, axis=1).max()


@pytest.mark.parametrize("block", [160, 1111, 16000])
def test_any_chunking_gives_the_same_motion(block: int) -> None:
    samples = babble(3.0)
    whole = moments(MotionStream(), samples, len(samples))
    pieces = moments(MotionStream(), samples, block)
    assert len(pieces) == len(whole) == 75
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(a.displacement, b.displacement, atol=1e-5)
        assert a.opening == pytest.approx(b.opening, abs=1e-5)
        assert a.activity == pytest.approx(b.activity, abs=1e-5)


@pytest.fixture(scope="module")
def one_by_one() -> list[Motion]:
    """Three seconds of babble as they are answered when every frame's sound comes alone."""
    return moments(MotionStream(weights=LIVE_WEIGHTS), babble(3.0), 160)


@pytest.mark.parametrize("block", [320, 777, 1280, 48000])
def test_frames_that_wait_are_answered_together(
    block: int, one_by_one: list[Motion], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, runs = babble(3.0), [0]
    stream, run = MotionStream(weights=LIVE_WEIGHTS), Network.__call__

    def counted(network: Network, *inputs: FloatArray) -> list[FloatArray]:
        runs[0] += 1
        return run(network, *inputs)

    monkeypatch.setattr(Network, "__call__", counted)
    together = moments(stream, samples, block)
    assert len(together) == len(one_by_one) == 75
    for a, b in zip(one_by_one, together, strict=True):
        np.testing.assert_allclose(a.displacement, b.displacement, atol=1e-5)
        assert a.opening == pytest.approx(b.opening, abs=1e-5)
    frames = 150 + int(0.5 * MOTION_RATE)
    assert runs[0] <= {320: 1.1, 777: 0.7, 1280: 0.5, 48000: 0.4}[block] * frames


def test_reset_starts_afresh() -> None:
    stream, samples = MotionStream(), babble(1.5)
    first = moments(stream, samples, 1600)
    stream.reset()
    second = moments(stream, samples, 1600)
    assert all(np.array_equal(a.displacement, b.displacement) for a, b in zip(first, second, strict=True))


def test_it_tells_what_its_look_ahead_promises() -> None:
    stream, speech = MotionStream(), SpeechStream(-25.0)
    samples = babble(4.0)
    heard_s = 0.0
    for start in range(0, len(samples), 800):
        chunk = speech.push(samples[start : start + 800])
        stream.push(chunk)
        heard_s = (chunk.first_mel + len(chunk.log_mel)) / 100
        assert stream.ready_until_s >= heard_s - stream.look_ahead_s - 0.011
    assert heard_s > 3.8


def test_memory_is_bounded() -> None:
    stream = MotionStream()
    mel = np.full((100, MEL_BANDS), SILENT_LOG_MEL, dtype=np.float32)
    for second in range(30):
        stream.push(SpeechChunk(0, np.zeros(0, np.float32), second * 100, mel, np.zeros(100, np.float32)))
        if stream.ready_until_s > 1:
            stream.at(stream.ready_until_s - 0.1)
    assert len(stream._frames) < 4 * MOTION_RATE
    with pytest.raises(OptionError, match="expected a moment from"):
        stream.at(0.0)


def test_moments_not_heard_yet_are_refused() -> None:
    with pytest.raises(OptionError, match="expected a moment"):
        MotionStream().at(0.0)


def test_chunks_must_follow_each_other() -> None:
    stream = MotionStream()
    with pytest.raises(OptionError, match="from mel frame 0 on, got 5"):
        stream.push(SpeechChunk(0, np.zeros(0, np.float32), 5, np.zeros((1, 80), np.float32), np.zeros(1, np.float32)))


def test_after_the_end_the_mouth_is_at_rest() -> None:
    stream = MotionStream()
    moments(stream, babble(1.0), 1600)
    assert stream.ready_until_s == float("inf")
    late = stream.at(60.0)
    assert late.opening == 0.0 and not late.displacement.any()


def test_speech_of_a_moment_and_none_at_all() -> None:
    for count in (0, 1, 800):
        stream = MotionStream()
        log_mel, activity = features(np.zeros(count, dtype=np.float32))
        stream.push(SpeechChunk(0, np.zeros(count, dtype=np.float32), 0, log_mel, activity))
        stream.finish()
        assert stream.at(0.0).opening == 0.0


@pytest.mark.parametrize("kind", ["nothing", "quiet noise", "loud noise", "hum"])
def test_no_speech_no_motion(kind: str) -> None:
    rng, count = np.random.default_rng(5), 6 * SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * np.arange(count) / SAMPLE_RATE) / k for k in range(1, 9))
    sound = {
        "nothing": np.zeros(count),
        "quiet noise": rng.standard_normal(count) * 0.003,
        "loud noise": rng.standard_normal(count) * 0.1,
        "hum": 0.05 * np.asarray(hum),
    }[kind].astype(np.float32)
    stream = MotionStream()
    log_mel, activity = features(sound)
    stream.push(SpeechChunk(0, sound, 0, log_mel, activity))
    stream.finish()
    openings = np.array([stream.at(frame / 25).opening for frame in range(150)])
    assert (openings > 0.02).mean() < 0.02


def test_intensity_scales_and_never_tears() -> None:
    samples = babble(2.0)
    still, plain, wild = (
        np.array([motion.opening for motion in moments(MotionStream(intensity=i), samples, 16000)]) for i in (0, 1, 4)
    )
    assert not still.any()
    assert wild.max() <= MAX_OPENING + 1e-5
    assert wild.sum() >= plain.sum()
    assert plain.min() >= -1e-5


def test_intensity_out_of_range_is_refused() -> None:
    with pytest.raises(OptionError, match="0 to 4, got 9"):
        MotionStream(intensity=9)


def test_missing_and_damaged_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected the motion basis"):
        MotionStream(weights=tmp_path / "motion.onnx")
    (tmp_path / "motion_basis.npz").write_bytes(b"not numbers")
    with pytest.raises(WeightsError, match="is not a motion basis"):
        load_basis(tmp_path / "motion_basis.npz")


def test_what_ships_is_small_and_described() -> None:
    assert WEIGHTS.stat().st_size < 8_000_000
    assert sum(file.stat().st_size for file in WEIGHTS.parent.iterdir()) < 16_000_000
    assert basis_path(WEIGHTS).stat().st_size < 200_000
    card = WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in card and "Cooke" in card
    assert 0.1 < MotionStream().look_ahead_s < 2


def test_the_live_network_waits_for_little() -> None:
    """60 ms that it looks ahead, and what a motion frame takes to be complete."""
    assert MotionStream(weights=LIVE_WEIGHTS).look_ahead_s <= 0.1 + 1e-9


def test_moments_just_before_the_last_one_known_can_be_told() -> None:
    stream, speech, samples = MotionStream(weights=LIVE_WEIGHTS), SpeechStream(live=True), babble(3.0)
    for start in range(0, len(samples), 320):
        stream.push(speech.push(samples[start : start + 320]))
        if (until_s := stream.ready_until_s) > 0:
            # In sums of floats this moment is rounded up to the last one at times.
            assert np.isfinite(stream.at(float(np.nextafter(until_s, 0))).opening)
            with pytest.raises(OptionError, match="expected a moment"):
                stream.at(until_s)
