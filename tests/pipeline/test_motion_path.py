"""From a file of motion to a video: the face does what the file says, whatever is to be heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import measured_opening

from mouthpiece.errors import InputError, OutputError
from mouthpiece.face import FaceTracker
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.motion_track import make_track
from mouthpiece.motion_files import write_track
from mouthpiece.notices import notice
from mouthpiece.options import EngineOptions, Quality, SyncOptions, VisemeOptions
from mouthpiece.pipeline import draw, sync
from mouthpiece.types import SAMPLE_RATE, FloatArray, MotionTrack, Picture
from mouthpiece.viseme_tracks import write_visemes

HUM: FloatArray = (0.1 * np.sin(2 * np.pi * 120 * np.arange(int(1.6 * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def gulps(seconds: float = 1.6) -> MotionTrack:
    """A mouth that is shut at every third of a second and wide open between."""
    times = np.arange(round(seconds * 50) + 1) / 50
    opening = (0.06 - 0.06 * np.cos(2 * np.pi * 3 * times)).astype(np.float32)
    return make_track(times, opening[:, None, None] * MotionBasis.load().opening_mode, fps=50, name="gulps.npz")


def frames(face: Picture, speech: FloatArray, options: SyncOptions) -> list[Picture]:
    return [frame.rgb.copy() for frame in draw(face, (speech, SAMPLE_RATE), options)]


@pytest.mark.usefixtures("_with_mesh")
def test_the_mouth_does_what_the_file_says(tmp_path: Path, woman: Picture) -> None:
    with (tmp_path / "gulps.npz").open("wb") as file:
        write_track(gulps(), file)
    options = SyncOptions(motion=tmp_path / "gulps.npz", quality=Quality.BEST)
    result = sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", options)
    assert result.warnings == ()
    assert result.frames == 40
    shown, tracker = scenes.pictures(tmp_path / "out.mp4"), FaceTracker()
    closed = [measured_opening(tracker, shown[frame]) for frame in (8, 17, 25)]
    opened = [measured_opening(tracker, shown[frame]) for frame in (4, 12, 21)]
    assert min(opened) > max(closed) + 0.05


@pytest.mark.usefixtures("_with_mesh")
@pytest.mark.parametrize("fps", [25, 50])
def test_the_engines_own_motion_gives_the_engines_own_frames(
    tmp_path: Path, woman: Picture, voice: FloatArray, fps: int
) -> None:
    write_visemes((voice, SAMPLE_RATE), tmp_path / "said.npz", VisemeOptions(fps=fps))  # type: ignore[arg-type]
    network = frames(woman, voice, SyncOptions())
    played = frames(woman, voice, SyncOptions(motion=tmp_path / "said.npz"))
    assert len(network) == len(played) == 50
    np.testing.assert_array_equal(np.stack(played), np.stack(network))


@pytest.mark.usefixtures("_with_mesh")
def test_intensity_scales_and_rest_parts(woman: Picture) -> None:
    tracker = FaceTracker()
    still = make_track(gulps().time_s, np.zeros_like(gulps().displacement), fps=50)

    def opening(frame: int, motion: MotionTrack, options: EngineOptions) -> float:
        shown = frames(woman, HUM[: SAMPLE_RATE // 2], SyncOptions(engine=options, motion=motion))
        return measured_opening(tracker, shown[frame])

    wide, less = (opening(4, gulps(), EngineOptions(intensity=intensity)) for intensity in (1.0, 0.4))
    assert less < wide - 0.03
    shut, parted = (opening(4, still, EngineOptions(rest=rest)) for rest in (0.0, 1.0))
    assert shut < 0.03 < parted - 0.02


def test_after_the_file_the_mouth_rests_and_that_is_said(tmp_path: Path, woman: Picture) -> None:
    options = SyncOptions(motion=gulps(0.6), quality=Quality.BEST)
    result = sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", options)
    (said,) = result.warnings
    assert said == notice("motion-too-short", file="gulps.npz", last_s=gulps(0.6).end_s, video_s=1.6)
    assert str(said) == "gulps.npz ends at 0.62 s, the video at 1.60 s: the mouth rests from there on"
    shown, tracker = scenes.pictures(tmp_path / "out.mp4"), FaceTracker()
    assert max(measured_opening(tracker, shown[frame]) for frame in (24, 30, 38)) < 0.04


def test_half_a_second_less_is_not_worth_a_word(tmp_path: Path, woman: Picture) -> None:
    assert sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", SyncOptions(motion=gulps(1.2))).warnings == ()


def test_an_engine_that_cannot_follow_motion_says_so(tmp_path: Path, woman: Picture) -> None:
    options = SyncOptions(engine=EngineOptions("fake"), motion=gulps())
    result = sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", options)
    assert result.warnings == (notice("motion-ignored", engine="fake"),)
    assert str(result.warnings[0]) == "the engine fake can't follow motion: it moves the mouth by the sound alone"


def test_bad_motion_leaves_nothing_behind(tmp_path: Path, woman: Picture) -> None:
    (tmp_path / "face.csv").write_text("time_s,jawOpen\n0,0\n0.04,nan\n")
    with pytest.raises(InputError, match=r"face\.csv, line 3"):
        sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", SyncOptions(motion=tmp_path / "face.csv"))
    late = make_track(5 + np.arange(3) / 25, gulps().displacement[:3], fps=25, name="late.npz")
    with pytest.raises(InputError, match=r"expected motion within the video's 1.60 s, late\.npz begins at 5.00 s"):
        sync(woman, (HUM, SAMPLE_RATE), tmp_path / "out.mp4", SyncOptions(motion=late))
    assert [path.name for path in tmp_path.iterdir()] == ["face.csv"]


def test_the_motion_is_not_overwritten(tmp_path: Path, woman: Picture) -> None:
    said = tmp_path / "said.mp4"
    said.write_text("time_s,jawOpen\n0,0\n0.04,0.1\n")
    with pytest.raises(OutputError, match="is the input file itself"):
        sync(woman, (HUM, SAMPLE_RATE), said, SyncOptions(motion=said, overwrite=True))
