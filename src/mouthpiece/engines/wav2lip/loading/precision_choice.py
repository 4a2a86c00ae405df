"""The fastest precision on this machine, found by trial and remembered (docs/decisions/0009-precision-by-trial.md)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

from mouthpiece.checkpoints.cache import cache_dir, ensure_folder, read_json, remember
from mouthpiece.cpu import core_count, this_processor
from mouthpiece.engines.wav2lip.difference import MAX_DIFFERENCE, MAX_RELATIVE, MAX_RMS, Difference
from mouthpiece.engines.wav2lip.int8 import RECIPE
from mouthpiece.engines.wav2lip.loading.precision_trial import PrecisionTrial, run_trial
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.engines.wav2lip.runtimes.on_openvino import device_full_name
from mouthpiece.errors import WeightsError

WORTH = 0.95
"""Part of f32's time that a precision has to stay below to be worth any difference."""
ENOUGH = 0.4
"""One that is as good and takes less than this part of f32's time is taken at once: the others have hardly more to
give, and each trial costs seconds."""
LOCK_TIMEOUT_S = 180.0
REMEMBERED = 50

_ORDER = [Precision.F32, Precision.INT8, Precision.BF16, Precision.F16]
"""f32 first, which the others are compared with; then the most promising ones."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The outcome of one precision's trial."""

    ms_a_frame: float | None
    """At batches of eight; None where the process died or hung."""
    rms: float | None = None
    """Difference to f32, 0-1."""
    relative: float | None = None
    greatest: float | None = None
    as_good: bool = False
    """Whether the difference is small enough."""


@dataclass(frozen=True, slots=True)
class ChosenPrecision:
    """The outcome of the trials of all precisions."""

    precision: Precision
    tried: Mapping[Precision, TrialResult]
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
    def summary(self) -> str:
        """Each precision's time in one line."""
        return ", ".join(f"{name} {_describe(result)}" for name, result in self.tried.items())


def _describe(result: TrialResult) -> str:
    if result.ms_a_frame is None:
        return "can't run"
    return f"{result.ms_a_frame:.1f} ms a frame{'' if result.as_good else ' (too far off)'}"


def choose_precision(
    digest: str, device: str, candidates: Mapping[Precision, Callable[[], Path | None]]
) -> ChosenPrecision:
    """Choose the fastest of some precisions whose pictures are as good as f32's; tried once, then remembered.

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
                "trying %s on %s, once for these weights on this machine; this takes up to half a minute",
                ", ".join(candidates),
                device_full_name(device),
            )
            known = _by_trial(digest, device, candidates)
            if known.is_measured:
                remember(choices_file(), key, asdict(known), REMEMBERED)
            _log.info("chose %s: %s", known.precision, known.summary)
    return known


def _by_trial(digest: str, device: str, candidates: Mapping[Precision, Callable[[], Path | None]]) -> ChosenPrecision:
    results: dict[Precision, TrialResult] = {}
    base: PrecisionTrial | None = None
    with tempfile.TemporaryDirectory(prefix="mouthpiece-") as name:
        for precision in sorted(candidates, key=_ORDER.index):
            path = candidates[precision]()
            worth_ms = WORTH * base.ms_a_frame if base else inf
            trial = None if path is None else run_trial(path, precision, device, Path(name), worth_ms)
            base = trial if precision is Precision.F32 else base
            results[precision] = judge(trial, base)
            if _is_enough(results[precision], base):
                break
    return ChosenPrecision(
        fastest(results),
        results,
        this_processor().name,
        device,
        digest[:12],
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _is_enough(result: TrialResult, base: PrecisionTrial | None) -> bool:
    """Decide whether a precision is so good that the others needn't be tried."""
    return base is not None and result.as_good and (result.ms_a_frame or inf) < ENOUGH * base.ms_a_frame


def judge(trial: PrecisionTrial | None, base: PrecisionTrial | None) -> TrialResult:
    """Compare a trial with `base`, f32's."""
    if trial is None or base is None or trial.pictures.shape != base.pictures.shape:
        return TrialResult(trial.ms_a_frame if trial else None)
    off = Difference.between(trial.pictures, base.pictures)
    return TrialResult(trial.ms_a_frame, off.rms, off.relative, off.greatest, off.is_small)


def fastest(results: Mapping[Precision, TrialResult]) -> Precision:
    """Return the fastest precision that is as good as f32 and faster by enough."""
    base = results.get(Precision.F32)
    if base is None or base.ms_a_frame is None:
        return Precision.F32
    limit = base.ms_a_frame * WORTH
    good = {p: r.ms_a_frame for p, r in results.items() if r.as_good and r.ms_a_frame and r.ms_a_frame < limit}
    return min(good, key=good.__getitem__, default=Precision.F32)


def _key(digest: str, device: str, candidates: Mapping[Precision, object]) -> str:
    """Return a digest of everything that the choice depends on."""
    from openvino import get_version

    processor = this_processor()
    parts = [
        digest,
        processor.name,
        *sorted(processor.flags),
        core_count(),
        get_version(),
        device,
        device_full_name(device),
        *candidates,
        MAX_RMS,
        MAX_RELATIVE,
        MAX_DIFFERENCE,
        RECIPE,
    ]
    return hashlib.sha256(json.dumps(list(map(str, parts))).encode()).hexdigest()


def choices_file() -> Path:
    """Return the file of remembered choices."""
    return cache_dir() / "choices.json"


def remembered_choices() -> list[ChosenPrecision]:
    """Read the choices that are remembered on this machine, the oldest first."""
    found = (_parsed(entry) for entry in read_json(choices_file()).values())
    return [choice for choice in found if choice is not None]


def _read(key: str) -> ChosenPrecision | None:
    return _parsed(read_json(choices_file()).get(key))


def _parsed(entry: Any) -> ChosenPrecision | None:
    """Parse a choice as it was written; None for anything else."""
    try:
        results = {Precision(name): TrialResult(**result) for name, result in entry["tried"].items()}
        texts = {name: str(entry[name]) for name in ("processor", "device", "checkpoint", "chosen_at")}
        return ChosenPrecision(Precision(entry["precision"]), results, **texts)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock, LOCK_TIMEOUT_S at most waited for: trials at the same time would slow each other."""
    import filelock

    with contextlib.ExitStack() as held:
        with contextlib.suppress(filelock.Timeout, OSError, WeightsError):
            path = ensure_folder(cache_dir() / "locks") / "choosing.lock"
            held.enter_context(filelock.FileLock(path, timeout=LOCK_TIMEOUT_S))
        yield
