"""Architectures as plain data: every layer, what it reads, and what its weights are called.

From these follow the names and shapes of a checkpoint's entries, the PyTorch modules (`torch_form`), the OpenVINO graph
(`openvino_form`) and the ONNX file (`onnx_form`), so that all of them agree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

LEAK = 0.01
"""Slope of a leaky ReLU below zero."""
BATCH_NORM_EPS = 1e-5
NORM_FLOOR = 1e-12
"""The least length that an embedding is divided by."""
COUNTER = "num_batches_tracked"
"""Ending of the entries that count batch norm's updates; nothing is computed with them."""

Shape = tuple[int, ...]
StateDict = Mapping[str, NDArray[Any]]
"""Arrays by the names of the module tree."""


class Activation(StrEnum):
    """A convolution's activation function."""

    RELU = "relu"
    LEAKY_RELU = "leaky-relu"
    SIGMOID = "sigmoid"


class OutputTransform(StrEnum):
    """The step from a layer's result to a network's output."""

    AS_IS = "as-is"
    FLAT = "flat"
    """(B, C, 1, 1) -> (B, C)."""
    UNIT_LENGTH = "unit-length"
    """(B, C, 1, 1) -> (B, C), each row of Euclidean length 1."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution over (B, C, H, W), then batch norm, its own input added, and an activation."""

    name: str
    """Place in the module tree, by which other layers read its result."""
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
    """One of a network's outputs."""

    name: str
    reads: str
    """The layer that it comes from."""
    transform: OutputTransform
    shape: Shape
    """Without the batch."""


@dataclass(frozen=True)
class Architecture:
    """One network: data goes through `layers` in their order."""

    name: str
    """In sentences: "the Wav2Lip generator"."""
    inputs: Mapping[str, Shape]
    """Names and shapes without the batch, float32, in the order of the arguments."""
    layers: tuple[Layer, ...]
    outputs: tuple[Output, ...]
    variant: Callable[[Collection[str]], str | None] = lambda _: None
    """Description of a known relative that can't be run, by the names of a state dict; None for anything else."""

    @cached_property
    def entries(self) -> dict[str, Shape]:
        """Names and shapes of the state dict, in the order of the published files."""
        return {name: shape for layer in self.layers for name, shape in layer.entries.items()}

    @cached_property
    def required(self) -> frozenset[str]:
        """Entries that the network computes with."""
        return frozenset(name for name in self.entries if not name.endswith(COUNTER))

    @cached_property
    def last_reads(self) -> dict[str, tuple[str, ...]]:
        """For each layer, the values that no later one reads, and no output."""
        last = {name: layer.name for layer in self.layers for name in layer.reads}
        kept = {output.reads for output in self.outputs}
        return {
            layer.name: tuple(name for name, reader in last.items() if reader == layer.name and name not in kept)
            for layer in self.layers
        }


@dataclass(frozen=True, slots=True)
class Step:
    """A layer without its place in the network."""

    channels: int
    kernel: int = 3
    stride: int | tuple[int, int] = 1
    padding: int = 1
    output_padding: int = 0
    transposed: bool = False
    residual: bool = False


def down(channels: int, stride: int | tuple[int, int] = 2, same: int = 0) -> list[Step]:
    """Return a layer that makes the map smaller, then `same` residual ones."""
    return [Step(channels, stride=stride), *[Step(channels, residual=True)] * same]


def up(channels: int, same: int) -> list[Step]:
    """Return a layer that doubles the map's rows and columns, then `same` residual ones."""
    return [
        Step(channels, stride=2, output_padding=1, transposed=True),
        *[Step(channels, residual=True)] * same,
    ]


def chain(section: str, steps: list[Step], reads: tuple[str, ...], channels: int, normed: bool = True) -> list[Layer]:
    """Return layers `section`.0, .1 ... that read one another; the first reads `reads`, of `channels` in all."""
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


def chains(
    section: str, blocks: list[list[Step]], reads: tuple[str, ...], channels: int, normed: bool = True
) -> list[list[Layer]]:
    """Return one chain a block, `section`.0, .1 ..., each of which reads the one before."""
    made: list[list[Layer]] = []
    for index, steps in enumerate(blocks):
        made.append(chain(f"{section}.{index}", steps, reads, channels, normed))
        reads, channels = (made[-1][-1].name,), made[-1][-1].channels_out
    return made
