"""`mouthpiece studio`: the studio in a browser."""

from __future__ import annotations

from importlib.util import find_spec

from mouthpiece.apps.cli.console import Console
from mouthpiece.apps.cli.interruption import Stopped
from mouthpiece.apps.studio.settings import Settings
from mouthpiece.errors import MissingExtraError


def studio(console: Console, *, settings: Settings) -> None:
    """Make videos on a page in your browser (extra 'studio')."""
    if find_spec("streamlit") is None:
        raise MissingExtraError("the studio", "studio")
    from mouthpiece.apps.studio.serving import serve
    from mouthpiece.apps.web import is_loopback

    def ready(address: str) -> None:
        console.report("ready", {"url": address}, f"the studio is open: {address} (Ctrl-C closes it)")
        if not is_loopback(settings.host):
            console.note(
                "mouthpiece: warning: everybody who reaches this address can use it; put a password in front of it"
            )

    number = serve(settings.host, settings.port, settings, ready=ready)
    raise Stopped(number, "the studio is closed; its files are removed")
