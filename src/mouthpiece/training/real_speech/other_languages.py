"""Lines in other languages than English: a phone network is trained for them, and aligns them.

    texts --espeak-ng--> speech with known sounds ─┐
    English that is aligned already ───────────────┴─> network --align, learn from what fits--> network --align--> lines

The first network has heard synthetic voices in the lines' languages and real voices in English; what it aligns best is
real speech in the languages themselves, from which it learns once more. Lines that are not trained on teach it nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mouthpiece.datasets.recordings import load_recording
from mouthpiece.errors import InputError, MouthpieceError
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.real_speech.aligned import Aligned
from mouthpiece.training.real_speech.arabic_letters import arabic_words
from mouthpiece.training.real_speech.corpus import TranscribedLine
from mouthpiece.training.real_speech.latin_letters import tagalog_words, yoruba_words
from mouthpiece.training.real_speech.phone_network import LabelledSound, PhoneNetwork, labels_of, sound_features
from mouthpiece.training.real_speech.quality import Limits
from mouthpiece.training.real_speech.spelling import Slot, SpeltWord, ipa_sounds, render, words_of_rendering
from mouthpiece.types import FloatArray

LETTERS: dict[str, Callable[[str], tuple[SpeltWord, ...]]] = {
    "ar": arabic_words,
    "yo": yoruba_words,
    "tl": tagalog_words,
    "fil": tagalog_words,
}
"""Languages that are spelt by rules of their own, by BCP-47 without region."""
TIMBRES = ("f1", "f2", "f3", "f5", "m1", "m3", "m4", "m7", "Andrea", "Denis", "adam", "anika", "klatt", "steph", "john")
"""Of espeak-ng's variants, to render with."""
FLOOR_DB = (-75.0, -50.0)
"""Noise under rendered speech, against full scale."""
MOST_RENDERED, MOST_ENGLISH = 1500, 1500
"""Lines that the first network learns from."""
STEPS, MORE_STEPS = 1000, 600
MORE_RATE = 1.5e-3
BEST_SHARE = 0.8
"""Of a speaker's aligned lines, those with the best scores are learned from."""
LIMITS = Limits(mean=-1.0, low=-3.1)
"""Scores that an alignment must reach. Of 257 lines, 5 % fall below; with another text of the speaker's, 96 %."""
OPEN_LIMITS = Limits(mean=-0.35, low=-2.2)
"""The same where writing leaves much open: such a text fits more sounds than its own."""
OPEN_SHARE = 0.25
"""Share of slots that may hold several sounds or none, from which on much is open."""


class Speller:
    """Spells lines of any language."""

    def __init__(self, speaker: EspeakSynthesiser) -> None:
        self._speaker = speaker

    def words(self, line: TranscribedLine) -> tuple[SpeltWord, ...]:
        """Return what may be heard in a line.

        Raises:
            InputError: nothing spells its language, or what it holds.
        """
        if line.word_ipa:
            return tuple(
                SpeltWord(word.text, tuple(Slot((sound,)) for sound in ipa_sounds(ipa)))
                for word, ipa in zip(line.words, line.word_ipa, strict=True)
            )
        rules = LETTERS.get(line.language.partition("-")[0].lower())
        if rules is None:
            return words_of_rendering(render(self._speaker, line.text, line.language))
        if any(sign.isdigit() for sign in line.text):
            raise InputError("it has figures, and how they are read is not known")
        return rules(line.text)


