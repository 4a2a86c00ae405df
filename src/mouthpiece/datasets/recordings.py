"""Recordings of speech with a face, rig curves or phones, and the cache that keeps them, one .npz a clip.

What lies in such a file (version 3):

- `about`: JSON text: version, corpus, name, split, fps, words, curves' names, phones, language, voice, offset_s,
  start_s;
- `samples`: (n,) int16, speech at 16 kHz;
- `seen`: (T,) bool;
- `points`: (P,) uint16 mesh points, and `landmarks`: (P, 3, T) int16, the distance from the reference face in steps of
  1 / LANDMARK_STEPS, each frame as the difference from the one before (long runs of small numbers pack well);
- `curves`: (n, T) float32, for a rig.

Version 2 is the same with faces measured by an older face mesh, which are not read any more; its files without a face
are. They may hold features of the sound (`log_mel`, `mfcc`, `activity`), which nothing uses.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mouthpiece.atomic_write import atomic_write
from mouthpiece.errors import InputError
from mouthpiece.face import reference_face
from mouthpiece.types import FloatArray, Phone, SpokenWord

CACHE_VERSION = 3
READABLE_VERSIONS = (2, 3)
LANDMARK_STEPS = 8192
"""Steps that an outer eye distance is kept in: each a twentieth of the face mesh's own noise."""
ALL_POINTS: NDArray[np.intp] = np.arange(478)
"""The face mesh."""


@contextmanager
def open_arrays(path: Path) -> Iterator[Any]:
    """Open the arrays of an .npz file by name. (numpy itself leaves a file open that begins like one and is none.)"""
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        yield file


@dataclass(frozen=True, slots=True)
class Recording:
    """A clip: its speech, and what is known of the mouth."""

    corpus: str
    name: str
    split: str
    fps: float
    """Frames of the picture (or of the curves) a second; frame n is shown from n / fps on."""
    samples: FloatArray = field(repr=False)
    """(n,) float32 mono speech, SAMPLE_RATE."""
    words: tuple[SpokenWord, ...]
    """Empty where the words are not known."""
    landmarks: FloatArray | None = field(repr=False)
    """(T, P, 3) float32 canonical landmarks of `points`; None for a corpus of curves, and for synthetic speech."""
    seen: NDArray[np.bool_]
    """(T,) whether the frame was measured; landmarks of the others repeat a neighbour's."""
    curves: dict[str, FloatArray] = field(default_factory=dict, repr=False)
    """Rig curves by name, each (T,) float32; empty for faces and for synthetic speech."""
    phones: tuple[Phone, ...] = field(default=(), repr=False)
    """Speech sounds with their times, in order; empty where they are not known."""
    language: str = ""
    """Language, as the synthesiser names it (`en-us`); empty where it is not known."""
    voice: str = ""
    """Speaker or synthetic voice; empty where it is not known."""
    points: NDArray[np.intp] = field(default_factory=lambda: ALL_POINTS, repr=False)
    """(P,) mesh points that `landmarks` are of, ascending."""
    offset_s: float = 0.0
    """How late the picture was before it was put in sync with the sound."""
    start_s: float = 0.0
    """Where in its video the picture begins, seconds; clips prepared before this was kept say 0."""

    @property
    def frames(self) -> int:
        """T."""
        return len(self.seen)

    def shapes(self, points: NDArray[np.intp]) -> FloatArray:
        """Return the landmarks of some mesh points, (T, n, 3).

        Raises:
            InputError: the recording has no face, or was kept without one of them.
        """
        if self.landmarks is None:
            raise InputError(f"expected a recording of a face, {self.name} has none; leave it out")
        rows = np.minimum(np.searchsorted(self.points, points), len(self.points) - 1)
        if not np.array_equal(self.points[rows], points):
            lacking = sorted(set(np.asarray(points).tolist()) - set(self.points.tolist()))
            raise InputError(f"{self.name} was kept without the mesh points {lacking[:5]}; prepare it again")
        return self.landmarks[:, rows]


def save_recording(recording: Recording, path: Path) -> None:
    """Write a recording to the cache; the file appears whole or not at all."""
    arrays: dict[str, NDArray[Any]] = {
        "samples": np.clip(np.round(recording.samples * 32767), -32768, 32767).astype(np.int16),
        "seen": recording.seen,
        "about": np.array(json.dumps(_about(recording))),
    }
    if recording.landmarks is not None:
        arrays["points"] = recording.points.astype(np.uint16)
        arrays["landmarks"] = _packed(recording.landmarks, recording.points)
    if recording.curves:
        arrays["curves"] = np.stack(list(recording.curves.values())).astype(np.float32)
    with atomic_write(path) as hidden:
        np.savez_compressed(hidden, **arrays)  # type: ignore[arg-type]


