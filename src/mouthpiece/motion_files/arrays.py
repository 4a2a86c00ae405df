"""Motion as NumPy's .npz: written as a stream, read without trust.

    time_s        (T,) float64          seconds, ascending; 0 is where the speech begins
    displacement  (T, P, 3) float32     of the mesh points from the closed, resting mouth
    points        (P,) int32            the face mesh's numbers of these points, ascending
    opening       (T,) float32          distance of the inner lips
    width         (T,) float32          how much farther apart than at rest the corners are
    jaw           (T,) float32          how much lower than at rest the chin is
    activity      (T,) float32          0-1: how surely somebody speaks
    closed        (T,) float32          0-1: how far the lips are held together
    seen          (T,) bool             whether the frame was measured; the others were filled
    fps           () float64            frames a second
    version       () int32              VERSION

Lengths are in outer eye distances. `time_s`, `displacement` and `points` are needed, the others are read where they are
there.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import MOTION_POINTS, width_of
from mouthpiece.motion.motion_track import jaw_of, make_track
from mouthpiece.types import FloatArray, Motion, MotionTrack

VERSION = 1
MAGIC = b"PK\x03\x04"
"""Beginning of a zip archive, which an .npz is."""
MOST_BYTES = 1 << 30
"""Of an array: two hours and more at 50 frames a second."""
FPS = (1, 1000)
"""Least and most frames a second."""
MOST_REACH = 1.0
"""No point of a face moves further, outer eye distances."""
IN_MEMORY_BYTES = 1 << 20
"""Of each array, while it is written: what is more waits on disk until the number of frames is known."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of the arrays in the archive: the same motion gives the same bytes."""


class MotionWriter:
    """A writer of motion, frame by frame, with bounded memory. A context manager; `finish` writes the archive."""

    def __init__(self, file: object, fps: float) -> None:
        """Begin with no frames.

        Args:
            file: where the archive goes in the end: it can write, seek and tell.
            fps: frames a second.
        """
        self._file = cast(BinaryIO, file)
        self._fps = fps
        self.frames = 0
        """Frames written."""
        self._columns = {
            "time_s": _Column("<f8"),
            "displacement": _Column("<f4", (len(MOTION_POINTS), 3)),
            **{name: _Column("<f4") for name in ("opening", "width", "jaw", "activity", "closed")},
            "seen": _Column("|b1"),
        }

    def __enter__(self) -> MotionWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release temporary files."""
        for column in self._columns.values():
            column.close()

    def write(self, time_s: float, motion: Motion, *, seen: bool = True) -> None:
        """Take the next frame."""
        values: dict[str, Any] = {
            "time_s": time_s,
            "displacement": motion.displacement,
            "opening": motion.opening,
            "width": width_of(motion.displacement),
            "jaw": jaw_of(motion.displacement),
            "activity": motion.activity,
            "closed": motion.closed,
            "seen": seen,
        }
        for name, column in self._columns.items():
            column.append(values[name])
        self.frames += 1

    def finish(self) -> None:
        """Write the archive."""
        with zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, column in self._columns.items():
                with _entry(archive, name) as entry:
                    column.copy_to(entry, self.frames)
            whole: dict[str, NDArray[Any]] = {
                "points": MOTION_POINTS.astype(np.int32),
                "fps": np.array(self._fps, dtype=np.float64),
                "version": np.array(VERSION, dtype=np.int32),
            }
            for name, array in whole.items():
                with _entry(archive, name) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)


def write_track(track: MotionTrack, file: object) -> None:
    """Write a track as an .npz.

    Args:
        track: the motion.
        file: can write, seek and tell.
    """
    with MotionWriter(file, track.fps) as writer:
        for frame, time_s in enumerate(track.time_s.tolist()):
            motion = Motion(
                track.displacement[frame],
                float(track.opening[frame]),
                float(track.activity[frame]),
                float(track.closed[frame]),
            )
            writer.write(time_s, motion, seen=bool(track.seen[frame]))
        writer.finish()


class _Column:
    """One array while it grows along its first axis."""

    def __init__(self, dtype: str, shape: tuple[int, ...] = ()) -> None:
        self._dtype = np.dtype(dtype)
        self._shape = shape
        self._rows = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed with the writer

    def append(self, value: ArrayLike) -> None:
        """Take the next row."""
        self._rows.write(np.asarray(value, dtype=self._dtype).tobytes())

    def copy_to(self, entry: IO[bytes], length: int) -> None:
        """Write all rows as an .npy."""
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (length, *self._shape)}
        np.lib.format.write_array_header_1_0(entry, header)
        self._rows.seek(0)
        shutil.copyfileobj(self._rows, entry, 1 << 20)

    def close(self) -> None:
        """Release the file."""
        self._rows.close()


def _entry(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open an array of the archive for writing."""
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return archive.open(info, "w", force_zip64=True)


