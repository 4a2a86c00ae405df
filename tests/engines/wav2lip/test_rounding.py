"""A network in 8 bits: what is done about the errors does what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mouthpiece.engines.wav2lip.int8 import rounding
from mouthpiece.engines.wav2lip.int8.rounding import Quantiser, best_range
from mouthpiece.engines.wav2lip.sample_crops import crops
from mouthpiece.inference import core
from mouthpiece.networks.openvino_form import FoldedConvolution, openvino_model
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.types import FloatArray


def drawn(model: Any, mel: FloatArray, face: FloatArray) -> FloatArray:
    """What OpenVINO makes of it in f32."""
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pictures: FloatArray = compiled({"mel": mel, "face": face})[0]
    return pictures


@pytest.fixture(scope="module")
def quantiser(generator_state: dict[str, NDArray[Any]]) -> Quantiser:
    """One that has seen little."""
    mel, face = crops(8)
    return Quantiser(GENERATOR, generator_state, {"mel": mel, "face": face})


def test_channels_are_made_alike_and_nothing_else_changes(
    quantiser: Quantiser, generator_state: dict[str, NDArray[Any]]
) -> None:
    unseen = crops(2, after=8)
    same = drawn(quantiser.model([layer.name for layer in GENERATOR.layers]), *unseen)
    np.testing.assert_allclose(same, drawn(openvino_model(GENERATOR, generator_state), *unseen), rtol=0, atol=1e-4)
    before = np.random.default_rng(0).uniform(0.01, 1, 64)
    after = before / rounding._balanced(before.astype(np.float32), np.ones(64, np.float32))
    assert after.max() / after.min() < before.max() / before.min() / 3


def test_layers_that_take_no_time_stay_whole(quantiser: Quantiser) -> None:
    heavy = {layer.name for layer in quantiser._heavy_layers}
    assert "output_block.1" not in heavy
    assert "audio_encoder.0" not in heavy, "mels are negative"
    assert {"face_encoder_blocks.0.0", "face_decoder_blocks.6.1", "output_block.0"} <= heavy
    model = quantiser.model()
    kinds = [node.get_type_name() for node in model.get_ops()]
    # One for the weights, one for each map that is read; three blocks of the decoder and the end read two.
    assert kinds.count("FakeQuantize") == sum(1 + len(layer.reads) for layer in quantiser._heavy_layers)


@pytest.mark.parametrize("tail", [1.0, 3.0])
def test_ranges_are_those_of_the_least_error(tail: float) -> None:
    rng = np.random.default_rng(0)
    values = np.maximum(rng.standard_normal((4000, 8)), 0).astype(np.float32) ** np.float32(tail)
    heard = rng.uniform(0, 2, 8).astype(np.float32)

    def error(limit: float) -> float:
        step = limit / rounding.MAP_STEPS
        off = np.clip(np.rint(values / step), 0, rounding.MAP_STEPS) * step - values
        return float((heard * off.astype(np.float64) ** 2).sum())

    least = min(error(values.max() * share) for share in rounding.RANGES)
    assert error(best_range(values, heard)) < 1.05 * least
    assert error(best_range(values, heard)) < error(float(values.max()))
    assert best_range(np.zeros((3, 2), np.float32), np.ones(2, np.float32)) > 0, "a map that is never on"


@pytest.mark.parametrize("transposed", [False, True])
def test_rounded_weights_shift_no_mean(transposed: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    like = next(layer for layer in GENERATOR.layers if layer.transposed == transposed and layer.kernel == 3)
    layer = replace(like, reads=("map",), channels_in=5, channels_out=4, stride=(2, 2), residual=False)
    weight = rng.standard_normal((5, 4, 3, 3) if transposed else (4, 5, 3, 3)).astype(np.float32)
    mean = rng.uniform(0, 3, 5).astype(np.float32)
    seen = rounding._MapStatistics(mean, mean, np.tile(mean, (8, 1)), 64)
    arrays = FoldedConvolution(weight, np.zeros(4, np.float32))
    how = rounding._quantisation(layer, arrays, [seen])
    coarse = replace(how, weight=how.weight * 20)  # coarse steps shift more
    made = rounding._with_mean_corrected(layer, arrays, coarse, [seen])
    step = coarse.weight / rounding.WEIGHT_STEPS
    quantise_state = (np.rint(weight / step) * step).astype(np.float32)
    even = torch.from_numpy(mean)[None, :, None, None].expand(1, 5, 12, 12)
    convolve = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d

    def middle(kernel: FloatArray, bias: FloatArray) -> FloatArray:
        given = convolve(even, torch.from_numpy(kernel), torch.from_numpy(bias), stride=2)
        inner = given[..., 4:-5, 4:-5] if transposed else given  # rows and columns alike in number
        means: FloatArray = inner.mean(dim=(0, 2, 3)).numpy()
        return means

    before = middle(weight, arrays.bias)
    assert np.abs(middle(quantise_state, arrays.bias) - before).max() > 0.01
    np.testing.assert_allclose(middle(quantise_state, made.bias), before, atol=1e-4)
