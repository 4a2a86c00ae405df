"""Files of phones or words with their times.

    path --read_phones--> PhoneFile: phones in IPA from 0 to the file's end without gaps; or words if it has no phones

Known are Praat's TextGrid, GRID's .align (words), rhubarb's mouth shapes (.tsv and .json), HTK's .lab, and plain tables
of start, end and sound. What a file is, is decided by its content; of the name, only .align and .lab
decide in which unit whole numbers count.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mouthpiece.errors import InputError
from mouthpiece.notices import Notice, notice
from mouthpiece.phones.notation import LEAST_SHARE, Notation, find_notation, is_silent, is_unspelled, to_ipa
from mouthpiece.phones.textgrid import Interval, Tier, looks_like_textgrid, read_textgrid
from mouthpiece.types import Phone, SpokenWord

ALIGN_UNITS_PER_S = 25_000
"""GRID's .align files count in 1/25000 s."""
HTK_UNITS_PER_S = 10_000_000
"""HTK's .lab files count in 100 ns."""
LARGEST_BYTES = 64 << 20
"""Larger files are no files of phones."""
OVERLAP_S = 0.005
"""Neighbours may overlap by so much: times are rounded."""

_PHONE_TIERS = ("phones", "phone", "phonemes", "phoneme", "mau", "segments", "segment", "phn", "phonetic", "phons")
_WORD_TIERS = ("words", "word", "ort", "orthography", "kan")
_RHUBARB_SHAPE = re.compile(r"[A-HX]")


@dataclass(frozen=True, slots=True)
class PhoneFile:
    """The content of a file of phones or words."""

    name: str
    """The file's name."""
    format: str
    """What kind of file it is, for people."""
    notation: Notation | None
    """How its sounds are written; None where it has words only."""
    phones: tuple[Phone, ...]
    """Sounds in IPA and silences (empty symbol), from 0 to the file's end, without gaps; empty where it has words."""
    words: tuple[SpokenWord, ...] = ()
    """Words in time order, where it has no phones."""
    tier: str = ""
    """The tier of a TextGrid that was taken."""
    warnings: tuple[Notice, ...] = ()
    """What is unusual about the file, one line each."""

    @property
    def end_s(self) -> float:
        """Where the last sound, silence or word ends."""
        return max([phone.end_s for phone in self.phones] + [word.end_s for word in self.words], default=0.0)


def read_phones(path: str | os.PathLike[str]) -> PhoneFile:
    """Read a file of phones or words with their times.

    Args:
        path: the file.

    Raises:
        InputError: it can't be read, is of no known kind, or its times are impossible; the text names the line.
    """
    file = Path(os.fsdecode(path))
    text = _read_text(file)
    if looks_like_textgrid(text):
        return _from_textgrid(text, file.name)
    if text.lstrip()[:1] == "{":
        return _from_rhubarb_json(text, file.name)
    rows = _read_rows(text, file.name)
    if all(len(row.cells) == 2 for row in rows):
        return _from_rhubarb_tsv(rows, file.name)
    return _from_table(rows, file)


