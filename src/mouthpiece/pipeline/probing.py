"""What is in a file: streams, faces, speech."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass

import numpy as np

from mouthpiece.face import FaceTracker
from mouthpiece.media import MediaReport, open_face, open_speech, probe_media
from mouthpiece.pipeline.lane import speech_chunks
from mouthpiece.speech import speech_stretches
from mouthpiece.types import Box, SkipReason

PROBE_FRAMES = 12
"""Frames that `probe` looks at."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face that `probe` saw."""

    time_s: float
    """When."""
    number: int
    """Which, counted from the left: what `SyncOptions.face` takes."""
    box: Box
    """Where, pixels."""
    yaw_deg: float
    """Turned how far to the side."""
    usable: SkipReason | None
    """None if it can be synced, else why not."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What is in a file."""

    media: MediaReport
    """Its container and streams."""
    faces: tuple[SeenFace, ...]
    """Every face at each moment looked at, by time and then from left to right."""
    frames_looked_at: int
    """How many moments of the picture were looked at."""
    most_faces: int
    """The most faces seen at once."""
    speech: tuple[tuple[float, float], ...]
    """Stretches of speech: start and end, seconds."""


def probe(path: str | os.PathLike[str]) -> ProbeReport:
    """Look into a file: streams, faces, speech.

    Raises:
        InputError: it is not media.
    """
    media = probe_media(path)
    faces: list[SeenFace] = []
    looked = most = 0
    if media.has_picture:
        tracker = FaceTracker()
        with open_face(path) as source:
            for frame in itertools.islice(source.sample_frames(PROBE_FRAMES), PROBE_FRAMES):
                seen = tracker.detect_all(frame)
                looked += 1
                most = max(most, len(seen))
                for number, (face, skip_reason) in enumerate(seen, start=1):
                    faces.append(SeenFace(float(frame.time_s), number, face.box, face.pose.yaw_deg, skip_reason))
    speech: list[tuple[float, float]] = []
    if media.has_sound:
        with open_speech(path) as voice:
            speech = speech_stretches(np.concatenate([chunk.activity for chunk in speech_chunks(voice)]))
    return ProbeReport(media, tuple(faces), looked, most, tuple(speech))
