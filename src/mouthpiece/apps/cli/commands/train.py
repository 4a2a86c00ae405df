"""`mouthpiece train ...`: needs the extra `train`, and imports it only when a training starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mouthpiece.apps.cli.commands.prepare import prepare
from mouthpiece.apps.cli.commands.synthesise import synthesise
from mouthpiece.apps.cli.commands.train_teacher import teacher
from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.flags import command, group


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
    corpus: Annotated[
        list[Path] | None, typer.Option("--corpus", metavar="DIR", help="A further corpus; may be given several times.")
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option("--share", help="Share of each corpus in a batch, the main one first; given once a corpus."),
    ] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option("--synthetic", metavar="DIR", help="What `mouthpiece train synthesise` made, to learn from too."),
    ] = None,
    score_on: Annotated[
        list[Path] | None,
        typer.Option("--score-on", metavar="DIR", help="A corpus only for the model card's scores; several times."),
    ] = None,
    latency: Annotated[
        str | None, typer.Option("--latency", metavar="offline|live", help="For files, or for live speech.")
    ] = None,
    revoice: Annotated[
        float | None, typer.Option("--revoice", help="Share of altered versions that another voice speaks, 0 to 1.")
    ] = None,
    splice: Annotated[
        float | None, typer.Option("--splice", help="Share of sequences pieced together from several clips, 0 to 1.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps of training.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Sequences in a step.")] = None,
    channels: Annotated[int | None, typer.Option("--channels", help="Width of the network.")] = None,
    look_ahead: Annotated[
        float | None, typer.Option("--look-ahead", metavar="SECONDS", help="Speech after a moment that it may hear.")
    ] = None,
    versions: Annotated[
        int | None, typer.Option("--versions", help="Altered versions of each clip's sound to learn from.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="CLIPS", help="Take only so many clips, to try things out.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes and threads.")] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", metavar="DIR", help="Cache and checkpoints; a hidden folder beside FILE if not given."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed repeats a training.")] = None,
) -> None:
    """Train the mesh engine's motion network.

    A run that was stopped goes on where it was when started again. Beside FILE come its basis and its model card.
    """
    from mouthpiece.training.motion.train import TrainOptions, card_path, train_motion

    def progress(line: str) -> None:
        console.tell("progress", {"message": line}, line)

    given: dict[str, Any] = {
        "more_corpora": tuple(corpus) if corpus else None,
        "shares": tuple(share) if share else None,
        "synthetic": synthetic,
        "score_on": tuple(score_on) if score_on else None,
        "latency": latency,
        "revoice": revoice,
        "splice": splice,
        "steps": steps,
        "batch": batch,
        "channels": channels,
        "look_ahead_s": look_ahead,
        "versions": versions,
        "limit": limit,
        "workers": workers,
        "work": work,
        "seed": seed,
    }
    # What isn't given stays as the library has it.
    options = TrainOptions(progress=progress, **{name: value for name, value in given.items() if value is not None})
    network = train_motion(data, out, options=options)
    card = card_path(network)
    console.tell("result", {"path": str(network), "card": str(card)}, f"{network}: trained; its model card is {card}")
