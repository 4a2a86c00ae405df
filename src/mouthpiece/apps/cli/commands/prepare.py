"""`mouthpiece train prepare`: a folder of talking videos becomes a compact cache to train from and to judge by."""

from __future__ import annotations

import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.atomic_write import write_text
from mouthpiece.apps.cli.console import Console, ItemProgress, as_json, print_out
from mouthpiece.apps.cli.interruption import Interruption, Stopped
from mouthpiece.errors import Cancelled, InputError


class OffsetChoice(StrEnum):
    """Values of --offsets: those of the corpora's `OffsetRule`, which would be slow to import for a --help."""

    CORRECT = "correct"
    DROP = "drop"
    KEEP = "keep"


def prepare(
    console: Console,
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help="A folder of talking videos.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="CACHE", show_default=False, help="Where the prepared clips go.")
    ],
    *,
    split: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            metavar="NAME",
            show_default=False,
            help="Only clips of train, val, test or unseen; may be given several times.",
        ),
    ] = None,
    offsets: Annotated[
        OffsetChoice, typer.Option("--offsets", help="What to do with clips whose picture and sound are apart.")
    ] = OffsetChoice.CORRECT,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what could not be used before.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="CLIPS", help="Take only so many clips of each split.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that measure faces.")] = 2,
) -> None:
    """Measure the faces of a folder of talking videos, once, and keep what training needs.

    A run that was stopped goes on where it was. Clips that can't be used are left out and listed in CACHE, in
    NAME.report.txt and NAME.report.json; docs/preparing.md says which folders are understood.
    """
    from mouthpiece.datasets.prepare import SPLITS, OffsetRule, prepare_corpus, report_path, report_table

    splits = split or list(SPLITS)
    for name in splits:
        if name not in SPLITS:
            raise typer.BadParameter(f"expected one of {', '.join(SPLITS)}, got {name!r}", param_hint="'--split'")
    with Interruption() as interruption, console.progress("preparing") as display:
        try:
            report = prepare_corpus(
                data,
                out,
                splits=splits,
                workers=workers,
                limit=limit,
                progress=ItemProgress(display, "clips"),
                offsets=OffsetRule(offsets.value),
                retry=retry,
                cancelled=interruption,
            )
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
