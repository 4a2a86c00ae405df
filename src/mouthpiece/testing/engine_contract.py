"""What every engine must pass, as a suite of tests for pytest; it runs on the packaged samples alone.

In a test file of the engine's package (extra `testing`):

    from mouthpiece import EngineOptions
    from mouthpiece.testing.engine_contract import EngineContract

    class TestMyEngine(EngineContract):
        options = EngineOptions("my-engine")

or, once the engine is installed, without a file: `python -m mouthpiece.testing.engine_contract my-engine`. What it
tests are the rules of `mouthpiece.Engine` and `mouthpiece.Patch`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from mouthpiece.errors import MissingExtraError

if find_spec("pytest") is None:
    missing = MissingExtraError("the engines' contract suite", "testing")
    if __name__ == "__main__":
        sys.exit(f"mouthpiece: {missing}")
    raise missing
if __name__ == "__main__":
    from mouthpiece.testing.command import main  # the suite is imported by pytest, which rewrites its asserts

    sys.exit(main())

from mouthpiece.testing.call_tests import CallTests
from mouthpiece.testing.essential_tests import EssentialTests
from mouthpiece.testing.option_tests import OptionTests
from mouthpiece.testing.picture_tests import PictureTests
from mouthpiece.testing.speech_tests import SpeechTests

__all__ = ["EngineContract", "EngineEssentials"]


class EngineEssentials(EssentialTests):
    """The tests that matter most, for an engine whose network is slow; a stand-in for it can pass `EngineContract`.

    A subclass whose name begins with `Test` sets `options`, or overrides the fixture `engine_options`.
    """


class EngineContract(EssentialTests, OptionTests, SpeechTests, CallTests, PictureTests):
    """Every test of the contract; a subclass whose name begins with `Test` sets `options`."""
