"""The command line, with a stand-in for the pipeline."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from tests.apps.staging import Said, StandIn

import mouthpiece
from mouthpiece import errors, pipeline, samples
from mouthpiece.apps.cli.commands.sync import SampleLanguage
from mouthpiece.notices import Notice, notice
from mouthpiece.options import EngineOptions, Fit, Quality, SyncOptions

Run = Callable[..., Said]
HEAVY = {"av", "cv2", "numpy", "openvino", "PIL", "torch", "lightning", "rich"}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["sync", "--help"], ["--version"], ["train", "--help"], ["evaluate", "motion", "--help"], []],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from mouthpiece.apps.cli.main import main\n"
        f"code = main({arguments!r})\n"
        f"print(code, sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stderr == "0 []\n"
    assert said.stdout


def test_the_version(run: Run) -> None:
    assert run("--version") == Said(0, f"mouthpiece {mouthpiece.__version__}\n", "")


def test_help_names_every_command(run: Run) -> None:
    said = run()
    assert said.code == 0
    for command in ("sync", "demo", "visemes", "probe", "engines", "doctor", "train", "evaluate", "weights"):
        assert f"\n  {command} " in said.out


def test_defaults_are_those_of_the_library(run: Run, stand_in: StandIn) -> None:
    assert run("sync", "face.jpg", "speech.wav", "-o", "out.mp4").code == 0
    assert stand_in.asked == {
        "face": Path("face.jpg"),
        "speech": Path("speech.wav"),
        "out": Path("out.mp4"),
        "options": SyncOptions(),
    }


def test_every_option_reaches_the_pipeline(run: Run, stand_in: StandIn) -> None:
    line = (
        "--fit hold --fps 30000/1001 --face 2 --engine fake --device GPU --quality best --seed 7 "
        "--intensity 1.5 --rest 0.2 -y"
    )
    assert run("sync", "f", "s", "-o", "o.webm", *line.split()).code == 0
    assert stand_in.asked["options"] == SyncOptions(
        engine=EngineOptions("fake", "GPU", intensity=1.5, rest=0.2, seed=7),
        fit=Fit.HOLD,
        fps=Fraction(30000, 1001),
        face="2",
        quality=Quality.BEST,
        overwrite=True,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sync", "face.jpg", "speech.wav"], "--out"),
        (["sync", "face.jpg"], "SPEECH"),
        (["sync", "f", "s", "-o", "o.mp4", "--fit", "bounce"], "'pingpong'"),
        (["sync", "f", "s", "-o", "o.mp4", "--fps", "fast"], "30000/1001"),
        (["sync", "f", "s", "-o", "o.mp4", "--fps", "1000"], "fps expects 1 to 120, got 1000"),
        (["sync", "f", "s", "-o", "o.mp4", "--face", "middle"], "largest, left, right"),
        (["sync", "f", "s", "-o", "o.mp4", "--seed", "x"], "--seed"),
        (["sync", "f", "s", "-o", "o.mp4", "--intensity", "9"], "intensity expects"),
        (["sync", "f", "s", "-o", "o.mp4", "--rest", "2"], "rest expects"),
        (["sync", "f", "s", "-o", "o.mp4", "--colour"], "--colour"),
        (["sync", "f", "s", "t", "-o", "o.mp4"], "t"),
        (["snyc"], "snyc"),
        (["train", "voice"], "voice"),
        (["train", "motion", "--out", "x.onnx"], "--data"),
        (["engines", "--yes"], "--yes"),
        (["sync", "f", "s", "-o", "o.mp4", "--engine-option", "checkpoint"], "--engine-option expects NAME=VALUE"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run: Run, stand_in: StandIn, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("mouthpiece: ")
    assert result.err.count("\n") == 1
    assert said in result.err
    assert not stand_in.asked


def test_an_error_is_one_line_and_exit_code_1(run: Run, stand_in: StandIn) -> None:
    stand_in.fails_with = errors.NoFaceError("expected a face in a\nb\x1b[31m\u202e.jpg, found none")
    said = run("sync", "f", "s", "-o", "o.mp4")
    assert said == Said(1, "", "mouthpiece: expected a face in a\\nb\\x1b[31m\\u202e.jpg, found none\n")


def test_an_unexpected_error_is_one_line_too(run: Run, stand_in: StandIn) -> None:
    stand_in.fails_with = RuntimeError("a bug\nin two lines")
    said = run("sync", "f", "s", "-o", "o.mp4")
    assert said.code == 1
    assert said.err == (
        "mouthpiece: unexpected error: RuntimeError: a bug\\nin two lines; run again with --debug and report it\n"
    )


@pytest.mark.parametrize(
    "arguments", [["--debug", "sync", "f", "s", "-o", "o"], ["sync", "f", "s", "-o", "o", "--debug"]]
)
def test_debug_shows_the_traceback(run: Run, stand_in: StandIn, arguments: list[str]) -> None:
    stand_in.fails_with = RuntimeError("a bug")
    said = run(*arguments)
    assert said.code == 1
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("mouthpiece: unexpected error: RuntimeError: a bug")


@pytest.mark.parametrize(
    ("raised", "code"), [(errors.Cancelled("stopped"), 130), (KeyboardInterrupt(), 130)], ids=["asked", "twice"]
)
def test_a_stopped_job_says_so(run: Run, stand_in: StandIn, raised: BaseException, code: int) -> None:
    stand_in.fails_with = raised
    said = run("sync", "f", "s", "-o", "o.mp4", "--json")
    assert said.code == code
    assert said.err == "mouthpiece: cancelled; nothing was written\n"
    assert said.events[-1] == {"event": "error", "code": "cancelled", "message": "cancelled; nothing was written"}


def test_a_log_gets_a_closing_line_and_the_warnings(run: Run, stand_in: StandIn) -> None:
    stand_in.warnings = (notice("sound-not-finite-count", count=3),)
    stand_in.faces_seen = 2
    said = run("sync", "f", "s", "-o", "out [bold]x.mp4")
    assert said.code == 0
    assert said.out == ""
    assert said.err.splitlines() == [
        "mouthpiece: warning: 3 samples that are no finite numbers: silenced",
        "out [bold]x.mp4: 2.00 s, 50 frames, made in 0.5 s (4.0x real time), the face of 100x120 pixels at (10, 20)",
    ]


def test_quiet_says_nothing_but_errors(run: Run, stand_in: StandIn) -> None:
    stand_in.warnings = (Notice("any", "something"),)
    assert run("sync", "f", "s", "-o", "o.mp4", "-q") == Said(0, "", "")
    stand_in.fails_with = errors.NoSoundError("no sound")
    assert run("sync", "f", "s", "-o", "o.mp4", "-q") == Said(1, "", "mouthpiece: no sound\n")


def test_a_terminal_gets_a_bar(run: Run, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("mouthpiece.apps.cli.console.sys.stderr.isatty", lambda: True)
    said = run("sync", "f", "s", "-o", "o.mp4")
    assert said.code == 0
    assert "50/50 frames  4.0x real time  0:00 left" in said.err
    assert said.err.splitlines()[-1].endswith("o.mp4: 2.00 s, 50 frames, made in 0.5 s (4.0x real time)")
    assert said.out == ""


def test_json_lines_and_nothing_else(run: Run, stand_in: StandIn) -> None:
    stand_in.warnings = (notice("sound-not-finite-count", count=3),)
    said = run("sync", "f", "s", "-o", "وجه.mp4", "--json")
    assert said.code == 0
    assert said.err == ""
    first, last, warning, result = said.events
    assert first == {
        "event": "progress",
        "frames": 1,
        "total_frames": 50,
        "seconds": 0.04,
        "elapsed_s": 0.5,
        "speed": 0.08,
        "left_s": 24.5,
    }
    assert (last["event"], last["frames"]) == ("progress", 50)
    told = {
        "code": "sound-not-finite-count",
        "message": "3 samples that are no finite numbers: silenced",
        "values": {"count": 3},
    }
    assert warning == {"event": "warning", **told}
    assert result == {
        "event": "result",
        "path": "وجه.mp4",
        "frames": 50,
        "seconds": 2.0,
        "elapsed_s": 0.5,
        "first_frame_s": 0.1,
        "timeline": [
            {"start_s": 0.0, "end_s": 1.5, "synced": True, "reason": None},
            {"start_s": 1.5, "end_s": 2.0, "synced": False, "reason": "turned-away"},
        ],
        "faces_seen": 1,
        "face_chosen": {"x0": 10, "y0": 20, "x1": 110, "y1": 140},
        "engine": "mesh",
        "warnings": [told],
        "speed": 4.0,
    }


def test_errors_as_events(run: Run, stand_in: StandIn) -> None:
    stand_in.fails_with = errors.NoFaceError("nobody there")
    said = run("sync", "f", "s", "-o", "o.mp4", "--json")
    assert said.code == 1
    assert said.events[-1] == {"event": "error", "code": "no-face", "message": "nobody there"}
    assert said.err == "mouthpiece: nobody there\n"


def test_wrong_usage_as_an_event(run: Run) -> None:
    said = run("sync", "f", "s", "--json")
    assert said.code == 2
    assert [event["code"] for event in said.events] == ["usage"]


def test_engines_for_people_and_programs(run: Run) -> None:
    people = run("engines")
    assert people.code == 0
    assert "fake: a drawn mouth" in people.out
    assert "look-ahead  40 ms" in people.out
    programs = run("engines", "--json")
    assert {event["name"] for event in programs.events} >= {"mesh", "fake"}
    assert all(event["event"] == "engine" for event in programs.events)


def test_a_signal_raises_the_flag_and_a_second_one_does_not_wait(
    run: Run, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        face: Path, speech: Path, out: Path, options: object, *, progress: object, cancelled: object
    ) -> None:
        signal.raise_signal(signal.SIGTERM)
        assert callable(cancelled)
        assert cancelled()
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("the second signal waited")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(pipeline, "sync", interrupted)
    said = run("sync", "f", "s", "-o", "o.mp4")
    assert said.code == 128 + signal.SIGTERM
    assert said.err == "mouthpiece: cancelled; nothing was written\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_training_gets_what_was_given_and_the_librarys_defaults(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from mouthpiece.training.motion import train
    from mouthpiece.training.options import TrainOptions

    asked = []

    def stand_in(data: Path, out: Path, options: TrainOptions, *, log: Callable[[str], None]) -> Path:
        log("step 1")
        asked.append((data, out, options))
        return out

    monkeypatch.setattr(train, "train_motion", stand_in)
    said = run("train", "motion", "--data", "d", "--out", "o.onnx", "--corpus", "e", "--steps", "9", "--seed", "3")
    assert said.code == 0
    assert said.err == "step 1\no.onnx: trained; its model card is o.md\n"
    assert asked == [
        (Path("d"), Path("o.onnx"), TrainOptions(more_corpora=(Path("e"),), steps=9, seed=3)),
    ]
    said = run("train", "motion", "--data", "d", "--out", "o.onnx", "--json")
    assert asked[-1][2] == TrainOptions()
    assert said.events == [
        {"event": "progress", "message": "step 1"},
        {"event": "result", "path": "o.onnx", "card": "o.md"},
    ]


def test_a_missing_extra_names_its_cure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from mouthpiece.training.motion import train

    def stand_in(*_: object, **__: object) -> None:
        raise errors.MissingExtraError("training", "train")

    monkeypatch.setattr(train, "train_motion", stand_in)
    said = run("train", "motion", "--data", "d", "--out", "o.onnx")
    assert said == Said(1, "", "mouthpiece: training needs the extra 'train': pip install 'mouthpiece[train]'\n")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_demo_takes_the_packaged_samples(run: Run, stand_in: StandIn, language: str) -> None:
    assert run("demo", "--language", language).code == 0
    assert stand_in.asked["face"] == samples.sample_face()
    assert stand_in.asked["speech"] == samples.sample_speech(language)
    assert stand_in.asked["out"] == Path("demo.mp4")


def test_the_demo_speaks_every_language_there_is_a_sample_of() -> None:
    assert [choice.value for choice in SampleLanguage] == list(samples.LANGUAGES)
