"""Training the mesh engine's motion network.

    prepare_corpus -> fit_basis -> examples -> fit -> export -> score -> model card

One function, `train_motion`, goes through it; whatever is slow is kept in a working folder, so a run that was stopped
goes on where it was. Needs the extra `train`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.errors import InputError, MissingExtraError, OptionError
from mouthpiece.motion.basis import MOTION_RATE, MotionBasis, save_basis
from mouthpiece.motion.network import basis_path
from mouthpiece.motion.stream import LIVE_LOOK_AHEAD_S
from mouthpiece.types import SAMPLE_RATE

if TYPE_CHECKING:
    from mouthpiece.datasets.prepare import Recording
    from mouthpiece.evaluation.motion import MotionScore
    from mouthpiece.training.motion.examples import CurveMapping, Example, Targets

EXPORT_BLOCK = 32
"""Motion frames that the shipped network makes in one run: 0.64 s."""
LATENCIES = {"offline": 0.2, "live": 0.06}
"""By name, for files and for live speech: how much speech after a moment the network looks at, seconds. Live, 20 ms
more pass until the next motion frame is there: 80 ms together."""
VERSIONS_S, MOST_VERSIONS = 6700.0, 12
"""Further corpora get versions until they last so long, but no more than so many."""
SHARES = (0.4, 0.15, 0.45)
"""Share in a batch of the main corpus, of all further ones, of synthetic speech; scaled to 1 where one is missing."""
HABIT_CLIPS, HABIT_S = 40, 20
"""Clips of each corpus, and seconds of each, by which it is measured how far a network opens the mouth."""
SYNTHETIC = "synthetic"
"""Name of the corpus of synthetic speech."""
KNOWN_CITATIONS = {
    "grid": (
        'GRID corpus: M. Cooke, J. Barker, S. Cunningham, X. Shao, "The Grid Audio-Visual Speech Corpus" (1.0), '
        "Zenodo, 2006, doi 10.5281/zenodo.3625687, licence CC BY 4.0"
    ),
    "facegood": "FACEGOOD-Audio2Face, code/train/wav and code/train/bs_value, (c) FACEGOOD, MIT licence",
}
"""What a model card must cite, by the beginning of a corpus's name."""

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

