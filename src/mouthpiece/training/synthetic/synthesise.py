"""Synthetic speech with known phones, kept in the same cache as recorded faces.

    options --plan--> utterances --speak, manner, other voice, room for silence--> Recording --> one .npz an utterance

Every utterance is drawn from its own number and the seed alone: an interrupted run goes on where it stopped, and the
same options make the same material whatever the number of processes.

Languages and timbres are dealt to the splits so that nothing of `test` and `val` is heard in `train`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mouthpiece.atomic_write import atomic_write
from mouthpiece.datasets.recordings import Recording, save_recording
from mouthpiece.errors import MouthpieceError, OptionError, OutputError
from mouthpiece.parallel import map_in_processes
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training import acoustics
from mouthpiece.training.options import SYNTHETIC, SyntheticOptions
from mouthpiece.training.sentences import languages as languages_with_sentences
from mouthpiece.training.sentences import nonsense, sentences
from mouthpiece.training.synthetic.voice_perturbation import Voice, in_voice, random_voice
from mouthpiece.types import SAMPLE_RATE, FloatArray, Phone, as_float

FPS = 25
"""Frames a second that the recordings pretend to have."""
MEAN_UTTERANCE_S = 8.1
"""By this an hour is divided into utterances; about what they last."""
TEST_LANGUAGES = ("tr", "fi", "ja", "sw")
"""In no training: Turkic, Uralic, Japonic and Bantu."""
VAL_LANGUAGES = ("hu", "id")
TEST_TIMBRES = ("f4", "m5", "Andy", "steph", "linda", "klatt3")
"""espeak-ng's variants that are in no training."""
VAL_TIMBRES = ("f3", "m2", "Alicia", "pedro")
TRAIN_TIMBRES = (
    "f1", "f2", "f5", "m1", "m3", "m4", "m6", "m7", "m8", "Alex", "Andrea", "Annie", "Denis", "Diogo", "Gene", "Gene2",
    "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Nguyen", "Reed", "RicishayMax", "Storm",
    "Tweaky", "adam", "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "croak", "david", "ed",
    "edward", "grandma", "grandpa", "gustave", "ian", "iven", "iven2", "iven3", "john", "kaukovalta", "klatt", "klatt2",
    "klatt4", "klatt6", "marcelo", "max", "michel", "miguel", "mike2", "norbert", "pablo", "paul", "quincy", "rob",
    "robert", "sandro", "shelby", "travis", "victor", "zac",
)  # fmt: skip
WHISPERING_TIMBRES = ("whisper", "whisperf")
"""In training only."""
ENGLISH_VOICES = ("en-us", "en-us", "en-gb", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-gb-x-gbclan", "en-us-nyc")
SHARE = {"train": 0.9, "val": 0.03, "test": 0.07}
"""Of the utterances."""
WEIGHT = {"en": 8.0, "ar": 5.0}
"""How often a language is drawn; others 1."""
NONSENSE_SHARE = 0.4
REVOICED_SHARE = {"train": 0.5, "val": 0.25, "test": 0.25}
MANNERS = {"normal": 0.64, "shout": 0.12, "soft": 0.14, "whisper": 0.1}
PADDING_S = (0.1, 0.7)
"""Silence before and after."""
LEVEL_DB = (-32.0, -14.0)
"""RMS of an utterance against full scale."""
FLOOR_DB = (-85.0, -62.0)
"""Noise of the imagined microphone against full scale: nothing recorded is ever quite silent."""
IN_ROOM, ON_TELEPHONE, IN_NOISE = 0.35, 0.15, 0.25
"""Shares of the training utterances that are heard so; held-out ones are heard plainly."""
NOISE_BELOW_DB = (5.0, 25.0)
"""How far below the speech a noise is."""
BATCH = 16
"""Utterances that a process takes at once."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The plan of an utterance: text, voice, manner, level."""

    number: int
    split: str
    language: str
    """As espeak-ng names it."""
    timbre: str
    """A variant of espeak-ng's; empty for the language's own voice."""
    text: str
    manner: str
    """One of MANNERS."""
    rate_wpm: int
    pitch: int
    pitch_range: int
    word_gap_ms: int
    other_voice: Voice | None
    """What WORLD makes of the voice."""
    level_db: float
    floor_db: float
    before_s: float
    after_s: float

    @property
    def name(self) -> str:
        """Unique in the corpus."""
        return f"{self.number:06d}_{self.language}_espeak"

    @property
    def voice(self) -> str:
        """For the cache: who speaks, `+world` where the voice was changed."""
        changed = "+world" if self.other_voice else ""
        return f"espeak-{self.timbre or self.language}{changed}"


@dataclass(frozen=True, slots=True)
class SyntheticReport:
    """What came of it."""

    made: int
    """Utterances made now."""
    kept: int
    """Utterances that were there already."""
    hours: float
    """Of speech made now."""
    skipped: tuple[tuple[str, str], ...]
    """(utterance, reason) of those that failed."""


def plan(number: int, options: SyntheticOptions) -> Utterance:
    """Plan the utterance of a number: everything in it is drawn from the number and the seed.

    Raises:
        OptionError: none of the chosen languages belongs to the split that was drawn, nor to training.
    """
    rng = np.random.default_rng([options.seed, number])
    split = str(rng.choice(list(SHARE), p=list(SHARE.values())))
    split = split if _languages(split, options) else "train"
    spoken = _languages(split, options)
    if not spoken:
        raise OptionError("expected at least one language that is trained on; the test languages alone train nothing")
    weights = np.array([WEIGHT.get(language, 1.0) for language in spoken])
    language = str(rng.choice(spoken, p=weights / weights.sum()))
    manner = str(rng.choice(list(MANNERS), p=list(MANNERS.values())))
    text = _text(language, rng)
    language = str(rng.choice(ENGLISH_VOICES)) if language == "en" else language
    timbre = _timbre(split, manner, rng)
    return Utterance(
        number=number,
        split=split,
        language=language,
        timbre=timbre,
        text=text,
        manner=manner,
        rate_wpm=int(np.clip(165 * np.exp(rng.normal(0, 0.25)), 90, 320)),
        pitch=int(rng.integers(15, 86)),
        pitch_range=int(rng.integers(15, 96)),
        word_gap_ms=int(rng.choice((0, 0, 0, 30, 100))),
        other_voice=_other_voice(split, manner, timbre, rng),
        level_db=float(rng.uniform(*LEVEL_DB)),
        floor_db=float(rng.uniform(*FLOOR_DB)),
        before_s=float(rng.uniform(*PADDING_S)),
        after_s=float(rng.uniform(*PADDING_S)),
    )


def _languages(split: str, options: SyntheticOptions) -> list[str]:
    """Return the languages of a split."""
    held = {"test": TEST_LANGUAGES, "val": VAL_LANGUAGES}
    chosen = options.languages or languages_with_sentences()
    if split in held:
        return [language for language in chosen if language in held[split]]
    return [language for language in chosen if language not in TEST_LANGUAGES + VAL_LANGUAGES]


def _timbre(split: str, manner: str, rng: np.random.Generator) -> str:
    """Draw one of the split's timbres; in training sometimes the language's own voice."""
    if split == "test":
        return str(rng.choice(TEST_TIMBRES))
    if split == "val":
        return str(rng.choice(VAL_TIMBRES))
    if manner == "whisper" and rng.random() < 0.5:
        return str(rng.choice(WHISPERING_TIMBRES))
    return str(rng.choice(TRAIN_TIMBRES)) if rng.random() < 0.92 else ""


def _text(language: str, rng: np.random.Generator) -> str:
    """Draw one to three sentences, or made-up words."""
    if rng.random() < NONSENSE_SHARE:
        return nonsense(language, rng, int(rng.integers(4, 16)))
    every = sentences(language)
    count = int(rng.choice((1, 2, 2, 3)))
    return " ".join(every[int(i)] for i in rng.choice(len(every), size=min(count, len(every)), replace=False))


def _other_voice(split: str, manner: str, timbre: str, rng: np.random.Generator) -> Voice | None:
    """Draw how the voice is changed, if it is; a whisper has no voice."""
    drawn = random_voice(rng)
    changes = rng.random() < REVOICED_SHARE[split]
    if manner == "whisper":
        return None if timbre in WHISPERING_TIMBRES else Voice(tract=drawn.tract, whisper=True)
    if manner == "soft" and changes:
        return Voice(drawn.pitch, drawn.pitch_range, drawn.tract, max(drawn.breath, 0.4))
    return drawn if changes else None


def synthesise(
    out: Path, options: SyntheticOptions, *, progress: Callable[[int, int], None] | None = None
) -> SyntheticReport:
    """Make synthetic speech and keep it, one .npz an utterance, beside other corpora's recordings.

    What is in `out` already is left alone, so an interrupted run goes on. An utterance that fails is listed in
    `synthetic.skipped.json`, not fatal, and not tried again until its name is taken out of there.

    Args:
        out: the cache's folder; made if missing.
        options: what to make.
        progress: called with (utterances done, utterances in all).

    Raises:
        MissingExtraError: espeakng-loader or pyworld is not installed.
        OutputError: the folder can't be made.
    """
    EspeakSynthesiser().close()  # Raises what is missing before any process starts.
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} can't be used as a folder ({error.strerror}); choose another") from error
    total = max(round(options.hours * 3600 / MEAN_UTTERANCE_S), 1)
    every = [plan(number, options) for number in range(total)]
    list_path = out / f"{SYNTHETIC}.skipped.json"
    skipped: dict[str, str] = json.loads(list_path.read_text("utf-8")) if list_path.is_file() else {}
    missing = [u for u in every if u.name not in skipped and not _path(out, u).is_file()]
    kept = sum(_path(out, utterance).is_file() for utterance in every)
    made, seconds, done = 0, 0.0, total - len(missing)
    batches = [missing[first : first + BATCH] for first in range(0, len(missing), BATCH)]
    for _, results in map_in_processes(partial(_make_batch, out=out), batches, options.workers):
        for name, outcome in results:
            done += 1
            if isinstance(outcome, str):
                skipped[name] = outcome
                with atomic_write(list_path) as hidden:
                    hidden.write_text(json.dumps(skipped, indent=1, sort_keys=True), "utf-8")
            else:
                made, seconds = made + 1, seconds + outcome
        if progress:
            progress(done, total)
    return SyntheticReport(made, kept, seconds / 3600, tuple(sorted(skipped.items())))


