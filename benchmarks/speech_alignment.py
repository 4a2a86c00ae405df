"""How far aligned boundaries are from known ones: python -m benchmarks.speech_alignment SHARED OUT [--limit N]

SHARED holds grid_s1 (word times from the corpus) and speech (Arabic command words, with the times of their authors'
cuts, which leave silence behind the words, so only starts are compared); OUT is what `mouthpiece train align
SHARED/speech OUT` made, with its phone network. Neither truth is used in aligning here. Only alignments that would be
believed count. The last rows compare the two aligners on English of speakers that the network never learned from, and
the network with espeak-ng, whose sounds have known times, in a voice that it never heard.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from benchmarks.table import print_table

from mouthpiece.datasets.layouts import find_sources, read_align
from mouthpiece.errors import InputError
from mouthpiece.media import open_speech
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.real_speech.align import ENGLISH_LIMITS, NETWORK, is_english, read_samples
from mouthpiece.training.real_speech.aligned import Aligned
from mouthpiece.training.real_speech.corpus import TranscribedLine, read_lines
from mouthpiece.training.real_speech.english import EnglishAligner
from mouthpiece.training.real_speech.other_languages import LIMITS, Speller
from mouthpiece.training.real_speech.phone_network import PhoneNetwork
from mouthpiece.training.real_speech.quality import doubt
from mouthpiece.training.real_speech.spelling import Slot, SpeltWord, words_of_rendering
from mouthpiece.types import Phone, SpokenWord

TIMBRE = "m6"
"""Of espeak-ng, not among those that the network was trained with."""
NEAR_S = 0.02
SEED = 5


@dataclass(slots=True)
class Boundaries:
    """Aligned times against known ones."""

    errors: list[float] = field(default_factory=list)
    """Aligned minus known, seconds."""
    believed: int = 0
    """Lines."""
    lines: int = 0

    def add(self, errors: list[float], believed: bool) -> None:
        """Count a line."""
        self.lines += 1
        self.believed += believed
        self.errors += errors if believed else []


def word_boundaries(aligned: Sequence[SpokenWord], known: Sequence[SpokenWord]) -> list[float]:
    """Compare where words start and end; nothing if they aren't as many."""
    if len(aligned) != len(known):
        return []
    pairs = zip(aligned, known, strict=True)
    return [error for one, two in pairs for error in (one.start_s - two.start_s, one.end_s - two.end_s)]


def phone_boundaries(aligned: Sequence[Phone], known: Sequence[Phone]) -> list[float]:
    """Compare where sounds start, silence aside; nothing if they aren't as many."""
    one, two = ([phone.start_s for phone in phones if phone.symbol] for phones in (aligned, known))
    return [a - b for a, b in zip(one, two, strict=True)] if len(one) == len(two) else []


def row(title: str, what: str, found: Boundaries) -> tuple[str | int | float, ...]:
    """Sum up: lines, boundaries, median error, median and 90th percentile of its size (ms), share within 20 ms."""
    sizes = np.abs(found.errors or [np.nan])
    near = float(np.mean(sizes <= NEAR_S + 1e-9))
    times = (np.median(found.errors or [np.nan]), *np.quantile(sizes, (0.5, 0.9)))
    lines = f"{found.believed} of {found.lines}"
    return title, what, lines, len(found.errors), *(1000 * float(value) for value in times), near


class Aligners:
    """Both aligners, and espeak-ng."""

    def __init__(self, network: Path, speaker: EspeakSynthesiser) -> None:
        self.speaker = speaker
        self.english = EnglishAligner(speaker)
        self.network = PhoneNetwork.load(network)
        self.speller = Speller(speaker)


def grid(data: Path, aligners: Aligners, limit: int) -> Iterator[tuple[str, Boundaries]]:
    """GRID's own word times against both aligners; letters and numbers are in CMUdict."""
    sources = [source for source in find_sources(data / "grid_s1") if source.align]
    by_sphinx, by_network = Boundaries(), Boundaries()
    for source in random.Random(SEED).sample(sources, min(limit, len(sources))):
        words = read_align(source.align) if source.align else ()
        with open_speech(source.media) as speech:
            samples = np.concatenate(list(speech.samples()))
        try:
            found = aligners.english.align(samples, " ".join(word.text for word in words))
        except InputError:
            continue
        by_sphinx.add(word_boundaries(found.words, words), not doubt(found, samples, ENGLISH_LIMITS))
        heard = aligners.network.align(samples, words_of_pocketsphinx(found))
        by_network.add(word_boundaries(heard.words, words), not doubt(heard, samples, LIMITS))
    yield "pocketsphinx", by_sphinx
    yield "phone network", by_network


