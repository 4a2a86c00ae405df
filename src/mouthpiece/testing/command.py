"""The contract suite as a command: `python -m mouthpiece.testing.engine_contract NAME`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mouthpiece.engines.registry import load_engine
from mouthpiece.errors import MouthpieceError, OptionError
from mouthpiece.options import EngineOptions
from mouthpiece.testing import SUITE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the contract suite for an installed engine; arguments that it doesn't know go to pytest.

    Args:
        arguments: without the program's name; the process's own by default.

    Returns:
        pytest's exit code; 1 where there is no such engine, 2 where an option makes no sense.
    """
    parser = argparse.ArgumentParser("python -m mouthpiece.testing.engine_contract", description=main.__doc__)
    parser.add_argument("engine", help="name of the engine; see: mouthpiece engines")
    parser.add_argument("--engine-option", action="append", default=[], metavar="NAME=VALUE", help="one of its own")
    parser.add_argument("--essentials", action="store_true", help="only the few tests that matter most")
    given, for_pytest = parser.parse_known_args(arguments)
    pairs = [pair.partition("=") for pair in given.engine_option]
    if any(not (name and equals) for name, equals, _ in pairs):
        parser.error("--engine-option expects NAME=VALUE")
    options = EngineOptions(given.engine, own={name.replace("-", "_"): text for name, _, text in pairs})
    try:
        load_engine(options.name).own_options(options)
    except MouthpieceError as error:
        print(f"mouthpiece: {error}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, OptionError) else 1
    kind = "TestEssentials" if given.essentials else "TestContract"
    test = f"{Path(__file__).with_name('installed_engine.py')}::{kind}"
    flags = ["-p", "no:cacheprovider", "-o", "addopts=", "--rootdir", str(Path(__file__).parent)]
    return int(pytest.main([test, *flags, *for_pytest], plugins=[_Installed(options)]))


class _Installed:
    """A plugin of pytest that hands the chosen engine to the suite."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def pytest_configure(self) -> None:
        """Have pytest explain the suite's asserts."""
        pytest.register_assert_rewrite(*SUITE)

    @pytest.fixture
    def installed_engine(self) -> EngineOptions:
        """Return the engine that was named, with its options."""
        return self._options
