"""The contract that every engine keeps.

An engine learns a face once, then hears speech a chunk at a time and draws frames as soon as it has heard enough.
A file is a stream that arrives fast: nothing here knows whether the speech is recorded or live.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from mouthpiece.errors import OptionError
from mouthpiece.types import EngineInfo, Patch, Phone, RenderRequest, SpeechChunk, TrackedFrame

MAX_BATCH = 256
MAX_PAD_PX = 10_000


class Runtime(StrEnum):
    """The library that runs an engine's network."""

    OPENVINO = "openvino"
    ONNX = "onnx"
    TORCH = "torch"


class Precision(StrEnum):
    """The numbers that a network computes with."""

    AUTO = "auto"
    """The fastest on this machine of those whose results are as good, found by trying."""
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """Which weights an engine runs, and how; for engines that run published networks."""

    checkpoint: str | os.PathLike[str] | None = None
    """A name that `mouthpiece weights list` knows, or a file; None: the engine's own choice."""
    runtime: Runtime = Runtime.OPENVINO
    precision: Precision = Precision.AUTO
    batch_size: int | None = None
    """Frames drawn at once; None: the engine's own choice."""

    def __post_init__(self) -> None:
        """Check what can be checked without the weights.

        Raises:
            OptionError: a value makes no sense.
        """
        if self.batch_size is not None and not 1 <= self.batch_size <= MAX_BATCH:
            raise OptionError(f"batch_size expects 1 to {MAX_BATCH} frames, got {self.batch_size}")


@dataclass(frozen=True, slots=True)
class CropOptions:
    """How the face is cut out of the frame; for engines that draw a crop of it."""

    pads: tuple[int, int, int, int] = (0, 10, 0, 0)
    """Pixels of the frame added to the face's box: top, bottom, left, right; negative ones make it smaller."""
    smooth: bool = True
    """Whether the box is averaged over neighbouring frames."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: there are not four of them, or they are beyond any picture.
        """
        if len(self.pads) != 4 or any(abs(pad) > MAX_PAD_PX for pad in self.pads):
            raise OptionError(f"pads expect four numbers of pixels (top bottom left right), got {self.pads}")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a user may choose about any engine."""

    device: str = "CPU"
    """OpenVINO device name."""
    intensity: float = 1.0
    """How far the mouth moves; 1 is as the face does in its own video, lively for a photo."""
    seed: int = 0
    """Seed of whatever is random inside; the same seed gives the same frames."""
    rest: float | None = None
    """How far apart the lips rest where nobody speaks, 0 (closed) to 1 (as far as a lively opening); None: as the face
    does in its own video, closed for a photo."""
    live: bool = False
    """Whether speech comes as it is said: the engine then looks ahead as little as it can."""
    phones: tuple[Phone, ...] = ()
    """What is said, where it is known: sounds and silences (empty symbol) in time order; empty where it isn't."""
    phones_blend: float = 1.0
    """How much the motion follows the phones and not the sound, 0-1; 1 is the phones alone."""
    network: NetworkOptions = field(default_factory=NetworkOptions)
    """Which weights to run, and how."""
    crop: CropOptions = field(default_factory=CropOptions)
    """How the face is cut out."""


class Engine(ABC):
    """One face being made to speak. Used from one thread at a time.

    Order of calls: `prepare`, then `push` any number of times mixed with `render` or `render_all`, `finish` when the
    speech is over, `reset` before the next speech with the same face.
    """

    supported_options: ClassVar[frozenset[str]] = frozenset()
    """Fields of `EngineOptions` that make a difference to this engine, of those that not every engine has a use for:
    intensity, rest, phones, network, crop."""

    def __init__(self, options: EngineOptions) -> None:
        """Load weights.

        Raises:
            WeightsError: they are missing or damaged.
            EngineError: the device can't run them.
        """
        self.options = options

    @classmethod
    @abstractmethod
    def describe(cls, options: EngineOptions) -> EngineInfo:
        """What the engine is and needs; loads nothing heavy and never raises for missing weights."""

    @abstractmethod
    def prepare(self, sample_frames: Iterable[TrackedFrame]) -> None:
        """Study the face: a few dozen frames spread over the source (one for a photo), some of them without a face.

        They may show several people; `Face.descriptor` tells them apart. Another survey later, amid a speech too, takes
        the place of this one (a live session does that to draw smaller); what was heard stays heard.
        """

    @abstractmethod
    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""

    @abstractmethod
    def finish(self) -> None:
        """The speech is over: what is missing of the look-ahead is silence. `ready_until_s` becomes infinite."""

    @property
    @abstractmethod
    def ready_until_s(self) -> float:
        """Moments before this one (seconds of speech time) can be drawn now."""

    @abstractmethod
    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """Draw the face of a frame as it speaks at a moment.

        Args:
            tracked: a frame with a face, in the order of the video.
            speech_s: the moment, seconds of speech time, below `ready_until_s`. Moments don't go back.
            strength: 0-1, how far to go from the frame's own mouth to the speaking one (frames near a stretch
                without a face fade in and out).

        Returns:
            What to lay over the frame, or None where it should stay as it is.
        """

    def render_all(self, moments: Iterable[RenderRequest]) -> Iterator[tuple[RenderRequest, Patch | None]]:
        """Draw moments as they come, each once and in order; the same patches as `render` gives one at a time.

        An engine that is quicker with several at once holds some of them back, few enough to be bounded in memory; it
        draws those it holds when the moments end. Taking the next moment may make the engine hear more speech.

        Args:
            moments: frames with their moments of speech; those without a face or strength are passed on undrawn.
        """
        for moment in moments:
            drawn = moment.tracked.face is not None and moment.strength > 0
            yield moment, self.render(moment.tracked, moment.speech_s, moment.strength) if drawn else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of how the engine runs: a device that wasn't there, say."""
        return ()

    @abstractmethod
    def reset(self) -> None:
        """Forget the speech, keep the face."""
