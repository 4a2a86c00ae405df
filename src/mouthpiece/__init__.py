"""mouthpiece: give it a face and speech; it returns a video of that face saying that speech.

    import mouthpiece
    result = mouthpiece.sync("face.jpg", "speech.wav", "out.mp4")

Importing is quick: what is heavy loads at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mouthpiece import errors

if TYPE_CHECKING:
    from mouthpiece.animation import VisemeOptions, VisemeTrack, visemes
    from mouthpiece.pipeline import Fit, ProbeReport, Quality, SyncOptions, SyncResult, probe, sync
    from mouthpiece.types import FaceStretch, Phone, Progress, Waveform

__version__ = "0.1.0"

_FROM_PIPELINE = ("Fit", "ProbeReport", "Quality", "SyncOptions", "SyncResult", "probe", "sync")
_FROM_ANIMATION = ("VisemeOptions", "VisemeTrack", "visemes")
_FROM_TYPES = ("FaceStretch", "Phone", "Progress", "Waveform")

__all__ = [
    "FaceStretch",
    "Fit",
    "Phone",
    "ProbeReport",
    "Progress",
    "Quality",
    "SyncOptions",
    "SyncResult",
    "VisemeOptions",
    "VisemeTrack",
    "Waveform",
    "__version__",
    "errors",
    "probe",
    "sync",
    "visemes",
]


def __getattr__(name: str) -> object:
    """Load the pipeline when something of it is first asked for."""
    if name in _FROM_PIPELINE:
        from mouthpiece import pipeline

        return getattr(pipeline, name)
    if name in _FROM_ANIMATION:
        from mouthpiece import animation

        return getattr(animation, name)
    if name in _FROM_TYPES:
        from mouthpiece import types

        return getattr(types, name)
    raise AttributeError(f"module 'mouthpiece' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
