"""Export of the generator for other runtimes, with a comparison of the pictures that the export draws.

The door is `check_export` and `export_generator` with the types of their arguments and of the report.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mouthpiece.engines.wav2lip.difference import Difference
from mouthpiece.engines.wav2lip.int8 import make_int8, nncf_version
from mouthpiece.engines.wav2lip.loading.generator_file import GeneratorFile, read_exported
from mouthpiece.engines.wav2lip.options import ExportFormat, ExportPrecision, ExportRoute, Precision
from mouthpiece.engines.wav2lip.runtimes.generator import Generator
from mouthpiece.engines.wav2lip.runtimes.on_onnx import OnnxGenerator
from mouthpiece.engines.wav2lip.runtimes.on_openvino import OpenVinoGenerator
from mouthpiece.engines.wav2lip.sample_crops import CALIBRATION_CROPS, crops
from mouthpiece.errors import EngineError, MissingExtraError, OptionError, OutputError
from mouthpiece.networks.onnx_form import OPSET, require_onnx, store_weights_in_f16, write_onnx
from mouthpiece.networks.state_dict import check_state
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.notices import Notice, notice

BATCHES = (1, 3, 8)
"""Sizes of the batches that are compared."""
MAX_F32_DIFFERENCE = 1e-4
"""Most that a value may differ by in f32; from black to white it is 1."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Differences of one batch."""

    batch: int
    difference: Difference


@dataclass(frozen=True, slots=True)
class ExportReport:
    """An export and its comparison."""

    path: Path
    format: ExportFormat
    precision: ExportPrecision
    via: ExportRoute
    size_bytes: int
    reference: str
    """Runtime and precision that the pictures were compared with."""
    compared: tuple[Compared, ...]
    elapsed_s: float
    warnings: tuple[Notice, ...]


def check_export(format_: ExportFormat, precision: ExportPrecision, via: ExportRoute) -> None:
    """Check that an export makes sense and that its libraries are installed.

    Raises:
        OptionError: it makes no sense.
        MissingExtraError: a library is missing.
    """
    if format_ is ExportFormat.ONNX and via is ExportRoute.ONNX:
        raise OptionError("via onnx leads to OpenVINO; to write ONNX choose torch or arrays")
    if via is not ExportRoute.ARRAYS and find_spec("torch") is None:
        raise MissingExtraError(f"an export via {via}", "torch")
    if precision is ExportPrecision.INT8 and not _from_arrays(format_, via) and nncf_version() is None:
        raise MissingExtraError(f"making an int8 model for {format_} via {via}", "int8")
    if format_ is ExportFormat.ONNX or via is ExportRoute.ONNX:
        require_onnx()


def export_generator(
    checkpoint: Path,
    out: Path,
    format_: ExportFormat,
    precision: ExportPrecision = ExportPrecision.F32,
    via: ExportRoute = ExportRoute.ARRAYS,
) -> ExportReport:
    """Write a model for batches of any size, compare its pictures, and publish it when they agree.

    Args:
        checkpoint: .pth, .safetensors.
        out: an .onnx, or an .xml that gets its .bin beside it; what is there is replaced.
        format_: of `out`.
        precision: F32; F16 (of the weights, half as large a file); INT8 (calibrated on crops of a face).
        via: the way there.

    Raises:
        WeightsError: the checkpoint is damaged or of another network.
        OptionError, MissingExtraError: as `check_export`.
        EngineError: the model doesn't draw the same.
        OutputError: it can't be written.
    """
    started = time.monotonic()
    check_export(format_, precision, via)
    source = GeneratorFile(checkpoint)
    state = source.state()
    with _folder_beside(out) as folder:
        if precision is ExportPrecision.INT8 and _from_arrays(format_, via):
            check_state(state, GENERATOR)
            made = folder / f"int8{format_.suffix}"
            make_int8(source.path, made)
        else:
            made = _write(state, folder, format_, precision, via)
        name, reference = _reference(state)
        runner, notes = _runner(made)
        compared = tuple(_compare(runner, reference, batch) for batch in BATCHES)
        greatest = float(np.max([one.difference.greatest for one in compared]))
        if precision is ExportPrecision.F32 and not greatest <= MAX_F32_DIFFERENCE:  # also where it isn't a number
            raise EngineError(
                f"expected an export that draws what {name} draws (within {MAX_F32_DIFFERENCE:g}), "
                f"got a difference of {greatest:.2g}; nothing was written"
            )
        if not all(one.difference.is_small for one in compared):
            notes = (*notes, notice("export-differs", precision=precision))
        size = sum(path.stat().st_size for path in _files(made))
        _publish(made, out)
    return ExportReport(out, format_, precision, via, size, name, compared, time.monotonic() - started, notes)


def _from_arrays(format_: ExportFormat, via: ExportRoute) -> bool:
    """Check whether an int8 model is made of the checkpoint's arrays; the others are made by NNCF."""
    return format_ is ExportFormat.OPENVINO and via is ExportRoute.ARRAYS


