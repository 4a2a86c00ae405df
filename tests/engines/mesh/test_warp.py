"""The two fields and the maps they become."""

from __future__ import annotations

import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import Puppet, displacement, fields_of, maps_of

from mouthpiece.engines.mesh.fields import GRID, GRID_H, GRID_W, SLIT_BEYOND, STEP
from mouthpiece.engines.mesh.lip_blending import draw_lips
from mouthpiece.engines.mesh.maps import FaceMaps
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.engines.mesh.warp import LipWarp
from mouthpiece.motion.basis import MotionBasis, motion_row
from mouthpiece.types import FloatArray, TrackedFrame

NAMES = ["woman_portrait", "man_half_body", "boy_3d_cartoon", "woman_half_body", "man_head_crop"]
STILL = np.zeros(2, dtype=np.float32)


@pytest.fixture
def warp(puppets: dict[str, Puppet]) -> LipWarp:
    return puppets["woman_portrait"].engine._people[0].warp


def photo_maps(warp: LipWarp, tracked: TrackedFrame, shown: FloatArray, wanted: FloatArray) -> FaceMaps:
    assert tracked.face is not None
    size = (tracked.frame.width, tracked.frame.height)
    maps = maps_of(warp, PlaneMap.of(tracked.face, 1.0), STILL, shown, wanted, size)
    assert maps is not None
    return maps


def plane_motion(basis: MotionBasis, wide: float) -> FloatArray:
    return np.ascontiguousarray(displacement(basis, wide)[:, :2])


@pytest.mark.parametrize("wide", [0.0, 0.03, 0.1])
@pytest.mark.parametrize("name", NAMES)
def test_from_a_mouth_to_itself_is_the_picture_itself(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], basis: MotionBasis, name: str, wide: float
) -> None:
    motion, tracked = plane_motion(basis, wide), portraits[name]
    warp = puppets[name].engine._people[0].warp
    maps = photo_maps(warp, tracked, motion, motion)
    picture, _ = draw_lips(tracked.frame.rgb, maps)
    drawn = picture[maps.geometry.window > 0]
    assert maps.mouth is not None
    outside_mouth = np.ones(maps.geometry.window.shape, bool)
    outside_mouth[maps.mouth.part] = False
    original = tracked.frame.rgb[maps.geometry.box.slices]
    assert scenes.psnr(drawn, original[maps.geometry.window > 0]) > (34 if wide else 42)
    kept = outside_mouth & (maps.geometry.window > 0)
    assert scenes.psnr(picture[kept], original[kept]) > 40


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_mouth_shows_no_inside(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], basis: MotionBasis, name: str
) -> None:
    still = plane_motion(basis, 0.0)
    maps = photo_maps(puppets[name].engine._people[0].warp, portraits[name], still, still)
    assert draw_lips(portraits[name].frame.rgb, maps)[1].max() < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_the_inside_shows_between_the_corners_only(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], basis: MotionBasis, name: str
) -> None:
    person, tracked = puppets[name].engine._people[0], portraits[name]
    assert tracked.face is not None
    alignment = person.align(tracked.face, 1.0)
    size = (tracked.frame.width, tracked.frame.height)
    wanted = plane_motion(basis, 0.12)
    maps = maps_of(person.warp, alignment.plane, alignment.shift, alignment.shown, wanted, size)
    assert maps is not None
    assert maps.mouth is not None
    inside = draw_lips(tracked.frame.rgb, maps)[1]
    # Where the corners themselves have gone, by the motion's own word: the line ends between the mesh's two.
    rows = [motion_row(point) for point in (78, 308, 61, 291)]
    moved = person.neutral[[78, 308, 61, 291], :2] + wanted[rows]
    moved = moved + person.neutral[[78, 308, 61, 291], 2:] * alignment.plane.slant + alignment.shift
    corners = (1 - SLIT_BEYOND) * moved[:2] + SLIT_BEYOND * moved[2:]
    pixels = corners @ alignment.plane.matrix.T + alignment.plane.centre
    eye, left = tracked.face.pose.scale, maps.geometry.box.x0 + maps.mouth.part[1].start
    assert inside.max() == 1
    for shows, slack in ((0.5, 0.02), (1 / 255, 0.02 + STEP)):
        columns = np.flatnonzero(inside.max(axis=0) > shows) + left
        assert pixels[0, 0] - slack * eye <= columns.min()
        assert columns.max() <= pixels[1, 0] + slack * eye
        assert columns.max() - columns.min() > 0.8 * (pixels[1, 0] - pixels[0, 0])
    height = (inside.sum(axis=0)).max() / tracked.face.pose.scale
    assert height == pytest.approx(0.12, abs=0.03), "as high as told"


@pytest.mark.parametrize("wide", [0.16, 0.2, 0.25])
def test_nothing_floats_in_a_wide_open_mouth(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], basis: MotionBasis, wide: float
) -> None:
    """Down the middle there is the upper lip, one gap as wide as told, the lower lip."""
    for name in NAMES:
        person, tracked = puppets[name].engine._people[0], portraits[name]
        assert tracked.face is not None
        alignment = person.align(tracked.face, 1.0)
        size = (tracked.frame.width, tracked.frame.height)
        maps = maps_of(person.warp, alignment.plane, alignment.shift, alignment.shown, plane_motion(basis, wide), size)
        assert maps is not None
        inside = draw_lips(tracked.frame.rgb, maps)[1]
        middle = inside[:, int(inside.sum(axis=0).argmax())] > 0.5
        assert np.abs(np.diff(middle.astype(int))).sum() == 2, name
        assert middle.sum() / tracked.face.pose.scale == pytest.approx(wide, abs=0.035)


