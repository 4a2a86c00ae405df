"""The precision that suits this machine, found by trying and remembered (docs/decisions/0009-precision-by-trial.md)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mouthpiece.checkpoints.cache import cache_dir, made, read_json
from mouthpiece.engines.base import Precision
from mouthpiece.engines.wav2lip.runtimes.on_openvino import full_name
from mouthpiece.engines.wav2lip.runtimes.quantising import RECIPE
from mouthpiece.engines.wav2lip.runtimes.trial import Trial, tried
from mouthpiece.errors import WeightsError
from mouthpiece.processor import core_count, this_processor
from mouthpiece.types import FloatArray

MAX_RMS = 10 ** (-43.8 / 20)
"""Most that pictures may differ from those of f32, root mean square: 43.8 dB, what the default encoding loses of a
sharp, moving picture (docs/decisions/0003-x264-settings.md). That is 1.6 steps of 8 bits."""
MAX_RELATIVE = 0.03
"""The same, over the standard deviation of f32's: 30 dB, for networks that draw pictures without contrast."""
MAX_DIFFERENCE = 16 / 255
"""Most that any one value may differ by."""
WORTH = 0.95
"""A precision has to take less than this part of f32's time to be worth any difference."""
LOCK_TIMEOUT_S = 180.0
REMEMBERED = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Difference:
    """How far pictures are from those of f32; 1 is from black to white."""

    rms: float
    greatest: float
    relative: float
    """`rms` over the standard deviation of f32's pictures."""

    @classmethod
    def between(cls, pictures: FloatArray, reference: FloatArray) -> Difference:
        """Compare pictures of the same inputs."""
        off = pictures.astype(np.float64) - reference
        rms = float(np.sqrt(np.mean(off**2)))
        spread = float(reference.std(dtype=np.float64))
        return cls(rms, float(np.abs(off).max()), rms / spread if spread > 0 else float(rms > 0))

    @property
    def is_small(self) -> bool:
        """Whether the pictures are as good."""
        return self.rms <= MAX_RMS and self.relative <= MAX_RELATIVE and self.greatest <= MAX_DIFFERENCE


@dataclass(frozen=True, slots=True)
class Tried:
    """What is remembered of one precision's trial."""

    ms_a_frame: float | None
    """At batches of eight; None where the process died or hung."""
    rms: float | None = None
    """Difference to f32, 0-1."""
    relative: float | None = None
    greatest: float | None = None
    as_good: bool = False
    """Whether that is little enough."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a trial found."""

    precision: Precision
    tried: Mapping[Precision, Tried]
    """f32 among them."""
    processor: str
    device: str
    checkpoint: str
    """The first digits of its sha256."""
    chosen_at: str
    """ISO 8601, UTC."""

    @property
    def is_measured(self) -> bool:
        """Whether f32 at least could be tried; if not, it is no choice."""
        base = self.tried.get(Precision.F32)
        return base is not None and base.ms_a_frame is not None

    @property
    def said(self) -> str:
        """Each precision's time in one line."""
        return ", ".join(f"{name} {_time_said(result)}" for name, result in self.tried.items())


def _time_said(result: Tried) -> str:
    if result.ms_a_frame is None:
        return "can't run"
    return f"{result.ms_a_frame:.1f} ms a frame{'' if result.as_good else ' (too far off)'}"


def choose(digest: str, device: str, candidates: Mapping[Precision, Callable[[], Path | None]]) -> Choice:
    """The fastest of some precisions whose pictures are as good as f32's; tried once, then remembered.

    Args:
        digest: sha256 of the checkpoint.
        device: by OpenVINO's own name.
        candidates: F32 among them; each gives the .xml to run, or None where it can't be made.

    Returns:
        The choice. If nothing could be tried, f32.
    """
    key = _key(digest, device, candidates)
    known = _read(key)
    if known is not None:
        return known
    with _one_at_a_time():
        known = _read(key)  # another process may have tried meanwhile
        if known is None:
            _log.info(
                "trying %s on %s, once for these weights on this machine; this takes half a minute",
                ", ".join(candidates),
                full_name(device),
            )
            known = _by_trial(digest, device, candidates)
            if known.is_measured:
                _remember(key, known)
            _log.info("chose %s: %s", known.precision, known.said)
    return known


