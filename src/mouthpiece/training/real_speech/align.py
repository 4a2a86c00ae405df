"""A folder of transcribed speech, aligned and kept in the same cache as recorded faces.

    manifest --pocketsphinx, or a phone network--> sounds in time --believed?--> Recording --> one .npz a line

What is there already is left alone: an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mouthpiece.atomic_write import atomic_write
from mouthpiece.datasets.recordings import Recording, save_recording
from mouthpiece.errors import InputError, MouthpieceError, OutputError
from mouthpiece.media import open_speech
from mouthpiece.parallel import map_in_processes
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.options import SPEECH, AlignOptions
from mouthpiece.training.real_speech.aligned import Aligned
from mouthpiece.training.real_speech.citations import write_citations
from mouthpiece.training.real_speech.corpus import TranscribedLine, read_lines
from mouthpiece.training.real_speech.english import EnglishAligner
from mouthpiece.training.real_speech.other_languages import Speller, align_line, train_network
from mouthpiece.training.real_speech.phone_network import PhoneNetwork
from mouthpiece.training.real_speech.quality import Limits, doubt
from mouthpiece.types import SAMPLE_RATE, FloatArray

FPS = 25
"""Frames a second that the recordings pretend to have."""
BATCH = 16
"""Lines that a process takes at once."""
ENGLISH_LIMITS = Limits(mean=-38.0, low=-95.0)
"""Of 300 lines, 3 % fall below or are not found; of the same lines with another one's text, 98 %."""
NETWORK = f".{SPEECH}.phones-{{}}.npz"
"""The phone network, by what it was trained for."""

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class AlignReport:
    """What came of it."""

    made: int
    """Recordings made now."""
    kept: int
    """Recordings that were there already."""
    hours: float
    """Of speech made now."""
    skipped: tuple[tuple[str, str], ...]
    """(line, reason) of those left out."""


def align(
    out_of: Path,
    out: Path,
    options: AlignOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
    log: Log = lambda _line: None,
) -> AlignReport:
    """Align a folder of transcribed speech and keep what can be believed, one .npz a line.

    Lines that are left out are listed in `speech.skipped.json` and not tried again until their names are taken out of
    there; `speech.citations.csv` lists where all others come from.

    Args:
        out_of: folder with a manifest, see `corpus`.
        out: the cache's folder; made if missing.
        options: which languages, and how.
        progress: called with (lines done, lines in all).
        log: called with a line of text now and then, while the phone network is trained.

    Raises:
        InputError: the folder is none of transcribed speech, or has nothing in the languages.
        MissingExtraError: pocketsphinx, espeakng-loader or torch is needed and not installed.
        OutputError: the output folder can't be made.
    """
    lines = [line for line in read_lines(out_of) if not options.languages or _chosen(line, options.languages)]
    if not lines:
        raise InputError(f"expected lines in {', '.join(options.languages) or 'any language'}, {out_of.name} has none")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} can't be used as a folder ({error.strerror}); choose another") from error
    run = _Run(out, lines, progress)
    english = [line for line in run.missing if is_english(line)]
    if english:
        with EspeakSynthesiser() as speaker:
            EnglishAligner(speaker)  # Raises what is missing before any process starts.
        run.through(partial(_align_english, out=out), english, options.workers)
    others = [line for line in run.missing if not is_english(line)]
    if others:
        network = _network(lines, out, log)
        run.through(partial(_align_other, network=network, out=out), others, options.workers)
    run.cite()
    return run.report()


def _network(lines: Sequence[TranscribedLine], out: Path, log: Log) -> Path:
    """Return the file of the phone network for some lines, trained if it isn't there."""
    others = [line for line in lines if not is_english(line)]
    names = hashlib.sha256("\n".join(line.name for line in others).encode()).hexdigest()[:12]
    path = out / NETWORK.format(names)
    if not path.is_file():
        english = [path_of(out, line.name) for line in lines if is_english(line) and line.split == "train"]
        train_network(others, [one for one in english if one.is_file()], read_samples, log).save(path)
    return path


def _chosen(line: TranscribedLine, languages: Sequence[str]) -> bool:
    """Check whether a line's language, with or without its region, is among some."""
    return line.language in languages or line.language.partition("-")[0] in languages


def is_english(line: TranscribedLine) -> bool:
    """Check whether a line is English, whoever reads it."""
    return line.language.partition("-")[0] == "en"


_Outcome = list[tuple[str, float | str]]
"""(line, its seconds or why it is left out)."""


