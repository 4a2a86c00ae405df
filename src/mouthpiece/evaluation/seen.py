"""What a viewer sees: clips rendered anew, their pictures read, and the mouths in them judged.

clip --rendering--> pictures --mouths--> Mouth; beside it the speaker's own, the bare network's and the engine's motion

Each kind of mouth is scored alike: by its agreement with the speaker's, by what every speaker's lips do on a sound
(`articulation`), and by whether words can be read from it (`lip_reader`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.agreement import agreement, area_under_curve, lagged_correlation
from mouthpiece.datasets.layouts import find_sources
from mouthpiece.datasets.motion_curves import chunks_of
from mouthpiece.datasets.recordings import Recording, list_prepared, load_recording
from mouthpiece.errors import InputError
from mouthpiece.evaluation.articulation import ArticulationScore, Utterance, score_articulation, spoken_parts
from mouthpiece.evaluation.lip_reader import LipReader, word_accuracy, words_seen
from mouthpiece.evaluation.motion import LEAK_ABOVE, MAX_LAG
from mouthpiece.evaluation.mouths import Mouth, played_mouth, real_mouth, rendered_mouth
from mouthpiece.evaluation.options import SeenOptions, View
from mouthpiece.evaluation.reference import Reference, in_speech, reference_of, stretches
from mouthpiece.evaluation.rendering import read_frames, rendered_frames
from mouthpiece.evaluation.sets import MotionSet
from mouthpiece.face import FaceTracker
from mouthpiece.motion.network import WEIGHTS
from mouthpiece.motion.stream import MotionStream
from mouthpiece.options import EngineOptions
from mouthpiece.types import FloatArray, Phone

REAL, BARE, PLAYED = "real", "bare", "played"
"""Kinds of mouths beside those of View: the speaker's, the network's without gate and closure, and the engine's
motion."""

FindPhones = Callable[[Recording], tuple[Phone, ...]]
"""Returns the phones of a clip; none where they are not known."""


@dataclass(frozen=True, slots=True)
class SeenClip:
    """One clip's part in a score."""

    name: str
    opening_r: float
    width_r: float
    lag_frames: int | None
    """Shift at which the opening agrees best; None where nothing correlates."""
    best_lag_r: float
    opening_spread: float
    closures_met: float


