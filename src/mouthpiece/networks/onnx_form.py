"""Networks as ONNX files, written straight from a checkpoint's arrays; needs the extra `onnx`, not PyTorch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mouthpiece.errors import MissingExtraError
from mouthpiece.networks.architecture import Activation, Architecture, Layer, StateDict
from mouthpiece.networks.openvino_form import fold_batch_norm
from mouthpiece.networks.state_dict import check_state

if TYPE_CHECKING:
    import onnx

OPSET = 17
"""Version of ONNX's operators: read by every runtime since 2022."""
IR_VERSION = 8
"""Version of the file format that came with it."""
BATCH = "batch"
_OPERATORS = {Activation.RELU: "Relu", Activation.SIGMOID: "Sigmoid"}


def require_onnx() -> None:
    """Check that ONNX's own library is installed.

    Raises:
        MissingExtraError: it isn't.
    """
    if find_spec("onnx") is None:
        raise MissingExtraError("writing an ONNX model", "onnx")


def write_onnx(architecture: Architecture, state: StateDict, path: Path) -> None:
    """Write a network of convolutions with ReLU or sigmoid and one output, batch norm folded in.

    Raises:
        MissingExtraError: ONNX's library isn't installed.
        WeightsError: the state dict is not this network's.
    """
    require_onnx()
    import onnx

    check_state(state, architecture)
    onnx.save(_model(architecture, state), str(path))


def _model(architecture: Architecture, state: StateDict) -> onnx.ModelProto:
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants = [], []
    for layer in architecture.layers:
        arrays = fold_batch_norm(layer, state)
        constants += [
            numpy_helper.from_array(arrays.weight, f"{layer.name}.weight"),
            numpy_helper.from_array(arrays.bias, f"{layer.name}.bias"),
        ]
        nodes += _nodes(layer)
    [output] = architecture.outputs
    nodes.append(helper.make_node("Identity", [output.reads], [output.name]))

    def value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])

    graph = helper.make_graph(
        nodes,
        architecture.name.removeprefix("the ").replace(" ", "-"),
        [value(name, shape) for name, shape in architecture.inputs.items()],
        [value(output.name, output.shape)],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mouthpiece", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return model


def store_weights_in_f16(path: Path) -> None:
    """Rewrite an ONNX file with its weights in f16, half as large; runtimes still compute in f32."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    casts = []
    for constant in model.graph.initializer:
        if constant.data_type == TensorProto.FLOAT and len(constant.dims) > 1:
            name = constant.name
            half = numpy_helper.to_array(constant).astype(np.float16)
            constant.CopyFrom(numpy_helper.from_array(half, f"{name}.f16"))
            casts.append(helper.make_node("Cast", [f"{name}.f16"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _nodes(layer: Layer) -> list[onnx.NodeProto]:
    """Build the operators of one layer; the last one's result carries its name."""
    from onnx import helper

    nodes = []
    entering = layer.reads[0]
    if len(layer.reads) > 1:
        entering = f"{layer.name}.read"
        nodes.append(helper.make_node("Concat", list(layer.reads), [entering], axis=1))
    shape: dict[str, Any] = {
        "kernel_shape": [layer.kernel] * 2,
        "strides": list(layer.stride),
        "pads": [layer.padding] * 4,
    }
    if layer.transposed:
        shape["output_padding"] = [layer.output_padding] * 2
    convolved = f"{layer.name}.convolved"
    nodes.append(
        helper.make_node(
            "ConvTranspose" if layer.transposed else "Conv",
            [entering, f"{layer.name}.weight", f"{layer.name}.bias"],
            [convolved],
            **shape,
        )
    )
    if layer.residual:
        nodes.append(helper.make_node("Add", [convolved, entering], [f"{layer.name}.added"]))
        convolved = f"{layer.name}.added"
    nodes.append(helper.make_node(_OPERATORS[layer.activation], [convolved], [layer.name]))
    return nodes