def _read_text(file: Path) -> str:
    """Read the text of a file, whatever its encoding.

    Raises:
        InputError: there is none, or it isn't text.
    """
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise InputError(f"expected a file of phones, {file.name} is larger than any ({LARGEST_BYTES >> 20} MB)")
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"expected a file of phones at {file}, but: {reason}; check the path") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"expected text in UTF-8 or UTF-16, {file.name} is neither; save it as UTF-8") from error
    if "\0" in text:
        raise InputError(f"expected a text file of phones, {file.name} is none; give a TextGrid, .lab or .tsv")
    if not text.strip():
        raise InputError(f"expected phones and their times, {file.name} is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


# TextGrid -------------------------------------------------------------------------------------------------------------


def _from_textgrid(text: str, name: str) -> PhoneFile:
    tiers, end_s = read_textgrid(text, name)
    tier, are_words, warnings = _choose_tier(tiers, name)
    spans = [i for i in tier.intervals if not is_silent(i.label)]
    _check_times(spans, name)
    if not spans:
        raise InputError(f"expected phones in {name}, its tier {tier.name!r} has no sounds; fill it or remove it")
    if are_words:
        words = tuple(SpokenWord(i.label.strip(), i.start_s, i.end_s) for i in spans)
        return PhoneFile(name, "TextGrid", None, (), words, tier.name, warnings)
    notation = find_notation((i.label for i in spans), LEAST_SHARE) or Notation.IPA
    phones, label_warnings = _phones_of_spans(spans, notation, end_s)
    return PhoneFile(name, "TextGrid", notation, phones, (), tier.name, (*warnings, *label_warnings))


def _choose_tier(tiers: Sequence[Tier], name: str) -> tuple[Tier, bool, tuple[Notice, ...]]:
    """Choose a tier: the tier, whether it has words, and warnings about the choice."""
    if not tiers:
        raise InputError(f"expected an interval tier of phones in {name}, found none; add one named 'phones'")
    named = [tier for tier in tiers if _has_name(tier, _PHONE_TIERS)]
    if named:
        fullest = max(named, key=_count_labels)
        others = ", ".join(repr(tier.name) for tier in named if tier is not fullest and _count_labels(tier))
        warning = notice("several-tiers", file=name, tier=fullest.name, others=others)
        return fullest, False, (warning,) if others else ()
    # The finest tier of those that can be phones, else the words.
    unnamed = [tier for tier in tiers if not _has_name(tier, _WORD_TIERS) and _count_labels(tier)]
    if may_be := [tier for tier in unnamed if find_notation(i.label for i in tier.intervals) is not None]:
        return max(may_be, key=_count_labels), False, ()
    words = [tier for tier in tiers if _has_name(tier, _WORD_TIERS)]
    return max(words or tiers, key=_count_labels), True, ()


def _has_name(tier: Tier, names: Sequence[str]) -> bool:
    """Check whether a tier has one of the names, alone or beside a speaker's (`anna - phones`)."""
    return any(part in names for part in re.split(r"[^a-z]+", tier.name.lower()))


def _count_labels(tier: Tier) -> int:
    return sum(not is_silent(interval.label) for interval in tier.intervals)


# Tables ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    cells: tuple[str, ...]
    line: int


def _read_rows(text: str, name: str) -> list[_Row]:
    """Split a table into rows, without empty ones, comments and a heading.

    Raises:
        InputError: there are none.
    """
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith(("//", "#")):
            separator = next((mark for mark in "\t," if mark in line), None)
            rows.append(_Row(tuple(cell.strip() for cell in line.split(separator)), number))
    if rows and len(rows[0].cells) > 1 and not any(_number(cell) is not None for cell in rows[0].cells[:2]):
        del rows[0]
    if not rows:
        raise InputError(f"expected lines of start, end and sound, {name} has none")
    return rows


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _from_rhubarb_tsv(rows: Sequence[_Row], name: str) -> PhoneFile:
    cues: list[Interval] = []
    for row in rows:
        time_s = _number(row.cells[0])
        if time_s is None or not _RHUBARB_SHAPE.fullmatch(row.cells[1]):
            line = "\t".join(row.cells)
            raise InputError(
                f"{name}, line {row.line}: expected a time and one of rhubarb's shapes A to H and X, got {line!r}; "
                "for phones give start, end and sound"
            )
        if cues and time_s < cues[-1].start_s:
            raise InputError(
                f"{name}, line {row.line}: expected times that rise, got {time_s:g} after {cues[-1].start_s:g}"
            )
        if cues:
            cues[-1] = Interval(cues[-1].start_s, time_s, cues[-1].label, cues[-1].line)
        cues.append(Interval(time_s, time_s, row.cells[1], row.line))
    return _phones_of_shapes([cue for cue in cues if cue.end_s > cue.start_s], cues[-1].start_s, name)


def _from_rhubarb_json(text: str, name: str) -> PhoneFile:
    try:
        document: Any = json.loads(text)
        cues = [Interval(float(cue["start"]), float(cue["end"]), str(cue["value"]), 1) for cue in document["mouthCues"]]
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"{name}{where}: expected rhubarb's JSON with 'mouthCues' of start, end and value; export it again"
        ) from error
    strange = next((cue.label for cue in cues if not _RHUBARB_SHAPE.fullmatch(cue.label)), None)
    if strange is not None:
        raise InputError(f"{name}: expected rhubarb's shapes A to H and X, got {strange!r}")
    return _phones_of_shapes(cues, max((cue.end_s for cue in cues), default=0.0), name)


def _phones_of_shapes(cues: Sequence[Interval], end_s: float, name: str) -> PhoneFile:
    spans = [cue for cue in cues if cue.label != "X"]
    _check_times(spans, name)
    if not spans:
        raise InputError(f"expected mouth shapes in {name}, the mouth rests throughout; give another file")
    phones, warnings = _phones_of_spans(spans, Notation.RHUBARB, end_s)
    return PhoneFile(name, "rhubarb's mouth shapes", Notation.RHUBARB, phones, warnings=warnings)


