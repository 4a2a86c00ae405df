"""`mouthpiece train teacher`: fit the coarticulation model again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console
from mouthpiece.training.options import TeacherOptions


def teacher(
    console: Console,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", show_default=False, help="A corpus in GRID's layout, with words.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", show_default=False, help="The teacher to write, .npz.")
    ],
    *,
    options: TeacherOptions,
) -> None:
    """Fit what each phone does to lips and jaw on faces whose words are known (extras 'train' and 'speech').

    Beside FILE comes its card. The same data gives the same teacher.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        from mouthpiece.errors import MissingExtraError

        raise MissingExtraError("fitting a teacher", "train") from error
    from mouthpiece.training.teacher.train import train_teacher

    def log(line: str) -> None:
        console.tell("progress", {"message": line}, line)

    scores = train_teacher(data, out, options, log=log)
    card = out.with_suffix(".md")
    content = {"path": str(out), "card": str(card), "scores": [asdict(one) for one in scores]}
    console.tell("result", content, f"{out}: fitted; its card is {card}")
