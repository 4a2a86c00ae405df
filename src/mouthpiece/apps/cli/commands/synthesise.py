"""`mouthpiece train synthesise`: synthetic speech with known sounds, for training (extra 'speech')."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console, ItemProgress, as_json


def synthesise(
    console: Console,
    out: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="Where to keep it; made if missing.")],
    *,
    hours: Annotated[float, typer.Option("--hours", help="How much speech, about.")] = 2.5,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same speech.")] = 0,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", metavar="CODE", help="Only this one; may be given several times. All if not given."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes.")] = 2,
) -> None:
    """Make speech in many languages and voices whose every sound is known, to train a mouth on.

    A run that was stopped goes on where it was when started again.
    """
    from mouthpiece.training.synthetic import synthesise as synthetic

    options = synthetic.SyntheticOptions(hours=hours, seed=seed, languages=tuple(language or ()), workers=workers)
    with console.progress("speaking") as display:
        report = synthetic.synthesise(out, options, progress=ItemProgress(display, "clips"))
    if console.json:
        console.event("result", as_json(report))
        return
    for line in (*report.notes, *(f"left out {name}: {reason}" for name, reason in report.skipped)):
        console.note(line)
    console.note(f"{out}: {report.made} utterances made ({report.hours:.2f} hours), {report.kept} were there")
