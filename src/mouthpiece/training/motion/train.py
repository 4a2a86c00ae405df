"""Training the mesh engine's motion network.

    gather -> fit -> export -> score -> model card

One function, `train_motion`, goes through it; whatever is slow is kept in a working folder, so a run that was stopped
goes on where it was. Needs the extra `train`.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import load_corpus
from mouthpiece.errors import InputError, MissingExtraError, OptionError
from mouthpiece.evaluation.motion import MotionScore, evaluate_motion
from mouthpiece.evaluation.report import score_table
from mouthpiece.motion.basis import MOTION_RATE, save_basis
from mouthpiece.motion.network import basis_path
from mouthpiece.motion.stream import LIVE_LOOK_AHEAD_S
from mouthpiece.training.motion.material import Log, gather
from mouthpiece.training.motion.ranges import keep_ranges, measure_ranges
from mouthpiece.training.options import SYNTHETIC, TrainOptions
from mouthpiece.training.real_speech.citations import cited_sources
from mouthpiece.types import SAMPLE_RATE

EXPORT_BLOCK = 32
"""Motion frames that the shipped network makes in one run: 0.64 s."""
EAR_EXPORT_BLOCK = 40
"""The same of a network with an ear, which works through 0.8 s more a run: 0.8 s."""
RANGE_CLIPS, RANGE_S = 40, 20
"""Clips of each corpus, and seconds of each, by which it is measured how far a network opens the mouth."""
KNOWN_CITATIONS = {
    "grid": (
        'GRID corpus: M. Cooke, J. Barker, S. Cunningham, X. Shao, "The Grid Audio-Visual Speech Corpus" (1.0), '
        "Zenodo, 2006, doi 10.5281/zenodo.3625687, licence CC BY 4.0"
    ),
    "facegood": "FACEGOOD-Audio2Face, code/train/wav and code/train/bs_value, (c) FACEGOOD, MIT licence",
}
"""What a model card must cite, by the beginning of a corpus's name."""

EAR_CITATION = (
    "the ear, a part of this network as it is: the first three blocks of the phone recogniser in hama 1.7.0 (Seongmin "
    "Park; Apache-2.0 by the metadata of its wheel, whose sha256 is in tools/make_ear.py). What it was trained on is "
    "documented nowhere; that recordings of the scores below were in it can't be excluded"
)

CARD = """# Model card: {name}

Speech to mouth motion for mouthpiece's mesh engine: log-mel in; coefficients of lower-face displacement ({basis}),
speech activity and lip closure out, at {rate} frames a second.

- Made by `mouthpiece train motion`, {made}.
- Corpora (their train splits): {corpora}.
- Settings: `{settings}`.
- Licence: Apache-2.0, as the rest of mouthpiece; size {size} MB.

## Data to cite

{citations}

## Scores

Against what was measured, beside the energy envelope; *bare network* is without gate and range, all else is as the
engine plays it. docs/evaluation.md says what each column means.

{table}

## Limits

- Trained on few faces: how far and how early somebody opens the mouth differs more between people than between sounds.
- Most languages come from the coarticulation model and synthetic voices.
- The mean of possible motions: smaller and smoother than a real mouth; the player spreads it over a lively one's range.
- Symmetrical; no tongue, no teeth, no expression.
"""


def train_motion(data: Path, out: Path, options: TrainOptions | None = None, *, log: Log = lambda _line: None) -> Path:
    """Train a motion network and write it with its basis and model card.

    Args:
        data: the main corpus: faces (see `datasets.layouts`). It defines the motion space.
        out: where the network goes, ending in .onnx; basis and card go beside it.
        options: how to train.
        log: called with a line of text now and then.

    Returns:
        `out`.

    Raises:
        MissingExtraError: torch, lightning or onnx is not installed.
        InputError: there is nothing to learn from.
        OptionError: an option or the output's name makes no sense.
    """
    options = options or TrainOptions()
    if any(importlib.util.find_spec(name) is None for name in ("torch", "lightning", "onnx")):
        raise MissingExtraError("training", "train")
    if out.suffix != ".onnx":
        raise OptionError(f"--out expects a file name that ends in .onnx, got {out.name}")
    live = options.ahead_s() <= LIVE_LOOK_AHEAD_S
    if live and options.ear is not None:
        raise OptionError("--ear expects a network for files: it looks too far ahead for live speech")
    from mouthpiece.training.motion.loop import averaged_network, fit, training_minutes
    from mouthpiece.training.motion.network import export_network
    from mouthpiece.training.motion.streaming import export_streaming

    work = options.work or out.with_name(f".{out.stem}-training")
    material = gather(data, work, options, log)
    network = averaged_network(fit(material, work / options.latency, options, log))
    out.parent.mkdir(parents=True, exist_ok=True)
    block = EXPORT_BLOCK if options.ear is None else EAR_EXPORT_BLOCK
    geometry = export_streaming(network, out) if live else export_network(network, out, block)
    save_basis(material.basis, geometry, basis_path(out))
    _keep_ranges(out, data, work, options, log)
    scores = score_network(out, data, work, options)
    trained_min = training_minutes(work / options.latency)
    made = f"commit {_commit()}, {datetime.now(UTC):%Y-%m-%d}; {trained_min:.0f} minutes of training"
    write_card(out, data, options, scores, made)
    return out


