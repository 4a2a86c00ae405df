"""Measure the speed of the Wav2Lip generator: `python -m benchmarks.wav2lip [DATA] [--checkpoint FILE] [--repeat 3]`.

Times each runtime and precision at batches of 1, 8 and 32, each in a process of its own; repetitions take turns
(A B C A B C ...), medians are reported. With DATA, syncs of a 720p video follow. Without a checkpoint the weights are
random: the speed is the same, and differences between pictures say less. Targets: in f32 at most 1e-4 off PyTorch; auto
at batch 8 at least five times as fast as eager PyTorch where the CPU has bf16 or AMX; a sync 1.5 times real time on 2
cores, below 1.2 GB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.fresh import FreshRun, sync_in_new_process
from benchmarks.material import CLIP_720P, ENGLISH, speech_of_length, write_looped_video, write_wav
from benchmarks.table import Cell, print_table

from mouthpiece.checkpoints.store import find_checkpoint
from mouthpiece.cpu import keep_off_hidden_tiles, this_processor
from mouthpiece.engines.wav2lip.loading import open_generator
from mouthpiece.engines.wav2lip.options import NetworkOptions, Precision, Runtime
from mouthpiece.engines.wav2lip.runtimes.generator import Generator
from mouthpiece.engines.wav2lip.runtimes.on_openvino import native_precisions
from mouthpiece.engines.wav2lip.sample_crops import CALIBRATION_CROPS, crops
from mouthpiece.networks.architecture import Activation, Layer
from mouthpiece.networks.published_weights import GENERATORS
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.types import FloatArray

BATCHES = (1, 8, 32)
PICTURES = 32
"""Pictures compared."""
MEASURED_S = 2.0
"""How long batches are timed in each process."""
FEWEST_BATCHES = 3
EAGER = "torch eager"
VARIANTS: dict[str, tuple[Runtime, Precision]] = {
    "torch channels-last": (Runtime.TORCH, Precision.F32),
    "ONNX Runtime f32": (Runtime.ONNX, Precision.F32),
    "OpenVINO f32": (Runtime.OPENVINO, Precision.F32),
    "OpenVINO bf16": (Runtime.OPENVINO, Precision.BF16),
    "OpenVINO int8": (Runtime.OPENVINO, Precision.INT8),
    "OpenVINO auto": (Runtime.OPENVINO, Precision.AUTO),
}
RANDOM = "random: the speed is as with a checkpoint, differences are not"
COLUMNS = ("what", "batch", "ms/frame", "frames/s", "x torch eager", "peak MB", "max difference", "x real time")


@dataclass(frozen=True, slots=True)
class Timed:
    """Measurements of one process."""

    ms_a_frame: float
    """Median over its batches, wall-clock."""
    peak_rss_mb: float
    """Most resident memory at any time, MB of 1e6 bytes."""
    description: str
    """Runtime, precision and device."""


# In a process of its own. ---------------------------------------------------------------------------------------------


class _Eager:
    """PyTorch as the published script runs it."""

    description = "PyTorch, f32, cpu"
    device = "cpu"
    warnings = ()

    def __init__(self, checkpoint: Path) -> None:
        from mouthpiece.checkpoints.reading import read_state
        from mouthpiece.networks import torch_form

        self._module = torch_form.load(GENERATOR, read_state(checkpoint))

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        import torch

        with torch.no_grad():
            drawn: FloatArray = self._module(torch.from_numpy(mel), torch.from_numpy(face)).numpy()
        return drawn


def opened(variant: str, checkpoint: Path) -> Generator:
    """Open a variant."""
    if variant == EAGER:
        return _Eager(checkpoint)
    runtime, precision = VARIANTS[variant]
    return open_generator(checkpoint, NetworkOptions(runtime=runtime, precision=precision))


def measure(variant: str, batch: int, checkpoint: Path, pictures: Path | None) -> Timed:
    """Time a variant in this process; keep its pictures, if that is asked for."""
    mel, face = crops(PICTURES, after=CALIBRATION_CROPS)
    generator = opened(variant, checkpoint)
    generator(mel[:batch], face[:batch])
    taken_s: list[float] = []
    while len(taken_s) < FEWEST_BATCHES or sum(taken_s) < MEASURED_S:
        started = time.perf_counter()
        generator(mel[:batch], face[:batch])
        taken_s.append(time.perf_counter() - started)
    peak_mb = _peak_rss_mb()
    if pictures is not None:
        np.save(pictures, np.concatenate([generator(mel[i : i + 8], face[i : i + 8]) for i in range(0, PICTURES, 8)]))
    return Timed(1000 * statistics.median(taken_s) / batch, peak_mb, generator.description)


def _peak_rss_mb() -> float:
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024 / 1e6


# Around them. ---------------------------------------------------------------------------------------------------------


def variants_here() -> list[str]:
    """Return the variants that are installed and that the CPU computes itself, PyTorch first."""
    native = native_precisions("CPU")
    needed = {Runtime.TORCH: "torch", Runtime.ONNX: "onnxruntime", Runtime.OPENVINO: "openvino"}
    found = [EAGER]
    for name, (runtime, precision) in VARIANTS.items():
        able = precision is Precision.AUTO or precision in native
        if able and find_spec(needed[runtime]) is not None:
            found.append(name)
    return found


def measure_in_new_process(variant: str, batch: int, checkpoint: Path, pictures: Path | None = None) -> Timed:
    """Run `measure` in a process that has done nothing else.

    Raises:
        subprocess.CalledProcessError: it failed; its own message was printed.
    """
    command = [sys.executable, "-m", "benchmarks.wav2lip", "--one", variant, str(batch), str(checkpoint)]
    command += [str(pictures)] if pictures else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Timed(**json.loads(done.stdout.splitlines()[-1]))


def rounds(
    variants: Sequence[str], batches: Sequence[int], checkpoint: Path, repeat: int, folder: Path
) -> tuple[dict[tuple[str, int], Timed], dict[str, FloatArray]]:
    """Time every variant and batch in turn, `repeat` times; return medians, and each variant's pictures."""
    for variant in variants:  # models are made and precisions chosen before anything is timed
        measure_in_new_process(variant, batches[0], checkpoint, folder / f"{variant}.npy")
    found: dict[tuple[str, int], list[Timed]] = {}
    for _ in range(repeat):
        for batch in batches:
            for variant in variants:
                found.setdefault((variant, batch), []).append(measure_in_new_process(variant, batch, checkpoint))
    medians = {
        case: Timed(
            statistics.median(one.ms_a_frame for one in timed),
            statistics.median(one.peak_rss_mb for one in timed),
            timed[0].description,
        )
        for case, timed in found.items()
    }
    return medians, {variant: np.load(folder / f"{variant}.npy") for variant in variants}


