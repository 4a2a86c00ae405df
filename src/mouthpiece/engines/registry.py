"""Which engines there are. Built-in ones and a stranger's come in by the same door: entry points.

A package adds an engine with

    [project.entry-points."mouthpiece.engines"]
    name = "its.module:ItsEngine"

The names of the built-in engines are taken: a package can't put its own engine under them.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from mouthpiece.engines.base import Engine
from mouthpiece.errors import EngineError
from mouthpiece.options import EngineOptions
from mouthpiece.types import EngineInfo

GROUP = "mouthpiece.engines"
"""The entry point group."""

# The same lines as in pyproject.toml: a source tree that was never installed has no metadata to read them from.
_BUILT_IN = (
    EntryPoint("mesh", "mouthpiece.engines.mesh:MeshEngine", GROUP),
    EntryPoint("wav2lip", "mouthpiece.engines.wav2lip.engine:Wav2LipEngine", GROUP),
    EntryPoint("fake", "mouthpiece.engines.fake:FakeEngine", GROUP),
)


def _doors() -> dict[str, EntryPoint]:
    """Entry points by engine name: built-in ones first, then strangers' by name."""
    doors = {door.name: door for door in _BUILT_IN}
    for door in sorted(entry_points(group=GROUP), key=lambda door: door.name):
        doors.setdefault(door.name, door)
    return doors


def engine_names() -> list[str]:
    """Return the names of all engines, the built-in ones first."""
    return list(_doors())


def load_engine(name: str) -> type[Engine]:
    """Load the class of an engine.

    Raises:
        EngineError: nobody registered that name, or what was registered can't be imported or is no engine.
    """
    doors = _doors()
    if name not in doors:
        raise EngineError(f"expected one of the engines {', '.join(doors)}; got {name!r}")
    door = doors[name]
    try:
        found = door.load()
    except Exception as error:  # whatever a stranger's module does on import
        raise EngineError(
            f"engine {name!r} ({door.value}) can't be imported: {type(error).__name__}: {error}; "
            "reinstall or remove the package that brought it"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Engine)):
        raise EngineError(
            f"engine {name!r} expected a subclass of mouthpiece.engines.base.Engine at {door.value}, "
            f"found {found!r}; remove the package that brought it"
        )
    return found


def describe_all(options: EngineOptions | None = None) -> list[EngineInfo]:
    """Describe every engine; one that can't be loaded is listed as not ready, with the reason."""
    chosen = options or EngineOptions()
    return [_describe(name, chosen) for name in engine_names()]


def _describe(name: str, options: EngineOptions) -> EngineInfo:
    try:
        kind = load_engine(name)
        info = kind.describe(options)
        return replace(info, checkpoints=kind.checkpoints, options=kind.list_options())
    except Exception as error:  # a broken engine must not hide the others
        reason = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
        return EngineInfo(
            name=name,
            summary="can't be used",
            look_ahead_s=0.0,
            licence="unknown",
            device=options.device,
            weights=reason,
            ready=False,
        )
