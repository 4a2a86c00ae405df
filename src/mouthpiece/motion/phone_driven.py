"""Motion of which somebody knows what is said: the phone teacher's answers, alone or blended with the network's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.motion.phonetics import parse
from mouthpiece.motion.shaping import MotionPrediction
from mouthpiece.types import Phone

if TYPE_CHECKING:
    from mouthpiece.motion.stream import MotionBasis

TAIL_S = 0.5
"""How long after the last phone the teacher is still asked."""
HELD_S = 0.25
"""Sounds that are longer are held: the teacher knows those of speech, and takes a long one's ends for its edges."""


def held(phones: Sequence[Phone]) -> list[Phone]:
    """Phones of which long ones (sung, drawled, or a drawn character's shapes) are said as several of HELD_S at most.

    A diphthong's vowels are held one after the other; closed lips stay one sound.
    """
    cut: list[Phone] = []
    for phone in phones:
        parts = parse(phone.symbol)
        if phone.end_s - phone.start_s <= HELD_S or any(part.closure for part in parts) or not parts[0].letter:
            cut.append(phone)
            continue
        edges = np.cumsum([0.0, *(part.weight for part in parts)])
        times = (phone.start_s + (phone.end_s - phone.start_s) * edges / edges[-1]).tolist()
        for part, (start_s, end_s) in zip(parts, pairwise(times), strict=True):
            symbol = phone.symbol if len(parts) == 1 else part.letter
            count = max(int(np.ceil((end_s - start_s) / HELD_S)), 1)
            bounds = np.linspace(start_s, end_s, count + 1).tolist()
            cut += [Phone(symbol, *span) for span in pairwise(bounds)]
    return cut


class PhoneDrivenMotion:
    """What the teacher says of each motion frame of a speech."""

    def __init__(self, phones: Sequence[Phone], basis: MotionBasis, blend: float, rate: float) -> None:
        """Have the teacher go through the speech.

        Args:
            phones: what is said, in time order; gaps and everything after them are silence.
            basis: what coefficients mean.
            blend: 0-1, the teacher's share; the rest is the network's.
            rate: motion frames a second.

        Raises:
            OptionError: the blend is out of range, or the phones are not in order.
            WeightsError: the teacher is missing, damaged or of another motion space.
        """
        if not 0 <= blend <= 1:
            raise OptionError(f"expected a blend of 0 (sound alone) to 1 (phones alone), got {blend:g}")
        self._share = np.float32(blend)
        end_s = max((phone.end_s for phone in phones), default=0.0) + TAIL_S
        taught = CoarticulationModel.load(basis=basis).motion(held(phones), int(np.ceil(end_s * rate)), rate=rate)
        self._coefficients, self._closure, self._activity = taught.coefficients, taught.closure, taught.activity

    def mixed(self, heard: MotionPrediction, frame: int) -> MotionPrediction:
        """The answer for a motion frame.

        Args:
            heard: the network's.
            frame: which one, counted from the start of the speech.
        """
        if frame < len(self._activity):
            coefficients, closure = self._coefficients[frame], float(self._closure[frame])
            activity = float(self._activity[frame])
        else:
            coefficients, closure, activity = np.zeros_like(heard.coefficients), 0.0, 0.0
        share = float(self._share)
        return MotionPrediction(
            heard.coefficients + self._share * (coefficients - heard.coefficients),
            heard.activity + share * (activity - heard.activity),
            heard.closure + share * (closure - heard.closure),
            # Who knows what is said needn't listen for a voice.
            heard.voice + share * (activity - heard.voice),
        )
