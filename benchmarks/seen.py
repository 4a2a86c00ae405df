"""What a viewer sees of our mouths: `python -m benchmarks.seen DATA [--weights FILE ...] [--limit 14] [--sheets OUT]`.

Clips of GRID's strangers and of its first speaker's test split, and of whatever else is named by --corpus, are rendered
anew from a photo and as a video, read with the ruler and judged as `mouthpiece evaluate seen` does: a table for each
set and network, the real, the bare, the played and the rendered mouth side by side. The lip reader learns from grid_s1.
With --sheets, real mouths above made ones, to look at (`tools/seen_sheets.py`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.table import provenance
from tools.seen_sheets import Sheets

from mouthpiece.evaluation.judging import aligned_phones, learned_reader
from mouthpiece.evaluation.lip_reader import LipReader
from mouthpiece.evaluation.options import EvaluationOptions, SeenOptions, View
from mouthpiece.evaluation.seen import Judge, evaluate_seen
from mouthpiece.evaluation.seen_report import seen_tables
from mouthpiece.evaluation.sets import find_sets
from mouthpiece.motion.network import WEIGHTS
from mouthpiece.options import EngineOptions

CORPORA = ("grid_unseen_dev", "grid_s1")
READER = "grid_s1"
ROOT = Path(__file__).parents[1]
SHEETS = 3
"""Clips of each set that sheets are made of."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--corpus", action="append", help=f"folders in DATA; else {' and '.join(CORPORA)}")
    parser.add_argument("--weights", type=Path, action="append", help="motion networks; else the packaged one")
    parser.add_argument("--view", type=View, action="append", choices=tuple(View), help="both if not given")
    parser.add_argument("--intensity", type=float, default=1.0)
    parser.add_argument("--encoded", action="store_true", help="read encoded files")
    parser.add_argument("--phones", action="store_true", help="let the mouth follow the known words' phones")
    parser.add_argument("--limit", type=int, default=14, help="clips of each set")
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / "motion-benchmark")
    parser.add_argument("--sheets", type=Path, metavar="OUT", help="make contact sheets there")
    given = parser.parse_args()
    seen = SeenOptions(tuple(given.view or ()), encoded=given.encoded, phones=given.phones)
    corpora = tuple(path for name in given.corpus or CORPORA if (path := given.data / name).is_dir())
    sets, notes = find_sets(EvaluationOptions(corpora, given.cache, limit=given.limit))
    networks = {path.stem: path for path in given.weights or ()} or {"offline": WEIGHTS}
    with aligned_phones(seen.language, print) as find_phones:
        reader = read_from(given.data / READER, given.cache)
        for judged in sets:
            for name, weights in networks.items():
                judge = Judge(seen, find_phones, reader, weights, name, given.intensity)
                print(seen_tables(evaluate_seen(judged, judge, note=notes.append)) + "\n", flush=True)
                if given.sheets:
                    own = {} if weights == WEIGHTS else {"weights": weights}
                    engine = EngineOptions("mesh", intensity=given.intensity, own=own)
                    for view in seen.views or tuple(View):
                        list(Sheets(given.sheets / name, view, engine, limit=SHEETS).make(judged, find_phones))
    for line in (*notes, *provenance()):
        print(line)


def read_from(folder: Path, cache: Path) -> LipReader | None:
    """Return a lip reader that learned from a corpus; None where it isn't there."""
    return learned_reader(folder, cache, workers=2) if folder.is_dir() else None


if __name__ == "__main__":
    main()
