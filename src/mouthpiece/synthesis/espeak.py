"""Text to speech by espeak-ng (extra 'speech'), with every sound's time.

    text --espeak_worker, a process of its own--> samples, events --espeak_phones--> Spoken

espeak-ng is under the GPL and may crash: it runs in a process of its own that is fed through pipes, is started anew
when it dies, and is killed when it takes too long. One `EspeakSynthesiser` serves thousands of texts; the same words in
the same manner always sound the same.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import unicodedata
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mouthpiece.dsp import resample
from mouthpiece.errors import EngineError, InputError, MissingExtraError, OptionError
from mouthpiece.synthesis.espeak_phones import arabic_symbols, phones_from_events
from mouthpiece.synthesis.espeak_worker import read_frame, write_frame
from mouthpiece.types import FloatArray, Phone, SpokenWord, as_float

SLOWEST_WPM, FASTEST_WPM = 80, 400
"""Words a minute. Beyond, espeak-ng stretches the finished sound and its events no longer fit."""
LONGEST_TEXT = 20_000
"""Characters of one text at most: about 20 minutes."""
TIMEOUT_S = 60.0
"""What takes longer is given up."""
_WORKER = Path(__file__).with_name("espeak_worker.py")


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice of espeak-ng."""

    language: str
    """Its first language code: `en-us`, `ar`, ..."""
    name: str
    """For people: `English (America)`."""
    languages: tuple[str, ...]
    """Every code that selects it."""
    identifier: str
    """espeak-ng's own name of it."""


@dataclass(frozen=True, slots=True)
class SynthesisedSpeech:
    """A synthesised text: its sound, phones and words."""

    samples: FloatArray
    """(n,) float32 mono in [-1, 1], 16 kHz."""
    phones: tuple[Phone, ...]
    """Every sound; they follow each other without gap from 0 to the end, silence among them with an empty symbol."""
    words: tuple[SpokenWord, ...]
    """The words, in order; empty for mnemonics."""


