"""The file that a generator comes from: a checkpoint, or a model that was exported from one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mouthpiece.checkpoints.cache import sha256_of
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.errors import WeightsError
from mouthpiece.networks.layers import GENERATOR
from mouthpiece.notices import Notice, notice

if TYPE_CHECKING:
    import openvino


class Kind(Enum):
    """What is in a file."""

    STATE = auto()
    """Named arrays: .pth, .safetensors."""
    ONNX = auto()
    OPENVINO = auto()
    """An .xml with its .bin beside it."""


_KINDS = {".onnx": Kind.ONNX, ".xml": Kind.OPENVINO}


@dataclass(frozen=True)
class Source:
    """A file with a generator in it."""

    path: Path

    @cached_property
    def kind(self) -> Kind:
        """By the file's suffix."""
        return _KINDS.get(self.path.suffix.lower(), Kind.STATE)

    @property
    def is_exported(self) -> bool:
        """Whether it is a model that can be run, and not a checkpoint."""
        return self.kind is not Kind.STATE

    @cached_property
    def digest(self) -> str:
        """sha256 of all that is in it.

        Raises:
            WeightsError: it can't be read.
        """
        if self.kind is not Kind.OPENVINO:
            return sha256_of(self.path)
        parts = sha256_of(self.path) + sha256_of(self.path.with_suffix(".bin"))
        return hashlib.sha256(parts.encode()).hexdigest()

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays of a checkpoint; whose they are is for whoever builds a network of them to check.

        Raises:
            WeightsError: the file can't be read; also of exported models, which have none.
        """
        from mouthpiece.checkpoints.reading import read_state

        if self.is_exported:
            raise WeightsError(f"expected a checkpoint (.pth or .safetensors), {self.path.name} is an exported model")
        return read_state(self.path)

    def is_for_any_batch(self) -> bool:
        """Whether an exported model can be run as it is.

        Raises:
            WeightsError: it can't be read, or holds another network.
        """
        return all(port.partial_shape[0].is_dynamic for port in _read(self.path).inputs)

    def is_quantised(self) -> bool:
        """Whether an exported model is in int8 already.

        Raises:
            WeightsError: as `openvino_model`.
        """
        return any("Quantize" in node.get_type_name() for node in self.openvino_model().get_ops())

    def runs_in_int8_not_in(self, precision: Precision) -> Notice:
        """What to tell a user who asked for another precision of a model that is quantised."""
        return notice("int8-kept", file=self.path.name, precision=precision)

    def openvino_model(self) -> openvino.Model:
        """The network as OpenVINO has it, for batches of any size.

        Raises:
            WeightsError: the file can't be read, or holds another network.
        """
        if self.kind is Kind.STATE:
            from mouthpiece.networks.openvino_form import openvino_model

            return openvino_model(GENERATOR, self.state())
        return read_exported(self.path)


def read_exported(path: Path) -> openvino.Model:
    """An exported generator, for batches of any size.

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
    """An exported generator as it is."""
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
    """Shape of an input or output; -1 where it is left open."""
    if port.partial_shape.rank.is_dynamic:
        return ()
    return tuple(-1 if size.is_dynamic else size.get_length() for size in port.partial_shape)


def check_ports(path: Path, inputs: list[tuple[str, tuple[int, ...]]], outputs: list[tuple[int, ...]]) -> None:
    """Whether a model takes and gives what the generator does, batches aside.

    Args:
        path: for the error.
        inputs: names and shapes.
        outputs: shapes.

    Raises:
        WeightsError: it doesn't.
    """
    expected = {name: tuple(shape) for name, shape in GENERATOR.inputs.items()}
    came = {name: shape[1:] for name, shape in inputs}
    pictures = [shape[1:] for shape in outputs]
    if came != expected or pictures not in ([GENERATOR.outputs[0].shape], [(-1, *GENERATOR.outputs[0].shape[1:])]):
        said = ", ".join(f"{name} {list(shape)}" for name, shape in came.items())
        wanted = ", ".join(f"{name} {list(shape)}" for name, shape in expected.items())
        raise WeightsError(
            f"expected {GENERATOR.name} as 'mouthpiece export' writes it ({wanted}), "
            f"{path.name} takes {said or 'nothing'}"
        )


def zeros(batch: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Inputs of that many pictures, all zero."""
    mel, face = (np.zeros((batch, *shape), dtype=np.float32) for shape in GENERATOR.inputs.values())
    return mel, face