@pytest.mark.real_media
def test_points_go_where_they_are_told(warp: LipWarp, puppets: dict[str, Puppet], basis: MotionBasis) -> None:
    """A coloured spot painted on a point is found where the motion sends the point."""
    neutral = puppets["woman_portrait"].engine._people[0].neutral
    scale, middle = 200.0, np.array([256.0, 100.0], np.float32)
    plane = PlaneMap(np.eye(2, dtype=np.float32) * scale, middle, STILL)
    motion = plane_motion(basis, 0.10)
    for point in (152, 17, 14, 0, 61, 291, 205):
        picture = np.zeros((512, 512, 3), np.uint8)
        start = neutral[point, :2] * scale + middle
        yy, xx = np.mgrid[0:512, 0:512]
        spot = 255 * np.exp(-((xx - start[0]) ** 2 + (yy - start[1]) ** 2) / (2 * 4.0**2))
        picture[:] = spot[..., None].astype(np.uint8)
        still = np.zeros_like(motion)
        maps = maps_of(warp, plane, STILL, still, motion, (512, 512))
        assert maps is not None
        drawn = draw_lips(picture, maps)[0][..., 0].astype(float) * (maps.geometry.window > 0.5)
        if point in (14, 0, 17):
            # On the slit's rim half the spot hangs on the other lip: the brightest pixel of its own tells.
            middle_row = (start + motion[[motion_row(13), motion_row(14)]].mean(axis=0) * scale)[1]
            if point == 14:
                drawn[: round(float(middle_row) - maps.geometry.box.y0)] = 0
            y, x = np.unravel_index(int(drawn.argmax()), drawn.shape)
            found = np.array([x, y], float)
        else:
            grid = np.mgrid[0 : drawn.shape[0], 0 : drawn.shape[1]][::-1]
            found = (grid * drawn).sum(axis=(1, 2)) / drawn.sum()
        end = start + motion[motion_row(point)] * scale - [maps.geometry.box.x0, maps.geometry.box.y0]
        assert np.linalg.norm(found - end) < 0.025 * scale, point


def test_fields_are_linear_and_zero_at_rest(warp: LipWarp, basis: MotionBasis) -> None:
    motion = plane_motion(basis, 0.1)
    upper, lower = fields_of(warp, motion)
    assert upper.shape == lower.shape == (GRID_H, GRID_W, 2)
    for field, twice in zip((upper, lower), fields_of(warp, 2 * motion), strict=True):
        assert twice == pytest.approx(2 * field, abs=1e-5)
    assert all(not field.any() for field in fields_of(warp, 0 * motion))


def test_the_lips_part_inside_the_corners_only(warp: LipWarp, basis: MotionBasis) -> None:
    upper, lower = fields_of(warp, plane_motion(basis, 0.12))
    left, right = warp.fields.corners_x
    beyond = (GRID[..., 0] < left - 0.006) | (GRID[..., 0] > right + 0.006)
    assert np.array_equal(upper[beyond], lower[beyond])
    middle = np.abs(GRID[..., 0]) < 0.02
    assert (lower - upper)[middle][:, 1].max() > 0.05


def test_the_rim_is_still(warp: LipWarp, basis: MotionBasis) -> None:
    for field in fields_of(warp, plane_motion(basis, 0.12)):
        for rim in (field[0], field[-1], field[:, 0], field[:, -1]):
            assert np.abs(rim).max() < 1e-4


def test_fields_fold_nothing(warp: LipWarp, basis: MotionBasis) -> None:
    """Each lip's map keeps neighbours in order: no part of a face is drawn twice or turned over."""
    for wide in (-0.02, 0.12, 0.2):
        for field in fields_of(warp, plane_motion(basis, wide)):
            place = GRID + field
            across, down = np.diff(place, axis=1)[:-1], np.diff(place, axis=0)[:, :-1]
            area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
            assert area.min() > 0


def test_a_face_outside_the_picture_gives_no_maps(warp: LipWarp, basis: MotionBasis) -> None:
    motion = plane_motion(basis, 0.1)
    for x, y in ((-2000, 100), (2000, 100), (100, -2000), (100, 2000)):
        plane = PlaneMap(np.eye(2, dtype=np.float32) * 100, np.array([x, y], np.float32), STILL)
        assert maps_of(warp, plane, STILL, motion, motion, (640, 480)) is None


def test_a_face_half_outside_stays_inside_the_picture(warp: LipWarp, basis: MotionBasis) -> None:
    motion = plane_motion(basis, 0.1)
    rgb = np.full((480, 640, 3), 99, np.uint8)
    for x, y in ((0, 100), (640, 100), (320, 420), (320, -60)):
        plane = PlaneMap(np.eye(2, dtype=np.float32) * 100, np.array([x, y], np.float32), STILL)
        maps = maps_of(warp, plane, STILL, motion, motion, (640, 480))
        assert maps is not None
        assert maps.geometry.box == maps.geometry.box.clipped(640, 480)
        assert maps.geometry.window.shape == (maps.geometry.box.height, maps.geometry.box.width)
        assert draw_lips(rgb, maps)[0].shape == (*maps.geometry.window.shape, 3)
