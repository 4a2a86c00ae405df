"""Neural networks on OpenVINO: loading, sharing of what is compiled, and running."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from mouthpiece.cpu import core_count, keep_off_hidden_tiles
from mouthpiece.errors import EngineError, WeightsError
from mouthpiece.notices import Notice, notice

if TYPE_CHECKING:
    import openvino

# Small networks are faster in f32, and the precision that OpenVINO chooses by itself may crash some machines
# (docs/decisions/0001-f32-inference.md).
_CPU_CONFIG = {"INFERENCE_PRECISION_HINT": "f32"}
MOST_STREAMS = 4
"""Runs of one network side by side, each on one thread: more jobs than that at once wait for each other."""
FALLBACK = "CPU"
"""The device of networks whose own isn't on this machine."""
_MULTI_DEVICES = ("AUTO", "HETERO", "MULTI", "BATCH")
"""Device names by which OpenVINO itself chooses among several."""

keep_off_hidden_tiles()  # before anything can compute with OpenVINO: afterwards it is too late


@lru_cache(maxsize=1)
def core() -> openvino.Core:
    """Return the process's OpenVINO runtime."""
    import openvino

    return openvino.Core()


def is_several(name: str) -> bool:
    """Check whether a device's name leaves OpenVINO a choice among several."""
    return name.partition(":")[0] in _MULTI_DEVICES


def known_device(device: str) -> str | None:
    """Return OpenVINO's own name of a device given in any case ("gpu.0" -> "GPU.0"); None where it isn't here."""
    name = device.strip().upper()
    if name == "CPU" or is_several(name):
        return name
    known = core().available_devices
    return name if name in known or any(other.startswith(f"{name}.") for other in known) else None


def resolve_device(device: str) -> tuple[str, tuple[Notice, ...]]:
    """Return the device to run on: `device`, or the CPU where it isn't on this machine.

    Returns:
        OpenVINO's own name, and a warning if it isn't the device that was asked for.
    """
    name = known_device(device)
    among = name.partition(":")[2].split(",") if name and name != "AUTO" and is_several(name) else []
    if name and all(map(known_device, among)):
        return name, ()
    return FALLBACK, (notice("device-missing", device=device, used=FALLBACK),)


First = TypeVar("First")
Second = TypeVar("Second")


def run_in_parallel(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Call two functions at the same time, the second in a thread of its own, and return both results.

    Compiling a network keeps one core busy only.

    Raises:
        BaseException: what the first one raised, else what the second one did; both are over by then.
    """
    with ThreadPoolExecutor(1, "mouthpiece-load") as beside:
        later = beside.submit(second)
        return first(), later.result()


_compiled: WeakValueDictionary[tuple[object, ...], openvino.CompiledModel] = WeakValueDictionary()
_lock = threading.Lock()
_compiling: defaultdict[tuple[object, ...], threading.Lock] = defaultdict(threading.Lock)


Shapes = Mapping[str, Sequence[int]]
"""Shapes of inputs by name, for a network that leaves them open."""
Reader = Callable[[Path], "openvino.Model"]
"""A function that reads a model file which OpenVINO alone can't; the same one for the same result."""


def compile_cached(
    path: Path, device: str, config: Mapping[str, Any], shapes: Shapes | None = None, reader: Reader | None = None
) -> openvino.CompiledModel:
    """Compile a model file for a device; the same is shared by all callers while any of them holds it.

    Requests of one compiled model run in as many threads as it has streams; one request serves one thread at a time.

    Args:
        path: a file that OpenVINO reads; one that was changed since is another.
        device: OpenVINO's own name.
        config: what to compile with.
        shapes: of inputs that the file leaves open.
        reader: reads the file; OpenVINO itself if not given.

    Raises:
        RuntimeError: OpenVINO's, if it can't.
        OSError: the file is gone.
    """
    state = path.stat()
    fixed = {name: tuple(shape) for name, shape in (shapes or {}).items()}
    settings = (tuple(sorted(config.items())), tuple(sorted(fixed.items())))
    key = (path.resolve(), state.st_mtime_ns, state.st_size, device, reader, *settings)
    with _lock:
        core()  # once for all
        compile_lock = _compiling[key]
    with compile_lock:  # two callers at once shall not compile twice
        model = _compiled.get(key)
        if model is None:
            model = _compiled[key] = _compile(path, device, config, fixed, reader)
        return model


def _compile(
    path: Path,
    device: str,
    config: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    reader: Reader | None,
) -> openvino.CompiledModel:
    if not shapes and reader is None:
        return core().compile_model(path, device, dict(config))
    model = reader(path) if reader else core().read_model(path)
    if shapes:
        model.reshape({name: list(shape) for name, shape in shapes.items()})
    return core().compile_model(model, device, dict(config))


def _config(device: str, *, in_caller: bool) -> dict[str, Any]:
    """Return the settings of a small network: each runs on one thread, several of them side by side."""
    if device != "CPU":
        return {}
    # With one stream of one thread OpenVINO computes in the calling thread, and hands nothing to another.
    streams = "1" if in_caller else str(min(core_count(), MOST_STREAMS))
    return _CPU_CONFIG | {"INFERENCE_NUM_THREADS": streams, "NUM_STREAMS": streams}


class Network:
    """A compiled network: arrays in, arrays out, in the model's own order. Not for use by two threads at once.

    Several of one file share what is compiled: a server that holds one of each has the next ones at once.
    """

    def __init__(
        self,
        path: Path,
        device: str = "CPU",
        *,
        shapes: Shapes | None = None,
        in_caller: bool = False,
        reader: Reader | None = None,
    ) -> None:
        """Read and compile a model file (.tflite, .onnx or OpenVINO .xml).

        Args:
            path: the file.
            device: OpenVINO device, in any case.
            shapes: of inputs that the file leaves open.
            in_caller: whether a CPU computes in the calling thread, and one run of the file at a time: for networks
                so small that handing them to another thread takes longer than they do, on a machine with much to do.
            reader: reads the file; OpenVINO itself if not given.

        Raises:
            WeightsError: the file is missing or is not a model.
            EngineError: the device is not on this machine.
        """
        if not path.is_file():
            raise WeightsError(f"expected a network at {path}, found no file there; reinstall mouthpiece")
        name = known_device(device) or device
        try:
            compiled = compile_cached(path, name, _config(name, in_caller=in_caller), shapes, reader)
        except RuntimeError as error:
            if not _is_model(path, reader):
                message = f"{path.name} is not a network that OpenVINO can read; reinstall mouthpiece"
                raise WeightsError(message) from error
            known = ", ".join(core().available_devices)
            raise EngineError(f"device {device!r} can't run {path.name}; this machine has: {known}") from error
        self._compiled = compiled  # held so that others can share it
        self._request: Any = compiled.create_infer_request()
        self._outputs = len(compiled.outputs)

    def __call__(self, *inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run once. Inputs and outputs are float32 of the shapes that the model declares; outputs are copies."""
        # Written where the network reads: OpenVINO's own way of taking arrays checks each at length.
        for place, given in enumerate(inputs):
            held = self._request.get_input_tensor(place).data
            if held.shape != given.shape:
                raise ValueError(f"expected an input of shape {held.shape}, got {given.shape}")
            held[:] = given
        self._request.infer()
        return [np.array(self._request.get_output_tensor(i).data, dtype=np.float32) for i in range(self._outputs)]


def _is_model(path: Path, reader: Reader | None) -> bool:
    """Check whether a file can be read at all."""
    try:
        (reader or core().read_model)(path)
    except RuntimeError:
        return False
    return True
