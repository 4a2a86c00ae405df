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
    from mouthpiece.checkpoints.catalogue import Checkpoint
    from mouthpiece.engines.base import Engine, EngineJob
    from mouthpiece.live import LiveFrame, LiveSession, LiveStats, open_live
    from mouthpiece.motion_capture import capture
    from mouthpiece.notices import Notice
    from mouthpiece.option_fields import option
    from mouthpiece.options import (
        CaptureOptions,
        EngineOptions,
        Fit,
        FrameTransform,
        LiveOptions,
        Quality,
        SyncOptions,
        VisemeOptions,
    )
    from mouthpiece.pipeline import ProbeReport, SyncResult, probe, sync
    from mouthpiece.types import (
        MEL_RATE,
        SAMPLE_RATE,
        Box,
        EngineInfo,
        Face,
        FaceStretch,
        Frame,
        HeadPose,
        MotionTrack,
        OptionInfo,
        Patch,
        Phone,
        Progress,
        RenderRequest,
        SkipReason,
        SpeechChunk,
        TrackedFrame,
        Waveform,
    )
    from mouthpiece.viseme_tracks import VisemeTrack, visemes

__version__ = "0.1.0"

# OpenVINO (and NNCF) would tell Google Analytics of each time they are imported; where this package of theirs counts as
# missing, they do without. A program that imported it before keeps it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

_ROOMS = {
    "checkpoints.catalogue": ("Checkpoint",),
    "engines.base": ("Engine", "EngineJob"),
    "live": ("LiveFrame", "LiveSession", "LiveStats", "open_live"),
    "motion_capture": ("capture",),
    "notices": ("Notice",),
    "option_fields": ("option",),
    "options": (
        "CaptureOptions",
        "EngineOptions",
        "Fit",
        "FrameTransform",
        "LiveOptions",
        "Quality",
        "SyncOptions",
        "VisemeOptions",
    ),
    "pipeline": ("ProbeReport", "SyncResult", "probe", "sync"),
    "types": (
        "MEL_RATE",
        "SAMPLE_RATE",
        "Box",
        "EngineInfo",
        "Face",
        "FaceStretch",
        "Frame",
        "HeadPose",
        "MotionTrack",
        "OptionInfo",
        "Patch",
        "Phone",
        "Progress",
        "RenderRequest",
        "SkipReason",
        "SpeechChunk",
        "TrackedFrame",
        "Waveform",
    ),
    "viseme_tracks": ("VisemeTrack", "visemes"),
}
"""Module -> the public names that come from it."""

__all__ = [
    "MEL_RATE",
    "SAMPLE_RATE",
    "Box",
    "CaptureOptions",
    "Checkpoint",
    "Engine",
    "EngineInfo",
    "EngineJob",
    "EngineOptions",
    "Face",
    "FaceStretch",
    "Fit",
    "Frame",
    "FrameTransform",
    "HeadPose",
    "LiveFrame",
    "LiveOptions",
    "LiveSession",
    "LiveStats",
    "MotionTrack",
    "Notice",
    "OptionInfo",
    "Patch",
    "Phone",
    "ProbeReport",
    "Progress",
    "Quality",
    "RenderRequest",
    "SkipReason",
    "SpeechChunk",
    "SyncOptions",
    "SyncResult",
    "TrackedFrame",
    "VisemeOptions",
    "VisemeTrack",
    "Waveform",
    "__version__",
    "capture",
    "errors",
    "open_live",
    "option",
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
    """List the public names."""
    return sorted(__all__)
