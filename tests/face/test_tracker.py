"""Following the chosen face through cuts, gaps, crowds and odd pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece.errors import OptionError
from mouthpiece.face import Detection, FaceChoice, FaceDetector, FaceTracker
from mouthpiece.face.mesh import LIP_EDGES
from mouthpiece.face.tracker import MAX_PITCH_DEG, MAX_YAW_DEG, MIN_EYE_DISTANCE_PX, _skip_reason
from mouthpiece.types import Face, FloatArray, Picture, SkipReason, TrackedFrame

PEOPLE = (scenes.PERSON_A, scenes.PERSON_B, "clips/grid_s1_bbaf3s.mpg")
REAL_PEOPLE = (*PEOPLE[:2], pytest.param(PEOPLE[2], marks=pytest.mark.real_media))
"""The third face that stands in for a person is too like the others."""


@pytest.fixture(scope="session")
def clips(shared_data: Path) -> dict[str, list[Picture]]:
    """The first half second of three people before the same background."""
    return {name: scenes.pictures(shared_data / name, 13) for name in PEOPLE}


def follow(tracker: FaceTracker, shown: Sequence[Picture]) -> list[TrackedFrame]:
    return list(tracker.track_all(scenes.frames(shown)))


def face_of(tracked: TrackedFrame) -> Face:
    assert tracked.face is not None, tracked.skip_reason
    return tracked.face


def canonical(face: Face, pixel_aspect: float = 1.0) -> FloatArray:
    """The pose taken out by its own formula."""
    square = face.landmarks * np.array([pixel_aspect, 1, 1], np.float32)
    square[:, :2] -= face.pose.centre
    shape = square @ face.pose.rotation / face.pose.scale
    return np.asarray(shape - shape.mean(axis=0), np.float32)


def test_a_clip_is_one_shot_with_a_face_in_every_frame(raw: FaceTracker, shared_data: Path) -> None:
    for stride in (1, 3):
        raw.reset()
        tracked = follow(raw, scenes.pictures(shared_data / scenes.TALKER, 120)[::stride])
        assert {t.skip_reason for t in tracked} == {None}
        assert {t.shot for t in tracked} == {0}
        assert {t.faces_seen for t in tracked} == {1}


@pytest.mark.parametrize("first", REAL_PEOPLE)
@pytest.mark.parametrize("second", REAL_PEOPLE)
def test_a_hard_cut_to_another_person_begins_a_shot(
    raw: FaceTracker, clips: dict[str, list[Picture]], first: str, second: str
) -> None:
    """The same background and place: only the person tells."""
    tracked = follow(raw, clips[first] + clips[second])
    count = len(clips[first])
    expected = [0] * count + [0 if first == second else 1] * len(clips[second])
    assert [t.shot for t in tracked] == expected
    assert all(t.face for t in tracked)


def test_nothing_of_the_first_person_is_left_after_a_cut(photos: dict[str, Picture], raw: FaceTracker) -> None:
    """With smoothing: the first frame after a cut is measured as if nothing had been before."""
    man, woman = photos["man_head_crop.jpg"], photos["woman_portrait.png"]
    fresh = face_of(raw.track(scenes.frame(woman)))
    after = face_of(follow(FaceTracker(), [man, man, woman])[-1])
    off = np.linalg.norm(after.landmarks[:, :2] - fresh.landmarks[:, :2], axis=1)
    assert off.max() / fresh.pose.scale < 0.03


def test_a_face_that_leaves_comes_back_as_the_same_shot(raw: FaceTracker, clips: dict[str, list[Picture]]) -> None:
    clip = clips[scenes.PERSON_A]
    blank = scenes.grey_like(clip[0])
    tracked = follow(raw, clip[:6] + [blank] * 6 + clip[6:])
    assert [t.skip_reason for t in tracked] == [None] * 6 + [SkipReason.NO_FACE] * 6 + [None] * 7
    assert {t.shot for t in tracked} == {0}
    assert all((t.face is None) == (t.skip_reason is not None) for t in tracked)


def test_another_person_after_a_gap_is_another_shot(raw: FaceTracker, clips: dict[str, list[Picture]]) -> None:
    one, other = clips[scenes.PERSON_A], clips[scenes.PERSON_B]
    tracked = follow(raw, one[:4] + [scenes.grey_like(one[0])] * 4 + other[:4])
    assert [t.shot for t in tracked if t.face] == [0] * 4 + [1] * 4


def test_reset_forgets(raw: FaceTracker, clips: dict[str, list[Picture]]) -> None:
    follow(raw, clips[scenes.PERSON_A][:2] + clips[scenes.PERSON_B][:2])
    raw.reset()
    assert raw.track(scenes.frame(clips[scenes.PERSON_B][0])).shot == 0


def test_looks_tell_people_apart(raw: FaceTracker, clips: dict[str, list[Picture]], shared_data: Path) -> None:
    """The same people on other days' takes are alike, others are not."""
    looks: dict[str, list[FloatArray]] = {}
    takes = {"s22": ("s22_bbad1n", "s22_lbbc2a"), "s5": ("s5_bbae8n", "s5_lbax4n")}
    for person, names in takes.items():
        for name in names:
            raw.reset()
            shown = scenes.pictures(shared_data / "grid_unseen_dev" / f"{name}.mpg", 1)
            look = face_of(follow(raw, shown)[0]).descriptor
            assert np.linalg.norm(look) == pytest.approx(1, abs=1e-5)
            looks.setdefault(person, []).append(look)
    for one, other in looks.values():
        assert one @ other > 0.55
    assert max(a @ b for a in looks["s22"] for b in looks["s5"]) < 0.4


