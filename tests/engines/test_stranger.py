"""The package on the page about engines, built from its own words and used as a stranger would, for real."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import wave
from dataclasses import dataclass
from pathlib import Path

import pytest

from mouthpiece import samples

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"(?<!`:\n\n)^```python\n(import mouthpiece\n.*?)^```$", re.MULTILINE | re.DOTALL)
WORD_S = 1.0
LICENCE = "CC0-1.0 (81 numbers made by a formula)"

pytestmark = pytest.mark.usefixtures("face_models")


@dataclass(frozen=True)
class Stranger:
    """A folder with the page's package in it, installed without a network, and a cache of its own."""

    folder: Path
    page: str

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that has the package."""
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        return os.environ | {"PYTHONPATH": path, "MOUTHPIECE_CACHE": str(self.folder / "cache"), "COLUMNS": "200"}

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of the page; `mouthpiece` and `python` are those of these tests."""
        program, *arguments = shlex.split(line)
        command = [sys.executable, *(["-m", "mouthpiece"] if program == "mouthpiece" else []), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    def done(self, line: str) -> str:
        """Run a line that has to succeed; return what it printed to standard output."""
        ended = self.run(line)
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run a program."""
        return self.run(f"python -c {shlex.quote(code)}")


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """The package installed, its weights not here yet; with a face and a second of speech."""
    folder, page = tmp_path_factory.mktemp("stranger"), PAGE.read_text("utf-8")
    for name, code in FILE.findall(page):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(code, "utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [line for group, names in groups for line in (f"[{group}]", *(f"{n} = {at}" for n, at in names.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    shutil.copy(samples.sample_face(), folder / "face.jpg")
    with wave.open(str(samples.sample_speech())) as whole, wave.open(str(folder / "speech.wav"), "wb") as word:
        word.setparams(whole.getparams())
        word.writeframes(whole.readframes(round(WORD_S * whole.getframerate())))
    return Stranger(folder, page)


@pytest.fixture(scope="module")
def without_weights(newcomer: Stranger) -> tuple[str, ...]:
    """What is printed before the weights are here: by `engines`, `weights list`, `doctor` and a program."""
    program = (
        "from mouthpiece import EngineOptions, SyncOptions, sync\n"
        "sync('face.jpg', 'speech.wav', 'no.mp4', SyncOptions(engine=EngineOptions('puppet')))"
    )
    lines = ("mouthpiece engines", "mouthpiece weights list", "mouthpiece doctor")
    return (*(newcomer.done(line) for line in lines), newcomer.python(program).stderr)


@pytest.fixture(scope="module")
def stranger(newcomer: Stranger, without_weights: tuple[str, ...]) -> Stranger:
    """The package with its weights, which the page's commands made and added."""
    first = COMMANDS.findall(newcomer.page)[0].splitlines()
    assert first[0] == "pip install -e .", "in its place the package is on the path"
    printed = {line: newcomer.done(line) for line in first[1:]}
    assert [line for line in printed if "--engine puppet" in line], "the page makes a video"
    return newcomer


def test_before_the_weights_are_here_everything_says_so(without_weights: tuple[str, ...]) -> None:
    engines, listed, doctor, program = without_weights
    how = "the weights puppet are not here; fetch it with 'mouthpiece weights fetch puppet'; a puppet.safetensors"
    assert "puppet (not ready): a puppet's mouth" in engines
    assert f"    licence     {LICENCE}" in engines
    assert "    checkpoints puppet" in engines
    assert "    option      width=1: Width of the mouth; 1 is the face's own." in engines
    assert how in engines
    assert "puppet: how far a puppet's mouth opens\n    state    not here" in listed
    assert "    source   https://example.org/puppet.safetensors" in listed
    assert f"absent   engine puppet: {how}" in doctor
    assert f"mouthpiece.errors.WeightsError: {how}" in program, "Python never downloads"


def test_the_page_s_commands_do_what_it_says(stranger: Stranger) -> None:
    assert (stranger.folder / "cache" / "checkpoints" / "puppet" / "puppet.safetensors").is_file()
    assert (stranger.folder / "out.mp4").stat().st_size > 1000
    assert "puppet: a puppet's mouth" in stranger.done("mouthpiece engines")
    assert "puppet: good (" in stranger.done("mouthpiece weights verify puppet")
    doctor = stranger.done("mouthpiece doctor")
    assert "weights      puppet: " in doctor
    assert "ok       engine puppet: puppet.safetensors" in doctor


def test_programs_get_its_options_and_checkpoints(stranger: Stranger) -> None:
    [info] = [
        found
        for line in stranger.done("mouthpiece engines --json").splitlines()
        if (found := json.loads(line))["name"] == "puppet"
    ]
    assert info["checkpoints"] == ["puppet"]
    assert [(option["name"], option["default"]) for option in info["options"]] == [("checkpoint", ""), ("width", "1")]


def test_the_page_s_program_runs(stranger: Stranger) -> None:
    [program] = PROGRAM.findall(stranger.page)
    ended = stranger.python(program)
    assert (ended.stdout, ended.stderr) == ("puppet ()\n", "")
    assert (stranger.folder / "louder.mp4").is_file()
    assert (stranger.folder / "louder.mp4").read_bytes() != (stranger.folder / "out.mp4").read_bytes()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("width=9", "mouthpiece: width expects 0.5 to 1.5, got 9"),
        ("width=wide", "mouthpiece: the engine puppet's option width: expected a number, got 'wide'"),
        ("colour=red", "mouthpiece: the engine puppet has no option 'colour'; its options are checkpoint, width"),
    ],
)
def test_its_options_are_checked_before_anything_else(stranger: Stranger, given: str, line: str) -> None:
    ended = stranger.run(f"mouthpiece sync nobody.jpg speech.wav -o no.mp4 --engine puppet --engine-option {given}")
    assert (ended.returncode, ended.stderr) == (2, f"{line}\n")


