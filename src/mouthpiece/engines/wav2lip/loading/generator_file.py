"""Files that hold a generator: checkpoints, and models exported from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mouthpiece.checkpoints.cache import sha256_of
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.engines.wav2lip.runtimes.generator import check_ports
from mouthpiece.errors import WeightsError
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.notices import Notice, notice

if TYPE_CHECKING:
    import openvino


class FileKind(Enum):
    """The content of a generator's file."""

    STATE = auto()
    """Named arrays: .pth, .safetensors."""
    ONNX = auto()
    OPENVINO = auto()
    """An .xml with its .bin beside it."""


_KINDS = {".onnx": FileKind.ONNX, ".xml": FileKind.OPENVINO}


@dataclass(frozen=True)
class GeneratorFile:
    """A file with a generator in it."""

    path: Path

    @cached_property
    def kind(self) -> FileKind:
        """Kind by the file's suffix."""
        return _KINDS.get(self.path.suffix.lower(), FileKind.STATE)

    @property
    def is_exported(self) -> bool:
        """Whether it is a model that can be run, and not a checkpoint."""
        return self.kind is not FileKind.STATE

    @cached_property
    def digest(self) -> str:
        """sha256 of all its content.

        Raises:
            WeightsError: it can't be read.
        """
        if self.kind is not FileKind.OPENVINO:
            return sha256_of(self.path)
        parts = sha256_of(self.path) + sha256_of(self.path.with_suffix(".bin"))
        return hashlib.sha256(parts.encode()).hexdigest()

    def state(self) -> dict[str, NDArray[Any]]:
        """Read the arrays of a checkpoint; which network's they are is not checked.

        Raises:
            WeightsError: the file can't be read; also of exported models, which have none.
        """
        from mouthpiece.checkpoints.reading import read_state

        if self.is_exported:
            raise WeightsError(f"expected a checkpoint (.pth or .safetensors), {self.path.name} is an exported model")
        return read_state(self.path)

    def has_dynamic_batch(self) -> bool:
        """Check whether an exported model takes batches of any size.

        Raises:
            WeightsError: it can't be read, or holds another network.
        """
        return all(port.partial_shape[0].is_dynamic for port in _read(self.path).inputs)

    def is_quantised(self) -> bool:
        """Check whether an exported model is in int8 already.

        Raises:
            WeightsError: as `openvino_model`.
        """
        return any("Quantize" in node.get_type_name() for node in self.openvino_model().get_ops())

    def int8_warning(self, precision: Precision) -> Notice:
        """Return the warning that a quantised model runs in int8 and not in the precision asked for."""
        return notice("int8-kept", file=self.path.name, precision=precision)

    def openvino_model(self) -> openvino.Model:
        """Read or build the network as an OpenVINO model, for batches of any size.

        Raises:
            WeightsError: the file can't be read, or holds another network.
        """
        if self.kind is FileKind.STATE:
            from mouthpiece.networks.openvino_form import openvino_model

            return openvino_model(GENERATOR, self.state())
        return read_exported(self.path)


def read_exported(path: Path) -> openvino.Model:
    """Read an exported generator, for batches of any size.

    Raises:
        WeightsError: it can't be read, or is no Wav2Lip generator.
    """
    model = _read(path)
    try:
        model.reshape({port: [-1, *_sizes(port)[1:]] for port in model.inputs})
    except RuntimeError as error:
        raise WeightsError(f"expected a model for batches of any size, {path.name} can't be made one") from error
    return model


def _read(path: Path) -> openvino.Model:
    """Read an exported generator as it is."""
    from mouthpiece.inference import core

    if not path.is_file():
        raise WeightsError(f"expected a model at {path}, found no file there")
    if path.suffix.lower() == ".xml" and not path.with_suffix(".bin").is_file():
        raise WeightsError(f"expected {path.with_suffix('.bin').name} beside {path}, found no file there")
    try:
        model = core().read_model(path)
    except RuntimeError as error:
        raise WeightsError(f"expected a model that OpenVINO can read, {path} is damaged or something else") from error
    inputs = [(port.any_name if port.names else "", _sizes(port)) for port in model.inputs]
    check_ports(path, inputs, [_sizes(port) for port in model.outputs])
    return model


def _sizes(port: Any) -> tuple[int, ...]:
    """Return the shape of an input or output; -1 where it is dynamic."""
    if port.partial_shape.rank.is_dynamic:
        return ()
    return tuple(-1 if size.is_dynamic else size.get_length() for size in port.partial_shape)
