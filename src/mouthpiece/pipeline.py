"""The one composer: a face and speech in, a talking video out."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from mouthpiece.compositing import fade_near_gaps, paste
from mouthpiece.concurrency import QUEUE_SIZE, in_background, one_thread_each
from mouthpiece.engines.base import CropOptions, Engine, EngineOptions, NetworkOptions
from mouthpiece.engines.registry import load_engine
from mouthpiece.errors import Cancelled, NoFaceError, OptionError
from mouthpiece.face import FaceChoice, FaceTracker, FixedBoxTracker
from mouthpiece.inference import run_in_parallel
from mouthpiece.media import (
    FaceInput,
    FaceSource,
    Fit,
    FrameTransform,
    MediaReport,
    PictureInfo,
    Quality,
    SpeechInput,
    SpeechSource,
    VideoWriter,
    check_output,
    open_face,
    open_speech,
    probe_media,
)
from mouthpiece.phones import PhonesInput, find_phones
from mouthpiece.speech import SpeechStream, measure_level, speech_stretches
from mouthpiece.types import (
    SAMPLE_RATE,
    Box,
    Face,
    FaceStretch,
    FloatArray,
    Frame,
    Phone,
    Progress,
    ProgressCallback,
    RenderRequest,
    SkipReason,
    SpeechChunk,
    TrackedFrame,
)

MIN_FPS, MAX_FPS = Fraction(1), Fraction(120)
MIN_INTENSITY, MAX_INTENSITY = 0.0, 3.0
MAX_AUDIO_OFFSET_S = 2.0
MICROSECONDS = 1_000_000
"""Of a second; offsets are no finer."""
PHOTO_FPS = Fraction(25)
"""Frames a second made from a photo unless told otherwise."""
SURVEY_FRAMES = 24
"""Frames of the source that an engine studies before the first one is made."""
KNOWN_PICTURES = 3000
"""Pictures whose faces are remembered where pictures come again: some 9 kB each."""
WAITING_PIXELS = 4 * 1920 * 1080
"""Pixels of all frames that may wait between two steps."""
ENGINES_OPTIONS = {
    "intensity": "intensity",
    "rest": "rest",
    "network": "network (checkpoint, runtime, precision, batch size); the engine wav2lip has",
    "crop": "crop (pads, smoothing); the engine wav2lip has",
}
"""Options that not every engine heeds, and how they are called where one doesn't."""
NO_PADS = (0, 0, 0, 0)
LEVEL_S = 30.0
"""How much speech its level is judged by, seconds: the first frame shouldn't wait for hours of sound."""
PROBE_FRAMES = 12
"""Frames that `probe` looks at."""

__all__ = [
    "Fit",
    "FrameTransform",
    "ProbeReport",
    "Quality",
    "SeenFace",
    "SyncOptions",
    "SyncResult",
    "draw",
    "probe",
    "sync",
]

