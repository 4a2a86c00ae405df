"""The fit of the coarticulation model (`motion.coarticulation`) to measured faces whose words are known.

    lessons --fit_teacher--> targets, dominances --corrected--> CoarticulationWeights

What one speaker of one accent shows, within fifty words, is joined with what articulatory phonetics expects of every
phone: `expected_readings` for targets, `expected_dominance` for what a sound insists on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mouthpiece.motion.basis import MOTION_RATE, MotionBasis
from mouthpiece.motion.coarticulation import LEAST_FADING, NEIGHBOURS, CoarticulationWeights, core_distance, lay_out
from mouthpiece.motion.phonetics import FEATURES, Part, all_letters, features, parse
from mouthpiece.training.motion.targets import Targets
from mouthpiece.training.options import TeacherOptions
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
"""How fast dominance fades where the faces don't show otherwise, 1/s."""
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
class Lesson:
    """A recording whose phones and mouth are known."""

    phones: tuple[Phone, ...]
    targets: Targets


@dataclass(frozen=True, slots=True)
class _Frames:
    """All frames that are fitted, B = 2 * NEIGHBOURS + 1 parts around each."""

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


def _frames(lessons: Sequence[Lesson], directions: FloatArray) -> tuple[_Frames, FloatArray, list[str]]:
    """Collect frames, features (parts, F) and letters of all parts."""
    columns: tuple[list[np.ndarray], ...] = ([], [], [], [])
    wanted: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    every: list[Part] = []
    for one in lessons:
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


class _Parameters:
    """The parameters of the fit: F features, L letters and one more for none, D directions."""

    def __init__(self, letters: int, leaning: Tensor) -> None:
        count, size = leaning.shape
        self.target = torch.zeros(count, size, requires_grad=True)
        self.letter = torch.zeros(letters + 1, size, requires_grad=True)
        self.dominance = leaning.clone().requires_grad_(True)
        self.fading = _usual_fading(size).requires_grad_(True)

    def optimiser(self) -> torch.optim.Optimizer:
        """Return an optimiser, fading faster than the others."""
        slow = [self.target, self.letter, self.dominance]
        return torch.optim.Adam([{"params": slow, "lr": RATE}, {"params": [self.fading], "lr": 8 * RATE}], betas=BETAS)

    def made(self, frames: _Frames, x: Tensor, identity: Tensor) -> Tensor:
        """Predict the frames, (N, D), from `x` (parts, F) and `identity` (parts,)."""
        own = self.letter[identity] * (identity < len(self.letter) - 1)[:, None]
        goal = (x @ self.target + own) * (1 - x[:, :1])
        fading = LEAST_FADING + torch.nn.functional.softplus(torch.einsum("nf,fsd->nsd", x, self.fading))
        return _blended(frames, goal, x @ self.dominance, fading)

    def model(self, basis: MotionBasis, directions: FloatArray, letters: tuple[str, ...]) -> CoarticulationWeights:
        """Return the weights as they are kept; silence is rest."""

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
    """Return the fading of sounds and silence alike, (F, 2, D)."""
    fading = torch.zeros(len(FEATURES), 2, size)
    fading[[FEATURES.index(name) for name in ("silence", "vowel", "consonant")]] = FADING - LEAST_FADING
    return fading


class _Expectations:
    """The cost of being far from phonetics."""

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
        # Directions without a name matter little: what the speaker's face adds to them is kept small.
        self._stiffness = torch.full((basis.size,), 6e-4)
        self._stiffness[:NAMED] = 6e-5
        self._firmness = torch.full((len(FEATURES), basis.size), 6e-4)
        # What the speaker hardly does (rounding, protruding) is no measure of how strongly others insist on it.
        self._firmness[:, [WIDTH, PROTRUSION]] = 3e-3
        # These occur beside the same few sounds throughout a small vocabulary (please, place, blue): what follows from
        # them is the neighbours'.
        self._firmness[[FEATURES.index(name) for name in ("lateral", "dental", "rhotic")]] = 5e-3
        self._fading = _usual_fading(basis.size)
        self.leaning = torch.from_numpy(expected_dominance(basis.size))

    def cost(self, learnt: _Parameters) -> Tensor:
        """Return the cost of targets, dominances and fading."""
        off = (self._x @ learnt.target + learnt.letter[self._identity]) @ self._readings - self._expected
        size = (self._stiffness * ((learnt.target**2).sum(0) + 4 * (learnt.letter**2).sum(0))).sum()
        dominance = (self._firmness * (learnt.dominance - self.leaning) ** 2).sum()
        fading = 1.5e-5 * ((learnt.fading - self._fading) ** 2).sum()
        return (self._weight * (off / EXPECTED_UNIT) ** 2).sum() + size + dominance + fading


def fit_teacher(
    lessons: Sequence[Lesson],
    basis: MotionBasis,
    *,
    steps: int = TeacherOptions().steps,
    progress: Callable[[str], None] | None = None,
) -> CoarticulationWeights:
    """Find targets and dominances that come near to measured faces and to what phonetics expects.

    Args:
        lessons: recordings with their phones and targets.
        basis: the motion space of their targets.
        steps: of gradient descent, over all frames each.
        progress: called with a line of text now and then.
    """
    directions = directions_of(basis)
    frames, rows, spoken = _frames(lessons, directions)
    letters = all_letters()
    expectations = _Expectations(letters, Counter(spoken), basis, directions)
    x = torch.from_numpy(rows)
    identity = torch.tensor([letters.index(letter) if letter in letters else len(letters) for letter in spoken])
    # How much of the face a direction moves.
    moved = np.sqrt((np.tensordot(directions, basis.components, axes=1) ** 2).sum(axis=(1, 2)))
    energy = torch.from_numpy((moved / moved.max()).astype(np.float32) ** 2)
    learnt = _Parameters(len(letters), expectations.leaning)
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
    """Move the named readings of a teacher's letters nearer to what phonetics expects."""
    parts = [parse(letter)[0] for letter in model.letters]
    readings = (reading_rows(basis) @ model.directions.T)[:NAMED, :NAMED].astype(np.float64)  # lower triangular
    now = model.targets(parts)[:, :NAMED] @ readings.T
    wanted = np.stack([expected_readings(part)[:NAMED] for part in parts])
    moved = model.letter_target.copy()
    moved[:, :NAMED] += np.linalg.solve(readings, (share * (wanted - now)).T).T
    return replace(model, letter_target=moved)


def _blended(frames: _Frames, goal: Tensor, insistence: Tensor, fading: Tensor) -> Tensor:
    """Blend as `motion.coarticulation` does, for the fit: (N, D)."""
    above: Tensor | float = 0.0
    below: Tensor | float = 1e-9
    for k in range(frames.rows.shape[1]):
        row = frames.rows[:, k]
        exponent = insistence[row] - frames.distance[:, k : k + 1].clamp(max=3) * fading[row, frames.side[:, k]]
        weight = torch.exp(exponent.clamp(-30, 30)) * frames.exists[:, k : k + 1]
        above = above + weight * goal[row]
        below = below + weight
    return above / below  # type: ignore[return-value]
