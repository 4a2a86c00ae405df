"""Quantisation of a network to 8 bits with as little change to its pictures as may be (docs/decisions/0009).

Post-training quantisation: weights in 8 bits with a step for each output channel, what layers read in 8 bits with one
step for all its channels. What is done about the errors:

- *Channels are made alike.* As all channels of a map share one step, those with small values are drawn larger before
  and smaller after; a ReLU in between lets that pass, so the network draws the same (Nagel et al., Data-Free
  Quantization Through Weight Equalization and Bias Correction, 2019; the balance between maps and weights is that of
  Xiao et al., SmoothQuant, 2023).
- *Ranges are those of the least error.* Clipping the few largest values makes all others finer.
- *Means are kept.* Rounded weights shift what a layer gives by a mean, which its bias takes back (Nagel et al.).
- *Sums of residual layers, and layers that multiply little, stay in f32*: they cost hardly any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mouthpiece.networks.architecture import Activation, Architecture, Layer
from mouthpiece.networks.openvino_form import FoldedConvolution, LayerQuantisation, fold_layers, folded_openvino_model
from mouthpiece.types import FloatArray, as_float

if TYPE_CHECKING:
    import openvino

    from mouthpiece.networks.architecture import StateDict

BATCH = 8
"""Inputs looked at together."""
SAMPLES = 64
"""Places of each map in each batch whose values are kept."""
SMALL = 1 / 250
"""Layers with a smaller part than this of all multiplications stay in f32."""
BALANCE = 0.7
"""How much of the difference between channels is moved from the maps into the weights that read them."""
LEAST = 1 / 64
"""Least scale of a channel: those that are hardly ever on shall not take all the steps of the weights."""
RANGES = np.linspace(0.3, 1.0, 57)
"""Ranges tried, over the greatest value."""
MAP_STEPS, WEIGHT_STEPS = 255, 127
TINY = 1e-12
_SEED = 0


@dataclass(slots=True)
class _MapStatistics:
    """Statistics of a map over the examples."""

    peak: FloatArray
    """(C,) the greatest value of each channel."""
    mean: FloatArray
    """(C,)."""
    values: FloatArray
    """(n, C) from places at random."""
    places: int
    """Rows times columns."""

    def scaled(self, by: FloatArray) -> _MapStatistics:
        """Return the statistics of a map whose channels are larger by (C,)."""
        return _MapStatistics(self.peak * by, self.mean * by, self.values * by, self.places)


class Quantiser:
    """Builder of 8-bit models of one network, from statistics of its maps."""

    def __init__(self, architecture: Architecture, state: StateDict, inputs: Mapping[str, FloatArray]) -> None:
        """Run the network over examples.

        Args:
            architecture: its layers end in ReLUs, but for the last ones.
            state: its weights.
            inputs: examples of what it will read, by name, (n, ...) each.

        Raises:
            WeightsError: the state dict is not this network's.
        """
        arrays = fold_layers(architecture, state)
        statistics = _collect_statistics(architecture, arrays, inputs)
        scales = _scales(architecture, arrays, statistics)
        self._architecture = architecture
        self._heavy_layers = _heavy_layers(architecture, arrays, statistics)
        self._arrays = {layer.name: _rescaled(layer, arrays[layer.name], scales) for layer in architecture.layers}
        self._statistics = {name: one.scaled(as_float(1 / scales[name])) for name, one in statistics.items()}

    def model(self, whole: Collection[str] = ()) -> openvino.Model:
        """Build the network in 8 bits, with the ports of `openvino_model`; the layers in `whole` stay in f32."""
        arrays, quantisations = dict(self._arrays), {}
        for layer in self._heavy_layers:
            if layer.name not in whole:
                read = [self._statistics[name] for name in layer.reads]
                quantisations[layer.name] = quantisation = _quantisation(layer, arrays[layer.name], read)
                arrays[layer.name] = _with_mean_corrected(layer, arrays[layer.name], quantisation, read)
        return folded_openvino_model(self._architecture, arrays, quantisations)


# What the maps hold. --------------------------------------------------------------------------------------------------


def _collect_statistics(
    architecture: Architecture, arrays: Mapping[str, FoldedConvolution], inputs: Mapping[str, FloatArray]
) -> dict[str, _MapStatistics]:
    """Collect statistics of every map and input of the network over the examples."""
    random = np.random.default_rng(_SEED)
    parts: dict[str, list[_MapStatistics]] = {}
    for maps in _maps(architecture, arrays, inputs):
        for name, values in maps.items():
            flat = values.reshape(*values.shape[:2], -1)
            picked = random.integers(0, flat.shape[2], SAMPLES)
            parts.setdefault(name, []).append(
                _MapStatistics(
                    flat.max(axis=(0, 2)),
                    flat.mean(axis=(0, 2)),
                    # Each picture's peaks are among them: they are rare, but clipping them is visible.
                    np.concatenate([*flat[:, :, picked].transpose(0, 2, 1), flat.max(axis=2)]),
                    flat.shape[2],
                )
            )
    return {
        name: _MapStatistics(
            np.max([one.peak for one in some], axis=0),
            as_float(np.mean([one.mean for one in some], axis=0)),
            np.concatenate([one.values for one in some]),
            some[0].places,
        )
        for name, some in parts.items()
    }


def _maps(
    architecture: Architecture, arrays: Mapping[str, FoldedConvolution], inputs: Mapping[str, FloatArray]
) -> Iterator[dict[str, FloatArray]]:
    """Yield inputs and maps of a batch at a time, in arrays that the next batch overwrites."""
    from mouthpiece.cpu import core_count
    from mouthpiece.inference import core

    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": core_count()}
    compiled = core().compile_model(folded_openvino_model(architecture, arrays, expose=True), "CPU", config)
    request: Any = compiled.create_infer_request()
    count = len(next(iter(inputs.values())))
    before = len(architecture.outputs)
    for start in range(0, count, BATCH):
        batch = {name: np.ascontiguousarray(values[start : start + BATCH]) for name, values in inputs.items()}
        request.infer(batch)
        shown = {
            layer.name: request.get_output_tensor(before + index).data
            for index, layer in enumerate(architecture.layers)
        }
        yield batch | shown


def _heavy_layers(
    architecture: Architecture, arrays: Mapping[str, FoldedConvolution], statistics: Mapping[str, _MapStatistics]
) -> list[Layer]:
    """Return the layers worth 8 bits: those that take the time, and read nothing negative."""
    cost = {
        layer.name: arrays[layer.name].weight.size * statistics[name].places
        for layer in architecture.layers
        for name in [layer.reads[0] if layer.transposed else layer.name]
    }
    least = SMALL * sum(cost.values())
    return [
        layer
        for layer in architecture.layers
        if cost[layer.name] >= least and all((statistics[name].values >= 0).all() for name in layer.reads)
    ]


# Channels made alike. -------------------------------------------------------------------------------------------------


def _scales(
    architecture: Architecture, arrays: Mapping[str, FoldedConvolution], statistics: Mapping[str, _MapStatistics]
) -> dict[str, FloatArray]:
    """Return the divisors of each map's channels, (C,) each; inputs and outputs stay as they are."""
    chain = {name: name for name in architecture.inputs}
    """The first map of those whose channels are added to each other: they are scaled alike."""
    peaks: dict[str, FloatArray] = {}
    weights: dict[str, FloatArray] = {}
    for layer in architecture.layers:
        chain[layer.name] = chain[layer.reads[0]] if layer.residual else layer.name
        first = 0
        kernels = np.abs(arrays[layer.name].weight).max(axis=(1, 2, 3) if layer.transposed else (0, 2, 3))
        for name in layer.reads:
            channels = len(statistics[name].peak)
            _keep_greater(weights, chain[name], kernels[first : first + channels])
            first += channels
        _keep_greater(peaks, chain[layer.name], statistics[layer.name].peak)
    fixed = {chain[output.reads] for output in architecture.outputs}
    fixed |= {chain[layer.name] for layer in architecture.layers if layer.activation is Activation.SIGMOID}
    scales = {
        name: _balanced(peak, weights[name]) if name not in fixed else np.ones_like(peak)
        for name, peak in peaks.items()
    }
    scales |= {name: np.ones_like(statistics[name].peak) for name in architecture.inputs}
    return {name: scales[first_of] for name, first_of in chain.items()}