Tracker = FaceTracker | FixedBoxTracker
"""What says where the face is."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What may be chosen about a sync. The defaults suit most."""

    engine: str = "mesh"
    """Name of the engine; `mouthpiece engines` lists them."""
    device: str = "CPU"
    """OpenVINO device that runs the networks."""
    fit: Fit = Fit.PINGPONG
    """What a face video does that is shorter than the speech."""
    fps: Fraction = PHOTO_FPS
    """Frames a second made from a photo; a video keeps its own."""
    face: str = "largest"
    """Which of several faces: largest, left, right, or a number from 1 counted from the left."""
    framing: FrameTransform = field(default_factory=FrameTransform)
    """What part of the face's picture is taken, how large and which way up; whether a video is held at its start."""
    box: tuple[int, int, int, int] | None = None
    """Where the face is in every frame, forehead to chin and cheek to cheek: top, bottom, left, right in pixels of the
    picture after framing. Nothing is looked for then, so that drawings and animals can speak, too."""
    quality: Quality = Quality.GOOD
    """Effort and size of the encoding."""
    eight_bit: bool = False
    """Whether high dynamic range is written with 8 bits, which every player and browser shows; it may show bands."""
    intensity: float = 1.0
    """How far the mouth moves; 1 is as the face does in its own video, lively for a photo."""
    rest: float | None = None
    """How far apart the lips rest where nobody speaks, 0 (closed) to 1 (as far as a lively opening); None: as the face
    does in its own video, closed for a photo."""
    phones: PhonesInput = None
    """What is said and when, where it is known: a file (TextGrid, .align, .lab, a table, rhubarb's shapes) or `Phone`s
    in time order. The mouth then follows them."""
    phones_blend: float = 1.0
    """How much it follows them and not the sound, 0-1; 1 is the phones alone."""
    phones_language: str = "en"
    """Language of the words where a file has words and no phones: espeak-ng's code (needs the extra 'speech')."""
    audio_offset_s: float = 0.0
    """How much later than the frame the speech is that its mouth shows, seconds; negative: earlier. The sound stays
    where it is."""
    network: NetworkOptions = field(default_factory=NetworkOptions)
    """Which weights an engine runs that has a choice, and how."""
    crop: CropOptions = field(default_factory=CropOptions)
    """How the face is cut out, by engines that draw a crop of it."""
    seed: int = 0
    """Seed of whatever is random in an engine."""
    overwrite: bool = False
    """Whether a file in the way may be replaced."""

    def __post_init__(self) -> None:
        """Check what can be checked without looking at the input.

        Raises:
            OptionError: a value makes no sense.
        """
        FaceChoice(self.face)
        if not MIN_FPS <= self.fps <= MAX_FPS:
            raise OptionError(f"fps expects {MIN_FPS} to {MAX_FPS}, got {float(self.fps):g}")
        if not MIN_INTENSITY <= self.intensity <= MAX_INTENSITY:
            raise OptionError(f"intensity expects {MIN_INTENSITY:g} to {MAX_INTENSITY:g}, got {self.intensity:g}")
        if self.rest is not None and not 0 <= self.rest <= 1:
            raise OptionError(f"rest expects 0 (lips closed) to 1 (a lively opening), got {self.rest:g}")
        if not abs(self.audio_offset_s) <= MAX_AUDIO_OFFSET_S:
            most = f"{-MAX_AUDIO_OFFSET_S:g} to {MAX_AUDIO_OFFSET_S:g}"
            raise OptionError(f"audio_offset_s expects {most} seconds, got {self.audio_offset_s:g}")
        check_blend(self.phones, self.phones_blend)
        if self.box is not None and len(self.box) != 4:
            raise OptionError(f"box expects four numbers of pixels (top bottom left right), got {self.box}")


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What was made, and how it went."""

    path: Path
    """The video."""
    frames: int
    """Frames in it."""
    seconds: float
    """Its length."""
    elapsed_s: float
    """Wall-clock seconds that it took."""
    first_frame_s: float
    """Wall-clock seconds until the first frame was written."""
    timeline: tuple[FaceStretch, ...]
    """Where the mouth was moved and where frames passed through, in order, without gaps."""
    faces_seen: int
    """Faces in the first frame that had any."""
    face_chosen: Box | None
    """Where the chosen face was then, pixels of the output."""
    engine: str
    """Name of the engine."""
    warnings: tuple[str, ...]
    """What the user should know."""

    @property
    def speed(self) -> float:
        """Seconds of video made per second of waiting."""
        return self.seconds / self.elapsed_s if self.elapsed_s > 0 else 0.0


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
        Cancelled: `cancelled` said so.
    """
    options = options or SyncOptions()
    started = time.monotonic()
    journal = _Journal()

    def stop_if_cancelled() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("stopped as asked; nothing was written")

    inputs = _paths(face, speech, options.phones)
    check_output(out, overwrite=options.overwrite, forbidden=inputs)
    with (
        one_thread_each(),
        open_face(face, photo_fps=options.fps, framing=options.framing) as source,
        open_speech(speech) as voice,
    ):
        duration_s = _duration(source, voice, options.fit)
        said = find_phones(options.phones, float(voice.duration_s), language=options.phones_language)
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
            with _drawing(
                source, voice, options, said.phones, journal=journal, stop_if_cancelled=stop_if_cancelled
            ) as (engine, drawn):
                for frame in drawn:
                    stop_if_cancelled()
                    writer.write(frame)
                    journal.wrote(frame, started, duration_s, source)
                    if progress is not None:
                        progress(journal.progress)
            journal.require_a_face()
    unheeded = _unheeded(options, source, engine)
    odd = (*unheeded, *engine.warnings, *said.warnings, *source.warnings, *voice.warnings, *writer.warnings)
    return journal.result(Path(out), options.engine, started, odd)