- Of faces it has seen few: how far and how early somebody opens the mouth differs more between people than it can hear.
- What it knows of most languages it has from a phone teacher and synthetic voices.
- The mean of possible motions: smaller and smoother than a real mouth; the player spreads it over a lively one's range.
- Symmetrical; no tongue, no teeth, no expression.
"""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How to train."""

    more_corpora: tuple[Path, ...] = ()
    """Further folders to learn from (`--corpus`), of any known layout."""
    synthetic: Path | None = None
    """Folder that `mouthpiece train synthesise` filled: speech with known phones, taught by the phone teacher."""
    shares: tuple[float, ...] = ()
    """Share of each corpus in a batch: the main one, the further ones, the synthetic one; SHARES if empty."""
    score_on: tuple[Path, ...] = ()
    """Folders that nothing is learned from, scored for the model card."""
    steps: int = 9000
    batch: int = 16
    seconds: float = 2.0
    """Length of the sequences learned from."""
    learning_rate: float = 1.5e-3
    seed: int = 1
    versions: int = 4
    """Altered versions of the sound kept of each clip of the main corpus."""
    revoice: float = 0.75
    """Share of the altered versions that another voice speaks; more than 0 needs the extra `speech`."""
    dropout: float = 0.1
    splice: float = 0.5
    """Share of the sequences of further and synthetic corpora that are pieced together from several examples."""
    spread: float = 0.0
    """What moving less than the teacher counts in the loss; the player spreads the motion anyway."""
    latency: str = "offline"
    """One of LATENCIES."""
    look_ahead_s: float | None = None
    """How much speech after a moment the network may look at, if not as the latency has it."""
    channels: int = 144
    workers: int = 2
    """Processes and threads."""
    limit: int | None = None
    """Take only so many clips of each split (for trying things out)."""
    check_every: int = 250
    """Steps between two looks at the validation clips."""
    work: Path | None = None
    """Folder for the cache and checkpoints; a hidden one beside the output if not given."""
    progress: Callable[[str], None] = field(default=lambda _: None, compare=False)
    """Told in a line what goes on."""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            OptionError: a number makes no sense, or the shares don't fit the corpora.
        """
        if min(self.steps, self.batch, self.versions, self.channels, self.workers, self.check_every) < 1:
            raise OptionError("steps, batch, versions, channels, workers and check_every expect at least 1")
        corpora = 1 + len(self.more_corpora) + (self.synthetic is not None)
        if self.shares and len(self.shares) != corpora:
            raise OptionError(f"expected {corpora} shares (one a corpus), got {len(self.shares)}")
        if not (0 <= self.revoice <= 1 and 0 <= self.dropout < 1 and 0 <= self.splice <= 1):
            raise OptionError("revoice, dropout and splice expect shares from 0 to 1")
        if self.latency not in LATENCIES:
            raise OptionError(f"latency expects one of {', '.join(LATENCIES)}, got {self.latency!r}")
        if not 0.5 <= self.seconds <= 10:
            raise OptionError(f"seconds expects 0.5 to 10, got {self.seconds}")

    def ahead_s(self) -> float:
        """How much speech after a moment the network may look at."""
        return LATENCIES[self.latency] if self.look_ahead_s is None else self.look_ahead_s

    def all_shares(self) -> tuple[float, ...]:
        """Share of each corpus, the main one first, the synthetic one last."""
        if self.shares:
            return self.shares
        main, others, synthetic = SHARES
        count = len(self.more_corpora)
        return (main, *([others / count] * count if count else []), *([synthetic] if self.synthetic else []))


def train_motion(data: Path, out: Path, *, options: TrainOptions | None = None) -> Path:
    """Train a motion network and write it with its basis and model card.

    Args:
        data: the main corpus: faces (see `training.corpora` for the layouts). It defines the motion space.
        out: where the network goes, ending in .onnx; basis and card go beside it.
        options: how to train.

    Returns:
        `out`.

    Raises:
        MissingExtraError: torch, lightning or onnx is not installed.
        InputError: there is nothing to learn from.
        OptionError: an option or the output's name makes no sense.
    """
    options = options or TrainOptions()
    _require_extra()
    if out.suffix != ".onnx":
        raise OptionError(f"--out expects a file name that ends in .onnx, got {out.name}")
    from mouthpiece.training.motion.loop import averaged_network, fit, training_minutes
    from mouthpiece.training.motion.network import export_network
    from mouthpiece.training.motion.streaming import export_streaming

    work = options.work or out.with_name(f".{out.stem}-training")
    material = gather(data, work, options)
    network = averaged_network(fit(material, work / options.latency, options))
    out.parent.mkdir(parents=True, exist_ok=True)
    live = options.ahead_s() <= LIVE_LOOK_AHEAD_S
    geometry = export_streaming(network, out) if live else export_network(network, out, EXPORT_BLOCK)
    save_basis(material.basis, geometry, basis_path(out))
    _learn_habit(out, data, work, options)
    scores = score_network(out, data, work, options)
    trained_min = training_minutes(work / options.latency)
    made = f"commit {_commit()}, {datetime.now(UTC):%Y-%m-%d}; {trained_min:.0f} minutes of training"
    write_card(out, data, options, scores, made)
    return out


def _learn_habit(out: Path, data: Path, work: Path, options: TrainOptions) -> None:
    """Measure on training clips of every corpus how far the network opens the mouth, and keep it in the basis."""
    from mouthpiece.training.motion.opening_range import keep_opening_range, measure_opening_range

    places = [(work / "corpora", folder.name) for folder in (data, *options.more_corpora)]
    if options.synthetic:
        places.append((options.synthetic, SYNTHETIC))
    clips = [clip for cache, corpus in places for clip in _load(cache, corpus, "train", HABIT_CLIPS)]
    try:
        keep_opening_range(out, measure_opening_range(out, (clip.samples[: HABIT_S * SAMPLE_RATE] for clip in clips)))
    except InputError as error:
        options.progress(f"{error}; the usual range is taken")


def _require_extra() -> None:
    """Raise MissingExtraError unless the training libraries are there."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("torch", "lightning", "onnx")):
        raise MissingExtraError("training", "train")


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that training looks at."""

    basis: MotionBasis
    corpora: tuple[tuple[Example, ...], ...]
    """Training examples by corpus, the main one first."""
    validation: dict[str, tuple[Example, ...]]
    """Unaltered validation examples by corpus."""
    chosen_on: tuple[str, ...]
    """The corpora of free speech and of synthetic voices, on which the best moment of a training is chosen."""
    phones: int
    """How many phones the examples tell apart."""


def gather(data: Path, work: Path, options: TrainOptions) -> Material:
    """Prepare the corpora, fit the motion space, make the examples."""
    from mouthpiece.datasets.motion_space import fit_basis, measure_motion
    from mouthpiece.datasets.prepare import prepare_corpus

    cache = work / "corpora"
    for folder in (data, *options.more_corpora):
        options.progress(f"measuring the clips of {folder.name}")
        report = prepare_corpus(folder, cache, workers=options.workers, limit=options.limit)
        for name, reason in report.skipped:
            options.progress(f"left out {name}: {reason}")
    main = _load(cache, data.name, "train", options.limit)
    if any(clip.landmarks is None for clip in main):
        raise OptionError(f"the main corpus must show faces, {data.name} holds no landmarks; give it with --corpus")
    options.progress(f"fitting the motion space to {len(main)} clips")
    basis = fit_basis([measure_motion(clip) for clip in main])
    teacher = _Teacher(basis, main)
    corpora = [tuple(_examples(main, teacher, options.versions, options, work))]
    validation = {data.name: _unaltered(cache, data.name, teacher, options)}
    for folder in options.more_corpora:
        clips = _load(cache, folder.name, "train", options.limit)
        teacher.learn_rig(clips)
        # A corpus of few minutes gets more versions, so that none is seen too often.
        seconds = sum(len(clip.samples) for clip in clips) / SAMPLE_RATE
        count = max(options.versions, min(MOST_VERSIONS, int(VERSIONS_S / max(1.0, seconds))))
        corpora.append(tuple(_examples(clips, teacher, count if options.limit is None else 2, options, work)))
        validation[folder.name] = _unaltered(cache, folder.name, teacher, options)
    if options.synthetic:
        clips = _load(options.synthetic, SYNTHETIC, "train", options.limit)
        teacher.learn_phones(clips)
        # Every utterance is another voice in another place already.
        corpora.append(tuple(_examples(clips, teacher, 1, options, work)))
        validation[SYNTHETIC] = _unaltered(options.synthetic, SYNTHETIC, teacher, options)
    validation = {name: clips for name, clips in validation.items() if clips}
    chosen_on = tuple(name for name in validation if name != data.name) or (data.name,)
    return Material(basis, tuple(corpora), validation, chosen_on, len(teacher.phones))


def _load(cache: Path, corpus: str, split: str, limit: int | None) -> list[Recording]:
    from mouthpiece.datasets.prepare import load_corpus

    return load_corpus(cache, corpus, split, limit)


class _Teacher:
    """Targets for any recording, whatever kind of teacher it brings."""

    def __init__(self, basis: MotionBasis, faces: Sequence[Recording]) -> None:
        from mouthpiece.training.motion.examples import face_targets

        self._basis = basis
        self._faces = [face_targets(face, basis) for face in faces[:200]]
        self._mapping: dict[str, CurveMapping] = {}
        self.phones: dict[str, int] = {}
        """Number of each phone that is told apart, from 1 on."""

    def learn_rig(self, clips: Sequence[Recording]) -> None:
        """Find out how a rig's curves compare with measured faces."""
        from mouthpiece.training.motion.examples import fit_curve_mapping

        rigs = [clip for clip in clips if clip.landmarks is None]
        if rigs:
            self._mapping[rigs[0].corpus] = fit_curve_mapping(rigs, self._faces)

    def learn_phones(self, clips: Sequence[Recording]) -> None:
        """Number the phones that are often said."""
        from mouthpiece.training.motion.examples import common_phones

        self.phones = common_phones(clips)

    def targets(self, recording: Recording) -> Targets:
        """What a recording should look like."""
        from mouthpiece.training.motion.examples import curve_targets, face_targets, phone_targets

        if recording.landmarks is not None:
            return face_targets(recording, self._basis)
        if recording.curves:
            return curve_targets(recording, self._mapping[recording.corpus], self._basis.size)
        return phone_targets(recording, self._basis, self.phones)


