"""Lips cut out, isolated, and drawn as a texture in all frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import Puppet, look

from mouthpiece.engines.mesh.fields import GRID
from mouthpiece.engines.mesh.lip_blending import MAX_ENLARGED, MAX_TURN_DEG, lip_feather
from mouthpiece.engines.mesh.lips import OPEN_FROM, LipRim, LipView, isolate_lips, parted_rim
from mouthpiece.face import FaceTracker
from mouthpiece.types import Frame, Picture, TrackedFrame

LIP, TOOTH, DARK = (190, 90, 95), (225, 215, 200), (40, 18, 18)
SKIN = (215, 175, 150)
EYE = 200.0


def painted(gap: float, inside: tuple[int, int, int], off: float = 0.0) -> tuple[Picture, LipRim]:
    """Two lips, a gap apart, with something between them; the landmarks see each edge `off` too far from the gap.

    All in outer eye distances.
    """
    height, width = 160, 240
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    arch = np.sqrt(np.clip(1 - ((x - 120) / 80) ** 2, 0, None))
    half = gap * EYE / 2 * arch
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = SKIN
    rgb[np.abs(y - 80) < half + 22 * arch] = LIP
    rgb[np.abs(y - 80) < half] = inside
    rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.7), np.uint8)
    across = np.linspace(40, 200, 11, dtype=np.float32)
    bow = np.sqrt(np.clip(1 - ((across - 120) / 80) ** 2, 0, None))
    edge = np.maximum(gap * EYE / 2 - off * EYE, 0.5) * bow
    lines = [np.stack([across, 80 + sign * edge], axis=-1).astype(np.float32) for sign in (-1, 1)]
    amid = [
        np.stack([across[2:-2], 80 + sign * ((gap * EYE / 2 + 12) * bow[2:-2])], axis=-1).astype(np.float32)
        for sign in (-1, 1)
    ]
    middle = float(lines[1][5, 1] - lines[0][5, 1]) / EYE
    return rgb, LipRim(lines[0], lines[1], amid[0], amid[1], middle, EYE)


def off_lip(rgb: Picture, rows: slice) -> float:
    """Largest distance of the middle columns from the lip's colour."""
    middle = rgb[rows, 95:146].astype(float)
    return float(np.abs(middle - LIP).max())


@pytest.mark.parametrize("inside", [TOOTH, DARK])
@pytest.mark.parametrize("off", [0.0, 0.010])
def test_what_shows_between_parted_lips_is_on_neither(inside: tuple[int, int, int], off: float) -> None:
    """Even where the landmarks see the edges two pixels inside the gap."""
    rgb, rim = painted(0.06, inside, off)
    for parted in (False, True):
        lips = isolate_lips(rgb, rim, parted=parted)
        assert off_lip(lips.upper, slice(64, 80)) < 12
        assert off_lip(lips.lower, slice(81, 97)) < 12
    assert isolate_lips(rgb, rim, parted=False).seam > 0.2, "the line between them must be drawn"
    assert isolate_lips(rgb, rim, parted=True).seam == 0


def test_closed_lips_keep_their_line_while_they_are_closed() -> None:
    """A dark line of two hundredths between lips that the landmarks see closed."""
    rgb, rim = painted(0.02, DARK, 0.0065)
    assert rim.gap < OPEN_FROM
    closed = isolate_lips(rgb, rim, parted=False)
    assert np.array_equal(closed.upper, rgb)
    assert np.array_equal(closed.lower, rgb)
    assert closed.seam == 0
    parted = isolate_lips(rgb, rim, parted=True)
    assert off_lip(rgb, slice(70, 80)) > 60
    assert off_lip(parted.upper, slice(66, 80)) < 25
    assert off_lip(parted.lower, slice(81, 94)) < 25


def test_lips_that_only_the_landmarks_see_apart_are_closed() -> None:
    rgb, rim = painted(0.045, LIP)
    assert parted_rim(rgb, rim) is None
    lips = isolate_lips(rgb, rim, parted=False)
    assert np.array_equal(lips.upper, rgb)
    assert lips.seam == 0


@pytest.mark.parametrize("off", [-0.012, 0.0, 0.012])
def test_edges_of_parted_lips_are_found(off: float) -> None:
    rgb, rim = painted(0.055, DARK, off)
    found = parted_rim(rgb, rim)
    assert found is not None
    for line, sign in ((found.upper, -1), (found.lower, 1)):
        true = 80 + sign * 0.055 * EYE / 2 * np.sqrt(1 - ((line[3:8, 0] - 120) / 80) ** 2)
        assert line[3:8, 1] == pytest.approx(true, abs=1.6)


def test_the_feather_covers_the_lips_and_nothing_far(puppets: dict[str, Puppet]) -> None:
    from mouthpiece.engines.mesh import topology as topo

    for puppet in puppets.values():
        neutral = puppet.engine._people[0].neutral
        feather = lip_feather(neutral, GRID)
        assert feather.shape == GRID.shape[:2]
        assert feather.min() == 0
        lips = neutral[np.union1d(topo.UPPER_LIP, topo.LOWER_LIP), :2][:, None].astype(np.float32)
        assert lip_feather(neutral, lips).min() == 1
        far = neutral[[2, 152, 50, 280], :2][:, None].astype(np.float32)
        assert lip_feather(neutral, far).max() == 0, "nose, chin and cheeks stay the frame's own"


