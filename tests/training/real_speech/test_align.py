"""A folder of transcribed speech becomes recordings whose sounds and times are known; espeak-ng speaks in it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.training.real_speech.conftest import line_row, recorded, write_manifest, write_speech

from mouthpiece.datasets.recordings import list_prepared, load_corpus
from mouthpiece.errors import InputError, OptionError, OutputError
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.options import AlignOptions
from mouthpiece.training.real_speech import align as real
from mouthpiece.training.real_speech import other_languages, phone_network
from mouthpiece.training.real_speech.citations import CitedSource, cited_sources, read_citations
from mouthpiece.training.real_speech.quality import Limits
from mouthpiece.training.sentences import sentences
from mouthpiece.types import SAMPLE_RATE

pytest.importorskip("pocketsphinx")
pytest.importorskip("torch")
ONE = AlignOptions(workers=1)
ENGLISH = ("My sister bought a boat.", "The river is very cold today.")


@pytest.fixture(scope="module")
def speech(speaker: EspeakSynthesiser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """English and German by a few speakers; one line says something else than its text, one file is missing."""
    folder = tmp_path_factory.mktemp("speech")
    rows = [
        line_row("en_0", "en", ENGLISH[0]),
        line_row("en_1", "en-CN", ENGLISH[1], "dev", "bob"),
        line_row("en_2", "en", "Nobody can hear the musicians from the garden."),
        line_row("en_3", "en", "This file is missing."),
    ]
    said = {"en_0": ENGLISH[0], "en_1": ENGLISH[1], "en_2": ENGLISH[1]}
    for name, text in said.items():
        write_speech(folder / f"{name}.wav", recorded(speaker.say(text, voice="en-us", variant="m3").samples))
    for number, text in enumerate(sentences("de")[:6]):
        rows.append(line_row(f"de_{number}", "de-DE", text, "dev" if number == 5 else "train", f"carl{number // 5}"))
        write_speech(folder / f"de_{number}.wav", recorded(speaker.say(text, voice="de", variant="f2").samples))
    rows.append(line_row("xx_0", "xx", "Blabla"))
    write_speech(folder / "xx_0.wav", recorded(np.zeros(SAMPLE_RATE, dtype=np.float32)))
    write_manifest(folder, rows)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone network that learns for a moment only, and is believed whatever it finds."""
    monkeypatch.setattr(phone_network, "BATCH", 6)
    monkeypatch.setattr(other_languages, "STEPS", 20)
    monkeypatch.setattr(other_languages, "MORE_STEPS", 3)
    monkeypatch.setattr(other_languages, "LIMITS", Limits(-np.inf, -np.inf))


def test_english_is_aligned_once_and_what_does_not_fit_left_out(speech: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    options = AlignOptions(languages=("en",), workers=1)
    report = real.align(speech, tmp_path, options, progress=lambda done, total: seen.append((done, total)))
    assert (report.made, report.kept) == (2, 0) and seen[-1] == (4, 4)
    assert dict(report.skipped).keys() == {"en_2", "en_3"}
    assert json.loads((tmp_path / "speech.skipped.json").read_text("utf-8")) == dict(report.skipped)
    trained_on = load_corpus(tmp_path, "speech", "train")
    assert [(one.name, one.voice, one.language) for one in trained_on] == [("en_0", "anna", "en")]
    held_out = load_corpus(tmp_path, "speech", "val")[0]
    assert (held_out.name, held_out.voice, held_out.language) == ("en_1", "bob", "en-CN")
    for one in (*trained_on, held_out):
        assert (
            one.landmarks is None and not one.curves and one.frames == int(np.ceil(len(one.samples) / SAMPLE_RATE * 25))
        )
        assert sum(bool(phone.symbol) for phone in one.phones) > 10
        assert one.phones[-1].end_s == pytest.approx(len(one.samples) / SAMPLE_RATE)
        assert one.words[0].text in ("my", "the")
    again = real.align(speech, tmp_path, options)
    assert (again.made, again.kept, again.skipped) == (0, 2, report.skipped)


def test_other_languages_follow_by_a_network_that_is_kept(speech: Path, tmp_path: Path, quick: None) -> None:
    lines: list[str] = []
    report = real.align(speech, tmp_path, ONE, log=lines.append)
    assert report.made == 2 + 6 and dict(report.skipped).keys() == {"en_2", "en_3", "xx_0"}
    assert "xx" in dict(report.skipped)["xx_0"] and lines
    splits = {one.name: one.split for one in list_prepared(tmp_path, "speech")}
    assert splits["de_0"] == "train" and splits["de_5"] == "test" and splits["en_1"] == "val"
    networks = list(tmp_path.glob(".speech.phones-*.npz"))
    assert len(networks) == 1
    before = networks[0].stat().st_mtime_ns
    (tmp_path / "speech.de_1.npz").unlink()
    assert real.align(speech, tmp_path, ONE).made == 1
    assert networks[0].stat().st_mtime_ns == before


def test_sources_are_cited(speech: Path, tmp_path: Path) -> None:
    real.align(speech, tmp_path, AlignOptions(languages=("en-CN",), workers=1))
    real.align(speech, tmp_path, AlignOptions(languages=("en",), workers=1))
    cited = read_citations(tmp_path)
    assert [row["name"] for row in cited] == ["en_0", "en_1"]
    assert cited[1] == {
        "name": "en_1", "split": "val", "language": "en-CN", "speaker": "bob", "source": "somebody/corpus:en_1.wav@abc",
        "licence": "CC0", "note": "",
    }  # fmt: skip
    assert cited_sources(tmp_path) == (CitedSource("somebody/corpus", "CC0", ("en",), 1, 1),)
    assert cited_sources(tmp_path, "test") == ()
    assert read_citations(tmp_path / "nowhere") == []


def test_nonsense_is_refused_before_anything_is_made(speech: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fr"):
        real.align(speech, tmp_path / "out", AlignOptions(languages=("fr",)))
    with pytest.raises(InputError, match=r"manifest\.csv"):
        real.align(tmp_path, tmp_path / "out", ONE)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        real.align(speech, tmp_path / "file", ONE)
    with pytest.raises(OptionError):
        AlignOptions(workers=0)
