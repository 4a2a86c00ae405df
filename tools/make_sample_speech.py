"""Make the sample speech that ships in the package: friendly sentences of ours, said by espeak-ng.

    pip install 'mouthpiece[speech]'
    python tools/make_sample_speech.py src/mouthpiece/samples

espeak-ng (GPL-3) runs in a process of its own, by ctypes on the library that espeakng-loader brings; the words
are ours.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# From espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
CHARS_UTF8 = 1
PARAMETER_RATE, PARAMETER_PITCH, PARAMETER_RANGE = 1, 3, 4

PEAK = 0.7
"""Loudest sample of the result, full scale being 1."""
SILENCE_S = 0.25
"""Rest before and after the words, seconds."""
QUIET = 0.004
"""What counts as silence at both ends, full scale being 1."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said and how."""

    voice: str
    """espeak-ng's voice and variant."""
    text: str
    words_a_minute: int
    pitch: int
    """0-99, 50 is the variant's own."""
    pitch_range: int
    """0-99, 0 is monotone."""


SENTENCES = {
    "en": Sentence(
        "en-us+f3",
        "Hello, and welcome! Give me a face and a few words, and I bring them both to life.",
        150,
        48,
        62,
    ),
    "ar": Sentence(
        "ar+f3",
        "أَهْلًا وَسَهْلًا بِكُمْ! أَعْطُونِي وَجْهًا وَبِضْعَ كَلِمَاتٍ، وَسَأَقُولُهَا لَكُمْ.",
        160,
        48,
        62,
    ),
}


def speak(sentence: Sentence) -> tuple[bytes, int]:
    """Say a sentence; returns 16-bit mono samples and their rate, Hz. To be called in a process of its own."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    pieces: list[bytes] = []

    def take(samples: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    callback = prototype(take)  # held until the end: espeak-ng keeps only its address
    folder = espeakng_loader.get_data_path().encode()
    rate = int(library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, folder, 0))
    if rate <= 0:
        sys.exit(f"espeak-ng can't start with the data in {folder.decode()}")
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(sentence.voice.encode()) != 0:
        sys.exit(f"espeak-ng has no voice {sentence.voice}")
    for parameter, value in (
        (PARAMETER_RATE, sentence.words_a_minute),
        (PARAMETER_PITCH, sentence.pitch),
        (PARAMETER_RANGE, sentence.pitch_range),
    ):
        library.espeak_SetParameter(parameter, value, 0)
    text = sentence.text.encode()
    library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return b"".join(pieces), rate


def write(samples: bytes, rate: int, out: Path) -> None:
    """Trim, set the level, write a WAV."""
    sound = np.frombuffer(samples, np.int16).astype(np.float64) / 32768
    loud = np.flatnonzero(np.abs(sound) > QUIET)
    rest = np.zeros(round(SILENCE_S * rate))
    sound = np.concatenate([rest, sound[loud[0] : loud[-1] + 1], rest])
    sound *= PEAK / np.abs(sound).max()
    with wave.open(str(out), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    print(f"{out}: {len(sound) / rate:.2f} s at {rate} Hz, {out.stat().st_size} bytes")


def main(folder: Path) -> None:
    """Write every sentence, each said by a process of its own."""
    for language in SENTENCES:
        command = [sys.executable, __file__, "--say", language]
        said = subprocess.run(command, capture_output=True, check=True).stdout
        write(said[4:], int.from_bytes(said[:4], "little"), folder / f"speech_{language}.wav")


def say(language: str) -> None:
    """The inner process: the rate (4 bytes, little endian), then the samples, on stdout."""
    samples, rate = speak(SENTENCES[language])
    sys.stdout.buffer.write(rate.to_bytes(4, "little") + samples)


if __name__ == "__main__":
    if sys.argv[1] == "--say":
        say(sys.argv[2])
    else:
        main(Path(sys.argv[1]))
