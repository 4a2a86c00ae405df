"""The coarticulation model: facts of phonetics that hold whatever the fit, and its formula."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.errors import OptionError, WeightsError
from mouthpiece.motion import coarticulation
from mouthpiece.motion.basis import MOTION_RATE, MotionBasis
from mouthpiece.motion.coarticulation import (
    ATTACK_S,
    CARE,
    CORE,
    LEAST_FADING,
    NEIGHBOURS,
    RELEASE_S,
    SILENT_MARGIN_S,
    Articulation,
    CoarticulatedMotion,
    CoarticulationModel,
    blend,
    lay_out,
    load_weights,
    save_weights,
)
from mouthpiece.motion.phonetics import FEATURES, features
from mouthpiece.types import FloatArray, Phone

VOWELS = (
    "i", "y", "ɨ", "u", "ɪ", "ʊ", "e", "ø", "o", "ə", "ɛ", "œ", "ɔ", "ʌ", "æ", "a", "ɑ", "iː", "aː", "uː", "aɪ", "aʊ",
)  # fmt: skip
CONSONANTS = (
    "p", "b", "m", "f", "v", "w", "θ", "s", "ʃ", "t", "d", "n", "l", "r", "ɹ", "j", "k", "ɡ", "q", "h", "ħ", "ʕ", "ʔ",
    "tˤ", "sˤ", "tʃ", "ts",
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> CoarticulationModel:
    return CoarticulationModel.load()


def said(text: str, length_s: float = 0.1, start_s: float = 0.5) -> tuple[Phone, ...]:
    """Phones of one length in a row."""
    symbols = text.split()
    return tuple(Phone(s, start_s + i * length_s, start_s + (i + 1) * length_s) for i, s in enumerate(symbols))


def chatter(seconds: float, seed: int = 0) -> tuple[Phone, ...]:
    """Syllables and pauses at random, of random length."""
    rng = np.random.default_rng(seed)
    phones: list[Phone] = []
    now = 0.3
    while now < seconds - 0.5:
        for symbol in (rng.choice(CONSONANTS), rng.choice(VOWELS)):
            end = now + float(rng.uniform(0.03, 0.2))
            phones.append(Phone(str(symbol), now, end))
            now = end
        if rng.random() < 0.1:
            now += float(rng.uniform(0.05, 0.9))
    return tuple(phones)


def held(model: CoarticulationModel, symbol: str) -> FloatArray:
    """Coefficients of a phone held for long."""
    shape: FloatArray = model.motion([Phone(symbol, 0.5, 1.1)], 80).coefficients[40]
    return shape


def at(motion: CoarticulatedMotion, phone: Phone) -> int:
    """The frame in a phone's middle."""
    return round((phone.start_s + phone.end_s) / 2 * MOTION_RATE)


def test_shapes_types_and_ranges(model: CoarticulationModel) -> None:
    motion = model.motion(chatter(10), 500)
    assert motion.coefficients.shape == (500, model.basis.size) and motion.coefficients.dtype == np.float32
    for values in (motion.closure, motion.activity, motion.opening):
        assert values.shape == (500,) and values.dtype == np.float32 and np.isfinite(values).all()
    assert motion.closure.min() >= 0 and motion.closure.max() == 1
    assert motion.activity.min() == 0 and motion.activity.max() == 1
    assert (np.abs(motion.coefficients) <= model.basis.limit + 1e-6).all()
    np.testing.assert_allclose(motion.opening, model.basis.opening(motion.coefficients), atol=1e-6)


@pytest.mark.parametrize("labial", ["m", "b", "p", "ɓ", "mʲ", "pʰ", "bː", "kp"])
@pytest.mark.parametrize("vowel", ["a", "i", "u", "æ"])
@pytest.mark.parametrize("length_s", [0.035, 0.08, 0.15])
def test_lips_touch_in_bilabials_whatever_is_around(
    model: CoarticulationModel, labial: str, vowel: str, length_s: float
) -> None:
    vowels = 0.12
    phones = (
        Phone(vowel, 0.5, 0.5 + vowels),
        Phone(labial, 0.5 + vowels, 0.5 + vowels + length_s),
        Phone(vowel, 0.5 + vowels + length_s, 0.5 + 2 * vowels + length_s),
    )
    motion = model.motion(phones, 60)
    inside = slice(math.floor(phones[1].start_s * MOTION_RATE), math.ceil(phones[1].end_s * MOTION_RATE) + 1)
    assert motion.closure[inside].max() == 1
    assert motion.opening[inside].min() <= 0
    # And they part again for the vowels.
    assert motion.opening[at(motion, phones[0])] > 0.008 and motion.opening[at(motion, phones[2])] > 0.008


