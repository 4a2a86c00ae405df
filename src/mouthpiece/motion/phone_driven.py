"""Motion of speech whose phones are known: the coarticulation model's, alone or blended with the network's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.motion.phonetics import parse
from mouthpiece.motion.shaping import MotionPrediction
from mouthpiece.types import Phone

TAIL_S = 0.5
"""Time after the last phone for which the model still makes motion."""
HELD_S = 0.25
"""Longer sounds are held: the model was fitted to those of speech, and takes a long one's ends for its edges."""


def split_held(phones: Sequence[Phone]) -> list[Phone]:
    """Split long phones (sung, drawled, or a drawn character's shapes) into several of HELD_S at most.

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
    """The coarticulation model's motion of a speech, frame by frame."""

    def __init__(self, phones: Sequence[Phone], basis: MotionBasis, blend: float, rate: float) -> None:
        """Compute the motion of the whole speech.

        Args:
            phones: what is said, in time order; gaps and everything after them are silence.
            basis: the motion space.
            blend: 0-1, the model's share; the rest is the network's.
            rate: motion frames a second.

        Raises:
            OptionError: the blend is out of range, or the phones are not in order.
            WeightsError: the model is missing, damaged or of another motion space.
        """
        if not 0 <= blend <= 1:
            raise OptionError(f"expected a blend of 0 (sound alone) to 1 (phones alone), got {blend:g}")
        self._share = np.float32(blend)
        end_s = max((phone.end_s for phone in phones), default=0.0) + TAIL_S
        model = CoarticulationModel.load(basis=basis)
        self._motion = model.motion(split_held(phones), int(np.ceil(end_s * rate)), rate=rate)

    def blend(self, prediction: MotionPrediction, frame: int) -> MotionPrediction:
        """Blend a motion frame's prediction with the model's motion.

        Args:
            prediction: the network's, from the sound.
            frame: its number, counted from the start of the speech.
        """
        if frame < len(self._motion.activity):
            coefficients, closure = self._motion.coefficients[frame], float(self._motion.closure[frame])
            activity = float(self._motion.activity[frame])
        else:
            coefficients, closure, activity = np.zeros_like(prediction.coefficients), 0.0, 0.0
        share = float(self._share)
        return MotionPrediction(
            prediction.coefficients + self._share * (coefficients - prediction.coefficients),
            prediction.activity + share * (activity - prediction.activity),
            prediction.closure + share * (closure - prediction.closure),
            # Where the phones are known, they and not the sound tell voice from silence.
            prediction.voice + share * (activity - prediction.voice),
        )
