"""Published weights: the catalogue, the cache, fetching, and safe reading of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mouthpiece.checkpoints.catalogue import Checkpoint, known_checkpoints
    from mouthpiece.checkpoints.store import find_checkpoint

__all__ = ["Checkpoint", "find_checkpoint", "known_checkpoints"]

_MODULES = {"Checkpoint": "catalogue", "find_checkpoint": "store", "known_checkpoints": "catalogue"}


def __getattr__(name: str) -> object:
    """Load a module when something of it is first asked for."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
