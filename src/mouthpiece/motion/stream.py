"""From speech to the motion of a mouth: the shipped network, the space that it speaks in, and the stream around them.

The motion space. A face mesh without its pose (canonical units: the outer eye distance is 1; x right, y down, z away
from the viewer) is a person's own closed, resting mouth plus a displacement of the lower face's points, MOTION_POINTS.
Displacements are symmetrical and are said in K numbers, the coefficients of a principal component analysis around rest
(not around the mean, so that all zeros is exactly the resting mouth), scaled to a mean square of 1 over the training
speech. Weights, basis and the network's geometry lie beside this file in `weights/`; motion.md says whence they come.

The stream. The network runs on blocks of fixed length at fixed places in time, each with as much sound around it as the
network can see, and its answers are played frame by frame (playing.py); so the motion does not depend on the pieces in
which the speech arrives. A live network looks little ahead and is played at once; answers of the offline one are held
back a little, to see speech coming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import OptionError, WeightsError
from mouthpiece.inference import Network
from mouthpiece.motion.shaping import HOLD_FRAMES, MotionFrame, MotionPrediction, MotionShaper, OpeningRange
from mouthpiece.types import MEL_BANDS, MEL_RATE, FloatArray, Phone, SpeechChunk

if TYPE_CHECKING:
    from mouthpiece.motion.phone_driven import PhoneDrivenMotion

MOTION_RATE = 50
"""Motion frames a second."""
MELS_PER_FRAME = MEL_RATE // MOTION_RATE
SILENT_LOG_MEL = float(np.log(np.float32(1e-7)))
"""What the speech room's log-mel says of digital silence; stands for the time before and after the speech."""
KEPT_S = 1.0
"""How much motion is remembered behind the last moment asked for."""

_ANTICIPATION_MELS = 14
"""Speech in the next 140 ms counts as speech now, as far as it was heard: mouths open before they sound."""
LIVE_LOOK_AHEAD_S = 0.08
"""A network that looks no further ahead than this is played live: at once."""
_TAIL_S = 0.5
"""How long after the speech's end the mouth may still be on its way back to rest."""

WEIGHTS = Path(__file__).with_name("weights") / "motion.onnx"
"""The shipped network; its basis is beside it."""
LIVE_WEIGHTS = WEIGHTS.with_name("motion_live.onnx")
"""The shipped network for live speech; its basis is beside it."""

UPPER_LIP, LOWER_LIP = 13, 14
LEFT_CORNER, RIGHT_CORNER = 61, 291
CHIN = 152

_MIDDLE = [0, 11, 12, 13, 14, 15, 16, 17, 18, 152, 164, 175, 199, 200]
# The mesh numbers the two halves in the same order, so the n-th of one mirrors the n-th of the other.
_LEFT = [
    *[32, 37, 38, 39, 40, 41, 42, 43, 57, 58, 61, 62, 72, 73, 74, 76, 77, 78, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89],
    *[90, 91, 92, 95, 96, 106, 132, 135, 136, 138, 140, 146, 147, 148, 149, 150, 165, 167, 169, 170, 171, 172, 176],
    *[177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 191, 192, 194, 201, 202, 203, 204, 205, 206, 207, 208],
    *[210, 211, 212, 213, 214, 215, 216],
]
_RIGHT = [
    *[262, 267, 268, 269, 270, 271, 272, 273, 287, 288, 291, 292, 302, 303, 304, 306, 307, 308, 310, 311, 312, 313],
    *[314, 315, 316, 317, 318, 319, 320, 321, 322, 324, 325, 335, 361, 364, 365, 367, 369, 375, 376, 377, 378, 379],
    *[391, 393, 394, 395, 396, 397, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 415, 416, 418, 421],
    *[422, 423, 424, 425, 426, 427, 428, 430, 431, 432, 433, 434, 435, 436],
]
MOTION_POINTS: NDArray[np.intp] = np.array(sorted(_MIDDLE + _LEFT + _RIGHT), dtype=np.intp)
"""(P,) mesh points that speech moves, ascending: lips, chin, jaw line, cheeks; all below the nose, none of it."""


def motion_row(point: int) -> int:
    """Where a mesh point stands in MOTION_POINTS.

    Raises:
        OptionError: it is not among them.
    """
    row = int(np.searchsorted(MOTION_POINTS, point))
    if row >= len(MOTION_POINTS) or MOTION_POINTS[row] != point:
        raise OptionError(f"expected one of the {len(MOTION_POINTS)} moving mesh points, got {point}")
    return row


