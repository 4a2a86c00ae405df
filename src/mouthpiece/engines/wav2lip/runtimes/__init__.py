"""The libraries that run the generator: OpenVINO by default, ONNX Runtime and PyTorch as choices.

    generator = open_generator(checkpoint, NetworkOptions(), "CPU")
    pictures = generator(mel, face)      # (B, 1, 80, 16), (B, 6, 96, 96) -> (B, 3, 96, 96)
    generator.said, generator.warnings   # "OpenVINO, int8 (chosen by trial), CPU"

What is made on the way (exported and quantised models, the precision chosen) is kept in the cache. The logger of
`choosing` says, at the level INFO, what a first use tries and what it chose.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mouthpiece.engines.wav2lip.options import NetworkOptions, Runtime
from mouthpiece.engines.wav2lip.runtimes.generator import Generator
from mouthpiece.errors import MissingExtraError

__all__ = ["Generator", "check_installed", "open_generator"]

_LIBRARIES = {Runtime.TORCH: "torch", Runtime.ONNX: "onnxruntime"}
"""What the extra with a runtime's name brings, by the module that shows it; OpenVINO is always here."""


def check_installed(runtime: Runtime) -> None:
    """See that a runtime's library is here, without loading it.

    Raises:
        MissingExtraError: it isn't.
    """
    library = _LIBRARIES.get(runtime)
    if library and find_spec(library) is None:
        raise MissingExtraError(f"the runtime {runtime}", runtime)


def open_generator(checkpoint: Path, options: NetworkOptions, device: str = "CPU") -> Generator:
    """Load the generator.

    Args:
        checkpoint: .pth, .pt, .ckpt or .safetensors, or a model exported from one: .onnx, .xml.
        options: runtime and precision; what the device can't do is done in f32, and `warnings` says so. AUTO on
            OpenVINO tries for a while, logged, at the first use of a checkpoint on a machine.
        device: OpenVINO's (CPU, GPU, NPU, AUTO) or PyTorch's (cpu, cuda, mps), in any case. Where it isn't, the CPU.

    Raises:
        WeightsError: the file is missing, damaged or of another network.
        MissingExtraError: the runtime, or NNCF for int8, isn't installed.
        OptionError: the runtime can't run that kind of file.
        EngineError: nothing here can run it.
    """
    from mouthpiece.engines.wav2lip.runtimes.source import Source

    source = Source(Path(checkpoint))
    match options.runtime:
        case Runtime.OPENVINO:
            from mouthpiece.engines.wav2lip.runtimes.openvino_models import open_on_openvino

            return open_on_openvino(source, options.precision, device)
        case Runtime.ONNX:
            from mouthpiece.engines.wav2lip.runtimes.on_onnx import open_on_onnx

            return open_on_onnx(source, options.precision, device)
        case Runtime.TORCH:
            from mouthpiece.engines.wav2lip.runtimes.on_torch import open_on_torch

            return open_on_torch(source, options.precision, device)
