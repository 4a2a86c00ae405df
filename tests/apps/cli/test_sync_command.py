"""`mouthpiece` on real media with the real pipeline; where it matters, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.staging import Said

Real = Callable[..., Said]
Start = Callable[..., "subprocess.Popen[str]"]
FAKE = ("--engine", "fake", "--quality", "draft")
"""What is tested here doesn't depend on the engine; this one is the quickest."""
PATIENCE_S = 60


def left_behind(folder: Path) -> list[str]:
    """Every file in a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def long_speech(shared_data: Path) -> Path:
    """Speech of over half a minute: a job that is still running when it is stopped."""
    return shared_data / "audio" / "en_male_watson.wav"


@pytest.fixture
def photo(shared_data: Path) -> Path:
    """A large photo."""
    return shared_data / "photos" / "woman_portrait.png"


def test_a_face_and_speech_become_a_video(real: Real, clip: Path, word: Path, tmp_path: Path) -> None:
    said = real("sync", str(clip), str(word), "-o", "out.mp4", *FAKE)
    assert said.code == 0, said.err
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("out.mp4: 0.40 s, 10 frames, made in ")
    assert left_behind(tmp_path) == ["out.mp4"]
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_json_lines_are_the_only_output(here: Real, clip: Path, word: Path) -> None:
    said = here("sync", str(clip), str(word), "-o", "out.mp4", "--json", *FAKE)
    assert said.code == 0, said.err
    assert said.err == ""
    *progress, result = [event for event in said.events if event["event"] != "warning"]
    assert all(event["event"] == "progress" for event in progress)
    assert [event["frames"] for event in progress] == sorted(event["frames"] for event in progress)
    assert result["event"] == "result"
    assert result["frames"] == progress[-1]["frames"]
    assert result["timeline"][0]["start_s"] == 0
    assert result["timeline"][-1]["end_s"] == pytest.approx(result["seconds"], abs=0.05)


@pytest.mark.parametrize(
    ("face", "speech", "out"),
    [
        ("وجه يتكلم.mp4", 'it\'s "quoted" & $(shell); *.wav', "-dash.mp4"),
        ("two\nlines.mp4", "[bold]x[-].wav", "صوت\n[red].mp4"),
    ],
)
def test_file_names_of_any_kind(
    here: Real, clip: Path, word: Path, tmp_path: Path, face: str, speech: str, out: str
) -> None:
    shutil.copy(clip, tmp_path / face)
    shutil.copy(word, tmp_path / speech)
    said = here("sync", "--yes", *FAKE, "-o", out, "--", face, speech)
    assert said.code == 0, said.err
    assert len(said.err.splitlines()) == 1
    assert left_behind(tmp_path) == sorted([face, speech, out])


BYTES = "وجه".encode() + b"\xff\xfe.mp4"
"""A file name that is not UTF-8."""


def test_names_that_no_text_can_hold(real: Real, clip: Path, word: Path, tmp_path: Path) -> None:
    """On a terminal that can't even show Arabic."""
    shutil.copy(os.fsencode(clip), os.fsencode(tmp_path) + b"/" + BYTES)
    said = real("sync", BYTES, str(word), "-o", b"out" + BYTES, "--json", *FAKE, PYTHONIOENCODING="ascii")
    assert said.code == 0, said.err
    assert os.fsencode(said.events[-1]["path"]) == b"out" + BYTES


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_errors_about_names_that_no_text_can_hold(real: Real, encoding: str) -> None:
    said = real("sync", BYTES, BYTES, "-o", b"o.mp4", PYTHONIOENCODING=encoding)
    assert said.code == 1
    assert said.err.startswith("mouthpiece: ")
    assert said.err.count("\n") == 1


