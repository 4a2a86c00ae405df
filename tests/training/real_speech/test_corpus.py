"""Folders of transcribed speech: their manifest, what lies beside it, the splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.training.real_speech.conftest import line_row, write_manifest

from mouthpiece.errors import InputError
from mouthpiece.training.real_speech.corpus import read_lines
from mouthpiece.types import SpokenWord


def test_lines_come_with_what_the_corpus_knows(tmp_path: Path) -> None:
    write_manifest(tmp_path, [line_row("b é", "en-CN", "So Billy"), line_row("a", "ar", "نعم")])
    (tmp_path / "x_phones.json").write_text(json.dumps({"b é": ["S OW1", "B IH1 L IY0"]}), "utf-8")
    (tmp_path / "y_words.json").write_text(
        json.dumps({"a": [["نعم", "naʕam", 0.1, 0.5]], "b é": [["so", 0, 1]]}), "utf-8"
    )
    first, second = read_lines(tmp_path)
    assert (first.name, first.path, first.language) == ("a", tmp_path / "a.wav", "ar")
    assert first.words == (SpokenWord("نعم", 0.1, 0.5),) and first.word_ipa == ("naʕam",)
    assert (first.source, first.licence) == ("somebody/corpus:a.wav@abc", "CC0")
    assert second.name == "b-é" and second.arpabet == ("S OW1", "B IH1 L IY0")
    assert second.words == (SpokenWord("so", 0.0, 1.0),) and second.word_ipa == ()


def test_speakers_that_are_held_out_are_dealt_by_name(tmp_path: Path) -> None:
    rows = [line_row(f"{who}{n}", "de", "Ja", "dev", who) for who in ("c", "a", "d", "b") for n in (0, 1)]
    rows += [line_row("e", "de", "Ja", speaker="e")]
    write_manifest(tmp_path, rows)
    splits = {line.speaker: line.split for line in read_lines(tmp_path)}
    assert splits == {"a": "val", "b": "test", "c": "val", "d": "test", "e": "train"}


def test_what_is_no_such_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv") as refused:
        read_lines(tmp_path)
    assert len(str(refused.value).splitlines()) == 1
    (tmp_path / "manifest.csv").write_text("file,text\na.wav,hello\n")
    with pytest.raises(InputError, match="language is missing"):
        read_lines(tmp_path)
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe,\x00")
    with pytest.raises(InputError):
        read_lines(tmp_path)


@pytest.mark.parametrize("content", ["[1]", "{", '{"a": [["so"]]}', '{"a": [["so", "x", "y"]]}', '{"a": 3}'])
def test_damaged_word_times_are_refused(tmp_path: Path, content: str) -> None:
    write_manifest(tmp_path, [line_row("a", "en", "so")])
    (tmp_path / "x_words.json").write_text(content)
    with pytest.raises(InputError):
        read_lines(tmp_path)
