"""Forced alignment: the times of the phones of a recording whose words are known, against espeak-ng's rendering.

    text --espeak-ng--> speech whose phones have times --dynamic time warping--> the recording's phones

Each word is rendered by itself, and both are compared by their cepstra.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mouthpiece.errors import InputError
from mouthpiece.speech import log_mel, mfcc
from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, FloatArray, Phone, SpokenWord

SHORTEST_PHONE_S = 0.02
"""A phone lasts at least so long, if its neighbours leave room."""
RANGE = 9.0
"""What is so much (natural log of power) below the loudest counts as silence."""
LETTERS = {"a": "eigh", "z": "zed"}
"""How to spell letters that espeak-ng would not name by themselves."""
_WEIGHTS = np.concatenate([[0.5, *[1.0] * 12], [2.0, *[3.0] * 12]]).astype(np.float32)
"""What cepstra and their slopes count: the level less than the spectrum's shape."""


def align_phones(
    samples: FloatArray,
    words: Sequence[SpokenWord],
    voice: str = "en-gb",
    *,
    speaker: EspeakSynthesiser,
    rendered: dict[str, SynthesisedSpeech],
) -> tuple[Phone, ...]:
    """Align the phones of a recording whose words and their times are known.

    Args:
        samples: (n,) mono, SAMPLE_RATE.
        words: in order; the phones of each fill its time.
        voice: espeak-ng's language code.
        speaker: who renders.
        rendered: words rendered before in this voice, added to; pass the same for many recordings to save time.

    Returns:
        The sounds in order, without the silences.

    Raises:
        InputError: there are no words.
    """
    if not words:
        raise InputError("expected words to align, got none")
    cepstra = _cepstra(samples)
    phones: list[Phone] = []
    for word in words:
        if word.text not in rendered:
            rendered[word.text] = _render_word(speaker, word.text, voice)
        phones += _align_word(cepstra, word, rendered[word.text])
    return tuple(phones)


def _render_word(speaker: EspeakSynthesiser, text: str, voice: str) -> SynthesisedSpeech:
    """Render a word by itself, without the silence around it."""
    rendering = speaker.say(LETTERS.get(text, text), voice=voice, rate_wpm=150)
    sounds = [phone for phone in rendering.phones if phone.symbol]
    if not sounds:
        raise InputError(f"expected words to align, got {text!r}, of which espeak-ng says nothing")
    first, last = sounds[0].start_s, sounds[-1].end_s
    samples = rendering.samples[int(first * SAMPLE_RATE) : int(last * SAMPLE_RATE)]
    moved = tuple(Phone(phone.symbol, phone.start_s - first, phone.end_s - first) for phone in sounds)
    return SynthesisedSpeech(samples, moved, rendering.words)


def _align_word(cepstra: FloatArray, word: SpokenWord, rendering: SynthesisedSpeech) -> list[Phone]:
    """Align the sounds of one word, which fill its time."""
    first, end = round(word.start_s * MEL_RATE), round(word.end_s * MEL_RATE)
    real, made = cepstra[first : max(end, first + 2)], _cepstra(rendering.samples)
    if len(real) < 2 or len(made) < 2 or word.end_s <= word.start_s:
        return []
    # Each without its mean: another voice, another microphone.
    path = _warp_whole(real - real.mean(axis=0), made - made.mean(axis=0))
    inner = [phone.start_s * MEL_RATE for phone in rendering.phones[1:]]
    times = [
        word.start_s + float(path[path[:, 1] == min(round(at), len(made) - 1), 0].mean()) / MEL_RATE for at in inner
    ]
    edges = np.array([word.start_s, *times, word.end_s])
    shortest = min(SHORTEST_PHONE_S * 1.5, (word.end_s - word.start_s) / len(rendering.phones) * 0.6)
    for index in range(1, len(edges) - 1):
        edges[index] = max(edges[index], edges[index - 1] + shortest)
    for index in range(len(edges) - 2, 0, -1):
        edges[index] = min(edges[index], edges[index + 1] - shortest)
    return [
        Phone(phone.symbol, float(start), float(stop))
        for phone, (start, stop) in zip(rendering.phones, pairwise(edges), strict=True)
    ]


def _warp_whole(real: FloatArray, made: FloatArray) -> np.ndarray:
    """Warp one word onto another in time from end to end (Sakoe & Chiba 1978): (pairs, 2) frame numbers."""
    cost = np.sqrt(((real[:, None] - made[None]) ** 2).sum(axis=2)).tolist()
    rows, columns = len(real), len(made)
    total = [[np.inf] * (columns + 1) for _ in range(rows + 1)]
    total[0][0] = 0.0
    for i in range(1, rows + 1):
        above, here, costs = total[i - 1], total[i], cost[i - 1]
        for j in range(1, columns + 1):
            here[j] = costs[j - 1] + min(above[j - 1], above[j], here[j - 1])
    i, j = rows, columns
    pairs = []
    while i > 0 and j > 0:
        pairs.append((i - 1, j - 1))
        options = (total[i - 1][j - 1], total[i - 1][j], total[i][j - 1])
        which = options.index(min(options))
        i, j = (i - 1, j - 1) if which == 0 else (i - 1, j) if which == 1 else (i, j - 1)
    return np.array(pairs[::-1])


def _cepstra(samples: FloatArray) -> FloatArray:
    """Return normalised cepstra and how they change, (M, C); the level of silence is the same in all recordings."""
    mel = log_mel(samples)
    mel = np.maximum(mel, mel.max() - RANGE)
    cepstra = mfcc(mel)
    cepstra = cepstra[:, : 2 * (cepstra.shape[1] // 3)]
    # Mean and spread of what is not silence: of the voice, not of how long it pauses.
    loud = mel.max(axis=1) > mel.max() - 0.7 * RANGE
    mean = cepstra[loud].mean(axis=0)
    return np.asarray((cepstra - mean) * _WEIGHTS, dtype=np.float32)
