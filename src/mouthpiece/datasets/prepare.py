"""Corpora of talking faces prepared for training and evaluation, once.

    folder --layouts.find_sources--> sources --prepare_corpus--> one .npz a clip, and a report

`layouts` has the folders that are understood, `measuring` the way from a video to landmarks, `av_offset` the lag
between picture and sound, `recordings` the cache.
"""

from __future__ import annotations

import glob
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

from mouthpiece.atomic_write import atomic_write
from mouthpiece.datasets.av_offset import AvOffset, Evidence, Verdict, corrected, judge, mouth_evidence
from mouthpiece.datasets.layouts import ClipSource, find_sources
from mouthpiece.datasets.measuring import measure_video, read_curves
from mouthpiece.datasets.options import OffsetRule, PrepareOptions
from mouthpiece.datasets.recordings import Recording, load_recording, save_recording
from mouthpiece.errors import Cancelled, InputError, MouthpieceError, OutputError
from mouthpiece.parallel import map_in_processes

SAVE_REPORT_EVERY_S = 5.0


class ClipStatus(StrEnum):
    """What came of a clip."""

    PREPARED = "prepared"
    SKIPPED = "skipped"
    """It can't be used."""
    DROPPED = "dropped"
    """Picture and sound are apart, and `OffsetRule.DROP` was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReport:
    """What came of one clip."""

    clip: str
    status: ClipStatus
    reason: str = ""
    """Why it can't be used, or why its offset is unsure."""
    parts: int = 0
    """Recordings made of it."""
    seconds: float = 0.0
    frames: int = 0
    seen: float = 0.0
    """Share of the frames in which the face was measured."""
    offset: str = ""
    """in-sync, shifted or unsure; empty where nobody looked."""
    offset_ms: float | None = None
    """How late the picture was."""
    confidence: float = 0.0
    corrected: bool = False
    bytes: int = 0
    """Size in the cache."""


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What came of preparing a corpus."""

    made: int
    """Clips done now."""
    kept: int
    """Clips that were there already."""
    skipped: tuple[tuple[str, str], ...]
    """(clip, reason) of those that can't be used."""
    corpus: str = ""
    clips: tuple[ClipReport, ...] = field(default=(), repr=False)
    """Every clip that there is a report of, those of earlier runs too."""

    @property
    def usable(self) -> int:
        """Clips in the cache."""
        return self.made + self.kept


def report_path(cache: Path, corpus: str) -> Path:
    """Return where the report of a corpus lies."""
    return cache / f"{corpus}.report.json"


def prepare_corpus(
    data: Path,
    out: Path,
    options: PrepareOptions | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> CorpusReport:
    """Measure every clip of a folder and keep the result, one .npz a clip (or a part of a long one), and a report.

    Clips already in `out` are left as they are, so an interrupted run goes on where it stopped. A clip that can't be
    used is listed, not fatal; it is not tried again unless asked for.

    Args:
        data: a folder in one of the known layouts.
        out: where the cache goes; made if missing.
        options: which clips, and how.
        progress: called with (clips done, clips in all).
        cancelled: asked now and then whether to stop.

    Raises:
        Cancelled: it was; what was done stays, and the next run goes on from there.
        InputError: there is nothing to prepare.
        OutputError: the cache can't be written.
        WeightsError: the face models are missing.
    """
    options = options or PrepareOptions()
    every = find_sources(data)
    sources = [s for split in options.splits for s in [c for c in every if c.split == split][: options.limit]]
    corpus = every[0].corpus
    _make_folder(out)
    known = read_report(out, corpus)
    refused = {} if options.retry else {n: clip for n, clip in known.items() if clip.status is not ClipStatus.PREPARED}
    missing = [s for s in sources if s.name not in refused and not (out / s.cached_name).is_file()]
    there = [source for source in sources if (out / source.cached_name).is_file()]
    known |= {source.name: _report_of_cached(source, out) for source in there if source.name not in known}
    made = 0
    if progress:
        progress(len(sources) - len(missing), len(sources))
    with _ReportFile(report_path(out, corpus), known) as reports:
        for done, clip in enumerate(_prepare_all(missing, out, options, cancelled), start=1):
            reports.add(clip)
            made += clip.status is ClipStatus.PREPARED
            if progress:
                progress(len(sources) - len(missing) + done, len(sources))
    clips = tuple(known[name] for name in sorted(known))
    skipped = tuple((clip.clip, clip.reason) for clip in clips if clip.status is not ClipStatus.PREPARED)
    return CorpusReport(made, len(there), skipped, corpus, clips)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} can't be made: {error.strerror}; give another place") from error


