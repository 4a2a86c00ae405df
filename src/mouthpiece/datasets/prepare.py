"""Talking faces made into numbers that a motion network can learn from.

    folder --find_sources--> sources --prepare_corpus--> one .npz a clip, and a report --load_corpus--> recordings

`training.sources` names the layouts that are known, `training.measuring` says how a face becomes numbers,
`training.av_offset` how picture and sound are brought together, `training.recordings` what the cache holds.
"""

from __future__ import annotations

import glob
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.datasets.layouts import SOUND_SUFFIXES, SPLITS, VIDEO_SUFFIXES, Source, find_sources, read_align
from mouthpiece.datasets.measuring import canonical_landmarks, measure_video, read_curves, read_sound
from mouthpiece.datasets.recordings import (
    Hearing,
    Prepared,
    Recording,
    Word,
    list_prepared,
    load_corpus,
    load_hearing,
    load_recording,
    push,
    save_recording,
)
from mouthpiece.errors import Cancelled, InputError, MouthpieceError, OptionError, OutputError

if TYPE_CHECKING:
    from mouthpiece.datasets.av_offset import AvOffset, Evidence

__all__ = [
    "SOUND_SUFFIXES",
    "SPLITS",
    "VIDEO_SUFFIXES",
    "ClipReport",
    "ClipStatus",
    "CorpusReport",
    "Hearing",
    "OffsetRule",
    "Prepared",
    "Recording",
    "Source",
    "Word",
    "canonical_landmarks",
    "find_sources",
    "list_prepared",
    "load_corpus",
    "load_hearing",
    "load_recording",
    "measure_video",
    "prepare_corpus",
    "push",
    "read_align",
    "read_curves",
    "read_report",
    "read_sound",
    "report_table",
    "save_recording",
]

SAVE_REPORT_EVERY_S = 5.0
ASK_EVERY_S = 0.2
"""How often the caller is asked whether to stop."""


class OffsetRule(StrEnum):
    """What to do with a clip whose picture and sound are surely apart."""

    CORRECT = "correct"
    DROP = "drop"
    KEEP = "keep"
    """Nothing: the clip stays as it is, the report says so."""


class ClipStatus(StrEnum):
    """What came of a clip."""

    PREPARED = "prepared"
    SKIPPED = "skipped"
    """It can't be used."""
    DROPPED = "dropped"
    """Picture and sound are apart, and `OffsetRule.DROP` was asked for."""


@dataclass(frozen=True, slots=True)
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
    """Where the report of a corpus lies."""
    return cache / f"{corpus}.report.json"


