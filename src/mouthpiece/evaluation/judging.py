"""What judges need beside the clips: the phones of known words, and a lip reader that has learned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mouthpiece.checkpoints.cache import cache_dir
from mouthpiece.datasets.alignment import align_phones
from mouthpiece.datasets.recordings import Prepared, Recording, list_prepared, load_recording
from mouthpiece.errors import InputError, MissingExtraError
from mouthpiece.evaluation.lip_reader import LipReader, words_seen
from mouthpiece.evaluation.mouths import real_mouth
from mouthpiece.evaluation.options import EvaluationOptions
from mouthpiece.evaluation.seen import FindPhones
from mouthpiece.evaluation.sets import find_sets
from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
from mouthpiece.types import Phone

READER_VERSION = 1
"""Of what a lip reader learns and how: another one is learned anew."""


@contextmanager
def aligned_phones(language: str, note: Callable[[str], None] = lambda line: None) -> Iterator[FindPhones]:
    """Give a function that returns the phones of clips: those that are known, else aligned from known words.

    Args:
        language: of clips that don't say their own, as espeak-ng calls it.
        note: called with a line where phones can't be aligned.
    """
    rendered: dict[str, dict[str, SynthesisedSpeech]] = {}
    try:
        speaker = EspeakSynthesiser()
    except MissingExtraError as error:
        note(f"words are not split into sounds: {error}")
        yield lambda clip: clip.phones
        return
    with speaker:

        def find(clip: Recording) -> tuple[Phone, ...]:
            if clip.phones or not clip.words:
                return clip.phones
            voice = clip.language or language
            known = rendered.setdefault(voice, {})
            return align_phones(clip.samples, clip.words, voice, speaker=speaker, rendered=known)

        yield find


def learned_reader(
    folder: Path, cache: Path | None, workers: int, progress: Callable[[int, int], None] | None = None
) -> LipReader:
    """Return the lip reader that learned a corpus's train split; learned once, and kept in the user's cache.

    Args:
        folder: a GRID corpus, or a folder of prepared clips.
        cache: where the corpus is prepared.
        workers: processes that measure faces.
        progress: called with (clips measured, clips in all).

    Raises:
        InputError: there is nothing to learn from.
    """
    sets, _ = find_sets(EvaluationOptions((folder,), cache, splits=("train",), workers=workers), progress=progress)
    if not sets:
        raise InputError(f"expected clips of the split train in {folder} for the lip reader, found none")
    clips = [clip for one in sets for clip in list_prepared(one.cache, one.corpus, "train")]
    kept = cache_dir() / "lip_readers" / f"{_fingerprint(clips)}.npz"
    if kept.is_file():
        return LipReader.load(kept)
    seen = []
    for clip in clips:
        recording = load_recording(clip.path)
        if recording.landmarks is not None and recording.words:
            seen += words_seen(real_mouth(recording)[0], recording.words, recording.fps)
    reader = LipReader.learn(seen)
    kept.parent.mkdir(parents=True, exist_ok=True)
    reader.save(kept)
    return reader


def _fingerprint(clips: Sequence[Prepared]) -> str:
    """Return a name for what is learned: other clips, or clips measured anew, have another one."""
    marks = [f"{READER_VERSION}"]
    for clip in clips:
        stat = clip.path.stat()
        marks.append(f"{clip.path.resolve()} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16]
