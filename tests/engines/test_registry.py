"""Engines come in by entry points; a bad one must not spoil the others."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from mouthpiece.engines import registry
from mouthpiece.engines.base import EngineOptions
from mouthpiece.engines.fake import FakeEngine
from mouthpiece.errors import EngineError
from mouthpiece.types import EngineInfo

Register = Callable[..., None]


class StrangersEngine(FakeEngine):
    """An engine of another package."""


class SpeechlessEngine(FakeEngine):
    """An engine that can't even describe itself."""

    @classmethod
    def describe(cls, options: EngineOptions, *, live: bool = False) -> EngineInfo:
        """Fail."""
        raise RuntimeError("no\nwords")


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Register strangers' engines by name, in place of those of installed packages."""
    module = ModuleType("strangers_package")
    module.__dict__.update(Engine=StrangersEngine, Speechless=SpeechlessEngine, number=3)
    monkeypatch.setitem(sys.modules, "strangers_package", module)

    def put(**places: str) -> None:
        doors = [EntryPoint(name, place, registry.GROUP) for name, place in places.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: doors if group == registry.GROUP else [])

    return put


def test_the_built_in_table_is_that_of_the_package(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())["project"]
    assert {door.name: door.value for door in registry._BUILT_IN} == project["entry-points"][registry.GROUP]


def test_built_in_engines_are_there_without_metadata(register: Register) -> None:
    register()
    assert registry.engine_names() == ["mesh", "wav2lip", "fake"]
    assert registry.load_engine("fake") is FakeEngine


def test_a_strangers_engine_comes_in_by_the_same_door(register: Register) -> None:
    register(zebra="strangers_package:Engine", ant="strangers_package:Engine")
    assert registry.engine_names() == ["mesh", "wav2lip", "fake", "ant", "zebra"]
    assert registry.load_engine("zebra") is StrangersEngine


def test_a_built_in_name_is_taken(register: Register) -> None:
    register(fake="strangers_package:Engine")
    assert registry.load_engine("fake") is FakeEngine


def test_an_unknown_name_lists_the_known_ones(register: Register) -> None:
    register(zebra="strangers_package:Engine")
    with pytest.raises(EngineError, match=r"^expected one of the engines mesh, wav2lip, fake, zebra; got 'mash'$"):
        registry.load_engine("mash")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("no_such_package:Engine", "can't be imported: ModuleNotFoundError: .*no_such_package"),
        ("strangers_package:Missing", "can't be imported: AttributeError"),
        ("strangers_package:number", "expected a subclass of .*Engine at strangers_package:number, found 3"),
        ("strangers_package", "expected a subclass"),
    ],
)
def test_an_engine_that_does_not_load_says_why(register: Register, place: str, reason: str) -> None:
    register(broken=place)
    with pytest.raises(EngineError, match=rf"engine 'broken'.*{reason}"):
        registry.load_engine("broken")


def test_a_broken_engine_does_not_hide_the_others(register: Register) -> None:
    register(broken="no_such_package:Engine", speechless="strangers_package:Speechless")
    infos = {info.name: info for info in registry.describe_all(EngineOptions(device="GPU"))}
    assert infos["fake"].ready
    assert not infos["broken"].ready
    assert "no_such_package" in infos["broken"].weights
    assert infos["broken"].device == "GPU"
    assert not infos["speechless"].ready
    assert "RuntimeError" in infos["speechless"].weights
