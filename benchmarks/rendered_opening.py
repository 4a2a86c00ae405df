"""Whether mouths move as they are told: `python -m benchmarks.rendered_opening DATA [--seconds 10] [--height 720]`.

Every photo speaks English and Arabic; the finished video is tracked again, and the opening read from it is compared
with the one that the engine meant. Targets: r at least .95, best lag 0 frames.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.material import read_photo, read_speech, with_height
from benchmarks.openings import Agreement, agreement, intended_openings, tracked_openings
from benchmarks.table import Cell, print_table

import mouthpiece
from mouthpiece.types import FloatArray, Waveform

VOICES = {"en": Path("audio") / "en_male_watson.wav", "ar": Path("audio") / "ar_male_watson.wav"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A photo that spoke."""

    photo: str
    voice: str
    agreement: Agreement
    intended: FloatArray
    rendered: FloatArray
    """(n,) openings, frame by frame."""

    def row(self) -> tuple[Cell, ...]:
        """Its line in the table."""
        return (
            self.photo,
            self.voice,
            self.agreement.r,
            self.agreement.best_lag,
            self.agreement.slope,
            float(np.percentile(self.intended, 5)),
            float(np.percentile(self.intended, 95)),
            float(np.nanpercentile(self.rendered, 5)),
            float(np.nanpercentile(self.rendered, 95)),
            int(np.isnan(self.rendered).sum()),
        )


def compare(photo: Path, voice: str, speech: Waveform, height: int, folder: Path) -> Comparison:
    """Let a photo speak and look at the result."""
    out = folder / "out.mp4"
    options = mouthpiece.SyncOptions(engine=mouthpiece.EngineOptions("mesh"), overwrite=True)
    mouthpiece.sync(with_height(read_photo(photo), height), speech, out, options)
    seen = tracked_openings(out)
    rendered = np.array([one.opening for one in seen], dtype=np.float32)
    intended = intended_openings(speech, [one.time_s for one in seen])
    matched = agreement(intended.astype(np.float64), rendered.astype(np.float64))
    return Comparison(photo.stem, voice, matched, intended, rendered)


def compare_all(data: Path, seconds: float, height: int, folder: Path) -> Iterator[Comparison]:
    """Every photo with every voice."""
    for photo in sorted((data / "photos").iterdir()):
        for voice, path in VOICES.items():
            yield compare(photo, voice, Waveform(read_speech(data / path, seconds)), height, folder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/ and audio/")
    parser.add_argument("--seconds", type=float, default=10.0, help="speech used of each recording")
    parser.add_argument("--height", type=int, default=720, help="higher photos are made so high")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = list(compare_all(given.data, given.seconds, given.height, Path(folder)))
    matches = [one.agreement for one in found]
    least = "least r, most lag", "", min(m.r for m in matches), max((m.best_lag for m in matches), key=abs)
    middle = "median", "", statistics.median(m.r for m in matches), None
    slopes = [m.slope for m in matches]
    print_table(
        f"Rendered opening against the intended one, {given.seconds:g} s, {given.height} rows at most, engine mesh",
        ("photo", "voice", "r", "lag", "slope", "intended p5", "p95", "rendered p5", "p95", "lost frames"),
        [
            *(one.row() for one in found),
            (*least, min(slopes), None, None, None, None, None),
            (*middle, statistics.median(slopes), None, None, None, None, None),
        ],
        (
            "opening: distance of landmarks 13 and 14 over that of 33 and 263, read unsmoothed from the finished video",
            "lag: frames by which the picture comes late at the best correlation within 5 frames to each side",
            "targets: r at least .95, lag 0",
        ),
    )


if __name__ == "__main__":
    main()
