"""The motion that a face is to follow, from whatever the user gave for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.errors import InputError
from mouthpiece.motion_files.arrays import MAGIC, read_arrays
from mouthpiece.motion_files.blendshape_table import read_table
from mouthpiece.notices import Notice, notice
from mouthpiece.types import MotionTrack

if TYPE_CHECKING:
    from mouthpiece.options import MotionInput

SHORT_S = 0.5
"""Motion may end so much before the video without a notice."""


def find_motion(given: MotionInput) -> MotionTrack | None:
    """Read the motion that a face is to follow; None where nothing is given.

    Args:
        given: a file (.npz, or a table of ARKit's blendshapes), known by its content, or a track.

    Raises:
        InputError: it can't be used.
    """
    if given is None or isinstance(given, MotionTrack):
        return given
    path = Path(os.fsdecode(given))
    try:
        if path.is_dir():
            raise InputError(f"expected a file of motion, {path} is a folder")
        if path.exists() and not path.is_file():
            raise InputError(f"expected a file of motion, {path} is a device or a pipe")
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"expected a file of motion at {path}: {reason}; check the name") from error
    if not start:
        raise InputError(f"expected motion, {path.name} is empty")
    return read_arrays(path) if start == MAGIC else read_table(path)


def check_length(track: MotionTrack, video_s: float) -> tuple[Notice, ...]:
    """Compare the length of motion with that of the video.

    Args:
        track: the motion.
        video_s: length of the video, seconds.

    Returns:
        A notice where the motion ends early.

    Raises:
        InputError: all of it lies beyond the video's end.
    """
    first_s = float(track.time_s[0])
    if first_s >= video_s:
        raise InputError(
            f"expected motion within the video's {video_s:.2f} s, {track.name} begins at {first_s:.2f} s; check that "
            "both belong together"
        )
    if track.end_s < video_s - SHORT_S:
        return (notice("motion-too-short", file=track.name, last_s=track.end_s, video_s=video_s),)
    return ()
