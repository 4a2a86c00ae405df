"""What the rooms hand to each other: frozen values that carry their own time and geometry.

Conventions, everywhere:

- pictures are RGB, uint8, (H, W, 3), row 0 at the top;
- points are (x, y) in pixels of the picture they belong to, pixel centres at integers;
- audio is mono float32 in [-1, 1] at 16 kHz once it is past the `media` room;
- time is in seconds; video time is an exact `Fraction`, audio time follows from a sample's index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAMPLE_RATE = 16_000
"""Samples a second of all speech inside mouthpiece, Hz."""
MEL_HOP = 160
"""Samples from one mel frame to the next: 10 ms."""
MEL_RATE = SAMPLE_RATE // MEL_HOP
"""Mel frames a second."""
MEL_BANDS = 80
"""Bands of the log-mel spectrogram."""
EASE_S = 0.2
"""Way of a mouth from the first or last frame of a `MotionTrack` to rest, seconds."""
SAME_PERSON = 0.55
"""Least likeness of two face descriptors of one person."""

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
FloatArray = NDArray[np.float32]


def as_float(array: ArrayLike) -> FloatArray:
    """Convert the array to float32; it is copied only if it is of another type."""
    return np.asarray(array, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in whole pixels: x0 <= x < x1, y0 <= y < y1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Columns covered."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Rows covered."""
        return self.y1 - self.y0

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns) to index a picture with."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def clipped(self, width: int, height: int) -> Box:
        """Return the part of the box inside a picture of that size; it may be empty."""
        x0, y0 = min(max(self.x0, 0), width), min(max(self.y0, 0), height)
        return Box(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video and when it is shown.

    `rgb` belongs to the frame: whoever holds the frame may write into it, and says where in `changed`.
    """

    time_s: Fraction
    """When the frame appears, seconds from the start of the output."""
    duration_s: Fraction
    """How long it stays, seconds."""
    rgb: Picture
    """(H, W, 3) uint8 RGB, upright (rotation applied), code values as stored (no tone mapping)."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height as it should be shown; 1 for square pixels."""
    native: object | None = field(default=None, repr=False, compare=False)
    """The decoder's own picture, for the `media` room alone: what isn't in `changed` is written from it bit for bit."""
    changed: tuple[Box, ...] = ()
    """Where `rgb` no longer shows what `native` holds."""
    source_time_s: Fraction | None = None
    """Time of this picture in the source (frames repeat when a short video is looped); None for photos."""

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self.rgb.shape[0])