def test_lips_touch_in_every_bilabial_of_long_speech_and_nowhere_else(model: CoarticulationModel) -> None:
    phones = chatter(120)
    motion = model.motion(phones, 6000)
    for phone in phones:
        if phone.symbol in "mbp":
            near = round((phone.start_s + phone.end_s) / 2 * MOTION_RATE)
            assert motion.opening[near] <= 0, phone
    time_s = np.arange(6000) / MOTION_RATE
    far = np.ones(6000, dtype=bool)
    for phone in phones:
        if phone.symbol in "mbp":
            far &= (time_s < phone.start_s - 0.06) | (time_s > phone.end_s + 0.06)
    assert motion.closure[far].max() == 0


@pytest.mark.parametrize("sound", ["f", "v"])
@pytest.mark.parametrize("vowel", ["a", "ɑ", "i", "u"])
def test_the_lower_lip_nearly_meets_the_teeth_in_f_and_v(model: CoarticulationModel, sound: str, vowel: str) -> None:
    phones = said(f"{vowel} {sound} {vowel}", 0.14)
    motion = model.motion(phones, 70)
    opening = motion.opening[at(motion, phones[1])]
    assert -0.003 < opening < 0.03
    assert opening < 0.75 * motion.opening[at(motion, phones[0])]


def test_openings_follow_the_height_of_vowels(model: CoarticulationModel) -> None:
    opening = {vowel: float(model.basis.opening(held(model, vowel))) for vowel in VOWELS[:17]}
    for row in ("i e ɛ a", "u o ɔ ɑ", "y ø œ a", "i ɪ e ɛ æ", "ʊ o ɔ ɑ"):
        values = [opening[vowel] for vowel in row.split()]
        assert all(b > a - 0.004 for a, b in pairwise(values)), row
    assert opening["a"] > 1.3 * opening["i"] and opening["ɑ"] > 3 * opening["u"]
    assert min(opening.values()) > 0.008


def test_rounding_narrows_and_spreading_widens(model: CoarticulationModel) -> None:
    def width(symbol: str) -> float:
        return float(held(model, symbol) @ model.basis.width_weights)

    for rounded in ("u", "o", "ɔ", "y", "ø", "w", "ɥ", "ʃ", "ʒ"):
        assert width(rounded) < -0.02, rounded
    assert width("i") > 0 and width("i") > width("ɨ") > width("u") + 0.03
    for rounded, plain in (("y", "i"), ("u", "ɯ"), ("o", "ɤ"), ("ɔ", "ʌ"), ("ʃ", "s"), ("tʷ", "t"), ("sˤ", "s")):
        assert width(rounded) < width(plain) - 0.003, (rounded, plain)


def test_hissing_sounds_hold_the_jaw_up(model: CoarticulationModel) -> None:
    jaw = {s: float(held(model, s) @ model.basis.jaw_weights) for s in ("s", "z", "ʃ", "k", "a", "ɑ")}
    assert max(jaw["s"], jaw["z"], jaw["ʃ"]) < jaw["k"] < jaw["a"]
    phones = said("a s a", 0.14)
    motion = model.motion(phones, 60)
    low = motion.coefficients @ model.basis.jaw_weights
    assert low[at(motion, phones[1])] < 0.75 * low[at(motion, phones[0])]


@pytest.mark.parametrize("sound", ["k", "q", "h", "ʔ", "ħ", "ʕ"])
def test_sounds_of_the_throat_take_the_shape_of_their_vowels(model: CoarticulationModel, sound: str) -> None:
    basis = model.basis
    shapes = {}
    for vowel in ("a", "u", "i"):
        phones = said(f"{vowel} {sound} {vowel}", 0.1)
        motion = model.motion(phones, 60)
        shapes[vowel] = motion.coefficients[at(motion, phones[1])]
    assert basis.opening(shapes["a"]) > basis.opening(shapes["i"]) + 0.008 > basis.opening(shapes["u"]) + 0.012
    assert shapes["i"] @ basis.width_weights > shapes["u"] @ basis.width_weights + 0.006


