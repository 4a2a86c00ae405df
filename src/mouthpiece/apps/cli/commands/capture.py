"""`mouthpiece capture`: the motion of somebody's mouth, measured in a video."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.commands.sync import show_progress
from mouthpiece.apps.cli.console import Console, as_json
from mouthpiece.apps.cli.flags import OVERWRITE
from mouthpiece.apps.cli.interruption import interruptible
from mouthpiece.options import CaptureOptions

if TYPE_CHECKING:
    from mouthpiece.motion_capture import CaptureExport


def capture(
    console: Console,
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO", show_default=False, help="A video of somebody who speaks to the camera.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            show_default=False,
            help="The file to write: .npz (for sync --motion) or .csv (ARKit blendshapes).",
        ),
    ],
    *,
    options: CaptureOptions,
    yes: Annotated[bool, OVERWRITE] = False,
) -> None:
    """Measure what the mouth in VIDEO does, for other faces to follow: mouthpiece sync FACE SPEECH --motion OUT."""
    from mouthpiece.motion_capture import write_capture
    from mouthpiece.types import Progress

    started_s = time.monotonic()
    frames = 0
    with interruptible() as interruption, console.progress("reading", lines=False) as display:

        def progress(done_s: float, total_s: float) -> None:
            nonlocal frames
            frames += 1
            total = round(frames * total_s / done_s) if done_s > 0 else frames
            show_progress(display, Progress(frames, total, done_s, time.monotonic() - started_s), "measuring")

        export = write_capture(video, out, options, overwrite=yes, progress=progress, cancelled=interruption)
    console.warn(export.warnings)
    console.report("result", as_json(export), closing_line(export))


def closing_line(export: CaptureExport) -> str:
    """Report what came out, in one line."""
    faces = "" if export.seen == export.frames else f", {export.seen} of them with the face"
    return f"{export.path}: {export.seconds:.2f} s, {export.frames} frames{faces}, made in {export.elapsed_s:.1f} s"