def words_of_pocketsphinx(found: Aligned) -> list[SpeltWord]:
    """Spell words as pocketsphinx chose to, for the network."""
    spelt = []
    for word in found.words:
        inner = [p for p in found.phones if p.symbol and word.start_s - 1e-6 <= p.end_s - 1e-4 < word.end_s]
        spelt.append(SpeltWord(word.text, tuple(Slot((phone.symbol,)) for phone in inner)))
    return [word for word in spelt if word.slots]


def arabic_commands(lines: Sequence[TranscribedLine], aligners: Aligners, limit: int) -> Boundaries:
    """The authors' times of Arabic command words against the network."""
    errors = Boundaries()
    chosen = [line for line in lines if line.word_ipa]
    for line in random.Random(SEED).sample(chosen, min(limit, len(chosen))):
        samples = read_samples(line)
        found = aligners.network.align(samples, aligners.speller.words(line))
        starts = word_boundaries(found.words, line.words)[::2]
        errors.add(starts, not doubt(found, samples, LIMITS))
    return errors


def held_out_english(lines: Sequence[TranscribedLine], aligners: Aligners, limit: int) -> Boundaries:
    """pocketsphinx against the network on speakers that it never heard, sound by sound."""
    errors = Boundaries()
    chosen = [line for line in lines if is_english(line) and line.split != "train"]
    for line in random.Random(SEED).sample(chosen, min(limit, len(chosen))):
        samples = read_samples(line)
        try:
            found = aligners.english.align(samples, line.text, line.arpabet)
        except InputError:
            continue
        heard = aligners.network.align(samples, words_of_pocketsphinx(found))
        believed = not doubt(found, samples, ENGLISH_LIMITS) and not doubt(heard, samples, LIMITS)
        errors.add(phone_boundaries(heard.phones, found.phones), believed)
    return errors


def synthetic(lines: Sequence[TranscribedLine], aligners: Aligners, limit: int) -> Boundaries:
    """espeak-ng's own times against the network, in a voice that it never heard."""
    errors = Boundaries()
    chosen = [line for line in lines if line.language.partition("-")[0] in ("de", "es", "sw", "nb", "fa")]
    noise = np.random.default_rng(SEED)
    for line in random.Random(SEED).sample(chosen, min(limit, len(chosen))):
        voice = line.language.partition("-")[0]
        spoken = aligners.speaker.say(line.text, voice=voice, variant=TIMBRE, rate_wpm=150)
        heard = (spoken.samples + 1e-3 * noise.standard_normal(len(spoken.samples))).astype(np.float32)
        found = aligners.network.align(heard, words_of_rendering(spoken))
        errors.add(phone_boundaries(found.phones, spoken.phones), not doubt(found, heard, LIMITS))
    return errors


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, default=100, help="clips or lines of each kind")
    arguments = parser.parse_args()
    lines = read_lines(arguments.shared / "speech")
    network = next(iter(sorted(arguments.out.glob(NETWORK.format("*")))))
    with EspeakSynthesiser() as speaker:
        aligners = Aligners(network, speaker)
        limit = arguments.limit
        rows = [row("GRID, one speaker", f"words, {by}", e) for by, e in grid(arguments.shared, aligners, limit)]
        rows.append(row("Arabic command words", "word starts, phone network", arabic_commands(lines, aligners, limit)))
        rows.append(
            row("English, strangers", "sounds, network - pocketsphinx", held_out_english(lines, aligners, limit))
        )
        rows.append(row("espeak-ng, voice unheard", "sounds, phone network", synthetic(lines, aligners, limit)))
    columns = (
        "truth",
        "boundaries of",
        "lines",
        "number",
        "median error, ms",
        "median size, ms",
        "90 % below, ms",
        "within 20 ms",
    )
    print_table("Aligned boundaries against known ones", columns, rows)


if __name__ == "__main__":
    main()
