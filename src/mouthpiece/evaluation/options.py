"""What is judged, and by what. Needs no NumPy: command lines are made from these fields."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mouthpiece.datasets.options import LARGEST_LAG_S, check_splits, workers_option
from mouthpiece.errors import OptionError
from mouthpiece.option_fields import check_ranges, option
from mouthpiece.options import SyncOptions, intensity_option

HELD_OUT = ("test", "unseen")
"""Splits that no network should have learned from."""
SMALLEST_STEP_S = 0.001


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """Which networks are scored, and on which clips."""

    data: tuple[Path, ...] = option(
        (),
        flag="--data",
        kind=list[Path],
        metavar="DIR",
        help="A corpus, a folder of corpora, or one of prepared clips; may be given several times.",
    )
    """Folders, each a corpus, one of several corpora, or one of prepared clips."""
    cache: Path | None = option(
        None,
        flag="--cache",
        kind=Path,
        metavar="DIR",
        help="Where corpora are prepared; alone, what to judge by.",
    )
    """Where corpora are prepared, a folder of the user's cache if not given; without `data`, what lies there is judged
    by."""
    weights: tuple[Path, ...] = option(
        (),
        flag="--weights",
        kind=list[Path],
        metavar="FILE",
        help="A network, its basis beside it; may be given several times. The packaged ones if not given.",
    )
    """Networks, the basis of each beside it; the packaged ones if empty."""
    splits: Collection[str] = option(
        HELD_OUT,
        flag="--split",
        kind=list[str],
        metavar="NAME",
        help="train, val, test or unseen; may be given several times. Test and unseen if not given.",
    )
    """Splits whose clips count: some of SPLITS."""
    intensity: float = intensity_option()
    """How far the mouth moves, as of the engine."""
    limit: int | None = option(
        None, flag="--limit", kind=int, metavar="CLIPS", help="Take only so many clips of each set.", low=1
    )
    """At most so many clips of each set."""
    workers: int = workers_option()

    def __post_init__(self) -> None:
        """Check splits and folders.

        Raises:
            OptionError: a split is unknown, or neither folders nor a cache are given.
        """
        check_splits(self.splits)
        check_ranges(self)
        if not self.data and self.cache is None:
            raise OptionError("expected --data or --cache: a folder of talking videos, or one of prepared clips")


class View(StrEnum):
    """What a rendered face is made from."""

    PHOTO = "photo"
    """The clip's first frame that shows a face."""
    VIDEO = "video"
    """The clip itself, dubbed with its own sound."""


@dataclass(frozen=True, slots=True)
class SeenOptions:
    """How clips are rendered and read."""

    views: tuple[View, ...] = option(
        (),
        flag="--view",
        kind=list[View],
        metavar="NAME",
        help="Render a photo or a video of each clip; may be given twice. Both if not given.",
    )
    """What the faces are made from; both if empty."""
    encoded: bool = option(False, flag="--encoded", help="Read encoded files, not frames as they are drawn.")
    """Whether pictures go through an encoded file before they are read."""
    phones: bool = option(False, flag="--phones", help="Let the mouth follow the phones of known words.")
    """Whether the mouth follows the phones where words are known, not the sound."""
    reader: Path | None = option(
        None,
        flag="--reader",
        kind=Path,
        metavar="DIR",
        help="A GRID corpus, or one prepared, whose train split teaches the lip reader.",
    )
    """A corpus of GRID's sentences, or a folder of prepared clips, that the lip reader learns from; None: no lip
    reader."""
    language: str = option("en-gb", flag="--language", help="Language of known words, as espeak-ng calls it.")
    """Language of known words, as espeak-ng calls it, where a clip doesn't say its own."""


@dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """What is calibrated, and how finely."""

    sync: SyncOptions = field(default_factory=lambda: SyncOptions())  # noqa: PLW0108 - a class here would make its fields flags
    """The engine, its weights and how they run; its audio offset is where the search begins."""
    face: Path | None = option(
        None, flag="--face", kind=Path, metavar="FILE", help="A photo or video; else the packaged face."
    )
    """A photo, or a video whose frames are drawn over; the packaged face if not given."""
    speech: tuple[Path, ...] = option(
        (),
        flag="--speech",
        kind=list[Path],
        metavar="FILE",
        help="What it says; may be given several times. Else the packaged speech, English and Arabic.",
    )
    """Recordings, which share one offset; the packaged speech in every language if empty."""
    range_s: float = option(0.2, flag="--range-ms", metavar="MS", scale=1000.0, help="Look so far to either side.")
    """Offsets are looked for up to so far from 0, seconds."""
    step_s: float = option(0.02, flag="--step-ms", metavar="MS", scale=1000.0, help="The offset is a multiple of this.")
    """An offset is a multiple of this, seconds; what is less off is in sync."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: they make no sense.
        """
        if not SMALLEST_STEP_S <= self.step_s <= self.range_s <= LARGEST_LAG_S:
            raise OptionError(
                f"expected {SMALLEST_STEP_S * 1000:g} ms <= step <= range <= {LARGEST_LAG_S * 1000:g} ms, "
                f"got a step of {self.step_s * 1000:g} and a range of {self.range_s * 1000:g} ms"
            )
        if abs(self.sync.audio_offset_s) > self.range_s:
            raise OptionError(
                f"expected a search that begins within its range of {self.range_s * 1000:g} ms, "
                f"got {self.sync.audio_offset_s * 1000:g} ms"
            )
