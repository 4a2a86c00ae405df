"""The material of a motion training: prepared corpora, the motion space, examples with their targets.

    folders --prepare_corpus--> recordings --fit_basis--> motion space --Teacher.targets, augment--> Material

Whatever is slow is kept in a working folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mouthpiece.datasets.motion_space import SpeakerHabit, fit_basis, measure_motion
from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import Recording, load_corpus
from mouthpiece.errors import InputError, OptionError
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.training.motion.examples import (
    EXAMPLES_VERSION,
    Example,
    augment,
    augment_all,
    load_examples,
    save_examples,
)
from mouthpiece.training.motion.targets import (
    PHONES,
    CurveMapping,
    Targets,
    curve_targets,
    face_targets,
    fit_curve_mapping,
    phone_targets,
)
from mouthpiece.training.options import TrainOptions
from mouthpiece.types import SAMPLE_RATE

AUGMENTED_S, MOST_AUGMENTATIONS = 6700.0, 12
"""Further corpora are augmented until they last so long, but no more than so many times."""
MAPPED_FACES = 200
"""Clips of faces that a rig's curves are compared with."""

Log = Callable[[str], None]
"""Called with a line of text now and then."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a training looks at."""

    basis: MotionBasis
    corpora: tuple[tuple[Example, ...], ...]
    """Training examples by corpus, the main one first."""
    validation: dict[str, tuple[Example, ...]]
    """Unaltered validation examples by corpus."""
    chosen_on: tuple[str, ...]
    """The corpora of free speech and of synthetic voices, on which the best moment of a training is chosen."""
    phones: int
    """How many phones the examples tell apart."""


