"""`mouthpiece evaluate ...`: how good a result or a network is, in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.console import Console, ItemProgress, as_json, print_event, print_out
from mouthpiece.apps.cli.flags import OVERWRITE
from mouthpiece.atomic_write import write_text
from mouthpiece.errors import InputError, OutputError, OutputExistsError
from mouthpiece.evaluation.options import EvaluationOptions, SeenOptions

CLIPS = typer.Option("--clips", help="Say r and lag of every clip, too.")

if TYPE_CHECKING:
    from mouthpiece.evaluation.motion import MotionScore
    from mouthpiece.evaluation.seen import Judge, SeenScore
    from mouthpiece.evaluation.sets import MotionSet


def motion(
    console: Console,
    *,
    options: EvaluationOptions,
    clips: Annotated[bool, CLIPS] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", show_default=False, help="Write the table there, as Markdown."),
    ] = None,
    yes: Annotated[bool, OVERWRITE] = False,
) -> None:
    """Score the motion networks: what they make of speech against what mouths really did.

    Prints a Markdown table, a row for each set of clips and network; docs/evaluation.md says what each column means.
    """
    _check_output(out, overwrite=yes)
    from mouthpiece.evaluation.motion import shipped_networks
    from mouthpiece.evaluation.report import score_table
    from mouthpiece.evaluation.sets import find_sets

    listener = _Listener(console, clips)
    given = {path.stem: path for path in options.weights}
    networks, missing = (given, []) if given else shipped_networks()
    with console.progress("measuring faces") as display:
        sets, notes = find_sets(options, progress=ItemProgress(display, "clips"))
    for note in missing + notes:
        listener.note(note)
    if not sets:
        raise InputError("found no clips to judge by; docs/evaluation.md says what --data takes")
    scores = [score for judged in sets for score in _scores(judged, networks, options, listener)]
    table = score_table(scores)
    if out is not None:
        write_text(out, table + "\n")
    listener.end(table, out)


@dataclass(frozen=True, slots=True)
class _Listener:
    """Who reads the scores, and in what detail."""

    console: Console
    clips: bool
    """Whether every clip is listed."""

    def note(self, line: str) -> None:
        """Print something that a reader of the table should know."""
        self.console.report("note", {"message": line}, f"mouthpiece: {line}")

    def score(self, score: MotionScore) -> None:
        """Print one row of the table, and what it is made of."""
        by_clip = {"by_clip": as_json(score.by_clip)} if self.clips else {}
        if self.console.json:
            print_event("score", as_json(score) | by_clip)
        elif self.clips:
            for clip in score.by_clip:
                who = " ".join(word for word in (clip.name, clip.language, clip.voice) if word)
                lag = "-" if clip.lag_frames is None else f"{clip.lag_frames:+d}"
                print_out(f"{score.corpus} {score.split} {score.network} {who}: r {clip.opening_r:.3f}, lag {lag}")

    def seen(self, score: SeenScore) -> None:
        """Print the score of one kind of mouth, and what it is made of."""
        by_clip = {"by_clip": as_json(score.by_clip)} if self.clips else {}
        if self.console.json:
            print_event("score", as_json(score) | by_clip)
        elif self.clips:
            for clip in score.by_clip:
                lag = "-" if clip.lag_frames is None else f"{clip.lag_frames:+d}"
                print_out(
                    f"{score.corpus} {score.split} {score.network} {score.view} {clip.name}: r {clip.opening_r:.3f}, "
                    f"width {clip.width_r:.3f}, lag {lag}, spread {clip.opening_spread:.2f}"
                )

    def end(self, table: str, out: Path | None) -> None:
        """Print the table."""
        if self.console.json:
            print_event("result", {"table": table, "path": str(out) if out else None})
        else:
            print_out(table)


def _scores(
    judged: MotionSet, networks: dict[str, Path], options: EvaluationOptions, listener: _Listener
) -> Iterator[MotionScore]:
    """Score every network on one set, printing each as it comes."""
    from mouthpiece.evaluation.motion import evaluate_motion

    for name, weights in networks.items():
        what = f"{judged.corpus} {judged.split}, {name}"
        with listener.console.progress(what) as display:
            score = evaluate_motion(
                judged.cache,
                judged.corpus,
                judged.split,
                weights=weights,
                intensity=options.intensity,
                limit=options.limit,
                network=name,
                progress=ItemProgress(display, "clips"),
            )
        if score:
            listener.score(score)
            yield score


def seen(
    console: Console,
    *,
    options: EvaluationOptions,
    seen_options: SeenOptions,
    clips: Annotated[bool, CLIPS] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", show_default=False, help="Write the tables there, as Markdown."),
    ] = None,
    yes: Annotated[bool, OVERWRITE] = False,
) -> None:
    """Score what is seen: clips are rendered anew, and the mouths in the pictures read and judged.

    Prints a Markdown table for each set of clips and network; docs/evaluation.md says what each row means.
    """
    _check_output(out, overwrite=yes)
    from mouthpiece.evaluation.judging import aligned_phones, learned_reader
    from mouthpiece.evaluation.seen import Judge
    from mouthpiece.evaluation.seen_report import seen_tables
    from mouthpiece.evaluation.sets import find_sets
    from mouthpiece.motion.network import WEIGHTS

    listener = _Listener(console, clips)
    networks = {path.stem: path for path in options.weights} or {"offline": WEIGHTS}
    with console.progress("measuring faces") as display:
        sets, notes = find_sets(options, progress=ItemProgress(display, "clips"))
    for line in notes:
        listener.note(line)
    if not sets:
        raise InputError("found no clips to judge by; docs/evaluation.md says what --data takes")
    reader = None
    if seen_options.reader is not None:
        with console.progress("measuring faces for the lip reader") as display:
            reader = learned_reader(seen_options.reader, options.cache, options.workers, ItemProgress(display, "clips"))
    scores: list[SeenScore] = []
    with aligned_phones(seen_options.language, listener.note) as find_phones:
        for judged in sets:
            for name, weights in networks.items():
                judge = Judge(seen_options, find_phones, reader, weights, name, options.intensity)
                scores += _seen_scores(judged, judge, listener)
    table = seen_tables(scores)
    if out is not None:
        write_text(out, table + "\n")
    listener.end(table, out)


def _seen_scores(judged: MotionSet, judge: Judge, listener: _Listener) -> Iterator[SeenScore]:
    """Score one set as one network's mouths are seen, printing each score as it comes."""
    from mouthpiece.evaluation.seen import evaluate_seen

    with listener.console.progress(f"{judged.corpus} {judged.split}, {judge.network}") as display:
        scores = evaluate_seen(judged, judge, note=listener.note, progress=ItemProgress(display, "clips"))
    for score in scores:
        listener.seen(score)
        yield score


def _check_output(out: Path | None, *, overwrite: bool) -> None:
    """Said before minutes go into a table that can't be kept.

    Raises:
        OutputError: there is no such folder.
        OutputExistsError: the file is there and may not be overwritten.
    """
    if out is not None and not out.parent.is_dir():
        raise OutputError(f"expected the folder {out.parent} to write {out.name} in, found none; make it first")
    if out is not None and out.exists() and not overwrite:
        raise OutputExistsError(f"{out} exists; give another name, or --yes to overwrite it")
