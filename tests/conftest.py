"""What every test may ask for: the repository, the real media beside it, and readers that are not ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.checkpoints.serving import Server

IN_REAL_TIME = ("browser", "live", "apps/live", "apps/studio")
"""Folders of tests that watch servers, pages and microphones by the wall clock."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try once more what failed in real time, and count it: a machine shared with others can stand still for long."""
    folders = [Path(__file__).parent / name for name in IN_REAL_TIME]
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in folders):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout's root."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data(repo_root: Path) -> Path:
    """Real media beside the checkout; tests that need it skip where it is absent. Never commit a file of it."""
    folder = repo_root.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real media at {folder}")
    return folder


def _go_without(what: str, why: str) -> NoReturn:
    """Skip a test that needs something that is not here; on CI it has to be."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}")
    pytest.skip(why)


def _program(name: str) -> str:
    """Where an independent program is."""
    return shutil.which(name) or _go_without(name, f"{name} is not installed")


@pytest.fixture(scope="session")
def ffprobe() -> str:
    """Path of the ffprobe program, an oracle that shares no code with the `media` room's Python."""
    return _program("ffprobe")


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """Path of the ffmpeg program."""
    return _program("ffmpeg")


@pytest.fixture(scope="session")
def face_models() -> None:
    """The face models, which come with an installation: whoever follows faces asks for this."""
    from mouthpiece.errors import WeightsError
    from mouthpiece.face.models import DETECTOR_FILE, MESH_FILE, model_path

    try:
        for name in (DETECTOR_FILE, MESH_FILE):
            model_path(name)
    except WeightsError as error:
        _go_without("the face models", str(error))


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of weights, empty and not yet made; proxies are left out for servers on this machine."""
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on this machine that serves weights."""
    server = Server()
    yield server
    server.shutdown()
    server.server_close()
