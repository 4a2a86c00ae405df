"""Opening a generator on OpenVINO: which precision, which file, which device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.engines.wav2lip.int8.quantising import RECIPE, nncf_version
from mouthpiece.engines.wav2lip.options import Precision
from mouthpiece.engines.wav2lip.runtimes.on_openvino import (
    OpenVinoGenerator,
    choose_device,
    native_precisions,
)
from mouthpiece.engines.wav2lip.runtimes.precision_choice import choose
from mouthpiece.engines.wav2lip.runtimes.source import Kind, Source
from mouthpiece.engines.wav2lip.runtimes.storage import kept, kept_or_made, model_folder
from mouthpiece.engines.wav2lip.runtimes.trial import run_module
from mouthpiece.errors import EngineError, MissingExtraError, WeightsError
from mouthpiece.inference import FALLBACK
from mouthpiece.notices import Notice, notice

if TYPE_CHECKING:
    import openvino

MODEL = "generator.xml"
QUANTISING_TIMEOUT_S = 300.0
QUANTISING = "mouthpiece.engines.wav2lip.int8.quantising"


def open_on_openvino(source: Source, precision: Precision, device: str) -> OpenVinoGenerator:
    """Load a generator.

    Raises:
        WeightsError, MissingExtraError: as `open_generator`.
    """
    name, warnings = choose_device(device)
    try:
        return _open(source, precision, name, warnings)
    except WeightsError:
        raise
    except EngineError as error:
        if name == FALLBACK:
            raise
        return _open(source, precision, FALLBACK, (notice("device-failed", error=str(error), used=FALLBACK),))


def _open(source: Source, precision: Precision, device: str, warnings: tuple[Notice, ...]) -> OpenVinoGenerator:
    if source.is_exported and source.is_quantised():
        if precision not in (Precision.AUTO, Precision.INT8):
            warnings = (*warnings, source.runs_in_int8_not_in(precision))
        said = "int8 as exported"
        return OpenVinoGenerator(source.openvino_model(), Precision.INT8, device, name=said, warnings=warnings)
    native = native_precisions(device)
    name = None
    if precision is Precision.AUTO:
        precision, more = _chosen(source, device, native)
        warnings += more
        name = f"{precision} (chosen by trial)"
    elif precision not in native:
        warnings = (*warnings, notice("precision-missing", device=device, precision=precision))
        precision = Precision.F32
    model = int8_file(source) if precision is Precision.INT8 else _f32_file_or_model(source)
    return OpenVinoGenerator(model, precision, device, name=name, warnings=warnings)


def _chosen(source: Source, device: str, native: tuple[Precision, ...]) -> tuple[Precision, tuple[Notice, ...]]:
    """The precision that suits this machine, and a line where none could be tried."""
    candidates: dict[Precision, Callable[[], Path | None]] = {}
    for precision in native:
        if precision is not Precision.INT8:
            candidates[precision] = lambda: f32_file(source)
        elif not source.is_exported or nncf_version() is not None or _kept_int8(source) is not None:
            candidates[precision] = lambda: _int8_file_or_none(source)
    if len(candidates) < 2:
        return Precision.F32, ()
    try:
        f32_file(source)
        return choose(source.digest, device, candidates).precision, ()
    except WeightsError as error:  # a damaged checkpoint will be met again
        return Precision.F32, (notice("precision-untried", error=str(error)),)


def f32_file(source: Source) -> Path:
    """The generator as an .xml, made from the source once and kept.

    Raises:
        WeightsError: the source can't be read, or the cache can't be written.
    """
    import openvino

    if source.kind is Kind.OPENVINO and source.is_for_any_batch():
        return source.path

    def make(folder: Path) -> None:
        model = source.openvino_model()
        try:
            openvino.save_model(model, folder / MODEL, compress_to_fp16=False)
        except RuntimeError as error:
            raise WeightsError(f"OpenVINO can't write a model into {folder.parent}; is the disk full?") from error

    return kept_or_made(source.digest, f"f32-openvino{_openvino_version()}", make) / MODEL


def _f32_file_or_model(source: Source) -> Path | openvino.Model:
    """The file, else the model itself, for caches that can't be written."""
    try:
        return f32_file(source)
    except WeightsError:
        return source.openvino_model()


def int8_file(source: Source) -> Path:
    """The quantised generator as an .xml, made once and kept.

    Raises:
        WeightsError: the source can't be read, or the cache can't be written.
        MissingExtraError: the source is an exported model, none is kept, and NNCF isn't installed.
        EngineError: it can't be made.
    """
    before = _kept_int8(source)
    if before is not None:
        return before
    if source.is_exported and nncf_version() is None:
        raise MissingExtraError("making an int8 model of an exported one", "int8")
    whole = f32_file(source) if source.is_exported else checked(source)

    def make(folder: Path) -> None:
        make_int8(whole, folder / MODEL)

    return kept_or_made(source.digest, _int8_name(source), make) / MODEL


def make_int8(source: Path, target: Path) -> None:
    """Write an int8 model.

    Args:
        source: a checkpoint, or an exported model of the target's kind, which needs NNCF.
        target: an .xml, or an .onnx of another.

    Raises:
        EngineError: that fails.
    """
    if run_module(QUANTISING, str(source), str(target), timeout_s=QUANTISING_TIMEOUT_S) is None:
        raise EngineError(f"expected to make an int8 model of {source.name}, but that failed; use another precision")


def checked(source: Source) -> Path:
    """A checkpoint's file, which holds a generator.

    Raises:
        WeightsError: it doesn't.
    """
    f32_file(source)  # has read it, now or before
    return source.path


def _int8_file_or_none(source: Source) -> Path | None:
    try:
        return int8_file(source)
    except (EngineError, MissingExtraError):
        return None


def _kept_int8(source: Source) -> Path | None:
    """A quantised model from before; of an exported one without NNCF, whichever version of NNCF made it."""
    name = _int8_name(source)
    if not source.is_exported or nncf_version() is not None:
        folder = kept(source.digest, name)
        return folder / MODEL if folder else None
    pattern = model_folder(source.digest, name)
    names = (path.name.partition("-")[2] for path in sorted(pattern.parent.glob(f"{pattern.name}*")))
    found = [folder for name in names if (folder := kept(source.digest, name))]
    return found[-1] / MODEL if found else None


def _int8_name(source: Source) -> str:
    made = f"int8-{RECIPE}-openvino{_openvino_version()}"
    return f"{made}-nncf{nncf_version() or ''}" if source.is_exported else made


def _openvino_version() -> str:
    """Its number, and not the rest of what it says of its build."""
    from openvino import get_version

    return str(get_version()).partition("-")[0]
