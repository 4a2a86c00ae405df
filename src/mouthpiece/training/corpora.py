"""Talking faces made into numbers that a motion network can learn from.

    folder of clips --find_sources--> sources --prepare_corpus--> one .npz a clip --load_recording--> Recording

Three layouts are known, told apart by what lies in the folder:

- GRID: `clips/*.mp4` with their sound, `align/*.align`, `manifest.csv` with the columns `clip` and `split`;
- videos: `*.mp4` (or .mpg, .mkv, .mov, .webm, .avi), each with an `.align` of the same name or without; of `NAME.mpg`
  and `NAME_224.mp4` the second is taken;
- curves: `*.flac` or `*.wav` with an `.npz` of the same name that holds `weights` (frames, n), `names` (n) and `fps`:
  a face rig's curves instead of a picture.

Landmarks are kept un-posed: turned to the front, centred and scaled to the outer eye distance, so that what is left of
them is the face's own motion.
"""

from __future__ import annotations

import csv
import glob
import json
import multiprocessing
import os
import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import InputError, MouthpieceError, NoFaceError, NoPictureError, NoSoundError, OptionError
from mouthpiece.types import SAMPLE_RATE, Face, FloatArray, Frame, Phone

ALIGN_UNITS_PER_S = 25_000
"""GRID's .align files count in 1/25000 s."""
SILENT_WORDS = frozenset({"sil", "sp", ""})
"""What .align files call the time in which nobody speaks."""
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg", ".mpeg")
SOUND_SUFFIXES = (".flac", ".wav")
SPLITS = ("train", "val", "test", "unseen")
"""What a clip may be used for; unseen: people that are in no training."""
MIN_SEEN = 0.8
"""Share of the frames in which the face must have been measured."""
CACHE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is said."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Source:
    """A clip as it lies in a user's folder."""

    corpus: str
    """The folder's name."""
    name: str
    """The clip's name, unique in the corpus."""
    media: Path
    """Video with sound, or the sound alone beside `curves`."""
    split: str = "train"
    """One of SPLITS."""
    align: Path | None = None
    """Word times, if known."""
    curves: Path | None = None
    """Rig curves, if there is no picture."""

    @property
    def cached_name(self) -> str:
        """File name in the cache."""
        return f"{self.corpus}.{self.name}.npz"


@dataclass(frozen=True, slots=True)
class Recording:
    """A clip as the network's teachers see it."""

    corpus: str
    name: str
    split: str
    fps: float
    """Frames of the picture (or of the curves) a second; frame n is shown from n / fps on."""
    samples: FloatArray = field(repr=False)
    """(n,) float32 mono speech, SAMPLE_RATE."""
    words: tuple[Word, ...]
    """Empty where the words are not known."""
    landmarks: FloatArray | None = field(repr=False)
    """(T, 468, 3) float32 canonical landmarks; None for a corpus of curves, and for synthetic speech."""
    seen: NDArray[np.bool_]
    """(T,) whether the frame was measured; landmarks of the others repeat a neighbour's."""
    curves: dict[str, FloatArray] = field(default_factory=dict, repr=False)
    """Rig curves by name, each (T,) float32; empty for faces and for synthetic speech."""
    phones: tuple[Phone, ...] = field(default=(), repr=False)
    """Speech sounds with their times, in order; empty where they are not known."""
    language: str = ""
    """What is spoken, as the synthesiser names it (`en-us`); empty where nobody said."""
    voice: str = ""
    """Who or what speaks; empty where nobody said."""

    @property
    def frames(self) -> int:
        """T."""
        return len(self.seen)


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What came of preparing a corpus."""

    made: int
    """Clips done now."""
    kept: int
    """Clips that were there already."""
    skipped: tuple[tuple[str, str], ...]
    """(clip, reason) of those that can't be used."""


def read_align(path: Path) -> tuple[Word, ...]:
    """Words of a GRID .align file, without its silences.

    Raises:
        InputError: a line is not `start end word`.
    """
    words = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"\s*(\d+)\s+(\d+)\s+(\S+)\s*", line)
        if match is None:
            raise InputError(f"{path.name}, line {number}: expected 'start end word', got {line!r}; correct the file")
        if match[3] not in SILENT_WORDS:
            words.append(Word(match[3], int(match[1]) / ALIGN_UNITS_PER_S, int(match[2]) / ALIGN_UNITS_PER_S))
    return tuple(words)


