"""The mesh engine: person -> alignment -> warp and lip blending -> mouth interior; `engine` shows them in order."""

from mouthpiece.engines.mesh.engine import MeshEngine

__all__ = ["MeshEngine"]
