"""Folders that go away."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mouthpiece.apps.studio.folders import PREFIX, VisitFolders, remove_abandoned


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VisitFolders]:
    opened = VisitFolders(disconnect_timeout_s=60, idle_timeout_s=600, parent=tmp_path)
    yield opened
    opened.close()
    assert not opened.path.exists()


def test_visits_are_apart_and_private(server: VisitFolders) -> None:
    one, other = server.open(lambda: True), server.open(lambda: True)
    assert one.path != other.path and len(one.path.name) == 32
    for path in (server.path, one.path):
        assert path.stat().st_mode & 0o077 == 0
    content = io.BytesIO(b"0123")
    content.seek(2)
    kept = one.store(content, "face")
    assert kept.read_bytes() == b"0123" and kept.parent == one.path and kept.suffix == ".upload"
    assert one.store(content, "face") != kept


def test_what_cannot_be_kept_leaves_nothing(server: VisitFolders) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    visit = server.open(lambda: True)
    with pytest.raises(OSError, match="No space"):
        visit.store(Broken(), "face")
    assert list(visit.path.iterdir()) == []


def test_a_visit_ends_some_time_after_its_page(server: VisitFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    alive, now = True, time.monotonic()
    visit = server.open(lambda: alive)
    ended: list[bool] = []
    visit.bind(lambda: False, lambda: ended.append(True))
    monkeypatch.setattr("mouthpiece.apps.studio.folders.time.monotonic", lambda: now)
    now += 100
    server.sweep()
    assert visit.path.exists()
    alive = False
    now += 59
    server.sweep()
    assert visit.path.exists(), "a page that is out of reach for a moment keeps its files"
    now += 2
    server.sweep()
    assert not visit.path.exists() and visit.closed and ended == [True]


def test_files_of_a_page_left_open_go_by_age(server: VisitFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    now, busy = time.monotonic(), True
    visit = server.open(lambda: True)
    visit.bind(lambda: busy, lambda: None)
    monkeypatch.setattr("mouthpiece.apps.studio.folders.time.monotonic", lambda: now)
    now += 700
    server.sweep()
    assert visit.path.exists(), "a long job keeps them"
    busy = False
    now += 500
    visit.touch()
    now += 500
    server.sweep()
    assert visit.path.exists()
    now += 101
    server.sweep()
    assert not visit.path.exists()


def test_what_a_killed_server_left_is_removed(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from mouthpiece.apps.studio.folders import VisitFolders\n"
        "folders = VisitFolders(60, 600, pathlib.Path(sys.argv[1]))\n"
        "folders.open(lambda: True).path.joinpath('a').write_bytes(b'a')\n"
        "print(folders.path, flush=True)\n"
        "sys.stdin.read()\n"
        "os._exit(9)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert left.is_dir()
        remove_abandoned(tmp_path)
        assert left.is_dir(), "its server still runs"
        process.communicate()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    fresh = tmp_path / f"{PREFIX}fresh"
    fresh.mkdir()
    remove_abandoned(tmp_path)
    assert not left.exists() and elsewhere.is_dir() and fresh.is_dir()
    os.utime(fresh, (1, 1))
    remove_abandoned(tmp_path)
    assert not fresh.exists()
