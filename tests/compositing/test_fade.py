"""How strongly frames near an untouched stretch are changed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from tests import scenes

from mouthpiece.compositing import fade_near_gaps
from mouthpiece.compositing.fade import FADE_FRAMES
from mouthpiece.types import Face, HeadPose, SkipReason, TrackedFrame

FACE = Face(
    np.zeros((478, 3), np.float32),
    HeadPose(np.eye(3, dtype=np.float32), 50.0, np.zeros(2, np.float32)),
    1.0,
    np.zeros(1, np.float32),
)


def video(script: str) -> list[TrackedFrame]:
    """A letter for each frame: `.` is one without a face; other letters are people, each in a shot of their own."""
    rgb = np.zeros((4, 4, 3), np.uint8)
    shots: dict[str, int] = {}
    shot, tracked = 0, []
    for index, letter in enumerate(script):
        if letter != ".":
            shot = shots.setdefault(letter, len(shots))
        why = SkipReason.NO_FACE if letter == "." else None
        tracked.append(TrackedFrame(scenes.frame(rgb, index), None if why else FACE, why, shot))
    return tracked


def strengths(script: str) -> list[float]:
    return [strength for _, strength in fade_near_gaps(video(script))]


RISE = [(i + 1) / (FADE_FRAMES + 1) for i in range(FADE_FRAMES)]


@pytest.mark.parametrize("script", ["", "a", "aaaaa", "a" * 30])
def test_without_gaps_everything_is_at_full_strength(script: str) -> None:
    assert strengths(script) == [1.0] * len(script)


def test_a_gap_is_zero_and_its_surroundings_rise_and_fall() -> None:
    assert strengths("a" * 10 + "..." + "a" * 10) == pytest.approx(
        [1.0] * 5 + RISE[::-1] + [0.0] * 3 + RISE + [1.0] * 5
    )


def test_the_ends_of_the_video_do_not_fade() -> None:
    assert strengths("aaaa")[0] == strengths("aaaa")[-1] == 1.0
    assert strengths("." * 3 + "a" * 8) == pytest.approx([0.0] * 3 + RISE + [1.0] * 3)
    assert strengths("a" * 8 + ".") == pytest.approx([1.0] * 3 + RISE[::-1] + [0.0])


def test_a_cut_does_not_fade() -> None:
    assert strengths("a" * 7 + "b" * 7) == [1.0] * 14


def test_a_cut_to_another_person_before_a_gap() -> None:
    """Only the second person's frames fall; the first one's were cut away."""
    found = strengths("a" * 7 + "bb" + "..")
    assert found[:7] == [1.0] * 7
    assert found[7:] == pytest.approx([*RISE[1::-1], 0.0, 0.0])


def test_another_person_after_a_gap_comes_in_at_full_strength() -> None:
    assert strengths("a" * 8 + ".." + "b" * 8)[10:] == [1.0] * 8


def test_a_short_appearance_between_gaps_rises_and_falls() -> None:
    found = strengths("...aaaa...")
    assert found == pytest.approx([0.0] * 3 + [RISE[0], RISE[1], RISE[1], RISE[0]] + [0.0] * 3)


def test_no_jump_anywhere() -> None:
    rng = np.random.default_rng(11)
    for _ in range(30):
        script = "".join("a" if rng.random() < 0.8 else "." for _ in range(60))
        found = strengths(script)
        assert all((s == 0) == (letter == ".") for s, letter in zip(found, script, strict=True))
        assert max(abs(b - a) for a, b in pairwise(found)) <= 1 / (FADE_FRAMES + 1) + 1e-9 or len(set(script)) == 1


def test_frames_keep_their_order_and_few_are_held_back() -> None:
    taken = 0

    def counted() -> Iterator[TrackedFrame]:
        nonlocal taken
        for tracked in video("aaa..aaaaaaaa.aaaaaaa"):
            taken += 1
            yield tracked

    times: list[Fraction] = []
    for tracked, _ in fade_near_gaps(counted()):
        times.append(tracked.frame.time_s)
        assert taken - len(times) <= FADE_FRAMES
    assert times == sorted(times)
    assert len(times) == 21
