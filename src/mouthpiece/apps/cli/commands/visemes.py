"""`mouthpiece visemes`: mouth shapes over time for animators' own characters."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.console import as_json, choose_reporter, print_err, print_event, warn
from mouthpiece.apps.cli.interruption import Interruption
from mouthpiece.apps.cli.parameters import Debug, Json, Phones, PhonesBlend, PhonesLanguage, Quiet
from mouthpiece.errors import Cancelled

if TYPE_CHECKING:
    from mouthpiece.viseme_tracks import VisemeExport


def visemes_command(
    speech: Annotated[
        Path, typer.Argument(metavar="SPEECH", show_default=False, help="Sound, or a video whose sound is taken.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            show_default=False,
            help="The file to write: .csv (ARKit blendshapes), .tsv (rhubarb's shapes A-H and X) or .json (both).",
        ),
    ],
    *,
    fps: Annotated[
        str, typer.Option("--fps", metavar="RATE", help="Blendshape frames a second: 25, 29.97, 60.")
    ] = "25",
    intensity: Annotated[float, typer.Option("--intensity", help="How strongly the mouth moves; 1 is natural.")] = 1.0,
    phones: Phones = None,
    phones_blend: PhonesBlend = 1.0,
    phones_language: PhonesLanguage = "en",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Overwrite OUT if it exists.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the mouth shapes of SPEECH: ARKit's blendshapes and Preston Blair's letters, for 3-D and 2-D characters."""
    from mouthpiece.apps.cli.main import Stopped, parse_fps

    rate = parse_fps(fps)
    from mouthpiece.types import Progress
    from mouthpiece.viseme_tracks import VisemeOptions, write_visemes

    options = VisemeOptions(
        fps=rate,
        intensity=intensity,
        phones=phones,
        phones_blend=phones_blend,
        phones_language=phones_language,
    )
    started = time.monotonic()
    with Interruption() as interruption, choose_reporter(json_lines=json, quiet=quiet) as reporter:

        def progress(done_s: float, total_s: float) -> None:
            frames, total = round(done_s * float(rate)) + 1, round(total_s * float(rate))
            reporter.progress(Progress(frames, total, done_s, time.monotonic() - started))

        try:
            export = write_visemes(speech, out, options, overwrite=yes, progress=progress, cancelled=interruption)
        except (Cancelled, KeyboardInterrupt) as error:
            raise Stopped(interruption.signal_number or signal.SIGINT) from error
    _report(export, json=json, quiet=quiet)


def _report(export: VisemeExport, *, json: bool, quiet: bool) -> None:
    """Warnings one by one, then what came out."""
    warn(export.warnings, json_lines=json, quiet=quiet)
    if json:
        print_event("result", as_json(export))
    elif not quiet:
        print_err(closing_line(export))


def closing_line(export: VisemeExport) -> str:
    """What came out, in one line."""
    made = [f"{export.frames} frames"] * bool(export.frames) + [f"{export.cues} mouth shapes"] * bool(export.cues)
    return f"{export.path}: {export.seconds:.2f} s, {', '.join(made)}, made in {export.elapsed_s:.1f} s"
