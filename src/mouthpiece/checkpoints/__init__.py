"""Published weights: the catalogue, the cache, fetching, and safe reading of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mouthpiece.checkpoints.cache import cache_dir, sha256_of
    from mouthpiece.checkpoints.catalogue import Checkpoint, checkpoint_named, known_checkpoints
    from mouthpiece.checkpoints.store import cached_path, find_checkpoint

__all__ = [
    "Checkpoint",
    "cache_dir",
    "cached_path",
    "checkpoint_named",
    "find_checkpoint",
    "known_checkpoints",
    "sha256_of",
]

_MODULES = {
    "cache": ("cache_dir", "sha256_of"),
    "catalogue": ("Checkpoint", "checkpoint_named", "known_checkpoints"),
    "store": ("cached_path", "find_checkpoint"),
}


def __getattr__(name: str) -> object:
    """Load a module when something of it is first asked for."""
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"mouthpiece.checkpoints.{module}"), name)
    raise AttributeError(f"module 'mouthpiece.checkpoints' has no attribute {name!r}")