def _about(recording: Recording) -> dict[str, Any]:
    return {
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
        "offset_s": recording.offset_s,
        "start_s": recording.start_s,
    }


def _packed(landmarks: FloatArray, points: NDArray[np.intp]) -> NDArray[np.int16]:
    """Pack (T, P, 3) landmarks as (P, 3, T) steps from the reference face, frame by frame."""
    steps = np.round((landmarks - reference_face()[points]) * LANDMARK_STEPS)
    # Summing the differences up again wraps round as they did: what matters is that each value fits.
    whole = np.clip(steps, -32768, 32767).astype(np.int16)
    return np.ascontiguousarray(np.diff(whole, axis=0, prepend=np.zeros_like(whole[:1])).transpose(1, 2, 0))


def _unpacked(packed: NDArray[np.int16], points: NDArray[np.intp]) -> FloatArray:
    """Undo `_packed`."""
    steps = np.cumsum(packed, axis=2, dtype=np.int16).transpose(2, 0, 1).astype(np.float32)
    return np.asarray(steps / np.float32(LANDMARK_STEPS) + reference_face()[points], dtype=np.float32)


def load_recording(path: Path) -> Recording:
    """Read a recording from the cache.

    Raises:
        InputError: the file is not one of ours, or of a version that is not known.
    """
    try:
        with open_arrays(path) as file:
            about = json.loads(str(file["about"]))
            if about["version"] not in READABLE_VERSIONS:
                raise InputError(f"{path.name} was prepared by another version; delete it and prepare again")
            samples = file["samples"].astype(np.float32) / 32767
            points, landmarks = _landmarks_of(file, about["version"])
            return Recording(
                about["corpus"],
                about["name"],
                about["split"],
                about["fps"],
                samples,
                tuple(SpokenWord(text, start_s, end_s) for text, start_s, end_s in about["words"]),
                landmarks,
                file["seen"],
                dict(zip(about["curves"], file["curves"], strict=True)) if "curves" in file else {},
                phones=tuple(Phone(symbol, start_s, end_s) for symbol, start_s, end_s in about.get("phones", ())),
                language=about.get("language", ""),
                voice=about.get("voice", ""),
                points=points,
                offset_s=about.get("offset_s", 0.0),
                start_s=about.get("start_s", 0.0),
            )
    except (OSError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise InputError(f"{path.name} is not a prepared recording ({error}); delete it and prepare again") from error


def _landmarks_of(file: Any, version: int) -> tuple[NDArray[np.intp], FloatArray | None]:
    """Read points and landmarks from a file of the cache; all points and None where there is no face."""
    if "landmarks" not in file:
        return ALL_POINTS, None
    if version < CACHE_VERSION:
        raise ValueError("its face was measured by an older face mesh")
    points = file["points"].astype(np.intp)
    return points, _unpacked(file["landmarks"], points)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording in a cache, unread."""

    path: Path
    corpus: str
    name: str
    split: str
    offset_s: float = 0.0
    """How late its picture was before it was put in sync."""


def list_prepared(cache: Path, corpus: str | None = None, split: str | None = None) -> list[Prepared]:
    """List the recordings in a cache, by file name; their sounds and faces stay unread.

    Args:
        cache: folder that `prepare_corpus` filled.
        corpus: only this corpus.
        split: only this split.
    """
    found = []
    for path in sorted(cache.glob(f"{glob.escape(corpus)}.*.npz" if corpus else "[!.]*.npz")):
        try:
            with open_arrays(path) as file:
                about = json.loads(str(file["about"]))
                if about["version"] < CACHE_VERSION and "landmarks" in file:
                    continue  # to be measured again
            clip = Prepared(path, about["corpus"], about["name"], about["split"], about.get("offset_s", 0.0))
        except (OSError, KeyError, ValueError, TypeError, BadZipFile):
            continue  # Somebody else's .npz, or a damaged one: load_recording raises where it is asked for by name.
        if corpus in (None, clip.corpus) and split in (None, clip.split):
            found.append(clip)
    return found


def load_corpus(cache: Path, corpus: str, split: str | None = None, limit: int | None = None) -> list[Recording]:
    """Load the prepared recordings of a corpus, by name.

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
