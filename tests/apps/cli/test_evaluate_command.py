"""`mouthpiece evaluate motion`, run for real on made clips."""

from __future__ import annotations

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
