"""Corpora: finding clips, measuring them, keeping them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.training.made_clips import rigged_clip, spoken_clip

from mouthpiece.errors import InputError, NoPictureError, NoSoundError, WeightsError
from mouthpiece.face import FaceTracker, head_pose, reference_face
from mouthpiece.training.corpora import (
    Recording,
    Source,
    canonical_landmarks,
    find_sources,
    load_corpus,
    load_recording,
    measure_video,
    prepare_corpus,
    read_align,
    read_sound,
    save_recording,
)
from mouthpiece.training.measuring import KEPT_POINTS
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


def test_layouts_are_told_apart(shared_data: Path) -> None:
    grid = find_sources(shared_data / "grid_s1")
    assert len(grid) == 1000 and sum(source.split == "test" for source in grid) == 50
    assert all(source.align is not None for source in grid)
    unseen = find_sources(shared_data / "grid_unseen_dev")
    assert len(unseen) == 14 and {source.split for source in unseen} == {"unseen"}
    assert all(source.media.stem.endswith("_224") and source.align for source in unseen)
    curves = {source.name: source.split for source in find_sources(shared_data / "facegood_mandarin")}
    assert curves["1114_2_01"] == "train" and curves["1114_3_15"] == "val" and curves["1114_3_16"] == "test"


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
    clip = spoken_clip("a")
    save_recording(clip, tmp_path / "made.a.npz")
    back = load_recording(tmp_path / "made.a.npz")
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


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    (tmp_path / "made.x.npz").write_bytes(b"zip?")
    with pytest.raises(InputError, match="not a prepared recording"):
        load_recording(tmp_path / "made.x.npz")
    with pytest.raises(InputError, match="usable clips in the corpus other"):
        load_corpus(tmp_path, "other")


@pytest.fixture
def _face_models() -> None:
    """Measuring needs the face models; they come with an installation."""
    try:
        FaceTracker()
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("_face_models")
def test_a_corpus_is_prepared_once_and_broken_clips_are_listed(shared_data: Path, tmp_path: Path) -> None:
    data, cache = tmp_path / "few", tmp_path / "cache"
    (data / "clips").mkdir(parents=True)
    (data / "align").mkdir()
    for name in ("bbaf2n", "bbaf3s"):
        shutil.copy(shared_data / "grid_s1" / "clips" / f"{name}.mp4", data / "clips")
        shutil.copy(shared_data / "grid_s1" / "align" / f"{name}.align", data / "align")
    (data / "clips" / "broken.mp4").write_bytes(b"not a video")
    told: list[tuple[int, int]] = []
    report = prepare_corpus(data, cache, workers=1, progress=lambda done, total: told.append((done, total)))
    assert (report.made, report.kept) == (2, 0)
    assert [name for name, _ in report.skipped] == ["broken"] and "nothing of a known kind" in report.skipped[0][1]
    assert told[-1] == (3, 3)
    before = (cache / "few.bbaf2n.npz").stat().st_mtime_ns
    again = prepare_corpus(data, cache, workers=1)
    assert (again.made, again.kept, len(again.skipped)) == (0, 2, 1)
    assert (cache / "few.bbaf2n.npz").stat().st_mtime_ns == before
    clip = load_recording(cache / "few.bbaf3s.npz")
    assert clip.landmarks is not None and clip.landmarks.shape == (75, len(KEPT_POINTS), 3) and clip.seen.all()
    assert len(clip.samples) == 48_000 and [word.text for word in clip.words][:2] == ["bin", "blue"]
    # Without pose, the eyes stand still while the mouth moves.
    eye, upper, lower = clip.shapes(np.array([33, 13, 14])).transpose(1, 0, 2)
    assert eye[:, :2].std(axis=0).max() < 0.01
    assert (lower[:, 1] - upper[:, 1]).std() > 0.01


@pytest.mark.usefixtures("_face_models")
def test_missing_tracks_are_told(shared_data: Path) -> None:
    with pytest.raises(NoSoundError, match="has no sound track"):
        read_sound(shared_data / "clips" / "talking_silent_fur_hat.mp4")
    with pytest.raises(NoPictureError, match="picture"):
        list(measure_video(Source("c", "x", shared_data / "audio" / "ja_watson.wav")))
