"""How soon something happens: `python -m benchmarks.startup DATA [--engine mesh] [--repeat 7]`.

Targets: `mouthpiece --help` below 0.5 s, the first written frame within 2 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
from benchmarks.fresh import sync_in_new_process
from benchmarks.material import (
    CLIP_720P,
    ENGLISH,
    PORTRAIT,
    on_canvas,
    read_photo,
    speech_of_length,
    write_wav,
)
from benchmarks.table import Cell, print_table

SPEECH_S = 4.0


def help_s() -> float:
    """Wall-clock seconds of `mouthpiece --help` in a new process."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "mouthpiece", "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


def _row(name: str, values: list[float], target_s: float | None) -> tuple[Cell, ...]:
    middle = statistics.median(values)
    return name, middle, min(values), max(values), target_s, None if target_s is None else middle / target_s


def measure(data: Path, engine: str, repeat: int, folder: Path) -> list[tuple[Cell, ...]]:
    """Rows of the table."""
    rows = [_row("mouthpiece --help", [help_s() for _ in range(repeat)], 0.5)]
    speech, photo = folder / "speech.wav", folder / "photo.png"
    write_wav(speech_of_length(data / ENGLISH, SPEECH_S), speech)
    cv2.imwrite(str(photo), on_canvas(read_photo(data / PORTRAIT))[..., ::-1])
    for kind, face in (("720p video", data / CLIP_720P), ("720p photo", photo)):
        runs = [sync_in_new_process(face, speech, folder / "out.mp4", engine) for _ in range(repeat)]
        rows.append(_row(f"first frame, {kind}, from the call of sync", [run.first_frame_s for run in runs], 2.0))
        since_start = [run.first_frame_since_start_s for run in runs]
        rows.append(_row(f"first frame, {kind}, from process start", since_start, None))
        cpu = [run.first_frame_cpu_s for run in runs]
        rows.append(_row(f"first frame, {kind}, CPU seconds by then", cpu, None))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with clips/, photos/ and audio/")
    parser.add_argument("--engine", default="mesh")
    parser.add_argument("--repeat", type=int, default=7, help="new processes for each row")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(given.data, given.engine, given.repeat, Path(folder))
    print_table(
        f"Time to start, seconds, {given.repeat} new processes each, engine {given.engine}",
        ("what", "median", "least", "most", "target", "median / target"),
        rows,
        ("first frame: handed to the encoder; files are in the disk cache after the first process",),
    )


if __name__ == "__main__":
    main()
