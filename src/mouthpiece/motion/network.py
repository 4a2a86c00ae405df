"""Motion networks: the shipped weights, and a network run over a stream of log-mel frames.

The network runs on blocks of fixed length at fixed places in time, each with its whole receptive field of sound; so
predictions do not depend on the pieces in which the speech arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mouthpiece.inference import Network
from mouthpiece.motion.basis import MELS_PER_FRAME, NetworkGeometry
from mouthpiece.types import MEL_BANDS, FloatArray

SILENT_LOG_MEL = float(np.log(np.float32(1e-7)))
"""Log-mel of digital silence; stands for the time before and after the speech."""
WEIGHTS = Path(__file__).with_name("weights") / "motion.onnx"
"""The shipped network; its basis is beside it."""
LIVE_WEIGHTS = WEIGHTS.with_name("motion_live.onnx")
"""The shipped network for live speech; its basis is beside it."""


def basis_path(network: Path) -> Path:
    """Return the path of a network's basis: beside it."""
    return network.with_name(f"{network.stem}_basis.npz")


def shipped_weights(*, live: bool = False) -> Path:
    """Return the network for files or for live speech; the one for files where no live one is there."""
    return LIVE_WEIGHTS if live and LIVE_WEIGHTS.is_file() else WEIGHTS


def silent_log_mel(mels: int) -> FloatArray:
    """Return (mels, MEL_BANDS) of digital silence."""
    return np.full((max(mels, 0), MEL_BANDS), SILENT_LOG_MEL, dtype=np.float32)


class StreamingInference:
    """A motion network over a stream: log-mel in, predictions frame by frame out."""

    def __init__(self, weights: Path, device: str, geometry: NetworkGeometry) -> None:
        """Load the network.

        Raises:
            WeightsError: it is missing or damaged.
            EngineError: the device can't run it.
        """
        self._geometry = geometry
        self._networks = _networks(weights, device, geometry)
        self._memory_of_silence = self._run_silence()
        self.reset()

    def reset(self) -> None:
        """Forget the speech: silence was before it."""
        lead_in = self._geometry.lead_in
        self._memory = self._memory_of_silence
        self._mel = silent_log_mel(self._geometry.past + lead_in * MELS_PER_FRAME)
        self._before_first = lead_in
        """Frames still to come that lie before the speech."""

    @property
    def missing(self) -> int:
        """Mel frames that the next run still needs."""
        return max(self._geometry.input_mels - len(self._mel), 0)

    def push(self, log_mel: FloatArray) -> Iterator[tuple[FloatArray, float, float]]:
        """Take mel frames, (m, MEL_BANDS); coefficients (K,), activity and closure of each frame that they complete."""
        self._mel = np.concatenate([self._mel, log_mel])
        while not self.missing:
            frames = next(frames for frames in self._networks if self._geometry.mels_for(frames) <= len(self._mel))
            coefficients, activity, closure = self._run(self._mel[: self._geometry.mels_for(frames)], frames)
            self._mel = self._mel[frames * MELS_PER_FRAME :]
            early = min(self._before_first, frames)
            self._before_first -= early
            for frame in range(early, frames):
                yield coefficients[0, frame], float(activity[0, frame]), float(closure[0, frame])

    def _run(self, log_mel: FloatArray, frames: int) -> list[FloatArray]:
        batch = np.ascontiguousarray(log_mel[None])
        if not any(self._geometry.memory):
            return self._networks[frames](batch)
        *outputs, self._memory = self._networks[frames](batch, self._memory)
        return outputs

    def _run_silence(self) -> FloatArray:
        """Return the network's memory after silence as long as that memory."""
        self._memory = np.zeros((1, *self._geometry.memory), dtype=np.float32)
        frames = max(self._networks)
        for _ in range(-(-self._geometry.memory[0] // frames)):
            self._run(silent_log_mel(self._geometry.mels_for(frames)), frames)
        return self._memory


def _networks(weights: Path, device: str, geometry: NetworkGeometry) -> dict[int, Network]:
    """Load the network for each number of motion frames that a run may make, the longest run first.

    A network with a memory makes short runs: its own thread is the quickest for them, and each length is compiled for
    itself (an open one costs twice as much). A run of four frames costs about as much as one of one frame: the
    weights are read once.
    """
    if not any(geometry.memory):
        return {geometry.block: Network(weights, device)}
    if geometry.runs == (1,):
        return {geometry.block: Network(weights, device, in_caller=True)}
    lengths = [geometry.block * blocks for blocks in sorted(geometry.runs, reverse=True)]
    return {
        frames: Network(weights, device, shapes={"log_mel": (1, geometry.mels_for(frames), MEL_BANDS)}, in_caller=True)
        for frames in lengths
    }
