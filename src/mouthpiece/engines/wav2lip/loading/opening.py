"""A generator opened on each runtime, in a precision that file, device and libraries allow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mouthpiece.cpu import keep_off_hidden_tiles
from mouthpiece.engines.wav2lip.loading import openvino_models
from mouthpiece.engines.wav2lip.loading.generator_file import FileKind, GeneratorFile
from mouthpiece.engines.wav2lip.loading.model_store import ensure_model
from mouthpiece.engines.wav2lip.loading.precision_choice import choose_precision
from mouthpiece.engines.wav2lip.options import Precision, Runtime
from mouthpiece.engines.wav2lip.runtimes import on_openvino, on_torch
from mouthpiece.engines.wav2lip.runtimes.generator import Generator, check_installed
from mouthpiece.engines.wav2lip.runtimes.on_onnx import OnnxGenerator
from mouthpiece.engines.wav2lip.runtimes.on_openvino import OpenVinoGenerator
from mouthpiece.errors import EngineError, OptionError, WeightsError
from mouthpiece.inference import FALLBACK
from mouthpiece.networks.onnx_form import IR_VERSION, OPSET, write_onnx
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.notices import Notice, notice


def open_on_openvino(source: GeneratorFile, precision: Precision, device: str) -> Generator:
    """Load a generator on OpenVINO.

    Raises:
        WeightsError, MissingExtraError: as `open_generator`.
    """
    name, warnings = on_openvino.choose_device(device)
    try:
        return _open_on_device(source, precision, name, warnings)
    except WeightsError:
        raise
    except EngineError as error:
        if name == FALLBACK:
            raise
        return _open_on_device(source, precision, FALLBACK, (notice("device-failed", error=str(error), used=FALLBACK),))


def _open_on_device(
    source: GeneratorFile, precision: Precision, device: str, warnings: tuple[Notice, ...]
) -> OpenVinoGenerator:
    if source.is_exported and source.is_quantised():
        if precision not in (Precision.AUTO, Precision.INT8):
            warnings = (*warnings, source.int8_warning(precision))
        model = source.openvino_model()
        return OpenVinoGenerator(model, Precision.INT8, device, name="int8 as exported", warnings=warnings)
    native = on_openvino.native_precisions(device)
    name = None
    if precision is Precision.AUTO:
        precision, more = _fastest_precision(source, device, native)
        warnings += more
        name = f"{precision} (chosen by trial)"
    elif precision not in native:
        warnings = (*warnings, notice("precision-missing", device=device, precision=precision))
        precision = Precision.F32
    int8 = precision is Precision.INT8
    file = openvino_models.int8_file(source) if int8 else openvino_models.f32_file_or_model(source)
    return OpenVinoGenerator(file, precision, device, name=name, warnings=warnings)


def _fastest_precision(
    source: GeneratorFile, device: str, native: tuple[Precision, ...]
) -> tuple[Precision, tuple[Notice, ...]]:
    """Choose the precision that suits this machine; with a warning where none could be tried."""
    candidates: dict[Precision, Callable[[], Path | None]] = {}
    for precision in native:
        if precision is not Precision.INT8:
            candidates[precision] = lambda: openvino_models.f32_file(source)
        elif openvino_models.can_be_int8(source):
            candidates[precision] = lambda: openvino_models.int8_file_or_none(source)
    if len(candidates) < 2:
        return Precision.F32, ()
    try:
        openvino_models.f32_file(source)
        return choose_precision(source.digest, device, candidates).precision, ()
    except WeightsError as error:  # a damaged checkpoint will be met again
        return Precision.F32, (notice("precision-untried", error=str(error)),)


def open_on_onnx(source: GeneratorFile, precision: Precision, device: str) -> Generator:
    """Load a generator on ONNX Runtime; what isn't ONNX yet is written as such once and kept.

    Raises:
        WeightsError, MissingExtraError, OptionError: as `open_generator`.
    """
    if source.kind is FileKind.OPENVINO:
        raise OptionError(f"the runtime onnx can't run OpenVINO's {source.path.name}; give it an .onnx or a checkpoint")
    if source.kind is FileKind.ONNX and precision is Precision.AUTO:
        return OnnxGenerator(source.path, device, name="as exported")
    if source.kind is FileKind.ONNX and source.is_quantised():
        warnings = () if precision is Precision.INT8 else (source.int8_warning(precision),)
        return OnnxGenerator(source.path, device, warnings, name="int8 as exported")
    as_asked = precision in (Precision.AUTO, Precision.F32)
    warnings = () if as_asked else (notice("precision-missing-onnx", precision=precision),)
    if source.kind is FileKind.ONNX:
        return OnnxGenerator(source.path, device, warnings)
    check_installed(Runtime.ONNX)
    folder = ensure_model(
        source.digest,
        f"f32-onnx{IR_VERSION}.{OPSET}",
        lambda folder: write_onnx(GENERATOR, source.state(), folder / "generator.onnx"),
    )
    return OnnxGenerator(folder / "generator.onnx", device, warnings)


def open_on_torch(source: GeneratorFile, precision: Precision, device: str) -> Generator:
    """Load a generator on PyTorch.

    Raises:
        WeightsError, MissingExtraError, OptionError: as `open_generator`.
    """
    if source.is_exported:
        raise OptionError(f"the runtime torch can't run {source.path.name}; give it a checkpoint (.pth, .safetensors)")
    check_installed(Runtime.TORCH)
    keep_off_hidden_tiles()
    from mouthpiece.networks import torch_form

    place, warnings = on_torch.choose_device(device)
    precision, more = on_torch.choose_precision(precision, place)
    module = torch_form.load(GENERATOR, source.state())
    return on_torch.TorchGenerator(module, precision, place, (*warnings, *more))
