"""The suite for an engine that is named on the command line; `engine_contract.main` runs it."""

from __future__ import annotations

import pytest

from mouthpiece.options import EngineOptions
from mouthpiece.testing.engine_contract import EngineContract, EngineEssentials


class _Named:
    @pytest.fixture
    def engine_options(self, installed_engine: EngineOptions) -> EngineOptions:
        """Return the engine that the command named."""
        return installed_engine


class TestContract(_Named, EngineContract):
    """All tests."""


class TestEssentials(_Named, EngineEssentials):
    """Those that matter most."""