# Reading. -------------------------------------------------------------------------------------------------------------


def read_arrays(path: Path) -> MotionTrack:
    """Read motion from an .npz.

    Raises:
        InputError: it isn't one, or its arrays are no motion of a mouth.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _Arrays(archive, path.name)
            return _track(arrays, path.name)
    except (OSError, EOFError, ValueError, RuntimeError, OverflowError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"expected motion as .npz, {path.name} can't be read ({reason}); make it again") from error


class _Arrays:
    """Arrays of an archive, each checked before anything of its size is allocated."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive = archive
        self._name = name
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}

    def has(self, array: str) -> bool:
        """Return whether an array is there."""
        return array in self._entries

    def read(self, array: str, *, like: tuple[int | None, ...]) -> NDArray[Any]:
        """Read an array of numbers.

        Args:
            array: its name.
            like: its shape, None where any length will do.

        Raises:
            InputError: it is missing, too large, of another shape, or holds something else than numbers.
        """
        if array not in self._entries:
            raise InputError(f"expected an array {array} in {self._name}, found {_listed(self._entries)}")
        entry = self._entries[array]
        if entry.file_size > MOST_BYTES:
            raise InputError(
                f"expected at most {MOST_BYTES >> 20} MiB of {array} in {self._name}, it claims "
                f"{entry.file_size >> 20}; use fewer frames a second, or parts"
            )
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"expected {array} in {self._name} as NumPy packs it, it is packed otherwise")
        with self._archive.open(entry) as data:
            shape, fortran, dtype = _header(data)
            if dtype.hasobject or dtype.kind not in "biuf":
                raise InputError(f"expected numbers as {array} in {self._name}, found {_kind(dtype)}")
            if len(shape) != len(like) or any(
                have < 0 or want not in (None, have) for have, want in zip(shape, like, strict=True)
            ):
                raise InputError(f"expected {array} of shape {_shape(like)} in {self._name}, found {_shape(shape)}")
            size = dtype.itemsize * math.prod(shape)
            if size > MOST_BYTES or size > entry.file_size:
                raise InputError(f"expected all of {array} in {self._name}, it claims {size} bytes and has fewer")
            content = data.read(size)
        if len(content) < size:
            raise InputError(f"expected all of {array} in {self._name}, it ends early")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")

    def numbers(self, array: str, *, like: tuple[int | None, ...], dtype: type[np.floating[Any]]) -> NDArray[Any]:
        """Read an array of finite numbers.

        Raises:
            InputError: as of `read`, or one of them isn't finite.
        """
        with np.errstate(over="ignore"):
            values = self.read(array, like=like).astype(dtype)
        if not np.isfinite(values).all():
            raise InputError(f"expected finite numbers as {array} in {self._name}, some are not")
        return values


