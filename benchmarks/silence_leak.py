"""Whether mouths rest where nobody speaks: `python -m benchmarks.silence_leak DATA [--height 720]`.

Photos hear digital silence, noises without speech, and a recording with pauses; the finished videos are tracked again.
A frame leaks when its mouth is more than .02 (of the outer eye distance) further open than the photo's closed mouth is
read. That baseline is the 5th percentile of the opening in the video of the recording with speech, where
lips meet now and then: the mesh reads .01 to .02 on lips that touch, more or less on each face. Target: below 2 %.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.material import read_photo, read_speech, with_height
from benchmarks.openings import intended_openings, tracked_openings
from benchmarks.speech_activity import loudness_db, noises
from benchmarks.table import Cell, print_table
from numpy.typing import NDArray

import mouthpiece
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, FloatArray, Waveform

LEAK = 0.02
"""Opening above the baseline that counts as open."""
PAUSE_S = 0.3
"""Shortest stretch without sound that counts as a pause."""
AFTER_S = 0.15
"""Time that a mouth may take to close after speech."""
BEFORE_S = 0.15
"""Time before speech in which it may open; the second of two figures for pauses allows it."""
BASELINE_PERCENTILE = 5
BELOW_SPEECH_DB = 30.0
"""A pause is so much quieter than speech."""

PADDED = Path("audio") / "variants" / "en_male_padded.wav"
NOISES = ("white noise -20 dBFS", "pink noise -20 dBFS", "brown noise -20 dBFS", "50 Hz hum", "fan, 7 Hz flutter")

Mask = NDArray[np.bool_]


def pauses(samples: FloatArray) -> list[tuple[float, float]]:
    """Stretches of at least PAUSE_S that are quiet by energy, (start, end) in seconds."""
    loud = loudness_db(samples)
    level_db = 10 * np.log10((10 ** (loud[loud > loud.max() - 25] / 10)).mean())
    quiet = np.concatenate([[False], loud < level_db - BELOW_SPEECH_DB, [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    stretches = [(float(start / MEL_RATE), float(end / MEL_RATE)) for start, end in edges.reshape(-1, 2)]
    return [(start, end) for start, end in stretches if end - start >= PAUSE_S]


def within(times_s: NDArray[np.float64], stretches: list[tuple[float, float]], after_s: float, before_s: float) -> Mask:
    """Which moments lie in a stretch, at least `after_s` from its start (but at 0) and `before_s` from its end."""
    inside = np.zeros(len(times_s), dtype=bool)
    for start, end in stretches:
        inside |= (times_s >= (start + after_s if start > 0 else start)) & (times_s < end - before_s)
    return inside


@dataclass(frozen=True, slots=True)
class Trial:
    """A photo that hears sounds."""

    photo: Path
    engine: str
    height: int
    """Rows that higher photos are brought to."""
    folder: Path
    """Where videos may lie."""

    def push(self, speech: Waveform) -> Heard:
        """Sync the photo to a sound and look at the result."""
        out = self.folder / "out.mp4"
        picture = with_height(read_photo(self.photo), self.height)
        options = mouthpiece.SyncOptions(engine=mouthpiece.EngineOptions(self.engine), overwrite=True)
        mouthpiece.sync(picture, speech, out, options)
        seen = tracked_openings(out)
        times_s = np.array([one.time_s for one in seen])
        openings = np.array([one.opening for one in seen], dtype=np.float32)
        # Other engines have no opening to tell.
        intended = (
            intended_openings(speech, times_s.tolist()) if self.engine == "mesh" else np.full_like(openings, np.nan)
        )
        return Heard(times_s, openings, intended)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sound did to a mouth, frame by frame."""

    times_s: NDArray[np.float64]
    rendered: FloatArray
    """Openings read from the video; not a number where the tracker lost the face."""
    intended: FloatArray
    """What the engine meant; not a number where it doesn't tell."""

    def leaks(self, chosen: Mask, baseline: float) -> tuple[Cell, ...]:
        """Frames, baseline, then share and largest excess, rendered and intended."""
        return int(chosen.sum()), baseline, *leak(self.rendered[chosen], baseline), *leak(self.intended[chosen], 0.0)


