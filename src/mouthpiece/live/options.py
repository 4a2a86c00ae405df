"""Options of a live session."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite

from mouthpiece.engines.base import CropOptions, NetworkOptions
from mouthpiece.errors import OptionError
from mouthpiece.pipeline import SyncOptions

LEAST_SIDE = 64
"""Pixels of the shorter side that no step down goes below."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Options of a live session. The defaults suit most."""

    engine: str = "mesh"
    """Name of the engine; `mouthpiece engines` lists them."""
    device: str = "CPU"
    """OpenVINO device that runs the networks."""
    face: str = "largest"
    """Which of several faces: largest, left, right, or a number from 1 counted from the left."""
    intensity: float = 1.0
    """How far the mouth moves; 1 is lively."""
    rest: float | None = None
    """How far apart the lips rest where nobody speaks, 0 (closed) to 1; None: closed."""
    fps: float = 25.0
    """Frames a second while the machine keeps up."""
    most_side: int | None = None
    """Pixels of the longer side of the pictures drawn; None: as many as the face's picture has."""
    network: NetworkOptions = field(default_factory=NetworkOptions)
    """Weights, runtime and precision, for engines that have a choice."""
    crop: CropOptions = field(default_factory=CropOptions)
    """How the face is cut out, by engines that draw a crop of it."""

    def __post_init__(self) -> None:
        """Check what can be checked without looking at the face.

        Raises:
            OptionError: a value makes no sense.
        """
        if not isfinite(self.fps):
            raise OptionError(f"fps expects a number of frames a second, got {self.fps}")
        if self.most_side is not None and self.most_side < LEAST_SIDE:
            raise OptionError(f"most_side expects at least {LEAST_SIDE} pixels, got {self.most_side}")
        self.as_sync()

    def as_sync(self) -> SyncOptions:
        """Return the same choices for a video.

        Raises:
            OptionError: a value makes no sense.
        """
        return SyncOptions(
            engine=self.engine,
            device=self.device,
            face=self.face,
            fps=Fraction(self.fps).limit_denominator(1001),
            intensity=self.intensity,
            rest=self.rest,
            network=self.network,
            crop=self.crop,
        )
