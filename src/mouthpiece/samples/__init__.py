"""Faces and speech to try mouthpiece with: nobody's likeness, nobody's voice.

All are made by programs of this project: tools/make_avatars.py and tools/make_sample_speech.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from mouthpiece.errors import OptionError

_SPEECH = {"en": "speech_en.wav", "ar": "speech_ar.wav"}
LANGUAGES = tuple(_SPEECH)
"""Languages that there is sample speech in, ISO 639-1."""

# In the order of the gallery: file name without its ending, title in English and in Arabic.
_AVATARS = (
    ("woman", "Woman", "امرأة"),
    ("man", "Man", "رجل"),
    ("old_lady", "Old lady", "سيدة مسنّة"),
    ("old_man", "Old man", "رجل مسنّ"),
    ("girl", "Girl", "طفلة"),
    ("child", "Child", "طفل"),
    ("woman_headscarf", "Woman with a headscarf", "امرأة محجّبة"),
    ("man_beard", "Man with a beard", "رجل ملتحٍ"),
)


@dataclass(frozen=True, slots=True)
class Avatar:
    """A portrait of nobody, made to speak: frontal, eyes open, mouth closed."""

    name: str
    """Name in programs: lower case, digits and underscores."""
    titles: tuple[str, str]
    """Names for people, in the order of LANGUAGES."""
    path: Path
    """JPEG, 768 x 960 pixels."""

    def title(self, language: str = "en") -> str:
        """Return the name for people.

        Args:
            language: one of LANGUAGES.

        Raises:
            OptionError: there is no title in that language.
        """
        if language not in LANGUAGES:
            raise OptionError(
                f"expected a language that avatars have titles in ({', '.join(LANGUAGES)}), got {language!r}; "
                "choose one of them"
            )
        return self.titles[LANGUAGES.index(language)]


def avatars() -> tuple[Avatar, ...]:
    """List the gallery, in the order to show it in."""
    return tuple(Avatar(name, (english, arabic), _path(f"avatars/{name}.jpg")) for name, english, arabic in _AVATARS)


def _path(name: str) -> Path:
    """Return the path of a file beside this one, a real path as wheels are installed unpacked."""
    with as_file(files(__name__) / name) as path:
        return path


def sample_face() -> Path:
    """Return the gallery's first portrait, whose mouth is closed: JPEG, 768 x 960 pixels."""
    return avatars()[0].path


def sample_speech(language: str = "en") -> Path:
    """Return a few seconds of synthetic speech: WAV, 16 bit, mono, 22.05 kHz.

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
