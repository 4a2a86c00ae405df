"""`mouthpiece train prepare`, run for real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.apps.staging import Said

from mouthpiece.datasets.measuring import read_sound
from mouthpiece.datasets.recordings import list_prepared, load_recording
from mouthpiece.types import SAMPLE_RATE

Run = Callable[..., Said]
SECONDS = 8


@pytest.fixture
def folder(shared_data: Path, tmp_path: Path) -> Path:
    """A rig's recording, one that is no recording, and one whose sound is 0.2 s late."""
    data = tmp_path / "rigs"
    data.mkdir()
    source = shared_data / "facegood_mandarin" / "1114_3_16"
    with np.load(source.with_suffix(".npz")) as file:
        arrays = {name: file[name] for name in file.files}
    few = slice(0, SECONDS * int(arrays["fps"]))
    for name, moved in (("good", 0), ("late", 6)):
        with wave.open(str(data / f"{name}.wav"), "wb") as sound:
            sound.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            sound.writeframes(
                (read_sound(source.with_suffix(".flac"))[: SECONDS * SAMPLE_RATE] * 32767).astype("<i2").tobytes()
            )
        weights = np.concatenate([arrays["weights"][:1].repeat(moved, axis=0), arrays["weights"][few]])
        np.savez(data / f"{name}.npz", weights=weights, names=arrays["names"], fps=arrays["fps"])
    (data / "bad.wav").write_bytes(b"no sound")
    (data / "bad.npz").write_bytes(b"no curves")
    return data


@pytest.mark.usefixtures("folder")
def test_a_folder_becomes_a_cache_and_a_report(here: Run, tmp_path: Path) -> None:
    said = here("train", "prepare", "rigs", "-o", "cache")
    assert said.code == 0, said.err
    assert said.out.startswith("2 clips in the cache, 0.3 minutes")
    assert "1 left out; 1 apart (1 corrected), 0 unsure" in said.out
    assert "bad.npz: expected arrays weights, names and fps" in said.out
    cache = tmp_path / "cache"
    assert (cache / "rigs.report.txt").read_text("utf-8") == said.out
    clips = {row["clip"]: row for row in json.loads((cache / "rigs.report.json").read_text("utf-8"))["clips"]}
    assert clips["good"]["offset"] == "in-sync" and not clips["good"]["corrected"]
    assert clips["late"]["offset_ms"] == pytest.approx(200, abs=40) and clips["late"]["corrected"]
    assert load_recording(cache / "rigs.late.npz").offset_s == pytest.approx(0.2, abs=0.04)
    before = (cache / "rigs.good.npz").stat().st_mtime_ns
    again = here("train", "prepare", "rigs", "-o", "cache", "--json")
    assert again.events[-1]["made"] == 0 and again.events[-1]["kept"] == 2 and again.events[-1]["left_out"] == 1
    assert (cache / "rigs.good.npz").stat().st_mtime_ns == before
    # Everything is found again without the report.
    (cache / "rigs.report.json").unlink()
    lost = here("train", "prepare", "rigs", "-o", "cache", "--json")
    found = {clip["clip"]: clip for clip in lost.events[-1]["clips"]}
    assert (
        set(found) == {"good", "late", "bad"} and found["late"]["corrected"] and found["good"]["frames"] == 30 * SECONDS
    )


@pytest.mark.usefixtures("folder")
def test_clips_that_are_apart_can_be_dropped_or_kept(here: Run, tmp_path: Path) -> None:
    assert here("train", "prepare", "rigs", "-o", "few", "--offsets", "drop", "--workers", "1").code == 0
    assert [clip.name for clip in list_prepared(tmp_path / "few")] == ["good"]
    assert "ms too late" in (tmp_path / "few" / "rigs.report.txt").read_text("utf-8")
    assert here("train", "prepare", "rigs", "-o", "all", "--offsets", "keep", "--workers", "1", "--quiet").out == ""
    kept = load_recording(tmp_path / "all" / "rigs.late.npz")
    assert kept.offset_s == 0 and kept.frames == 30 * SECONDS + 6


def test_a_repaired_clip_is_tried_again(here: Run, folder: Path) -> None:
    for suffix in (".wav", ".npz"):
        (folder / f"late{suffix}").unlink()
    assert here("train", "prepare", "rigs", "-o", "cache", "--workers", "1").code == 0
    for suffix in (".wav", ".npz"):
        shutil.copy(folder / f"good{suffix}", folder / f"bad{suffix}")
    assert here("train", "prepare", "rigs", "-o", "cache", "--json").events[-1]["left_out"] == 1
    assert here("train", "prepare", "rigs", "-o", "cache", "--json", "--retry").events[-1]["made"] == 1


def test_nothing_usable_is_a_failure(here: Run, tmp_path: Path) -> None:
    data = tmp_path / "videos"
    data.mkdir()
    (data / "a.mp4").write_bytes(b"no video")
    said = here("train", "prepare", "videos", "-o", "cache")
    assert said.code == 1 and "none of the clips in videos can be used; cache/videos.report.txt says why" in said.err
    assert "nothing of a known kind" in (tmp_path / "cache" / "videos.report.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere", "-o", "cache"), 1, "expected a folder of talking videos, found none at nowhere"),
        (("rigs", "-o", "rigs/good.npz"), 1, "can't be made"),
        (
            ("rigs", "-o", "cache", "--split", "dress"),
            2,
            "--split expects one of train, val, test, unseen, got 'dress'",
        ),
        (("rigs",), 2, "Missing option"),
        (("rigs", "-o", "cache", "--workers", "0"), 2, "workers expects at least 1, got 0"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_done_is_told(here: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    said = here("train", "prepare", *arguments)
    assert said.code == code and message in said.err and "Traceback" not in said.err


@pytest.mark.usefixtures("face_models")
def test_a_stopped_run_goes_on(
    start: Callable[..., subprocess.Popen[str]], here: Run, shared_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "grid"
    data.mkdir()
    for path in sorted((shared_data / "grid_unseen_dev").glob("s5_*_224.mp4"))[:3]:
        (data / path.name).symlink_to(path)
    running = start("train", "prepare", "grid", "-o", "cache")
    cache = tmp_path / "cache"
    deadline = time.monotonic() + 240
    while not list_prepared(cache) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=240)
    assert running.returncode in (130, 0) and "Traceback" not in err
    assert running.returncode == 0 or "the next run goes on from there" in err
    done = len(list_prepared(cache))
    assert done and not list(cache.glob(".*"))
    said = here("train", "prepare", "grid", "-o", "cache", "--json")
    assert said.code == 0 and said.events[-1]["kept"] == done and said.events[-1]["made"] == 3 - done
    progress = [event for event in said.events if event["event"] == "progress"]
    assert progress[0]["clips"] == done and progress[-1]["clips"] == progress[-1]["total_clips"] == 3