def test_rounding_reaches_back_into_the_consonant_before(model: CoarticulationModel) -> None:
    width = {}
    for vowel in ("u", "i"):
        phones = said(f"s t {vowel}", 0.08)
        motion = model.motion(phones, 60)
        # The last frame before the vowel begins.
        last = math.ceil(phones[2].start_s * MOTION_RATE) - 1
        # The direction of width without what the jaw's opening does to the width.
        width[vowel] = float(motion.coefficients[last] @ model.weights.directions[1])
    assert width["u"] < width["i"] - 0.2


@pytest.mark.parametrize("consonant", ["f", "w", "ʃ"])
def test_short_vowels_fall_short(model: CoarticulationModel, consonant: str) -> None:
    """Between sounds that hold lips or jaw; a t leaves both to the vowel."""
    text = f"{consonant} a {consonant}"
    reached = [model.motion(said(text, length), 80).opening.max() for length in (0.04, 0.08, 0.16, 0.32)]
    assert all(b > a for a, b in pairwise(reached))
    assert reached[0] < 0.9 * reached[-1]


def test_diphthongs_move_from_their_first_part_to_their_last(model: CoarticulationModel) -> None:
    motion = model.motion([Phone("aʊ", 0.5, 0.9)], 80)
    early, late = motion.opening[round(0.6 * MOTION_RATE)], motion.opening[round(0.82 * MOTION_RATE)]
    width = motion.coefficients @ model.basis.width_weights
    assert late < 0.6 * early and width[round(0.82 * MOTION_RATE)] < width[round(0.6 * MOTION_RATE)]


def test_the_mouth_rests_in_silence_and_opens_before_it_sounds(model: CoarticulationModel) -> None:
    phones = (Phone("", 0, 1.0), Phone("a", 1.0, 1.3), Phone("", 1.3, 2.3), Phone("a", 2.3, 2.5))
    motion = model.motion(phones, 200)
    time_s = np.arange(200) / MOTION_RATE
    silent = np.ones(200, dtype=bool)
    for phone in (phones[1], phones[3]):
        silent &= (time_s < phone.start_s - ATTACK_S[0] - 1e-6) | (time_s > phone.end_s + RELEASE_S[0] + 1e-6)
    assert not motion.coefficients[silent].any() and not motion.activity[silent].any()
    assert not motion.closure.any()
    assert motion.opening[round(0.95 * MOTION_RATE)] > 0.005
    assert motion.activity[round(1.0 * MOTION_RATE)] == 1
    # Gaps and silences that are said to be some are the same.
    np.testing.assert_array_equal(model.motion((phones[1], phones[3]), 200).coefficients, motion.coefficients)


def test_nothing_said_is_rest(model: CoarticulationModel) -> None:
    for phones in ((), (Phone("", 0.0, 3.0),)):
        motion = model.motion(phones, 100)
        assert not motion.coefficients.any() and not motion.activity.any() and not motion.closure.any()
    assert model.motion(said("m a"), 0).coefficients.shape == (0, model.basis.size)


def test_motion_moves_with_its_phones(model: CoarticulationModel) -> None:
    phones = chatter(20, seed=3)
    later = tuple(Phone(p.symbol, p.start_s + 1, p.end_s + 1) for p in phones)
    here, there = model.motion(phones, 1000), model.motion(later, 1050)
    np.testing.assert_allclose(there.coefficients[50:], here.coefficients, atol=2e-3)
    np.testing.assert_allclose(there.activity[50:], here.activity, atol=1e-4)
    np.testing.assert_array_equal(model.motion(phones, 1000).coefficients, here.coefficients)


def test_what_comes_later_does_not_change_what_is_long_past(model: CoarticulationModel) -> None:
    phones = chatter(30, seed=4)
    whole = model.motion(phones, 1500)
    part = model.motion([p for p in phones if p.end_s < 20], 1500)
    np.testing.assert_allclose(part.coefficients[:900], whole.coefficients[:900], atol=1e-5)


def test_frames_at_another_rate_lie_on_the_same_motion(model: CoarticulationModel) -> None:
    phones = chatter(10, seed=5)
    fine, coarse = model.motion(phones, 1000, rate=100), model.motion(phones, 500)
    error = np.abs(fine.opening[::2] - coarse.opening)
    assert np.percentile(error, 90) < 0.004


def test_an_hour_takes_seconds(model: CoarticulationModel) -> None:
    phones = chatter(360, seed=6)
    start = time.process_time()
    model.motion(phones, 360 * MOTION_RATE)
    assert time.process_time() - start < 2.5


