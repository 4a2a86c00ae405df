"""`mouthpiece train ...`: the motion network, the phone teacher, and speech to train on, synthetic or real (extras)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console, ItemProgress, as_json
from mouthpiece.errors import MissingExtraError
from mouthpiece.training.options import AlignOptions, SyntheticOptions, TeacherOptions, TrainOptions


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

    network = train_motion(data, out, options, log=lambda line: console.report("progress", {"message": line}, line))
    card = network.with_suffix(".md")
    console.report("result", {"path": str(network), "card": str(card)}, f"{network}: trained; its model card is {card}")


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
        raise MissingExtraError("fitting a teacher", "train") from error
    from mouthpiece.training.teacher.train import train_teacher

    scores = train_teacher(data, out, options, log=lambda line: console.report("progress", {"message": line}, line))
    card = out.with_suffix(".md")
    content = {"path": str(out), "card": str(card), "scores": [asdict(one) for one in scores]}
    console.report("result", content, f"{out}: fitted; its card is {card}")


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


def align(
    console: Console,
    speech: Annotated[
        Path,
        typer.Argument(metavar="SPEECH", show_default=False, help="Folder of transcribed speech, with a manifest.csv."),
    ],
    out: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="Where to keep it; made if missing.")],
    *,
    options: AlignOptions,
) -> None:
    """Align real speech with its text, sound by sound, to train a mouth on (extras 'train' and 'speech').

    A run that was stopped goes on where it was when started again.
    """
    from mouthpiece.training.real_speech import align as real

    with console.progress("aligning") as display:

        def log(line: str) -> None:
            display.update(0, None, text=line, content={"message": line})

        report = real.align(speech, out, options, progress=ItemProgress(display, "lines"), log=log)
    if console.json:
        console.event("result", as_json(report))
        return
    for name, reason in report.skipped:
        console.note(f"left out {name}: {reason}")
    hours, kept, left_out = report.hours, report.kept, len(report.skipped)
    console.note(f"{out}: {report.made} lines aligned ({hours:.2f} hours), {kept} were there, {left_out} are left out")
