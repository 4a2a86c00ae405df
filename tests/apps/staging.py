"""How commands end, and who plays the pipeline."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mouthpiece import pipeline
from mouthpiece.errors import Cancelled
from mouthpiece.notices import Notice
from mouthpiece.types import Box, FaceStretch, Progress, SkipReason


@dataclass
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output read as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class StandIn:
    """Plays the pipeline: remembers what was asked, then does as it was told."""

    asked: dict[str, Any] = field(default_factory=dict)
    fails_with: BaseException | None = None
    warnings: tuple[Notice, ...] = ()
    faces_seen: int = 1

    def sync(self, face: Path, speech: Path, out: Path, options: Any, *, progress: Any, cancelled: Any) -> Any:
        """As `pipeline.sync`, in no time."""
        self.asked = {"face": face, "speech": speech, "out": out, "options": options}
        for frames in (1, 2, 50):
            progress(Progress(frames, 50, frames / 25, 0.5))
        if self.fails_with:
            raise self.fails_with
        if cancelled():
            raise Cancelled("stopped as asked; nothing was written")
        return pipeline.SyncResult(
            path=out,
            frames=50,
            seconds=2.0,
            elapsed_s=0.5,
            first_frame_s=0.1,
            timeline=(FaceStretch(0.0, 1.5, True), FaceStretch(1.5, 2.0, False, SkipReason.TURNED)),
            faces_seen=self.faces_seen,
            face_chosen=Box(10, 20, 110, 140),
            engine=options.engine.name,
            warnings=self.warnings,
        )
