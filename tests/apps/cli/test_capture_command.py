"""`mouthpiece capture` and `sync --motion`, as people and programs call them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.apps.staging import Said, StandIn

from mouthpiece import samples

Run = Callable[..., Said]
HEAVY = {"av", "cv2", "numpy", "openvino", "PIL", "rich"}


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from mouthpiece.apps.cli.main import main\n"
        "code = main(['capture', '--help'])\n"
        f"print(code, sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stderr == "0 []\n"
    assert "--start" in said.stdout


@pytest.fixture
def sentence(tmp_path: Path) -> str:
    """The beginning of the packaged speech."""
    with wave.open(str(samples.sample_speech())) as whole, wave.open(str(tmp_path / "speech.wav"), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(2 * whole.getframerate()))
    return "speech.wav"


@pytest.mark.usefixtures("face_models")
def test_the_whole_way(here: Run, sentence: str, tmp_path: Path) -> None:
    """Speech -> motion -> a video of one face -> its motion, twice -> a video of another face."""
    first, second = "first.png", "second.png"
    for name, avatar in zip((first, second), samples.avatars(), strict=False):
        Image.open(avatar.path).resize((256, 320)).save(tmp_path / name)
    for command, line in (
        (("visemes", sentence, "-o", "said.npz"), "said.npz: 2.00 s, 50 frames, made in "),
        (("sync", first, sentence, "--motion", "said.npz", "-o", "one.mp4"), "one.mp4: 2.00 s, 50 frames, "),
        (("capture", "one.mp4", "-o", "seen.npz"), "seen.npz: 2.00 s, 50 frames, made in "),
        (("capture", "one.mp4", "-o", "seen.csv"), "seen.csv: 2.00 s, 50 frames, made in "),
        (("sync", second, sentence, "--motion", "seen.csv", "-o", "two.mp4"), "two.mp4: 2.00 s, 50 frames, "),
    ):
        said = here(*command)
        assert (said.code, said.out, said.err.count("\n")) == (0, "", 1), said
        assert said.err.startswith(line)
    with np.load(tmp_path / "said.npz") as asked, np.load(tmp_path / "seen.npz") as seen:
        assert np.corrcoef(asked["opening"], seen["opening"])[0, 1] > 0.85


@pytest.mark.usefixtures("face_models")
def test_programs_get_an_error_in_one_line(here: Run, tmp_path: Path) -> None:
    shutil.copy(samples.sample_face(), tmp_path / "face.jpg")
    said = here("capture", "face.jpg", "-o", "seen.npz", "--json")
    assert said.code == 1
    assert said.err == "mouthpiece: expected a video of somebody who speaks, face.jpg is a still picture\n"
    assert said.events[-1]["code"] == "no-picture"
    assert not (tmp_path / "seen.npz").exists()


def test_sync_hands_the_file_on(here: Run, stand_in: StandIn) -> None:
    said = here("sync", "face.jpg", "speech.wav", "-o", "out.mp4", "--motion", "said.npz")
    assert said.code == 0
    assert stand_in.asked["options"].motion == Path("said.npz")


def test_phones_and_motion_are_one_too_many(here: Run) -> None:
    said = here("sync", "a.jpg", "b.wav", "-o", "out.mp4", "--motion", "said.npz", "--phones", "said.TextGrid")
    assert said.code == 2
    assert said.err == "mouthpiece: motion and phones both say what the mouth does; give one of them\n"


def test_an_end_before_the_beginning_is_refused(here: Run) -> None:
    said = here("capture", "a.mp4", "-o", "out.npz", "--start", "3", "--end", "2")
    assert (said.code, said.err) == (2, "mouthpiece: end_s expects more than start_s, 3 s, got 2\n")
