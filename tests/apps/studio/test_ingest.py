"""Uploads: checked, stored, previewed."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from mouthpiece import samples
from mouthpiece.apps.studio.folders import VisitFolders
from mouthpiece.apps.studio.formatting import isolate_name
from mouthpiece.apps.studio.ingest import SentFile, ingest_face, ingest_speech
from mouthpiece.apps.web import Limits
from mouthpiece.errors import InputError, NoFaceError, NoSoundError

ARABIC = "صورة.png"


def sent(content: BinaryIO, name: str) -> SentFile:
    return SentFile(content, "t", name, name, "upload")


def test_taking_a_face(tmp_path: Path) -> None:
    server = VisitFolders(60, 60, tmp_path)
    visit = server.open(lambda: True)
    file = io.BytesIO()
    with Image.open(samples.sample_face()) as photo:
        photo.crop((34, 0, 734, 960)).resize((700, 1200)).save(file, "PNG")
    face = ingest_face(visit, sent(file, f"../{ARABIC}"), Limits())
    assert (face.name, face.width, face.height, face.is_video) == (ARABIC, 700, 1200, False)
    with Image.open(io.BytesIO(face.preview)) as preview:
        assert preview.size == (373, 640)
    with pytest.raises(InputError, match=ARABIC):
        ingest_face(visit, sent(io.BytesIO(b"nothing"), ARABIC), Limits())
    nobody = io.BytesIO()
    Image.fromarray(np.full((120, 70, 3), 90, np.uint8)).save(nobody, "PNG")
    with pytest.raises(NoFaceError, match=f"expected a face in the photo {isolate_name(ARABIC)}, but none was found"):
        ingest_face(visit, sent(nobody, ARABIC), Limits())
    with pytest.raises(InputError, match="sound only"):
        ingest_face(visit, sent(io.BytesIO(samples.sample_speech().read_bytes()), "a"), Limits())
    assert list(visit.path.iterdir()) == [face.path], "what was refused is gone"
    server.close()


def test_taking_speech(tmp_path: Path) -> None:
    server = VisitFolders(60, 60, tmp_path)
    visit = server.open(lambda: True)
    with samples.sample_speech("ar").open("rb") as file:
        speech = ingest_speech(visit, sent(file, "كلام.wav"), Limits())
    with wave.open(io.BytesIO(speech.wav)) as played:
        assert (played.getframerate(), played.getnchannels()) == (16_000, 1)
        assert played.getnframes() / 16_000 == pytest.approx(speech.duration_s)
    silence = io.BytesIO()
    with wave.open(silence, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", "NONE"))
        out.writeframes(bytes(64_000))
    with pytest.raises(NoSoundError, match="is the microphone on"):
        ingest_speech(visit, sent(silence, "a.wav"), Limits())
    with samples.sample_speech().open("rb") as file, pytest.raises(InputError, match="at most 2 seconds"):
        ingest_speech(visit, sent(file, "a.wav"), Limits(most_s=2))
    assert list(visit.path.iterdir()) == [speech.path]
    server.close()
