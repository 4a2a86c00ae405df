"""What is in a file."""

from __future__ import annotations

from pathlib import Path

import cv2
from tests import scenes

from mouthpiece.pipeline import probe
from mouthpiece.pipeline.probing import PROBE_FRAMES


def test_probing_finds_faces_and_speech(shared_data: Path) -> None:
    report = probe(shared_data / scenes.PERSON_A)
    assert report.frames_looked_at == PROBE_FRAMES
    assert len(report.faces) == PROBE_FRAMES
    assert report.most_faces == 1
    assert all(face.usable is None and abs(face.yaw_deg) < 15 for face in report.faces)
    times = [face.time_s for face in report.faces]
    assert times == sorted(times)
    assert report.speech
    assert all(0 <= start < end <= 3.1 for start, end in report.speech)


def test_probe_counts_faces_as_the_choice_does(tmp_path: Path, shared_data: Path) -> None:
    one = scenes.picture(shared_data / "photos" / "man_head_crop.jpg", 512)
    both = scenes.side_by_side(one, scenes.picture(shared_data / "photos" / "woman_portrait.png", 512))
    cv2.imwrite(str(tmp_path / "both.png"), both[..., ::-1])
    seen = probe(tmp_path / "both.png").faces
    assert [face.number for face in seen] == [1, 2]
    assert seen[0].box.x1 <= one.shape[1] <= seen[1].box.x0
