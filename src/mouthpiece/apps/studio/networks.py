"""Engines that the page offers, their checkpoints, and their networks kept in memory between jobs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from mouthpiece.checkpoints.cache import cached_path
from mouthpiece.checkpoints.catalogue import GENERATORS
from mouthpiece.engines.base import Engine, EngineOptions, NetworkOptions
from mouthpiece.engines.registry import engine_names, load_engine
from mouthpiece.errors import MouthpieceError
from mouthpiece.face import FaceTracker
from mouthpiece.pipeline import SyncOptions
from mouthpiece.types import EngineInfo

DEFAULT_ENGINE = SyncOptions().engine
HIDDEN_ENGINES = ("fake",)
"""Engines for tests."""
ENGINES_KEPT = 3
"""Engines with different checkpoints whose networks stay loaded."""


def offered_engines() -> list[str]:
    """Return the names of the engines that the page offers, the default one first."""
    names = set(engine_names()) - set(HIDDEN_ENGINES)
    return sorted(names, key=lambda name: (name != DEFAULT_ENGINE, name))


def supported_options(engine: str) -> frozenset[str]:
    """Return the options that make a difference to an engine; none for one that can't be loaded."""
    with suppress(MouthpieceError):
        return load_engine(engine).supported_options
    return frozenset()


def describe_engine(engine: str, checkpoint: str | None) -> EngineInfo:
    """Describe an engine; one whose description fails is not ready, and its `weights` give the reason."""
    options = EngineOptions(network=network_options(checkpoint))
    try:
        return load_engine(engine).describe(options)
    except Exception as error:  # another package's engine must not take the page with it
        reason = str(error) if isinstance(error, MouthpieceError) else f"{type(error).__name__}: {error}"
        return EngineInfo(engine, "", 0.0, "", options.device, reason, ready=False)


def cached_checkpoints(engine: str) -> list[str]:
    """Return the names of an engine's published checkpoints that lie in the cache."""
    return [name for name in _published_checkpoints(engine) if cached_path(name) is not None]


def _published_checkpoints(engine: str) -> Sequence[str]:
    """Return the names of the published checkpoints that an engine can run; none where it needs none."""
    return GENERATORS if "network" in supported_options(engine) else ()


def network_options(checkpoint: str | None) -> NetworkOptions:
    """Return the options by which an engine runs a checkpoint of this name; None: the engine's own choice."""
    return NetworkOptions(checkpoint=checkpoint)


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
            loaded = load_engine(engine)(EngineOptions(network=network_options(checkpoint)))
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
