"""How fast a sync is: `python -m benchmarks.sync_speed DATA [--seconds 20] [--repeat 3] [--engine mesh]`.

Compares the sync of a 720p 25 fps video with decoding and encoding the same pictures and sound with the same settings
and the same code around it, and says what a 720p photo takes. The video is as long as the speech; a clip of 3 s that
plays to and fro, whose pictures are decoded and tracked but once, stands beside it. Repetitions take turns (A B C A B C
...), medians are reported. Targets on 2 cores: sync / re-encoding at most 1.5; 2.5 times real time from video, 4 times
from a photo.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from benchmarks.material import (
    CLIP_720P,
    ENGLISH,
    PORTRAIT,
    endless,
    on_canvas,
    read_photo,
    speech_of_length,
    write_looped_video,
    write_wav,
)
from benchmarks.table import Cell, print_table

import mouthpiece
from mouthpiece.concurrency import in_background
from mouthpiece.face import FaceTracker
from mouthpiece.media import FaceInput, VideoWriter, open_face, open_speech
from mouthpiece.options import Fit
from mouthpiece.types import Frame

WARM_FRAMES = 50
"""Frames after which a run is steady: queues and the encoder's look-ahead are full."""

SYNC_VIDEO, SYNC_CLIP, SYNC_PHOTO = "sync, video", "sync, clip to and fro", "sync, photo"
REENCODE, TRANSCODE = "re-encode, media room", "re-encode, bare PyAV decoder"
REENCODE_CLIP, REENCODE_PHOTO = "re-encode, clip to and fro", "encode, photo"
READ_VIDEO, READ_PHOTO = "read, video", "read, photo"
TRACK_VIDEO, TRACK_PHOTO = "read and track, video", "read and track, photo"


