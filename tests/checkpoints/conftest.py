"""A cache of one's own, a server on this machine, and a catalogue that points to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.checkpoints.serving import CONTENT, CONTENT_SHA256, Server

from mouthpiece.checkpoints import catalogue
from mouthpiece.checkpoints.catalogue import Checkpoint

Publish = Callable[..., Checkpoint]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache, empty and not yet made."""
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on this machine."""
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Put a checkpoint into the catalogue."""

    def put(
        *sources: str, name: str = "tiny", size: int | None = None, sha256: str | None = CONTENT_SHA256
    ) -> Checkpoint:
        made = Checkpoint(name, "a test's weights", f"{name}.pth", sources, size, sha256, "for this test only")
        monkeypatch.setattr(catalogue, "CATALOGUE", {**catalogue.CATALOGUE, name: made})
        return made

    return put


@pytest.fixture
def content_file(tmp_path: Path) -> Path:
    """The published bytes in a user's own file."""
    path = tmp_path / "got_elsewhere.pth"
    path.write_bytes(CONTENT)
    return path
