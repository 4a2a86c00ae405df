"""The doctor finds things out and never falls ill itself."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.apps.staging import Said

import mouthpiece
from mouthpiece.apps import doctor
from mouthpiece.errors import EngineError

Run = Callable[..., Said]


def test_the_report(run: Run) -> None:
    said = run("doctor", "--json")
    assert said.code == 0
    [report] = said.events
    assert report["event"] == "doctor"
    assert report["versions"]["mouthpiece"] == mouthpiece.__version__
    assert report["versions"]["NumPy"] == np.__version__
    assert "libavcodec" in report["ffmpeg_libraries"]
    assert "CPU" in [device["name"] for device in report["devices"]]
    assert report["cpu_count"] >= 1
    checks = {check["what"]: check["found"] for check in report["checks"]}
    assert {"face detector", "face mesh", "engine mesh", "engine fake"} <= set(checks)
    assert checks["temporary folder"]
    assert checks["current folder"]


def test_people_get_the_same(run: Run) -> None:
    said = run("doctor")
    assert said.code == 0
    assert said.err == ""
    for expected in ("OpenVINO", "libavcodec", "device       CPU: ", "pip install" if "extra  " in said.out else "ok"):
        assert expected in said.out


def test_extras_are_those_of_the_package(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())["project"]
    for_users = set(project["optional-dependencies"]) - {"test", "dev"}
    assert {extra.name for extra in doctor.EXTRAS} == for_users
    for extra in doctor.EXTRAS:
        assert len(extra.modules) == len(project["optional-dependencies"][extra.name])


def test_a_missing_extra_names_its_cure() -> None:
    extra = doctor.Extra("song", "sing", ("no_such_module", "json"))
    assert extra.missing == ["no_such_module"]
    assert extra.pip == "pip install 'mouthpiece[song]'"


def test_nothing_it_looks_at_can_break_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise EngineError("broken")

    monkeypatch.setattr("mouthpiece.inference.core", broken)
    monkeypatch.setattr("mouthpiece.face.models.model_path", broken)
    monkeypatch.setattr("mouthpiece.engines.registry.describe_all", broken)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "nowhere"))
    monkeypatch.setattr(doctor, "EXTRAS", (doctor.Extra("song", "sing", ("no_such_module",)),))
    lines = doctor.as_lines(doctor.examine())
    text = "\n".join(lines)
    for what in ("OpenVINO", "face detector", "face mesh", "engines"):
        assert f"MISSING  {what}: " in text
    assert "MISSING  temporary folder: can't be written" in text
    assert "extra    song: sing; pip install 'mouthpiece[song]' (not here: no_such_module)" in text