def _keep_greater(known: dict[str, FloatArray], name: str, values: FloatArray) -> None:
    """Keep the element-wise greater values under a name."""
    known[name] = np.maximum(known[name], values) if name in known else values


def _balanced(peak: FloatArray, weight: FloatArray) -> FloatArray:
    """Compute the divisors of a map's channels that are read with weights up to `weight`, (C,) each."""
    alive = peak > 0  # a channel that is never on may stay as it is
    scale = np.where(alive, peak, 1) ** BALANCE / np.maximum(weight, TINY) ** (1 - BALANCE)
    top = scale[alive].max(initial=TINY)
    return as_float(np.where(alive, np.clip(scale / top, LEAST, 1), 1.0))


def _rescaled(layer: Layer, arrays: FoldedConvolution, scales: Mapping[str, FloatArray]) -> FoldedConvolution:
    """Return a layer that reads and gives scaled maps."""
    entering = np.concatenate([scales[name] for name in layer.reads])
    leaving = scales[layer.name]
    factors = entering[:, None] / leaving if layer.transposed else entering / leaving[:, None]
    return FoldedConvolution(as_float(arrays.weight * factors[..., None, None]), as_float(arrays.bias / leaving))


# Rounding. ------------------------------------------------------------------------------------------------------------


def _quantisation(layer: Layer, arrays: FoldedConvolution, read: list[_MapStatistics]) -> LayerQuantisation:
    """Choose the ranges of a layer in 8 bits."""
    peaks = np.abs(arrays.weight).max(axis=(0, 2, 3) if layer.transposed else (1, 2, 3), keepdims=True)
    weight = np.maximum(peaks, np.float32(TINY))
    if layer.reads == ("face",):
        return LayerQuantisation(1.0, weight)  # 255 steps to 1: a picture of 8 bits as it is
    importance = np.square(arrays.weight).sum(axis=(1, 2, 3) if layer.transposed else (0, 2, 3))
    return LayerQuantisation(best_range(np.concatenate([one.values for one in read], axis=1), importance), weight)


