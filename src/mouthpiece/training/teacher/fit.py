"""Fits the phone -> mouth teacher (engines/mesh/articulation.py) on measured faces whose words are known.

    clips --align_phones--> phones --fit_teacher--> targets, dominances --corrected--> ArticulationModel, and its card

What one speaker of one accent shows, within fifty words, is joined with what articulatory phonetics says of every
phone: `expected_readings` for targets, `expected_dominance` for what a sound insists on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mouthpiece.datasets.prepare import Recording, load_corpus, prepare_corpus
from mouthpiece.datasets.rig import CLOSED_BELOW, OPEN_ABOVE
from mouthpiece.errors import InputError, MissingExtraError, OptionError
from mouthpiece.motion.coarticulation import (
    LEAST_FADING,
    NEIGHBOURS,
    CoarticulationModel,
    CoarticulationWeights,
    core_distance,
    lay_out,
    save_model,
)
from mouthpiece.motion.phonetics import FEATURES, Part, all_letters, features, parse
from mouthpiece.motion.stream import MOTION_RATE, MotionBasis
from mouthpiece.training.motion.examples import Targets, face_targets
from mouthpiece.training.teacher.alignment import align_phones
from mouthpiece.training.teacher.articulatory import (
    MARKED,
    NAMED,
    PROTRUSION,
    WIDTH,
    directions_of,
    expected_dominance,
    expected_readings,
    reading_rows,
)
from mouthpiece.types import FloatArray, Phone

CORRECTED = 0.6
"""How far, from what the speaker did to what phonetics expects, the named readings of a letter's target go in the end.
One speaker of one accent is no measure of what tells phones apart: his uː, say, is hardly rounded."""
FADING = 26.0
"""How fast dominance fades where the faces don't say otherwise, 1/s."""
CLIPS = 300
"""Clips to learn from."""
STEPS = 220
RATE, BETAS = 0.05, (0.9, 0.98)
"""Of gradient descent (Adam)."""
EXPECTED_UNIT = 0.01
"""Canonical units; a reading so far from what phonetics expects costs one."""
EXPECTED_WEIGHT = 5e-4
"""How much that costs beside the error on faces, for a letter that was met on faces."""
UNMET_WEIGHT = 4e-3
"""The same, for a letter that was not."""
LETTER_LEAST = 15
"""A letter counts as met on faces if it occurs so often."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A recording as the fit sees it."""

    phones: tuple[Phone, ...]
    targets: Targets


@dataclass(frozen=True, slots=True)
class _Frames:
    """All frames that the fit looks at, B = 2 * NEIGHBOURS + 1 parts around each."""

    rows: Tensor
    """(N, B) row of the parts."""
    exists: Tensor
    """(N, B) 0 or 1."""
    distance: Tensor
    """(N, B) s."""
    side: Tensor
    """(N, B) 0 or 1."""
    wanted: Tensor
    """(N, D)."""
    weight: Tensor
    """(N,)."""