class Teacher:
    """Targets for any recording, by whatever it brings: a face, rig curves or phones."""

    def __init__(self, basis: MotionBasis, faces: Sequence[Recording], habit: SpeakerHabit) -> None:
        """Keep the motion space.

        Args:
            basis: the motion space.
            faces: clips that rig curves are compared with.
            habit: of the main corpus's speaker.
        """
        self._basis, self._habit = basis, habit
        self._main = faces[0].corpus
        self._faces = [face_targets(face, basis, habit) for face in faces[:MAPPED_FACES]]
        self._mapping: dict[str, CurveMapping] = {}
        self._phone_teacher = CoarticulationModel.load(basis=basis)

    def learn_rig(self, clips: Sequence[Recording]) -> None:
        """Fit how a rig's curves compare with measured faces."""
        rigs = [clip for clip in clips if clip.landmarks is None]
        if rigs:
            self._mapping[rigs[0].corpus] = fit_curve_mapping(rigs, self._faces)

    def targets(self, recording: Recording) -> Targets:
        """Make the targets of a recording of any kind."""
        if recording.landmarks is not None:
            habit = self._habit if recording.corpus == self._main else None
            return face_targets(recording, self._basis, habit)
        if recording.curves:
            return curve_targets(recording, self._mapping[recording.corpus], self._basis.size)
        return phone_targets(recording, self._phone_teacher)

    def digest(self) -> str:
        """Hash everything but the recording that its targets depend on."""
        mapping = {name: asdict(mapping) for name, mapping in self._mapping.items()}
        parts = [asdict(self._basis), asdict(self._habit), mapping, asdict(self._phone_teacher.weights)]
        text = json.dumps(parts, default=lambda array: hashlib.sha256(array.tobytes()).hexdigest(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def gather(data: Path, work: Path, options: TrainOptions, log: Log = lambda _line: None) -> Material:
    """Prepare the corpora, fit the motion space, make the examples."""
    cache = work / "corpora"
    for folder in (data, *options.more_corpora):
        log(f"measuring the clips of {folder.name}")
        report = prepare_corpus(folder, cache, PrepareOptions(workers=options.workers, limit=options.limit))
        for name, reason in report.skipped:
            log(f"left out {name}: {reason}")
    main = load_corpus(cache, data.name, "train", options.limit)
    if any(clip.landmarks is None for clip in main):
        raise OptionError(f"the main corpus must show faces, {data.name} holds no landmarks; give it with --corpus")
    log(f"fitting the motion space to {len(main)} clips")
    motions = [measure_motion(clip) for clip in main]
    habit = SpeakerHabit.fit(motions)
    basis = fit_basis([habit.normalised(motion) for motion in motions])
    teacher = Teacher(basis, main, habit)
    spoken = [(place, load_corpus(place, corpus, "train", options.limit)) for place, corpus in options.spoken()]
    corpora = [_examples(main, teacher, options.augmentations, options, work, log=log)]
    validation = {data.name: _unaltered(cache, data.name, teacher, options)}
    for folder in options.more_corpora:
        clips = load_corpus(cache, folder.name, "train", options.limit)
        teacher.learn_rig(clips)
        # A corpus of few minutes is augmented more often, so that nothing is seen too often.
        seconds = sum(len(clip.samples) for clip in clips) / SAMPLE_RATE
        count = max(options.augmentations, min(MOST_AUGMENTATIONS, int(AUGMENTED_S / max(1.0, seconds))))
        corpora.append(_examples(clips, teacher, count if options.limit is None else 2, options, work, log=log))
        validation[folder.name] = _unaltered(cache, folder.name, teacher, options)
    for place, clips in spoken:
        # Every utterance is another voice in another place already.
        corpora.append(_examples(clips, teacher, 1, options, work, log=log))
        validation[clips[0].corpus] = _unaltered(place, clips[0].corpus, teacher, options)
    validation = {name: clips for name, clips in validation.items() if clips}
    chosen_on = tuple(name for name in validation if name != data.name) or (data.name,)
    return Material(basis, tuple(map(tuple, corpora)), validation, chosen_on, len(PHONES) if spoken else 0)


def _with_phones(clips: Sequence[Recording], log: Log) -> Sequence[Recording]:
    """Align the phones of English clips whose words are known, where the extra `speech` is installed."""
    unsplit = [clip for clip in clips if clip.words and not clip.phones]
    if not unsplit:
        return clips
    try:
        from mouthpiece.datasets.alignment import align_phones
        from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
    except ImportError:
        return clips
    rendered: dict[str, SynthesisedSpeech] = {}
    log(f"aligning the phones of {len(unsplit)} clips")
    with EspeakSynthesiser() as speaker:
        return [
            replace(clip, phones=align_phones(clip.samples, clip.words, speaker=speaker, rendered=rendered))
            if clip.words and not clip.phones
            else clip
            for clip in clips
        ]


def _examples(
    clips: Sequence[Recording], teacher: Teacher, count: int, options: TrainOptions, work: Path, *, log: Log
) -> list[Example]:
    """Augment all clips; kept in the working folder, for it takes minutes."""
    corpus, perturbation = clips[0].corpus, options.voice_perturbation
    path = work / f"examples-{_examples_key(clips, count, teacher, options)}.npz"
    if path.is_file():
        return load_examples(path)
    if options.spoken():
        clips = _with_phones(clips, log)

    def progress(done: int) -> None:
        if done % 100 == 0:
            log(f"sounds of {corpus}: {done} of {len(clips)}")

    pairs = [(clip, teacher.targets(clip)) for clip in clips]
    made = augment_all(pairs, count, options.seed, perturbation, workers=options.workers, progress=progress)
    save_examples(made, path)
    return made


def _examples_key(clips: Sequence[Recording], count: int, teacher: Teacher, options: TrainOptions) -> str:
    """Hash everything that the examples of clips depend on."""
    names = [[clip.name, len(clip.samples), clip.offset_s] for clip in clips]
    told_apart = bool(options.spoken())
    made = [count, options.seed, options.voice_perturbation, clips[0].corpus, told_apart, EXAMPLES_VERSION]
    return hashlib.sha256(json.dumps([names, *made, teacher.digest()]).encode()).hexdigest()[:12]


def _unaltered(cache: Path, corpus: str, teacher: Teacher, options: TrainOptions) -> tuple[Example, ...]:
    """Make examples of the validation clips as they are; none if the corpus has none."""
    try:
        clips = load_corpus(cache, corpus, "val", options.limit)
    except InputError:
        return ()
    return tuple(example for clip in clips for example in augment(clip, teacher.targets(clip), 1, options.seed))
