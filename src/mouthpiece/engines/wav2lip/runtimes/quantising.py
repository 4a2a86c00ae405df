"""int8 models of the generator, by NNCF's post-training quantisation (extra `int8`).

It runs as a program of its own, `python -m ...quantising MODEL.xml OUT.xml`: NNCF brings hundreds of MB that a sync
has no use for.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mouthpiece.engines.wav2lip.runtimes.calibration import crops
from mouthpiece.errors import MissingExtraError

if TYPE_CHECKING:
    from mouthpiece.types import FloatArray

CALIBRATION_CROPS = 32
RECIPE = 1
"""Counts up whenever other models would come out of the same versions: those kept are then made again."""

Model = TypeVar("Model")


def nncf_version() -> str | None:
    """NNCF's version, or None where it isn't installed."""
    if find_spec("nncf") is None:
        return None
    try:
        return version("nncf")
    except PackageNotFoundError:
        return None


def quantised(model: Model) -> Model:
    """The model (OpenVINO's or ONNX's) with its convolutions in int8.

    Raises:
        MissingExtraError: NNCF isn't installed.
    """
    if nncf_version() is None:
        raise MissingExtraError("making an int8 model", "int8")
    import nncf

    nncf.set_log_level(logging.ERROR)
    mels, faces = crops(CALIBRATION_CROPS)
    pairs = [(mels[i : i + 1], faces[i : i + 1]) for i in range(CALIBRATION_CROPS)]
    # The ranges met, and not their means, which is NNCF's own choice: that clips whoever is brighter than most.
    ranges = nncf.AdvancedQuantizationParameters(
        activations_range_estimator_params=nncf.quantization.range_estimator.RangeEstimatorParametersSet.MINMAX
    )
    made: Model = nncf.quantize(
        model,
        nncf.Dataset(pairs, _named),
        subset_size=CALIBRATION_CROPS,
        advanced_parameters=ranges,
        # Sums of the residual layers stay in f32: a fifth less error for next to no time.
        ignored_scope=nncf.IgnoredScope(types=["Add"], validate=False),
    )
    return made


def _named(pair: tuple[FloatArray, FloatArray]) -> dict[str, FloatArray]:
    return {"mel": np.ascontiguousarray(pair[0]), "face": np.ascontiguousarray(pair[1])}


def main() -> None:
    """Quantise one file, .xml or .onnx, into another of its kind."""
    source, target = map(Path, sys.argv[1:])
    if source.suffix == ".onnx":
        import onnx

        onnx.save(quantised(onnx.load(source)), target)
        return
    import openvino

    from mouthpiece.inference import core

    openvino.save_model(quantised(core().read_model(source)), target, compress_to_fp16=False)


if __name__ == "__main__":
    main()
