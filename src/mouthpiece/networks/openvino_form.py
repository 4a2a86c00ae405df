"""The published networks as OpenVINO models, built straight from a checkpoint's arrays: nothing here needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import WeightsError
from mouthpiece.networks.layers import (
    BATCH_NORM_EPS,
    LEAK,
    NORM_FLOOR,
    Activation,
    Architecture,
    Ending,
    Layer,
    check_state,
)
from mouthpiece.types import FloatArray, as_float

if TYPE_CHECKING:
    import openvino

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Folded:
    """A layer's convolution and batch norm as one convolution."""

    weight: FloatArray
    """As in the state dict: (channels_out, channels_in, kernel, kernel), the first two swapped where transposed."""
    bias: FloatArray
    """(channels_out,)."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """How a layer's convolution is brought to 8 bits."""

    entering: float
    """What it reads is clipped to 0 ... entering, in 255 steps."""
    weight: FloatArray
    """The greatest absolute weight of each output channel, shaped to go with the weights; 127 steps to either side."""


def openvino_model(architecture: Architecture, state: State) -> openvino.Model:
    """The network with the weights of a state dict, batch norm folded into the convolutions.

    Returns:
        A model whose inputs and outputs carry the architecture's names, float32, the first dimension (the batch) open.

    Raises:
        WeightsError: the state dict is not this network's.
    """
    return folded_model(architecture, all_folded(architecture, state))


def folded_model(
    architecture: Architecture,
    arrays: Mapping[str, Folded],
    roundings: Mapping[str, Rounding] | None = None,
    *,
    shown: bool = False,
) -> openvino.Model:
    """As `openvino_model`, of layers that are folded already.

    Args:
        architecture: the network.
        arrays: by the layers' names.
        roundings: the layers that are computed in 8 bits; the others, and all sums, are not.
        shown: whether what every layer gives follows the outputs, in the layers' order.
    """
    import openvino
    from openvino import opset13 as op

    inputs = {name: op.parameter([-1, *shape], np.float32, name=name) for name, shape in architecture.inputs.items()}
    values: dict[str, Any] = dict(inputs)
    for layer in architecture.layers:
        read = [values[name] for name in layer.reads]
        values[layer.name] = _layer(layer, arrays[layer.name], read, (roundings or {}).get(layer.name))
    results = [
        op.result(_ended(values[output.reads], output.ending), name=output.name) for output in architecture.outputs
    ]
    for name, end in (*inputs.items(), *zip((output.name for output in architecture.outputs), results, strict=True)):
        end.output(0).get_tensor().set_names({name})
    if shown:
        results += [op.result(values[layer.name]) for layer in architecture.layers]
    return openvino.Model(results, list(inputs.values()), architecture.name.removeprefix("the "))


def all_folded(architecture: Architecture, state: State) -> dict[str, Folded]:
    """Every layer of a state dict, by its name.

    Raises:
        WeightsError: the state dict is not this network's.
    """
    check_state(state, architecture)
    return {layer.name: folded(layer, state) for layer in architecture.layers}


def folded(layer: Layer, state: State) -> Folded:
    """One layer of a state dict; float32, reckoned in float64.

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
    return Folded(as_float(weight), as_float(bias))


def _layer(layer: Layer, arrays: Folded, read: list[Any], rounding: Rounding | None) -> Any:
    """The nodes of one layer; the last carries its name."""
    from openvino import opset13 as op

    weight = op.constant(arrays.weight)
    entering = _side_by_side(read)
    if rounding is None:
        multiplied = entering
    else:
        # Each of several maps by itself, and by the same steps: so they are put together in 8 bits.
        multiplied = _side_by_side([_rounded(map_, np.float32(0), rounding.entering, 256) for map_ in read])
        weight = _rounded(weight, -rounding.weight, rounding.weight, 255)
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


def _side_by_side(maps: list[Any]) -> Any:
    """Maps put together along their channels."""
    from openvino import opset13 as op

    return maps[0] if len(maps) == 1 else op.concat(maps, 1)


def _rounded(value: Any, low: Any, high: Any, levels: int) -> Any:
    """A value clipped and brought to so many levels; OpenVINO then multiplies in 8 bits."""
    from openvino import opset13 as op

    ends = [op.constant(np.asarray(end, dtype=np.float32)) for end in (low, high)]
    return op.fake_quantize(value, *ends, *ends, levels)


def _activated(value: Any, activation: Activation) -> Any:
    """What follows the convolution."""
    from openvino import opset13 as op

    match activation:
        case Activation.RELU:
            return op.relu(value)
        case Activation.LEAKY_RELU:
            return op.prelu(value, op.constant(np.array([LEAK], dtype=np.float32)))
        case Activation.SIGMOID:
            return op.sigmoid(value)


def _ended(value: Any, ending: Ending) -> Any:
    """The layer's result as the network's output."""
    from openvino import opset13 as op

    if ending is Ending.AS_IS:
        return value
    flat = op.squeeze(value, op.constant(np.array([2, 3])))
    if ending is Ending.FLAT:
        return flat
    length = op.reduce_l2(flat, op.constant(np.array([1])), keep_dims=True)
    return op.divide(flat, op.maximum(length, op.constant(np.array([[NORM_FLOOR]], dtype=np.float32))))
