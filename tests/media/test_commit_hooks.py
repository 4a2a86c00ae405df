"""Hooks before a video appears under its name, and names for messages."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.errors import InputError, NotMediaError, OutputError
from mouthpiece.media import Named, VideoWriter, open_face, open_speech
from mouthpiece.options import Quality


def write(out: Path, *hooks: object) -> None:
    """Write half a second of a grey picture."""
    with open_face(np.full((64, 64, 3), 90, np.uint8)) as source:
        length_s = Fraction(1, 2)
        with VideoWriter(
            out,
            source.info,
            None,
            duration_s=length_s,
            quality=Quality.DRAFT,
            before_commit=hooks,  # type: ignore[arg-type]
        ) as writer:
            for frame in source.frames(length_s):
                writer.write(frame)


def test_a_hook_sees_the_whole_file_before_it_has_its_name(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    seen: list[tuple[int, bool]] = []

    def hook(file: Path) -> None:
        seen.append((file.stat().st_size, out.exists()))
        file.write_bytes(file.read_bytes() + b"mark")

    write(out, hook)
    [(size, there)] = seen
    assert not there and out.read_bytes().endswith(b"mark") and out.stat().st_size == size + 4
    assert list(tmp_path.iterdir()) == [out]


def test_a_hook_refuses_a_file_and_nothing_is_left(tmp_path: Path) -> None:
    def hook(file: Path) -> None:
        raise OutputError("expected a signature, found none")

    with pytest.raises(OutputError, match="signature"):
        write(tmp_path / "out.mp4", hook)
    assert list(tmp_path.iterdir()) == []


def test_messages_use_the_name_that_was_handed_in(tmp_path: Path) -> None:
    stored = tmp_path / "4f2a"
    stored.write_bytes(b"no media at all, only words" * 9)
    with pytest.raises(NotMediaError, match=r"holiday\.jpg") as caught:
        open_face(Named(stored, "holiday.jpg"))
    assert "4f2a" not in str(caught.value)
    with pytest.raises(InputError, match=r"hello\.wav") as refused:
        open_speech(Named(tmp_path / "4f2b", "hello.wav"))
    assert "4f2b" not in str(refused.value)
