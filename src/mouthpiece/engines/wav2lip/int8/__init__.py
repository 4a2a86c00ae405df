"""int8 models of the generator (docs/decisions/0009-precision-by-trial.md): `make_int8`, and what it depends on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from mouthpiece.engines.wav2lip.module_process import run_module
from mouthpiece.errors import EngineError

RECIPE = 2
"""Counts up whenever other models would come out of the same versions: those kept are then made again."""
TIMEOUT_S = 300.0


def make_int8(source: Path, target: Path) -> None:
    """Write an int8 model, made in a process of its own.

    Args:
        source: a checkpoint, or an exported model of the target's kind, which needs NNCF.
        target: an .xml, or an .onnx of another.

    Raises:
        EngineError: that fails.
    """
    if run_module(f"{__name__}.quantisation", str(source), str(target), timeout_s=TIMEOUT_S) is None:
        raise EngineError(f"expected to make an int8 model of {source.name}, but that failed; use another precision")


def nncf_version() -> str | None:
    """Return NNCF's version, or None where it isn't installed; only exported models are quantised by it."""
    if find_spec("nncf") is None:
        return None
    try:
        return version("nncf")
    except PackageNotFoundError:
        return None
