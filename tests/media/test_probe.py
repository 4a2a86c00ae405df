"""What `probe_media` says, beside what the ffprobe program says."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.media.conftest import build_video, build_wav, tone

from mouthpiece.errors import NotMediaError, PictureSizeError
from mouthpiece.media import probe_media


def test_video(tmp_path: Path, ask_ffprobe: Callable[..., dict[str, Any]]) -> None:
    tags = {"color_primaries": 9, "color_trc": 18, "colorspace": 9, "sample_aspect_ratio": Fraction(4, 3)}
    path = build_video(tmp_path / "a.mp4", context=tags, sound=tone(0.5, 48_000))
    report = probe_media(path)
    theirs = ask_ffprobe(path)
    picture, sound = report.pictures[0], report.sounds[0]
    assert (picture.codec, picture.width, picture.height) == ("h264", 96, 64)
    assert str(picture.fps) == theirs["streams"][0]["r_frame_rate"].removesuffix("/1")
    assert (picture.pixel_format, picture.pixel_aspect) == ("yuv420p", Fraction(4, 3))
    assert (picture.colours.primaries, picture.colours.transfer, picture.colours.matrix) == (9, 18, 9)
    assert (sound.codec, sound.sample_rate, sound.channels, sound.layout) == ("aac", 48_000, 1, "mono")
    assert report.duration_s == pytest.approx(float(theirs["format"]["duration"]), abs=1e-3)
    assert report.has_picture
    assert report.has_sound


def test_sound_photo_and_neither(tmp_path: Path) -> None:
    sound = probe_media(build_wav(tmp_path / "a.wav", np.zeros((16_000, 2), np.int16)))
    assert (sound.has_picture, sound.has_sound, sound.duration_s) == (False, True, 1.0)
    assert sound.sounds[0].layout == "stereo"
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    photo = probe_media(tmp_path / "a.jpg")
    assert (photo.has_picture, photo.has_sound, photo.duration_s) == (True, False, None)
    assert photo.pictures[0].codec == "jpeg"
    (tmp_path / "a.txt").write_text("nothing\n" * 30)
    with pytest.raises(NotMediaError):
        probe_media(tmp_path / "a.txt")
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(PictureSizeError):
        probe_media(tmp_path / "dot.png")


def test_real_clip(shared_data: Path) -> None:
    report = probe_media(shared_data / "clips" / "grid_s1_bbaf3s.mpg")
    assert report.pictures[0].codec == "mpeg1video"
    assert report.has_sound
