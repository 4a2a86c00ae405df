"""The fit of the coarticulation model: it finds a teacher again from what that one shows, and repeats itself."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mouthpiece.datasets.rig import CLOSED_BELOW, OPEN_ABOVE
from mouthpiece.errors import InputError, OptionError
from mouthpiece.motion.basis import MOTION_RATE, MotionBasis
from mouthpiece.motion.coarticulation import CoarticulatedMotion, CoarticulationModel, load_weights
from mouthpiece.motion.phonetics import parse
from mouthpiece.training.options import TeacherOptions
from mouthpiece.training.teacher.articulatory import (
    MARKED,
    WIDTH,
    directions_of,
    expected_dominance,
    expected_readings,
    reading_rows,
)
from mouthpiece.training.teacher.fitting import Lesson, fit_teacher
from mouthpiece.training.teacher.train import score_teacher, train_teacher
from mouthpiece.types import Phone

SYMBOLS = (
    "m", "a", "s", "i", "l", "u", "t", "ɔ", "f", "e", "k", "ɑ", "w", "ɪ", "n", "o", "d", "ɛ", "ʃ", "ʌ",
)  # fmt: skip


def lesson(teacher: CoarticulationModel, seed: int, seconds: float = 10.0) -> Lesson:
    """Random phones, shown by a teacher."""
    from mouthpiece.training.motion.targets import Targets

    rng = np.random.default_rng(seed)
    phones: list[Phone] = []
    now = 0.4
    while now < seconds - 0.6:
        end = now + float(rng.uniform(0.06, 0.18))
        phones.append(Phone(str(rng.choice(SYMBOLS)), now, end))
        now = end
    motion = teacher.motion(phones, int(seconds * MOTION_RATE))
    ones, zeros = np.ones_like(motion.opening), np.zeros_like(motion.opening)
    width = (motion.coefficients @ teacher.basis.width_weights).astype(np.float32)
    values = {
        "coefficients": motion.coefficients,
        "opening": motion.opening,
        "width": width,
        "activity": (motion.activity > 0.5).astype(np.float32),
        "closure": motion.closure,
        "shape_weight": ones,
        "opening_weight": ones,
        "closure_weight": ones,
    }
    return Lesson(tuple(phones), Targets(**{n: values.get(n, zeros) for n in Targets.__dataclass_fields__}))


@pytest.fixture(scope="module")
def basis() -> MotionBasis:
    return MotionBasis.load()


def test_a_fit_learns_what_it_is_shown_and_repeats_itself(basis: MotionBasis) -> None:
    shipped = CoarticulationModel.load(basis=basis)
    lessons = [lesson(shipped, seed) for seed in range(2)]
    said: list[str] = []
    model = fit_teacher(lessons, basis, steps=50, progress=said.append)
    assert len(said) == 1 and said[0].startswith("step 50 of 50")
    unseen = score_teacher(CoarticulationModel(model, basis), "test", [lesson(shipped, 9)])
    assert unseen.opening_r_speaking > 0.9 and unseen.width_r > 0.8 and unseen.jaw_r > 0.85
    short = [fit_teacher(lessons[:1], basis, steps=3) for _ in range(2)]
    np.testing.assert_array_equal(short[0].letter_target, short[1].letter_target)


def test_a_teacher_agrees_with_itself(basis: MotionBasis) -> None:
    shipped = CoarticulationModel.load(basis=basis)
    score = score_teacher(shipped, "same", [lesson(shipped, 1), lesson(shipped, 2)])
    assert score.clips == 2
    assert min(score.opening_r, score.opening_r_speaking, score.width_r, score.jaw_r) > 0.9999
    assert score.closure_auc == 1 and score.spread_ratio == pytest.approx(1, abs=1e-4)


class _TwoOpenings:
    """A teacher that opens by a step: all but a few of its openings are equal."""

    basis = MotionBasis.load()

    def motion(self, phones: Sequence[Phone], count: int) -> CoarticulatedMotion:
        opening = np.where(np.arange(count) % 3 == 0, 0.05, 0.0).astype(np.float32)
        coefficients = np.outer(opening, np.ones(self.basis.size, np.float32))
        return CoarticulatedMotion(coefficients, opening, opening, opening)


def test_equal_openings_count_half(basis: MotionBasis) -> None:
    """Mann-Whitney's statistic, with scipy as the oracle."""
    shown = lesson(CoarticulationModel.load(basis=basis), 3)
    score = score_teacher(_TwoOpenings(), "test", [shown])  # type: ignore[arg-type]
    opening, on = shown.targets.opening, shown.targets.activity > 0.5
    sure = on & ((opening < CLOSED_BELOW) | (opening > OPEN_ABOVE))
    made, closed = -_TwoOpenings().motion((), len(opening)).opening[sure], opening[sure] < CLOSED_BELOW
    expected = stats.mannwhitneyu(made[closed], made[~closed]).statistic / closed.sum() / (~closed).sum()
    assert score.closure_auc == pytest.approx(float(expected), abs=1e-9)


