"""`mouthpiece train synthesise`: synthetic speech with known sounds, for training (extra 'speech')."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.clip_progress import ClipProgress
from mouthpiece.apps.cli.console import as_json, print_err, print_event
from mouthpiece.apps.cli.parameters import Debug, Json, Quiet


def synthesise_command(
    out: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="Where to keep it; made if missing.")],
    *,
    hours: Annotated[float, typer.Option("--hours", help="How much speech, about.")] = 2.5,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same speech.")] = 0,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", metavar="CODE", help="Only this one; may be given several times. All if not given."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes.")] = 2,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make speech in many languages and voices whose every sound is known, to train a mouth on.

    A run that was stopped goes on where it was when started again.
    """
    from mouthpiece.training.synthetic.synthesise import SyntheticOptions, synthesise

    options = SyntheticOptions(hours=hours, seed=seed, languages=tuple(language or ()), workers=workers)
    with ClipProgress("speaking", json_lines=json, quiet=quiet) as progress:
        report = synthesise(out, options, progress=progress)
    if json:
        print_event("result", as_json(report))
    elif not quiet:
        for line in (*report.notes, *(f"left out {name}: {reason}" for name, reason in report.skipped)):
            print_err(line)
        print_err(f"{out}: {report.made} utterances made ({report.hours:.2f} hours), {report.kept} were there")
