"""A face and speech to try mouthpiece with: nobody's likeness, nobody's voice.

Both are made by programs of this project: tools/make_sample_face.py and tools/make_sample_speech.py.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from mouthpiece.errors import OptionError

_SPEECH = {"en": "speech_en.wav", "ar": "speech_ar.wav"}
LANGUAGES = tuple(_SPEECH)
"""Languages that there is sample speech in, ISO 639-1."""


def _path(name: str) -> Path:
    """A file beside this one; wheels are installed unpacked, so it is a real path."""
    with as_file(files(__name__) / name) as path:
        return path


def sample_face() -> Path:
    """A portrait with a closed mouth: JPEG, 768 x 960 pixels."""
    return _path("face.jpg")


def sample_speech(language: str = "en") -> Path:
    """A few seconds of synthetic speech: WAV, 16 bit, mono, 22.05 kHz.

    Args:
        language: one of LANGUAGES.

    Raises:
        OptionError: there is no sample in that language.
    """
    if language not in _SPEECH:
        raise OptionError(
            f"expected a language with sample speech ({', '.join(LANGUAGES)}), got {language!r}; choose one of them"
        )
    return _path(_SPEECH[language])
