"""Every built-in engine passes the shipped contract suite: on the packaged samples, and on real photos and speech."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.checkpoint_files import seeded_state, write_safetensors
from tests.engines.conftest import MAN, WOMAN
from tests.engines.wav2lip.drawn_mouth import DrawnMouth

from mouthpiece import EngineOptions
from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.registry import describe_all, engine_names
from mouthpiece.engines.wav2lip.engine import Wav2LipEngine
from mouthpiece.networks.wav2lip import GENERATOR
from mouthpiece.testing.engine_contract import EngineContract, EngineEssentials
from mouthpiece.types import FloatArray, TrackedFrame

pytestmark = pytest.mark.usefixtures("face_models")


@pytest.fixture(scope="session")
def seeded_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Random weights of Wav2Lip's generator, in a file that needs no PyTorch; what is made of them goes beside it."""
    folder = tmp_path_factory.mktemp("wav2lip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOUTHPIECE_CACHE", str(folder / "cache"))
        yield write_safetensors(folder / "random.safetensors", seeded_state(GENERATOR))


class OnRealMedia:
    """People and speech that nobody painted or synthesised."""

    @pytest.fixture
    def people(self, photographed: dict[str, TrackedFrame]) -> dict[str, TrackedFrame]:
        return photographed

    @pytest.fixture
    def woman(self, photographed: dict[str, TrackedFrame]) -> TrackedFrame:
        return photographed[WOMAN]

    @pytest.fixture
    def man(self, photographed: dict[str, TrackedFrame]) -> TrackedFrame:
        return photographed[MAN]

    @pytest.fixture
    def speech(self, recorded: FloatArray) -> FloatArray:
        return recorded


class TestMesh(EngineContract):
    options = EngineOptions("mesh")


class TestMeshOnRealMedia(OnRealMedia, TestMesh):
    pass


class TestFake(EngineContract):
    options = EngineOptions("fake")


class TestFakeOnRealMedia(OnRealMedia, TestFake):
    pass


class TestWav2LipByHand(EngineContract):
    """Its network costs as much a frame as the others a second: here a stand-in draws."""

    options = EngineOptions("wav2lip")

    def make(self, options: EngineOptions, job: EngineJob | None) -> Engine:
        return Wav2LipEngine(options, job, generator=DrawnMouth())


class TestWav2LipByHandOnRealMedia(OnRealMedia, TestWav2LipByHand):
    pass


class TestWav2Lip(EngineEssentials):
    """As a user runs it."""

    @pytest.fixture
    def engine_options(self, seeded_checkpoint: Path) -> EngineOptions:
        return EngineOptions("wav2lip", own={"checkpoint": seeded_checkpoint, "precision": "f32"})


class TestWav2LipOnRealMedia(OnRealMedia, TestWav2Lip):
    pass


def test_every_engine_stands_in_the_list_and_in_this_file() -> None:
    assert [info.name for info in describe_all()] == engine_names()
    tested = {kind.options.name for kind in (TestMesh, TestFake, TestWav2LipByHand)}
    assert tested <= set(engine_names())
    assert {name for name in engine_names() if f'EngineOptions("{name}")' not in Path(__file__).read_text()} == set()


def suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the suite as a stranger does, without a test file."""
    command = [sys.executable, "-m", "mouthpiece.testing.engine_contract", *arguments]
    return subprocess.run(command, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False)


def test_the_suite_is_a_command(tmp_path: Path) -> None:
    done = suite("fake", "--essentials")
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("nobody",), 1, "mouthpiece: expected one of the engines mesh, wav2lip, fake"),
        (("fake", "--engine-option", "colour=red"), 2, "mouthpiece: the engine fake has no option 'colour'"),
    ],
)
def test_the_command_names_what_is_wrong(arguments: tuple[str, ...], code: int, line: str) -> None:
    done = suite(*arguments)
    assert done.returncode == code
    assert done.stderr.startswith(line)


def test_the_suite_names_its_extra() -> None:
    """Where pytest is not installed."""
    code = (
        "import importlib.util, runpy, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'pytest' else found(name, *rest)\n"
        "sys.modules['pytest'] = None\n"
        "runpy.run_module('mouthpiece.testing.engine_contract', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    cure = "mouthpiece: the engines' contract suite needs the extra 'testing': pip install 'mouthpiece[testing]'\n"
    assert done.stderr == cure