def _frames(taught: Sequence[Taught], directions: FloatArray) -> tuple[_Frames, FloatArray, list[str]]:
    """Frames, features (parts, F) and letters of all parts."""
    columns: tuple[list[np.ndarray], ...] = ([], [], [], [])
    wanted: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    every: list[Part] = []
    for one in taught:
        line = lay_out(one.phones)
        time_s = np.arange(one.targets.frames) / MOTION_RATE
        on = np.flatnonzero((one.targets.activity > 0.5) & (one.targets.shape_weight > 0))
        own = np.clip(np.searchsorted(line.end_s, time_s[on], side="right"), 0, len(line.parts) - 1)
        block: tuple[list[np.ndarray], ...] = ([], [], [], [])
        for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
            row = np.clip(own + step, 0, len(line.parts) - 1)
            # Before the first word and after the last silence is full up to the sounds: how early the mouth opens to
            # breathe is not theirs to explain.
            endless = (row == 0) | (row == len(line.parts) - 1)
            distance, side = core_distance(line, row, time_s[on], np.where(endless, 0.0, np.inf))
            for kept, value in zip(
                block, (row + len(every), (row == own + step).astype(np.float32), distance, side), strict=True
            ):
                kept.append(value)
        for kept, value in zip(columns, block, strict=True):
            kept.append(np.stack(value, axis=1))
        wanted.append(one.targets.coefficients[on] @ directions.T)
        weights.append(one.targets.shape_weight[on])
        every.extend(line.parts)

    def tensor(pieces: list[np.ndarray], dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(np.concatenate(pieces)).to(dtype)

    frames = _Frames(
        tensor(columns[0], torch.long),
        tensor(columns[1], torch.float32),
        tensor(columns[2], torch.float32),
        tensor(columns[3], torch.long),
        tensor(wanted, torch.float32),
        tensor(weights, torch.float32),
    )
    return frames, features(every), [part.letter for part in every]


class _Learnt:
    """What the fit looks for: F features, L letters and one more for none, D directions."""

    def __init__(self, letters: int, leaning: Tensor) -> None:
        count, size = leaning.shape
        self.target = torch.zeros(count, size, requires_grad=True)
        self.letter = torch.zeros(letters + 1, size, requires_grad=True)
        self.dominance = leaning.clone().requires_grad_(True)
        self.fading = _usual_fading(size).requires_grad_(True)

    def optimiser(self) -> torch.optim.Optimizer:
        """One that moves them, fading faster than the others."""
        slow = [self.target, self.letter, self.dominance]
        return torch.optim.Adam([{"params": slow, "lr": RATE}, {"params": [self.fading], "lr": 8 * RATE}], betas=BETAS)

    def made(self, frames: _Frames, x: Tensor, identity: Tensor) -> Tensor:
        """(N, D) what the frames come out as; `x` (parts, F), `identity` (parts,)."""
        own = self.letter[identity] * (identity < len(self.letter) - 1)[:, None]
        goal = (x @ self.target + own) * (1 - x[:, :1])
        fading = LEAST_FADING + torch.nn.functional.softplus(torch.einsum("nf,fsd->nsd", x, self.fading))
        return _blended(frames, goal, x @ self.dominance, fading)

    def model(self, basis: MotionBasis, directions: FloatArray, letters: tuple[str, ...]) -> CoarticulationWeights:
        """As it is kept; silence is rest."""

        def array(values: Tensor) -> FloatArray:
            return np.array(values.detach().numpy(), dtype=np.float32)

        target = array(self.target)
        target[0] = 0
        return CoarticulationWeights(
            components=basis.components,
            directions=directions,
            target=target,
            dominance=array(self.dominance),
            fading=array(self.fading),
            letters=letters,
            letter_target=array(self.letter)[:-1],
        )


def _usual_fading(size: int) -> Tensor:
    """(F, 2, D) of sounds and silence alike."""
    fading = torch.zeros(len(FEATURES), 2, size)
    fading[[FEATURES.index(name) for name in ("silence", "vowel", "consonant")]] = FADING - LEAST_FADING
    return fading


class _Expectations:
    """What being far from phonetics costs."""

    def __init__(
        self, letters: tuple[str, ...], counts: Counter[str], basis: MotionBasis, directions: FloatArray
    ) -> None:
        parts = [parse(symbol)[0] for symbol in (*letters, *MARKED)]
        rows = reading_rows(basis)
        self._x = torch.from_numpy(features(parts))
        self._identity = torch.tensor([letters.index(part.letter) for part in parts])
        self._expected = torch.from_numpy(np.stack([expected_readings(part) for part in parts]))
        self._readings = torch.from_numpy((directions @ rows.T).astype(np.float32))  # (D, R)
        met = torch.tensor([counts[part.letter] >= LETTER_LEAST for part in parts])
        self._weight = torch.where(met, EXPECTED_WEIGHT, UNMET_WEIGHT)[:, None].repeat(1, len(rows))
        self._weight[:, NAMED:] *= torch.tensor([part.dental_lip for part in parts])[:, None]
        # Directions without a name say little: what the speaker's face adds to them is kept small.
        self._stiffness = torch.full((basis.size,), 6e-4)
        self._stiffness[:NAMED] = 6e-5
        self._firmness = torch.full((len(FEATURES), basis.size), 6e-4)
        # What the speaker hardly does (rounding, protruding) says nothing about how strongly others insist on it.
        self._firmness[:, [WIDTH, PROTRUSION]] = 3e-3
        # These occur beside the same few sounds throughout a small vocabulary (please, place, blue): what follows from
        # them is the neighbours'.
        self._firmness[[FEATURES.index(name) for name in ("lateral", "dental", "rhotic")]] = 5e-3
        self._fading = _usual_fading(basis.size)
        self.leaning = torch.from_numpy(expected_dominance(basis.size))

    def cost(self, learnt: _Learnt) -> Tensor:
        """Of targets, dominances and fading."""
        off = (self._x @ learnt.target + learnt.letter[self._identity]) @ self._readings - self._expected
        size = (self._stiffness * ((learnt.target**2).sum(0) + 4 * (learnt.letter**2).sum(0))).sum()
        dominance = (self._firmness * (learnt.dominance - self.leaning) ** 2).sum()
        fading = 1.5e-5 * ((learnt.fading - self._fading) ** 2).sum()
        return (self._weight * (off / EXPECTED_UNIT) ** 2).sum() + size + dominance + fading


def fit_teacher(
    taught: Sequence[Taught],
    basis: MotionBasis,
    *,
    steps: int = STEPS,
    progress: Callable[[str], None] | None = None,
) -> CoarticulationWeights:
    """Find targets and dominances that come near to measured faces and to what phonetics expects.

    Args:
        taught: recordings.
        basis: the motion space of their targets.
        steps: of gradient descent, over all frames each.
        progress: called with a line of text now and then.
    """
    directions = directions_of(basis)
    frames, rows, said = _frames(taught, directions)
    letters = all_letters()
    expectations = _Expectations(letters, Counter(said), basis, directions)
    x = torch.from_numpy(rows)
    identity = torch.tensor([letters.index(letter) if letter in letters else len(letters) for letter in said])
    # How much of the face a direction moves.
    moved = np.sqrt((np.tensordot(directions, basis.components, axes=1) ** 2).sum(axis=(1, 2)))
    energy = torch.from_numpy((moved / moved.max()).astype(np.float32) ** 2)
    learnt = _Learnt(len(letters), expectations.leaning)
    optimiser = learnt.optimiser()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / steps, 0.0) ** 0.5)
    for step in range(steps):
        made = learnt.made(frames, x, identity)
        error = ((made - frames.wanted) ** 2 * frames.weight[:, None]).sum(0) / frames.weight.sum()
        loss = (error * energy).sum() + expectations.cost(learnt)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if progress and step % 50 == 49:
            progress(f"step {step + 1} of {steps}: {float(loss.detach()):.4f}")
    return corrected(learnt.model(basis, directions, letters), basis)


