"""What `probe` and `engines` found, as lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mouthpiece.apps.console import as_json
from mouthpiece.types import EngineInfo


def engine_lines(infos: Sequence[EngineInfo]) -> list[str]:
    """A paragraph for each engine."""
    lines: list[str] = []
    for info in infos:
        lines += [
            f"{info.name}{'' if info.ready else ' (not ready)'}: {info.summary}",
            f"    look-ahead  {info.look_ahead_s * 1000:.0f} ms",
            f"    licence     {info.licence}",
            f"    device      {info.device}",
            f"    weights     {info.weights}",
        ]
    return lines


def probe_lines(file: Path, report: object) -> list[str]:
    """The file's name, then everything in the report, indented as it is nested."""
    return [str(file), *_indented(as_json(report), 1)]


def _indented(value: Any, depth: int) -> list[str]:
    """Objects line by line; short lists of plain values on one line."""
    pad = "    " * depth
    lines: list[str] = []
    named = value.items() if isinstance(value, Mapping) else ((f"{n}", item) for n, item in enumerate(value, 1))
    for name, item in named:
        label = f"{pad}{str(name).replace('_', ' ')}"
        if isinstance(item, Mapping) or (isinstance(item, list) and any(isinstance(i, dict | list) for i in item)):
            lines += [label, *_indented(item, depth + 1)]
        else:
            lines.append(f"{label}: {_plain(item)}")
    return lines


def _plain(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return "none" if value is None else str(value)
