"""The drawn inside of the mouth."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engines.mesh.rig import Puppet, displacement, maps_of

from mouthpiece.engines.mesh.interior import REFERENCE_LIGHT, MouthFrame, MouthScene, ProceduralInterior, face_light
from mouthpiece.engines.mesh.maps import FaceMaps
from mouthpiece.engines.mesh.neutral import JAW_SHARE, PlaneMap, jaw_displacement
from mouthpiece.motion.basis import MotionBasis, motion_row
from mouthpiece.types import FloatArray, TrackedFrame

SCALE = 240.0
STILL = np.zeros(2, dtype=np.float32)
LIGHT = np.full(3, 190, np.float32)


@pytest.fixture
def stage(puppets: dict[str, Puppet], basis: MotionBasis) -> tuple[MouthFrame, PlaneMap, FaceMaps]:
    """A frontal face with its mouth wide open."""
    person = puppets["woman_portrait"].engine._people[0]
    plane = PlaneMap(np.eye(2, dtype=np.float32) * SCALE, np.array([256, 60], np.float32), STILL)
    motion = np.ascontiguousarray(displacement(basis, 0.16)[:, :2])
    maps = maps_of(person.warp, plane, STILL, 0 * motion, motion, (512, 512))
    assert maps is not None
    return person.mouth, plane, maps


def draw(
    stage: tuple[MouthFrame, PlaneMap, FaceMaps], jaw: FloatArray = STILL, light: FloatArray = LIGHT
) -> FloatArray:
    mouth, plane, maps = stage
    drawn, scene = ProceduralInterior(mouth, SCALE), MouthScene(plane, STILL, maps, light, mouth.mm)
    return drawn.upper_teeth(drawn.behind(scene, jaw), scene)


def test_the_mouth_frame_measures_the_mouth(puppets: dict[str, Puppet]) -> None:
    for puppet in puppets.values():
        neutral = puppet.engine._people[0].neutral
        frame = MouthFrame.of(neutral)
        assert frame.centre[0] == pytest.approx(neutral[[78, 308], 0].mean(), abs=1e-5)
        assert frame.centre[1] == pytest.approx(neutral[13, 1], abs=1e-5)
        assert frame.mm * 50 == pytest.approx(np.linalg.norm(neutral[61, :2] - neutral[291, :2]), rel=1e-4)
        assert frame.depth > neutral[13, 2], "teeth are behind the lips"


def test_upper_teeth_stay_and_lower_teeth_go_with_the_jaw(stage: tuple[MouthFrame, PlaneMap, FaceMaps]) -> None:
    down = np.array([0, 0.05], np.float32)
    still, lowered = draw(stage, STILL), draw(stage, down)
    assert still.shape == lowered.shape
    mouth, plane, maps = stage
    assert maps.mouth is not None
    seam = (mouth.centre @ plane.matrix.T + plane.centre)[1] - maps.geometry.box.y0 - maps.mouth.part[0].start
    upper = slice(0, max(1, int(seam)))
    assert np.abs(still[upper] - lowered[upper]).max() < 1e-3
    assert np.abs(still - lowered).max() > 30


def test_upper_teeth_are_bright_and_the_rest_is_dark(stage: tuple[MouthFrame, PlaneMap, FaceMaps]) -> None:
    drawn = draw(stage, np.array([0, 0.14], np.float32))
    _, _, maps = stage
    assert maps.mouth is not None
    columns = slice(drawn.shape[1] // 2 - 8, drawn.shape[1] // 2 - 3)
    inside = ((maps.mouth.above < 0) & (maps.mouth.below < 0))[:, columns].all(axis=1)
    middle = drawn[inside, columns].mean(axis=(1, 2))
    assert middle[:3].max() > 1.5 * np.median(middle), "teeth beneath the upper lip"
    assert middle.min() < 0.4 * middle.max()
    assert drawn.min() >= 0
    assert drawn.max() <= 255
    assert drawn.dtype == np.float32


def test_the_face_s_light_lights_the_inside(stage: tuple[MouthFrame, PlaneMap, FaceMaps]) -> None:
    bright, dim = draw(stage), draw(stage, light=(LIGHT / 2).astype(np.float32))
    assert dim == pytest.approx(bright / 2, abs=0.5)
    red = draw(stage, light=np.array([190, 95, 95], np.float32))
    assert red[..., 0] == pytest.approx(bright[..., 0], abs=0.5)
    assert red[..., 1] == pytest.approx(bright[..., 1] / 2, abs=0.5)


def test_lips_shade_what_is_near_them(stage: tuple[MouthFrame, PlaneMap, FaceMaps]) -> None:
    mouth, plane, maps = stage
    assert maps.mouth is not None
    shade = MouthScene(plane, STILL, maps, np.full(3, REFERENCE_LIGHT, np.float32), mouth.mm).shade[..., 0]
    assert shade.shape == maps.mouth.above.shape
    assert 0 < shade.min() < shade.max() <= 1
    middle = shade.shape[1] // 2
    inside = np.flatnonzero((maps.mouth.above[:, middle] < 0) & (maps.mouth.below[:, middle] < 0))
    column = shade[inside, middle]
    assert column[len(column) // 2] > column[-1] > column[0], "the upper lip throws the deeper shadow"


def test_light_follows_the_picture(portraits: dict[str, TrackedFrame]) -> None:
    for tracked in portraits.values():
        assert tracked.face is not None
        light = face_light(tracked.frame.rgb, tracked.face.landmarks)
        assert light.shape == (3,)
        assert (light >= 25).all()
        assert (light <= 255).all()
        dark = face_light((tracked.frame.rgb // 3).astype(np.uint8), tracked.face.landmarks)
        assert (dark < 0.55 * light).all()
        assert light[0] >= light[2], "skin is warm"


def test_light_outside_the_picture_is_still_some_light(portraits: dict[str, TrackedFrame]) -> None:
    face = portraits["woman_portrait"].face
    assert face is not None
    away = face_light(portraits["woman_portrait"].frame.rgb, face.landmarks + 5000)
    assert np.isfinite(away).all()


def test_the_jaw_takes_most_of_the_lower_lip_s_way(basis: MotionBasis) -> None:
    motion = np.ascontiguousarray(displacement(basis, 0.1)[:, :2])
    jaw = jaw_displacement(motion)
    assert jaw == pytest.approx(JAW_SHARE * motion[motion_row(14)])


def test_a_narrow_gap_lets_little_light_in(puppets: dict[str, Puppet], basis: MotionBasis) -> None:
    """Teeth behind lips that have hardly parted are no white line."""
    person = puppets["woman_portrait"].engine._people[0]
    plane = PlaneMap(np.eye(2, dtype=np.float32) * SCALE, np.array([256, 60], np.float32), STILL)
    lit = []
    for wide in (0.012, 0.03, 0.08):
        motion = np.ascontiguousarray(displacement(basis, wide)[:, :2])
        maps = maps_of(person.warp, plane, STILL, 0 * motion, motion, (512, 512))
        assert maps is not None
        scene = MouthScene(plane, STILL, maps, LIGHT, person.mouth.mm)
        lit.append(float(scene.let_in[:, scene.let_in.shape[1] // 2].max()))
    assert lit[0] < 0.75
    assert lit == sorted(lit)
    assert lit[2] == 1
