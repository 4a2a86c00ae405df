"""What all visits to one server share."""

from __future__ import annotations

import atexit
import threading

from mouthpiece.apps.studio.folders import VisitFolders
from mouthpiece.apps.studio.jobs import JobQueue
from mouthpiece.apps.studio.networks import DEFAULT_ENGINE, LoadedNetworks
from mouthpiece.apps.studio.settings import Settings, current
from mouthpiece.apps.studio.visit_registry import VisitRegistry


class StudioState:
    """Jobs, folders, visits and networks of one server."""

    def __init__(self, settings: Settings) -> None:
        """Open for visits; the default engine's networks load meanwhile."""
        self.settings = settings
        self.jobs = JobQueue(settings.jobs_at_once, settings.most_waiting)
        self.folders = VisitFolders(settings.disconnect_timeout_s, settings.idle_timeout_s)
        self.visits = VisitRegistry(self.folders)
        self.networks = LoadedNetworks()
        self._loader = threading.Thread(target=self.networks.load, args=(DEFAULT_ENGINE,), daemon=True)
        self._loader.start()

    def close(self) -> None:
        """Cancel all jobs, remove all files."""
        self._loader.join()
        self.jobs.close()
        self.folders.close()


_shared: list[StudioState] = []
_sharing = threading.Lock()


def shared_state() -> StudioState:
    """Return the state of this process, made at the first call: visitors can clear Streamlit's caches."""
    with _sharing:
        if not _shared:
            _shared.append(StudioState(current()))
        return _shared[0]


def close_shared() -> None:
    """Close the state of this process, if there is one: Streamlit gives no notice when it stops."""
    while _shared:
        _shared.pop().close()


atexit.register(close_shared)
