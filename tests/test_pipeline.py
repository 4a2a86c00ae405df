"""From a face and speech to a video, with the real rooms; results are read by programs that are not ours."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests import scenes
from tests.engines.mesh.rig import measured_opening
from tests.media.conftest import build_video, build_wav

from mouthpiece import pipeline
from mouthpiece.engines.base import EngineOptions
from mouthpiece.engines.fake import FakeEngine
from mouthpiece.engines.mesh import MeshEngine
from mouthpiece.engines.wav2lip.options import CropOptions, NetworkOptions
from mouthpiece.errors import Cancelled, NoFaceError, OptionError
from mouthpiece.face import FaceTracker
from mouthpiece.options import Fit, FrameTransform, Quality, SyncOptions
from mouthpiece.pipeline import SyncResult, probe, sync
from mouthpiece.types import FloatArray, Frame, Patch, Picture, Progress, SkipReason, TrackedFrame

FAKE = SyncOptions(engine="fake")
RATE = 16_000


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith("mouthpiece-")] == []


@pytest.fixture(scope="session")
def voice(shared_data: Path) -> FloatArray:
    """Two seconds of real speech, (n,) float32 at 16 kHz."""
    from scipy.io import wavfile

    rate, samples = wavfile.read(shared_data / "audio" / "en_male_watson.wav")
    assert rate == RATE
    return np.asarray(samples[RATE : 3 * RATE] / 32768, np.float32)


@pytest.fixture(scope="session")
def person(shared_data: Path) -> list[Picture]:
    """A second of somebody, 360x288."""
    return scenes.pictures(shared_data / scenes.PERSON_A, 25)


@pytest.fixture(scope="session")
def woman(shared_data: Path) -> Picture:
    return scenes.picture(shared_data / "photos" / "woman_portrait.png", 256)


def video_of(shown: list[Picture], path: Path) -> Path:
    height, width = shown[0].shape[:2]
    options = {"crf": "12", "preset": "veryfast"}
    return build_video(path, frames=len(shown), size=(width, height), picture=lambda i: shown[i], options=options)


def speech(seconds: float, voice: FloatArray) -> tuple[FloatArray, int]:
    return np.resize(voice, round(seconds * RATE)), RATE


def check_timeline(result: SyncResult) -> None:
    timeline = result.timeline
    assert timeline[0].start_s == 0
    assert timeline[-1].end_s == pytest.approx(result.seconds, abs=1e-6)
    assert all(a.end_s == pytest.approx(b.start_s, abs=1e-9) for a, b in pairwise(timeline))
    assert all(s.end_s > s.start_s for s in timeline)
    assert all(s.synced == (s.reason is None) for s in timeline)


def left_behind(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def streams(ffprobe: str, path: Path) -> dict[str, dict[str, Any]]:
    command = [ffprobe, "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {stream["codec_type"]: stream for stream in said["streams"]}


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
    result = sync(face, spoken, tmp_path / "out.mp4", SyncOptions(engine="fake", fit=fit, quality=Quality.DRAFT))
    assert result.seconds == pytest.approx(seconds, abs=0.041)
    assert len(scenes.pictures(tmp_path / "out.mp4")) == result.frames == pytest.approx(seconds * 25, abs=1)
    check_timeline(result)


@pytest.mark.parametrize("fit", list(Fit))
def test_a_picture_that_comes_again_is_not_tracked_again(
    tmp_path: Path,
    person: list[Picture],
    voice: FloatArray,
    monkeypatch: pytest.MonkeyPatch,
    fit: Fit,
) -> None:
    face = video_of(person, tmp_path / "face.mp4")
    looked: list[Fraction | None] = []
    faces: dict[Fraction | None, set[int]] = {}
    track, note = FaceTracker.track, pipeline._Journal.note

    def counted(tracker: FaceTracker, frame: Frame) -> TrackedFrame:
        looked.append(frame.source_time_s)
        return track(tracker, frame)

    def noted(journal: Any, frames: Any) -> Iterator[TrackedFrame]:
        for tracked in note(journal, frames):
            faces.setdefault(tracked.frame.source_time_s, set()).add(id(tracked.face))
            yield tracked

    monkeypatch.setattr(FaceTracker, "track", counted)
    monkeypatch.setattr(pipeline._Journal, "note", noted)
    made = list(pipeline.draw(face, speech(2.4, voice), SyncOptions(engine="fake", fit=fit)))
    assert len(made) == (25 if fit is Fit.CUT else 60)
    assert len(looked) == pipeline.SURVEY_FRAMES + len(person)
    assert all(len(same) == 1 for same in faces.values())
    looked.clear()
    monkeypatch.setattr(pipeline, "KNOWN_PICTURES", 10)
    assert len(list(pipeline.draw(face, speech(2.4, voice), SyncOptions(engine="fake", fit=fit)))) == len(made)
    assert len(looked) >= pipeline.SURVEY_FRAMES + len(person)


def test_a_face_that_leaves_passes_through(tmp_path: Path, person: list[Picture], voice: FloatArray) -> None:
    rng = np.random.default_rng(1)
    scenery = np.repeat(np.repeat(rng.integers(60, 190, (18, 20, 3)), 16, axis=0), 18, axis=1).astype(np.uint8)
    assert scenery.shape == person[0].shape
    face = video_of(person + [scenery] * 50 + person, tmp_path / "face.mp4")
    result = sync(face, speech(4.0, voice), tmp_path / "out.mp4", FAKE)
    check_timeline(result)
    assert [(s.synced, s.reason) for s in result.timeline] == [
        (True, None),
        (False, SkipReason.NO_FACE),
        (True, None),
    ]
    gap = result.timeline[1]
    assert (gap.start_s, gap.end_s) == pytest.approx((1.0, 3.0), abs=0.041)
    assert any("2.00 s passed through untouched (no-face)" in warning for warning in result.warnings)
    source, out = scenes.pictures(face), scenes.pictures(tmp_path / "out.mp4")
    assert len(out) == len(source) == 100
    assert min(scenes.psnr(out[i], source[i]) for i in range(26, 75)) > 38
    spoken = [np.abs(out[i].astype(int) - source[i]).max() for i in range(8, 18)]
    assert max(spoken) > 60, "where there is a face, a mouth was drawn"
    near = [float(np.clip(np.abs(out[i].astype(int) - source[i]) - 12, 0, None).sum()) for i in range(15, 25)]
    assert near[-1] < 0.6 * max(near), "and it fades out before the face leaves"


def test_a_cut_to_another_person_is_synced_throughout(
    tmp_path: Path, person: list[Picture], shared_data: Path, voice: FloatArray
) -> None:
    other = scenes.pictures(shared_data / scenes.PERSON_B, 12)
    face = video_of(person[:12] + other, tmp_path / "face.mp4")
    result = sync(face, speech(0.96, voice), tmp_path / "out.mp4", FAKE)
    assert [s.synced for s in result.timeline] == [True]


@pytest.mark.parametrize(("choice", "changed"), [("left", 0), ("right", 1), ("2", 1)])
def test_other_faces_stay_untouched(
    tmp_path: Path, woman: Picture, shared_data: Path, voice: FloatArray, choice: str, changed: int
) -> None:
    man = scenes.picture(shared_data / "photos" / "man_head_crop.jpg", 256)
    both = scenes.side_by_side(woman, man)
    options = SyncOptions(engine="fake", face=choice, quality=Quality.BEST)
    result = sync(both, speech(0.6, voice), tmp_path / "out.mp4", options)
    assert result.faces_seen == 2
    assert any("2 faces seen" in warning for warning in result.warnings)
    assert result.face_chosen is not None
    assert result.face_chosen.x0 // 256 == changed
    moved = np.max([np.abs(p.astype(int) - both) for p in scenes.pictures(tmp_path / "out.mp4")], axis=(0, 3))
    halves = moved[:, :256], moved[:, 256:]
    assert halves[changed].max() > 60
    assert np.percentile(halves[1 - changed], 99.5) < 14
    assert (
        scenes.psnr(
            scenes.pictures(tmp_path / "out.mp4")[7][:, 256 * (1 - changed) :][:, :256],
            both[:, 256 * (1 - changed) :][:, :256],
        )
        > 34
    )


def nobody(kind: str, tmp_path: Path) -> Any:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (180, 240, 3)).astype(np.uint8)
    return rgb if kind == "photo" else video_of([rgb] * 20, tmp_path / "nobody.mp4")


@pytest.mark.parametrize("kind", ["photo", "video"])
def test_nobody_to_be_seen(tmp_path: Path, voice: FloatArray, kind: str) -> None:
    face = nobody(kind, tmp_path)
    before = left_behind(tmp_path)
    with pytest.raises(NoFaceError, match=f"expected a face .*in the {kind}") as caught:
        sync(face, speech(0.5, voice), tmp_path / "out.mp4", FAKE)
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == before


def test_a_number_beyond_the_faces_says_how_many_there_are(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    with pytest.raises(NoFaceError, match=r"face 3 was asked for, but .* shows 1"):
        sync(woman, speech(0.5, voice), tmp_path / "out.mp4", SyncOptions(engine="fake", face="3"))
    assert left_behind(tmp_path) == []


def test_too_small_a_face_says_so(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    import cv2

    tiny = np.asarray(cv2.resize(woman, (36, 36), interpolation=cv2.INTER_AREA), np.uint8)
    with pytest.raises(NoFaceError, match="too small"):
        sync(tiny, speech(0.5, voice), tmp_path / "out.mp4", FAKE)


def test_a_mouth_that_is_cut_off_is_said_to_be_so(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    [(face, _)] = FaceTracker().detect_all(scenes.frame(woman))
    with pytest.raises(NoFaceError, match="the mouth is not in the picture"):
        sync(woman[: int(face.landmarks[13, 1])].copy(), speech(0.5, voice), tmp_path / "out.mp4", FAKE)
    assert left_behind(tmp_path) == []


def test_a_face_after_the_end_of_the_speech_is_no_help(
    tmp_path: Path, person: list[Picture], voice: FloatArray
) -> None:
    face = video_of([scenes.grey_like(person[0])] * 25 + person, tmp_path / "late.mp4")
    with pytest.raises(NoFaceError, match="within the part of the video that the speech covers"):
        sync(face, speech(0.5, voice), tmp_path / "out.mp4", FAKE)
    assert left_behind(tmp_path) == ["late.mp4"]


def test_progress_goes_up_to_the_end(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    said: list[Progress] = []
    result = sync(woman, speech(0.8, voice), tmp_path / "out.mp4", FAKE, progress=said.append)
    assert [p.frames for p in said] == list(range(1, result.frames + 1))
    assert {p.total_frames for p in said} == {result.frames}
    for name in ("seconds", "elapsed_s"):
        values = [getattr(p, name) for p in said]
        assert values == sorted(values)
    assert said[-1].seconds == result.seconds
    assert said[-1].left_s == 0
    assert result.speed > 0


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
        sync(nobody("photo", tmp_path), speech(0.5, voice), out, SyncOptions(engine="fake", overwrite=True))
    assert out.read_text() == "precious"


def test_the_same_twice(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    for name in ("a.mp4", "b.mp4"):
        sync(woman, speech(0.6, voice), tmp_path / name, FAKE)
    one, other = (scenes.pictures(tmp_path / name) for name in ("a.mp4", "b.mp4"))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"fps": Fraction(0)},
        {"fps": Fraction(1000)},
        {"intensity": -0.1},
        {"intensity": 3.5},
        {"intensity": float("nan")},
        {"rest": 1.5},
        {"rest": float("nan")},
        {"face": "nobody"},
    ],
)
def test_options_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="expects") as caught:
        SyncOptions(**wrong)
    assert "\n" not in str(caught.value)


def test_files_objects_and_arrays_alike(
    tmp_path: Path, woman: Picture, voice: FloatArray, person: list[Picture]
) -> None:
    import io

    from PIL import Image

    Image.fromarray(woman).save(tmp_path / "face.png")
    build_wav(tmp_path / "words.wav", voice[: RATE // 2])
    with (tmp_path / "face.png").open("rb") as face, (tmp_path / "words.wav").open("rb") as words:
        from_objects = sync(face, io.BytesIO(words.read()), tmp_path / "1.mp4", FAKE)
    from_paths = sync(str(tmp_path / "face.png"), tmp_path / "words.wav", str(tmp_path / "2.mp4"), FAKE)
    from_arrays = sync(woman, speech(0.5, voice), tmp_path / "3.mp4", FAKE)
    assert from_objects.frames == from_paths.frames == from_arrays.frames == 13


def test_probing_tells_faces_and_speech(shared_data: Path) -> None:
    report = probe(shared_data / scenes.PERSON_A)
    assert report.frames_looked_at == pipeline.PROBE_FRAMES
    assert len(report.faces) == pipeline.PROBE_FRAMES
    assert report.most_faces == 1
    assert all(face.usable is None and abs(face.yaw_deg) < 15 for face in report.faces)
    times = [face.time_s for face in report.faces]
    assert times == sorted(times)
    assert report.speech
    assert all(0 <= start < end <= 3.1 for start, end in report.speech)


@pytest.fixture
def _with_mesh() -> None:
    info = MeshEngine.describe(EngineOptions())
    if not info.ready:
        pytest.skip(info.weights)


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


def test_probe_counts_faces_as_the_choice_does(tmp_path: Path, shared_data: Path) -> None:
    one = scenes.picture(shared_data / "photos" / "man_head_crop.jpg", 512)
    both = scenes.side_by_side(one, scenes.picture(shared_data / "photos" / "woman_portrait.png", 512))
    cv2.imwrite(str(tmp_path / "both.png"), both[..., ::-1])
    seen = probe(tmp_path / "both.png").faces
    assert [face.number for face in seen] == [1, 2]
    assert seen[0].box.x1 <= one.shape[1] <= seen[1].box.x0


def drawn_animal(width: int = 320, height: int = 240) -> Picture:
    """A one-eyed animal's face that no detector knows, filling rows 40-220 and columns 70-250."""
    picture = np.full((height, width, 3), (150, 190, 240), np.uint8)
    for middle, radius, colour in (
        ((100, 70), 34, (120, 120, 125)),
        ((220, 70), 34, (120, 120, 125)),
        ((160, 130), 88, (140, 140, 146)),
        ((160, 100), 22, (240, 240, 235)),
        ((160, 100), 9, (20, 20, 20)),
    ):
        cv2.circle(picture, middle, radius, colour, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (7, 7), 0), np.uint8)  # no edges for the encoder to ring at


