"""The generator on every runtime: the same pictures, and one line where something isn't as asked."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mouthpiece.checkpoints import cache
from mouthpiece.engines.wav2lip.difference import MAX_RMS, Difference
from mouthpiece.engines.wav2lip.int8 import make_int8, quantisation
from mouthpiece.engines.wav2lip.loading import (
    model_store,
    open_generator,
    openvino_models,
    precision_choice,
    precision_trial,
)
from mouthpiece.engines.wav2lip.loading.generator_file import GeneratorFile
from mouthpiece.engines.wav2lip.loading.precision_choice import (
    ChosenPrecision,
    TrialResult,
    choose_precision,
    fastest,
    judge,
)
from mouthpiece.engines.wav2lip.module_process import run_module
from mouthpiece.engines.wav2lip.options import NetworkOptions, Precision, Runtime
from mouthpiece.engines.wav2lip.runtimes import on_openvino, on_torch
from mouthpiece.engines.wav2lip.sample_crops import CALIBRATION_CROPS, crops
from mouthpiece.errors import MissingExtraError, OptionError, WeightsError
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.notices import Notice
from mouthpiece.types import FloatArray

LIMIT = 1e-4
F32 = NetworkOptions(precision=Precision.F32)


def texts(warnings: tuple[Notice, ...]) -> tuple[str, ...]:
    """Return the lines for people."""
    return tuple(warning.text for warning in warnings)


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this module's own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOUTHPIECE_CACHE", str(folder))
        yield folder


@pytest.fixture
def emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it."""
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def inputs() -> tuple[FloatArray, FloatArray]:
    """Eight mel windows and faces."""
    return crops(8)


@pytest.fixture(scope="module")
def pictures(generator_state: dict[str, NDArray[Any]], inputs: tuple[FloatArray, FloatArray]) -> FloatArray:
    """What PyTorch draws of them."""
    torch = pytest.importorskip("torch")
    from mouthpiece.networks import torch_form

    with torch.inference_mode():
        drawn = torch_form.load(GENERATOR, generator_state)(*map(torch.from_numpy, inputs))
    found: FloatArray = drawn.numpy()
    assert found.std() > 0.05, "a comparison with pictures that show nothing would prove nothing"
    return found


def tiny_model(path: Path, *, mel: str = "mel", batch: int = -1, bands: int = 80) -> Path:
    """A network with the generator's inputs and output and next to no weights, as an .xml or .onnx."""
    import openvino
    from openvino import opset13 as op

    rng = np.random.default_rng(0)
    heard = op.parameter([batch, 1, bands, 16], np.float32, name=mel)
    face = op.parameter([batch, 6, 96, 96], np.float32, name="face")
    weights = (0.3 * rng.standard_normal((3, 6, 3, 3))).astype(np.float32)
    drawn = op.convolution(face, op.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1])
    loud = op.reduce_mean(heard, op.constant(np.array([1, 2, 3])), keep_dims=True)
    picture = op.sigmoid(op.add(drawn, loud))
    for node, name in ((heard, mel), (face, "face"), (picture, "picture")):
        node.output(0).get_tensor().set_names({name})
    openvino.save_model(openvino.Model([picture], [heard, face]), path, compress_to_fp16=False)
    return path


def on_all() -> list[Any]:
    """Each runtime; those that aren't installed are left out."""
    modules = {Runtime.OPENVINO: "openvino", Runtime.ONNX: "onnxruntime", Runtime.TORCH: "torch"}
    return [
        pytest.param(runtime, marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"no {name}"))
        for runtime, name in modules.items()
    ]


# The same pictures everywhere. ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", on_all())
def test_f32_is_as_pytorch(
    runtime: Runtime,
    generator_safetensors: Path,
    inputs: tuple[FloatArray, FloatArray],
    pictures: FloatArray,
) -> None:
    generator = open_generator(generator_safetensors, NetworkOptions(runtime=runtime, precision=Precision.F32), "CPU")
    assert generator.warnings == ()
    assert "f32" in generator.description
    assert generator.device.lower() == "cpu"
    assert generator.description.endswith(generator.device)
    mel, face = inputs
    kept = []
    for batch in (8, 1, 3):
        drawn = generator(mel[:batch], face[:batch])
        assert drawn.shape == (batch, 3, 96, 96)
        assert drawn.dtype == np.float32
        np.testing.assert_allclose(drawn, pictures[:batch], rtol=0, atol=LIMIT)
        kept.append((drawn, drawn.copy()))
    assert all(np.array_equal(one, copy) for one, copy in kept), "outputs are the caller's own"


