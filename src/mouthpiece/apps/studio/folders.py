"""Temporary folders of visits: removed with the visit, with the server, by age, and after a crash."""

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
STARTUP_S = 60.0
"""A server's folder without a lock in it may be that of a server that starts just now."""


class VisitFolder:
    """The files of one visit, in a folder with an unguessable name; no name in it comes from a visitor."""

    def __init__(self, path: Path, is_page_open: Callable[[], bool]) -> None:
        """Make the folder, which must not be there yet; `is_page_open` is asked whether the visit's page still is."""
        path.mkdir(mode=0o700)
        self.path = path
        self.is_page_open = is_page_open
        """Asked whether the visit's page is open now."""
        self._page_open_at = self._used_at = time.monotonic()
        self._in_use: Callable[[], bool] = lambda: False
        self._before_closing: Callable[[], None] = lambda: None
        self.closed = False
        """Whether the files are gone."""

    def reopen(self, is_page_open: Callable[[], bool]) -> None:
        """Hand the folder to a page that was reloaded; `is_page_open` is asked from now on."""
        self.is_page_open = is_page_open
        self.touch()

    def touch(self) -> None:
        """Start both timeouts anew."""
        self._page_open_at = self._used_at = time.monotonic()

    def bind(self, in_use: Callable[[], bool], before_closing: Callable[[], None]) -> None:
        """Stop the folder's ageing while it is in use, and call `before_closing` before its files are removed."""
        self._in_use, self._before_closing = in_use, before_closing

    def store(self, content: BinaryIO, stem: str) -> Path:
        """Copy an upload into a file of the folder, under a name made here.

        Args:
            content: read from its beginning.
            stem: plain letters that the name begins with.

        Raises:
            OSError: the disk is full, or the visit is over.
        """
        path = self.new_path(stem, ".upload")
        content.seek(0)
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def new_path(self, stem: str, suffix: str) -> Path:
        """Return an unused path in the folder."""
        return self.path / f"{stem}-{secrets.token_hex(8)}{suffix}"

    def has_expired(self, now: float, disconnect_timeout_s: float, idle_timeout_s: float) -> bool:
        """Check both timeouts; an open page and work on the files start theirs anew."""
        if self.is_page_open():
            self._page_open_at = now
        if self._in_use():
            self._used_at = now
        return now - self._page_open_at > disconnect_timeout_s or now - self._used_at > idle_timeout_s

    def close(self) -> None:
        """End the work on the files and remove them."""
        self.closed = True
        self._before_closing()
        shutil.rmtree(self.path, ignore_errors=True)


class VisitFolders:
    """All visits' folders of one server, swept in a thread of its own."""

    def __init__(self, disconnect_timeout_s: float, idle_timeout_s: float, parent: Path | None = None) -> None:
        """Make the server's folder and start sweeping; remove the folders of servers that were killed.

        Args:
            disconnect_timeout_s: a visit is over whose page isn't open for so long.
            idle_timeout_s: likewise one that wasn't touched for so long.
            parent: where the server's folder goes; the system's temporary folder.
        """
        parent = parent or Path(tempfile.gettempdir())
        remove_abandoned(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = FileLock(self.path / LOCK)
        self._lock.acquire()
        self._timeouts_s = disconnect_timeout_s, idle_timeout_s
        self._folders: list[VisitFolder] = []
        self._changing = threading.Lock()
        self._stop = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_regularly, name="mouthpiece-studio-folders", daemon=True)
        self._sweeper.start()

    def open(self, is_page_open: Callable[[], bool]) -> VisitFolder:
        """Make a new visit's folder; `is_page_open` is asked whether its page is still open."""
        folder = VisitFolder(self.path / secrets.token_hex(16), is_page_open)
        with self._changing:
            self._folders.append(folder)
        return folder

    def sweep(self) -> None:
        """Remove the folders of visits that are over."""
        now = time.monotonic()
        with self._changing:
            expired = [folder for folder in self._folders if folder.has_expired(now, *self._timeouts_s)]
            self._folders = [folder for folder in self._folders if folder not in expired]
        for folder in expired:
            folder.close()

    def close(self) -> None:
        """Remove everything."""
        self._stop.set()
        self._sweeper.join()
        with self._changing:
            folders, self._folders = self._folders, []
        for folder in folders:
            folder.close()
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def _sweep_regularly(self) -> None:
        while not self._stop.wait(SWEEP_EVERY_S):
            self.sweep()


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of this user's servers that were killed: nobody holds their lock."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            stat = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or (hasattr(os, "getuid") and stat.st_uid != os.getuid()):
                continue
            lock = folder / LOCK
            if not lock.exists() and time.time() - stat.st_mtime < STARTUP_S:
                continue
            with suppress(Timeout), FileLock(lock, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