def prepare_corpus(
    data: Path,
    out: Path,
    *,
    splits: Collection[str] = SPLITS,
    workers: int = 2,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    offsets: OffsetRule = OffsetRule.CORRECT,
    retry: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> CorpusReport:
    """Measure every clip of a folder and keep the result, one .npz a clip (or a part of a long one), and a report.

    Clips already in `out` are left as they are, so an interrupted run goes on where it stopped. A clip that can't be
    used is listed, not fatal; it is not tried again unless asked for.

    Args:
        data: a folder in one of the known layouts.
        out: where the cache goes; made if missing.
        splits: leave clips of other splits alone.
        workers: processes to use.
        limit: at most so many clips of each split.
        progress: called with (clips done, clips in all).
        offsets: what to do with clips whose picture and sound are apart.
        retry: try again what could not be used.
        cancelled: asked now and then whether to stop.

    Raises:
        Cancelled: it was; what was done stays, and the next run goes on from there.
        InputError: there is nothing to prepare.
        OptionError: there is no worker.
        OutputError: the cache can't be written.
        WeightsError: the face models are missing.
    """
    if workers < 1:
        raise OptionError(f"expected 1 worker or more, got {workers}")
    every = find_sources(data)
    sources = [s for split in splits for s in [c for c in every if c.split == split][:limit]]
    corpus = every[0].corpus
    _make_folder(out)
    known = read_report(out, corpus)
    refused = {} if retry else {name: clip for name, clip in known.items() if clip.status is not ClipStatus.PREPARED}
    missing = [s for s in sources if s.name not in refused and not (out / s.cached_name).is_file()]
    there = [source for source in sources if (out / source.cached_name).is_file()]
    known |= {source.name: _remembered(source, out) for source in there if source.name not in known}
    made = 0
    if progress:
        progress(len(sources) - len(missing), len(sources))
    with _ReportFile(report_path(out, corpus), known) as reports:
        for done, clip in enumerate(_prepare_all(missing, _Job(out, offsets, workers, cancelled)), start=1):
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
    """The report of a corpus by clip; empty where there is none, or none that can be read."""
    try:
        rows = json.loads(report_path(cache, corpus).read_text("utf-8"))["clips"]
        return {row["clip"]: ClipReport(**{**row, "status": ClipStatus(row["status"])}) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _remembered(source: Source, out: Path) -> ClipReport:
    """What can be told of a clip that was prepared before reports were written, or whose report got lost."""
    path = out / source.cached_name
    clip = load_recording(path)
    return ClipReport(
        source.name,
        ClipStatus.PREPARED,
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
        unfinished = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps({"version": 1, "clips": rows}, indent=1), "utf-8")
        unfinished.replace(self._path)
        self._saved = time.monotonic()


@dataclass(frozen=True, slots=True)
class _Job:
    """What all clips are prepared by."""

    out: Path
    offsets: OffsetRule
    workers: int = 1
    cancelled: Callable[[], bool] = lambda: False

    def go_on(self) -> None:
        """Raise Cancelled if asked to stop."""
        if self.cancelled():
            raise Cancelled("stopped as asked; what was prepared stays, and the next run goes on from there")


def _prepare_all(sources: Sequence[Source], job: _Job) -> Iterator[ClipReport]:
    """Reports in the order in which clips get done."""
    if job.workers <= 1 or len(sources) < 2:
        for source in sources:
            job.go_on()
            yield _prepare_one(source, job.out, job.offsets)
        return
    waiting = list(reversed(sources))
    while waiting:
        suspects: list[Source] = []
        yield from _prepare_in_pool(waiting, job, suspects)
        # A process died. Whose clip it was shows when each is tried alone.
        for source in suspects:
            lost: list[Source] = []
            yield from _prepare_in_pool([source], replace(job, workers=1), lost)
            if lost:
                reason = "reading it ended its process; it may be damaged, or too large for the memory"
                yield ClipReport(source.name, ClipStatus.SKIPPED, reason)


def _settle_worker() -> None:
    """Leave Ctrl-C to the parent, and when it says stop, tidy up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())


def _prepare_in_pool(waiting: list[Source], job: _Job, suspects: list[Source]) -> Iterator[ClipReport]:
    """Take clips from `waiting` until it is empty or a process dies; then `suspects` gets those in work."""
    running: dict[Future[ClipReport], Source] = {}
    others = set(multiprocessing.active_children())
    # Spawned, not forked: the parent may have OpenVINO's or torch's threads running.
    with ProcessPoolExecutor(job.workers, multiprocessing.get_context("spawn"), _settle_worker) as pool:
        try:
            while waiting or running:
                job.go_on()
                while waiting and len(running) < job.workers:
                    source = waiting.pop()
                    running[pool.submit(_prepare_one, source, job.out, job.offsets)] = source
                for done in wait(running, ASK_EVERY_S, FIRST_COMPLETED).done:
                    report = done.result()
                    del running[done]
                    yield report
        except BrokenProcessPool:
            suspects.extend(running.values())
        except BaseException:
            # Nobody waits for the end of a long video.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _prepare_one(source: Source, out: Path, offsets: OffsetRule) -> ClipReport:
    """Put one clip into the cache and tell what came of it."""
    try:
        return _cache_parts(source, [read_curves(source)] if source.curves else measure_video(source), out, offsets)
    except InputError as error:
        return ClipReport(source.name, ClipStatus.SKIPPED, str(error))
    except MouthpieceError:
        raise  # No other clip would fare better.
    except OSError as error:
        raise OutputError(f"{source.name} can't be kept in {out}: {error.strerror}; make room") from error
    except Exception as error:
        reason = f"unexpected error: {type(error).__name__}: {error}; report it with the file"
        return ClipReport(source.name, ClipStatus.SKIPPED, reason)


@dataclass(slots=True)
class _Tally:
    """What the parts of a clip add up to."""

    frames: int = 0
    seen: int = 0
    seconds: float = 0.0
    bytes: int = 0
    evidence: list[Evidence] = field(default_factory=list)


def _cache_parts(source: Source, parts: Iterable[Recording], out: Path, offsets: OffsetRule) -> ClipReport:
    """Keep a clip's parts. All wait under hidden names until their common offset is known; the first one, whose file
    shows that the clip is done, takes its place last."""
    from mouthpiece.datasets.av_offset import Verdict, judge, mouth_evidence

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
    return _report(source, ClipStatus.PREPARED, tally, len(hidden), offset, corrected=correct)


def _take_place(hidden: Path, out: Path, tally: _Tally, lag_s: float) -> None:
    """Put a part that waits where it belongs, in sync and with what is heard in it."""
    from mouthpiece.datasets.av_offset import corrected

    part = load_recording(hidden)
    if lag_s:
        part = corrected(part, lag_s)
    path = out / f"{part.corpus}.{part.name}.npz"
    save_recording(part, path, push(part.samples))
    tally.seconds += part.frames / part.fps
    tally.bytes += path.stat().st_size


def _report(
    source: Source, status: ClipStatus, tally: _Tally, parts: int, offset: AvOffset, *, corrected: bool = False
) -> ClipReport:
    known = offset.lag_s == offset.lag_s  # not NaN
    late = f"the picture comes {abs(offset.lag_s) * 1000:.0f} ms too {'late' if offset.lag_s > 0 else 'early'}"
    return ClipReport(
        source.name,
        status,
        late if status is ClipStatus.DROPPED else offset.reason,
        parts,
        round(tally.seconds, 2),
        tally.frames,
        round(tally.seen / max(tally.frames, 1), 4),
        offset.verdict.value,
        round(offset.lag_s * 1000, 1) if known else None,
        round(offset.confidence, 3),
        corrected,
        tally.bytes,
    )


def report_table(report: CorpusReport) -> str:
    """What is worth a look in a report, for people: totals, then every clip that is not plainly in sync."""
    prepared = [clip for clip in report.clips if clip.status is ClipStatus.PREPARED]
    seconds, size = sum(clip.seconds for clip in prepared), sum(clip.bytes for clip in prepared)
    lines = [
        f"{len(prepared)} clips in the cache, {seconds / 60:.1f} minutes, {size / 1e6:.1f} MB; "
        f"{len(report.skipped)} left out; "
        f"{sum(clip.offset == 'shifted' for clip in prepared)} apart ({sum(clip.corrected for clip in prepared)} "
        f"corrected), {sum(clip.offset == 'unsure' for clip in prepared)} unsure"
    ]
    odd = [clip for clip in report.clips if clip not in prepared or clip.offset not in ("in-sync", "")]
    rows = [("clip", "status", "picture late, ms", "confidence", "why"), *(_row(clip) for clip in odd)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    if odd:
        lines += ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[4]]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _row(clip: ClipReport) -> tuple[str, str, str, str, str]:
    late = "-" if clip.offset_ms is None else f"{clip.offset_ms:+.0f}"
    what = clip.offset if clip.status is ClipStatus.PREPARED else clip.status.value
    said = "corrected" if clip.corrected else clip.reason
    return clip.clip, what, late, f"{clip.confidence:.2f}" if clip.offset else "-", said
