"""A folder of transcribed speech: its manifest, what else is known of its words, and which split a line belongs to.

    FOLDER/manifest.csv      file, language, speaker, text, source, licence, split, note; further columns don't matter
    FOLDER/*_phones.json     {line: ["S OW1", ...]}: each word's sounds in ARPABET, where the corpus gives them
    FOLDER/*_words.json      {line: [[word, start, end], ...] or [[word, IPA, start, end], ...]}: words with their times

A line's name is its file's without the ending. Speakers whose split is `dev` are never trained on: by their names, one
in two becomes `val`, the others `test`.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mouthpiece.errors import InputError
from mouthpiece.types import SpokenWord

MANIFEST = "manifest.csv"
_COLUMNS = ("file", "language", "speaker", "text", "source", "licence", "split")
HELD_OUT = "dev"
"""Split of the speakers that are never trained on."""
_SAFE_NAME = re.compile(r"[^\w.-]")


@dataclass(frozen=True, slots=True)
class TranscribedLine:
    """An utterance, and what the corpus states about it."""

    path: Path
    name: str
    """Unique in the corpus, fit for a file's name."""
    language: str
    """BCP-47, as the manifest has it."""
    speaker: str
    text: str
    source: str
    """Where it comes from: repository, path, commit."""
    licence: str
    split: str
    """`train`, `val` or `test`."""
    note: str = ""
    arpabet: tuple[str, ...] = field(default=(), repr=False)
    """Each word's sounds, separated by blanks; empty where the corpus doesn't give them."""
    words: tuple[SpokenWord, ...] = field(default=(), repr=False)
    """Words with their times; empty where the corpus doesn't give them."""
    word_ipa: tuple[str, ...] = field(default=(), repr=False)
    """IPA of each of `words`; empty where the corpus doesn't give it."""


def read_lines(folder: Path) -> tuple[TranscribedLine, ...]:
    """Read a folder's manifest, by file name; no sound is opened.

    Raises:
        InputError: there is no manifest, it lacks a column, or a file beside it can't be read.
    """
    rows = _rows(folder / MANIFEST)
    given = {kind: _beside(folder, kind) for kind in ("phones", "words")}
    splits = _splits(rows)
    lines = [_line(folder, row, splits, given) for row in rows]
    return tuple(sorted(lines, key=lambda line: line.name))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path.name}: expected the columns {', '.join(_COLUMNS)}; {missing[0]} is missing")
            return list(reader)
    except OSError as error:
        raise InputError(
            f"expected a folder of transcribed speech with a {MANIFEST}, {path} can't be read ({error.strerror})"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name}: expected a table in UTF-8 ({error})") from error


def _beside(folder: Path, kind: str) -> dict[str, Any]:
    """Read what files like `NAME_kind.json` know of the lines."""
    known: dict[str, Any] = {}
    for path in sorted(folder.glob(f"*_{kind}.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path.name} can't be read as JSON ({error}); mend it or take it away") from error
        if not isinstance(content, dict):
            raise InputError(f"{path.name}: expected an object of lines, got {type(content).__name__}")
        known |= content
    return known


def _splits(rows: list[dict[str, str]]) -> dict[str, str]:
    """Deal speakers to the splits."""
    held_out = sorted({row["speaker"] for row in rows if row["split"] == HELD_OUT})
    return {speaker: "val" if number % 2 == 0 else "test" for number, speaker in enumerate(held_out)}


def _line(
    folder: Path, row: dict[str, str], splits: dict[str, str], given: dict[str, dict[str, Any]]
) -> TranscribedLine:
    stem = Path(row["file"]).stem
    try:
        timed = given["words"].get(stem, [])
        words = tuple(SpokenWord(str(word[0]), float(word[-2]), float(word[-1])) for word in timed)
        ipa = tuple(str(word[1]) for word in timed if len(word) == 4)
        arpabet = tuple(str(word) for word in given["phones"].get(stem, ()))
    except (TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"the words of {stem} are not [word, start, end] or [word, IPA, start, end]: {error}"
        ) from error
    return TranscribedLine(
        path=folder / row["file"],
        name=_SAFE_NAME.sub("-", stem),
        language=row["language"],
        speaker=row["speaker"],
        text=row["text"],
        source=row["source"],
        licence=row["licence"],
        split=splits.get(row["speaker"], "train"),
        note=row.get("note") or "",
        arpabet=arpabet,
        words=words,
        word_ipa=ipa if len(ipa) == len(words) else (),
    )
