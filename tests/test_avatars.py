"""The gallery of avatars and the program that paints it."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from tools.avatars.people import GALLERY
from tools.avatars.portrait import SIZE, painted

from mouthpiece.errors import OptionError
from mouthpiece.face import FaceTracker
from mouthpiece.face.mesh import INNER_LIP_BOTTOM, INNER_LIP_TOP, OUTER_EYE_LEFT, OUTER_EYE_RIGHT
from mouthpiece.media import open_face
from mouthpiece.options import Fit
from mouthpiece.samples import LANGUAGES, Avatar, avatars
from mouthpiece.types import Face, Picture

LIPS_CLOSED = 0.04
"""The mesh sees a small gap between closed full lips: distance over that of the outer eye corners."""
EYE_LIDS = ((159, 145, 33, 133), (386, 374, 263, 362))
"""Upper and lower lid, corners."""
TOTAL_BYTES = 750_000
LENGTH_S = Fraction(1, 25)
SMALL = 0.25
"""Size of the pictures painted here over the shipped ones'."""

by_name = pytest.mark.parametrize("avatar", avatars(), ids=lambda avatar: avatar.name)


def read(path: Path) -> Picture:
    """A picture, (H, W, 3) RGB."""
    bgr = cv2.imread(str(path))
    assert bgr is not None
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def track(avatar: Avatar) -> Face:
    """The face as the pipeline sees it."""
    with open_face(avatar.path) as source:
        [tracked] = map(FaceTracker().track, source.frames(LENGTH_S, Fit.CUT))
    assert tracked.face is not None
    return tracked.face


def test_young_and_old_women_men_and_a_child_are_there() -> None:
    names = [avatar.name for avatar in avatars()]
    assert {"man", "woman", "old_man", "old_lady", "child"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert names == [person.name for person in GALLERY]


@by_name
def test_titles_are_in_english_and_arabic(avatar: Avatar) -> None:
    assert re.fullmatch(r"[A-Z][a-z ]+", avatar.title("en"))
    assert re.fullmatch(r"[\u0600-\u06ff ]+", avatar.title("ar"))
    assert avatar.title() == avatar.title("en")
    assert len(avatar.titles) == len(LANGUAGES)


@pytest.mark.parametrize("language", ["fr", "", "EN"])
def test_titles_in_another_language_are_refused_with_the_known_ones(language: str) -> None:
    with pytest.raises(OptionError, match=r"expected .*\(en, ar\), got "):
        avatars()[0].title(language)


@by_name
def test_files_are_of_one_size(avatar: Avatar) -> None:
    assert read(avatar.path).shape == (SIZE[1], SIZE[0], 3)


def test_the_gallery_stays_small() -> None:
    assert sum(avatar.path.stat().st_size for avatar in avatars()) < TOTAL_BYTES


@by_name
def test_the_tracker_finds_one_frontal_face_with_open_eyes_and_closed_lips(avatar: Avatar) -> None:
    face = track(avatar)
    points = face.landmarks
    eyes = float(np.linalg.norm(points[OUTER_EYE_RIGHT] - points[OUTER_EYE_LEFT]))

    assert face.score > 0.95
    assert abs(face.pose.yaw_deg) < 4
    assert abs(face.pose.roll_deg) < 2
    assert abs(face.pose.pitch_deg) < 12
    assert eyes > 200
    assert np.linalg.norm(points[INNER_LIP_TOP] - points[INNER_LIP_BOTTOM]) / eyes < LIPS_CLOSED
    for upper, lower, outer, inner in EYE_LIDS:
        opening = np.linalg.norm(points[upper, :2] - points[lower, :2])
        assert opening / np.linalg.norm(points[outer, :2] - points[inner, :2]) > 0.22


@by_name
def test_the_lips_meet_where_the_dark_seam_is_painted(avatar: Avatar) -> None:
    points, rgb = track(avatar).landmarks, read(avatar.path)
    eyes = float(np.linalg.norm(points[OUTER_EYE_RIGHT] - points[OUTER_EYE_LEFT]))
    middle = points[[INNER_LIP_TOP, INNER_LIP_BOTTOM]].mean(axis=0)
    x, y = round(float(middle[0])), round(float(middle[1]))
    column = rgb[y - 20 : y + 20, x - 3 : x + 4].mean(axis=(1, 2))
    assert abs(int(column.argmin()) - 20) < 0.035 * eyes


def test_faces_differ_from_one_another() -> None:
    small = [
        cv2.resize(read(avatar.path), (48, 60), interpolation=cv2.INTER_AREA).astype(float) for avatar in avatars()
    ]
    for i, one in enumerate(small):
        assert all(np.abs(one - other).mean() > 12 for other in small[:i])


def test_the_program_paints_the_same_again() -> None:
    [child] = [person for person in GALLERY if person.name == "child"]
    one, again = (painted(child, SMALL, oversampling=1) for _ in range(2))
    assert one.shape == (SIZE[1] * SMALL, SIZE[0] * SMALL, 3)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, again)
    [shipped] = [avatar for avatar in avatars() if avatar.name == "child"]
    height, width = int(one.shape[0]), int(one.shape[1])
    like = cv2.resize(read(shipped.path), (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(one.astype(float) - like).mean() < 10


def test_the_program_refuses_unknown_names(tmp_path: Path) -> None:
    from tools import make_avatars

    with pytest.raises(SystemExit, match=r"expected names out of woman, .*, got nobody"):
        make_avatars.main(tmp_path, ["nobody"])
    assert not list(tmp_path.iterdir())


def test_git_knows_the_pictures(repo_root: Path) -> None:
    if not (repo_root / ".git").exists():
        pytest.skip("this is no checkout")
    listed = subprocess.run(
        ["git", "ls-files", "src/mouthpiece/samples/avatars"], cwd=repo_root, capture_output=True, text=True, check=True
    ).stdout.split()
    assert sorted(Path(name).name for name in listed) == sorted(avatar.path.name for avatar in avatars())
