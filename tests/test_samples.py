"""The face and speech that ship in the package."""

from __future__ import annotations

import wave
from pathlib import Path

import cv2
import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.face.detector import FaceDetector
from mouthpiece.face.mesh import (
    CROP_FACTOR,
    INNER_LIP_BOTTOM,
    INNER_LIP_TOP,
    OUTER_EYE_LEFT,
    OUTER_EYE_RIGHT,
    FaceMesh,
)
from mouthpiece.samples import LANGUAGES, avatars, sample_face, sample_speech


def test_the_face_is_one_sure_face_with_a_closed_mouth() -> None:
    bgr = cv2.imread(str(sample_face()))
    assert bgr is not None
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8)
    [found] = FaceDetector().detect(rgb)
    eyes = found.eyes[1] - found.eyes[0]
    tilt = float(np.arctan2(eyes[1], eyes[0]))
    landmarks, score = FaceMesh().measure(rgb, found.centre, found.size * CROP_FACTOR, tilt)

    assert found.score > 0.9
    assert score > 0.99
    eye_distance = np.linalg.norm(landmarks[OUTER_EYE_RIGHT] - landmarks[OUTER_EYE_LEFT])
    assert eye_distance > 200
    assert np.linalg.norm(landmarks[INNER_LIP_TOP] - landmarks[INNER_LIP_BOTTOM]) / eye_distance < 0.015
    # The mesh's closed lips have to fall on the drawn seam, the darkest row in the middle of the mouth.
    x = round(float(landmarks[INNER_LIP_TOP, 0]))
    middle = round(float(landmarks[[INNER_LIP_TOP, INNER_LIP_BOTTOM], 1].mean()))
    column = rgb[middle - 20 : middle + 20, x - 3 : x + 4].mean(axis=(1, 2))
    assert abs(int(column.argmin()) - 20) < 0.03 * eye_distance


def test_the_face_is_one_of_the_gallery() -> None:
    assert sample_face() in [avatar.path for avatar in avatars()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_speech_is_a_few_seconds_at_a_good_level(language: str) -> None:
    with wave.open(str(sample_speech(language))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
    assert 5 < len(sound) / 22050 < 7.5
    assert 0.6 < np.abs(sound).max() < 0.8
    rest = round(0.2 * 22050)
    assert np.abs(sound[:rest]).max() == np.abs(sound[-rest:]).max() == 0


def test_english_is_spoken_unless_told_otherwise() -> None:
    assert sample_speech() == sample_speech("en")


@pytest.mark.parametrize("language", ["fr", "", "EN", "../en"])
def test_another_language_is_refused_with_the_known_ones(language: str) -> None:
    with pytest.raises(OptionError, match=r"expected .*\(en, ar\), got "):
        sample_speech(language)


def test_samples_stay_small() -> None:
    files: list[Path] = [sample_face(), *(sample_speech(language) for language in LANGUAGES)]
    assert all(file.stat().st_size < limit for file, limit in zip(files, (400_000, 320_000, 320_000), strict=True))
