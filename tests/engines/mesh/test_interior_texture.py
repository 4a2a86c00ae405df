"""The inside of the mouth, lifted from faces that show it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import Puppet, look, maps_of

from mouthpiece.engines.mesh.interior import MouthScene
from mouthpiece.engines.mesh.interior_texture import (
    BEST_OPENING,
    MAX_YAW_DEG,
    MIN_HEIGHT_PX,
    MIN_OPENING,
    MouthInteriorTexture,
    suitability,
    teeth_weight,
)
from mouthpiece.face import FaceTracker
from mouthpiece.types import FloatArray, TrackedFrame

CLOSED = ["woman_portrait", "man_half_body", "boy_3d_cartoon"]


def own_of(puppet: Puppet) -> MouthInteriorTexture | None:
    return puppet.engine._people[0].interior


@pytest.fixture(scope="module")
def smiles(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], laughing: TrackedFrame, tracker: FaceTracker
) -> list[tuple[Puppet, TrackedFrame]]:
    return [(puppets["man_head_crop"], portraits["man_head_crop"]), (Puppet(tracker, [laughing]), laughing)]


def test_a_shown_inside_is_taken(smiles: list[tuple[Puppet, TrackedFrame]]) -> None:
    for puppet, tracked in smiles:
        own = own_of(puppet)
        assert own is not None
        assert tracked.face is not None
        opacity = own.upper[..., 3]
        assert 0 <= opacity.min() <= opacity.max() <= 1 + 1e-5
        assert opacity.max() > 0.9
        solid = own.upper[opacity > 0.9][:, :3]
        assert np.percentile(solid.max(axis=1), 80) > 0.42 * own.light.max(), "teeth are bright"
        assert own.density == pytest.approx(tracked.face.pose.scale, rel=0.15)
        assert own.dark.max() < 0.5 * own.light.max()


def test_the_face_s_own_pixels_come_back(smiles: list[tuple[Puppet, TrackedFrame]]) -> None:
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
    assert own_of(puppets[name]) is None


@pytest.mark.real_media
def test_of_a_video_the_frame_with_teeth_is_taken(shared_data: Path, tracker: FaceTracker) -> None:
    """A speaker of GRID's whose mouth is dark in most open frames, and shows two bright front teeth in some."""
    clip = shared_data / "grid_unseen_dev" / "s5_bbae8n.mpg"
    sample_frames = [look(tracker, rgb) for rgb in scenes.pictures(clip, 75)[::3]]
    own = own_of(Puppet(tracker, sample_frames))
    assert own is not None
    solid = own.upper[own.upper[..., 3] > 0.9][:, :3]
    bright = solid[solid.max(axis=1) > 0.5 * own.light.max()]
    assert len(bright) > 0.1 * len(solid)
    assert np.median(bright.min(axis=1) / bright.max(axis=1)) > 0.5, "and pale"


def shown(
    own: MouthInteriorTexture, puppet: Puppet, tracked: TrackedFrame, light: FloatArray, down: float
) -> FloatArray:
    """The inside alone on black, with the jaw so much lower than where it was taken."""
    person = puppet.engine._people[0]
    assert tracked.face is not None
    seen = person.align(tracked.face, 1.0)
    maps = maps_of(
        person.warp, seen.plane, seen.shift, seen.shown, seen.shown, (tracked.frame.width, tracked.frame.height)
    )
    assert maps is not None
    assert maps.mouth is not None
    rows, columns = maps.mouth.part
    dark = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 3), np.float32)
    scene = MouthScene(seen.plane, seen.shift, maps, light, person.mouth.mm)
    return own.lay_over(dark, scene, person.mouth, own.jaw + np.array([0, down], np.float32))


def test_the_upper_part_stays_and_the_lower_goes(smiles: list[tuple[Puppet, TrackedFrame]]) -> None:
    puppet, tracked = smiles[1]
    own = own_of(puppet)
    assert own is not None
    none = np.zeros_like(own.upper)
    upper, lower = replace(own, lower=none), replace(own, upper=none)
    assert np.array_equal(shown(upper, puppet, tracked, own.light, 0.0), shown(upper, puppet, tracked, own.light, 0.05))
    before, after = (shown(lower, puppet, tracked, own.light, down).sum(axis=(1, 2)) for down in (0.0, 0.03))
    rows = np.arange(len(before))
    went = (after * rows).sum() / after.sum() - (before * rows).sum() / before.sum()
    assert tracked.face is not None
    assert went == pytest.approx(0.03 * tracked.face.pose.scale, rel=0.25)


def test_it_takes_on_the_light_of_now(smiles: list[tuple[Puppet, TrackedFrame]]) -> None:
    puppet, tracked = smiles[1]
    own = own_of(puppet)
    assert own is not None
    full = shown(own, puppet, tracked, own.light, 0.0)
    half = shown(own, puppet, tracked, (own.light / 2).astype(np.float32), 0.0)
    assert full.max() > 60
    assert half == pytest.approx(full / 2, abs=1.0)


def test_a_dark_open_mouth_has_no_teeth(portraits: dict[str, TrackedFrame], tracker: FaceTracker) -> None:
    """The inside painted over with dark red."""
    from mouthpiece.engines.mesh import topology as topo
    from mouthpiece.types import Frame

    tracked = portraits["man_head_crop"]
    assert tracked.face is not None
    rgb = tracked.frame.rgb.copy()
    rim = np.concatenate([topo.INNER_UPPER, topo.INNER_LOWER[-2:0:-1]])
    outline = np.round(tracked.face.landmarks[rim, :2]).astype(np.int32)
    cv2.fillPoly(rgb, [outline], (60, 20, 22))
    frame = Frame(tracked.frame.time_s, tracked.frame.duration_s, rgb)
    own = own_of(Puppet(tracker, [TrackedFrame(frame, tracked.face)]))
    assert own is not None
    middle = own.upper[:, own.upper.shape[1] // 3 : -(own.upper.shape[1] // 3)]
    solid = middle[middle[..., 3] > 0.9][:, :3]
    assert np.median(solid.max(axis=1)) < 0.42 * own.light.max()


def test_which_frames_suit() -> None:
    assert suitability(BEST_OPENING, 200, 0) == 1
    assert suitability(MIN_OPENING - 0.001, 200, 0) == 0
    assert suitability(0.05, MIN_HEIGHT_PX / 0.05 - 1, 0) == 0
    assert suitability(0.1, 200, MAX_YAW_DEG + 1) == 0
    assert suitability(0.1, 200, -MAX_YAW_DEG - 1) == 0
    assert suitability(0.06, 200, 0) < suitability(0.1, 200, 0)
    assert suitability(0.1, 200, 15) < suitability(0.1, 200, 0)
    assert 0 < teeth_weight(0.0) < teeth_weight(0.03) < teeth_weight(0.5) == 1
