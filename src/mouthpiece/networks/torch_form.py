"""Networks as PyTorch modules, for training and for the `torch` runtime; needs the extra `torch`.

Importing this module imports PyTorch.
"""

from __future__ import annotations

import numpy as np

from mouthpiece.errors import MissingExtraError
from mouthpiece.networks.architecture import (
    BATCH_NORM_EPS,
    LEAK,
    NORM_FLOOR,
    Activation,
    Architecture,
    Layer,
    OutputTransform,
    StateDict,
)
from mouthpiece.networks.state_dict import check_state

try:
    import torch
    from torch import Tensor, nn
except ModuleNotFoundError as missing:
    raise MissingExtraError("running the published networks on PyTorch", "torch") from missing


class PublishedNetwork(nn.Module):
    """A network of plain layers; its state dict has the published names and shapes.

    Called with the architecture's inputs in their order, (B, ...) float32 each; returns its output, or a tuple of them.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Lay out the modules, with PyTorch's own random weights."""
        super().__init__()
        self.architecture = architecture
        for layer in architecture.layers:
            self._place(layer.conv, _convolution(layer))
            if layer.normed:
                self._place(layer.norm, nn.BatchNorm2d(layer.channels_out, eps=BATCH_NORM_EPS))

    def _place(self, path: str, module: nn.Module) -> None:
        """Add a module at a dotted path, with empty modules above it where they are missing."""
        *way, last = path.split(".")
        holder: nn.Module = self
        for part in way:
            if part not in dict(holder.named_children()):
                holder.add_module(part, nn.Module())
            holder = holder.get_submodule(part)
        holder.add_module(last, module)

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run the layers in their order, each map released after its last read."""
        values = dict(zip(self.architecture.inputs, inputs, strict=True))
        for layer in self.architecture.layers:
            read = [values[name] for name in layer.reads]
            values[layer.name] = self._run(layer, read[0] if len(read) == 1 else torch.cat(read, dim=1))
            for name in self.architecture.last_reads[layer.name]:
                del values[name]
        outputs = tuple(_transformed(values[output.reads], output.transform) for output in self.architecture.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def _run(self, layer: Layer, entering: Tensor) -> Tensor:
        """Run one layer, (B, C, H, W) -> (B, C', H', W')."""
        value: Tensor = self.get_submodule(layer.conv)(entering)
        if layer.normed:
            value = self.get_submodule(layer.norm)(value)
        if layer.residual:
            value = value + entering
        return _activated(value, layer.activation)


def build(architecture: Architecture) -> PublishedNetwork:
    """Build the network with random weights, for training."""
    return PublishedNetwork(architecture)


def load(architecture: Architecture, state: StateDict) -> PublishedNetwork:
    """Build the network with the weights of a state dict (copied), in eval mode.

    Raises:
        WeightsError: the state dict is not this network's.
    """
    check_state(state, architecture)
    with torch.device("meta"):
        network = PublishedNetwork(architecture)
    # The counters of batch norm may be absent; no result depends on them.
    arrays = {name: state.get(name, np.zeros(shape, dtype=np.int64)) for name, shape in architecture.entries.items()}
    network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()}, assign=True)
    return network.eval()


def _convolution(layer: Layer) -> nn.Module:
    """Build the layer's convolution."""
    if layer.transposed:
        return nn.ConvTranspose2d(
            layer.channels_in, layer.channels_out, layer.kernel, layer.stride, layer.padding, layer.output_padding
        )
    return nn.Conv2d(layer.channels_in, layer.channels_out, layer.kernel, layer.stride, layer.padding)


def _activated(value: Tensor, activation: Activation) -> Tensor:
    """Apply the activation function."""
    match activation:
        case Activation.RELU:
            return torch.relu(value)
        case Activation.LEAKY_RELU:
            return nn.functional.leaky_relu(value, LEAK)
        case Activation.SIGMOID:
            return torch.sigmoid(value)


def _transformed(value: Tensor, transform: OutputTransform) -> Tensor:
    """Make the network's output of a layer's result."""
    match transform:
        case OutputTransform.AS_IS:
            return value
        case OutputTransform.FLAT:
            return value.flatten(1)
        case OutputTransform.UNIT_LENGTH:
            return nn.functional.normalize(value.flatten(1), dim=1, eps=NORM_FLOOR)
