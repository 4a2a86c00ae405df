"""What a corpus is prepared by. Needs no NumPy: command lines are made from these fields."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mouthpiece.errors import OptionError
from mouthpiece.option_fields import check_ranges, option

SPLITS = ("train", "val", "test", "unseen")
"""What a clip may be used for; unseen: people that are in no training."""
LARGEST_LAG_S = 0.6
"""Lags between picture and sound are looked for up to here."""


class OffsetRule(StrEnum):
    """What to do with a clip whose picture and sound are surely apart."""

    CORRECT = "correct"
    DROP = "drop"
    KEEP = "keep"
    """Nothing: the clip stays as it is, the report lists it."""


def workers_option() -> Any:
    """Declare how many processes measure faces."""
    return option(2, flag="--workers", help="Processes that measure faces.", low=1)


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """Which clips of a corpus are prepared, and how."""

    splits: Collection[str] = option(
        SPLITS,
        flag="--split",
        kind=list[str],
        metavar="NAME",
        help="Only clips of train, val, test or unseen; may be given several times.",
    )
    """Clips of other splits are left alone."""
    offsets: OffsetRule = option(
        OffsetRule.CORRECT, flag="--offsets", help="What to do with clips whose picture and sound are apart."
    )
    retry: bool = option(False, flag="--retry", help="Try again what could not be used before.")
    """Whether clips are tried again that could not be used before."""
    limit: int | None = option(
        None, flag="--limit", kind=int, metavar="CLIPS", help="Take only so many clips of each split.", low=1
    )
    """At most so many clips of each split."""
    workers: int = workers_option()

    def __post_init__(self) -> None:
        """Check splits and numbers.

        Raises:
            OptionError: a split is unknown, or there is no worker.
        """
        check_splits(self.splits)
        check_ranges(self)


def check_splits(splits: Collection[str]) -> None:
    """Refuse unknown splits.

    Raises:
        OptionError: one of them is none of SPLITS.
    """
    for split in splits:
        if split not in SPLITS:
            raise OptionError(f"--split expects one of {', '.join(SPLITS)}, got {split!r}")
