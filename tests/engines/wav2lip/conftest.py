"""The seeded weights of the networks' tests are drawn with here."""

from __future__ import annotations

from tests.networks.conftest import (
    expert_state,
    generator_checkpoint,
    generator_safetensors,
    generator_state,
    states,
)

__all__ = ["expert_state", "generator_checkpoint", "generator_safetensors", "generator_state", "states"]
