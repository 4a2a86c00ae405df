"""Engines whose mouths come late or early on purpose, and what is said of those that can't be judged."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from math import isnan
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.datasets.made_clips import spoken_clip
from tests.engines.wav2lip.drawn_mouth import DrawnMouth

from mouthpiece import samples
from mouthpiece.datasets.av_offset import judge, mouth_evidence
from mouthpiece.datasets.recordings import Recording
from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.fake import FakeEngine
from mouthpiece.engines.mesh import MeshEngine
from mouthpiece.engines.wav2lip.engine import Wav2LipEngine
from mouthpiece.errors import Cancelled, EngineError, OptionError
from mouthpiece.evaluation import calibration
from mouthpiece.evaluation.calibration import Calibration, best_offset, calibrate, record_drawn, trial_table
from mouthpiece.evaluation.options import CalibrationOptions
from mouthpiece.media import open_speech
from mouthpiece.options import EngineOptions, SyncOptions
from mouthpiece.pipeline import lane, syncing
from mouthpiece.types import SAMPLE_RATE, FloatArray, Frame, Patch, TrackedFrame

STEP_S = 0.02
SHIFT_S = 0.08


class LateEngine(MeshEngine):
    """Shows speech that was said a while ago."""

    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """As it was."""
        return super().render(tracked, max(0.0, speech_s - SHIFT_S), strength)


class EarlyEngine(MeshEngine):
    """Shows speech that is yet to come."""

    @property
    def ready_until_s(self) -> float:
        """It must have heard that already."""
        return super().ready_until_s - SHIFT_S

    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """As it will be."""
        return super().render(tracked, speech_s + SHIFT_S, strength)


class StillEngine(FakeEngine):
    """Draws nothing."""

    def render(self, tracked: TrackedFrame, speech_s: float, strength: float = 1.0) -> Patch | None:
        """The face stays as it is."""
        super().render(tracked, speech_s, strength)
        return None


def _options(face: Path, speech: Path, sync: SyncOptions | None = None) -> CalibrationOptions:
    return CalibrationOptions(sync or SyncOptions(), face, (speech,))


@pytest.fixture(scope="session")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged face, smaller."""
    path = tmp_path_factory.mktemp("calibration") / "face.png"
    picture = cv2.imread(str(samples.sample_face()))
    assert picture is not None
    cv2.imwrite(str(path), cv2.resize(picture, (256, 320), interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of the packaged speech."""
    path = tmp_path_factory.mktemp("calibration") / "speech.wav"
    with open_speech(samples.sample_speech("en")) as source:
        heard = np.concatenate(list(source.samples()))[: round(3.6 * SAMPLE_RATE)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((heard * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Engine]], None]:
    """Let an engine play under any name."""

    def use(engine: type[Engine]) -> None:
        for module in (syncing, lane):
            monkeypatch.setattr(module, "load_engine", lambda _name: engine)

    return use


@pytest.fixture(scope="module")
def unshifted(face: Path, speech: Path) -> Calibration:
    """The mesh engine as it is."""
    return calibrate(_options(face, speech))


def test_the_mesh_engine_needs_no_offset(unshifted: Calibration) -> None:
    assert unshifted.offset_s == 0 and unshifted.left_s == unshifted.lag_s
    assert abs(unshifted.lag_s) <= STEP_S and unshifted.confidence > 0.5
    assert [trial.offset_s for trial in unshifted.trials] == pytest.approx(np.arange(-10, 11) * STEP_S)
    best = max(unshifted.trials, key=lambda trial: trial.agreement)
    assert abs(best.offset_s) <= STEP_S and best.agreement <= unshifted.agreement + 0.01
    assert unshifted.warnings == () and not unshifted.reason


@pytest.mark.parametrize(("engine", "shift_s"), [(LateEngine, SHIFT_S), (EarlyEngine, -SHIFT_S)])
def test_a_shift_is_found_and_undone(
    unshifted: Calibration,
    face: Path,
    speech: Path,
    play: Callable[[type[Engine]], None],
    engine: type[Engine],
    shift_s: float,
) -> None:
    play(engine)
    steps: list[tuple[int, int]] = []
    found = calibrate(_options(face, speech), progress=lambda done, total: steps.append((done, total)))
    assert found.offset_s == pytest.approx(shift_s, abs=STEP_S + 1e-9)
    assert found.lag_s == pytest.approx(shift_s + unshifted.lag_s, abs=0.01)
    # With the offset it is where the engine itself is, but for rounding to steps.
    assert abs(found.left_s) <= STEP_S and found.confidence > 0.5
    assert steps == [(0, 2), (1, 2), (2, 2)]


class AsTrained(DrawnMouth):
    """Looks at what comes three mel frames later in its window, as a network whose training windows began earlier."""

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        """As the drawn mouth, of later speech."""
        return super().__call__(np.roll(mel, -3, axis=-1), face)


def test_the_alignment_of_wav2lips_training_is_forty_milliseconds_earlier(
    face: Path, speech: Path, play: Callable[[type[Engine]], None]
) -> None:
    """Not what a real checkpoint does, but that the difference would be seen, and that the option undoes it."""

    def lag_s(mouth: DrawnMouth, offset_s: float) -> float:
        class WithMouth(Wav2LipEngine):
            """The engine with a stand-in for its network."""

            def __init__(self, options: EngineOptions, job: EngineJob | None = None) -> None:
                super().__init__(options, job, generator=mouth)

        play(WithMouth)
        return judge([mouth_evidence(record_drawn(face, speech, SyncOptions(audio_offset_s=offset_s)))]).lag_s

    published = lag_s(DrawnMouth(), 0.0)
    assert lag_s(AsTrained(), 0.0) - published == pytest.approx(-3 / 80, abs=0.01)
    assert lag_s(AsTrained(), -0.04) == pytest.approx(published, abs=0.01)


def test_a_mouth_that_never_moves_can_not_be_judged(
    face: Path, speech: Path, play: Callable[[type[Engine]], None]
) -> None:
    play(StillEngine)
    found = calibrate(_options(face, speech, SyncOptions(engine=EngineOptions("fake"))))
    assert found.offset_s is None and found.reason == "the mouth hardly moves"
    assert isnan(found.lag_s) and found.confidence == 0 and found.trials == ()
    assert found.by_speech[0].reason == found.reason
    assert trial_table(found).count("\n") == 1


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[SyncOptions]:
    """Nothing is drawn: a made clip whose picture is shifted stands for it."""
    asked: list[SyncOptions] = []
    clip = spoken_clip("a")

    def record(face: Path, speech: Path, sync: SyncOptions, **_: object) -> Recording:
        asked.append(sync)
        heeding = round(5 - 25 * sync.audio_offset_s)
        shift = {"late.wav": 5, "early.wav": -5, "far.wav": 10, "heeding.wav": heeding}.get(speech.name, 0)
        assert clip.landmarks is not None
        return replace(clip, landmarks=np.roll(clip.landmarks, shift, axis=0))

    monkeypatch.setattr(calibration, "record_drawn", record)
    return asked


def test_an_offset_that_does_not_help_is_not_proposed(seen: list[SyncOptions]) -> None:
    """The stand-in comes as late with any offset."""
    found = calibrate(_options(Path("face"), Path("late.wav")))
    assert [sync.audio_offset_s for sync in seen] == [0.0, pytest.approx(0.2, abs=0.041)]
    assert found.offset_s is None and found.reason.endswith("ms the mouth is no better in sync")
    assert found.lag_s == pytest.approx(found.left_s)


@pytest.mark.parametrize("begin_s", [0.0, -0.12, 0.08])
def test_an_offset_given_is_where_the_search_begins(seen: list[SyncOptions], begin_s: float) -> None:
    """The stand-in needs 200 ms in all, however the search begins."""
    options = _options(Path("face"), Path("heeding.wav"), SyncOptions(audio_offset_s=begin_s))
    found = calibrate(replace(options, range_s=0.3, step_s=0.04))
    assert found.lag_s == pytest.approx(0.2 - begin_s, abs=0.04)
    assert found.offset_s == pytest.approx(0.2, abs=0.041) and abs(found.left_s) <= 0.04
    assert [sync.audio_offset_s for sync in seen] == [begin_s, found.offset_s]
    assert [trial.offset_s for trial in found.trials] == pytest.approx(np.arange(-7, 8) * 0.04)


def test_what_lies_beyond_the_range_is_said(seen: list[SyncOptions]) -> None:
    found = calibrate(_options(Path("face"), Path("far.wav")))
    assert len(seen) == 1 and found.offset_s is None
    assert "beyond the 200 ms looked at; widen --range-ms" in found.reason


def test_speeches_that_disagree_are_told_one_by_one(seen: list[SyncOptions]) -> None:
    found = calibrate(CalibrationOptions(face=Path("face"), speech=(Path("late.wav"), Path("early.wav"))))
    assert [lag.name for lag in found.by_speech] == ["late.wav", "early.wav"]
    assert found.by_speech[0].lag_s - found.by_speech[1].lag_s == pytest.approx(0.4, abs=0.02)
    assert found.offset_s is None and seen


@pytest.mark.parametrize(
    ("lag_s", "begin_s", "offset_s"),
    [
        (0.0, 0.0, 0.0),
        (0.02, 0.0, 0.0),
        (-0.02, 0.0, 0.0),
        (0.031, 0.0, 0.04),
        (-0.038, 0.0, -0.04),
        (0.05, -0.05, 0.0),
    ],
)
def test_offsets_are_rounded_to_steps(lag_s: float, begin_s: float, offset_s: float) -> None:
    assert best_offset(lag_s, CalibrationOptions(SyncOptions(audio_offset_s=begin_s))) == offset_s


@pytest.mark.parametrize(
    ("range_s", "step_s", "begin_s", "message"),
    [
        (0.2, 0.0, 0.0, "got a step of 0 and a range of 200 ms"),
        (0.01, 0.02, 0.0, "got a step of 20 and a range of 10 ms"),
        (0.7, 0.02, 0.0, "got a step of 20 and a range of 700 ms"),
        (float("nan"), 0.02, 0.0, "got a step of 20 and a range of nan ms"),
        (0.2, 0.02, 0.3, "expected a search that begins within its range of 200 ms, got 300 ms"),
    ],
)
def test_numbers_that_make_no_sense(range_s: float, step_s: float, begin_s: float, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        CalibrationOptions(SyncOptions(audio_offset_s=begin_s), range_s=range_s, step_s=step_s)


def test_what_can_not_be_drawn(face: Path, speech: Path) -> None:
    with pytest.raises(EngineError, match="expected one of the engines"):
        calibrate(_options(face, speech, SyncOptions(engine=EngineOptions("nobody"))))
    with pytest.raises(Cancelled):
        calibrate(_options(face, speech, SyncOptions(engine=EngineOptions("fake"))), cancelled=lambda: True)


def test_frames_may_come_unevenly_and_without_a_face(face: Path, speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap in time repeats the frame before it; a frame without a face borrows a neighbour's mouth, unseen."""
    rgb = cv2.cvtColor(cv2.imread(str(face)), cv2.COLOR_BGR2RGB)  # type: ignore[arg-type]

    def drawn(*_: object, **__: object) -> Iterator[Frame]:
        for index in (0, 1, 2, 4, 5, 6, 7, 10**6):
            picture = np.full_like(rgb, 90) if index >= 7 else rgb.copy()
            yield Frame(Fraction(index, 25), Fraction(1, 25), picture.astype(np.uint8))

    monkeypatch.setattr(calibration, "draw", drawn)
    recording = record_drawn(face, speech, SyncOptions())
    assert recording.fps == pytest.approx(25) and recording.frames == 8
    assert recording.seen.tolist() == [True] * 7 + [False]
    assert recording.landmarks is not None and np.isfinite(recording.landmarks).all()
    np.testing.assert_array_equal(recording.landmarks[2], recording.landmarks[3])
    assert len(recording.samples) == 8 * SAMPLE_RATE // 25


def test_the_packaged_inputs_are_taken_where_none_are_given(
    seen: list[SyncOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[Path] = []
    record = calibration.record_drawn

    def noted(face: Path, speech: Path, sync: SyncOptions, **_: object) -> Recording:
        files.extend((face, speech))
        return record(face, speech, sync)

    monkeypatch.setattr(calibration, "record_drawn", noted)
    found = calibrate()
    assert seen and len(found.by_speech) == 2 and all(path.is_file() for path in files)
    assert files[:2] == [samples.sample_face(), samples.sample_speech("en")]
