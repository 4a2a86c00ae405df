"""The measuring instruments themselves: what they count, on inputs whose answer is known."""

from __future__ import annotations

import importlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.signal
from benchmarks import live, memory, openings, rendered_opening, silence_leak, startup, sync_speed, table
from benchmarks.fresh import FreshRun, sync_in_new_process
from benchmarks.material import (
    CLIP_720P,
    ENGLISH,
    on_canvas,
    read_photo,
    read_speech,
    speech_of_length,
    with_height,
    write_looped_video,
    write_wav,
)
from tools import contact_sheets, seen_sheets

from mouthpiece.datasets.recordings import Recording
from mouthpiece.errors import WeightsError
from mouthpiece.evaluation.options import View
from mouthpiece.media import open_face, open_speech
from mouthpiece.options import EngineOptions, SyncOptions
from mouthpiece.types import SAMPLE_RATE, Phone, Picture, Waveform

MODULES = ("live", "memory", "rendered_opening", "seen", "silence_leak", "startup", "sync_speed")
LENGTH_S = 0.48
HEIGHT = 192
"""Rows of the photo used here."""


@pytest.fixture(scope="module")
def photo(shared_data: Path) -> Picture:
    """A small portrait."""
    return with_height(read_photo(shared_data / "photos" / "woman_portrait.png"), HEIGHT)


@pytest.fixture(scope="module")
def little(shared_data: Path) -> Waveform:
    """A little speech."""
    return speech_of_length(shared_data / ENGLISH, LENGTH_S)


