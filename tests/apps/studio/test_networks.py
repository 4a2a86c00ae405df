"""Networks kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from mouthpiece.apps.studio import networks
from mouthpiece.apps.studio.networks import LoadedNetworks
from mouthpiece.errors import EngineError


def test_networks_are_loaded_once_and_nobody_waits_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    begun, let_go = threading.Event(), threading.Event()

    def load(name: str) -> Callable[..., object]:
        def engine(_: object) -> object:
            loads.append(name)
            if name == "slow":
                begun.set()
                let_go.wait(5)
            return object()

        if name == "no-such":
            raise EngineError("unknown")
        return engine

    monkeypatch.setattr(networks, "load_engine", load)
    monkeypatch.setattr(networks, "FaceTracker", object)
    loaded_networks = LoadedNetworks()
    loaded_networks.load("no-such")  # its job will tell
    loaded_networks.load("mesh")
    slow = threading.Thread(target=loaded_networks.load, args=("slow",))
    slow.start()
    assert begun.wait(5)
    loaded_networks.load("mesh")
    let_go.set()
    slow.join()
    loaded_networks.load("slow")
    assert loads == ["mesh", "slow"]
    for name in ("a", "b", "mesh"):
        loaded_networks.load(name)
    assert loads[2:] == ["a", "b", "mesh"], "the longest unused goes"
