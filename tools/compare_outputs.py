"""Compare what the code makes, frame by frame, with what an older commit made on the same machine.

A refactoring may change no output. Record the older commit's in a git worktree of it, once, and check at will:

    git worktree add ../base 0f6ee75
    PYTHONPATH=../base/src .venv/bin/python tools/compare_outputs.py record ../hashes.json
    PYTHONPATH=src .venv/bin/python tools/compare_outputs.py check ../hashes.json [--only photo] [--skip help]

`record` runs every case twice and leaves out what differs by itself (--once trusts them all). `check` prints a line a
case: same, differs (where first, in each part), missing or new. It exits with 1 unless all are the same. Parts of a
case are `pictures` (decoded RGB with its time), `sound` (decoded samples), `file` (lines or arrays of another file),
`report` (exit code, JSON events and messages, without times) and `bytes` (the written file as it is).

Hashes hold on one machine with one set of libraries only, so they are never committed. The material is made here from
the packaged avatars and speech, but for the case `demo`, whose face `samples` lists; cases named `shared: ...` need the
real media beside the checkout. What touches names of the product, but for the command line's, stands together below.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import io
import json
import math
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import mouthpiece

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = Path(mouthpiece.__file__).parent / "samples"
SHARED = ROOT.parent / "shared" / "data"
LIBRARIES = ("numpy", "openvino", "opencv-python-headless", "av", "onnxruntime")
PINNED = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_PERTURB_": "85", "COLUMNS": "100", "TERM": "dumb", "PYTHONHASHSEED": "0"}
"""Environment of the cases: BLAS on one thread as in the product, help of one width, and memory that is never random:
libx264 reads some that it never wrote, and pictures of some widths come out different from run to run without this."""
PHOTO = (384, 480)
"""Columns, rows of the avatars' smaller copies, pixels."""
MOUTH = (192, 320)
"""Column and row of the mouth in them."""
FPS = 25
VIDEO_FRAMES = 20
RATE = 16000
CHUNK = 320
"""Samples that a live session takes at once: 20 ms."""
TEXTS = (".csv", ".tsv", ".json", ".md")
UNRANDOM = (".mp4", ".m4v", ".mov")
"""Containers without random numbers; Matroska has some."""
TIMES = frozenset({"size_bytes", "elapsed_s", "first_frame_s", "speed", "left_s", "made_s", "seconds_per_clip"})
"""Keys of events that differ from run to run."""

Image = NDArray[np.uint8]
Parts = dict[str, list[str]]
"""What a case made: name of the part -> hashes of its items in order, or its lines."""