def find_sources(data: Path) -> list[Source]:
    """Every clip in a folder of one of the known layouts, by name.

    Raises:
        InputError: the folder does not exist, or holds nothing of the kind.
    """
    if not data.is_dir():
        raise InputError(f"expected a folder of talking videos, found none at {data}; check the path")
    if (data / "clips").is_dir():
        sources = list(_grid_sources(data))
    else:
        sources = list(_curve_sources(data)) or list(_video_sources(data))
    if not sources:
        raise InputError(
            f"expected clips/*.mp4, *.mp4 or *.flac with *.npz in {data}, found none; "
            "see docs/training.md for the layouts that are known"
        )
    return sources


def _splits(data: Path) -> dict[str, str]:
    """Split by clip, from manifest.csv where there is one.

    Raises:
        InputError: the manifest names an unknown split.
    """
    manifest = data / "manifest.csv"
    if not manifest.is_file():
        return {}
    with manifest.open(newline="", encoding="utf-8") as file:
        splits = {row["clip"]: row["split"] for row in csv.DictReader(file) if row.get("clip") and row.get("split")}
    for clip, split in splits.items():
        if split not in SPLITS:
            raise InputError(
                f"{manifest}: expected one of {', '.join(SPLITS)}, got {split!r} for {clip}; correct the file"
            )
    return splits


def _beside(folder: Path, name: str) -> Path | None:
    """The .align file of a clip, if there."""
    path = folder / f"{name}.align"
    return path if path.is_file() else None


def _grid_sources(data: Path) -> Iterator[Source]:
    splits = _splits(data)
    for media in sorted((data / "clips").iterdir()):
        if media.suffix.lower() in VIDEO_SUFFIXES:
            split = splits.get(media.stem, "train")
            yield Source(data.name, media.stem, media, split, _beside(data / "align", media.stem))


def _video_sources(data: Path) -> Iterator[Source]:
    splits = _splits(data)
    videos = {path.stem: path for path in sorted(data.iterdir()) if path.suffix.lower() in VIDEO_SUFFIXES}
    for stem, media in videos.items():
        if f"{stem}_224" in videos:
            continue
        name = stem.removesuffix("_224")
        yield Source(data.name, name, media, splits.get(stem, splits.get(name, "train")), _beside(data, name))


def _curve_sources(data: Path) -> Iterator[Source]:
    sounds = [
        path
        for path in sorted(data.iterdir())
        if path.suffix.lower() in SOUND_SUFFIXES and path.with_suffix(".npz").is_file()
    ]
    # Such corpora are a few long recordings; where nobody says otherwise the last one tests, the one before validates.
    default = ["train"] * (len(sounds) - 2) + ["val", "test"] if len(sounds) > 2 else ["train"] * len(sounds)
    splits = _splits(data)
    for media, split in zip(sounds, default, strict=True):
        yield Source(data.name, media.stem, media, splits.get(media.stem, split), curves=media.with_suffix(".npz"))


