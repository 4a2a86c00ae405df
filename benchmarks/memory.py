"""Whether memory grows with length: `python -m benchmarks.memory DATA [--minutes 1 10] [--engine mesh]`.

Each length is a 720p video and a recording of that length, both looped, synced in a process of its own. Targets: the
longest within 10 % of the shortest, under 1 GB.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fresh import FreshRun, sync_in_new_process
from benchmarks.material import CLIP_720P, ENGLISH, speech_of_length, write_looped_video, write_wav
from benchmarks.table import print_table


def measure(data: Path, minutes: Sequence[float], engine: str, folder: Path) -> list[FreshRun]:
    """Sync 720p of each length, one after the other."""
    runs = []
    for length in minutes:
        video, speech = folder / "long.mp4", folder / "long.wav"
        write_looped_video(data / CLIP_720P, video, length * 60)
        write_wav(speech_of_length(data / ENGLISH, length * 60), speech)
        runs.append(sync_in_new_process(video, speech, folder / "out.mp4", engine))
    return runs


def report(minutes: Sequence[float], runs: Sequence[FreshRun], engine: str) -> None:
    """Print the table."""
    base = runs[0].peak_rss_mb
    rows = [
        (f"{length:g} min", run.frames, run.peak_rss_mb, run.peak_rss_mb / base, run.seconds / run.elapsed_s)
        for length, run in zip(minutes, runs, strict=True)
    ]
    print_table(
        f"Peak memory of syncing 720p, engine {engine}",
        ("length", "frames", "peak MB", "of the first", "x real time"),
        rows,
        ("peak MB: VmHWM of a new process at its end, MB of 1e6 bytes; targets: ratio within 0.9-1.1, below 1000 MB",),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with clips/ and audio/")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 10.0])
    parser.add_argument("--engine", default="mesh")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(given.minutes, measure(given.data, given.minutes, given.engine, Path(folder)), given.engine)


if __name__ == "__main__":
    main()
