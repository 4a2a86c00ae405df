"""One visitor's page: what was chosen, the job, the files."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from mouthpiece.apps.studio.folders import VisitFolder
from mouthpiece.apps.studio.formatting import isolated
from mouthpiece.apps.studio.ingest import Face, Speech, take_face, take_speech
from mouthpiece.apps.studio.job_options import Choices, work_of
from mouthpiece.apps.studio.jobs import Job
from mouthpiece.apps.studio.state import StudioState
from mouthpiece.apps.web import safe_name
from mouthpiece.errors import MouthpieceError

RESULT = "video"
NAMED = ("engine", "rest", "fit", "which")
"""Controls with names that differ from language to language."""
STOPPING_S = 5.0
"""How long a job may take to let go of its files."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was sent and can't be used."""

    token: str
    error: MouthpieceError
    """Why, in one line."""


@dataclass
class Visit:
    """What the server knows of one open page."""

    folder: VisitFolder
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    """By which a page that is loaded anew finds what it had; only its own address has it."""
    face: Face | Refused | None = None
    """The last face that was sent."""
    face_from: str = ""
    """Which of the page's controls sent it."""
    speech: Speech | Refused | None = None
    """The last speech that was sent."""
    speech_from: str = ""
    """Likewise."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """What the page's controls stood at."""
    stood_at: dict[str, Any] = field(default_factory=dict)
    """Likewise when the page was opened, so that they begin there."""
    again: set[str] = field(default_factory=set)
    """What was sent ("face", "speech") before the page was loaded anew, so that its controls know nothing of it."""
    job: Job | None = None
    made_of: tuple[Face, Speech] | None = None
    """What the job is about."""
    trouble: MouthpieceError | None = None
    """Why there is no job."""

    @classmethod
    def begin(cls, bench: StudioState, alive: Callable[[], bool]) -> Visit:
        """A new page; `alive` tells whether it is still open."""
        visit = cls(bench.folders.open(alive))
        visit.folder.bind(visit.is_busy, visit.end)
        bench.remember(visit)
        return visit

    def come_back(self) -> None:
        """The page was loaded anew."""
        self.again = {"face", "speech"}
        self.stood_at = dict(self.chosen)

    def switch_language(self) -> None:
        """Let the controls of the other language begin where those of this one stand."""
        self.stood_at |= {key: self.chosen[key] for key in NAMED if key in self.chosen}

    def is_busy(self) -> bool:
        """Whether a video is being made or waits for its turn."""
        return self.job is not None and not self.job.standing.state.over

    def is_about(self, face: Face | None, speech: Speech | None) -> bool:
        """Whether the last job was about these two."""
        made_of = self.made_of
        return None not in (made_of, face, speech) and [given.token for given in made_of or ()] == [
            given.token for given in (face, speech) if given is not None
        ]

    def end(self) -> None:
        """Give up the job and wait until it has let go of its files."""
        if self.job is not None:
            self.job.cancel()
            self.job.join(STOPPING_S)

    def sent_face(
        self,
        bench: StudioState,
        content: BinaryIO,
        name: str,
        token: str,
        sent_from: str,
        *,
        told_as: str | None = None,
    ) -> Face | Refused:
        """The face in a file that was sent; looked into once. `told_as` goes into messages where it has no name."""
        self.again.discard("face")
        if self.face is None or self.face.token != token:
            self._forget(self.face)
            self.face_from = sent_from
            try:
                taken = take_face(self.folder, content, told_as or name, token, bench.settings.limits)
                self.face = replace(taken, name=safe_name(name))
            except MouthpieceError as error:
                self.face = _refused(token, error, told_as or name)
        return self.face

    def sent_speech(
        self,
        bench: StudioState,
        content: BinaryIO,
        name: str,
        token: str,
        sent_from: str,
        *,
        told_as: str | None = None,
    ) -> Speech | Refused:
        """The speech in a file that was sent; likewise."""
        self.again.discard("speech")
        if self.speech is None or self.speech.token != token:
            self._forget(self.speech)
            self.speech_from = sent_from
            try:
                taken = take_speech(self.folder, content, told_as or name, token, bench.settings.limits)
                self.speech = replace(taken, name=safe_name(name))
            except MouthpieceError as error:
                self.speech = _refused(token, error, told_as or name)
        return self.speech

    def face_before(self, sent_from: str) -> Face | None:
        """The face that a control sent before the page was loaded anew."""
        here = "face" in self.again and self.face_from == sent_from
        return self.face if here and isinstance(self.face, Face) else None

    def speech_before(self, sent_from: str) -> Speech | None:
        """The speech that a control sent before the page was loaded anew."""
        here = "speech" in self.again and self.speech_from == sent_from
        return self.speech if here and isinstance(self.speech, Speech) else None

    def start(self, bench: StudioState, face: Face, speech: Speech, choices: Choices) -> None:
        """Begin to make a video; the one before goes."""
        if self.is_busy():
            return
        self._forget_result()
        before, self.made_of, self.trouble = self.made_of or (), (face, speech), None
        for given in before:
            if given not in (self.face, self.speech, face, speech) and given.path.parent == self.folder.path:
                self._forget(given)  # it was replaced while the job was at it
        try:
            out = self.folder.new_path(RESULT, ".mp4")
            self.job = bench.jobs.add(work_of(face, speech, out, choices, bench.networks))
        except MouthpieceError as error:
            self.trouble = error

    def _forget(self, given: Face | Speech | Refused | None) -> None:
        """Remove an upload that another one replaces; a job that still reads it has it open or has read it."""
        if isinstance(given, Refused) or given is None or (self.is_busy() and self.made_of and given in self.made_of):
            return
        with suppress(OSError):
            given.path.unlink(missing_ok=True)

    def _forget_result(self) -> None:
        result = self.job.standing.result if self.job else None
        self.job = None
        if result is not None:
            with suppress(OSError):
                result.path.unlink(missing_ok=True)


def _refused(token: str, error: MouthpieceError, name: str) -> Refused:
    shown = safe_name(name)
    error.args = (str(error).replace(shown, isolated(shown)),)
    return Refused(token, error)
