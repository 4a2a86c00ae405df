"""Where the recordings of a folder come from, and under which licence: what a model card must name."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mouthpiece.atomic_write import atomic_write
from mouthpiece.training.options import SPEECH
from mouthpiece.training.real_speech.corpus import TranscribedLine

CITATIONS = f"{SPEECH}.citations.csv"
"""Beside the recordings, one row each."""
COLUMNS = ("name", "split", "language", "speaker", "source", "licence", "note")


@dataclass(frozen=True, slots=True)
class CitedSource:
    """A corpus, and what was taken of it."""

    source: str
    """Its name or address, without the path of a file."""
    licence: str
    languages: tuple[str, ...]
    speakers: int
    recordings: int


def write_citations(out: Path, lines: Sequence[TranscribedLine]) -> None:
    """Write where recordings come from, those of earlier runs among them.

    Args:
        out: folder of the recordings.
        lines: those that have one there.
    """
    rows = {row["name"]: row for row in read_citations(out)}
    for line in lines:
        about = (line.name, line.split, line.language, line.speaker, line.source, line.licence, line.note)
        rows[line.name] = dict(zip(COLUMNS, about, strict=True))
    with atomic_write(out / CITATIONS) as hidden, hidden.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))


def read_citations(out: Path) -> list[dict[str, str]]:
    """Read the rows, by name; none if no run was finished there."""
    path = out / CITATIONS
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cited_sources(out: Path, split: str = "train") -> tuple[CitedSource, ...]:
    """Sum up the sources of a split, by name.

    Args:
        out: folder of the recordings.
        split: what a network learned from is `train`.
    """
    by_source: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in read_citations(out):
        if row["split"] == split:
            by_source[row["source"].partition(":")[0], row["licence"]].append(row)
    return tuple(
        CitedSource(
            source,
            licence,
            tuple(sorted({row["language"] for row in rows})),
            len({row["speaker"] for row in rows}),
            len(rows),
        )
        for (source, licence), rows in sorted(by_source.items())
    )
