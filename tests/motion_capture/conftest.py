"""A packaged face that says a packaged sentence, as a video to be measured, and what moved its mouth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece import samples
from mouthpiece.media import open_speech
from mouthpiece.options import Quality, SyncOptions
from mouthpiece.pipeline import sync
from mouthpiece.types import SAMPLE_RATE, FloatArray, Picture, Waveform
from mouthpiece.viseme_tracks import write_visemes

SECONDS = 2.4


@dataclass(frozen=True)
class Talk:
    """Somebody who speaks, and their motion."""

    video: Path
    speech: Waveform
    face: Picture
    motion: Path
    """What moved the mouth, as .npz."""

    def curve(self, name: str) -> FloatArray:
        """One of the motion's arrays."""
        with np.load(self.motion, allow_pickle=False) as file:
            return np.asarray(file[name])


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory, face_models: None) -> Talk:
    """Two seconds and more, 320 pixels high."""
    folder = tmp_path_factory.mktemp("talk")
    with open_speech(samples.sample_speech()) as opened:
        heard = np.concatenate(list(opened.samples()))
    speech = Waveform(np.ascontiguousarray(heard[: round(SECONDS * SAMPLE_RATE)]))
    whole = scenes.picture(samples.sample_face())
    face = np.asarray(cv2.resize(whole, (256, 320), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    write_visemes(speech, folder / "said.npz")
    sync(face, speech, folder / "talk.mkv", SyncOptions(quality=Quality.BEST, motion=folder / "said.npz"))
    return Talk(folder / "talk.mkv", speech, face, folder / "said.npz")
