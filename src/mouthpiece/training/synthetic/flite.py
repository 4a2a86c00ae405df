"""A second synthesiser for English, where its program is installed: flite (Debian package `flite`), with phone times.

Its voices are made of recorded people, so they sound less alike than one formant synthesiser's timbres do.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mouthpiece.datasets.prepare import read_sound
from mouthpiece.errors import InputError, NoSoundError
from mouthpiece.types import SAMPLE_RATE, FloatArray, Phone

TIMEOUT_S = 60.0
"""What takes longer is given up."""
IPA = {
    "aa": "ɑː", "ae": "æ", "ah": "ʌ", "ao": "ɔː", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b", "ch": "tʃ", "d": "d",
    "dh": "ð", "eh": "ɛ", "er": "ɜː", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "ih": "ɪ", "iy": "iː", "jh": "dʒ",
    "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s",
    "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "uː", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
    "pau": "", "brth": "", "ssil": "", "h#": "",
}  # fmt: skip
"""flite's phones (US English) in IPA; those that are not sounds are silence."""


@dataclass(frozen=True, slots=True)
class FliteSpoken:
    """A text as flite said it."""

    samples: FloatArray
    """(n,) float32 mono, 16 kHz."""
    phones: tuple[Phone, ...]
    """Sounds from 0 to the end without gap, silence with an empty symbol."""


def installed() -> bool:
    """Whether the program is there."""
    return shutil.which("flite") is not None


def say(text: str, *, voice: str = "slt", stretch: float = 1.0, pitch_hz: float | None = None) -> FliteSpoken:
    """Say an English text.

    Args:
        text: what to say.
        voice: `slt`, `rms`, `awb` or `kal16`; others sample at 8 kHz.
        stretch: duration against the voice's own.
        pitch_hz: mean pitch; None for the voice's own.

    Raises:
        InputError: flite is missing, or fails.
    """
    program = shutil.which("flite")
    if program is None:
        raise InputError("expected the program flite, found none; install it (Debian: apt-get install flite)")
    settings = ["--setf", f"duration_stretch={stretch:.3f}"]
    if pitch_hz is not None:
        settings += ["--setf", f"int_f0_target_mean={pitch_hz:.1f}"]
    with tempfile.TemporaryDirectory(prefix="mouthpiece-") as folder:
        sound = Path(folder) / "said.wav"
        command = [program, "-voice", voice, *settings, "-psdur", "-t", f" {text}", "-o", str(sound)]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)  # noqa: S603
            samples = read_sound(sound)
        except (subprocess.SubprocessError, OSError, NoSoundError) as error:
            raise InputError(f"flite can't say {text[:40]!r} in the voice {voice!r}: {error}") from error
    return FliteSpoken(samples, _phones(result.stdout, len(samples) / SAMPLE_RATE))


def _phones(printed: str, duration_s: float) -> tuple[Phone, ...]:
    """Phones from what `-psdur` prints: `name:end ...`, ends in seconds.

    Raises:
        InputError: a phone is not known.
    """
    phones: list[Phone] = []
    start_s = 0.0
    for name, end in re.findall(r"(\S+?):([\d.]+)", printed):
        if name not in IPA:
            raise InputError(f"flite speaks of a phone {name!r} that this version doesn't know")
        end_s = min(float(end), duration_s)
        if end_s > start_s:
            phones.append(Phone(IPA[name], start_s, end_s))
            start_s = end_s
    if start_s < duration_s - 0.5 / SAMPLE_RATE:
        phones.append(Phone("", start_s, duration_s))
    return tuple(phones)
