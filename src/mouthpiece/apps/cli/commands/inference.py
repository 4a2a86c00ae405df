"""`mouthpiece inference`: the published Wav2Lip script's own options, for people who come from it (docs/wav2lip.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typer.core import TyperCommand

from mouthpiece.apps.cli.commands.sync import run_sync
from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.flags import Flags
from mouthpiece.errors import InputError, OptionError, OutputError
from mouthpiece.notices import notice
from mouthpiece.option_fields import option
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
        OptionError: it is neither.
    """
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise OptionError(f"expected True or False, got {text!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedOptions:
    """The options of the published inference.py that are named or used otherwise than here."""

    checkpoint_path: str = option(
        flag="--checkpoint_path",
        kind=str,
        metavar="FILE|NAME",
        help="The weights: a file, or a name that `mouthpiece weights list` knows.",
    )
    face: Path = option(flag="--face", kind=Path, metavar="FILE", help="A photo or a video with the face.")
    audio: Path = option(flag="--audio", kind=Path, metavar="FILE", help="Sound, or a video whose sound is taken.")
    outfile: Path = option(
        OUTFILE,
        flag="--outfile",
        kind=Path,
        metavar="FILE",
        help="The video to make; overwritten without asking if it exists.",
    )
    static: bool = option(
        False, flag="--static", metavar="True|False", parse=truth, help="Use only the first frame of a video."
    )
    face_det_batch_size: int | None = option(
        None, flag="--face_det_batch_size", kind=int, help="Of no use here: faces are tracked."
    )
    batch_size: int | None = option(
        None, flag="--wav2lip_batch_size", kind=int, help="Frames drawn at once; chosen if not given."
    )
    resize_factor: int = option(1, flag="--resize_factor", help="Make the picture smaller by this factor.")
    crop: FourNumbers = option(
        (0, TO_EDGE, 0, TO_EDGE),
        flag="--crop",
        kind=FourNumbers,
        metavar="TOP BOTTOM LEFT RIGHT",
        help="Use this part of the picture, after --resize_factor and --rotate; -1 is the edge.",
    )
    box: FourNumbers = option(
        (OFF, OFF, OFF, OFF),
        flag="--box",
        kind=FourNumbers,
        metavar="TOP BOTTOM LEFT RIGHT",
        help="Where the face is in every frame, in place of looking for it; -1: look for it.",
    )
    rotate: bool = option(False, flag="--rotate", help="Turn the picture by 90 degrees clockwise.")
    smooth: bool = option(
        True, flag="--nosmooth", negated=True, help="Don't average the face's box over neighbouring frames."
    )


SAME_HERE = Flags(only=frozenset({"fps", "device", "runtime", "precision", "pads"}))
"""Options that are the same here and there."""


def inference(console: Console, *, published: PublishedOptions, same: Annotated[SyncOptions, SAME_HERE]) -> None:
    """Run a Wav2Lip checkpoint with the options of the published inference.py.

    For new work `mouthpiece sync --engine wav2lip` does the same and more.
    """
    _check_face(published.face)
    own = {"checkpoint": published.checkpoint_path, "batch_size": published.batch_size, "smooth": published.smooth}
    options = SyncOptions(
        engine=EngineOptions("wav2lip", same.engine.device, own=own | dict(same.engine.own)),
        fit=Fit.LOOP,
        fps=same.fps,
        transform=FrameTransform(published.static, published.resize_factor, published.rotate, published.crop),
        box=None if published.box[0] == OFF else published.box,
        overwrite=True,
    )
    if published.face_det_batch_size is not None:
        console.warn([notice("face-batch-ignored")])
    with _folder_of(published.outfile):
        run_sync(console, published.face, published.audio, published.outfile, options)


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
