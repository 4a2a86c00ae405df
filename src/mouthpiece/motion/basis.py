"""The motion space: displacements of the lower face as the coefficients that motion networks predict.

A face mesh without its pose (canonical units: the outer eye distance is 1; x right, y down, z away from the viewer) is
a person's own closed, resting mouth plus a displacement of the lower face's points, MOTION_POINTS. Displacements are
symmetrical and are given as K numbers, the coefficients of a principal component analysis around rest (not around the
mean, so that all zeros is exactly the resting mouth), scaled to a mean square of 1 over the training speech. A basis
file also holds the geometry of its network and how far that opens the mouth; weights/motion.md gives their sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import OptionError, WeightsError
from mouthpiece.types import MEL_RATE, FloatArray

MOTION_RATE = 50
"""Motion frames a second."""
MELS_PER_FRAME = MEL_RATE // MOTION_RATE
BASIS = Path(__file__).with_name("weights") / "motion_basis.npz"
"""The shipped basis."""

LOW_SHARE, HIGH_SHARE = 0.10, 0.90
"""Shares of the frames of speech below the low and the high end of an OpeningRange."""

UPPER_LIP, LOWER_LIP = 13, 14
LEFT_CORNER, RIGHT_CORNER = 61, 291
CHIN = 152

_MIDDLE = [0, 11, 12, 13, 14, 15, 16, 17, 18, 152, 164, 175, 199, 200]
# The mesh numbers the two halves in the same order, so the n-th of one mirrors the n-th of the other.
_LEFT = [
    *[32, 37, 38, 39, 40, 41, 42, 43, 57, 58, 61, 62, 72, 73, 74, 76, 77, 78, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89],
    *[90, 91, 92, 95, 96, 106, 132, 135, 136, 138, 140, 146, 147, 148, 149, 150, 165, 167, 169, 170, 171, 172, 176],
    *[177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 191, 192, 194, 201, 202, 203, 204, 205, 206, 207, 208],
    *[210, 211, 212, 213, 214, 215, 216],
]
_RIGHT = [
    *[262, 267, 268, 269, 270, 271, 272, 273, 287, 288, 291, 292, 302, 303, 304, 306, 307, 308, 310, 311, 312, 313],
    *[314, 315, 316, 317, 318, 319, 320, 321, 322, 324, 325, 335, 361, 364, 365, 367, 369, 375, 376, 377, 378, 379],
    *[391, 393, 394, 395, 396, 397, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 415, 416, 418, 421],
    *[422, 423, 424, 425, 426, 427, 428, 430, 431, 432, 433, 434, 435, 436],
]
MOTION_POINTS: NDArray[np.intp] = np.array(sorted(_MIDDLE + _LEFT + _RIGHT), dtype=np.intp)
"""(P,) mesh points that speech moves, ascending: lips, chin, jaw line, cheeks; all below the nose, none of it."""


def motion_row(point: int) -> int:
    """Return the row of a mesh point in MOTION_POINTS.

    Raises:
        OptionError: it is not among them.
    """
    row = int(np.searchsorted(MOTION_POINTS, point))
    if row >= len(MOTION_POINTS) or MOTION_POINTS[row] != point:
        raise OptionError(f"expected one of the {len(MOTION_POINTS)} moving mesh points, got {point}")
    return row


def width_of(displacement: FloatArray) -> FloatArray:
    """Return how much farther apart than at rest the corners are, (..., P, 3) of MOTION_POINTS -> (...)."""
    width: FloatArray = displacement[..., motion_row(RIGHT_CORNER), 0] - displacement[..., motion_row(LEFT_CORNER), 0]
    return width


@lru_cache(maxsize=1)
def mirror_rows() -> NDArray[np.intp]:
    """Return (P,): for each of MOTION_POINTS the row of the point on the other side."""
    partner = dict(zip(_LEFT, _RIGHT, strict=True)) | dict(zip(_RIGHT, _LEFT, strict=True))
    return np.array([motion_row(partner.get(int(point), int(point))) for point in MOTION_POINTS], dtype=np.intp)


@dataclass(frozen=True, slots=True)
class MotionBasis:
    """The motion space: coefficients <-> displacement of MOTION_POINTS from the closed, resting mouth."""

    mean: FloatArray
    """(P, 3) displacement at all-zero coefficients: zeros."""
    components: FloatArray
    """(K, P, 3) displacement of each coefficient's unit, largest first."""
    rest: FloatArray
    """(K,) coefficients of the resting mouth: zeros."""
    limit: FloatArray
    """(K,) magnitudes that coefficients keep within: somewhat beyond those of the training speech."""
    points: NDArray[np.intp] = field(default_factory=lambda: MOTION_POINTS)
    """(P,) the mesh points that move: MOTION_POINTS."""

    @classmethod
    def load(cls, path: Path = BASIS) -> MotionBasis:
        """Read a basis from its .npz file.

        Raises:
            WeightsError: it is missing, damaged or made for other mesh points.
        """
        return load_basis(path)[0]

    @property
    def size(self) -> int:
        """K."""
        return len(self.rest)

    def displacement(self, coefficients: FloatArray) -> FloatArray:
        """Return the displacement of coefficients (K,): (P, 3) float32, canonical units; exactly zero at `rest`."""
        return (self.mean + np.tensordot(coefficients, self.components, axes=1)).astype(np.float32)

    def clamp(self, coefficients: FloatArray) -> FloatArray:
        """Bring coefficients (..., K) within their limits."""
        return np.clip(coefficients, -self.limit, self.limit).astype(np.float32)

    @property
    def opening_weights(self) -> FloatArray:
        """(K,): opening = coefficients @ opening_weights; inner lips' distance over the outer eye distance."""
        return self._difference(LOWER_LIP, UPPER_LIP, 1)

    @property
    def width_weights(self) -> FloatArray:
        """(K,): how much farther apart than at rest the mouth's corners are."""
        return self._difference(RIGHT_CORNER, LEFT_CORNER, 0)

    @property
    def jaw_weights(self) -> FloatArray:
        """(K,): how much lower than at rest the chin is."""
        return self.components[:, motion_row(CHIN), 1].copy()

    def opening(self, coefficients: FloatArray) -> FloatArray:
        """Return the opening of coefficients (..., K) as (...); 0 is closed, below it pressed."""
        return np.asarray(coefficients @ self.opening_weights, dtype=np.float32)

    @property
    def opening_direction(self) -> FloatArray:
        """(K,): the change of coefficients that goes with one unit of opening in speech.

        Coefficients are uncorrelated there, so the regression on the opening is along its own weights.
        """
        weights = self.opening_weights
        return (weights / (weights @ weights)).astype(np.float32)

    @property
    def shape_directions(self) -> FloatArray:
        """(2, K): the smallest changes of coefficients that open by one unit at the same width, and that widen by one
        unit at the same opening."""
        readings = np.stack([self.opening_weights, self.width_weights]).astype(np.float64)
        return np.asarray(np.linalg.solve(readings @ readings.T, readings), dtype=np.float32)

    @property
    def opening_mode(self) -> FloatArray:
        """(P, 3): the displacement that goes with one unit of opening in speech."""
        return self.displacement(self.opening_direction)

    def _difference(self, to: int, start: int, axis: int) -> FloatArray:
        return (self.components[:, motion_row(to), axis] - self.components[:, motion_row(start), axis]).astype(
            np.float32
        )


