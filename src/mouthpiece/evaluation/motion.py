"""How well mouth motion made from speech agrees with what was measured on the speakers' faces.

Everything is measured on the motion as the engine plays it: through the stream, with gate, closure and intensity, at
the times of the clip's own frames. Beside it stand the bare network and the energy envelope, the simplest thing that
moves a mouth.

Three kinds of recordings can judge: faces that were measured; rig curves, of which the jaw's stands for the opening;
and synthetic speech with known sounds, for which the phone teacher says what a mouth would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.motion_space import measure_motion
from mouthpiece.datasets.recordings import Recording, Word, list_prepared, load_recording
from mouthpiece.datasets.rig import CLOSED_BELOW, OPEN_ABOVE, OPENING_CURVE, motion_frames, rig_width
from mouthpiece.errors import InputError
from mouthpiece.motion.basis import CHIN, LEFT_CORNER, MOTION_RATE, RIGHT_CORNER, load_basis
from mouthpiece.motion.network import LIVE_WEIGHTS, WEIGHTS, basis_path
from mouthpiece.motion.stream import LIVE_LOOK_AHEAD_S, Motion, MotionStream
from mouthpiece.speech import SpeechStream, features, speech_stretches
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, FloatArray, SpeechChunk

if TYPE_CHECKING:
    from mouthpiece.motion.coarticulation import CoarticulationModel

LEAK_ABOVE = 0.02
"""An opening beyond this (outer eye distances) in a pause is a leak."""
PAUSE_S = 0.3
"""Pauses shorter than this don't count as silence."""
CLOSING_S, OPENING_S = 0.15, 0.1
"""Time at a pause's start and end in which the mouth may still close, and already open."""
MAX_LAG = 5
"""Frames to either side at which a lag is looked for."""
ENVELOPE_S = 0.04
"""Window of the energy envelope."""
LIVE_CHUNK = SAMPLE_RATE // 50
"""Samples that live sound comes in."""
TAUGHT_CLOSED, TAUGHT_OPEN = 0.9, 0.1
"""The teacher's closure above which lips count as touching, and under which as surely apart."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Opening, width and jaw at the frames of a clip, each (T,) float32; None where not known."""

    opening: FloatArray
    width: FloatArray | None = None
    jaw: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a recording says that the mouth should do, T frames."""

    curves: Curves
    touching: NDArray[np.bool_]
    """(T,) the lips touch."""
    certain: NDArray[np.bool_]
    """(T,) it is known whether they do."""
    metric: bool
    """Whether the curves are in outer eye distances; a rig's are not."""


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
    """Agreement over the clips of one split of a corpus. NaN where a corpus can't tell."""

    corpus: str
    split: str
    clips: int
    network_r: float
    """Mean over clips of Pearson's r of the bare network's opening, without gate and closure: mouths open to breathe
    before they speak, which the network knows and the engine, told to keep still in pauses, leaves out."""
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
    """Which network was scored: offline, live, or a file's name."""
    by_clip: tuple[ClipAgreement, ...] = field(default=(), repr=False)


def play(
    samples: FloatArray,
    times_s: NDArray[np.float64],
    weights: Path = WEIGHTS,
    intensity: float = 1.0,
    *,
    bare: bool = False,
    live: bool = False,
) -> tuple[Curves, FloatArray]:
    """The motion that the mesh engine would play for a speech.

    Args:
        samples: (n,) mono, SAMPLE_RATE.
        times_s: (T,) ascending moments.
        weights: the network.
        intensity: as of the engine.
        bare: without gate and closure.
        live: the sound comes in pieces, and its level is not known beforehand.

    Returns:
        Its curves at these moments, and the gate, (T,) 0-1.
    """
    stream = MotionStream(intensity=intensity, weights=weights, gate=not bare, closure=not bare)
    return play_on(stream, chunks_of(samples, live=live), times_s)


def play_on(
    stream: MotionStream, chunks: Iterable[SpeechChunk], times_s: NDArray[np.float64]
) -> tuple[Curves, FloatArray]:
    """The same on a stream at the beginning of a speech; many clips are quicker with one stream."""
    motions = list(_played(stream, chunks, times_s))
    moved = np.stack([motion.displacement for motion in motions])
    basis = stream.basis
    opening = np.array([motion.opening for motion in motions], dtype=np.float32)
    width = moved[:, basis.row(RIGHT_CORNER), 0] - moved[:, basis.row(LEFT_CORNER), 0]
    gate = np.array([motion.activity for motion in motions], dtype=np.float32)
    return Curves(opening, width, moved[:, basis.row(CHIN), 1]), gate


def chunks_of(samples: FloatArray, *, live: bool = False) -> Iterator[SpeechChunk]:
    """Speech as the engine hears it: a file in one piece, at a level known beforehand, or as from a microphone."""
    return _live_chunks(samples) if live else _whole(samples)