@dataclass(frozen=True, slots=True)
class Waveform:
    """A piece of mono speech."""

    samples: FloatArray
    """(n,) float32 in [-1, 1]."""
    sample_rate: int = SAMPLE_RATE
    """Samples a second, Hz."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A stretch of speech with what the `speech` room heard in it; chunks follow each other without gap or overlap.

    Mel frame m looks at the samples around m * MEL_HOP; a chunk's mel frames may trail its samples by the window's
    half length, so `first_mel` is said apart from `first_sample`.
    """

    first_sample: int
    """Index of samples[0] in the whole speech."""
    samples: FloatArray
    """(n,) float32 in [-1, 1], 16 kHz, level as recorded."""
    first_mel: int
    """Index of log_mel[0] in the whole speech; its time is first_mel / MEL_RATE."""
    log_mel: FloatArray
    """(m, MEL_BANDS) float32: natural log of the mel power spectrogram, speech brought to a common level."""
    activity: FloatArray
    """(m,) float32 in 0-1: how surely somebody speaks in that mel frame."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound and when it is said."""

    symbol: str
    """IPA, without stress or syllable marks, with its length mark if it is long (`aː`); empty for silence."""
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and when it is said."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Where a head is: canonical face -> picture, by scaled orthography.

    p = scale * (rotation @ c)[:2] + centre, for c in canonical coordinates (x right, y down, z away from the viewer;
    unit: distance of the outer eye corners; origin: middle between them).
    With non-square pixels p is in square pixels of the picture's height; x over pixel_aspect is the stored x.
    """

    rotation: FloatArray
    """(3, 3) float32, a proper rotation."""
    scale: float
    """Pixels per canonical unit: the outer eye distance as seen from the front."""
    centre: FloatArray
    """(2,) float32: where the canonical origin falls, pixels."""

    @property
    def yaw_deg(self) -> float:
        """Turn to the side; positive when the nose points to the picture's right."""
        return float(np.degrees(np.arctan2(-self.rotation[0, 2], self.rotation[2, 2])))

    @property
    def pitch_deg(self) -> float:
        """Nod; positive when the nose points up."""
        return float(np.degrees(np.arcsin(np.clip(self.rotation[1, 2], -1.0, 1.0))))

    @property
    def roll_deg(self) -> float:
        """Tilt in the picture's plane; positive clockwise."""
        return float(np.degrees(np.arctan2(self.rotation[1, 0], self.rotation[0, 0])))


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame, measured."""

    landmarks: FloatArray
    """(478, 3) float32: x, y in pixels of the frame as stored, z in square pixels, the face mesh's own order."""
    pose: HeadPose
    """Where the head is."""
    score: float
    """0-1: how sure the mesh is that a face is there."""
    descriptor: FloatArray = field(repr=False)
    """(k,) float32 of unit norm: what the upper face looks like; the dot product of two tells two people apart."""

    @property
    def box(self) -> Box:
        """The landmarks' bounding box, whole pixels; it may leave the picture."""
        low = np.floor(self.landmarks[:, :2].min(axis=0)).astype(int)
        high = np.ceil(self.landmarks[:, :2].max(axis=0)).astype(int)
        return Box(int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1)


class SkipReason(StrEnum):
    """Why a frame passes through untouched."""

    NO_FACE = "no-face"
    TOO_SMALL = "too-small"
    TURNED = "turned-away"
    OUTSIDE = "outside-picture"
    HIDDEN_MOUTH = "hidden-mouth"


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """A frame with the chosen face in it, or the reason why there is none to work on."""

    frame: Frame
    face: Face | None
    """The chosen face; None exactly when `skip_reason` says why."""
    skip_reason: SkipReason | None = None
    shot: int = 0
    """Counts up at a cut and whenever another person takes the place: nothing learned in one shot holds in another."""
    faces_seen: int = 1
    """Faces in the picture at the last look."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The mouth at one moment; lengths in outer eye distances."""

    displacement: FloatArray
    """(P, 3) float32: displacement of `motion.basis.MOTION_POINTS` from the closed, resting mouth; x right, y down, z
    away from the viewer, of a face seen from the front."""
    opening: float
    """Distance of the inner lips, 0 when closed."""
    activity: float
    """0-1: how surely somebody speaks; 0 is a mouth at rest."""
    closed: float = 0.0
    """0-1: how far the lips are held together, as in m, b and p."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionTrack:
    """The motion of a mouth that is there already, frame by frame: measured on somebody, or made by hand.

    Frames come at times of their own. Between them motion is interpolated; before the first and after the last one the
    mouth rests, and it takes EASE_S to get there.
    """

    time_s: NDArray[np.float64]
    """(T,) seconds, ascending; 0 is where the speech begins."""
    displacement: FloatArray = field(repr=False)
    """(T, P, 3) float32, as of `Motion`."""
    opening: FloatArray = field(repr=False)
    """(T,) float32, outer eye distances."""
    width: FloatArray = field(repr=False)
    """(T,) float32: how much farther apart than at rest the mouth's corners are."""
    jaw: FloatArray = field(repr=False)
    """(T,) float32: how much lower than at rest the chin is."""
    activity: FloatArray = field(repr=False)
    """(T,) float32 in 0-1."""
    closed: FloatArray = field(repr=False)
    """(T,) float32 in 0-1."""
    seen: NDArray[np.bool_] = field(repr=False)
    """(T,) whether the frame was measured; the others were filled."""
    fps: float
    """Frames a second, about: the frames' own times count."""
    name: str = "the motion"
    """What messages call it."""

    @property
    def end_s(self) -> float:
        """When the last frame ends, seconds."""
        return float(self.time_s[-1]) + 1 / self.fps

    def at(self, time_s: float) -> Motion:
        """Return the mouth at any moment, seconds."""
        after = int(np.searchsorted(self.time_s, time_s, side="right"))
        if after == 0:
            return self._scaled(0, motion_left(float(self.time_s[0]) - time_s))
        if after == len(self.time_s):
            return self._scaled(after - 1, motion_left(time_s - self.end_s))
        before, start_s, end_s = after - 1, float(self.time_s[after - 1]), float(self.time_s[after])
        share = (time_s - start_s) / (end_s - start_s)
        first, second = self.displacement[before], self.displacement[after]
        opening, activity, closed = (
            float(curve[before]) + share * float(curve[after] - curve[before])
            for curve in (self.opening, self.activity, self.closed)
        )
        return Motion(first + np.float32(share) * (second - first), opening, activity, closed)

    def _scaled(self, frame: int, share: float) -> Motion:
        opening, activity, closed = (
            share * float(curve[frame]) for curve in (self.opening, self.activity, self.closed)
        )
        return Motion(np.float32(share) * self.displacement[frame], opening, activity, closed)


