"""A server's state for each test, a pipeline that waits for a signal, and pages without a browser."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from mouthpiece import pipeline
from mouthpiece.apps.studio import page, settings
from mouthpiece.apps.studio.networks import LoadedNetworks
from mouthpiece.apps.studio.serving import SCRIPT
from mouthpiece.apps.studio.settings import Settings
from mouthpiece.apps.studio.state import close_shared
from mouthpiece.errors import Cancelled
from mouthpiece.media import Named
from mouthpiece.notices import Notice
from mouthpiece.types import Box, FaceStretch, Progress, SkipReason

WAIT_S = 20.0


@dataclass
class Player:
    """Plays `pipeline.sync`: writes a first frame, then waits until it may go on or is stopped."""

    go_on: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    fails_with: Exception | None = None
    warnings: tuple[Notice, ...] = ()

    def sync(
        self, face: Named[Path], speech: Named[Path], out: Path, options: Any, *, progress: Any, cancelled: Any
    ) -> Any:
        """As the real one, but nothing is drawn."""
        self.asked.append({"face": face.source, "speech": speech.source, "out": out, "options": options})
        progress(Progress(25, 100, 1.0, 0.5))
        while not self.go_on.wait(0.005):
            if cancelled():
                raise Cancelled("stopped as asked")
        if self.fails_with is not None:
            raise self.fails_with
        out.write_bytes(b"\0\0\0\x18ftypmp42")
        return pipeline.SyncResult(
            path=out,
            frames=100,
            seconds=4.0,
            elapsed_s=2.0,
            first_frame_s=0.1,
            timeline=(FaceStretch(0.0, 3.0, True), FaceStretch(3.0, 4.0, False, SkipReason.TURNED)),
            faces_seen=1,
            face_chosen=Box(10, 20, 110, 140),
            engine=options.engine.name,
            warnings=self.warnings,
        )


@pytest.fixture
def player(monkeypatch: pytest.MonkeyPatch) -> Player:
    """The pipeline's `sync` replaced; nothing is loaded for it."""
    played = Player()
    monkeypatch.setattr(pipeline, "sync", played.sync)
    monkeypatch.setattr(LoadedNetworks, "load", lambda *_: None)
    return played


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server's folders go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def studio(temporary: Path) -> Iterator[Callable[..., AppTest]]:
    """Open a page of one and the same server: `studio(jobs_at_once=1)`; the first call's settings hold.

    With `run=False` it isn't drawn yet, so that its address can be set.
    """
    page.studio_state.clear()
    before = settings.current()

    def visit(*, run: bool = True, **chosen: Any) -> AppTest:
        if chosen:
            settings.use(Settings(**chosen))
        page = AppTest.from_file(str(SCRIPT), default_timeout=WAIT_S)
        return page.run() if run else page

    yield visit
    close_shared()
    page.studio_state.clear()
    settings.use(before)
    assert list(temporary.iterdir()) == [], "nothing stays behind"
