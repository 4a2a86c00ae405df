"""`mouthpiece calibrate`: which audio offset puts an engine's mouth in sync."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.clip_progress import ClipProgress
from mouthpiece.apps.cli.console import as_json, print_event, print_out, warn
from mouthpiece.apps.cli.interruption import Interruption
from mouthpiece.apps.cli.parameters import (
    Debug,
    Device,
    Json,
    NetworkCheckpoint,
    NetworkPrecision,
    NetworkRuntime,
    PrecisionChoice,
    Quiet,
    RuntimeChoice,
)
from mouthpiece.errors import Cancelled, EngineError

if TYPE_CHECKING:
    from mouthpiece.evaluation.calibration import Calibration


def calibrate_command(
    engine: Annotated[
        str, typer.Argument(metavar="ENGINE", show_default=False, help="Who moves the mouth; see: mouthpiece engines.")
    ],
    *,
    checkpoint: NetworkCheckpoint = None,
    face: Annotated[
        Path | None,
        typer.Option("--face", metavar="FILE", show_default=False, help="A photo or video; else the packaged face."),
    ] = None,
    speech: Annotated[
        list[Path] | None,
        typer.Option(
            "--speech",
            metavar="FILE",
            show_default=False,
            help="What it says; may be given several times. Else the packaged speech, English and Arabic.",
        ),
    ] = None,
    range_ms: Annotated[float, typer.Option("--range-ms", metavar="MS", help="Look so far to either side.")] = 200.0,
    step_ms: Annotated[float, typer.Option("--step-ms", metavar="MS", help="The offset is a multiple of this.")] = 20.0,
    device: Device = "CPU",
    runtime: NetworkRuntime = RuntimeChoice.OPENVINO,
    precision: NetworkPrecision = PrecisionChoice.AUTO,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find the audio offset that puts ENGINE's mouth in sync with the speech.

    The engine draws a face speaking, nothing is written; the drawn mouth is compared with what is heard. Prints
    how well they agree at each offset, and what to give to `mouthpiece sync`.
    """
    from mouthpiece.apps.cli.main import Stopped
    from mouthpiece.engines.base import NetworkOptions, Precision, Runtime
    from mouthpiece.evaluation.calibration import CalibrationOptions, calibrate, sample_inputs
    from mouthpiece.pipeline import SyncOptions

    network = NetworkOptions(checkpoint, Runtime(runtime.value), Precision(precision.value))
    options = CalibrationOptions(
        SyncOptions(engine=engine, device=device, network=network), range_ms / 1000, step_ms / 1000
    )
    sample_face, sample_speech = sample_inputs()
    with Interruption() as interruption, ClipProgress("drawing", json_lines=json, quiet=quiet) as progress:
        try:
            found = calibrate(
                face or sample_face, speech or sample_speech, options, progress=progress, cancelled=interruption
            )
        except (Cancelled, KeyboardInterrupt) as error:
            raise Stopped(interruption.signal_number or signal.SIGINT, "cancelled") from error
    _report(found, json_lines=json, quiet=quiet)


def _report(found: Calibration, *, json_lines: bool, quiet: bool) -> None:
    """The table and what to give.

    Raises:
        EngineError: an offset can't be told.
    """
    from mouthpiece.evaluation.calibration import trial_table

    warn(found.warnings, json_lines=json_lines, quiet=quiet)
    if json_lines:
        option = {} if found.offset_s is None else {"offset_ms": _ms(found.offset_s), "option": option_for(found)}
        print_event("result", as_json(found) | option)
    elif found.trials:
        print_out(trial_table(found))
        for speech in found.by_speech:
            print_out(f"{speech.name}: {speech.reason or _late(speech.lag_s)} (confidence {speech.confidence:.2f})")
    if found.offset_s is None:
        raise EngineError(f"can't tell which offset suits the engine {found.engine}: {found.reason}")
    if not json_lines:
        print_out(closing_line(found))


def option_for(found: Calibration) -> str:
    """What to give to `mouthpiece sync`; empty where the default suits."""
    return f"--audio-offset-ms {_ms(found.offset_s)}" if found.offset_s else ""


def closing_line(found: Calibration) -> str:
    """The best offset in one line."""
    sure = f"confidence {found.confidence:.2f}"
    if not found.offset_s:
        return f"{found.engine} needs no offset: the mouth comes {_late(found.lag_s)} ({sure})"
    return (
        f"{found.engine} is best with {option_for(found)} ({sure}): the mouth came {_late(found.lag_s)}, "
        f"with it {_late(found.left_s)}"
    )


def _late(lag_s: float) -> str:
    """How late, for people."""
    if math.isnan(lag_s) or abs(lag_s) < 0.0005:
        return "in time"
    return f"{abs(lag_s) * 1000:.0f} ms {'late' if lag_s > 0 else 'early'}"


def _ms(seconds: float | None) -> int | float:
    """Milliseconds, whole where they are."""
    ms = round((seconds or 0.0) * 1000, 3)
    return int(ms) if ms == int(ms) else ms
