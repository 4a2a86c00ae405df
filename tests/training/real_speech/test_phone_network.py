"""The phone network: it learns a voice's sounds, and finds them in another text; espeak-ng's times are the truth."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.training.real_speech.conftest import recorded

from mouthpiece.errors import InputError, MissingExtraError
from mouthpiece.speech import log_mel
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.real_speech import phone_network
from mouthpiece.training.real_speech.phone_network import LabelledSound, PhoneNetwork, labels_of, sound_features
from mouthpiece.training.real_speech.sound_classes import CLASSES, SILENCE, classes_of
from mouthpiece.training.real_speech.spelling import words_of_rendering
from mouthpiece.training.sentences import sentences
from mouthpiece.types import SAMPLE_RATE, Phone

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def network(speaker: EspeakSynthesiser) -> Iterator[PhoneNetwork]:
    """A network that has heard a few German sentences."""
    material = []
    for number, text in enumerate(sentences("de")):
        said = speaker.say(text, voice="de", variant=("m3", "f2")[number % 2], rate_wpm=150)
        features = sound_features(recorded(said.samples, number))
        material.append(LabelledSound(features, labels_of(said.phones, len(features))))
    made = PhoneNetwork.untrained(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phone_network, "BATCH", 6)
        made.learn(material, 60, 1, rate=5e-3)
    yield made


def test_sounds_of_another_text_and_timbre_are_found(network: PhoneNetwork, speaker: EspeakSynthesiser) -> None:
    said = speaker.say("Heute bauen meine Freunde ein schönes, großes Haus am See.", voice="de", variant="m1")
    samples = recorded(said.samples, 99)
    found = network.align(samples, words_of_rendering(said))
    known = [phone for phone in said.phones if phone.symbol]
    aligned = [phone for phone in found.phones if phone.symbol]
    assert [phone.symbol for phone in aligned] == [phone.symbol for phone in known]
    errors = [a.start_s - b.start_s for a, b in zip(aligned, known, strict=True)]
    assert np.median(np.abs(errors)) < 0.03
    assert abs(np.median(errors)) < 0.015
    assert found.phones[0].start_s == 0 and found.phones[-1].end_s == pytest.approx(len(samples) / SAMPLE_RATE)
    assert [word.text for word in found.words] == [word.text for word in said.words]


def test_another_text_fits_worse(network: PhoneNetwork, speaker: EspeakSynthesiser) -> None:
    said = speaker.say("Heute bauen meine Freunde ein Haus.", voice="de", variant="m3")
    other = speaker.say("Sie fliegt jedes Jahr im Winter fort.", voice="de", variant="m3")
    samples = recorded(said.samples)
    right = network.align(samples, words_of_rendering(said))
    assert right.score > network.align(samples, words_of_rendering(other)).score + 0.5


def test_a_network_that_was_kept_hears_the_same(network: PhoneNetwork, tmp_path: Path) -> None:
    network.save(tmp_path / "n.npz")
    features = np.random.default_rng(2).standard_normal((50, phone_network.BANDS)).astype(np.float32)
    scores = network.scores(features)
    assert scores.shape == (50, len(CLASSES)) and scores.dtype == np.float32
    assert np.array_equal(PhoneNetwork.load(tmp_path / "n.npz").scores(features), scores)


def test_features_do_not_depend_on_the_level() -> None:
    samples = np.random.default_rng(3).standard_normal(SAMPLE_RATE).astype(np.float32) * 0.1
    samples[: SAMPLE_RATE // 2] *= 0.001
    features = sound_features(samples)
    assert features.shape == (len(log_mel(samples)), phone_network.BANDS)
    assert np.abs(features - sound_features(0.3 * samples)).max() < 0.05


def test_labels_follow_the_times() -> None:
    labels = labels_of([Phone("", 0.0, 0.05), Phone("aɪ", 0.05, 0.15), Phone("m", 0.15, 0.2)], 22)
    (a, i), (m,) = classes_of("aɪ"), classes_of("m")
    assert labels.tolist() == [SILENCE] * 5 + [a] * 5 + [i] * 5 + [m] * 5 + [SILENCE] * 2


def test_a_text_that_is_too_long_is_refused(network: PhoneNetwork, speaker: EspeakSynthesiser) -> None:
    said = speaker.say("Heute bauen meine Freunde ein Haus.", voice="de")
    with pytest.raises(InputError, match="too long"):
        network.align(np.zeros(SAMPLE_RATE // 5, dtype=np.float32), words_of_rendering(said))


def test_without_torch_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"mouthpiece\[train\]"):
        PhoneNetwork.untrained(1)