def test_directions_are_orthonormal_and_the_first_one_is_the_opening(basis: MotionBasis) -> None:
    directions = directions_of(basis)
    np.testing.assert_allclose(directions @ directions.T, np.eye(basis.size), atol=1e-5)
    readings = reading_rows(basis) @ directions.T
    # Each reading is named by the directions up to its own.
    assert np.abs(np.triu(readings[:, : len(readings)], 1)).max() < 1e-6
    assert (np.diag(readings[:, : len(readings)]) > 0).all()


def test_phonetics_is_expected_of_every_letter_and_mark() -> None:
    opening = {s: float(expected_readings(parse(s)[0])[0]) for s in ("i", "e", "ɛ", "a", "u", "o", "ɔ", "m", "f")}
    assert opening["m"] == 0 < opening["f"] < opening["u"] < opening["o"] < opening["ɔ"]
    assert opening["u"] < opening["i"] < opening["e"] < opening["ɛ"] < opening["a"]
    for symbol in MARKED:
        assert np.isfinite(expected_readings(parse(symbol)[0])).all()
    width = {s: float(expected_readings(parse(s)[0])[WIDTH]) for s in ("t", "tʷ", "tˤ", "i", "y")}
    assert width["tʷ"] < width["tˤ"] < width["t"] and width["y"] < 0 < width["i"]
    assert expected_dominance(12).shape[1] == 12


def test_the_shipped_teacher_is_near_what_phonetics_expects(basis: MotionBasis) -> None:
    model = CoarticulationModel.load(basis=basis).weights
    rows = reading_rows(basis)
    for letter in model.letters:
        (part,) = parse(letter)
        reached = rows @ (model.targets([part])[0] @ model.directions)
        assert np.abs(reached[:3] - expected_readings(part)[:3]).max() < 0.02, letter


@pytest.mark.real_media
def test_the_shipped_teacher_comes_near_to_real_faces(shared_data: Path, basis: MotionBasis) -> None:
    """Opening while speaking on a few clips of GRID; landmarks by the face room, words by GRID."""
    if importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip("the extra 'speech' is not installed")
    from mouthpiece.datasets.alignment import align_phones
    from mouthpiece.datasets.layouts import find_sources
    from mouthpiece.datasets.measuring import measure_video
    from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
    from mouthpiece.training.motion.targets import face_targets

    sources = [source for source in find_sources(shared_data / "grid_s1") if source.split == "test"][:4]
    rendered: dict[str, SynthesisedSpeech] = {}
    with EspeakSynthesiser() as speaker:
        taught = [
            Lesson(
                align_phones(clip.samples, clip.words, speaker=speaker, rendered=rendered), face_targets(clip, basis)
            )
            for source in sources
            for clip in measure_video(source)
        ]
    score = score_teacher(CoarticulationModel.load(basis=basis), "test", taught)
    assert score.opening_r > 0.6 and 0.6 < score.spread_ratio < 1.4


def test_training_refuses_what_it_can_not_use(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"ends in \.npz"):
        train_teacher(tmp_path, tmp_path / "teacher.onnx")
    with pytest.raises(OptionError, match="clips expects at least 1"):
        TeacherOptions(clips=0)
    with pytest.raises(InputError):
        train_teacher(tmp_path, tmp_path / "teacher.npz")


def test_training_writes_a_teacher_and_its_card(made_corpora: tuple[Path, Path, Path], tmp_path: Path) -> None:
    if importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip("the extra 'speech' is not installed")
    faces, _, work = made_corpora
    out = tmp_path / "teacher.npz"
    scores = train_teacher(faces, out, TeacherOptions(work=work, steps=3, workers=1))
    assert [(score.split, score.clips) for score in scores] == [("test", 1), ("val", 1), ("train", 3)]
    assert (
        CoarticulationModel(load_weights(out), MotionBasis.load()).motion([Phone("a", 0.3, 0.5)], 50).opening.max() > 0
    )
    card = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "| train | 3 |" in card and "made" in card