COMMANDS = {
    # Mesh, photo.
    "photo": "sync woman.png en.wav -o out.mp4",
    "photo arabic": "sync man.png ar.wav -o out.mp4",
    "photo intensity rest seed": "sync woman.png en.wav -o out.mp4 --intensity 1.7 --rest 0.3 --seed 3",
    "photo full size, best": "sync woman.jpg short.wav -o out.mp4 --quality best",
    "photo small, draft": "sync small.png en.wav -o out.mp4 --quality draft",
    "photo odd, ntsc": "sync odd.png short.wav -o out.mp4 --fps 29.97",
    "photo alpha": "sync alpha.png short.wav -o out.mkv",
    "photo grey": "sync grey.png short.wav -o out.mp4",
    "photo turned by exif": "sync turned.jpg short.wav -o out.mp4",
    "photo webm": "sync small.png short.wav -o out.webm",
    "photo two faces": "sync two.png short.wav -o out.mp4 --face right",
    "photo offset": "sync man.png short.wav -o out.mp4 --audio-offset-ms 80",
    "photo stereo": "sync woman.png stereo.wav -o out.mp4 --audio-offset-ms -60",
    "photo silence": "sync woman.png silence.wav -o out.mp4",
    "photo box": "sync drawing.png short.wav -o out.mp4 --box 90 380 95 290",
    "photo phones": "sync woman.png en.wav -o out.mp4 --phones said.TextGrid",
    "photo phones blend": "sync man.png en.wav -o out.mp4 --phones said.tsv --phones-blend 0.5",
    "photo words": "sync woman.png en.wav -o out.mp4 --phones said.align",
    # Mesh, video.
    "video pingpong": "sync talk.mp4 en.wav -o out.mp4 --fit pingpong",
    "video loop": "sync talk.mp4 en.wav -o out.mp4 --fit loop",
    "video hold": "sync talk.mp4 en.wav -o out.mp4 --fit hold",
    "video cut": "sync talk.mp4 en.wav -o out.mp4 --fit cut",
    "video static": "sync talk.mp4 short.wav -o out.mp4 --static",
    "video box": "sync talk.mp4 short.wav -o out.mp4 --box 90 380 95 290",
    "video left": "sync two.mp4 short.wav -o out.mp4 --face left",
    "video right": "sync two.mp4 short.wav -o out.mp4 --face right --intensity 1.4",
    "video gap": "sync gap.mkv en.wav -o out.mp4",
    "video vfr": "sync vfr.mkv short.wav -o out.mkv",
    "video deep": "sync deep.mkv short.wav -o out.mkv",
    "video deep eight bit": "sync hdr.mkv short.wav -o out.mp4 --eight-bit",
    "video hdr": "sync hdr.mkv short.wav -o out.mkv",
    "video narrow pixels": "sync narrow.mp4 short.wav -o out.mp4",
    "video own sound": "sync man.png spoken.mkv -o out.mkv",
    "video rest": "sync talk.mp4 en.wav -o out.mp4 --rest 0 --phones said.TextGrid",
    # Fake.
    "fake photo": "sync woman.png short.wav -o out.mp4 --engine fake",
    "fake video": "sync gap.mkv en.wav -o out.mp4 --engine fake",
    # Wav2Lip with random weights.
    "wav2lip photo": "sync woman.png short.wav -o out.mp4 --engine wav2lip --checkpoint net.safetensors"
    " --precision f32",
    "wav2lip photo onnx": "sync woman.png short.wav -o out.mp4 --engine wav2lip --checkpoint net.safetensors"
    " --runtime onnx --precision f32",
    "wav2lip photo torch": "sync woman.png short.wav -o out.mp4 --engine wav2lip --checkpoint net.safetensors"
    " --runtime torch --precision f32",
    "wav2lip photo bf16": "sync woman.png short.wav -o out.mp4 --engine wav2lip --checkpoint net.safetensors"
    " --precision bf16",
    "wav2lip video": "sync gap.mkv short.wav -o out.mp4 --engine wav2lip --checkpoint net.safetensors --precision f32"
    " --pads -5 20 5 0 --no-smooth --batch-size 4",
    "wav2lip video onnx": "sync talk.mp4 short.wav -o out.mp4 --engine wav2lip --checkpoint net.safetensors"
    " --precision f32 --runtime onnx --batch-size 3",
    "wav2lip pth": "sync small.png short.wav -o out.mp4 --engine wav2lip --checkpoint net.pth --precision f32",
    "inference": "inference --checkpoint_path net.safetensors --face talk.mp4 --audio short.wav --outfile out.mp4"
    " --precision f32",
    "inference framing": "inference --checkpoint_path net.safetensors --face sideways.mp4 --audio short.wav"
    " --outfile out.mp4 --resize_factor 2 --rotate --crop 10 -1 4 180 --nosmooth --pads 0 12 2 2 --precision f32",
    "inference static box": "inference --checkpoint_path net.safetensors --face talk.mp4 --audio short.wav"
    " --outfile out.mp4 --static --box 100 380 100 280 --wav2lip_batch_size 4 --precision f32",
    "export openvino": "export net.safetensors --to openvino -o out.xml",
    "export onnx": "export net.safetensors --to onnx -o out.onnx --precision f16",
    # Files.
    "visemes csv": "visemes en.wav -o out.csv",
    "visemes tsv": "visemes en.wav -o out.tsv",
    "visemes json": "visemes ar.wav -o out.json --fps 60 --intensity 0.8",
    "visemes csv phones": "visemes en.wav -o out.csv --phones said.TextGrid",
    "visemes tsv phones": "visemes en.wav -o out.tsv --phones said.align",
    "visemes json phones": "visemes en.wav -o out.json --phones said.tsv --phones-blend 0.6",
    "demo": "demo -o out.mp4",
    "gallery": "sync samples/avatars/woman.jpg samples/speech_en.wav -o out.mp4",
    # Reports.
    "probe photo": "probe two.png",
    "probe video": "probe gap.mkv",
    "probe sound": "probe en.wav",
    "engines": "engines",
    "weights": "weights list",
    "calibrate": "calibrate mesh --face small.png --speech en.wav --range-ms 80",
    "refused no face": "sync plain.png en.wav -o out.mp4",
    "refused no file": "sync nothing.png en.wav -o out.mp4",
    "refused option": "sync woman.png en.wav -o out.mp4 --intensity 9",
    "refused face": "sync two.png en.wav -o out.mp4 --face 3",
    "refused suffix": "sync woman.png en.wav -o out.txt",
    "refused phones": "visemes en.wav -o out.csv --phones talk.mp4",
    # Real media.
    "shared: talking": "sync shared/clips/grid_s1_bbaf3s.mpg en.wav -o out.mp4",
    "shared: talking, phones": "sync shared/clips/grid_s1_bbbm1s.mpg shared/clips/grid_s1_bbaf3s.mpg -o out.mp4"
    " --phones shared/grid_s1/align/bbaf3s.align",
    "shared: 720p": "sync shared/clips/grid_s22_on_720p.mp4 short.wav -o out.mp4 --fit cut",
    "shared: fur hat": "sync shared/clips/talking_silent_fur_hat.mp4 short.wav -o out.mp4 --quality draft",
    "shared: wav2lip": "sync shared/clips/grid_s1_bbaf3s.mpg short.wav -o out.mp4 --engine wav2lip"
    " --checkpoint net.safetensors --precision f32",
    "shared: portrait": "sync shared/photos/woman_portrait.png short.wav -o out.mp4",
    "shared: cartoon": "sync shared/photos/boy_3d_cartoon.png short.wav -o out.mp4",
    "shared: evaluate": "evaluate motion --data shared/grid_unseen_dev --limit 1 --workers 1 --clips"
    " --cache cache/clips -o out.md",
    "shared: prepare": "train prepare shared/grid_unseen_dev --limit 1 --workers 1 -o out.prepared",
}
"""Case -> the command line; all run in the folder of the material, with --json."""

