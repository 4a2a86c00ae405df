"""Inputs made of pictures and speech, and how results are read."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.media.conftest import build_video

from mouthpiece.options import EngineOptions, SyncOptions
from mouthpiece.pipeline import SyncResult
from mouthpiece.types import FloatArray, Picture

FAKE = SyncOptions(engine=EngineOptions("fake"))
RATE = 16_000


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
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {stream["codec_type"]: stream for stream in found["streams"]}


def nobody(kind: str, tmp_path: Path) -> Any:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (180, 240, 3)).astype(np.uint8)
    return rgb if kind == "photo" else video_of([rgb] * 20, tmp_path / "nobody.mp4")


def drawn_animal(width: int = 320, height: int = 240) -> Picture:
    """A one-eyed animal's face that no detector knows, filling rows 40-220 and columns 70-250."""
    picture = np.full((height, width, 3), (150, 190, 240), np.uint8)
    for middle, radius, colour in (
        ((100, 70), 34, (120, 120, 125)),
        ((220, 70), 34, (120, 120, 125)),
        ((160, 130), 88, (140, 140, 146)),
        ((120, 100), 14, (240, 240, 235)),
        ((120, 100), 6, (20, 20, 20)),
    ):
        cv2.circle(picture, middle, radius, colour, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (7, 7), 0), np.uint8)  # no edges for the encoder to ring at