@dataclass(slots=True)
class Meter:
    """Wall-clock and CPU time of one run."""

    started_s: float = field(default_factory=time.monotonic)
    started_cpu_s: float = field(default_factory=time.process_time)
    warm_cpu_s: float = 0.0
    frames: int = 0

    def count(self, _: object = None) -> None:
        """One more frame is done."""
        self.frames += 1
        if self.frames == WARM_FRAMES:
            self.warm_cpu_s = time.process_time()

    def stop(self, seconds: float) -> Run:
        """Sum up a run that made so many seconds of video."""
        now_cpu_s = time.process_time()
        steady = self.frames - WARM_FRAMES
        ms = 1000 * (now_cpu_s - self.warm_cpu_s) / steady if steady > 0 else float("nan")
        cpu_s = now_cpu_s - self.started_cpu_s
        return Run(time.monotonic() - self.started_s, cpu_s, ms, cpu_s - ms * self.frames / 1000, seconds)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took."""

    elapsed_s: float
    cpu_s: float
    """CPU seconds of all threads."""
    cpu_ms_a_frame: float
    """CPU milliseconds a frame of all threads, once the run is steady."""
    start_cpu_s: float
    """CPU seconds on top of what the frames take at that pace: loading, the survey."""
    seconds: float
    """Video made, seconds."""

    @property
    def speed(self) -> float:
        """Times real time."""
        return self.seconds / self.elapsed_s


@dataclass(frozen=True, slots=True)
class StudioState:
    """What the cases are run on."""

    video: Path
    """As long as the speech."""
    clip: Path
    """Of a few seconds."""
    photo: FaceInput
    speech: Path
    out: Path
    engine: str

    def sync(self, face: FaceInput) -> Run:
        """The product itself."""
        meter = Meter()
        options = mouthpiece.SyncOptions(engine=mouthpiece.EngineOptions(self.engine), overwrite=True)
        result = mouthpiece.sync(face, self.speech, self.out, options, progress=meter.count)
        return meter.stop(result.seconds)

    def reencode(self, face: FaceInput) -> Run:
        """The pipeline with nothing between reading and writing."""
        meter = Meter()
        with open_face(face) as source, open_speech(self.speech) as voice:
            duration_s = Fraction(voice.duration_s)
            with VideoWriter(self.out, source.info, voice, duration_s=duration_s, overwrite=True) as writer:
                for frame in in_background(source.frames(duration_s, Fit.PINGPONG), "read"):
                    writer.write(frame)
                    meter.count()
        return meter.stop(float(duration_s))

    def transcode(self, face: Path) -> Run:
        """Decoded pictures straight to the encoder, the video looped: no RGB is made, nothing is timed or checked."""
        meter = Meter()
        with open_face(face) as source, open_speech(self.speech) as voice:
            duration_s = Fraction(voice.duration_s)
            frames = _bare_frames(face, source.info.fps, duration_s)
            with VideoWriter(self.out, source.info, voice, duration_s=duration_s, overwrite=True) as writer:
                for frame in in_background(frames, "read"):
                    writer.write(frame)
                    meter.count()
        return meter.stop(float(duration_s))

    def read(self, face: FaceInput, *, track: bool) -> Run:
        """Reading, and tracking where asked for, alone; all in one thread."""
        meter = Meter()
        with open_face(face) as source, open_speech(self.speech) as voice:
            duration_s = Fraction(voice.duration_s)
            frames = source.frames(duration_s, Fit.PINGPONG)
            for _ in map(FaceTracker().track, frames) if track else frames:
                meter.count()
        return meter.stop(float(duration_s))

    def cases(self) -> dict[str, Callable[[], Run]]:
        """Everything to run, by name, in the order of a round."""
        return {
            SYNC_VIDEO: lambda: self.sync(self.video),
            REENCODE: lambda: self.reencode(self.video),
            TRANSCODE: lambda: self.transcode(self.video),
            SYNC_CLIP: lambda: self.sync(self.clip),
            REENCODE_CLIP: lambda: self.reencode(self.clip),
            SYNC_PHOTO: lambda: self.sync(self.photo),
            REENCODE_PHOTO: lambda: self.reencode(self.photo),
            READ_VIDEO: lambda: self.read(self.video, track=False),
            TRACK_VIDEO: lambda: self.read(self.video, track=True),
            READ_PHOTO: lambda: self.read(self.photo, track=False),
            TRACK_PHOTO: lambda: self.read(self.photo, track=True),
        }


def _bare_frames(video: Path, fps: Fraction, duration_s: Fraction) -> Iterator[Frame]:
    nothing = np.zeros((0, 0, 3), dtype=np.uint8)
    for number, picture in zip(range(round(duration_s * fps)), endless(video), strict=False):
        yield Frame(number / fps, 1 / fps, nothing, native=picture)


def run_rounds(bench: StudioState, repeat: int) -> dict[str, Run]:
    """Run every case in turn, `repeat` times; medians."""
    cases = bench.cases()
    runs: dict[str, list[Run]] = {name: [] for name in cases}
    for _ in range(repeat):
        for name, case in cases.items():
            runs[name].append(case())
    return {name: _median(found) for name, found in runs.items()}


def _median(runs: list[Run]) -> Run:
    return Run(
        statistics.median(run.elapsed_s for run in runs),
        statistics.median(run.cpu_s for run in runs),
        statistics.median(run.cpu_ms_a_frame for run in runs),
        statistics.median(run.start_cpu_s for run in runs),
        runs[0].seconds,
    )


def rows_of(runs: dict[str, Run]) -> list[tuple[Cell, ...]]:
    """The table: runs, their ratios, and CPU time by stage (differences between runs)."""
    rows: list[tuple[Cell, ...]] = [
        (name, run.elapsed_s, run.cpu_s, run.cpu_ms_a_frame, run.start_cpu_s, run.speed, None)
        for name, run in runs.items()
    ]
    for made, name in ((SYNC_VIDEO, REENCODE), (SYNC_VIDEO, TRANSCODE), (SYNC_CLIP, REENCODE_CLIP)):
        synced, base = runs[made], runs[name]
        wall, cpu = synced.elapsed_s / base.elapsed_s, synced.cpu_s / base.cpu_s
        steady = synced.cpu_ms_a_frame / base.cpu_ms_a_frame
        rows.append((f"ratio {made} / {name}", wall, cpu, steady, None, None, 1.5))
    for made, target in ((SYNC_VIDEO, 2.5), (SYNC_CLIP, 2.5), (SYNC_PHOTO, 4.0)):
        rows.append((f"target speed of {made}", None, None, None, None, runs[made].speed, target))
    for kind, sync, encode, read, track in (
        ("video", SYNC_VIDEO, REENCODE, READ_VIDEO, TRACK_VIDEO),
        ("photo", SYNC_PHOTO, REENCODE_PHOTO, READ_PHOTO, TRACK_PHOTO),
    ):
        ms = {name: runs[name].cpu_ms_a_frame for name in (sync, encode, read, track)}
        stages = {
            "read": ms[read],
            "track": ms[track] - ms[read],
            "draw, speech, threads": ms[sync] - ms[encode] - (ms[track] - ms[read]),
            "encode": ms[encode] - ms[read],
        }
        rows += [(f"stage {stage}, {kind}", None, None, value, None, None, None) for stage, value in stages.items()]
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with clips/, photos/ and audio/")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each result")
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    parser.add_argument("--engine", default="mesh")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speech = folder / "speech.wav"
        write_wav(speech_of_length(given.data / ENGLISH, given.seconds), speech)
        photo = on_canvas(read_photo(given.data / PORTRAIT))
        video = folder / "video.mp4"
        write_looped_video(given.data / CLIP_720P, video, given.seconds)
        bench = StudioState(video, given.data / CLIP_720P, photo, speech, folder / "out.mp4", given.engine)
        runs = run_rounds(bench, given.repeat)
    print_table(
        f"Sync of {given.seconds:g} s of 720p, medians of {given.repeat} rounds, engine {given.engine}",
        ("what", "wall s", "CPU s", "CPU ms/frame", "start CPU s", "x real time", "target"),
        rows_of(runs),
        (
            f"CPU s: all threads, start included; CPU ms/frame: after the first {WARM_FRAMES} frames",
            "stages are differences of CPU ms/frame between runs: small ones are within the noise",
            "the video is the clip, looped by encoding it once more",
        ),
    )


if __name__ == "__main__":
    main()
