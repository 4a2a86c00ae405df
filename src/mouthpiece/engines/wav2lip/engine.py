"""The published Wav2Lip networks as an engine: 96 x 96 pixels of a face, redrawn as it speaks and blended back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mouthpiece.checkpoints.catalogue import Checkpoint, checkpoint_named
from mouthpiece.checkpoints.store import find_checkpoint
from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.wav2lip.blend import Blender
from mouthpiece.engines.wav2lip.crop import (
    SMOOTH_FRAMES,
    CropBox,
    FaceCrop,
    drawn_rgb,
    mean_box,
    network_face,
    shows_the_mouth,
)
from mouthpiece.engines.wav2lip.mel_windows import LOOK_AHEAD_S, SpeechWindows
from mouthpiece.engines.wav2lip.options import NO_PADS, CropOptions, Wav2LipOptions
from mouthpiece.errors import EngineError, OptionError, WeightsError
from mouthpiece.networks.published_weights import GENERATORS
from mouthpiece.notices import Notice, notice
from mouthpiece.options import EngineOptions
from mouthpiece.types import EngineInfo, Face, FloatArray, Frame, Patch, RenderRequest, SpeechChunk, TrackedFrame

if TYPE_CHECKING:
    from mouthpiece.engines.wav2lip.runtimes.generator import Generator

BATCH = 8
"""Frames drawn at once by default, where they are no larger than BATCH_PIXELS / BATCH."""
BATCH_PIXELS = BATCH * 1920 * 1080
"""Pixels of all frames that may wait to be drawn at once by default."""
MOST_PIXELS = 4 * BATCH_PIXELS
"""The same for any `batch_size`: about 300 MB."""
CPU_BATCH = 24
"""Most frames drawn at once on the CPU: the network takes 11 MB for each, and is no faster with more."""
REACH = SMOOTH_FRAMES // 2
"""Frames to each side whose boxes are averaged with a frame's own."""


@dataclass(slots=True)
class _Pending:
    """A request that waits to be drawn."""

    moment: RenderRequest
    mel: FloatArray | None
    """(80, 16) the speech then; None where nothing is drawn."""
    face_box: _FaceBox


@dataclass(frozen=True, slots=True)
class _FaceBox:
    """The face's box in a frame, before smoothing."""

    shot: int
    box: CropBox | None
    """None where there is no face, or pads leave nothing of it."""


