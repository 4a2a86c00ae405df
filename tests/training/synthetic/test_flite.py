"""The second synthesiser, where it is installed; and what is printed read, everywhere, from a stand-in program."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.errors import InputError
from mouthpiece.training.synthetic import flite
from mouthpiece.types import SAMPLE_RATE

STAND_IN = """#!{python}
import sys, wave
arguments = sys.argv[1:]
if "broken" in arguments[arguments.index("-t") + 1]:
    sys.exit("no")
with wave.open(arguments[arguments.index("-o") + 1], "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
    file.writeframes(bytes(2 * 16000))
print("pau:0.100 " + ("zz" if "strange" in arguments[-3] else "m") + ":0.300 ay:0.700 pau:1.200 ")
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "flite"
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("stand_in")
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
def test_phones_come_with_their_times() -> None:
    assert flite.installed()
    spoken = flite.say("my")
    assert len(spoken.samples) == SAMPLE_RATE
    assert [phone.symbol for phone in spoken.phones] == ["", "m", "aɪ", ""]
    assert [phone.end_s for phone in spoken.phones] == [0.1, 0.3, 0.7, 1.0]  # No longer than the sound.
    with pytest.raises(InputError, match="flite can't say 'broken'"):
        flite.say("broken")
    with pytest.raises(InputError, match="'zz'"):
        flite.say("strange")


def test_a_missing_program_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not flite.installed()
    with pytest.raises(InputError, match="apt-get install flite"):
        flite.say("hello")


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
@pytest.mark.parametrize("voice", ["slt", "rms", "awb", "kal16"])
def test_closures_are_where_the_phones_say(voice: str) -> None:
    spoken = flite.say("A happy puppy put a paper cup upon the top of a copper pipe.", voice=voice)
    levels = []
    for phone in spoken.phones:
        if phone.symbol == "p":
            middle = int((phone.start_s + 0.4 * (phone.end_s - phone.start_s)) * SAMPLE_RATE)
            around = spoken.samples[middle - 160 : middle + 160]
            vowel = spoken.samples[int(phone.start_s * SAMPLE_RATE) - 960 : int(phone.start_s * SAMPLE_RATE) - 320]
            levels.append(10 * np.log10((np.mean(around**2) + 1e-9) / (np.mean(vowel**2) + 1e-9)))
    assert len(levels) >= 8
    assert np.median(levels) < -15


def test_every_phone_has_its_sign() -> None:
    assert len([sign for sign in flite.IPA.values() if sign]) == 40 == len(set(flite.IPA.values())) - 1
