"""What all visits to one server share."""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.apps.studio.folders import VisitFolders
from mouthpiece.apps.studio.jobs import JobQueue
from mouthpiece.apps.studio.settings import Settings, current
from mouthpiece.engines.base import Engine
from mouthpiece.engines.registry import load_engine
from mouthpiece.errors import MouthpieceError
from mouthpiece.face import FaceTracker
from mouthpiece.options import EngineOptions

if TYPE_CHECKING:
    from mouthpiece.apps.studio.visits import Visit

ENGINES_KEPT = 3
"""Engines with different weights whose networks stay loaded."""
DEFAULT_ENGINE = "mesh"


class LoadedNetworks:
    """Keeps networks from being loaded anew by every job.

    Engines and trackers belong to one job each. What is compiled is shared by all that hold it (`inference`), so one
    of each that is held here, and never used, makes the next ones start at once.
    """

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._changing = threading.Lock()
        self._tracker: FaceTracker | None = None
        self._engines: OrderedDict[EngineOptions, Engine] = OrderedDict()

    def keep(self, options: EngineOptions) -> None:
        """Load what a job with this engine needs, unless it is here; what can't be loaded, its job will tell."""
        wanted = EngineOptions(options.name, options.device, own=options.own)
        if self._has(wanted):  # and doesn't wait for another engine that tries out what is quickest here
            return
        with self._loading, suppress(MouthpieceError):
            if self._has(wanted):
                return
            self._tracker = self._tracker or FaceTracker()
            loaded = load_engine(wanted.name)(wanted)
            with self._changing:
                self._engines[wanted] = loaded
                while len(self._engines) > ENGINES_KEPT:
                    self._engines.popitem(last=False)

    def _has(self, wanted: EngineOptions) -> bool:
        with self._changing:
            if wanted not in self._engines:
                return False
            self._engines.move_to_end(wanted)
            return True


class StudioState:
    """Jobs, folders and networks of one server."""

    def __init__(self, settings: Settings, parent: Path | None = None) -> None:
        """Open for visits; the default engine's networks load meanwhile.

        Args:
            settings: how much is done and kept.
            parent: where the folders go; the system's temporary folder.
        """
        self.settings = settings
        self.jobs = JobQueue(settings.jobs_at_once, settings.most_waiting)
        self.folders = VisitFolders(settings.gone_after_s, settings.kept_s, parent)
        self.networks = LoadedNetworks()
        self._visits: dict[str, Visit] = {}
        self._visits_changing = threading.Lock()
        self._closed = False
        self._loader = threading.Thread(target=self.networks.keep, args=(EngineOptions(DEFAULT_ENGINE),), daemon=True)
        self._loader.start()
        with _benches_changing:
            _benches.append(self)

    def remember(self, visit: Visit) -> None:
        """A new visit, to be found again by its token for as long as its files are there."""
        with self._visits_changing:
            self._visits = {token: known for token, known in self._visits.items() if not known.folder.closed}
            self._visits[visit.token] = visit

    def left_visit(self, token: str, alive: Callable[[], bool]) -> Visit | None:
        """The visit of a page that was loaded anew; None if it is over, or its page is still open elsewhere.

        Args:
            token: what the page's address says.
            alive: whether the new page is open.
        """
        with self._visits_changing:
            visit = self._visits.get(token)
            if visit is None or visit.folder.closed or visit.folder.alive:
                return None
            visit.folder.reopened(alive)
            return visit

    def knows(self, token: str) -> bool:
        """Whether a visit with this token is not over yet."""
        with self._visits_changing:
            visit = self._visits.get(token)
            return visit is not None and not visit.folder.closed

    def close(self) -> None:
        """Give up all jobs, remove all files."""
        with _benches_changing:
            if self in _benches:
                _benches.remove(self)
        if not self._closed:
            self._closed = True
            self._loader.join()
            self.jobs.close()
            self.folders.close()


_benches: list[StudioState] = []
_benches_changing = threading.RLock()


def shared_bench() -> StudioState:
    """The one of this process, opened by whoever comes first: visitors can clear Streamlit's caches."""
    with _benches_changing:
        return _benches[-1] if _benches else StudioState(current())


def close_all() -> None:
    """Close every bench of this process: Streamlit doesn't say when it stops."""
    while True:
        with _benches_changing:
            bench = _benches[-1] if _benches else None
        if bench is None:
            return
        bench.close()


atexit.register(close_all)
