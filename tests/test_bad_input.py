"""What bad input gets, through the real command line: one line on standard error, exit status 1, and nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests import scenes
from tests.media.conftest import build_video, build_wav, tone

from mouthpiece.apps.cli import main
from mouthpiece.types import Picture

FAKE = ("--engine", "fake", "--quality", "draft")
RATE = 16_000
PATIENCE_S = 60

Maker = Callable[[Path], Path]


@pytest.fixture(scope="session")
def woman(shared_data: Path) -> Picture:
    return scenes.picture(shared_data / "photos" / "woman_portrait.png", 160)


@pytest.fixture(scope="session")
def good(woman: Picture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a face, a face video and half a second of speech that can be used."""
    folder = tmp_path_factory.mktemp("good")
    Image.fromarray(woman).save(folder / "face.png")
    build_wav(folder / "words.wav", tone(0.4))
    build_video(folder / "face.mp4", frames=8, size=(160, 160), picture=lambda _: woman, sound=tone(0.4, 48_000))
    return folder


def left_behind(folder: Path) -> list[str]:
    return sorted(os.fsdecode(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(
    capfd: pytest.CaptureFixture[str], face: Path, speech: Path, out: Path, *options: str, status: int = 1
) -> str:
    """Run the command in this process and check everything that a refusal promises; returns the one line."""
    before = left_behind(out.parent) if out.parent.is_dir() else None
    capfd.readouterr()
    code = main.main(["sync", *FAKE, *options, "-o", str(out), "--", str(face), str(speech)])
    said = capfd.readouterr()
    assert code == status, said.err
    assert said.out == ""
    assert said.err.startswith("mouthpiece: ")
    assert said.err.count("\n") == 1, said.err
    assert "unexpected error" not in said.err
    assert "Traceback" not in said.err
    if before is not None:
        assert left_behind(out.parent) == before
    return said.err


def accepted(capfd: pytest.CaptureFixture[str], face: Path, speech: Path, out: Path, *options: str) -> str:
    """Run the command in this process; the result must play to its end. Returns what was said on standard error."""
    capfd.readouterr()
    code = main.main(["sync", *FAKE, *options, "-o", str(out), "--", str(face), str(speech)])
    said = capfd.readouterr()
    assert code == 0, said.err
    assert scenes.pictures(out)
    assert not [name for name in left_behind(out.parent) if name.endswith(".part")]
    return said.err


# Files that can't be used. ------------------------------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def cut(path: Path, source: Path, share: float) -> Path:
    return write(path, source.read_bytes()[: int(source.stat().st_size * share)])


def picture_of(path: Path, width: int, height: int) -> Path:
    Image.new("RGB", (width, height), (120, 90, 80)).save(path)
    return path


BAD_FACES: dict[str, tuple[Maker, str]] = {
    "missing": (lambda f: f / "missing.png", "expected a file"),
    "folder": (lambda f: f, "found a folder"),
    "empty": (lambda f: write(f / "a.png", b""), "is empty"),
    "text": (lambda f: write(f / "a.jpg", b"this is no picture\n" * 40), "nothing of a known kind"),
    "random bytes": (lambda f: write(f / "a.mp4", np.random.default_rng(0).bytes(5000)), "expected a picture"),
    "zeros": (lambda f: write(f / "a.mp4", bytes(5000)), "expected a picture"),
    "sound called .mp4": (lambda f: build_wav(f / "a.wav", tone(0.5)).rename(f / "a.mp4"), "picture"),
    "playlist": (lambda f: write(f / "a.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n"), "expected"),
    "1x1": (lambda f: picture_of(f / "a.png", 1, 1), "1x1"),
    "8000x4": (lambda f: picture_of(f / "a.png", 8000, 4), "8000x4"),
    "bomb": (lambda f: write(f / "a.png", png_header(20_000, 20_000)), "at most 16384 pixels"),
    "lying header": (lambda f: write(f / "a.png", png_header(3000, 3000)), ""),
    "no face": (lambda f: picture_of(f / "a.png", 320, 200), "expected a face"),
    "no face in a video": (lambda f: build_video(f / "a.mp4"), "expected a face"),
}


@pytest.mark.parametrize("case", BAD_FACES)
def test_bad_faces(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, case: str) -> None:
    make, said = BAD_FACES[case]
    face = make(tmp_path)
    assert said in refused(capfd, face, good / "words.wav", tmp_path / "out.mp4")


@pytest.mark.parametrize("share", [0.02, 0.4])
@pytest.mark.parametrize("name", ["face.mp4", "face.png"])
def test_truncated_faces(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, name: str, share: float
) -> None:
    """A half photo can't be used, neither can a video without its index."""
    face = cut(tmp_path / name, good / name, share)
    refused(capfd, face, good / "words.wav", tmp_path / "out.mp4")


BAD_SPEECH: dict[str, tuple[Maker, str]] = {
    "missing": (lambda f: f / "missing.wav", "expected a file"),
    "empty": (lambda f: write(f / "a.wav", b""), "is empty"),
    "text": (lambda f: write(f / "a.wav", b"no sound at all\n" * 40), "nothing of a known kind"),
    "zero samples": (lambda f: build_wav(f / "a.wav", np.zeros(0, np.float32)), "a.wav"),
    "header only": (lambda f: cut(f / "b.wav", build_wav(f / "a.wav", tone(0.5)), 0.0006), "b.wav"),
    "a picture": (lambda f: picture_of(f / "a.png", 64, 64), "a.png"),
    "a silent film": (lambda f: build_video(f / "a.mp4"), "a.mp4"),
    "10 ms": (lambda f: build_wav(f / "a.wav", tone(0.01)), "a.wav"),
}


@pytest.mark.parametrize("case", BAD_SPEECH)
def test_bad_speech(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, case: str) -> None:
    make, said = BAD_SPEECH[case]
    speech = make(tmp_path)
    assert said in refused(capfd, good / "face.png", speech, tmp_path / "out.mp4")


# Speech that is odd and can be used. --------------------------------------------------------------------------------


def test_samples_that_are_no_numbers_are_cleaned_and_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path
) -> None:
    samples = tone(0.4)
    samples[100:110], samples[200:205], samples[300] = np.nan, np.inf, -np.inf
    said = accepted(capfd, good / "face.png", build_wav(tmp_path / "a.wav", samples), tmp_path / "out.mp4")
    assert "no finite numbers" in said


@pytest.mark.parametrize("samples", [tone(0.05), np.zeros(RATE // 2, np.float32)], ids=["50 ms", "digital silence"])
def test_little_to_hear(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, samples: np.ndarray) -> None:
    accepted(capfd, good / "face.png", build_wav(tmp_path / "a.wav", samples), tmp_path / "out.mp4")
    assert len(scenes.pictures(tmp_path / "out.mp4")) == -(-len(samples) * 25 // RATE)


def test_a_truncated_recording_is_used_as_far_as_it_goes(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path
) -> None:
    speech = cut(tmp_path / "b.wav", build_wav(tmp_path / "a.wav", tone(0.8)), 0.5)
    accepted(capfd, good / "face.png", speech, tmp_path / "out.mp4")
    assert len(scenes.pictures(tmp_path / "out.mp4")) == pytest.approx(10, abs=1)


# Faces that are odd and can be used. --------------------------------------------------------------------------------


def test_sound_in_the_face_video_is_not_asked_for(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path
) -> None:
    accepted(capfd, good / "face.mp4", good / "face.mp4", tmp_path / "out.mp4")


def test_a_24_megapixel_photo(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, woman: Picture) -> None:
    face = tmp_path / "large.jpg"
    Image.fromarray(woman).resize((6000, 4000)).save(face, quality=80)
    speech = build_wav(tmp_path / "a.wav", tone(0.08))
    accepted(capfd, face, speech, tmp_path / "out.mp4")
    assert scenes.pictures(tmp_path / "out.mp4")[0].shape == (4000, 6000, 3)


def test_a_mislabelled_picture_is_known_by_its_content(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path
) -> None:
    face = tmp_path / "really a png.mp4"
    shutil.copy(good / "face.png", face)
    accepted(capfd, face, good / "words.wav", tmp_path / "out.mp4")


@pytest.mark.parametrize("fps", [12, 60])
def test_slow_and_fast_videos(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, woman: Picture, fps: int
) -> None:
    face = build_video(tmp_path / "a.mp4", frames=fps // 4, size=(160, 160), fps=Fraction(fps), picture=lambda _: woman)
    accepted(capfd, face, good / "words.wav", tmp_path / "out.mp4")
    assert len(scenes.pictures(tmp_path / "out.mp4")) == pytest.approx(0.4 * fps, abs=1)


def test_a_variable_rate_is_kept(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, woman: Picture) -> None:
    times, tick = [0, 30, 40, 130, 200, 210, 330, 380], Fraction(1, 1000)
    options = {"preset": "veryfast"}
    face = build_video(
        tmp_path / "a.mp4", frames=8, size=(160, 160), times=times, tick=tick, picture=lambda _: woman, options=options
    )
    accepted(capfd, face, good / "words.wav", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        shown = [round(float(frame.time or 0) * 1000) for frame in container.decode(video=0)]
    assert shown == times


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv444p", "yuv422p"])
def test_rarer_pixel_formats(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, woman: Picture, pix_fmt: str
) -> None:
    face = build_video(tmp_path / "a.mkv", frames=6, size=(160, 160), pix_fmt=pix_fmt, picture=lambda _: woman)
    accepted(capfd, face, good / "words.wav", tmp_path / "out.mp4")
    assert scenes.psnr(scenes.pictures(tmp_path / "out.mp4")[0][:60], woman[:60]) > 28


def test_an_animated_gif(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, woman: Picture) -> None:
    images = [Image.fromarray(np.roll(woman, shift, axis=1)) for shift in range(3)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=80, loop=0)
    accepted(capfd, tmp_path / "a.gif", good / "words.wav", tmp_path / "out.mp4")


# Where the result goes. ---------------------------------------------------------------------------------------------


def test_bad_places(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path) -> None:
    face, speech = good / "face.png", good / "words.wav"
    assert "expected a folder" in refused(capfd, face, speech, tmp_path / "no" / "folder" / "out.mp4")
    (tmp_path / "taken.mp4").write_text("precious")
    assert "--yes" in refused(capfd, face, speech, tmp_path / "taken.mp4")
    assert (tmp_path / "taken.mp4").read_text() == "precious"
    (tmp_path / "folder.mp4").mkdir()
    assert "is a folder" in refused(capfd, face, speech, tmp_path / "folder.mp4", "--yes")
    assert ".mp4" in refused(capfd, face, speech, tmp_path / "out.docx", status=2)


def test_out_must_not_be_an_input(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path) -> None:
    face = tmp_path / "face.mp4"
    shutil.copy(good / "face.mp4", face)
    (tmp_path / "link.mp4").symlink_to(face)
    for out in (face, tmp_path / ".." / tmp_path.name / "face.mp4", tmp_path / "link.mp4"):
        assert "input" in refused(capfd, face, good / "words.wav", out, "--yes")
        assert "input" in refused(capfd, good / "face.png", face, out, "--yes")
    assert face.read_bytes() == (good / "face.mp4").read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    assert "can't be written" in refused(capfd, good / "face.png", good / "words.wav", folder / "out.mp4")


def test_a_disk_that_fills_up(tmp_path: Path, good: Path, shared_data: Path) -> None:
    """A limit on the size of files stands for the end of the disk; it ends with the process."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from mouthpiece.apps.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    speech = shared_data / "audio" / "fr_female_watson.wav"
    command = [sys.executable, "-c", code, "sync", *FAKE, "-o", "out.mp4", str(good / "face.png"), str(speech)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mouthpiece: ")
    assert "full" in last
    assert "Traceback" not in done.stderr
    assert left_behind(tmp_path) == []


def test_kill_minus_nine_leaves_no_result(tmp_path: Path, good: Path, shared_data: Path) -> None:
    speech = shared_data / "audio" / "en_male_watson.wav"
    command = [sys.executable, "-m", "mouthpiece", "sync", *FAKE, "--json", "-o", "out.mp4"]
    job = subprocess.Popen([*command, str(good / "face.png"), str(speech)], cwd=tmp_path, stdout=subprocess.PIPE)
    assert job.stdout is not None
    with job.stdout:
        job.stdout.readline()
        time.sleep(0.1)
        assert job.poll() is None
        job.send_signal(signal.SIGKILL)
    assert job.wait(PATIENCE_S) == -signal.SIGKILL
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("name", ['a b\'s "face" & $(touch x); *.png', "وجه يتكلم.png", "-n.png"])
def test_names_of_any_kind(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path, name: str) -> None:
    shutil.copy(good / "face.png", tmp_path / name)
    accepted(capfd, tmp_path / name, good / "words.wav", tmp_path / f"{name}.mp4")
    assert sorted(left_behind(tmp_path)) == sorted([name, f"{name}.mp4"])


def test_the_same_in_a_process_of_its_own(tmp_path: Path, good: Path) -> None:
    """Nothing is printed on the way out either: by threads, destructors, FFmpeg or OpenVINO."""
    (tmp_path / "face.mp4").write_bytes((good / "face.mp4").read_bytes()[:3000])
    (tmp_path / "text.jpg").write_text("no picture")
    command = [sys.executable, "-W", "error", "-m", "mouthpiece", "sync", *FAKE, "-o", "out.mp4"]
    for face in ("face.mp4", "text.jpg", "missing.png"):
        done = subprocess.run(
            [*command, face, str(good / "words.wav")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("mouthpiece: ")
        assert done.stderr.count("\n") == 1, done.stderr
    assert left_behind(tmp_path) == ["face.mp4", "text.jpg"]


def test_debug_shows_where(capfd: pytest.CaptureFixture[str], tmp_path: Path, good: Path) -> None:
    capfd.readouterr()
    out = str(tmp_path / "out.mp4")
    assert main.main(["sync", *FAKE, "--debug", "-o", out, str(tmp_path / "no.png"), str(good / "words.wav")]) == 1
    assert "Traceback" in capfd.readouterr().err
