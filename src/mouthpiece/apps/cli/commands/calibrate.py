"""`mouthpiece calibrate`: which audio offset puts an engine's mouth in sync."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.console import Console, ItemProgress, as_json, print_out
from mouthpiece.apps.cli.flags import Flags
from mouthpiece.apps.cli.interruption import interruptible
from mouthpiece.errors import EngineError
from mouthpiece.evaluation.options import CalibrationOptions
from mouthpiece.options import EngineOptions, SyncOptions

if TYPE_CHECKING:
    from mouthpiece.evaluation.calibration import Calibration


CALIBRATED = Flags(only=frozenset({"device", "checkpoint", "runtime", "precision", "own"}))


def calibrate(
    console: Console,
    engine: Annotated[
        str, typer.Argument(metavar="ENGINE", show_default=False, help="Who moves the mouth; see: mouthpiece engines.")
    ],
    *,
    options: CalibrationOptions,
    chosen: Annotated[EngineOptions, CALIBRATED],
) -> None:
    """Find the audio offset that puts ENGINE's mouth in sync with the speech.

    The engine draws a face speaking, nothing is written; the drawn mouth is compared with what is heard. Prints
    how well they agree at each offset, and what to give to `mouthpiece sync`.
    """
    from mouthpiece.evaluation import calibration

    sync = SyncOptions(engine=EngineOptions(engine, chosen.device, own=chosen.own))
    with interruptible("cancelled") as interruption, console.progress("drawing") as display:
        progress = ItemProgress(display, "clips")
        found = calibration.calibrate(replace(options, sync=sync), progress=progress, cancelled=interruption)
    _report(console, found)


def _report(console: Console, found: Calibration) -> None:
    """Print the table and what to give.

    Raises:
        EngineError: an offset can't be told.
    """
    from mouthpiece.evaluation.calibration import trial_table

    console.warn(found.warnings)
    if console.json:
        option = {} if found.offset_s is None else {"offset_ms": _ms(found.offset_s), "option": option_for(found)}
        console.event("result", as_json(found) | option)
    elif found.trials:
        print_out(trial_table(found))
        for speech in found.by_speech:
            print_out(f"{speech.name}: {speech.reason or _late(speech.lag_s)} (confidence {speech.confidence:.2f})")
    if found.offset_s is None:
        raise EngineError(f"can't tell which offset suits the engine {found.engine}: {found.reason}")
    if not console.json:
        print_out(closing_line(found))


def option_for(found: Calibration) -> str:
    """Return the option for `mouthpiece sync`; empty where the default suits."""
    return f"--audio-offset-ms {_ms(found.offset_s)}" if found.offset_s else ""


def closing_line(found: Calibration) -> str:
    """Report the best offset in one line."""
    sure = f"confidence {found.confidence:.2f}"
    if not found.offset_s:
        return f"{found.engine} needs no offset: the mouth comes {_late(found.lag_s)} ({sure})"
    return (
        f"{found.engine} is best with {option_for(found)} ({sure}): the mouth came {_late(found.lag_s)}, "
        f"with it {_late(found.left_s)}"
    )


def _late(lag_s: float) -> str:
    """Format a lag for people."""
    if math.isnan(lag_s) or abs(lag_s) < 0.0005:
        return "in time"
    return f"{abs(lag_s) * 1000:.0f} ms {'late' if lag_s > 0 else 'early'}"


def _ms(seconds: float | None) -> int | float:
    """Convert to milliseconds, whole where they are."""
    ms = round((seconds or 0.0) * 1000, 3)
    return int(ms) if ms == int(ms) else ms
