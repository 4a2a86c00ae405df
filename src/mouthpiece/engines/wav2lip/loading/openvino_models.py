"""OpenVINO models of a generator, in f32 and in int8: made once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.engines.wav2lip.int8 import RECIPE, make_int8, nncf_version
from mouthpiece.engines.wav2lip.loading.generator_file import FileKind, GeneratorFile
from mouthpiece.engines.wav2lip.loading.model_store import ensure_model, find_model, model_folder
from mouthpiece.errors import EngineError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    import openvino

MODEL = "generator.xml"


def f32_file(source: GeneratorFile) -> Path:
    """Return the generator as an .xml, made from the source once and kept.

    Raises:
        WeightsError: the source can't be read, or the cache can't be written.
    """
    import openvino

    if source.kind is FileKind.OPENVINO and source.has_dynamic_batch():
        return source.path

    def make(folder: Path) -> None:
        model = source.openvino_model()
        try:
            openvino.save_model(model, folder / MODEL, compress_to_fp16=False)
        except RuntimeError as error:
            raise WeightsError(f"OpenVINO can't write a model into {folder.parent}; is the disk full?") from error

    return ensure_model(source.digest, f"f32-openvino{_openvino_version()}", make) / MODEL


def f32_file_or_model(source: GeneratorFile) -> Path | openvino.Model:
    """Return the file, or the model itself where the cache can't be written."""
    try:
        return f32_file(source)
    except WeightsError:
        return source.openvino_model()


def int8_file(source: GeneratorFile) -> Path:
    """Return the quantised generator as an .xml, made once and kept.

    Raises:
        WeightsError: the source can't be read, or the cache can't be written.
        MissingExtraError: the source is an exported model, none is kept, and NNCF isn't installed.
        EngineError: it can't be made.
    """
    before = _find_int8(source)
    if before is not None:
        return before
    if source.is_exported and nncf_version() is None:
        raise MissingExtraError("making an int8 model of an exported one", "int8")
    whole = f32_file(source)  # also of a checkpoint, so that it is read and checked here
    made_from = whole if source.is_exported else source.path
    return ensure_model(source.digest, _int8_label(source), lambda folder: make_int8(made_from, folder / MODEL)) / MODEL


def int8_file_or_none(source: GeneratorFile) -> Path | None:
    """Return the quantised generator, or None where it can't be made."""
    try:
        return int8_file(source)
    except (EngineError, MissingExtraError):
        return None


def can_be_int8(source: GeneratorFile) -> bool:
    """Check whether a quantised generator is kept, or the libraries that would make one are installed."""
    return not source.is_exported or nncf_version() is not None or _find_int8(source) is not None


def _find_int8(source: GeneratorFile) -> Path | None:
    """Return a quantised model from before; of an exported one without NNCF, whichever version of NNCF made it."""
    label = _int8_label(source)
    if not source.is_exported or nncf_version() is not None:
        folder = find_model(source.digest, label)
        return folder / MODEL if folder else None
    pattern = model_folder(source.digest, label)
    labels = (path.name.partition("-")[2] for path in sorted(pattern.parent.glob(f"{pattern.name}*")))
    found = [folder for label in labels if (folder := find_model(source.digest, label))]
    return found[-1] / MODEL if found else None


def _int8_label(source: GeneratorFile) -> str:
    label = f"int8-{RECIPE}-openvino{_openvino_version()}"
    return f"{label}-nncf{nncf_version() or ''}" if source.is_exported else label


def _openvino_version() -> str:
    """Return OpenVINO's version number without the build."""
    from openvino import get_version

    return str(get_version()).partition("-")[0]
