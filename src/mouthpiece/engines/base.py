"""The contract that every engine keeps.

An engine learns a face once, then hears speech a chunk at a time and draws frames as soon as it has heard enough.
A file is a stream that arrives fast: nothing here knows whether the speech is recorded or live.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from mouthpiece.types import EngineInfo, Patch, Phone, SpeechChunk, TrackedFrame


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


class Engine(ABC):
    """One face being made to speak. Used from one thread at a time.

    Order of calls: `prepare`, then `hear` any number of times mixed with `render`, `finish` when the speech is over,
    `reset` before the next speech with the same face.
    """

    uses_phones: ClassVar[bool] = False
    """Whether the engine heeds `EngineOptions.phones`; one that doesn't moves the mouth by the sound alone."""

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
    def prepare(self, survey: Iterable[TrackedFrame]) -> None:
        """Study the face: a few dozen frames spread over the source (one for a photo), some of them without a face.

        They may show several people; `Face.appearance` tells them apart.
        """

    @abstractmethod
    def hear(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""

    @abstractmethod
    def finish(self) -> None:
        """The speech is over: what is missing of the look-ahead is silence. `heard_until_s` becomes infinite."""

    @property
    @abstractmethod
    def heard_until_s(self) -> float:
        """Moments before this one (seconds of speech time) can be drawn now."""

    @abstractmethod
    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """Draw the face of a frame as it speaks at a moment.

        Args:
            tracked: a frame with a face, in the order of the video.
            speech_s: the moment, seconds of speech time, below `heard_until_s`. Moments don't go back.
            strength: 0-1, how far to go from the frame's own mouth to the speaking one (frames near a stretch
                without a face fade in and out).

        Returns:
            What to lay over the frame, or None where it should stay as it is.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget the speech, keep the face."""
