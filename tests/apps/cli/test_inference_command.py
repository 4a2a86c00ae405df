"""`mouthpiece inference`: the published script's command lines, their meaning kept and their traps gone."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import scenes
from tests.apps.staging import Said, StandIn
from tests.checkpoint_files import seeded_state, write_checkpoint

from mouthpiece import samples
from mouthpiece.apps.cli.commands import sync
from mouthpiece.apps.cli.commands.inference import with_static_value
from mouthpiece.apps.cli.console import Console
from mouthpiece.engines.wav2lip.engine import Wav2LipEngine
from mouthpiece.engines.wav2lip.options import Precision, Runtime, Wav2LipOptions
from mouthpiece.errors import InputError
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.options import EngineOptions, Fit, FrameTransform, SyncOptions

Run = Callable[..., Said]
NEEDED = ("--checkpoint_path", "checkpoints/wav2lip.pth", "--face", "face.mp4", "--audio", "speech.wav")


def wav2lip(device: str = "CPU", **own: object) -> EngineOptions:
    """The engine with a published checkpoint unless another is given."""
    return EngineOptions("wav2lip", device, own={"checkpoint": "checkpoints/wav2lip.pth", **own})


def meant(options: SyncOptions) -> tuple[SyncOptions, Wav2LipOptions]:
    """Options, their engine's own as the engine reads them: what isn't given is its default."""
    return replace(options, engine=replace(options.engine, own={})), Wav2LipEngine.own_options(options.engine)


AS_PUBLISHED = SyncOptions(engine=wav2lip(), fit=Fit.LOOP, overwrite=True)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in a file laid out as the published one, under a name that shells trip over."""
    folder = tmp_path_factory.mktemp("my check points")
    return write_checkpoint(folder / "wav2lip's.pth", seeded_state(GENERATOR))


def left_behind(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_shortest_published_command_line(here: Run, stand_in: StandIn, tmp_path: Path) -> None:
    assert here("inference", *NEEDED).code == 0
    options = stand_in.asked.pop("options")
    assert meant(options) == meant(AS_PUBLISHED)
    assert stand_in.asked == {
        "face": Path("face.mp4"),
        "speech": Path("speech.wav"),
        "out": Path("results/result_voice.mp4"),
    }
    assert (tmp_path / "results").is_dir()


def test_every_published_option_reaches_the_pipeline(here: Run, stand_in: StandIn) -> None:
    line = (
        "--outfile o.mp4 --static True --fps 29.97 --pads 0 20 -5 0 --face_det_batch_size 4 --wav2lip_batch_size 32 "
        "--resize_factor 2 --crop 0 -1 10 -1 --box 10 90 20 80 --rotate --nosmooth"
    )
    said = here("inference", *NEEDED, *line.split())
    assert said.code == 0, said.err
    assert stand_in.asked["out"] == Path("o.mp4")
    assert meant(stand_in.asked["options"]) == meant(
        SyncOptions(
            engine=wav2lip(batch_size=32, pads=(0, 20, -5, 0), smooth=False),
            fit=Fit.LOOP,
            fps=Fraction(30000, 1001),
            transform=FrameTransform(static=True, resize_factor=2, rotate=True, crop=(0, -1, 10, -1)),
            box=(10, 90, 20, 80),
            overwrite=True,
        )
    )
    assert said.err.count("--face_det_batch_size has no use here") == 1


def test_our_own_options_go_along(here: Run, stand_in: StandIn) -> None:
    line = "--runtime torch --precision f32 --device cuda -q"
    assert here("inference", *NEEDED, *line.split()).code == 0
    expected = replace(AS_PUBLISHED, engine=wav2lip("cuda", runtime=Runtime.TORCH, precision=Precision.F32))
    assert meant(stand_in.asked["options"]) == meant(expected)


@pytest.mark.parametrize(
    ("given", "static"),
    [
        ("", False),
        ("--static True", True),
        ("--static False", False),
        ("--static false", False),
        ("--static 0", False),
        ("--static=False", False),
        ("--static=yes", True),
        ("--static", True),
        ("--static --fps 25", True),
    ],
)
def test_static_means_what_it_says(here: Run, stand_in: StandIn, given: str, static: bool) -> None:
    assert here("inference", *given.split(), *NEEDED, *given.split()).code == 0
    assert stand_in.asked["options"].transform.static is static


def test_static_at_the_end() -> None:
    assert with_static_value(["--face", "f", "--static"]) == ["--face", "f", "--static", "true"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--static perhaps", "expected True or False, got 'perhaps'"),
        ("--pads 0 10 0", "--pads"),
        ("--pads 0 10 0 x", "it takes 4 values: TOP BOTTOM LEFT RIGHT"),
        ("--pads 0 10 --fps 25", "it takes 4 values: TOP BOTTOM LEFT RIGHT"),
        ("--resize_factor 0", "resize_factor expects"),
        ("--crop 50 10 0 -1", "crop expects"),
        ("--wav2lip_batch_size 0", "batch_size expects"),
        ("--fps fast", "30000/1001"),
        ("--img_size 96", "--img_size"),
    ],
)
def test_wrong_usage_is_one_line(here: Run, stand_in: StandIn, given: str, said: str, tmp_path: Path) -> None:
    result = here("inference", *NEEDED, *given.split())
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert said in result.err
    assert not stand_in.asked
    assert left_behind(tmp_path) == []


