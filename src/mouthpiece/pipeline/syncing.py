"""From a face and speech to a video, or to its frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from mouthpiece.compositing import composite
from mouthpiece.concurrency import in_background, one_thread_each
from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.registry import load_engine
from mouthpiece.errors import Cancelled
from mouthpiece.media import (
    FaceInput,
    FaceSource,
    Named,
    SpeechInput,
    SpeechSource,
    VideoWriter,
    check_output,
    open_face,
    open_speech,
)
from mouthpiece.motion_files import check_length, find_motion
from mouthpiece.notices import Notice, notice
from mouthpiece.options import PHOTO_FPS, EngineOptions, Fit, SyncOptions
from mouthpiece.phones import find_phones
from mouthpiece.pipeline.edits import EditList
from mouthpiece.pipeline.journal import Journal, SyncResult
from mouthpiece.pipeline.lane import Lane, frames_ahead
from mouthpiece.types import Frame, ProgressCallback

NO_CUTS = EditList()
"""All of a video is kept."""

_Job = tuple[EngineJob, tuple[Notice, ...]]
"""What an engine is told of a job, and what the user should know of it."""


def sync(
    face: FaceInput,
    speech: SpeechInput,
    out: str | os.PathLike[str],
    options: SyncOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SyncResult:
    """Make a video of a face saying speech.

    Args:
        face: a photo or video: path, binary file object, or picture array ((H, W), (H, W, 3) RGB or (H, W, 4) RGBA).
        speech: a recording, or a video whose sound is taken: path, binary file object, `Waveform`, or (samples, rate).
        out: where to write; the suffix chooses the container (.mp4, .webm, .mkv ...).
        options: everything else.
        progress: called after each written frame.
        cancelled: asked before each frame; True ends the job and leaves nothing behind.

    Returns:
        What was made.

    Raises:
        InputError: the face or the speech can't be used.
        OutputError: the video can't be written there.
        OptionError: an option doesn't fit the input.
        EngineError: the engine can't run.
        Cancelled: `cancelled` returned True.
    """
    options = options or SyncOptions()
    journal = Journal()
    stop_if_cancelled = _stopper(cancelled, "stopped as asked; nothing was written")
    load_engine(options.engine.name).own_options(options.engine)
    inputs = _paths(face, speech, options.phones, options.motion)
    check_output(out, overwrite=options.overwrite, forbidden=inputs)
    with _opened(face, speech, options) as (source, voice, (job, notices)):
        duration_s = NO_CUTS.duration_s(_duration(source, voice, options.fit))
        with VideoWriter(
            Path(out),
            source.info,
            voice,
            quality=options.quality,
            eight_bit=options.eight_bit,
            overwrite=options.overwrite,
            duration_s=duration_s,
            forbidden=inputs,
        ) as writer:
            lane = Lane(source, options, job, journal, stop_if_cancelled)
            with _drawing(lane, source, voice, options.fit) as drawn:
                for frame in drawn:
                    stop_if_cancelled()
                    writer.write(frame)
                    journal.wrote(frame, duration_s, source.info.fps)
                    if progress is not None:
                        progress(journal.progress)
            journal.require_a_face()
    ignored = ignored_options(options, source, lane.engine)
    warnings = (*ignored, *lane.engine.warnings, *notices, *source.warnings, *voice.warnings, *writer.warnings)
    return journal.result(Path(out), options.engine.name, warnings)


def draw(
    face: FaceInput,
    speech: SpeechInput,
    options: SyncOptions | None = None,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Generator[Frame, None, None]:
    """Draw the frames that `sync` would write, to be looked at instead; close the generator to stop early.

    Args: as of `sync`.

    Yields:
        Frames in order, each with its time; `rgb` shows the speaking face.

    Raises:
        MouthpieceError: as `sync` does, but for what concerns its output.
    """
    options = options or SyncOptions()
    journal = Journal()
    stop_if_cancelled = _stopper(cancelled, "stopped as asked")
    load_engine(options.engine.name).own_options(options.engine)
    with _opened(face, speech, options) as (source, voice, (job, _)):
        lane = Lane(source, options, job, journal, stop_if_cancelled)
        with _drawing(lane, source, voice, options.fit) as drawn:
            for frame in drawn:
                stop_if_cancelled()
                yield frame
        journal.require_a_face()


@contextmanager
def _opened(
    face: FaceInput, speech: SpeechInput, options: SyncOptions
) -> Iterator[tuple[FaceSource, SpeechSource, _Job]]:
    """Open face and speech, and read what is known of the motion: phones, or the motion itself."""
    motion = find_motion(options.motion)
    with (
        one_thread_each(),
        open_face(face, photo_fps=options.fps, transform=options.transform) as source,
        open_speech(speech) as voice,
    ):
        spoken = find_phones(options.phones, float(voice.duration_s), language=options.phones_language)
        notices = spoken.warnings
        if motion is not None:
            notices += check_length(motion, float(_duration(source, voice, options.fit)))
        job = EngineJob(
            phones=spoken.phones,
            phones_blend=options.phones_blend,
            fixed_box=options.box is not None,
            motion=motion,
        )
        yield source, voice, (job, notices)


def _stopper(cancelled: Callable[[], bool] | None, text: str) -> Callable[[], None]:
    """Return what raises `Cancelled` with that text once a caller asked to stop."""

    def stop_if_cancelled() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled(text)

    return stop_if_cancelled


@contextmanager
def _drawing(lane: Lane, source: FaceSource, voice: SpeechSource, fit: Fit) -> Iterator[Iterator[Frame]]:
    """Give the frames as the lane draws them, each step in the background."""
    duration_s = _duration(source, voice, fit)
    ahead = frames_ahead(source.info)
    frames = in_background(source.frames(duration_s, fit), "read", ahead)
    patches = lane.patches(frames, voice, again=_shown_again(source, duration_s))
    drawn = in_background(NO_CUTS.frames(composite([patches])), "draw", ahead)
    try:
        yield drawn
    finally:
        # From the end to the start: each stage's reader goes first, so that none waits for another.
        drawn.close()
        patches.close()
        frames.close()


def ignored_options(options: SyncOptions, source: FaceSource, engine: Engine) -> tuple[Notice, ...]:
    """Return a notice for each option that this face or this engine has no use for."""
    notices = []
    kept_rate = not source.info.is_photo or options.transform.static
    if kept_rate and options.fps not in (PHOTO_FPS, source.info.fps):
        notices.append(notice("fps-ignored", fps=float(source.info.fps)))
    if options.box is not None and options.face != SyncOptions().face:
        notices.append(notice("face-ignored"))
    default = EngineOptions()
    notices += [
        notice("option-ignored", engine=options.engine.name, option=name)
        for name in ("intensity", "rest")
        if getattr(options.engine, name) != getattr(default, name) and name not in engine.supported_options
    ]
    if options.phones is not None and "phones" not in engine.supported_options:
        notices.append(notice("phones-ignored", engine=options.engine.name))
    if options.motion is not None and "motion" not in engine.supported_options:
        notices.append(notice("motion-ignored", engine=options.engine.name))
    return tuple(notices)


def _duration(source: FaceSource, voice: SpeechSource, fit: Fit) -> Fraction:
    """Return how long the output lasts: as the speech, or as the video if that is shorter and to be cut there."""
    length_s = Fraction(voice.duration_s)
    if fit is Fit.CUT and not source.info.is_photo and source.info.duration_s is not None:
        return min(length_s, Fraction(source.info.duration_s).limit_denominator(90_000))
    return length_s


def _paths(*inputs: object) -> tuple[Path, ...]:
    """Return those inputs that are files: the output must not be one of them."""
    plain = (given.source if isinstance(given, Named) else given for given in inputs)
    return tuple(Path(os.fsdecode(given)) for given in plain if isinstance(given, str | os.PathLike))


def _shown_again(source: FaceSource, duration_s: Fraction) -> bool:
    """Return whether a source's pictures may have to be shown several times."""
    return source.info.is_photo or source.info.duration_s is None or source.info.duration_s < duration_s