def rows_of(timed: dict[tuple[str, int], Timed], pictures: dict[str, FloatArray]) -> list[tuple[Cell, ...]]:
    """Make the table's rows of the generator."""
    rows: list[tuple[Cell, ...]] = []
    for (variant, batch), one in timed.items():
        ratio = timed[EAGER, batch].ms_a_frame / one.ms_a_frame
        off = float(np.abs(pictures[variant] - pictures[EAGER]).max())
        rows.append((variant, batch, one.ms_a_frame, 1000 / one.ms_a_frame, ratio, one.peak_rss_mb, f"{off:.1e}", None))
    return rows


def syncs(data: Path, checkpoint: Path, seconds: float, repeat: int, folder: Path) -> FreshRun:
    """Sync a 720p video several times; return the median run, by time."""
    video, speech = folder / "video.mp4", folder / "speech.wav"
    write_looped_video(data / CLIP_720P, video, seconds)
    write_wav(speech_of_length(data / ENGLISH, seconds), speech)
    runs = [sync_in_new_process(video, speech, folder / "out.mp4", "wav2lip", str(checkpoint)) for _ in range(repeat)]
    return sorted(runs, key=lambda run: run.elapsed_s)[len(runs) // 2]


def sync_row(run: FreshRun) -> tuple[Cell, ...]:
    """Make the table's row of a sync."""
    ms = 1000 * run.elapsed_s / run.frames
    speed = run.seconds / run.elapsed_s
    return ("sync of 720p video, auto", None, ms, 1000 / ms, None, run.peak_rss_mb, None, speed)


def random_checkpoint(folder: Path) -> Path:
    """Write random weights under which pictures have contrast."""
    from safetensors.numpy import save_file

    random = np.random.default_rng(0)
    state = {name: array for layer in GENERATOR.layers for name, array in _random(layer, random).items()}
    path = folder / "random.safetensors"
    save_file(state, path)
    return path


def _random(layer: Layer, random: np.random.Generator) -> dict[str, Any]:
    """Draw a layer's weights such that its results are about as large as its input."""
    read = layer.channels_in * layer.kernel**2 / (layer.stride[0] * layer.stride[1] if layer.transposed else 1)
    gain = 0.3 if layer.residual else 2.5 if layer.activation is Activation.SIGMOID else 1.4
    arrays: dict[str, Any] = {}
    for name, shape in layer.entries.items():
        if len(shape) == 4:
            arrays[name] = (random.standard_normal(shape) * gain / np.sqrt(read)).astype(np.float32)
        elif name.endswith("num_batches_tracked"):
            arrays[name] = np.array(1, dtype=np.int64)
        else:
            one = name.endswith("running_var") or name == f"{layer.norm}.weight"
            arrays[name] = np.full(shape, float(one), dtype=np.float32)
    return arrays


def cpu_notes() -> tuple[str, ...]:
    """Describe the CPU's features that matter here."""
    processor = this_processor()
    bf16 = "yes" if processor.computes_bf16 else "no"
    if not processor.lists_tiles:
        amx = "none"
    elif processor.hides_tiles:
        amx = "claimed, but its tiles are hidden by the virtual machine: unusable, and kept off"
        amx += "" if keep_off_hidden_tiles() else " (not in this process)"
    else:
        amx = "usable"
    int8 = "yes" if {"avx512_vnni", "avx_vnni"} & processor.flags else "no"
    return (f"this CPU: bf16 {bf16}, VNNI (int8) {int8}, AMX {amx}",)


def _one(variant: str, batch: str, checkpoint: str, pictures: str = "") -> Timed:
    """Run a process of its own, from its arguments."""
    return measure(variant, int(batch), Path(checkpoint), Path(pictures) if pictures else None)


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(asdict(_one(*sys.argv[2:]))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data", type=Path, nargs="?", help="folder with clips/ and audio/; without it nothing is synced"
    )
    parser.add_argument("--checkpoint", help="a file or a name of 'mouthpiece weights list'; random weights otherwise")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each sync")
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = find_checkpoint(given.checkpoint, GENERATORS) if given.checkpoint else random_checkpoint(folder)
        timed, pictures = rounds(variants_here(), given.batches, checkpoint, given.repeat, folder)
        rows = rows_of(timed, pictures)
        if given.data:
            rows.append(sync_row(syncs(given.data, checkpoint, given.seconds, given.repeat, folder)))
    chosen = sorted({one.description for (variant, _), one in timed.items() if variant == "OpenVINO auto"})
    print_table(
        f"The Wav2Lip generator, medians of {given.repeat} rounds, each in a process of its own",
        COLUMNS,
        rows,
        (
            f"weights: {given.checkpoint or RANDOM}",
            f"auto: {', '.join(chosen)}",
            *cpu_notes(),
            "max difference: to torch eager, over 32 pictures; 1 is from black to white",
        ),
    )


if __name__ == "__main__":
    main()
