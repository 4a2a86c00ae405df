"""The OpenVINO graphs: the same results as PyTorch's, without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.checkpoint_files import seeded_inputs

from mouthpiece.errors import WeightsError
from mouthpiece.inference import core
from mouthpiece.networks.architecture import Architecture
from mouthpiece.networks.openvino_form import fold_batch_norm, openvino_model
from mouthpiece.networks.state_dict import ARCHITECTURES
from mouthpiece.networks.wav2lip import GENERATOR, SYNC_EXPERT

States = dict[str, dict[str, NDArray[Any]]]

TOLERANCE = 1e-5


def _compiled(architecture: Architecture, state: dict[str, NDArray[Any]]) -> Any:
    return core().compile_model(openvino_model(architecture, state), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
def test_outputs_are_pytorchs_at_any_batch(architecture: Architecture, states: States) -> None:
    torch = pytest.importorskip("torch")
    from mouthpiece.networks.torch_form import load

    state = states[architecture.name]
    compiled, network = _compiled(architecture, state), load(architecture, state)
    for batch in (1, 3):
        inputs = seeded_inputs(architecture, batch)
        with torch.inference_mode():
            expected = network(*(torch.from_numpy(array) for array in inputs.values()))
        found = compiled(inputs)
        for output, tensor in zip(
            architecture.outputs, expected if isinstance(expected, tuple) else (expected,), strict=True
        ):
            np.testing.assert_allclose(found[output.name], tensor.numpy(), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
def test_inputs_and_outputs_say_their_names_and_leave_the_batch_open(
    architecture: Architecture, states: States
) -> None:
    model = openvino_model(architecture, states[architecture.name])
    for port, name, shape in (
        *((port, *entry) for port, entry in zip(model.inputs, architecture.inputs.items(), strict=True)),
        *((port, out.name, out.shape) for port, out in zip(model.outputs, architecture.outputs, strict=True)),
    ):
        assert port.get_any_name() == port.get_node().get_friendly_name() == name
        assert port.get_partial_shape().to_string() == f"[?,{','.join(map(str, shape))}]"
        assert port.get_element_type().to_string() in ("f32", "float32")


def test_the_names_survive_a_file(tmp_path: Path, generator_state: dict[str, NDArray[Any]]) -> None:
    import openvino

    openvino.save_model(openvino_model(GENERATOR, generator_state), tmp_path / "wav2lip.xml", compress_to_fp16=False)
    model = core().read_model(tmp_path / "wav2lip.xml")
    assert [port.get_any_name() for port in model.inputs] == ["mel", "face"]
    assert [port.get_any_name() for port in model.outputs] == ["picture"]
    names = {node.get_friendly_name() for node in model.get_ops()}
    assert {"mel", "face", "picture", "face_decoder_blocks.6.2"} <= names


def test_embeddings_of_nothing_are_nothing(states: States) -> None:
    state = {name: np.zeros_like(array) for name, array in states[SYNC_EXPERT.name].items()}
    found = _compiled(SYNC_EXPERT, state)(seeded_inputs(SYNC_EXPERT, 1))
    assert not found["mel_embedding"].any()
    assert not found["face_embedding"].any()


def test_folding_is_the_same_arithmetic(generator_state: dict[str, NDArray[Any]]) -> None:
    layer = next(layer for layer in GENERATOR.layers if layer.transposed)
    arrays = fold_batch_norm(layer, generator_state)
    weight, bias = arrays.weight, arrays.bias
    norm = {part: generator_state[f"{layer.norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
    scale = norm["weight"].astype(float) / np.sqrt(norm["running_var"].astype(float) + 1e-5)
    own_bias = generator_state[f"{layer.conv}.bias"]
    np.testing.assert_allclose(bias, (own_bias - norm["running_mean"].astype(float)) * scale + norm["bias"], rtol=1e-6)
    np.testing.assert_allclose(
        weight[:, 7], generator_state[f"{layer.conv}.weight"][:, 7].astype(float) * scale[7], rtol=1e-6
    )
    assert weight.dtype == bias.dtype == np.float32


def test_weights_that_grow_too_large_are_refused(generator_state: dict[str, NDArray[Any]]) -> None:
    layer = next(layer for layer in GENERATOR.layers if layer.normed)
    large = {
        f"{name}.weight": np.full_like(generator_state[f"{name}.weight"], 1e30) for name in (layer.conv, layer.norm)
    }
    with pytest.raises(WeightsError, match=f"float32 can hold, got larger ones in {layer.name}"):
        openvino_model(GENERATOR, generator_state | large)


def test_another_networks_state_is_refused(expert_state: dict[str, NDArray[Any]]) -> None:
    with pytest.raises(WeightsError, match="got the SyncNet expert"):
        openvino_model(GENERATOR, expert_state)


def test_a_checkpoint_becomes_a_graph_without_pytorch(generator_checkpoint: Path) -> None:
    program = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from mouthpiece.checkpoints.reading import read_state
from mouthpiece.networks.openvino_form import openvino_model
from mouthpiece.networks.wav2lip import GENERATOR
print(len(openvino_model(GENERATOR, read_state(Path(sys.argv[1]))).get_ops()) > 100)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, str(generator_checkpoint)], capture_output=True, text=True, check=False
    )
    assert ran.stdout.strip() == "True", ran.stderr
