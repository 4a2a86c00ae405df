"""`mouthpiece probe`, `engines` and `doctor`: what is in a file, which engines there are, what a machine has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console, as_json, print_event
from mouthpiece.apps.cli.flags import Flags
from mouthpiece.options import EngineOptions


def probe(
    console: Console,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="Any picture, video or sound.")],
) -> None:
    """Report what is in FILE: streams, faces and where, speech and when."""
    from mouthpiece import pipeline
    from mouthpiece.apps.cli.tables import probe_lines

    report = pipeline.probe(file)
    console.show("probe", report, probe_lines(report))


def engines(console: Console, *, options: Annotated[EngineOptions, Flags(only=frozenset({"device"}))]) -> None:
    """List the engines: look-ahead, licence terms, device, whether their weights are here, their own options."""
    from mouthpiece.apps.cli.tables import engine_lines
    from mouthpiece.engines.registry import describe_all

    infos = describe_all(options)
    if console.json:
        for info in infos:
            print_event("engine", as_json(info))
    else:
        console.show("engines", infos, engine_lines(infos))


def doctor(console: Console) -> None:
    """Report what this machine and installation have: put this into bug reports."""
    from mouthpiece.apps.cli.doctor import as_lines, examine

    report = examine()
    console.show("doctor", report, as_lines(report))
