"""Jobs, results and names as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from mouthpiece import pipeline
from mouthpiece.apps.studio.formatting import (
    as_sentence,
    escape_markdown,
    isolate_name,
    progress_line,
    summary_lines,
    warning_messages,
)
from mouthpiece.apps.studio.jobs import JobState, JobStatus
from mouthpiece.apps.studio.translations import ARABIC, ENGLISH
from mouthpiece.notices import Notice, notice
from mouthpiece.types import FaceStretch, Progress, SkipReason


@pytest.mark.parametrize("text", ["a*b_c", "[x](javascript:alert(1))", ":red[x]", "$x^2$", "<b>x</b>", "# x", "`x`"])
def test_names_are_no_markup(text: str) -> None:
    shown = escape_markdown(text)
    assert all(shown[i - 1] == "\\" for i, char in enumerate(shown) if char in "*_[]()$<>#`:^" and i)
    assert shown.replace("\\", "") == text


def test_names_are_no_links() -> None:
    assert "www." not in isolate_name("www.example.org") and "://" not in isolate_name("https://example.org")


def test_sentences() -> None:
    assert as_sentence("expected a face") == "Expected a face\\."
    assert as_sentence("is it on?") == "Is it on\\?"
    assert escape_markdown("a\nb\t c") == "a b c"


def test_progress_is_said() -> None:
    assert progress_line(ENGLISH, JobStatus(JobState.WAITING, 1)) == "Waiting: 1 video is before yours"
    assert progress_line(ENGLISH, JobStatus(JobState.WAITING, 3)) == "Waiting: 3 videos are before yours"
    assert "looking at the face" in progress_line(ENGLISH, JobStatus(JobState.RUNNING))
    line = progress_line(ENGLISH, JobStatus(JobState.RUNNING, progress=Progress(50, 200, 2.0, 1.0)))
    assert line == "50 of 200 frames · 2.0× real time · about 0:03 left"


def test_what_was_done_is_said() -> None:
    timeline = (FaceStretch(0, 61.0, True), FaceStretch(61.0, 62.5, False, SkipReason.NO_FACE))
    warnings = (
        notice("stretches-passed", seconds=1.5, reasons="no-face"),
        notice("faces-ignored", faces=2),
        notice("sound-damaged"),
        Notice("of-another-package", "their *own*"),
    )
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
        warnings=warnings,
    )
    assert summary_lines(ENGLISH, result) == [
        "1:02, 1562 frames, made in 31.2 s (2.0× real time) by the engine mesh",
        "2 faces found, one of them speaks",
        "Left as it was from 1:01 to 1:02: no face to be seen",
    ]
    own = "Their \\*own\\*\\."
    assert warning_messages(ENGLISH, result) == [as_sentence("damaged sound: left out"), own]
    assert warning_messages(ARABIC, result) == [as_sentence(ARABIC.warnings["sound-damaged"]), own]
