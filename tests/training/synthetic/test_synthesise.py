"""Synthetic speech: drawn from its number, kept apart by split, made again where it stopped."""

from __future__ import annotations

import importlib.util
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.datasets.recordings import load_corpus
from mouthpiece.errors import InputError, OptionError
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.options import SyntheticOptions
from mouthpiece.training.sentences import languages
from mouthpiece.training.synthetic import synthesise
from mouthpiece.training.synthetic.synthesise import Utterance, make, plan
from mouthpiece.types import SAMPLE_RATE

if importlib.util.find_spec("espeakng_loader") is None:
    pytest.skip("the extra 'speech' is not installed", allow_module_level=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("pyworld")

OPTIONS = SyntheticOptions(seed=3)


def _some(split: str, count: int, options: SyntheticOptions = OPTIONS) -> list[Utterance]:
    """The first utterances of a split."""
    found = (utterance for number in range(10_000) if (utterance := plan(number, options)).split == split)
    return [utterance for utterance, _ in zip(found, range(count), strict=False)]


def test_nothing_of_the_test_split_is_heard_in_training() -> None:
    utterances = [plan(number, SyntheticOptions(seed=1)) for number in range(3000)]
    heard = {split: {u.language for u in utterances if u.split == split} for split in ("train", "val", "test")}
    timbres = {split: {u.timbre for u in utterances if u.split == split} for split in heard}
    assert len(heard["train"]) >= 22
    assert heard["test"] == set(synthesise.TEST_LANGUAGES)
    for kept_apart in (heard, timbres):
        assert not kept_apart["test"] & kept_apart["train"] and not kept_apart["val"] & kept_apart["train"]


def test_timbres_exist_and_belong_to_one_split() -> None:
    with EspeakSynthesiser() as speaker:
        known = set(speaker.variants)
        spoken = {code for voice in speaker.voices() for code in voice.languages}
    parts = (synthesise.TRAIN_TIMBRES, synthesise.VAL_TIMBRES, synthesise.TEST_TIMBRES, synthesise.WHISPERING_TIMBRES)
    every = [timbre for part in parts for timbre in part]
    assert set(every) <= known
    assert len(set(every)) == len(every)
    assert set(synthesise.ENGLISH_VOICES) <= spoken
    assert set(languages()) - {"en"} <= spoken


def test_english_and_arabic_lead() -> None:
    spoken = [plan(number, OPTIONS).language.split("-")[0] for number in range(1500)]
    count = {language: spoken.count(language) for language in set(spoken)}
    assert sorted(count, key=lambda language: -count[language])[:2] == ["en", "ar"]


def test_utterances_depend_on_number_and_seed_alone() -> None:
    assert plan(5, OPTIONS) == plan(5, SyntheticOptions(seed=3, hours=9, workers=1))
    assert plan(5, OPTIONS) != plan(5, SyntheticOptions(seed=4))
    assert len({plan(number, OPTIONS).text for number in range(100)}) > 90


def test_recordings_hold_sounds_with_their_times() -> None:
    with EspeakSynthesiser() as speaker:
        for utterance in _some("train", 6) + _some("test", 2):
            recording = make(utterance, speaker)
            duration_s = len(recording.samples) / SAMPLE_RATE
            assert recording.corpus == "synthetic"
            assert recording.landmarks is None
            assert not recording.curves
            assert recording.frames == int(np.ceil(duration_s * 25))
            assert recording.language == utterance.language
            assert np.abs(recording.samples).max() <= 1
            phones = recording.phones
            assert phones[0].start_s == 0
            assert not phones[0].symbol
            assert phones[0].end_s >= utterance.before_s - 1e-3
            assert phones[-1].end_s == pytest.approx(duration_s, abs=1e-3)
            assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(phones))
            assert sum(bool(phone.symbol) for phone in phones) >= 5
            # Where nobody speaks there is the microphone's noise alone.
            quiet = recording.samples[: int(utterance.before_s * SAMPLE_RATE)]
            assert utterance.split == "train" or np.sqrt(np.mean(quiet**2)) < 1.1 * 10 ** (utterance.floor_db / 20)