@pytest.mark.parametrize("engine", ["fake", "mesh"])
@pytest.mark.parametrize("moving", [False, True])
def test_a_box_makes_a_drawing_speak(tmp_path: Path, voice: FloatArray, engine: str, moving: bool) -> None:
    animal = drawn_animal()
    face = video_of([animal] * 10, tmp_path / "face.mp4") if moving else animal
    with pytest.raises(NoFaceError):
        sync(face, speech(0.4, voice), tmp_path / "out.mp4", SyncOptions(engine=engine))
    result = sync(face, speech(0.8, voice), tmp_path / "out.mp4", SyncOptions(engine=engine, box=(40, 220, 70, 250)))
    assert (result.faces_seen, result.warnings) == (1, ())
    assert result.face_chosen is not None
    assert (result.face_chosen.y0, result.face_chosen.y1) == (40, 220)
    assert (result.face_chosen.x0, result.face_chosen.x1) == (70, 250)
    assert [s.synced for s in result.timeline] == [True]
    shown = scenes.pictures(tmp_path / "out.mp4")
    moved = np.abs(np.stack(shown).astype(int) - animal).max(axis=(0, 3)) > 30
    rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
    assert 120 < rows.min() < rows.max() < 230  # a jaw may drop out of the box
    assert 70 <= columns.min() < columns.max() < 250
    mouth = [float(picture[165:200, 130:190].mean()) for picture in shown]
    assert max(mouth) - min(mouth) > 2  # it opens and closes