def _track(arrays: _Arrays, name: str) -> MotionTrack:
    """Make a track of arrays."""
    if arrays.has("version") and (version := int(arrays.read("version", like=()))) > VERSION:
        raise InputError(f"{name} is of version {version}, this mouthpiece reads up to {VERSION}; get a newer one")
    time_s = arrays.numbers("time_s", like=(None,), dtype=np.float64)
    check_times(time_s, name)
    points = arrays.read("points", like=(None,))
    rows = _rows(points, name)
    displacement = arrays.numbers("displacement", like=(len(time_s), len(points), 3), dtype=np.float32)
    displacement = np.ascontiguousarray(displacement[:, rows]) if rows is not None else displacement
    if float(np.abs(displacement).max(initial=0)) > MOST_REACH:
        raise InputError(f"expected displacement in outer eye distances in {name}, some are beyond {MOST_REACH:g}")
    frames = (len(time_s),)
    known: dict[str, FloatArray | None] = {
        array: arrays.numbers(array, like=frames, dtype=np.float32) if arrays.has(array) else None
        for array in ("opening", "activity", "closed")
    }
    for share in ("activity", "closed"):
        if (values := known[share]) is not None and (values.min() < 0 or values.max() > 1):
            raise InputError(
                f"expected {share} from 0 to 1 in {name}, it goes from {values.min():g} to {values.max():g}"
            )
    given = float(arrays.numbers("fps", like=(), dtype=np.float64)) if arrays.has("fps") else None
    fps = checked_fps(time_s, name, given)
    seen = arrays.read("seen", like=frames).astype(bool) if arrays.has("seen") else None
    return make_track(time_s, displacement, fps=fps, **known, seen=seen, name=name)


def check_times(time_s: NDArray[np.float64], name: str) -> None:
    """Check that times are those of at least two frames, one after the other.

    Raises:
        InputError: they aren't.
    """
    if len(time_s) < 2:
        raise InputError(f"expected two frames and more in {name}, found {len(time_s)}")
    back = np.flatnonzero(np.diff(time_s) <= 0)
    if time_s[0] < 0 or len(back):
        at = int(back[0]) + 1 if len(back) else 0
        raise InputError(
            f"expected times from 0 on that go on in {name}, frame {at + 1} is at {time_s[at]:g} s"
            + (f" after {time_s[at - 1]:g} s" if at else "")
        )


def checked_fps(time_s: NDArray[np.float64], name: str, given: float | None = None) -> float:
    """Return the frames a second that a file gives, else those of its times, by the median of their steps.

    Raises:
        InputError: no motion has so few or so many.
    """
    fps = 1 / max(float(np.median(np.diff(time_s))), 1e-9) if given is None else given
    if not FPS[0] <= fps <= FPS[1]:
        raise InputError(f"expected {FPS[0]} to {FPS[1]} frames a second in {name}, got {fps:g}")
    return fps


def _rows(points: NDArray[Any], name: str) -> NDArray[np.intp] | None:
    """Return where MOTION_POINTS are among the mesh points of a file; None where it has just these."""
    if np.array_equal(points, MOTION_POINTS):
        return None
    order = np.argsort(points, kind="stable")
    rows = order[np.minimum(np.searchsorted(points, MOTION_POINTS, sorter=order), max(len(points) - 1, 0))]
    if not len(points) or not np.array_equal(points[rows], MOTION_POINTS):
        lacking = sorted(set(MOTION_POINTS.tolist()) - set(points.tolist()))
        raise InputError(
            f"expected the {len(MOTION_POINTS)} mesh points around the mouth in {name}, it lacks {len(lacking)} of "
            f"them ({', '.join(map(str, lacking[:5]))} ...); make it with mouthpiece visemes or capture"
        )
    return np.asarray(rows, dtype=np.intp)


def _header(data: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read an array's shape, order and type.

    Raises:
        ValueError: the header is damaged.
    """
    version = np.lib.format.read_magic(data)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(data)
    except (SyntaxError, TypeError, TokenError) as error:  # headers are Python texts, and some damage NumPy lets pass
        raise ValueError("an array's header is damaged") from error
    return shape, fortran, dtype


def _kind(dtype: np.dtype[Any]) -> str:
    return "pickled Python objects, which are not read" if dtype.hasobject else f"{dtype}"


def _shape(shape: Iterable[int | None]) -> str:
    return f"({', '.join('any' if length is None else str(length) for length in shape)})"


def _listed(entries: Iterable[str]) -> str:
    """Name a few arrays."""
    names = [repr(name) for name in entries]
    return ", ".join(names[:6]) + (" ..." if len(names) > 6 else "") if names else "none"
