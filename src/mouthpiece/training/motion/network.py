"""The network from log-mel to mouth motion, and its export.

Residual dilated convolutions over time (after van den Oord et al., "WaveNet", 2016, without its gates), unpadded: the
network gives out exactly the frames whose whole surroundings it was given. Training, files and live streams therefore
compute the same thing. Its look into the future is bounded by making the later layers causal.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import MELS_PER_FRAME, NetworkGeometry
from mouthpiece.training.motion.ear import EAR_AHEAD, EAR_FEATURES, EAR_PAST, Ear
from mouthpiece.types import MEL_BANDS, MEL_RATE

# About the mean and spread of the log-mel in speech; fixed, so that a stream needs no statistics.
_MEL_MEAN = -11.0
_MEL_SPREAD = 4.0
STEM = 5
"""Taps of the first convolution, mel frames; two of them after the frame's own."""
_DEAF_SHARE = 0.1
"""Share of the training sequences without the ear, so that the network does not lean on it alone."""
_EAR_NOISE = 0.1
"""Spread of what is added to the ear's answers in training; they have a spread of 1 themselves."""
_LEAST_HALVED = 1024
"""Numbers in a weight from which on it is worth halving."""

ANSWERS = ("coefficients", "activity", "closure")
"""Outputs of an exported network, by name."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The parameters that a motion network is built from."""

    coefficients: int = 12
    """Outputs for the mouth's shape, K."""
    channels: int = 144
    dilations: tuple[int, ...] = (1, 2, 4, 6, 1, 2, 4, 6, 1, 1)
    """Of each residual block, motion frames."""
    look_ahead_s: float = 0.2
    """How much speech after a moment the network may look at; at least 0.02."""
    dropout: float = 0.1
    taught_share: float = 0.15
    """How much of a mouth's shape comes from the head that the coarticulation model taught, 0-1; the rest from that of
    measured faces."""
    taught_surety: float = 0.5
    """The same of activity and closure: faces show few words, and m, b, p close in all of them."""
    phones: int = 0
    """Phones that it also learns to tell apart, in training only: phones are the same in every voice."""
    ear: bool = False
    """Whether a pretrained ear (`training.motion.ear`) answers beside the first layer; it looks too far ahead for live
    speech."""

    @property
    def ahead_frames(self) -> int:
        """Motion frames of look-ahead that the blocks may use together."""
        return int(round(self.look_ahead_s * MEL_RATE) - STEM // 2) // MELS_PER_FRAME

    @property
    def geometry_past(self) -> int:
        """Mel frames before a motion frame's own that count."""
        blocks = 2 * sum(self.dilations)
        past = blocks - min(self.ahead_frames, sum(self.dilations)) + (EAR_PAST if self.ear else 0)
        return past * MELS_PER_FRAME + STEM // 2

    @property
    def geometry_ahead(self) -> int:
        """Mel frames after it."""
        ahead = min(self.ahead_frames, sum(self.dilations)) + (EAR_AHEAD if self.ear else 0)
        return ahead * MELS_PER_FRAME + STEM // 2

    def geometry(self, block: int) -> NetworkGeometry:
        """Return what the network takes when it is run for so many motion frames at a time."""
        return NetworkGeometry(self.geometry_past, self.geometry_ahead, block)


class _Taps(nn.Module):
    """An unpadded convolution over time, written as one matrix product: three times as fast as Conv1d on a CPU."""

    def __init__(self, inputs: int, outputs: int, taps: int, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.product = nn.Linear(inputs * taps, outputs)
        self.reach, self.dilation, self.stride = (taps - 1) * dilation, dilation, stride

    def forward(self, x: Tensor) -> Tensor:
        # Counted from the end, so that an exported network may leave open how long its input is.
        seen = [x[:, k : (k - self.reach) or None : self.stride] for k in range(0, self.reach + 1, self.dilation)]
        product: Tensor = self.product(torch.cat(seen, dim=2))  # (B, (T - reach) / stride, outputs)
        return product


class _Block(nn.Module):
    """x + f(x), where f looks at x[t - d], x[t], x[t + d]; cut to the frames whose future the block may know."""

    def __init__(self, channels: int, dilation: int, ahead: int, dropout: float) -> None:
        super().__init__()
        self.wide = _Taps(channels, channels, 3, dilation)
        self.narrow = nn.Linear(channels, channels)
        self.drop = nn.Dropout(dropout)
        self.scale = nn.Parameter(torch.full((channels,), 0.3))
        self.start, self.end = 2 * dilation - ahead, ahead

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.narrow(self.drop(nn.functional.gelu(self.wide(x))))  # (B, T - 2 d, C)
        return x[:, self.start : -self.end or None] + self.scale * change


class MotionNetwork(nn.Module):
    """Log-mel -> coefficients, activity and closure."""

    def __init__(self, settings: NetworkSettings) -> None:
        """Build it.

        Raises:
            OptionError: the look-ahead is shorter than the first convolution needs.
        """
        super().__init__()
        if settings.ahead_frames < 0:
            raise OptionError(f"look-ahead expects at least 0.02 s, got {settings.look_ahead_s}")
        self.settings = settings
        channels, left = settings.channels, settings.ahead_frames
        self.stem = _Taps(MEL_BANDS, channels, STEM, stride=MELS_PER_FRAME)
        self.ear = Ear() if settings.ear else None
        self.heard = nn.Linear(EAR_FEATURES, channels, bias=False) if settings.ear else None
        blocks = []
        for dilation in settings.dilations:
            ahead = min(dilation, left)
            left -= ahead
            blocks.append(_Block(channels, dilation, ahead, settings.dropout))
        self.blocks = nn.Sequential(*blocks)
        # One head for measured faces, one for what the coarticulation model taught: the same sound in two manners.
        self.head, self.taught_head = (
            nn.Sequential(nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, settings.coefficients + 2))
            for _ in range(2)
        )
        self.phone_head = nn.Linear(channels, settings.phones + 1) if settings.phones else None

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run.

        Args:
            log_mel: (B, M, MEL_BANDS) of the speech package.

        Returns:
            Coefficients (B, T, K), and the logits of activity and closure, (B, T) each; T motion frames for
            M = past + 2 (T - 1) + 1 + ahead mel frames.
        """
        return self.mouth(self.trunk(log_mel))

    def trunk(self, log_mel: Tensor) -> Tensor:
        """Run all layers but the heads: (B, M, MEL_BANDS) -> (B, T, C)."""
        features: Tensor = self.blocks(self.stemmed(log_mel))
        return features

    def stemmed(self, log_mel: Tensor) -> Tensor:
        """Run the first layer, and the ear where there is one: (B, M, MEL_BANDS) -> (B, T, C).

        Without an ear, T is (M - STEM) / 2 + 1; with one, EAR_PAST + EAR_AHEAD less.
        """
        if self.ear is None or self.heard is None:
            return self._first_layer(log_mel)
        mels = log_mel.shape[1]
        seen = log_mel[:, EAR_PAST * MELS_PER_FRAME : mels - EAR_AHEAD * MELS_PER_FRAME]
        reach = STEM // 2  # the ear's first frame is the one that the first layer would have there
        with torch.no_grad():
            heard = self.ear(log_mel[:, reach : mels - reach])
            heard = heard[:, EAR_PAST : heard.shape[1] - EAR_AHEAD]
            if self.training:
                hearing = torch.rand(len(heard), 1, 1, device=heard.device) >= _DEAF_SHARE
                heard = (heard + _EAR_NOISE * torch.randn_like(heard)) * hearing
        answer: Tensor = self._first_layer(seen) + self.heard(heard)
        return answer

    def _first_layer(self, log_mel: Tensor) -> Tensor:
        return nn.functional.gelu(self.stem((log_mel - _MEL_MEAN) / _MEL_SPREAD))

    def mouth(self, features: Tensor, taught: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Run the heads.

        Args:
            features: (B, T, C).
            taught: (B, T) share of the head of what was taught; as the settings have it if not given.

        Returns:
            As `forward`.
        """
        count = self.settings.coefficients
        if taught is None:
            share = torch.full((count + 2,), self.settings.taught_share)
            share[count:] = self.settings.taught_surety
        else:
            share = taught[..., None]
        measured: Tensor = self.head(features)
        out = measured + share * (self.taught_head(features) - measured)
        return out[..., :count], out[..., count], out[..., count + 1]

    def saved(self) -> dict[str, object]:
        """Return what a checkpoint must hold to build the network again."""
        return {"settings": asdict(self.settings), "weights": self.state_dict()}


class _Shipped(nn.Module):
    """The network as engines run it: probabilities instead of logits."""

    def __init__(self, network: MotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        coefficients, activity, closure = self.network(log_mel)
        return coefficients, torch.sigmoid(activity), torch.sigmoid(closure)


def export_network(network: MotionNetwork, path: Path, block: int) -> NetworkGeometry:
    """Write a network as ONNX for blocks of so many motion frames.

    Returns:
        What one run takes and gives; it belongs into the basis beside the file.

    Raises:
        OptionError: the path does not end in .onnx.
    """
    geometry = network.settings.geometry(block)
    example = torch.zeros(1, geometry.input_mels, MEL_BANDS)
    write_onnx(_Shipped(network), {"log_mel": example}, ANSWERS, path)
    if network.ear is not None:
        halve_where_exact(path)
    return geometry


def halve_where_exact(path: Path) -> None:
    """Keep as f16 those weights of an ONNX file that are f16 numbers anyway, as the ear's: no answer changes."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    kept, casts = [], []
    for weight in model.graph.initializer:
        array = numpy_helper.to_array(weight)
        halved = array.astype(np.float16) if array.dtype == np.float32 else array
        if array.dtype != np.float32 or array.size < _LEAST_HALVED or not np.array_equal(halved, array):
            kept.append(weight)
            continue
        kept.append(numpy_helper.from_array(halved, f"{weight.name}_f16"))
        casts.append(onnx.helper.make_node("Cast", [f"{weight.name}_f16"], [weight.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def write_onnx(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    path: Path,
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
) -> None:
    """Write a module as ONNX.

    Args:
        module: what to write.
        inputs: an example of each input, by name.
        outputs: names.
        path: ends in .onnx; its folder is made if missing.
        dynamic_axes: axes that are left open, by input or output, with a name each.

    Raises:
        OptionError: the path does not end in .onnx.
    """
    if path.suffix != ".onnx":
        raise OptionError(f"expected an output file that ends in .onnx, got {path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The exporter that needs no further packages is the older one, and warns of it.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(path),
            dynamo=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=dynamic_axes,
        )