@dataclass(frozen=True, slots=True)
class SeenScore:
    """One kind of mouth over the clips of a set. NaN where there is nothing to judge it by.

    Correlations, errors and spreads are means over clips; what concerns sounds and words is of all clips together.
    """

    corpus: str
    split: str
    network: str
    view: str
    """real, bare, played, photo or video."""
    clips: int
    opening_r: float
    """Pearson's r with the speaker's opening over the frames in which both were seen; 0 for a mouth that never
    moves."""
    width_r: float
    jaw_r: float
    rounding_r: float
    opening_mae: float
    """Mean absolute error of the opening, outer eye distances."""
    opening_spread: float
    """Standard deviation of the opening over that of the speaker's."""
    width_spread: float
    closure_auc: float
    """How well the opening tells frames in which the speaker's lips touch from others, while speaking."""
    lag_frames: int | None
    """Shift that agrees best over all clips, frames; positive: the mouth comes late."""
    best_lag_r: float
    """r of the opening at each clip's own best shift, mean."""
    silence_leak: float
    """Share of frames in pauses with an opening beyond LEAK_ABOVE."""
    articulation: ArticulationScore
    readability: float
    """Share of words that the lip reader reads right."""
    readability_share: float
    """The same over what it reads of the speakers themselves."""
    chance: float
    """What guessing would read right."""
    words: int
    """How many words were read."""
    lost: float
    """Share of frames in which no face was found."""
    by_clip: tuple[SeenClip, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class JudgedClip:
    """A clip, what is known of it, and the mouths that were made for it."""

    recording: Recording
    reference: Reference
    speaking: NDArray[np.bool_]
    """(T,) somebody speaks, or the mouth opens or closes for it."""
    phones: tuple[Phone, ...]
    mouths: dict[str, Mouth]
    """By kind: REAL, BARE, PLAYED and those of View that could be rendered."""

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(T,)"""
        return np.arange(self.recording.frames) / self.recording.fps


@dataclass(frozen=True, slots=True)
class Judge:
    """What clips are rendered with, and what judges them."""

    options: SeenOptions
    find_phones: FindPhones = lambda clip: clip.phones
    reader: LipReader | None = None
    weights: Path = WEIGHTS
    """The network, its basis beside it."""
    network: str = "offline"
    """What to call it."""
    intensity: float = 1.0


def evaluate_seen(
    judged: MotionSet,
    judge: Judge,
    *,
    note: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] | None = None,
) -> list[SeenScore]:
    """Render the clips of a set, and score what is seen.

    Args:
        judged: the set; `clips` of them are looked at.
        judge: how they are rendered and scored.
        note: called with a line for each clip that can't be judged.
        progress: called with (clips done, clips in all).

    Returns:
        A score for each kind of mouth: real, bare, played, and what was rendered; empty where no clip could be judged.

    Raises:
        InputError: the set is one of prepared clips, whose pictures aren't known.
        WeightsError: network or basis are missing or damaged.
    """
    found = []
    pairs = list(clips_with_media(judged))
    instruments = Instruments(judge)
    for done, (path, media) in enumerate(pairs):
        if progress:
            progress(done, len(pairs))
        try:
            found.append(judge_clip(load_recording(path), media, judge, instruments))
        except InputError as error:
            note(f"{judged.corpus}: left out {path.stem}: {error}")
    return score_clips(found, judged.corpus, judged.split, judge) if found else []


def clips_with_media(judged: MotionSet) -> Iterator[tuple[Path, Path]]:
    """Yield the prepared clips of a set, each with the video that it was measured in; those of rigs have none.

    Raises:
        InputError: the set is one of prepared clips, whose pictures aren't known.
    """
    if judged.data is None:
        raise InputError(f"expected the corpus {judged.corpus} itself, whose pictures are rendered; give its folder")
    videos = {source.name: source.media for source in find_sources(judged.data) if source.curves is None}
    prepared = list_prepared(judged.cache, judged.corpus, judged.split)
    for clip in prepared[: judged.clips]:
        media = videos.get(clip.name) or videos.get(clip.name.rpartition("+")[0])
        if media is not None:
            yield clip.path, media


class Instruments:
    """Networks that make and read mouths, loaded once for many clips."""

    def __init__(self, judge: Judge) -> None:
        """Load them.

        Raises:
            WeightsError: a network is missing or damaged.
        """
        self._judge = judge
        self.tracker = FaceTracker(smooth=False)
        self._streams = {kind: self._stream(kind) for kind in (BARE, PLAYED)}

    def stream(self, kind: str, phones: tuple[Phone, ...]) -> MotionStream:
        """Return the bare network's motion or the engine's, at the beginning of a speech.

        Args:
            kind: BARE or PLAYED.
            phones: what the mouth follows, if anything.
        """
        if phones:
            return self._stream(kind, phones)
        self._streams[kind].reset()
        return self._streams[kind]

    def _stream(self, kind: str, phones: tuple[Phone, ...] = ()) -> MotionStream:
        judge, shaped = self._judge, kind == PLAYED
        return MotionStream(
            intensity=judge.intensity, weights=judge.weights, gate=shaped, closure=shaped, phones=phones
        )


def judge_clip(clip: Recording, media: Path, judge: Judge, instruments: Instruments | None = None) -> JudgedClip:
    """Make every kind of mouth for a clip.

    Args:
        clip: the clip.
        media: the video that it was measured in.
        judge: how it is rendered.
        instruments: of this judge; loaded if not given.

    Raises:
        InputError: the clip shows no face, or a rendered one can't be read.
    """
    instruments = instruments or Instruments(judge)
    real, rest = real_mouth(clip)
    phones = judge.find_phones(clip)
    times_s = np.arange(clip.frames) / clip.fps
    chunks = list(chunks_of(clip.samples))
    led = phones if judge.options.phones else ()
    mouths = {REAL: real}
    for kind in (BARE, PLAYED):
        mouths[kind] = played_mouth(instruments.stream(kind, led), chunks, times_s)
    own = {} if judge.weights == WEIGHTS else {"weights": judge.weights}
    engine = EngineOptions("mesh", intensity=judge.intensity, own=own)
    for view in judge.options.views or tuple(View):
        frames = rendered_frames(clip, media, view, engine, phones=led, encoded=judge.options.encoded)
        mouths[view] = rendered_mouth(read_frames(frames, clip, instruments.tracker), rest)
    return JudgedClip(clip, reference_of(clip), in_speech(times_s, stretches(clip)), phones, mouths)


def score_clips(clips: Sequence[JudgedClip], corpus: str, split: str, judge: Judge) -> list[SeenScore]:
    """Score each kind of mouth that the clips have."""
    scores = []
    ceiling = float("nan")
    for kind in clips[0].mouths:
        mouths = [clip.mouths[kind] for clip in clips]
        rows = [_Row(clip, mouth) for clip, mouth in zip(clips, mouths, strict=True)]
        utterances = [row.utterance for row in rows if row.clip.phones]
        accuracy, chance, words = _read(rows, judge.reader)
        ceiling = accuracy if kind == REAL else ceiling
        by_lag = np.array([[row.lagged(int(lag)) for lag in _LAGS] for row in rows])
        mean_by_lag = np.array([_mean(list(column)) for column in by_lag.T])
        scores.append(
            SeenScore(
                corpus=corpus,
                split=split,
                network=judge.network,
                view=str(kind),
                clips=len(clips),
                opening_r=_mean([row.r("opening") for row in rows]),
                width_r=_mean([row.r("width") for row in rows]),
                jaw_r=_mean([row.r("jaw") for row in rows]),
                rounding_r=_mean([row.r("rounding") for row in rows]),
                opening_mae=_mean([row.error for row in rows]),
                opening_spread=_mean([row.spread("opening") for row in rows]),
                width_spread=_mean([row.spread("width") for row in rows]),
                closure_auc=_closure_auc(rows),
                lag_frames=_best(mean_by_lag),
                best_lag_r=_mean([_highest(row) for row in by_lag]),
                silence_leak=_leak(rows),
                articulation=score_articulation(utterances),
                readability=accuracy,
                readability_share=accuracy / ceiling if ceiling else float("nan"),
                chance=chance,
                words=words,
                lost=float(1 - np.concatenate([mouth.seen for mouth in mouths]).mean()),
                by_clip=tuple(_clip_score(row, lags) for row, lags in zip(rows, by_lag, strict=True)),
            )
        )
    return scores


_LAGS = np.arange(-MAX_LAG, MAX_LAG + 1)


@dataclass(frozen=True, slots=True)
class _Row:
    """One kind of mouth of one clip, beside the speaker's."""

    clip: JudgedClip
    mouth: Mouth

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T,) both were seen."""
        return self.mouth.seen & self.clip.mouths[REAL].seen

    @property
    def utterance(self) -> Utterance:
        parts = spoken_parts(self.clip.phones, self.clip.recording.words)
        return Utterance(self.clip.times_s, self.mouth, parts)

    def curves(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return a reading of this mouth and of the speaker's, where both were seen."""
        made, measured = getattr(self.mouth, name), getattr(self.clip.mouths[REAL], name)
        return made[self.seen], measured[self.seen]

    def r(self, name: str) -> float:
        return agreement(*self.curves(name))

    def lagged(self, lag: int) -> float:
        return lagged_correlation(self.mouth.opening, self.clip.mouths[REAL].opening, lag, self.seen)

    @property
    def error(self) -> float:
        made, measured = self.curves("opening")
        return float(np.abs(made - measured).mean()) if len(made) else float("nan")

    def spread(self, name: str) -> float:
        made, measured = self.curves(name)
        return float(made.std() / max(float(measured.std()), 1e-6)) if len(made) else float("nan")