def test_style_sets_size_and_care(model: CoarticulationModel) -> None:
    phones = said("k a s i l o", 0.09)
    usual = model.motion(phones, 80)
    large = model.motion(phones, 80, style=Articulation(gain=1.5))
    np.testing.assert_allclose(large.opening, 1.5 * usual.opening, atol=1e-4)
    careful = model.motion(phones, 80, style=Articulation(effort=2.0))
    sloppy = model.motion(phones, 80, style=Articulation(effort=0.5))
    assert careful.opening[25:52].std() > usual.opening[25:52].std() > sloppy.opening[25:52].std()
    still = model.motion(phones, 80, style=Articulation(gain=0))
    assert not still.coefficients.any()


def test_the_blend_is_the_formula(model: CoarticulationModel) -> None:
    """Against a plain reading of Cohen & Massaro's formula, number by number."""
    weights = model.weights
    phones = chatter(3.5, seed=7)
    line = lay_out(phones)
    time_s = np.arange(0, 175, 7) / MOTION_RATE
    fast = blend(weights, line, time_s, CARE)
    rows = features(list(line.parts)).astype(float)
    targets = weights.targets(line.parts)
    for frame, now in enumerate(time_s):
        own = next(i for i, end in enumerate(line.end_s) if end > now)
        for axis in (0, 1, 2, 7):
            above = below = 0.0
            for part in range(max(own - NEIGHBOURS, 0), min(own + NEIGHBOURS + 1, len(line.parts))):
                start, end = line.start_s[part], line.end_s[part]
                half = CORE * max(end - start, 0.01) / 2
                if not line.parts[part].letter:
                    half = max(half, (end - start) / 2 - SILENT_MARGIN_S)
                away = max(abs(now - (start + end) / 2) - half, 0.0)
                side = int(now > (start + end) / 2)
                fading = LEAST_FADING + math.log1p(math.exp(rows[part] @ weights.fading[:, side, axis]))
                weight = math.exp(CARE * (rows[part] @ weights.dominance[:, axis] - fading * away))
                above += weight * targets[part, axis]
                below += weight
            assert fast[frame, axis] == pytest.approx(above / below, abs=2e-3), (frame, axis)


def test_another_motion_space_shows_the_same_face(model: CoarticulationModel) -> None:
    turned, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(model.basis.size, model.basis.size)))
    other = replace(
        model.basis,
        components=np.tensordot(turned.astype(np.float32), model.basis.components, axes=1),
        limit=np.full(model.basis.size, 100, dtype=np.float32),
    )
    phones = chatter(5, seed=8)
    here, there = model.motion(phones, 250), CoarticulationModel(model.weights, other).motion(phones, 250)
    assert not np.allclose(here.coefficients, there.coefficients, atol=0.1)
    np.testing.assert_allclose(there.opening, here.opening, atol=2e-4)
    for frame in (60, 120, 180):
        np.testing.assert_allclose(
            other.displacement(there.coefficients[frame]),
            model.basis.displacement(here.coefficients[frame]),
            atol=1e-3,
        )


@pytest.mark.parametrize(
    ("phones", "words"),
    [
        ((Phone("a", 1.0, 0.5),), "end not before its start"),
        ((Phone("a", 0.5, 1.0), Phone("m", 0.7, 1.2)), "sort the phones"),
        ((Phone("a", float("nan"), 1.0),), "end not before its start"),
    ],
)
def test_times_that_make_no_sense_are_refused(
    model: CoarticulationModel, phones: tuple[Phone, ...], words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        model.motion(phones, 100)


def test_styles_that_make_no_sense_are_refused(model: CoarticulationModel) -> None:
    for style in (Articulation(gain=-1), Articulation(gain=9), Articulation(effort=0)):
        with pytest.raises(OptionError, match="effort"):
            model.motion(said("a"), 50, style=style)


def test_its_file_is_kept_and_faults_are_told(
    model: CoarticulationModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.npz"
    save_weights(model.weights, path)
    again = load_weights(path)
    np.testing.assert_array_equal(again.letter_target, model.weights.letter_target)
    with pytest.raises(WeightsError, match="found no file there"):
        load_weights(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a coarticulation model"):
        CoarticulationModel.load(tmp_path / "bad.npz")
    monkeypatch.setattr(coarticulation, "FEATURES", (*FEATURES, "more"))
    with pytest.raises(WeightsError, match="other phone features"):
        load_weights(path)
    small = replace(model.weights, components=model.weights.components[:, :9])
    with pytest.raises(WeightsError, match="mesh points"):
        CoarticulationModel(small, MotionBasis.load())
