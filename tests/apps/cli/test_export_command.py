"""`mouthpiece export`: models that draw what the checkpoint draws, whole files or none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.apps.staging import Said
from tests.checkpoint_files import seeded_inputs, seeded_state, write_safetensors

from mouthpiece.engines.wav2lip import export
from mouthpiece.engines.wav2lip.export import export_generator
from mouthpiece.engines.wav2lip.options import ExportFormat, ExportPrecision, ExportRoute
from mouthpiece.errors import EngineError, OutputError
from mouthpiece.networks.wav2lip import GENERATOR, SYNC_EXPERT
from mouthpiece.types import FloatArray

Run = Callable[..., Said]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeded random weights."""
    return write_safetensors(tmp_path_factory.mktemp("weights") / "w.safetensors", seeded_state(GENERATOR))


@pytest.fixture(autouse=True)
def own_cache(cache_folder: Path) -> None:
    """Nothing of the user's is touched."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[int, ...]:
    """Fewer and smaller batches are compared: one test of them all is enough."""
    monkeypatch.setattr(export, "BATCHES", (1, 2))
    return export.BATCHES


def test_onnx_is_as_pytorch_and_runs_on_onnx_runtime(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    onnxruntime, torch = pytest.importorskip("onnxruntime"), pytest.importorskip("torch")
    out = tmp_path / "g.onnx"
    said = run("export", str(checkpoint), "--to", "onnx", "-o", str(out))
    assert said.code == 0, said.err
    lines = said.err.splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["batch of 1", "batch of 3", "batch of 8"]
    assert all("differs from PyTorch, f32 by" in line for line in lines[:3])
    assert "f32, via arrays" in lines[3]
    from mouthpiece.networks import torch_form

    given = seeded_inputs(GENERATOR, 2)
    with torch.inference_mode():
        expected = torch_form.load(GENERATOR, seeded_state(GENERATOR))(*map(torch.from_numpy, given.values())).numpy()
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["picture"], given)[0], expected, rtol=0, atol=1e-4)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["g.onnx"], "nothing else is left"


@pytest.mark.parametrize(("to", "via", "precision"), [("openvino", "onnx", "f32"), ("onnx", "torch", "f16")])
def test_the_way_by_pytorch(
    run: Run, checkpoint: Path, tmp_path: Path, few: tuple[int, ...], to: str, via: str, precision: str
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    out = tmp_path / f"g{ExportFormat(to).suffix}"
    said = run("export", str(checkpoint), "--to", to, "-o", str(out), "--via", via, "--precision", precision, "--json")
    assert said.code == 0, said.err
    [report] = said.events
    assert (report["event"], report["via"], report["precision"]) == ("result", via, precision)
    differences = [one["difference"]["greatest"] for one in report["compared"]]
    assert max(differences) < (1e-4 if precision == "f32" else 0.02)
    assert [one["batch"] for one in report["compared"]] == list(few)
    files = {path.name for path in tmp_path.iterdir() if path.name != "cache"}
    assert files == ({"g.xml", "g.bin"} if to == "openvino" else {"g.onnx"})
    assert report["size_bytes"] == sum((tmp_path / name).stat().st_size for name in files)
    assert (report["size_bytes"] < 80e6) is (precision == "f16")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--to", "onnx", "-o", "g.xml"), 2, "expected OUT to end with .onnx"),
        (("--to", "openvino", "-o", "g.onnx"), 2, "expected OUT to end with .xml"),
        (("--to", "onnx", "-o", "g.onnx", "--via", "onnx"), 2, "choose torch or arrays"),
        (("--to", "onnx", "-o", "there.onnx"), 1, "exists already"),
        (("--to", "openvino", "-o", "there.xml"), 1, "there.bin exists already"),
        (("--to", "onnx", "-o", "nowhere/g.onnx"), 1, "expected a folder"),
        (("--to", "keras", "-o", "g.onnx"), 2, "'keras'"),
        (("--to", "onnx", "-o", "g.onnx", "--precision", "bf16"), 2, "'bf16'"),
    ],
)
def test_what_cant_be_done_is_said_before_anything_is_made(
    run: Run,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.onnx").write_bytes(b"theirs")
    (tmp_path / "there.bin").write_bytes(b"theirs")
    said = run("export", str(checkpoint), *arguments)
    assert said.code == code
    assert message in said.err
    assert said.err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"there.onnx", "there.bin"}


def test_bad_checkpoints(run: Run, tmp_path: Path) -> None:
    other = write_safetensors(tmp_path / "expert.safetensors", seeded_state(SYNC_EXPERT))
    (tmp_path / "junk.pth").write_bytes(b"junk")
    for path, message in ((other, "expected the Wav2Lip generator"), (tmp_path / "junk.pth", "junk.pth")):
        said = run("export", str(path), "--to", "openvino", "-o", str(tmp_path / "g.xml"))
        assert said.code == 1
        assert message in said.err
        assert said.err.count("\n") == 1
    assert {path.suffix for path in tmp_path.iterdir()} <= {".safetensors", ".pth", ""}


@pytest.mark.usefixtures("few")
def test_a_missing_library_names_its_extra(
    run: Run, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    monkeypatch.setattr(export, "nncf_version", lambda: None)
    out = str(tmp_path / "g.xml")
    said = run("export", str(checkpoint), "--to", "openvino", "-o", out, "--via", "torch")
    assert (said.code, "mouthpiece[torch]" in said.err) == (1, True)
    said = run("export", str(checkpoint), "--to", "onnx", "-o", str(tmp_path / "g.onnx"), "--precision", "int8")
    assert (said.code, "mouthpiece[int8]" in said.err) == (1, True)
    said = run("export", str(checkpoint), "--to", "openvino", "-o", out)
    assert said.code == 0, "straight from the arrays nothing is needed"
    assert "differs from OpenVINO, f32 (PyTorch isn't installed)" in said.err


def test_int8_for_openvino_needs_no_further_library(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Path, Path]] = []

    def write(source: Path, target: Path) -> None:
        made.append((source, target))
        raise EngineError("this is as far as it has to go")

    monkeypatch.setattr(export, "nncf_version", lambda: None)
    monkeypatch.setattr(export, "make_int8", write)
    with pytest.raises(EngineError, match="as far as"):
        export_generator(
            checkpoint, tmp_path / "g.xml", ExportFormat.OPENVINO, ExportPrecision.INT8, ExportRoute.ARRAYS
        )
    assert [(source, target.name) for source, target in made] == [(checkpoint, "int8.xml")]


def test_an_export_that_draws_something_else_is_not_kept(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "g.xml"
    out.write_bytes(b"before")
    monkeypatch.setattr(export, "MAX_F32_DIFFERENCE", -1.0)
    monkeypatch.setattr(export, "BATCHES", (1,))
    with pytest.raises(EngineError, match="nothing was written"):
        export_generator(checkpoint, out, ExportFormat.OPENVINO, via=ExportRoute.ARRAYS)
    assert out.read_bytes() == b"before"
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"g.xml"}


@pytest.mark.usefixtures("few")
def test_weights_that_draw_nothing_are_not_taken_for_equal(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a training that went astray, say: finite, but what they draw isn't."""

    def astray(mel: FloatArray, face: FloatArray) -> FloatArray:
        return np.full((len(mel), 3, 96, 96), np.nan, dtype=np.float32)

    monkeypatch.setattr(export, "_reference", lambda _: ("PyTorch, f32", astray))
    with pytest.raises(EngineError, match="nothing was written"):
        export_generator(checkpoint, tmp_path / "g.xml", ExportFormat.OPENVINO, via=ExportRoute.ARRAYS)
    assert not (tmp_path / "g.xml").exists()