def _examples(
    clips: Sequence[Recording], teacher: _Teacher, count: int, options: TrainOptions, work: Path
) -> list[Example]:
    """Versions of all clips; kept in the working folder, for they take minutes."""
    from mouthpiece.training.motion.examples import EXAMPLES_VERSION, load_examples, make_examples, save_examples

    told = [[clip.name for clip in clips], count, options.seed, options.revoice, clips[0].corpus, EXAMPLES_VERSION]
    path = work / f"examples-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]}.npz"
    if path.is_file():
        return load_examples(path)

    def progress(done: int) -> None:
        if done % 100 == 0:
            options.progress(f"sounds of {clips[0].corpus}: {done} of {len(clips)}")

    jobs = [(clip, teacher.targets(clip), count, options.seed, options.revoice) for clip in clips]
    made = make_examples(jobs, options.workers, progress)
    save_examples(made, path)
    return made


def _unaltered(cache: Path, corpus: str, teacher: _Teacher, options: TrainOptions) -> tuple[Example, ...]:
    """Validation clips as they are; none if the corpus has none."""
    from mouthpiece.training.motion.examples import versions

    try:
        clips = _load(cache, corpus, "val", options.limit)
    except InputError:
        return ()
    return tuple(example for clip in clips for example in versions(clip, teacher.targets(clip), 1, options.seed))


