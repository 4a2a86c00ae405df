"""One speaker's way through a sync: the face is studied, tracked, faded near gaps and drawn as a stream of patches.

Several lanes may run over the same frames, each with its own face and speech; `compositing.composite` lays what they
draw over each frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from fractions import Fraction

from mouthpiece.compositing import fade_near_gaps
from mouthpiece.concurrency import QUEUE_SIZE, in_background
from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.registry import load_engine
from mouthpiece.errors import NoFaceError
from mouthpiece.face import FaceChoice, FaceTracker, FixedBoxTracker
from mouthpiece.inference import run_in_parallel
from mouthpiece.media import FaceSource, PictureInfo, SpeechSource
from mouthpiece.options import Fit, SyncOptions
from mouthpiece.pipeline.journal import Journal
from mouthpiece.speech import SpeechStream, measure_level
from mouthpiece.types import (
    SAMPLE_RATE,
    Box,
    Face,
    FloatArray,
    Frame,
    Patch,
    RenderRequest,
    SkipReason,
    SpeechChunk,
    TrackedFrame,
)

MICROSECONDS = 1_000_000
"""Of a second; offsets are no finer."""
KNOWN_PICTURES = 3000
"""Pictures whose faces are remembered where pictures come again: some 9 kB each."""
WAITING_PIXELS = 4 * 1920 * 1080
"""Pixels of all frames that may wait between two steps."""
LEVEL_S = 30.0
"""How much speech its level is judged by, seconds: the first frame shouldn't wait for hours of sound."""
MOST_SECONDS = Fraction(10**6)
"""Longer than any video of which no length is known."""

Tracker = FaceTracker | FixedBoxTracker
"""What finds the face in a frame."""
SampleOutcome = tuple[SkipReason | None, int]
"""Why a sample frame can't be used (None: it can), and how many faces it shows."""


class Lane:
    """One speaker: a tracker that follows the face, and an engine that draws it."""

    def __init__(
        self,
        source: FaceSource,
        options: SyncOptions,
        job: EngineJob,
        journal: Journal,
        stop_if_cancelled: Callable[[], None],
    ) -> None:
        """Load engine and tracker, and have the engine study the face.

        Args:
            source: the face's pictures.
            options: which face, which engine and how.
            job: what the engine is to know of the job.
            journal: takes note of what is tracked.
            stop_if_cancelled: called now and then; it raises `Cancelled` to end the job.

        Raises:
            OptionError: an option doesn't fit the input.
            EngineError: the engine can't run.
            NoFaceError: there is nobody in the whole source.
            Cancelled: `stop_if_cancelled` raised it.
        """
        self._options = options
        self._journal = journal
        self._stop_if_cancelled = stop_if_cancelled
        self._source = source
        frames = in_background(source.sample_frames(), "sample", frames_ahead(source.info))
        try:
            first = list(itertools.islice(frames, 1))  # Others are decoded while networks are compiled.
            self.engine, self._tracker = self._load(job)
            outcomes = self._study(itertools.chain(first, frames))
        finally:
            frames.close()
        if all(skip_reason for skip_reason, _ in outcomes):
            found = None if source.info.is_photo else self._first_usable()
            if found is None:
                raise NoFaceError(why_nobody(outcomes, source, options))
            self.engine.prepare([found])
        self._tracker.reset()

    def patches(
        self, frames: Iterable[Frame], voice: SpeechSource, *, again: bool
    ) -> Generator[tuple[Frame, Patch | None], None, None]:
        """Draw the face in each frame; tracking runs in the background.

        Args:
            frames: of the source, in order.
            voice: what the face speaks.
            again: whether pictures come again: their face is then where it was found the first time.

        Yields:
            Each frame, in order, with what is to be laid over it.
        """
        tracked = in_background(self._track(frames, again=again), "track", frames_ahead(self._source.info))
        try:
            faded = fade_near_gaps(self._journal.note(tracked))
            requests = _requests(self.engine, faded, speech_chunks(voice), self._options.audio_offset_s)
            for request, patch in self.engine.render_all(requests):
                yield request.tracked.frame, patch
        finally:
            tracked.close()

    def _load(self, job: EngineJob) -> tuple[Engine, Tracker]:
        """Load the engine and the tracker.

        Raises:
            OptionError: the box lies outside the picture.
        """
        options, info = self._options, self._source.info
        kind = load_engine(options.engine.name)
        if options.box is not None:
            top, bottom, left, right = options.box
            tracker = FixedBoxTracker(Box(left, top, right, bottom), info.width, info.height)
            return kind(options.engine, job), tracker
        choice = FaceChoice(options.face)
        return run_in_parallel(lambda: kind(options.engine, job), lambda: FaceTracker(choice, options.engine.device))

    def _study(self, frames: Iterable[Frame]) -> list[SampleOutcome]:
        """Have the engine study frames; of each why it can't be used, and how many faces it shows."""
        outcomes: list[SampleOutcome] = []

        def sample_frames() -> Iterator[TrackedFrame]:
            for frame in frames:
                self._stop_if_cancelled()
                self._tracker.reset()  # sample frames don't follow one another
                tracked = self._tracker.track(frame)
                outcomes.append((tracked.skip_reason, tracked.faces_seen))
                yield tracked

        self.engine.prepare(sample_frames())
        return outcomes

    def _first_usable(self) -> TrackedFrame | None:
        """Go through a whole video whose sample frames showed nobody."""
        self._tracker.reset()
        length_s = Fraction(self._source.info.duration_s or 0).limit_denominator(90_000) or MOST_SECONDS
        for tracked in map(self._tracker.track, self._source.frames(length_s, Fit.CUT)):
            self._stop_if_cancelled()
            if tracked.face is not None:
                return tracked
        return None

    def _track(self, frames: Iterable[Frame], *, again: bool) -> Iterator[TrackedFrame]:
        """Follow the face; where pictures come again, it is where it was found the first time."""
        if not again:
            yield from map(self._tracker.track, frames)
            return
        known: dict[Fraction | None, tuple[Face | None, SkipReason | None, int, int]] = {}
        for frame in frames:
            seen = known.get(frame.source_time_s)
            if seen is not None:
                yield TrackedFrame(frame, *seen)
                continue
            tracked = self._tracker.track(frame)
            if len(known) < KNOWN_PICTURES:
                known[frame.source_time_s] = tracked.face, tracked.skip_reason, tracked.shot, tracked.faces_seen
            yield tracked