@dataclass(frozen=True, slots=True)
class NetworkGeometry:
    """The receptive field and the block of a motion network, in mel frames and motion frames."""

    past: int
    """Mel frames before a motion frame's own that go into one run; negative where all of them come later."""
    ahead: int
    """Mel frames after it."""
    block: int
    """Motion frames that come out of one run."""
    memory: tuple[int, int] = (0, 0)
    """Shape of the state that a network carries from run to run; (0, 0) if it is given the whole past each time."""
    runs: tuple[int, ...] = (1,)
    """Blocks that a run may make, from 1 up; several where the file leaves the length of a run open."""

    @property
    def input_mels(self) -> int:
        """Mel frames that go into a run for one block."""
        return self.mels_for(self.block)

    def mels_for(self, frames: int) -> int:
        """Mel frames that go into a run for so many motion frames."""
        return self.past + (frames - 1) * MELS_PER_FRAME + 1 + self.ahead

    @property
    def lead_in(self) -> int:
        """Motion frames before the first that a network with a state runs, in whole blocks: the first mel frames of the
        speech go into their runs, and by the state into all later ones."""
        unheard = max(2 - self.past // MELS_PER_FRAME, 0) if any(self.memory) else 0
        return -(-unheard // self.block) * self.block


@dataclass(frozen=True, slots=True)
class OpeningRange:
    """The openings that a network predicts in speech of all kinds: the range to assume before any speech."""

    low: float = 0.02
    """Opening with LOW_SHARE of the frames of speech below it, outer eye distances."""
    high: float = 0.09
    """Opening with HIGH_SHARE of them below it."""

    def __post_init__(self) -> None:
        """Check the order of the ends.

        Raises:
            OptionError: the ends are not in order.
        """
        if not 0 < self.low < self.high:
            raise OptionError(f"expected 0 < low < high for a network's openings, got {self.low} and {self.high}")


@dataclass(frozen=True, slots=True)
class WidthRange:
    """The widths that a network predicts in speech of all kinds, outer eye distances; below 0 narrower than at rest."""

    narrow: float = -0.035
    """Width with LOW_SHARE of the frames of speech below it."""
    middle: float = -0.012
    """Width with half of them below it."""
    wide: float = 0.006
    """Width with HIGH_SHARE of them below it."""

    def __post_init__(self) -> None:
        """Check the order.

        Raises:
            OptionError: the values are not in order.
        """
        if not self.narrow < self.middle < self.wide:
            raise OptionError(
                f"expected narrow < middle < wide for a network's widths, got {self.narrow}, {self.middle}, {self.wide}"
            )


def save_basis(
    basis: MotionBasis,
    geometry: NetworkGeometry,
    path: Path,
    opening_range: OpeningRange | None = None,
    width_range: WidthRange | None = None,
) -> None:
    """Write a basis, its network's geometry and the ranges of its openings and widths."""
    opening_range, width_range = opening_range or OpeningRange(), width_range or WidthRange()
    np.savez_compressed(
        path,
        points=MOTION_POINTS.astype(np.int32),
        mean=basis.mean,
        components=basis.components,
        rest=basis.rest,
        limit=basis.limit,
        geometry=np.array([geometry.past, geometry.ahead, geometry.block, *geometry.memory], dtype=np.int32),
        runs=np.array(geometry.runs, dtype=np.int32),
        habit=np.array([opening_range.low, opening_range.high], dtype=np.float32),
        widths=np.array([width_range.narrow, width_range.middle, width_range.wide], dtype=np.float32),
    )


def load_basis(path: Path = BASIS) -> tuple[MotionBasis, NetworkGeometry]:
    """Read a basis and its network's geometry.

    Raises:
        WeightsError: it is missing, damaged or made for other mesh points.
    """
    if not path.is_file():
        raise WeightsError(f"expected the motion basis at {path}, found no file there; reinstall mouthpiece")
    try:
        with np.load(path, allow_pickle=False) as file:
            points = file["points"]
            basis = MotionBasis(*(file[name].astype(np.float32) for name in ("mean", "components", "rest", "limit")))
            past, ahead, block, *memory = (int(value) for value in file["geometry"])
            runs = tuple(int(value) for value in file["runs"]) if "runs" in file else (1,)
            geometry = NetworkGeometry(past, ahead, block, (memory[0], memory[1]) if memory else (0, 0), runs)
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise WeightsError(f"{path.name} is not a motion basis ({error}); reinstall mouthpiece") from error
    if not np.array_equal(points, MOTION_POINTS) or basis.components.shape[1:] != (len(MOTION_POINTS), 3):
        raise WeightsError(f"{path.name} was made for other mesh points; train again or reinstall mouthpiece")
    return basis, geometry


def load_ranges(path: Path) -> tuple[OpeningRange, WidthRange]:
    """Read the ranges of a basis's network; the usual ones where the file has none.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            opening = OpeningRange(*map(float, file["habit"])) if "habit" in file else OpeningRange()
            return opening, WidthRange(*map(float, file["widths"])) if "widths" in file else WidthRange()
    except (OSError, ValueError, TypeError, OptionError) as error:
        raise WeightsError(f"{path.name} is not a motion basis ({error}); reinstall mouthpiece") from error
