"""The documentation: no page or public name is missing, and errors read as the page for trouble has them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.media.conftest import build_video, tone

import mouthpiece
from mouthpiece import samples
from mouthpiece.apps.cli.main import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
HOME = "/home/me"
"""Stands on the page for the folder that commands run in."""
BLOCK = re.compile(r"^```console\n\$ mouthpiece (.*)\n((?:.+\n)+)```$", re.MULTILINE)
CODES = re.compile(r"\b[Cc]odes? (`[a-z-]+`(?: and `[a-z-]+`)?)")
WITHOUT_JSON = ("studio",)
CODE = (".py", ".md")
PORT = 8099
"""The one that is taken on the page."""


def test_every_page_is_in_the_navigation() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    named = re.findall(r"^ +- (?:.*: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(pages | {"index.md"})


def test_source_files_that_pages_name_are_there() -> None:
    there = [f"/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("[a-z]*/**/*") if path.suffix in CODE]
    texts = {page.name: page.read_text("utf-8") for page in DOCS.rglob("*.md")}
    named = {
        (page, path)
        for page, text in texts.items()
        for path in re.findall(r"`((?:\w+/)+\w+\.(?:py|md))`", text)
        if f"\n`{path}`:\n" not in text  # a page's own example
    }
    assert len(named) > 20
    assert [(page, path) for page, path in named if not any(file.endswith(f"/{path}") for file in there)] == []


@pytest.mark.parametrize("name", mouthpiece.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    assert f"\n::: mouthpiece.{name}\n" in (DOCS / "reference.md").read_text("utf-8")


# Errors as the page for trouble has them. ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A command and what it prints, as the page has it."""

    command: str
    lines: tuple[str, ...]
    codes: tuple[str, ...]
    """Error codes that its section names; none where it is about warnings."""


def examples() -> Iterator[Example]:
    """The page's examples that are marked to be run (`console`)."""
    for section in re.split(r"^##+ ", (DOCS / "trouble.md").read_text("utf-8"), flags=re.MULTILINE):
        codes = tuple(re.findall(r"[a-z-]+", " ".join(CODES.findall(section)).replace(" and ", " ")))
        for command, printed in BLOCK.findall(section):
            yield Example(command, tuple(printed.splitlines()), codes)


EXAMPLES = list(examples())


@pytest.fixture(scope="session")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the page's commands name."""
    folder = tmp_path_factory.mktemp("troubled")
    shutil.copy(samples.sample_face(), folder / "face.jpg")
    shutil.copy(samples.sample_speech(), folder / "speech.wav")
    with wave.open(str(folder / "speech.wav")) as whole, wave.open(str(folder / "word.wav"), "wb") as word:
        word.setparams(whole.getparams())
        word.writeframes(whole.readframes(whole.getframerate() // 4))

    with Image.open(folder / "face.jpg") as opened:
        face = opened.convert("RGB")
    Image.linear_gradient("L").resize((640, 400)).convert("RGB").save(folder / "landscape.jpg")
    far = Image.new("RGB", (640, 480), (90, 120, 150))
    far.paste(face.resize((40, 50)), (300, 200))
    far.save(folder / "far.jpg")
    small = face.resize((160, 200))
    small.crop((0, 0, 159, 199)).save(folder / "odd.png")
    Image.new("RGB", (8, 8)).save(folder / "icon.png")

    pixels = np.asarray(small)
    video = build_video(folder / "video.mp4", size=small.size, picture=lambda _: pixels, sound=tone(0.5, 48_000))
    build_video(folder / "silent.mp4", size=small.size, picture=lambda _: pixels)
    (folder / "cut.mp4").write_bytes(video.read_bytes()[:4000])
    # Whole blocks, and no random numbers: what decodes of an encrypted video is then always the same.
    whole_blocks = pixels[:192]
    plain = build_video(folder / "plain.mp4", size=(160, 192), picture=lambda _: whole_blocks, sound=tone(0.5, 48_000))
    protect(plain, folder / "protected.mp4")
    plain.unlink()

    (folder / "notes.jpg").write_text("no picture\n" * 40)
    (folder / "model.pth").write_text("no checkpoint\n" * 40)
    (folder / "phones.txt").write_text("HH AH L OW\n")
    (folder / "old.mp4").write_bytes(b"kept")
    (folder / "pictures").mkdir()
    return folder


def protect(source: Path, target: Path) -> None:
    """Encrypt a video as shops do (ISO Common Encryption)."""
    keys = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76" * 16,
        "encryption_kid": "a7" * 16,
        "fflags": "+bitexact",
    }
    with av.open(str(source)) as read, av.open(str(target), "w", options=keys) as written:
        tracks = {stream: written.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = tracks[packet.stream]
                written.mux(packet)


@pytest.fixture
def taken_port() -> Iterator[None]:
    """Somebody listens on the page's port, this test or another program."""
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", PORT))
            listener.listen()
        except OSError:
            pass
        yield


@pytest.mark.usefixtures("cache_folder", "taken_port", "face_models")
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.command for example in EXAMPLES])
def test_errors_read_as_the_page_has_them(
    example: Example, troubled: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(troubled)
    if "extra 'onnx'" in example.lines[0]:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    before = sorted(troubled.iterdir())
    arguments = shlex.split(example.command)

    status = main(arguments)
    printed = capfd.readouterr().err.replace(str(troubled), HOME).splitlines()

    if not example.codes:
        assert status == 0
        (troubled / "out.mp4").unlink()
        assert set(example.lines) <= set(printed)
    else:
        assert tuple(printed) == example.lines
        if arguments[0] not in WITHOUT_JSON:
            assert main([arguments[0], "--json", *arguments[1:]]) == status
            assert json.loads(capfd.readouterr().out)["code"] in example.codes
    assert sorted(troubled.iterdir()) == before


def test_there_are_twenty_examples() -> None:
    """The test above is no test where the page's marks have changed."""
    assert len(EXAMPLES) >= 20