def train_network(
    lines: Sequence[TranscribedLine],
    english: Sequence[Path],
    read: Callable[[TranscribedLine], FloatArray],
    log: Callable[[str], None] = lambda _line: None,
    *,
    seed: int = 1,
) -> PhoneNetwork:
    """Train a phone network for some lines.

    Args:
        lines: to be aligned; those not of the split `train` are rendered, but their recordings not learned from.
        english: prepared recordings whose sounds are known.
        read: decodes a line.
        log: called with a line of text now and then.
        seed: the same seed gives the same network, on the same machine.

    Raises:
        MissingExtraError: torch or espeakng-loader is not installed.
        InputError: there is nothing to learn from.
    """
    network = PhoneNetwork.untrained(seed)
    rng = np.random.default_rng(seed)
    with EspeakSynthesiser() as speaker:
        log("rendering texts whose sounds are then known")
        known = _rendered(lines, speaker, rng)
        known += [_of_recording(path) for path in _some(list(english), MOST_ENGLISH, rng)]
        if not known:
            raise InputError("espeak-ng has none of these languages and there is no English beside; nothing teaches")
        network.learn(known, STEPS, seed, log=log)
        log("aligning for the first time")
        real = _aligned_by(network, [line for line in lines if line.split == "train"], Speller(speaker), read)
    if real:
        network.learn([*known, *real, *real], MORE_STEPS, seed + 1, rate=MORE_RATE, log=log)
    return network


def _some(items: list[Path], most: int, rng: np.random.Generator) -> list[Path]:
    """Draw at most so many."""
    return [items[int(i)] for i in rng.choice(len(items), min(most, len(items)), replace=False)]


def _rendered(
    lines: Sequence[TranscribedLine], speaker: EspeakSynthesiser, rng: np.random.Generator
) -> list[LabelledSound]:
    """Render the lines' texts in voices that are drawn, with a little noise; those that can't be are passed over."""
    rendered: list[LabelledSound] = []
    drawn = rng.permutation(len(lines))[:MOST_RENDERED]
    for line in (lines[int(index)] for index in drawn):
        timbre, floor_db = str(rng.choice(TIMBRES)), rng.uniform(*FLOOR_DB)
        try:
            spoken = render(speaker, line.text, line.language, timbre)
        except MouthpieceError:
            continue
        noise = rng.standard_normal(len(spoken.samples)) * 10 ** (floor_db / 20)
        features = sound_features((spoken.samples + noise).astype(np.float32))
        rendered.append(LabelledSound(features, labels_of(spoken.phones, len(features))))
    return rendered


def _of_recording(path: Path) -> LabelledSound:
    recording = load_recording(path)
    features = sound_features(recording.samples)
    return LabelledSound(features, labels_of(recording.phones, len(features)))


def _aligned_by(
    network: PhoneNetwork,
    lines: Sequence[TranscribedLine],
    speller: Speller,
    read: Callable[[TranscribedLine], FloatArray],
) -> list[LabelledSound]:
    """Align lines and return the best of every speaker as material."""
    by_speaker: dict[str, list[tuple[float, LabelledSound]]] = {}
    for line in lines:
        try:
            samples = read(line)
            aligned, _ = align_line(network, line, samples, speller)
        except MouthpieceError:
            continue
        features = sound_features(samples)
        sound = LabelledSound(features, labels_of(aligned.phones, len(features)))
        by_speaker.setdefault(line.speaker, []).append((aligned.score, sound))
    best: list[LabelledSound] = []
    for scored in by_speaker.values():
        scored.sort(key=lambda pair: -pair[0])
        best += [sound for _, sound in scored[: max(round(BEST_SHARE * len(scored)), 1)]]
    return best


def align_line(
    network: PhoneNetwork, line: TranscribedLine, samples: FloatArray, speller: Speller
) -> tuple[Aligned, Limits]:
    """Align a line; also what its scores must reach.

    Raises:
        InputError: its text can't be spelt, or doesn't fit into its sound.
    """
    words = speller.words(line)
    if line.word_ipa:
        return network.align_within(samples, words, line.words), LIMITS
    slots = [slot for word in words for slot in word.slots]
    is_open = sum(slot.optional or len(slot.choices) > 1 for slot in slots) > OPEN_SHARE * len(slots)
    return network.align(samples, words), OPEN_LIMITS if is_open else LIMITS