def _path(out: Path, utterance: Utterance) -> Path:
    """Return where an utterance is kept."""
    return out / f"{SYNTHETIC}.{utterance.name}.npz"


_Results = list[tuple[str, float | str]]
"""(utterance, its seconds or what went wrong)."""


def _make_batch(utterances: Sequence[Utterance], *, out: Path) -> _Results:
    """Make a few utterances with one speaker."""
    results: _Results = []
    with EspeakSynthesiser() as speaker:
        for utterance in utterances:
            try:
                recording = make(utterance, speaker)
            except MouthpieceError as error:
                results.append((utterance.name, str(error)))
                continue
            save_recording(recording, _path(out, utterance))
            results.append((utterance.name, len(recording.samples) / SAMPLE_RATE))
    return results


def make(utterance: Utterance, speaker: EspeakSynthesiser) -> Recording:
    """Speak an utterance as planned.

    Raises:
        InputError: the synthesiser can't speak it.
        MissingExtraError: pyworld is not installed.
    """
    rng = np.random.default_rng([utterance.number, 1])
    samples, phones = _spoken(utterance, speaker)
    if utterance.other_voice:
        samples = in_voice(samples, utterance.other_voice)
    samples = _in_manner(samples, utterance.manner)
    samples, phones = _among_silence(samples, phones, utterance)
    if utterance.split == "train":
        samples = _in_a_place(samples, rng)
    samples = _at_level(samples, utterance, rng)
    seen = np.ones(math.ceil(len(samples) / SAMPLE_RATE * FPS), dtype=bool)
    return Recording(
        SYNTHETIC,
        utterance.name,
        utterance.split,
        float(FPS),
        samples,
        (),
        None,
        seen,
        phones=phones,
        language=utterance.language,
        voice=utterance.voice,
    )


