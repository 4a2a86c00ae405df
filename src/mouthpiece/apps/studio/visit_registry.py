"""The open visits of one server, by token."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mouthpiece.apps.studio.folders import VisitFolders
from mouthpiece.apps.studio.visits import Visit


class VisitRegistry:
    """Visits whose files are still there, so that a reloaded page gets its own again."""

    def __init__(self, folders: VisitFolders) -> None:
        self._folders = folders
        self._visits: dict[str, Visit] = {}
        self._changing = threading.Lock()

    def begin(self, is_page_open: Callable[[], bool]) -> Visit:
        """Start the visit of a new page; `is_page_open` is asked whether that is still open."""
        visit = Visit(self._folders.open(is_page_open))
        visit.folder.bind(visit.is_busy, visit.end)
        with self._changing:
            self._visits = {token: other for token, other in self._visits.items() if not other.folder.closed}
            self._visits[visit.token] = visit
        return visit

    def reopen(self, token: str, is_page_open: Callable[[], bool]) -> Visit | None:
        """Return the visit of a page that was reloaded; None if it is over, or its page is still open elsewhere."""
        with self._changing:
            visit = self._visits.get(token)
            if visit is None or visit.folder.closed or visit.folder.is_page_open():
                return None
            visit.folder.reopen(is_page_open)
        visit.restore()
        return visit

    def is_open(self, token: str) -> bool:
        """Return whether a visit with this token is not over yet."""
        with self._changing:
            visit = self._visits.get(token)
            return visit is not None and not visit.folder.closed
