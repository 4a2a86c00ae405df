"""What is read of mouths, counted from the speaker's own closed mouth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.datasets.made_clips import spoken_clip

from mouthpiece.datasets.motion_curves import chunks_of, play_on
from mouthpiece.datasets.motion_space import measure_motion
from mouthpiece.evaluation.mouths import NARROWED, Mouth, played_mouth, real_mouth, rendered_mouth
from mouthpiece.motion.basis import MOTION_POINTS, motion_row
from mouthpiece.motion.stream import MotionStream


def test_the_same_pictures_give_the_same_mouth() -> None:
    clip = spoken_clip("a")
    real, rest = real_mouth(clip)
    again = rendered_mouth(clip, rest)
    np.testing.assert_allclose(again.displacement, real.displacement, atol=1e-6)
    measured = measure_motion(clip)
    for name in ("opening", "width", "jaw"):
        np.testing.assert_allclose(getattr(real, name), getattr(measured, name), atol=1e-6)


def test_a_mouth_that_never_closes_is_not_called_closed() -> None:
    clip = spoken_clip("a")
    assert clip.landmarks is not None
    real, rest = real_mouth(clip)
    ajar = clip.landmarks.copy()
    ajar[:, 14, 1] += 0.05
    made = rendered_mouth(replace(clip, landmarks=ajar), rest)
    np.testing.assert_allclose(made.opening, real.opening + 0.05, atol=1e-6)
    np.testing.assert_allclose(made.lower_lip, real.lower_lip + 0.05, atol=1e-6)
    assert made.opening.min() > 0.04


def test_rounding_is_narrowing() -> None:
    moved = np.zeros((3, len(MOTION_POINTS), 3), dtype=np.float32)
    for left, right in NARROWED:
        moved[1, motion_row(left), 0], moved[1, motion_row(right), 0] = 0.02, -0.02  # both towards the middle
        moved[2, motion_row(left), 0] = -0.03
    mouth = Mouth(moved, np.ones(3, dtype=bool))
    np.testing.assert_allclose(mouth.rounding, [0, 0.04, -0.03], atol=1e-7)
    np.testing.assert_allclose(mouth.width, [0, -0.04, 0.03], atol=1e-7)
    assert not mouth.opening.any() and not mouth.jaw.any()


def test_played_mouths_are_what_the_engine_plays() -> None:
    clip = spoken_clip("a")
    times_s = np.arange(clip.frames) / clip.fps
    curves, _ = play_on(MotionStream(), chunks_of(clip.samples), times_s)
    mouth = played_mouth(MotionStream(), chunks_of(clip.samples), times_s)
    assert curves.width is not None and curves.jaw is not None
    np.testing.assert_allclose(mouth.opening, curves.opening, atol=1e-5)
    np.testing.assert_allclose(mouth.width, curves.width, atol=1e-6)
    np.testing.assert_allclose(mouth.jaw, curves.jaw, atol=1e-6)
    assert mouth.seen.all()