def corrected(model: CoarticulationWeights, basis: MotionBasis, share: float = CORRECTED) -> CoarticulationWeights:
    """A teacher whose letters' named readings lie nearer to what phonetics expects."""
    parts = [parse(letter)[0] for letter in model.letters]
    readings = (reading_rows(basis) @ model.directions.T)[:NAMED, :NAMED].astype(np.float64)  # lower triangular
    now = model.targets(parts)[:, :NAMED] @ readings.T
    wanted = np.stack([expected_readings(part)[:NAMED] for part in parts])
    moved = model.letter_target.copy()
    moved[:, :NAMED] += np.linalg.solve(readings, (share * (wanted - now)).T).T
    return replace(model, letter_target=moved)


def _blended(frames: _Frames, goal: Tensor, insistence: Tensor, fading: Tensor) -> Tensor:
    """The same as articulation.blend, for the fit: (N, D)."""
    above: Tensor | float = 0.0
    below: Tensor | float = 1e-9
    for k in range(frames.rows.shape[1]):
        row = frames.rows[:, k]
        exponent = insistence[row] - frames.distance[:, k : k + 1].clamp(max=3) * fading[row, frames.side[:, k]]
        weight = torch.exp(exponent.clamp(-30, 30)) * frames.exists[:, k : k + 1]
        above = above + weight * goal[row]
        below = below + weight
    return above / below  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class TeacherScore:
    """How near a teacher comes to the faces of a split, given their aligned phones. Means over clips of Pearson's r."""

    split: str
    clips: int
    opening_r: float
    """Over the whole clip."""
    opening_r_speaking: float
    """The same over the frames in which somebody speaks; so are the others."""
    width_r: float
    jaw_r: float
    closure_auc: float
    """Of telling touching lips from open ones by the opening, all clips together."""
    spread_ratio: float
    """Standard deviation of the taught opening over the measured one's."""


def score_teacher(teacher: CoarticulationModel, split: str, taught: Sequence[Taught]) -> TeacherScore:
    """Compare a teacher's motion with measured faces."""
    basis = teacher.basis
    rows: list[tuple[float, ...]] = []
    scores: list[np.ndarray] = []
    closed: list[np.ndarray] = []
    for one in taught:
        motion, targets = teacher.motion(one.phones, one.targets.frames), one.targets
        on = targets.activity > 0.5
        jaw = basis.jaw_weights
        rows.append(
            (
                _r(motion.opening, targets.opening),
                _r(motion.opening[on], targets.opening[on]),
                _r((motion.coefficients @ basis.width_weights)[on], targets.width[on]),
                _r((motion.coefficients @ jaw)[on], (targets.coefficients @ jaw)[on]),
                float(motion.opening[on].std() / targets.opening[on].std()),
            )
        )
        sure = on & ((targets.opening < CLOSED_BELOW) | (targets.opening > OPEN_ABOVE))
        scores.append(-motion.opening[sure])
        closed.append(targets.opening[sure] < CLOSED_BELOW)
    means = [float(value) for value in np.nanmean(np.array(rows), axis=0)]
    auc = _auc(np.concatenate(scores), np.concatenate(closed))
    return TeacherScore(
        split,
        len(taught),
        opening_r=means[0],
        opening_r_speaking=means[1],
        width_r=means[2],
        jaw_r=means[3],
        closure_auc=auc,
        spread_ratio=means[4],
    )


