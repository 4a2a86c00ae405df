"""Jobs, errors and warnings as text for the page, with untrusted names made harmless."""

from __future__ import annotations

import string

from mouthpiece.apps.durations import format_clock
from mouthpiece.apps.studio.jobs import JobState, JobStatus
from mouthpiece.apps.studio.translations import Texts
from mouthpiece.errors import MouthpieceError
from mouthpiece.pipeline import SyncResult
from mouthpiece.types import FaceStretch

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
WORD_JOINER = "\u2060"
"""Invisible, and no place to break a line."""
MOST_STRETCHES = 6
"""Stretches that are listed one by one."""
SUMMARISED_WARNINGS = ("stretches-passed", "faces-ignored")
"""Codes of the warnings that `summary_lines` makes superfluous."""
_ESCAPED = {ord(char): f"\\{char}" for char in string.punctuation}


def escape_markdown(text: str) -> str:
    """Return text that Streamlit shows as it is: no Markdown, no links, no colours, no formulas."""
    return " ".join(text.split()).translate(_ESCAPED)


def isolate_name(name: str) -> str:
    """Isolate the direction of a name from that of the sentence around it: Arabic in English and back.

    What looks like an address becomes no link, which no escaping keeps Markdown from making.
    """
    unlinked = name.replace("://", f":{WORD_JOINER}//").replace("www.", f"www{WORD_JOINER}.")
    return f"{FIRST_STRONG_ISOLATE}{unlinked}{POP_ISOLATE}"


def as_sentence(text: str) -> str:
    """Return a message as a sentence of its own, escaped."""
    return escape_markdown(text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else "."))


def error_message(texts: Texts, error: MouthpieceError) -> str:
    """Format an error, escaped: in the page's language what is wrong, then the error's own line."""
    lead = texts.errors.get(error.code, texts.errors.get("error", ""))
    line = as_sentence(str(error))
    return f"{escape_markdown(lead)}\n\n{line}" if lead else line


def warning_messages(texts: Texts, result: SyncResult) -> list[str]:
    """Format a result's warnings in the page's language, escaped, but for those that repeat `summary_lines`."""
    shown = (warning for warning in result.warnings if warning.code not in SUMMARISED_WARNINGS)
    own = texts.warnings
    return [as_sentence(own[w.code].format(**w.values) if w.code in own else w.text) for w in shown]


def format_duration(texts: Texts, seconds: float) -> str:
    """Format a length for people: 7.4 s, 1:05."""
    return texts.seconds.format(seconds=seconds) if seconds < 60 else format_clock(seconds)


def progress_line(texts: Texts, status: JobStatus) -> str:
    """Format a job's progress, or its place in the queue."""
    if status.state is JobState.WAITING:
        return texts.waiting(status.ahead) if status.ahead else texts.next_in_queue
    progress = status.progress
    if progress is None:
        return texts.preparing
    total, left = max(progress.total_frames, progress.frames), format_clock(progress.left_s)
    return texts.progress.format(done=progress.frames, total=total, speed=progress.speed, left=left)


def progress_fraction(status: JobStatus) -> float:
    """Return how much of the video is made, 0-1."""
    progress = status.progress
    return min(progress.frames / max(progress.total_frames, 1), 1.0) if progress else 0.0


def summary_lines(texts: Texts, result: SyncResult) -> list[str]:
    """Format a result: length, speed, faces, and the stretches that were left as they were."""
    lines = [
        texts.summary.format(
            length=format_duration(texts, result.seconds),
            frames=result.frames,
            elapsed=format_duration(texts, result.elapsed_s),
            speed=result.speed,
            engine=result.engine,
        ),
        texts.faces_found(result.faces_seen),
    ]
    passed = [stretch for stretch in result.timeline if not stretch.synced]
    if not passed:
        return [*lines, texts.all_moved]
    lines += [_stretch_line(texts, stretch) for stretch in passed[:MOST_STRETCHES]]
    if len(passed) > MOST_STRETCHES:
        lines.append(texts.more_stretches_passed.format(count=len(passed) - MOST_STRETCHES))
    return lines


def _stretch_line(texts: Texts, stretch: FaceStretch) -> str:
    start, end = (format_duration(texts, seconds) for seconds in (stretch.start_s, stretch.end_s))
    reason = f": {texts.skip_reasons[stretch.reason]}" if stretch.reason else ""
    return texts.stretch_passed.format(start=start, end=end) + reason
