"""int8 models of the generator (docs/decisions/0009-precision-by-trial.md).

Of a checkpoint they are made here (`rounding`), with as many layers in 8 bits as leave its pictures as good as those of
f32; of models that were exported, whose layers nobody knows by name, by NNCF (extra `int8`).

It runs as a program of its own, `python -m ...quantising SOURCE OUT`: what it needs of memory a sync has no use for.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.engines.wav2lip.runtimes.difference import Difference
from mouthpiece.engines.wav2lip.runtimes.sample_crops import crops
from mouthpiece.errors import MissingExtraError
from mouthpiece.networks.layers import GENERATOR

if TYPE_CHECKING:
    import openvino

    from mouthpiece.networks.openvino_form import State
    from mouthpiece.types import FloatArray

CALIBRATION_CROPS = 48
JUDGED = 16
"""Crops after those, which nothing was calibrated with, that pictures are compared on."""
_END = ("output_block.0",)
_FACE = tuple(layer.name for layer in GENERATOR.layers if layer.name.startswith("face_encoder_blocks."))
_LAST_UP = ("face_decoder_blocks.6.0",)
WHOLE: tuple[tuple[str, ...], ...] = ((), _END, _END + _LAST_UP, _END + _LAST_UP + _FACE)
"""Layers that stay in f32, besides the small ones, in the order tried: each is slower and truer than the one before."""
RECIPE = 2
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


def rounded(state: State) -> openvino.Model:
    """The generator with most of its layers in 8 bits: the fastest whose pictures are as good, else the truest.

    Raises:
        WeightsError: the state dict is not the generator's.
    """
    from mouthpiece.engines.wav2lip.int8.rounding import Rounder
    from mouthpiece.networks.openvino_form import openvino_model

    mel, face = crops(CALIBRATION_CROPS)
    rounder = Rounder(GENERATOR, state, {"mel": mel, "face": face})
    expected = _pictures(openvino_model(GENERATOR, state), Precision.F32)
    for whole in WHOLE:
        model = rounder.model(whole)
        if Difference.between(_pictures(model, Precision.INT8), expected).is_small:
            break
    return model


def _pictures(model: openvino.Model, precision: Precision) -> FloatArray:
    """What a model draws of the crops that are judged."""
    from mouthpiece.engines.wav2lip.runtimes.on_openvino import OpenVinoGenerator

    return OpenVinoGenerator(model, precision)(*crops(JUDGED, after=CALIBRATION_CROPS))


def quantised(model: Model) -> Model:
    """An exported model (OpenVINO's or ONNX's) with its convolutions in int8, by NNCF.

    Raises:
        MissingExtraError: NNCF isn't installed.
    """
    if nncf_version() is None:
        raise MissingExtraError("making an int8 model of an exported one", "int8")
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
    """Make a file, .xml or .onnx, of a checkpoint (.xml) or of an exported model of its kind."""
    source, target = map(Path, sys.argv[1:])
    if source.suffix == ".onnx":
        import onnx

        onnx.save(quantised(onnx.load(source)), target)
        return
    import openvino

    from mouthpiece.checkpoints.reading import read_state
    from mouthpiece.inference import core

    model = quantised(core().read_model(source)) if source.suffix == ".xml" else rounded(read_state(source))
    openvino.save_model(model, target, compress_to_fp16=False)


if __name__ == "__main__":
    main()