@pytest.mark.parametrize("name", MODULES)
def test_each_says_what_it_does(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    assert stopped.value.code == 0
    assert f"python -m benchmarks.{name} DATA" in " ".join(capsys.readouterr().out.split())


def test_a_table_stands_in_columns_and_says_where_it_is_from(capsys: pytest.CaptureFixture[str]) -> None:
    table.print_table("Title", ("what", "value"), [("one", 1.23456), ("two hundred", 234.5), ("none", None)], ("note",))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Title"
    assert lines[2:7] == [
        "what         value",
        "-----------  -----",
        "one          1.235",
        "two hundred    234",
        "none",
    ]
    assert lines[8] == "note"
    assert lines[9].startswith("commit ")
    assert table.cpu_name() in lines[10]
    assert "openvino" in lines[11]


def test_looped_material_is_as_long_as_asked(shared_data: Path, tmp_path: Path) -> None:
    video, sound = tmp_path / "long.mp4", tmp_path / "long.wav"
    write_looped_video(shared_data / "grid_unseen_dev" / "s5_bbae8n_224.mp4", video, 4.0)
    with open_face(video) as source:
        assert (source.info.width, source.info.height, float(source.info.fps)) == (224, 224, 25.0)
        assert source.info.duration_s == pytest.approx(4.0, abs=0.04)
    write_wav(speech_of_length(shared_data / ENGLISH, 40.0), sound)
    with open_speech(sound) as voice:
        assert float(voice.duration_s) == pytest.approx(40.0)
    samples = read_speech(sound)
    once = len(read_speech(shared_data / ENGLISH))
    np.testing.assert_allclose(samples[once : once + 1600], samples[:1600], atol=1e-4)


def test_a_photo_on_a_canvas_keeps_its_shape(photo: Picture) -> None:
    canvas = on_canvas(photo, (640, HEIGHT))
    assert canvas.shape == (HEIGHT, 640, 3)
    left = (640 - photo.shape[1]) // 2
    np.testing.assert_array_equal(canvas[:, left : left + photo.shape[1]], photo)
    assert (canvas[:, :left] == 128).all()


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_agreement_finds_a_known_shift_and_slope(lag: int) -> None:
    intended = np.convolve(np.random.default_rng(0).random(300), np.ones(5) / 5, "valid")
    rendered = 0.8 * np.roll(intended, lag) + 0.01
    found = openings.agreement(intended, rendered)
    assert found.best_lag == lag
    cross = scipy.signal.correlate(rendered - rendered.mean(), intended - intended.mean())
    assert int(cross.argmax()) - (len(intended) - 1) == lag
    if lag == 0:
        assert found.r == pytest.approx(1.0)
        assert found.slope == pytest.approx(0.8)
    else:
        assert found.r == pytest.approx(float(np.corrcoef(intended, rendered)[0, 1]))


def test_agreement_leaves_lost_frames_out() -> None:
    intended = np.sin(np.arange(100) / 3)
    rendered = intended.copy()
    rendered[[5, 50]] = np.nan
    assert openings.agreement(intended, rendered).r == pytest.approx(1.0)


def test_pauses_are_where_nothing_is_heard() -> None:
    rng = np.random.default_rng(0)
    loud = (0.1 * rng.standard_normal(SAMPLE_RATE)).astype(np.float32)
    gap, silence = np.zeros(round(0.2 * SAMPLE_RATE), np.float32), np.zeros(SAMPLE_RATE, np.float32)
    found = silence_leak.pauses(np.concatenate([silence, loud, gap, loud, silence]))
    assert found == [pytest.approx((0.0, 1.0), abs=0.03), pytest.approx((3.2, 4.2), abs=0.03)]


def test_the_tolerated_ends_of_a_pause_dont_count() -> None:
    times_s = np.arange(0, 3, 0.1)
    inside = silence_leak.within(times_s, [(0.0, 0.5), (1.0, 2.0)], after_s=0.15, before_s=0.25)
    np.testing.assert_allclose(times_s[inside], [0, 0.1, 0.2, *np.arange(1.2, 1.75, 0.1)])


def test_leak_counts_what_exceeds_the_baseline() -> None:
    openings_read = np.array([0.01, 0.02, 0.031, 0.05, np.nan], dtype=np.float32)
    share, most = silence_leak.leak(openings_read, 0.01)
    assert share == pytest.approx(50.0)
    assert most == pytest.approx(0.04)


def test_a_sync_in_a_new_process_tells_what_it_took(photo: Picture, little: Waveform, tmp_path: Path) -> None:
    face, speech = tmp_path / "face.png", tmp_path / "speech.wav"
    cv2.imwrite(str(face), photo[..., ::-1])
    write_wav(little, speech)
    run = sync_in_new_process(face, speech, tmp_path / "out.mp4", "fake")
    assert (run.frames, run.seconds) == (12, LENGTH_S)
    assert 0 < run.first_frame_s <= run.elapsed_s
    assert run.first_frame_s < run.first_frame_since_start_s
    assert 0 < run.first_frame_cpu_s <= run.cpu_s
    assert 50 < run.peak_rss_mb < 2000


def test_speed_is_told_by_stage(
    photo: Picture, shared_data: Path, little: Waveform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_speed, "WARM_FRAMES", 5)
    speech = tmp_path / "speech.wav"
    write_wav(little, speech)
    small = shared_data / "grid_unseen_dev" / "s5_bbae8n_224.mp4"
    runs = sync_speed.run_rounds(sync_speed.StudioState(small, small, photo, speech, tmp_path / "out.mp4", "fake"), 1)
    assert all(run.elapsed_s > 0 and run.cpu_ms_a_frame > 0 and run.seconds == LENGTH_S for run in runs.values())
    rows = {row[0]: row for row in sync_speed.rows_of(runs)}
    ratio = runs[sync_speed.SYNC_VIDEO].elapsed_s / runs[sync_speed.REENCODE].elapsed_s
    assert rows["ratio sync, video / re-encode, media room"][1] == ratio
    stages = [
        float(row[3] or 0) for name, row in rows.items() if str(name).startswith("stage") and "video" in str(name)
    ]
    assert sum(stages) == pytest.approx(runs[sync_speed.SYNC_VIDEO].cpu_ms_a_frame)


def test_memory_is_told_as_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [FreshRun(1500, 60.0, 20.0, 30.0, 1.0, 1.5, 1.2, mb) for mb in (400.0, 420.0)]
    memory.report([1, 10], runs, "fake")
    assert "1.050" in capsys.readouterr().out.splitlines()[5]


def test_help_is_timed() -> None:
    assert 0.01 < startup.help_s() < 30


def test_rendered_mouths_are_compared(shared_data: Path, little: Waveform, tmp_path: Path) -> None:
    face = shared_data / "photos" / "woman_portrait.png"
    try:
        found = rendered_opening.compare(face, "en", little, HEIGHT, tmp_path)
    except WeightsError as error:
        pytest.skip(str(error))
    assert len(found.intended) == len(found.rendered) == 12
    assert len(found.row()) == 10


def test_silence_is_measured(shared_data: Path, little: Waveform, tmp_path: Path) -> None:
    trial = silence_leak.Trial(shared_data / "photos" / "woman_portrait.png", "fake", HEIGHT, tmp_path)
    padded = Waveform(np.concatenate([np.zeros(SAMPLE_RATE * 2 // 5, np.float32), little.samples]))
    silence = Waveform(np.zeros(SAMPLE_RATE * 2 // 5, np.float32))
    rows = silence_leak.measure(trial, padded, [("digital silence", silence)])
    assert [row[1] for row in rows][::2] == ["pauses", "digital silence"]
    assert rows[-1][2] == 10
    assert len(silence_leak.totals(rows)) == len(rows)


def test_a_live_load_is_told_of_what_came_after_the_start() -> None:
    one, other = live.Client("http://127.0.0.1"), live.Client("http://127.0.0.1")
    one.sent_s = [10 + 0.02 * number for number in range(100)]
    for number in range(50):  # 25 a second, each 100 ms after its sample's packet was sent
        moment_s = number / 25 + 0.005
        sent_s = one.sent_s[min(int(moment_s / 0.02), 99)]
        one.arrivals.append(live.Arrival(sent_s + 0.1, moment_s, 0.08))
    one.dropped = [(10.5, 2), (11.5, 5), (12.5, 9)]
    other.said, other.trouble = ["20 frames a second: why"], "gone"
    load = live.summary([one, other], 11.0, 1.0)
    assert load.fps == (27.0, 0.0)  # those sent from 10.9 on
    np.testing.assert_allclose(load.latency_ms, 80, rtol=1e-6)
    np.testing.assert_allclose(load.round_trip_ms, 100, rtol=1e-3)
    assert load.dropped == 7
    assert load.row()[-1] == "20 frames a second; gone"


def test_a_live_server_is_loaded(photo: Picture, little: Waveform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "WARM_S", 0.5)
    picture = cv2.imencode(".png", photo[..., ::-1])[1].tobytes()
    load = live.measure(picture, little.samples, 1, 1.0, "fake")
    assert load.troubles == ()
    assert load.fps[0] > 3
    assert 0 < load.row()[4] < 5000  # type: ignore[operator]


def test_sheets_show_closed_and_open_mouths(shared_data: Path, little: Waveform, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    contact_sheets.make_sheets(
        shared_data / "grid_unseen_dev" / "s5_bbae8n_224.mp4", little, out, SyncOptions(engine=EngineOptions("fake"))
    )
    for path in (out, tmp_path / "sheet_neighbours.png"):
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape[1] == contact_sheets.COLUMNS * contact_sheets.CELL
    nothing = np.zeros((1, 1, 3), np.uint8)
    seen = [contact_sheets.Look(i / 25, opening, nothing, nothing, 1) for i, opening in enumerate([0.3, 0, 0.2, 0.1])]
    assert [look.opening for look in contact_sheets.chosen(seen, 2)] == [0.3, 0]


@pytest.mark.usefixtures("face_models")
def test_real_mouths_stand_above_made_ones(shared_data: Path, tmp_path: Path) -> None:
    media = shared_data / "grid_unseen_dev" / "s5_bbae8n_224.mp4"
    clip = Recording("c", "x", "test", 25.0, np.zeros(SAMPLE_RATE // 5, np.float32), (), None, np.ones(5, bool))
    said = (Phone("ɪ", 0.0, 0.1),)
    pairs = seen_sheets.pairs_of(clip, media, View.PHOTO, EngineOptions("fake"), said)
    assert [pair.said for pair in pairs] == ["ɪ", "ɪ", "ɪ", "", ""]
    assert len({look.zoom for pair in pairs for look in (pair.real, pair.made)}) == 1
    made = seen_sheets.sheet(seen_sheets.by_opening(pairs))
    rows = 2 * (contact_sheets.LABEL_ROWS + contact_sheets.CELL + contact_sheets.MOUTH_ROWS)
    assert made.shape == (rows, contact_sheets.COLUMNS * contact_sheets.CELL, 3)
    first = pairs[0]
    np.testing.assert_array_equal(
        made[2 * contact_sheets.LABEL_ROWS :][: contact_sheets.CELL, : contact_sheets.CELL], first.real.face
    )
    np.testing.assert_array_equal(made[-contact_sheets.CELL :, : contact_sheets.CELL], first.made.face)
    assert len(seen_sheets.in_a_row(pairs)) == 5


def test_every_face_gets_a_voice(shared_data: Path) -> None:
    faces = list(contact_sheets.faces_of(shared_data))
    assert (shared_data / CLIP_720P) in faces
    for face in faces:
        voices = contact_sheets.voices_for(face)
        assert set(voices) == {"en", "ar"}
        assert all((shared_data / voice).is_file() for voice in voices.values())
