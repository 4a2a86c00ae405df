"""Opening, width and jaw over time: as the mesh engine plays them for a speech, and as they were measured on a face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.motion_space import measure_motion
from mouthpiece.datasets.recordings import Recording
from mouthpiece.datasets.rig import OPENING_CURVE, rig_width
from mouthpiece.motion.basis import CHIN, motion_row, width_of
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import SpeechStream, features
from mouthpiece.types import SAMPLE_RATE, FloatArray, Motion, SpeechChunk

LIVE_CHUNK = SAMPLE_RATE // 50
"""Samples that live sound comes in."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Opening, width and jaw at the frames of a clip, each (T,) float32; None where not known."""

    opening: FloatArray
    width: FloatArray | None = None
    jaw: FloatArray | None = None


def measured_curves(recording: Recording) -> Curves:
    """Return what was measured on the speaker; of a rig, its jaw curve stands for opening and jaw."""
    if recording.landmarks is not None:
        measured = measure_motion(recording)
        return Curves(measured.opening, measured.width, measured.jaw)
    jaw = recording.curves[OPENING_CURVE]
    return Curves(jaw, rig_width(recording), jaw)


def play_on(
    stream: MotionStream, chunks: Iterable[SpeechChunk], times_s: NDArray[np.float64]
) -> tuple[Curves, FloatArray]:
    """Make the motion that the mesh engine would play for a speech.

    Args:
        stream: at the beginning of a speech.
        chunks: the speech.
        times_s: (T,) ascending moments.

    Returns:
        Its curves at these moments, and the gate, (T,) 0-1.
    """
    motions = list(motions_at(stream, chunks, times_s))
    moved = np.stack([motion.displacement for motion in motions])
    opening = np.array([motion.opening for motion in motions], dtype=np.float32)
    gate = np.array([motion.activity for motion in motions], dtype=np.float32)
    return Curves(opening, width_of(moved), moved[:, motion_row(CHIN), 1]), gate


def chunks_of(samples: FloatArray, *, live: bool = False) -> Iterator[SpeechChunk]:
    """Yield speech as an engine gets it: a file in one piece at a known level, or pieces as from a microphone."""
    if not live:
        yield SpeechChunk(0, samples, 0, *features(samples))
        return
    speech = SpeechStream(live=True)
    for start in range(0, len(samples), LIVE_CHUNK):
        yield speech.push(samples[start : start + LIVE_CHUNK])
    yield speech.finish()


def motions_at(stream: MotionStream, chunks: Iterable[SpeechChunk], times_s: NDArray[np.float64]) -> Iterator[Motion]:
    """Yield the motion at each moment as soon as the stream has it: it forgets what is long past.

    Args: as of `play_on`.
    """
    asked = 0
    for chunk in chunks:
        stream.push(chunk)
        while asked < len(times_s) and times_s[asked] < stream.ready_until_s:
            yield stream.at(float(times_s[asked]))
            asked += 1
    stream.finish()
    for time_s in times_s[asked:]:
        yield stream.at(float(time_s))