def draw(
    face: FaceInput,
    speech: SpeechInput,
    options: SyncOptions | None = None,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Generator[Frame, None, None]:
    """The frames that `sync` would write, to be looked at instead; close the generator to stop early.

    Args: as of `sync`.

    Yields:
        Frames in order, each with its time; `rgb` shows the speaking face.

    Raises:
        MouthpieceError: as `sync` does, but for what concerns its output.
    """
    options = options or SyncOptions()
    journal = _Journal()

    def stop_if_cancelled() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("stopped as asked")

    with (
        one_thread_each(),
        open_face(face, photo_fps=options.fps, framing=options.framing) as source,
        open_speech(speech) as voice,
    ):
        said = find_phones(options.phones, float(voice.duration_s), language=options.phones_language)
        with _drawing(source, voice, options, said.phones, journal=journal, stop_if_cancelled=stop_if_cancelled) as (
            _,
            drawn,
        ):
            for frame in drawn:
                stop_if_cancelled()
                yield frame
        journal.require_a_face()


@contextmanager
def _drawing(
    source: FaceSource,
    voice: SpeechSource,
    options: SyncOptions,
    phones: tuple[Phone, ...],
    *,
    journal: _Journal,
    stop_if_cancelled: Callable[[], None],
) -> Iterator[tuple[Engine, Iterator[Frame]]]:
    """An engine that knows the face, and the frames as it draws them, each step in the background."""
    duration_s = _duration(source, voice, options.fit)
    engine, tracker = _prepared(source, options, phones, stop_if_cancelled)

    ahead = _frames_ahead(source.info)
    frames = in_background(source.frames(duration_s, options.fit), "read", ahead)
    faces = _track(tracker, frames, again=_shown_again(source, duration_s))
    tracked = in_background(faces, "track", ahead)
    faded = fade_near_gaps(journal.note(tracked))
    moments = _moments(engine, faded, listen(voice), options.audio_offset_s)
    drawn = in_background(_drawn(engine, moments), "draw", ahead)
    try:
        yield engine, drawn
    finally:
        # From the end to the start: each stage's reader goes first, so that none waits for another.
        drawn.close()
        tracked.close()
        frames.close()


def _unheeded(options: SyncOptions, source: FaceSource, engine: Engine) -> tuple[str, ...]:
    """Options that this face or this engine has no use for."""
    odd = []
    kept_rate = not source.info.is_photo or options.framing.static
    if kept_rate and options.fps not in (PHOTO_FPS, source.info.fps):
        odd.append(f"fps is for photos: the video keeps its own {float(source.info.fps):g} frames a second")
    default = SyncOptions()
    if options.box is not None and options.face != default.face:
        odd.append("face chooses among faces that are found: the box says where this one is")
    padded = "crop" in engine.supported_options and options.crop.pads not in (default.crop.pads, NO_PADS)
    if options.box is not None and padded:
        odd.append("pads are for faces that are found: the box is taken as it is")
    odd += [
        f"the engine {options.engine} has no use for {said}"
        for name, said in ENGINES_OPTIONS.items()
        if getattr(options, name) != getattr(default, name) and name not in engine.supported_options
    ]
    if options.phones is not None and "phones" not in engine.supported_options:
        odd.append(f"the engine {options.engine} can't use phones: it moves the mouth by the sound alone")
    return tuple(odd)


def check_blend(phones: PhonesInput, blend: float) -> None:
    """Whether a blend makes sense.

    Raises:
        OptionError: it is out of range, or there is nothing to blend.
    """
    if not 0 <= blend <= 1:
        raise OptionError(f"phones_blend expects 0 (sound alone) to 1 (phones alone), got {blend:g}")
    if phones is None and blend != 1:
        raise OptionError(f"phones_blend {blend:g} blends the sound with phones, but none are given; add phones")


def _duration(source: FaceSource, voice: SpeechSource, fit: Fit) -> Fraction:
    """How long the output lasts: as long as the speech, or as the video if that is shorter and to be cut there."""
    length_s = Fraction(voice.duration_s)
    if fit is Fit.CUT and not source.info.is_photo and source.info.duration_s is not None:
        return min(length_s, Fraction(source.info.duration_s).limit_denominator(90_000))
    return length_s


def _paths(*inputs: object) -> tuple[Path, ...]:
    """Those inputs that are files: the output must not be one of them."""
    return tuple(Path(os.fsdecode(i)) for i in inputs if isinstance(i, str | os.PathLike))


def _frames_ahead(info: PictureInfo) -> int:
    """How many frames may wait between two steps: fewer where each one is large."""
    return max(1, min(QUEUE_SIZE, WAITING_PIXELS // (info.width * info.height)))


def _prepared(
    source: FaceSource,
    options: SyncOptions,
    phones: tuple[Phone, ...],
    stop_if_cancelled: Callable[[], None],
) -> tuple[Engine, Tracker]:
    """The engine, having studied the face, and the tracker that showed it where that is.

    Raises:
        Cancelled: `stop_if_cancelled` said so.
        NoFaceError: there is nobody in the whole source.
    """
    frames = in_background(source.sample_frames(SURVEY_FRAMES), "survey", _frames_ahead(source.info))
    try:
        first = list(itertools.islice(frames, 1))  # Others are decoded while networks are compiled.
        engine, tracker = _loaded(source.info, options, phones)
        looks = _studied(engine, tracker, itertools.chain(first, frames), stop_if_cancelled)
    finally:
        frames.close()
    if all(skip_reason for skip_reason, _ in looks):
        found = None if source.info.is_photo else _first_usable(source, tracker, stop_if_cancelled)
        if found is None:
            raise NoFaceError(why_nobody(looks, source, options))
        engine.prepare([found])
    tracker.reset()
    return engine, tracker


def _loaded(info: PictureInfo, options: SyncOptions, phones: tuple[Phone, ...]) -> tuple[Engine, Tracker]:
    """The engine and the tracker, ready to begin.

    Raises:
        OptionError: the box lies outside the picture.
    """
    kind, chosen = load_engine(options.engine), _engine_options(options, phones)
    if options.box is not None:
        tracker = _placed(info, options.box)
        return kind(chosen), tracker
    choice = FaceChoice(options.face)
    return run_in_parallel(lambda: kind(chosen), lambda: FaceTracker(choice, options.device))


def _studied(
    engine: Engine, tracker: Tracker, frames: Iterable[Frame], stop_if_cancelled: Callable[[], None]
) -> list[tuple[SkipReason | None, int]]:
    """Let the engine study frames; of each why it can't be used, and how many faces it shows."""
    looks: list[tuple[SkipReason | None, int]] = []

    def sample_frames() -> Iterator[TrackedFrame]:
        for frame in frames:
            stop_if_cancelled()
            tracked = _look_once(tracker, frame)
            looks.append((tracked.skip_reason, tracked.faces_seen))
            yield tracked

    engine.prepare(sample_frames())
    return looks


def _engine_options(options: SyncOptions, phones: tuple[Phone, ...]) -> EngineOptions:
    """What of the options an engine is told."""
    return EngineOptions(
        device=options.device,
        intensity=options.intensity,
        seed=options.seed,
        rest=options.rest,
        phones=phones,
        phones_blend=options.phones_blend,
        network=options.network,
        crop=options.crop if options.box is None else replace(options.crop, pads=NO_PADS),
    )


def _placed(info: PictureInfo, box: tuple[int, int, int, int]) -> FixedBoxTracker:
    """The face in the user's box.

    Raises:
        OptionError: the box lies outside the picture.
    """
    top, bottom, left, right = box
    return FixedBoxTracker(Box(left, top, right, bottom), info.width, info.height)


def _shown_again(source: FaceSource, duration_s: Fraction) -> bool:
    """Whether a source's pictures may have to be shown several times."""
    return source.info.is_photo or source.info.duration_s is None or source.info.duration_s < duration_s


def _track(tracker: Tracker, frames: Iterable[Frame], *, again: bool) -> Iterator[TrackedFrame]:
    """Follow the face; where pictures come again, it is where it was found the first time."""
    if not again:
        yield from tracker.track_all(frames)
        return
    known: dict[Fraction | None, tuple[Face | None, SkipReason | None, int, int]] = {}
    for frame in frames:
        seen = known.get(frame.source_time_s)
        if seen is not None:
            yield TrackedFrame(frame, *seen)
            continue
        tracked = tracker.track(frame)
        if len(known) < KNOWN_PICTURES:
            known[frame.source_time_s] = tracked.face, tracked.skip_reason, tracked.shot, tracked.faces_seen
        yield tracked


def _look_once(tracker: Tracker, frame: Frame) -> TrackedFrame:
    """Track a frame that doesn't follow from the one before."""
    tracker.reset()
    return tracker.track(frame)


def _first_usable(source: FaceSource, tracker: Tracker, stop_if_cancelled: Callable[[], None]) -> TrackedFrame | None:
    """Go through a whole video whose survey showed nobody."""
    tracker.reset()
    length_s = Fraction(source.info.duration_s or 0).limit_denominator(90_000) or Fraction(10**6)
    for tracked in tracker.track_all(source.frames(length_s, Fit.CUT)):
        stop_if_cancelled()
        if tracked.face is not None:
            return tracked
    return None


def why_nobody(looks: list[tuple[SkipReason | None, int]], source: FaceSource, options: SyncOptions) -> str:
    """One line about why no frame can be used."""
    where = "first picture of" if options.framing.static else "photo" if source.info.is_photo else "video"
    choice = options.face
    reasons = {skip_reason for skip_reason, _ in looks}
    seen = max((faces for _, faces in looks), default=0)
    if choice.isdigit() and 0 < seen < int(choice):
        how = "leave out --face" if seen == 1 else f"choose 1 to {seen}"
        return f"face {choice} was asked for, but the {where} {source.info.name} shows {seen}; {how}"
    if SkipReason.TURNED in reasons:
        said = "the face is turned too far away"
    elif SkipReason.TOO_SMALL in reasons:
        said = "the face is too small"
    elif SkipReason.OUTSIDE in reasons:
        said = "the mouth is not in the picture"
    elif SkipReason.HIDDEN_MOUTH in reasons:
        said = "the mouth is hidden"
    else:
        said = "none was found"
    return f"expected a face in the {where} {source.info.name}, but {said}; use one that shows a face from the front"


def listen(voice: SpeechSource) -> Iterator[SpeechChunk]:
    """The speech in chunks, brought to a common level."""
    stream = SpeechStream(reference_level_db=measure_level(_first(voice.samples(), LEVEL_S)))
    for samples in voice.samples():
        yield stream.push(samples)
    yield stream.finish()


def _first(blocks: Iterator[FloatArray], seconds: float) -> Iterator[FloatArray]:
    """Blocks of samples until so much was passed on."""
    left = round(seconds * SAMPLE_RATE)
    for block in blocks:
        yield block
        left -= len(block)
        if left <= 0:
            return


def _moments(
    engine: Engine, frames: Iterable[tuple[TrackedFrame, float]], speech: Iterator[SpeechChunk], offset_s: float
) -> Iterator[RenderRequest]:
    """Each frame with its moment of speech, once the engine has heard as much as that needs, and no more."""
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


def _drawn(engine: Engine, moments: Iterable[RenderRequest]) -> Iterator[Frame]:
    """Give each frame its mouth."""
    for moment, patch in engine.render_all(moments):
        frame = moment.tracked.frame
        yield frame if patch is None else paste(frame, patch)


class _Journal:
    """What happens during a sync, for progress and the result."""

    def __init__(self) -> None:
        self._notes: list[tuple[float, float, SkipReason | None]] = []
        self._first: TrackedFrame | None = None
        self._shots: set[int] = set()
        self._first_frame_s = 0.0
        self._end_s = Fraction(0)
        self.progress = Progress(0, 0, 0.0, 0.0)

    def note(self, tracked: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
        """Pass tracked frames on, remembering which could be used."""
        for one in tracked:
            start_s, end_s = float(one.frame.time_s), float(one.frame.time_s + one.frame.duration_s)
            if self._notes and self._notes[-1][2] == one.skip_reason:
                self._notes[-1] = (self._notes[-1][0], end_s, one.skip_reason)
            else:
                self._notes.append((start_s, end_s, one.skip_reason))
            if one.face is not None:
                self._shots.add(one.shot)
                if self._first is None:
                    self._first = TrackedFrame(one.frame, one.face, faces_seen=one.faces_seen)
            yield one

    def wrote(self, frame: Frame, started: float, duration_s: Fraction, source: FaceSource) -> None:
        """Count a written frame."""
        elapsed_s = time.monotonic() - started
        frames = self.progress.frames + 1
        if frames == 1:
            self._first_frame_s = elapsed_s
        self._end_s = frame.time_s + frame.duration_s
        total = max(frames, round(float(duration_s * source.info.fps)))
        self.progress = Progress(frames, total, float(self._end_s), elapsed_s)

    def require_a_face(self) -> None:
        """Refuse a video in which nothing was synced.

        Raises:
            NoFaceError: no frame that would be written could be used.
        """
        if self._first is None:
            raise NoFaceError(
                "expected a face within the part of the video that the speech covers, found none; "
                "use another video or longer speech"
            )

    def result(self, path: Path, engine: str, started: float, odd: Sequence[str]) -> SyncResult:
        """Sum up; `odd` is what the files made necessary."""
        timeline = tuple(FaceStretch(start, end, why is None, why) for start, end, why in self._notes)
        warnings = list(odd)
        first = self._first
        if first is not None and first.faces_seen > 1:
            warnings.append(
                f"{first.faces_seen} faces seen; the others stay untouched (mouthpiece sync --face chooses)"
            )
        passed_s = sum(s.end_s - s.start_s for s in timeline if not s.synced)
        if passed_s > 0:
            reasons = sorted({str(s.reason) for s in timeline if s.reason})
            warnings.append(f"{passed_s:.2f} s passed through untouched ({', '.join(reasons)})")
        return SyncResult(
            path=path,
            frames=self.progress.frames,
            seconds=float(self._end_s),
            elapsed_s=time.monotonic() - started,
            first_frame_s=self._first_frame_s,
            timeline=timeline,
            faces_seen=first.faces_seen if first else 0,
            face_chosen=first.face.box if first and first.face else None,
            engine=engine,
            warnings=tuple(dict.fromkeys(warnings)),
        )


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face that `probe` saw."""

    time_s: float
    """When."""
    number: int
    """Which, counted from the left: what `SyncOptions.face` takes."""
    box: Box
    """Where, pixels."""
    yaw_deg: float
    """Turned how far to the side."""
    usable: SkipReason | None
    """None if it can be synced, else why not."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What is in a file."""

    media: MediaReport
    """Its container and streams."""
    faces: tuple[SeenFace, ...]
    """Every face at each moment looked at, by time and then from left to right."""
    frames_looked_at: int
    """How many moments of the picture were looked at."""
    most_faces: int
    """The most faces seen at once."""
    speech: tuple[tuple[float, float], ...]
    """Stretches of speech: start and end, seconds."""


def probe(path: str | os.PathLike[str]) -> ProbeReport:
    """Look into a file: streams, faces, speech.

    Raises:
        InputError: it is not media.
    """
    media = probe_media(path)
    faces: list[SeenFace] = []
    looked = most = 0
    if media.has_picture:
        tracker = FaceTracker()
        with open_face(path) as source:
            for frame in itertools.islice(source.sample_frames(PROBE_FRAMES), PROBE_FRAMES):
                seen = tracker.detect_all(frame)
                looked += 1
                most = max(most, len(seen))
                for number, (face, skip_reason) in enumerate(seen, start=1):
                    faces.append(SeenFace(float(frame.time_s), number, face.box, face.pose.yaw_deg, skip_reason))
    speech: list[tuple[float, float]] = []
    if media.has_sound:
        with open_speech(path) as voice:
            stream = SpeechStream(reference_level_db=measure_level(_first(voice.samples(), LEVEL_S)))
            activity = [stream.push(samples).activity for samples in voice.samples()]
            activity.append(stream.finish().activity)
        speech = speech_stretches(np.concatenate(activity))
    return ProbeReport(media, tuple(faces), looked, most, tuple(speech))
