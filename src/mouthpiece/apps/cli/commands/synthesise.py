"""`mouthpiece train synthesise`: synthetic speech with known sounds, for training (extra 'speech')."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console, ItemProgress, as_json
from mouthpiece.training.options import SyntheticOptions


def synthesise(
    console: Console,
    out: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="Where to keep it; made if missing.")],
    *,
    options: SyntheticOptions,
) -> None:
    """Make speech in many languages and voices whose every sound is known, to train a mouth on.

    A run that was stopped goes on where it was when started again.
    """
    from mouthpiece.training.synthetic import synthesise as synthetic

    with console.progress("speaking") as display:
        report = synthetic.synthesise(out, options, progress=ItemProgress(display, "clips"))
    if console.json:
        console.event("result", as_json(report))
        return
    for name, reason in report.skipped:
        console.note(f"left out {name}: {reason}")
    console.note(f"{out}: {report.made} utterances made ({report.hours:.2f} hours), {report.kept} were there")
