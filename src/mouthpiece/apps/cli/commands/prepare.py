"""`mouthpiece train prepare`: a folder of talking videos becomes a compact cache to train from and to judge by."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console, ItemProgress, as_json, print_out
from mouthpiece.apps.cli.interruption import Interruption, Stopped
from mouthpiece.atomic_write import write_text
from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.errors import Cancelled, InputError


def prepare(
    console: Console,
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help="A folder of talking videos.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="CACHE", show_default=False, help="Where the prepared clips go.")
    ],
    *,
    options: PrepareOptions,
) -> None:
    """Measure the faces of a folder of talking videos, once, and keep what training needs.

    A run that was stopped goes on where it was. Clips that can't be used are left out and listed in CACHE, in
    NAME.report.txt and NAME.report.json; docs/preparing.md says which folders are understood.
    """
    from mouthpiece.datasets.prepare import prepare_corpus, report_path, report_table

    with Interruption() as interruption, console.progress("preparing") as display:
        try:
            progress = ItemProgress(display, "clips")
            report = prepare_corpus(data, out, options, progress=progress, cancelled=interruption)
        except Cancelled as error:
            raise Stopped(interruption.signal_number or signal.SIGINT, str(error)) from error
    listed = report_path(out, report.corpus)
    table = report_table(report)
    write_text(listed.with_suffix(".txt"), table + "\n")
    if console.json:
        counts = {"made": report.made, "kept": report.kept, "left_out": len(report.skipped)}
        console.event("result", {**counts, "report": str(listed), "clips": as_json(report.clips)})
    elif not console.quiet:
        print_out(table)
    if not report.usable:
        raise InputError(f"none of the clips in {data} can be used; {listed.with_suffix('.txt')} says why")
