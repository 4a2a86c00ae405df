"""Tables of ARKit's blendshapes over time: what `mouthpiece visemes` and `capture` write, and Apple's Live Link Face.

    time_s,eyeBlinkLeft,...,jawOpen,...                       seconds; ARKit's names
    Timecode,BlendshapeCount,EyeBlinkLeft,...,JawOpen,...     HH:MM:SS:FF.fff, counted from the first row

Columns are known by their names, whatever their order; only those of mouth and jaw count (`arkit.COLUMNS`), and of
these only `jawOpen` has to be there. Rows without values, as apps write them while they see no face, are passed over:
motion goes on from the row before to the one after.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import MOTION_POINTS
from mouthpiece.motion.blendshapes import ARKIT_NAMES
from mouthpiece.motion.motion_track import make_track
from mouthpiece.motion_files.arkit import COLUMNS, mouth_motion
from mouthpiece.motion_files.arrays import MOST_BYTES, check_times, checked_fps
from mouthpiece.types import FloatArray, MotionTrack, as_float

MOST_ROWS = MOST_BYTES // (len(MOTION_POINTS) * 3 * 4)
"""As much motion as is read of arrays."""
MOST_LINE = 1 << 14
"""Characters of a line: 61 numbers have less than a tenth of it."""
VALUES = (-0.5, 2.0)
"""Coefficients are 0 to 1; apps calibrate them and go a little beyond. What is beyond this is no coefficient."""
TIMECODE_RATES = (24, 25, 30, 48, 50, 60, 120, 240)
USUAL_TIMECODE_RATE = 60
"""Live Link Face's own."""
DAY_S = 86_400
_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})[:;.](\d{1,3}(?:\.\d{1,9})?)")
_KNOWN = {name.lower(): name for names in COLUMNS.values() for name in names}
_ALL = {name.lower() for name in ARKIT_NAMES}


def read_table(path: Path) -> MotionTrack:
    """Read a table of blendshapes as motion.

    Raises:
        InputError: it isn't one, or its times or values make no sense.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(file, path.name)
    except UnicodeDecodeError as error:
        raise InputError(
            f"expected motion as .npz or a table of ARKit's blendshapes (.csv), {path.name} is neither; of a video, "
            "mouthpiece capture makes one"
        ) from error
    except (OSError, csv.Error) as error:
        raise InputError(f"expected a table of ARKit's blendshapes, {path.name} can't be read ({error})") from error


def _read(file: TextIO, name: str) -> MotionTrack:
    rows = csv.reader(_lines(file, name))
    heading = [title.strip().lower() for title in next(rows, [])]
    clock, clock_column = _clock(heading, name)
    columns = {_KNOWN[title]: index for index, title in enumerate(heading) if title in _KNOWN}
    if "jawOpen" not in columns:
        raise InputError(
            f"expected columns named as ARKit's blendshapes (jawOpen, mouthClose ...) in {name}, found "
            f"{sum(title in _ALL for title in heading)} of them and no jawOpen"
        )
    times, values = array("d"), array("f")
    for line, row in enumerate(rows, start=2):
        if len(row) <= clock_column or not any(field.strip() for field in row):
            continue
        weights = _weights(row, tuple(columns.values()), f"{name}, line {line}")
        if weights is None:
            continue
        times.append(clock(row[clock_column].strip(), f"{name}, line {line}"))
        values.extend(weights)
        if len(times) > MOST_ROWS:
            raise InputError(f"expected at most {MOST_ROWS} rows in {name}; use fewer frames a second, or parts")
    time_s, kept = _clean(np.array(times, dtype=np.float64), is_timecode=clock is _timecode)
    check_times(time_s, name)
    table = np.array(values, dtype=np.float32).reshape(-1, len(columns))[kept]
    shown = mouth_motion({title: table[:, index] for index, title in enumerate(columns)})
    return make_track(time_s, shown, fps=checked_fps(time_s, name), name=name)


def _lines(file: TextIO, name: str) -> Iterator[str]:
    """Yield lines of bounded length."""
    while line := file.readline(MOST_LINE):
        if len(line) == MOST_LINE:
            raise InputError(f"expected a table of ARKit's blendshapes, {name} has a line of {MOST_LINE} characters")
        yield line


Clock = Callable[[str, str], float]
"""From the text of a time, and where that stands, to seconds (or for time codes, to seconds and frames packed)."""


def _clock(heading: Sequence[str], name: str) -> tuple[Clock, int]:
    """Choose how times are read, and the column that has them."""
    for title, clock in (("time_s", _seconds), ("timecode", _timecode)):
        if title in heading:
            return clock, heading.index(title)
    raise InputError(
        f"expected motion as .npz, or a table with a column time_s or Timecode, {name} has neither; give what "
        "mouthpiece visemes, mouthpiece capture or Live Link Face writes"
    )


def _seconds(text: str, where: str) -> float:
    return _number(text, where, "a time in seconds")


def _timecode(text: str, where: str) -> float:
    """Read HH:MM:SS:FF.fff as whole seconds and, behind the point, FF.fff thousandths."""
    found = _TIMECODE.fullmatch(text)
    if not found:
        raise InputError(f"{where}: expected a time code such as 10:15:30:12.345, got {text[:40]!r}")
    hours, minutes, seconds = (int(part) for part in found.groups()[:3])
    return hours * 3600 + minutes * 60 + seconds + float(found.group(4)) / 1000


def _clean(times: NDArray[np.float64], *, is_timecode: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return seconds from the first row on, and which rows are kept: of several at one time the first."""
    if is_timecode and len(times):
        whole = np.floor(times)
        frames = (times - whole) * 1000
        # Past midnight a clock begins anew.
        whole = whole + DAY_S * np.cumsum(np.diff(whole, prepend=whole[:1]) < -DAY_S / 2)
        times = whole + frames / _timecode_rate(whole, frames)
        times = times - times[0]
    kept = np.diff(times, prepend=-np.inf) != 0
    return times[kept], kept