@pytest.mark.parametrize(("rule", "place"), [("left", 0), ("right", 2), ("1", 0), ("2", 1), ("3", 2), ("largest", 1)])
def test_the_chosen_face_is_taken(photos: dict[str, Picture], detector: FaceDetector, rule: str, place: int) -> None:
    small = np.asarray(cv2.resize(photos["man_head_crop.jpg"], (400, 400), interpolation=cv2.INTER_AREA), np.uint8)
    row = [scenes.on_canvas(small, 400, 640, 0, 200), photos["woman_portrait.png"]]
    row.append(scenes.on_canvas(np.ascontiguousarray(small[:, ::-1]), 400, 640, 0, 50))
    tracked = FaceTracker(FaceChoice(rule), smooth=False).track(scenes.frame(np.concatenate(row, axis=1)))
    assert tracked.faces_seen == 3
    edges = (0, 400, 1040, 1440)
    assert edges[place] < face_of(tracked).landmarks[4, 0] < edges[place + 1]


def test_a_number_beyond_the_faces_finds_nobody(woman: Picture) -> None:
    tracked = FaceTracker(FaceChoice("2"), smooth=False).track(scenes.frame(woman))
    assert tracked.skip_reason is SkipReason.NO_FACE
    assert tracked.faces_seen == 1


