"""The generator on PyTorch (extra `torch`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mouthpiece.cpu import keep_off_hidden_tiles, this_processor
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.notices import Notice, notice
from mouthpiece.types import FloatArray, as_float

if TYPE_CHECKING:
    import torch


class TorchGenerator:
    """A PyTorch module, its pictures laid out with the channels last, which is quicker."""

    def __init__(self, module: Any, precision: Precision, device: str, warnings: tuple[Notice, ...] = ()) -> None:
        """Move the module to a device and a precision (F32, F16 or BF16)."""
        import torch

        self._type = {Precision.F16: torch.float16, Precision.BF16: torch.bfloat16}.get(precision, torch.float32)
        self._place = torch.device(device)
        self._module = module.to(device=self._place, dtype=self._type, memory_format=torch.channels_last)
        self.description = f"PyTorch, {precision}, {device}"
        self.device = device
        self.warnings = warnings

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        """Draw pictures; see `Generator`."""
        import torch

        with torch.inference_mode():
            pictures = self._module(self._there(mel), self._there(face))
            return as_float(pictures.to(device="cpu", dtype=torch.float32).contiguous().numpy())

    def _there(self, array: FloatArray) -> torch.Tensor:
        import torch

        tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))
        return tensor.to(device=self._place, dtype=self._type, memory_format=torch.channels_last)


def choose_device(device: str) -> tuple[str, tuple[Notice, ...]]:
    """Return PyTorch's name of a device of this machine; with a warning where it isn't the one asked for."""
    import torch

    wanted = device.strip().lower()
    kind, _, number = wanted.partition(":")
    if kind in ("gpu", "auto"):  # as OpenVINO calls them
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else kind
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (not number or number in map(str, range(torch.cuda.device_count()))),
        "mps": torch.backends.mps.is_available(),
    }
    if here.get(kind):
        return (f"{kind}:{number}" if number else kind), ()
    return "cpu", () if kind == "auto" else (notice("device-missing-torch", device=device),)


def choose_precision(wanted: Precision, place: str) -> tuple[Precision, tuple[Notice, ...]]:
    """Return a precision that the device multiplies itself; with a warning where it isn't the one asked for."""
    if wanted in (Precision.AUTO, Precision.F32):
        return Precision.F32, ()
    if wanted is Precision.INT8:
        return Precision.F32, (notice("int8-missing-torch"),)
    if _is_native(wanted, place):
        return wanted, ()
    return Precision.F32, (notice("precision-missing", device=place, precision=wanted),)


def _is_native(precision: Precision, place: str) -> bool:
    import torch

    if place == "cpu":
        processor = this_processor()
        has = processor.computes_bf16 if precision is Precision.BF16 else processor.computes_f16
        return has and keep_off_hidden_tiles()
    if place.startswith("cuda"):
        return precision is Precision.F16 or torch.cuda.is_bf16_supported()
    return precision is Precision.F16
