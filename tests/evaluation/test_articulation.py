"""What lips do on a sound, on curves made by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from mouthpiece.evaluation.articulation import TOUCHING, Utterance, score_articulation, spoken_parts
from mouthpiece.evaluation.mouths import Mouth
from mouthpiece.motion.phonetics import parse
from mouthpiece.types import FloatArray, Phone, SpokenWord

FPS = 50
PHONE_S = 0.2


@dataclass(frozen=True)
class _Curves(Mouth):
    """A mouth whose readings are given."""

    given: tuple[FloatArray, FloatArray, FloatArray, FloatArray] = ()  # type: ignore[assignment]

    @property
    def opening(self) -> FloatArray:
        return self.given[0]

    @property
    def rounding(self) -> FloatArray:
        return self.given[1]

    @property
    def lower_lip(self) -> FloatArray:
        return self.given[2]

    @property
    def jaw(self) -> FloatArray:
        return self.given[3]


def utterance(
    sounds: str,
    opening: dict[str, float] | None = None,
    rounding: dict[str, float] | None = None,
    lower_lip: dict[str, float] | None = None,
    jaw: dict[str, float] | None = None,
) -> Utterance:
    """Say sounds of PHONE_S each (a point is silence), a value of each reading for each sound; else wide open and 0."""
    phones = [Phone(s.strip("."), i * PHONE_S, (i + 1) * PHONE_S) for i, s in enumerate(sounds.split())]
    times_s = np.arange(round(len(phones) * PHONE_S * FPS)) / FPS
    which = np.minimum((times_s / PHONE_S + 1e-9).astype(int), len(phones) - 1)

    def curve(values: dict[str, float] | None, default: float) -> FloatArray:
        return np.array([(values or {}).get(phones[i].symbol, default) for i in which], dtype=np.float32)

    given = curve(opening, 0.1), curve(rounding, 0.0), curve(lower_lip, 0.0), curve(jaw, 0.0)
    mouth = _Curves(np.zeros((len(times_s), 1, 3), np.float32), np.ones(len(times_s), bool), given)
    return Utterance(times_s, mouth, spoken_parts(phones, words_of(phones)))


def words_of(phones: list[Phone]) -> list[SpokenWord]:
    """One word for each stretch between silences."""
    words: list[SpokenWord] = []
    for phone in phones:
        if not phone.symbol:
            continue
        if words and words[-1].end_s == phone.start_s:
            words[-1] = replace(words[-1], text=words[-1].text + phone.symbol, end_s=phone.end_s)
        else:
            words.append(SpokenWord(phone.symbol, phone.start_s, phone.end_s))
    return words


def unseen(one: Utterance, hidden: NDArray[np.bool_]) -> Utterance:
    return replace(one, mouth=replace(one.mouth, seen=~hidden))


def test_sounds_have_parts_with_times() -> None:
    phones = [Phone("", 0, 1), Phone("aɪ", 1.0, 1.4), Phone("p", 1.4, 1.5)]
    parts = spoken_parts(phones, [SpokenWord("ipe", 1.0, 1.5)])
    assert [part.part.letter for part in parts] == ["a", "ɪ", "p"]
    assert [part.sound for part in parts] == [1, 1, 2]
    assert [part.initial for part in parts] == [True, False, False]
    assert parts[0].start_s == 1.0 and parts[0].end_s == parts[1].start_s and parts[1].end_s == pytest.approx(1.4)
    assert parts[2].closes and not parts[0].closes


@pytest.mark.parametrize(
    ("symbol", "rounded", "spread", "closes", "bites"),
    [
        ("w", True, False, False, False),
        ("uː", True, False, False, False),
        ("ʃ", True, False, False, False),
        ("iː", False, True, False, False),
        ("s", False, True, False, False),
        ("m", False, False, True, False),
        ("b", False, False, True, False),
        ("v", False, False, False, True),
        ("ɑː", False, False, False, False),
        ("t", False, False, False, False),
    ],
)
def test_kinds_of_sounds(symbol: str, rounded: bool, spread: bool, closes: bool, bites: bool) -> None:
    part = spoken_parts([Phone(symbol, 0, 1)], [])[0]
    assert (part.rounded, part.is_spread, part.closes, part.bites) == (rounded, spread, closes, bites)


def test_closures_that_are_met() -> None:
    met = {"m": 0.0, "b": TOUCHING / 2, "p": TOUCHING * 2}
    score = score_articulation([utterance("m a . t b a p a", met)])
    assert score.closures == 3
    assert score.closures_met == pytest.approx(2 / 3)
    assert score.initial_closures_met == 1  # m alone begins a word, after silence or at the start
    later = score_articulation([utterance("a p a", {"p": 0.1})])
    assert later.closures_met == 0 and np.isnan(later.initial_closures_met)


def test_lips_may_meet_a_frame_early_but_not_two() -> None:
    one = utterance("a p a")
    for early, met in ((2, 1.0), (3, 0.0)):
        opening = one.mouth.opening.copy()
        opening[round(PHONE_S * FPS) - early] = 0
        assert isinstance(one.mouth, _Curves)
        mouth = replace(one.mouth, given=(opening, *one.mouth.given[1:]))
        assert score_articulation([replace(one, mouth=mouth)]).closures_met == met


def test_what_was_not_seen_does_not_count() -> None:
    one = utterance("p a t a b a", {"p": 0.0, "b": 0.1})
    assert score_articulation([one]).closures_met == 0.5
    hidden = unseen(one, one.times_s < PHONE_S + 0.1)
    assert score_articulation([hidden]).closures == 1
    assert score_articulation([hidden]).closures_met == 0


def test_touches_where_none_belong() -> None:
    shut = {"k": 0.0, "b": 0.0, "f": 0.0}
    score = score_articulation([utterance("a k a t", shut)])
    assert score.wrong_touches == 0.25
    # What is next to a closure, or to f and v, may share it.
    assert score_articulation([utterance("k b k a k f k", shut)]).wrong_touches == 0
    assert np.isnan(score_articulation([utterance("k b k", shut)]).wrong_touches)


def test_rounding_against_an_independent_rank_test() -> None:
    rng = np.random.default_rng(0)
    sounds = ["w", "uː", "ʃ", "iː", "s", "ɪ"]
    values = {s: float(v) for s, v in zip(sounds, rng.normal([1, 1, 1, 0, 0, 0], 1), strict=True)}
    score = score_articulation([utterance(" ".join(sounds), rounding=values)])
    round_, spread = [values[s] for s in sounds[:3]], [values[s] for s in sounds[3:]]
    wins = scipy.stats.mannwhitneyu(round_, spread).statistic
    assert score.rounding_auc == pytest.approx(wins / 9)
    assert score.rounding_contrast == pytest.approx(np.mean(round_) - np.mean(spread), abs=1e-6)


def test_vowels_in_order_against_scipy() -> None:
    heights = {"iː": 0.02, "eɪ": 0.05, "ɛ": 0.04, "a": 0.09, "uː": 0.03}
    one = utterance("t iː t eɪ t ɛ t a t uː", jaw=heights)
    openness = [max(part.open for part in parse(symbol)) for symbol in heights]
    wanted = scipy.stats.spearmanr(openness, list(heights.values())).statistic
    assert 0.5 < wanted < 1
    assert score_articulation([one]).vowel_order == pytest.approx(wanted, abs=1e-6)
    backwards = {symbol: 0.1 - height for symbol, height in heights.items()}
    assert score_articulation([utterance("iː eɪ ɛ a uː", jaw=backwards)]).vowel_order == pytest.approx(
        -wanted, abs=1e-6
    )


def test_the_lower_lip_rises_to_the_teeth() -> None:
    raised = {"f": -0.02, "v": -0.01, "t": 0.0, "k": -0.015, "p": -0.1, "a": -0.1}
    score = score_articulation([utterance("f a v a t a k a p a", lower_lip=raised)])
    assert score.lip_teeth_auc == 0.75  # v lies below k; p and a don't count


def test_nothing_said_is_nothing_known() -> None:
    score = score_articulation([])
    assert score.closures == 0
    for name in ("closures_met", "wrong_touches", "rounding_auc", "rounding_contrast", "vowel_order", "lip_teeth_auc"):
        assert np.isnan(getattr(score, name))