def test_a_box_counts_in_the_framed_picture(tmp_path: Path, voice: FloatArray, ffprobe: str) -> None:
    turned = np.ascontiguousarray(np.rot90(drawn_animal()))
    options = SyncOptions(
        engine="fake", transform=FrameTransform(rotate=True, crop=(20, 230, 60, 260)), box=(20, 200, 10, 190)
    )
    result = sync(turned, speech(0.4, voice), tmp_path / "out.mp4", options)
    assert result.face_chosen is not None
    assert result.face_chosen.x0 == 10
    stream = streams(ffprobe, tmp_path / "out.mp4")["video"]
    assert (stream["width"], stream["height"]) == (200, 210)
    with pytest.raises(OptionError, match=r"box expects .* picture of 240x320"):
        sync(turned, speech(0.4, voice), tmp_path / "no.mp4", SyncOptions(engine="fake", box=(20, 200, 10, 300)))
    with pytest.raises(OptionError, match="four numbers"):
        SyncOptions(box=(1, 2, 3))  # type: ignore[arg-type]
    assert left_behind(tmp_path) == ["out.mp4"]


def test_a_box_says_what_it_makes_idle(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    options = SyncOptions(engine="fake", box=(40, 200, 60, 200), face="left")
    result = sync(woman, speech(0.4, voice), tmp_path / "out.mp4", options)
    assert len(result.warnings) == 1
    assert "the box says where this one is" in result.warnings[0]


def test_options_that_the_engine_does_not_heed_are_said(tmp_path: Path, woman: Picture, voice: FloatArray) -> None:
    options = replace(FAKE, intensity=2.0, network=NetworkOptions("w.pth"), crop=CropOptions((0, 20, 0, 0)))
    assert sync(woman, speech(0.4, voice), tmp_path / "out.mp4", options).warnings == (
        "the engine fake has no use for intensity",
        "the engine fake has no use for network (checkpoint, runtime, precision, batch size); the engine wav2lip has",
        "the engine fake has no use for crop (pads, smoothing); the engine wav2lip has",
    )


def test_a_framed_video_speaks(tmp_path: Path, person: list[Picture], voice: FloatArray, ffprobe: str) -> None:
    """The face is found in the transformed picture; what lies around it is the transformed source."""
    face = video_of([np.ascontiguousarray(np.rot90(p)) for p in person], tmp_path / "face.mp4")
    transform = FrameTransform(rotate=True, crop=(40, -1, 60, 320))
    result = sync(face, speech(0.6, voice), tmp_path / "out.mp4", SyncOptions(engine="fake", transform=transform))
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
    options = SyncOptions(engine="fake", transform=FrameTransform(static=True), fps=Fraction(50))
    result = sync(face, speech(1.5, voice), tmp_path / "out.mp4", options)
    assert (result.frames, result.seconds) == (45, 1.5)
    assert result.warnings == ("fps is for photos: the video keeps its own 30 frames a second",)
    assert streams(ffprobe, tmp_path / "out.mp4")["video"]["avg_frame_rate"] == "30/1"
    shown = scenes.pictures(tmp_path / "out.mp4")
    assert min(scenes.psnr(one[:80], shown[0][:80]) for one in shown) > 35
    assert scenes.psnr(shown[0][:80], person[0][:80]) > 30


def test_static_looks_for_the_face_in_the_first_picture_alone(
    tmp_path: Path, person: list[Picture], voice: FloatArray
) -> None:
    face = video_of([scenes.grey_like(person[0]), *person[:5]], tmp_path / "face.mp4")
    options = SyncOptions(engine="fake", transform=FrameTransform(static=True))
    with pytest.raises(NoFaceError, match=r"in the first picture of face\.mp4, but none was found"):
        sync(face, speech(0.4, voice), tmp_path / "out.mp4", options)


def test_an_offset_falls_on_the_moments_that_engines_count_to(
    woman: Picture, voice: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly: in floats, 1.68 - 0.08 is a hair less than 1.6."""
    asked: list[float] = []

    class Noting(FakeEngine):
        def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
            asked.append(speech_s)
            return super().render(tracked, speech_s, strength)

    monkeypatch.setattr(pipeline, "load_engine", lambda _name: Noting)
    drawn = list(pipeline.draw(woman, speech(2, voice), replace(FAKE, audio_offset_s=-0.08)))
    assert [frame.time_s for frame in drawn] == [Fraction(i, 25) for i in range(50)]
    assert asked == [max(0, i - 2) / 25 for i in range(50)]
    with pytest.raises(Cancelled):
        list(pipeline.draw(woman, speech(2, voice), FAKE, cancelled=lambda: True))
    stopped = pipeline.draw(woman, speech(2, voice), FAKE)
    next(stopped)
    stopped.close()