@pytest.mark.parametrize("manner", ["shout", "soft", "whisper"])
def test_manners_change_the_sound_and_not_the_times(manner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(synthesise, "_in_a_place", lambda samples, rng: samples)

    plain = replace(_some("train", 1)[0], manner="normal", other_voice=None, timbre="f1", text="My mother is away.")
    plain = replace(plain, language="en-us", floor_db=-90.0)
    voice = synthesise._other_voice("train", manner, "f1", np.random.default_rng(0)) if manner == "whisper" else None
    with EspeakSynthesiser() as speaker:
        one, two = make(plain, speaker), make(replace(plain, manner=manner, other_voice=voice), speaker)
    assert len(one.samples) == pytest.approx(len(two.samples), abs=0.02 * SAMPLE_RATE)
    assert [phone.symbol for phone in one.phones] == [phone.symbol for phone in two.phones]
    for a, b in zip(one.phones, two.phones, strict=True):
        assert a.end_s == pytest.approx(b.end_s, abs=0.03)

    def brightness(samples: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(samples)) ** 2
        return float(power[len(power) // 4 :].sum() / power.sum())

    assert (brightness(two.samples) > brightness(one.samples)) == (manner != "soft")


def test_made_once_kept_and_gone_on_with(tmp_path: Path) -> None:
    options = SyntheticOptions(hours=4 * synthesise.MEAN_UTTERANCE_S / 3600, seed=2, workers=1)
    seen: list[tuple[int, int]] = []
    first = synthesise.synthesise(tmp_path, options, progress=lambda done, total: seen.append((done, total)))
    assert (first.made, first.kept, first.skipped) == (4, 0, ())
    assert seen[-1] == (4, 4)
    assert first.hours > 0.001
    recordings = load_corpus(tmp_path, "synthetic")
    assert len(recordings) == 4
    assert all(recording.phones and recording.voice.startswith("espeak-") for recording in recordings)
    gone = next(tmp_path.glob("synthetic.000002*.npz"))
    before = np.load(gone)["samples"]
    gone.unlink()
    again = synthesise.synthesise(tmp_path, options)
    assert (again.made, again.kept) == (1, 3)
    np.testing.assert_array_equal(np.load(gone)["samples"], before)


def test_what_fails_is_listed_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = SyntheticOptions(hours=2 * synthesise.MEAN_UTTERANCE_S / 3600, seed=2, workers=1)

    def fails(utterance: Utterance, speaker: EspeakSynthesiser) -> None:
        raise InputError("no voice left")

    monkeypatch.setattr(synthesise, "make", fails)
    report = synthesise.synthesise(tmp_path, options)
    assert [reason for _, reason in report.skipped] == ["no voice left"] * 2
    monkeypatch.undo()
    assert synthesise.synthesise(tmp_path, options).made == 0


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(OptionError, match="'klingon'"):
        SyntheticOptions(languages=("klingon",))
    with pytest.raises(OptionError, match="hours"):
        SyntheticOptions(hours=0)
    with pytest.raises(OptionError, match="workers expects at least 1"):
        SyntheticOptions(workers=0)
    with pytest.raises(OptionError, match="at least one language that is trained on"):
        plan(0, SyntheticOptions(languages=("fi",), seed=0))


def test_rooms_telephones_and_noises_keep_the_times() -> None:
    rng = np.random.default_rng(5)
    clicks = np.zeros(SAMPLE_RATE, dtype=np.float32)
    clicks[8000:8400] = np.sin(np.arange(400) / 3) * 0.5
    heard = [synthesise._in_a_place(clicks, rng) for _ in range(24)]
    changed = [sound for sound in heard if not np.array_equal(sound, clicks)]
    assert 8 <= len(changed) < 24, "some, not all"
    for sound in heard:
        assert len(sound) == len(clicks) and sound.dtype == np.float32 and np.isfinite(sound).all()
        power = np.convolve(sound**2, np.ones(160), "same")
        assert abs(int(power.argmax()) - 8200) < 400
