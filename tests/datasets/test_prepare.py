"""Corpora: finding clips, measuring them, keeping them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets import prepare
from mouthpiece.datasets.layouts import ClipSource, find_sources, read_align
from mouthpiece.datasets.measuring import KEPT_POINTS, canonical_landmarks, measure_video, read_sound
from mouthpiece.datasets.motion_space import measure_motion
from mouthpiece.datasets.options import OffsetRule, PrepareOptions
from mouthpiece.datasets.prepare import ClipReport, ClipStatus, prepare_corpus
from mouthpiece.datasets.recordings import Recording, list_prepared, load_corpus, load_recording, save_recording
from mouthpiece.errors import InputError, NoPictureError, NoSoundError
from mouthpiece.face import head_pose, reference_face
from mouthpiece.types import Face, Phone


def test_align_files_are_read_without_their_silences(tmp_path: Path) -> None:
    path = tmp_path / "x.align"
    path.write_text("0 25000 sil\n25000 50000 bin\n50000 55000 sp\n55000 60000 blue\n\n", encoding="utf-8")
    words = read_align(path)
    assert [(word.text, word.start_s, word.end_s) for word in words] == [("bin", 1.0, 2.0), ("blue", 2.2, 2.4)]


def test_a_broken_align_file_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.align"
    path.write_text("0 25000 sil\nnonsense\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.align, line 2.*nonsense"):
        read_align(path)


@pytest.mark.real_media
def test_the_whole_corpus_of_one_man_is_found(shared_data: Path) -> None:
    grid = find_sources(shared_data / "grid_s1")
    assert len(grid) == 1000 and sum(source.split == "test" for source in grid) == 50


def test_layouts_are_told_apart(shared_data: Path) -> None:
    grid = {source.name: source for source in find_sources(shared_data / "grid_s1")}
    assert grid["bbaf2n"].split == "train" and grid["bbaf3s"].split == "test"
    assert all(source.align is not None for source in grid.values())
    unseen = find_sources(shared_data / "grid_unseen_dev")
    assert len(unseen) == 14 and {source.split for source in unseen} == {"unseen"}
    assert all(source.media.stem.endswith("_224") and source.align for source in unseen)
    curves = {source.name: source.split for source in find_sources(shared_data / "facegood_mandarin")}
    assert curves["1114_2_01"] == "train" and curves["1114_3_15"] == "val" and curves["1114_3_16"] == "test"


def test_videos_in_folders_of_many_kinds(tmp_path: Path) -> None:
    data = tmp_path / "many"
    for name in (
        "s1/a.mpg",
        "s2/a.mpg",
        "s2/b.mpg",
        "s2/b_224.mp4",
        "top.MOV",
        "top.mkv",
        ".trash/x.mp4",
        "s1/notes.txt",
    ):
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name in ("alignments/s1/a.align", "s2/align/a.align", "s2/b.align"):
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (data / "manifest.csv").write_text("\ufeffclip,split\ns2_a,test\nb,val\n", encoding="utf-8")
    found = {source.name: source for source in find_sources(data)}
    assert sorted(found) == ["s1_a", "s2_a", "s2_b", "top", "top_mkv"]
    aligned = {name: source.align and source.align.relative_to(data).as_posix() for name, source in found.items()}
    assert aligned["s1_a"] == "alignments/s1/a.align" and aligned["s2_a"] == "s2/align/a.align"
    assert aligned["s2_b"] == "s2/b.align" and aligned["top"] is None
    assert found["s2_b"].media.name == "b_224.mp4"
    assert {name: source.split for name, source in found.items() if source.split != "train"} == {
        "s2_a": "test",
        "s2_b": "val",
    }


def test_a_corpus_is_called_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.mp4").touch()
    monkeypatch.chdir(tmp_path / "mine")
    assert [source.corpus for source in find_sources(Path())] == ["mine"]


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        find_sources(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found none"):
        find_sources(tmp_path)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "manifest.csv").write_text("clip,split\na,rehearsal\n", encoding="utf-8")
    with pytest.raises(InputError, match="got 'rehearsal' for a"):
        find_sources(tmp_path)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (25, 0, 10), (-20, 15, -30)])
def test_landmarks_lose_their_pose(yaw: float, pitch: float, roll: float) -> None:
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    square = (80 * reference_face() @ (tilt @ nod @ turn).T + [120, 90, 33]).astype(np.float32)
    pose = head_pose(square)
    stored = square / np.array([2, 1, 1], dtype=np.float32)
    face = Face(stored, pose, 1.0, np.zeros(4, dtype=np.float32))
    np.testing.assert_allclose(canonical_landmarks(face, 2.0), reference_face(), atol=2e-5)


def test_recordings_survive_the_cache(tmp_path: Path) -> None:
    clip = replace(spoken_clip("a"), start_s=1.5)
    save_recording(clip, tmp_path / "made.a.npz")
    back = load_recording(tmp_path / "made.a.npz")
    assert back.start_s == 1.5
    assert (back.name, back.corpus, back.split, back.fps, back.words) == ("a", "made", "train", 25.0, clip.words)
    assert back.landmarks is not None and clip.landmarks is not None
    np.testing.assert_allclose(back.landmarks, clip.landmarks, atol=1e-4)
    np.testing.assert_allclose(back.samples, clip.samples, atol=4e-5)
    rig = rigged_clip("b")
    save_recording(rig, tmp_path / "rig.b.npz")
    again = load_recording(tmp_path / "rig.b.npz")
    assert again.landmarks is None
    np.testing.assert_array_equal(again.curves["mouth_stretch_c"], rig.curves["mouth_stretch_c"])


def test_synthetic_speech_has_phones_and_nothing_else(tmp_path: Path) -> None:
    phones = (Phone("", 0.0, 0.11), Phone("aː", 0.11, 0.253), Phone("sˤ", 0.253, 0.4))
    sound = np.zeros(6400, dtype=np.float32)
    seen = np.ones(10, dtype=bool)
    said = Recording("synthetic", "u1", "test", 25.0, sound, (), None, seen, {}, phones, "ar", "ar+f3")
    save_recording(said, tmp_path / "synthetic.u1.npz")
    back = load_recording(tmp_path / "synthetic.u1.npz")
    assert (back.phones, back.language, back.voice) == (phones, "ar", "ar+f3")
    assert back.landmarks is None and back.curves == {} and back.frames == 10


def test_faces_of_an_older_mesh_are_measured_again_and_what_has_no_face_is_read(tmp_path: Path) -> None:
    clip = spoken_clip("a")
    save_recording(clip, tmp_path / "made.a.npz")
    save_recording(replace(clip, name="b", landmarks=None), tmp_path / "made.b.npz")
    for name in "ab":
        with np.load(tmp_path / f"made.{name}.npz") as file:
            arrays = {key: file[key] for key in file.files}
        about = json.loads(str(arrays["about"])) | {"version": 2}
        np.savez(tmp_path / f"made.{name}.npz", **arrays | {"about": np.array(json.dumps(about))})
    with pytest.raises(InputError, match="older face mesh"):
        load_recording(tmp_path / "made.a.npz")
    assert load_recording(tmp_path / "made.b.npz").landmarks is None
    assert [one.name for one in list_prepared(tmp_path)] == ["b"], "prepare_corpus takes the other for missing"
    np.savez(tmp_path / "made.c.npz", about=np.array(json.dumps(about | {"version": 99})))
    with pytest.raises(InputError, match="another version"):
        load_recording(tmp_path / "made.c.npz")


def test_few_points_are_kept_and_the_others_missed(tmp_path: Path) -> None:
    clip = spoken_clip("a")
    few = replace(clip, landmarks=clip.shapes(KEPT_POINTS), points=KEPT_POINTS)
    save_recording(few, tmp_path / "made.few.npz")
    save_recording(clip, tmp_path / "made.all.npz")
    assert (tmp_path / "made.few.npz").stat().st_size < 0.7 * (tmp_path / "made.all.npz").stat().st_size
    back = load_recording(tmp_path / "made.few.npz")
    assert few.landmarks is not None
    np.testing.assert_allclose(back.shapes(KEPT_POINTS), few.landmarks, atol=7e-5)
    assert measure_motion(back).opening == pytest.approx(measure_motion(clip).opening, abs=2e-4)
    missing = int(np.setdiff1d(np.arange(478), KEPT_POINTS)[0])
    with pytest.raises(InputError, match=rf"kept without the mesh points \[{missing}\]"):
        back.shapes(np.array([missing, 13]))


def test_only_what_is_loaded_is_kept_and_caches_that_hold_more_are_read(tmp_path: Path) -> None:
    clip, path = spoken_clip("a"), tmp_path / "made.a.npz"
    save_recording(clip, path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    assert sorted(arrays) == ["about", "landmarks", "points", "samples", "seen"]
    arrays |= {"log_mel": np.zeros((300, 80)), "mfcc": np.zeros((300, 39)), "activity": np.zeros(300)}
    np.savez_compressed(tmp_path / "made.b.npz", **arrays)
    np.testing.assert_array_equal(load_recording(tmp_path / "made.b.npz").samples, load_recording(path).samples)


def test_a_damaged_cache_file_is_no_clip(tmp_path: Path) -> None:
    save_recording(spoken_clip("a"), tmp_path / "made.a.npz")
    whole = (tmp_path / "made.a.npz").read_bytes()
    (tmp_path / "made.b.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / ".made.c.npz.0.part.npz").write_bytes(whole)
    assert [clip.name for clip in list_prepared(tmp_path)] == ["a"]
    with pytest.raises(InputError, match="not a prepared recording"):
        load_recording(tmp_path / "made.b.npz")


def _die(source: ClipSource, *, out: Path, offsets: OffsetRule) -> ClipReport:
    """Stands in for a clip whose decoder takes the process with it."""
    if source.name == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    return ClipReport(clip=source.name, status=ClipStatus.PREPARED)


def test_a_clip_that_kills_its_process_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(prepare, "_prepare_one", _die)
    sources = [ClipSource("c", name, tmp_path / name) for name in "abc"]
    options = PrepareOptions(offsets=OffsetRule.KEEP, workers=2)
    reports = {clip.clip: clip for clip in prepare._prepare_all(sources, tmp_path, options, lambda: False)}
    assert sorted(reports) == list("abc")
    assert [name for name, clip in reports.items() if clip.status is ClipStatus.SKIPPED] == ["b"]
    assert "ended its process" in reports["b"].reason


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    (tmp_path / "made.x.npz").write_bytes(b"zip?")
    with pytest.raises(InputError, match="not a prepared recording"):
        load_recording(tmp_path / "made.x.npz")
    with pytest.raises(InputError, match="usable clips in the corpus other"):
        load_corpus(tmp_path, "other")


@pytest.mark.usefixtures("face_models")
def test_a_corpus_is_prepared_once_and_broken_clips_are_listed(shared_data: Path, tmp_path: Path) -> None:
    data, cache = tmp_path / "few", tmp_path / "cache"
    (data / "clips").mkdir(parents=True)
    (data / "align").mkdir()
    for name in ("bbaf2n", "bbaf3s"):
        shutil.copy(shared_data / "grid_s1" / "clips" / f"{name}.mp4", data / "clips")
        shutil.copy(shared_data / "grid_s1" / "align" / f"{name}.align", data / "align")
    (data / "clips" / "broken.mp4").write_bytes(b"not a video")
    told: list[tuple[int, int]] = []
    report = prepare_corpus(
        data, cache, PrepareOptions(workers=1), progress=lambda done, total: told.append((done, total))
    )
    assert (report.made, report.kept) == (2, 0)
    assert [name for name, _ in report.skipped] == ["broken"] and "nothing of a known kind" in report.skipped[0][1]
    assert told[-1] == (3, 3)
    before = (cache / "few.bbaf2n.npz").stat().st_mtime_ns
    again = prepare_corpus(data, cache, PrepareOptions(workers=1))
    assert (again.made, again.kept, len(again.skipped)) == (0, 2, 1)
    assert (cache / "few.bbaf2n.npz").stat().st_mtime_ns == before
    clip = load_recording(cache / "few.bbaf3s.npz")
    assert clip.landmarks is not None and clip.landmarks.shape == (75, len(KEPT_POINTS), 3) and clip.seen.all()
    assert len(clip.samples) == 48_000 and [word.text for word in clip.words][:2] == ["bin", "blue"]
    # Without pose, the eyes stand still while the mouth moves.
    eye, upper, lower = clip.shapes(np.array([33, 13, 14])).transpose(1, 0, 2)
    assert eye[:, :2].std(axis=0).max() < 0.01
    assert (lower[:, 1] - upper[:, 1]).std() > 0.01


@pytest.mark.usefixtures("face_models")
def test_missing_tracks_are_told(shared_data: Path) -> None:
    with pytest.raises(NoSoundError, match="has no sound track"):
        read_sound(shared_data / "clips" / "talking_silent_fur_hat.mp4")
    with pytest.raises(NoPictureError, match="picture"):
        list(measure_video(ClipSource("c", "x", shared_data / "audio" / "ja_watson.wav")))
