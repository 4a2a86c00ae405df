"""Checkpoints to test with: seeded random weights that behave, in files laid out as the published ones are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mouthpiece.networks.architecture import Activation, Architecture, Layer

StateDict = Mapping[str, NDArray[Any]]


def seeded_state(architecture: Architecture, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Random weights of a network, the same on every machine and with every version of PyTorch.

    Kernels are small enough, and batch norm's statistics near enough to the truth, for signals to keep their size
    through all layers, so that the outputs follow the inputs. float32, but for the counters, which are int64.
    """
    random = np.random.default_rng(seed)
    state: dict[str, NDArray[Any]] = {}
    for layer in architecture.layers:
        for name, shape in layer.entries.items():
            state[name] = _entry(random, layer, name.removeprefix(f"{layer.name}."), shape)
    return state


def seeded_inputs(architecture: Architecture, batch: int, seed: int = 2) -> dict[str, NDArray[np.float32]]:
    """Noise in the range of a network's inputs: mel windows in +-4, faces in 0-1; a batch of each."""
    random = np.random.default_rng(seed)
    return {
        name: random.uniform(*((-4, 4) if name == "mel" else (0, 1)), (batch, *shape)).astype(np.float32)
        for name, shape in architecture.inputs.items()
    }


def _entry(random: np.random.Generator, layer: Layer, part: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """One array of a layer."""
    if part.endswith("num_batches_tracked"):
        return np.array(1000, dtype=np.int64)
    if part.endswith("running_var"):
        return random.uniform(0.8, 1.25, shape).astype(np.float32)
    if len(shape) == 4:
        heard = layer.channels_in * layer.kernel**2 / (layer.stride[0] * layer.stride[1] if layer.transposed else 1)
        gain = 0.3 if layer.residual else 2.5 if layer.activation is Activation.SIGMOID else 1.4
        return random.standard_normal(shape, dtype=np.float32) * np.float32(gain / np.sqrt(heard))
    middle = 1.0 if part == "conv_block.1.weight" else 0.0
    return random.normal(middle, 0.05, shape).astype(np.float32)


def write_checkpoint(
    path: Path,
    state: StateDict,
    *,
    wrapped: bool = True,
    prefix: str = "module.",
    optimiser: bool = False,
    legacy: bool = False,
) -> Path:
    """Save a state dict with torch.save as the published training scripts do. Needs PyTorch.

    Args:
        path: where; returned.
        state: what.
        wrapped: whether it stands under "state_dict", beside steps and optimiser; else it is all there is.
        prefix: put before each name, as training on several GPUs leaves it.
        optimiser: whether Adam's two moments of each parameter are there too, as in the published files.
        legacy: whether to write the format that PyTorch wrote before 1.6.
    """
    import torch

    tensors = {f"{prefix}{name}": torch.from_numpy(np.array(array)) for name, array in state.items()}
    saved: dict[str, Any] = tensors
    if wrapped:
        saved = {
            "state_dict": tensors,
            "optimizer": _adam(list(tensors.values())) if optimiser else None,
            "global_step": 255000,
            "global_epoch": 24,
        }
    torch.save(saved, path, _use_new_zipfile_serialization=not legacy)
    return path


def _adam(tensors: list[Any]) -> dict[str, Any]:
    """What torch.optim.Adam saves after some steps."""
    import torch

    moments = {
        index: {"step": 255000, "exp_avg": torch.zeros_like(tensor), "exp_avg_sq": torch.ones_like(tensor)}
        for index, tensor in enumerate(tensors)
    }
    group = {"lr": 1e-4, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False}
    return {"state": moments, "param_groups": [{**group, "params": list(moments)}]}


def write_safetensors(path: Path, state: StateDict) -> Path:
    """Save a state dict as a bare safetensors file; no PyTorch needed."""
    from safetensors.numpy import save_file

    save_file({name: np.array(array) for name, array in state.items()}, path)
    return path