def _spoken(utterance: Utterance, speaker: EspeakSynthesiser) -> tuple[FloatArray, tuple[Phone, ...]]:
    """Synthesise the plain words."""
    raised = {"shout": 20, "soft": -8}.get(utterance.manner, 0)
    spoken = speaker.say(
        utterance.text,
        voice=utterance.language,
        variant=utterance.timbre or None,
        rate_wpm=utterance.rate_wpm,
        pitch=int(np.clip(utterance.pitch + raised, 0, 99)),
        pitch_range=int(np.clip(utterance.pitch_range + raised, 0, 99)),
        word_gap_ms=utterance.word_gap_ms,
    )
    return spoken.samples, spoken.phones


def _in_manner(samples: FloatArray, manner: str) -> FloatArray:
    """Tilt the spectrum by effort: raised voices have more of the highs, soft ones less. (n,) -> (n,)."""
    slope = {"shout": 0.6, "soft": -0.35}.get(manner)
    if slope is None:
        return samples
    before = np.concatenate([samples[:1] * 0, samples[:-1]])
    tilted = samples - slope * before if slope > 0 else samples * (1 + slope) - slope * before
    if manner == "shout":
        # Vocal folds that press, and a microphone that is near its limit, take the peaks down.
        peak = float(np.abs(tilted).max()) or 1.0
        tilted = np.tanh(2.5 * tilted / peak)
    return as_float(tilted)


