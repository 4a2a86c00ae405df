"""Expectations of articulatory phonetics of lips and jaw, in numbers, where one speaker's fifty words show too little.

Sources: Ladefoged & Maddieson, The Sounds of the World's Languages (1996); Ladefoged & Johnson, A Course in Phonetics;
Handbook of the International Phonetic Association (1999); Cohen & Massaro, Modeling coarticulation in synthetic visual
speech (1993). The order of sounds by opening, rounding and closing is theirs; how far, in the units of the motion
space, is chosen here to lie within what GRID's speakers do.
"""

from __future__ import annotations

import numpy as np

from mouthpiece.motion.basis import CHIN, LOWER_LIP, MotionBasis, motion_row
from mouthpiece.motion.phonetics import FEATURES, Part
from mouthpiece.types import FloatArray

UPPER_LIP_TOP, LOWER_LIP_BOTTOM = 0, 17
"""Mesh points in the middle of the lips' outer edges."""

NAMED = 4
"""Readings that phonetics has expectations of, whatever the phone: all but the lower lip's."""
WIDTH, PROTRUSION = 1, 3
"""Rows of `reading_rows`, and the directions that are named for them."""
MARKED = (
    "tˤ", "dˤ", "sˤ", "ðˤ", "lˠ", "kʷ", "tʷ", "sʷ", "tʲ", "nʲ", "kʲ", "sʲ", "iː", "uː", "aː", "ɑː", "oː", "ɔː", "eː",
)  # fmt: skip
"""Letters with marks that change what lips and jaw do, to teach the features what the marks mean."""


def reading_rows(basis: MotionBasis) -> FloatArray:
    """Return linear readings of a mouth that name the first directions, (R, K).

    They are opening, width, jaw, protrusion, thickness of the lower lip."""

    def of(point: int, axis: int) -> FloatArray:
        return np.asarray(basis.components[:, motion_row(point), axis], dtype=np.float32)

    return np.stack(
        [
            basis.opening_weights,
            basis.width_weights,
            of(CHIN, 1),
            -(of(UPPER_LIP_TOP, 2) + of(LOWER_LIP_BOTTOM, 2)) / 2,
            of(LOWER_LIP_BOTTOM, 1) - of(LOWER_LIP, 1),
        ]
    )


def expected_readings(part: Part) -> FloatArray:
    """Return the readings that phonetics expects of a mouth, at the scale of GRID's speech: (R,) as `reading_rows`, in
    canonical units.

    Vowels: the jaw lowers with openness, lips narrow, advance and come nearer with rounding, corners go apart in front
    unrounded vowels (Ladefoged & Johnson, A Course in Phonetics; IPA Handbook, 1999).
    """
    if part.vowel:
        opening = 0.085 + 0.045 * part.open**1.2
        opening -= part.round * (0.045 + 0.015 * part.open)
        jaw = 0.020 + 0.040 * part.open**1.2
        # Corners come in when the jaw lowers.
        width = 0.016 * part.spread - 0.010 - 0.008 * part.open - part.round * (0.040 - 0.016 * part.open)
        advance = part.round * (0.016 - 0.006 * part.open) - 0.006 * part.spread
        return np.array([opening, width, jaw, advance, 0.0], dtype=np.float32)
    free = 1 - max(part.closure, part.dental_lip, part.labial, part.hissing, part.hushing, part.dental, part.round)
    # Lips stand far apart over closed teeth in s, z, t.
    opening = 0.075 * free + 0.024 * part.dental_lip + 0.020 * part.labial * (1 - part.round)
    opening += 0.075 * part.hissing + 0.075 * part.hushing + 0.028 * part.dental + 0.030 * part.open
    if part.round and not part.labial and not part.rhotic:
        opening += 0.040 * part.round
    opening += 0.014 * part.round * (part.labial > 0 and part.closure < 0.5)
    opening -= 0.030 * part.rhotic * part.round + 0.020 * part.lateral
    jaw = 0.018 + 0.006 * part.guttural + 0.004 * part.dorsal - 0.012 * part.hissing - 0.006 * part.hushing
    jaw += 0.020 * part.open - 0.003 * part.coronal
    width = -0.008 * free - 0.044 * part.round - 0.028 * part.hushing + 0.008 * part.spread - 0.006 * part.hissing
    advance = 0.015 * part.round + 0.013 * part.hushing - 0.003 * part.spread
    lower = -0.0005 * part.dental_lip
    return np.array([opening, width, jaw, advance, lower], dtype=np.float32)


def expected_dominance(directions: int) -> FloatArray:
    """Return logarithms of dominance to start from and to lean to, (F, D).

    Closures insist on the opening, rounding on width and protrusion, hissing sounds on the jaw, what the
    tongue does alone on next to nothing (Cohen & Massaro 1993).
    """
    rows = dict.fromkeys(FEATURES, (0.0, 0.0, 0.0, 0.0, 0.0))
    # opening, width, jaw, protrusion, the rest
    rows |= {
        "closure": (1.8, -0.8, 0.3, -0.3, 0.0),
        "labial": (1.2, 0.2, 0.3, 0.3, 0.0),
        "dental_lip": (1.6, 0.0, 0.6, 0.0, 1.0),
        "round_vowel": (0.5, 1.0, 0.0, 1.0, 0.3),
        "round_consonant": (0.6, 1.2, 0.0, 1.2, 0.3),
        "hushing": (0.7, 0.8, 0.8, 0.8, 0.3),
        "hissing": (0.9, -0.3, 1.2, -0.3, 0.0),
        "dental": (0.2, -0.5, 0.5, -0.5, -0.3),
        "coronal": (-0.8, -1.2, -0.3, -1.2, -1.0),
        "dorsal": (-1.4, -1.5, -1.2, -1.5, -1.4),
        "guttural": (-2.2, -2.2, -2.2, -2.2, -2.2),
        "spread_vowel": (0.0, 0.4, 0.0, 0.2, 0.0),
    }
    first = np.array([rows[name] for name in FEATURES], dtype=np.float32)
    return np.concatenate([first[:, :4], np.repeat(first[:, 4:], directions - 4, axis=1)], axis=1)


def directions_of(basis: MotionBasis) -> FloatArray:
    """Make directions, (K, K) orthonormal.

    First the readings in their order, each without what the ones before it explain, then the rest.
    """
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
