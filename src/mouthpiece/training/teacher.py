"""Fits the phone -> mouth teacher (engines/mesh/articulation.py) on measured faces whose phones are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mouthpiece.engines.mesh.articulation import (
    NEIGHBOURS,
    ArticulationModel,
    core_distance,
    lay_out,
)
from mouthpiece.engines.mesh.motion import CHIN, LOWER_LIP, MOTION_RATE, MotionBasis
from mouthpiece.engines.mesh.phonetics import FEATURES, Part, all_letters, features, parse
from mouthpiece.training.motion_data import Targets
from mouthpiece.types import FloatArray, Phone

UPPER_LIP_TOP, LOWER_LIP_BOTTOM = 0, 17
"""Mesh points in the middle of the lips' outer edges."""

NAMED = 4
"""Directions that phonetics has expectations of, whatever the phone."""
LETTER_LEAST = 15
"""A letter's own target moves away from what phonetics says of it only if it occurs so often."""

MARKED = (
    "tˤ",
    "dˤ",
    "sˤ",
    "ðˤ",
    "lˠ",
    "kʷ",
    "tʷ",
    "sʷ",
    "tʲ",
    "nʲ",
    "kʲ",
    "sʲ",
    "iː",
    "uː",
    "aː",
    "ɑː",
    "oː",
    "ɔː",
    "eː",
)
"""Letters with marks that change what lips and jaw do, to teach the features what the marks mean."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A recording as the fit sees it."""

    phones: tuple[Phone, ...]
    targets: Targets


def reading_rows(basis: MotionBasis) -> FloatArray:
    """(R, K): linear readings of a mouth that name the first directions: opening, width, jaw, protrusion, thickness of
    the lower lip."""
    lip = basis.components[:, :, :]

    def of(point: int, axis: int) -> FloatArray:
        return np.asarray(lip[:, basis.row(point), axis], dtype=np.float32)

    return np.stack(
        [
            basis.opening_weights,
            basis.width_weights,
            of(CHIN, 1),
            -(of(UPPER_LIP_TOP, 2) + of(LOWER_LIP_BOTTOM, 2)) / 2,
            of(LOWER_LIP_BOTTOM, 1) - of(LOWER_LIP, 1),
        ]
    )


EXPECTED_UNIT = 0.01
"""Canonical units; a reading so far from what phonetics expects costs one."""
EXPECTED_WEIGHT = 1.2e-3
"""How much that costs beside the error on faces, a letter that was met on faces."""
UNMET_WEIGHT = 4e-3
"""The same, a letter that was not."""


def expected_readings(part: Part) -> FloatArray:
    """What articulatory phonetics expects a mouth to do, at the scale of GRID's speech: (5,) as `reading_rows`, in
    canonical units.

    Vowels: the jaw lowers with openness, lips narrow, advance and come nearer with rounding, corners go apart in front
    unrounded vowels (Ladefoged & Johnson, A Course in Phonetics; IPA Handbook, 1999).
    """
    if part.vowel:
        opening = 0.030 + 0.048 * part.open**1.2
        opening -= part.round * (0.014 + 0.014 * part.open)
        jaw = 0.020 + 0.040 * part.open**1.2
        width = 0.014 * part.spread - 0.010 * part.open * part.back - part.round * (0.050 - 0.020 * part.open)
        advance = part.round * (0.016 - 0.006 * part.open) - 0.006 * part.spread
        return np.array([opening, width, jaw, advance, 0.0], dtype=np.float32)
    free = 1 - max(part.closure, part.dental_lip, part.labial, part.hissing, part.hushing, part.dental, part.round)
    opening = 0.030 * free + 0.008 * part.dental_lip + 0.012 * part.labial * (1 - part.round)
    opening += 0.022 * part.hissing + 0.028 * part.hushing + 0.022 * part.dental + 0.030 * part.open
    if part.round and not part.labial and not part.rhotic:
        opening += 0.022 * part.round
    opening += 0.010 * part.round * (part.labial > 0 and part.closure < 0.5)
    opening += 0.006 * part.rhotic * part.round
    jaw = 0.018 + 0.006 * part.guttural + 0.004 * part.dorsal - 0.012 * part.hissing - 0.006 * part.hushing
    jaw += 0.020 * part.open - 0.003 * part.coronal
    width = -0.044 * part.round - 0.026 * part.hushing + 0.010 * part.spread
    advance = 0.015 * part.round + 0.013 * part.hushing - 0.003 * part.spread
    lower = -0.0005 * part.dental_lip
    return np.array([opening, width, jaw, advance, lower], dtype=np.float32)


def expected_dominance(directions: int) -> FloatArray:
    """(F, D): logarithms of dominance to start from and to lean to: closures insist on the opening, rounding on width
    and protrusion, hissing sounds on the jaw, what the tongue does alone on next to nothing (Cohen & Massaro 1993)."""
    rows = dict.fromkeys(FEATURES, (0.0, 0.0, 0.0, 0.0, 0.0))
    # opening, width, jaw, protrusion, the rest
    rows |= {
        "closure": (1.8, -0.8, 0.3, -0.3, 0.0),
        "labial": (1.2, 0.2, 0.3, 0.3, 0.0),
        "dental_lip": (1.6, 0.0, 0.6, 0.0, 1.0),
        "round_vowel": (0.5, 1.0, 0.0, 1.0, 0.3),
        "round_consonant": (0.6, 1.2, 0.0, 1.2, 0.3),
        "hushing": (0.3, 0.8, 0.8, 0.8, 0.3),
        "hissing": (0.0, -0.3, 1.2, -0.3, 0.0),
        "dental": (0.2, -0.5, 0.5, -0.5, -0.3),
        "coronal": (-0.8, -1.2, -0.3, -1.2, -1.0),
        "dorsal": (-1.4, -1.5, -1.2, -1.5, -1.4),
        "guttural": (-2.2, -2.2, -2.2, -2.2, -2.2),
        "spread_vowel": (0.0, 0.4, 0.0, 0.2, 0.0),
    }
    first = np.array([rows[name] for name in FEATURES], dtype=np.float32)
    return np.concatenate([first[:, :4], np.repeat(first[:, 4:], directions - 4, axis=1)], axis=1)


