"""`mouthpiece visemes`: mouth shapes over time for animators' own characters."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.commands.sync import Speech, show_progress
from mouthpiece.apps.cli.console import Console, as_json
from mouthpiece.apps.cli.flags import OVERWRITE
from mouthpiece.apps.cli.interruption import interruptible
from mouthpiece.options import VisemeOptions

if TYPE_CHECKING:
    from mouthpiece.viseme_tracks import VisemeExport


def visemes(
    console: Console,
    speech: Speech,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            show_default=False,
            help="The file to write: .csv (ARKit blendshapes), .tsv (rhubarb's shapes A-H and X), .json (both) or .npz "
            "(for sync --motion).",
        ),
    ],
    *,
    options: VisemeOptions,
    yes: Annotated[bool, OVERWRITE] = False,
) -> None:
    """Write the mouth shapes of SPEECH: ARKit's blendshapes and Preston Blair's letters, for 3-D and 2-D characters."""
    from mouthpiece.types import Progress
    from mouthpiece.viseme_tracks import write_visemes

    started_s = time.monotonic()
    with interruptible() as interruption, console.progress("reading", lines=False) as display:

        def progress(done_s: float, total_s: float) -> None:
            frames, total = (round(seconds * float(options.fps)) for seconds in (done_s, total_s))
            show_progress(display, Progress(frames + 1, total, done_s, time.monotonic() - started_s), "syncing")

        export = write_visemes(speech, out, options, overwrite=yes, progress=progress, cancelled=interruption)
    console.warn(export.warnings)
    console.report("result", as_json(export), closing_line(export))


def closing_line(export: VisemeExport) -> str:
    """Report what came out, in one line."""
    made = [f"{export.frames} frames"] * bool(export.frames) + [f"{export.cues} mouth shapes"] * bool(export.cues)
    return f"{export.path}: {export.seconds:.2f} s, {', '.join(made)}, made in {export.elapsed_s:.1f} s"
