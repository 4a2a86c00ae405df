"""Apps in this process and servers in their own, with a stand-in for the face."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.apps.live.stand_in import stand_in_config

from mouthpiece.apps.live import create_app
from mouthpiece.apps.live.routes import EXTENSION

ROOT = Path(__file__).parents[3]
STOP_S = 15.0

Serve = Callable[..., "Served"]


class Served:
    """A server in a process of its own."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        """Start it in a folder; wait until it says where it is."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log_path = folder.with_suffix(".log")
        (folder / "tmp").mkdir()
        environment = os.environ | {
            "TMPDIR": str(folder / "tmp"),
            "HOME": str(folder),
            "MOUTHPIECE_CACHE": str(folder.with_suffix(".cache")),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url:
            pytest.fail(f"the server didn't start: {self.log}")

    @property
    def log(self) -> str:
        """What it said on standard error."""
        return self.log_path.read_text(errors="replace")

    @property
    def worker(self) -> int:
        """The process that serves."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def end(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(sign)
        try:
            return self.process.wait(STOP_S)
        finally:
            self.process.kill()
            if self.process.stdout is not None:
                self.process.stdout.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Run a server with the stand-in until the module ends: `served(sessions=2)`; options as of LiveConfig."""
    with ExitStack() as stack:

        def start(**chosen: object) -> Served:
            options = json.dumps({"port": 0, "sessions": 4, **chosen})
            folder = tmp_path_factory.mktemp("server") / "here"
            server = Served(folder, ["-m", "tests.apps.live.stand_in", options])
            stack.callback(server.end)
            return server

        yield start


@pytest.fixture(scope="module")
def server(served: Serve) -> Served:
    """One with many places."""
    return served(sessions=64)


@pytest.fixture
def client() -> Iterator[Callable[..., FlaskClient]]:
    """The app in this process: `client(sessions=1)`."""
    with ExitStack() as stack:

        def start(**chosen: object) -> FlaskClient:
            app = create_app(stand_in_config(**chosen))
            stack.callback(app.extensions[EXTENSION].close)
            return app.test_client()

        yield start
