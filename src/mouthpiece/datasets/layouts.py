"""Clips as they lie in a user's folder.

Three layouts are known, told apart by what lies in the folder:

- GRID: `clips/*.mp4` with their sound, `align/*.align`, `manifest.csv` with the columns `clip` and `split`;
- videos: `*.mp4` (or .mpg, .mkv, .mov, .webm, .avi) in the folder or in folders inside it, each with an `.align` of the
  same name beside it, or in a folder `align` or `alignments` near it, or without; of `NAME.mpg` and `NAME_224.mp4`
  the second counts;
- curves: `*.flac` or `*.wav` with an `.npz` of the same name that holds `weights` (frames, n), `names` (n) and `fps`:
  a face rig's curves instead of a picture.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mouthpiece.datasets.options import SPLITS
from mouthpiece.errors import InputError
from mouthpiece.types import SpokenWord

ALIGN_UNITS_PER_S = 25_000
"""GRID's .align files count in 1/25000 s."""
SILENT_WORDS = frozenset({"sil", "sp", ""})
"""What .align files call the time in which nobody speaks."""
ALIGN_FOLDERS = ("align", "alignments")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg", ".mpeg")
SOUND_SUFFIXES = (".flac", ".wav")


@dataclass(frozen=True, slots=True)
class ClipSource:
    """A clip as it lies in a user's folder."""

    corpus: str
    """The folder's name."""
    name: str
    """The clip's name, unique in the corpus."""
    media: Path
    """Video with sound, or the sound alone beside `curves`."""
    split: str = "train"
    """One of SPLITS."""
    align: Path | None = None
    """Word times, if known."""
    curves: Path | None = None
    """Rig curves, if there is no picture."""

    @property
    def cached_name(self) -> str:
        """File name in the cache."""
        return f"{self.corpus}.{self.name}.npz"


def read_align(path: Path) -> tuple[SpokenWord, ...]:
    """Read the words of a GRID .align file, without its silences.

    Raises:
        InputError: a line is not `start end word`.
    """
    words = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"\s*(\d+)\s+(\d+)\s+(\S+)\s*", line)
        if match is None:
            raise InputError(f"{path.name}, line {number}: expected 'start end word', got {line!r}; correct the file")
        if match[3] not in SILENT_WORDS:
            words.append(SpokenWord(match[3], int(match[1]) / ALIGN_UNITS_PER_S, int(match[2]) / ALIGN_UNITS_PER_S))
    return tuple(words)


def find_sources(data: Path) -> list[ClipSource]:
    """List the clips in a folder of one of the known layouts, by name.

    Raises:
        InputError: the folder does not exist, or holds nothing of the kind.
    """
    if not data.is_dir():
        raise InputError(f"expected a folder of talking videos, found none at {data}; check the path")
    if data.name in ("", ".."):  # a corpus is called by its folder
        data = data.resolve()
    if (data / "clips").is_dir():
        sources = list(_grid_sources(data))
    else:
        sources = list(_curve_sources(data)) or list(_video_sources(data))
    if not sources:
        raise InputError(
            f"expected clips/*.mp4, *.mp4 or *.flac with *.npz in {data}, found none; "
            "see docs/preparing.md for the layouts that are known"
        )
    return sources


def _splits(data: Path) -> dict[str, str]:
    """Read the split of each clip from manifest.csv, where there is one.

    Raises:
        InputError: the manifest names an unknown split.
    """
    manifest = data / "manifest.csv"
    if not manifest.is_file():
        return {}
    with manifest.open(newline="", encoding="utf-8-sig") as file:
        splits = {row["clip"]: row["split"] for row in csv.DictReader(file) if row.get("clip") and row.get("split")}
    for clip, split in splits.items():
        if split not in SPLITS:
            raise InputError(
                f"{manifest}: expected one of {', '.join(SPLITS)}, got {split!r} for {clip}; correct the file"
            )
    return splits


def _align_of(media: Path, name: str) -> Path | None:
    """Find the .align file of a clip: beside it, or in a folder `align` there or one level up (`align/s1` for `s1`)."""
    beside, above = media.parent, media.parent.parent
    folders = [beside, *(place / word for word in ALIGN_FOLDERS for place in (beside, above))]
    folders += [above / word / beside.name for word in ALIGN_FOLDERS]
    return next((path for folder in folders if (path := folder / f"{name}.align").is_file()), None)


def _grid_sources(data: Path) -> Iterator[ClipSource]:
    splits = _splits(data)
    for name, media in _named_videos(data / "clips").items():
        yield ClipSource(data.name, name, media, splits.get(media.stem, "train"), _align_of(media, media.stem))


def _video_sources(data: Path) -> Iterator[ClipSource]:
    splits = _splits(data)
    videos = _named_videos(data)
    for name, media in videos.items():
        if f"{name}_224" in videos:
            continue
        short, stem = name.removesuffix("_224"), media.stem.removesuffix("_224")
        named = (name, short, media.stem, stem)
        split = next((splits[clip] for clip in named if clip in splits), "train")
        yield ClipSource(data.name, short, media, split, _align_of(media, stem))


def _named_videos(folder: Path) -> dict[str, Path]:
    """Find the videos in a folder and the folders inside it, hidden ones left out; each by a name of its own."""
    named: dict[str, Path] = {}
    for media in sorted(folder.rglob("*")):
        inside = media.relative_to(folder)
        if media.suffix.lower() not in VIDEO_SUFFIXES or any(part.startswith(".") for part in inside.parts):
            continue
        name = "_".join(inside.with_suffix("").parts)
        named[name if name not in named else f"{name}_{media.suffix[1:].lower()}"] = media
    return named


def _curve_sources(data: Path) -> Iterator[ClipSource]:
    sounds = [
        path
        for path in sorted(data.iterdir())
        if path.suffix.lower() in SOUND_SUFFIXES and path.with_suffix(".npz").is_file()
    ]
    # Such corpora are a few long recordings; without a manifest the last one tests, the one before validates.
    default = ["train"] * (len(sounds) - 2) + ["val", "test"] if len(sounds) > 2 else ["train"] * len(sounds)
    splits = _splits(data)
    for media, split in zip(sounds, default, strict=True):
        yield ClipSource(data.name, media.stem, media, splits.get(media.stem, split), curves=media.with_suffix(".npz"))