def test_what_is_needed_is_asked_for(here: Run) -> None:
    for missing in ("--checkpoint_path", "--face", "--audio"):
        given = [v for i in range(0, 6, 2) if NEEDED[i] != missing for v in NEEDED[i : i + 2]]
        said = here("inference", *given)
        assert said.code == 2
        assert missing in said.err


def test_a_folder_of_pictures_is_refused_with_help(here: Run, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    said = here("inference", *NEEDED, "--face", "frames")
    assert said.code == 1
    assert "frames is a folder; make a video of its pictures first: ffmpeg" in said.err
    assert not (tmp_path / "results").exists()


def test_the_default_folder_goes_when_nothing_came_of_it(here: Run, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fails_with = InputError("no such file")
    assert here("inference", *NEEDED).code == 1
    assert not (tmp_path / "results").exists()
    (tmp_path / "results").mkdir()
    assert here("inference", *NEEDED).code == 1
    assert (tmp_path / "results").is_dir()


def test_sync_takes_the_same_in_its_own_words(run: Run, stand_in: StandIn) -> None:
    line = (
        "sync f s -o o.mp4 --engine wav2lip --checkpoint mine.pth --runtime onnx --precision int8 --batch-size 16 "
        "--audio-offset-ms -40 --pads 1 2 3 4 --no-smooth --box 10 90 20 80 --static"
    )
    said = run(*line.split())
    assert said.code == 0, said.err
    own = {
        "checkpoint": "mine.pth",
        "runtime": Runtime.ONNX,
        "precision": Precision.INT8,
        "batch_size": 16,
        "pads": (1, 2, 3, 4),
        "smooth": False,
    }
    assert stand_in.asked["options"] == SyncOptions(
        engine=EngineOptions("wav2lip", own=own),
        audio_offset_s=-0.04,
        box=(10, 90, 20, 80),
        transform=FrameTransform(static=True),
    )


@pytest.mark.parametrize("command", ["sync f s -o o.mp4", "inference --face f --audio s --checkpoint_path wav2lip"])
def test_weights_are_seen_to_before_the_work(
    here: Run, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """And nothing is fetched for a job that can't be."""
    asked: list[tuple[Console, EngineOptions, bool, bool]] = []

    def ensure(console: Console, options: EngineOptions, *, worth_it: Callable[[], bool]) -> None:
        asked.append((console, options, bool(stand_in.asked), worth_it()))

    monkeypatch.setattr(sync, "ensure_weights", ensure)
    assert here(*command.split(), "-q").code == 0
    assert not asked.pop()[-1], "no face, no speech"
    shutil.copy(samples.sample_face(), "f")
    shutil.copy(samples.sample_face(), "s")
    assert here(*command.split(), "-q").code == 0
    assert not asked.pop()[-1], "a photo in place of speech"
    shutil.copyfile(samples.sample_speech("en"), "s")
    stand_in.asked.clear()
    assert here(*command.split(), "-q").code == 0
    [(console, options, too_late, worth_it)] = asked
    assert not too_late and worth_it
    assert options == stand_in.asked["options"].engine
    assert (console.json, console.quiet) == (False, True)


# With random weights and all that follows. ---------------------------------------------------------------------------


def streams(ffprobe: str, path: Path) -> dict[str, dict[str, Any]]:
    command = [ffprobe, "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {stream["codec_type"]: stream for stream in said["streams"]}


@pytest.fixture
def inference(here: Run, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> Run:
    """The command with the checkpoint, f32 and a cache of its own."""
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path_factory.getbasetemp() / "inference cache"))

    def command(*arguments: str) -> Said:
        return here("inference", "--checkpoint_path", str(checkpoint), "--precision", "f32", *arguments)

    return command


def test_the_published_line_makes_a_video(inference: Run, clip: Path, word: Path, tmp_path: Path, ffprobe: str) -> None:
    """File names with spaces and quotes; no temp folder; what was there is overwritten."""
    shutil.copy(clip, tmp_path / "my face's.mp4")
    shutil.copy(word, tmp_path / 'a "word" $(x).wav')
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "result_voice.mp4").write_text("an old result")
    said = inference("--face", "my face's.mp4", "--audio", 'a "word" $(x).wav', "--static", "False")
    assert said.code == 0, said.err
    assert "results/result_voice.mp4: 0.40 s, 10 frames" in said.err
    assert left_behind(tmp_path) == ['a "word" $(x).wav', "my face's.mp4", "results/result_voice.mp4"]
    found = streams(ffprobe, tmp_path / "results" / "result_voice.mp4")
    assert (found["video"]["width"], found["video"]["height"]) == (224, 224)
    assert found["video"]["nb_read_frames"] == "10"
    assert float(found["audio"]["duration"]) == pytest.approx(0.4, abs=0.07)
    moved, source = scenes.pictures(tmp_path / "results" / "result_voice.mp4"), scenes.pictures(clip, 10)
    assert max(np.abs(a.astype(int) - b)[100:].mean() for a, b in zip(moved, source, strict=True)) > 3
    assert min(scenes.psnr(a[:40], b[:40]) for a, b in zip(moved, source, strict=True)) > 33


def test_smaller_turned_cut_and_held(inference: Run, shared_data: Path, word: Path, ffprobe: str) -> None:
    face = shared_data / scenes.PERSON_A  # 360x288
    line = "--rotate --crop 0 -1 20 -1 --static True --box 40 240 60 220 --pads 0 30 0 0 --outfile out.mkv"
    said = inference("--face", str(face), "--audio", str(word), *line.split())
    assert said.code == 0, said.err
    assert said.err.count("warning") == 1
    assert "pads are for faces that are found" in said.err
    found = streams(ffprobe, Path("out.mkv"))["video"]
    assert (found["width"], found["height"]) == (268, 360)
    assert (found["avg_frame_rate"], found["nb_read_frames"]) == ("25/1", "10")
    shown = scenes.pictures(Path("out.mkv"))
    turned = np.rot90(scenes.pictures(face, 1)[0], -1)[:, 20:]
    changed = np.abs(np.stack(shown).astype(int) - turned).max(axis=(0, 3)) > 60
    rows, columns = np.flatnonzero(changed.sum(axis=1) > 5), np.flatnonzero(changed.sum(axis=0) > 5)
    assert 120 < rows.min() < rows.max() < 240, "the lower half of the box"
    assert 60 <= columns.min() < columns.max() < 220


def test_a_photo_is_known_by_its_content(
    inference: Run, shared_data: Path, word: Path, tmp_path: Path, ffprobe: str
) -> None:
    """The published script takes ./face.jpg for a video, and so it would any name without a suffix."""
    from PIL import Image

    Image.open(shared_data / "photos" / "woman_portrait.png").convert("RGB").save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").rename(tmp_path / "face.v2")
    line = "--resize_factor 4 --fps 20 --outfile o.mp4"
    said = inference("--face", "./face.v2", "--audio", str(word), *line.split())
    assert said.code == 0, said.err
    found = streams(ffprobe, tmp_path / "o.mp4")["video"]
    with Image.open(tmp_path / "face.v2") as photo:
        assert (found["width"], found["height"]) == (photo.width // 4 & ~1, photo.height // 4 & ~1)
    assert (found["avg_frame_rate"], found["nb_read_frames"]) == ("20/1", "8")


def test_inputs_are_never_overwritten(inference: Run, clip: Path, word: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "face.mp4")
    before = (tmp_path / "face.mp4").read_bytes()
    for audio in (str(word), "face.mp4"):
        said = inference("--face", "face.mp4", "--audio", audio, "--outfile", "face.mp4")
        assert said.code == 1
        assert "is the input file itself" in said.err
    assert (tmp_path / "face.mp4").read_bytes() == before


def test_a_checkpoint_that_is_not_there(here: Run, clip: Path, word: Path, tmp_path: Path) -> None:
    needed = ["--checkpoint_path", "checkpoints/wav2lip_gan.pth", "--face", str(clip), "--audio", str(word)]
    said = here("inference", *needed)
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "wav2lip_gan.pth" in said.err
    assert left_behind(tmp_path) == []
    assert not (tmp_path / "results").exists()