def test_the_lip_texture_suits_faces_turned_alike_and_not_far_larger(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame]
) -> None:
    from dataclasses import replace

    face, texture = portraits["woman_portrait"].face, puppets["woman_portrait"].engine._people[0].lip_texture
    assert face is not None
    assert texture is not None
    assert texture.fits(face) == 1
    assert replace(texture, yaw_deg=texture.yaw_deg + MAX_TURN_DEG[1] + 1).fits(face) == 0
    assert 0 < replace(texture, yaw_deg=texture.yaw_deg - sum(MAX_TURN_DEG) / 2).fits(face) < 1
    assert replace(texture, scale=face.pose.scale / (MAX_ENLARGED[1] + 0.1)).fits(face) == 0
    assert replace(texture, scale=face.pose.scale * 3).fits(face) == 1


def test_lips_cut_off_by_the_picture_are_no_candidates(portraits: dict[str, TrackedFrame]) -> None:
    tracked = portraits["woman_portrait"]
    assert tracked.face is not None
    assert LipView.of(tracked.frame, tracked.face) is not None
    bottom = int(tracked.face.landmarks[17, 1])
    frame = Frame(tracked.frame.time_s, tracked.frame.duration_s, tracked.frame.rgb[:bottom].copy())
    assert LipView.of(frame, tracked.face) is None


def mouth_part(tracked: TrackedFrame) -> tuple[slice, slice]:
    assert tracked.face is not None
    points, eye = tracked.face.landmarks, tracked.face.pose.scale
    x, y = points[[61, 291, 0, 17], :2].mean(axis=0)
    return slice(int(y - 0.2 * eye), int(y + 0.25 * eye)), slice(int(x - 0.3 * eye), int(x + 0.3 * eye))


def tooth_like(rgb: Picture, tracked: TrackedFrame) -> int:
    """Pixels well within the mouth's outline that are as bright as lips and far paler than they are."""
    assert tracked.face is not None
    from mouthpiece.engines.mesh import topology as topo

    points = tracked.face.landmarks[:, :2]
    mask = np.zeros(rgb.shape[:2], np.uint8)
    outline = points[np.concatenate([topo.OUTER_UPPER, topo.OUTER_LOWER[-2:0:-1]])]
    centre = outline.mean(axis=0)
    cv2.fillPoly(mask, [np.round(centre + 0.7 * (outline - centre)).astype(np.int32)], 1)
    colour = rgb[mask > 0].astype(float)
    high, low = colour.max(axis=1), colour.min(axis=1)
    saturation = (high - low) / np.maximum(high, 1)
    return int(((saturation < 0.6 * np.median(saturation)) & (high > 0.8 * np.median(high))).sum())


def test_closing_a_photo_with_parted_lips_leaves_no_tooth_between_them(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame]
) -> None:
    for name in ("woman_half_body", "man_head_crop"):
        tracked = portraits[name]
        before = tooth_like(tracked.frame.rgb, tracked)
        assert before > 10, "the photo shows teeth"
        assert tooth_like(puppets[name].speak(tracked, 0.0), tracked) <= 0.2 * before


@pytest.mark.real_media
def test_the_source_s_own_mouth_leaves_no_trace(shared_data: Path, tracker: FaceTracker) -> None:
    """Told to keep its lips closed, a talking face looks the same whatever its own mouth does: about as much as a
    resting frame looks like the next."""
    frames = [look(tracker, rgb) for rgb in scenes.pictures(shared_data / "grid_unseen_dev" / "s5_bbae8n.mpg", 75)[::3]]
    puppet = Puppet(tracker, frames)
    gaps = np.array([puppet.measured(t.frame.rgb) for t in frames])
    closed, opened = frames[int(gaps.argmin())], frames[int(gaps.argmax())]
    assert gaps.max() > 0.08

    def mouth(rgb: Picture) -> Picture:
        """Around the lips that the picture shows: those of an open mouth lie lower."""
        part = cv2.resize(rgb[mouth_part(look(tracker, rgb))], (64, 48), interpolation=cv2.INTER_AREA)
        return np.asarray(part, np.uint8)

    own = scenes.psnr(mouth(opened.frame.rgb), mouth(closed.frame.rgb))
    shut = scenes.psnr(mouth(puppet.speak(opened, 0.0)), mouth(puppet.speak(closed, 0.0)))
    assert own < 23
    assert shut > own + 8
    assert tooth_like(puppet.speak(opened, 0.0), opened) == 0


def test_the_lip_texture_takes_on_the_light_of_the_frame(shared_data: Path, tracker: FaceTracker) -> None:
    """A frame made half as bright: its lips follow."""
    first, second = (look(tracker, rgb) for rgb in scenes.pictures(shared_data / scenes.PERSON_A, 2))
    dim = Frame(second.frame.time_s, second.frame.duration_s, (second.frame.rgb * 0.6).astype(np.uint8))
    puppet = Puppet(tracker, [first])
    bright = puppet.speak(second, 0.0)
    dimmed = puppet.speak(TrackedFrame(dim, second.face), 0.0)
    part = mouth_part(second)
    ratio = dimmed[part].astype(float).mean() / bright[part].astype(float).mean()
    assert ratio == pytest.approx(0.6, abs=0.02)
