"""`mouthpiece calibrate`, with a stand-in for the drawing, and once for real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.apps.staging import Said

from mouthpiece.engines.wav2lip.options import Precision, Runtime
from mouthpiece.errors import Cancelled, NoFaceError
from mouthpiece.evaluation import calibration
from mouthpiece.evaluation.calibration import Calibration, OffsetTrial, SpeechLag
from mouthpiece.evaluation.options import CalibrationOptions
from mouthpiece.notices import Notice
from mouthpiece.options import EngineOptions, SyncOptions

Run = Callable[..., Said]

FOUND = Calibration(
    engine="wav2lip",
    offset_s=-0.04,
    lag_s=-0.0375,
    confidence=0.71,
    agreement=0.8,
    left_s=0.0021,
    trials=(OffsetTrial(-0.04, 0.8), OffsetTrial(-0.02, 0.7), OffsetTrial(0.0, 0.5)),
    by_speech=(SpeechLag("a.wav", -0.0375, 0.71), SpeechLag("b.wav", float("nan"), 0.0, "only 0.3 s of speech")),
    warnings=(Notice("engine", "it is odd"),),
)
UNSURE = replace(FOUND, offset_s=None, trials=(), reason="the mouth hardly moves", lag_s=float("nan"), warnings=())


@dataclass
class Stand:
    """Plays the library."""

    answer: Calibration | BaseException = FOUND
    asked: CalibrationOptions | None = None

    def calibrate(self, options: CalibrationOptions, *, progress: Any, **_: Any) -> Any:
        """As `calibration.calibrate`, in no time."""
        self.asked = options
        progress(1, 2)
        progress(2, 2)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """The library replaced."""
    played = Stand()
    monkeypatch.setattr(calibration, "calibrate", played.calibrate)
    return played


def test_people_get_a_table_and_what_to_give(run: Run, stand: Stand) -> None:
    said = run("calibrate", "wav2lip")
    assert said.code == 0
    assert said.out.splitlines() == [
        "| offset, ms | agreement |  |",
        "| ---: | ---: | --- |",
        "| -40 | 0.800 | best |",
        "| -20 | 0.700 |  |",
        "| +0 | 0.500 |  |",
        "a.wav: 38 ms early (confidence 0.71)",
        "b.wav: only 0.3 s of speech (confidence 0.00)",
        "wav2lip is best with --audio-offset-ms -40 (confidence 0.71): the mouth came 38 ms early, with it 2 ms late",
    ]
    assert said.err.splitlines() == ["mouthpiece: warning: it is odd"]
    assert run("calibrate", "wav2lip", "--quiet").err == ""
    assert stand.asked == CalibrationOptions(SyncOptions(engine=EngineOptions("wav2lip")))


def test_an_engine_in_sync_needs_nothing(run: Run, stand: Stand) -> None:
    stand.answer = replace(FOUND, engine="mesh", offset_s=0.0, lag_s=0.0002)
    said = run("calibrate", "mesh")
    assert said.out.splitlines()[-1] == "mesh needs no offset: the mouth comes in time (confidence 0.71)"


def test_programs_get_events(run: Run, stand: Stand) -> None:
    said = run("calibrate", "wav2lip", "--json")
    assert said.code == 0 and said.err == ""
    result = said.events[-1]
    assert result["event"] == "result" and result["offset_ms"] == -40 and result["option"] == "--audio-offset-ms -40"
    assert result["trials"][0] == {"offset_s": -0.04, "agreement": 0.8} and result["by_speech"][1]["lag_s"] is None
    assert {"event": "warning", "code": "engine", "message": "it is odd", "values": {}} in said.events
    stand.answer = UNSURE
    said = run("calibrate", "wav2lip", "--json")
    assert said.code == 1
    assert said.events[-2]["event"] == "result" and "option" not in said.events[-2]
    assert said.events[-1]["code"] == "engine"


def test_options_reach_the_library(run: Run, stand: Stand) -> None:
    run(
        *("calibrate", "wav2lip", "--checkpoint", "mine.pth", "--face", "f.png", "--speech", "a.wav"),
        *("--speech", "b.wav", "--range-ms", "120", "--step-ms", "12.5", "--device", "GPU", "--runtime", "torch"),
        *("--precision", "f32"),
    )
    own = {"checkpoint": "mine.pth", "runtime": Runtime.TORCH, "precision": Precision.F32}
    sync = SyncOptions(engine=EngineOptions("wav2lip", "GPU", own=own))
    speech = (Path("a.wav"), Path("b.wav"))
    assert stand.asked == CalibrationOptions(sync, Path("f.png"), speech, range_s=0.12, step_s=0.0125)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (UNSURE, 1, "can't tell which offset suits the engine wav2lip: the mouth hardly moves"),
        (NoFaceError("nobody there"), 1, "nobody there"),
        (Cancelled("stopped as asked"), 130, "cancelled"),
        (KeyboardInterrupt(), 130, "cancelled"),
    ],
)
def test_what_can_not_be_told_is_one_line(
    run: Run, stand: Stand, answer: Calibration | BaseException, code: int, message: str
) -> None:
    stand.answer = answer
    said = run("calibrate", "wav2lip")
    assert said.code == code and said.err == f"mouthpiece: {message}\n" and said.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nobody",), 1, "expected one of the engines"),
        (("mesh", "--step-ms", "300"), 2, "got a step of 300 and a range of 200 ms"),
        (("mesh", "--runtime", "abacus"), 2, "abacus"),
        (("fake", "--speech", "no.wav"), 1, "no.wav"),
        (("fake", "--face", "no.png"), 1, "no.png"),
        ((), 2, "ENGINE"),
    ],
)
def test_nonsense_is_told_in_a_line(here: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = here("calibrate", *arguments)
    assert said.code == code and message in said.err and "Traceback" not in said.err
    assert len(said.err.splitlines()) == 1


def test_for_real(here: Run, word: Path, tmp_path: Path) -> None:
    """Too little speech to tell; nothing is left behind."""
    said = here("calibrate", "fake", "--speech", str(word))
    assert said.code == 1 and said.err == (
        "mouthpiece: can't tell which offset suits the engine fake: only 0.4 s of picture and sound\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_module_is_quick_to_import() -> None:
    code = "import sys, mouthpiece.apps.cli.commands.calibrate; "
    code += "print(*sorted({'numpy', 'cv2', 'openvino', 'av'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
