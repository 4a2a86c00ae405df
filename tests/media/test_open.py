"""The name that a caller gives a file is the one in every message; the file's own never shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mouthpiece.errors import MouthpieceError, OptionError
from mouthpiece.media import open_face, open_speech, probe_media

Open = Callable[..., object]


@pytest.mark.parametrize("call", [open_face, open_speech, probe_media])
@pytest.mark.parametrize("content", [None, b"", b"nothing of a known kind", b"\0\0\0\x18ftypisom"])
def test_messages_use_the_name(tmp_path: Path, call: Open, content: bytes | None) -> None:
    path = tmp_path / "3f2a.upload"
    sources: list[object] = [path, str(path)]
    if content is not None:
        path.write_bytes(content)
        sources.append(io.BytesIO(content))
    for source in sources:
        with pytest.raises(MouthpieceError) as met:
            call(source, name="me.jpg")
        assert "me.jpg" in str(met.value)
        assert "3f2a" not in str(met.value)
        assert "file object" not in str(met.value)


def test_arrays_have_names_too() -> None:
    with pytest.raises(MouthpieceError, match=r"me\.jpg has 20x20"):
        open_face(np.zeros((20, 20, 3), np.uint8), name="me.jpg")
    with pytest.raises(MouthpieceError, match=r"words\.wav holds 6\.2 ms"):
        open_speech(np.zeros(100, np.float32), name="words.wav")
    with pytest.raises(MouthpieceError, match="the array has 20x20"):
        open_face(np.zeros((20, 20, 3), np.uint8))


def test_the_name_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "3f2a.upload"
    Image.new("RGB", (64, 64)).save(path, "PNG")
    with open_face(path, name="me.png") as face:
        assert face.info.name == "me.png"
    assert probe_media(path, name="me.png").name == "me.png"
    assert probe_media(path).name == "3f2a.upload"
    with open_speech(np.zeros(16_000, np.float32), name="words.wav") as speech:
        assert speech.info.name == "words.wav"


def test_options_are_checked_before_the_file_is_looked_for() -> None:
    with pytest.raises(OptionError, match="1 to 240 frames a second"):
        open_face("nowhere.jpg", photo_fps=0)  # type: ignore[arg-type]