def leak(openings: FloatArray, baseline: float) -> tuple[float, float]:
    """(share of frames open beyond the baseline in %, largest excess); what is not a number doesn't count."""
    excess = openings[np.isfinite(openings)] - baseline
    if not excess.size:
        return float("nan"), float("nan")
    return 100 * float((excess > LEAK).mean()), float(excess.max())


def sounds_without_speech(silence_s: float, noise_s: float) -> Iterator[tuple[str, Waveform]]:
    """Digital silence, then noises."""
    yield "digital silence", Waveform(np.zeros(round(silence_s * SAMPLE_RATE), dtype=np.float32))
    for name, samples in noises(noise_s):
        if name in NOISES:
            yield name, Waveform(samples)


def measure(trial: Trial, padded: Waveform, others: Sequence[tuple[str, Waveform]]) -> list[tuple[Cell, ...]]:
    """Rows of one photo: pauses of the recording, then the sounds without speech."""
    photo = trial.photo.stem
    heard = trial.push(padded)
    baseline = float(np.nanpercentile(heard.rendered, BASELINE_PERCENTILE))
    stretches = pauses(padded.samples)
    rows: list[tuple[Cell, ...]] = []
    for name, before_s in (("pauses", 0.0), (f"pauses but {BEFORE_S:g} s before speech", BEFORE_S)):
        chosen = within(heard.times_s, stretches, AFTER_S, before_s)
        rows.append((photo, name, *heard.leaks(chosen, baseline)))
    for name, sound in others:
        heard = trial.push(sound)
        rows.append((photo, name, *heard.leaks(np.ones(len(heard.times_s), dtype=bool), baseline)))
    return rows


def totals(rows: list[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
    """One row for each sound over all photos, frames counting alike."""
    found: list[tuple[Cell, ...]] = []
    for sound in dict.fromkeys(row[1] for row in rows):
        numbers = np.array([[float(cell or 0) for cell in row[2:]] for row in rows if row[1] == sound])
        frames = numbers[:, 0]
        found.append(
            (
                "all photos",
                sound,
                int(frames.sum()),
                float(numbers[:, 1].max()),
                float(np.average(numbers[:, 2], weights=frames)),
                float(numbers[:, 3].max()),
                float(np.average(numbers[:, 4], weights=frames)),
                float(numbers[:, 5].max()),
            )
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/ and audio/variants/")
    parser.add_argument("--engine", default="mesh")
    parser.add_argument("--height", type=int, default=720, help="higher photos are made so high")
    parser.add_argument("--silence", type=float, default=10.0, help="seconds of digital silence")
    parser.add_argument("--noise", type=float, default=3.0, help="seconds of each noise")
    given = parser.parse_args()
    padded = Waveform(read_speech(given.data / PADDED))
    others = list(sounds_without_speech(given.silence, given.noise))
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for photo in sorted((given.data / "photos").iterdir()):
            rows += measure(Trial(photo, given.engine, given.height, Path(folder)), padded, others)
    print_table(
        f"Mouths open where nobody speaks, at most {given.height} rows, engine {given.engine}",
        ("photo", "sound", "frames", "baseline", "leak %", "most above", "intended leak %", "most intended"),
        [*rows, *totals(rows)],
        (
            f"leak: tracked opening more than {LEAK:g} outer eye distances above the baseline; target < 2 % of frames",
            "baseline: 5th percentile of the photo's tracked opening in the video with speech; intended: above 0",
            f"pauses: {PAUSE_S:g} s or more {BELOW_SPEECH_DB:g} dB below speech, without their first {AFTER_S:g} s",
            "all photos: the largest baseline and excess, mean leak",
        ),
    )


if __name__ == "__main__":
    main()
