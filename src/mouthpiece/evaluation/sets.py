"""Sets of clips to judge by: folders of talking faces, of rig curves, and of recordings that were prepared already.

folders --find_sets--> prepared clips by corpus and split: MotionSet --evaluation.motion--> scores
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mouthpiece.checkpoints.cache import cache_dir
from mouthpiece.datasets.layouts import SOUND_SUFFIXES
from mouthpiece.datasets.options import SPLITS, OffsetRule, PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import list_prepared
from mouthpiece.errors import InputError
from mouthpiece.evaluation.options import EvaluationOptions


@dataclass(frozen=True, slots=True)
class MotionSet:
    """The prepared clips of one split of a corpus."""

    cache: Path
    corpus: str
    split: str
    clips: int
    data: Path | None = None
    """The corpus's own folder; None for a folder of prepared clips."""


def default_cache(corpus: Path) -> Path:
    """Return where a corpus is kept prepared if no cache is given: a folder of its own in the user's cache."""
    place = hashlib.sha256(str(corpus.resolve()).encode()).hexdigest()[:12]
    return cache_dir() / "corpora" / f"{corpus.resolve().name}-{place}"


def find_sets(
    options: EvaluationOptions, *, progress: Callable[[int, int], None] | None = None
) -> tuple[list[MotionSet], list[str]]:
    """Find everything that can be judged by, measured where that was not done yet.

    Args:
        options: the folders, the cache, and which clips.
        progress: called with (clips measured, clips in all) of the corpus at hand.

    Returns:
        The sets, and what could not be judged by, one line each.

    Raises:
        InputError: a folder holds nothing of the kind.
    """
    sets: list[MotionSet] = []
    notes: list[str] = []
    for folder in options.data or [options.cache or Path()]:
        for place, corpus, data in _corpora_in(folder, options, notes, progress):
            found = _sets_of(place, corpus, options, data)
            moved = [abs(clip.offset_s) for clip in list_prepared(place, corpus) if clip.offset_s]
            if moved and found:
                notes.append(
                    f"{corpus}: {len(moved)} clips were put in sync when prepared, by up to {max(moved):.2f} s"
                )
            if not found:
                wanted = " or ".join(options.splits)
                notes.append(
                    f"{corpus}: no usable clip of the split {wanted}; see its manifest.csv, or ask for another"
                )
            sets += found
    return sets, notes


def _corpora_in(
    folder: Path, options: EvaluationOptions, notes: list[str], progress: Callable[[int, int], None] | None
) -> Iterator[tuple[Path, str, Path | None]]:
    """Yield (cache, corpus, its own folder) of everything in a folder, prepared."""
    if not folder.is_dir():
        raise InputError(f"expected a folder of talking videos or of prepared clips, found none at {folder}")
    prepared = sorted({clip.corpus for clip in list_prepared(folder)})
    if prepared:
        yield from ((folder, corpus, None) for corpus in prepared)
        return
    inner = [] if _is_corpus(folder) else sorted(path for path in folder.iterdir() if _is_corpus(path))
    # The lag is judged, too.
    chosen = PrepareOptions(options.splits, OffsetRule.KEEP, limit=options.limit, workers=options.workers)
    for corpus in inner or [folder]:
        place = options.cache or default_cache(corpus)
        report = prepare_corpus(corpus, place, chosen, progress=progress)
        notes += [f"{corpus.name}: left out {name}: {reason}" for name, reason in report.skipped]
        yield place, corpus.name, corpus


def _is_corpus(folder: Path) -> bool:
    """Return whether a folder holds more than media: a manifest, word times, curves beside the sound."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    curves = any(f"{Path(name).stem}.npz" in names for name in names if name.lower().endswith(SOUND_SUFFIXES))
    return "manifest.csv" in names or "align" in names or curves or any(name.endswith(".align") for name in names)


def _sets_of(place: Path, corpus: str, options: EvaluationOptions, data: Path | None) -> list[MotionSet]:
    clips = Counter(clip.split for clip in list_prepared(place, corpus))
    wanted = [split for split in SPLITS if split in options.splits and clips[split]]
    return [MotionSet(place, corpus, split, min(clips[split], options.limit or clips[split]), data) for split in wanted]
