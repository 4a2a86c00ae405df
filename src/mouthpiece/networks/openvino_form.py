"""Networks as OpenVINO models, built straight from a checkpoint's arrays, without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mouthpiece.errors import WeightsError
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
from mouthpiece.types import FloatArray, as_float

if TYPE_CHECKING:
    import openvino


@dataclass(frozen=True, slots=True)
class FoldedConvolution:
    """A layer's convolution and batch norm as one convolution."""

    weight: FloatArray
    """As in the state dict: (channels_out, channels_in, kernel, kernel), the first two swapped where transposed."""
    bias: FloatArray
    """(channels_out,)."""


@dataclass(frozen=True, slots=True)
class LayerQuantisation:
    """The ranges of a layer's convolution in 8 bits."""

    entering: float
    """Its input is clipped to 0 ... entering, in 255 steps."""
    weight: FloatArray
    """The greatest absolute weight of each output channel, shaped to go with the weights; 127 steps to either side."""


def openvino_model(architecture: Architecture, state: StateDict) -> openvino.Model:
    """Build the network with the weights of a state dict, batch norm folded into the convolutions.

    Returns:
        A model whose inputs and outputs carry the architecture's names, float32, the first dimension (the batch) open.

    Raises:
        WeightsError: the state dict is not this network's.
    """
    return folded_openvino_model(architecture, fold_layers(architecture, state))


def folded_openvino_model(
    architecture: Architecture,
    arrays: Mapping[str, FoldedConvolution],
    quantisations: Mapping[str, LayerQuantisation] | None = None,
    *,
    expose: bool = False,
) -> openvino.Model:
    """Build the model as `openvino_model` does, of layers that are folded already.

    Args:
        architecture: the network.
        arrays: by the layers' names.
        quantisations: the layers that are computed in 8 bits; the others, and all sums, are not.
        expose: whether the results of all layers follow the outputs, in the layers' order.
    """
    import openvino
    from openvino import opset13 as op

    inputs = {name: op.parameter([-1, *shape], np.float32, name=name) for name, shape in architecture.inputs.items()}
    values: dict[str, Any] = dict(inputs)
    for layer in architecture.layers:
        read = [values[name] for name in layer.reads]
        values[layer.name] = _layer(layer, arrays[layer.name], read, (quantisations or {}).get(layer.name))
    results = [
        op.result(_transformed(values[output.reads], output.transform), name=output.name)
        for output in architecture.outputs
    ]
    for name, end in (*inputs.items(), *zip((output.name for output in architecture.outputs), results, strict=True)):
        end.output(0).get_tensor().set_names({name})
    if expose:
        results += [op.result(values[layer.name]) for layer in architecture.layers]
    return openvino.Model(results, list(inputs.values()), architecture.name.removeprefix("the "))


def fold_layers(architecture: Architecture, state: StateDict) -> dict[str, FoldedConvolution]:
    """Fold every layer of a state dict, by name.

    Raises:
        WeightsError: the state dict is not this network's.
    """
    check_state(state, architecture)
    return {layer.name: fold_batch_norm(layer, state) for layer in architecture.layers}


def fold_batch_norm(layer: Layer, state: StateDict) -> FoldedConvolution:
    """Fold one layer of a state dict; float32, computed in float64.

    Raises:
        WeightsError: float32 can't hold it.
    """
    weight, bias = (state[f"{layer.conv}.{part}"].astype(np.float64) for part in ("weight", "bias"))
    if layer.normed:
        gain, shift, mean, variance = (
            state[f"{layer.norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + BATCH_NORM_EPS)
        weight = weight * (scale[:, None, None] if layer.transposed else scale[:, None, None, None])
        bias = (bias - mean) * scale + shift
    if max(np.abs(weight).max(), np.abs(bias).max()) > np.finfo(np.float32).max:
        raise WeightsError(f"expected weights that float32 can hold, got larger ones in {layer.name}; fetch them again")
    return FoldedConvolution(as_float(weight), as_float(bias))


def _layer(layer: Layer, arrays: FoldedConvolution, read: list[Any], quantisation: LayerQuantisation | None) -> Any:
    """Build the nodes of one layer; the last carries its name."""
    from openvino import opset13 as op

    weight = op.constant(arrays.weight)
    entering = _concatenated(read)
    if quantisation is None:
        multiplied = entering
    else:
        # Each of several maps by itself, and by the same steps: so they are put together in 8 bits.
        multiplied = _concatenated([_quantised(map_, np.float32(0), quantisation.entering, 256) for map_ in read])
        weight = _quantised(weight, -quantisation.weight, quantisation.weight, 255)
    padding, even = [layer.padding] * 2, [1, 1]
    if layer.transposed:
        value = op.convolution_backprop_data(
            multiplied,
            weight,
            strides=list(layer.stride),
            pads_begin=padding,
            pads_end=padding,
            dilations=even,
            output_padding=[layer.output_padding] * 2,
        )
    else:
        value = op.convolution(multiplied, weight, list(layer.stride), padding, padding, even)
    value = op.add(value, op.constant(arrays.bias.reshape(1, -1, 1, 1)))
    if layer.residual:
        value = op.add(value, entering)
    value = _activated(value, layer.activation)
    value.set_friendly_name(layer.name)
    return value


def _concatenated(maps: list[Any]) -> Any:
    """Concatenate maps along their channels."""
    from openvino import opset13 as op

    return maps[0] if len(maps) == 1 else op.concat(maps, 1)


def _quantised(value: Any, low: Any, high: Any, levels: int) -> Any:
    """Clip a value and bring it to so many levels, so that OpenVINO multiplies in 8 bits."""
    from openvino import opset13 as op

    ends = [op.constant(np.asarray(end, dtype=np.float32)) for end in (low, high)]
    return op.fake_quantize(value, *ends, *ends, levels)


def _activated(value: Any, activation: Activation) -> Any:
    """Apply the activation function."""
    from openvino import opset13 as op

    match activation:
        case Activation.RELU:
            return op.relu(value)
        case Activation.LEAKY_RELU:
            return op.prelu(value, op.constant(np.array([LEAK], dtype=np.float32)))
        case Activation.SIGMOID:
            return op.sigmoid(value)


def _transformed(value: Any, transform: OutputTransform) -> Any:
    """Make the network's output of a layer's result."""
    from openvino import opset13 as op

    if transform is OutputTransform.AS_IS:
        return value
    flat = op.squeeze(value, op.constant(np.array([2, 3])))
    if transform is OutputTransform.FLAT:
        return flat
    length = op.reduce_l2(flat, op.constant(np.array([1])), keep_dims=True)
    return op.divide(flat, op.maximum(length, op.constant(np.array([[NORM_FLOOR]], dtype=np.float32))))
