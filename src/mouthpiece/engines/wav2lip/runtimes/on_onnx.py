"""The generator on ONNX Runtime (extra `onnx`), in f32 unless it was exported in int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mouthpiece.cpu import core_count
from mouthpiece.engines.wav2lip.options import Runtime
from mouthpiece.engines.wav2lip.runtimes.generator import check_installed, check_ports
from mouthpiece.errors import WeightsError
from mouthpiece.notices import Notice, notice
from mouthpiece.types import FloatArray

_PROVIDERS = {"CPU": "CPUExecutionProvider", "CUDA": "CUDAExecutionProvider", "GPU": "CUDAExecutionProvider"}
_QUIET = 3
"""Errors only."""


class OnnxGenerator:
    """A session of ONNX Runtime."""

    def __init__(self, model: Path, device: str, warnings: tuple[Notice, ...] = (), *, name: str = "f32") -> None:
        """Load a model.

        Args:
            model: an .onnx file.
            device: cpu, cuda; where ONNX Runtime hasn't got it, the CPU.
            warnings: so far.
            name: the precision in `description`.

        Raises:
            WeightsError: the file is no generator.
            MissingExtraError: ONNX Runtime isn't installed.
        """
        check_installed(Runtime.ONNX)
        import onnxruntime

        wanted = _PROVIDERS.get(device.strip().upper().partition(":")[0], "none")
        if wanted not in onnxruntime.get_available_providers():
            warnings = (*warnings, notice("device-missing-onnx", device=device))
            wanted = _PROVIDERS["CPU"]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = core_count()
        # Threads that spin while they wait take the cores from the stages around.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(str(model), options, providers=[wanted])
        except Exception as error:  # of a base class of its own, which is not public
            raise WeightsError(f"expected a model that ONNX Runtime can run, {model} is damaged or another") from error
        check_ports(
            model,
            [(port.name, _sizes(port.shape)) for port in self._session.get_inputs()],
            [_sizes(port.shape) for port in self._session.get_outputs()],
        )
        if any(isinstance(port.shape[0], int) for port in self._session.get_inputs()):
            raise WeightsError(f"expected a model for batches of any size, {model.name} is for one size only")
        self.device = wanted.removesuffix("ExecutionProvider")
        self.description = f"ONNX Runtime, {name}, {self.device}"
        self.warnings = warnings

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        """Draw pictures; see `Generator`."""
        [pictures] = self._session.run(None, {"mel": mel, "face": face})
        return np.asarray(pictures, dtype=np.float32)


def _sizes(shape: list[int | str | None]) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else -1 for size in shape)
