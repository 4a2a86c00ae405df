"""Everything that mouthpiece raises on purpose.

    MouthpieceError                 code "error"
    ├── InputError                  "input"          what the user gave can't be used
    │   ├── NotMediaError           "not-media"      the bytes are not a picture, a video or sound
    │   │   └── UnknownMediaError   "not-media"      and nothing tells what else they are
    │   ├── NoPictureError          "no-picture"     media, but nothing to see in it
    │   ├── NoSoundError            "no-sound"       media, but nothing to hear in it
    │   ├── BrokenMediaError        "broken-media"   begins well, can't be decoded to its end
    │   ├── PictureSizeError        "picture-size"   too small or too large a picture
    │   ├── SpeechTooShortError     "speech-short"   less speech than one frame of video
    │   └── NoFaceError             "no-face"        nobody usable to be seen in the whole file
    ├── OutputError                 "output"         the result can't be written there
    │   ├── OutputExistsError       "output-exists"  a file is in the way, and --yes was not given
    │   └── DiskFullError           "disk-full"      the folder filled up while writing
    ├── OptionError                 "option"         an option's value makes no sense here
    ├── EngineError                 "engine"         an engine is unknown or can't run
    │   └── WeightsError            "weights"        an engine's weights are missing or damaged
    ├── MissingExtraError           "missing-extra"  an optional library is not installed
    └── Cancelled                   "cancelled"      the caller asked to stop

Each text says what was expected, what came and what to do, in one line. The codes are stable: `--json` prints them.
The library raises; only the apps print and exit.
"""

from __future__ import annotations

from typing import ClassVar


class MouthpieceError(Exception):
    """Root of the tree. `code` is stable, the text is for people."""

    code: ClassVar[str] = "error"


class InputError(MouthpieceError):
    """What the user gave can't be used."""

    code = "input"


class NotMediaError(InputError):
    """The bytes are not a picture, a video or sound that can be read."""

    code = "not-media"


class UnknownMediaError(NotMediaError):
    """The bytes are of no known kind at all."""


class NoPictureError(InputError):
    """Media without a picture track, where a face was expected."""

    code = "no-picture"


class NoSoundError(InputError):
    """Media without a sound track or without a single sample, where speech was expected."""

    code = "no-sound"


class BrokenMediaError(InputError):
    """Media that can't be decoded, or whose header promises what its data does not hold."""

    code = "broken-media"


class PictureSizeError(InputError):
    """A picture too small to hold a face, or too large to be opened safely."""

    code = "picture-size"


class SpeechTooShortError(InputError):
    """Less speech than one frame of video."""

    code = "speech-short"


class NoFaceError(InputError):
    """No usable face in the whole picture or video."""

    code = "no-face"


class OutputError(MouthpieceError):
    """The result can't be written where it was asked for."""

    code = "output"


class OutputExistsError(OutputError):
    """A file is in the way and overwriting was not allowed."""

    code = "output-exists"


class DiskFullError(OutputError):
    """The output folder filled up while writing."""

    code = "disk-full"


class OptionError(MouthpieceError):
    """An option's value makes no sense, alone or with this input."""

    code = "option"


class EngineError(MouthpieceError):
    """An engine is unknown, or can't run on this machine."""

    code = "engine"


class WeightsError(EngineError):
    """An engine's weights are missing, damaged, or of another network."""

    code = "weights"


class MissingExtraError(MouthpieceError):
    """An optional library is needed and not installed; the text names the extra that brings it."""

    code = "missing-extra"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'mouthpiece[{extra}]'")
        self.extra = extra


class Cancelled(MouthpieceError):
    """The caller asked to stop; nothing was left behind."""

    code = "cancelled"
