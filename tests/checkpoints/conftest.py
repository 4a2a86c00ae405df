"""A cache of one's own, and a catalogue that points to a server on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.checkpoints.serving import CONTENT, CONTENT_SHA256

from mouthpiece.checkpoints import catalogue
from mouthpiece.checkpoints.catalogue import Checkpoint

Publish = Callable[..., Checkpoint]


@pytest.fixture(autouse=True)
def _own_cache(cache_folder: Path) -> None:
    """Nothing of the user's is touched."""


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Put a checkpoint into the catalogue."""

    def put(
        *sources: str, name: str = "tiny", size: int | None = None, sha256: str | None = CONTENT_SHA256
    ) -> Checkpoint:
        made = Checkpoint(
            name=name,
            title="a test's weights",
            file_name=f"{name}.pth",
            licence="for this test only",
            sources=sources,
            size=size,
            sha256=sha256,
        )
        known = {**catalogue.known_checkpoints(), name: made}
        monkeypatch.setattr(catalogue, "_load_all", lambda: (known, ()))
        return made

    return put


@pytest.fixture
def content_file(tmp_path: Path) -> Path:
    """The published bytes in a user's own file."""
    path = tmp_path / "got_elsewhere.pth"
    path.write_bytes(CONTENT)
    return path
