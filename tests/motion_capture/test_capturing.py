"""Motion measured in videos: it is what moved the mouth there, and what can't be measured is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests import scenes
from tests.media.conftest import build_video
from tests.motion_capture.conftest import Talk

import mouthpiece
from mouthpiece.errors import Cancelled, InputError, NoFaceError, NoPictureError, NotMediaError
from mouthpiece.motion_capture import capture
from mouthpiece.options import CaptureOptions, Quality, SyncOptions
from mouthpiece.types import FloatArray, MotionTrack, Picture


def agreement(first: FloatArray, second: FloatArray) -> float:
    count = min(len(first), len(second))
    return float(np.corrcoef(first[:count], second[:count])[0, 1])


def video_of(shown: list[Picture], path: Path) -> Path:
    height, width = shown[0].shape[:2]
    options = {"crf": "10", "preset": "veryfast"}
    return build_video(path, frames=len(shown), size=(width, height), picture=lambda i: shown[i], options=options)


@pytest.fixture(scope="module")
def measured(talk: Talk) -> MotionTrack:
    return capture(talk.video)


def test_it_is_what_moved_the_mouth(talk: Talk, measured: MotionTrack) -> None:
    assert len(measured.time_s) == 60
    np.testing.assert_allclose(measured.time_s, np.arange(60) / 25, atol=1e-3)
    assert agreement(measured.opening, talk.curve("opening")) > 0.9
    assert agreement(measured.jaw, talk.curve("jaw")) > 0.8
    assert measured.seen.all()
    assert (measured.fps, measured.name) == (25, "talk.mkv")
    assert float(np.percentile(measured.opening, 4)) == pytest.approx(0, abs=0.01), "its own closed mouth is 0"


def test_frames_without_a_face_are_filled(talk: Talk, measured: MotionTrack, tmp_path: Path) -> None:
    """A short gap is bridged, in a long one the mouth eases to rest and back."""
    shown = scenes.pictures(talk.video)
    speaking = int(np.argmax(measured.opening[20:50])) + 20
    short = range(speaking - 5, speaking - 3)
    long = range(0, 15)
    for frame in (*short, *long):
        shown[frame] = np.full_like(shown[frame], 90)
    track = capture(video_of(shown, tmp_path / "gaps.mp4"))
    assert np.flatnonzero(~track.seen).tolist() == sorted((*long, *short))
    inside = track.opening[short.start - 1 : short.stop + 1]
    np.testing.assert_allclose(np.diff(inside, 2), 0, atol=1e-4)
    assert not track.displacement[:9].any(), "0.2 s and more before the face came"


def test_a_part_counts_from_its_beginning(talk: Talk, measured: MotionTrack) -> None:
    part = capture(talk.video, CaptureOptions(start_s=0.5, end_s=2.0))
    np.testing.assert_allclose(part.time_s, measured.time_s[13:50] - 0.5, atol=2e-3)
    assert agreement(part.opening, measured.opening[13:50]) > 0.99


def test_nobody_nothing_and_no_video(talk: Talk, tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 255, (120, 160, 3)).astype(np.uint8) for i in range(30)]
    empty, still = video_of(noise, tmp_path / "empty.mp4"), video_of([talk.face] * 40, tmp_path / "still.mp4")
    (tmp_path / "notes.txt").write_text("no video\n" * 100)
    for video, kind, message in (
        (empty, NoFaceError, "expected one face for 1 s and more in empty.mp4, saw it in 0 of 30 frames"),
        (still, InputError, "expected somebody who speaks in still.mp4"),
        (tmp_path / "notes.txt", NotMediaError, ""),
        (talk.face, NoPictureError, "expected a video of somebody who speaks, the array is a still picture"),
    ):
        with pytest.raises(kind) as caught:
            capture(video)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [CaptureOptions(start_s=60.0), CaptureOptions(end_s=0.01)])
def test_a_part_without_pictures(talk: Talk, options: CaptureOptions) -> None:
    with pytest.raises(InputError, match="expected pictures from"):
        capture(talk.video, options)


def test_it_can_be_stopped(talk: Talk) -> None:
    done: list[tuple[float, float]] = []
    with pytest.raises(Cancelled):
        capture(talk.video, progress=lambda *at: done.append(at), cancelled=lambda: len(done) >= 5)
    assert len(done) == 5
    assert [total for _, total in done] == pytest.approx([2.4] * 5, abs=0.1)
    assert [now for now, _ in done] == sorted(now for now, _ in done)


@pytest.mark.real_media
def test_a_persons_motion_drives_their_first_picture(shared_data: Path, tmp_path: Path) -> None:
    """Measured on a real speaker, played on the first frame, and read back from the pictures that came out."""
    clip = shared_data / scenes.PERSON_B
    motion = capture(clip)
    out = tmp_path / "driven.mkv"
    options = SyncOptions(motion=motion, quality=Quality.BEST)
    assert mouthpiece.sync(scenes.pictures(clip, 1)[0], clip, out, options).warnings == ()
    seen = capture(out)
    assert agreement(motion.opening, seen.opening) > 0.8
    assert agreement(motion.jaw, seen.jaw) > 0.8
    assert 0.7 < float(seen.opening.std() / motion.opening.std()) < 1.3
