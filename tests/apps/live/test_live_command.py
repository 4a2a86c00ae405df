"""`mouthpiece live`: options, one-line errors, and how it ends."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.apps.live.visiting import Visitor
from tests.apps.staging import Said

from mouthpiece import LiveOptions, inference, open_live, samples
from mouthpiece.apps import live
from mouthpiece.apps.live import LiveConfig
from mouthpiece.apps.live.browser_session import MOST_CLIENTS
from mouthpiece.apps.live.config import MOST_SIDE, default_sessions
from mouthpiece.apps.live.server import threads_for
from mouthpiece.engines.wav2lip.options import Precision, Runtime
from mouthpiece.options import EngineOptions

Run = Callable[..., Said]
STOP_S = 20.0


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[LiveConfig]:
    """What the server would have been started with."""
    configs: list[LiveConfig] = []

    def serve(config: LiveConfig, *, ready: Callable[[str], None]) -> int:
        configs.append(config)
        ready("http://localhost:1/?token=xyz" if config.token else "http://localhost:1/")
        return signal.SIGINT

    monkeypatch.setattr(live, "serve", serve)
    return configs


def test_defaults(run: Run, told: list[LiveConfig]) -> None:
    said = run("live")
    (config,) = told
    assert (config.host, config.port, config.mic, config.token) == ("127.0.0.1", 8080, "browser", None)
    assert config.sessions == default_sessions()
    assert config.options == LiveOptions(most_side=MOST_SIDE)
    assert said.code == 130 and "open http://localhost:1/" in said.err and "https" not in said.err


def test_all_options(run: Run, told: list[LiveConfig], tmp_path: Path) -> None:
    run(
        *("live", "--host", "0.0.0.0", "--port", "0", "--mic", str(samples.sample_speech("en")), "--loop"),
        *("--token", "0123456789abcdef", "--sessions", "3", "--allow-host", "a.example", "--allow-host", "b.example"),
        *("--size", "320", "--fps", "15", "--engine", "wav2lip", "--intensity", "1.5", "--rest", "0.3"),
        *("--runtime", "torch", "--precision", "f32", "--checkpoint", str(tmp_path / "x.pth")),
    )
    (config,) = told
    assert (config.host, config.port, config.loop, config.sessions) == ("0.0.0.0", 0, True, 3)
    assert config.mic == samples.sample_speech("en")
    assert config.token == "0123456789abcdef" and config.allow_hosts == ("a.example", "b.example")
    own = {"checkpoint": str(tmp_path / "x.pth"), "runtime": Runtime.TORCH, "precision": Precision.F32}
    engine = EngineOptions("wav2lip", intensity=1.5, rest=0.3, own=own)
    assert config.options == LiveOptions(engine=engine, fps=15.0, most_side=320)


def test_other_addresses_get_a_token_and_a_word_about_https(run: Run, told: list[LiveConfig]) -> None:
    said = run("live", "--host", "0.0.0.0")
    assert told[0].token and "?token=" in said.err and "https and localhost only" in said.err
    assert "?token=" in run("live", "--host", "0.0.0.0", "--quiet").err  # nobody could come in otherwise
    assert run("live", "--quiet").err.count("\n") == 1


def test_a_token_that_was_chosen_is_not_told(run: Run, told: list[LiveConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "serve", lambda config, ready: ready(f"http://localhost:1/?token={config.token}"))
    said = run("live", "--token", "0123456789abcdef")
    assert "open http://localhost:1/?token=..." in said.err and "0123456789abcdef" not in said.err
    monkeypatch.setenv("MOUTHPIECE_TOKEN", "fedcba9876543210")
    assert "?token=..." in run("live").err
    assert run("live", "--quiet").err.count("\n") == 1


def test_programs_are_told_the_address(run: Run, told: list[LiveConfig]) -> None:
    events = [json.loads(line) for line in run("live", "--json").out.splitlines()]
    assert events[0] == {"event": "ready", "url": "http://localhost:1/"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--port", "70000"), 2, "65535"),
        (("--sessions", "0"), 2, "sessions"),
        (("--sessions", "1000"), 2, "--sessions expects 1 to 256, got 1000"),
        (("--token", "short"), 2, "token expects"),
        (("--allow-host", "https://lips.example.org/"), 2, "allow-host expects a name like lips.example.org"),
        (("--allow-host", "lips.example.org:443"), 2, "allow-host expects"),
        (("--fps", "0"), 2, "fps expects"),
        (("--size", "3"), 2, "--size expects at least 64 pixels, got 3"),
        (("--engine", "nobody"), 1, "expected one of the engines"),
        (("--engine", "wav2lip", "--checkpoint", "/no/file.pth"), 1, "wav2lip can't run"),
        (("--mic", "brwser"), 1, "mic expects browser, server or a recording, got 'brwser'"),
        (("--host", "203.0.113.7"), 1, "can't listen on 203.0.113.7"),
    ],
)
def test_what_makes_no_sense_is_one_line(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run("live", *arguments)
    assert result.code == code and said in result.err and result.err.count("\n") == 1


def test_a_port_in_use_is_one_line(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = run("live", "--port", str(port))
    assert said.code == 1 and f"port {port} is in use" in said.err and said.err.count("\n") == 1


def test_help_names_the_ways_to_speak(run: Run) -> None:
    out = run("live", "--help").out
    assert "browser|server|FILE" in out and "--allow-host" in out


def test_help_loads_no_server() -> None:
    code = "import sys; from mouthpiece.apps.cli.main import main; main(['live', '--help']); "
    code += "print([m for m in ('flask', 'gunicorn', 'numpy', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_enough_threads_for_all_places() -> None:
    assert threads_for(10) - threads_for(9) >= MOST_CLIENTS


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real command in a process of its own, with its address."""
    environment = os.environ | {"MOUTHPIECE_CACHE": str(folder / "cache")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mouthpiece", "live", "--port", "0", "--json", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        yield process, json.loads(process.stdout.readline()).get("url", "")
    finally:
        with process.stdout, process.stderr:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_S)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_soon_and_quietly(tmp_path: Path, sign: signal.Signals, code: int) -> None:
    with command(tmp_path, "--token", "0123456789abcdef") as (process, url):
        visitor = Visitor(url.partition("?")[0])
        assert visitor.get("/?token=0123456789abcdef").status == 200
        with visitor.socket() as line:
            assert line.message("state")
            began_s = time.monotonic()
            if sign == signal.SIGINT:
                os.killpg(process.pid, sign)  # as a terminal does: to all
            else:
                process.send_signal(sign)
            assert process.wait(STOP_S) == code
        assert time.monotonic() - began_s < STOP_S
        assert process.stderr is not None
        assert process.stderr.read() == "mouthpiece: stopped\n"


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    with command(tmp_path, "--mic", str(samples.sample_speech("en"))) as (process, url):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("needs /proc")
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        end_s = time.monotonic() + STOP_S
        while True:
            try:
                with urlopen(f"{url}healthz", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert time.monotonic() < end_s
                time.sleep(0.1)


def test_a_microphone_that_isn_t_there_is_one_line(tmp_path: Path) -> None:
    command_line = [sys.executable, "-m", "mouthpiece", "live", "--port", "0", "--mic", "gone.wav"]
    done = subprocess.run(command_line, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "gone.wav" in done.stderr


def test_without_the_extra_there_is_one_line() -> None:
    code = (
        "import sys; sys.modules['flask'] = None; from mouthpiece.apps.cli.main import main; sys.exit(main(['live']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "mouthpiece: the live app needs the extra 'live': pip install 'mouthpiece[live]'\n"


def test_a_server_keeps_warm_what_its_visitors_need() -> None:
    """A face that was made ready and closed holds the compiled networks: the next one compiles nothing."""
    from mouthpiece.apps.live.gunicorn_server import warm

    gc.collect()
    before = set(inference._compiled)
    held = warm(LiveConfig())
    gc.collect()
    made = set(inference._compiled) - before
    again = open_live(samples.sample_face(), LiveOptions(most_side=128))
    again.close()
    assert set(inference._compiled) == before | made
    assert held.next_frame(0.0) is None, "it is closed"