def prepare_corpus(
    data: Path,
    out: Path,
    *,
    splits: Collection[str] = SPLITS,
    workers: int = 2,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CorpusReport:
    """Measure every clip of a folder and keep the result, one .npz a clip.

    Clips already in `out` are left as they are, so an interrupted run goes on where it stopped. A clip that can't be
    used is listed, not fatal; it is not tried again until its name is taken out of `<corpus>.skipped.json` in `out`.

    Args:
        data: a folder in one of the known layouts.
        out: where the cache goes; made if missing.
        splits: leave clips of other splits alone.
        workers: processes to use.
        limit: at most so many clips of each split.
        progress: called with (clips done, clips in all).

    Raises:
        InputError: there is nothing to prepare.
    """
    every = find_sources(data)
    sources = [s for split in splits for s in [c for c in every if c.split == split][:limit]]
    out.mkdir(parents=True, exist_ok=True)
    list_path = out / f"{data.name}.skipped.json"
    skipped: dict[str, str] = json.loads(list_path.read_text("utf-8")) if list_path.is_file() else {}
    missing = [s for s in sources if s.name not in skipped and not (out / s.cached_name).is_file()]
    kept = sum((out / source.cached_name).is_file() for source in sources)
    made = 0
    for done, (name, problem) in enumerate(_measure_all(missing, out, workers), start=1):
        if problem:
            skipped[name] = problem
            list_path.write_text(json.dumps(skipped, indent=1, sort_keys=True), "utf-8")
        else:
            made += 1
        if progress:
            progress(len(sources) - len(missing) + done, len(sources))
    return CorpusReport(made, kept, tuple(sorted(skipped.items())))


def _measure_all(sources: list[Source], out: Path, workers: int) -> Iterator[tuple[str, str | None]]:
    """(clip, what was wrong with it or None), in the order in which they get done."""
    if workers <= 1 or len(sources) < 2:
        for source in sources:
            yield source.name, _measure_one(source, out)
        return
    # Spawned, not forked: the parent may have OpenVINO's or torch's threads running.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = {pool.submit(_measure_one, source, out): source for source in sources}
        for job in as_completed(jobs):
            yield jobs[job].name, job.result()


def _measure_one(source: Source, out: Path) -> str | None:
    """Put one clip into the cache; what was wrong with it, or None."""
    try:
        recording = read_curves(source) if source.curves else measure_video(source)
    except MouthpieceError as error:
        return str(error)
    save_recording(recording, out / source.cached_name)
    return None


def measure_video(source: Source) -> Recording:
    """Decode a video, follow its face, un-pose it.

    Raises:
        NoPictureError, NoSoundError: a track is missing.
        NoFaceError: the face is hidden for too long.
        InputError: the file can't be decoded.
    """
    from mouthpiece.face import FaceTracker

    samples = read_sound(source.media)
    tracker = FaceTracker(smooth=False)
    rows: list[FloatArray | None] = []
    fps = 25.0
    for rate, frame in _read_pictures(source.media):
        fps = float(rate)
        tracked = tracker.track(frame)
        rows.append(canonical_landmarks(tracked.face) if tracked.face and tracked.shot == 0 else None)
    seen = np.array([row is not None for row in rows], dtype=bool)
    if len(rows) < 2 or seen.mean() < MIN_SEEN:
        raise NoFaceError(
            f"{source.name}: expected one face throughout, saw it in {int(seen.sum())} of {len(rows)} frames"
        )
    measured = np.stack([row for row in rows if row is not None])  # (S, 468, 3)
    nearest = np.clip(np.searchsorted(np.flatnonzero(seen), np.arange(len(rows))), 0, len(measured) - 1)
    words = read_align(source.align) if source.align else ()
    return Recording(source.corpus, source.name, source.split, fps, samples, words, measured[nearest], seen)


def read_curves(source: Source) -> Recording:
    """Read a clip that has rig curves instead of a picture.

    Raises:
        InputError: the curves' file is not what it should be.
        NoSoundError: there is no sound.
    """
    if source.curves is None:
        raise OptionError(f"{source.name} has no curves; use measure_video")
    try:
        with np.load(source.curves, allow_pickle=False) as file:
            weights, names, fps = (
                file["weights"].astype(np.float32),
                [str(n) for n in file["names"]],
                float(file["fps"]),
            )
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise InputError(f"{source.curves.name}: expected arrays weights, names and fps; {error}") from error
    curves = {name: np.ascontiguousarray(weights[:, i]) for i, name in enumerate(names)}
    seen = np.ones(len(weights), dtype=bool)
    return Recording(source.corpus, source.name, source.split, fps, read_sound(source.media), (), None, seen, curves)


def canonical_landmarks(face: Face, pixel_aspect: float = 1.0) -> FloatArray:
    """A face's landmarks without its pose.

    Args:
        face: a measured face.
        pixel_aspect: of the picture that it was measured in.

    Returns:
        (468, 3) float32 in canonical units; the rigid points lie on the reference face's in the mean.
    """
    from mouthpiece.face import reference_face
    from mouthpiece.face.pose import RIGID_POINTS

    square = face.landmarks * np.array([pixel_aspect, 1, 1], dtype=np.float32)
    square = square - np.array([*face.pose.centre, 0.0], dtype=np.float32)
    turned = square @ face.pose.rotation / np.float32(face.pose.scale)
    # The picture doesn't say how far the head is: depth is counted from where the rigid points have it.
    depth = (reference_face()[RIGID_POINTS, 2] - turned[RIGID_POINTS, 2]).mean()
    shift = face.pose.rotation[2] * depth / max(float(face.pose.rotation[2, 2]), 0.3)
    unposed: FloatArray = (turned + shift).astype(np.float32)
    return unposed


def _read_pictures(path: Path) -> Iterator[tuple[Fraction, Frame]]:
    """(frame rate, frame) of a video's first picture track."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise NoPictureError(f"{path.name}: expected a picture track, found none; this corpus needs video")
            rate = container.streams.video[0].average_rate or Fraction(25)
            for index, picture in enumerate(container.decode(video=0)):
                rgb = np.asarray(picture.to_ndarray(format="rgb24"), dtype=np.uint8)
                yield rate, Frame(index / rate, 1 / rate, rgb)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path.name} can't be decoded ({error}); replace or remove it") from error


def read_sound(path: Path) -> FloatArray:
    """All of a file's first sound track as mono float32 at SAMPLE_RATE, (n,).

    Raises:
        NoSoundError: there is none.
        InputError: the file can't be decoded.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise NoSoundError(f"{path.name}: expected a sound track, found none; this corpus needs speech")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            pieces = [
                piece.to_ndarray().reshape(-1)
                for frame in [*container.decode(audio=0), None]
                for piece in resampler.resample(frame)
            ]
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path.name} can't be decoded ({error}); replace or remove it") from error
    if not pieces:
        raise NoSoundError(f"{path.name}: expected speech, found an empty sound track; replace or remove it")
    return np.concatenate(pieces).astype(np.float32)


