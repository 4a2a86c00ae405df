"""Checks of state dicts against the known architectures.

A new network is data in a module of its own, and a line in `ARCHITECTURES`.
"""

from __future__ import annotations

import numpy as np

from mouthpiece.checkpoints.pickled import printable
from mouthpiece.errors import WeightsError
from mouthpiece.networks.architecture import Architecture, StateDict
from mouthpiece.networks.wav2lip import WAV2LIP_NETWORKS

ARCHITECTURES: tuple[Architecture, ...] = WAV2LIP_NETWORKS
"""The networks that `recognise` tries."""


def check_state(state: StateDict, architecture: Architecture) -> None:
    """Check that a state dict is this network's: every entry there, in its shape, nothing else, and all of it numbers.

    The counters of batch norm make no difference and may be absent.

    Raises:
        WeightsError: it is another network's, or something is wrong with an entry.
    """
    if _mismatch(state, architecture) is not None:
        expected = f"{architecture.name} ({len(architecture.entries)} entries)"
        raise WeightsError(f"expected {expected}, got {_description(state, architecture)}")
    for name in architecture.required:
        values = state[name]
        if values.dtype != np.float32:
            raise WeightsError(f"expected float32 numbers in {name} of {architecture.name}, got {values.dtype}")
        if not np.isfinite(values).all() or (name.endswith("running_var") and (values < 0).any()):
            raise WeightsError(f"expected finite numbers in {name} of {architecture.name}, got others; fetch it again")


def recognise(state: StateDict) -> Architecture:
    """Return the network that a state dict is of.

    Raises:
        WeightsError: it is of none of `ARCHITECTURES`, or something is wrong with an entry.
    """
    found = _find(state)
    if found is None:
        known = ", ".join(architecture.name for architecture in ARCHITECTURES)
        raise WeightsError(f"expected one of {known}, got {_description(state, _nearest(state))}")
    check_state(state, found)
    return found


def _mismatch(state: StateDict, architecture: Architecture) -> str | None:
    """Describe the first name or shape that doesn't fit; None where all do."""
    for name, shape in architecture.entries.items():
        if name not in state:
            if name in architecture.required:
                return f"a state dict without {name}"
        elif state[name].shape != shape and name in architecture.required:
            return f"a state dict with {name} of shape {state[name].shape} instead of {shape}"
    strange = next((name for name in state if name not in architecture.entries), None)
    return None if strange is None else f"a state dict with {printable(strange)}, which it doesn't have"


def _find(state: StateDict) -> Architecture | None:
    """Return the network that fits in all names and shapes."""
    return next((known for known in ARCHITECTURES if _mismatch(state, known) is None), None)


def _nearest(state: StateDict) -> Architecture:
    """Return the network that shares most names with a state dict."""
    return max(ARCHITECTURES, key=lambda known: len(known.required & state.keys()) / len(known.required))


def _description(state: StateDict, expected: Architecture) -> str:
    """Describe a state dict that doesn't fit."""
    other = _find(state)
    if other is not None:
        return f"{other.name} ({len(state)} entries)"
    return expected.variant(state.keys()) or str(_mismatch(state, expected))
