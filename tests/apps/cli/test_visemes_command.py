"""`mouthpiece visemes` and `sync --phones`, as people and programs call them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.staging import Said, StandIn

from mouthpiece.options import SyncOptions

Run = Callable[..., Said]
HEAVY = {"av", "cv2", "numpy", "openvino", "PIL", "rich"}


@pytest.fixture
def voice(shared_data: Path) -> Path:
    return shared_data / "audio" / "fr_female_watson.wav"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from mouthpiece.apps.cli.main import main\n"
        "code = main(['visemes', '--help'])\n"
        f"print(code, sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stderr == "0 []\n"
    assert "--phones-blend" in said.stdout


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "npz"])
def test_a_recording_becomes_a_file(here: Run, voice: Path, tmp_path: Path, suffix: str) -> None:
    said = here("visemes", str(voice), "-o", f"out.{suffix}")
    assert said.code == 0
    assert said.out == ""
    assert said.err.startswith(f"out.{suffix}: 9.33 s, ")
    assert said.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"out.{suffix}"]


def test_programs_get_events(here: Run, voice: Path) -> None:
    said = here("visemes", str(voice), "-o", "out.json", "--json", "--fps", "50")
    assert said.code == 0
    assert said.err == ""
    *progress, result = said.events
    assert {event["event"] for event in progress} == {"progress"}
    assert result["event"] == "result"
    assert result["path"] == "out.json"
    assert result["frames"] == 467
    assert result["warnings"] == []
    assert len(json.loads(Path("out.json").read_text())["blendshapes"]["frames"]) == 467


def test_quiet_says_nothing(here: Run, voice: Path) -> None:
    assert here("visemes", str(voice), "-o", "out.tsv", "-q") == Said(0, "", "")


def test_warnings_are_told(here: Run, voice: Path, tmp_path: Path) -> None:
    (tmp_path / "said.tsv").write_text("0.1\t0.3\tm\n0.3\t0.5\tɑː\n")
    said = here("visemes", str(voice), "-o", "out.tsv", "--phones", "said.tsv")
    assert said.code == 0
    assert said.err.startswith("mouthpiece: warning: said.tsv ends at 0.50 s, the speech at 9.33 s")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-o", "out.mp4"], 2, "expected OUT to end with .json, .tsv, .csv, .npz, got 'out.mp4'"),
        ([], 2, "--out"),
        (["-o", "out.csv", "--fps", "fast"], 2, "30000/1001"),
        (["-o", "out.csv", "--fps", "1000"], 2, "fps expects 1 to 120, got 1000"),
        (["-o", "out.csv", "--intensity", "9"], 2, "intensity expects"),
        (["-o", "out.csv", "--phones-blend", "0.5"], 2, "none are given"),
        (["-o", "out.csv", "--phones", "bad.tsv", "--phones-blend", "2"], 2, "--phones-blend expects 0"),
        (["-o", "out.csv", "--phones", "bad.tsv"], 1, "bad.tsv, line 2: expected 'a' to begin after 'b' has ended"),
        (["-o", "out.csv", "--phones", "none.tsv"], 1, "No such file"),
        (["-o", "there.csv"], 1, "there.csv exists already"),
        (["-o", "no/where.csv"], 1, "expected a folder"),
    ],
)
def test_what_is_wrong_is_one_line(
    here: Run, voice: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "bad.tsv").write_text("0.1\t0.5\tb\n0.3\t0.6\ta\n")
    (tmp_path / "there.csv").write_text("")
    result = here("visemes", str(voice), *arguments)
    assert result.code == code
    assert result.out == ""
    assert result.err.startswith("mouthpiece: ")
    assert result.err.count("\n") == 1
    assert said in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tsv", "there.csv"]


def test_a_signal_leaves_nothing(
    start: Callable[..., subprocess.Popen[str]], shared_data: Path, tmp_path: Path
) -> None:
    job = start("visemes", str(shared_data / "audio" / "en_female_ljspeech.wav"), "-o", "out.json", "--json")
    assert job.stdout is not None
    assert json.loads(job.stdout.readline())["event"] == "progress"
    job.terminate()
    assert job.wait(timeout=60) == 143
    _, err = job.communicate()
    assert err == "mouthpiece: cancelled; nothing was written\n"
    assert not list(tmp_path.iterdir())


def test_sync_hands_the_phones_on(run: Run, stand_in: StandIn) -> None:
    line = "--phones said.TextGrid --phones-blend 0.6 --phones-language ar"
    assert run("sync", "f", "s", "-o", "o.mp4", *line.split()).code == 0
    assert stand_in.asked["options"] == SyncOptions(
        phones=Path("said.TextGrid"), phones_blend=0.6, phones_language="ar"
    )


def test_sync_refuses_a_blend_of_nothing(run: Run, stand_in: StandIn) -> None:
    said = run("sync", "f", "s", "-o", "o.mp4", "--phones-blend", "0.6")
    assert said.code == 2
    assert "none are given; add phones" in said.err
    assert not stand_in.asked
