"""The published networks as plain data, and the messages about state dicts that are not theirs."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mouthpiece.errors import WeightsError
from mouthpiece.networks.architecture import Architecture
from mouthpiece.networks.state_dict import ARCHITECTURES, check_state, recognise
from mouthpiece.networks.wav2lip import GENERATOR, QUALITY_DISCRIMINATOR, SYNC_EXPERT

Arrays = dict[str, NDArray[Any]]
States = dict[str, Arrays]

PUBLISHED = json.loads(Path(__file__).with_name("published.json").read_text())
"""Counts, names, shapes and outputs as the published code gives them; see test_torch_form.py."""


@pytest.mark.parametrize(
    ("published", "architecture", "count"),
    [
        ("generator", GENERATOR, 36_298_035),
        ("expert", SYNC_EXPERT, 16_435_072),
        ("discriminator", QUALITY_DISCRIMINATOR, 14_113_793),
    ],
)
def test_names_shapes_and_counts_are_the_published_ones(published: str, architecture: Architecture, count: int) -> None:
    frozen = PUBLISHED[published]
    assert {name: list(shape) for name, shape in architecture.entries.items()} == frozen["entries"]
    assert list(architecture.entries) == list(frozen["entries"])
    statistics = ("num_batches_tracked", "running_mean", "running_var")
    trained = [shape for name, shape in architecture.entries.items() if not name.endswith(statistics)]
    assert sum(map(prod, trained)) == frozen["parameters"] == count


def test_the_generator_has_352_entries() -> None:
    assert len(GENERATOR.entries) == 352


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
def test_every_value_is_forgotten_once_and_never_too_early(architecture: Architecture) -> None:
    alive = set(architecture.inputs)
    for layer in architecture.layers:
        assert alive.issuperset(layer.reads)
        alive.add(layer.name)
        alive.difference_update(architecture.last_reads[layer.name])
    assert alive == {output.reads for output in architecture.outputs}


@pytest.fixture
def state(generator_state: Arrays) -> Arrays:
    """The generator's weights in a dictionary of its own; the arrays are everybody's."""
    return dict(generator_state)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
def test_a_network_knows_its_own(architecture: Architecture, states: States) -> None:
    state = states[architecture.name]
    check_state(state, architecture)
    assert recognise(state) is architecture


def test_counters_may_be_absent(state: Arrays) -> None:
    without = {name: array for name, array in state.items() if not name.endswith("num_batches_tracked")}
    check_state(without, GENERATOR)
    assert recognise(without) is GENERATOR


def _complaint(state: Arrays, architecture: Architecture = GENERATOR) -> str:
    with pytest.raises(WeightsError) as caught:
        check_state(state, architecture)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_another_network_is_called_by_its_name(state: Arrays, expert_state: Arrays, states: States) -> None:
    assert (
        _complaint(expert_state) == "expected the Wav2Lip generator (352 entries), got the SyncNet expert (217 entries)"
    )
    assert "got the Wav2Lip generator" in _complaint(state, SYNC_EXPERT)
    assert "got the visual quality discriminator" in _complaint(states[QUALITY_DISCRIMINATOR.name], SYNC_EXPERT)


def test_a_missing_entry_is_named(state: Arrays) -> None:
    del state["audio_encoder.3.conv_block.0.bias"]
    assert "a state dict without audio_encoder.3.conv_block.0.bias" in _complaint(state)


def test_a_wrong_shape_is_named(state: Arrays) -> None:
    state["output_block.1.weight"] = np.zeros((4, 32, 1, 1), dtype=np.float32)
    assert "output_block.1.weight of shape (4, 32, 1, 1) instead of (3, 32, 1, 1)" in _complaint(state)


def test_a_strange_entry_is_named_and_stays_on_one_short_line(state: Arrays) -> None:
    state["extra\n" + "x" * 10_000] = np.zeros(1, dtype=np.float32)
    text = _complaint(state)
    assert "extra" in text
    assert len(text) < 300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("output_block.1.bias", np.nan),
        ("audio_encoder.0.conv_block.0.weight", np.inf),
        ("audio_encoder.0.conv_block.1.running_var", -0.5),
    ],
)
def test_numbers_that_can_not_be_are_named(state: Arrays, name: str, value: float) -> None:
    state[name] = np.full_like(state[name], value)
    assert f"expected finite numbers in {name}" in _complaint(state)


def test_other_types_are_named(state: Arrays) -> None:
    state["output_block.1.bias"] = state["output_block.1.bias"].astype(np.float64)
    assert "expected float32 numbers in output_block.1.bias" in _complaint(state)


def _for_larger_faces(state: Arrays, blocks: int) -> Arrays:
    """A state dict as of the variants for 192, 256, 288 or 384 pixels: more blocks on both sides."""
    more = dict(state)
    for block in range(7, blocks):
        for section in ("face_encoder_blocks", "face_decoder_blocks"):
            more[f"{section}.{block}.0.conv_block.0.weight"] = np.zeros((512, 512, 3, 3), dtype=np.float32)
    return more


@pytest.mark.parametrize("blocks", [8, 9])
def test_variants_for_larger_faces_are_told(state: Arrays, blocks: int) -> None:
    larger = _for_larger_faces(state, blocks)
    assert f"larger faces ({blocks} face encoder blocks instead of 7), which is not supported" in _complaint(larger)
    with pytest.raises(WeightsError, match="larger faces"):
        recognise(larger)


def test_recognise_says_what_is_missing_in_what_comes_near(expert_state: Arrays) -> None:
    damaged = dict(expert_state)
    del damaged["face_encoder.0.conv_block.0.weight"]
    with pytest.raises(WeightsError, match=r"without face_encoder\.0\.conv_block\.0\.weight"):
        recognise(damaged)
    with pytest.raises(WeightsError, match="expected one of the Wav2Lip generator, the SyncNet expert"):
        recognise({"weight": np.zeros(3, dtype=np.float32)})