def save_recording(recording: Recording, path: Path) -> None:
    """Write a recording to the cache; the file appears whole or not at all."""
    from mouthpiece.face import reference_face

    arrays: dict[str, NDArray[np.generic]] = {
        "samples": np.clip(np.round(recording.samples * 32767), -32768, 32767).astype(np.int16),
        "seen": recording.seen,
        "about": np.array(
            json.dumps(
                {
                    "version": CACHE_VERSION,
                    "corpus": recording.corpus,
                    "name": recording.name,
                    "split": recording.split,
                    "fps": recording.fps,
                    "words": [[word.text, word.start_s, word.end_s] for word in recording.words],
                    "curves": list(recording.curves),
                    "phones": [[phone.symbol, phone.start_s, phone.end_s] for phone in recording.phones],
                    "language": recording.language,
                    "voice": recording.voice,
                }
            )
        ),
    }
    if recording.landmarks is not None:
        # Half precision is enough for the distance from the mean face (steps below 1e-4), not for the points.
        arrays["landmarks"] = (recording.landmarks - reference_face()).astype(np.float16)
    if recording.curves:
        arrays["curves"] = np.stack(list(recording.curves.values())).astype(np.float32)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.npz")
    np.savez(unfinished, **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)


def load_recording(path: Path) -> Recording:
    """Read a recording from the cache.

    Raises:
        InputError: the file is not one of ours, or of another version.
    """
    from mouthpiece.face import reference_face

    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            samples = file["samples"].astype(np.float32) / 32767
            seen = file["seen"]
            landmarks = file["landmarks"].astype(np.float32) + reference_face() if "landmarks" in file else None
            curves = dict(zip(about["curves"], file["curves"], strict=True)) if "curves" in file else {}
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise InputError(f"{path.name} is not a prepared recording ({error}); delete it and prepare again") from error
    if about["version"] != CACHE_VERSION:
        raise InputError(f"{path.name} was prepared by another version; delete it and prepare again")
    words = tuple(Word(text, start_s, end_s) for text, start_s, end_s in about["words"])
    return Recording(
        about["corpus"],
        about["name"],
        about["split"],
        about["fps"],
        samples,
        words,
        landmarks,
        seen,
        curves,
        phones=tuple(Phone(symbol, start_s, end_s) for symbol, start_s, end_s in about.get("phones", ())),
        language=about.get("language", ""),
        voice=about.get("voice", ""),
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording in a cache, unread."""

    path: Path
    corpus: str
    name: str
    split: str


def list_prepared(cache: Path, corpus: str | None = None, split: str | None = None) -> list[Prepared]:
    """The recordings in a cache, by file name; their sounds and faces stay unread.

    Args:
        cache: folder that `prepare_corpus` filled.
        corpus: only this corpus.
        split: only this split.
    """
    found = []
    for path in sorted(cache.glob(f"{glob.escape(corpus)}.*.npz" if corpus else "*.npz")):
        try:
            with np.load(path, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
            clip = Prepared(path, about["corpus"], about["name"], about["split"])
        except (OSError, KeyError, ValueError, TypeError, BadZipFile):
            continue  # Somebody else's .npz, or a damaged one: load_recording says so to whoever asks for it by name.
        if corpus in (None, clip.corpus) and split in (None, clip.split):
            found.append(clip)
    return found


def load_corpus(cache: Path, corpus: str, split: str | None = None, limit: int | None = None) -> list[Recording]:
    """The prepared recordings of a corpus, by name.

    Args:
        cache: folder that `prepare_corpus` filled.
        corpus: name of the corpus (its folder's name).
        split: only this split.
        limit: at most so many.

    Raises:
        InputError: there are none.
    """
    found = list_prepared(cache, corpus, split)[:limit]
    if not found:
        wanted = f"usable clips of the split {split!r}" if split else "usable clips"
        raise InputError(f"expected {wanted} in the corpus {corpus}, found none; see its manifest.csv")
    return [load_recording(clip.path) for clip in found]
