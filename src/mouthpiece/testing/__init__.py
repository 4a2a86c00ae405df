"""What engines of any package are tested with: `mouthpiece.testing.engine_contract` (extra `testing`)."""

import contextlib

SUITE = tuple(
    f"mouthpiece.testing.{name}"
    for name in ("bench", "call_tests", "essential_tests", "option_tests", "picture_tests", "speech_tests")
)
"""Modules whose asserts pytest explains."""

with contextlib.suppress(ImportError):  # engine_contract names the cure
    import pytest

    pytest.register_assert_rewrite(*SUITE)
