"""The program that makes int8 models: `python -m mouthpiece.engines.wav2lip.int8.quantisation SOURCE OUT`.

Of a checkpoint they are made by `rounding`, with as many layers in 8 bits as leave its pictures as good as those of
f32; of exported models, whose layers have other names, by NNCF (extra `int8`).

A program of its own gives back the memory that it takes.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mouthpiece.engines.wav2lip.difference import Difference
from mouthpiece.engines.wav2lip.int8 import nncf_version
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.engines.wav2lip.sample_crops import CALIBRATION_CROPS, crops
from mouthpiece.errors import MissingExtraError
from mouthpiece.networks.wav2lip import GENERATOR

if TYPE_CHECKING:
    import openvino

    from mouthpiece.networks.architecture import StateDict
    from mouthpiece.types import FloatArray

JUDGED = 16
"""Crops that pictures are compared on."""
_END = ("output_block.0",)
_FACE = tuple(layer.name for layer in GENERATOR.layers if layer.name.startswith("face_encoder_blocks."))
_LAST_UP = ("face_decoder_blocks.6.0",)
WHOLE: tuple[tuple[str, ...], ...] = ((), _END, _END + _LAST_UP, _END + _LAST_UP + _FACE)
"""Layers that stay in f32, besides the small ones, in the order tried: each is slower and truer than the one before."""

Model = TypeVar("Model")


def quantise_state(state: StateDict) -> openvino.Model:
    """Build the generator with most layers in 8 bits: the fastest whose pictures are as good, else the truest.

    Raises:
        WeightsError: the state dict is not the generator's.
    """
    from mouthpiece.engines.wav2lip.int8.rounding import Quantiser
    from mouthpiece.networks.openvino_form import openvino_model

    mel, face = crops(CALIBRATION_CROPS)
    quantiser = Quantiser(GENERATOR, state, {"mel": mel, "face": face})
    expected = _pictures(openvino_model(GENERATOR, state), Precision.F32)
    for whole in WHOLE:
        model = quantiser.model(whole)
        if Difference.between(_pictures(model, Precision.INT8), expected).is_small:
            break
    return model


def _pictures(model: openvino.Model, precision: Precision) -> FloatArray:
    """Draw the crops that models are compared on."""
    from mouthpiece.engines.wav2lip.runtimes.on_openvino import OpenVinoGenerator

    return OpenVinoGenerator(model, precision)(*crops(JUDGED, after=CALIBRATION_CROPS))


def quantise_exported(model: Model) -> Model:
    """Quantise the convolutions of an exported model (OpenVINO's or ONNX's) by NNCF.

    Raises:
        MissingExtraError: NNCF isn't installed.
    """
    if nncf_version() is None:
        raise MissingExtraError("making an int8 model of an exported one", "int8")
    import nncf

    nncf.set_log_level(logging.ERROR)
    mels, faces = crops(CALIBRATION_CROPS)
    pairs = [(mels[i : i + 1], faces[i : i + 1]) for i in range(CALIBRATION_CROPS)]
    # The ranges found, and not their means, NNCF's default: that clips faces brighter than most.
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

        onnx.save(quantise_exported(onnx.load(source)), target)
        return
    import openvino

    from mouthpiece.checkpoints.reading import read_state
    from mouthpiece.inference import core

    model = (
        quantise_exported(core().read_model(source)) if source.suffix == ".xml" else quantise_state(read_state(source))
    )
    openvino.save_model(model, target, compress_to_fp16=False)


if __name__ == "__main__":
    main()
