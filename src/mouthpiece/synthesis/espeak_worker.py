"""The process in which espeak-ng runs: started by `espeak.py` as a program of its own, never imported.

    python espeak_worker.py LIBRARY DATA

It imports nothing but the standard library: espeak-ng is under the GPL and may crash, so neither its code nor its
faults get into the process that asks. Requests and answers are frames on stdin and stdout: a length (4 bytes,
little-endian), then as many bytes. A request is JSON; an answer is JSON, followed by a second frame of 16-bit samples.

    {"do": "voices"}    -> {"voices": [[languages, name, identifier], ...]}
    {"do": "say", ...}  -> {"rate": 22050, "phones": [[sample, name], ...], "words": [[sample, position, length], ...]}
    whatever fails      -> {"error": "..."}

espeak-ng's sound depends a little on the texts before, and on chance. So that the same request has the same answer,
each is synthesised by a fork of the process that has done nothing yet, with the same random seed (where there is no
fork, by the process itself). If it crashes, all end.
"""

import ctypes
import json
import os
import struct
import sys
from typing import IO, Any

SYNCHRONOUS = 2
PHONEME_EVENTS, IPA_EVENTS, DONT_EXIT = 0x0001, 0x0002, 0x8000
UTF8, MNEMONICS = 0x0001, 0x0100
WORD, PHONEME = 1, 7
PARAMETERS = {"rate_wpm": 1, "pitch": 3, "pitch_range": 4, "word_gap": 7}
NAME_BYTES = 8


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h; the last field is a union of which we read the characters."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_ubyte * NAME_BYTES),
    )


class _Voice(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, and what its callback collects during synthesis."""

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        options = PHONEME_EVENTS | IPA_EVENTS | DONT_EXIT
        self.rate = int(self._library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), options))
        if self.rate <= 0:
            raise OSError(f"espeak-ng can't start with the data in {data}")
        self._samples = bytearray()
        self._phones: list[tuple[int, str]] = []
        self._words: list[tuple[int, int, int]] = []
        self._callback = _Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._samples += ctypes.string_at(wave, 2 * count)
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == PHONEME:
                # Up to eight bytes; without a zero at the end if there are eight.
                name = bytes(event.name).split(b"\0")[0].decode("utf-8", "ignore")
                self._phones.append((event.sample, name))
            elif event.type == WORD:
                self._words.append((event.sample, event.text_position, event.length))
            index += 1
        return 0

    def voices(self) -> list[tuple[list[str], str, str]]:
        """List (languages, name, identifier) of every voice."""
        found = []
        listed = self._library.espeak_ListVoices(None)
        index = 0
        while listed[index]:
            voice = listed[index].contents
            name, identifier = (text.decode("utf-8", "replace") for text in (voice.name, voice.identifier))
            found.append((_languages(voice.languages), name, identifier))
            index += 1
        return found

    def say(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Synthesise: phones and words with their samples, and the sound in 16 bits."""
        if self._library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
            return {"error": f"espeak-ng has no voice {request['voice']!r}"}, b""
        for name, number in PARAMETERS.items():
            self._library.espeak_SetParameter(number, int(request[name]), 0)
        self._samples, self._phones, self._words = bytearray(), [], []
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # It was the clock's.
        text = request["text"].encode()
        flags = UTF8 | (MNEMONICS if request["mnemonics"] else 0)
        failed = self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, flags, None, None)
        if failed or self._library.espeak_Synchronize():
            return {"error": "espeak-ng can't say that"}, b""
        return {"rate": self.rate, "phones": self._phones, "words": self._words}, bytes(self._samples)


def _languages(address: int) -> list[str]:
    """Read a voice's list of languages: before each stands a byte of priority, 0 after the last."""
    found = []
    while ctypes.string_at(address, 1) != b"\0":
        text = ctypes.string_at(address + 1)
        found.append(text.decode("utf-8", "replace"))
        address += len(text) + 2
    return found


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Read the next frame; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    body = stream.read(length)
    return body if len(body) == length else None


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Write one frame; the caller flushes."""
    stream.write(struct.pack("<I", len(body)))
    stream.write(body)


def answer(espeak: Espeak, request: dict[str, Any], answers: IO[bytes]) -> None:
    """Carry out a request and write the answer."""
    reply, samples = ({"voices": espeak.voices()}, b"") if request["do"] == "voices" else espeak.say(request)
    write_frame(answers, json.dumps(reply).encode())
    write_frame(answers, samples)
    answers.flush()


def answer_in_fork(espeak: Espeak, request: dict[str, Any], answers: IO[bytes]) -> None:
    """Call `answer` in a child process; raise SystemExit if that ends badly."""
    child = os.fork()
    if child == 0:
        try:
            ctypes.CDLL(None).srand(1)  # For the Klatt voices.
            answer(espeak, request, answers)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit(1)


def main(library: str, data: str) -> None:
    """Answer requests until stdin ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What espeak-ng prints must not get between the frames.
    espeak = Espeak(library, data)
    reply = answer_in_fork if hasattr(os, "fork") else answer
    while (frame := read_frame(requests)) is not None:
        reply(espeak, json.loads(frame), answers)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
