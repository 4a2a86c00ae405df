"""`mouthpiece train ...`: needs the extra `train`, and imports it only when a training starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.commands.prepare import prepare
from mouthpiece.apps.cli.commands.synthesise import synthesise
from mouthpiece.apps.cli.commands.train_teacher import teacher
from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.flags import command, group
from mouthpiece.training.options import TrainOptions


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    train = group(app, "train", "Train networks (extra 'train').")
    command(train, "prepare")(prepare)
    command(train, "synthesise")(synthesise)
    command(train, "teacher")(teacher)
    command(train, "motion")(motion)


def motion(
    console: Console,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", show_default=False, help="The main corpus: faces that speak.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", show_default=False, help="The network to write, .onnx.")
    ],
    *,
    options: TrainOptions,
) -> None:
    """Train the mesh engine's motion network.

    A run that was stopped goes on where it was when started again. Beside FILE come its basis and its model card.
    """
    from mouthpiece.training.motion.train import train_motion

    def log(line: str) -> None:
        console.tell("progress", {"message": line}, line)

    network = train_motion(data, out, options, log=log)
    card = network.with_suffix(".md")
    console.tell("result", {"path": str(network), "card": str(card)}, f"{network}: trained; its model card is {card}")
