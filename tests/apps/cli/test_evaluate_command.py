"""`mouthpiece evaluate motion`, run for real on made clips."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.staging import Said
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.recordings import save_recording
from mouthpiece.evaluation.motion import shipped_networks

Run = Callable[..., Said]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A cache with a face and a rig."""
    cache = tmp_path / "prepared"
    cache.mkdir()
    save_recording(spoken_clip("a", "test"), cache / "made.a.npz")
    save_recording(rigged_clip("r", "val"), cache / "rig.r.npz")
    return cache


def test_the_table_goes_to_stdout_and_to_a_file(here: Run, prepared: Path, tmp_path: Path) -> None:
    said = here("evaluate", "motion", "--data", str(prepared), "-o", "table.md")
    assert said.code == 0
    rows = said.out.splitlines()
    assert rows[0].startswith("| set | network | clips | r opening | bare network | energy envelope |")
    assert rows[2].startswith("| made test | offline | 1 | 0.")
    assert len(rows) == 2 + len(shipped_networks()[0])
    assert (tmp_path / "table.md").read_text("utf-8") == said.out
    assert "rig: no usable clip of the split test or unseen" in said.err
    again = here("evaluate", "motion", "--data", str(prepared), "-o", "table.md")
    assert again.code == 1 and "table.md exists" in again.err
    assert here("evaluate", "motion", "--cache", str(prepared), "-o", "table.md", "--yes", "--quiet").err == ""


def test_programs_get_every_number(here: Run, prepared: Path) -> None:
    weights = shipped_networks()[0]["offline"]
    said = here(
        *("evaluate", "motion", "--data", str(prepared), "--split", "val", "--split", "test"),
        *("--weights", str(weights), "--clips", "--json"),
    )
    assert said.code == 0 and said.err == ""
    scores = [event for event in said.events if event["event"] == "score"]
    assert [(score["corpus"], score["split"], score["network"]) for score in scores] == [
        ("made", "test", weights.stem),
        ("rig", "val", weights.stem),
    ]
    assert scores[0]["by_clip"][0]["name"] == "a" and scores[0]["spread_ratio"] > 0
    assert scores[1]["opening_mae"] is None  # Not in the rig's units.
    assert said.events[-1]["event"] == "result" and "made test" in said.events[-1]["table"]


def test_clip_by_clip_for_people(here: Run, prepared: Path) -> None:
    said = here("evaluate", "motion", "--data", str(prepared), "--clips")
    assert said.out.startswith("made test offline a: r 0.")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "expected --data or --cache"),
        (("--data", "nowhere"), 1, "found none at nowhere"),
        (("--data", "prepared", "--split", "dress"), 2, "--split expects one of train, val, test, unseen, got 'dress'"),
        (("--data", "prepared", "--split", "train"), 1, "found no clips to judge by"),
        (("--data", "prepared", "--weights", "no.onnx"), 1, "expected the motion basis at no_basis.npz"),
        (("--data", "prepared", "-o", "no/where.md"), 1, "expected the folder no to write where.md in"),
    ],
)
@pytest.mark.usefixtures("prepared")
def test_what_cannot_be_done_is_told(here: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = here("evaluate", "motion", *arguments)
    assert said.code == code and message in said.err and "Traceback" not in said.err


def test_help_without_a_command(here: Run) -> None:
    said = here("evaluate")
    assert said.code == 0 and "motion" in said.out


@pytest.fixture
def strangers(shared_data: Path, tmp_path: Path, face_models: None) -> Path:
    """A corpus of one short clip whose words are known."""
    folder = tmp_path / "strangers"
    folder.mkdir()
    clip = shared_data / "grid_unseen_dev" / "s5_bbae8n_224.mp4"
    cut = ("-ss", "0.4", "-t", "1.2", "-i", str(clip), "-c:v", "libx264", "-qp", "0", "-c:a", "flac")
    subprocess.run([_ffmpeg(), "-v", "error", *cut, str(folder / "a.mkv")], check=True)
    (folder / "a.align").write_text("0 5000 sil\n5000 15000 bin\n15000 25000 blue\n", encoding="utf-8")
    (folder / "manifest.csv").write_text("clip,split\na,test\n", encoding="utf-8")
    return folder


def _ffmpeg() -> str:
    return shutil.which("ffmpeg") or pytest.skip("ffmpeg is not installed")


def test_what_is_seen_stands_beside_what_was_played(here: Run, strangers: Path, tmp_path: Path) -> None:
    said = here(
        "evaluate", "seen", "--data", "strangers", "--cache", "cache", "--view", "photo", "--clips", "-o", "t.md"
    )
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("strangers test offline real a: r 1.000, width 1.000, lag +0")
    assert "| strangers test, offline, 1 clip | real | bare | played | photo |" in lines
    assert (tmp_path / "t.md").read_text("utf-8").splitlines()[0] in lines
    again = here("evaluate", "seen", "--data", "strangers", "-o", "t.md")
    assert again.code == 1 and "t.md exists" in again.err


def test_programs_get_a_score_for_each_mouth(here: Run, strangers: Path) -> None:
    weights = str(shipped_networks()[0]["live"])
    arguments = ("--data", "strangers", "--cache", "cache", "--view", "video", "--weights", weights, "--json")
    said = here("evaluate", "seen", *arguments)
    assert said.code == 0 and said.err == ""
    scores = [event for event in said.events if event["event"] == "score"]
    assert [score["view"] for score in scores] == ["real", "bare", "played", "video"]
    assert {score["network"] for score in scores} == {"motion_live"}
    assert scores[0]["readability"] is None and "closures_met" in scores[0]["articulation"]
    assert said.events[-1]["event"] == "result" and "strangers test, motion_live" in said.events[-1]["table"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "expected --data or --cache"),
        (("--data", "prepared"), 1, "expected the corpus made itself, whose pictures are rendered"),
        (("--data", "prepared", "--view", "dream"), 2, "--view"),
        (("--data", "prepared", "--reader", "nowhere"), 1, "found none at nowhere"),
        (("--data", "prepared", "-o", "no/where.md"), 1, "expected the folder no to write where.md in"),
    ],
)
@pytest.mark.usefixtures("prepared")
def test_what_cannot_be_seen_is_told(here: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = here("evaluate", "seen", *arguments)
    assert said.code == code and message in said.err and "Traceback" not in said.err
