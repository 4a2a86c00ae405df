"""The doctor finds things out and never falls ill itself."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.apps.staging import Said

import mouthpiece
from mouthpiece.apps.cli import doctor
from mouthpiece.cpu import Processor
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
    for_users = set(project["optional-dependencies"]) - {"test", "test-core", "docs", "dev"}
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


def test_versions_of_what_extras_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPTIONAL", {"NumPy again": "numpy", "Nothing": "no-such-distribution"})
    versions = doctor.examine().versions
    assert versions["NumPy again"] == np.__version__
    assert "Nothing" not in versions


def test_tiles_that_cant_be_used_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = Processor("Some Xeon", frozenset({"avx512f", "amx_tile", "amx_bf16"}), 0x1C)
    monkeypatch.setattr(doctor, "this_processor", lambda: hidden)
    [note] = doctor.examine().notes
    assert "hides the size of its tiles (CPUID leaf 0x1d; the last one shown is 0x1c)" in note
    monkeypatch.setattr(doctor, "this_processor", lambda: Processor("Some Xeon", hidden.flags, 0x20))
    assert doctor.examine().notes == ()


def test_weights_and_chosen_precisions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path))
    folder = tmp_path / "checkpoints" / "wav2lip"
    folder.mkdir(parents=True)
    (folder / "wav2lip.pth").write_bytes(b"weights")
    tried = {"f32": {"ms_a_frame": 30.0, "as_good": True}, "bf16": {"ms_a_frame": None}}
    choice = {
        "precision": "f32",
        "tried": tried,
        "processor": "x",
        "device": "CPU",
        "checkpoint": "ab12",
        "chosen_at": "",
    }
    (tmp_path / "choices.json").write_text(json.dumps({"key": choice, "broken": {"precision": "f99"}}))
    lines = doctor.as_lines(doctor.examine())
    assert f"weights      wav2lip: {folder / 'wav2lip.pth'}" in lines
    expected = "wav2lip      precision f32 for the weights ab12... on CPU (f32 30.0 ms a frame, bf16 can't run)"
    assert expected in lines
    assert f"ok       cache folder: {tmp_path}" in lines


def test_an_engine_without_weights_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path))
    text = "\n".join(doctor.as_lines(doctor.examine()))
    assert "\nabsent   engine wav2lip: the weights wav2lip-gan are not here; fetch it" in text
    assert "MISSING  engine" not in text
