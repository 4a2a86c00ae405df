"""`mouthpiece sync` and `mouthpiece demo`: a video of a face that says speech."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.commands.weights import ensure_weights
from mouthpiece.apps.cli.console import Console, ProgressDisplay, as_json, box_text
from mouthpiece.apps.cli.flags import Flags
from mouthpiece.apps.cli.interruption import interruptible
from mouthpiece.apps.durations import format_clock
from mouthpiece.errors import MouthpieceError
from mouthpiece.options import SyncOptions

if TYPE_CHECKING:
    from mouthpiece.pipeline import SyncResult
    from mouthpiece.types import Progress


class SampleLanguage(StrEnum):
    """Languages of the packaged sample speech."""

    EN = "en"
    AR = "ar"


Out = Annotated[
    Path, typer.Option("--out", "-o", help="The video to make: .mp4, .mkv or .webm.", metavar="OUT", show_default=False)
]
Speech = Annotated[
    Path, typer.Argument(metavar="SPEECH", show_default=False, help="Sound, or a video whose sound is taken.")
]


def sync(
    console: Console,
    face: Annotated[Path, typer.Argument(metavar="FACE", show_default=False, help="A photo or a video with the face.")],
    speech: Speech,
    out: Out,
    *,
    options: SyncOptions,
) -> None:
    """Make FACE say SPEECH."""
    run_sync(console, face, speech, out, options)


def demo(
    console: Console,
    out: Out = Path("demo.mp4"),
    *,
    language: Annotated[
        SampleLanguage, typer.Option("--language", help="What the sample says it in.")
    ] = SampleLanguage.EN,
    options: Annotated[SyncOptions, Flags(only=frozenset({"name", "overwrite"}))],
) -> None:
    """Make the packaged sample face say the packaged sample speech."""
    from mouthpiece import samples

    run_sync(console, samples.sample_face(), samples.sample_speech(language.value), out, options)


def run_sync(console: Console, face: Path, speech: Path, out: Path, options: SyncOptions) -> None:
    """Run a job, report on it, and let signals end it tidily.

    Raises:
        MouthpieceError: as `mouthpiece.sync` does.
        Stopped: a signal came.
    """
    from mouthpiece import pipeline

    ensure_weights(console, options.engine, worth_it=lambda: _can_begin(face, speech, out, overwrite=options.overwrite))
    with interruptible() as interruption:
        with console.progress("reading", lines=False) as display:

            def progress(done: Progress) -> None:
                show_progress(display, done, "syncing")

            result = pipeline.sync(face, speech, out, options, progress=progress, cancelled=interruption)
        console.warn(result.warnings)
        console.report("result", as_json(result) | {"speed": round(result.speed, 3)}, closing_line(result))


def show_progress(display: ProgressDisplay, progress: Progress, description: str) -> None:
    """Show how far a job over frames is."""
    total = max(progress.total_frames, progress.frames)
    text = f"{progress.frames}/{total} frames  {progress.speed:.1f}x real time  {format_clock(progress.left_s)} left"
    content = as_json(progress) | {"speed": round(progress.speed, 3), "left_s": round(progress.left_s, 3)}
    display.update(progress.frames, total, text=text, content=content, description=description)


def _can_begin(face: Path, speech: Path, out: Path, *, overwrite: bool) -> bool:
    """Return at a glance whether a job gets as far as needing weights: nothing is fetched for one that is refused.

    The job itself reports why it is refused. What is no regular file is not looked into: a pipe can be read only once.
    """
    from mouthpiece.media import check_output, probe_media

    try:
        check_output(out, overwrite=overwrite, forbidden=(face, speech))
        if any(path.is_dir() or not path.exists() for path in (face, speech)):
            return False
        picture, sound = (probe_media(path) if path.is_file() else None for path in (face, speech))
        return (picture is None or picture.has_picture) and (sound is None or sound.has_sound)
    except (MouthpieceError, OSError):
        return False


def closing_line(result: SyncResult) -> str:
    """Report what came out, in one line; what else a person should know stands in the result's warnings."""
    line = (
        f"{os.fspath(result.path)}: {result.seconds:.2f} s, {result.frames} frames, "
        f"made in {result.elapsed_s:.1f} s ({result.speed:.1f}x real time)"
    )
    if result.faces_seen > 1 and result.face_chosen is not None:
        line += f", the face of {box_text(result.face_chosen)}"
    return line