def _closure_auc(rows: Sequence[_Row]) -> float:
    """Return the area under the curve of touching frames against open ones, of all clips."""
    certain = [row.clip.reference.certain & row.clip.speaking & row.seen for row in rows]
    opening = np.concatenate([row.mouth.opening[kept] for row, kept in zip(rows, certain, strict=True)])
    touching = np.concatenate([row.clip.reference.touching[kept] for row, kept in zip(rows, certain, strict=True)])
    return area_under_curve(-opening, touching)


def _leak(rows: Sequence[_Row]) -> float:
    """Return the share of pauses' frames in which the mouth is open."""
    still = np.concatenate([row.mouth.opening[~row.clip.speaking & row.mouth.seen] for row in rows])
    return float((still > LEAK_ABOVE).mean()) if len(still) else float("nan")


def _read(rows: Sequence[_Row], reader: LipReader | None) -> tuple[float, float, int]:
    """Return the lip reader's accuracy, chance and the number of words; NaN and 0 without a reader."""
    if reader is None:
        return float("nan"), float("nan"), 0
    seen = [words_seen(row.mouth, row.clip.recording.words, row.clip.recording.fps) for row in rows]
    return word_accuracy(reader, [word for words in seen for word in words])


def _clip_score(row: _Row, by_lag: NDArray[np.float64]) -> SeenClip:
    articulated = score_articulation([row.utterance]).closures_met if row.clip.phones else float("nan")
    return SeenClip(
        row.clip.recording.name,
        row.r("opening"),
        row.r("width"),
        _best(by_lag),
        _highest(by_lag),
        row.spread("opening"),
        articulated,
    )


def _best(by_lag: NDArray[np.float64]) -> int | None:
    """Return the lag at which correlations are highest; None where none is known."""
    return int(_LAGS[np.nanargmax(by_lag)]) if np.isfinite(by_lag).any() else None


def _highest(by_lag: NDArray[np.float64]) -> float:
    """Return the highest of correlations; 0 where none is known, as for a mouth that never moves."""
    return float(np.nanmax(by_lag)) if np.isfinite(by_lag).any() else 0.0


def _mean(values: Sequence[float]) -> float:
    """Average what is known; NaN if nothing is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