@lru_cache(maxsize=1)
def mirror_rows() -> NDArray[np.intp]:
    """(P,): for each of MOTION_POINTS the row of the point on the other side."""
    partner = dict(zip(_LEFT, _RIGHT, strict=True)) | dict(zip(_RIGHT, _LEFT, strict=True))
    return np.array([motion_row(partner.get(int(point), int(point))) for point in MOTION_POINTS], dtype=np.intp)


@dataclass(frozen=True, slots=True)
class MotionBasis:
    """The motion space: coefficients <-> displacement of MOTION_POINTS from the closed, resting mouth."""

    mean: FloatArray
    """(P, 3) displacement that all-zero coefficients stand for: zeros."""
    components: FloatArray
    """(K, P, 3) displacement of each coefficient's unit, largest first."""
    rest: FloatArray
    """(K,) coefficients of the resting mouth: zeros."""
    limit: FloatArray
    """(K,) magnitudes that coefficients keep within: somewhat beyond what the training speech reached."""
    points: NDArray[np.intp] = field(default_factory=lambda: MOTION_POINTS)
    """(P,) the mesh points that move: MOTION_POINTS."""

    @classmethod
    def load(cls, path: Path | None = None) -> MotionBasis:
        """Read a basis; the shipped one if no path is given.

        Raises:
            WeightsError: it is missing, damaged or made for other mesh points.
        """
        return load_basis(path)[0]

    @property
    def size(self) -> int:
        """K."""
        return len(self.rest)

    def displacement(self, coefficients: FloatArray) -> FloatArray:
        """(K,) -> (P, 3) float32, canonical units; exactly zero at `rest`."""
        return (self.mean + np.tensordot(coefficients, self.components, axes=1)).astype(np.float32)

    def clamp(self, coefficients: FloatArray) -> FloatArray:
        """Coefficients (..., K) within their limits."""
        return np.clip(coefficients, -self.limit, self.limit).astype(np.float32)

    def row(self, point: int) -> int:
        """Where a mesh point stands in `points`.

        Raises:
            OptionError: it is not among them.
        """
        return motion_row(point)

    @property
    def opening_weights(self) -> FloatArray:
        """(K,): opening = coefficients @ opening_weights; inner lips' distance over the outer eye distance."""
        return self._difference(LOWER_LIP, UPPER_LIP, 1)

    @property
    def width_weights(self) -> FloatArray:
        """(K,): how much farther apart than at rest the mouth's corners are."""
        return self._difference(RIGHT_CORNER, LEFT_CORNER, 0)

    @property
    def jaw_weights(self) -> FloatArray:
        """(K,): how much lower than at rest the chin is."""
        return self.components[:, motion_row(CHIN), 1].copy()

    def opening(self, coefficients: FloatArray) -> FloatArray:
        """(..., K) -> (...) opening; 0 is closed, below it pressed."""
        return np.asarray(coefficients @ self.opening_weights, dtype=np.float32)

    @property
    def opening_direction(self) -> FloatArray:
        """(K,): the change of coefficients that goes with one unit of opening in speech.

        Coefficients are uncorrelated there, so the regression on the opening is along its own weights.
        """
        weights = self.opening_weights
        return (weights / (weights @ weights)).astype(np.float32)

    @property
    def opening_mode(self) -> FloatArray:
        """(P, 3): the displacement that goes with one unit of opening in speech."""
        return self.displacement(self.opening_direction)

    def _difference(self, to: int, start: int, axis: int) -> FloatArray:
        return (self.components[:, motion_row(to), axis] - self.components[:, motion_row(start), axis]).astype(
            np.float32
        )