def _whole(samples: FloatArray) -> Iterator[SpeechChunk]:
    """A file: its level is known."""
    log_mel, activity = features(samples)
    yield SpeechChunk(0, samples, 0, log_mel, activity)


def _live_chunks(samples: FloatArray) -> Iterator[SpeechChunk]:
    """The same as it would come from a microphone."""
    speech = SpeechStream(live=True)
    for start in range(0, len(samples), LIVE_CHUNK):
        yield speech.push(samples[start : start + LIVE_CHUNK])
    yield speech.finish()


def _played(stream: MotionStream, chunks: Iterable[SpeechChunk], times_s: NDArray[np.float64]) -> Iterator[Motion]:
    """The motion at each moment, asked for as soon as it can be told: the stream forgets what is long past."""
    asked = 0
    for chunk in chunks:
        stream.push(chunk)
        while asked < len(times_s) and times_s[asked] < stream.ready_until_s:
            yield stream.at(float(times_s[asked]))
            asked += 1
    stream.finish()
    for time_s in times_s[asked:]:
        yield stream.at(float(time_s))


def shipped_networks() -> tuple[dict[str, Path], list[str]]:
    """The packaged networks by name, and one line for each that is missing."""
    networks = {"offline": WEIGHTS, "live": LIVE_WEIGHTS}
    missing = [
        f"no {name} network: {path.name} is not in the package" for name, path in networks.items() if not path.is_file()
    ]
    return {name: path for name, path in networks.items() if path.is_file()}, missing


def is_live(weights: Path) -> bool:
    """Whether a network looks so little ahead that it is meant for live sound.

    Raises:
        WeightsError: its basis is missing or damaged.
    """
    return load_basis(basis_path(weights))[1].ahead / MEL_RATE <= LIVE_LOOK_AHEAD_S


def measured_curves(recording: Recording) -> Curves:
    """What was measured on the speaker; of a rig, its jaw curve stands for opening and jaw."""
    if recording.landmarks is not None:
        measured = measure_motion(recording)
        return Curves(measured.opening, measured.width, measured.jaw)
    jaw = recording.curves[OPENING_CURVE]
    return Curves(jaw, rig_width(recording), jaw)


def reference_of(recording: Recording, teacher: CoarticulationModel | None = None) -> Reference:
    """What a recording says that the mouth should do.

    Args:
        recording: of any kind.
        teacher: for synthetic speech; loaded if not given.

    Raises:
        InputError: it has neither face nor curves nor phones.
    """
    if recording.landmarks is not None or recording.curves:
        curves = measured_curves(recording)
        metric = recording.landmarks is not None
        # A rig's curve says nothing of touching lips.
        certain = ((curves.opening < CLOSED_BELOW) | (curves.opening > OPEN_ABOVE)) & metric & recording.seen
        return Reference(curves, curves.opening < CLOSED_BELOW, certain, metric)
    if recording.phones:
        return _taught(recording, teacher or _load_teacher())
    raise InputError(f"{recording.name}: expected a face, rig curves or phones to judge by, found none; leave it out")


def _load_teacher() -> CoarticulationModel:
    from mouthpiece.motion.coarticulation import CoarticulationModel

    return CoarticulationModel.load()


def _taught(recording: Recording, teacher: CoarticulationModel) -> Reference:
    """What the phone teacher would do."""
    count = motion_frames(len(recording.samples))
    taught = teacher.motion(recording.phones, count)
    basis = teacher.basis
    at_s = np.arange(recording.frames) / recording.fps

    def at_frames(values: FloatArray) -> FloatArray:
        return np.interp(at_s, np.arange(count) / MOTION_RATE, values).astype(np.float32)

    curves = Curves(
        at_frames(taught.opening),
        at_frames(taught.coefficients @ basis.width_weights),
        at_frames(taught.coefficients @ basis.jaw_weights),
    )
    closure = at_frames(taught.closure)
    certain = (closure > TAUGHT_CLOSED) | (closure < TAUGHT_OPEN)
    return Reference(curves, closure > TAUGHT_CLOSED, certain, metric=True)


