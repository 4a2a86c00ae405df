"""How well mouth motion made from speech agrees with what was measured on the speakers' faces.

Everything is measured on the motion as the engine plays it: through the stream, with gate, closure and intensity, at
the times of the clip's own frames. Beside it stand the bare network and the energy envelope, the simplest thing that
moves a mouth.

Three kinds of recordings can judge: faces that were measured; rig curves, of which the jaw's stands for the opening;
and synthetic speech with known sounds, for which the coarticulation model's motion stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.agreement import agreement, area_under_curve, lagged_correlation
from mouthpiece.datasets.motion_curves import Curves, chunks_of, play_on
from mouthpiece.datasets.recordings import Recording, list_prepared, load_recording
from mouthpiece.errors import InputError
from mouthpiece.evaluation.reference import Reference, in_speech, reference_of, stretches
from mouthpiece.motion.basis import load_basis
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.motion.network import LIVE_WEIGHTS, WEIGHTS, basis_path
from mouthpiece.motion.stream import LIVE_LOOK_AHEAD_S, MotionStream
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, FloatArray

LEAK_ABOVE = 0.02
"""An opening beyond this (outer eye distances) in a pause is a leak."""
MAX_LAG = 5
"""Frames to either side at which a lag is looked for."""
ENVELOPE_S = 0.04
"""Window of the energy envelope."""


@dataclass(frozen=True, slots=True)
class ClipAgreement:
    """One clip's part in a score."""

    name: str
    language: str
    voice: str
    opening_r: float
    network_r: float
    envelope_r: float
    lag_frames: int | None
    """None where nothing correlates."""


@dataclass(frozen=True, slots=True)
class MotionScore:
    """Agreement over the clips of one split of a corpus. NaN where a corpus holds nothing to judge it by."""

    corpus: str
    split: str
    clips: int
    network_r: float
    """Mean over clips of Pearson's r of the bare network's opening, without gate and closure: mouths open to breathe
    before they speak, which the network has learned and the engine, still in pauses, leaves out."""
    opening_r: float
    """The same of the opening as the engine plays it, all frames of the clip; a mouth that never moves counts 0."""
    opening_r_speaking: float
    """The same over the frames from a little before the first word to a little after the last of each stretch."""
    opening_r_pooled: float
    """One r over the frames of all clips together: counts differences between clips too."""
    width_r: float
    jaw_r: float
    opening_mae: float
    """Mean absolute error of the opening, outer eye distances, at intensity 1."""
    lag_frames: int | None
    """Shift of the motion that agrees best over all clips, frames; positive when the motion comes late; None where
    nothing correlates."""
    clips_within_a_frame: float
    """Share of clips whose own best lag is at most one frame."""
    closure_auc: float
    """Area under the curve of telling touching lips from open ones by the opening, while speaking."""
    silence_leak: float
    """Share of frames in pauses with an opening beyond LEAK_ABOVE."""
    spread_ratio: float
    """Standard deviation of the opening over that of the measured one, mean over clips."""
    envelope_r: float
    """Mean over clips of r between the energy envelope and the measured opening."""
    envelope_auc: float = float("nan")
    """closure_auc of the energy envelope."""
    network: str = ""
    """The network that was scored: offline, live, or a file's name."""
    by_clip: tuple[ClipAgreement, ...] = field(default=(), repr=False)


def shipped_networks() -> tuple[dict[str, Path], list[str]]:
    """Return the packaged networks by name, and one line for each that is missing."""
    networks = {"offline": WEIGHTS, "live": LIVE_WEIGHTS}
    missing = [
        f"no {name} network: {path.name} is not in the package" for name, path in networks.items() if not path.is_file()
    ]
    return {name: path for name, path in networks.items() if path.is_file()}, missing


def is_live(weights: Path) -> bool:
    """Return whether a network looks so little ahead that it is meant for live sound.

    Raises:
        WeightsError: its basis is missing or damaged.
    """
    return load_basis(basis_path(weights))[1].ahead / MEL_RATE <= LIVE_LOOK_AHEAD_S


