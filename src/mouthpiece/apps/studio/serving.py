"""The studio's server: Streamlit's own, with options of the studio's."""

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

SCRIPT = Path(__file__).with_name("app.py")
SHUTDOWN_S = 3.0
"""How long open pages may take to disconnect when the server stops."""
LOCAL_HOSTS = ("127.0.0.1", "::1", *sorted(LOCAL_NAMES))
"""Names of this machine that browsers use."""


def serve(host: str, port: int, chosen: Settings, *, ready: Callable[[str], None]) -> int:
    """Serve until a signal comes; only from the main thread.

    Args:
        host: where to listen.
        port: likewise; 0 takes a free one.
        chosen: limits of jobs, uploads, hosts and lifetimes.
        ready: called with the address as soon as it answers.

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
    from mouthpiece.apps.studio.state import close_shared, shared_state

    port = free_port(host, port)
    disable_external_ip_lookup()
    settings.use(chosen)
    bootstrap.load_config_options(
        {name.replace(".", "_"): value for name, value in streamlit_options(host, port, chosen).items()}
    )
    try:
        shared_state()  # before anybody comes: it removes what a killed server left, and loads networks
        return asyncio.run(_run(lambda: ready(local_url(host, port))))
    finally:
        close_shared()


async def _run(ready: Callable[[], None]) -> int:
    """Start, wait for a signal, stop; return the signal's number."""
    from streamlit.web.bootstrap import prepare_streamlit_environment
    from streamlit.web.server import Server

    loop = asyncio.get_running_loop()
    received: asyncio.Future[int] = loop.create_future()

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second one doesn't wait
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        loop.call_soon_threadsafe(settle, number)

    def settle(number: int) -> None:
        if not received.done():
            received.set_result(number)

    server = Server(str(SCRIPT), is_hello=False)
    await server.start()
    prepare_streamlit_environment(str(SCRIPT))
    for handled in (signal.SIGINT, signal.SIGTERM):
        signal.signal(handled, handle)
    ready()
    number = await received
    with contextlib.redirect_stdout(io.StringIO()):  # which is for programs
        server.stop()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.ensure_future(server.stopped), SHUTDOWN_S)
    return number


def disable_external_ip_lookup() -> None:
    """Keep Streamlit from asking Amazon for this machine's address.

    It does when a page of another site calls, and stands still meanwhile.
    """
    from streamlit import net_util

    net_util.get_external_ip = lambda: None


def allowed_hosts(host: str, chosen: Sequence[str]) -> list[str]:
    """Return the names under which browsers may ask for the page; none: any.

    Args:
        host: where it listens.
        chosen: further names.

    Raises:
        OptionError: one of them is no name.
    """
    names = [check_host(name) for name in chosen]
    return [*LOCAL_HOSTS, host, *names] if names or is_loopback(host) else []


def streamlit_options(host: str, port: int, chosen: Settings) -> dict[str, Any]:
    """Return Streamlit's options by name; they override those of configuration files on this machine."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.maxUploadSize": max(chosen.limits.most_bytes // MEGABYTE, 1),
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.allowedHosts": allowed_hosts(host, chosen.allow_hosts),
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.disconnectedSessionTTL": int(chosen.disconnect_timeout_s),
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showSidebarNavigation": False,
        "global.developmentMode": False,
        "logger.level": "error",
        **THEME,
    }


def free_port(host: str, port: int) -> int:
    """Check that a port can be listened on; return it, or a free one for 0.

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
            reason = error.strerror or str(error)
            raise MouthpieceError(
                f"can't listen on {host}, port {port}: {reason}; choose another with --port"
            ) from error
        return int(probe.getsockname()[1])


def local_url(host: str, port: int) -> str:
    """Return the address of the studio for browsers on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"
