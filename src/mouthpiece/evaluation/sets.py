"""What there is to judge by: folders of talking faces, of rig curves, and of recordings that were prepared already.

folders --find_sets--> prepared clips by corpus and split: MotionSet --evaluation.motion--> scores
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mouthpiece.datasets.prepare import SOUND_SUFFIXES, SPLITS, OffsetRule, list_prepared, prepare_corpus
from mouthpiece.errors import InputError, OptionError

HELD_OUT = ("test", "unseen")
"""Splits that no network should have learned from."""


@dataclass(frozen=True, slots=True)
class MotionSet:
    """The prepared clips of one split of a corpus."""

    cache: Path
    corpus: str
    split: str
    clips: int


@dataclass(frozen=True, slots=True)
class SetOptions:
    """Which clips to judge by."""

    splits: Collection[str] = HELD_OUT
    """Those of SPLITS that count."""
    limit: int | None = None
    """At most so many clips of each split."""
    workers: int = 2
    """Processes that measure faces."""
    progress: Callable[[int, int], None] | None = field(default=None, repr=False)
    """Called with (clips measured, clips in all) of the corpus at hand."""

    def __post_init__(self) -> None:
        """Check the splits.

        Raises:
            OptionError: one of them is unknown.
        """
        for split in self.splits:
            if split not in SPLITS:
                raise OptionError(f"--split expects one of {', '.join(SPLITS)}, got {split!r}")


def default_cache(corpus: Path) -> Path:
    """Where a corpus is kept prepared if nobody says where: a folder of its own in the user's cache."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = hashlib.sha256(str(corpus.resolve()).encode()).hexdigest()[:12]
    return root / "mouthpiece" / "corpora" / f"{corpus.resolve().name}-{place}"


def find_sets(
    data: Sequence[Path], cache: Path | None = None, options: SetOptions | None = None
) -> tuple[list[MotionSet], list[str]]:
    """Everything that can be judged by, measured where that was not done yet.

    Args:
        data: folders, each of one corpus (`training.corpora` names the layouts), of several corpora, or of recordings
            prepared already.
        cache: where corpora are prepared; without `data`, what lies there is judged by. `default_cache` if not given.
        options: which clips.

    Returns:
        The sets, and what could not be judged by, one line each.

    Raises:
        InputError: a folder holds nothing of the kind.
        OptionError: neither folders nor cache are given.
    """
    options = options or SetOptions()
    if not data and cache is None:
        raise OptionError("expected --data or --cache: a folder of talking videos, or one of prepared clips")
    sets: list[MotionSet] = []
    notes: list[str] = []
    for folder in data or [cache or Path()]:
        for place, corpus in _corpora_in(folder, cache, options, notes):
            found = _sets_of(place, corpus, options)
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


def _corpora_in(folder: Path, cache: Path | None, options: SetOptions, notes: list[str]) -> Iterator[tuple[Path, str]]:
    """(cache, corpus) of everything in a folder, prepared."""
    if not folder.is_dir():
        raise InputError(f"expected a folder of talking videos or of prepared clips, found none at {folder}")
    prepared = sorted({clip.corpus for clip in list_prepared(folder)})
    if prepared:
        yield from ((folder, corpus) for corpus in prepared)
        return
    inner = [] if _tells_its_clips(folder) else sorted(path for path in folder.iterdir() if _tells_its_clips(path))
    for corpus in inner or [folder]:
        place = cache or default_cache(corpus)
        report = prepare_corpus(
            corpus,
            place,
            splits=options.splits,
            workers=options.workers,
            limit=options.limit,
            progress=options.progress,
            offsets=OffsetRule.KEEP,  # the lag is judged, too
        )
        notes += [f"{corpus.name}: left out {name}: {reason}" for name, reason in report.skipped]
        yield place, corpus.name


def _tells_its_clips(folder: Path) -> bool:
    """Whether a folder is a corpus by more than holding media: a manifest, word times, curves beside the sound."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    curves = any(f"{Path(name).stem}.npz" in names for name in names if name.lower().endswith(SOUND_SUFFIXES))
    return "manifest.csv" in names or "align" in names or curves or any(name.endswith(".align") for name in names)


def _sets_of(place: Path, corpus: str, options: SetOptions) -> list[MotionSet]:
    clips = Counter(clip.split for clip in list_prepared(place, corpus))
    wanted = [split for split in SPLITS if split in options.splits and clips[split]]
    return [MotionSet(place, corpus, split, min(clips[split], options.limit or clips[split])) for split in wanted]
