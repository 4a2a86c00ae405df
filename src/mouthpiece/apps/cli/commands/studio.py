"""`mouthpiece studio`: the studio in a browser."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.flags import command
from mouthpiece.apps.cli.interruption import Stopped
from mouthpiece.errors import MissingExtraError

MINUTE_S = 60


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    command(app, "studio")(studio)


def studio(
    console: Console,
    *,
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; 0.0.0.0 is everywhere, for everybody who gets there.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Likewise; 0 takes a free one.")] = 8501,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Videos made side by side; the others wait.")] = 2,
    most_mb: Annotated[
        int, typer.Option("--max-upload", min=1, max=4096, metavar="MB", help="The largest upload.")
    ] = 200,
    most_minutes: Annotated[
        float, typer.Option("--max-minutes", min=0.1, max=600, help="The longest speech or video.")
    ] = 10.0,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", show_default=False, help="The server's name behind a proxy."),
    ] = None,
) -> None:
    """Make videos on a page in your browser (extra 'studio')."""
    if find_spec("streamlit") is None:
        raise MissingExtraError("the studio", "studio")
    from mouthpiece.apps.studio.serving import serve
    from mouthpiece.apps.studio.settings import Settings
    from mouthpiece.apps.web import MEGABYTE, Limits, is_loopback

    def ready(address: str) -> None:
        console.tell("ready", {"url": address}, f"the studio is open: {address} (Ctrl-C closes it)")
        if not is_loopback(host):
            console.note(
                "mouthpiece: warning: everybody who reaches this address can use it; put a password in front of it"
            )

    settings = Settings(
        jobs_at_once=jobs,
        limits=Limits(most_bytes=most_mb * MEGABYTE, most_s=most_minutes * MINUTE_S),
        allow_hosts=tuple(allow_host or ()),
    )
    raise Stopped(serve(host, port, settings, ready=ready), "the studio is closed; its files are removed")
