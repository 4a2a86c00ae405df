"""The PyTorch modules: the published names, the published results.

`published.json` was made once by running the published code (repository Rudrabha/Wav2Lip on GitHub, commit
db7bc44a861f560479bbbe1f4782bd2467120c64) with the weights of `seeded_state` and the inputs of `seeded_inputs`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.checkpoint_files import seeded_inputs, write_checkpoint

from mouthpiece.checkpoints.reading import read_state
from mouthpiece.errors import WeightsError
from mouthpiece.networks.architecture import Architecture
from mouthpiece.networks.wav2lip import GENERATOR, QUALITY_DISCRIMINATOR, SYNC_EXPERT

torch = pytest.importorskip("torch")
from mouthpiece.networks import torch_form  # noqa: E402 - it imports PyTorch

States = dict[str, dict[str, NDArray[Any]]]

PUBLISHED = json.loads(Path(__file__).with_name("published.json").read_text())
NETWORKS = [("generator", GENERATOR), ("expert", SYNC_EXPERT), ("discriminator", QUALITY_DISCRIMINATOR)]
SAMPLES = 64
"""Values kept of each output, evenly spread."""


def _outputs(network: Any, architecture: Architecture, batch: int = 2) -> list[NDArray[np.float32]]:
    inputs = seeded_inputs(architecture, batch)
    with torch.inference_mode():
        found = network(*(torch.from_numpy(array) for array in inputs.values()))
    return [output.numpy() for output in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize(("published", "architecture"), NETWORKS, ids=[name for name, _ in NETWORKS])
def test_names_shapes_and_counts(published: str, architecture: Architecture) -> None:
    network = torch_form.build(architecture)
    state = network.state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == PUBLISHED[published]["entries"]
    assert list(state) == list(PUBLISHED[published]["entries"])
    assert sum(parameter.numel() for parameter in network.parameters()) == PUBLISHED[published]["parameters"]
    assert network.training


@pytest.mark.parametrize(("published", "architecture"), NETWORKS, ids=[name for name, _ in NETWORKS])
def test_outputs_are_those_of_the_published_code(published: str, architecture: Architecture, states: States) -> None:
    network = torch_form.load(architecture, states[architecture.name])
    assert not network.training
    for output, found in zip(architecture.outputs, _outputs(network, architecture), strict=True):
        assert found.shape == (2, *output.shape)
        flat = found.ravel()
        sampled = flat[np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int)]
        np.testing.assert_allclose(sampled, PUBLISHED[published]["outputs"][output.name], atol=1e-5)


def test_the_published_layout_loads(tmp_path: Path, expert_state: dict[str, NDArray[Any]]) -> None:
    path = write_checkpoint(tmp_path / "lipsync_expert.pth", expert_state, optimiser=True)
    network = torch_form.load(SYNC_EXPERT, read_state(path))
    for name, tensor in network.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), expert_state[name])


def test_counters_may_be_absent_and_the_state_is_copied(expert_state: dict[str, NDArray[Any]]) -> None:
    state = {name: array for name, array in expert_state.items() if not name.endswith("num_batches_tracked")}
    network = torch_form.load(SYNC_EXPERT, state)
    before = state["audio_encoder.0.conv_block.0.bias"].copy()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(state["audio_encoder.0.conv_block.0.bias"], before)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_embeddings_have_length_one_and_none_is_no_trouble(states: States) -> None:
    state = states[SYNC_EXPERT.name]
    for found in _outputs(torch_form.load(SYNC_EXPERT, state), SYNC_EXPERT):
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    silent = {name: np.zeros_like(array) for name, array in state.items()}
    for found in _outputs(torch_form.load(SYNC_EXPERT, silent), SYNC_EXPERT):
        assert not found.any()


def test_training_reaches_every_parameter() -> None:
    network = torch_form.build(QUALITY_DISCRIMINATOR)
    real = network(torch.from_numpy(seeded_inputs(QUALITY_DISCRIMINATOR, 1)["face"]))
    real.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_another_networks_state_is_refused(expert_state: dict[str, NDArray[Any]]) -> None:
    with pytest.raises(WeightsError, match="got the SyncNet expert"):
        torch_form.load(GENERATOR, expert_state)
