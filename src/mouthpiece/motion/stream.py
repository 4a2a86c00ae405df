"""Speech in, a chunk at a time; the motion of the mouth out, for any moment whose speech has arrived.

A live network looks little ahead and its predictions are shaped at once; those of the network for files are held back a
little, so that coming speech is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import MELS_PER_FRAME, MOTION_RATE, NetworkGeometry, load_basis, load_ranges
from mouthpiece.motion.network import WEIGHTS, StreamingInference, basis_path, silent_log_mel
from mouthpiece.motion.phone_driven import PhoneDrivenMotion
from mouthpiece.motion.shaping import HOLD_FRAMES, MotionFrame, MotionPrediction, MotionShaper
from mouthpiece.types import MEL_RATE, FloatArray, Motion, Phone, SpeechChunk

KEPT_S = 1.0
"""Motion kept behind the latest moment asked for, seconds."""
LIVE_LOOK_AHEAD_S = 0.08
"""Predictions of a network that looks no further ahead than this are shaped at once."""

_ANTICIPATION_MELS = 14
"""Speech in the next 140 ms counts as speech now, as far as it has arrived: mouths open before they sound."""
_TAIL_S = 0.5
"""Time after the speech's end in which the mouth may still be on its way back to rest."""


class MotionStream:
    """The motion of a mouth over one speech."""

    def __init__(
        self,
        *,
        intensity: float = 1.0,
        weights: Path = WEIGHTS,
        device: str = "CPU",
        closure: bool = True,
        gate: bool = True,
        phones: Sequence[Phone] = (),
        phones_blend: float = 1.0,
    ) -> None:
        """Load the network.

        Args:
            intensity: how far the mouth moves; 1 is lively speech, 0 keeps it at rest. At most 4.
            weights: the network (with its basis beside it).
            device: OpenVINO device.
            closure: pull the lips together where the network is sure that they touch (m, b, p).
            gate: keep the mouth at rest where nobody speaks, and spread its range; off only to measure the bare
                network.
            phones: what is said, where it is known, in time order; empty where it isn't.
            phones_blend: how much the motion follows them and not the sound, 0-1; 1 is the phones alone.

        Raises:
            OptionError: intensity or blend are out of range, or the phones are not in order.
            WeightsError: network or basis are missing, damaged or don't belong together.
            EngineError: the device can't run the network.
        """
        self.basis, self._geometry = load_basis(basis_path(weights))
        opening_range, width_range = load_ranges(basis_path(weights))
        self._new_shaper = partial(
            MotionShaper,
            self.basis,
            intensity=intensity,
            hold=_hold_frames(self._geometry),
            opening_range=opening_range,
            width_range=width_range,
            closure=closure,
            gate=gate,
        )
        self._inference = StreamingInference(weights, device, self._geometry)
        self._phone_driven = PhoneDrivenMotion(phones, self.basis, phones_blend, MOTION_RATE) if phones else None
        self._coming_mels = min(_ANTICIPATION_MELS, self._geometry.ahead) + 1
        self._opening_weights = self.basis.opening_weights
        self._components = self.basis.components.reshape(self.basis.size, -1)
        self.reset()

    def reset(self) -> None:
        """Forget the speech."""
        self._inference.reset()
        self._activity = np.zeros(0, dtype=np.float32)
        """Activity of the mel frames from that of the next motion frame on."""
        self._mels_taken = 0
        self._predicted = 0
        """Motion frames that the network has predicted."""
        self._frames: deque[MotionFrame] = deque()
        self._first_frame = 0
        """Number of the motion frame _frames[0]."""
        self._shaper = self._new_shaper()
        self._finished = False
        self._asked_s = 0.0

    @property
    def look_ahead_s(self) -> float:
        """Speech needed after a moment before `at` can return it, at worst, seconds.

        Counted in mel frames; the speech stream's own latency comes on top.
        """
        return look_ahead_s(self._geometry)

    @property
    def ready_until_s(self) -> float:
        """Moments before this one can be asked for now, seconds; infinite once the speech is over."""
        if self._finished:
            return float("inf")
        return max(self._first_frame + len(self._frames) - 1, 0) / MOTION_RATE

    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech.

        Raises:
            OptionError: it does not follow the one before, or the speech was over.
        """
        if self._finished:
            raise OptionError("the speech was finished; call reset() before the next one")
        if chunk.first_mel != self._mels_taken:
            raise OptionError(f"expected the chunk from mel frame {self._mels_taken} on, got {chunk.first_mel}")
        self._mels_taken += len(chunk.log_mel)
        self._take(chunk.log_mel, chunk.activity)

    def finish(self) -> None:
        """End the speech; silence follows."""
        if self._finished:
            return
        wanted = self._mels_taken // MELS_PER_FRAME + int(_TAIL_S * MOTION_RATE)
        while self._first_frame + len(self._frames) < wanted:
            silence = silent_log_mel(self._inference.missing)
            self._take(silence, np.zeros(len(silence), dtype=np.float32))
        self._finished = True

    def at(self, time_s: float) -> Motion:
        """Return the mouth at a moment.

        Args:
            time_s: seconds of speech time, below `ready_until_s`; not more than a second before the last one asked for.

        Raises:
            OptionError: the speech of that moment has not arrived yet, or is forgotten.
        """
        position = time_s * MOTION_RATE
        last = self._first_frame + len(self._frames) - 1
        if position >= last and self._finished:
            return self._motion(MotionFrame(self.basis.rest, 0.0, 0.0))
        # A moment just before `ready_until_s` may be rounded up to it.
        first = min(int(np.floor(position)), last - 1)
        if first < self._first_frame or time_s >= self.ready_until_s:
            kept_s = self._first_frame / MOTION_RATE
            raise OptionError(f"expected a moment from {kept_s:.2f} to {self.ready_until_s:.2f} s, got {time_s:.3f} s")
        before, after = self._frames[first - self._first_frame], self._frames[first - self._first_frame + 1]
        share = np.float32(position - first)
        coefficients = before.coefficients + share * (after.coefficients - before.coefficients)
        activity = before.activity + float(share) * (after.activity - before.activity)
        closed = before.closed + float(share) * (after.closed - before.closed)
        self._forget(time_s)
        return self._motion(MotionFrame(coefficients, activity, closed))

    def _motion(self, frame: MotionFrame) -> Motion:
        displacement = (frame.coefficients @ self._components).reshape(-1, 3) + self.basis.mean
        opening = float(frame.coefficients @ self._opening_weights)
        return Motion(displacement.astype(np.float32), opening, frame.activity, frame.closed)

    def _forget(self, time_s: float) -> None:
        self._asked_s = max(self._asked_s, time_s)
        oldest = int((self._asked_s - KEPT_S) * MOTION_RATE)
        while self._first_frame < oldest and len(self._frames) > 2:
            self._frames.popleft()
            self._first_frame += 1

    def _take(self, log_mel: FloatArray, activity: FloatArray) -> None:
        """Take mel frames and shape every motion frame that they complete."""
        self._activity = np.concatenate([self._activity, activity])
        for coefficients, speaking, closure in self._inference.push(log_mel):
            voice = float(self._activity[: self._coming_mels].max())
            self._activity = self._activity[MELS_PER_FRAME:]
            prediction = MotionPrediction(coefficients, speaking, closure, voice)
            if self._phone_driven is not None:
                prediction = self._phone_driven.blend(prediction, self._predicted)
            self._predicted += 1
            frame = self._shaper.push(prediction)
            if frame is not None:
                self._frames.append(frame)


def look_ahead_s(geometry: NetworkGeometry) -> float:
    """Return the speech needed after a moment, at worst: where the moment is the first of its block, seconds."""
    return geometry.ahead / MEL_RATE + (geometry.block + 1 + _hold_frames(geometry)) / MOTION_RATE


def _hold_frames(geometry: NetworkGeometry) -> int:
    """Return the motion frames to hold back: none of a live network's, others' in full."""
    return 0 if geometry.ahead / MEL_RATE <= LIVE_LOOK_AHEAD_S else HOLD_FRAMES