def _timecode_rate(whole: NDArray[np.float64], frames: NDArray[np.float64]) -> float:
    """Choose the frames a second of time codes: the least usual rate above all frame numbers.

    A recording of less than two seconds may lack the last frames of a second: it is taken for the usual rate.
    """
    highest = float(frames.max())
    if whole[-1] - whole[0] < 2:
        return float(max(USUAL_TIMECODE_RATE, math.ceil(highest + 1e-6)))
    return float(next((rate for rate in TIMECODE_RATES if highest < rate), TIMECODE_RATES[-1]))


def _weights(row: Sequence[str], columns: Sequence[int], where: str) -> list[float] | None:
    """Read a row's coefficients; None where it has none.

    Raises:
        InputError: one of them isn't a number, or no coefficient.
    """
    texts = [row[index].strip() if index < len(row) else "" for index in columns]
    if not any(texts):
        return None
    low, high = VALUES
    values = [_number(text, where, "a coefficient of 0 to 1") for text in texts]
    for value in values:
        if not low <= value <= high:
            raise InputError(f"{where}: expected coefficients of 0 to 1, got {value:g}")
    return values


def _number(text: str, where: str, what: str) -> float:
    """Read a finite number.

    Raises:
        InputError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: expected {what}, got {text[:40]!r}")
    return value


def format_weights(values: FloatArray) -> str:
    """Format coefficients for a table: four decimals at most, 0 as plain 0."""
    return ",".join(f"{value:.4f}".rstrip("0").rstrip(".") for value in as_float(values).tolist())


def table_heading() -> str:
    """Return the first line of a table that we write."""
    return ",".join(("time_s", *ARKIT_NAMES)) + "\n"


def table_row(time_s: float, values: FloatArray) -> str:
    """Return a line of a table.

    Args:
        time_s: when the frame is shown.
        values: (52,) in the order of ARKIT_NAMES.
    """
    return f"{time_s:.4f},{format_weights(values)}\n"
