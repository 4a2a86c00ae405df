"""Preston Blair's shapes: what looks like which, and how they follow each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from mouthpiece.motion.blendshapes import PER_DROP, Readings
from mouthpiece.motion.phonetics import parse
from mouthpiece.types import FloatArray, Phone
from mouthpiece.viseme_tracks.mouth_shapes import (
    CHANGE_COST,
    DECIDE_FRAMES,
    DELAY_FRAMES,
    LETTER_RATE,
    LETTERS,
    MIN_FRAMES,
    Cue,
    Hints,
    LetterStream,
    distances,
    hint_of,
)


def readings(opening: float, narrowing: float = 0.0) -> Readings:
    """A mouth so far open, and so much narrower than the jaw alone draws it."""
    zero = np.float32(0)
    values = {
        **dict.fromkeys(("chin", "corner_lift", "upper_lift", "upper_height", "lower_height"), zero),
        "opening": np.float32(opening),
        "drop": np.float32(opening),
        "width": np.float32(PER_DROP["width"] * opening - narrowing),
    }
    return Readings(**values)  # type: ignore[arg-type]


def nearest(opening: float, narrowing: float = 0.0, activity: float = 1.0) -> str:
    return LETTERS[int(distances(readings(opening, narrowing), activity).argmin())]


@pytest.mark.parametrize(
    ("opening", "narrowing", "activity", "letter"),
    [
        (0.0, 0.0, 0.0, "X"),
        (0.0, 0.0, 1.0, "A"),
        (0.05, 0.0, 1.0, "B"),
        (0.11, 0.0, 1.0, "C"),
        (0.17, 0.0, 1.0, "D"),
        (0.3, 0.0, 1.0, "D"),
        (0.08, 0.025, 1.0, "E"),
        (0.04, 0.035, 1.0, "F"),
    ],
)
def test_a_mouth_looks_like(opening: float, narrowing: float, activity: float, letter: str) -> None:
    assert nearest(opening, narrowing, activity) == letter


def test_lips_alone_never_show_teeth_or_tongue() -> None:
    rng = np.random.default_rng(4)
    seen = {nearest(rng.uniform(0, 0.32), rng.uniform(-0.08, 0.1), rng.uniform(0, 1)) for _ in range(500)}
    assert seen == set("ABCDEFX")


# Rhubarb's manual names example sounds for each shape.
@pytest.mark.parametrize(
    ("symbol", "letter"),
    [
        *[(symbol, "A") for symbol in "pbm"],
        *[(symbol, "B") for symbol in ("k", "s", "t", "iː")],
        *[(symbol, "C") for symbol in ("ɛ", "æ")],
        *[(symbol, "D") for symbol in ("ɑː", "a")],
        *[(symbol, "E") for symbol in ("ɔ", "ɜː", "ɚ")],
        *[(symbol, "F") for symbol in ("uː", "oʊ", "w")],
        *[(symbol, "G") for symbol in "fv"],
        ("l", "H"),
    ],
)
def test_sounds_ask_for_the_shapes_of_rhubarbs_manual(symbol: str, letter: str) -> None:
    hint = hint_of(parse(symbol)[0], 0.12)
    assert hint is not None
    assert hint.letter == letter


def test_a_short_l_and_a_throat_ask_for_nothing_of_their_own() -> None:
    short = hint_of(parse("l")[0], 0.05)
    assert short is not None
    assert short.letter == "B"
    assert hint_of(parse("h")[0], 0.1) is None
    assert hint_of(parse("")[0], 0.1) is None


def test_hints_go_with_the_phones() -> None:
    hints = Hints([Phone("", 0.0, 0.1), Phone("f", 0.1, 0.2), Phone("aʊ", 0.2, 0.4)])
    asked = [hints.at(time_s) for time_s in (0.0, 0.11, 0.19, 0.22, 0.39, 0.5)]
    assert [hint.letter if hint else None for hint in asked] == [None, "G", "G", "D", "F", None]


def run(costs: list[FloatArray], end_s: float | None = None) -> list[Cue]:
    stream = LetterStream()
    cues = [cue for cost in costs for cue in stream.push(cost)]
    return cues + stream.finish(len(costs) / LETTER_RATE if end_s is None else end_s)


def looks(*stretches: tuple[float, float, float, int]) -> list[FloatArray]:
    """(opening, narrowing, activity, frames) -> distances of each look."""
    return [
        distances(readings(opening, narrowing), activity)
        for opening, narrowing, activity, frames in stretches
        for _ in range(frames)
    ]


def test_cues_cover_the_speech_without_gaps() -> None:
    costs = looks((0, 0, 0, 20), (0.11, 0, 1, 10), (0, 0, 1, 5), (0.17, 0, 1, 12), (0.04, 0.035, 1, 9), (0, 0, 0, 30))
    cues = run(costs, end_s=1.71)
    assert "".join(cue.letter for cue in cues) == "XCADFX"
    assert cues[0].start_s == 0
    assert cues[-1].end_s == 1.71
    assert all(a.end_s == b.start_s for a, b in pairwise(cues))
    assert cues[1].start_s == pytest.approx(0.4)
    assert cues[2].end_s == pytest.approx(0.7)


def test_no_flicker() -> None:
    rng = np.random.default_rng(5)
    costs = [distances(readings(float(rng.uniform(0.04, 0.15))), 1.0) for _ in range(400)]
    cues = run(costs)
    assert min(cue.end_s - cue.start_s for cue in cues) >= MIN_FRAMES / LETTER_RATE - 1e-9
    raw = [int(cost.argmin()) for cost in costs]
    assert 3 * len(cues) < sum(a != b for a, b in pairwise(raw))
    single = looks((0.11, 0, 1, 20), (0.05, 0, 1, 1), (0.11, 0, 1, 20))
    assert "".join(cue.letter for cue in run(single)) == "XC"


def test_rest_and_closed_lips_are_not_told_apart_needlessly() -> None:
    costs = looks((0.11, 0, 1, 10), (0, 0, 1, 6), (0, 0, 0, 20), (0, 0, 1, 5), (0.11, 0, 1, 10))
    assert "".join(cue.letter for cue in run(costs)) == "XCXC"


def whole(costs: NDArray[np.float64]) -> list[str]:
    """The best letters of all looks, by trying every length of the last letter (an oracle of its own)."""
    count, letters = costs.shape
    sums = np.vstack([np.zeros(letters), np.cumsum(costs, axis=0)])
    rest, closed = LETTERS.index("X"), LETTERS.index("A")
    best = np.full((count + 1, letters), np.inf)
    came: dict[tuple[int, int], tuple[int, int]] = {}
    for end in range(1, count + 1):
        for letter in range(letters):
            for start in range(end):
                if end - start < MIN_FRAMES:
                    continue
                if start == 0:
                    before, previous = (0.0 if letter == rest else np.inf), -1
                else:
                    steps = [
                        best[start, p] + CHANGE_COST if p != letter and {p, letter} != {rest, closed} else np.inf
                        for p in range(letters)
                    ]
                    previous = int(np.argmin(steps))
                    before = steps[previous]
                price = before + sums[end, letter] - sums[start, letter]
                if price < best[end, letter]:
                    best[end, letter] = price
                    came[end, letter] = (start, previous)
    letter, end, said = int(np.argmin(best[count])), count, [""] * count
    while end > 0:
        start, previous = came[end, letter]
        said[start:end] = [LETTERS[letter]] * (end - start)
        end, letter = start, previous
    return said


def test_deciding_on_the_way_is_as_good_as_deciding_in_the_end() -> None:
    rng = np.random.default_rng(7)
    openings = np.abs(np.convolve(rng.normal(0, 0.2, 140), np.ones(6) / 6, "same"))
    costs = [distances(readings(float(opening), 0.01), 1.0) for opening in openings]
    expected = whole(np.array(costs, dtype=np.float64))
    cues = run(costs)
    said = [next(c.letter for c in cues if c.start_s <= (n + 0.5) / LETTER_RATE < c.end_s) for n in range(len(costs))]
    assert said == expected


def test_memory_is_bounded() -> None:
    stream = LetterStream()
    for cost in looks(*[(0.11, 0, 1, 7), (0.05, 0, 1, 9)] * 60):
        stream.push(cost)
        assert len(stream._back) < DELAY_FRAMES + DECIDE_FRAMES + 1