class Wav2LipEngine(Engine):
    """Engine of a published or compatible generator, several frames at once."""

    Options = Wav2LipOptions
    checkpoints = GENERATORS
    own: Wav2LipOptions

    def __init__(
        self, options: EngineOptions, job: EngineJob | None = None, *, generator: Generator | None = None
    ) -> None:
        """Load the generator.

        Args:
            options: the device and its own options make a difference.
            job: whether it is live, and whether the face's box was given, make a difference.
            generator: what to draw with instead of a checkpoint's network; for tests and experiments.

        Raises:
            WeightsError: the checkpoint is missing, damaged or of another network.
            EngineError: the device can't run it.
            MissingExtraError: the runtime asked for is not installed.
        """
        super().__init__(options, job)
        if generator is None:
            from mouthpiece.engines.wav2lip.loading import open_generator

            generator = open_generator(find_checkpoint(self.own.checkpoint, GENERATORS), self.own, options.device)
        self._generator = generator
        self._bounded: tuple[Notice, ...] = ()
        self._pads = NO_PADS if self.job.fixed_box else self.own.pads
        self._windows = SpeechWindows()
        self.reset()

    @classmethod
    def missing_checkpoint(cls, options: EngineOptions) -> Checkpoint | None:
        """Return the checkpoint to fetch, where none is there and the library that runs it is installed."""
        from mouthpiece.engines.wav2lip.runtimes.generator import check_installed

        missing = super().missing_checkpoint(options)
        if missing is not None:
            check_installed(cls.own_options(options).runtime)
        return missing

    @classmethod
    def diagnose(cls) -> tuple[str, ...]:
        """List the precisions that were chosen by trial on this machine."""
        from mouthpiece.engines.wav2lip.loading.precision_choice import remembered_choices

        return tuple(
            f"precision {one.precision} for the weights {one.checkpoint}... on {one.device} ({one.summary})"
            for one in remembered_choices()
        )

    @classmethod
    def describe(cls, options: EngineOptions, *, live: bool = False) -> EngineInfo:
        """Describe the engine; looks for the checkpoint and opens nothing."""
        wanted = cls.own_options(options).checkpoint
        try:
            found = find_checkpoint(wanted, GENERATORS)
        except WeightsError as error:
            weights, ready = str(error), False
        else:
            weights, ready = (found.name if wanted is None else str(wanted)), True
        name = GENERATORS[0] if wanted is None else str(wanted)
        return EngineInfo(
            name="wav2lip",
            summary="redraws the lower face with a published Wav2Lip network (96 x 96 pixels)",
            look_ahead_s=LOOK_AHEAD_S,
            licence=checkpoint_named(name if name in GENERATORS else GENERATORS[0]).licence,
            device=options.device,
            weights=weights,
            ready=ready,
        )

    def prepare(self, sample_frames: Iterable[TrackedFrame]) -> None:
        """Check that the pads leave the mouth where the network draws; nothing is learned of the face.

        Raises:
            OptionError: in none of the frames they do.
        """
        faces: list[tuple[Face, Frame]] = []
        shown = False
        for tracked in sample_frames:
            if tracked.face is not None and not shown:
                faces = [(tracked.face, tracked.frame)]
                shown = shows_the_mouth(tracked.face, tracked.frame, self._pads)
        if faces and not shown and self._pads != CropOptions().pads:
            box = faces[0][0].box
            raise OptionError(
                f"pads expect to leave the mouth in the lower half of the crop, the part that the network draws; "
                f"{self._pads} (top bottom left right) around a face of {box.width} x {box.height} pixels "
                "don't; use smaller ones"
            )

    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""
        self._windows.push(chunk.samples)

    def finish(self) -> None:
        """End the speech."""
        self._windows.finish()

    @property
    def ready_until_s(self) -> float:
        """Moments before this one can be drawn now."""
        return self._windows.ready_until_s

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """The generator's notices, whether pads have no use, and whether batches are smaller than asked for."""
        padded = self.job.fixed_box and self.own.pads not in (CropOptions().pads, NO_PADS)
        return (*self._generator.warnings, *([notice("pads-ignored")] if padded else []), *self._bounded)

    def reset(self) -> None:
        """Forget the speech, and what was drawn last."""
        self._windows.reset()
        self._past: deque[_FaceBox] = deque(maxlen=SMOOTH_FRAMES - 1)
        self._blender = Blender()
        self._shot: int | None = None

    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """Draw one frame at once: its box is smoothed with those before it alone.

        Raises:
            EngineError: the speech up to the moment was not pushed yet.
        """
        pending = self._pend(RenderRequest(tracked, speech_s, strength))
        box = self._smoothed([*self._past, pending.face_box], len(self._past), ahead=0)
        self._past.append(pending.face_box)
        return self._drawn([(pending, box)])[0]

    def render_all(self, moments: Iterable[RenderRequest]) -> Iterator[tuple[RenderRequest, Patch | None]]:
        """Draw moments several at once; each box is smoothed with those of the frames around it."""
        ahead = 0 if self.job.live or not self.own.smooth else REACH
        waiting: list[_Pending] = []
        for moment in moments:
            waiting.append(self._pend(moment))
            count = self._batch(moment.tracked.frame)
            while len(waiting) >= count + ahead:
                yield from self._first_drawn(waiting, count, ahead)
        while waiting:
            yield from self._first_drawn(waiting, self._batch(waiting[0].moment.tracked.frame), ahead)

    def _batch(self, frame: Frame) -> int:
        """Return how many frames of that size are drawn at once."""
        if self.job.live:
            return 1
        pixels = frame.width * frame.height
        chosen = self.own.batch_size
        if chosen is None:
            return max(1, min(BATCH, BATCH_PIXELS // pixels))
        most = max(1, MOST_PIXELS // pixels)
        if self._generator.device.upper() == "CPU":
            most = min(most, CPU_BATCH)
        if chosen > most:
            self._bounded = (notice("batch-bounded", wanted=chosen, used=most),)
        return min(chosen, most)

    def _pend(self, moment: RenderRequest) -> _Pending:
        """Collect what is needed to draw a moment, while the speech around it is kept."""
        if moment.speech_s >= self.ready_until_s:
            raise EngineError(f"expected a moment before {self.ready_until_s:.3f} s, got {moment.speech_s:.3f} s")
        tracked = moment.tracked
        box = None if tracked.face is None else CropBox.of(tracked.face, tracked.frame, self._pads)
        drawn = box is not None and moment.strength > 0
        mel = self._windows.at(moment.speech_s)  # asked for every moment: what lies before it is forgotten
        return _Pending(moment, mel if drawn else None, _FaceBox(tracked.shot, box))

    def _first_drawn(
        self, waiting: list[_Pending], count: int, ahead: int
    ) -> Iterator[tuple[RenderRequest, Patch | None]]:
        """Draw the first of those that wait and take them out."""
        around = [*self._past, *(pending.face_box for pending in waiting)]
        now = waiting[:count]
        del waiting[:count]
        boxed = [(pending, self._smoothed(around, i, ahead)) for i, pending in enumerate(now, start=len(self._past))]
        self._past.extend(pending.face_box for pending in now)
        for pending, patch in zip(now, self._drawn(boxed), strict=True):
            yield pending.moment, patch

    def _smoothed(self, around: Sequence[_FaceBox], own: int, ahead: int) -> CropBox | None:
        """Average the box of one of several frames in a row over those around it that show the same shot's face.

        Args:
            around: frames in a row.
            own: which of them.
            ahead: how many after it count; so many fewer before it.
        """
        face_box = around[own]
        if face_box.box is None or not self.own.smooth:
            return face_box.box
        near = around[max(0, own - (SMOOTH_FRAMES - 1 - ahead)) : own + ahead + 1]
        return mean_box([other.box for other in near if other.box is not None and other.shot == face_box.shot])

    def _drawn(self, boxed: Sequence[tuple[_Pending, CropBox | None]]) -> list[Patch | None]:
        """Draw frames in order, all with one call of the network."""
        todo = [
            (pending.moment, pending.mel, FaceCrop.cut(pending.moment.tracked.frame, box))
            for pending, box in boxed
            if pending.mel is not None and box is not None
        ]
        made: Iterator[Patch | None] = iter(())
        if todo:
            mels = np.stack([mel for _, mel, _ in todo])[:, None]
            crops = [crop for _, _, crop in todo]
            pictures = drawn_rgb(self._generator(mels, network_face(crops)))
            made = (
                self._blended(picture, crop, moment)
                for picture, crop, (moment, _, _) in zip(pictures, crops, todo, strict=True)
            )
        return [next(made) if pending.mel is not None and box is not None else None for pending, box in boxed]

    def _blended(self, picture: FloatArray, crop: FaceCrop, moment: RenderRequest) -> Patch | None:
        """Blend a drawing into its frame; nothing is smoothed across a cut."""
        if moment.tracked.shot != self._shot:
            self._shot, self._blender = moment.tracked.shot, Blender()
        return self._blender.patch(picture, crop, moment.tracked, moment.strength)
