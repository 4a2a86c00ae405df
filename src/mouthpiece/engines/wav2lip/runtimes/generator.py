"""The generator as a function of arrays: what every runtime provides, and the checks that all of them share."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from mouthpiece.engines.wav2lip.options import Runtime
from mouthpiece.errors import MissingExtraError, WeightsError
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.notices import Notice
from mouthpiece.types import FloatArray

_LIBRARIES = {Runtime.TORCH: "torch", Runtime.ONNX: "onnxruntime"}
"""A module of the extra with a runtime's name; OpenVINO is always installed."""


class Generator(Protocol):
    """The Wav2Lip generator, loaded. Used from one thread at a time."""

    @property
    def description(self) -> str:
        """Runtime, precision and device in a few words: "OpenVINO, int8, CPU"."""

    @property
    def device(self) -> str:
        """Where it runs, by its runtime's own name; CPU in any case where that took the place of another."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What isn't as the user asked for: a device that wasn't there, say."""

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        """Draw any number of pictures.

        Args:
            mel: (B, 1, 80, 16) float32, mel windows.
            face: (B, 6, 96, 96) float32, blue, green, red in 0-1: the face with its lower half black, and a reference.

        Returns:
            (B, 3, 96, 96) float32, blue, green, red in 0-1; an array of the caller's own.
        """


def check_installed(runtime: Runtime) -> None:
    """Check that a runtime's library is installed, without loading it.

    Raises:
        MissingExtraError: it isn't.
    """
    library = _LIBRARIES.get(runtime)
    if library and find_spec(library) is None:
        raise MissingExtraError(f"the runtime {runtime}", runtime)


def check_ports(path: Path, inputs: list[tuple[str, tuple[int, ...]]], outputs: list[tuple[int, ...]]) -> None:
    """Check that an exported model's inputs and outputs are the generator's, batches aside.

    Args:
        path: for the error.
        inputs: names and shapes.
        outputs: shapes.

    Raises:
        WeightsError: they aren't.
    """
    expected = {name: tuple(shape) for name, shape in GENERATOR.inputs.items()}
    found = {name: shape[1:] for name, shape in inputs}
    pictures = [shape[1:] for shape in outputs]
    if found != expected or pictures not in ([GENERATOR.outputs[0].shape], [(-1, *GENERATOR.outputs[0].shape[1:])]):
        got = ", ".join(f"{name} {list(shape)}" for name, shape in found.items())
        wanted = ", ".join(f"{name} {list(shape)}" for name, shape in expected.items())
        raise WeightsError(
            f"expected {GENERATOR.name} as 'mouthpiece export' writes it ({wanted}), "
            f"{path.name} takes {got or 'nothing'}"
        )
