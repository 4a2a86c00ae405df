"""What every test may ask for: the repository, the real media beside it, and readers that are not ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.checkpoints.serving import Server
from tests.stand_in_media import StandInMedia

IN_REAL_TIME = ("browser", "live", "apps/live", "apps/studio")
"""Folders of tests that watch servers, pages and microphones by the wall clock."""


MEDIA_VARIABLE = "MOUTHPIECE_TEST_MEDIA"
"""Names the folder of real media where it is not ../shared/data; a folder that does not exist: do without."""
REAL_MEDIA = Path(os.environ.get(MEDIA_VARIABLE) or Path(__file__).parents[2] / "shared" / "data")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests about real people, and refuse to check a change without them on CI."""
    config.addinivalue_line("markers", "real_media: about recordings of people; skipped where there are none")
    if os.environ.get("CI") and not os.environ.get(MEDIA_VARIABLE) and not REAL_MEDIA.is_dir():
        raise pytest.UsageError(f"CI must have real media at {REAL_MEDIA}; {MEDIA_VARIABLE}=none does without")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs real media where there is none; try once more what failed in real time.

    A machine shared with others can stand still for long: what failed first is counted.
    """
    if not REAL_MEDIA.is_dir():
        without = pytest.mark.skip(reason=f"about recordings of people, and there are none at {REAL_MEDIA}")
        for item in items:
            if item.get_closest_marker("real_media"):
                item.add_marker(without)
    folders = [Path(__file__).parent / name for name in IN_REAL_TIME]
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in folders):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout's root."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Media to try things on: real media beside the checkout, else a stand-in made from the packaged samples.

    Never commit a file of the real media.
    """
    if REAL_MEDIA.is_dir():
        return REAL_MEDIA
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return StandInMedia(shared / "stand-in-media")


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
