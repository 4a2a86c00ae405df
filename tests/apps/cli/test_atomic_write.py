"""Tables and reports are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mouthpiece.apps.cli.atomic_write import write_text
from mouthpiece.errors import OutputError


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "table.md"
    write_text(out, "فم\n")
    assert out.read_bytes().decode("utf-8") == "فم\n"
    with pytest.raises(UnicodeEncodeError):
        write_text(out, "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["table.md"]
    assert out.read_text("utf-8") == "فم\n", "what was there stays"


def test_a_place_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"can't be written.*give another place"):
        write_text(tmp_path / "nowhere" / "table.md", "x")