def test_other_weights_are_refused_by_its_own_reader(stranger: Stranger) -> None:
    (stranger.folder / "other.safetensors").write_bytes(b"no weights")
    line = "mouthpiece: expected the weights of a puppet in other.safetensors, got: "
    for command in ("sync face.jpg speech.wav -o no.mp4 --engine puppet --checkpoint", "weights add --name puppet"):
        ended = stranger.run(f"mouthpiece {command} other.safetensors")
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1].startswith(line)


def test_its_notices_reach_the_user(stranger: Stranger) -> None:
    command = "mouthpiece sync face.jpg speech.wav -o noticed.mp4 --engine puppet --rest 0.5 --device NPU --json"
    ended = stranger.run(command)
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    codes = {event["code"]: event for event in events if event["event"] == "warning"}
    assert {"option-ignored", "puppet-device"} <= set(codes)
    assert codes["puppet-device"]["values"] == {"device": "NPU"}


def test_it_speaks_along(stranger: Stranger) -> None:
    code = (
        "import numpy as np\n"
        "from mouthpiece import EngineOptions, LiveOptions, open_live\n"
        "with open_live('face.jpg', LiveOptions(engine=EngineOptions('puppet'), most_side=256)) as session:\n"
        "    session.push(np.zeros(8000, np.float32), 16_000)\n"
        "    frame = next(frame for frame in iter(session.next_frame, 0) if frame is not None)\n"
        "    print(session.engine, frame.rgb.shape)\n"
    )
    ended = stranger.python(code)
    assert ended.stdout == "puppet (256, 204, 3)\n", ended.stderr


def test_the_studio_makes_a_video_with_it(stranger: Stranger) -> None:
    pytest.importorskip("streamlit")
    code = """
import time
from streamlit.testing.v1 import AppTest
from mouthpiece.apps.studio.serving import SCRIPT

at = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
at.button_group(key="speech-from").set_value("samples")
at.run()
at.button_group(key="sample").set_value("en")
at.run()
at = at.selectbox(key="engine-en").set_value("puppet").run()
print([caption.value.replace(chr(92), "") for caption in at.caption if "formula" in caption.value], len(at.warning))
at.button(key="make").click().run()
until = time.monotonic() + 120
while at.session_state["visit"].is_busy() and time.monotonic() < until:
    time.sleep(0.1)
at.run()
print("by the engine puppet" in " ".join(str(block.proto.body) for block in at.get("html")), len(at.exception))
"""
    ended = stranger.python(code)
    assert ended.stdout.splitlines() == [f"['Terms of its weights: {LICENCE}'] 0", "True 0"], ended.stderr


def test_it_passes_the_contract_by_its_own_test_file(stranger: Stranger) -> None:
    printed = stranger.done("python -m pytest -q -p no:cacheprovider tests/test_puppet.py")
    assert re.search(r"^\d\d passed", printed.splitlines()[-1]), printed


def test_it_passes_the_contract_by_the_page_s_command(stranger: Stranger) -> None:
    [command] = COMMANDS.findall(stranger.page)[1].splitlines()
    assert "passed" in stranger.done(command).splitlines()[-1]
