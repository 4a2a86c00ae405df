"""A streaming motion network: exported so that a run for one motion frame costs one motion frame.

Run on overlapping blocks, a network computes its whole past again for each block: nothing for files, whose blocks are
long, too much for live speech, whose blocks are a frame or two. Here each layer's last inputs come out of a run as
numbers to be given into the next one. What comes out is what the same network gives on whole blocks. How many frames a
run makes is left open: where several wait, one run makes them all, for about what one of them costs.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from mouthpiece.motion.basis import MELS_PER_FRAME, NetworkGeometry
from mouthpiece.training.motion.network import ANSWERS, STEM, MotionNetwork, write_onnx
from mouthpiece.types import MEL_BANDS

STREAMING_BLOCK = 1
"""Motion frames of a run, at least: 20 ms. Two would halve the cost, as each run reads all weights, and come 20 ms
later."""
STREAMING_RUNS = (1, 2, 4)
"""Blocks that a run may make."""


class StreamingNetwork(nn.Module):
    """The next mel frames and the memory in; coefficients, activity, closure and the memory for the next run out."""

    def __init__(self, network: MotionNetwork) -> None:
        super().__init__()
        self.network = network
        self.reach = tuple(2 * dilation for dilation in network.settings.dilations)
        """Motion frames of its input that each block remembers."""

    def forward(self, log_mel: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run.

        Args:
            log_mel: (1, STEM + 2 (T - 1), MEL_BANDS): the mel frames of T new motion frames.
            memory: (1, sum of reach, C): of the run before.

        Returns:
            Coefficients (1, T, K), activity and closure (1, T) in 0-1, and the memory.
        """
        x = self.network.stemmed(log_mel)
        kept = []
        remembered = torch.split(memory, list(self.reach), dim=1)
        for block, before, reach in zip(self.network.blocks, remembered, self.reach, strict=True):
            seen = torch.cat([before, x], dim=1)
            kept.append(seen[:, -reach:])
            x = block(seen)
        coefficients, activity, closure = self.network.mouth(x)
        return coefficients, torch.sigmoid(activity), torch.sigmoid(closure), torch.cat(kept, dim=1)


def streaming_geometry(network: MotionNetwork, block: int) -> NetworkGeometry:
    """Return what one run of a streaming network takes: only what is new."""
    settings = network.settings
    ahead = settings.geometry_ahead
    return NetworkGeometry(
        past=STEM - 1 - ahead,
        ahead=ahead,
        block=block,
        memory=(2 * sum(settings.dilations), settings.channels),
        runs=STREAMING_RUNS,
    )


def export_streaming(network: MotionNetwork, path: Path, block: int = STREAMING_BLOCK) -> NetworkGeometry:
    """Write a network as ONNX that makes any number of motion frames a run and remembers the past itself.

    Args:
        network: the network.
        path: ends in .onnx.
        block: motion frames that a run makes at least.

    Returns:
        Its geometry; it belongs into the basis beside the file.

    Raises:
        OptionError: the path does not end in .onnx.
    """
    geometry = streaming_geometry(network, block)
    assert geometry.input_mels == STEM + MELS_PER_FRAME * (block - 1)
    example = torch.zeros(1, geometry.input_mels, MEL_BANDS), torch.zeros(1, *geometry.memory)
    inputs = dict(zip(("log_mel", "memory"), example, strict=True))
    open_axes = {"log_mel": {1: "mels"}} | {name: {1: "frames"} for name in ANSWERS}
    write_onnx(StreamingNetwork(network), inputs, [*ANSWERS, "new_memory"], path, open_axes)
    return geometry
