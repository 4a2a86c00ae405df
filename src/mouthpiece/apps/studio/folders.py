"""A folder for each visit, which goes away: with the visit, with the server, by age, and after a crash."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

PREFIX = "mouthpiece-studio-"
LOCK = "server.lock"
SWEEP_EVERY_S = 5.0
STARTING_S = 60.0
"""A server's folder without a lock in it may be that of a server that starts just now."""


class VisitFolder:
    """The files of one visit. Nobody else knows its name, and no name in it comes from a visitor."""

    def __init__(self, path: Path, alive: Callable[[], bool]) -> None:
        """Make the folder.

        Args:
            path: where; it must not be there yet.
            alive: whether the visit's page is still open.
        """
        path.mkdir(mode=0o700)
        self.path = path
        self._alive = alive
        self._seen = self._used = time.monotonic()
        self._in_use: Callable[[], bool] = lambda: False
        self._before_closing: Callable[[], None] = lambda: None
        self.closed = False
        """Whether the files are gone."""

    @property
    def alive(self) -> bool:
        """Whether the visit's page is open now."""
        return self._alive()

    def reopened(self, alive: Callable[[], bool]) -> None:
        """The page was loaded anew; `alive` tells whether it is still open."""
        self._alive = alive
        self.touch()

    def touch(self) -> None:
        """The visitor did something."""
        self._seen = self._used = time.monotonic()

    def bind(self, in_use: Callable[[], bool], before_closing: Callable[[], None]) -> None:
        """Something works with the files: don't age while it does, and end it before they go."""
        self._in_use, self._before_closing = in_use, before_closing

    def keep(self, content: BinaryIO, what: str) -> Path:
        """Copy what came into a file of the visit, under a name of ours.

        Args:
            content: read from its beginning.
            what: plain letters that the name begins with.

        Raises:
            OSError: the disk is full, or the visit is over.
        """
        path = self.new_path(what, ".upload")
        content.seek(0)
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def new_path(self, what: str, suffix: str) -> Path:
        """A name in the folder that nothing has."""
        return self.path / f"{what}-{secrets.token_hex(8)}{suffix}"

    def is_over(self, now: float, gone_after_s: float, kept_s: float) -> bool:
        """Whether the visitor left, or left the page alone for too long."""
        if self._alive():
            self._seen = now
        if self._in_use():
            self._used = now
        return now - self._seen > gone_after_s or now - self._used > kept_s

    def close(self) -> None:
        """End what works with the files and remove them."""
        self.closed = True
        self._before_closing()
        shutil.rmtree(self.path, ignore_errors=True)


class VisitFolders:
    """All visits' folders of one server."""

    def __init__(self, gone_after_s: float, kept_s: float, parent: Path | None = None) -> None:
        """Make the server's folder and begin to watch; remove what servers left that were killed.

        Args:
            gone_after_s: a visit that isn't alive for so long is over.
            kept_s: as is one that wasn't touched for so long.
            parent: where the server's folder goes; the system's temporary folder.
        """
        parent = parent or Path(tempfile.gettempdir())
        remove_left_over(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = FileLock(self.path / LOCK)
        self._lock.acquire()
        self._gone_after_s, self._kept_s = gone_after_s, kept_s
        self._visits: list[VisitFolder] = []
        self._changing = threading.Lock()
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="mouthpiece-studio-folders", daemon=True)
        self._watcher.start()

    def open(self, alive: Callable[[], bool]) -> VisitFolder:
        """A new visit's folder; `alive` tells whether its page is still open."""
        visit = VisitFolder(self.path / secrets.token_hex(16), alive)
        with self._changing:
            self._visits.append(visit)
        return visit

    def sweep(self) -> None:
        """Remove the folders of visits that are over."""
        now = time.monotonic()
        with self._changing:
            over = [visit for visit in self._visits if visit.is_over(now, self._gone_after_s, self._kept_s)]
            self._visits = [visit for visit in self._visits if visit not in over]
        for visit in over:
            visit.close()

    def close(self) -> None:
        """Remove everything."""
        self._stop.set()
        self._watcher.join()
        with self._changing:
            visits, self._visits = self._visits, []
        for visit in visits:
            visit.close()
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def _watch(self) -> None:
        while not self._stop.wait(SWEEP_EVERY_S):
            self.sweep()


def remove_left_over(parent: Path) -> None:
    """Remove the folders of this user's servers that were killed: nobody holds their lock."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            state = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or (hasattr(os, "getuid") and state.st_uid != os.getuid()):
                continue
            lock = folder / LOCK
            if not lock.exists() and time.time() - state.st_mtime < STARTING_S:
                continue
            try:
                with FileLock(lock, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
            except Timeout:
                continue
