"""The mesh engine; see `engine.py` for its parts in order."""

from mouthpiece.engines.mesh.engine import MeshEngine

__all__ = ["MeshEngine"]
