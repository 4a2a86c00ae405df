"""mouthpiece: give it a face and speech; it returns a video of that face saying that speech.

    import mouthpiece
    result = mouthpiece.sync("face.jpg", "speech.wav", "out.mp4")

Importing is quick: what is heavy loads at the first call.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mouthpiece import errors

if TYPE_CHECKING:
    from mouthpiece.engines.base import CropOptions, NetworkOptions, Precision, Runtime
    from mouthpiece.live import LiveFrame, LiveOptions, LiveSession, LiveStats, open_live
    from mouthpiece.pipeline import Fit, FrameTransform, ProbeReport, Quality, SyncOptions, SyncResult, probe, sync
    from mouthpiece.types import FaceStretch, Phone, Progress, Waveform
    from mouthpiece.viseme_tracks import VisemeOptions, VisemeTrack, visemes

__version__ = "0.1.0"

# OpenVINO (and NNCF) would tell Google Analytics of each time they are imported; where this package of theirs counts as
# missing, they do without. A program that imported it before keeps it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

_ROOMS = {
    "viseme_tracks": ("VisemeOptions", "VisemeTrack", "visemes"),
    "engines.base": ("CropOptions", "NetworkOptions", "Precision", "Runtime"),
    "live": ("LiveFrame", "LiveOptions", "LiveSession", "LiveStats", "open_live"),
    "pipeline": ("Fit", "FrameTransform", "ProbeReport", "Quality", "SyncOptions", "SyncResult", "probe", "sync"),
    "types": ("FaceStretch", "Phone", "Progress", "Waveform"),
}
"""Module -> the public names that come from it."""

__all__ = [
    "CropOptions",
    "FaceStretch",
    "Fit",
    "FrameTransform",
    "LiveFrame",
    "LiveOptions",
    "LiveSession",
    "LiveStats",
    "NetworkOptions",
    "Phone",
    "Precision",
    "ProbeReport",
    "Progress",
    "Quality",
    "Runtime",
    "SyncOptions",
    "SyncResult",
    "VisemeOptions",
    "VisemeTrack",
    "Waveform",
    "__version__",
    "errors",
    "open_live",
    "probe",
    "sync",
    "visemes",
]


def __getattr__(name: str) -> object:
    """Load a module when something of it is first asked for."""
    for module, names in _ROOMS.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"mouthpiece.{module}"), name)
    raise AttributeError(f"module 'mouthpiece' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
