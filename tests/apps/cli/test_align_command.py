"""`mouthpiece train align`, with a stand-in for the aligning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.staging import Said

from mouthpiece.training.options import AlignOptions
from mouthpiece.training.real_speech.align import AlignReport

Run = Callable[..., Said]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path, AlignOptions]]:
    """What the library was asked for."""
    found: list[tuple[Path, Path, AlignOptions]] = []

    def align(
        speech: Path,
        out: Path,
        options: AlignOptions,
        *,
        progress: Callable[[int, int], None],
        log: Callable[[str], None],
    ) -> AlignReport:
        found.append((speech, out, options))
        log("step 1")
        progress(4, 4)
        return AlignReport(2, 1, 0.25, (("a_1", "the sound doesn't fit the text"),))

    monkeypatch.setattr("mouthpiece.training.real_speech.align.align", align)
    return found


def test_options_reach_the_library(run: Run, asked: list[tuple[Path, Path, AlignOptions]]) -> None:
    said = run("train", "align", "s", "d", "--language", "ar", "--language", "en-CN", "--workers", "1")
    assert said.code == 0
    assert asked == [(Path("s"), Path("d"), AlignOptions(languages=("ar", "en-CN"), workers=1))]
    assert said.err.splitlines() == [
        "left out a_1: the sound doesn't fit the text",
        "d: 2 lines aligned (0.25 hours), 1 were there, 1 are left out",
    ]


def test_programs_get_events(run: Run, asked: list[tuple[Path, Path, AlignOptions]]) -> None:
    said = run("train", "align", "s", "d", "--json")
    assert asked[-1][2] == AlignOptions()
    assert said.events[0] == {"event": "progress", "message": "step 1"}
    assert said.events[-1]["event"] == "result"
    assert said.events[-1]["skipped"] == [["a_1", "the sound doesn't fit the text"]]


def test_a_folder_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    said = run("train", "align", str(tmp_path / "nowhere"), str(tmp_path / "out"))
    assert said.code != 0
    assert len(said.err.splitlines()) == 1 and "manifest.csv" in said.err
