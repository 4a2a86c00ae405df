"""Whether clips whose sound was moved are found: python -m benchmarks.av_offset DATA [--cache DIR] [--limit N]

DATA holds grid_s1 and grid_unseen_dev; clips are measured once and kept in the cache. Each clip's sound is moved by
known times, silence filling the gap; a find is right if it differs by less than a frame (40 ms) from that time and
what was measured on the clip as it is.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.motion import ROOT

from mouthpiece.datasets.av_offset import AvOffset, Verdict, judge, mouth_evidence
from mouthpiece.datasets.options import OffsetRule, PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import Recording, load_corpus
from mouthpiece.types import SAMPLE_RATE

SETS = (("grid_s1", "test"), ("grid_unseen_dev", "unseen"))
MOVED_MS = (-240, -160, -80, 0, 80, 160, 240)
FRAME_S = 0.04


def measure_offset(clip: Recording) -> AvOffset:
    """Measure how late a clip's picture is."""
    return judge([mouth_evidence(clip)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / "motion-benchmark")
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    print("| set | sound moved, ms | clips | within a frame | of those not unsure | in-sync / shifted / unsure |")
    print("| --- | --- | --- | --- | --- | --- |")
    for corpus, split in SETS:
        if not list(arguments.cache.glob(f"{corpus}.*.npz")):
            prepare_corpus(arguments.data / corpus, arguments.cache, PrepareOptions([split], OffsetRule.KEEP))
        clips = load_corpus(arguments.cache, corpus, split, arguments.limit)
        own_s = [measure_offset(clip).lag_s for clip in clips]
        for moved_ms in MOVED_MS:
            print_row(f"{corpus} {split}", clips, own_s, moved_ms)


def print_row(name: str, clips: list[Recording], own_s: list[float], moved_ms: int) -> None:
    """One set of clips with its sound moved by one time."""
    found = [measure_offset(sound_moved(clip, moved_ms / 1000)) for clip in clips]
    # A sound that comes later makes the picture early.
    wrong_s = np.array([f.lag_s - (own - moved_ms / 1000) for f, own in zip(found, own_s, strict=True)])
    right = np.abs(wrong_s) < FRAME_S
    sure = np.array([f.verdict is not Verdict.UNSURE for f in found])
    verdicts = Counter(f.verdict for f in found)
    counts = " / ".join(str(verdicts[verdict]) for verdict in Verdict)
    print(f"| {name} | {moved_ms:+d} | {len(clips)} | {right.mean():.0%} | {right[sure].mean():.0%} | {counts} |")


def sound_moved(clip: Recording, later_s: float) -> Recording:
    """The clip with its sound coming later (earlier if negative) than it did."""
    count = round(later_s * SAMPLE_RATE)
    silence = np.zeros(abs(count), dtype=np.float32)
    kept = clip.samples[: len(clip.samples) - count] if count >= 0 else clip.samples[-count:]
    return replace(clip, samples=np.concatenate([silence, kept] if count >= 0 else [kept, silence]))


if __name__ == "__main__":
    main()
