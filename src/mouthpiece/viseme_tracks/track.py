"""Speech in, mouth shapes over time out: the mesh engine's motion, as blendshapes and letters."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from mouthpiece.concurrency import one_thread_each
from mouthpiece.errors import Cancelled, OptionError
from mouthpiece.inference import resolve_device
from mouthpiece.media import SpeechInput, open_speech
from mouthpiece.motion.blendshapes import ARKIT_NAMES, Readings, blendshapes
from mouthpiece.motion.stream import MotionStream
from mouthpiece.notices import Notice
from mouthpiece.options import VisemeOptions
from mouthpiece.phones import find_phones
from mouthpiece.pipeline import speech_chunks
from mouthpiece.types import FloatArray, Motion, SpeechChunk
from mouthpiece.viseme_tracks.mouth_shapes import LETTER_RATE, Cue, Hints, LetterStream, distances


@dataclass(frozen=True, slots=True)
class BlendshapeFrame:
    """A character's mouth at one moment."""

    time_s: float
    values: FloatArray
    """(52,) float32 in 0-1, in the order of ARKIT_NAMES."""
    motion: Motion = field(repr=False)
    """The motion that the coefficients are of."""


@dataclass(frozen=True, slots=True)
class VisemeTrack:
    """The mouth shapes of a speech."""

    sound_name: str
    """The speech's file name."""
    duration_s: float
    fps: float
    """Frames a second; frame n is shown from n / fps on."""
    names: tuple[str, ...]
    """ARKit's names of the columns of `frames`."""
    frames: FloatArray = field(repr=False)
    """(T, 52) float32 in 0-1."""
    cues: tuple[Cue, ...] = field(repr=False)
    """Preston Blair's shapes from 0 to the end without gaps, the first and the last one X."""
    warnings: tuple[Notice, ...] = ()
    """What the user should know."""

    def column(self, name: str) -> FloatArray:
        """Return the (T,) values of one blendshape.

        Raises:
            OptionError: ARKit has none of that name.
        """
        if name not in self.names:
            raise OptionError(f"expected one of ARKit's blendshapes such as jawOpen, got {name!r}")
        return self.frames[:, self.names.index(name)]


def visemes(
    speech: SpeechInput,
    options: VisemeOptions | None = None,
    *,
    progress: Callable[[float, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VisemeTrack:
    """Compute the mouth shapes of a speech: ARKit's blendshapes and Preston Blair's letters.

    Args:
        speech: a recording, or a video whose sound is taken: path, binary file object, `Waveform`, or (samples, rate).
        options: everything else.
        progress: called now and then with the seconds done and the seconds in all.
        cancelled: called now and then; True ends the job.

    Returns:
        All of it; about 5 kB for each second at 25 frames a second.

    Raises:
        InputError: the speech or the phones can't be used.
        OptionError: an option makes no sense.
        EngineError: the network can't run.
        Cancelled: `cancelled` returned True.
    """
    with MouthShapes(speech, options, cancelled=cancelled) as shapes:
        frames: list[FloatArray] = []
        cues: list[Cue] = []
        for shape in shapes:
            if isinstance(shape, BlendshapeFrame):
                frames.append(shape.values)
                if progress is not None:
                    progress(shape.time_s, shapes.duration_s)
            else:
                cues.append(shape)
        return VisemeTrack(
            shapes.sound_name,
            shapes.duration_s,
            float(shapes.fps),
            ARKIT_NAMES,
            np.stack(frames),
            tuple(cues),
            shapes.warnings,
        )


class MouthShapes:
    """The mouth shapes of a speech as a stream: frames and cues in the order in which they are known.

    A context manager; iterate once. Cues come about a second after the frames of the same time.
    """

    def __init__(
        self,
        speech: SpeechInput,
        options: VisemeOptions | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Open the speech.

        Raises:
            InputError: the speech or the phones can't be used.
            EngineError: the network can't run.
        """
        options = options or VisemeOptions()
        self.fps = Fraction(options.fps)
        self._cancelled = cancelled
        self._voice = open_speech(speech)
        try:
            self.duration_s = float(self._voice.duration_s)
            """Length of the speech, seconds."""
            found = find_phones(options.phones, self.duration_s, language=options.phones_language)
            device, elsewhere = resolve_device(options.device)
            self._phones, self._warnings = found.phones, (*found.warnings, *elsewhere)
            self._motion = MotionStream(
                intensity=options.intensity,
                device=device,
                phones=found.phones,
                phones_blend=options.phones_blend,
            )
        except BaseException:
            self._voice.close()
            raise

    @property
    def sound_name(self) -> str:
        """The speech's file name."""
        return self._voice.info.name

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know; more may come while iterating."""
        return (*self._warnings, *self._voice.warnings)

    def __enter__(self) -> MouthShapes:
        return self

    def __exit__(self, *_: object) -> None:
        self._voice.close()

    def __iter__(self) -> Iterator[BlendshapeFrame | Cue]:
        """Yield frames and cues.

        Raises:
            Cancelled: `cancelled` returned True.
        """
        with one_thread_each():
            yield from self._shapes()

    def _shapes(self) -> Iterator[BlendshapeFrame | Cue]:
        letters, hints = LetterStream(), Hints(self._phones)
        speech = speech_chunks(self._voice)
        for time_s, is_letter in self._moments():
            if self._cancelled is not None and not is_letter and self._cancelled():
                raise Cancelled("stopped as asked; nothing was written")
            motion = self._mouth_at(float(time_s), speech)
            if is_letter:
                readings = Readings.of(motion.displacement)
                yield from letters.push(distances(readings, motion.activity, hints.at(float(time_s))))
            else:
                yield BlendshapeFrame(float(time_s), blendshapes(motion.displacement), motion)
        yield from letters.finish(self.duration_s)

    def _moments(self) -> Iterator[tuple[Fraction, bool]]:
        """List the times before the end, in order: of frames, and (True) of comparisons with letters."""
        frames = ((Fraction(n) / self.fps, False) for n in itertools.count())
        letters = ((Fraction(n, LETTER_RATE), True) for n in itertools.count())
        end_s = self._voice.duration_s
        return itertools.takewhile(lambda moment: moment[0] < end_s, heapq.merge(frames, letters))

    def _mouth_at(self, time_s: float, speech: Iterator[SpeechChunk]) -> Motion:
        """Return the motion of a moment, having taken as much speech as it needs, and no more."""
        while self._motion.ready_until_s <= time_s:
            chunk = next(speech, None)
            if chunk is None:
                self._motion.finish()
                break
            self._motion.push(chunk)
        return self._motion.at(time_s)
