"""`mouthpiece train synthesise`, with a stand-in for the speaking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.staging import Said

from mouthpiece.training.options import SyntheticOptions
from mouthpiece.training.synthetic.synthesise import SyntheticReport

Run = Callable[..., Said]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, SyntheticOptions]]:
    """What the library was asked for."""
    found: list[tuple[Path, SyntheticOptions]] = []

    def synthesise(out: Path, options: SyntheticOptions, *, progress: Callable[[int, int], None]) -> SyntheticReport:
        found.append((out, options))
        progress(2, 2)
        return SyntheticReport(2, 1, 0.25, (("000001_ar_espeak", "no voice left"),))

    monkeypatch.setattr("mouthpiece.training.synthetic.synthesise.synthesise", synthesise)
    return found


def test_options_reach_the_library(run: Run, asked: list[tuple[Path, SyntheticOptions]]) -> None:
    said = run("train", "synthesise", "d", "--hours", "0.5", "--seed", "3", "--language", "ar", "--language", "en")
    assert said.code == 0
    assert asked == [(Path("d"), SyntheticOptions(hours=0.5, seed=3, languages=("ar", "en")))]
    assert said.err.splitlines() == [
        "left out 000001_ar_espeak: no voice left",
        "d: 2 utterances made (0.25 hours), 1 were there",
    ]
    run("train", "synthesise", "d")
    assert asked[-1][1] == SyntheticOptions()


def test_programs_get_events(run: Run, asked: list[tuple[Path, SyntheticOptions]]) -> None:
    said = run("train", "synthesise", "d", "--json")
    assert asked
    assert said.events[-1]["event"] == "result"
    assert said.events[-1]["made"] == 2
    assert said.events[-1]["hours"] == 0.25


def test_nonsense_is_one_line(run: Run) -> None:
    said = run("train", "synthesise", "d", "--language", "tlh")
    assert said.code != 0
    assert "'tlh'" in said.err
    assert len(said.err.splitlines()) == 1
