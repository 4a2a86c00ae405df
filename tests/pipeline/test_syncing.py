"""From a face and speech to a video, with the real packages; results are read by programs that are not ours."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests import scenes
from tests.engines.mesh.rig import measured_opening
from tests.media.conftest import build_video, build_wav
from tests.pipeline.staging import FAKE, RATE, check_timeline, left_behind, nobody, speech, streams, video_of

from mouthpiece.engines.fake import FakeEngine
from mouthpiece.errors import Cancelled, EngineError, NoFaceError, OptionError
from mouthpiece.face import FaceTracker
from mouthpiece.live import open_live
from mouthpiece.notices import notice
from mouthpiece.options import EngineOptions, Fit, FrameTransform, LiveOptions, Quality, SyncOptions
from mouthpiece.pipeline import draw, sync
from mouthpiece.types import FloatArray, Picture, Progress


@pytest.mark.parametrize(("seconds", "frames"), [(0.4, 10), (1.0, 25), (1.31, 33)])
def test_a_photo_speaks_as_long_as_the_speech(
    tmp_path: Path, woman: Picture, voice: FloatArray, ffprobe: str, seconds: float, frames: int
) -> None:
    result = sync(woman, speech(seconds, voice), tmp_path / "out.mp4", FAKE)
    assert result.frames == frames
    assert result.seconds == pytest.approx(seconds, abs=1e-3)
    found = streams(ffprobe, tmp_path / "out.mp4")
    assert int(found["video"]["nb_read_frames"]) == frames
    assert (found["video"]["width"], found["video"]["height"]) == (256, 256)
    assert found["video"]["avg_frame_rate"] == "25/1" or seconds == 1.31
    assert float(found["audio"]["duration"]) == pytest.approx(seconds, abs=0.07)
    check_timeline(result)
    assert [s.synced for s in result.timeline] == [True]
    assert (result.faces_seen, result.engine, result.warnings) == (1, "fake", ())
    assert result.face_chosen is not None
    assert 0 < result.first_frame_s <= result.elapsed_s
    assert left_behind(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize(
    ("fit", "seconds"), [(Fit.PINGPONG, 1.6), (Fit.LOOP, 1.6), (Fit.HOLD, 1.6), (Fit.CUT, 1.0), (Fit.PINGPONG, 0.5)]
)
def test_a_video_is_fitted_to_the_speech(
    tmp_path: Path, person: list[Picture], voice: FloatArray, fit: Fit, seconds: float
) -> None:
    face = video_of(person, tmp_path / "face.mp4")
    spoken = speech(min(seconds, 0.5) if seconds == 0.5 else 1.6, voice)
    result = sync(
        face, spoken, tmp_path / "out.mp4", SyncOptions(engine=EngineOptions("fake"), fit=fit, quality=Quality.DRAFT)
    )
    assert result.seconds == pytest.approx(seconds, abs=0.041)
    assert len(scenes.pictures(tmp_path / "out.mp4")) == result.frames == pytest.approx(seconds * 25, abs=1)
    check_timeline(result)


@pytest.mark.parametrize("after", [0, 5])
def test_cancelling_leaves_nothing(tmp_path: Path, woman: Picture, voice: FloatArray, after: int) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    with pytest.raises(Cancelled):
        sync(woman, speech(2.0, voice), tmp_path / "out.mp4", FAKE, cancelled=cancelled)
    assert asked == after + 1
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("place", ["prepare", "push", "render"])
def test_an_engine_that_fails_ends_the_job(
    tmp_path: Path, woman: Picture, voice: FloatArray, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise LookupError("lost the thread")

    monkeypatch.setattr(FakeEngine, place, fails)
    with pytest.raises(LookupError, match="lost the thread"):
        sync(woman, speech(0.5, voice), tmp_path / "out.mp4", FAKE)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_caller_that_fails_ends_the_job(
    tmp_path: Path, woman: Picture, voice: FloatArray, error: type[BaseException]
) -> None:
    def progress(said: Progress) -> None:
        if said.frames == 3:
            raise error

    with pytest.raises(error):
        sync(woman, speech(2.0, voice), tmp_path / "out.mp4", FAKE, progress=progress)
    assert left_behind(tmp_path) == []


def test_an_existing_result_survives_a_failure(tmp_path: Path, voice: FloatArray) -> None:
    out = tmp_path / "out.mp4"
    out.write_text("precious")
    with pytest.raises(NoFaceError):
        sync(
            nobody("photo", tmp_path),
            speech(0.5, voice),
            out,
            SyncOptions(engine=EngineOptions("fake"), overwrite=True),
        )
    assert out.read_text() == "precious"


class Untouchable(os.PathLike[str]):
    """A path that nobody may look at."""

    def __fspath__(self) -> str:
        pytest.fail("it was looked at")


@pytest.mark.parametrize(
    ("engine", "error", "message"),
    [
        (EngineOptions("nobody"), EngineError, "expected one of the engines mesh, "),
        (EngineOptions("fake", own={"depth": 1}), OptionError, "the engine fake has no option 'depth'"),
        (EngineOptions("mesh", own={"precision": "f32"}), OptionError, "the engine mesh has no option 'precision'"),
        (EngineOptions("wav2lip", own={"precision": "f8"}), OptionError, "expected one of auto, f32"),
        (EngineOptions("wav2lip", own={"batch_size": 0}), OptionError, "batch_size expects 1 to 256"),
    ],
)
def test_options_are_checked_before_anything_is_opened(
    engine: EngineOptions, error: type[Exception], message: str
) -> None:
    face, speech, out, phones = (Untouchable() for _ in range(4))
    with pytest.raises(error, match=message):
        sync(face, speech, out, SyncOptions(engine=engine, phones=phones))
    with pytest.raises(error, match=message):
        list(draw(face, speech, SyncOptions(engine=engine, phones=phones)))
    with pytest.raises(error, match=message):
        open_live(face, LiveOptions(engine=engine))


def test_the_same_twice(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    for name in ("a.mp4", "b.mp4"):
        sync(woman, speech(0.6, voice), tmp_path / name, FAKE)
    one, other = (scenes.pictures(tmp_path / name) for name in ("a.mp4", "b.mp4"))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_files_objects_and_arrays_alike(
    tmp_path: Path, woman: Picture, voice: FloatArray, person: list[Picture]
) -> None:
    Image.fromarray(woman).save(tmp_path / "face.png")
    build_wav(tmp_path / "words.wav", voice[: RATE // 2])
    with (tmp_path / "face.png").open("rb") as face, (tmp_path / "words.wav").open("rb") as words:
        from_objects = sync(face, io.BytesIO(words.read()), tmp_path / "1.mp4", FAKE)
    from_paths = sync(str(tmp_path / "face.png"), tmp_path / "words.wav", str(tmp_path / "2.mp4"), FAKE)
    from_arrays = sync(woman, speech(0.5, voice), tmp_path / "3.mp4", FAKE)
    assert from_objects.frames == from_paths.frames == from_arrays.frames == 13


@pytest.mark.usefixtures("_with_mesh")
def test_the_mesh_engine_makes_a_photo_speak(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    result = sync(woman, speech(2.0, voice), tmp_path / "out.mp4")
    assert (result.engine, result.frames) == ("mesh", 50)
    tracker = FaceTracker(smooth=False)
    opened = [measured_opening(tracker, rgb) for rgb in scenes.pictures(tmp_path / "out.mp4")]
    assert max(opened) > 0.05
    assert min(opened) < 0.03


@pytest.mark.usefixtures("_with_mesh")
def test_silence_leaves_the_mesh_engine_s_mouth_at_rest(tmp_path: Path, woman: Picture) -> None:
    sync(woman, (np.zeros(RATE, np.float32), RATE), tmp_path / "out.mp4")
    shown = scenes.pictures(tmp_path / "out.mp4")
    assert len(shown) == 25
    assert max(float(np.abs(rgb.astype(int) - shown[0]).max()) for rgb in shown) < 24, "nothing moves"
    tracker = FaceTracker(smooth=False)
    assert measured_opening(tracker, shown[12]) < 0.025


@pytest.mark.usefixtures("_with_mesh")
def test_the_mesh_engine_dubs_a_video(tmp_path: Path, shared_data: Path, voice: FloatArray) -> None:
    """The new mouth follows the new speech, not the old mouth."""
    face = video_of(scenes.pictures(shared_data / scenes.TALKER, 30)[::1], tmp_path / "face.mp4")
    result = sync(face, speech(1.2, voice), tmp_path / "out.mp4")
    assert [s.synced for s in result.timeline] == [True]
    source, out = scenes.pictures(face), scenes.pictures(tmp_path / "out.mp4")
    assert min(scenes.psnr(a[:150], b[:150]) for a, b in zip(source, out, strict=True)) > 33


def test_a_box_says_what_it_makes_idle(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    options = SyncOptions(engine=EngineOptions("fake"), box=(40, 200, 60, 200), face="left")
    result = sync(woman, speech(0.4, voice), tmp_path / "out.mp4", options)
    assert result.warnings == (notice("face-ignored"),)
    assert "the box says where this one is" in str(result.warnings[0])


def test_options_that_the_engine_ignores_are_noted(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    options = replace(FAKE, engine=EngineOptions("fake", intensity=2.0, rest=0.5))
    assert sync(woman, speech(0.4, voice), tmp_path / "out.mp4", options).warnings == (
        notice("option-ignored", engine="fake", option="intensity"),
        notice("option-ignored", engine="fake", option="rest"),
    )


def test_a_framed_video_speaks(tmp_path: Path, person: list[Picture], voice: FloatArray, ffprobe: str) -> None:
    """The face is found in the transformed picture; what lies around it is the transformed source."""
    face = video_of([np.ascontiguousarray(np.rot90(p)) for p in person], tmp_path / "face.mp4")
    transform = FrameTransform(rotate=True, crop=(40, -1, 60, 320))
    result = sync(
        face, speech(0.6, voice), tmp_path / "out.mp4", SyncOptions(engine=EngineOptions("fake"), transform=transform)
    )
    assert all(s.synced for s in result.timeline)
    stream = streams(ffprobe, tmp_path / "out.mp4")["video"]
    assert (stream["width"], stream["height"]) == (260, 248)
    shown = scenes.pictures(tmp_path / "out.mp4", 3)
    assert min(scenes.psnr(a[:60], b[40:100, 60:320]) for a, b in zip(shown, person, strict=False)) > 30


def test_static_uses_the_first_picture_at_the_videos_rate(
    tmp_path: Path, person: list[Picture], voice: FloatArray, ffprobe: str
) -> None:
    face = build_video(
        tmp_path / "face.mp4",
        frames=len(person),
        size=(360, 288),
        fps=Fraction(30),
        picture=lambda i: person[i],
        options={"crf": "12"},
    )
    options = SyncOptions(engine=EngineOptions("fake"), transform=FrameTransform(static=True), fps=Fraction(50))
    result = sync(face, speech(1.5, voice), tmp_path / "out.mp4", options)
    assert (result.frames, result.seconds) == (45, 1.5)
    assert [str(one) for one in result.warnings] == ["fps is for photos: the video keeps its own 30 frames a second"]
    assert streams(ffprobe, tmp_path / "out.mp4")["video"]["avg_frame_rate"] == "30/1"
    shown = scenes.pictures(tmp_path / "out.mp4")
    assert min(scenes.psnr(one[:80], shown[0][:80]) for one in shown) > 35
    assert scenes.psnr(shown[0][:80], person[0][:80]) > 30
