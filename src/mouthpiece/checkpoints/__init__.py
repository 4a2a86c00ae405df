"""Published weights: which there are, where they are kept, how they get there, and how they are read safely."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mouthpiece.checkpoints.cache import cache_dir, find_checkpoint, sha256_of
    from mouthpiece.checkpoints.catalogue import CATALOGUE, Checkpoint, licence_line

__all__ = ["CATALOGUE", "Checkpoint", "cache_dir", "find_checkpoint", "licence_line", "sha256_of"]

_MODULES = {
    "cache": ("cache_dir", "find_checkpoint", "sha256_of"),
    "catalogue": ("CATALOGUE", "Checkpoint", "licence_line"),
}


def __getattr__(name: str) -> object:
    """Load a module when something of it is first asked for."""
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"mouthpiece.checkpoints.{module}"), name)
    raise AttributeError(f"module 'mouthpiece.checkpoints' has no attribute {name!r}")
