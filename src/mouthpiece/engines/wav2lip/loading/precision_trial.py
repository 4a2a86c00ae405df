"""One precision tried out, in a process of its own that may die of it or hang.

    python -m mouthpiece.engines.wav2lip.loading.precision_trial MODEL.xml PRECISION DEVICE PICTURES.npy WORTH_MS

draws crops that int8 wasn't calibrated with, keeps the pictures in PICTURES.npy and prints the time a frame takes, as
JSON. Where a frame takes far more than WORTH_MS, it isn't measured for long. `run_trial` starts it.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np

from mouthpiece.engines.wav2lip.module_process import run_module
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.engines.wav2lip.runtimes.on_openvino import OpenVinoGenerator
from mouthpiece.engines.wav2lip.sample_crops import CALIBRATION_CROPS, crops
from mouthpiece.types import FloatArray, as_float

BATCH = 8
PICTURES = 16
"""Pictures drawn to compare precisions: two batches."""
MEASURED_S = 0.8
"""How long batches are timed."""
FEWEST_BATCHES, MOST_BATCHES = 3, 20
HOPELESS = 1.5
"""Times as slow as would be worth it: not to be measured further."""
TIMEOUT_S = 60.0
_PROGRAM = "mouthpiece.engines.wav2lip.loading.precision_trial"


@dataclass(frozen=True, slots=True)
class PrecisionTrial:
    """Time and pictures of a precision on this machine."""

    ms_a_frame: float
    """Wall-clock, of the quickest batch: others only add what else the machine did."""
    pictures: FloatArray
    """(PICTURES, 3, 96, 96)."""


def measure(model: Path, precision: Precision, device: str, worth_ms: float = inf) -> PrecisionTrial:
    """Draw and measure in this process; arguments as of `run_trial`."""
    generator = OpenVinoGenerator(model, precision, device)
    mel, face = crops(PICTURES, after=CALIBRATION_CROPS)
    batches = [(mel[i : i + BATCH], face[i : i + BATCH]) for i in range(0, PICTURES, BATCH)]
    pictures: list[FloatArray] = []
    taken_s: list[float] = []

    def ms_a_frame() -> float:
        return 1000 * min(taken_s[1:] or taken_s) / BATCH  # the first batch of all finds nothing prepared

    while len(pictures) < len(batches) or _goes_on(taken_s, ms_a_frame() > HOPELESS * worth_ms):
        batch = batches[len(taken_s) % len(batches)]
        started = time.perf_counter()
        drawn = generator(*batch)
        taken_s.append(time.perf_counter() - started)
        if len(pictures) < len(batches):
            pictures.append(drawn)
    return PrecisionTrial(ms_a_frame(), np.concatenate(pictures))


def _goes_on(taken_s: list[float], hopeless: bool) -> bool:
    """Decide whether another batch is to be timed after these."""
    if len(taken_s) < FEWEST_BATCHES:
        return not hopeless
    return not hopeless and sum(taken_s) < MEASURED_S and len(taken_s) < MOST_BATCHES


def run_trial(
    model: Path, precision: Precision, device: str, folder: Path, worth_ms: float = inf
) -> PrecisionTrial | None:
    """Try a precision in a new process.

    Args:
        model: an .xml file, quantised for INT8.
        precision: what to try.
        device: by OpenVINO's own name.
        folder: for what comes out.
        worth_ms: a frame has to take less for the precision to be chosen.

    Returns:
        None where the process died, hung or drew nothing that can be used.
    """
    pictures = folder / f"{precision}.npy"
    arguments = (str(model), precision.value, device, str(pictures), str(worth_ms))
    printed = run_module(_PROGRAM, *arguments, timeout_s=TIMEOUT_S)
    try:
        found = PrecisionTrial(float(json.loads(printed or "")["ms_a_frame"]), as_float(np.load(pictures)))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if np.isfinite(found.pictures).all() else None


def main() -> None:
    """Try one precision, keep the pictures and print the time."""
    model, precision, device, pictures, worth_ms = sys.argv[1:]
    found = measure(Path(model), Precision(precision), device, float(worth_ms))
    np.save(pictures, found.pictures)
    sys.stdout.write(json.dumps({"ms_a_frame": found.ms_a_frame}) + "\n")


if __name__ == "__main__":
    main()