@dataclass(frozen=True, slots=True)
class NetworkGeometry:
    """What a motion network sees of the speech, in mel frames and motion frames."""

    past: int
    """Mel frames before a motion frame's own that one run looks at; negative where all of them come later."""
    ahead: int
    """Mel frames after it."""
    block: int
    """Motion frames that come out of one run."""
    memory: tuple[int, int] = (0, 0)
    """Shape of what a network remembers from one run to the next; (0, 0) if it is given the whole past each time."""
    runs: tuple[int, ...] = (1,)
    """Blocks that a run may make, from 1 up; several where the file leaves open how long a run is."""

    @property
    def input_mels(self) -> int:
        """Mel frames that go into a run for one block."""
        return self.mels_for(self.block)

    def mels_for(self, frames: int) -> int:
        """Mel frames that go into a run for so many motion frames."""
        return self.past + (frames - 1) * MELS_PER_FRAME + 1 + self.ahead

    @property
    def lead_in(self) -> int:
        """Motion frames before the first that a remembering network runs, in whole blocks: their runs hear the first
        mel frames of the speech, which all later ones remember."""
        unheard = max(2 - self.past // MELS_PER_FRAME, 0) if any(self.memory) else 0
        return -(-unheard // self.block) * self.block


def basis_path(network: Path) -> Path:
    """Where the basis of a network lies: beside it."""
    return network.with_name(f"{network.stem}_basis.npz")


def shipped_weights(*, live: bool = False) -> Path:
    """The network for files or for live speech; the one for files where no live one is there."""
    return LIVE_WEIGHTS if live and LIVE_WEIGHTS.is_file() else WEIGHTS


def save_basis(
    basis: MotionBasis, geometry: NetworkGeometry, path: Path, opening_range: OpeningRange | None = None
) -> None:
    """Write a basis, the geometry of its network, and how far that opens the mouth."""
    opening_range = opening_range or OpeningRange()
    np.savez_compressed(
        path,
        points=MOTION_POINTS.astype(np.int32),
        mean=basis.mean,
        components=basis.components,
        rest=basis.rest,
        limit=basis.limit,
        geometry=np.array([geometry.past, geometry.ahead, geometry.block, *geometry.memory], dtype=np.int32),
        runs=np.array(geometry.runs, dtype=np.int32),
        habit=np.array([opening_range.low, opening_range.high], dtype=np.float32),
    )


def load_basis(path: Path | None = None) -> tuple[MotionBasis, NetworkGeometry]:
    """Read a basis and its network's geometry.

    Args:
        path: the .npz file; the shipped one if not given.

    Raises:
        WeightsError: it is missing, damaged or made for other mesh points.
    """
    path = path or basis_path(WEIGHTS)
    if not path.is_file():
        raise WeightsError(f"expected the motion basis at {path}, found no file there; reinstall mouthpiece")
    try:
        with np.load(path, allow_pickle=False) as file:
            points = file["points"]
            basis = MotionBasis(*(file[name].astype(np.float32) for name in ("mean", "components", "rest", "limit")))
            past, ahead, block, *memory = (int(value) for value in file["geometry"])
            runs = tuple(int(value) for value in file["runs"]) if "runs" in file else (1,)
            geometry = NetworkGeometry(past, ahead, block, (memory[0], memory[1]) if memory else (0, 0), runs)
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise WeightsError(f"{path.name} is not a motion basis ({error}); reinstall mouthpiece") from error
    if not np.array_equal(points, MOTION_POINTS) or basis.components.shape[1:] != (len(MOTION_POINTS), 3):
        raise WeightsError(f"{path.name} was made for other mesh points; train again or reinstall mouthpiece")
    return basis, geometry


def load_opening_range(path: Path) -> OpeningRange:
    """How far a basis's network opens the mouth in speech; the usual where the file doesn't say.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return OpeningRange(*(float(value) for value in file["habit"])) if "habit" in file else OpeningRange()
    except (OSError, ValueError, TypeError, OptionError) as error:
        raise WeightsError(f"{path.name} is not a motion basis ({error}); reinstall mouthpiece") from error


@dataclass(frozen=True, slots=True)
class Motion:
    """The mouth at one moment."""

    displacement: FloatArray
    """(P, 3) float32: where MOTION_POINTS go from the closed, resting mouth, canonical units."""
    opening: float
    """Distance of the inner lips over the outer eye distance, 0 when closed."""
    activity: float
    """0-1: how surely somebody speaks; 0 is a mouth at rest."""
    closed: float = 0.0
    """0-1: how far the lips are held together, as in m, b and p."""


class _Listener:
    """A motion network and what of the speech it still needs: log-mel in, its answers frame by frame out."""

    def __init__(self, weights: Path, device: str, geometry: NetworkGeometry) -> None:
        self._geometry = geometry
        self._networks = _networks(weights, device, geometry)
        self._of_silence = self._memory_of_silence()
        self.reset()

    def reset(self) -> None:
        """Forget the speech: silence was before it."""
        lead_in = self._geometry.lead_in
        self._memory = self._of_silence
        self._mel = _silence(self._geometry.past + lead_in * MELS_PER_FRAME)
        self._before_first = lead_in
        """Frames still to come that lie before the speech."""

    @property
    def missing(self) -> int:
        """Mel frames that the next run still needs."""
        return max(self._geometry.input_mels - len(self._mel), 0)

    def push(self, log_mel: FloatArray) -> Iterator[tuple[FloatArray, float, float]]:
        """Take mel frames, (m, MEL_BANDS); coefficients (K,), activity and closure of each frame that they complete."""
        self._mel = np.concatenate([self._mel, log_mel])
        while not self.missing:
            frames = next(frames for frames in self._networks if self._geometry.mels_for(frames) <= len(self._mel))
            coefficients, activity, closure = self._run(self._mel[: self._geometry.mels_for(frames)], frames)
            self._mel = self._mel[frames * MELS_PER_FRAME :]
            early = min(self._before_first, frames)
            self._before_first -= early
            for frame in range(early, frames):
                yield coefficients[0, frame], float(activity[0, frame]), float(closure[0, frame])

    def _run(self, log_mel: FloatArray, frames: int) -> list[FloatArray]:
        seen = np.ascontiguousarray(log_mel[None])
        if not any(self._geometry.memory):
            return self._networks[frames](seen)
        *answer, self._memory = self._networks[frames](seen, self._memory)
        return answer

    def _memory_of_silence(self) -> FloatArray:
        """What a network remembers after silence: after as many frames as it remembers nothing else is left."""
        self._memory = np.zeros((1, *self._geometry.memory), dtype=np.float32)
        frames = max(self._networks)
        for _ in range(-(-self._geometry.memory[0] // frames)):
            self._run(_silence(self._geometry.mels_for(frames)), frames)
        return self._memory


def _networks(weights: Path, device: str, geometry: NetworkGeometry) -> dict[int, Network]:
    """The network for each number of motion frames that a run may make, the longest run first.

    One that remembers makes short runs: its own thread is the quickest for them, and each length is compiled for
    itself (an open one costs twice as much). A run of four frames costs about what one of one frame does, which is
    reading the weights.
    """
    if not any(geometry.memory):
        return {geometry.block: Network(weights, device)}
    if geometry.runs == (1,):
        return {geometry.block: Network(weights, device, in_caller=True)}
    lengths = [geometry.block * blocks for blocks in sorted(geometry.runs, reverse=True)]
    return {
        frames: Network(weights, device, shapes={"log_mel": (1, geometry.mels_for(frames), MEL_BANDS)}, in_caller=True)
        for frames in lengths
    }


def _silence(mels: int) -> FloatArray:
    """(mels, MEL_BANDS) of digital silence."""
    return np.full((max(mels, 0), MEL_BANDS), SILENT_LOG_MEL, dtype=np.float32)


class MotionStream:
    """Speech in, a chunk at a time; the mouth's motion out, for any moment heard."""

    def __init__(
        self,
        basis: MotionBasis | None = None,
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
            basis: the network's basis; read from beside it if not given.
            intensity: how far the mouth moves; 1 is lively speech, 0 keeps it at rest. At most 4.
            weights: another network (with its basis beside it).
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
        beside, self._geometry = load_basis(basis_path(weights))
        self.basis = basis or beside
        self._play = partial(
            MotionShaper,
            self.basis,
            intensity=intensity,
            hold=_hold(self._geometry),
            opening_range=load_opening_range(basis_path(weights)),
            closure=closure,
            gate=gate,
        )
        self._player = self._play()
        self._listener = _Listener(weights, device, self._geometry)
        self._taught = _taught(phones, self.basis, phones_blend)
        self._coming_mels = min(_ANTICIPATION_MELS, self._geometry.ahead) + 1
        self._opening_weights = self.basis.opening_weights
        self._components = self.basis.components.reshape(self.basis.size, -1)
        self.reset()

    def reset(self) -> None:
        """Forget the speech."""
        self._listener.reset()
        self._activity = np.zeros(0, dtype=np.float32)
        """Activity of the mel frames from that of the next motion frame on."""
        self._heard_mels = 0
        self._answered = 0
        """Motion frames that the network has answered."""
        self._steps: deque[MotionFrame] = deque()
        self._first_step = 0
        """Motion frame that _steps[0] is."""
        self._player = self._play()
        self._finished = False
        self._asked_s = 0.0

    @property
    def look_ahead_s(self) -> float:
        """How much speech after a moment must have been heard before `at` can tell it, at worst, seconds.

        Counted in mel frames; what the speech room itself waits for comes on top.
        """
        return _look_ahead_s(self._geometry)

    @property
    def ready_until_s(self) -> float:
        """Moments before this one can be told now, seconds; infinite once the speech is over."""
        if self._finished:
            return float("inf")
        return max(self._first_step + len(self._steps) - 1, 0) / MOTION_RATE

    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech.

        Raises:
            OptionError: it does not follow the one before, or the speech was over.
        """
        if self._finished:
            raise OptionError("the speech was finished; call reset() before the next one")
        if chunk.first_mel != self._heard_mels:
            raise OptionError(f"expected the chunk from mel frame {self._heard_mels} on, got {chunk.first_mel}")
        self._heard_mels += len(chunk.log_mel)
        self._take(chunk.log_mel, chunk.activity)

    def finish(self) -> None:
        """The speech is over; silence follows."""
        if self._finished:
            return
        wanted = self._heard_mels // MELS_PER_FRAME + int(_TAIL_S * MOTION_RATE)
        while self._first_step + len(self._steps) < wanted:
            silence = _silence(self._listener.missing)
            self._take(silence, np.zeros(len(silence), dtype=np.float32))
        self._finished = True

    def at(self, time_s: float) -> Motion:
        """The mouth at a moment.

        Args:
            time_s: seconds of speech time, below `ready_until_s`; not more than a second before the last one asked for.

        Raises:
            OptionError: that moment was not heard yet, or is forgotten.
        """
        position = time_s * MOTION_RATE
        last = self._first_step + len(self._steps) - 1
        if position >= last and self._finished:
            return self._motion(MotionFrame(self.basis.rest, 0.0, 0.0))
        # A moment just before `ready_until_s` may be rounded up to it.
        first = min(int(np.floor(position)), last - 1)
        if first < self._first_step or time_s >= self.ready_until_s:
            kept_s = self._first_step / MOTION_RATE
            raise OptionError(f"expected a moment from {kept_s:.2f} to {self.ready_until_s:.2f} s, got {time_s:.3f} s")
        here, there = self._steps[first - self._first_step], self._steps[first - self._first_step + 1]
        share = np.float32(position - first)
        coefficients = here.coefficients + share * (there.coefficients - here.coefficients)
        activity = here.activity + float(share) * (there.activity - here.activity)
        closed = here.closed + float(share) * (there.closed - here.closed)
        self._forget(time_s)
        return self._motion(MotionFrame(coefficients, activity, closed))

    def _motion(self, played: MotionFrame) -> Motion:
        displacement = (played.coefficients @ self._components).reshape(-1, 3) + self.basis.mean
        opening = float(played.coefficients @ self._opening_weights)
        return Motion(displacement.astype(np.float32), opening, played.activity, played.closed)

    def _forget(self, time_s: float) -> None:
        self._asked_s = max(self._asked_s, time_s)
        oldest = int((self._asked_s - KEPT_S) * MOTION_RATE)
        while self._first_step < oldest and len(self._steps) > 2:
            self._steps.popleft()
            self._first_step += 1

    def _take(self, log_mel: FloatArray, activity: FloatArray) -> None:
        """Hear mel frames and play every motion frame that they complete."""
        self._activity = np.concatenate([self._activity, activity])
        for coefficients, speaking, closure in self._listener.push(log_mel):
            voice = float(self._activity[: self._coming_mels].max())
            self._activity = self._activity[MELS_PER_FRAME:]
            answer = MotionPrediction(coefficients, speaking, closure, voice)
            if self._taught is not None:
                answer = self._taught.mixed(answer, self._answered)
            self._answered += 1
            played = self._player.push(answer)
            if played is not None:
                self._steps.append(played)


def _taught(phones: Sequence[Phone], basis: MotionBasis, blend: float) -> PhoneDrivenMotion | None:
    """The phone teacher's answers, where phones are known."""
    if not phones:
        return None
    from mouthpiece.motion.phone_driven import PhoneDrivenMotion

    return PhoneDrivenMotion(phones, basis, blend, MOTION_RATE)


def look_ahead(*, live: bool = False) -> tuple[float, str]:
    """Return how much speech after a moment the shipped network needs; loads no network and never raises.

    Returns:
        Seconds, and what is wrong with the weights; empty where nothing is.
    """
    weights = shipped_weights(live=live)
    if weights.is_file():
        try:
            return _look_ahead_s(load_basis(basis_path(weights))[1]), ""
        except WeightsError:
            pass
    return 0.0, f"{weights.name} is missing or damaged; reinstall mouthpiece"


def _hold(geometry: NetworkGeometry) -> int:
    """Motion frames to hold back: none of a live network's, others' in full."""
    return 0 if geometry.ahead / MEL_RATE <= LIVE_LOOK_AHEAD_S else HOLD_FRAMES


def _look_ahead_s(geometry: NetworkGeometry) -> float:
    """Mel time that must be known after a moment, at worst: it is the first of its block."""
    return geometry.ahead / MEL_RATE + (geometry.block + 1 + _hold(geometry)) / MOTION_RATE