HELP = (
    *(
        "",
        "sync",
        "demo",
        "visemes",
        "inference",
        "calibrate",
        "export",
        "live",
        "studio",
        "probe",
        "engines",
        "doctor",
    ),
    *("train", "train prepare", "train synthesise", "train teacher", "train motion", "evaluate", "evaluate motion"),
    *("weights", "weights list", "weights fetch", "weights add"),
)
"""Commands whose --help is compared."""


# What touches names of the product ------------------------------------------------------------------------------------


def run_command(arguments: Sequence[str]) -> int:
    """Run the command line in this process; the exit code."""
    from mouthpiece import __main__ as program

    run: Callable[[Sequence[str]], int] = vars(program)["main"]
    return run(arguments)


def drawn_frames(face: Path, speech: Path) -> Iterator[tuple[float, Image]]:
    """Draw a video with the default options, without writing it; time in seconds and RGB of each frame."""
    from mouthpiece.pipeline import draw

    for frame in draw(face, speech):
        yield float(frame.time_s), frame.rgb


def engine_choice(name: str, own: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """Return how an engine is chosen among the options: in one value, and before there was one in several."""
    if hasattr(mouthpiece, "EngineOptions"):
        return {"engine": mouthpiece.EngineOptions(name, own=own or {}, **options)}
    old: Any = mouthpiece
    if own:
        options["network"] = old.NetworkOptions(own["checkpoint"], precision=old.Precision(own["precision"]))
    return {"engine": name, **options}


def sync_arrays(folder: Path, out: Path) -> None:
    """Make a video of arrays: a picture and samples with their rate."""
    picture = np.ascontiguousarray(read_picture(folder / "man.png")[..., ::-1])
    options = mouthpiece.SyncOptions(**engine_choice("mesh", intensity=1.2))
    mouthpiece.sync(picture, (read_wave(folder / "en16k.wav"), RATE), out, options)


@contextlib.contextmanager
def live_session(face: Path, engine: str, clock: TurnedClock) -> Iterator[LiveDoor]:
    """Open a live session of small pictures by a clock that is turned by hand."""
    own = {"checkpoint": str(face.with_name("net.safetensors")), "precision": "f32"} if engine == "wav2lip" else {}
    options = mouthpiece.LiveOptions(**engine_choice(engine, own), most_side=256)
    turned: Any = clock  # asked for by its methods, whatever class the session names
    with mouthpiece.open_live(face, options, clock=turned) as live:

        def take(seconds: float) -> tuple[float, Image] | None:
            frame = live.next_frame(seconds)
            return None if frame is None else (frame.moment_s, frame.rgb)

        yield LiveDoor(live.start, live.stop, getattr(live, "push" if hasattr(live, "push") else "hear"), take)


# Cases that are no command --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LiveDoor:
    """What a live session is asked, whatever it calls it."""

    start: Callable[[], None]
    stop: Callable[[], None]
    send: Callable[[NDArray[np.float32]], None]
    """Takes samples at 16 kHz."""
    take: Callable[[float], tuple[float, Image] | None]
    """Waits so many seconds for a frame: the moment of the sound that it shows, and its RGB."""


class TurnedClock:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        """Start at an hour that floats represent without rounding."""
        self.time_s = 1024.0

    def now(self) -> float:
        """Return the time in seconds."""
        return self.time_s

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        """Let all of the time pass at once."""
        self.time_s += max(seconds, 0.0)


def live_case(folder: Path, engine: str, drawing_s: float = 0.0, seconds: float = 2.0) -> Parts:
    """Feed speech in chunks of 20 ms, then stop and wait; each frame counts as drawn in `drawing_s` seconds."""
    clock, pictures = TurnedClock(), []
    speech = read_wave(folder / "en16k.wav")[: int(seconds * RATE)]
    with live_session(folder / "woman.png", engine, clock) as live:

        def play(until_s: float) -> None:
            while (left_s := until_s - clock.time_s) > 1e-9:
                frame = live.take(left_s)
                if frame is not None:
                    moment_s, rgb = frame
                    pictures.append(picture_hash(f"{clock.time_s:.9f} {moment_s:.9f}", rgb))
                    clock.time_s += drawing_s

        play(clock.time_s + 1)
        live.start()
        due_s = clock.time_s
        for start in range(0, len(speech), CHUNK):
            due_s += CHUNK / RATE
            live.send(speech[start : start + CHUNK])
            play(due_s)
        play(clock.time_s + 0.5)
        live.stop()
        play(clock.time_s + 1.5)
    return {"pictures": pictures}


def draw_case(folder: Path, face: str) -> Parts:
    """Draw frames that are not written."""
    frames = drawn_frames(folder / face, folder / "short.wav")
    return {"pictures": [picture_hash(f"{time_s:.9f}", rgb) for time_s, rgb in frames]}


def arrays_case(folder: Path) -> Parts:
    """Make a video from Python, of arrays."""
    sync_arrays(folder, folder / "out.mp4")
    return written(folder)


def help_case(folder: Path) -> Parts:
    """Collect the help of the commands."""
    texts = [ran([*command.split(), "--help"]) for command in HELP]
    return {"report": [line for said in texts for line in said.out.splitlines()]}


def material_case(folder: Path) -> Parts:
    """Hash the material itself: where it differs, all else may."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {"file": [f"{path.name} {digest(path.read_bytes())}" for path in files]}


def samples_case(folder: Path) -> Parts:
    """Hash the packaged faces and voices."""
    files = sorted(path for path in SAMPLES.rglob("*") if path.suffix in (".jpg", ".wav"))
    return {"file": [f"{path.name} {digest(path.read_bytes())}" for path in files]}


Case = Callable[[Path], Parts]
"""Makes the outputs of a case in the folder of the material."""


def cases() -> dict[str, Case]:
    """List the cases in the order in which they run."""
    made: dict[str, Case] = {"material": material_case, "samples": samples_case}
    made |= {name: partial(command_case, command=line) for name, line in COMMANDS.items()}
    made["sync arrays"] = arrays_case
    made["draw photo"] = partial(draw_case, face="woman.png")
    made["draw video"] = partial(draw_case, face="gap.mkv")
    made["live mesh"] = partial(live_case, engine="mesh")
    made["live mesh slow"] = partial(live_case, engine="mesh", drawing_s=0.11)
    made["live fake"] = partial(live_case, engine="fake")
    made["live wav2lip"] = partial(live_case, engine="wav2lip", seconds=0.6)
    made["help"] = help_case
    return {name: case for name, case in made.items() if SHARED.is_dir() or not name.startswith("shared: ")}


# Running a command and reading what it wrote --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


def ran(arguments: Sequence[str]) -> Ran:
    """Run a command in this process and catch what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command(arguments)
    return Ran(code, out.getvalue(), err.getvalue())


def command_case(folder: Path, command: str) -> Parts:
    """Run a command and hash all that it wrote and printed."""
    said = ran([*shlex.split(command), "--json"])
    report = [f"exit code {said.code}", *event_lines(said.out), *said.err.splitlines()]
    return {"report": [line.replace(str(folder), "FOLDER") for line in report]} | written(folder)


def written(folder: Path) -> Parts:
    """Hash the results in a folder, and remove them."""
    parts: Parts = {}
    for path in sorted(folder.glob("out.*")):
        for name, items in hashed(path).items():
            parts.setdefault(name, []).extend(items)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return parts


def event_lines(out: str) -> list[str]:
    """Write events as lines, a field each, without times and progress; what is no event stays as it is."""
    lines = []
    for line in out.splitlines():
        if not line.startswith("{"):
            lines.append(line)
            continue
        event = plain(json.loads(line))
        kind = event.pop("event", "")
        if kind == "warning":
            lines.append(f"warning: {event.get('text', event.get('message'))}")
        elif kind != "progress":
            lines += [f"{kind}.{key} = {json.dumps(value, sort_keys=True)}" for key, value in sorted(event.items())]
    return lines


def plain(value: Any) -> Any:
    """Leave out the fields of an event that tell how long something took; of a warning with a code, keep its text."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if {"code", "text"} <= value.keys() and "event" not in value:
        return value["text"]
    return {key: plain(item) for key, item in value.items() if key not in TIMES}


def hashed(path: Path) -> Parts:
    """Hash a result: pictures and sound of a video, lines of a text, arrays of a folder of clips, else all bytes."""
    if path.is_dir():
        return {"file": [line for inner in sorted(path.rglob("*")) if inner.is_file() for line in array_lines(inner)]}
    data = path.read_bytes()
    if path.suffix in TEXTS:
        return {"file": [digest(line.encode()) for line in data.decode().split("\n")]}
    if path.suffix in (".xml", ".bin", ".onnx"):
        known = re.sub(rb'_\d+"', b'"', data) if path.suffix == ".xml" else data  # OpenVINO counts layers on and on
        return {"bytes": [f"{path.name} {digest(known)}"]}
    return video_parts(path) | {"bytes": [digest(data if path.suffix in UNRANDOM else packets(path))]}


def packets(path: Path) -> bytes:
    """Join the packets of all streams of a video, each with its time."""
    with av.open(str(path)) as container:
        return b"".join(f"{one.stream_index} {one.pts} ".encode() + bytes(one) for one in container.demux() if one.size)


def array_lines(path: Path) -> list[str]:
    """Hash each array of an .npz; other files have lines that tell times, so their names alone count."""
    if path.suffix != ".npz":
        return [path.name]
    with np.load(path, allow_pickle=False) as arrays:
        return [f"{path.name} {key} {digest(arrays[key].tobytes())}" for key in sorted(arrays.files)]


def video_parts(path: Path) -> Parts:
    """Decode a video; a hash for each frame, one for all sound."""
    parts: Parts = {"pictures": [], "sound": []}
    with av.open(str(path)) as container:
        for video in container.decode(video=0):
            deep = "10" in video.format.name
            rgb = video.to_ndarray(format="rgb48le" if deep else "rgb24")
            parts["pictures"].append(picture_hash(str(video.pts and video.pts * (video.time_base or 1)), rgb))
    with av.open(str(path)) as container:
        if container.streams.audio:
            sound = hashlib.sha256()
            for heard in container.decode(audio=0):
                sound.update(f"{heard.pts} {heard.sample_rate}".encode() + heard.to_ndarray().tobytes())
            parts["sound"].append(sound.hexdigest())
    return parts


def picture_hash(when: str, rgb: NDArray[Any]) -> str:
    """Hash a picture with its time and shape."""
    return digest(f"{when} {rgb.shape} ".encode() + np.ascontiguousarray(rgb).tobytes())


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


# Material -------------------------------------------------------------------------------------------------------------


def make_material(folder: Path) -> None:
    """Make every file that the cases read, the same on each call: photos, videos, speech, phones, weights."""
    people = SAMPLES / "avatars"
    woman, man = (shrunk(read_picture(people / name)) for name in ("woman.jpg", "man.jpg"))
    shutil.copy(people / "woman.jpg", folder)
    make_photos(folder, woman, man)
    make_videos(folder, woman, man)
    make_speech(folder)
    make_phones(folder)
    make_checkpoints(folder)
    (folder / "samples").symlink_to(SAMPLES)
    if SHARED.is_dir():
        (folder / "shared").symlink_to(SHARED)


def read_picture(path: Path) -> Image:
    """Read a picture as (H, W, 3) BGR."""
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


def shrunk(picture: Image, size: tuple[int, int] = PHOTO) -> Image:
    """Bring a picture to a size."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def make_photos(folder: Path, woman: Image, man: Image) -> None:
    """Write the photos, plain and unusual."""
    fade = np.linspace(0, 255, PHOTO[1], dtype=np.uint8)[:, None]
    grey = np.asarray(cv2.cvtColor(woman, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    photos = {
        "woman": woman,
        "man": man,
        "small": shrunk(woman, (128, 160)),
        "odd": shrunk(man, (383, 479)),
        "grey": grey,
        "alpha": np.dstack([woman, np.broadcast_to(fade, woman.shape[:2])]),
        "two": np.hstack([woman, man]),
        "plain": np.dstack([np.broadcast_to(fade, woman.shape[:2])] * 3),
        "drawing": cv2.Canny(grey, 60, 120),
    }
    for name, picture in photos.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    _, jpeg = cv2.imencode(".jpg", np.rot90(man))
    data, turn = jpeg.tobytes(), b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    (folder / "turned.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(turn) + 2).to_bytes(2, "big") + turn + data[2:])


def moved(picture: Image, index: int) -> Image:
    """Let a head sway and its jaw drop: frame `index` of a video made of one avatar."""
    rows, columns = picture.shape[:2]
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    gap = 5 * (1 - math.cos(index * 0.9)) * np.clip(1 - ((x - MOUTH[0]) / 34) ** 2, 0, 1)
    jaw = 5 * (1 - math.cos(index * 0.9)) * np.exp(-(((x - MOUTH[0]) / 80) ** 4)) * np.clip((y - MOUTH[1]) / 30, 0, 1)
    below = np.where(y > MOUTH[1], np.maximum(y - np.maximum(gap, jaw), MOUTH[1]), y).astype(np.float32)
    spoken = cv2.remap(picture, x, below, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    spoken[(y > MOUTH[1]) & (y < MOUTH[1] + gap - 1)] = (30, 20, 50)
    sway = cv2.getRotationMatrix2D((columns / 2, rows / 2), 3 * math.sin(index / 4), 1 + 0.02 * math.sin(index / 6))
    sway[:, 2] += np.array((4 * math.sin(index / 5), 3 * math.cos(index / 3)))
    return np.asarray(cv2.warpAffine(spoken, sway, (columns, rows), borderMode=cv2.BORDER_REFLECT), dtype=np.uint8)


def make_videos(folder: Path, woman: Image, man: Image) -> None:
    """Write the videos, lossless."""
    talk = [moved(woman, index) for index in range(VIDEO_FRAMES)]
    plain = [np.full_like(woman, 90)] * 9
    write_video(folder / "talk.mp4", talk)
    write_video(folder / "two.mp4", [np.hstack([a, moved(man, i + 7)]) for i, a in enumerate(talk)])
    write_video(folder / "gap.mkv", [*talk[:14], *plain, *(moved(man, index) for index in range(14))])
    write_video(folder / "sideways.mp4", [np.ascontiguousarray(np.rot90(picture)) for picture in talk])
    write_video(folder / "vfr.mkv", talk, ticks=[40 * i + 17 * (i % 3 == 1) + 200 * (i > 11) for i in range(len(talk))])
    write_video(folder / "deep.mkv", talk, pixels="yuv420p10le")
    write_video(folder / "hdr.mkv", talk, pixels="yuv420p10le", colours={"color_primaries": 9, "color_trc": 16})
    write_video(folder / "narrow.mp4", [shrunk(picture, (192, 480)) for picture in talk], aspect=Fraction(2))
    write_video(folder / "spoken.mkv", talk, sound=speech_samples("en", 1.2))


def write_video(
    path: Path,
    pictures: Sequence[Image],
    *,
    pixels: str = "yuv420p",
    ticks: Sequence[int] | None = None,
    aspect: Fraction = Fraction(1),
    colours: dict[str, int] | None = None,
    sound: NDArray[np.int16] | None = None,
) -> None:
    """Write BGR pictures as lossless H.264.

    Args:
        path: the file; its suffix chooses the container.
        pictures: the frames.
        pixels: pixel format.
        ticks: times of the frames in milliseconds; 25 a second if not given.
        aspect: width of a pixel for its height.
        colours: numbers of ITU-T H.273 for the codec's context.
        sound: 22.05 kHz mono that goes along.
    """
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.codec_context.thread_count = pixels, 1
        stream.codec_context.sample_aspect_ratio = aspect
        for name, number in (colours or {}).items():
            setattr(stream.codec_context, name, number)
        stream.codec_context.time_base = Fraction(1, 1000)
        track: Any = container.add_stream("pcm_s16le", rate=22050, layout="mono") if sound is not None else None
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=pixels)
            frame.pts, frame.time_base = (ticks[index] if ticks else 40 * index), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            heard = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            heard.sample_rate, heard.pts = 22050, 0
            container.mux([*track.encode(heard), *track.encode()])


def speech_samples(language: str, seconds: float) -> NDArray[np.int16]:
    """Read the beginning of the packaged speech: mono, 22.05 kHz."""
    with wave.open(str(SAMPLES / f"speech_{language}.wav")) as file:
        return np.frombuffer(file.readframes(int(seconds * file.getframerate())), dtype=np.int16)


def make_speech(folder: Path) -> None:
    """Write the speech, at several rates."""
    english = speech_samples("en", 2.0)
    write_wave(folder / "en.wav", english)
    write_wave(folder / "short.wav", english[8000:30050])
    write_wave(folder / "ar.wav", speech_samples("ar", 2.0))
    write_wave(folder / "silence.wav", np.zeros(15000, dtype=np.int16))
    write_wave(
        folder / "stereo.wav", np.repeat(english[:22050], 4) // np.tile([1, 3], 44100).astype(np.int16), 44100, 2
    )
    at = np.arange(int(len(english) / 22050 * RATE)) / RATE * 22050
    write_wave(folder / "en16k.wav", np.interp(at, np.arange(len(english)), english).astype(np.int16), RATE)


def write_wave(path: Path, sound: NDArray[np.int16], rate: int = 22050, channels: int = 1) -> None:
    """Write 16-bit sound; channels alternate."""
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(sound.tobytes())


def read_wave(path: Path) -> NDArray[np.float32]:
    """Read mono sound as floats in [-1, 1]."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).astype(np.float32) / np.float32(32768)


def make_phones(folder: Path) -> None:
    """Write what is said, made up: a TextGrid of ARPAbet, a table of IPA, and words as GRID has them."""
    sounds = ["", "HH", "AH0", "L", "OW1", "", "M", "AW1", "TH", "P", "IY1", "S", "F", "R", "UW1", ""]
    ends = [round(0.125 * (index + 1), 3) for index in range(len(sounds))]
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0 2 <exists> 1 "IntervalTier" "phones" 0 2'
    rows = [f'{end - 0.125} {end} "{sound}"' for sound, end in zip(sounds, ends, strict=True)]
    (folder / "said.TextGrid").write_text("\n".join([head, str(len(rows)), *rows]) + "\n")
    spoken = ["ʃ", "iː", "", "b", "ɑ", "p", "uː", "w", "", "v", "ɛ", "m"]
    lines = [f"{0.15 * i:.3f}\t{0.15 * (i + 1):.3f}\t{sound}" for i, sound in enumerate(spoken) if sound]
    (folder / "said.tsv").write_text("start\tend\tsound\n" + "\n".join(lines) + "\n", encoding="utf-8")
    words = ["sil", "bin", "blue", "at", "f", "three", "soon", "sil"]
    (folder / "said.align").write_text("".join(f"{6000 * i} {6000 * (i + 1)} {w}\n" for i, w in enumerate(words)))


def make_checkpoints(folder: Path) -> None:
    """Write seeded random weights in the published layout of the Wav2Lip generator."""
    import torch
    from safetensors.numpy import save_file

    layout = next(ROOT.glob("tests/**/published.json"))
    random = np.random.default_rng(11)
    entries = json.loads(layout.read_text())["generator"]["entries"]
    state = {name: random_weights(random, name, tuple(shape)) for name, shape in entries.items()}
    save_file(state, folder / "net.safetensors")
    tensors = {f"module.{name}": torch.from_numpy(array.copy()) for name, array in state.items()}
    torch.save({"state_dict": tensors, "optimizer": None, "global_step": 7, "global_epoch": 1}, folder / "net.pth")


def random_weights(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Draw one entry of a state dict so that signals keep about their size through all layers."""
    if name.endswith("num_batches_tracked"):
        return np.array(1000, dtype=np.int64)
    if name.endswith("running_var"):
        return random.uniform(0.8, 1.25, shape).astype(np.float32)
    if len(shape) == 4:
        gain = (0.5 if shape[0] == shape[1] else 1.3) / math.sqrt(shape[1] * shape[2] * shape[3])
        return (random.standard_normal(shape) * gain).astype(np.float32)
    return random.normal(1.0 if name.endswith("conv_block.1.weight") else 0.0, 0.05, shape).astype(np.float32)


# Recording and checking -----------------------------------------------------------------------------------------------


def made_outputs(names: Sequence[str]) -> dict[str, Parts]:
    """Make the material in a new folder and run cases there."""
    made: dict[str, Parts] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["MOUTHPIECE_CACHE"] = str(folder / "cache")
        make_material(folder)
        with contextlib.chdir(folder):
            for name in names:
                started = time.monotonic()
                try:
                    made[name] = cases()[name](folder)
                except Exception as error:  # of a case that is no command: a name that has gone, say
                    made[name] = {"report": [f"raised {type(error).__name__}: {error}"]}
                print(f"{time.monotonic() - started:6.1f} s  {name}", file=sys.stderr, flush=True)
    return made


def facts() -> dict[str, Any]:
    """Describe the code and the machine."""
    source = Path(mouthpiece.__file__).parent
    asked = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=7"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    machine = {"cpu": model or platform.processor(), "cores": os.cpu_count(), "python": platform.python_version()}
    return {"commit": commit, "machine": machine | {name: version(name) for name in LIBRARIES}}


def as_stored(parts: Parts) -> dict[str, Any]:
    """Add to each part how many items it has, and one hash over all."""
    return {
        name: {"count": len(items), "all": digest("\n".join(items).encode()), "each": items}
        for name, items in parts.items()
    }


def differences(old: Parts, new: Parts, ignored: Sequence[str] = ()) -> list[str]:
    """Tell where two outcomes of a case differ, a line for each part; what is text is shown."""
    found = []
    for part in sorted((old.keys() | new.keys()) - set(ignored)):
        before, after = old.get(part, []), new.get(part, [])
        if before == after:
            continue
        same = (a == b for a, b in zip(before, after, strict=False))
        first = next((index for index, equal in enumerate(same) if not equal), min(len(before), len(after)))
        line = f"{part} at {first} ({len(before)} -> {len(after)} items)"
        if part == "report":
            line = "\n    ".join([line, *list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]])
        found.append(line)
    return found


def record(path: Path, names: Sequence[str], *, once: bool) -> int:
    """Write the hashes of what the code makes; cases that differ from run to run are told and left out.

    Other cases that the file has of the same commit and machine stay.
    """
    made = made_outputs(names)
    again = made if once else made_outputs(names)
    odd = [name for name in names if differences(made[name], again[name])]
    for name in odd:
        print(f"left out, differs from run to run: {name}: {'; '.join(differences(made[name], again[name]))}")
    stored = json.loads(path.read_text()) if path.exists() else {}
    before = stored["cases"] if facts().items() <= stored.items() else {}
    kept = before | {name: as_stored(made[name]) for name in names if name not in odd}
    path.write_text(json.dumps(facts() | {"cases": kept}, indent=1) + "\n")
    print(f"{path}: {len(kept)} cases of {facts()['commit']}")
    return 1 if odd else 0


def check(path: Path, names: Sequence[str], wanted: Callable[[str], bool], ignored: Sequence[str]) -> int:
    """Print a line for each case; 1 if any differs."""
    stored = json.loads(path.read_text())
    if stored["machine"] != facts()["machine"]:
        print(f"recorded elsewhere, so anything may differ: {stored['machine']}")
    known = {name: parts for name, parts in stored["cases"].items() if wanted(name)}
    made = made_outputs([name for name in names if name in known])
    failed = 0
    for name in [*known, *(name for name in names if name not in known)]:
        if name not in made:
            line = "missing here" if name in known else "new: not recorded"
        else:
            old = {part: value["each"] for part, value in known[name].items()}
            line = "; ".join(differences(old, made[name], ignored))
            line = f"differs: {line}" if line else "same"
        failed += line != "same"
        print(f"{name}: {line}")
    print(f"{len(known)} cases of {stored['commit']}, {failed} not the same at {facts()['commit']}")
    return 1 if failed else 0


def main() -> int:
    """Record or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "check"))
    parser.add_argument("hashes", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="cases whose names begin so")
    parser.add_argument("--skip", action="append", default=[], metavar="CASE", help="cases to leave out, likewise")
    parser.add_argument("--ignore", action="append", default=[], metavar="PART", help="parts that may differ")
    parser.add_argument("--once", action="store_true", help="record without a second run")
    given = parser.parse_args()

    def wanted(name: str) -> bool:
        return name.startswith(tuple(given.only or [""])) and not name.startswith(tuple(given.skip))

    names = [name for name in cases() if wanted(name)]
    path = given.hashes.resolve()
    if given.what == "record":
        return record(path, names, once=given.once)
    return check(path, names, wanted, given.ignore)


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in PINNED.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | PINNED)
    sys.exit(main())
