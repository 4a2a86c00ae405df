"""The contract of every engine.

An engine learns a face once, then takes speech a chunk at a time and draws frames as soon as it has enough of it.
A file is a stream that arrives fast: nothing here depends on whether the speech is recorded or live.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from mouthpiece.checkpoints.catalogue import Checkpoint, checkpoint_named
from mouthpiece.checkpoints.store import cached_path, find_checkpoint
from mouthpiece.notices import Notice
from mouthpiece.option_fields import option_text, read_options, spec_of
from mouthpiece.options import EngineOptions
from mouthpiece.types import EngineInfo, MotionTrack, OptionInfo, Patch, Phone, RenderRequest, SpeechChunk, TrackedFrame

__all__ = ["Engine", "EngineJob", "EngineOptions", "NoOptions"]


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Options of an engine that has none of its own."""


@dataclass(frozen=True, slots=True)
class EngineJob:
    """The job that an engine is loaded for: what is known of it beside the user's options."""

    live: bool = False
    """Whether speech comes as it is spoken: the engine then looks ahead as little as it can."""
    phones: tuple[Phone, ...] = ()
    """What is spoken, where it is known: sounds and silences (empty symbol) in time order; empty where it isn't."""
    phones_blend: float = 1.0
    """How much the motion follows the phones and not the sound, 0-1; 1 is the phones alone."""
    motion: MotionTrack | None = None
    """What the mouth does, where the user gave that: `motion.at(speech_s)` instead of what the speech asks for."""
    fixed_box: bool = False
    """Whether the user gave the face's box: its landmarks are those of an average face in it."""


class Engine(ABC):
    """One face being made to speak. Used from one thread at a time.

    Order of calls: `prepare`, then `push` any number of times mixed with `render` or `render_all`, `finish` when the
    speech is over, `reset` before the next speech with the same face.
    """

    Options: ClassVar[type[Any]] = NoOptions
    """A frozen dataclass of options that this engine alone has, each with a default; on the command line
    `--engine-option NAME=VALUE`. A field `checkpoint` (a file or a name of the catalogue, None for the engine's own
    choice) is also set by `--checkpoint`."""
    supported_options: ClassVar[frozenset[str]] = frozenset()
    """Those of `intensity`, `rest`, `phones` and `motion` that make a difference to this engine; of others the user is
    warned."""
    checkpoints: ClassVar[tuple[str, ...]] = ()
    """Names of the checkpoints (`mouthpiece.checkpoints`) that this engine runs, the preferred one first. Where none
    of them is there, the command line fetches the first; empty for an engine that brings its weights or needs none."""

    def __init__(self, options: EngineOptions, job: EngineJob | None = None) -> None:
        """Load weights.

        Raises:
            OptionError: an option of its own makes no sense.
            WeightsError: weights are missing or damaged.
            EngineError: the device can't run them.
        """
        self.options = options
        self.job = job or EngineJob()
        self.own = self.own_options(options)

    @classmethod
    def own_options(cls, options: EngineOptions) -> Any:
        """Return this engine's own options, an instance of `Options`.

        Raises:
            OptionError: there is none of that name, or its value makes no sense.
        """
        return read_options(cls.Options, options.own, owner=f"the engine {options.name}")

    @classmethod
    def missing_checkpoint(cls, options: EngineOptions) -> Checkpoint | None:
        """Return the checkpoint that must be fetched before this engine can run; None where nothing is missing.

        A checkpoint that is a file of the user's is never fetched.

        Raises:
            MissingExtraError: what would run it is not installed.
        """
        chosen = getattr(cls.own_options(options), "checkpoint", None)
        names = cls.checkpoints if chosen is None else [name for name in cls.checkpoints if name == os.fspath(chosen)]
        if not names or any(cached_path(name) for name in names):
            return None
        return checkpoint_named(names[0])

    @classmethod
    def find_checkpoint(cls, options: EngineOptions) -> Path:
        """Return the file of weights to run: that of the option `checkpoint`, else the preferred one that is here.

        Raises:
            WeightsError: it isn't here or damaged; the text says how to get it.
        """
        return find_checkpoint(getattr(cls.own_options(options), "checkpoint", None), cls.checkpoints)

    @classmethod
    def list_options(cls) -> tuple[OptionInfo, ...]:
        """List this engine's own options, with their defaults."""
        default, specs = cls.Options(), {declared.name: spec_of(declared) for declared in fields(cls.Options)}
        return tuple(
            OptionInfo(name, option_text(getattr(default, name)), spec.help) for name, spec in specs.items() if spec
        )

    @classmethod
    def diagnose(cls) -> tuple[str, ...]:
        """List what a bug report should have of this engine on this machine, one line each; for `mouthpiece doctor`."""
        return ()

    @classmethod
    @abstractmethod
    def describe(cls, options: EngineOptions, *, live: bool = False) -> EngineInfo:
        """Describe the engine and what it needs; loads nothing heavy and never raises for missing weights.

        Args:
            options: with which it would run.
            live: whether speech would come as it is spoken: the look-ahead may be another one.
        """

    @abstractmethod
    def prepare(self, sample_frames: Iterable[TrackedFrame]) -> None:
        """Study the face: a few dozen frames spread over the source (one for a photo), some of them without a face.

        They may show several people; `Face.descriptor` tells them apart. Later sample frames, amid a speech too, take
        the place of these (a live session does that to draw smaller); the speech so far stays.
        """

    @abstractmethod
    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""

    @abstractmethod
    def finish(self) -> None:
        """End the speech: what is missing of the look-ahead is silence. `ready_until_s` becomes infinite."""

    @property
    @abstractmethod
    def ready_until_s(self) -> float:
        """Moments before this one (seconds of speech time) can be drawn now."""

    @abstractmethod
    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """Draw the face of a frame as it speaks at a moment.

        Args:
            tracked: a frame with a face, in the order of the video. Its `frame.rgb` is to be read only.
            speech_s: the moment, seconds of speech time, below `ready_until_s`. Moments don't go back: an engine
                forgets what lies behind the last one.
            strength: 0-1, how far to go from the frame's own mouth to the speaking one (frames near a stretch
                without a face fade in and out).

        Returns:
            What to lay over the frame, or None where it should stay as it is.
        """

    def render_all(self, requests: Iterable[RenderRequest]) -> Iterator[tuple[RenderRequest, Patch | None]]:
        """Draw requests as they come, each once and in order; the same patches as `render` gives one at a time.

        An engine that is quicker with several at once holds some of them back, few enough to be bounded in memory; it
        draws those it holds when the requests end. Taking the next request may push more speech into the engine.

        Args:
            requests: frames with their moments of speech; those without a face or strength are passed on undrawn.
        """
        for request in requests:
            drawn = request.tracked.face is not None and request.strength > 0
            yield request, self.render(request.tracked, request.speech_s, request.strength) if drawn else None

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know of how the engine runs: a device that wasn't there, for example."""
        return ()

    @abstractmethod
    def reset(self) -> None:
        """Forget the speech, keep the face."""
