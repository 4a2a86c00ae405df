"""The three published networks as plain data: every layer, what it reads, and what its weights are called.

From these follow the names and shapes of a checkpoint's entries, the PyTorch modules (`networks`) and the OpenVINO
graph (`graph`), so that all of them agree. The networks are those of Prajwal, Mukhopadhyay, Namboodiri and Jawahar, "A
Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild", ACM Multimedia 2020; names, sizes and strides
are those of the checkpoints that its authors published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import WeightsError

FACE_SIZE = 96
"""Rows and columns of the faces that the networks see, pixels."""
MEL_STEPS = 16
"""Mel frames in a window, 80 of them a second."""
MEL_BANDS = 80
EXPERT_FRAMES = 5
"""Frames that the expert compares with one mel window."""
LEAK = 0.01
"""Slope of a leaky ReLU below zero."""
BATCH_NORM_EPS = 1e-5
NORM_FLOOR = 1e-12
"""The least length that an embedding is divided by."""

Shape = tuple[int, ...]


class Activation(StrEnum):
    """What follows a convolution."""

    RELU = "relu"
    LEAKY_RELU = "leaky-relu"
    SIGMOID = "sigmoid"


class Ending(StrEnum):
    """How a layer's result becomes an output."""

    AS_IS = "as-is"
    FLAT = "flat"
    """(B, C, 1, 1) -> (B, C)."""
    UNIT_LENGTH = "unit-length"
    """(B, C, 1, 1) -> (B, C), each row of Euclidean length 1."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution over (B, C, H, W), then batch norm, its own input added, and an activation, where they are said."""

    name: str
    """Where it stands in the module tree; what reads its result says this name."""
    reads: tuple[str, ...]
    """Layers or inputs, side by side along the channels."""
    channels_in: int
    channels_out: int
    kernel: int
    """Rows and columns of the kernel."""
    stride: tuple[int, int] = (1, 1)
    """Rows, columns."""
    padding: int = 0
    output_padding: int = 0
    """Rows and columns added at the end of a transposed convolution's result."""
    transposed: bool = False
    residual: bool = False
    """Whether the layer's own input is added before the activation."""
    normed: bool = True
    """Whether batch norm follows the convolution."""
    bare: bool = False
    """Whether the weights stand right under `name`, and not in a block inside it."""
    activation: Activation = Activation.RELU

    @property
    def conv(self) -> str:
        """Name of the convolution in the module tree."""
        return self.name if self.bare else f"{self.name}.conv_block.0"

    @property
    def norm(self) -> str:
        """Name of the batch norm in the module tree; only where the layer is `normed`."""
        return f"{self.name}.conv_block.1"

    @property
    def entries(self) -> dict[str, Shape]:
        """The layer's part of a state dict: names and shapes."""
        across = (self.channels_in, self.channels_out) if self.transposed else (self.channels_out, self.channels_in)
        found: dict[str, Shape] = {
            f"{self.conv}.weight": (*across, self.kernel, self.kernel),
            f"{self.conv}.bias": (self.channels_out,),
        }
        if self.normed:
            for part in ("weight", "bias", "running_mean", "running_var"):
                found[f"{self.norm}.{part}"] = (self.channels_out,)
            found[f"{self.norm}.num_batches_tracked"] = ()
        return found


@dataclass(frozen=True, slots=True)
class Output:
    """What a network returns."""

    name: str
    reads: str
    """The layer that it comes from."""
    ending: Ending
    shape: Shape
    """Without the batch."""


