"""The page's texts in its languages."""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit")

from mouthpiece import errors, notices, pipeline, samples
from mouthpiece.apps.studio.formatting import error_message, progress_line, summary_lines
from mouthpiece.apps.studio.job_options import RESTS
from mouthpiece.apps.studio.jobs import JobState, JobStatus
from mouthpiece.apps.studio.styles import text_overrides
from mouthpiece.apps.studio.translations import ARABIC, ENGLISH, LANGUAGES, Texts, preferred_language
from mouthpiece.types import FaceStretch, Progress, SkipReason

ARABIC_LETTER = re.compile("[\u0621-\u064a]")
KEPT = ("language", "own_name", "direction", "errors", "warnings", "streamlit_texts")
"""What needn't be there in both, or stands for itself."""


def sayings(texts: Texts) -> Iterator[tuple[str, str]]:
    """All that is said, with names that tell where."""
    for field in dataclasses.fields(texts):
        value: Any = getattr(texts, field.name)
        if field.name in KEPT:
            continue
        if isinstance(value, str):
            yield field.name, value
        elif callable(value):
            given = (
                ((True, True), (True, False), (False, True)) if field.name == "missing_inputs" else ((1,), (2,), (11,))
            )
            yield from ((f"{field.name}{arguments}", value(*arguments)) for arguments in given)
        else:
            yield from ((f"{field.name}.{key}", said) for key, said in value.items())


def names_in(said: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(said) if name}


def test_both_languages_say_the_same_things() -> None:
    english, arabic = dict(sayings(ENGLISH)), dict(sayings(ARABIC))
    assert english.keys() == arabic.keys()
    for where, said in english.items():
        assert names_in(arabic[where]) == names_in(said), where
        assert not ARABIC_LETTER.search(said), where
        assert ARABIC_LETTER.search(arabic[where]), where
    assert set(ARABIC.rest_names) == set(RESTS)


def test_every_error_has_arabic_words() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, errors.MouthpieceError)}
    assert set(ARABIC.errors) == codes - {"cancelled", "output-exists"}, "which nobody is told here"
    assert not ENGLISH.errors


def test_arabic_warnings_are_those_of_the_catalogue() -> None:
    for code, text in ARABIC.warnings.items():
        assert names_in(text) == names_in(notices.TEXTS[code]), code
        assert ARABIC_LETTER.search(text), code
    assert not ENGLISH.warnings, "the notices are in English"


def test_an_error_keeps_its_own_line() -> None:
    error = errors.NoFaceError("expected a face in \u2068*a*.jpg\u2069; use another")
    line = error_message(ENGLISH, error)
    assert line.replace("\\", "") == "Expected a face in \u2068*a*.jpg\u2069; use another."
    lead, gap, rest = error_message(ARABIC, error).partition("\n\n")
    assert (lead.replace("\\", ""), bool(gap), rest) == (ARABIC.errors["no-face"], True, line)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("ar", "ar"),
        ("ar-EG", "ar"),
        ("AR_sa", "ar"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("arn", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_browser_chooses_the_language(locale: str | None, language: str) -> None:
    assert preferred_language(locale) == language


def test_languages_are_those_of_the_samples() -> None:
    assert tuple(LANGUAGES) == samples.LANGUAGES


def test_progress_and_facts_in_arabic() -> None:
    line = progress_line(ARABIC, JobStatus(JobState.RUNNING, progress=Progress(50, 200, 2.0, 1.0)))
    assert "50 من 200" in line and "0:03" in line
    assert progress_line(ARABIC, JobStatus(JobState.WAITING, 3)).endswith("3")
    timeline = (FaceStretch(0, 61.0, True), FaceStretch(61.0, 62.5, False, SkipReason.NO_FACE))
    result = pipeline.SyncResult(
        path=Path("a"),
        frames=1562,
        seconds=62.5,
        elapsed_s=31.25,
        first_frame_s=0.1,
        timeline=timeline,
        faces_seen=2,
        face_chosen=None,
        engine="mesh",
        warnings=(),
    )
    first, _, passed = summary_lines(ARABIC, result)
    assert "1562" in first and "31.2 ث" in first
    assert passed == "تُرك كما هو من 1:01 إلى 1:02: لا يُرى وجه"


def test_words_of_streamlit_are_put_in_place() -> None:
    rules = text_overrides({".a > b": "كلمة"})
    assert '.a > b::after { font-size: .875rem; content: "كلمة"; }' in rules
    assert text_overrides({}) == ""
    assert all(set(said) & set('"<>\\') == set() for said in ARABIC.streamlit_texts.values())
