"""What the page says, and strangers' names in it made harmless."""

from __future__ import annotations

import string

from mouthpiece.apps.console import clock
from mouthpiece.apps.studio.jobs import Standing, State
from mouthpiece.pipeline import SyncResult
from mouthpiece.types import FaceStretch, Unusable

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
WORD_JOINER = "\u2060"
"""Nothing to be seen, and no place to break a line."""
MOST_STRETCHES = 6
"""Stretches that are listed one by one."""
REASONS = {
    Unusable.NO_FACE: "no face to be seen",
    Unusable.TOO_SMALL: "the face is too small",
    Unusable.TURNED: "the face is turned away",
    Unusable.HIDDEN_MOUTH: "the mouth is hidden",
}
_ESCAPED = {ord(char): f"\\{char}" for char in string.punctuation}


def plain(text: str) -> str:
    """Text that Streamlit shows as it is: no Markdown, no links, no colours, no formulas."""
    return " ".join(text.split()).translate(_ESCAPED)


def isolated(name: str) -> str:
    """A name that keeps its own direction, and the sentence around it its own: Arabic in English and back.

    What looks like an address becomes no link, which no escaping keeps Markdown from making.
    """
    unlinked = name.replace("://", f":{WORD_JOINER}//").replace("www.", f"www{WORD_JOINER}.")
    return f"{FIRST_STRONG_ISOLATE}{unlinked}{POP_ISOLATE}"


def sentence(text: str) -> str:
    """A message as a sentence of its own, to be shown as it is."""
    return plain(text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else "."))


def length(seconds: float) -> str:
    """A length for people: 7.4 s, 1:05."""
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def progress_line(standing: Standing) -> str:
    """Where a job stands."""
    if standing.state is State.WAITING:
        if not standing.ahead:
            return "It is your turn"
        who = "1 video is" if standing.ahead == 1 else f"{standing.ahead} videos are"
        return f"Waiting: {who} before yours"
    progress = standing.progress
    if progress is None:
        return "Getting ready: looking at the face, listening"
    total = max(progress.total_frames, progress.frames)
    return (
        f"{progress.frames} of {total} frames · {progress.speed:.1f}× real time · about {clock(progress.left_s)} left"
    )


def share_done(standing: Standing) -> float:
    """How much of the video is made, 0-1."""
    progress = standing.progress
    return min(progress.frames / max(progress.total_frames, 1), 1.0) if progress else 0.0


def facts(result: SyncResult) -> list[str]:
    """What was done, a line each."""
    faces = "1 face found" if result.faces_seen == 1 else f"{result.faces_seen} faces found, one of them speaks"
    lines = [
        f"{length(result.seconds)}, {result.frames} frames, made in {length(result.elapsed_s)} "
        f"({result.speed:.1f}× real time) by the engine {result.engine}",
        faces,
    ]
    passed = [stretch for stretch in result.timeline if not stretch.synced]
    if not passed:
        return [*lines, "The mouth was moved from start to end"]
    lines += [_stretch(stretch) for stretch in passed[:MOST_STRETCHES]]
    if len(passed) > MOST_STRETCHES:
        lines.append(f"and {len(passed) - MOST_STRETCHES} more stretches left as they were")
    return lines


def notes(result: SyncResult) -> list[str]:
    """What else the visitor should know; what `facts` says already is left out."""
    said_above = ("passed through untouched", "faces seen;")
    return [warning for warning in result.warnings if not any(words in warning for words in said_above)]


def _stretch(stretch: FaceStretch) -> str:
    why = f": {REASONS[stretch.reason]}" if stretch.reason else ""
    return f"Left as it was from {length(stretch.start_s)} to {length(stretch.end_s)}{why}"
