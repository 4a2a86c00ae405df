"""The wav2lip engine's own options; no NumPy, as the command line makes flags from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from mouthpiece.errors import OptionError
from mouthpiece.option_fields import check_ranges, option
from mouthpiece.options import FourNumbers

MAX_BATCH = 256
MAX_PAD_PX = 10_000
NO_PADS = (0, 0, 0, 0)


class Runtime(StrEnum):
    """The library that runs an engine's network."""

    OPENVINO = "openvino"
    ONNX = "onnx"
    TORCH = "torch"


class Precision(StrEnum):
    """The numbers that a network computes with."""

    AUTO = "auto"
    """The fastest on this machine of those whose results are as good, found by trying."""
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    INT8 = "int8"


class ExportFormat(StrEnum):
    """Format of an exported model."""

    ONNX = "onnx"
    OPENVINO = "openvino"

    @property
    def suffix(self) -> str:
        """Suffix of the file's name."""
        return ".onnx" if self is ExportFormat.ONNX else ".xml"


class ExportPrecision(StrEnum):
    """Precision of an exported model."""

    F32 = "f32"
    F16 = "f16"
    """Of the weights, half as large a file."""
    INT8 = "int8"


class ExportRoute(StrEnum):
    """The way from the checkpoint to an exported model."""

    TORCH = "torch"
    """PyTorch's network, converted."""
    ONNX = "onnx"
    """PyTorch's network, to ONNX, to OpenVINO."""
    ARRAYS = "arrays"
    """Built from the checkpoint's arrays, without PyTorch."""


@dataclass(frozen=True)
class NetworkOptions:
    """Which weights are run, and how."""

    checkpoint: str | os.PathLike[str] | None = option(
        None,
        flag="--checkpoint",
        kind=str,
        metavar="FILE|NAME",
        help="Published networks: the weights; see: mouthpiece weights list.",
    )
    """A name that `mouthpiece weights list` knows, or a file; None: the engine's own choice."""
    runtime: Runtime = option(Runtime.OPENVINO, flag="--runtime", help="Published networks: what runs them.")
    """The library that runs the network."""
    precision: Precision = option(
        Precision.AUTO,
        flag="--precision",
        help="Published networks: the numbers they compute with; auto is the fastest good one here.",
    )
    """The numbers that the network computes with."""
    batch_size: int | None = option(
        None,
        flag="--batch-size",
        kind=int,
        help="Published networks: frames drawn at once.",
        low=1,
        high=MAX_BATCH,
        limits=f"1 to {MAX_BATCH} frames",
    )
    """Frames drawn at once; None: the engine's own choice."""

    def __post_init__(self) -> None:
        """Check what can be checked without the weights.

        Raises:
            OptionError: a value makes no sense.
        """
        check_ranges(self)


@dataclass(frozen=True)
class CropOptions:
    """How the face is cut out of the frame."""

    pads: FourNumbers = option(
        (0, 10, 0, 0),
        flag="--pads",
        kind=FourNumbers,
        metavar="TOP BOTTOM LEFT RIGHT",
        help="Published networks: pixels added to the face's box.",
    )
    """Pixels of the frame added to the face's box: top, bottom, left, right; negative ones make it smaller."""
    smooth: bool = option(
        True, flag="--no-smooth", negated=True, help="Published networks: don't average that box over time."
    )
    """Whether the box is averaged over neighbouring frames."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: there are not four of them, or they are beyond any picture.
        """
        if len(self.pads) != 4 or any(abs(pad) > MAX_PAD_PX for pad in self.pads):
            raise OptionError(f"pads expect four numbers of pixels (top bottom left right), got {self.pads}")


@dataclass(frozen=True)
class Wav2LipOptions(CropOptions, NetworkOptions):
    """What may be chosen about the wav2lip engine beside what all engines take."""

    def __post_init__(self) -> None:
        """Check what can be checked without weights and picture.

        Raises:
            OptionError: a value makes no sense.
        """
        NetworkOptions.__post_init__(self)
        CropOptions.__post_init__(self)