def directions_of(basis: MotionBasis) -> FloatArray:
    """(K, K) orthonormal: the readings in their order, each without what the ones before it explain, then the rest."""
    wanted = np.concatenate([reading_rows(basis), np.eye(basis.size, dtype=np.float32)])
    kept: list[np.ndarray] = []
    for row in wanted.astype(np.float64):
        left = row / np.linalg.norm(row)
        for other in kept:
            left = left - (left @ other) * other
        if np.linalg.norm(left) > 0.05 and len(kept) < basis.size:
            kept.append(left / np.linalg.norm(left))
    for row in np.eye(basis.size):
        left = row - sum((row @ other) * other for other in kept)
        if len(kept) < basis.size and np.linalg.norm(left) > 1e-3:
            kept.append(left / np.linalg.norm(left))
    return np.asarray(kept, dtype=np.float32)


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
            distance, side = core_distance(line, row, time_s[on])
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


def fit_teacher(
    taught: Sequence[Taught],
    basis: MotionBasis,
    *,
    steps: int = 250,
    progress: Callable[[str], None] | None = None,
) -> ArticulationModel:
    """Find targets and dominances that come nearest to measured faces."""
    directions = directions_of(basis)
    frames, rows, letters = _frames(taught, directions)
    counts = Counter(letters)
    own = all_letters()
    index = {letter: i for i, letter in enumerate(own)}
    identity = torch.tensor([index.get(letter, len(own)) for letter in letters])
    known = [parse(symbol)[0] for symbol in (*own, *MARKED)]
    known_x = torch.from_numpy(features(known))
    known_identity = torch.tensor([index[part.letter] for part in known])
    expected = torch.from_numpy(np.stack([expected_readings(part) for part in known]))
    matters = torch.ones(len(known), 5)
    matters[:, 4] = torch.tensor([part.dental_lip for part in known])
    readings = torch.from_numpy((directions @ reading_rows(basis).T).astype(np.float32))  # (D, R)
    met = torch.tensor([counts[part.letter] >= LETTER_LEAST for part in known])
    lean = torch.where(met, EXPECTED_WEIGHT, UNMET_WEIGHT)[:, None]
    x = torch.from_numpy(rows)
    size = basis.size
    # How much of the face a direction moves.
    moved = np.sqrt((np.tensordot(directions, basis.components, axes=1) ** 2).sum(axis=(1, 2)))
    energy = torch.from_numpy((moved / moved.max()).astype(np.float32) ** 2)
    target = torch.zeros(len(FEATURES), size, requires_grad=True)
    letter = torch.zeros(len(own) + 1, size, requires_grad=True)
    # Directions without a name say little: what the speaker's face adds to them is kept small.
    stiffness = torch.full((size,), 6e-4)
    stiffness[:NAMED] = 6e-5
    leaning = torch.from_numpy(expected_dominance(size))
    dominance = leaning.clone().requires_grad_(True)
    fading = torch.zeros(len(FEATURES), 2, size)
    fading[[FEATURES.index("silence"), FEATURES.index("vowel"), FEATURES.index("consonant")]] = 20.0
    start = fading.clone()
    fading.requires_grad_(True)
    optimiser = torch.optim.Adam(
        [{"params": [target, letter, dominance], "lr": 0.05}, {"params": [fading], "lr": 0.4}], betas=(0.9, 0.98)
    )
    silent = x[:, 0:1]
    for step in range(steps):
        for group, rate in zip(optimiser.param_groups, (0.05, 0.4), strict=True):
            group["lr"] = rate * (1 - step / steps) ** 0.5
        goal = (x @ target + letter[identity] * (identity < len(own))[:, None]) * (1 - silent)
        made = _blended(
            frames, goal, x @ dominance, torch.nn.functional.softplus(torch.einsum("nf,fsd->nsd", x, fading))
        )
        error = ((made - frames.wanted) ** 2 * frames.weight[:, None]).sum(0) / frames.weight.sum()
        loss = (error * energy).sum()
        loss = (
            loss
            + (stiffness * ((target**2).sum(0) + 4 * (letter**2).sum(0))).sum()
            + 6e-4 * ((dominance - leaning) ** 2).sum()
        )
        off = ((known_x @ target + letter[known_identity]) @ readings - expected) / EXPECTED_UNIT
        loss = loss + (lean * matters * off**2).sum()
        loss = loss + 2e-6 * ((fading - start) ** 2).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if progress and step % 50 == 49:
            progress(f"step {step + 1}: {float(loss.detach()):.4f}")

    def array(values: Tensor) -> FloatArray:
        return np.asarray(values.detach().numpy(), dtype=np.float32)

    found = array(target)
    found[0] = 0
    return ArticulationModel(directions, found, array(dominance), array(fading), own, array(letter)[:-1])


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
