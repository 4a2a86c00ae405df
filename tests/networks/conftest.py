"""Seeded random weights of the published networks, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from tests.checkpoint_files import seeded_state, write_checkpoint, write_safetensors

from mouthpiece.networks.wav2lip import GENERATOR, QUALITY_DISCRIMINATOR, SYNC_EXPERT


@pytest.fixture(scope="session")
def generator_state() -> dict[str, NDArray[Any]]:
    """Weights of the generator, by the names of the published state dict. Don't write into them."""
    return seeded_state(GENERATOR)


@pytest.fixture(scope="session")
def expert_state() -> dict[str, NDArray[Any]]:
    """Weights of the SyncNet expert. Don't write into them."""
    return seeded_state(SYNC_EXPERT)


@pytest.fixture(scope="session")
def states(
    generator_state: dict[str, NDArray[Any]], expert_state: dict[str, NDArray[Any]]
) -> dict[str, dict[str, NDArray[Any]]]:
    """Weights of all networks, by the networks' names. Don't write into them."""
    return {
        GENERATOR.name: generator_state,
        SYNC_EXPERT.name: expert_state,
        QUALITY_DISCRIMINATOR.name: seeded_state(QUALITY_DISCRIMINATOR),
    }


@pytest.fixture(scope="session")
def generator_checkpoint(tmp_path_factory: pytest.TempPathFactory, generator_state: dict[str, NDArray[Any]]) -> Path:
    """The generator's weights in a .pth file as it is published, without the optimiser's state. Needs PyTorch."""
    pytest.importorskip("torch")
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "wav2lip.pth", generator_state)


@pytest.fixture(scope="session")
def generator_safetensors(tmp_path_factory: pytest.TempPathFactory, generator_state: dict[str, NDArray[Any]]) -> Path:
    """The generator's weights in a .safetensors file; no PyTorch needed."""
    return write_safetensors(tmp_path_factory.mktemp("checkpoints") / "wav2lip.safetensors", generator_state)
