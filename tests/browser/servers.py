"""The real servers, each in a process of its own on a free port."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

HOST = "127.0.0.1"
START_S = 60.0
"""Longest wait for a server's first answer: the machine may be busy."""
STOP_S = 10.0
PORTS = range(20_000, 32_000)
"""Below those that Linux takes for connections: between choosing a port and listening on it seconds pass."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    """Where its page is, without a slash at the end."""
    command: str
    """What was run."""
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def log(self) -> str:
        """What it has said so far, both streams."""
        return self.log_path.read_text(errors="replace")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])


def free_port() -> int:
    """A port that nobody listens on now, and that the system gives to no outgoing connection until somebody does."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    pytest.fail("no port is free")


@contextmanager
def running(arguments: Sequence[str], folder: Path, *, cache: Path | None = None) -> Iterator[Server]:
    """Run `mouthpiece` with these arguments and a free port until the end of the block.

    Args:
        arguments: the command and its options, without --port.
        folder: where it runs and its log goes; empty.
        cache: MOUTHPIECE_CACHE; None: a folder in `folder`.
    """
    port = free_port()
    log_path = folder / "server.log"
    command = [sys.executable, "-m", "mouthpiece", *arguments, "--port", str(port)]
    environment = os.environ | {"MOUTHPIECE_CACHE": str(cache or folder / "cache"), "PYTHONUNBUFFERED": "1"}
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    server = Server(f"http://{HOST}:{port}", " ".join(command), process, log_path)
    try:
        _await_answer(server)
        yield server
    finally:
        _end(process)


def _await_answer(server: Server) -> None:
    """Return when it answers anything by HTTP."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            pytest.fail(f"{server.command} ended with {server.process.returncode}:\n{server.log}")
        try:
            with urlopen(server.url, timeout=5):
                return
        except HTTPError:
            return
        except (URLError, http.client.HTTPException, OSError):
            time.sleep(0.1)
    pytest.fail(f"{server.command} answered nothing within {START_S:g} s:\n{server.log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and its children with it; then make it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            continue
        return
