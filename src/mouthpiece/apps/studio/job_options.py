"""From a visitor's choices to a job of the pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mouthpiece import pipeline
from mouthpiece.apps.studio.formatting import isolate_name
from mouthpiece.apps.studio.ingest import ChosenFace, ChosenSpeech
from mouthpiece.apps.studio.jobs import JobFunction
from mouthpiece.apps.studio.networks import DEFAULT_ENGINE, LoadedNetworks, engine_options
from mouthpiece.media import Named
from mouthpiece.options import TO_EDGE, Fit, FrameTransform, Quality, SyncOptions
from mouthpiece.types import ProgressCallback

USUAL_SIDE = 1920
"""Largest side of a video unless the face's own size is asked for, pixels: a phone's photo has twice as many."""
RESTS: dict[str, float | None] = {"as the face": None, "closed": 0.0, "hardly": 0.1, "a little": 0.25, "open": 0.5}
"""How far apart the lips rest between words."""


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What the page offers under "More"; the defaults suit most."""

    engine: str = DEFAULT_ENGINE
    checkpoint: str | None = None
    """Name of a published checkpoint; None: the engine's own choice."""
    intensity: float = 1.0
    rest: float | None = None
    fit: Fit = Fit.PINGPONG
    quality: Quality = Quality.GOOD
    face: str = "largest"
    """Which of several faces."""
    full_size: bool = False
    """Whether large pictures keep their size."""


def sync_options(face: ChosenFace, options: JobOptions) -> SyncOptions:
    """Return the pipeline's options for a face.

    Raises:
        OptionError: a value makes no sense.
    """
    engine = engine_options(options.engine, options.checkpoint)
    return SyncOptions(
        engine=replace(engine, intensity=options.intensity, rest=options.rest),
        fit=options.fit,
        quality=options.quality,
        eight_bit=True,
        face=options.face,
        transform=playable_transform(face.width, face.height, full_size=options.full_size),
    )


def playable_transform(width: int, height: int, *, full_size: bool) -> FrameTransform:
    """Return the transform to a size that every browser plays: not huge unless asked for, and even each way.

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


def sync_job(
    face: ChosenFace, speech: ChosenSpeech, out: Path, options: JobOptions, networks: LoadedNetworks
) -> JobFunction:
    """Return a job function that makes the video.

    Raises:
        OptionError: a choice makes no sense.
    """
    options_of_job = sync_options(face, options)
    shown, spoken = (Named(chosen.path, isolate_name(chosen.name)) for chosen in (face, speech))

    def run(progress: ProgressCallback, cancelled: Callable[[], bool]) -> pipeline.SyncResult:
        networks.load(options.engine, options.checkpoint)
        return pipeline.sync(shown, spoken, out, options_of_job, progress=progress, cancelled=cancelled)

    return run