def _among_silence(
    samples: FloatArray, phones: tuple[Phone, ...], utterance: Utterance
) -> tuple[FloatArray, tuple[Phone, ...]]:
    """Add silence before and after; silences that meet are one."""
    before, after = (round(seconds * SAMPLE_RATE) for seconds in (utterance.before_s, utterance.after_s))
    shift, end_s = before / SAMPLE_RATE, (before + len(samples) + after) / SAMPLE_RATE
    moved = [Phone(phone.symbol, phone.start_s + shift, phone.end_s + shift) for phone in phones]
    speech = [i for i, phone in enumerate(moved) if phone.symbol]
    first, last = (speech[0], speech[-1] + 1) if speech else (0, 0)
    inner = moved[first:last]
    begin_s = inner[0].start_s if inner else end_s
    every = [Phone("", 0.0, begin_s), *inner]
    if inner and inner[-1].end_s < end_s:
        every.append(Phone("", inner[-1].end_s, end_s))
    return as_float(np.pad(samples, (before, after))), tuple(every)


def _in_a_place(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Put some speech in a room, over a telephone, or beside a noise; the times stay. (n,) -> (n,)."""
    if rng.random() < IN_ROOM:
        samples = acoustics.in_room(samples, rng)
    if rng.random() < ON_TELEPHONE:
        samples = acoustics.band_limited(samples, rng.uniform(150, 350), rng.uniform(2800, 4500))
    if rng.random() < IN_NOISE:
        level = float(np.sqrt(np.mean(samples**2))) * 10 ** (-rng.uniform(*NOISE_BELOW_DB) / 20)
        samples = samples + acoustics.noise(len(samples), rng) * np.float32(level / 0.1)
    return as_float(samples)


def _at_level(samples: FloatArray, utterance: Utterance, rng: np.random.Generator) -> FloatArray:
    """Bring to the planned level, with the microphone's noise. (n,) -> (n,)."""
    power = float(np.mean(samples**2)) or 1.0
    gain = 10 ** (utterance.level_db / 20) / np.sqrt(power)
    gain = min(gain, 0.97 / (float(np.abs(samples).max()) or 1.0))
    noise = rng.standard_normal(len(samples)) * 10 ** (utterance.floor_db / 20)
    return as_float(np.clip(samples * gain + noise, -1, 1))
