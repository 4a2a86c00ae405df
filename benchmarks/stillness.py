"""What stillness in pauses costs: `python -m benchmarks.stillness CACHE CORPUS [--split NAME] [--weights FILE]`.

CACHE holds prepared clips of faces (docs/preparing.md). Each is played with another bound for how far lips may part
before speech: r of the opening and of the width with the measured ones, and the leak (docs/evaluation.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from benchmarks.table import Cell, print_table

from mouthpiece.datasets.agreement import agreement
from mouthpiece.datasets.motion_curves import chunks_of, measured_curves, play_on
from mouthpiece.datasets.recordings import Recording, load_corpus
from mouthpiece.evaluation.motion import LEAK_ABOVE
from mouthpiece.evaluation.reference import in_speech, stretches
from mouthpiece.motion import shaping
from mouthpiece.motion.network import WEIGHTS
from mouthpiece.motion.stream import MotionStream

PARTINGS = (0.0005, 0.004, shaping.PARTING, 0.012, 0.019, 0.03, 0.06, 0.3)
"""Bounds that are tried; about 0, what is played, and none."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, metavar="CACHE")
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--split", default="unseen")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    given = parser.parse_args(arguments)
    clips = load_corpus(given.cache, given.corpus, given.split)
    bare = MotionStream(weights=given.weights, gate=False, closure=False)
    rows: list[Sequence[Cell]] = [("bare network", *_scores(bare, clips))]
    for parting in PARTINGS:
        with patch.object(shaping, "PARTING", parting):
            rows.append((f"lips may part to {parting:g}", *_scores(MotionStream(weights=given.weights), clips)))
    title = f"{given.corpus} {given.split}: what stillness in pauses costs"
    print_table(title, ("played", "r opening", "r width", "leak"), rows)


def _scores(stream: MotionStream, clips: Sequence[Recording]) -> tuple[str, str, str]:
    """Return r of opening and width, means over clips, and the leak."""
    agreements, open_in_pauses = [], []
    for clip in clips:
        stream.reset()
        times_s = np.arange(clip.frames) / clip.fps
        made, _ = play_on(stream, chunks_of(clip.samples), times_s)
        measured = measured_curves(clip)
        assert made.width is not None and measured.width is not None
        agreements.append((agreement(made.opening, measured.opening), agreement(made.width, measured.width)))
        open_in_pauses.append(made.opening[~in_speech(times_s, stretches(clip))] > LEAK_ABOVE)
    opening, width = np.mean(agreements, axis=0)
    return f"{opening:.3f}", f"{width:.3f}", f"{np.concatenate(open_in_pauses).mean():.1%}"


if __name__ == "__main__":
    main()
