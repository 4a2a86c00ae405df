"""Everything that users choose: the enums and option dataclasses of videos, live sessions, mouth shapes and engines.

An option is declared once, as a field made by `option_fields.option`: its default, help, range and flag. The command
line and the web pages take them from there, so this module imports no NumPy: `mouthpiece --help` loads it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mouthpiece.errors import OptionError
from mouthpiece.option_fields import check_ranges, option

if TYPE_CHECKING:
    from mouthpiece.types import MotionTrack, Phone

    MotionInput = str | os.PathLike[str] | MotionTrack | None
    """A file of motion, motion as a track, or None where the speech moves the mouth."""

MIN_FPS, MAX_FPS = Fraction(1), Fraction(120)
PHOTO_FPS = Fraction(25)
"""Frames a second made from a photo unless told otherwise."""
NTSC_RATES = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(120000, 1001))
"""Frame rates that people write as 23.976, 29.97, 59.94 and 119.88."""
NTSC_CLOSE_ENOUGH = Fraction(1, 200)
TO_EDGE = -1
"""As bottom or right of a crop: as far as the picture goes."""
MIN_LIVE_SIDE = 64
"""Pixels of the longer side of the smallest picture that a live session draws."""
FACE_RULES = ("largest", "left", "right")
_FACE_NUMBER = re.compile(r"[1-9]\d{0,2}")

FourNumbers = tuple[int, int, int, int]
"""Top, bottom, left, right in pixels, in the order of the published Wav2Lip script."""
PhonesInput = str | os.PathLike[str] | Sequence["Phone"] | None
"""A file of phones or words, phones with their times, or None where nobody knows what is said."""


def parse_fps(text: str) -> Fraction:
    """Read a frame rate as people write it: 25, 29.97 (the NTSC rate is meant), 30000/1001.

    Raises:
        OptionError: it isn't a positive number.
    """
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise OptionError(f"expected a rate like 25, 29.97 or 30000/1001, got {text!r}")
    if "/" not in text:
        near = [ntsc for ntsc in NTSC_RATES if abs(ntsc - rate) < NTSC_CLOSE_ENOUGH]
        return near[0] if near else rate
    return rate


def check_face_rule(rule: str) -> None:
    """Check which of several faces is asked for.

    Raises:
        OptionError: it is none of the known rules.
    """
    if rule not in FACE_RULES and not _FACE_NUMBER.fullmatch(rule):
        raise OptionError(
            f"--face expects largest, left, right or a number from 1 (counted from the left), got {rule!r}"
        )


class Fit(StrEnum):
    """How a video is stretched to the length of the speech; photos and longer videos don't need it."""

    LOOP = "loop"
    """Starts again from its beginning."""
    PINGPONG = "pingpong"
    """Plays backwards from its end, then forwards again, so that nothing jumps."""
    HOLD = "hold"
    """Stays on its last picture, drawn again at the video's own rate."""
    CUT = "cut"
    """Ends with the video; the speech is cut there."""


class Quality(StrEnum):
    """A trade of speed against looks and size."""

    DRAFT = "draft"
    """Quickest; traces of compression may show."""
    GOOD = "good"
    """The default: a quick preset at a quality that keeps skin and teeth."""
    BEST = "best"
    """Closest to the source; slower to make and larger."""


@dataclass(frozen=True, slots=True)
class FrameTransform:
    """How a face's picture is taken before anything else looks at it. The default changes nothing and costs nothing."""

    static: bool = option(False, flag="--static", help="Use only the first frame of a video.")
    """Only the first picture of a video, held still at the video's own rate."""
    resize_factor: int = option(1, help="Divide each side by this.", low=1, limits="a whole number from 1")
    """Each side is divided by this, and rounded down to an even number."""
    rotate: bool = option(False, help="Turn the picture by 90 degrees clockwise.")
    """A quarter turn clockwise, on top of what the file itself asks for."""
    crop: FourNumbers = option((0, TO_EDGE, 0, TO_EDGE), help="Use this part of the picture.")
    """Top, bottom, left, right in pixels of the smaller, turned picture; -1 as bottom or right means the edge, and so
    does what lies beyond it. Bottom and right are not part of it."""

    def __post_init__(self) -> None:
        """Check what can be checked without the picture.

        Raises:
            OptionError: a value makes no sense.
        """
        check_ranges(self)
        if len(self.crop) != 4:
            raise OptionError(f"crop expects four numbers of pixels (top bottom left right), got {self.crop}")
        top, bottom, left, right = self.crop
        empty = any(end != TO_EDGE and end <= start for start, end in ((top, bottom), (left, right)))
        if min(top, left) < 0 or empty:
            got = " ".join(map(str, self.crop))
            raise OptionError(f"crop expects top < bottom and left < right, from 0 (-1: to the edge), got {got}")

    @property
    def changes_picture(self) -> bool:
        """Whether a picture comes out differently: `static` alone leaves it as it is."""
        return self.resize_factor != 1 or self.rotate or self.crop != (0, TO_EDGE, 0, TO_EDGE)


