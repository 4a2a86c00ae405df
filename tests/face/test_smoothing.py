"""The landmark filter: how much jitter it takes away, and how little it lags."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.face.smoothing import OneEuroFilter
from mouthpiece.types import FloatArray

UNIT = 100.0
"""Outer eye distance, pixels."""
POINTS = 60
NOISE = 0.0015
"""What the mesh trembles on a still face, outer eye distances."""
LEAST_CALMING = 1.8
MOST_LAG_S = 0.030
"""Three quarters of a frame at 25 fps."""


def face(rng: np.random.Generator) -> FloatArray:
    return rng.uniform(-UNIT, UNIT, (POINTS, 3)).astype(np.float32)


def filtered(track: FloatArray, fps: float) -> FloatArray:
    smooth = OneEuroFilter()
    return np.array([smooth(value.astype(np.float32), i / fps, UNIT) for i, value in enumerate(track)])


@pytest.mark.parametrize("fps", [12, 25, 30, 60])
def test_a_still_face_stops_trembling(fps: int) -> None:
    rng = np.random.default_rng(fps)
    noise = rng.normal(0, NOISE * UNIT, (4 * fps, POINTS, 3)).astype(np.float32)
    track = face(rng) + noise
    out = filtered(track, fps)

    def tremble(values: FloatArray) -> float:
        return float(np.diff(values[fps:], axis=0).std())

    calming = LEAST_CALMING if fps >= 25 else 1.3
    assert tremble(out) < tremble(track) / calming
    assert np.abs(out[fps:].mean(axis=0) - track[fps:].mean(axis=0)).max() < NOISE * UNIT, "it drifts nowhere"


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("fps", [25, 60])
def test_a_moving_face_is_not_late(speed: float, fps: int) -> None:
    """A head that goes steadily to the side; speed in eye distances a second."""
    rng = np.random.default_rng(2)
    still = face(rng)
    steps = np.arange(2 * fps)[:, None, None] * np.array([1.0, 0.3, 0.0]) * speed * UNIT / fps
    out = filtered((still + steps).astype(np.float32), fps)
    behind = (still + steps - out)[-1, :, 0].mean()
    assert 0 <= behind / (speed * UNIT) < MOST_LAG_S


def test_a_speaking_lip_on_a_still_head_is_not_late() -> None:
    fps, hz = 25, 3.0
    rng = np.random.default_rng(5)
    still = face(rng)
    t = np.arange(3 * fps) / fps
    track = np.repeat(still[None], len(t), axis=0).astype(np.float32)
    wave = 0.05 * UNIT * np.sin(2 * np.pi * hz * t)
    track[:, :6, 1] += wave[:, None].astype(np.float32)
    out = filtered(track, fps)[:, 0, 1] - still[0, 1]
    spectrum = np.exp(-2j * np.pi * hz * t[fps:])
    ratio = (out[fps:] @ spectrum) / (wave[fps:] @ spectrum)
    assert abs(ratio) > 0.75, "the lip still gets where it goes"
    assert -np.angle(ratio) / (2 * np.pi * hz) < MOST_LAG_S
    assert np.abs(filtered(track, fps)[:, 6:] - still[6:]).max() < 1e-3, "and takes nobody with it"


def test_a_turn_takes_all_points_along_alike() -> None:
    """Neighbours of a rigid motion lag alike: the face keeps its shape."""
    rng = np.random.default_rng(8)
    still, fps = face(rng), 25
    shift = np.cumsum(np.abs(np.sin(np.arange(50) / 7)))[:, None, None] * np.array([4.0, 1.0, 0.0])
    out = filtered((still + shift).astype(np.float32), fps)
    shape = out - out.mean(axis=1, keepdims=True)
    assert np.abs(shape - shape[0]).max() < 0.002 * UNIT


def test_the_first_value_passes_and_resets_forget() -> None:
    rng = np.random.default_rng(1)
    smooth, one, other = OneEuroFilter(), face(rng), face(rng)
    assert np.array_equal(smooth(one, 0.0, UNIT), one)
    smooth.reset()
    assert np.array_equal(smooth(other, 0.04, UNIT), other)


@pytest.mark.parametrize("next_s", [1.0, 0.5, 3.0])
def test_gaps_and_jumps_back_in_time_restart_it(next_s: float) -> None:
    rng = np.random.default_rng(1)
    smooth, one, other = OneEuroFilter(), face(rng), face(rng)
    smooth(one, 1.0, UNIT)
    assert np.array_equal(smooth(other, next_s, UNIT), other)


def test_what_it_is_given_stays_untouched() -> None:
    rng = np.random.default_rng(1)
    smooth, value = OneEuroFilter(), face(rng)
    kept = value.copy()
    for i in range(5):
        smooth(value, i / 25, UNIT)[:] += 0
        assert np.array_equal(value, kept)


def test_size_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    track = face(rng) + rng.normal(0, 1, (30, POINTS, 3)).cumsum(axis=0).astype(np.float32)
    small, large = OneEuroFilter(), OneEuroFilter()
    for i, value in enumerate(track):
        a = small(value.astype(np.float32), i / 25, UNIT)
        b = large((value * 8).astype(np.float32), i / 25, UNIT * 8)
        assert b / 8 == pytest.approx(a, abs=1e-3)
