"""Options that several commands share, and what `main` must know of a command to report its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


@dataclass
class Invocation:
    """One run of the command line; travels as the context's `obj`."""

    json: bool = False
    """Whether programs listen on standard output."""
    debug: bool = False
    """Whether to show tracebacks."""
    quiet: bool = False
    """Whether people hear of errors only."""


def _note_json(context: typer.Context, value: bool) -> bool:
    """Known before the other options are looked at, so that their errors are told as events too."""
    if value and isinstance(context.obj, Invocation):
        context.obj.json = True
    return value


def _note_debug(context: typer.Context, value: bool) -> bool:
    if value and isinstance(context.obj, Invocation):
        context.obj.debug = True
    return value


Json = Annotated[
    bool, typer.Option("--json", is_eager=True, callback=_note_json, help="Write JSON lines to standard output.")
]
Debug = Annotated[
    bool, typer.Option("--debug", is_eager=True, callback=_note_debug, help="Show the traceback of an error.")
]


def _note_quiet(context: typer.Context, value: bool) -> bool:
    if value and isinstance(context.obj, Invocation):
        context.obj.quiet = True
    return value


AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", show_default=False, help="The server's name behind a proxy."),
]
Phones = Annotated[
    Path | None,
    typer.Option(
        "--phones",
        metavar="FILE",
        show_default=False,
        help="What is said and when: .TextGrid, .align, .lab, a table of start, end, sound, or rhubarb's .tsv.",
    ),
]
PhonesBlend = Annotated[
    float,
    typer.Option("--phones-blend", metavar="0..1", help="How much the mouth follows the phones and not the sound."),
]
PhonesLanguage = Annotated[
    str,
    typer.Option(
        "--phones-language", metavar="CODE", help="Language of the words, where FILE has words only (extra 'speech')."
    ),
]
Device = Annotated[str, typer.Option("--device", help="Where networks run; see: mouthpiece doctor.")]
FourNumbers = tuple[int, int, int, int]
"""Top, bottom, left, right, as the published Wav2Lip script has them."""


class RuntimeChoice(StrEnum):
    """Values of --runtime: those of `engines.base.Runtime`, which would be slow to import for a --help."""

    OPENVINO = "openvino"
    ONNX = "onnx"
    TORCH = "torch"


class PrecisionChoice(StrEnum):
    """Values of --precision: those of `engines.base.Precision`."""

    AUTO = "auto"
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    INT8 = "int8"


NetworkCheckpoint = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE|NAME",
        show_default=False,
        help="Published networks: the weights; see: mouthpiece weights list.",
    ),
]
NetworkRuntime = Annotated[RuntimeChoice, typer.Option("--runtime", help="Published networks: what runs them.")]
NetworkPrecision = Annotated[
    PrecisionChoice,
    typer.Option(
        "--precision", help="Published networks: the numbers they compute with; auto is the fastest good one here."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", callback=_note_quiet, help="Say nothing but errors.")]
