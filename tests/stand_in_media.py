"""Media made from the packaged samples, in place of recordings of people that a clone does not have.

File names, formats, sizes, rates and lengths are those of the real files, and every folder is made when a test first
asks for it. Faces are avatars whose mouths the mesh engine moves; voices are the sample speech. What holds for
people alone is marked `real_media` and never tried here.
"""

from __future__ import annotations

import math
import sys
import wave
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from filelock import FileLock
from PIL import Image

from mouthpiece import samples
from mouthpiece.types import SAMPLE_RATE, FloatArray, Picture

if sys.platform == "win32":
    from pathlib import WindowsPath as _OwnPath
else:
    from pathlib import PosixPath as _OwnPath

FPS = 25
CLIP_S = 3
BLUE = (30, 150, 200)
"""The background that all speakers of the corpus share."""
AVATAR_EYES = (385.0, 430.0)
AVATAR_EYE_DISTANCE = 257.0
"""Middle and distance of the outer corners of every avatar's eyes, pixels."""
AVATAR_WIDTH = 768

Placing = tuple[tuple[int, int], tuple[float, float], float]
"""Width and height of a picture, the middle of the eyes in it, their distance."""

PHOTOS: dict[str, tuple[str, Placing]] = {
    "boy_3d_cartoon.png": ("child", ((1342, 1342), (702, 723), 470)),
    "man_half_body.png": ("old_man", ((1024, 1024), (507, 176), 114)),
    "man_head_crop.jpg": ("man", ((800, 800), (357, 282), 206)),
    "woman_half_body.png": ("woman_headscarf", ((1024, 1024), (514, 206), 125)),
    "woman_portrait.png": ("woman", ((1280, 1280), (661, 569), 379)),
}
MISNAMED = ("boy_3d_cartoon.png",)
"""JPEG by another name."""
PARTED = ("man_head_crop.jpg", "woman_half_body.png")
"""Photos of people with parted lips."""
SPEAKERS: dict[str, tuple[str, Placing]] = {
    "s1": ("woman", ((360, 288), (155, 158), 69)),
    "s5": ("man_beard", ((360, 288), (175, 145), 83)),
    "s22": ("child", ((360, 288), (180, 186), 79)),
}
LIVELINESS = {"s1": 1.15, "s5": 1.7, "s22": 1.3}
"""How widely each speaker opens the mouth."""
TALKER: tuple[str, Placing] = ("girl", ((512, 512), (251, 273), 143))
UNSEEN = (
    *("s22_bbad1n", "s22_lbbc2a", "s5_bbae8n", "s5_bbae9s", "s5_bbaf1a", "s5_bbafzp", "s5_bbal2n", "s5_bbal3s"),
    *("s5_bbal4p", "s5_bbal5a", "s5_bbar6n", "s5_bbar7s", "s5_bbar8p", "s5_lbax4n"),
)
ONE_MAN = {"bbaf2n": "train", "bbaf3s": "test", "lwws4a": "val"}
"""A few clips of the training corpus and their splits."""
WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},
    dict(
        zip("z123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
"""The words that the letters of a clip's name stand for; the fourth is a letter itself."""
SPOKEN_S = (0.38, 2.18)
"""When the words of a clip are spoken."""
RECORDINGS = {
    "ar_male_watson": ("ar", 0.94, 18.230438, SAMPLE_RATE),
    "ar_synthetic_female_espeak": ("ar", 1.1, 21.744308, 22_050),
    "de_female_kerstin": ("en", 1.12, 25.0, SAMPLE_RATE),
    "en_female_ljspeech": ("en", 1.08, 45.0, 22_050),
    "en_male_watson": ("en", 1.0, 38.1465, SAMPLE_RATE),
    "es_dialogue_watson": ("en", 0.97, 30.0, SAMPLE_RATE),
    "fr_female_watson": ("ar", 1.05, 9.330563, SAMPLE_RATE),
    "ja_watson": ("ar", 0.9, 20.890375, SAMPLE_RATE),
    "zh_watson": ("en", 0.92, 11.302313, SAMPLE_RATE),
}
"""Language of the sample, tape speed, seconds and rate of each recording."""
FIRST_S = 3.0
"""Where in the sample the recording begins that has variants, seconds: with open vowels."""
RIG_S = {**{f"1114_2_0{number}": 4 for number in range(1, 6)}, "1114_3_15": 4, "1114_3_16": 12}
"""Seconds of each recording that comes with a rig's curves."""
RIG_SHARES = {
    **{"mouth_stretch_c": 0.9, "mouth_oh_c": 0.3, "mouth_oo_c": 0.2, "mouth_pucker_l": 0.2, "mouth_pucker_r": 0.2},
    **{"mouth_funnel_dl": 0.2, "mouth_funnel_dr": 0.2, "mouth_lipCornerPull_l": 0.4, "mouth_lipCornerPull_r": 0.4},
    **{"mouth_lipStretch_l": 0.3, "mouth_lipStretch_r": 0.3, "brow_raise_c": 0.1},
}
"""How much of the loudness each curve of the rig shows."""


class StandInMedia(_OwnPath):
    """A folder of media whose folders are made when one of their files is asked for."""

    def __truediv__(self, name: Any) -> Any:
        folder = Path(str(self))
        _make(folder, Path(name).parts[0])
        return folder / name


def _make(root: Path, name: str) -> None:
    """Make one folder, once for all processes that test together."""
    made, maker = root / name, _MAKERS.get(name)
    if maker is None or made.is_dir():
        return
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{name}.lock"):
        if not made.is_dir():
            unfinished = root / f"{name}.unfinished"
            unfinished.mkdir()
            maker(unfinished)
            unfinished.rename(made)


# Sound


def speech(
    language: str, seconds: float, rate: int = SAMPLE_RATE, speed: float = 1.0, first_s: float = 0.0
) -> FloatArray:
    """Return sample speech over and over with pauses between, from a moment on, in the faint noise of a room, (n,)."""
    with wave.open(str(samples.sample_speech(language))) as recording:
        told = np.frombuffer(recording.readframes(recording.getnframes()), "<i2") / 32768
        times = np.arange(0, len(told), speed * recording.getframerate() / rate)
    once = np.interp(times, np.arange(len(told)), told)
    loud = np.flatnonzero(np.abs(once) > 0.02 * np.abs(once).max())
    once = once[loud[0] : loud[-1]]
    turn = np.concatenate([np.zeros(round(0.3 * rate)), once, np.zeros(round(0.4 * rate))])
    turn = np.roll(turn, -round(first_s * rate))
    count = round(seconds * rate)
    said = np.tile(turn, -(-count // len(turn)))[:count]
    return np.asarray(0.7 * said / np.abs(told).max() + _room(count), np.float32)


def _room(count: int) -> FloatArray:
    """Return so many samples of the faint noise that a room makes."""
    return np.asarray(10 ** (-66 / 20) * np.random.default_rng(0).standard_normal(count), np.float32)


def _write_wav(path: Path, sound: FloatArray, rate: int = SAMPLE_RATE) -> None:
    """Write (n,) or (n, channels) as 16 bit."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.round(32767 * np.clip(sound, -1, 1)).astype("<i2").tobytes())


def _write_sound(path: Path, sound: FloatArray, codec: str, sample_format: str, rate: int = SAMPLE_RATE) -> None:
    """Write mono speech that is at `rate` already (or, for Opus, at 16 kHz)."""
    with av.open(str(path), "w", format="ipod" if path.suffix == ".m4a" else None) as container:
        layout = "stereo" if codec == "vorbis" else "mono"  # FFmpeg's own Vorbis encoder has nothing else
        _SoundTrack(container, codec, rate, layout, sample_format).write(sound, SAMPLE_RATE if rate > 44_100 else rate)


class _SoundTrack:
    """The sound of a file that is being written."""

    def __init__(self, container: Any, codec: str, rate: int, layout: str, sample_format: str) -> None:
        self._container = container
        self._stream = container.add_stream(codec, rate=rate, options={"strict": "experimental"})
        self._stream.layout = layout
        size = 1152 if codec in ("mp2", "libmp3lame") else 1024
        size = 960 if codec == "libopus" else size
        self._resampler = av.AudioResampler(sample_format, layout, rate, frame_size=size)

    def write(self, sound: FloatArray, rate: int) -> None:
        """Write (n,) samples, all there are."""
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None], np.float32), "fltp", "mono")
        block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
        for frame in (*self._resampler.resample(block), *self._resampler.resample(None)):
            self._container.mux(self._stream.encode(frame))
        self._container.mux(self._stream.encode(None))


def _make_audio(folder: Path) -> None:
    for name, (language, speed, seconds, rate) in RECORDINGS.items():
        first_s = FIRST_S if name == "en_male_watson" else 0.0
        _write_wav(folder / f"{name}.wav", speech(language, seconds, rate, speed, first_s), rate)
    variants = folder / "variants"
    variants.mkdir()
    spoken = speech("en", 12, first_s=FIRST_S)
    _write_sound(variants / "en_male.flac", spoken, "flac", "s16")
    _write_sound(variants / "en_male.m4a", spoken, "aac", "fltp")
    _write_sound(variants / "en_male.mp3", spoken, "libmp3lame", "fltp")
    _write_sound(variants / "en_male.ogg", spoken, "vorbis", "fltp")
    _write_sound(variants / "en_male.webm", spoken, "libopus", "flt", 48_000)
    _write_sound(
        variants / "en_male_phone_8k_mulaw.wav", speech("en", 12, 8_000, first_s=FIRST_S), "pcm_mulaw", "s16", 8_000
    )
    _write_wav(
        variants / "en_male_48k_stereo.wav", np.stack([speech("en", 12, 48_000, first_s=FIRST_S)] * 2, axis=1), 48_000
    )
    _write_wav(variants / "en_male_fast.wav", speech("en", 8.59125, speed=1.4, first_s=FIRST_S))
    voice = float(np.sqrt((spoken**2).mean()))
    noise = np.random.default_rng(1).standard_normal(len(spoken))
    for level_db in (0, 10):
        noisy = 0.5 * (spoken + voice * 10 ** (-level_db / 20) * noise)
        _write_wav(variants / f"en_male_noise_{level_db}db.wav", noisy.astype(np.float32))
    time_s = np.arange(len(spoken)) / SAMPLE_RATE
    notes = 220 * np.array([1, 1.25, 1.5, 2])[(time_s // 0.5).astype(int) % 4]
    tune = np.sin(2 * np.pi * np.cumsum(notes) / SAMPLE_RATE)
    music = 0.5 * (spoken + voice * 10 ** (-6 / 20) * tune / tune.std())
    _write_wav(variants / "en_male_music_6db.wav", music.astype(np.float32))
    padded, start = np.zeros(15 * SAMPLE_RATE, np.float32), round(0.3 * SAMPLE_RATE)
    for at_s, length_s in ((2.0, 4.1), (8.0, 4.1)):
        at, length = round(at_s * SAMPLE_RATE), round(length_s * SAMPLE_RATE)
        padded[at : at + length] = spoken[start : start + length]
        start += length
    _write_wav(variants / "en_male_padded.wav", padded)


# Pictures


def _avatar(name: str) -> Picture:
    [path] = [avatar.path for avatar in samples.avatars() if avatar.name == name]
    return np.asarray(Image.open(path).convert("RGB"), np.uint8)


def _before_blue(rgb: Picture) -> Picture:
    """Return an avatar before the background that all speakers of the corpus share."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / height
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    border = np.zeros((height, width), bool)
    border[:20] = border[: height // 2, :30] = border[: height // 2, -30:] = True
    background = terms @ np.linalg.lstsq(terms[border], rgb[border].astype(np.float64), rcond=None)[0]
    near = np.abs(cv2.GaussianBlur(rgb, (0, 0), 1.5) - background).max(axis=-1) < 11
    _, parts = cv2.connectedComponents(cv2.erode(near.astype(np.uint8), np.ones((5, 5))), connectivity=4)
    outside = np.isin(parts, np.unique([parts[5, 5], parts[5, -6]])).astype(np.uint8)
    mask = 255 * cv2.dilate(outside, np.ones((5, 5)))
    alpha = cv2.GaussianBlur(mask, (0, 0), 2)[..., None] / 255
    return np.asarray(np.round(rgb * (1 - alpha) + alpha * np.array(BLUE)), np.uint8)


def _halved(rgb: Picture) -> Picture:
    """Return a picture at half its size."""
    size = (rgb.shape[1] // 2, rgb.shape[0] // 2)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _placed(rgb: Picture, placing: Placing, sway: tuple[float, float, float, float] = (0, 0, 0, 1)) -> Picture:
    """Return an avatar in a picture of a size, with its eyes at a place, after (x, y, degrees, scale) of movement."""
    size, (x, y), distance = placing
    dx, dy, degrees, larger = sway
    eyes, stored = (
        np.array(AVATAR_EYES) * rgb.shape[1] / AVATAR_WIDTH,
        AVATAR_EYE_DISTANCE * rgb.shape[1] / AVATAR_WIDTH,
    )
    scale = larger * distance / stored
    if scale < 0.8:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.4 / scale), np.uint8)
    turn = cv2.getRotationMatrix2D(tuple(eyes), degrees, scale)
    turn[:, 2] += np.array([x + dx, y + dy]) - eyes
    return np.asarray(
        cv2.warpAffine(rgb, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _make_photos(folder: Path) -> None:
    for name, (avatar, placing) in PHOTOS.items():
        rgb = _avatar(avatar)
        if name in PARTED:
            shown = _speaking(rgb, speech("en", 1.2), 10, 1.0, folder)
            rgb = max(shown, key=lambda now: float(np.abs(now.astype(int) - rgb).mean()))
        else:  # no photo is as sharp as a painting
            rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.7), np.uint8)
        kind = "JPEG" if name in MISNAMED else None
        Image.fromarray(_placed(rgb, placing)).save(folder / name, format=kind, quality=92)


# Videos


def _speaking(rgb: Picture, spoken: FloatArray, fps: int, intensity: float, folder: Path) -> list[Picture]:
    """Return the pictures of an avatar that says a speech, through the whole pipeline."""
    import mouthpiece
    from mouthpiece.options import EngineOptions, SyncOptions

    face, sound, out = folder / "face.png", folder / "speech.wav", folder / "talking.mp4"
    Image.fromarray(rgb).save(face)
    _write_wav(sound, spoken)
    mouthpiece.sync(face, sound, out, SyncOptions(engine=EngineOptions("mesh", intensity=intensity), fps=Fraction(fps)))
    with av.open(str(out)) as container:
        shown = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
    for path in (face, sound, out):
        path.unlink()
    return shown


def _swaying(shown: Sequence[Picture], placing: Placing, fps: int, sway: float) -> Iterator[Picture]:
    """Yield the pictures with a head that moves a little, and with a camera's grain."""
    grain = np.random.default_rng(0)
    for index, rgb in enumerate(shown):
        phase = 2 * math.pi * index / fps
        movement = (
            *(sway * 0.02 * placing[2] * math.sin(0.31 * phase), sway * 0.01 * placing[2] * math.sin(0.47 * phase)),
            *(sway * 0.5 * math.sin(0.23 * phase), 1 + sway * 0.004 * math.sin(0.37 * phase)),
        )
        placed = _placed(rgb, placing, movement)
        yield np.clip(placed + grain.integers(-1, 2, placed.shape[:2])[..., None], 0, 255).astype(np.uint8)


def _write_video(
    path: Path,
    shown: Sequence[Picture],
    codec: str,
    fps: int = FPS,
    *,
    options: dict[str, str] | None = None,
    bit_rate: int = 0,
    sound: tuple[FloatArray, str, int, str, str] | None = None,
) -> None:
    """Write pictures, and sound at 16 kHz with its codec, rate, layout and sample format."""
    kind: dict[str, Any] = {"format": "mpeg", "options": {"preload": "0"}} if path.suffix == ".mpg" else {}
    with av.open(str(path), "w", **kind) as container:
        stream: Any = container.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if bit_rate:
            stream.bit_rate = bit_rate
        track = None if sound is None else _SoundTrack(container, *sound[1:])
        for index, rgb in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            track.write(sound[0], SAMPLE_RATE)


def _write_mpeg1(path: Path, shown: Sequence[Picture], spoken: FloatArray) -> None:
    sound = (spoken, "mp2", 44_100, "stereo", "s16")
    _write_video(path, shown, "mpeg1video", bit_rate=1_200_000, sound=sound)


def _write_crop(path: Path, shown: Sequence[Picture], spoken: FloatArray, x: int, y: int) -> None:
    crops = [rgb[y : y + 224, x : x + 224] for rgb in shown]
    sound = (spoken, "flac", SAMPLE_RATE, "mono", "s16")
    _write_video(path, crops, "libx264", options={"crf": "21", "bf": "0"}, sound=sound)


def _sentences(count: int, first_s: float) -> list[FloatArray]:
    """Return short sentences with silence around them, each as long as a clip of the corpus."""
    spoken = speech("en", 60)
    found = []
    for index in range(count):
        sound = _room(CLIP_S * SAMPLE_RATE)
        start, end = (round(at * SAMPLE_RATE) for at in SPOKEN_S)
        at = round((first_s + 1.3 * index) * SAMPLE_RATE)
        sound[start:end] = spoken[at : at + end - start]
        found.append(sound)
    return found


def _align(name: str) -> str:
    """Return the times of the words of a clip, 1000 units a frame, evenly spread."""
    words = [meaning.get(letter, letter) for letter, meaning in zip(name, WORDS, strict=True)]
    times = np.linspace(*SPOKEN_S, 7)
    lines = [(0.0, times[0], "sil"), *zip(times, times[1:], words, strict=False), (times[-1], CLIP_S - 0.02, "sil")]
    return "".join(f"{round(25_000 * start)} {round(25_000 * end)} {word}\n" for start, end, word in lines)


def _corpus_rows(names: Sequence[tuple[str, str, str, str]], x: int, y: int) -> str:
    """Return the manifest of a corpus: (clip, speaker, code of the words, split)."""
    lines = ["clip,speaker,words,split,crop_x,crop_y,face_x,face_y,face_w,face_h,sha256"]
    for clip, speaker, code, split in names:
        words = " ".join(line.split()[2] for line in _align(code).splitlines()[1:-1])
        lines.append(f"{clip},{speaker},{words},{split},{x},{y},44.0,37.0,138.0,138.0,{'0' * 64}")
    return "\n".join(lines) + "\n"


def _takes(speaker: str, sentences: Sequence[FloatArray], folder: Path) -> list[list[Picture]]:
    """Return the pictures of each sentence, said by one speaker of the corpus in one session."""
    avatar, placing = SPEAKERS[speaker]
    shown = _speaking(
        _halved(_before_blue(_avatar(avatar))), np.concatenate(sentences), FPS, LIVELINESS[speaker], folder
    )
    swayed = list(_swaying(shown, placing, FPS, 1.0))
    length = CLIP_S * FPS
    return [swayed[start : start + length] for start in range(0, len(sentences) * length, length)]


def _make_unseen(folder: Path) -> None:
    x, y = 64, 64
    for speaker, count in (("s22", 2), ("s5", 4)):
        sentences = _sentences(count, 0.5 if speaker == "s5" else 3.1)
        takes = _takes(speaker, sentences, folder)
        names = [name for name in UNSEEN if name.startswith(f"{speaker}_")]
        for index, name in enumerate(names):
            shown, spoken = takes[index % count], sentences[index % count]
            _write_mpeg1(folder / f"{name}.mpg", shown, spoken)
            _write_crop(folder / f"{name}_224.mp4", shown, spoken, x, y)
            (folder / f"{name}.align").write_text(_align(name.split("_")[1]), encoding="ascii")
    rows = [(f"{name}_224", name.split("_")[0], name.split("_")[1], "unseen") for name in UNSEEN]
    (folder / "manifest.csv").write_text(_corpus_rows(rows, x, y), encoding="ascii")


def _make_one_man(folder: Path) -> None:
    x, y = 44, 64
    for name in ("clips", "align"):
        (folder / name).mkdir()
    sentences = _sentences(len(ONE_MAN), 1.0)
    for name, shown, spoken in zip(ONE_MAN, _takes("s1", sentences, folder), sentences, strict=True):
        _write_crop(folder / "clips" / f"{name}.mp4", shown, spoken, x, y)
        (folder / "align" / f"{name}.align").write_text(_align(name), encoding="ascii")
    rows = [(name, "s1", name, split) for name, split in ONE_MAN.items()]
    (folder / "manifest.csv").write_text(_corpus_rows(rows, x, y), encoding="ascii")


def _make_clips(folder: Path) -> None:
    [spoken] = _sentences(1, 1.0)
    [shown] = _takes("s1", [spoken], folder)
    for name in ("bbaf3s", "bbbm1s"):
        _write_mpeg1(folder / f"grid_s1_{name}.mpg", shown, spoken)
    [spoken] = _sentences(1, 3.1)
    canvas = []
    for rgb in _takes("s22", [spoken], folder)[0]:
        large = np.asarray(cv2.resize(rgb, (720, 576), interpolation=cv2.INTER_CUBIC), np.uint8)
        around = np.full((720, 1280, 3), BLUE, np.uint8)
        around[144:, 293:1013] = large
        canvas.append(around)
    sound = (spoken, "aac", 48_000, "stereo", "fltp")
    _write_video(folder / "grid_s22_on_720p.mp4", canvas, "libx264", options={"crf": "21"}, sound=sound)
    avatar, placing = TALKER
    spoken = np.pad(speech("en", 5.15), (round(0.85 * SAMPLE_RATE), 0))
    shown = _speaking(_halved(_avatar(avatar)), spoken, 24, 2.0, folder)
    swayed = list(_swaying([*shown, *shown[::-1]], placing, 24, 3.0))
    _write_video(folder / "talking_silent_fur_hat.mp4", swayed, "mpeg4", 24, bit_rate=1_200_000)


# Curves and transcribed speech


def _make_rig(folder: Path) -> None:
    """Make short recordings with the curves of a face rig, whose jaw opens with the loudness."""
    rows = ["file,frames,sha256"]
    for index, (name, seconds) in enumerate(RIG_S.items()):
        spoken = speech("en" if index % 2 == 0 else "ar", seconds)
        _write_sound(folder / f"{name}.flac", spoken, "flac", "s16")
        frames = 30 * seconds
        loud = np.sqrt([(part**2).mean() for part in np.array_split(spoken, frames)])
        opening = np.convolve(np.clip(loud / 0.2, 0, 1), np.hanning(7) / np.hanning(7).sum(), "same")
        weights = np.outer(opening, list(RIG_SHARES.values())).astype(np.float32)
        np.savez(folder / f"{name}.npz", weights=weights, names=np.array(list(RIG_SHARES)), fps=30)
        rows += [f"{name}.npz,{frames},{'0' * 64}", f"{name}.flac,{frames},{'0' * 64}"]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="ascii")


_MAKERS: dict[str, Callable[[Path], None]] = {
    "audio": _make_audio,
    "photos": _make_photos,
    "clips": _make_clips,
    "grid_unseen_dev": _make_unseen,
    "grid_s1": _make_one_man,
    "facegood_mandarin": _make_rig,
}