def _places(folders: Sequence[Path], work: Path, options: TrainOptions) -> list[tuple[Path, str]]:
    """List (cache, corpus) of prepared folders, speech without faces last."""
    return [*((work / "corpora", folder.name) for folder in folders), *options.spoken()]


def _keep_ranges(out: Path, data: Path, work: Path, options: TrainOptions, log: Log) -> None:
    """Measure on training clips of every corpus how far the network moves the mouth, and keep it in the basis."""
    places = _places((data, *options.more_corpora), work, options)
    clips = [clip for cache, corpus in places for clip in load_corpus(cache, corpus, "train", RANGE_CLIPS)]
    try:
        keep_ranges(out, *measure_ranges(out, (clip.samples[: RANGE_S * SAMPLE_RATE] for clip in clips)))
    except InputError as error:
        log(f"{error}; the usual ranges are taken")


def _commit() -> str:
    """Return the commit that this code is at, or 'unknown' outside a checkout."""
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def score_network(out: Path, data: Path, work: Path, options: TrainOptions) -> list[MotionScore]:
    """Score a network on the held-out clips of its corpora, and on all clips of the corpora it should be scored on."""
    for folder in options.score_on:
        prepare_corpus(folder, work / "corpora", PrepareOptions(workers=options.workers, limit=options.limit))
    return [
        score
        for place, corpus in _places((data, *options.more_corpora, *options.score_on), work, options)
        for split in ("val", "test", "unseen")
        if (score := evaluate_motion(place, corpus, split, weights=out, limit=options.limit, network=options.latency))
    ]


def write_card(out: Path, data: Path, options: TrainOptions, scores: Sequence[MotionScore], made: str) -> None:
    """Write a network's model card beside it.

    Args:
        out: the network.
        data: the main corpus.
        options: how it was trained.
        scores: what it reached.
        made: when, from what, how long it took.
    """
    corpora = [folder.name for folder in (data, *options.more_corpora)]
    cited = [text for start, text in KNOWN_CITATIONS.items() if any(name.startswith(start) for name in corpora)]
    if options.synthetic:
        corpora.append(f"{SYNTHETIC} speech with known phones (espeak-ng), taught by the coarticulation model")
    if options.speech:
        corpora.append("real speech whose phones were aligned, taught by the coarticulation model")
        cited += [
            f"{source.source}: {source.recordings} recordings, {source.speakers} speakers "
            f"({', '.join(source.languages)}), {source.licence}"
            for source in cited_sources(options.speech)
        ]
    if options.ear:
        cited.append(EAR_CITATION)
    settings = {name: value for name, value in asdict(options).items() if name != "work"}
    settings |= {name: [folder.name for folder in getattr(options, name)] for name in ("more_corpora", "score_on")}
    for name, path in (("synthetic", options.synthetic), ("speech", options.speech), ("ear", options.ear)):
        settings[name] = path.name if path else None
    citations = "\n".join(f"- {text}" for text in cited) or "- your own; write it here before you pass the network on."
    text = CARD.format(
        name=out.name,
        basis=basis_path(out).name,
        rate=MOTION_RATE,
        made=made,
        corpora=", ".join(corpora),
        settings=json.dumps(settings),
        size=f"{out.stat().st_size / 1e6:.1f}",
        citations=citations,
        table=score_table(scores),
    )
    out.with_suffix(".md").write_text(text, encoding="utf-8")