def _from_table(rows: Sequence[_Row], file: Path) -> PhoneFile:
    name, kind = file.name, file.suffix.lower()
    unit_s, kind_name = _unit(rows, kind)
    spans = []
    for row in rows:
        start, end = (_number(cell) for cell in row.cells[:2]) if len(row.cells) > 2 else (None, None)
        if start is None or end is None:
            line = "\t".join(row.cells)
            raise InputError(f"{name}, line {row.line}: expected start, end and sound, got {line!r}")
        spans.append(Interval(start * unit_s, end * unit_s, " ".join(row.cells[2:3]), row.line))
    end_s = max(span.end_s for span in spans)
    spoken = [span for span in spans if not is_silent(span.label)]
    _check_times(spoken, name)
    if not spoken:
        raise InputError(f"expected sounds in {name}, it has silence only; give another file")
    notation = None if kind == ".align" else find_notation(span.label for span in spoken)
    if notation is None:
        return PhoneFile(name, kind_name, None, (), tuple(SpokenWord(s.label, s.start_s, s.end_s) for s in spoken))
    phones, warnings = _phones_of_spans(spoken, notation, end_s)
    return PhoneFile(name, kind_name, notation, phones, warnings=warnings)


def _unit(rows: Sequence[_Row], kind: str) -> tuple[float, str]:
    """Return the seconds that 1 stands for, and what the kind of file is called."""
    if kind == ".align":
        return 1 / ALIGN_UNITS_PER_S, "GRID .align"
    whole = all(re.fullmatch(r"[-+]?\d+", cell) for row in rows for cell in row.cells[:2])
    if kind in (".lab", ".mlf", ".rec") and whole:
        return 1 / HTK_UNITS_PER_S, "HTK labels"
    return 1.0, "table of start, end and sound"


# What all kinds share -------------------------------------------------------------------------------------------------


def _check_times(spans: Sequence[Interval], name: str) -> None:
    """Check the times of spans.

    Raises:
        InputError: a time is negative, a span ends before it starts, or begins before the one before it has ended.
    """
    before: Interval | None = None
    for span in spans:
        where = f"{name}, line {span.line}: expected" if span.line else f"{name}: expected"
        if not (math.isfinite(span.start_s) and math.isfinite(span.end_s)) or span.start_s < 0:
            raise InputError(f"{where} times from 0 on, got {span.start_s:g} to {span.end_s:g} s for {span.label!r}")
        if span.end_s <= span.start_s:
            raise InputError(
                f"{where} an end after the start, got {span.start_s:g} to {span.end_s:g} s for {span.label!r}"
            )
        if before is not None and span.start_s < before.end_s - OVERLAP_S:
            raise InputError(
                f"{where} {span.label!r} to begin after {before.label!r} has ended at {before.end_s:g} s, "
                f"got {span.start_s:g} s; overlapping sounds need one file a speaker"
            )
        before = span


def _phones_of_spans(
    spans: Sequence[Interval], notation: Notation, end_s: float
) -> tuple[tuple[Phone, ...], tuple[Notice, ...]]:
    """Convert spans to phones in IPA with the silences between them, with warnings."""
    phones: list[Phone] = []
    strange: list[str] = []
    for span in spans:
        symbol = to_ipa(span.label, notation)
        if symbol is None or is_unspelled(span.label):
            strange.append(span.label.strip())
        sound = to_ipa("spn", Notation.IPA) if symbol is None else symbol
        phones.append(Phone(sound or "", span.start_s, span.end_s))
    warnings: tuple[Notice, ...] = ()
    if strange:
        kinds = sorted(set(strange))
        named = ", ".join(repr(kind) for kind in kinds[:5]) + (" ..." if len(kinds) > 5 else "")
        warnings = (notice("labels-without-sound", count=len(strange), total=len(spans), labels=named),)
    return fill_silences(phones, end_s), warnings


def fill_silences(phones: Sequence[Phone], end_s: float) -> tuple[Phone, ...]:
    """Fill what lies before, between and after phones with silence.

    Args:
        phones: in time order; small overlaps are cut.
        end_s: where the last silence ends.
    """
    filled: list[Phone] = []
    now_s = 0.0
    for phone in phones:
        start_s = max(phone.start_s, now_s)
        if start_s > now_s:
            filled.append(Phone("", now_s, start_s))
        if phone.end_s > start_s:
            filled.append(Phone(phone.symbol, start_s, phone.end_s))
            now_s = phone.end_s
    if end_s > now_s:
        filled.append(Phone("", now_s, end_s))
    return tuple(filled)