def test_a_pth_is_as_a_safetensors(
    generator_checkpoint: Path, inputs: tuple[FloatArray, FloatArray], pictures: FloatArray
) -> None:
    drawn = open_generator(generator_checkpoint, F32)(*inputs)
    np.testing.assert_allclose(drawn, pictures, rtol=0, atol=LIMIT)


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.F16])
@pytest.mark.parametrize("runtime", [Runtime.OPENVINO, Runtime.TORCH])
def test_half_precision_is_near_where_the_processor_has_it(
    runtime: Runtime,
    precision: Precision,
    generator_safetensors: Path,
    inputs: tuple[FloatArray, FloatArray],
    pictures: FloatArray,
) -> None:
    if runtime is Runtime.TORCH:
        pytest.importorskip("torch")
    generator = open_generator(generator_safetensors, NetworkOptions(runtime=runtime, precision=precision))
    off = Difference.between(generator(*inputs), pictures)
    assert off.is_small or (runtime is Runtime.TORCH and off.relative < 0.06)
    if generator.warnings:
        assert generator.warnings[0].text.endswith(f"doesn't compute in {precision} itself; running f32")
        assert off.greatest < LIMIT
    else:
        assert precision.value in generator.description


def test_a_precision_that_the_processor_hasnt_is_not_forced(
    generator_safetensors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_openvino, "native_precisions", lambda device: (Precision.F32,))
    generator = open_generator(generator_safetensors, NetworkOptions(precision=Precision.BF16))
    assert texts(generator.warnings) == ("CPU doesn't compute in bf16 itself; running f32",)
    assert generator.description == "OpenVINO, f32, CPU"
    pytest.importorskip("torch")
    monkeypatch.setattr(on_torch, "_is_native", lambda precision, place: False)
    options = NetworkOptions(runtime=Runtime.TORCH, precision=Precision.F16)
    assert texts(open_generator(generator_safetensors, options).warnings) == (
        "cpu doesn't compute in f16 itself; running f32",
    )


def test_bf16_is_native_only_where_the_processor_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from mouthpiece.cpu import Processor

    old = Processor("an old one", frozenset({"avx2", "avx512f"}), 0x16)
    monkeypatch.setattr(on_openvino, "this_processor", lambda: old)
    assert not {Precision.BF16, Precision.F16} & set(on_openvino.native_precisions("CPU"))
    able = Processor("a new one", frozenset({"avx512f", "avx512_bf16"}), 0x20)
    monkeypatch.setattr(on_openvino, "this_processor", lambda: able)
    monkeypatch.setattr(on_openvino, "keep_off_hidden_tiles", lambda: False)
    assert on_openvino.native_precisions("CPU") == (Precision.F32,), "nothing else is safe in such a process"
    assert on_openvino.native_precisions("AUTO") == (Precision.F32,)


# Devices and extras. --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cuda", "NPU.7", "mps", "no-such"])
@pytest.mark.parametrize("runtime", on_all())
def test_a_device_that_isnt_here_is_the_cpu_and_one_line(runtime: Runtime, device: str, tmp_path: Path) -> None:
    if runtime is Runtime.OPENVINO:
        generator = open_generator(tiny_model(tmp_path / "tiny.xml"), F32, device)
        why = "is PyTorch's (--runtime torch)" if device in ("cuda", "mps") else "isn't here"
        assert texts(generator.warnings) == (f"device {device} {why}; running on CPU",)
        assert generator.description == "OpenVINO, f32, CPU"
        assert generator.device == "CPU"
    elif runtime is Runtime.TORCH:
        place, warnings = on_torch.choose_device(device)
        if place == "cpu":
            assert texts(warnings) == (f"device {device} isn't here for PyTorch; running on CPU",)
    else:
        pytest.importorskip("onnx")
        generator = open_generator(tiny_onnx(tmp_path / "tiny.onnx"), NetworkOptions(runtime=runtime), device)
        assert generator.description.endswith(generator.device)
        if generator.device == "CPU":
            assert texts(generator.warnings) == (f"device {device} isn't here for ONNX Runtime; running on CPU",)


