"""`mouthpiece live`: a page on which a face speaks along with whoever speaks."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.commands.weights import ensure_weights
from mouthpiece.apps.cli.console import Console, print_err
from mouthpiece.apps.cli.flags import Flags, command
from mouthpiece.apps.cli.interruption import Stopped
from mouthpiece.options import LiveOptions

AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", show_default=False, help="The server's name behind a proxy."),
]
MOST_SIDE = 640
"""Pixels of the longer side of the faces drawn, unless told otherwise."""
LIVE_FLAGS = Flags(omit=frozenset({"face", "batch_size", "pads", "smooth", "seed"}), defaults={"most_side": MOST_SIDE})


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    command(app, "live")(live)


def live(
    console: Console,
    *,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; any but this machine's own asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0: any free one.")] = 8080,
    mic: Annotated[
        str,
        typer.Option(
            "--mic",
            metavar="browser|server|FILE",
            help="Who is heard: the page's microphone, this machine's, or a recording played as if spoken.",
        ),
    ] = "browser",
    loop: Annotated[bool, typer.Option("--loop", help="With --mic FILE: begin again at its end.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="MOUTHPIECE_TOKEN",
            show_default=False,
            show_envvar=True,
            help="Ask for this token; one is made where one is needed.",
        ),
    ] = None,
    sessions: Annotated[
        int | None,
        typer.Option("--sessions", min=1, show_default=False, help="Browsers at once; by default two a core."),
    ] = None,
    allow_host: AllowHost = None,
    options: Annotated[LiveOptions, LIVE_FLAGS],
) -> None:
    """Open a page where a photo speaks along with you: http://localhost:8080."""
    from mouthpiece.apps.addresses import is_loopback
    from mouthpiece.apps.live import LiveConfig, default_sessions, serve
    from mouthpiece.apps.live.microphone import BROWSER, SERVER

    config = LiveConfig(
        host=host,
        port=port,
        mic=mic if mic in (BROWSER, SERVER) else Path(mic),
        loop=loop,
        token=token,
        sessions=default_sessions() if sessions is None else sessions,
        allow_hosts=tuple(allow_host or ()),
        options=options,
    )
    ensure_weights(console, options.engine)

    def ready(link: str) -> None:
        if token is not None:  # whoever chose it knows it; logs needn't
            link = link.replace(token, "...")
        line = f"mouthpiece: open {link} (Ctrl-C ends it)"
        if config.token is not None and token is None and not console.json:
            print_err(line)  # the token that was made is nowhere else
        else:
            console.tell("ready", {"url": link}, line)
        if not console.json and not is_loopback(host) and mic == BROWSER:
            console.note(
                "mouthpiece: browsers give their microphone to https and localhost only; see docs/deploying.md"
            )
        if sys.platform == "win32":
            console.note(
                "mouthpiece: gunicorn doesn't run on Windows; werkzeug's server does it for you and your network"
            )

    raise Stopped(serve(config, ready=ready) or signal.SIGTERM, "stopped")
