"""`mouthpiece train teacher`: what is given arrives, what comes out is said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.staging import Said

from mouthpiece.training.options import TeacherOptions
from mouthpiece.training.teacher import train as training
from mouthpiece.training.teacher.train import TeacherScore

Run = Callable[..., Said]

SCORE = TeacherScore("test", 5, 0.7, 0.6, 0.5, 0.4, 0.8, 0.9)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the library was asked for; it only pretends to train."""
    given: dict[str, object] = {}

    def train(data: Path, out: Path, options: TeacherOptions, *, log: Callable[[str], None]) -> list[TeacherScore]:
        given.update(options=options, data=data, out=out)
        log("step 1")
        return [SCORE]

    monkeypatch.setattr(training, "train_teacher", train)
    return given


def test_defaults_are_the_librarys(run: Run, asked: dict[str, object]) -> None:
    said = run("train", "teacher", "--data", "d", "--out", "t.npz")
    assert said == Said(0, "", "step 1\nt.npz: fitted; its card is t.md\n")
    assert asked == {"data": Path("d"), "out": Path("t.npz"), "options": TeacherOptions()}


def test_options_arrive_and_json_has_the_scores(run: Run, asked: dict[str, object]) -> None:
    options = ("--clips", "7", "--steps", "9", "--voice", "en-us", "--workers", "1", "--work", "w")
    said = run("train", "teacher", "--data", "d", "--out", "t.npz", *options, "--json")
    assert asked["options"] == TeacherOptions(clips=7, steps=9, voice="en-us", workers=1, work=Path("w"))
    assert said.events[-1]["path"] == "t.npz"
    assert said.events[-1]["scores"][0]["opening_r"] == 0.7


def test_a_wrong_file_name_is_one_line(run: Run, tmp_path: Path) -> None:
    said = run("train", "teacher", "--data", str(tmp_path), "--out", "t.onnx")
    assert said.code != 0 and said.err == "mouthpiece: expected a file name that ends in .npz, got t.onnx\n"


def test_without_torch_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    said = run("train", "teacher", "--data", "d", "--out", "t.npz")
    assert said.err == "mouthpiece: fitting a teacher needs the extra 'train': pip install 'mouthpiece[train]'\n"