def read_report(cache: Path, corpus: str) -> dict[str, ClipReport]:
    """Read the report of a corpus by clip; empty where there is none, or none that can be read."""
    try:
        rows = json.loads(report_path(cache, corpus).read_text("utf-8"))["clips"]
        return {row["clip"]: ClipReport(**{**row, "status": ClipStatus(row["status"])}) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _report_of_cached(source: ClipSource, out: Path) -> ClipReport:
    """Report a clip that was prepared before reports were written, or whose report got lost."""
    path = out / source.cached_name
    clip = load_recording(path)
    return ClipReport(
        clip=source.name,
        status=ClipStatus.PREPARED,
        parts=1,
        seconds=round(clip.frames / clip.fps, 2),
        frames=clip.frames,
        seen=round(float(clip.seen.mean()), 4),
        offset_ms=clip.offset_s * 1000 if clip.offset_s else None,
        corrected=bool(clip.offset_s),
        bytes=path.stat().st_size,
    )


class _ReportFile:
    """The report on disk, brought up to date now and then and at the end, whatever the end is."""

    def __init__(self, path: Path, clips: dict[str, ClipReport]) -> None:
        self._path = path
        self._clips = clips
        self._saved = time.monotonic()

    def __enter__(self) -> _ReportFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._save()

    def add(self, clip: ClipReport) -> None:
        """Take note of a clip."""
        self._clips[clip.clip] = clip
        if time.monotonic() - self._saved > SAVE_REPORT_EVERY_S:
            self._save()

    def _save(self) -> None:
        rows = [asdict(self._clips[name]) for name in sorted(self._clips)]
        with atomic_write(self._path) as hidden:
            hidden.write_text(json.dumps({"version": 1, "clips": rows}, indent=1), "utf-8")
        self._saved = time.monotonic()


def _prepare_all(
    sources: Sequence[ClipSource], out: Path, options: PrepareOptions, cancelled: Callable[[], bool]
) -> Iterator[ClipReport]:
    """Yield reports in the order in which clips get done."""

    def check() -> None:
        if cancelled():
            raise Cancelled("stopped as asked; what was prepared stays, and the next run goes on from there")

    prepare_one = partial(_prepare_one, out=out, offsets=options.offsets)
    for _, report in map_in_processes(prepare_one, sources, options.workers, check=check, lost=_report_of_lost):
        yield report


def _report_of_lost(source: ClipSource) -> ClipReport:
    reason = "reading it ended its process; it may be damaged, or too large for the memory"
    return ClipReport(clip=source.name, status=ClipStatus.SKIPPED, reason=reason)


def _prepare_one(source: ClipSource, *, out: Path, offsets: OffsetRule) -> ClipReport:
    """Put one clip into the cache and report what came of it."""
    try:
        return _cache_parts(source, [read_curves(source)] if source.curves else measure_video(source), out, offsets)
    except InputError as error:
        reason = str(error)
    except MouthpieceError:
        raise  # No other clip would fare better.
    except OSError as error:
        raise OutputError(f"{source.name} can't be kept in {out}: {error.strerror}; make room") from error
    except Exception as error:
        reason = f"unexpected error: {type(error).__name__}: {error}; report it with the file"
    return ClipReport(clip=source.name, status=ClipStatus.SKIPPED, reason=reason)


@dataclass(slots=True)
class _Tally:
    """What the parts of a clip add up to."""

    frames: int = 0
    seen: int = 0
    seconds: float = 0.0
    bytes: int = 0
    evidence: list[Evidence] = field(default_factory=list)


def _cache_parts(source: ClipSource, parts: Iterable[Recording], out: Path, offsets: OffsetRule) -> ClipReport:
    """Keep a clip's parts. All wait under hidden names until their common offset is known; the first one, whose file
    shows that the clip is done, takes its place last."""
    tally = _Tally()
    hidden: list[Path] = []
    try:
        for part in parts:
            hidden.append(out / f".{source.cached_name}.{len(hidden)}.part.npz")
            save_recording(part, hidden[-1])
            tally.evidence.append(mouth_evidence(part))
            tally.frames += part.frames
            tally.seen += int(part.seen.sum())
        offset = judge(tally.evidence)
        apart = offset.verdict is Verdict.SHIFTED
        if apart and offsets is OffsetRule.DROP:
            return _report(source, ClipStatus.DROPPED, tally, 0, offset)
        correct = apart and offsets is OffsetRule.CORRECT
        for path in out.glob(f"{glob.escape(source.corpus)}.{glob.escape(source.name)}+*.npz"):
            path.unlink()  # parts of an earlier version of the video
        for path in reversed(hidden):
            _take_place(path, out, tally, offset.lag_s if correct else 0.0)
    finally:
        for path in hidden:
            path.unlink(missing_ok=True)
    return _report(source, ClipStatus.PREPARED, tally, len(hidden), offset, mended=correct)


def _take_place(hidden: Path, out: Path, tally: _Tally, lag_s: float) -> None:
    """Put a part that waits where it belongs, in sync."""
    part = load_recording(hidden)
    if lag_s:
        part = corrected(part, lag_s)
    path = out / f"{part.corpus}.{part.name}.npz"
    save_recording(part, path)
    tally.seconds += part.frames / part.fps
    tally.bytes += path.stat().st_size


def _report(
    source: ClipSource, status: ClipStatus, tally: _Tally, parts: int, offset: AvOffset, *, mended: bool = False
) -> ClipReport:
    known = offset.lag_s == offset.lag_s  # not NaN
    late = f"the picture comes {abs(offset.lag_s) * 1000:.0f} ms too {'late' if offset.lag_s > 0 else 'early'}"
    return ClipReport(
        clip=source.name,
        status=status,
        reason=late if status is ClipStatus.DROPPED else offset.reason,
        parts=parts,
        seconds=round(tally.seconds, 2),
        frames=tally.frames,
        seen=round(tally.seen / max(tally.frames, 1), 4),
        offset=offset.verdict.value,
        offset_ms=round(offset.lag_s * 1000, 1) if known else None,
        confidence=round(offset.confidence, 3),
        corrected=mended,
        bytes=tally.bytes,
    )


def report_table(report: CorpusReport) -> str:
    """Format a report for people: totals, then every clip that is not plainly in sync."""
    prepared = [clip for clip in report.clips if clip.status is ClipStatus.PREPARED]
    seconds, size = sum(clip.seconds for clip in prepared), sum(clip.bytes for clip in prepared)
    lines = [
        f"{len(prepared)} clips in the cache, {seconds / 60:.1f} minutes, {size / 1e6:.1f} MB; "
        f"{len(report.skipped)} left out; "
        f"{sum(clip.offset == 'shifted' for clip in prepared)} apart ({sum(clip.corrected for clip in prepared)} "
        f"corrected), {sum(clip.offset == 'unsure' for clip in prepared)} unsure"
    ]
    listed = [clip for clip in report.clips if clip not in prepared or clip.offset not in ("in-sync", "")]
    rows = [("clip", "status", "picture late, ms", "confidence", "why"), *(_row(clip) for clip in listed)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    if listed:
        lines += ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[4]]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _row(clip: ClipReport) -> tuple[str, str, str, str, str]:
    late = "-" if clip.offset_ms is None else f"{clip.offset_ms:+.0f}"
    status = clip.offset if clip.status is ClipStatus.PREPARED else clip.status.value
    reason = "corrected" if clip.corrected else clip.reason
    return clip.clip, status, late, f"{clip.confidence:.2f}" if clip.offset else "-", reason
