"""Loading and running networks."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mouthpiece import inference
from mouthpiece.errors import EngineError, WeightsError
from mouthpiece.face.models import DETECTOR_FILE, model_path
from mouthpiece.inference import Network, _compiled, core, known_device, resolve_device, run_in_parallel
from mouthpiece.motion.network import LIVE_WEIGHTS


@pytest.fixture
def model_file(face_models: None) -> Path:
    return model_path(DETECTOR_FILE)


def test_arrays_in_arrays_out(model_file: Path) -> None:
    network = Network(model_file)
    rng = np.random.default_rng(0)
    picture = rng.random((1, 256, 256, 3)).astype(np.float32)
    first = network(picture)
    assert [a.dtype for a in first] == [np.float32] * 2
    assert sorted(a.size for a in first) == [896, 896 * 16]
    kept = [a.copy() for a in first]
    network(np.zeros_like(picture))
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True)), "outputs are copies"
    again = network(picture)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)), "the same in, the same out"


def test_it_computes_in_full_precision(model_file: Path) -> None:
    """bf16 keeps 8 bits: a small change of the input would be lost in it."""
    picture = np.full((1, 256, 256, 3), 0.5, np.float32)
    network = Network(model_file)
    one, other = network(picture)[0], network(picture + np.float32(1e-4))[0]
    assert not np.array_equal(one, other)
    assert np.abs(one - other).max() < 0.5


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="found no file there"):
        Network(tmp_path / "none.onnx")
    with pytest.raises(WeightsError, match="found no file there"):
        Network(tmp_path)


@pytest.mark.parametrize(("name", "content"), [("a.onnx", b""), ("a.tflite", b"TFL3 nonsense" * 9), ("a.xml", b"<a")])
def test_a_damaged_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="not a network") as caught:
        Network(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_truncated_model(tmp_path: Path, model_file: Path) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(model_file.read_bytes()[: model_file.stat().st_size // 2])
    with pytest.raises(WeightsError):
        Network(cut)


def test_an_unknown_device_lists_the_known(model_file: Path) -> None:
    with pytest.raises(EngineError, match=r"this machine has: .*CPU") as caught:
        Network(model_file, "NO-SUCH")
    assert "\n" not in str(caught.value)


def test_one_runtime_for_all() -> None:
    assert core() is core()


@pytest.mark.parametrize(
    ("said", "known"), [("CPU", "CPU"), ("cpu", "CPU"), (" auto ", "AUTO"), ("AUTO:cpu", "AUTO:CPU")]
)
def test_devices_are_known_in_any_case(said: str, known: str) -> None:
    assert known_device(said) == known
    assert resolve_device(said) == (known, ())


@pytest.mark.parametrize("said", ["cuda", "NO-SUCH", "AUTO:NO-SUCH", "HETERO:NO-SUCH,CPU", "MULTI", "BATCH:NO-SUCH"])
def test_what_is_not_here_runs_on_the_cpu_and_a_line_says_so(said: str) -> None:
    device, warnings = resolve_device(said)
    assert device == "CPU"
    assert [str(warning) for warning in warnings] == [f"device {said} isn't here; running on CPU"]


def test_a_network_takes_a_device_in_any_case(model_file: Path) -> None:
    assert Network(model_file, "cpu")(np.zeros((1, 256, 256, 3), np.float32))


def test_networks_of_one_file_share_what_is_compiled(model_file: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mesh.tflite"
    shutil.copyfile(model_file, mine)
    gc.collect()
    before = len(_compiled)
    first = Network(mine)
    assert len(_compiled) == before + 1
    networks = [first, Network(mine, "cpu"), Network(tmp_path / "." / mine.name)]
    assert len(_compiled) == before + 1, "compiled once"
    mine.write_bytes(model_file.read_bytes() + b"\0")
    networks.append(Network(mine))
    assert len(_compiled) == before + 2, "another file under the same name"
    del first
    networks.clear()
    gc.collect()
    assert len(_compiled) == before, "nobody holds it: it is gone"


def test_inputs_of_another_shape_are_refused(model_file: Path) -> None:
    with pytest.raises(ValueError, match=r"expected an input of shape \(1, 256, 256, 3\), got \(1, 3\)"):
        Network(model_file)(np.zeros((1, 3), np.float32))


def test_an_open_shape_is_fixed_and_computed_in_the_callers_own_thread() -> None:
    """Several at once of one file, each with its own numbers."""
    rng = np.random.default_rng(2)
    given = [(rng.normal(-11, 4, (1, 7, 80)).astype(np.float32), np.zeros((1, 56, 144), np.float32)) for _ in range(4)]
    networks = [Network(LIVE_WEIGHTS, shapes={"log_mel": (1, 7, 80)}, in_caller=True) for _ in given]
    wanted = [network(*inputs) for network, inputs in zip(networks, given, strict=True)]
    assert wanted[0][0].shape == (1, 2, 12)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(50):
            got = networks[number](*given[number])
            if not all(np.array_equal(a, b) for a, b in zip(got, wanted[number], strict=True)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    other = Network(LIVE_WEIGHTS, shapes={"log_mel": (1, 5, 80)}, in_caller=True)
    assert other(given[0][0][:, :5], given[0][1])[0].shape == (1, 1, 12)


def test_two_are_made_at_the_same_time() -> None:
    met = threading.Barrier(2, timeout=10)

    def maker(name: str) -> Callable[[], str]:
        def make() -> str:
            met.wait()
            return name

        return make

    assert run_in_parallel(maker("first"), maker("second")) == ("first", "second")


def test_of_two_that_fail_the_first_counts() -> None:
    over = threading.Event()

    def first() -> None:
        raise EngineError("first")

    def second() -> None:
        over.set()
        raise WeightsError("second")

    with pytest.raises(EngineError, match="first"):
        run_in_parallel(first, second)
    assert over.is_set()
    with pytest.raises(WeightsError, match="second"):
        run_in_parallel(lambda: None, second)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mouthpiece-load")]


def test_several_who_want_the_same_network_wait_for_one_compilation(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mesh.tflite"
    shutil.copyfile(model_file, mine)
    compiled, compile_it = [], inference._compile

    def counted(*arguments: Any) -> Any:
        compiled.append(arguments[0])
        return compile_it(*arguments)

    monkeypatch.setattr(inference, "_compile", counted)
    one, other = run_in_parallel(lambda: Network(mine), lambda: Network(mine))
    assert len(compiled) == 1
    assert one._compiled is other._compiled


def test_two_threads_share_a_network_without_mixing_pictures(model_file: Path) -> None:
    """A request each of one compiled model: what comes out belongs to what went in."""
    rng = np.random.default_rng(1)
    pictures = rng.random((4, 1, 256, 256, 3)).astype(np.float32)
    alone = [Network(model_file)(picture)[0] for picture in pictures]
    wrong: list[int] = []

    def run(number: int) -> None:
        network = Network(model_file)
        for _ in range(20):
            if not np.array_equal(network(pictures[number])[0], alone[number]):
                wrong.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