def _write(
    state: dict[str, Any], folder: Path, format_: ExportFormat, precision: ExportPrecision, via: ExportRoute
) -> Path:
    """Write the model into a folder, in its final precision."""
    import openvino

    whole = folder / f"whole{format_.suffix}"
    half = precision is ExportPrecision.F16
    if format_ is ExportFormat.ONNX:
        if via is ExportRoute.TORCH:
            _torch_to_onnx(state, whole)
        else:
            write_onnx(GENERATOR, state, whole)
        if half:
            store_weights_in_f16(whole)
    else:
        openvino.save_model(_openvino_model(state, folder, via), whole, compress_to_fp16=half)
    if precision is not ExportPrecision.INT8:
        return whole
    made = folder / f"int8{format_.suffix}"
    make_int8(whole, made)
    return made


def _openvino_model(state: dict[str, Any], folder: Path, via: ExportRoute) -> Any:
    """Build OpenVINO's model by one of the three ways."""
    import openvino

    from mouthpiece.networks.openvino_form import openvino_model

    if via is ExportRoute.ARRAYS:
        return openvino_model(GENERATOR, state)
    if via is ExportRoute.ONNX:
        passing = folder / "passing.onnx"
        _torch_to_onnx(state, passing)
        return read_exported(passing)
    with _without_deprecations():
        model = openvino.convert_model(_module(state), example_input=_examples())
    for port, name in zip((*model.inputs, *model.outputs), (*GENERATOR.inputs, GENERATOR.outputs[0].name), strict=True):
        port.get_tensor().set_names({name})
    model.reshape({name: [-1, *shape] for name, shape in GENERATOR.inputs.items()})
    return model


def _torch_to_onnx(state: dict[str, Any], path: Path) -> None:
    """Export by PyTorch's own exporter that needs no further library."""
    import torch

    names = [*GENERATOR.inputs, *(output.name for output in GENERATOR.outputs)]
    with _without_deprecations():
        torch.onnx.export(
            _module(state),
            _examples(),
            str(path),
            input_names=names[: len(GENERATOR.inputs)],
            output_names=names[len(GENERATOR.inputs) :],
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )


def _module(state: dict[str, Any]) -> Any:
    from mouthpiece.networks import torch_form

    return torch_form.load(GENERATOR, state)


def _examples() -> Any:
    """Return example inputs, two of each: a batch of one might be taken for a fixed size."""
    import torch

    return tuple(torch.zeros(2, *shape) for shape in GENERATOR.inputs.values())


@contextlib.contextmanager
def _without_deprecations() -> Iterator[None]:
    """Silence the warnings that PyTorch's tracing is the older way; the newer one needs onnxscript."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", category)
        yield


def _reference(state: dict[str, Any]) -> tuple[str, Generator]:
    """Return the network to compare with: PyTorch's, or OpenVINO's of the arrays."""
    if find_spec("torch") is not None:
        from mouthpiece.engines.wav2lip.runtimes.on_torch import TorchGenerator

        return "PyTorch, f32", TorchGenerator(_module(state), Precision.F32, "cpu")
    from mouthpiece.networks.openvino_form import openvino_model

    return "OpenVINO, f32 (PyTorch isn't installed)", OpenVinoGenerator(openvino_model(GENERATOR, state), Precision.F32)


def _runner(made: Path) -> tuple[Generator, tuple[Notice, ...]]:
    """Load the model that was made; with a warning where its own library isn't installed."""
    if made.suffix == ".onnx" and find_spec("onnxruntime") is not None:
        return OnnxGenerator(made, "CPU"), ()
    notes = () if made.suffix == ".xml" else (notice("compared-in-openvino"),)
    return OpenVinoGenerator(read_exported(made), Precision.F32), notes


def _compare(runner: Generator, reference: Generator, batch: int) -> Compared:
    mel, face = crops(sum(BATCHES), after=CALIBRATION_CROPS)
    where = slice(sum(BATCHES) - batch, None)
    drawn, expected = runner(mel[where], face[where]), reference(mel[where], face[where])
    if drawn.shape != expected.shape or not np.isfinite(drawn).all():
        raise EngineError(f"expected {expected.shape} pictures of the export, got {drawn.shape}; nothing was written")
    return Compared(batch, Difference.between(drawn, expected))


# The files. -----------------------------------------------------------------------------------------------------------


def _files(made: Path) -> list[Path]:
    """Return the files of a model."""
    return [made] if made.suffix == ".onnx" else [made.with_suffix(".bin"), made]


@contextlib.contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """Make a hidden folder on the same disk, removed afterwards."""
    prefix = f".{out.stem[:100]}."
    try:
        with tempfile.TemporaryDirectory(".part", prefix, out.parent, ignore_cleanup_errors=True) as name:
            yield Path(name)
    except OSError as error:
        raise OutputError(f"can't write {out}: {error.strerror or error}") from error


def _publish(made: Path, out: Path) -> None:
    """Rename the files to their final names: all of them, or none."""
    moves = [(path, out.with_suffix(path.suffix)) for path in _files(made)]
    moves[-1] = (made, out)
    kept = [(target, made.with_name(f"before{target.suffix}")) for _, target in moves if target.exists()]
    try:
        for target, aside in kept:
            target.rename(aside)
        for path, target in moves:
            path.replace(target)
    except OSError:
        for path, target in moves:
            if not path.exists():
                target.unlink(missing_ok=True)
        for target, aside in kept:
            if aside.exists():
                aside.replace(target)
        raise