def _r(a: FloatArray, b: FloatArray) -> float:
    if len(a) < 3 or a.std() < 1e-9 or b.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _auc(scores: np.ndarray, wanted: np.ndarray) -> float:
    """Area under the receiver's curve by ranks (Mann & Whitney); NaN where one kind is missing."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    positive = int(wanted.sum())
    negative = len(wanted) - positive
    if not positive or not negative:
        return float("nan")
    return float((ranks[wanted].sum() - positive * (positive + 1) / 2) / (positive * negative))


def card_path(out: Path) -> Path:
    """Where the card of a teacher lies: beside it."""
    return out.with_suffix(".md")


def train_teacher(
    data: Path,
    out: Path,
    *,
    work: Path | None = None,
    clips: int = CLIPS,
    steps: int = STEPS,
    voice: str = "en-gb",
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> list[TeacherScore]:
    """Fit a teacher on a corpus of faces whose words are known and write it, with its card beside it.

    Args:
        data: the corpus, in GRID's layout.
        out: the file to write, .npz.
        work: folder whose `corpora` holds prepared clips; beside `out` if not given.
        clips: at most so many clips to learn from, by name.
        steps: of the fit.
        voice: espeak-ng's language code of what is said.
        workers: processes to measure clips with.
        progress: called with a line of text now and then.

    Returns:
        Its scores on the splits that it has not learnt from, and on the one that it has.

    Raises:
        OptionError: the clips show no faces or have no words, or a number makes no sense.
        MissingExtraError: espeak-ng is not installed.
        InputError: there is nothing to learn from.
    """
    if out.suffix != ".npz":
        raise OptionError(f"expected a file name that ends in .npz, got {out.name}")
    if clips < 1 or steps < 1:
        raise OptionError(f"expected at least one clip and one step, got {clips} and {steps}")
    try:
        from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
    except ImportError as error:
        raise MissingExtraError("aligning phones", "speech") from error

    say = progress or (lambda line: None)
    work = work or out.parent / f".{out.stem}"
    cache = work / "corpora"
    say(f"measuring the clips of {data.name}")
    prepare_corpus(data, cache, workers=workers)
    basis = MotionBasis.load()
    found: dict[str, list[Taught]] = {}
    rendered: dict[str, SynthesisedSpeech] = {}
    with EspeakSynthesiser() as speaker:
        for split in ("train", "val", "test"):
            recordings = _with_words(cache, data.name, split, clips)
            say(f"aligning {len(recordings)} clips of the split {split}")
            found[split] = [
                Taught(
                    align_phones(one.samples, one.words, voice, speaker=speaker, rendered=rendered),
                    face_targets(one, basis),
                )
                for one in recordings
            ]
    if not found["train"]:
        raise OptionError(f"expected clips of {data.name} with faces and words to learn from, found none")
    # Several threads add up in another order each time; one repeats itself.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = fit_teacher(found["train"], basis, steps=steps, progress=say)
    finally:
        torch.set_num_threads(threads)
    save_model(model, out)
    teacher = CoarticulationModel(model, basis)
    scores = [score_teacher(teacher, split, found[split]) for split in ("test", "val", "train") if found[split]]
    write_card(card_path(out), data.name, voice, steps, scores)
    return scores


def _with_words(cache: Path, corpus: str, split: str, limit: int) -> list[Recording]:
    try:
        recordings = load_corpus(cache, corpus, split, limit)
    except InputError:
        return []
    return [one for one in recordings if one.landmarks is not None and one.words]


def write_card(path: Path, corpus: str, voice: str, steps: int, scores: Sequence[TeacherScore]) -> None:
    """Say beside a teacher whence it comes and how good it is."""
    rows = [
        f"| {s.split} | {s.clips} | {s.opening_r:.3f} | {s.opening_r_speaking:.3f} | {s.width_r:.3f} | {s.jaw_r:.3f} "
        f"| {s.closure_auc:.3f} | {s.spread_ratio:.2f} |"
        for s in scores
    ]
    path.write_text(
        "\n".join(
            [
                "# The phone teacher",
                "",
                f"Targets and dominances of phones, fitted by `mouthpiece train teacher` on {corpus} ({steps} steps;",
                f"phones by espeak-ng's voice {voice}, aligned within the words' times), then drawn towards",
                "what articulatory phonetics says of each phone (docs/phones.md). It holds numbers, no recording.",
                "",
                "Agreement with the measured faces, given the aligned phones; r in speech but for the first one:",
                "",
                "| split | clips | r opening, whole clip | r opening | r width | r jaw | closure AUC | spread ratio |",
                "|---|---|---|---|---|---|---|---|",
                *rows,
                "",
            ]
        ),
        encoding="utf-8",
    )
