"""`mouthpiece weights`, with a server on this machine and a catalogue that points to it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.apps.staging import Said
from tests.checkpoint_files import seeded_state, write_safetensors
from tests.checkpoints import serving
from tests.checkpoints.serving import CONTENT, CONTENT_SHA256, Server

from mouthpiece import samples
from mouthpiece.apps.cli import console
from mouthpiece.apps.cli.commands import weights
from mouthpiece.apps.cli.console import Console
from mouthpiece.checkpoints import cache, catalogue, store
from mouthpiece.checkpoints.catalogue import Checkpoint
from mouthpiece.checkpoints.download import RetryPolicy, Transfer
from mouthpiece.engines.wav2lip.runtimes import generator
from mouthpiece.errors import MissingExtraError, WeightsError
from mouthpiece.networks.published_weights import CHECKPOINTS, PROJECT_PAGE
from mouthpiece.networks.wav2lip import GENERATOR, QUALITY_DISCRIMINATOR, SYNC_EXPERT
from mouthpiece.options import EngineOptions

Run = Callable[..., Said]
TERMS = "for this test only"


@pytest.fixture(autouse=True)
def known(cache_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, Checkpoint]:
    """The catalogue's names, one of each kind; `wav2lip-gan` is what the server serves."""
    served: dict[str, Any] = {
        "wav2lip": {"sources": (server.url("other"),), "size": 7, "sha256": "0" * 64},
        "wav2lip-gan": {"sources": (server.url(),), "size": None, "sha256": CONTENT_SHA256},
        "lipsync-expert": {"sources": (server.url(),), "sha256": None},
        "visual-quality-disc": {"sources": (), "sha256": None},
    }
    made = {one.name: replace(one, **served[one.name], licence=TERMS) for one in CHECKPOINTS}
    monkeypatch.setattr(catalogue, "_load_all", lambda: (made, ()))
    return made


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say which network every file holds: real ones are large."""

    def recognise_as(name: str) -> None:
        def recogniser(file: Path) -> str:
            return name

        known = {one.name: replace(one, recognise=recogniser) for one in catalogue.known_checkpoints().values()}
        monkeypatch.setattr(catalogue, "_load_all", lambda: (known, ()))

    return recognise_as


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A user's own file."""
    path = tmp_path / "mine.pth"
    path.write_bytes(b"my own training")
    return path


class TestList:
    """`weights list`."""

    def test_an_empty_cache(self, run: Run, cache_folder: Path) -> None:
        said = run("weights", "list")
        assert said.code == 0
        assert said.out.count("state    not here") == 4
        assert f"    licence  {TERMS}\n" in said.out
        assert f"    sha256   {CONTENT_SHA256} (published)\n" in said.out
        assert "    sha256   not known; that of the first file that comes will be remembered\n" in said.out
        assert f"    source   none known; see {PROJECT_PAGE}\n" in said.out
        assert not cache_folder.exists()

    def test_what_is_here_and_damaged_and_half_fetched(self, run: Run, server: Server) -> None:
        assert run("weights", "fetch", "wav2lip-gan").code == 0
        cache.ensure_folder(store.folder_of("wav2lip")).joinpath("wav2lip.pth").write_bytes(b"spoilt")
        part = cache.ensure_folder(store.folder_of("lipsync-expert")) / "lipsync_expert.pth.part"
        part.write_bytes(bytes(2_000_000))
        states = [line.split(maxsplit=1)[1] for line in run("weights", "list").out.splitlines() if "    state" in line]
        assert states == ["damaged", "here", "not here, 2 MB of it fetched", "not here"]

    def test_for_programs(self, run: Run, known: dict[str, Checkpoint], server: Server) -> None:
        run("weights", "fetch", "wav2lip-gan")
        events = run("weights", "list", "--json").events
        assert [event["name"] for event in events] == list(known)
        assert events[1] == {
            "event": "weights",
            "name": "wav2lip-gan",
            "title": known["wav2lip-gan"].title,
            "state": "here",
            "size": len(CONTENT),
            "fetched_bytes": 0,
            "path": str(store.cached_path("wav2lip-gan")),
            "sha256": CONTENT_SHA256,
            "published": True,
            "origin": server.url(),
            "licence": TERMS,
            "sources": [server.url()],
            "project_page": PROJECT_PAGE,
        }


