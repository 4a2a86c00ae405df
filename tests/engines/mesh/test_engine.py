"""What the mesh engine draws, measured on its own output by the face room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import Puppet, look, measured_opening

from mouthpiece.engines.mesh.engine import MeshEngine
from mouthpiece.errors import WeightsError
from mouthpiece.face import FaceTracker
from mouthpiece.motion.network import LIVE_WEIGHTS
from mouthpiece.motion.stream import MotionStream
from mouthpiece.options import EngineOptions
from mouthpiece.types import SAME_PERSON, FloatArray, Picture, TrackedFrame

NAMES = [name.split(".")[0] for name in scenes.PHOTOS]
WIDE = 0.08
MESH_BIAS = 0.02
"""Opening that the tracker sees in a closed mouth."""


def lower_face(tracked: TrackedFrame, margin: int = 6) -> tuple[slice, slice]:
    """From under the nose to the chin, from corner to corner."""
    assert tracked.face is not None
    points = tracked.face.landmarks
    return (
        slice(int(points[2, 1]), int(points[152, 1])),
        slice(int(points[61, 0]) - margin, int(points[291, 0]) + margin),
    )


def test_it_is_ready_and_the_live_network_waits_for_little() -> None:
    info, live = (MeshEngine.describe(EngineOptions(), live=live) for live in (False, True))
    assert info.ready and 0.1 < info.look_ahead_s < 2
    assert live.ready and live.look_ahead_s <= 0.1 + 1e-9


def test_a_network_of_ones_own(tmp_path: Path) -> None:
    own = EngineOptions(own={"weights": str(LIVE_WEIGHTS)})
    motion = MeshEngine(own)._motion
    assert isinstance(motion, MotionStream)
    assert motion.look_ahead_s == MeshEngine.describe(EngineOptions(), live=True).look_ahead_s
    info = MeshEngine.describe(own)
    assert info.ready and info.weights == str(LIVE_WEIGHTS)
    missing = EngineOptions(own={"weights": tmp_path / "none.onnx"})
    assert not MeshEngine.describe(missing).ready
    assert "give the file of a network with its basis beside it" in MeshEngine.describe(missing).weights
    with pytest.raises(WeightsError, match="none_basis"):
        MeshEngine(missing)


@pytest.mark.parametrize("name", NAMES)
def test_the_mouth_opens_as_told(puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], name: str) -> None:
    puppet, tracked = puppets[name], portraits[name]
    told = np.linspace(0, 0.12, 9)
    seen = np.array([puppet.measured(puppet.speak(tracked, float(wide))) for wide in told])
    # Where the source itself shows teeth, the tracker now and then takes their edge for the lip's.
    assert np.corrcoef(told, seen)[0, 1] >= (0.9 if name == "man_head_crop" else 0.95)
    assert seen[-1] - seen[0] > 0.04, "and by an amount that shows"


def test_the_neutral_mouth_is_closed(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame], laughing: TrackedFrame, tracker: FaceTracker
) -> None:
    """Mouths that the pictures show open; a closed smile still measures a little more than a closed straight mouth."""
    man = portraits["man_head_crop"]
    for puppet, tracked in ((puppets["man_head_crop"], man), (Puppet(tracker, [laughing]), laughing)):
        before, after = puppet.measured(tracked.frame.rgb), puppet.measured(puppet.speak(tracked, 0.0))
        assert before > 2.5 * MESH_BIAS
        assert after < 0.55 * before
        assert after < 0.045
    for name in NAMES:
        if name != "man_head_crop":
            shown, rest = portraits[name], puppets[name].speak(portraits[name], 0.0)
            assert puppets[name].measured(rest) < puppets[name].measured(shown.frame.rgb) + 0.005


def test_a_resting_photo_with_closed_lips_stays_nearly_as_it_is(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame]
) -> None:
    for name in ("woman_portrait", "man_half_body", "boy_3d_cartoon"):
        tracked = portraits[name]
        part = lower_face(tracked)
        rest = puppets[name].speak(tracked, 0.0)
        assert scenes.psnr(rest[part], tracked.frame.rgb[part]) > 27


def test_the_upper_face_is_untouched_bit_for_bit(
    puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame]
) -> None:
    for name, tracked in portraits.items():
        assert tracked.face is not None
        eyes = int(tracked.face.landmarks[[145, 374], 1].max()) + 2
        opened = puppets[name].speak(tracked, 0.12)
        assert np.array_equal(opened[:eyes], tracked.frame.rgb[:eyes])
        assert not np.array_equal(opened, tracked.frame.rgb)


def best_offset(patch: Picture, picture: Picture, at: tuple[int, int], reach: int) -> tuple[int, int]:
    """Where a patch (taken at x, y) is found again: dx, dy."""
    x, y = at
    around = picture[y - reach : y + patch.shape[0] + reach, x - reach : x + patch.shape[1] + reach]
    score = cv2.matchTemplate(around, patch, cv2.TM_SQDIFF)
    _, _, (dx, dy), _ = cv2.minMaxLoc(score)
    return int(dx) - reach, int(dy) - reach


def test_upper_teeth_stay_with_the_skull_while_the_jaw_goes(tracker: FaceTracker, laughing: TrackedFrame) -> None:
    puppet = Puppet(tracker, [laughing])
    assert laughing.face is not None
    points, eye = laughing.face.landmarks, laughing.face.pose.scale
    less, more = puppet.speak(laughing, 0.09), puppet.speak(laughing, 0.14)
    # The cutting edges of the middle teeth: a strip beneath the upper lip.
    x, y = int(points[13, 0] - 0.10 * eye), int(points[13, 1] + 0.015 * eye)
    teeth = less[y : y + int(0.05 * eye), x : x + int(0.20 * eye)]
    assert teeth.astype(float).std() > 12, "there must be something to be seen there"
    dx, dy = best_offset(teeth, more, (x, y), 8)
    assert abs(dx) <= 1
    assert abs(dy) <= 1
    # The lower lip and chin went down meanwhile.
    x, y = int(points[17, 0] - 0.12 * eye), int(points[17, 1] + 0.04 * eye)
    lip = less[y : y + int(0.10 * eye), x : x + int(0.24 * eye)]
    assert best_offset(lip, more, (x, y), 12)[1] >= 0.02 * eye


@pytest.mark.parametrize(("name", "least_db"), [("woman_portrait", 33), ("man_half_body", 36), ("man_head_crop", 22)])
def test_a_tilted_head_speaks_alike(
    portraits: dict[str, TrackedFrame], puppets: dict[str, Puppet], tracker: FaceTracker, name: str, least_db: float
) -> None:
    upright = portraits[name]
    turned, turn = scenes.rotated(upright.frame.rgb, 25)
    tilted = look(tracker, turned)
    drawn = Puppet(tracker, [tilted]).speak(tilted, WIDE)
    back = np.asarray(
        cv2.warpAffine(drawn, turn, drawn.shape[1::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP), np.uint8
    )
    part = lower_face(upright)
    assert scenes.psnr(back[part], puppets[name].speak(upright, WIDE)[part]) > least_db


def test_strength_fades_from_nothing_to_all(puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame]) -> None:
    tracked, puppet = portraits["woman_portrait"], puppets["woman_portrait"]
    assert puppet.engine.render(tracked, 0.0, 0.0) is None
    before = tracked.frame.rgb.astype(int)
    changes = [float(np.abs(puppet.speak(tracked, WIDE, s) - before).mean()) for s in (0.02, 0.2, 0.5, 0.8, 1.0)]
    assert changes == sorted(changes)
    assert changes[0] < 0.002 * changes[-1]


def test_the_frame_itself_is_not_written_into(puppets: dict[str, Puppet], portraits: dict[str, TrackedFrame]) -> None:
    tracked = portraits["woman_portrait"]
    before = tracked.frame.rgb.copy()
    puppets["woman_portrait"].engine.render(tracked, 0.0)
    assert np.array_equal(tracked.frame.rgb, before)


def test_no_ghost_of_one_person_on_another(shared_data: Path, tracker: FaceTracker) -> None:
    """Two people before the same background, cut together: the second looks as if alone in the video."""
    one = [look(tracker, rgb, 0) for rgb in scenes.pictures(shared_data / scenes.PERSON_A, 3)]
    other = [look(tracker, rgb, 1) for rgb in scenes.pictures(shared_data / scenes.PERSON_B, 3)]
    together, alone = Puppet(tracker, [*one, *other]), Puppet(tracker, other)
    for tracked in one:
        together.speak(tracked, WIDE)
    for tracked in other:
        assert np.array_equal(together.speak(tracked, WIDE), alone.speak(tracked, WIDE))


def test_somebody_whom_the_survey_missed_is_learned_on_sight(shared_data: Path, tracker: FaceTracker) -> None:
    [one] = [look(tracker, rgb, 0) for rgb in scenes.pictures(shared_data / scenes.PERSON_A, 1)]
    [other] = [look(tracker, rgb, 1) for rgb in scenes.pictures(shared_data / scenes.PERSON_B, 1)]
    surprised, alone = Puppet(tracker, [one]), Puppet(tracker, [other])
    surprised.speak(one, WIDE)
    assert np.array_equal(surprised.speak(other, WIDE), alone.speak(other, WIDE))


@pytest.mark.real_media
def test_people_are_told_apart_by_their_looks(portraits: dict[str, TrackedFrame], shared_data: Path) -> None:
    tracker = FaceTracker(smooth=False)
    clips = (scenes.PERSON_A, scenes.PERSON_B, "clips/grid_s1_bbaf3s.mpg")
    looks: list[FloatArray] = []
    for clip in clips:
        [rgb] = scenes.pictures(shared_data / clip, 1)
        face = look(tracker, rgb).face
        assert face is not None
        looks.append(face.descriptor)
    likeness = np.array(looks) @ np.array(looks).T
    assert likeness[~np.eye(3, dtype=bool)].max() < SAME_PERSON


def test_a_head_that_moves_keeps_its_mouth_in_place(shared_data: Path, tracker: FaceTracker) -> None:
    """A video whose source mouth moves: told to rest throughout, it rests; told to hold open, it holds."""
    tracked = [look(tracker, rgb) for rgb in scenes.pictures(shared_data / scenes.TALKER, 96)[::12]]
    puppet = Puppet(tracker, tracked)
    source = np.array([measured_opening(tracker, t.frame.rgb) for t in tracked])
    resting = np.array([puppet.measured(puppet.speak(t, 0.0)) for t in tracked])
    held = np.array([puppet.measured(puppet.speak(t, WIDE)) for t in tracked])
    assert source.std() > 0.02, "the source does speak"
    assert resting.std() < 0.4 * source.std()
    assert resting.max() < 0.55 * source.max()
    assert held.std() < 0.5 * source.std()
    assert held.min() > resting.max()


def test_oblong_pixels(portraits: dict[str, TrackedFrame], puppets: dict[str, Puppet], tracker: FaceTracker) -> None:
    """A picture stored at half its width, drawn and widened again, looks like the original drawn."""
    square = portraits["woman_portrait"]
    half = np.asarray(cv2.resize(square.frame.rgb, None, fx=0.5, fy=1, interpolation=cv2.INTER_AREA), np.uint8)
    tracker.reset()
    tracked = tracker.track(replace(square.frame, rgb=half, pixel_aspect=square.frame.pixel_aspect * 2))
    drawn = Puppet(tracker, [tracked]).speak(tracked, WIDE)
    widened = np.asarray(cv2.resize(drawn, square.frame.rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    part = lower_face(square)
    assert scenes.psnr(widened[part], puppets["woman_portrait"].speak(square, WIDE)[part]) > 29


def test_a_device_that_is_not_here_is_the_cpu_and_one_line() -> None:
    [notice] = MeshEngine(EngineOptions(device="cuda")).warnings
    assert notice.text == "device cuda isn't here; running on CPU"
    assert MeshEngine(EngineOptions()).warnings == ()