class EspeakSynthesiser:
    """Text to speech by espeak-ng, one text after the other. Its process starts with the first text.

    Use it in a `with` statement or call `close()`. Several threads may share one; they wait for each other.
    """

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        """Find espeak-ng.

        Args:
            timeout_s: a text that takes longer is given up.

        Raises:
            MissingExtraError: espeakng-loader is not installed.
        """
        folder = _espeak_folder()
        library = {"win32": "espeak-ng.dll", "darwin": "libespeak-ng.dylib"}.get(sys.platform, "libespeak-ng.so")
        places = str(folder / library), str(folder / "espeak-ng-data")
        self._command = [sys.executable, "-I", "-S", str(_WORKER), *places]
        self.variants = _variants(folder)
        """Names of the timbres that every voice can take."""
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., EspeakSynthesiser] | None = None
        self._voices: tuple[EspeakVoice, ...] = ()

    def __enter__(self) -> EspeakSynthesiser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; a later text starts another."""
        with self._lock:
            self._stop()

    def voices(self) -> tuple[EspeakVoice, ...]:
        """List every voice, by language.

        Raises:
            EngineError: espeak-ng doesn't start on this machine.
        """
        if not self._voices:
            answer = self._ask({"do": "voices"})
            if answer is None:
                raise EngineError(
                    "espeak-ng doesn't start here; install the extra anew: pip install 'mouthpiece[speech]'"
                )
            found = (EspeakVoice(langs[0], name, tuple(langs), ident) for langs, name, ident in answer[0]["voices"])
            self._voices = tuple(sorted(found, key=lambda voice: (voice.language, voice.name)))
        return self._voices

    def say(
        self,
        text: str,
        *,
        voice: str = "en-us",
        variant: str | None = None,
        rate_wpm: int = 160,
        pitch: int = 50,
        pitch_range: int = 50,
        word_gap_ms: int = 0,
        mnemonics: bool = False,
    ) -> SynthesisedSpeech:
        """Synthesise a text.

        Args:
            text: the text; punctuation makes pauses and intonation.
            voice: language code (`en-us`, `ar`), see `voices`.
            variant: timbre, one of `variants` (`f2`, `m3`, `klatt`, `whisper`); None for the voice's own.
            rate_wpm: words a minute, 80-400.
            pitch: 0-99; 50 is the voice's own.
            pitch_range: 0-99; 0 is a monotone, 50 the voice's own.
            word_gap_ms: longer pause between words.
            mnemonics: the text is espeak-ng's notation of phonemes (`h@l'oU`) instead of words, for made-up words.

        Raises:
            InputError: there is nothing to say, too much at once, or espeak-ng can't cope with it.
            OptionError: an unknown voice or variant, or a value out of its range.
        """
        text = _clean(text)
        request = {
            "do": "say",
            "text": f"[[{text.replace(']]', '')}]]" if mnemonics else text,
            "voice": self._voice_name(voice, variant),
            "rate_wpm": _check_range("rate", rate_wpm, SLOWEST_WPM, FASTEST_WPM),
            "pitch": _check_range("pitch", pitch, 0, 99),
            "pitch_range": _check_range("pitch range", pitch_range, 0, 99),
            "word_gap": _check_range("word gap in ms", word_gap_ms, 0, 1000) // 10,
            "mnemonics": mnemonics,
        }
        # A crash may be due to the machine (memory, a signal); the second time it is this text's.
        answer = self._ask(request) or self._ask(request)
        if answer is None:
            raise InputError(f"espeak-ng crashed twice while saying {_shorten(text)!r}; say it in other words")
        head, body = answer
        if "error" in head:
            raise InputError(f"{head['error']}: {_shorten(text)!r}")
        return _speech_of_answer(text, voice, head, body, mnemonics)

    def _voice_name(self, voice: str, variant: str | None) -> str:
        """Return espeak-ng's name of a voice in a timbre."""
        wanted = voice.lower()
        by_language = {v.language.lower(): v for v in reversed(self.voices())}
        by_alias = {code.lower(): v for v in reversed(self.voices()) for code in v.languages}
        found = by_language.get(wanted) or by_alias.get(wanted)
        if found is None:
            near = difflib.get_close_matches(wanted, by_alias, 3) or ["en-us", "ar"]
            raise OptionError(f"expected a language that espeak-ng speaks, got {voice!r}; try {', '.join(near)}")
        if variant is None:
            return found.identifier
        if variant not in self.variants:
            known = ", ".join(self.variants)
            raise OptionError(f"expected a variant that espeak-ng has, got {variant!r}; one of {known}")
        return f"{found.identifier}+{variant}"

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes] | None:
        """Send a request: the answer, or None if the process died of it.

        Raises:
            InputError: it took too long.
        """
        with self._lock:
            process = self._running()
            if process.stdin is None or process.stdout is None:
                raise EngineError("espeak-ng's process has no pipes; this is a fault of mouthpiece, please report it")
            late = threading.Event()

            def give_up() -> None:
                late.set()
                _kill(process)

            timer = threading.Timer(self._timeout_s, give_up)
            timer.daemon = True
            timer.start()
            head = body = None
            try:
                write_frame(process.stdin, json.dumps(request).encode())
                process.stdin.flush()
                head, body = read_frame(process.stdout), read_frame(process.stdout)
            except OSError:  # The pipe broke: the process is dead.
                pass
            finally:
                timer.cancel()
                if head is None or body is None:
                    self._stop()
            if late.is_set():
                raise InputError(f"espeak-ng took longer than {self._timeout_s:g} s; give it less text at once")
            if head is None or body is None:
                return None
            answer: dict[str, Any] = json.loads(head)
            return answer, body

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, started if need be."""
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(  # noqa: S603 - our own file, by this interpreter, without a shell
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            self._finalizer = weakref.finalize(self, _end, self._process)
        return self._process

    def _stop(self) -> None:
        """End the process if there is one; the lock is held."""
        if self._finalizer is not None:
            self._finalizer()
        self._process = self._finalizer = None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its fork."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # It leads a session of its own.
        else:
            process.kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and close its pipes."""
    _kill(process)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # Bytes that it no longer takes.
                pipe.close()
    process.wait()


def _espeak_folder() -> Path:
    """Find the folder in which the wheel espeakng-loader put the library and its data; its code is not imported."""
    found = importlib.util.find_spec("espeakng_loader")
    if found is None or found.origin is None:
        raise MissingExtraError("text to speech (espeakng-loader)", "speech")
    return Path(found.origin).parent


def _variants(folder: Path) -> tuple[str, ...]:
    """List the names of the timbres in the data."""
    return tuple(
        sorted(path.name for path in (folder / "espeak-ng-data" / "voices" / "!v").glob("*") if path.is_file())
    )


def _clean(text: str) -> str:
    """Remove control characters from a text (espeak-ng takes some for commands).

    Raises:
        InputError: nothing is left, or it is too long.
    """
    cleaned = "".join(" " if unicodedata.category(sign).startswith("C") and sign not in "‌‍" else sign for sign in text)
    cleaned = cleaned.strip()
    if not any(sign.isalnum() or unicodedata.category(sign) in ("So", "Sm", "Sc") for sign in cleaned):
        raise InputError(f"expected a text to say, got {_shorten(text)!r}; give it at least one word")
    if len(cleaned) > LONGEST_TEXT:
        raise InputError(f"expected at most {LONGEST_TEXT} characters at once, got {len(cleaned)}; say it in parts")
    return cleaned


def _shorten(text: str) -> str:
    """Shorten a text for a message."""
    return text if len(text) <= 40 else f"{text[:37]}..."


def _check_range(what: str, value: int, low: int, high: int) -> int:
    """Check a value and return it.

    Raises:
        OptionError: it is out of its range.
    """
    if not low <= value <= high:
        raise OptionError(f"expected a {what} of {low} to {high}, got {value}")
    return int(value)


def _speech_of_answer(text: str, voice: str, head: dict[str, Any], body: bytes, mnemonics: bool) -> SynthesisedSpeech:
    """Convert the worker's answer to speech at 16 kHz with true times."""
    rate = int(head["rate"])
    samples = as_float(np.frombuffer(body, dtype="<i2").astype(np.float32) / 32768)
    phones = phones_from_events([(int(at), str(name)) for at, name in head["phones"]], samples, rate)
    if voice.lower() == "ar":
        phones = arabic_symbols(phones)
    if not any(phone.symbol for phone in phones):
        raise InputError(f"espeak-ng finds nothing to say in {_shorten(text)!r}; choose a voice of its language")
    words = () if mnemonics else _words(text, head["words"], phones, rate)
    return SynthesisedSpeech(resample(samples, rate), phones, words)


def _words(
    text: str, events: list[tuple[int, int, int]], phones: tuple[Phone, ...], rate: int
) -> tuple[SpokenWord, ...]:
    """Return words with their times: each lasts until the next begins, or until the pause before."""
    pauses = [phone.start_s for phone in phones if not phone.symbol]
    ends = [start / rate for start, _, _ in events[1:]] + [phones[-1].end_s]
    found = []
    for (start, position, length), next_s in zip(events, ends, strict=True):
        start_s = start / rate
        word = text[max(position - 1, 0) : position - 1 + length].strip()
        end_s = min([pause for pause in pauses if start_s + 0.03 < pause < next_s], default=next_s)
        if word and end_s > start_s:
            found.append(SpokenWord(word, start_s, end_s))
    return tuple(found)