def test_a_file_in_the_way_is_kept(here: Real, clip: Path, word: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("precious")
    said = here("sync", str(clip), str(word), "-o", "out.mp4", "--json", *FAKE)
    assert said.code == 1
    assert said.events[-1]["code"] == "output-exists"
    assert "--yes" in said.err
    assert (tmp_path / "out.mp4").read_text() == "precious"
    assert left_behind(tmp_path) == ["out.mp4"]
    assert here("sync", str(clip), str(word), "-o", "out.mp4", "--yes", *FAKE).code == 0
    assert (tmp_path / "out.mp4").read_bytes() != b"precious"


@pytest.mark.parametrize(
    ("face", "speech", "out", "code"),
    [
        ("missing.jpg", "CLIP", "out.mp4", "input"),
        ("CLIP", "missing.wav", "out.mp4", "input"),
        ("text.jpg", "CLIP", "out.mp4", "not-media"),
        ("empty.jpg", "CLIP", "out.mp4", "not-media"),
        ("CLIP", "text.jpg", "out.mp4", "not-media"),
        ("CLIP", "CLIP", "no/such/folder/out.mp4", "output"),
        ("CLIP", "CLIP", ".", "output"),
        ("CLIP", "CLIP", "out.txt", "option"),
    ],
)
def test_bad_input_is_one_line(
    here: Real, clip: Path, tmp_path: Path, face: str, speech: str, out: str, code: str
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    before = left_behind(tmp_path)
    given = [str(clip) if name == "CLIP" else name for name in (face, speech)]
    said = here("sync", *given, "-o", out, "--json", *FAKE)
    assert said.code == (2 if code == "option" else 1), said.err
    assert said.err.startswith("mouthpiece: ")
    assert said.err.count("\n") == 1
    assert said.events[-1]["code"] == code
    assert left_behind(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--engine nobody", "expected one of the engines"),
        ("--engine fake --engine-option depth=1", "the engine fake has no option 'depth'"),
        ("--engine fake --runtime torch", "the engine fake has no option 'runtime'"),
        ("--engine wav2lip --engine-option precision=f8", "option precision: expected one of"),
        ("--fps 500", "--fps expects 1 to 120"),
        ("--intensity 9", "--intensity expects 0 to 3"),
        ("--box 1 2 3 x", "it takes 4 values"),
    ],
)
def test_options_are_checked_before_files_are_looked_for(here: Real, option: str, message: str) -> None:
    said = here("sync", "missing.jpg", "missing.wav", "-o", "no/such/folder/out.mp4", *option.split())
    assert said.code == (1 if option == "--engine nobody" else 2)
    assert message in said.err
    assert said.err.count("\n") == 1


def test_the_face_is_not_overwritten(here: Real, clip: Path, tmp_path: Path) -> None:
    face = tmp_path / "face.mp4"
    shutil.copy(clip, face)
    said = here("sync", "face.mp4", str(clip), "-o", "./face.mp4", "--yes", "--json", *FAKE)
    assert said.code == 1
    assert said.events[-1]["code"].startswith("output")
    assert face.read_bytes() == clip.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_job_and_leaves_nothing(
    start: Start, photo: Path, long_speech: Path, tmp_path: Path, number: signal.Signals
) -> None:
    job = start("sync", str(photo), str(long_speech), "-o", "out.mp4", "--json", *FAKE)
    assert job.stdout is not None
    assert json.loads(job.stdout.readline())["event"] == "progress"
    job.send_signal(number)
    out, err = job.communicate(timeout=PATIENCE_S)
    assert job.returncode == 128 + number
    assert err == "mouthpiece: cancelled; nothing was written\n"
    assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
    assert left_behind(tmp_path) == []


def test_a_killed_job_leaves_no_result(start: Start, photo: Path, long_speech: Path, tmp_path: Path) -> None:
    job = start("sync", str(photo), str(long_speech), "-o", "out.mp4", "--json", *FAKE)
    assert job.stdout is not None
    job.stdout.readline()
    job.kill()
    job.communicate(timeout=PATIENCE_S)
    assert not (tmp_path / "out.mp4").exists()


def test_a_reader_that_goes_away_ends_the_job(start: Start, photo: Path, long_speech: Path, tmp_path: Path) -> None:
    job = start("sync", str(photo), str(long_speech), "-o", "out.mp4", "--json", *FAKE)
    assert job.stdout is not None
    assert job.stderr is not None
    job.stdout.readline()
    job.stdout.close()
    with job.stderr:
        assert job.stderr.read() == ""
    assert job.wait(timeout=PATIENCE_S) == 128 + signal.SIGPIPE
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_said(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [sys.executable, "-m", "mouthpiece", "doctor"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert said.returncode == 1
    assert said.stderr == "mouthpiece: standard output can't be written: No space left on device\n"


def test_probe_tells_what_is_there(here: Real, clip: Path) -> None:
    said = here("probe", str(clip), "--json")
    assert said.code == 0, said.err
    [report] = said.events
    assert report["media"]["pictures"][0]["width"] == 224
    assert report["media"]["sounds"]
    assert report["faces"]
    assert all(0 <= face["box"]["x0"] < 224 for face in report["faces"])
    assert report["speech"]
    people = here("probe", str(clip))
    assert people.code == 0
    for word in ("picture  h264, 224x224", "sound    ", "faces    seen in ", "speech   "):
        assert word in people.out
    missing = here("probe", "nowhere.mp4")
    assert missing.code == 1
    assert missing.err.count("\n") == 1


def test_the_demo(here: Real, tmp_path: Path) -> None:
    said = here("demo", "-o", "demo.mp4", "--json", "--engine", "fake")
    assert said.code == 0, said.err
    assert said.events[-1]["frames"] > 25
    assert left_behind(tmp_path) == ["demo.mp4"]
