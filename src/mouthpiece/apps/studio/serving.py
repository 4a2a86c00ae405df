"""The studio's server: Streamlit's own, with the settings that the studio wants."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from mouthpiece.apps.studio import settings
from mouthpiece.apps.studio.settings import Settings
from mouthpiece.apps.studio.styles import THEME
from mouthpiece.apps.web import LOCAL_NAMES, MEGABYTE, check_host, is_loopback
from mouthpiece.errors import MissingExtraError, MouthpieceError, OptionError

APP = Path(__file__).with_name("app.py")
PATIENCE_S = 3.0
"""How long open pages may take to say goodbye when the server stops."""
LOCAL = ("127.0.0.1", "::1", *sorted(LOCAL_NAMES))
"""Names of this machine that browsers use."""


def serve(host: str, port: int, chosen: Settings, *, ready: Callable[[str], None]) -> int:
    """Serve until a signal comes. Only from the main thread.

    Args:
        host: where to listen.
        port: likewise; 0 takes a free one.
        chosen: how much is taken and done.
        ready: told the address as soon as it answers.

    Returns:
        The number of the signal.

    Raises:
        MissingExtraError: Streamlit is not installed.
        OptionError: the host is none of this machine's.
        MouthpieceError: the port is taken.
    """
    try:
        from streamlit.web import bootstrap
    except ImportError as error:
        raise MissingExtraError("the studio", "studio") from error
    from mouthpiece.apps.studio.state import close_all, shared_bench

    port = free_port(host, port)
    stay_silent()
    settings.use(chosen)
    bootstrap.load_config_options(
        {name.replace(".", "_"): value for name, value in options(host, port, chosen).items()}
    )
    try:
        shared_bench()  # before anybody comes: it removes what a killed server left, and loads networks
        return asyncio.run(_run(lambda: ready(address(host, port))))
    finally:
        close_all()


async def _run(ready: Callable[[], None]) -> int:
    """Start, wait for a signal, stop."""
    from streamlit.web.bootstrap import prepare_streamlit_environment
    from streamlit.web.server import Server

    loop = asyncio.get_running_loop()
    came: asyncio.Future[int] = loop.create_future()

    def note(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second one doesn't wait
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        loop.call_soon_threadsafe(settle, number)

    def settle(number: int) -> None:
        if not came.done():
            came.set_result(number)

    server = Server(str(APP), is_hello=False)
    await server.start()
    prepare_streamlit_environment(str(APP))
    for handled in (signal.SIGINT, signal.SIGTERM):
        signal.signal(handled, note)
    ready()
    number = await came
    with contextlib.redirect_stdout(io.StringIO()):  # which is for programs
        server.stop()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.ensure_future(server.stopped), PATIENCE_S)
    return number


def stay_silent() -> None:
    """Let no server of others hear of this one.

    Streamlit asks Amazon by which address this machine is known when a page of another site calls, and stands still
    meanwhile.
    """
    from streamlit import net_util

    net_util.get_external_ip = lambda: None


def hosts(host: str, allowed: Sequence[str]) -> list[str]:
    """The names under which the page may be asked for; none: any.

    Args:
        host: where it listens.
        allowed: names that were chosen.

    Raises:
        OptionError: one of them is no name.
    """
    names = [check_host(name) for name in allowed]
    return [*LOCAL, host, *names] if names or is_loopback(host) else []


def options(host: str, port: int, chosen: Settings) -> dict[str, Any]:
    """Streamlit's options by their names; they go before whatever a file on this machine says."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.maxUploadSize": max(chosen.limits.most_bytes // MEGABYTE, 1),
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.allowedHosts": hosts(host, chosen.allow_hosts),
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.disconnectedSessionTTL": int(chosen.gone_after_s),
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showSidebarNavigation": False,
        "global.developmentMode": False,
        "logger.level": "error",
        **THEME,
    }


def free_port(host: str, port: int) -> int:
    """A port that can be listened on.

    Raises:
        OptionError: the host is none of this machine's.
        MouthpieceError: the port is taken, or only for others.
    """
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise OptionError(f"--host expects an address of this machine such as 127.0.0.1, got {host!r}") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(target)
        except OSError as error:
            said = error.strerror or str(error)
            raise MouthpieceError(f"can't listen on {host}, port {port}: {said}; choose another with --port") from error
        return int(probe.getsockname()[1])


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds the studio."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"