def frames_ahead(info: PictureInfo) -> int:
    """Return how many frames may wait between two steps: fewer where each one is large."""
    return max(1, min(QUEUE_SIZE, WAITING_PIXELS // (info.width * info.height)))


def speech_chunks(voice: SpeechSource) -> Iterator[SpeechChunk]:
    """Yield the speech in chunks, brought to a common level."""
    stream = SpeechStream(reference_level_db=measure_level(first_seconds(voice.samples(), LEVEL_S)))
    for samples in voice.samples():
        yield stream.push(samples)
    yield stream.finish()


def first_seconds(blocks: Iterator[FloatArray], seconds: float) -> Iterator[FloatArray]:
    """Yield blocks of 16 kHz samples until so much was passed on."""
    left = round(seconds * SAMPLE_RATE)
    for block in blocks:
        yield block
        left -= len(block)
        if left <= 0:
            return


def _requests(
    engine: Engine, frames: Iterable[tuple[TrackedFrame, float]], speech: Iterator[SpeechChunk], offset_s: float
) -> Iterator[RenderRequest]:
    """Yield each frame with its moment of speech, once the engine has as much of that as it needs, and no more."""
    # Added exactly: 1.68 - 0.08 in floats falls short of 1.6, a moment that an engine then takes for 1.6 itself.
    later_s = Fraction(offset_s).limit_denominator(MICROSECONDS)
    for tracked, strength in frames:
        moment_s = max(0.0, float(tracked.frame.time_s + later_s))
        while engine.ready_until_s <= moment_s:
            chunk = next(speech, None)
            if chunk is None:
                engine.finish()
                break
            engine.push(chunk)
        yield RenderRequest(tracked, moment_s, strength)


def why_nobody(outcomes: list[SampleOutcome], source: FaceSource, options: SyncOptions) -> str:
    """Explain in one line why no frame can be used."""
    where = "first picture of" if options.transform.static else "photo" if source.info.is_photo else "video"
    choice = options.face
    reasons = {skip_reason for skip_reason, _ in outcomes}
    seen = max((faces for _, faces in outcomes), default=0)
    if choice.isdigit() and 0 < seen < int(choice):
        how = "leave out --face" if seen == 1 else f"choose 1 to {seen}"
        return f"face {choice} was asked for, but the {where} {source.info.name} shows {seen}; {how}"
    texts = {
        SkipReason.TURNED: "the face is turned too far away",
        SkipReason.TOO_SMALL: "the face is too small",
        SkipReason.OUTSIDE: "the mouth is not in the picture",
        SkipReason.HIDDEN_MOUTH: "the mouth is hidden",
    }
    why = next((text for reason, text in texts.items() if reason in reasons), "none was found")
    return f"expected a face in the {where} {source.info.name}, but {why}; use one that shows a face from the front"
