"""`mouthpiece train teacher`: fit the phone teacher again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console


def teacher(
    console: Console,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", show_default=False, help="A corpus in GRID's layout, with words.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", show_default=False, help="The teacher to write, .npz.")
    ],
    *,
    clips: Annotated[int | None, typer.Option("--clips", help="Learn from at most so many clips.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps of the fit.")] = None,
    voice: Annotated[str, typer.Option("--voice", help="espeak-ng's language code of what is said.")] = "en-gb",
    workers: Annotated[int, typer.Option("--workers", help="Processes that measure clips.")] = 2,
    work: Annotated[
        Path | None,
        typer.Option(
            "--work", metavar="DIR", help="Where prepared clips lie; a hidden folder beside FILE if not given."
        ),
    ] = None,
) -> None:
    """Fit what each phone does to lips and jaw on faces whose words are known (extras 'train' and 'speech').

    Beside FILE comes its card. The same data gives the same teacher.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        from mouthpiece.errors import MissingExtraError

        raise MissingExtraError("fitting a teacher", "train") from error
    from mouthpiece.training.teacher.fit import CLIPS, STEPS, card_path, train_teacher

    def progress(line: str) -> None:
        console.tell("progress", {"message": line}, line)

    scores = train_teacher(
        data,
        out,
        work=work,
        clips=CLIPS if clips is None else clips,
        steps=STEPS if steps is None else steps,
        voice=voice,
        workers=workers,
        progress=progress,
    )
    card = card_path(out)
    content = {"path": str(out), "card": str(card), "scores": [asdict(one) for one in scores]}
    console.tell("result", content, f"{out}: fitted; its card is {card}")
