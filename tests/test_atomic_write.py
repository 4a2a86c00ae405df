"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mouthpiece.atomic_write import atomic_write, write_text
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


def test_the_hidden_file_lies_beside_and_has_usual_permissions(tmp_path: Path) -> None:
    plain, out = tmp_path / "plain", tmp_path / "out.npz"
    plain.touch()
    with atomic_write(out) as hidden, atomic_write(out) as other:
        assert hidden.parent == tmp_path and hidden.name.startswith(".out.npz.") and hidden.suffix == ".npz"
        assert hidden != other and not hidden.exists() and not out.exists()
        hidden.write_bytes(b"first")
        other.write_bytes(b"second")
    assert out.read_bytes() == b"first", "the outer block ends last"
    assert out.stat().st_mode == plain.stat().st_mode
    with pytest.raises(RuntimeError), atomic_write(out) as hidden:
        hidden.write_bytes(b"half")
        raise RuntimeError
    assert out.read_bytes() == b"first" and sorted(path.name for path in tmp_path.iterdir()) == ["out.npz", "plain"]