@dataclass(frozen=True)
class Architecture:
    """One network: data goes through `layers` in their order."""

    name: str
    """As people say it: "the Wav2Lip generator"."""
    inputs: Mapping[str, Shape]
    """Names and shapes without the batch, float32, in the order of the arguments."""
    layers: tuple[Layer, ...]
    outputs: tuple[Output, ...]

    @cached_property
    def entries(self) -> dict[str, Shape]:
        """Names and shapes of the state dict, in the order of the published files."""
        return {name: shape for layer in self.layers for name, shape in layer.entries.items()}

    @cached_property
    def needed(self) -> frozenset[str]:
        """The entries that make a difference to what the network computes."""
        return frozenset(name for name in self.entries if not name.endswith(_COUNTER))

    @cached_property
    def parameter_count(self) -> int:
        """Numbers that training changes: all entries but the running statistics."""
        return sum(prod(shape) for name, shape in self.entries.items() if not name.endswith(_STATISTICS))

    @cached_property
    def done_with(self) -> dict[str, tuple[str, ...]]:
        """For each layer, the values that nobody reads after it: they may be forgotten."""
        last = {name: layer.name for layer in self.layers for name in layer.reads}
        kept = {output.reads for output in self.outputs}
        return {
            layer.name: tuple(name for name, reader in last.items() if reader == layer.name and name not in kept)
            for layer in self.layers
        }


