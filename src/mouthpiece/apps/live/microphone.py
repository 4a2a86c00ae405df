"""Sources of sound for browser sessions: the browser, this machine's own microphone, or a recording."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mouthpiece.apps.live.config import BROWSER, FILE, SERVER
from mouthpiece.errors import InputError, MissingExtraError, MouthpieceError
from mouthpiece.media import open_speech
from mouthpiece.types import SAMPLE_RATE, FloatArray

CHUNK = 1024
"""Samples that the server's microphone, and a recording, give at a time: 64 ms."""
LATE_S = 1.0
"""A recording that the machine couldn't play for so long goes on from where it was."""
LAST_SHOWN_S = 0.5
"""So long after a recording's end its last sound has been shown."""

log = logging.getLogger("mouthpiece.live")


class Listener(Protocol):
    """The part of a browser session that microphones use."""

    def push(self, samples: FloatArray) -> None:
        """Take sound: (n,) float32 in [-1, 1], 16 kHz."""

    def stop(self) -> None:
        """Come to rest: the sound has ended."""


class Microphone:
    """Source of a server's sound. This one gives none: each page sends its own."""

    name = BROWSER

    def attach(self, session: Listener) -> None:
        """Give the session sound from now on, from the start of a recording; may take seconds.

        Raises:
            InputError: it can't be opened.
        """

    def detach(self, session: Listener) -> None:
        """Give the session no more sound."""

    def close(self) -> None:
        """Give no session any more sound."""


def open_microphone(source: str | Path, *, loop: bool = False) -> Microphone:
    """Open the microphone for all sessions of a server.

    Args:
        source: "browser", "server", or a recording.
        loop: whether a recording begins again at its end.

    Raises:
        InputError: no such recording, or this machine has no microphone that can be used.
        MissingExtraError: the library for microphones isn't installed.
    """
    if source == BROWSER:
        return Microphone()
    if source == SERVER:
        return ServerMicrophone()
    return RecordingMicrophone(Path(source), loop=loop)


class ServerMicrophone(Microphone):
    """This machine's own microphone. It is open only while some session is to speak; all of them get the same sound."""

    name = SERVER

    def __init__(self) -> None:
        """Check that there is one.

        Raises:
            MissingExtraError: the library isn't installed.
            InputError: there is none, or none that gives 16 kHz.
        """
        self._sounddevice = _import_sounddevice()
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._stream: Any = None
        try:
            self._sounddevice.check_input_settings(channels=1, dtype="float32", samplerate=SAMPLE_RATE)
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise _no_microphone(error) from error

    def attach(self, session: Listener) -> None:
        """Give the session sound from now on, as `Microphone.attach`."""
        with self._lock:
            if self._stream is None:
                self._stream = self._open_stream()
            self._listeners = [*(one for one in self._listeners if one is not session), session]

    def detach(self, session: Listener) -> None:
        """Give the session no more sound; the last one closes the microphone."""
        if session not in self._listeners:  # then there is no wait for a microphone that opens for another one
            return
        with self._lock:
            self._listeners = [one for one in self._listeners if one is not session]
            stream = None if self._listeners else self._stream
            if stream is not None:
                self._stream = None
        if stream is not None:
            stream.close(ignore_errors=True)

    def close(self) -> None:
        """Close it for all."""
        for session in self._listeners:
            self.detach(session)

    def _open_stream(self) -> Any:
        try:
            stream = self._sounddevice.InputStream(
                samplerate=SAMPLE_RATE, blocksize=CHUNK, channels=1, dtype="float32", callback=self._push
            )
            stream.start()
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise _no_microphone(error) from error
        return stream

    def _push(self, sound: FloatArray, _frames: int, _time: Any, _status: Any) -> None:
        """Pass on (CHUNK, 1) float32 in memory of PortAudio, whose thread calls this."""
        samples = sound[:, 0].copy()
        for session in self._listeners:
            session.push(samples)


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise MissingExtraError("the server's own microphone", "mic") from error
    except OSError as error:  # the module is there, the library it drives isn't
        raise InputError(f"PortAudio is missing ({error}); on Debian and Ubuntu: apt install libportaudio2") from error
    return sounddevice


def _no_microphone(error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(
        f"this machine has no microphone that gives 16 kHz mono ({reason}); plug one in or use --mic FILE"
    )


class RecordingMicrophone(Microphone):
    """A recording, played to each session from its start as if it were spoken then."""

    name = FILE

    def __init__(self, path: Path, *, loop: bool = False) -> None:
        """Check that it can be played.

        Args:
            path: sound, or a video whose sound is taken.
            loop: whether it begins again at its end; otherwise sessions stop there.

        Raises:
            InputError: it can't be.
        """
        self._path, self._loop = path, loop
        self._lock = threading.Lock()
        self._ends: dict[Listener, threading.Event] = {}
        with open_speech(path) as speech:
            next(iter(speech.samples()), None)

    def attach(self, session: Listener) -> None:
        """Play it to the session from its start, as `Microphone.attach`."""
        self.detach(session)
        try:
            with open_speech(self._path):
                pass
        except MouthpieceError as error:
            log.warning("%s", error)  # its path goes into the log only
            raise InputError("the recording can't be played any more; the server's log says why") from error
        end = threading.Event()
        with self._lock:
            self._ends[session] = end
        threading.Thread(target=self._play, args=(session, end), name="mouthpiece-live-file", daemon=True).start()

    def detach(self, session: Listener) -> None:
        """Stop playing to the session."""
        with self._lock:
            end = self._ends.pop(session, None)
        if end is not None:
            end.set()

    def close(self) -> None:
        """Stop playing."""
        for session in list(self._ends):
            self.detach(session)

    def _play(self, session: Listener, end: threading.Event) -> None:
        try:
            due_s = time.monotonic()
            for chunk in self._chunks():
                due_s += len(chunk) / SAMPLE_RATE  # a microphone gives a chunk when it is full
                now_s = time.monotonic()
                due_s = now_s if now_s - due_s > LATE_S else due_s
                if end.wait(max(due_s - now_s, 0.0)):
                    return
                session.push(chunk)
            if not end.wait(LAST_SHOWN_S):
                session.stop()
        except MouthpieceError as error:
            log.warning("%s", error)
            if not end.is_set():
                session.stop()

    def _chunks(self) -> Iterator[FloatArray]:
        """Yield (CHUNK,) float32 each, the last one shorter; without end if it loops."""
        while True:
            rest = np.empty(0, dtype=np.float32)
            with open_speech(self._path) as speech:
                for block in speech.samples():
                    rest = np.concatenate([rest, block])
                    while len(rest) >= CHUNK:
                        yield rest[:CHUNK].copy()
                        rest = rest[CHUNK:]
            if len(rest):
                yield rest
            if not self._loop:
                return
