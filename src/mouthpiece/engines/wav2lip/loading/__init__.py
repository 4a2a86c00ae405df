"""Opening a generator from a checkpoint or an exported model: which runtime, precision, device and file.

    generator = open_generator(checkpoint, NetworkOptions(), "CPU")
    pictures = generator(mel, face)             # (B, 1, 80, 16), (B, 6, 96, 96) -> (B, 3, 96, 96)
    generator.description, generator.warnings   # "OpenVINO, int8 (chosen by trial), CPU"

Models made on the way (exported, quantised) and the precision chosen are kept in the cache. `precision_choice` logs, at
the level INFO, the precisions tried at a first use and the one chosen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.engines.wav2lip.options import NetworkOptions, Runtime

if TYPE_CHECKING:
    from mouthpiece.engines.wav2lip.runtimes.generator import Generator


def open_generator(checkpoint: Path, options: NetworkOptions, device: str = "CPU") -> Generator:
    """Load the generator.

    Args:
        checkpoint: .pth, .pt, .ckpt or .safetensors, or a model exported from one: .onnx, .xml.
        options: runtime and precision; what the device can't do is done in f32, with a line in `warnings`. AUTO on
            OpenVINO tries for a while, logged, at the first use of a checkpoint on a machine.
        device: OpenVINO's (CPU, GPU, NPU, AUTO) or PyTorch's (cpu, cuda, mps), in any case. Where it isn't, the CPU.

    Raises:
        WeightsError: the file is missing, damaged or of another network.
        MissingExtraError: the runtime, or NNCF for int8, isn't installed.
        OptionError: the runtime can't run that kind of file.
        EngineError: nothing here can run it.
    """
    from mouthpiece.engines.wav2lip.loading import opening
    from mouthpiece.engines.wav2lip.loading.generator_file import GeneratorFile

    open_on = {
        Runtime.OPENVINO: opening.open_on_openvino,
        Runtime.ONNX: opening.open_on_onnx,
        Runtime.TORCH: opening.open_on_torch,
    }[options.runtime]
    return open_on(GeneratorFile(Path(checkpoint)), options.precision, device)
