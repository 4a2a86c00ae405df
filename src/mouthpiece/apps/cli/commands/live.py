"""`mouthpiece live`: a page on which a face speaks along with whoever speaks."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mouthpiece.apps.cli.commands.weights import ensure_weights
from mouthpiece.apps.cli.console import print_err, print_event
from mouthpiece.apps.cli.parameters import (
    AllowHost,
    Debug,
    Device,
    Json,
    NetworkCheckpoint,
    NetworkPrecision,
    NetworkRuntime,
    PrecisionChoice,
    Quiet,
    RuntimeChoice,
)


def live_command(
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
    most_side: Annotated[int, typer.Option("--size", help="Pixels of the longer side of the faces drawn.")] = 640,
    fps: Annotated[float, typer.Option("--fps", help="Frames a second while the machine keeps up.")] = 25.0,
    engine: Annotated[str, typer.Option("--engine", help="Who moves the mouth; see: mouthpiece engines.")] = "mesh",
    device: Device = "CPU",
    intensity: Annotated[float, typer.Option("--intensity", help="How strongly the mouth moves; 1 is natural.")] = 1.0,
    checkpoint: NetworkCheckpoint = None,
    runtime: NetworkRuntime = RuntimeChoice.OPENVINO,
    precision: NetworkPrecision = PrecisionChoice.AUTO,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Open a page where a photo speaks along with you: http://localhost:8080."""
    from mouthpiece.apps.cli.main import Stopped
    from mouthpiece.apps.live import LiveConfig, serve
    from mouthpiece.apps.live.config import BROWSER, SERVER, default_sessions
    from mouthpiece.apps.web import is_loopback
    from mouthpiece.engines.base import NetworkOptions, Precision, Runtime
    from mouthpiece.live import LiveOptions

    network = NetworkOptions(checkpoint, Runtime(runtime.value), Precision(precision.value))
    config = LiveConfig(
        host=host,
        port=port,
        mic=mic if mic in (BROWSER, SERVER) else Path(mic),
        loop=loop,
        token=token,
        sessions=default_sessions() if sessions is None else sessions,
        allow_hosts=tuple(allow_host or ()),
        options=LiveOptions(
            engine=engine, device=device, intensity=intensity, fps=fps, most_side=most_side, network=network
        ),
    )
    ensure_weights(engine, network, json_lines=json, quiet=quiet)

    def ready(link: str) -> None:
        if token is not None:  # whoever chose it knows it; logs needn't
            link = link.replace(token, "...")
        made = config.token is not None and token is None
        if json:
            print_event("ready", {"url": link})
        elif made or not quiet:
            print_err(f"mouthpiece: open {link} (Ctrl-C ends it)")
        if not (json or quiet or is_loopback(host)) and mic == "browser":
            print_err("mouthpiece: browsers give their microphone to https and localhost only; see docs/deploying.md")
        if sys.platform == "win32" and not quiet:
            print_err(
                "mouthpiece: gunicorn doesn't run on Windows; werkzeug's server does it for you and your own network"
            )

    raise Stopped(serve(config, ready=ready) or signal.SIGTERM, "stopped")