def tiny_onnx(path: Path, *, mel: str = "mel", batch: str | int = "batch") -> Path:
    """As `tiny_model`, written by ONNX's own library."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    def value(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape])

    weights = (0.3 * np.random.default_rng(0).standard_normal((3, 6, 3, 3))).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["face", "w"], ["c"], pads=[1] * 4),
        helper.make_node("ReduceMean", [mel], ["m"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Add", ["c", "m"], ["s"]),
        helper.make_node("Sigmoid", ["s"], ["picture"]),
    ]
    ports = [value(mel, 1, 80, 16), value("face", 6, 96, 96)]
    graph = helper.make_graph(
        nodes, "tiny", ports, [value("picture", 3, 96, 96)], [numpy_helper.from_array(weights, "w")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("runtime", "precision", "module", "extra"),
    [
        (Runtime.ONNX, Precision.F32, "onnxruntime", "onnx"),
        (Runtime.TORCH, Precision.F32, "torch", "torch"),
        (Runtime.OPENVINO, Precision.INT8, "nncf", "int8"),
    ],
)
def test_a_missing_library_names_its_extra(
    runtime: Runtime,
    precision: Precision,
    module: str,
    extra: str,
    generator_safetensors: Path,
    emptied: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tiny_model(tmp_path / "tiny.xml") if precision is Precision.INT8 else generator_safetensors
    found = importlib.util.find_spec
    for name in ("runtimes.generator", "int8"):
        monkeypatch.setattr(
            f"mouthpiece.engines.wav2lip.{name}.find_spec",
            lambda wanted: None if wanted == module else found(wanted),
        )
    with pytest.raises(MissingExtraError, match=rf"mouthpiece\[{extra}\]") as caught:
        open_generator(source, NetworkOptions(runtime=runtime, precision=precision))
    assert caught.value.extra == extra


# Exported models. -----------------------------------------------------------------------------------------------------


def test_an_exported_model_runs_as_it_is(tmp_path: Path, inputs: tuple[FloatArray, FloatArray]) -> None:
    pytest.importorskip("onnxruntime")
    xml, onnx = tiny_model(tmp_path / "tiny.xml"), tiny_onnx(tmp_path / "tiny.onnx")
    drawn = open_generator(xml, F32)(*inputs)
    np.testing.assert_allclose(open_generator(onnx, F32)(*inputs), drawn, rtol=0, atol=LIMIT)
    on_its_own = open_generator(onnx, NetworkOptions(runtime=Runtime.ONNX))
    np.testing.assert_allclose(on_its_own(*inputs), drawn, rtol=0, atol=LIMIT)


@pytest.mark.parametrize("suffix", [".xml", ".onnx"])
def test_a_model_for_one_batch_size_is_opened_up(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"one{suffix}"
    if suffix == ".onnx":
        pytest.importorskip("onnx")
        tiny_onnx(path, batch=1)
        pytest.importorskip("onnxruntime")
        with pytest.raises(WeightsError, match="for one size only"):
            open_generator(path, NetworkOptions(runtime=Runtime.ONNX))
    else:
        tiny_model(path, batch=1)
    assert open_generator(path, F32)(*crops(5)).shape == (5, 3, 96, 96)


def test_a_foreign_model_is_refused(tmp_path: Path) -> None:
    for other in (tiny_model(tmp_path / "bands.xml", bands=64), tiny_model(tmp_path / "name.xml", mel="audio")):
        with pytest.raises(
            WeightsError, match=r"expected the Wav2Lip generator as 'mouthpiece export' writes it"
        ) as caught:
            open_generator(other, F32)
        assert "\n" not in str(caught.value)
    pytest.importorskip("onnxruntime")
    foreign = tiny_onnx(tmp_path / "name.onnx", mel="audio")
    for runtime in (Runtime.OPENVINO, Runtime.ONNX):
        with pytest.raises(WeightsError, match=r"takes audio \[1, 80, 16\], face"):
            open_generator(foreign, NetworkOptions(runtime=runtime, precision=Precision.F32))


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="found no file there"):
        open_generator(tmp_path / "none.onnx", F32)
    lonely = tiny_model(tmp_path / "lonely.xml")
    lonely.with_suffix(".bin").unlink()
    with pytest.raises(WeightsError, match=r"expected lonely\.bin beside"):
        open_generator(lonely, F32)
    for name in ("a.xml", "a.onnx"):
        (tmp_path / name).write_bytes(b"nonsense")
        (tmp_path / "a.bin").write_bytes(b"")
        with pytest.raises(WeightsError, match="damaged or something else"):
            open_generator(tmp_path / name, F32)
    pytest.importorskip("onnxruntime")
    with pytest.raises(WeightsError, match="damaged or another"):
        open_generator(tmp_path / "a.onnx", NetworkOptions(runtime=Runtime.ONNX))


def test_runtimes_that_cant_run_a_kind_of_file_say_so(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "tiny.xml")
    with pytest.raises(OptionError, match=r"give it an \.onnx or a checkpoint"):
        open_generator(path, NetworkOptions(runtime=Runtime.ONNX))
    with pytest.raises(OptionError, match="give it a checkpoint"):
        open_generator(path, NetworkOptions(runtime=Runtime.TORCH))


# What is kept. --------------------------------------------------------------------------------------------------------


def test_a_model_is_made_once_and_again_when_it_is_damaged(
    generator_safetensors: Path, monkeypatch: pytest.MonkeyPatch, inputs: tuple[FloatArray, FloatArray]
) -> None:
    before = open_generator(generator_safetensors, F32)(*inputs)
    read = GeneratorFile.openvino_model
    asked: list[Path] = []

    def noted(source: GeneratorFile) -> Any:
        asked.append(source.path)
        return read(source)

    monkeypatch.setattr(GeneratorFile, "openvino_model", noted)
    open_generator(generator_safetensors, F32)
    assert not asked
    digest = GeneratorFile(generator_safetensors).digest
    [folder] = [path for path in cache.models_dir().iterdir() if path.name.startswith(f"{digest[:12]}-f32-openvino")]
    with (folder / openvino_models.MODEL).with_suffix(".bin").open("r+b") as file:
        file.truncate(1000)
    np.testing.assert_array_equal(open_generator(generator_safetensors, F32)(*inputs), before)
    assert asked == [generator_safetensors]
    assert {path.name for path in cache.models_dir().iterdir() if path.name.startswith(".")} == set(), "nothing is left"


def test_a_cache_that_cant_be_written_costs_time_only(
    generator_safetensors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: tuple[FloatArray, FloatArray]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path / "file" / "cache"))
    assert open_generator(generator_safetensors, F32)(*inputs).shape == (8, 3, 96, 96)
    generator = open_generator(generator_safetensors, NetworkOptions())
    assert generator.description == "OpenVINO, f32 (chosen by trial), CPU" or "f32" in generator.description
    [warning] = generator.warnings
    assert warning.text.startswith("precision auto tried nothing and runs f32")


def test_processes_that_make_the_same_model_both_get_it(emptied: Path) -> None:
    together = threading.Barrier(2)

    def make(folder: Path) -> None:
        together.wait(10)
        (folder / "model").write_bytes(b"whole")

    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(model_store.ensure_model("ab" * 32, "x", make))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert (found[0] / "model").read_bytes() == b"whole"
    assert [path.name for path in found[0].parent.iterdir()] == ["abababababab-x"]


def test_a_model_that_cant_be_made_leaves_nothing(emptied: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "model").write_bytes(b"half")
        raise WeightsError("no")

    with pytest.raises(WeightsError, match="no"):
        model_store.ensure_model("ab" * 32, "x", make)
    assert list((emptied / "models").iterdir()) == []


# int8. ----------------------------------------------------------------------------------------------------------------


def test_int8_of_a_checkpoint_is_as_good(
    generator_safetensors: Path, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    monkeypatch.setattr(openvino_models, "nncf_version", lambda: None)
    options = NetworkOptions(precision=Precision.INT8)
    generator = open_generator(generator_safetensors, options)
    if generator.warnings:
        pytest.skip("this device has no int8")
    assert generator.description == "OpenVINO, int8, CPU"
    unseen = crops(16, after=CALIBRATION_CROPS + quantisation.JUDGED)
    drawn = generator(*unseen)
    off = Difference.between(drawn, open_generator(generator_safetensors, F32)(*unseen))
    assert off.greatest > 0, "it is int8"
    assert off.is_small
    monkeypatch.setattr(openvino_models, "make_int8", lambda *_: pytest.fail("it was made before"))
    np.testing.assert_array_equal(open_generator(generator_safetensors, options)(*unseen), drawn)


def test_the_fastest_int8_model_that_is_good_enough_is_taken(
    generator_state: dict[str, NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Quantiser:
        """Each model is the list of what stays in f32."""

        def __init__(self, *_: object) -> None:
            pass

        def model(self, whole: tuple[str, ...]) -> tuple[str, ...]:
            return whole

    def off_by(error: dict[tuple[str, ...], float]) -> None:
        base = np.random.default_rng(0).random((2, 3, 96, 96)).astype(np.float32)
        monkeypatch.setattr(
            quantisation,
            "_pictures",
            lambda model, precision: base + np.float32(error[model] if precision is Precision.INT8 else 0),
        )

    monkeypatch.setattr("mouthpiece.engines.wav2lip.int8.rounding.Quantiser", Quantiser)
    monkeypatch.setattr("mouthpiece.networks.openvino_form.openvino_model", lambda *_: None)
    rungs = quantisation.WHOLE
    assert all(name in {layer.name for layer in GENERATOR.layers} for rung in rungs for name in rung)
    off_by(dict(zip(rungs, (0.1, 0.001, 0, 0), strict=True)))
    assert quantisation.quantise_state(generator_state) == rungs[1]
    off_by(dict.fromkeys(rungs, 0.1))
    assert quantisation.quantise_state(generator_state) == rungs[-1], "the truest"


def test_int8_of_an_exported_model_is_made_by_nncf_and_kept(
    emptied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: tuple[FloatArray, FloatArray]
) -> None:
    pytest.importorskip("nncf")
    path = tiny_model(tmp_path / "tiny.xml")
    whole = open_generator(path, F32)(*inputs)
    options = NetworkOptions(precision=Precision.INT8)
    generator = open_generator(path, options)
    if generator.warnings:
        pytest.skip("this device has no int8")
    assert generator.description == "OpenVINO, int8, CPU"
    off = Difference.between(generator(*inputs), whole)
    assert 0 < off.greatest < 0.05, "bright faces are not clipped either"
    monkeypatch.setattr(openvino_models, "nncf_version", lambda: None)
    np.testing.assert_allclose(open_generator(path, options)(*inputs), generator(*inputs), atol=1e-6)
    [model] = emptied.glob("models/*int8*/generator.xml")
    exported = open_generator(model, F32)
    assert exported.description == "OpenVINO, int8 as exported, CPU"
    assert texts(exported.warnings) == ("generator.xml was exported in int8 and runs so, not in f32",)


def test_an_onnx_file_in_int8_runs_so_on_onnx_runtime(tmp_path: Path, inputs: tuple[FloatArray, FloatArray]) -> None:
    for library in ("onnx", "onnxruntime", "nncf"):
        pytest.importorskip(library)
    whole, path = tiny_onnx(tmp_path / "tiny.onnx"), tmp_path / "int8.onnx"
    make_int8(whole, path)

    def on_onnx(model: Path, precision: Precision) -> Any:
        return open_generator(model, NetworkOptions(runtime=Runtime.ONNX, precision=precision))

    generator = on_onnx(path, Precision.INT8)
    assert generator.warnings == ()
    assert generator.description == "ONNX Runtime, int8 as exported, CPU"
    assert on_onnx(path, Precision.AUTO).description == "ONNX Runtime, as exported, CPU"
    off = Difference.between(generator(*inputs), on_onnx(whole, Precision.F32)(*inputs))
    assert 0 < off.greatest < 0.05
    assert texts(on_onnx(path, Precision.F32).warnings) == ("int8.onnx was exported in int8 and runs so, not in f32",)
    assert texts(on_onnx(whole, Precision.INT8).warnings) == ("ONNX Runtime runs f32 here, not int8",)


def test_calibration_crops_are_faces_and_speech() -> None:
    mel, face = crops(12)
    assert (mel.shape, face.shape) == ((12, 1, 80, 16), (12, 6, 96, 96))
    assert mel.dtype == face.dtype == np.float32
    assert mel.min() >= -4
    assert mel.max() <= 4
    assert mel.std() > 0.5, "somebody speaks"
    assert face.min() >= 0
    assert face.max() <= 1
    assert (face[:, :3, 48:] == 0).all()
    np.testing.assert_array_equal(face[:, :3, :48], face[:, 3:, :48])
    later = crops(4, after=8)
    assert all(np.array_equal(one, other[8:]) for one, other in zip(later, (mel, face), strict=True))
    brightness = face[:, 3:].mean(axis=(1, 2, 3))
    assert brightness.max() > 2 * brightness.min(), "in light and darkness"
    np.testing.assert_array_equal(crops(12)[1], face)


# The choice. ----------------------------------------------------------------------------------------------------------

SHAPE = (2, 3, 4, 4)


def drawn(ms: float, error: float = 0.0) -> precision_trial.PrecisionTrial:
    """A trial whose pictures are off by an error of one sign or the other."""
    rng = np.random.default_rng(0)
    base = rng.random(SHAPE).astype(np.float32)
    return precision_trial.PrecisionTrial(ms, base + np.float32(error) * rng.choice([-1, 1], SHAPE).astype(np.float32))


def results(**trials: precision_trial.PrecisionTrial | None) -> dict[Precision, TrialResult]:
    """Trials by precision, judged."""
    return {Precision(name): judge(one, trials["f32"]) for name, one in trials.items()}


def test_the_fastest_that_is_as_good_is_chosen() -> None:
    assert fastest(results(f32=drawn(30), bf16=drawn(12, 0.001), int8=drawn(8, 0.002))) is Precision.INT8
    assert fastest(results(f32=drawn(30), bf16=drawn(12, 0.001), int8=drawn(8, 0.02))) is Precision.BF16
    assert fastest(results(f32=drawn(30), bf16=None, int8=drawn(8, 0.02))) is Precision.F32
    assert fastest(results(f32=drawn(30), bf16=drawn(29, 0.001))) is Precision.F32, "not worth a difference"
    assert fastest(results(f32=None, bf16=drawn(5))) is Precision.F32, "nothing to compare with"


def test_differences_count_beside_the_pictures_contrast() -> None:
    rng = np.random.default_rng(0)
    plain = (0.5 + 0.001 * rng.standard_normal(SHAPE)).astype(np.float32)
    off = Difference.between(plain + np.float32(0.001), plain)
    assert off.rms < MAX_RMS
    assert off.relative == pytest.approx(0.001 / plain.std(), rel=0.01)
    assert not off.is_small
    sharp = rng.random((1, 3, 96, 96)).astype(np.float32)
    spoilt = sharp.copy()
    spoilt[0, 0, 0, 0] += 0.2
    assert not Difference.between(spoilt, sharp).is_small, "a single pixel may be seen"


def test_a_choice_is_made_once(
    emptied: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[Precision] = []
    worth: dict[Precision, float] = {}

    def played(
        path: Path, precision: Precision, device: str, folder: Path, worth_ms: float
    ) -> precision_trial.PrecisionTrial | None:
        tries.append(precision)
        worth[precision] = worth_ms
        return {Precision.F32: drawn(30), Precision.BF16: None, Precision.INT8: drawn(15, 0.001)}[precision]

    monkeypatch.setattr(precision_choice, "run_trial", played)
    model = Path("model.xml")
    candidates = {precision: lambda: model for precision in (Precision.F32, Precision.BF16, Precision.INT8)}
    caplog.set_level("INFO", logger=precision_choice.__name__)
    first = choose_precision("ab" * 32, "CPU", candidates)
    assert first.precision is Precision.INT8
    assert [record.message for record in caplog.records][1] == (
        "chose int8: f32 30.0 ms a frame, int8 15.0 ms a frame, bf16 can't run"
    )
    assert worth == {Precision.F32: np.inf, Precision.BF16: 28.5, Precision.INT8: 28.5}
    assert choose_precision("ab" * 32, "CPU", candidates) == first
    assert len(tries) == 3, "remembered"
    assert precision_choice.remembered_choices() == [first]
    choose_precision("cd" * 32, "CPU", candidates)
    del candidates[Precision.BF16]
    choose_precision("ab" * 32, "CPU", candidates)
    assert len(tries) == 8, "other weights and other candidates are tried"
    (emptied / "choices.json").write_text('{"damaged')
    assert choose_precision("ab" * 32, "CPU", candidates).precision is Precision.INT8
    assert len(tries) == 10
    assert len(json.loads((emptied / "choices.json").read_text())) == 1


def test_what_is_fast_and_good_ends_the_search(emptied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[Precision] = []

    def played(path: Path, precision: Precision, *_: object) -> precision_trial.PrecisionTrial:
        tries.append(precision)
        return drawn(30) if precision is Precision.F32 else drawn(8, error[precision])

    monkeypatch.setattr(precision_choice, "run_trial", played)
    candidates = {precision: lambda: Path("x") for precision in (Precision.BF16, Precision.INT8, Precision.F32)}
    error = {Precision.INT8: 0.001, Precision.BF16: 0.0}
    assert choose_precision("ab" * 32, "CPU", candidates).precision is Precision.INT8
    assert tries == [Precision.F32, Precision.INT8]
    error[Precision.INT8] = 0.1
    assert choose_precision("cd" * 32, "CPU", candidates).precision is Precision.BF16
    assert tries[2:] == [Precision.F32, Precision.INT8, Precision.BF16]


def test_a_trial_without_f32_is_no_choice(emptied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_choice, "run_trial", lambda *_: None)
    found = choose_precision("ab" * 32, "CPU", {Precision.F32: lambda: Path("x"), Precision.BF16: lambda: Path("x")})
    assert isinstance(found, ChosenPrecision)
    assert found.precision is Precision.F32
    assert precision_choice.remembered_choices() == []


def test_a_precision_is_tried_in_a_process_of_its_own(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny.xml")
    found = precision_trial.run_trial(model, Precision.F32, "CPU", tmp_path)
    assert found is not None
    assert found.ms_a_frame > 0
    np.testing.assert_allclose(
        found.pictures,
        open_generator(model, F32)(*crops(precision_trial.PICTURES, after=CALIBRATION_CROPS)),
        rtol=0,
        atol=LIMIT,
    )
    assert precision_trial.run_trial(model, Precision.F32, "NO-SUCH", tmp_path) is None


@pytest.mark.parametrize(("ms", "batches"), [(1.0, precision_trial.MOST_BATCHES), (100.0, 3), (10_000.0, 2)])
def test_what_is_far_too_slow_is_not_measured_for_long(
    ms: float, batches: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    calls: list[int] = []

    def draw(mel: FloatArray, face: FloatArray) -> FloatArray:
        calls.append(len(mel))
        clock[0] += len(mel) * ms / 1000 * (3 if len(calls) == 1 else 1)
        return np.zeros((len(mel), 3, 96, 96), np.float32)

    monkeypatch.setattr(precision_trial, "OpenVinoGenerator", lambda *_: draw)
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    found = precision_trial.measure(tmp_path, Precision.BF16, "CPU", worth_ms=1000.0)
    assert found.ms_a_frame == pytest.approx(ms), "the first batch of all doesn't count"
    assert len(found.pictures) == precision_trial.PICTURES
    assert len(calls) == batches


def test_a_trial_that_dies_or_hangs_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dies.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run_module("dies", timeout_s=60.0) is None
    assert run_module("hangs", timeout_s=0.5) is None


def test_auto_chooses_something_that_runs(
    emptied: Path, tmp_path: Path, inputs: tuple[FloatArray, FloatArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_models, "nncf_version", lambda: None)
    path = tiny_model(tmp_path / "tiny.xml")
    generator = open_generator(path, NetworkOptions(), "auto")
    off = Difference.between(generator(*inputs), open_generator(path, F32)(*inputs))
    assert off.is_small
    assert generator.warnings == ()
    assert "CPU" in generator.description or "AUTO" in generator.description
