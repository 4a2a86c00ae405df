"""`mouthpiece export`: a checkpoint as a model for ONNX Runtime or OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.console import Console, as_json
from mouthpiece.apps.cli.flags import OVERWRITE
from mouthpiece.apps.cli.interruption import interruptible
from mouthpiece.engines.wav2lip.options import ExportFormat, ExportPrecision, ExportRoute

if TYPE_CHECKING:
    from mouthpiece.engines.wav2lip.export import ExportReport


def export(
    console: Console,
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            show_default=False,
            help="A name that 'mouthpiece weights list' knows, or a file: .pth, .safetensors.",
        ),
    ],
    to: Annotated[ExportFormat, typer.Option("--to", show_default=False, help="What to write.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", show_default=False, help="The file to write: .onnx; .xml (with its .bin)."
        ),
    ],
    *,
    precision: Annotated[
        ExportPrecision,
        typer.Option(
            "--precision", help="f16 halves the file; int8 for ONNX or via PyTorch is made by NNCF (extra 'int8')."
        ),
    ] = ExportPrecision.F32,
    via: Annotated[
        ExportRoute,
        typer.Option(
            "--via",
            help="The way: straight from the file's arrays, by PyTorch, or by PyTorch and ONNX (extra 'torch').",
        ),
    ] = ExportRoute.ARRAYS,
    yes: Annotated[bool, OVERWRITE] = False,
) -> None:
    """Write a Wav2Lip CHECKPOINT for ONNX Runtime or OpenVINO, and compare what it draws with PyTorch."""
    from mouthpiece.checkpoints.store import find_checkpoint
    from mouthpiece.engines.wav2lip.export import check_export, export_generator
    from mouthpiece.media.output_file import check_output
    from mouthpiece.networks.published_weights import GENERATORS

    check_export(to, precision, via)
    source = find_checkpoint(checkpoint, GENERATORS)
    path = check_output(out, overwrite=yes, forbidden=(source,), suffixes=(to.suffix,))
    if to is ExportFormat.OPENVINO:
        check_output(path.with_suffix(".bin"), overwrite=yes, forbidden=(source,), suffixes=(".bin",))
    if precision is ExportPrecision.INT8:
        console.note("mouthpiece: making an int8 model; this takes a minute or so")
    with interruptible(at_once=True):
        report = export_generator(source, path, to, precision, via)
    console.warn(report.warnings)
    if console.json:
        console.event("result", as_json(report))
    else:
        for line in report_lines(report):
            console.note(line)


def report_lines(report: ExportReport) -> list[str]:
    """Report the differences found, and what was written."""
    lines = [
        f"batch of {one.batch}: differs from {report.reference} by {one.difference.greatest:.2g} at most, "
        f"{one.difference.rms:.2g} rms (1 is from black to white)"
        for one in report.compared
    ]
    made = f"{report.size_bytes / 1e6:.1f} MB, {report.precision}, via {report.via}, made in {report.elapsed_s:.1f} s"
    return [*lines, f"{report.path}: {made}"]