def energy_envelope(samples: FloatArray, times_s: NDArray[np.float64]) -> FloatArray:
    """Return the root mean square of the sound around each moment, (T,)."""
    half = int(ENVELOPE_S / 2 * SAMPLE_RATE)
    sums = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    centre = np.round(times_s * SAMPLE_RATE).astype(int)
    low, high = np.clip(centre - half, 0, len(samples)), np.clip(centre + half, 0, len(samples))
    return np.asarray(np.sqrt((sums[high] - sums[low]) / (2 * half)), dtype=np.float32)


def evaluate_motion(
    cache: Path,
    corpus: str,
    split: str,
    *,
    weights: Path = WEIGHTS,
    intensity: float = 1.0,
    limit: int | None = None,
    network: str = "",
    live: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MotionScore | None:
    """Score a network on the prepared clips of one split of a corpus.

    Args:
        cache: folder that `prepare_corpus` filled.
        corpus: the corpus's name.
        split: train, val, test or unseen.
        weights: the network, its basis beside it.
        intensity: as of the engine.
        limit: at most so many clips.
        network: what to call it.
        live: play it as live sound; if not given, as `is_live` has it.
        progress: called with (clips done, clips in all).

    Returns:
        The score, or None where the split has no clips.

    Raises:
        InputError: the cache does not hold the corpus.
        WeightsError: network or basis are missing or damaged.
    """
    clips = list_prepared(cache, corpus)
    if not clips:
        raise InputError(f"expected prepared clips of {corpus} in {cache}, found none; prepare the corpus first")
    wanted = [clip.path for clip in clips if clip.split == split][:limit]
    return score_recordings(
        _read(wanted, progress),
        corpus,
        split,
        weights=weights,
        intensity=intensity,
        network=network,
        live=live,
    )


def _read(paths: Sequence[Path], progress: Callable[[int, int], None] | None) -> Iterator[Recording]:
    """Load recordings as they are asked for."""
    for done, path in enumerate(paths):
        if progress:
            progress(done, len(paths))
        yield load_recording(path)


def score_recordings(
    recordings: Iterable[Recording],
    corpus: str,
    split: str,
    *,
    weights: Path = WEIGHTS,
    intensity: float = 1.0,
    network: str = "",
    live: bool | None = None,
) -> MotionScore | None:
    """Score a network on recordings, which are looked at one after the other; None where there are none.

    Args: as of `evaluate_motion`.

    Raises:
        WeightsError: network or basis are missing or damaged.
    """
    live = is_live(weights) if live is None else live
    played = MotionStream(intensity=intensity, weights=weights)
    bare = MotionStream(intensity=intensity, weights=weights, gate=False, closure=False)
    teacher: CoarticulationModel | None = None
    rows = []
    for recording in recordings:
        if teacher is None and recording.phones:
            teacher = CoarticulationModel.load()
        rows.append(_score_clip(recording, played, bare, teacher, live=live))
    return _summary(corpus, split, network, rows) if rows else None


@dataclass(frozen=True, slots=True)
class _ClipScore:
    name: str
    language: str
    voice: str
    made: Curves
    bare: FloatArray
    envelope: FloatArray
    reference: Reference
    speaking: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    """(T,) frames at which the reference is known."""

    @property
    def measured(self) -> Curves:
        return self.reference.curves

    def r(self, made: FloatArray | None, measured: FloatArray | None, *, speaking: bool = False) -> float:
        """Correlate two curves where the reference is known; NaN where one of them isn't there."""
        counted = self.seen & self.speaking if speaking else self.seen
        return float("nan") if made is None or measured is None else agreement(made[counted], measured[counted])


def _score_clip(
    recording: Recording, played: MotionStream, bare: MotionStream, teacher: CoarticulationModel | None, *, live: bool
) -> _ClipScore:
    times_s = np.arange(recording.frames) / recording.fps
    chunks = list(chunks_of(recording.samples, live=live))
    for stream in (played, bare):
        stream.reset()
    return _ClipScore(
        recording.name,
        recording.language,
        recording.voice,
        play_on(played, chunks, times_s)[0],
        play_on(bare, chunks, times_s)[0].opening,
        energy_envelope(recording.samples, times_s),
        reference_of(recording, teacher),
        in_speech(times_s, stretches(recording)),
        recording.seen,
    )


_LAGS = np.arange(-MAX_LAG, MAX_LAG + 1)


def _summary(corpus: str, split: str, network: str, rows: list[_ClipScore]) -> MotionScore:
    metric = [row for row in rows if row.reference.metric]
    by_lag = np.array(
        [[lagged_correlation(r.made.opening, r.measured.opening, int(lag), r.seen) for lag in _LAGS] for r in rows]
    )
    best = [_best_lag(correlations) for correlations in by_lag]
    known = [abs(lag) <= 1 for lag in best if lag is not None]
    made = np.concatenate([row.made.opening for row in rows])
    measured = np.concatenate([row.measured.opening for row in rows])
    envelope = np.concatenate([row.envelope for row in rows])
    speaking = np.concatenate([row.speaking for row in rows])
    seen = np.concatenate([row.seen for row in rows])
    touching = np.concatenate([row.reference.touching for row in rows])
    certain = speaking & np.concatenate([row.reference.certain for row in rows])
    clips = [_agreement_of(row, lag) for row, lag in zip(rows, best, strict=True)]
    return MotionScore(
        corpus=corpus,
        split=split,
        clips=len(rows),
        network_r=_mean([clip.network_r for clip in clips]),
        opening_r=_mean([clip.opening_r for clip in clips]),
        opening_r_speaking=_mean([row.r(row.made.opening, row.measured.opening, speaking=True) for row in rows]),
        opening_r_pooled=agreement(made[seen], measured[seen]),
        width_r=_mean([row.r(row.made.width, row.measured.width) for row in rows]),
        jaw_r=_mean([row.r(row.made.jaw, row.measured.jaw) for row in rows]),
        opening_mae=_mean([_error(row) for row in metric]),
        lag_frames=_best_lag(np.array([_mean(list(column)) for column in by_lag.T])),
        clips_within_a_frame=float(np.mean(known)) if known else float("nan"),
        closure_auc=area_under_curve(-made[certain], touching[certain]),
        silence_leak=float((made[~speaking] > LEAK_ABOVE).mean()) if (~speaking).any() else float("nan"),
        spread_ratio=_mean([_spread(row) for row in metric]),
        envelope_r=_mean([clip.envelope_r for clip in clips]),
        envelope_auc=area_under_curve(-envelope[certain], touching[certain]),
        network=network,
        by_clip=tuple(clips),
    )


def _agreement_of(row: _ClipScore, lag: int | None) -> ClipAgreement:
    measured = row.measured.opening
    return ClipAgreement(
        row.name,
        row.language,
        row.voice,
        opening_r=row.r(row.made.opening, measured),
        network_r=row.r(row.bare, measured),
        envelope_r=row.r(row.envelope, measured),
        lag_frames=lag,
    )


def _best_lag(correlations: NDArray[np.float64]) -> int | None:
    """Return the lag at which they are highest; None where none is known."""
    if not np.isfinite(correlations).any():
        return None
    return int(_LAGS[np.nanargmax(correlations)])


def _error(row: _ClipScore) -> float:
    return float(np.abs(row.made.opening - row.measured.opening)[row.seen].mean())


def _spread(row: _ClipScore) -> float:
    return float(row.made.opening[row.seen].std() / max(row.measured.opening[row.seen].std(), 1e-6))


def _mean(values: Sequence[float]) -> float:
    """Average what is known; NaN if nothing is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
