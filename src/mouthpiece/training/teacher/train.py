"""Training the coarticulation model: a corpus of faces whose words are known -> a teacher, its scores and its card.

clips --align_phones--> lessons --fit_teacher--> CoarticulationModel --score_teacher--> card
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mouthpiece.datasets.agreement import area_under_curve, correlation
from mouthpiece.datasets.motion_space import SpeakerHabit, fit_basis, measure_motion
from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import Recording, load_corpus
from mouthpiece.datasets.rig import CLOSED_BELOW, OPEN_ABOVE
from mouthpiece.errors import InputError, MissingExtraError, OptionError
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.coarticulation import CoarticulationModel, CoarticulationWeights, save_weights
from mouthpiece.training.motion.targets import face_targets
from mouthpiece.training.options import TeacherOptions
from mouthpiece.training.teacher.fitting import Lesson, fit_teacher

Log = Callable[[str], None]
"""Called with a line of text now and then."""


@dataclass(frozen=True, slots=True)
class TeacherScore:
    """How near a teacher comes to the faces of a split, given their aligned phones. Means over clips of Pearson's r."""

    split: str
    clips: int
    opening_r: float
    """Over the whole clip."""
    opening_r_speaking: float
    """The same over the frames in which somebody speaks; so are the others."""
    width_r: float
    jaw_r: float
    closure_auc: float
    """Of telling touching lips from open ones by the opening, all clips together."""
    spread_ratio: float
    """Standard deviation of the taught opening over the measured one's."""


def score_teacher(teacher: CoarticulationModel, split: str, lessons: Sequence[Lesson]) -> TeacherScore:
    """Compare a teacher's motion with measured faces."""
    basis = teacher.basis
    rows: list[tuple[float, ...]] = []
    scores: list[np.ndarray] = []
    closed: list[np.ndarray] = []
    for lesson in lessons:
        motion, targets = teacher.motion(lesson.phones, lesson.targets.frames), lesson.targets
        on = targets.activity > 0.5
        jaw = basis.jaw_weights
        rows.append(
            (
                correlation(motion.opening, targets.opening),
                correlation(motion.opening[on], targets.opening[on]),
                correlation((motion.coefficients @ basis.width_weights)[on], targets.width[on]),
                correlation((motion.coefficients @ jaw)[on], (targets.coefficients @ jaw)[on]),
                float(motion.opening[on].std() / targets.opening[on].std()),
            )
        )
        sure = on & ((targets.opening < CLOSED_BELOW) | (targets.opening > OPEN_ABOVE))
        scores.append(-motion.opening[sure])
        closed.append(targets.opening[sure] < CLOSED_BELOW)
    means = [float(value) for value in np.nanmean(np.array(rows), axis=0)]
    return TeacherScore(
        split,
        len(lessons),
        opening_r=means[0],
        opening_r_speaking=means[1],
        width_r=means[2],
        jaw_r=means[3],
        closure_auc=area_under_curve(np.concatenate(scores), np.concatenate(closed)),
        spread_ratio=means[4],
    )


def train_teacher(
    data: Path, out: Path, options: TeacherOptions | None = None, *, log: Log = lambda _line: None
) -> list[TeacherScore]:
    """Fit a teacher on a corpus of faces whose words are known and write it, with its card beside it.

    Args:
        data: the corpus, in GRID's layout.
        out: the file to write, .npz.
        options: how to fit.
        log: called with a line of text now and then.

    Returns:
        Its scores on the splits that it has not learnt from, and on the one that it has.

    Raises:
        OptionError: the clips show no faces or have no words, or the output's name makes no sense.
        MissingExtraError: espeak-ng is not installed.
        InputError: there is nothing to learn from.
    """
    options = options or TeacherOptions()
    if out.suffix != ".npz":
        raise OptionError(f"expected a file name that ends in .npz, got {out.name}")
    cache = (options.work or out.parent / f".{out.stem}") / "corpora"
    log(f"measuring the clips of {data.name}")
    prepare_corpus(data, cache, PrepareOptions(workers=options.workers))
    clips = load_corpus(cache, data.name, "train")
    if any(clip.landmarks is None for clip in clips):
        raise OptionError(f"expected clips of {data.name} with faces and words to learn from, found none")
    motions = [measure_motion(clip) for clip in clips]
    habit = SpeakerHabit.fit(motions)
    basis = fit_basis([habit.normalised(motion) for motion in motions])
    lessons = _lessons(cache, data.name, (basis, habit), options, log)
    if not lessons["train"]:
        raise OptionError(f"expected clips of {data.name} with faces and words to learn from, found none")
    model = _fit_repeatably(lessons["train"], basis, options.steps, log)
    save_weights(model, out)
    teacher = CoarticulationModel(model, basis)
    scores = [score_teacher(teacher, split, lessons[split]) for split in ("test", "val", "train") if lessons[split]]
    write_card(out.with_suffix(".md"), data.name, options, scores)
    return scores


def _lessons(
    cache: Path, corpus: str, space: tuple[MotionBasis, SpeakerHabit], options: TeacherOptions, log: Log
) -> dict[str, list[Lesson]]:
    """Align the phones of the clips that show faces and have words, by split."""
    try:
        from mouthpiece.datasets.alignment import align_phones
        from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
    except ImportError as error:
        raise MissingExtraError("aligning phones", "speech") from error
    found: dict[str, list[Lesson]] = {}
    rendered: dict[str, SynthesisedSpeech] = {}
    with EspeakSynthesiser() as speaker:
        for split in ("train", "val", "test"):
            recordings = _with_words(cache, corpus, split, options.clips)
            log(f"aligning {len(recordings)} clips of the split {split}")
            found[split] = [
                Lesson(
                    align_phones(one.samples, one.words, options.voice, speaker=speaker, rendered=rendered),
                    face_targets(one, *space),
                )
                for one in recordings
            ]
    return found


def _fit_repeatably(lessons: Sequence[Lesson], basis: MotionBasis, steps: int, log: Log) -> CoarticulationWeights:
    """Fit in one thread: several add up in another order each time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return fit_teacher(lessons, basis, steps=steps, progress=log)
    finally:
        torch.set_num_threads(threads)


def _with_words(cache: Path, corpus: str, split: str, limit: int) -> list[Recording]:
    try:
        recordings = load_corpus(cache, corpus, split, limit)
    except InputError:
        return []
    return [one for one in recordings if one.landmarks is not None and one.words]


def write_card(path: Path, corpus: str, options: TeacherOptions, scores: Sequence[TeacherScore]) -> None:
    """Write a teacher's card: its origin and its scores."""
    rows = [
        f"| {s.split} | {s.clips} | {s.opening_r:.3f} | {s.opening_r_speaking:.3f} | {s.width_r:.3f} | {s.jaw_r:.3f} "
        f"| {s.closure_auc:.3f} | {s.spread_ratio:.2f} |"
        for s in scores
    ]
    path.write_text(
        "\n".join(
            [
                "# The coarticulation model",
                "",
                "Targets and dominances of phones, fitted by `mouthpiece train teacher` on "
                f"{corpus} ({options.steps} steps;",
                f"phones by espeak-ng's voice {options.voice}, aligned within the words' times), then drawn towards",
                "what articulatory phonetics expects of each phone (docs/phones.md). It holds numbers, no recording.",
                "",
                "Agreement with the measured faces, given the aligned phones; r in speech but for the first one:",
                "",
                "| split | clips | r opening, whole clip | r opening | r width | r jaw | closure AUC | spread ratio |",
                "|---|---|---|---|---|---|---|---|",
                *rows,
                "",
            ]
        ),
        encoding="utf-8",
    )
