"""From what was chosen on the page to what the pipeline takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mouthpiece import pipeline
from mouthpiece.apps.studio.formatting import isolated
from mouthpiece.apps.studio.ingest import Face, Speech
from mouthpiece.apps.studio.jobs import Work
from mouthpiece.apps.studio.state import DEFAULT_ENGINE, LoadedNetworks
from mouthpiece.apps.uploads import said_as
from mouthpiece.options import TO_EDGE, EngineOptions, Fit, FrameTransform, Quality, SyncOptions
from mouthpiece.types import ProgressCallback

USUAL_SIDE = 1920
"""Largest side of a video unless the face's own size is asked for, pixels: a phone's photo has twice as many."""
RESTS: dict[str, float | None] = {"as the face": None, "closed": 0.0, "hardly": 0.1, "a little": 0.25, "open": 0.5}
"""How far apart the lips rest between words."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What "More" offers; the defaults suit most."""

    engine: str = DEFAULT_ENGINE
    checkpoint: str | None = None
    """Name of published weights; None: the engine's own choice."""
    intensity: float = 1.0
    rest: float | None = None
    fit: Fit = Fit.PINGPONG
    quality: Quality = Quality.GOOD
    which: str = "largest"
    """Which of several faces."""
    full_size: bool = False
    """Whether large pictures stay as large as they are."""


def sync_options(face: Face, choices: Choices) -> SyncOptions:
    """The pipeline's options for a face.

    Raises:
        OptionError: a value makes no sense.
    """
    return SyncOptions(
        engine=EngineOptions(
            choices.engine,
            intensity=choices.intensity,
            rest=choices.rest,
            own={"checkpoint": choices.checkpoint} if choices.checkpoint else {},
        ),
        fit=choices.fit,
        quality=choices.quality,
        eight_bit=True,
        face=choices.which,
        transform=transform_of(face.width, face.height, full_size=choices.full_size),
    )


def transform_of(width: int, height: int, *, full_size: bool) -> FrameTransform:
    """A size that every browser plays: not huge unless asked for, and even each way.

    Args:
        width: of the picture, upright, pixels.
        height: likewise.
        full_size: keep the size, but for a last odd row or column.
    """
    factor = 1 if full_size else math.ceil(max(width, height) / USUAL_SIDE)
    if factor > 1:
        return FrameTransform(resize_factor=factor)
    bottom = height - 1 if height % 2 else TO_EDGE
    right = width - 1 if width % 2 else TO_EDGE
    return FrameTransform(crop=(0, bottom, 0, right))


def work_of(face: Face, speech: Speech, out: Path, choices: Choices, networks: LoadedNetworks) -> Work:
    """A job that makes the video.

    Raises:
        OptionError: a choice makes no sense.
    """
    options = sync_options(face, choices)

    def work(progress: ProgressCallback, cancelled: Callable[[], bool]) -> pipeline.SyncResult:
        networks.keep(options.engine)
        with said_as(face.path, isolated(face.name)), said_as(speech.path, isolated(speech.name)):
            result = pipeline.sync(face.path, speech.path, out, options, progress=progress, cancelled=cancelled)
        return result

    return work