def _commit() -> str:
    """The commit that this code is at, or 'unknown' outside a checkout."""
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


def card_path(network: Path) -> Path:
    """Where a network's model card lies: beside it."""
    return network.with_suffix(".md")


def score_network(out: Path, data: Path, work: Path, options: TrainOptions) -> list[MotionScore]:
    """Score a network on the held-out clips of its corpora, and on all clips of the corpora it should be scored on."""
    from mouthpiece.datasets.prepare import prepare_corpus
    from mouthpiece.evaluation.motion import evaluate_motion

    cache = work / "corpora"
    for folder in options.score_on:
        prepare_corpus(folder, cache, workers=options.workers, limit=options.limit)
    places = [(cache, folder.name) for folder in (data, *options.more_corpora, *options.score_on)]
    if options.synthetic:
        places.append((options.synthetic, SYNTHETIC))
    return [
        score
        for place, corpus in places
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
    from mouthpiece.evaluation.motion import score_table

    corpora = [folder.name for folder in (data, *options.more_corpora)]
    cited = [text for start, text in KNOWN_CITATIONS.items() if any(name.startswith(start) for name in corpora)]
    if options.synthetic:
        corpora.append(f"{SYNTHETIC} speech with known phones (espeak-ng, flite), taught by the phone teacher")
    settings = {name: value for name, value in asdict(options).items() if name not in ("progress", "work")}
    settings |= {name: [folder.name for folder in getattr(options, name)] for name in ("more_corpora", "score_on")}
    settings["synthetic"] = options.synthetic.name if options.synthetic else None
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
    card_path(out).write_text(text, encoding="utf-8")
