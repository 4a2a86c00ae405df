"""Commands run in this process with a stand-in for the pipeline, and for real in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.apps.staging import Said, StandIn

from mouthpiece import pipeline
from mouthpiece.apps.cli import main

CLIP = "grid_unseen_dev/s5_bbae8n_224.mp4"
"""Three seconds of a face that speaks, 224 pixels."""
WORD_S = 0.4


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The pipeline's `sync` replaced."""
    played = StandIn()
    monkeypatch.setattr(pipeline, "sync", played.sync)
    return played


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in this process."""

    def command(*arguments: str) -> Said:
        capsys.readouterr()
        code = main.main(arguments)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return command


@pytest.fixture
def here(run: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Run a command in this process, in an empty folder: as real, and quicker than one of its own."""
    monkeypatch.chdir(tmp_path)
    return run


@pytest.fixture
def real(tmp_path: Path) -> Callable[..., Said]:
    """Run a command in a process of its own, in an empty folder."""

    def command(*arguments: str | bytes, **environment: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "mouthpiece", *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            check=False,
            timeout=120,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    return command


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a command in a process of its own, in an empty folder, and leave it running."""

    def command(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mouthpiece", *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return command


@pytest.fixture
def clip(shared_data: Path) -> Path:
    """A real face that speaks for three seconds."""
    return shared_data / CLIP


@pytest.fixture
def word(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Just enough speech for a few frames."""
    path = tmp_path_factory.mktemp("speech") / "word.wav"
    with wave.open(str(shared_data / "audio" / "en_male_watson.wav")) as long, wave.open(str(path), "wb") as short:
        short.setparams(long.getparams())
        long.setpos(long.getframerate())
        short.writeframes(long.readframes(round(WORD_S * long.getframerate())))
    return path
