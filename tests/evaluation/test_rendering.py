"""Clips rendered anew: which frames come out, what they are made from, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.scenes import frame, grey_like, pictures

from mouthpiece.datasets.layouts import ClipSource
from mouthpiece.datasets.measuring import KEPT_POINTS, measure_video
from mouthpiece.datasets.recordings import Recording
from mouthpiece.errors import NoFaceError
from mouthpiece.evaluation import rendering
from mouthpiece.evaluation.mouths import real_mouth, rendered_mouth
from mouthpiece.evaluation.options import View
from mouthpiece.evaluation.rendering import first_picture, read_frames, rendered_frames
from mouthpiece.options import EngineOptions, SyncOptions
from mouthpiece.types import SAMPLE_RATE, Frame, Phone, Picture, Waveform

pytestmark = pytest.mark.usefixtures("face_models")
CLIP = "grid_unseen_dev/s5_bbae8n_224.mp4"
FRAMES = 20


@pytest.fixture(scope="module")
def media(shared_data: Path) -> Path:
    return shared_data / CLIP


@pytest.fixture(scope="module")
def clip(media: Path, face_models: None) -> Recording:
    """Most of a second of somebody speaking, from half a second on."""
    (whole,) = measure_video(ClipSource("strangers", "bbae8n", media))
    first, count = 12, FRAMES
    assert whole.landmarks is not None
    start, end = round(first / 25 * SAMPLE_RATE), round((first + count) / 25 * SAMPLE_RATE)
    part = slice(first, first + count)
    return replace(
        whole, samples=whole.samples[start:end], landmarks=whole.landmarks[part], seen=whole.seen[part], start_s=0.48
    )


def test_a_video_is_dubbed_in_step(clip: Recording, media: Path) -> None:
    found = list(rendered_frames(clip, media, View.VIDEO, EngineOptions("fake")))
    assert [number for number, _ in found] == list(range(FRAMES))
    shown = pictures(media, FRAMES, first=12)
    # What the engine leaves alone is the clip's own.
    for (_, made), rgb in zip(found, shown, strict=True):
        assert np.abs(made.rgb[:60].astype(int) - rgb[:60]).mean() < 3


def test_a_photo_is_the_first_frame(clip: Recording, media: Path) -> None:
    photo = first_picture(clip, media)
    (shown,) = pictures(media, 1, first=12)
    assert np.abs(photo.astype(int) - shown).mean() < 3
    found = list(rendered_frames(clip, media, View.PHOTO, EngineOptions("fake")))
    assert [number for number, _ in found] == list(range(FRAMES))
    for _, made in found:
        np.testing.assert_array_equal(made.rgb[:60], photo[:60])


def test_mouths_are_read_from_pictures(clip: Recording, media: Path) -> None:
    own = ((number, frame(rgb, number)) for number, rgb in enumerate(pictures(media, FRAMES, first=12)))
    read = read_frames(own, clip)
    real, rest = real_mouth(clip)
    assert read.seen.all() and read.points is KEPT_POINTS
    again = rendered_mouth(read, rest)
    np.testing.assert_allclose(again.opening, real.opening, atol=0.02)
    np.testing.assert_allclose(again.width, real.width, atol=0.03)


def test_frames_without_a_face_or_missing_are_not_seen(clip: Recording, media: Path) -> None:
    shown = pictures(media, 6, first=12)
    numbered = [(0, frame(shown[0])), (1, frame(grey_like(shown[1]), 1)), (4, frame(shown[4], 4))]
    read = read_frames(numbered, clip)
    assert np.flatnonzero(read.seen).tolist() == [0, 4]
    assert read.landmarks is not None and read.landmarks.shape == (FRAMES, len(KEPT_POINTS), 3)


def test_encoded_files_show_nearly_the_same(clip: Recording, media: Path) -> None:
    drawn = list(rendered_frames(clip, media, View.PHOTO, EngineOptions("mesh")))
    stored = list(rendered_frames(clip, media, View.PHOTO, EngineOptions("mesh"), encoded=True))
    assert [number for number, _ in stored] == [number for number, _ in drawn]
    for (_, a), (_, b) in zip(drawn, stored, strict=True):
        assert 0 < np.abs(a.rgb.astype(int) - b.rgb).mean() < 6


def test_speech_and_phones_begin_where_the_clip_does(
    clip: Recording, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, Waveform, SyncOptions]] = []

    def draw(face: object, speech: Waveform, options: SyncOptions) -> Iterator[Frame]:
        asked.append((face, speech, options))
        for number in range(60):
            yield Frame(Fraction(number, 25), Fraction(1, 25), np.zeros((2, 2, 3), np.uint8))

    monkeypatch.setattr(rendering, "draw", draw)
    phones = (Phone("a", 0.1, 0.2),)
    for view in View:
        found = list(rendered_frames(clip, media, view, EngineOptions("fake"), phones=phones))
        first = 12 if view is View.VIDEO else 0
        assert [round(made.time_s * 25) - number for number, made in found] == [first] * FRAMES
    (photo, alone, still), (video, padded, moving) = asked
    assert isinstance(photo, np.ndarray) and video == media
    np.testing.assert_array_equal(alone.samples, clip.samples)
    assert len(padded.samples) - len(alone.samples) == round(0.48 * SAMPLE_RATE)
    assert still.phones == phones and still.fps == 25
    assert isinstance(moving.phones, tuple) and moving.phones[0].start_s == pytest.approx(0.58)


def test_pixels_that_are_not_square(media: Path) -> None:
    (shown,) = pictures(media, 1, first=12)
    wide = Frame(Fraction(12, 25), Fraction(1, 25), np.ascontiguousarray(shown[:, ::2]), Fraction(2))
    squared: Picture = rendering._squared(wide)
    assert squared.shape == shown.shape


def test_nobody_to_make_a_photo_of(clip: Recording, media: Path) -> None:
    with pytest.raises(NoFaceError, match="to make a photo of"):
        first_picture(replace(clip, start_s=60.0), media)
