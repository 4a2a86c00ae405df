"""Files of captured motion."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.motion_capture.conftest import Talk

from mouthpiece.errors import Cancelled, InputError, OptionError, OutputError, OutputExistsError
from mouthpiece.motion.basis import MOTION_POINTS
from mouthpiece.motion.blendshapes import ARKIT_NAMES
from mouthpiece.motion_capture import capture, write_capture
from mouthpiece.motion_files import find_motion


def test_npz_is_the_track(talk: Talk, tmp_path: Path) -> None:
    export = write_capture(talk.video, tmp_path / "a.npz")
    track = capture(talk.video)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["points"], MOTION_POINTS)
        for name in ("time_s", "displacement", "opening", "activity", "closed", "seen", "width", "jaw"):
            np.testing.assert_allclose(file[name], getattr(track, name), atol=1e-7, err_msg=name)
    assert (export.frames, export.seen, export.path) == (60, 60, tmp_path / "a.npz")
    assert export.seconds == pytest.approx(2.4, abs=0.01)
    assert export.warnings == ()


def test_csv_has_arkits_names_and_says_the_same(talk: Talk, tmp_path: Path) -> None:
    write_capture(talk.video, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["time_s", *ARKIT_NAMES]
    assert np.array(rows, dtype=float).shape == (60, 53)
    table, track = find_motion(tmp_path / "a.csv"), capture(talk.video)
    assert table is not None
    assert np.corrcoef(table.opening, track.opening)[0, 1] > 0.97


def test_nothing_is_left_of_what_fails(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "old.npz").write_bytes(b"kept")
    with pytest.raises(OutputExistsError):
        write_capture(talk.video, tmp_path / "old.npz")
    with pytest.raises(OptionError, match=r"expected OUT to end with \.npz, \.csv"):
        write_capture(talk.video, tmp_path / "a.json")
    with pytest.raises(OutputError, match="found none"):
        write_capture(talk.video, tmp_path / "no" / "a.npz")
    with pytest.raises(Cancelled):
        write_capture(talk.video, tmp_path / "a.npz", cancelled=lambda: True)
    with pytest.raises(InputError):
        write_capture(tmp_path / "old.npz", tmp_path / "a.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["old.npz"]
    assert (tmp_path / "old.npz").read_bytes() == b"kept"
