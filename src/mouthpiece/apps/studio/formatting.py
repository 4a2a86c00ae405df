"""What the page says of jobs and errors, and strangers' names in it made harmless."""

from __future__ import annotations

import string

from mouthpiece.apps.cli.console import clock
from mouthpiece.apps.studio.jobs import Standing, State
from mouthpiece.apps.studio.translations import Texts
from mouthpiece.errors import MouthpieceError
from mouthpiece.pipeline import SyncResult
from mouthpiece.types import FaceStretch

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
WORD_JOINER = "\u2060"
"""Nothing to be seen, and no place to break a line."""
MOST_STRETCHES = 6
"""Stretches that are listed one by one."""
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


def told(say: Texts, error: MouthpieceError) -> str:
    """An error to be shown as it is: in the page's language what is wrong, then the error's own line."""
    lead = say.errors.get(error.code, say.errors.get("error", ""))
    line = sentence(str(error))
    return f"{plain(lead)}\n\n{line}" if lead else line


def length(say: Texts, seconds: float) -> str:
    """A length for people: 7.4 s, 1:05."""
    return say.seconds.format(seconds=seconds) if seconds < 60 else clock(seconds)


def progress_line(say: Texts, standing: Standing) -> str:
    """Where a job stands."""
    if standing.state is State.WAITING:
        return say.waiting(standing.ahead) if standing.ahead else say.turn
    progress = standing.progress
    if progress is None:
        return say.preparing
    total = max(progress.total_frames, progress.frames)
    return say.progress.format(done=progress.frames, total=total, speed=progress.speed, left=clock(progress.left_s))


def share_done(standing: Standing) -> float:
    """How much of the video is made, 0-1."""
    progress = standing.progress
    return min(progress.frames / max(progress.total_frames, 1), 1.0) if progress else 0.0


def facts(say: Texts, result: SyncResult) -> list[str]:
    """What was done, a line each."""
    lines = [
        say.made.format(
            length=length(say, result.seconds),
            frames=result.frames,
            elapsed=length(say, result.elapsed_s),
            speed=result.speed,
            engine=result.engine,
        ),
        say.faces(result.faces_seen),
    ]
    passed = [stretch for stretch in result.timeline if not stretch.synced]
    if not passed:
        return [*lines, say.all_moved]
    lines += [_stretch(say, stretch) for stretch in passed[:MOST_STRETCHES]]
    if len(passed) > MOST_STRETCHES:
        lines.append(say.more_left_alone.format(count=len(passed) - MOST_STRETCHES))
    return lines


def notes(result: SyncResult) -> list[str]:
    """What else the visitor should know; what `facts` says already is left out."""
    return [warning.text for warning in result.warnings if warning.code not in ("stretches-passed", "faces-ignored")]


def _stretch(say: Texts, stretch: FaceStretch) -> str:
    why = f": {say.reasons[stretch.reason]}" if stretch.reason else ""
    return say.left_alone.format(start=length(say, stretch.start_s), end=length(say, stretch.end_s)) + why