def test_the_chosen_face_stays_chosen_while_another_grows(photos: dict[str, Picture]) -> None:
    """The one who was largest first is followed, not whoever is largest now."""
    man, woman = photos["man_head_crop.jpg"], photos["woman_portrait.png"]
    tracker = FaceTracker(smooth=False)
    shown = []
    for step in range(6):
        side = 400 + 40 * step
        grown = np.asarray(cv2.resize(man, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        scene = scenes.on_canvas(grown, 640, 640, 0, 0)
        half = np.asarray(cv2.resize(woman, (480, 480), interpolation=cv2.INTER_AREA), np.uint8)
        shown.append(np.concatenate([scene, scenes.on_canvas(half, 500, 640, 0, 100)], axis=1))
    sides = [face_of(t).landmarks[4, 0] > 640 for t in follow(tracker, shown)]
    assert sides == [True] * 6


@pytest.mark.parametrize("rule", ["", "0", "-1", "1.5", "middle", "LEFT", "1000", "٣"])
def test_unknown_choices_are_refused(rule: str) -> None:
    with pytest.raises(OptionError, match="--face expects"):
        FaceChoice(rule)


def test_picking_among_nobody() -> None:
    assert FaceChoice("left").pick([]) is None
    one = Detection(0.9, np.array([0, 0, 10, 10], np.float32), np.zeros((6, 2), np.float32))
    assert FaceChoice("2").pick([one]) is None
    assert FaceChoice("1").pick([one]) is one


@pytest.mark.real_media
def test_too_small_a_face_is_said_to_be_so(woman: Picture) -> None:
    scale = 10.0 / 187.0  # the eyes come about 10 pixels apart
    small = np.asarray(cv2.resize(woman, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    tracked = FaceTracker(smooth=False).track(scenes.frame(small))
    assert tracked.face is None
    assert tracked.skip_reason is SkipReason.TOO_SMALL


def test_what_makes_a_face_unusable(raw: FaceTracker, woman: Picture) -> None:
    frame = scenes.frame(woman)
    face = face_of(raw.track(frame))

    def turned(axis: Sequence[float], degrees: float) -> Face:
        rotation, _ = cv2.Rodrigues(np.radians(degrees) * np.array(axis))
        return replace(face, pose=replace(face.pose, rotation=rotation.astype(np.float32)))

    assert _skip_reason(face, frame) is None
    for sign in (-1, 1):
        assert _skip_reason(turned([0, 1, 0], sign * (MAX_YAW_DEG + 2)), frame) is SkipReason.TURNED
        assert _skip_reason(turned([1, 0, 0], sign * (MAX_PITCH_DEG + 2)), frame) is SkipReason.TURNED
        assert _skip_reason(turned([0, 1, 0], sign * (MAX_YAW_DEG - 2)), frame) is None
        assert _skip_reason(turned([0, 0, 1], sign * 90), frame) is None
    small = replace(face, pose=replace(face.pose, scale=MIN_EYE_DISTANCE_PX - 1))
    assert _skip_reason(small, frame) is SkipReason.TOO_SMALL


@pytest.mark.parametrize("side", ["below", "right", "left"])
def test_a_mouth_that_the_picture_cuts_off_is_none(raw: FaceTracker, woman: Picture, side: str) -> None:
    """The mesh goes on by guessing where the picture ends, and what were moved there is no mouth."""
    height, width = woman.shape[:2]
    face = face_of(raw.track(scenes.frame(woman)))
    (left, _), (right, _), _, (_, bottom) = face.landmarks[LIP_EDGES, :2].astype(int)
    middle = (left + right) // 2
    cut = {"below": (0, bottom - 8, 0, width), "right": (0, height, 0, middle), "left": (0, height, middle, width)}
    top, end, first, last = cut[side]
    raw.reset()
    tracked = raw.track(scenes.frame(np.ascontiguousarray(woman[top:end, first:last])))
    assert tracked.face is None
    assert tracked.skip_reason is SkipReason.OUTSIDE


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(2), (320, 640)), (Fraction(1, 2), (640, 320))])
def test_oblong_pixels_do_not_change_the_face(
    raw: FaceTracker, woman: Picture, aspect: Fraction, size: tuple[int, int]
) -> None:
    square = face_of(raw.track(scenes.frame(woman)))
    raw.reset()
    squeezed = np.asarray(cv2.resize(woman, size, interpolation=cv2.INTER_AREA), np.uint8)
    wide = face_of(raw.track(scenes.frame(squeezed, pixel_aspect=aspect)))
    off = canonical(wide, float(aspect)) - canonical(square)
    assert np.sqrt((off**2).sum(axis=1)).mean() < 0.015
    assert wide.landmarks[:, 0].max() < size[0], "landmarks are in stored pixels"
    # The pose is in square pixels of the picture's height.
    assert wide.pose.scale == pytest.approx(square.pose.scale * size[1] / 640, rel=0.03)
    assert wide.pose.centre == pytest.approx(square.pose.centre * size[1] / 640, abs=4)
    assert float(wide.descriptor @ square.descriptor) > 0.9


def test_a_small_face_in_a_large_picture_is_found_through_tiles(
    detector: FaceDetector, raw: FaceTracker, woman: Picture
) -> None:
    side = 150
    small = np.asarray(cv2.resize(woman, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    for x, y in ((300, 200), (1850, 1000), (3500, 1900)):
        raw.reset()
        canvas = scenes.on_canvas(small, 3840, 2160, x, y)
        assert detector.detect(canvas) == [], "the whole picture must not be enough for this test to mean anything"
        tip = face_of(raw.track(scenes.frame(canvas))).landmarks[4, :2]
        assert x < tip[0] < x + side
        assert y < tip[1] < y + side


def test_an_empty_large_picture_is_not_searched_in_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = FaceTracker(smooth=False)
    looks = []
    detect = FaceDetector.detect

    def counted(self: FaceDetector, rgb: Picture, pixel_aspect: float = 1.0) -> list[Detection]:
        looks.append(rgb.shape)
        return detect(self, rgb, pixel_aspect)

    monkeypatch.setattr(FaceDetector, "detect", counted)
    follow(tracker, [np.full((180, 320, 3), 90, np.uint8)] * 25)
    assert len(looks) == 25 + 2 * 9


def test_following_is_smoother_than_looking_anew(shared_data: Path, photos: dict[str, Picture]) -> None:
    """A still photo under fresh noise in every frame."""
    rng = np.random.default_rng(6)
    photo = np.asarray(cv2.resize(photos["woman_portrait.png"], (320, 320), interpolation=cv2.INTER_AREA), np.uint8)
    noisy = [np.clip(photo + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8) for _ in range(30)]
    trembling = {}
    for smooth in (False, True):
        seen = [face_of(t).landmarks[:, :2] for t in follow(FaceTracker(smooth=smooth), noisy)]
        trembling[smooth] = float(np.diff(np.array(seen[8:]), axis=0).std())
    assert trembling[True] < trembling[False] / 1.8


def test_a_frame_is_left_as_it_was(raw: FaceTracker, woman: Picture) -> None:
    shown = scenes.frame(woman.copy())
    tracked = raw.track(shown)
    assert tracked.frame is shown
    assert np.array_equal(shown.rgb, woman)


def test_a_device_that_is_not_here_is_the_cpu(woman: Picture) -> None:
    assert FaceTracker(device="cuda", smooth=False).track(scenes.frame(woman)).face is not None