def intensity_option() -> Any:
    """Declare how far the mouth moves."""
    return option(1.0, flag="--intensity", help="How strongly the mouth moves; 1 is natural.", low=0.0, high=3.0)


def _device() -> Any:
    return option("CPU", flag="--device", help="Where networks run; see: mouthpiece doctor.")


def _face() -> Any:
    return option(
        "largest",
        flag="--face",
        metavar="largest|left|right|N",
        help="Which of several faces; N counts from the left.",
    )


def _fps(text: str) -> Any:
    return option(PHOTO_FPS, flag="--fps", metavar="RATE", parse=parse_fps, help=text, low=MIN_FPS, high=MAX_FPS)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Which engine moves the mouth, and what may be chosen about any of them; handed to the engine unchanged."""

    name: str = option("mesh", flag="--engine", help="Who moves the mouth; see: mouthpiece engines.")
    """Name of the engine; `mouthpiece engines` lists them."""
    device: str = _device()
    """OpenVINO device that runs the networks."""
    intensity: float = intensity_option()
    """How far the mouth moves; 1 is as the face does in its own video, lively for a photo."""
    rest: float | None = option(
        None,
        flag="--rest",
        kind=float,
        metavar="0..1",
        help="How far apart the lips rest; 0 is closed. By default as in the face's own video.",
        low=0.0,
        high=1.0,
        limits="0 (lips closed) to 1 (a lively opening)",
    )
    """How far apart the lips rest where nobody speaks, 0 (closed) to 1 (as far as a lively opening); None: as the face
    does in its own video, closed for a photo."""
    seed: int = option(0, flag="--seed", help="The same seed gives the same video.")
    """Seed of whatever is random inside; the same seed gives the same frames."""
    own: Mapping[str, object] = field(default_factory=dict, hash=False)
    """Options that this engine alone has, by name: the fields of its `Engine.Options`, values or text."""

    def __post_init__(self) -> None:
        """Check what can be checked without the engine.

        Raises:
            OptionError: a value makes no sense.
        """
        check_ranges(self)
        object.__setattr__(self, "own", dict(self.own))


def _engine(chosen: EngineOptions | str) -> EngineOptions:
    """Complete the options of an engine of which perhaps only the name is given."""
    return EngineOptions(chosen) if isinstance(chosen, str) else chosen


@dataclass(frozen=True, kw_only=True)
class PhonesOptions:
    """What is said, where it is known."""

    phones: PhonesInput = option(
        None,
        flag="--phones",
        kind=Path,
        metavar="FILE",
        help="What is said and when: .TextGrid, .align, .lab, a table of start, end, sound, or rhubarb's .tsv.",
    )
    """What is said and when, where it is known: a file (TextGrid, .align, .lab, a table, rhubarb's shapes) or `Phone`s
    in time order. The mouth then follows them."""
    phones_blend: float = option(
        1.0,
        flag="--phones-blend",
        metavar="0..1",
        help="How much the mouth follows the phones and not the sound.",
        low=0.0,
        high=1.0,
        limits="0 (sound alone) to 1 (phones alone)",
    )
    """How much it follows them and not the sound, 0-1; 1 is the phones alone."""
    phones_language: str = option(
        "en",
        flag="--phones-language",
        metavar="CODE",
        help="Language of the words, where FILE has words only (extra 'speech').",
    )
    """Language of the words where a file has words and no phones: espeak-ng's code (needs the extra 'speech')."""

    def __post_init__(self) -> None:
        """Check the numbers' ranges, and that there is something to blend.

        Raises:
            OptionError: a value makes no sense.
        """
        check_ranges(self)
        if self.phones is None and self.phones_blend != 1:
            raise OptionError(
                f"phones_blend {self.phones_blend:g} blends the sound with phones, but none are given; add phones"
            )


@dataclass(frozen=True, kw_only=True)
class SyncOptions(PhonesOptions):
    """What may be chosen about a sync. The defaults suit most."""

    engine: EngineOptions = field(default_factory=EngineOptions)
    """Which engine moves the mouth, and how; an engine's name alone is taken, too."""
    motion: MotionInput = option(
        None,
        flag="--motion",
        kind=Path,
        metavar="FILE",
        help="What the mouth does: .npz of visemes or capture, or .csv with ARKit's blendshapes (Live Link Face).",
    )
    """What the mouth does, where that is known: a file (.npz as `visemes` and `capture` write it, a table of ARKit's
    blendshapes such as Live Link Face's) or a `MotionTrack`. The face then follows it and not the speech."""
    fit: Fit = option(Fit.PINGPONG, flag="--fit", help="How a face video shorter than the speech goes on.")
    """What a face video does that is shorter than the speech."""
    fps: Fraction = _fps("Frames a second for photos: 25, 29.97, 30000/1001.")
    """Frames a second made from a photo; a video keeps its own."""
    face: str = _face()
    """Which of several faces: largest, left, right, or a number from 1 counted from the left."""
    transform: FrameTransform = field(default_factory=FrameTransform)
    """What part of the face's picture is taken, how large and which way up; whether a video is held at its start."""
    box: FourNumbers | None = option(
        None,
        flag="--box",
        kind=FourNumbers,
        metavar="TOP BOTTOM LEFT RIGHT",
        help="Where the face is, pixels, where none is found: for drawings and animals.",
    )
    """Where the face is in every frame, forehead to chin and cheek to cheek: top, bottom, left, right in pixels of the
    picture after its transform. Nothing is looked for then, so that drawings and animals can speak, too."""
    quality: Quality = option(Quality.GOOD, flag="--quality", help="Picture quality against encoding time and size.")
    """Effort and size of the encoding."""
    eight_bit: bool = option(
        False, flag="--eight-bit", help="Write high dynamic range with 8 bits, which every player and browser shows."
    )
    """Whether high dynamic range is written with 8 bits, which every player and browser shows; it may show bands."""
    audio_offset_s: float = option(
        0.0,
        flag="--audio-offset-ms",
        metavar="MS",
        scale=1000.0,
        help="Positive: the mouth shows later speech.",
        low=-2.0,
        high=2.0,
        limits="-2 to 2 seconds",
    )
    """How much later than the frame the speech is that its mouth shows, seconds; negative: earlier. The sound stays
    where it is."""
    overwrite: bool = option(False, flag="--yes,-y", help="Overwrite OUT if it exists.")
    """Whether a file in the way may be replaced."""

    def __post_init__(self) -> None:
        """Check what can be checked without looking at the input.

        Raises:
            OptionError: a value makes no sense.
        """
        object.__setattr__(self, "engine", _engine(self.engine))
        check_face_rule(self.face)
        PhonesOptions.__post_init__(self)
        if self.motion is not None and self.phones is not None:
            raise OptionError("motion and phones both say what the mouth does; give one of them")
        if self.box is not None and len(self.box) != 4:
            raise OptionError(f"box expects four numbers of pixels (top bottom left right), got {self.box}")


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """What may be chosen about a live session. The defaults suit most."""

    engine: EngineOptions = field(default_factory=EngineOptions)
    """Which engine moves the mouth, and how; an engine's name alone is taken, too."""
    face: str = _face()
    """Which of several faces: largest, left, right, or a number from 1 counted from the left."""
    fps: float = option(
        25.0,
        flag="--fps",
        help="Frames a second while the machine keeps up.",
        low=float(MIN_FPS),
        high=float(MAX_FPS),
    )
    most_side: int | None = option(
        None,
        flag="--size",
        kind=int,
        help="Pixels of the longer side of the faces drawn.",
        low=MIN_LIVE_SIDE,
        limits=f"at least {MIN_LIVE_SIDE} pixels",
    )
    """Pixels of the longer side of the pictures drawn; None: as many as the face's picture has."""

    def __post_init__(self) -> None:
        """Check what can be checked without looking at the face.

        Raises:
            OptionError: a value makes no sense.
        """
        object.__setattr__(self, "engine", _engine(self.engine))
        check_face_rule(self.face)
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class VisemeOptions(PhonesOptions):
    """What may be chosen about an export of mouth shapes."""

    fps: Fraction = _fps("Blendshape frames a second: 25, 29.97, 60.")
    """Frames of blendshapes a second."""
    intensity: float = intensity_option()
    """How far the mouth moves; 1 is what the engine learned."""
    device: str = _device()
    """OpenVINO device that runs the network."""


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """What may be chosen about measuring somebody's mouth in a video."""

    face: str = _face()
    """Which of several faces: largest, left, right, or a number from 1 counted from the left."""
    start_s: float = option(0.0, flag="--start", metavar="SECONDS", help="Where in the video to begin.", low=0.0)
    """Where in the video's sound to begin, seconds; the motion's times count from there."""
    end_s: float | None = option(
        None, flag="--end", kind=float, metavar="SECONDS", help="Where in the video to end.", low=0.0
    )
    """Where to end, seconds from the video's beginning; None: where the video does."""
    device: str = _device()
    """OpenVINO device that runs the face mesh."""

    def __post_init__(self) -> None:
        """Check what can be checked without the video.

        Raises:
            OptionError: a value makes no sense.
        """
        check_face_rule(self.face)
        check_ranges(self)
        if self.end_s is not None and self.end_s <= self.start_s:
            raise OptionError(f"end_s expects more than start_s, {self.start_s:g} s, got {self.end_s:g}")
