"""Files of captured motion: .npz with the motion, .csv with ARKit's blendshapes. They appear when they are whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mouthpiece.media import FaceInput, check_output
from mouthpiece.media.output_file import OutputFile, whole_file
from mouthpiece.motion.blendshapes import blendshapes
from mouthpiece.motion_capture.capturing import CapturedMotion
from mouthpiece.motion_files import MotionWriter
from mouthpiece.motion_files.blendshape_table import table_heading, table_row
from mouthpiece.notices import Notice
from mouthpiece.options import CaptureOptions


@dataclass(frozen=True, slots=True)
class CaptureExport:
    """Report of a capture."""

    path: Path
    """The file."""
    seconds: float
    """Length of the motion."""
    frames: int
    """Frames of it."""
    seen: int
    """Of these, with a measured face."""
    elapsed_s: float
    """Wall-clock seconds that it took."""
    warnings: tuple[Notice, ...]
    """What the user should know."""


def write_capture(
    video: FaceInput,
    out: str | os.PathLike[str],
    options: CaptureOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[[float, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> CaptureExport:
    """Measure the motion of a mouth in a video and write it to a file; memory doesn't grow with the video.

    Args:
        video: path or binary file object.
        out: the file; its suffix chooses the format: .npz or .csv.
        options: everything else.
        overwrite: whether a file in the way may be replaced.
        progress: as of `capture`.
        cancelled: as of `capture`; nothing is left behind.

    Raises:
        InputError: the video can't be used.
        OutputError: the file can't be written there.
        OptionError: another suffix, or an option makes no sense.
        Cancelled: `cancelled` returned True.
    """
    started = time.monotonic()
    path = check_output(out, overwrite=overwrite, forbidden=(video,), suffixes=WRITERS)
    with CapturedMotion(video, options, progress=progress, cancelled=cancelled) as captured:
        with whole_file(path, overwrite=overwrite) as file:
            WRITERS[path.suffix.lower()](file, captured)
        return CaptureExport(
            Path(out),
            captured.time_s[-1] + 1 / captured.fps,
            captured.frames,
            sum(captured.seen),
            time.monotonic() - started,
            captured.warnings,
        )


def _write_arrays(file: OutputFile, captured: CapturedMotion) -> None:
    with MotionWriter(file, captured.fps) as writer:
        for time_s, motion, seen in captured:
            writer.write(time_s, motion, seen=seen)
        writer.finish()


def _write_table(file: OutputFile, captured: CapturedMotion) -> None:
    file.write(table_heading().encode())
    for time_s, motion, _ in captured:
        file.write(table_row(time_s, blendshapes(motion.displacement)).encode())


WRITERS: dict[str, Callable[[OutputFile, CapturedMotion], None]] = {".npz": _write_arrays, ".csv": _write_table}
"""Suffix of OUT -> what writes it."""