def _by_trial(digest: str, device: str, candidates: Mapping[Precision, Callable[[], Path | None]]) -> Choice:
    results: dict[Precision, Tried] = {}
    with tempfile.TemporaryDirectory(prefix="mouthpiece-") as name:
        trials: dict[Precision, Trial | None] = {}
        for precision, model in candidates.items():
            path = model()
            trials[precision] = None if path is None else tried(path, precision, device, Path(name))
    base = trials.get(Precision.F32)
    for precision, trial in trials.items():
        results[precision] = judged(trial, base)
    return Choice(
        fastest(results),
        results,
        this_processor().name,
        device,
        digest[:12],
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def judged(trial: Trial | None, base: Trial | None) -> Tried:
    """What to remember of a trial; `base` is f32's."""
    if trial is None or base is None or trial.pictures.shape != base.pictures.shape:
        return Tried(trial.ms_a_frame if trial else None)
    off = Difference.between(trial.pictures, base.pictures)
    return Tried(trial.ms_a_frame, off.rms, off.relative, off.greatest, off.is_small)


def fastest(results: Mapping[Precision, Tried]) -> Precision:
    """The fastest precision that is as good as f32 and worth leaving it."""
    base = results.get(Precision.F32)
    if base is None or base.ms_a_frame is None:
        return Precision.F32
    limit = base.ms_a_frame * WORTH
    good = {p: r.ms_a_frame for p, r in results.items() if r.as_good and r.ms_a_frame and r.ms_a_frame < limit}
    return min(good, key=good.__getitem__, default=Precision.F32)


def _key(digest: str, device: str, candidates: Mapping[Precision, object]) -> str:
    """Everything that the choice depends on."""
    from openvino import get_version

    processor = this_processor()
    parts = [
        digest,
        processor.name,
        *sorted(processor.flags),
        core_count(),
        get_version(),
        device,
        full_name(device),
        *candidates,
        MAX_RMS,
        MAX_RELATIVE,
        MAX_DIFFERENCE,
        RECIPE,
    ]
    return hashlib.sha256(json.dumps(list(map(str, parts))).encode()).hexdigest()


def choices_file() -> Path:
    """Where choices are remembered."""
    return cache_dir() / "choices.json"


def remembered_choices() -> list[Choice]:
    """Every choice that was made on this machine and is still remembered, the oldest first."""
    found = (_parsed(entry) for entry in read_json(choices_file()).values())
    return [choice for choice in found if choice is not None]


def _read(key: str) -> Choice | None:
    return _parsed(read_json(choices_file()).get(key))


def _parsed(entry: Any) -> Choice | None:
    """A choice as it was written, or None for anything else: it is only a memory."""
    try:
        results = {Precision(name): Tried(**result) for name, result in entry["tried"].items()}
        texts = {name: str(entry[name]) for name in ("processor", "device", "checkpoint", "chosen_at")}
        return Choice(Precision(entry["precision"]), results, **texts)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _remember(key: str, choice: Choice) -> None:
    """Write it down; a cache that can't be written costs another trial, no more."""
    path = choices_file()
    with contextlib.suppress(WeightsError, OSError):
        known = read_json(made(path.parent) / path.name)
        known.pop(key, None)
        kept = dict(list(known.items())[1 - REMEMBERED :])
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            beside.write_text(json.dumps({**kept, key: asdict(choice)}, indent=1), "utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Processes that try at the same time would measure each other; one that hangs doesn't hold the others for ever."""
    import filelock

    try:
        lock = filelock.FileLock(made(cache_dir() / "locks") / "choosing.lock", timeout=LOCK_TIMEOUT_S)
        lock.acquire()
    except (filelock.Timeout, OSError, WeightsError):
        yield
        return
    try:
        yield
    finally:
        lock.release()
