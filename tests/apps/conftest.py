"""Commands run in this process with a stand-in for the pipeline, and for real in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mouthpiece import pipeline
from mouthpiece.apps import cli
from mouthpiece.errors import Cancelled
from mouthpiece.types import Box, FaceStretch, Progress, Unusable

CLIP = "grid_unseen_dev/s5_bbae8n_224.mp4"
"""Three seconds of a face that speaks, 224 pixels."""


@dataclass
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output read as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class StandIn:
    """Plays the pipeline: remembers what was asked, then does as it was told."""

    asked: dict[str, Any] = field(default_factory=dict)
    fails_with: BaseException | None = None
    warnings: tuple[str, ...] = ()
    faces_seen: int = 1

    def sync(self, face: Path, speech: Path, out: Path, options: Any, *, progress: Any, cancelled: Any) -> Any:
        """As `pipeline.sync`, in no time."""
        self.asked = {"face": face, "speech": speech, "out": out, "options": options}
        for frames in (1, 2, 50):
            progress(Progress(frames, 50, frames / 25, 0.5))
        if self.fails_with:
            raise self.fails_with
        if cancelled():
            raise Cancelled("stopped as asked; nothing was written")
        return pipeline.SyncResult(
            path=out,
            frames=50,
            seconds=2.0,
            elapsed_s=0.5,
            first_frame_s=0.1,
            timeline=(FaceStretch(0.0, 1.5, True), FaceStretch(1.5, 2.0, False, Unusable.TURNED)),
            faces_seen=self.faces_seen,
            face_chosen=Box(10, 20, 110, 140),
            engine=options.engine,
            warnings=self.warnings,
        )


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
        code = cli.main(arguments)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return command


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