def best_range(values: FloatArray, importance: FloatArray) -> float:
    """Find where to clip values that are brought to 0 ... MAP_STEPS for the least square error.

    Args:
        values: (n, C), not negative.
        importance: (C,) how much an error in each channel counts.
    """
    top = float(values.max())
    if top <= 0:
        return 1.0
    order = np.argsort(values, axis=None)
    ascending = values.ravel()[order].astype(np.float64)
    counts = np.broadcast_to(importance, values.shape).ravel()[order].astype(np.float64)
    # Sums of what lies beyond any limit: of the counts, of the values, of their squares.
    beyond = [np.append(np.cumsum((counts * ascending**power)[::-1])[::-1], 0.0) for power in (0, 1, 2)]
    limits = top * RANGES
    first = np.searchsorted(ascending, limits, side="right")
    clipped = beyond[2][first] - 2 * limits * beyond[1][first] + limits**2 * beyond[0][first]
    lowest = np.searchsorted(ascending, 0.0, side="right")  # nothing is exact
    rounded = (beyond[0][lowest] - beyond[0][first]) * (limits / MAP_STEPS) ** 2 / 12
    return float(limits[np.argmin(clipped + rounded)])


def _with_mean_corrected(
    layer: Layer, arrays: FoldedConvolution, quantisation: LayerQuantisation, read: list[_MapStatistics]
) -> FoldedConvolution:
    """Return a layer whose bias takes back the shift of its mean by rounded weights."""
    step = quantisation.weight / WEIGHT_STEPS
    off = np.rint(arrays.weight / step) * step - arrays.weight
    mean = np.concatenate([one.mean for one in read])
    if layer.transposed:  # each place of the result is met by one in `stride` of the kernel's weights
        shift = np.einsum("iohw,i->o", off, mean) / (layer.stride[0] * layer.stride[1])
    else:
        shift = np.einsum("oihw,i->o", off, mean)
    return FoldedConvolution(arrays.weight, as_float(arrays.bias - shift))
