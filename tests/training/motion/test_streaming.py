"""A network that remembers gives what the same network gives on whole blocks, and live speech what a file gives."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mouthpiece.errors import OptionError  # noqa: E402
from mouthpiece.motion.basis import MOTION_RATE, MotionBasis, load_basis, save_basis  # noqa: E402
from mouthpiece.motion.network import basis_path  # noqa: E402
from mouthpiece.motion.stream import LIVE_LOOK_AHEAD_S, MotionStream  # noqa: E402
from mouthpiece.speech import SpeechStream  # noqa: E402
from mouthpiece.training.motion.network import MotionNetwork, NetworkSettings, export_network  # noqa: E402
from mouthpiece.training.motion.streaming import export_streaming  # noqa: E402
from mouthpiece.types import MEL_BANDS, MEL_RATE, SAMPLE_RATE, FloatArray, SpeechChunk  # noqa: E402

SECONDS = 3


def lively_network(look_ahead_s: float, channels: int = 16) -> MotionNetwork:
    """An untrained network whose answers vary, and are as sure as not that somebody speaks."""
    torch.manual_seed(5)
    network = MotionNetwork(NetworkSettings(channels=channels, look_ahead_s=look_ahead_s)).eval()
    for head in (network.head, network.taught_head):
        last = head[-1]
        assert isinstance(last, torch.nn.Linear)
        with torch.no_grad():
            last.weight.mul_(40)
            last.bias.fill_(0.4)
    return network


def exported(network: MotionNetwork, path: Path, block: int, *, streaming: bool) -> Path:
    """The network as a file with its basis beside it."""
    geometry = (export_streaming if streaming else export_network)(network, path, block)
    save_basis(MotionBasis.load(), geometry, basis_path(path))
    return path


def voice() -> FloatArray:
    """Buzzing syllables with pauses; sound from the first sample on."""
    time_s = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * time_s) / k for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time_s + 1), 0, 1) * ((time_s < 1.2) | (time_s > 2.0))
    noise = np.random.default_rng(1).standard_normal(len(time_s)) * 0.002
    return np.asarray(0.1 * np.asarray(buzz) * syllables + noise, dtype=np.float32)


@lru_cache
def microphone(block: int, cut_s: float = SECONDS) -> list[SpeechChunk]:
    """The voice (noise from `cut_s` on) as it comes in blocks of so many samples."""
    samples = voice()
    later = int(cut_s * SAMPLE_RATE)
    samples[later:] = np.random.default_rng(3).standard_normal(len(samples) - later) * 0.1
    speech = SpeechStream()
    return [*[speech.push(samples[start : start + block]) for start in range(0, len(samples), block)], speech.finish()]


def openings(stream: MotionStream, chunks: list[SpeechChunk]) -> FloatArray:
    """Opening, gate and the first points' motion at 30 frames a second, asked for as soon as it is known."""
    rows: list[list[float]] = []
    total = SECONDS * 30

    def ask() -> None:
        while len(rows) < total and len(rows) / 30 < stream.ready_until_s:
            motion = stream.at(len(rows) / 30)
            rows.append([motion.opening, motion.activity, *motion.displacement[:20].ravel()])

    for chunk in chunks:
        stream.push(chunk)
        ask()
    stream.finish()
    ask()
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize(("look_ahead_s", "block"), [(0.02, 1), (0.06, 2), (0.08, 1), (0.08, 3)])
def test_remembering_changes_nothing(tmp_path: Path, look_ahead_s: float, block: int) -> None:
    network = lively_network(look_ahead_s)
    whole = exported(network, tmp_path / "whole.onnx", 16, streaming=False)
    streaming = exported(network, tmp_path / "streaming.onnx", block, streaming=True)
    wanted, got = (
        openings(MotionStream(weights=path, gate=False, closure=False), microphone(1600)) for path in (whole, streaming)
    )
    assert wanted[:, 0].std() > 0.002, "there must be something to compare"
    np.testing.assert_allclose(got, wanted, atol=2e-5)


@pytest.mark.parametrize(("streaming", "block"), [(True, 1), (True, 2), (False, 1)])
def test_live_chunks_give_the_motion_of_the_whole(tmp_path: Path, streaming: bool, block: int) -> None:
    path = exported(lively_network(0.08), tmp_path / "live.onnx", block, streaming=streaming)
    whole = openings(MotionStream(weights=path), microphone(SECONDS * SAMPLE_RATE))
    stream = MotionStream(weights=path)
    np.testing.assert_allclose(openings(stream, microphone(SAMPLE_RATE // 100)), whole, atol=2e-5)
    assert whole[:, 1].max() > 0.9, "the gate must open"
    stream.reset()
    np.testing.assert_allclose(openings(stream, microphone(1111)), whole, atol=2e-5, err_msg="the same after a reset")


def test_live_motion_never_peeks(tmp_path: Path) -> None:
    """What is said later than the look-ahead changes nothing of what was played before."""
    path = exported(lively_network(0.08), tmp_path / "live.onnx", 1, streaming=True)
    cut_s = 2.3
    one, other = (openings(MotionStream(weights=path), microphone(160, until_s)) for until_s in (SECONDS, cut_s))
    # The speech room's own look-ahead comes on top of the network's.
    room_s = 0.0725
    same = np.flatnonzero((one != other).any(axis=1))[0] / 30
    assert same >= cut_s - room_s - LIVE_LOOK_AHEAD_S - 1 / MOTION_RATE
    assert same < cut_s + 0.2


def test_live_look_ahead_is_what_it_says(tmp_path: Path) -> None:
    for look_ahead_s, block in ((0.08, 1), (0.08, 2), (0.04, 1)):
        path = exported(lively_network(look_ahead_s), tmp_path / "live.onnx", block, streaming=True)
        geometry = load_basis(basis_path(path))[1]
        stream = MotionStream(weights=path)
        assert geometry.ahead / MEL_RATE <= LIVE_LOOK_AHEAD_S
        assert stream.look_ahead_s == pytest.approx(geometry.ahead / MEL_RATE + (block + 1) / MOTION_RATE)
        for chunk in microphone(160)[:-1]:
            stream.push(chunk)
            heard_s = (chunk.first_mel + len(chunk.log_mel)) / MEL_RATE
            assert stream.ready_until_s >= heard_s - stream.look_ahead_s - 1e-9


def test_memory_and_cost_stay_steady(tmp_path: Path) -> None:
    """A minute of live speech holds no more than a second of it does, and a frame costs the same at the end."""
    path = exported(lively_network(0.08), tmp_path / "live.onnx", 2, streaming=True)
    stream = MotionStream(weights=path)
    second = microphone(160)[50:150]
    asked, spent = 0, []
    for start in range(0, 6000, 100):
        started = time.process_time()
        for offset, chunk in enumerate(second):
            mel = chunk.log_mel[:1] if len(chunk.log_mel) else np.zeros((1, MEL_BANDS), np.float32)
            stream.push(SpeechChunk(0, chunk.samples, start + offset, mel, np.ones(1, np.float32)))
            while asked / 25 < stream.ready_until_s:
                stream.at(asked / 25)
                asked += 1
        spent.append(time.process_time() - started)
        assert len(stream._frames) < 2 * MOTION_RATE
        assert len(stream._activity) < 40 and len(stream._inference._mel) < 40
    assert asked > 59 * 25
    assert np.median(spent[-20:]) < 2 * np.median(spent[:20])


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"\.onnx, got net\.pt"):
        export_streaming(lively_network(0.08), tmp_path / "net.pt")