def energy_envelope(samples: FloatArray, times_s: NDArray[np.float64]) -> FloatArray:
    """Root mean square of the sound around each moment, (T,)."""
    half = int(ENVELOPE_S / 2 * SAMPLE_RATE)
    sums = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    centre = np.round(times_s * SAMPLE_RATE).astype(int)
    low, high = np.clip(centre - half, 0, len(samples)), np.clip(centre + half, 0, len(samples))
    return np.asarray(np.sqrt((sums[high] - sums[low]) / (2 * half)), dtype=np.float32)


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's r; NaN where one of them does not vary."""
    if len(a) < 3 or float(a.std()) < 1e-9 or float(b.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def lagged_correlation(
    made: FloatArray, measured: FloatArray, lag: int, known: NDArray[np.bool_] | None = None
) -> float:
    """r when the made curve is taken `lag` frames later; of the frames at which the measured one is known."""
    known = np.ones(len(measured), dtype=bool) if known is None else known
    here = slice(0, len(measured) - lag) if lag >= 0 else slice(-lag, None)
    there = slice(lag, None) if lag >= 0 else slice(0, lag)
    return correlation(made[there][known[here]], measured[here][known[here]])


def area_under_curve(score: FloatArray, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive scores higher than a negative (Mann-Whitney), ties counting half; NaN without both."""
    wins = int(positive.sum()) * int((~positive).sum())
    if wins == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    below = float(ranks[positive].sum()) - int(positive.sum()) * (int(positive.sum()) + 1) / 2
    return below / wins


def stretches(recording: Recording) -> list[tuple[float, float]]:
    """(start_s, end_s) of speech: by words or phones where they are known, else by the speech room's voice activity."""
    if recording.words:
        return joined_words(recording.words)
    sounding = [Word(phone.symbol, phone.start_s, phone.end_s) for phone in recording.phones if phone.symbol]
    return joined_words(sounding) or speech_stretches(features(recording.samples)[1])


def agreement(made: FloatArray, measured: FloatArray) -> float:
    """Pearson's r; 0 where the made curve never moves, NaN where the measured one doesn't."""
    r = correlation(made, measured)
    moves = len(measured) >= 3 and float(measured.std()) >= 1e-9
    return 0.0 if moves and np.isnan(r) else r


def joined_words(words: Sequence[Word]) -> list[tuple[float, float]]:
    """Stretches of words with less than PAUSE_S between them."""
    joined: list[tuple[float, float]] = []
    for word in words:
        if joined and word.start_s - joined[-1][1] < PAUSE_S:
            joined[-1] = (joined[-1][0], word.end_s)
        else:
            joined.append((word.start_s, word.end_s))
    return joined


def in_speech(times_s: NDArray[np.float64], spoken: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """(T,): within a stretch, or in the moments around it in which the mouth opens and closes."""
    inside = [(times_s > start - OPENING_S) & (times_s < end + CLOSING_S) for start, end in spoken]
    return np.any(inside, axis=0) if inside else np.zeros(len(times_s), dtype=bool)


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
        cache: folder that `training.corpora.prepare_corpus` filled.
        corpus: the corpus's name.
        split: train, val, test or unseen.
        weights: the network, its basis beside it.
        intensity: as of the engine.
        limit: at most so many clips.
        network: what to call it.
        live: play it as live sound; if not given, as its look-ahead says (`is_live`).
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
    """Recordings as they are asked for."""
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
            teacher = _load_teacher()
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
        """Agreement of two curves where the reference is known; NaN where one of them isn't there."""
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
    """Where they are highest; None where none is known."""
    if not np.isfinite(correlations).any():
        return None
    return int(_LAGS[np.nanargmax(correlations)])


def _error(row: _ClipScore) -> float:
    return float(np.abs(row.made.opening - row.measured.opening)[row.seen].mean())


def _spread(row: _ClipScore) -> float:
    return float(row.made.opening[row.seen].std() / max(row.measured.opening[row.seen].std(), 1e-6))


def _mean(values: Sequence[float]) -> float:
    """Mean of what is known; NaN if nothing is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


_COLUMNS = (
    ("r opening", "opening_r", ".3f"),
    ("bare network", "network_r", ".3f"),
    ("energy envelope", "envelope_r", ".3f"),
    ("while speaking", "opening_r_speaking", ".3f"),
    ("pooled", "opening_r_pooled", ".3f"),
    ("r width", "width_r", ".3f"),
    ("r jaw", "jaw_r", ".3f"),
    ("MAE", "opening_mae", ".4f"),
    ("lag, frames", "lag_frames", "d"),
    ("within 1", "clips_within_a_frame", ".0%"),
    ("closure AUC", "closure_auc", ".3f"),
    ("envelope's AUC", "envelope_auc", ".3f"),
    ("silence leak", "silence_leak", ".1%"),
    ("spread ratio", "spread_ratio", ".2f"),
)


def score_table(scores: Sequence[MotionScore]) -> str:
    """Scores as a Markdown table; a dash where a corpus can't tell."""
    named = any(score.network for score in scores)
    heads = ["set", *(["network"] if named else []), "clips", *(title for title, _, _ in _COLUMNS)]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for score in scores:
        first = [f"{score.corpus} {score.split}", *([score.network] if named else []), str(score.clips)]
        cells = [_said(getattr(score, name), form) for _, name, form in _COLUMNS]
        lines.append("| " + " | ".join([*first, *cells]) + " |")
    return "\n".join(lines)


def _said(value: float | None, form: str) -> str:
    return "-" if value is None or np.isnan(value) else format(value, form)
