"""From choices to jobs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mouthpiece.apps.studio.formatting import isolate_name
from mouthpiece.apps.studio.ingest import ChosenFace, load_face, load_speech
from mouthpiece.apps.studio.job_options import JobOptions, playable_transform, sync_job, sync_options
from mouthpiece.apps.studio.networks import LoadedNetworks
from mouthpiece.apps.web import Limits
from mouthpiece.errors import NoFaceError, OptionError
from mouthpiece.inference import _compiled
from mouthpiece.options import FrameTransform
from mouthpiece.types import Progress

ARABIC = "صورة.png"


def test_large_and_odd_pictures_become_such_as_browsers_play() -> None:
    assert playable_transform(768, 960, full_size=False) == FrameTransform()
    assert playable_transform(769, 961, full_size=True).crop == (0, 960, 0, 768)
    assert playable_transform(4000, 3000, full_size=False).resize_factor == 3
    assert playable_transform(4001, 3000, full_size=True).crop == (0, -1, 0, 4000)


def test_choices_become_options() -> None:
    face = ChosenFace("a", Path("a"), "a", False, 100, 100, None, b"")
    chosen = sync_options(face, JobOptions(engine="wav2lip", checkpoint="wav2lip-gan", intensity=1.5, rest=0.25))
    assert (chosen.engine.name, chosen.engine.own["checkpoint"], chosen.engine.intensity, chosen.engine.rest) == (
        "wav2lip",
        "wav2lip-gan",
        1.5,
        0.25,
    )
    with pytest.raises(OptionError):
        sync_options(face, JobOptions(intensity=99))


def test_a_video_is_made_for_real(clip: Path, word: Path, tmp_path: Path) -> None:
    """From a real face and real speech; the second job finds what the first loaded."""
    loaded_networks = LoadedNetworks()
    loaded_networks.load("mesh")
    loaded = set(_compiled)
    face, speech = load_face(clip, "clip", "f", is_video=True), load_speech(word, "word", "s", Limits())
    seen: list[Progress] = []
    result = sync_job(face, speech, tmp_path / "a.mp4", JobOptions(), loaded_networks)(seen.append, lambda: False)
    assert result.frames == len(seen) == 10 and result.path.is_file()
    assert loaded and set(_compiled) == loaded, "nothing was compiled anew"


def test_errors_call_files_by_their_senders_names(word: Path, tmp_path: Path) -> None:
    stored = tmp_path / "face-12ab.upload"
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(stored, "PNG")
    face, speech = load_face(stored, ARABIC, "f"), load_speech(word, "word", "s", Limits())
    with pytest.raises(NoFaceError) as caught:
        sync_job(face, speech, tmp_path / "a.mp4", JobOptions(), LoadedNetworks())(lambda _: None, lambda: False)
    assert isolate_name(ARABIC) in str(caught.value) and "12ab" not in str(caught.value)
