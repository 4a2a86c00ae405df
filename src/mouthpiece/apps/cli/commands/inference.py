"""`mouthpiece inference`: the published Wav2Lip script's own options, for people who come from it (docs/wav2lip.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mouthpiece.apps.cli.commands.sync import run_sync
from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.flags import Flags, command
from mouthpiece.errors import InputError, OutputError
from mouthpiece.notices import notice
from mouthpiece.options import TO_EDGE, EngineOptions, Fit, FourNumbers, FrameTransform, SyncOptions

OUTFILE = Path("results/result_voice.mp4")
"""Where the published script puts its result; this folder alone is made if it is missing."""
TRUE = ("true", "t", "yes", "y", "on", "1")
FALSE = ("false", "f", "no", "n", "off", "0")
OFF = -1
"""As the first number of --box: the face is looked for."""


class PublishedUsage(TyperCommand):
    """A command that takes `--static` with a value, as the published usage has it, and without one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a bare `--static` the value that it means."""
        return super().parse_args(ctx, with_static_value(args))


def with_static_value(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with "true" put behind a `--static` that no value follows."""
    completed: list[str] = []
    for index, argument in enumerate(arguments):
        completed.append(argument)
        following = arguments[index + 1] if index + 1 < len(arguments) else "-"
        if argument == "--static" and following.startswith("-"):
            completed.append(TRUE[0])
    return completed


def truth(text: str) -> bool:
    """Read True or False as people write it.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise typer.BadParameter(f"expected True or False, got {text!r}", param_hint="'--static'")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    command(app, "inference", cls=PublishedUsage)(inference)


def inference(
    console: Console,
    checkpoint_path: Annotated[
        str,
        typer.Option(
            "--checkpoint_path",
            metavar="FILE|NAME",
            show_default=False,
            help="The weights: a file, or a name that `mouthpiece weights list` knows.",
        ),
    ],
    face: Annotated[
        Path, typer.Option("--face", metavar="FILE", show_default=False, help="A photo or a video with the face.")
    ],
    audio: Annotated[
        Path,
        typer.Option("--audio", metavar="FILE", show_default=False, help="Sound, or a video whose sound is taken."),
    ],
    *,
    outfile: Annotated[
        Path,
        typer.Option("--outfile", metavar="FILE", help="The video to make; overwritten without asking if it exists."),
    ] = OUTFILE,
    static: Annotated[
        str, typer.Option("--static", metavar="True|False", help="Use only the first frame of a video.")
    ] = "False",
    face_det_batch_size: Annotated[
        int | None, typer.Option("--face_det_batch_size", show_default=False, help="Of no use here: faces are tracked.")
    ] = None,
    wav2lip_batch_size: Annotated[
        int | None,
        typer.Option("--wav2lip_batch_size", show_default=False, help="Frames drawn at once; chosen if not given."),
    ] = None,
    resize_factor: Annotated[int, typer.Option("--resize_factor", help="Make the picture smaller by this factor.")] = 1,
    crop: Annotated[
        FourNumbers,
        typer.Option(
            "--crop",
            metavar="TOP BOTTOM LEFT RIGHT",
            help="Use this part of the picture, after --resize_factor and --rotate; -1 is the edge.",
        ),
    ] = (0, TO_EDGE, 0, TO_EDGE),
    box: Annotated[
        FourNumbers,
        typer.Option(
            "--box",
            metavar="TOP BOTTOM LEFT RIGHT",
            help="Where the face is in every frame, in place of looking for it; -1: look for it.",
        ),
    ] = (OFF, OFF, OFF, OFF),
    rotate: Annotated[bool, typer.Option("--rotate", help="Turn the picture by 90 degrees clockwise.")] = False,
    nosmooth: Annotated[
        bool, typer.Option("--nosmooth", help="Don't average the face's box over neighbouring frames.")
    ] = False,
    base: Annotated[SyncOptions, Flags(only=frozenset({"fps", "device", "runtime", "precision", "pads"}))],
) -> None:
    """Run a Wav2Lip checkpoint with the options of the published inference.py.

    For new work `mouthpiece sync --engine wav2lip` does the same and more.
    """
    _check_face(face)
    own = {"checkpoint": checkpoint_path, "batch_size": wav2lip_batch_size, "smooth": not nosmooth, **base.engine.own}
    options = SyncOptions(
        engine=EngineOptions("wav2lip", base.engine.device, own=own),
        fit=Fit.LOOP,
        fps=base.fps,
        transform=FrameTransform(truth(static), resize_factor, rotate, crop),
        box=None if box[0] == OFF else box,
        overwrite=True,
    )
    if face_det_batch_size is not None:
        console.warn([notice("face-batch-ignored")])
    with _folder_of(outfile):
        run_sync(console, face, audio, outfile, options)


def _check_face(face: Path) -> None:
    """Refuse a folder with a line that helps: the published script lists one too, and then fails for want of a rate.

    Raises:
        InputError: it is a folder.
    """
    if face.is_dir():
        raise InputError(
            f"expected a photo or a video, {face} is a folder; make a video of its pictures first: "
            f"ffmpeg -framerate 25 -i {face / '%d.jpg'} face.mp4"
        )


@contextlib.contextmanager
def _folder_of(outfile: Path) -> Iterator[None]:
    """Make the default result's folder, and take it away again if nothing came of it.

    Raises:
        OutputError: it can't be made.
    """
    made = outfile == OUTFILE and not outfile.parent.exists()
    try:
        if made:
            outfile.parent.mkdir()
    except OSError as error:
        raise OutputError(f"can't make the folder {outfile.parent}: {error.strerror}; choose --outfile") from error
    try:
        yield
    except BaseException:
        if made:
            with contextlib.suppress(OSError):  # somebody put something there meanwhile
                outfile.parent.rmdir()
        raise
