"""Progress and result of a sync."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import scenes
from tests.pipeline.staging import FAKE, left_behind, speech, video_of

from mouthpiece.errors import NoFaceError
from mouthpiece.pipeline import sync
from mouthpiece.types import FloatArray, Picture, Progress


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
