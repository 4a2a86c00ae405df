"""Where sound comes from: the page, this machine's microphone, a recording."""

from __future__ import annotations

import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.apps.live.conftest import Serve
from tests.apps.live.visiting import Visitor, photo

from mouthpiece import samples
from mouthpiece.apps.live.microphone import CHUNK, RecordingMicrophone, ServerMicrophone, open_microphone
from mouthpiece.errors import InputError, MissingExtraError, NoSoundError
from mouthpiece.media import open_speech
from mouthpiece.types import SAMPLE_RATE, FloatArray

BUSY_S = 5.0


class Ear:
    """Whoever hears."""

    def __init__(self, enough: int) -> None:
        self.heard: list[FloatArray] = []
        self.at_s: list[float] = []
        self.full, self.stopped = threading.Event(), threading.Event()
        self._enough = enough

    def push(self, sound: FloatArray) -> None:
        self.heard.append(sound)
        self.at_s.append(time.monotonic())
        if sum(map(len, self.heard)) >= self._enough:
            self.full.set()

    def stop(self) -> None:
        self.stopped.set()

    @property
    def samples(self) -> FloatArray:
        return np.concatenate(self.heard)


def recorded(path: Path) -> FloatArray:
    with open_speech(path) as speech:
        return np.concatenate(list(speech.samples()))


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """A recording of .3 s."""
    import wave

    path = tmp_path / "short.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.arange(4800) % 200).astype("<i2").tobytes())
    return path


def test_a_recording_is_played_as_if_spoken() -> None:
    path = samples.sample_speech("en")
    speech = recorded(path)
    ear = Ear(SAMPLE_RATE)
    player = RecordingMicrophone(path)
    began_s = time.monotonic()
    player.attach(ear)
    assert ear.full.wait(1 + BUSY_S)
    player.close()
    assert all(len(chunk) == CHUNK for chunk in ear.heard)
    assert ear.samples.dtype == np.float32
    np.testing.assert_array_equal(ear.samples, speech[: len(ear.samples)])
    # No chunk before a microphone would have had it.
    for index, at_s in enumerate(ear.at_s):
        assert at_s - began_s >= (index + 1) * CHUNK / SAMPLE_RATE - 0.005


def test_it_ends_or_begins_again(short: Path) -> None:
    speech = recorded(short)
    once, again = Ear(len(speech)), Ear(2 * len(speech))
    RecordingMicrophone(short).attach(once)
    looping = open_microphone(short, loop=True)
    looping.attach(again)
    assert once.full.wait(1 + BUSY_S) and again.full.wait(1 + BUSY_S)
    assert once.stopped.wait(1 + BUSY_S)
    assert not again.stopped.is_set()
    looping.close()
    np.testing.assert_array_equal(once.samples, speech)
    np.testing.assert_array_equal(again.samples[len(speech) : 2 * len(speech)], speech)
    heard = len(again.heard)
    time.sleep(0.15)
    assert len(again.heard) <= heard + 1


def test_to_listen_again_is_to_hear_it_from_its_start(short: Path) -> None:
    ear = Ear(CHUNK)
    player = RecordingMicrophone(short, loop=True)
    player.attach(ear)
    assert ear.full.wait(1 + BUSY_S)
    before = len(ear.heard)
    player.attach(ear)
    end_s = time.monotonic() + BUSY_S
    while len(ear.heard) < before + 2 and time.monotonic() < end_s:  # one may still come of what was played before
        time.sleep(0.01)
    player.detach(ear)
    player.detach(ear)
    assert any(np.array_equal(chunk, ear.heard[0]) for chunk in ear.heard[before : before + 2])


def test_a_recording_that_has_gone_since_is_told_of_and_no_speech(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ear, player = Ear(CHUNK), RecordingMicrophone(short)

    def gone() -> Iterator[FloatArray]:
        short.unlink()
        yield from player_chunks()

    player_chunks = player._chunks
    monkeypatch.setattr(player, "_chunks", gone)
    player.attach(ear)
    assert ear.stopped.wait(BUSY_S), "it was there at the start, and not when it was read"
    with pytest.raises(InputError, match="can't be played any more") as error:
        player.attach(ear)
    assert short.name not in str(error.value), "where it is on the server is nobody's affair"


def test_recordings_that_can_t_be_played_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_microphone(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(InputError):
        open_microphone(tmp_path / "text.wav")
    with pytest.raises(NoSoundError):
        open_microphone(samples.sample_face())


class PortAudioError(Exception):
    """As sounddevice's."""


class FakeStream:
    """As sounddevice's InputStream."""

    def __init__(self, device: FakeDevice, callback: Any, **options: Any) -> None:
        self.device, self.callback, self.options = device, callback, options

    def start(self) -> None:
        if self.device.broken:
            raise PortAudioError("unplugged\nsince")
        self.device.open.append(self)

    def close(self, ignore_errors: bool = True) -> None:
        self.device.open.remove(self)

    def bring(self, value: float) -> None:
        self.callback(np.full((CHUNK, 1), value, np.float32), CHUNK, None, None)


class FakeDevice(types.ModuleType):
    """As the module sounddevice."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.open: list[FakeStream] = []
        self.broken = self.absent = False

    def check_input_settings(self, **_: Any) -> None:
        if self.absent:
            raise PortAudioError("Error querying device -1")

    def InputStream(self, callback: Any, **options: Any) -> FakeStream:
        return FakeStream(self, callback, **options)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """A microphone."""
    made = FakeDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    return made


def test_this_machine_s_microphone_is_open_only_while_somebody_listens(device: FakeDevice) -> None:
    microphone = ServerMicrophone()
    assert device.open == []
    one, other = Ear(1), Ear(1)
    microphone.attach(one)
    microphone.attach(other)
    microphone.attach(other)
    (stream,) = device.open
    assert stream.options == {"samplerate": 16_000, "blocksize": 1024, "channels": 1, "dtype": "float32"}
    stream.bring(0.5)
    assert [len(ear.heard) for ear in (one, other)] == [1, 1]
    assert one.samples.shape == (CHUNK,) and one.samples[0] == np.float32(0.5)
    microphone.detach(one)
    stream.bring(0.25)
    assert [len(ear.heard) for ear in (one, other)] == [1, 2]
    microphone.close()
    assert device.open == []


def test_no_microphone_is_one_line(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    device.broken = True
    with pytest.raises(InputError, match="unplugged since") as error:
        ServerMicrophone().attach(Ear(1))
    assert "\n" not in str(error.value)
    device.absent = True
    with pytest.raises(InputError, match="no microphone"):
        open_microphone("server")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"mouthpiece\[mic\]"):
        open_microphone("server")


def test_a_library_that_is_missing_below_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(InputError, match="apt install libportaudio2"):
        open_microphone("server")


def test_a_server_that_plays_a_recording_speaks_from_start_to_stop(served: Serve) -> None:
    visitor = Visitor(served(mic=str(samples.sample_speech("en")), sessions=1).url)
    visitor.upload(photo())
    with visitor.socket() as line:
        assert line.message("state")["mic"] == "file"
        line.say("start")
        assert line.frame(lambda seen: seen.brightness > 80 and seen.moment_s > 0.2)
        line.connection.send_binary(bytes(100))
        assert "microphone of its own" in line.message("error")["message"]
        line.say("stop")
        line.message("state", lambda state: not state["speaking"])
        assert line.frame().brightness < 5