_COUNTER = "num_batches_tracked"
_STATISTICS = (_COUNTER, "running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class _Step:
    """A layer whose place in the network is not said yet."""

    channels: int
    kernel: int = 3
    stride: int | tuple[int, int] = 1
    padding: int = 1
    output_padding: int = 0
    transposed: bool = False
    residual: bool = False


def _down(channels: int, stride: int | tuple[int, int] = 2, same: int = 0) -> list[_Step]:
    """A layer that makes the map smaller, then `same` residual ones."""
    return [_Step(channels, stride=stride), *[_Step(channels, residual=True)] * same]


def _up(channels: int, same: int) -> list[_Step]:
    """A layer that doubles the map's rows and columns, then `same` residual ones."""
    return [
        _Step(channels, stride=2, output_padding=1, transposed=True),
        *[_Step(channels, residual=True)] * same,
    ]


_TO_ONE = [_Step(512, padding=0), _Step(512, kernel=1, padding=0)]
"""3x3 -> 1x1, and once more."""

_GENERATOR_FACE = [
    [_Step(16, kernel=7, padding=3)],  # 96
    _down(32, same=2),  # 48
    _down(64, same=3),  # 24
    _down(128, same=2),  # 12
    _down(256, same=2),  # 6
    _down(512, same=1),  # 3
    _TO_ONE,
]
_GENERATOR_DRAWING = [
    [_Step(512, kernel=1, padding=0)],
    [_Step(512, padding=0, transposed=True), _Step(512, residual=True)],  # 3
    _up(512, same=2),  # 6
    _up(384, same=2),  # 12
    _up(256, same=2),  # 24
    _up(128, same=2),  # 48
    _up(64, same=2),  # 96
]
_EXPERT_FACE = [
    _Step(32, kernel=7, padding=3),  # 48 x 96
    _Step(64, kernel=5, stride=(1, 2)),  # 46 x 47
    *[_Step(64, residual=True)] * 2,
    *_down(128, same=3),  # 23 x 24
    *_down(256, same=2),  # 12 x 12
    *_down(512, same=2),  # 6 x 6
    *_down(512),  # 3 x 3
    *_TO_ONE,
]
_CRITIC_FACE = [
    [_Step(32, kernel=7, padding=3)],  # 48 x 96
    [_Step(64, kernel=5, stride=(1, 2), padding=2), _Step(64, kernel=5, padding=2)],  # 48 x 48
    [_Step(128, kernel=5, stride=2, padding=2), _Step(128, kernel=5, padding=2)],  # 24
    [_Step(256, kernel=5, stride=2, padding=2), _Step(256, kernel=5, padding=2)],  # 12
    [_Step(512, stride=2), _Step(512)],  # 6
    [_Step(512, stride=2), _Step(512)],  # 3
    _TO_ONE,
]


def _hearing(last_same: int) -> list[_Step]:
    """The audio encoder's steps; the generator's and the expert's differ by one layer."""
    return [
        _Step(32),  # 80 x 16
        *[_Step(32, residual=True)] * 2,
        *_down(64, stride=(3, 1), same=2),  # 27 x 16
        *_down(128, stride=3, same=2),  # 9 x 6
        *_down(256, stride=(3, 2), same=last_same),  # 3 x 3
        *_TO_ONE,
    ]


def _chain(section: str, steps: list[_Step], reads: tuple[str, ...], channels: int, normed: bool = True) -> list[Layer]:
    """Layers that read one another; the first reads `reads`, `channels` in all."""
    layers: list[Layer] = []
    for index, step in enumerate(steps):
        stride = (step.stride, step.stride) if isinstance(step.stride, int) else step.stride
        layer = Layer(
            name=f"{section}.{index}",
            reads=reads,
            channels_in=channels,
            channels_out=step.channels,
            kernel=step.kernel,
            stride=stride,
            padding=step.padding,
            output_padding=step.output_padding,
            transposed=step.transposed,
            residual=step.residual,
            normed=normed,
            activation=Activation.RELU if normed else Activation.LEAKY_RELU,
        )
        layers.append(layer)
        reads, channels = (layer.name,), layer.channels_out
    return layers


def _blocks(
    section: str, blocks: list[list[_Step]], reads: tuple[str, ...], channels: int, normed: bool = True
) -> list[list[Layer]]:
    """Chains that follow each other."""
    chains: list[list[Layer]] = []
    for index, steps in enumerate(blocks):
        chains.append(_chain(f"{section}.{index}", steps, reads, channels, normed))
        reads, channels = (chains[-1][-1].name,), chains[-1][-1].channels_out
    return chains


def _generator() -> Architecture:
    """Encoders of face and speech; the picture is drawn from the speech's code, with the face's maps beside it."""
    faces = _blocks("face_encoder_blocks", _GENERATOR_FACE, ("face",), 6)
    hearing = _chain("audio_encoder", _hearing(last_same=1), ("mel",), 1)
    drawing: list[Layer] = []
    reads: tuple[str, ...] = (hearing[-1].name,)
    channels = hearing[-1].channels_out
    for index, (steps, seen) in enumerate(zip(_GENERATOR_DRAWING, reversed(faces), strict=True)):
        drawing += _chain(f"face_decoder_blocks.{index}", steps, reads, channels)
        reads, channels = (drawing[-1].name, seen[-1].name), drawing[-1].channels_out + seen[-1].channels_out
    [last] = _chain("output_block", [_Step(32)], reads, channels)
    picture = Layer("output_block.1", (last.name,), 32, 3, 1, normed=False, bare=True, activation=Activation.SIGMOID)
    return Architecture(
        name="the Wav2Lip generator",
        inputs={"mel": (1, MEL_BANDS, MEL_STEPS), "face": (6, FACE_SIZE, FACE_SIZE)},
        layers=(*(layer for chain in faces for layer in chain), *hearing, *drawing, last, picture),
        outputs=(Output("picture", picture.name, Ending.AS_IS, (3, FACE_SIZE, FACE_SIZE)),),
    )


def _expert() -> Architecture:
    """Five lower halves of a face and a mel window, each brought to a point on the unit sphere."""
    faces = _chain("face_encoder", _EXPERT_FACE, ("face",), 3 * EXPERT_FRAMES)
    hearing = _chain("audio_encoder", _hearing(last_same=2), ("mel",), 1)
    return Architecture(
        name="the SyncNet expert",
        inputs={"mel": (1, MEL_BANDS, MEL_STEPS), "face": (3 * EXPERT_FRAMES, FACE_SIZE // 2, FACE_SIZE)},
        layers=(*faces, *hearing),
        outputs=(
            Output("mel_embedding", hearing[-1].name, Ending.UNIT_LENGTH, (512,)),
            Output("face_embedding", faces[-1].name, Ending.UNIT_LENGTH, (512,)),
        ),
    )


def _discriminator() -> Architecture:
    """How real the lower half of a face looks."""
    faces = _blocks("face_encoder_blocks", _CRITIC_FACE, ("face",), 3, normed=False)
    code = faces[-1][-1]
    verdict = Layer("binary_pred.0", (code.name,), 512, 1, 1, normed=False, bare=True, activation=Activation.SIGMOID)
    return Architecture(
        name="the visual quality discriminator",
        inputs={"face": (3, FACE_SIZE // 2, FACE_SIZE)},
        layers=(*(layer for chain in faces for layer in chain), verdict),
        outputs=(Output("real", verdict.name, Ending.FLAT, (1,)),),
    )


GENERATOR = _generator()
"""(B, 1, 80, 16) "mel" and (B, 6, 96, 96) "face" -> (B, 3, 96, 96) "picture", all BGR in 0-1: the face is the target
with its lower half black, and a reference of the same person."""
SYNC_EXPERT = _expert()
"""(B, 1, 80, 16) "mel" and (B, 15, 48, 96) "face", the lower halves of five frames in a row, BGR in 0-1 -> (B, 512)
"mel_embedding" and (B, 512) "face_embedding" of length 1: the more alike, the better in time."""
QUALITY_DISCRIMINATOR = _discriminator()
"""(B, 3, 48, 96) "face", the lower half of one frame, BGR in 0-1 -> (B, 1) "real", 0-1."""
ARCHITECTURES = (GENERATOR, SYNC_EXPERT, QUALITY_DISCRIMINATOR)


def check_state(state: Mapping[str, NDArray[Any]], architecture: Architecture) -> None:
    """See that a state dict is this network's: every entry there, in its shape, nothing else, and all of it numbers.

    The counters of batch norm make no difference and may be absent.

    Raises:
        WeightsError: it is another network's, or something is wrong with an entry.
    """
    if _misfit(state, architecture) is not None:
        raise WeightsError(
            f"expected {architecture.name} ({len(architecture.entries)} entries), got {_seen(state, architecture)}"
        )
    for name in architecture.needed:
        values = state[name]
        if values.dtype != np.float32:
            raise WeightsError(f"expected float32 numbers in {name} of {architecture.name}, got {values.dtype}")
        if not np.isfinite(values).all() or (name.endswith("running_var") and (values < 0).any()):
            raise WeightsError(f"expected finite numbers in {name} of {architecture.name}, got others; fetch it again")


def recognise(state: Mapping[str, NDArray[Any]]) -> Architecture:
    """The network that a state dict is of.

    Raises:
        WeightsError: it is of none that is known here, or something is wrong with an entry.
    """
    found = _fitting(state)
    if found is None:
        known = ", ".join(architecture.name for architecture in ARCHITECTURES)
        raise WeightsError(f"expected one of {known}, got {_seen(state, _nearest(state))}")
    check_state(state, found)
    return found


def _misfit(state: Mapping[str, NDArray[Any]], architecture: Architecture) -> str | None:
    """The first thing about names and shapes that doesn't fit; None where all does."""
    for name, shape in architecture.entries.items():
        if name not in state:
            if name in architecture.needed:
                return f"a state dict without {name}"
        elif state[name].shape != shape and name in architecture.needed:
            return f"a state dict with {name} of shape {state[name].shape} instead of {shape}"
    strange = next((name for name in state if name not in architecture.entries), None)
    return None if strange is None else f"a state dict with {_shown(strange)}, which it doesn't have"


def _fitting(state: Mapping[str, NDArray[Any]]) -> Architecture | None:
    """The network that fits in all names and shapes."""
    return next((known for known in ARCHITECTURES if _misfit(state, known) is None), None)


def _nearest(state: Mapping[str, NDArray[Any]]) -> Architecture:
    """The network that shares most names with a state dict."""
    return max(ARCHITECTURES, key=lambda known: len(known.needed & state.keys()) / len(known.needed))


def _seen(state: Mapping[str, NDArray[Any]], expected: Architecture) -> str:
    """What a state dict is that doesn't fit."""
    other = _fitting(state)
    if other is not None:
        return f"{other.name} ({len(state)} entries)"
    blocks = {name.split(".")[1] for name in state if name.startswith("face_encoder_blocks.")}
    if len(blocks) > len(_GENERATOR_FACE) and any(name.startswith("face_decoder_blocks.") for name in state):
        return (
            f"a variant of it for larger faces ({len(blocks)} face encoder blocks instead of {len(_GENERATOR_FACE)}), "
            f"which is not supported: use a checkpoint for {FACE_SIZE} x {FACE_SIZE} pixels"
        )
    return str(_misfit(state, expected))


def _shown(name: str) -> str:
    """A name out of a file as it may stand in a line for people."""
    printable = name if name.isprintable() else ascii(name)
    return printable if len(printable) <= 60 else f"{printable[:60]}..."
