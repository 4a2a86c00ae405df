"""Files from strangers."""

from __future__ import annotations

import io
import struct
import subprocess
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mouthpiece import samples
from mouthpiece.apps.web import Limits, MediaKind, check_face, check_speech, inspect_upload, safe_name
from mouthpiece.errors import InputError, NoPictureError, NoSoundError, NotMediaError, PictureSizeError

ARABIC = "صورتي الجميلة.jpg"


def picture(kind: str = "PNG", side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 120, np.uint8)).save(file, kind)
    return file.getvalue()


def animation() -> bytes:
    pictures = [Image.fromarray(np.full((64, 64, 3), value, np.uint8)) for value in (0, 90, 180)]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    return file.getvalue()


def sound(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", "NONE"))
        out.writeframes(bytes(round(seconds * 8000) * 2))
    return file.getvalue()


@pytest.fixture(scope="module")
def video(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uploads") / "named.wav"
    subprocess.run(
        [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=3", "-f", "mp4", str(path)],
        check=True,
    )
    return path


def test_content_tells_what_a_file_is(video: Path) -> None:
    assert inspect_upload(picture("JPEG")).kind is MediaKind.PICTURE
    assert inspect_upload(animation()).kind is MediaKind.VIDEO
    assert inspect_upload(sound()).kind is MediaKind.SOUND
    assert inspect_upload(video).kind is MediaKind.VIDEO, "the suffix says .wav"
    with video.open("rb") as file:
        file.seek(99)
        assert inspect_upload(file).kind is MediaKind.VIDEO, "read from its beginning"


def test_what_is_found() -> None:
    found = inspect_upload(samples.sample_face())
    assert (found.width, found.height, found.duration_s, found.has_sound) == (768, 960, None, False)
    heard = inspect_upload(samples.sample_speech("ar"))
    assert heard.has_sound and heard.width is None and heard.duration_s == pytest.approx(6.5, abs=2)


@pytest.mark.parametrize(
    "junk", [b"", b"\0" * 999, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"#EXTM3U\nfile:/etc/passwd"]
)
def test_what_is_no_media(junk: bytes) -> None:
    with pytest.raises(NotMediaError, match=ARABIC) as caught:
        inspect_upload(junk, safe_name(f"../../{ARABIC}"))
    assert "file object" not in str(caught.value) and "\n" not in str(caught.value) and ".." not in str(caught.value)


def test_messages_call_a_stored_file_by_its_senders_name(tmp_path: Path) -> None:
    stored = tmp_path / "face-3f2a.bin"
    stored.write_bytes(picture("JPEG")[:200])
    with pytest.raises(InputError, match=r"mine\.jpg") as caught:
        check_face(stored, "mine.jpg")
    assert "3f2a" not in str(caught.value)


def test_faces_are_pictures_and_speech_is_sound(video: Path) -> None:
    assert check_face(picture()).kind is MediaKind.PICTURE
    assert check_face(video).kind is MediaKind.VIDEO
    assert check_speech(sound()).kind is MediaKind.SOUND
    with pytest.raises(NoPictureError, match=r"a\.jpg is sound only"):
        check_face(sound(), "a.jpg")
    with pytest.raises(NoSoundError, match=r"a\.wav is a picture"):
        check_speech(picture(), "a.wav")
    with pytest.raises(NoSoundError, match="a video without sound"):
        check_speech(video)


def test_limits(video: Path) -> None:
    with pytest.raises(InputError, match=r"at most 1 MB, but big\.wav has 2 MB"):
        check_speech(sound(110), "big.wav", Limits(most_bytes=1 << 20))
    with pytest.raises(PictureSizeError, match=r"at most 0\.01 megapixels, but p is 128x128"):
        check_face(picture(side=128), "p", Limits(most_pixels=10_000))
    with pytest.raises(PictureSizeError, match="64x48"):
        check_face(video, "v", Limits(most_pixels=1000))
    with pytest.raises(InputError, match="at most 2 seconds, but v is 3 seconds long"):
        check_face(video, "v", Limits(most_s=2))
    with pytest.raises(InputError, match="at most 2 minutes, but long is 2 min 5 s long"):
        check_speech(sound(125), "long", Limits(most_s=120))


def test_a_bomb_is_refused_by_its_header() -> None:
    """A PNG that claims 60,000 x 60,000 pixels in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )
    with pytest.raises(PictureSizeError):
        check_face(bomb, "bomb.png")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (ARABIC, ARABIC),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.png", "a.png"),
        ("a\nb\x00c\x1b[31m.png", "a b c [31m.png"),
        ("evil\u202egnp.exe", "evil gnp.exe"),
        ("\ud800a.png", "a.png"),
        ("..", "file"),
        ("", "file"),
        ("  ", "file"),
        ("می\u200cروم.wav", "می\u200cروم.wav"),
    ],
)
def test_names_are_for_display(name: str, shown: str) -> None:
    assert safe_name(name) == shown


def test_long_names_keep_their_end() -> None:
    shown = safe_name("x" * 500 + ".png")
    assert len(shown) == 60 and shown.endswith("x.png") and "…" in shown
