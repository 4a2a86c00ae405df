"""How every benchmark says what it measured: one table, and beneath it what it was measured with."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("av", "numpy", "opencv-python-headless", "openvino")

Cell = str | int | float | bool | None
"""Texts stand left and everything else right; floats are rounded to three figures, None is left out."""


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], notes: Sequence[str] = ()) -> None:
    """Print a title, the table, its notes and the provenance.

    Args:
        title: one line.
        columns: the table's head.
        rows: as many cells each as there are columns.
        notes: definitions and reservations, a line each.
    """
    print(f"{title}\n")
    print(_formatted(columns, rows))
    print()
    for line in (*notes, *provenance()):
        print(line)


def _formatted(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    texts = [list(columns), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]
    left = [any(isinstance(row[i], str) for row in rows) for i in range(len(columns))]
    texts.insert(1, ["-" * width for width in widths])
    lines = (
        "  ".join(t.ljust(w) if is_left else t.rjust(w) for t, w, is_left in zip(row, widths, left, strict=True))
        for row in texts
    )
    return "\n".join(line.rstrip() for line in lines)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.3f}"
    return str(cell)


def provenance() -> tuple[str, ...]:
    """Commit, machine and versions, a line each."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    changed = "" if _source_state() == _STATE_AT_START else "; THE PACKAGE'S FILES CHANGED WHILE THIS RAN"
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return (
        f"commit {_COMMIT_AT_START}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC{changed}",
        f"CPU {cpu_name()}, {os.cpu_count()} cores; load average over 1, 5, 15 minutes at the end: {load}",
        f"Python {platform.python_version()}, {versions}",
    )


def commit() -> str:
    """The commit measured; `+` where the package's files differ from it."""
    try:
        name = _git("rev-parse", "--short=10", "HEAD")
        return f"{name}+" if _git("status", "--porcelain", "--", "src") else name
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _source_state() -> tuple[tuple[str, int], ...]:
    """When each of the package's files was last written."""
    files = sorted(p for p in (_ROOT / "src").rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return tuple((str(path), path.stat().st_mtime_ns) for path in files)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


# Others may work in the same checkout: what is measured is what was there when the benchmark started, or it is said.
_COMMIT_AT_START = commit()
_STATE_AT_START = _source_state()
