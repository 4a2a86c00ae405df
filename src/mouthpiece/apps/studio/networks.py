"""Engines that the page offers, their checkpoints, and their networks kept in memory between jobs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress

from mouthpiece.checkpoints.store import cached_path
from mouthpiece.engines.base import Engine
from mouthpiece.engines.registry import engine_names, load_engine
from mouthpiece.errors import MouthpieceError
from mouthpiece.face import FaceTracker
from mouthpiece.options import EngineOptions
from mouthpiece.types import EngineInfo

DEFAULT_ENGINE = EngineOptions().name
HIDDEN_ENGINES = {"fake"}
"""Engines for tests."""
ENGINES_KEPT = 3
"""Engines with different checkpoints whose networks stay loaded."""


def offered_engines() -> list[str]:
    """Return the names of the engines that the page offers, the default one first."""
    return sorted(set(engine_names()) - HIDDEN_ENGINES, key=lambda name: (name != DEFAULT_ENGINE, name))


def supported_options(engine: str) -> frozenset[str]:
    """Return the options that make a difference to an engine; none for one that can't be loaded."""
    with suppress(MouthpieceError):
        return load_engine(engine).supported_options
    return frozenset()


def describe_engine(engine: str, checkpoint: str | None) -> EngineInfo:
    """Describe an engine; one whose description fails is not ready, and its `weights` give the reason."""
    options = engine_options(engine, checkpoint)
    try:
        return load_engine(engine).describe(options)
    except Exception as error:  # another package's engine must not take the page with it
        reason = str(error) if isinstance(error, MouthpieceError) else f"{type(error).__name__}: {error}"
        return EngineInfo(engine, "", 0.0, "", options.device, reason, ready=False)


def cached_checkpoints(engine: str) -> list[str]:
    """Return the names of those of an engine's checkpoints that lie in the cache; none where it needs none."""
    with suppress(MouthpieceError):
        return [name for name in load_engine(engine).checkpoints if cached_path(name) is not None]
    return []


def engine_options(engine: str, checkpoint: str | None) -> EngineOptions:
    """Return the options of an engine that runs a checkpoint of this name; None: the engine's own choice."""
    return EngineOptions(engine, own={} if checkpoint is None else {"checkpoint": checkpoint})


class LoadedNetworks:
    """A cache that keeps networks from being loaded anew by every job.

    Engines and trackers belong to one job each. What is compiled is shared by all that hold it (`inference`), so one
    of each that is held here, and never used, makes the next ones start at once.
    """

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._changing = threading.Lock()
        self._tracker: FaceTracker | None = None
        self._engines: OrderedDict[tuple[str, str | None], Engine] = OrderedDict()

    def load(self, engine: str, checkpoint: str | None = None) -> None:
        """Load the networks of jobs with this engine unless they are here; errors are left to the jobs."""
        key = (engine, checkpoint)
        if self._has(key):  # and doesn't wait for another engine that tries out what is quickest here
            return
        with self._loading, suppress(MouthpieceError):
            if self._has(key):
                return
            self._tracker = self._tracker or FaceTracker()
            loaded = load_engine(engine)(engine_options(engine, checkpoint))
            with self._changing:
                self._engines[key] = loaded
                while len(self._engines) > ENGINES_KEPT:
                    self._engines.popitem(last=False)

    def _has(self, key: tuple[str, str | None]) -> bool:
        with self._changing:
            if key not in self._engines:
                return False
            self._engines.move_to_end(key)
            return True
