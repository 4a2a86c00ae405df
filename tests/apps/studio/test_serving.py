"""`mouthpiece studio` from start to stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
import websocket
from tests.apps.staging import Said

from mouthpiece.apps.cli.commands import studio
from mouthpiece.apps.studio.folders import PREFIX
from mouthpiece.apps.studio.serving import (
    allowed_hosts,
    disable_external_ip_lookup,
    free_port,
    local_url,
    streamlit_options,
)
from mouthpiece.apps.studio.settings import Settings
from mouthpiece.apps.web import Limits
from mouthpiece.errors import OptionError

STOP_S = 60.0
"""Longest wait for its end: the machine may be busy, and networks that load are waited for."""


def test_without_the_extra(run: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio, "find_spec", lambda _: None)
    said = run("studio")
    assert (said.code, said.err) == (
        1,
        "mouthpiece: the studio needs the extra 'studio': pip install 'mouthpiece[studio]'\n",
    )


def test_a_taken_port_and_a_strange_host(run: Callable[..., Said]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = run("studio", "--port", str(taken.getsockname()[1]))
    assert said.code == 1 and "choose another with --port" in said.err and said.err.count("\n") == 1
    said = run("studio", "--port", "0", "--host", "no such host")
    assert said.code == 2 and "--host expects an address of this machine" in said.err
    assert run("studio", "--port", "0", "--jobs", "0").code == 2
    said = run("studio", "--port", "0", "--allow-host", "https://lips.example.org")
    assert said.code == 2 and "allow-host expects a name" in said.err


def test_settings_of_streamlit() -> None:
    chosen = streamlit_options("127.0.0.1", 1234, Settings(limits=Limits(most_bytes=7 << 20)))
    assert chosen["browser.gatherUsageStats"] is False
    assert chosen["server.enableXsrfProtection"] is True and chosen["server.enableCORS"] is True
    assert chosen["server.maxUploadSize"] == 7 and chosen["server.address"] == "127.0.0.1"
    assert chosen["client.showErrorDetails"] == "none"


def test_names_by_which_it_is_reached() -> None:
    """Alone, it answers to names of this machine; open to others, to any until somebody says which."""
    assert {"127.0.0.1", "localhost", "::1"} == set(allowed_hosts("127.0.0.1", [])) - {"localhost.localdomain"}
    assert "lips.example.org" in allowed_hosts("127.0.0.1", ["lips.example.org"])
    assert allowed_hosts("0.0.0.0", []) == []
    assert {"lips.example.org", "localhost", "192.168.1.5"} <= set(allowed_hosts("192.168.1.5", ["lips.example.org"]))
    with pytest.raises(OptionError, match="allow-host expects"):
        allowed_hosts("127.0.0.1", ["lips.example.org:8501"])


def test_pages_of_other_sites_are_refused_and_nobody_is_asked_about_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit import net_util
    from streamlit.web.server.server_util import is_url_from_allowed_origins

    asked: list[str] = []
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, timeout=5: asked.append(url))
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)  # put back afterwards
    disable_external_ip_lookup()
    assert not is_url_from_allowed_origins("https://elsewhere.example")
    assert asked == []


def test_addresses_and_ports() -> None:
    assert local_url("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert local_url("::1", 80) == "http://[::1]:80"
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on POSIX")
def test_it_opens_and_closes(tmp_path: Path) -> None:
    """Only this machine reaches it, Ctrl-C ends it with 130, and nothing stays of it nor of a killed one before it."""
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "face.upload").touch()
    os.utime(left, (1, 1))
    process = subprocess.Popen(
        [sys.executable, "-m", "mouthpiece", "studio", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        url, said = "", ""
        while not url:
            line = process.stderr.readline()
            assert line, said
            said += line
            found = re.search(r"the studio is open: (http://127\.0\.0\.1:\d+) \(Ctrl-C closes it\)", line)
            url = found[1] if found else ""
        with urlopen(f"{url}/_stcore/health", timeout=10) as answer:
            assert answer.read() == b"ok"
        socket_url = f"{url}/_stcore/stream".replace("http", "ws", 1)
        websocket.create_connection(socket_url, origin=url).close()
        with pytest.raises(websocket.WebSocketBadStatusException):  # a page whose name suddenly leads here
            websocket.create_connection(socket_url, host="elsewhere.example", origin="http://elsewhere.example")
        assert not left.exists()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=STOP_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "the studio is closed" in rest and "Traceback" not in said + rest
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