class TestFetch:
    """`weights fetch`."""

    def test_terms_come_first_and_once(self, run: Run) -> None:
        said = run("weights", "fetch", "wav2lip-gan")
        path = store.cached_path("wav2lip-gan")
        assert said == Said(
            0,
            "",
            f"mouthpiece: licence terms of wav2lip-gan: {TERMS}\nwav2lip-gan: fetched; {path}\n",
        )
        assert path and path.read_bytes() == CONTENT
        assert run("weights", "fetch", "wav2lip-gan").err == f"wav2lip-gan: was here already; {path}\n"
        path.unlink()
        assert run("weights", "fetch", "wav2lip-gan").err == f"wav2lip-gan: fetched; {path}\n"

    def test_the_quiet_see_the_terms_too(self, run: Run) -> None:
        assert run("weights", "fetch", "-q", "wav2lip-gan").err.startswith("mouthpiece: licence terms")
        assert run("weights", "fetch", "-q", "wav2lip-gan").err == ""

    def test_terms_come_before_the_first_byte(self, run: Run, server: Server) -> None:
        server.always = serving.status(404)
        said = run("weights", "fetch", "wav2lip-gan")
        assert said.code == 1
        terms, error = said.err.splitlines()
        assert TERMS in terms
        assert error.startswith("mouthpiece: wav2lip-gan could not be fetched (127.0.0.1: answered 404); ")
        assert error.endswith("get wav2lip_gan.pth elsewhere and run: mouthpiece weights add FILE")

    def test_for_programs(self, run: Run) -> None:
        events = run("weights", "fetch", "--json", "wav2lip-gan").events
        kinds = [event["event"] for event in events]
        assert kinds[0] == "terms"
        assert kinds[-1] == "weights"
        assert set(kinds[1:-1]) == {"progress"}
        assert events[-2]["bytes"] == events[-2]["total_bytes"] == len(CONTENT)
        assert events[-2]["bytes_per_s"] > 0

    def test_errors_are_events_too(self, run: Run, server: Server) -> None:
        server.always = serving.wrong_bytes
        said = run("weights", "fetch", "--json", "wav2lip-gan")
        assert said.code == 1
        assert said.events[-1]["code"] == "weights"
        assert "wrong sha256" in said.events[-1]["message"]

    def test_damaged_ones_are_fetched_anew(self, run: Run) -> None:
        path = cache.ensure_folder(store.folder_of("wav2lip-gan")) / "wav2lip_gan.pth"
        path.write_bytes(b"spoilt")
        said = run("weights", "fetch", "wav2lip-gan")
        assert "mouthpiece: wav2lip-gan is damaged and will be fetched anew\n" in said.err
        assert path.read_bytes() == CONTENT

    def test_nothing_serves_it(self, run: Run) -> None:
        said = run("weights", "fetch", "visual-quality-disc")
        assert said.code == 1
        assert said.err.startswith("mouthpiece: nothing is known to serve visual-quality-disc")
        assert said.err.count("\n") == 1

    def test_bytes_without_a_published_hash_must_hold_a_network(self, run: Run) -> None:
        said = run("weights", "fetch", "-q", "lipsync-expert")
        assert said.code == 1
        assert store.state_of("lipsync-expert") is store.CheckpointState.MISSING
        assert store.read_record("lipsync-expert") is None

    def test_they_are_remembered_from_the_first_time(self, run: Run, holds: Callable[[str], None]) -> None:
        holds(SYNC_EXPERT.name)
        assert run("weights", "fetch", "lipsync-expert").code == 0
        assert f"{CONTENT_SHA256} (of the file as it first came)" in run("weights", "list").out

    def test_an_unknown_name_fetches_nothing(self, run: Run, server: Server) -> None:
        said = run("weights", "fetch", "wav2lip-gan", "wav2lip_gan")
        assert said.code == 1
        assert "no weights are called 'wav2lip_gan'; known are: wav2lip, wav2lip-gan" in said.err
        assert not server.asked

    def test_ctrl_c_leaves_what_can_be_gone_on_with(self, server: Server, cache_folder: Path) -> None:
        """At once, though the server has gone silent."""
        server.then(serving.stalling(100_000, 60.0))
        code = (
            "import sys\n"
            "from mouthpiece.apps.cli.main import main\n"
            "from mouthpiece.checkpoints import catalogue\n"
            "tiny = catalogue.Checkpoint(name='tiny', title='', file_name='tiny.pth', licence='',\n"
            f"    sources=({server.url()!r},), sha256={CONTENT_SHA256!r})\n"
            "catalogue._load_all = lambda: ({'tiny': tiny}, ())\n"
            "sys.exit(main(['weights', 'fetch', 'tiny']))\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=os.environ) as other:
            part = cache_folder / "checkpoints" / "tiny" / "tiny.pth.part"
            deadline = time.monotonic() + 20
            while not (part.is_file() and part.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.02)
            other.send_signal(signal.SIGINT)
            began = time.monotonic()
            assert other.stderr
            said = other.stderr.read().splitlines()
            assert time.monotonic() - began < RetryPolicy().read_timeout_s / 2
        assert other.returncode == 130
        assert said[-1] == (
            "mouthpiece: cancelled; what was fetched so far is kept, and the next fetch goes on from there"
        )
        assert part.read_bytes() == CONTENT[: part.stat().st_size]
        assert {path.name for path in part.parent.iterdir()} == {"tiny.pth.part", "tiny.pth.part.json"}


class TestAdd:
    """`weights add`."""

    def test_the_published_file_is_known_by_its_hash(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "whatever.bin").write_bytes(CONTENT)
        said = run("weights", "add", str(tmp_path / "whatever.bin"))
        path = store.cached_path("wav2lip-gan")
        assert said.err == f"wav2lip-gan: added from {tmp_path / 'whatever.bin'}; {path}\n"
        assert path and path.name == "wav2lip_gan.pth"
        assert path.read_bytes() == CONTENT
        assert run("weights", "add", str(tmp_path / "whatever.bin")).err.startswith("wav2lip-gan: was here already")

    def test_the_published_file_is_not_another(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "x.pth").write_bytes(CONTENT)
        said = run("weights", "add", str(tmp_path / "x.pth"), "--name", "wav2lip")
        assert said.code == 1
        assert "is the published wav2lip-gan, not wav2lip; leave out --name" in said.err

    def test_another_network_is_known_by_its_layers(self, run: Run, tmp_path: Path) -> None:
        file = write_safetensors(tmp_path / "critic.safetensors", seeded_state(QUALITY_DISCRIMINATOR))
        before = hashlib.sha256(file.read_bytes()).hexdigest()
        assert run("weights", "add", str(file)).code == 0
        path = store.cached_path("visual-quality-disc")
        assert path and path.name == "visual_quality_disc.safetensors"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == before
        assert hashlib.sha256(file.read_bytes()).hexdigest() == before
        assert run("weights", "verify").out == f"visual-quality-disc: good ({path})\n"

    def test_a_generator_of_ones_own_needs_a_name(self, run: Run, mine: Path, holds: Callable[[str], None]) -> None:
        holds(GENERATOR.name)
        said = run("weights", "add", str(mine))
        assert said.code == 1
        assert "say which to keep it as, with --name wav2lip or --name wav2lip-gan" in said.err
        said = run("weights", "add", str(mine), "--name", "wav2lip")
        assert said.code == 0
        assert ", not the published file; " in said.err
        assert store.state_of("wav2lip") is store.CheckpointState.HERE

    def test_a_name_of_another_network(self, run: Run, mine: Path, holds: Callable[[str], None]) -> None:
        holds(GENERATOR.name)
        said = run("weights", "add", str(mine), "--name", "lipsync-expert")
        assert said.code == 1
        assert "holds the network of wav2lip or wav2lip-gan, not that of lipsync-expert" in said.err

    def test_others_are_replaced_only_if_that_is_wanted(
        self, run: Run, mine: Path, tmp_path: Path, holds: Callable[[str], None]
    ) -> None:
        holds(SYNC_EXPERT.name)
        assert run("weights", "add", str(mine)).code == 0
        better = tmp_path / "better.pth"
        better.write_bytes(b"better")
        said = run("weights", "add", str(better), "--json")
        assert said.code == 1
        assert said.events[-1]["code"] == "output-exists"
        assert run("weights", "add", str(better), "--yes").code == 0
        path = store.cached_path("lipsync-expert")
        assert path and path.read_bytes() == b"better"

    @pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x04cposix\nsystem\n(S'touch x'\ntR."])
    def test_what_is_no_network(self, run: Run, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "odd.pth"
        file.write_bytes(content)
        said = run("weights", "add", str(file), "--name", "wav2lip")
        assert said.code == 1
        assert said.err.count("\n") == 1
        assert said.err.startswith("mouthpiece: ")
        assert "unexpected" not in said.err
        assert store.state_of("wav2lip") is store.CheckpointState.MISSING

    def test_weights_of_something_else(self, run: Run, tmp_path: Path) -> None:
        file = write_safetensors(tmp_path / "other.safetensors", {"layer.weight": np.zeros((3, 3), np.float32)})
        assert run("weights", "add", str(file)).code == 1

    @pytest.mark.parametrize("odd", ["nothing.pth", "."])
    def test_no_file(self, here: Run, odd: str) -> None:
        assert here("weights", "add", odd).err == (
            f"mouthpiece: expected a file of weights at {odd}, found no file there\n"
        )


class TestVerify:
    """`weights verify`."""

    def test_nothing_is_here(self, run: Run) -> None:
        said = run("weights", "verify")
        assert (said.code, said.out) == (0, "")
        assert said.err == "mouthpiece: no weights are here; 'mouthpiece weights list' shows what can be fetched\n"
        assert run("weights", "verify", "--quiet") == Said(0, "", "")
        said = run("weights", "verify", "wav2lip")
        assert said.code == 1
        assert "wav2lip is not here; fetch it with 'mouthpiece weights fetch wav2lip'" in said.err

    def test_bytes_that_rot_are_found(self, run: Run, holds: Callable[[str], None]) -> None:
        holds(GENERATOR.name)
        run("weights", "fetch", "wav2lip-gan")
        assert run("weights", "verify").code == 0
        path = store.cached_path("wav2lip-gan")
        assert path
        times = path.stat()
        path.write_bytes(CONTENT[:-1] + b"?")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        said = run("weights", "verify", "--json")
        assert said.code == 1
        assert said.events[0] == {
            "event": "verified",
            "name": "wav2lip-gan",
            "good": False,
            "wrong": "is damaged (wrong sha256)",
            "path": str(path),
        }
        assert "run 'mouthpiece weights remove NAME'" in said.err

    def test_a_whole_file_of_another_network(self, run: Run, holds: Callable[[str], None]) -> None:
        run("weights", "fetch", "wav2lip-gan")
        said = run("weights", "verify", "wav2lip-gan")
        assert said.code == 1
        assert "wav2lip-gan can't be loaded (" in said.err
        holds(SYNC_EXPERT.name)
        assert "wav2lip-gan holds the network of lipsync-expert: run" in run("weights", "verify").err


def test_remove(run: Run) -> None:
    run("weights", "fetch", "wav2lip-gan")
    path = store.cached_path("wav2lip-gan")
    model = cache.ensure_folder(cache.models_dir()) / f"{CONTENT_SHA256[:16]}.onnx"
    model.touch()
    said = run("weights", "remove", "wav2lip-gan", "wav2lip")
    assert said == Said(0, "", f"wav2lip-gan: removed {path}, {model}\nwav2lip: was not here\n")
    assert not model.exists()
    assert run("weights", "remove", "wav2lip", "--json").events == [
        {"event": "removed", "name": "wav2lip", "paths": []}
    ]
    assert run("weights", "remove", "nonsense").code == 1


def test_the_group_shows_its_help(run: Run) -> None:
    said = run("weights")
    assert said.code == 0
    for command in ("list", "fetch", "add", "verify", "remove"):
        assert f"\n  {command} " in said.out


def ensure(engine: str, checkpoint: str | Path | None = None) -> None:
    """Fetch what an engine needs."""
    weights.ensure_weights(
        Console(), EngineOptions(engine, own={} if checkpoint is None else {"checkpoint": checkpoint})
    )


class TestEnsureWeights:
    """What `sync` asks before it begins."""

    def test_missing_ones_are_fetched(self, capsys: pytest.CaptureFixture[str]) -> None:
        ensure("wav2lip")
        assert store.state_of("wav2lip-gan") is store.CheckpointState.HERE
        assert capsys.readouterr().err == f"mouthpiece: licence terms of wav2lip-gan: {TERMS}\n"

    @pytest.mark.parametrize(
        ("engine", "checkpoint"),
        [
            ("mesh", None),
            ("fake", None),
            ("wav2lip", "file.pth"),
            ("wav2lip", Path("some/file.pth")),
            ("wav2lip", "lipsync-expert"),
            ("wav2lip", "nonsense"),
        ],
    )
    def test_nothing_else_is(self, server: Server, engine: str, checkpoint: str | Path | None) -> None:
        ensure(engine, checkpoint)
        assert not server.asked

    def test_the_other_generator_will_do_unless_one_is_named(self, server: Server, mine: Path) -> None:
        store.keep_file(mine, "wav2lip")
        ensure("wav2lip")
        assert not server.asked
        ensure("wav2lip", "wav2lip-gan")
        assert store.state_of("wav2lip-gan") is store.CheckpointState.HERE

    def test_failure_is_one_line(self, server: Server) -> None:
        server.always = serving.status(404)
        with pytest.raises(WeightsError, match="could not be fetched") as caught:
            ensure("wav2lip", "wav2lip-gan")
        assert "\n" not in str(caught.value)

    def test_sync_says_it_and_makes_nothing(self, here: Run, server: Server, tmp_path: Path) -> None:
        server.always = serving.status(404)
        job = ("sync", str(samples.sample_face()), str(samples.sample_speech("en")), "--engine", "wav2lip", "-o")
        said = here(*job, "out.mp4")
        assert said.code == 1
        assert said.err.splitlines()[-1].startswith("mouthpiece: wav2lip-gan could not be fetched")
        assert not (tmp_path / "out.mp4").exists()

    @pytest.mark.parametrize("out", ["out.avi", "nowhere/out.mp4"])
    def test_a_job_that_is_refused_fetches_nothing(self, here: Run, server: Server, out: str) -> None:
        face, speech = samples.sample_face(), samples.sample_speech("en")
        said = here("sync", str(face), str(speech), "--engine", "wav2lip", "-o", out)
        assert said.code in (1, 2)
        assert said.err.count("\n") == 1
        assert not server.asked

    def test_nor_does_one_whose_runtime_is_not_installed(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(generator, "find_spec", lambda _: None)
        with pytest.raises(MissingExtraError, match=r"^the runtime onnx needs the extra 'onnx'"):
            weights.ensure_weights(Console(), EngineOptions("wav2lip", own={"runtime": "onnx"}))
        assert not server.asked


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "LINE_EVERY_S", 0.0)
    with Console().progress("fetching tiny") as display:
        weights._show_transfer(display, Transfer("tiny", 50_000_000, 200_000_000, 10e6))
        weights._show_transfer(display, Transfer("tiny", 500, None, 10e6))
    assert capsys.readouterr().err == (
        "fetching tiny: 25% of 200 MB, 10 MB a second, 0:15 left\nfetching tiny: 500 bytes, 10 MB a second\n"
    )


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with Console().progress("fetching tiny") as display:
        weights._show_transfer(display, Transfer("tiny", 50_000_000, 200_000_000, 10e6))
        weights._show_transfer(display, Transfer("tiny", 200_000_000, 200_000_000, 10e6))
    assert "100% of 200 MB" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    heavy = {"av", "cv2", "numpy", "openvino", "torch", "rich", "requests", "filelock", "platformdirs"}
    code = (
        "import sys\n"
        "from mouthpiece.apps.cli.main import main\n"
        "main(['weights', 'fetch', '--help'])\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr == "[]\n"
