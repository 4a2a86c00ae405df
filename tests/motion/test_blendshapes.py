"""ARKit's blendshapes of mouths made by hand, and of the sounds that the coarticulation model knows."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.motion.basis import MOTION_POINTS, MOTION_RATE, MotionBasis, motion_row
from mouthpiece.motion.blendshapes import ARKIT_NAMES, blendshapes
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.motion.shaping import MAX_OPENING
from mouthpiece.types import FloatArray, Phone

UPPER_EDGE, LOWER_EDGE = (0, 37, 267), (17, 84, 314)
UPPER_INNER, LOWER_INNER = (13, 82, 312), (14, 87, 317)
CORNERS, CHIN = (61, 291), (152,)

Moves = dict[tuple[int, ...], tuple[float, float]]


def mouth(moves: Moves) -> FloatArray:
    """A displacement in which some points move (outwards, down); x is mirrored for the right half."""
    moved = np.zeros((len(MOTION_POINTS), 3), dtype=np.float32)
    for points, (outwards, down) in moves.items():
        for point in points:
            side = 1.0 if point in (291, 267, 312, 314, 317) else -1.0
            moved[motion_row(point)] = (side * outwards, down, 0)
    return moved


def shapes(moved: FloatArray) -> dict[str, float]:
    return dict(zip(ARKIT_NAMES, blendshapes(moved).tolist(), strict=True))


def moving(moved: FloatArray) -> set[str]:
    """Shapes that are not 0, without their sides."""
    return {name.removesuffix("Left").removesuffix("Right") for name, value in shapes(moved).items() if value > 0.02}


def test_there_are_arkits_52() -> None:
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    # The groups of Apple's own documentation and how many each has.
    groups = {"eye": 14, "jaw": 4, "mouth": 23, "brow": 5, "cheek": 3, "nose": 2, "tongue": 1}
    assert {g: sum(name.startswith(g) for name in ARKIT_NAMES) for g in groups} == groups


def test_rest_is_all_zeros() -> None:
    values = blendshapes(np.zeros((3, len(MOTION_POINTS), 3), dtype=np.float32))
    assert values.shape == (3, 52)
    assert values.dtype == np.float32
    assert not values.any()
    assert not np.signbit(values).any(), "no minus zeros"


def test_a_wider_mouth_has_a_wider_jaw_and_never_saturates() -> None:
    basis = MotionBasis.load()
    openings = np.linspace(0, 1.2 * MAX_OPENING, 40, dtype=np.float32)
    jaw = blendshapes(openings[:, None, None] * basis.opening_mode)[:, ARKIT_NAMES.index("jawOpen")]
    assert (np.diff(jaw) > 0).all()
    assert jaw[0] == 0
    assert 0.35 < float(np.interp(0.18, openings, jaw)) < 0.6, "an open vowel"
    assert jaw[-1] < 1


def test_each_moment_stands_for_itself() -> None:
    rng = np.random.default_rng(2)
    many = rng.normal(0, 0.02, (5, 4, len(MOTION_POINTS), 3)).astype(np.float32)
    together = blendshapes(many)
    assert together.shape == (5, 4, 52)
    np.testing.assert_array_equal(together[3, 1], blendshapes(many[3, 1]))
    assert together.min() >= 0
    assert together.max() <= 1


def test_lips_closed_over_a_dropped_jaw_take_its_opening_back() -> None:
    closed = shapes(mouth({CHIN: (0, 0.06)}))
    assert closed["jawOpen"] > 0.1
    assert closed["mouthClose"] == pytest.approx(closed["jawOpen"])
    opened = {CHIN: (0.0, 0.06), LOWER_INNER: (0.0, 0.11), LOWER_EDGE: (0.0, 0.128)}
    assert shapes(mouth(opened))["mouthClose"] < 0.03


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ({CORNERS: (-0.02, 0)}, {"mouthPucker"}),
        ({CORNERS: (0.02, 0)}, {"mouthStretch"}),
        ({CORNERS: (0.02, -0.04)}, {"mouthSmile"}),
        ({UPPER_EDGE: (0, -0.03), UPPER_INNER: (0, -0.03)}, {"mouthUpperUp"}),
        ({CHIN: (0, -0.02)}, {"mouthShrugLower"}),
        ({LOWER_EDGE: (0, -0.02)}, {"mouthRollLower"}),
        ({UPPER_EDGE: (0, 0.02)}, {"mouthRollUpper"}),
        ({UPPER_EDGE: (0, 0.02), LOWER_EDGE: (0, -0.02)}, {"mouthRollUpper", "mouthRollLower", "mouthPress"}),
    ],
)
def test_what_a_mouth_does_has_its_name(moves: Moves, expected: set[str]) -> None:
    assert moving(mouth(moves)) == expected


def test_roundness_is_pucker_when_closed_and_funnel_when_open() -> None:
    closed = shapes(mouth({CORNERS: (-0.03, 0)}))
    opened = shapes(mouth({CORNERS: (-0.05, 0.05), LOWER_INNER: (0, 0.12), LOWER_EDGE: (0, 0.14), CHIN: (0, 0.07)}))
    assert closed["mouthPucker"] > 0.5 > closed["mouthFunnel"]
    assert opened["mouthFunnel"] > 3 * opened["mouthPucker"] > 0


def test_bared_lower_teeth_are_the_lower_lips_doing() -> None:
    bared = shapes(mouth({LOWER_INNER: (0, 0.10), LOWER_EDGE: (0, 0.11)}))
    assert bared["mouthLowerDownLeft"] == bared["mouthLowerDownRight"] > 0.2


@pytest.fixture(scope="module")
def teacher() -> CoarticulationModel:
    return CoarticulationModel.load()


def said(teacher: CoarticulationModel, symbol: str, around: str = "a") -> dict[str, float]:
    """Shapes in the middle of a sound between two others."""
    phones = [Phone(around, 0.2, 0.4), Phone(symbol, 0.4, 0.6), Phone(around, 0.6, 0.8)]
    taught = teacher.motion(phones, 60)
    return shapes(teacher.basis.displacement(taught.coefficients[MOTION_RATE // 2]))


def test_closed_lips_of_m_b_p(teacher: CoarticulationModel) -> None:
    for symbol in "mbp":
        closed = said(teacher, symbol)
        assert closed["mouthClose"] == pytest.approx(closed["jawOpen"], abs=1e-3)
        assert closed["jawOpen"] < said(teacher, "a")["jawOpen"] / 2


def test_f_and_v_roll_the_lower_lip_in(teacher: CoarticulationModel) -> None:
    for symbol in "fv":
        rolled = said(teacher, symbol)
        assert rolled["mouthRollLower"] > 0.1
        assert rolled["mouthRollLower"] > said(teacher, "t")["mouthRollLower"] + 0.1
        assert rolled["mouthClose"] < rolled["jawOpen"] < said(teacher, "a")["jawOpen"] / 3


def test_rounded_spread_and_open_vowels(teacher: CoarticulationModel) -> None:
    u, i, a = (said(teacher, symbol, around="t") for symbol in ("uː", "iː", "a"))

    def sum_of(shape: dict[str, float], *names: str) -> float:
        return sum(shape[name] for name in names)

    rounding = ("mouthFunnel", "mouthPucker")
    spreading = ("mouthStretchLeft", "mouthSmileLeft")
    assert sum_of(u, *rounding) > sum_of(a, *rounding) + 0.1
    assert sum_of(u, *rounding) > sum_of(i, *rounding) + 0.1
    assert sum_of(i, *spreading) > sum_of(u, *spreading)
    assert a["jawOpen"] > 1.3 * i["jawOpen"] > 0
    assert a["jawOpen"] > 1.3 * u["jawOpen"] > 0
