"""Motion as .npz: NumPy reads what is written, and what others wrote is read without trust."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import MOTION_POINTS
from mouthpiece.motion_files import find_motion, write_track
from mouthpiece.motion_files.arrays import MOST_BYTES
from mouthpiece.types import MotionTrack


@pytest.fixture
def arrays(babble: MotionTrack) -> dict[str, Any]:
    """What a file of it holds."""
    return {
        "time_s": babble.time_s,
        "displacement": babble.displacement,
        "points": MOTION_POINTS.astype(np.int32),
        "opening": babble.opening,
        "fps": 25.0,
    }


def found(path: Path) -> MotionTrack:
    track = find_motion(path)
    assert track is not None
    return track


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        find_motion(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def saved(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **arrays)
    return path


def claiming(path: Path, arrays: dict[str, Any], name: str, header: bytes, content: bytes = b"") -> Path:
    """An archive in which one array has a header of ours."""
    with zipfile.ZipFile(path, "w") as archive:
        for array, value in arrays.items():
            data = io.BytesIO()
            np.save(data, value)
            archive.writestr(f"{array}.npy", data.getvalue() if array != name else npy(header) + content)
    return path


def npy(header: bytes) -> bytes:
    padded = header + b" " * 20 + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


def test_what_is_written_comes_back(tmp_path: Path, babble: MotionTrack) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        write_track(babble, file)
    again = found(tmp_path / "a.npz")
    for name in ("time_s", "displacement", "opening", "width", "jaw", "activity", "closed", "seen"):
        np.testing.assert_array_equal(getattr(again, name), getattr(babble, name), err_msg=name)
    assert (again.fps, again.name) == (25.0, "a.npz")


def test_numpys_own_files_are_read(tmp_path: Path, arrays: dict[str, Any], babble: MotionTrack) -> None:
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    np.testing.assert_array_equal(found(tmp_path / "a.npz").displacement, babble.displacement)


def test_three_arrays_are_enough(tmp_path: Path, arrays: dict[str, Any], babble: MotionTrack) -> None:
    del arrays["opening"], arrays["fps"]
    track = found(saved(tmp_path / "a.npz", arrays))
    np.testing.assert_allclose(track.opening, babble.opening)
    assert track.fps == pytest.approx(25)


def test_the_name_of_the_file_means_nothing(tmp_path: Path, arrays: dict[str, Any]) -> None:
    saved(tmp_path / "a.npz", arrays).rename(tmp_path / "a.csv")
    assert found(tmp_path / "a.csv").fps == 25


def test_points_in_another_order_and_too_many_are_sorted_out(
    tmp_path: Path, arrays: dict[str, Any], babble: MotionTrack
) -> None:
    whole = np.zeros((50, 478, 3), dtype=np.float64)
    whole[:, MOTION_POINTS] = babble.displacement
    order = np.random.default_rng(0).permutation(478)
    track = found(saved(tmp_path / "a.npz", arrays | {"points": order, "displacement": whole[:, order]}))
    np.testing.assert_array_equal(track.displacement, babble.displacement)


def test_other_types_and_orders_of_numbers_are_read(
    tmp_path: Path, arrays: dict[str, Any], babble: MotionTrack
) -> None:
    swapped = np.asfortranarray(babble.displacement.astype(">f8"))
    track = found(saved(tmp_path / "a.npz", arrays | {"displacement": swapped, "points": MOTION_POINTS.astype(">u2")}))
    np.testing.assert_array_equal(track.displacement, babble.displacement)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"displacement": np.zeros((50, 3), np.float32)}, "expected displacement of shape"),
        ({"displacement": np.zeros((49, len(MOTION_POINTS), 3), np.float32)}, "expected displacement of shape"),
        ({"displacement": np.full((50, len(MOTION_POINTS), 3), np.nan, np.float32)}, "expected finite numbers"),
        ({"displacement": np.full((50, len(MOTION_POINTS), 3), 1e300)}, "expected finite numbers"),
        ({"displacement": np.full((50, len(MOTION_POINTS), 3), 30.0)}, "in outer eye distances"),
        ({"displacement": np.zeros((50, len(MOTION_POINTS), 3), np.complex64)}, "expected numbers as displacement"),
        ({"time_s": np.arange(50)[::-1] / 25}, "expected times from 0 on that go on"),
        ({"time_s": np.arange(50) / 25 - 1}, "expected times from 0 on that go on"),
        ({"time_s": np.full(50, np.inf)}, "expected finite numbers as time_s"),
        ({"time_s": np.array(["a"] * 50)}, "expected numbers as time_s"),
        ({"time_s": np.zeros(0)}, "expected two frames and more"),
        ({"points": MOTION_POINTS + 1}, "it lacks"),
        ({"points": np.zeros(len(MOTION_POINTS), int)}, "it lacks"),
        ({"opening": np.zeros(3)}, "expected opening of shape"),
        ({"opening": np.full(50, np.nan)}, "expected finite numbers as opening"),
        ({"activity": np.full(50, 1.5)}, "expected activity from 0 to 1"),
        ({"closed": np.full(50, -0.5)}, "expected closed from 0 to 1"),
        ({"fps": 0.0}, "expected 1 to 1000 frames a second"),
        ({"fps": np.array([25, 25])}, "expected fps of shape"),
        ({"version": 9}, "is of version 9"),
        ({"version": np.inf}, "can't be read"),
        ({"seen": np.array([None] * 50)}, "pickled Python objects, which are not read"),
        ({"displacement": np.array([{}] * 50)}, "pickled Python objects, which are not read"),
    ],
)
def test_arrays_that_are_no_motion_are_refused(
    tmp_path: Path, arrays: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    assert message in refused(saved(tmp_path / "a.npz", arrays | changes))


@pytest.mark.parametrize("name", ["time_s", "displacement", "points"])
def test_missing_arrays_are_named(tmp_path: Path, arrays: dict[str, Any], name: str) -> None:
    del arrays[name]
    assert f"expected an array {name} in a.npz, found" in refused(saved(tmp_path / "a.npz", arrays))


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (50, 300000000, 3)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (5000000000,)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"9" * 400 + b",)}",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (50,)}",
        b"{'descr': '<f8'}",
        b"((((((((((",
    ],
)
def test_headers_that_lie_are_refused_before_memory_is_taken(
    tmp_path: Path, arrays: dict[str, Any], header: bytes
) -> None:
    refused(claiming(tmp_path / "a.npz", arrays, "time_s", header, bytes(400)))


def test_an_archive_that_claims_ten_gigabytes_is_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = saved(tmp_path / "a.npz", arrays)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02", data.rindex(b"displacement.npy") - 60)
    data[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")  # uncompressed size, in the archive's directory
    path.write_bytes(data)
    assert f"expected at most {MOST_BYTES >> 20} MiB of displacement in a.npz, it claims 4095" in refused(path)


def test_damaged_archives_are_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez_compressed(tmp_path / "whole.npz", **arrays)
    whole = (tmp_path / "whole.npz").read_bytes()
    for name, content in {
        "cut.npz": whole[: len(whole) // 2],
        "start.npz": whole[:10],
        "noise.npz": whole[:2000] + bytes(500) + whole[2500:],
    }.items():
        (tmp_path / name).write_bytes(content)
        assert "can't be read" in refused(tmp_path / name)


def test_other_packing_is_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        for name, value in arrays.items():
            data = io.BytesIO()
            np.save(data, value)
            archive.writestr(f"{name}.npy", data.getvalue())
    assert "it is packed otherwise" in refused(tmp_path / "a.npz")
