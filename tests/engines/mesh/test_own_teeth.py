"""Teeth lifted from faces that show them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engines.mesh.rig import Puppet, maps_of

from mouthpiece.engines.mesh.interior import MouthScene
from mouthpiece.engines.mesh.own_teeth import (
    BEST_OPENING,
    MAX_YAW_DEG,
    MIN_HEIGHT_PX,
    MIN_OPENING,
    OwnTeeth,
    suitability,
)
from mouthpiece.face import FaceTracker
from mouthpiece.types import TrackedFrame

CLOSED = ["woman_portrait", "man_half_body", "boy_3d_cartoon", "woman_half_body"]


def teeth_of(puppet: Puppet) -> OwnTeeth | None:
    return puppet.engine._people[0].teeth


@pytest.fixture(scope="module")
def smiles(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], laughing: TrackedFrame, tracker: FaceTracker
) -> list[tuple[Puppet, TrackedFrame]]:
    return [(puppets["man_head_crop"], portraits["man_head_crop"]), (Puppet(tracker, [laughing]), laughing)]


def test_shown_teeth_are_taken(smiles: list[tuple[Puppet, TrackedFrame]]) -> None:
    for puppet, tracked in smiles:
        teeth = teeth_of(puppet)
        assert teeth is not None
        assert tracked.face is not None
        opacity, colour = teeth.texture[..., 3], teeth.texture[..., :3]
        assert 0 <= opacity.min() <= opacity.max() <= 1 + 1e-5
        assert opacity.max() > 0.95
        solid = colour[opacity > 0.95]
        brightness = solid.max(axis=1)
        assert np.median(brightness) > 0.42 * teeth.light.max()
        assert np.median((brightness - solid.min(axis=1)) / brightness) < 0.42, "teeth are pale"
        assert 0 < teeth.edge < 0.12, "they end a little under the closed lips' line"
        assert teeth.density == pytest.approx(tracked.face.pose.scale, rel=0.15)


def test_taken_teeth_are_the_frame_s_own_pixels(smiles: list[tuple[Puppet, TrackedFrame]]) -> None:
    """Speaking with the opening that it had, the face shows about its own teeth."""
    for puppet, tracked in smiles:
        assert tracked.face is not None
        own = puppet.measured(tracked.frame.rgb)
        drawn = puppet.speak(tracked, own)
        points, eye = tracked.face.landmarks, tracked.face.pose.scale
        top, bottom = points[13, 1], points[14, 1]
        part = (
            slice(int(top + 0.3 * (bottom - top)), int(top + 0.6 * (bottom - top)) + 1),
            slice(int(points[13, 0] - 0.1 * eye), int(points[13, 0] + 0.1 * eye)),
        )
        off = np.abs(drawn[part].astype(float).mean(axis=(0, 1)) - tracked.frame.rgb[part].mean(axis=(0, 1)))
        assert off.max() < 45


@pytest.mark.parametrize("name", CLOSED)
def test_closed_mouths_give_none(puppets: dict[str, Puppet], name: str) -> None:
    assert teeth_of(puppets[name]) is None


def test_an_open_mouth_without_teeth_gives_none(portraits: dict[str, TrackedFrame], tracker: FaceTracker) -> None:
    """The inside painted over with dark red."""
    import cv2

    from mouthpiece.engines.mesh import topology as topo
    from mouthpiece.types import Frame

    tracked = portraits["man_head_crop"]
    assert tracked.face is not None
    rgb = tracked.frame.rgb.copy()
    rim = np.concatenate([topo.INNER_UPPER, topo.INNER_LOWER[-2:0:-1]])
    outline = np.round(tracked.face.landmarks[rim, :2]).astype(np.int32)
    cv2.fillPoly(rgb, [outline], (60, 20, 22))
    frame = Frame(tracked.frame.time_s, tracked.frame.duration_s, rgb)
    assert teeth_of(Puppet(tracker, [TrackedFrame(frame, tracked.face)])) is None


def test_which_frames_suit() -> None:
    assert suitability(BEST_OPENING, 200, 0) == 1
    assert suitability(MIN_OPENING - 0.001, 200, 0) == 0
    assert suitability(0.05, MIN_HEIGHT_PX / 0.05 - 1, 0) == 0
    assert suitability(0.1, 200, MAX_YAW_DEG + 1) == 0
    assert suitability(0.1, 200, -MAX_YAW_DEG - 1) == 0
    assert suitability(0.06, 200, 0) < suitability(0.1, 200, 0)
    assert suitability(0.1, 200, 15) < suitability(0.1, 200, 0)


def test_teeth_take_on_the_light_of_now(
    smiles: list[tuple[Puppet, TrackedFrame]],
) -> None:
    puppet, tracked = smiles[1]
    teeth, person = teeth_of(puppet), puppet.engine._people[0]
    assert teeth is not None
    assert tracked.face is not None
    look = puppet.engine._look(person, tracked.face, 1.0)
    size = (tracked.frame.width, tracked.frame.height)
    maps = maps_of(person.warp, look.plane, look.shift, look.shown, look.shown, size)
    assert maps is not None
    assert maps.mouth is not None
    rows, columns = maps.mouth.part
    dark = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 3), np.float32)
    scene = MouthScene(look.plane, look.shift, maps, teeth.light, person.mouth.mm)
    dimmed = MouthScene(look.plane, look.shift, maps, (teeth.light / 2).astype(np.float32), person.mouth.mm)
    full = teeth.lay_over(dark, scene, person.mouth, teeth.jaw)
    half = teeth.lay_over(dark, dimmed, person.mouth, teeth.jaw)
    assert full.max() > 60
    assert half == pytest.approx(full / 2, abs=1.0)