class _Run:
    """What is done and what is missing."""

    def __init__(
        self, out: Path, lines: Sequence[TranscribedLine], progress: Callable[[int, int], None] | None
    ) -> None:
        self._out, self._lines, self._progress = out, lines, progress
        self._list_path = out / f"{SPEECH}.skipped.json"
        known = json.loads(self._list_path.read_text("utf-8")) if self._list_path.is_file() else {}
        self._skipped: dict[str, str] = known
        self.missing = [line for line in lines if line.name not in known and not path_of(out, line.name).is_file()]
        self._kept = sum(path_of(out, line.name).is_file() for line in lines)
        self._made, self._seconds = 0, 0.0
        self._done = len(lines) - len(self.missing)

    def through(
        self, function: Callable[[Sequence[TranscribedLine]], _Outcome], lines: Sequence[TranscribedLine], workers: int
    ) -> None:
        """Align some lines in batches."""
        batches = [lines[first : first + BATCH] for first in range(0, len(lines), BATCH)]
        for _, results in map_in_processes(function, batches, workers):
            for name, outcome in results:
                self._done += 1
                if isinstance(outcome, str):
                    self._skipped[name] = outcome
                else:
                    self._made, self._seconds = self._made + 1, self._seconds + outcome
            with atomic_write(self._list_path) as hidden:
                hidden.write_text(json.dumps(self._skipped, indent=1, sort_keys=True, ensure_ascii=False), "utf-8")
            if self._progress:
                self._progress(self._done, len(self._lines))

    def cite(self) -> None:
        """Write where the recordings come from."""
        write_citations(self._out, [line for line in self._lines if path_of(self._out, line.name).is_file()])

    def report(self) -> AlignReport:
        """Sum up; only the lines that were asked for."""
        skipped = {line.name: self._skipped[line.name] for line in self._lines if line.name in self._skipped}
        return AlignReport(self._made, self._kept, self._seconds / 3600, tuple(sorted(skipped.items())))


def path_of(out: Path, name: str) -> Path:
    """Return where a line's recording is kept."""
    return out / f"{SPEECH}.{name}.npz"


def _align_english(lines: Sequence[TranscribedLine], *, out: Path) -> _Outcome:
    """Align a few lines of English."""
    with EspeakSynthesiser() as speaker:
        aligner = EnglishAligner(speaker)

        def found(line: TranscribedLine, samples: FloatArray) -> tuple[Aligned, Limits]:
            return aligner.align(samples, line.text, line.arpabet), ENGLISH_LIMITS

        return keep_believed(lines, found, out)


def _align_other(lines: Sequence[TranscribedLine], *, network: Path, out: Path) -> _Outcome:
    """Align a few lines in other languages."""
    loaded = PhoneNetwork.load(network)
    with EspeakSynthesiser() as speaker:
        speller = Speller(speaker)

        def found(line: TranscribedLine, samples: FloatArray) -> tuple[Aligned, Limits]:
            return align_line(loaded, line, samples, speller)

        return keep_believed(lines, found, out)


def keep_believed(
    lines: Sequence[TranscribedLine],
    find: Callable[[TranscribedLine, FloatArray], tuple[Aligned, Limits]],
    out: Path,
) -> _Outcome:
    """Align lines and keep what can be believed, by the limits that come with each."""
    results: _Outcome = []
    for line in lines:
        try:
            samples = read_samples(line)
            aligned, limits = find(line, samples)
        except MouthpieceError as error:
            results.append((line.name, str(error)))
            continue
        reason = doubt(aligned, samples, limits)
        if reason is None:
            save_recording(recording_of(line, samples, aligned), path_of(out, line.name))
        results.append((line.name, len(samples) / SAMPLE_RATE if reason is None else reason))
    return results


def read_samples(line: TranscribedLine) -> FloatArray:
    """Decode a line's sound, (n,) float32 mono at SAMPLE_RATE.

    Raises:
        InputError: it can't be decoded.
    """
    with open_speech(line.path) as source:
        return np.concatenate(list(source.samples()))


def recording_of(line: TranscribedLine, samples: FloatArray, aligned: Aligned) -> Recording:
    """Make the recording of a line; its voice is its speaker."""
    seen = np.ones(math.ceil(len(samples) / SAMPLE_RATE * FPS), dtype=bool)
    return Recording(
        SPEECH,
        line.name,
        line.split,
        float(FPS),
        samples,
        aligned.words,
        None,
        seen,
        phones=aligned.phones,
        language=line.language,
        voice=line.speaker,
    )
