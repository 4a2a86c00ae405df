"""The catalogue of published checkpoints, which any package can add to.

A package declares a tuple of `Checkpoint` by

    [project.entry-points."mouthpiece.checkpoints"]
    name = "its.module:CHECKPOINTS"

and `mouthpiece weights`, `doctor` and the page have them; `Engine.checkpoints` names those that an engine runs. The
module should load quickly: it is imported whenever checkpoints are listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from mouthpiece.errors import WeightsError

GROUP = "mouthpiece.checkpoints"
"""The entry point group."""
SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
"""Suffixes of state dicts, which may take one another's place."""

_BUILT_IN = "mouthpiece.networks.published_weights:CHECKPOINTS"
"""As in pyproject.toml: a source tree that was never installed has no metadata to read it from."""
_FILE_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One file of published weights."""

    name: str
    """For users: letters, digits, dots, dashes and underscores."""
    title: str
    """One line for people."""
    file_name: str
    """As published; no folder in it."""
    licence: str
    """Terms of use, one line; shown once before the file is fetched."""
    sources: tuple[str, ...] = ()
    """URLs to be tried in this order; empty where none is known."""
    size: int | None = None
    """Bytes, where known."""
    sha256: str | None = None
    """64 lower-case hex digits, where known; else the hash of the first file that came is remembered."""
    project_page: str | None = None
    """URL of the project that published it."""
    network: str = ""
    """The network in it, as `recognise` names it."""
    recognise: Callable[[Path], str] | None = None
    """Function from a file to the name of the network in it, which raises WeightsError where it holds none; one and the
    same for all checkpoints of a family. None: files are not looked into, and users say which checkpoint they add."""

    def __post_init__(self) -> None:
        """Check what names files on this machine.

        Raises:
            WeightsError: a name or the hash makes no sense.
        """
        if not _FILE_NAME.fullmatch(self.name) or not _FILE_NAME.fullmatch(self.file_name):
            raise WeightsError(f"a checkpoint expects plain names, got {self.name!r} in the file {self.file_name!r}")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise WeightsError(f"the checkpoint {self.name} expects 64 lower-case hex digits, got {self.sha256!r}")

    @property
    def fetchable(self) -> bool:
        """Whether a source is known."""
        return bool(self.sources)

    @property
    def file_names(self) -> tuple[str, ...]:
        """Names that its file may have in the cache: a state dict may come in another format than published."""
        published = Path(self.file_name)
        others = SUFFIXES if published.suffix in SUFFIXES else (published.suffix,)
        return tuple(published.with_suffix(suffix).name for suffix in others)


@lru_cache(maxsize=1)
def _load_all() -> tuple[Mapping[str, Checkpoint], tuple[str, ...]]:
    """Load all entry points, the built-in one first; return checkpoints by name, and a line for each broken one."""
    from importlib.metadata import EntryPoint, entry_points  # slow to load

    found: dict[str, Checkpoint] = {}
    broken: list[str] = []
    others = sorted((entry for entry in entry_points(group=GROUP) if entry.value != _BUILT_IN), key=lambda e: e.name)
    for entry in (EntryPoint("mouthpiece", _BUILT_IN, GROUP), *others):
        try:
            for checkpoint in entry.load():
                if not isinstance(checkpoint, Checkpoint):
                    raise TypeError(f"expected Checkpoint, found {checkpoint!r}")
                found.setdefault(checkpoint.name, checkpoint)
        except Exception as error:  # whatever a stranger's module does on import
            broken.append(f"checkpoints {entry.name!r} ({entry.value}) can't be loaded: {error}")
    return MappingProxyType(found), tuple(broken)


def known_checkpoints() -> Mapping[str, Checkpoint]:
    """Return all checkpoints by name, the built-in ones first. Their names can't be taken by another package's."""
    return _load_all()[0]


def broken_entries() -> tuple[str, ...]:
    """Describe the entry points that can't be loaded, one line each; they hide no others."""
    return _load_all()[1]


def checkpoint_named(name: str) -> Checkpoint:
    """Return the checkpoint of that name.

    Raises:
        WeightsError: there is none; the text lists the known ones.
    """
    known = known_checkpoints()
    if name not in known:
        raise WeightsError(f"no weights are called {name!r}; known are: {', '.join(known)}")
    return known[name]


def how_to_get(checkpoint: Checkpoint) -> str:
    """Describe how a user gets a checkpoint: an imperative without a full stop."""
    by_hand = f"a {checkpoint.file_name} that you got elsewhere goes in by 'mouthpiece weights add FILE'"
    if checkpoint.fetchable:
        return f"fetch it with 'mouthpiece weights fetch {checkpoint.name}'; {by_hand}"
    page = f": see {checkpoint.project_page}" if checkpoint.project_page else ""
    return f"nothing is known to serve it{page}; {by_hand}"
