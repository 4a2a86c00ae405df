"""The published networks as OpenVINO models, built straight from a checkpoint's arrays: nothing here needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.wav2lip.layers import (
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


def openvino_model(architecture: Architecture, state: State) -> openvino.Model:
    """The network with the weights of a state dict, batch norm folded into the convolutions.

    Returns:
        A model whose inputs and outputs carry the architecture's names, float32, the first dimension (the batch) open.

    Raises:
        WeightsError: the state dict is not this network's.
    """
    import openvino
    from openvino import opset13 as op

    check_state(state, architecture)
    inputs = {name: op.parameter([-1, *shape], np.float32, name=name) for name, shape in architecture.inputs.items()}
    values: dict[str, Any] = dict(inputs)
    for layer in architecture.layers:
        read = [values[name] for name in layer.reads]
        entering = read[0] if len(read) == 1 else op.concat(read, 1)
        values[layer.name] = _layer(layer, state, entering)
    results = [
        op.result(_ended(values[output.reads], output.ending), name=output.name) for output in architecture.outputs
    ]
    for name, end in (*inputs.items(), *zip((output.name for output in architecture.outputs), results, strict=True)):
        end.output(0).get_tensor().set_names({name})
    return openvino.Model(results, list(inputs.values()), architecture.name.removeprefix("the "))


def folded(layer: Layer, state: State) -> tuple[FloatArray, FloatArray]:
    """The layer's convolution and batch norm as one convolution.

    Returns:
        Weights, shaped as in the state dict, and bias (channels_out,), both float32 (reckoned in float64).
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
    return as_float(weight), as_float(bias)


def _layer(layer: Layer, state: State, entering: Any) -> Any:
    """The nodes of one layer; the last carries its name."""
    from openvino import opset13 as op

    weight, bias = folded(layer, state)
    padding, even = [layer.padding] * 2, [1, 1]
    if layer.transposed:
        value = op.convolution_backprop_data(
            entering,
            op.constant(weight),
            strides=list(layer.stride),
            pads_begin=padding,
            pads_end=padding,
            dilations=even,
            output_padding=[layer.output_padding] * 2,
        )
    else:
        value = op.convolution(entering, op.constant(weight), list(layer.stride), padding, padding, even)
    value = op.add(value, op.constant(bias.reshape(1, -1, 1, 1)))
    if layer.residual:
        value = op.add(value, entering)
    value = _activated(value, layer.activation)
    value.set_friendly_name(layer.name)
    return value


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