def motion_left(away_s: float) -> float:
    """Return the share of a frame's motion that is left so many seconds away from it: 1 there, 0 from EASE_S on."""
    share = min(max(away_s / EASE_S, 0.0), 1.0)
    return 1 - share * share * (3 - 2 * share)


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """A frame and the moment of the speech that it is to show."""

    tracked: TrackedFrame
    """In the order of the video."""
    speech_s: float
    """Seconds of speech time. Moments don't go back."""
    strength: float = 1.0
    """0-1, how far to go from the frame's own mouth to the speaking one."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What an engine made: a picture to be laid over the frame."""

    box: Box
    """Where in the frame; inside the frame."""
    rgb: Picture
    """(box.height, box.width, 3) uint8 RGB."""
    alpha: FloatArray
    """(box.height, box.width) float32 in 0-1: 1 where the patch hides the frame, feathered to 0 at its rim."""


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """An option that one engine alone has."""

    name: str
    default: str
    """As it would be typed; empty for the engine's own choice."""
    help: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself before it does anything."""

    name: str
    summary: str
    """One line for people."""
    look_ahead_s: float
    """How much speech after a moment it must hear before it can draw that moment, seconds."""
    licence: str
    """Terms of its weights."""
    device: str
    """Where it runs: CPU, GPU, ..."""
    weights: str
    """Which weights it uses, or what is missing and how to get it."""
    ready: bool
    """Whether it can run now."""
    checkpoints: tuple[str, ...] = ()
    """Names of the checkpoints that it can run; the registry fills this in, and the options."""
    options: tuple[OptionInfo, ...] = ()
    """Its own options."""


@dataclass(frozen=True, slots=True)
class FaceStretch:
    """A part of the result and what was done there."""

    start_s: float
    end_s: float
    synced: bool
    """True where the mouth was moved; False where the frames passed through."""
    reason: SkipReason | None = None
    """Why they passed through."""


ProgressCallback = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    frames: int
    """Frames written."""
    total_frames: int
    """Frames expected; an estimate for variable frame rates."""
    seconds: float
    """Seconds of the result written."""
    elapsed_s: float
    """Wall-clock seconds since the start."""

    @property
    def speed(self) -> float:
        """Seconds of video made per second of waiting."""
        return self.seconds / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float:
        """Estimated seconds to wait; 0 when nothing was written yet."""
        return self.elapsed_s * max(self.total_frames - self.frames, 0) / self.frames if self.frames else 0.0
