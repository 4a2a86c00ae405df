"""The generator on OpenVINO, and the devices and precisions that OpenVINO has here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mouthpiece.cpu import core_count, keep_off_hidden_tiles, this_processor
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.errors import EngineError
from mouthpiece.inference import FALLBACK, compile_cached, core, is_several, resolve_device
from mouthpiece.notices import Notice, notice
from mouthpiece.types import FloatArray

if TYPE_CHECKING:
    import openvino

TORCH_DEVICES = ("cuda", "mps")
"""Beginnings of PyTorch's device names that OpenVINO doesn't have."""
HINTS = {Precision.F32: "f32", Precision.F16: "f16", Precision.BF16: "bf16", Precision.INT8: "f32"}
"""Precision of the layers that aren't quantised."""


class OpenVinoGenerator:
    """A compiled generator."""

    def __init__(
        self,
        model: Path | openvino.Model,
        precision: Precision,
        device: str = "CPU",
        *,
        name: str | None = None,
        warnings: tuple[Notice, ...] = (),
    ) -> None:
        """Compile a model.

        Args:
            model: for batches of any size; an .xml file is mapped into memory and not read as a whole.
            precision: not AUTO. INT8 wants a model that is quantised.
            device: by OpenVINO's own name.
            name: the precision in `description`.
            warnings: so far.

        Raises:
            EngineError: the device can't run it.
        """
        config = _config(precision, device)
        try:
            shared = isinstance(model, Path)
            compiled = compile_cached(model, device, config) if shared else core().compile_model(model, device, config)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO's device {device} can't run the Wav2Lip generator in {precision}") from error
        self._compiled = compiled  # held so that others can share it
        self._request: Any = compiled.create_infer_request()
        self.description = f"OpenVINO, {name or precision}, {device}"
        self.device = device
        self.warnings = warnings

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        """Draw pictures; see `Generator`."""
        self._request.infer({"mel": mel, "face": face}, share_inputs=True)
        return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)


def _config(precision: Precision, device: str) -> dict[str, Any]:
    config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": HINTS[precision]}
    if device == "CPU":
        # All cores: the stages around it wait while a batch is drawn, and it waits while they do.
        config |= {"INFERENCE_NUM_THREADS": core_count(), "PERFORMANCE_HINT": "LATENCY"}
    return config


def choose_device(device: str) -> tuple[str, tuple[Notice, ...]]:
    """Return the device asked for, by OpenVINO's name; else the CPU, with a warning."""
    name, warnings = resolve_device(device)
    if name == "AUTO" and core().available_devices == [FALLBACK]:
        name = FALLBACK  # nothing to choose from, and of the CPU more is known
    if warnings and device.lower().startswith(TORCH_DEVICES):
        warnings = (notice("device-is-torchs", device=device, used=name),)
    return name, warnings


def native_precisions(device: str) -> tuple[Precision, ...]:
    """Return the precisions that a device multiplies itself, f32 first; of AUTO and its like, f32 alone.

    int8, which needs another model, is among them where OpenVINO has it.
    """
    if is_several(device):
        return (Precision.F32,)
    try:
        capabilities = {str(word).upper() for word in core().get_property(device, "OPTIMIZATION_CAPABILITIES")}
    except RuntimeError:  # a driver's
        return (Precision.F32,)
    if device == "CPU":
        processor = this_processor()
        # OpenVINO lists bf16 for every processor with AVX-512, and computes it by f32 there, several times as slowly.
        if not (processor.computes_bf16 and keep_off_hidden_tiles()):
            capabilities.discard("BF16")
        if not (processor.computes_f16 and keep_off_hidden_tiles()):
            capabilities.discard("FP16")
        if not keep_off_hidden_tiles():
            capabilities.discard("INT8")
    precisions = {"BF16": Precision.BF16, "FP16": Precision.F16, "INT8": Precision.INT8}
    return (Precision.F32, *(precision for word, precision in precisions.items() if word in capabilities))


def device_full_name(device: str) -> str:
    """Return a device's full name, by which drivers and models differ."""
    try:
        return str(core().get_property(device, "FULL_DEVICE_NAME")).strip()
    except RuntimeError:
        return device
