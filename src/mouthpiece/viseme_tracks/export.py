"""Files of mouth shapes: .csv with ARKit's blendshapes, .tsv and .json as rhubarb writes them, .npz with the motion.

    .csv   time_s, then a column for each of ARKit's names, 0-1, a row for each frame
    .tsv   time, tab, letter: a line for each change, two decimals; the last line is the end, at rest
    .json  rhubarb's metadata and mouthCues, and `blendshapes`: fps, names, frames
    .npz   what the mesh engine plays: `mouthpiece.motion_files.arrays` has the arrays

A file appears under its name only when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from mouthpiece.media import SpeechInput, check_output
from mouthpiece.media.output_file import whole_file
from mouthpiece.motion.blendshapes import ARKIT_NAMES
from mouthpiece.motion_files import MotionWriter
from mouthpiece.motion_files.blendshape_table import format_weights, table_heading, table_row
from mouthpiece.notices import Notice
from mouthpiece.options import VisemeOptions
from mouthpiece.viseme_tracks.mouth_shapes import Cue
from mouthpiece.viseme_tracks.track import BlendshapeFrame, MouthShapes

IN_MEMORY_BYTES = 4 << 20
"""Frames of a JSON file beyond this wait on disk until its cues are known."""


@dataclass(frozen=True, slots=True)
class VisemeExport:
    """Report of an export."""

    path: Path
    """The file."""
    seconds: float
    """Length of the speech."""
    frames: int
    """Frames of blendshapes or motion; 0 where the file holds letters only."""
    cues: int
    """Letters; 0 where the file holds none."""
    elapsed_s: float
    """Wall-clock seconds that it took."""
    warnings: tuple[Notice, ...]
    """What the user should know."""


def write_visemes(
    speech: SpeechInput,
    out: str | os.PathLike[str],
    options: VisemeOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[[float, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VisemeExport:
    """Write the mouth shapes of a speech to a file, streaming.

    Args:
        speech: a recording, or a video whose sound is taken: path, binary file object, `Waveform`, or (samples, rate).
        out: the file; its suffix chooses the format: .json, .tsv, .csv or .npz.
        options: everything else.
        overwrite: whether a file in the way may be replaced.
        progress: called after each frame with the seconds done and the seconds in all.
        cancelled: called before each frame; True ends the job and leaves nothing behind.

    Raises:
        InputError: the speech or the phones can't be used.
        OutputError: the file can't be written there.
        OptionError: another suffix, or an option makes no sense.
        EngineError: the network can't run.
        Cancelled: `cancelled` returned True.
    """
    options = options or VisemeOptions()
    started = time.monotonic()
    forbidden = [one for one in (speech, options.phones) if isinstance(one, str | os.PathLike)]
    path = check_output(out, overwrite=overwrite, forbidden=forbidden, suffixes=WRITERS)
    with MouthShapes(speech, options, cancelled=cancelled) as shapes:
        with whole_file(path, overwrite=overwrite) as file, WRITERS[path.suffix.lower()](file, shapes) as writer:
            for shape in shapes:
                writer.write(shape)
                if progress is not None and isinstance(shape, BlendshapeFrame):
                    progress(shape.time_s, shapes.duration_s)
            writer.finish()
        return VisemeExport(
            Path(out), shapes.duration_s, writer.frames, writer.cues, time.monotonic() - started, shapes.warnings
        )


class _Sink(Protocol):
    """A file that is written to."""

    def write(self, data: bytes, /) -> int:
        """Write all bytes."""


class _Writer(ABC):
    """A writer of one format, shape by shape."""

    def __init__(self, file: _Sink, shapes: MouthShapes) -> None:
        self._file = file
        self._shapes = shapes
        self.frames = 0
        """Frames written."""
        self.cues = 0
        """Letters written."""

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Release temporary files."""

    @abstractmethod
    def write(self, shape: BlendshapeFrame | Cue) -> None:
        """Take the next one."""

    @abstractmethod
    def finish(self) -> None:
        """Write the end of the file."""

    def _write_text(self, text: str) -> None:
        self._file.write(text.encode())


class _CsvWriter(_Writer):
    """ARKit's blendshapes, a row for each frame."""

    def __init__(self, file: _Sink, shapes: MouthShapes) -> None:
        super().__init__(file, shapes)
        self._write_text(table_heading())

    def write(self, shape: BlendshapeFrame | Cue) -> None:
        if isinstance(shape, BlendshapeFrame):
            self._write_text(table_row(shape.time_s, shape.values))
            self.frames += 1

    def finish(self) -> None:
        """Write nothing: the rows are all."""


class _TsvWriter(_Writer):
    """Letters, a line for each change."""

    def write(self, shape: BlendshapeFrame | Cue) -> None:
        if isinstance(shape, Cue):
            self._write_text(f"{shape.start_s:.2f}\t{shape.letter}\n")
            self.cues += 1

    def finish(self) -> None:
        self._write_text(f"{self._shapes.duration_s:.2f}\tX\n")


class _JsonWriter(_Writer):
    """Letters and blendshapes. The frames, of which there are many, wait in a file of their own."""

    def __init__(self, file: _Sink, shapes: MouthShapes) -> None:
        super().__init__(file, shapes)
        self._rows: BinaryIO = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # type: ignore[assignment]  # noqa: SIM115
        metadata = json.dumps({"soundFile": shapes.sound_name, "duration": round(shapes.duration_s, 2)})
        self._write_text(f'{{\n  "metadata": {metadata},\n  "mouthCues": [')

    def close(self) -> None:
        self._rows.close()

    def write(self, shape: BlendshapeFrame | Cue) -> None:
        if isinstance(shape, Cue):
            cue = {"start": round(shape.start_s, 2), "end": round(shape.end_s, 2), "value": shape.letter}
            self._write_text(f"{',' if self.cues else ''}\n    {json.dumps(cue)}")
            self.cues += 1
        else:
            self._rows.write(f"{',' if self.frames else ''}\n      [{format_weights(shape.values)}]".encode())
            self.frames += 1

    def finish(self) -> None:
        fps = self._shapes.fps
        rate = int(fps) if fps.denominator == 1 else round(float(fps), 6)
        self._write_text(
            f'\n  ],\n  "blendshapes": {{\n    "fps": {rate},\n    "names": {json.dumps(ARKIT_NAMES)},\n    "frames": ['
        )
        self._rows.seek(0)
        shutil.copyfileobj(self._rows, self._file)
        self._write_text("\n    ]\n  }\n}\n")


class _NpzWriter(_Writer):
    """The motion itself. The number of frames is known at the end: until then they wait in files of their own."""

    def __init__(self, file: _Sink, shapes: MouthShapes) -> None:
        super().__init__(file, shapes)
        self._motion = MotionWriter(file, float(shapes.fps))

    def close(self) -> None:
        self._motion.close()

    def write(self, shape: BlendshapeFrame | Cue) -> None:
        if isinstance(shape, BlendshapeFrame):
            self._motion.write(shape.time_s, shape.motion)
            self.frames += 1

    def finish(self) -> None:
        self._motion.finish()


WRITERS: dict[str, type[_Writer]] = {
    ".json": _JsonWriter,
    ".tsv": _TsvWriter,
    ".csv": _CsvWriter,
    ".npz": _NpzWriter,
}
"""Suffix of OUT -> its writer."""