def test_both_files_are_replaced_or_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    made, out = folder / "whole.xml", tmp_path / "g.xml"
    for path, text in ((made, "new"), (out, "old")):
        path.write_text(text)
        path.with_suffix(".bin").write_text(text)
    replace = Path.replace

    def failing(path: Path, target: Path) -> Path:
        if path == made:
            raise PermissionError(13, "not allowed")
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing)
        with pytest.raises(OSError, match="not allowed"):
            export._publish(made, out)
    assert (out.read_text(), out.with_suffix(".bin").read_text()) == ("old", "old")
    made.with_suffix(".bin").write_text("new")
    export._publish(made, out)
    assert (out.read_text(), out.with_suffix(".bin").read_text()) == ("new", "new")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(
    run: Run, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(export, "nncf_version", lambda: "any")
    monkeypatch.setattr(export, "make_int8", lambda *_: os.kill(os.getpid(), number))
    said = run("export", str(checkpoint), "--to", "openvino", "-o", str(tmp_path / "g.xml"), "--precision", "int8")
    assert said.code == 128 + number
    assert said.err.splitlines() == [
        "mouthpiece: making an int8 model; this takes a minute or so",
        "mouthpiece: cancelled; nothing was written",
    ]
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}


def test_a_folder_that_cant_be_written(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        export_generator(checkpoint, tmp_path / "none" / "g.xml", ExportFormat.OPENVINO)
