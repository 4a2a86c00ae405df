"""Forced alignment: the best way through all that a text allows, given how well each class fits each frame.

    words --slots, pauses between--> states --Viterbi (1967)--> the slots that were taken, and their frames

Every class of a sound lasts at least a few frames; between words there may be silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import InputError
from mouthpiece.training.real_speech.aligned import AlignedPhone
from mouthpiece.training.real_speech.sound_classes import classes_of
from mouthpiece.training.real_speech.spelling import Slot, SpeltWord
from mouthpiece.types import FloatArray

SHORTEST_FRAMES = 3
"""That a sound of one class lasts."""
SHORTEST_PART_FRAMES = 2
"""The same for each class of a sound of several."""
SILENT_FRAMES = 3
"""That a pause lasts; shorter ones are closures."""


@dataclass(slots=True)
class _Graph:
    """States, each a frame at least of a class."""

    classes: list[int] = field(default_factory=list)
    loops: list[bool] = field(default_factory=list)
    """Whether a state may last."""
    before: list[list[int]] = field(default_factory=list)
    """States that may come before one, itself aside; -1 for the beginning."""
    sound: list[int] = field(default_factory=list)
    """Number of the sound that a state belongs to."""
    symbols: list[str] = field(default_factory=list)
    """IPA by number of the sound."""
    words: list[int] = field(default_factory=list)
    """Number of the word by number of the sound; -1 for silence."""

    def add(self, symbol: str, word: int, entries: Sequence[int]) -> int:
        """Add the states of a sound; return the last one."""
        number = len(self.symbols)
        self.symbols.append(symbol)
        self.words.append(word)
        parts = classes_of(symbol)
        least = SILENT_FRAMES if not symbol else SHORTEST_FRAMES if len(parts) == 1 else SHORTEST_PART_FRAMES
        previous = list(entries)
        for part in parts:
            for step in range(least):
                self.classes.append(part)
                self.loops.append(step == least - 1)
                self.before.append(previous)
                self.sound.append(number)
                previous = [len(self.classes) - 1]
        return previous[0]


_PAUSE = Slot(("",), optional=True)


def _graph(words: Sequence[SpeltWord]) -> tuple[_Graph, list[int]]:
    """Build the graph of a text; also the states that may be the last."""
    graph = _Graph()
    ends = [-1]
    places = [(-1, _PAUSE)]
    for index, word in enumerate(words):
        places += [*((index, slot) for slot in word.slots), (-1, _PAUSE)]
    for word, slot in places:
        reached = [graph.add(symbol, word, ends) for symbol in slot.choices]
        ends = [*reached, *ends] if slot.optional else reached
    return graph, ends


def force_align(
    scores: FloatArray, words: Sequence[SpeltWord]
) -> tuple[list[AlignedPhone], list[tuple[str, int, int]]]:
    """Align a text.

    Args:
        scores: (T, C) log-likelihood of each class in each frame.
        words: what is said, in order.

    Returns:
        The sounds with times in frames, silence among them, and (text, first sound, sound after the last) of the
        words. Their scores are mean log-likelihoods.

    Raises:
        InputError: there are no words, or they don't fit into so few frames.
    """
    if not words:
        raise InputError("expected words to align, got none")
    graph, ends = _graph(words)
    path = _best_path(scores[:, graph.classes], graph, ends)
    sounds = np.array(graph.sound)[path]
    firsts = np.flatnonzero(np.diff(sounds, prepend=-1))
    own = scores[np.arange(len(path)), np.array(graph.classes)[path]]
    aligned: list[AlignedPhone] = []
    spoken: list[tuple[str, int, int]] = []
    last_word = -1
    for first, end in zip(firsts, [*firsts[1:], len(path)], strict=True):
        number, word = int(sounds[first]), graph.words[int(sounds[first])]
        if word >= 0:
            begin = len(aligned) if word != last_word else spoken.pop()[1]
            spoken.append((words[word].text, begin, len(aligned) + 1))
            last_word = word
        score = float(own[first:end].mean())
        aligned.append(AlignedPhone(graph.symbols[number], float(first), float(end), score))
    return aligned, spoken


def _best_path(fits: FloatArray, graph: _Graph, ends: Sequence[int]) -> NDArray[np.intp]:
    """Find the best state of every frame: (T, S) log-likelihoods -> (T,)."""
    frames, states = fits.shape
    width = max(len(before) for before in graph.before)
    # State S is the beginning, of which only the first frame comes; S + 1 is never reached.
    before = np.full((states, width + 1), states + 1)
    for state, previous in enumerate(graph.before):
        before[state, : len(previous)] = [states if one == -1 else one for one in previous]
        if graph.loops[state]:
            before[state, width] = state
    total = np.full(states + 2, -np.inf)
    total[states] = 0.0
    came_from = np.empty((frames, states), dtype=np.int32)
    rows = np.arange(states)
    for frame in range(frames):
        reached = total[before]
        best = reached.argmax(axis=1)
        came_from[frame] = before[rows, best]
        total = np.concatenate([reached[rows, best] + fits[frame], [-np.inf, -np.inf]])
    last = max((end for end in ends if end >= 0), key=lambda end: total[end])
    if not np.isfinite(total[last]):
        raise InputError("the text is too long for the sound")
    path = np.empty(frames, dtype=np.intp)
    for frame in range(frames - 1, -1, -1):
        path[frame] = last
        last = int(came_from[frame, last])
    return path
