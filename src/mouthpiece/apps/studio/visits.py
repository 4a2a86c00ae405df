"""One visitor's page: uploads, values of controls, the job, the files."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mouthpiece.apps.studio.folders import VisitFolder
from mouthpiece.apps.studio.ingest import ChosenFace, ChosenSpeech, SentFile, ingest_face, ingest_speech
from mouthpiece.apps.studio.job_options import JobOptions, sync_job
from mouthpiece.apps.studio.jobs import Job, JobQueue
from mouthpiece.apps.studio.networks import LoadedNetworks
from mouthpiece.apps.web import Limits
from mouthpiece.errors import MouthpieceError

RESULT = "video"
TRANSLATED_CONTROLS = {"engine", "rest", "fit", "which"}
"""Controls whose options have other names in each language."""
STOPPING_S = 5.0
"""How long a job may take to let go of its files."""
Chosen = TypeVar("Chosen", ChosenFace, ChosenSpeech)


@dataclass(frozen=True, slots=True)
class RejectedUpload:
    """An upload that can't be used."""

    token: str
    error: MouthpieceError
    """Why, in one line."""


@dataclass
class UploadSlot(Generic[Chosen]):
    """The face, or the speech, that a page sent last."""

    ingest: Callable[[VisitFolder, SentFile, Limits], Chosen]
    content: Chosen | RejectedUpload | None = None
    control: str = ""
    """Which of the page's controls sent it."""
    is_restored: bool = False
    """Whether it was sent before the page was reloaded, so that its controls are empty."""

    def restored(self, control: str) -> Chosen | None:
        """Return what a control sent before the page was reloaded; None for nothing, or nothing of use."""
        usable = self.is_restored and self.control == control
        return self.content if usable and not isinstance(self.content, RejectedUpload) else None


@dataclass
class Visit:
    """The server's side of one open page."""

    folder: VisitFolder
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    """By which a reloaded page finds what it had; only its own address has it."""
    face: UploadSlot[ChosenFace] = field(default_factory=lambda: UploadSlot(ingest_face))
    speech: UploadSlot[ChosenSpeech] = field(default_factory=lambda: UploadSlot(ingest_speech))
    control_values: dict[str, Any] = field(default_factory=dict)
    """Values of the page's controls, by key."""
    initial_values: dict[str, Any] = field(default_factory=dict)
    """Those at which the controls begin when the page is opened."""
    job: Job | None = None
    job_inputs: tuple[ChosenFace, ChosenSpeech] | None = None
    """The face and the speech of the job."""
    start_error: MouthpieceError | None = None
    """Why there is no job."""

    def restore(self) -> None:
        """Let a reloaded page begin with the uploads and the values that it had."""
        self.face.is_restored = self.speech.is_restored = True
        self.initial_values = dict(self.control_values)

    def switch_language(self) -> None:
        """Let the controls of the other language begin with the values of this one's."""
        self.initial_values |= {key: value for key, value in self.control_values.items() if key in TRANSLATED_CONTROLS}

    def is_busy(self) -> bool:
        """Return whether a video is being made or waits for its turn."""
        return self.job is not None and not self.job.status.state.over

    def is_about(self, face: ChosenFace | None, speech: ChosenSpeech | None) -> bool:
        """Return whether the last job was about these two."""
        tokens = [chosen and chosen.token for chosen in (face, speech)]
        return self.job_inputs is not None and [chosen.token for chosen in self.job_inputs] == tokens

    def end(self) -> None:
        """Cancel the job and wait until it has let go of its files."""
        if self.job is not None:
            self.job.cancel()
            self.job.join(STOPPING_S)

    def receive(self, slot: UploadSlot[Chosen], sent: SentFile, limits: Limits) -> Chosen | RejectedUpload:
        """Ingest a file into one of the visit's slots, unless it is there already."""
        slot.is_restored = False
        content = slot.content
        if content is None or content.token != sent.token:
            self._remove_upload(content)
            slot.control = sent.control
            try:
                content = slot.ingest(self.folder, sent, limits)
            except MouthpieceError as error:
                content = RejectedUpload(sent.token, error)
            slot.content = content
        return content

    def start(
        self,
        jobs: JobQueue,
        networks: LoadedNetworks,
        face: ChosenFace | None,
        speech: ChosenSpeech | None,
        options: JobOptions,
    ) -> None:
        """Start making a video, unless one is being made or something is missing; the one before is removed."""
        if self.is_busy() or face is None or speech is None:
            return
        self._remove_result()
        before, self.job_inputs, self.start_error = self.job_inputs or (), (face, speech), None
        for chosen in before:
            if chosen not in (self.face.content, self.speech.content, face, speech):
                self._remove_upload(chosen)  # it was replaced while the job was at it
        try:
            out = self.folder.new_path(RESULT, ".mp4")
            self.job = jobs.add(sync_job(face, speech, out, options, networks))
        except MouthpieceError as error:
            self.start_error = error

    def _remove_upload(self, content: ChosenFace | ChosenSpeech | RejectedUpload | None) -> None:
        """Remove the file of an upload that another one replaces, unless the job still reads it."""
        if isinstance(content, RejectedUpload) or content is None or content.path.parent != self.folder.path:
            return
        if not (self.is_busy() and self.job_inputs and content in self.job_inputs):
            with suppress(OSError):
                content.path.unlink(missing_ok=True)

    def _remove_result(self) -> None:
        result = self.job.status.result if self.job else None
        self.job = None
        if result is not None:
            with suppress(OSError):
                result.path.unlink(missing_ok=True)
