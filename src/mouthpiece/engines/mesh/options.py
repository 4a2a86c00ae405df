"""What may be chosen about the mesh engine alone. Needs no NumPy: command lines are made from these fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mouthpiece.option_fields import option


@dataclass(frozen=True, slots=True)
class MeshOptions:
    """What may be chosen about the mesh engine beside what all engines take."""

    weights: Path | None = option(None, kind=Path, help="A motion network, its basis beside it; else the packaged one.")
    """A motion network as `mouthpiece train motion` makes it, its basis beside it; None: the packaged one."""
