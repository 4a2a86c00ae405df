"""`mouthpiece live`: a page on which a face speaks along with whoever speaks."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from typing import Annotated

from mouthpiece.apps.cli.commands.weights import ensure_weights
from mouthpiece.apps.cli.console import Console, print_err
from mouthpiece.apps.cli.flags import Flags
from mouthpiece.apps.cli.interruption import Stopped
from mouthpiece.apps.live.config import BROWSER, MOST_SIDE, LiveConfig
from mouthpiece.options import LiveOptions

LIVE_FLAGS = Flags(omit=frozenset({"face", "batch_size", "pads", "smooth", "seed"}), defaults={"most_side": MOST_SIDE})


def live(console: Console, *, config: LiveConfig, options: Annotated[LiveOptions, LIVE_FLAGS]) -> None:
    """Open a page where a photo speaks along with you: http://localhost:8080."""
    from mouthpiece.apps.live import serve
    from mouthpiece.apps.web import is_loopback

    ensure_weights(console, options.engine)
    chosen = replace(config, options=options)

    def ready(link: str) -> None:
        if config.token is not None and not config.token_is_made:  # whoever chose it knows it; logs needn't
            link = link.replace(config.token, "...")
        line = f"mouthpiece: open {link} (Ctrl-C ends it)"
        if config.token_is_made and not console.json:
            print_err(line)  # even with --quiet: the token that was made is nowhere else
        else:
            console.report("ready", {"url": link}, line)
        if not console.json and not is_loopback(config.host) and config.mic == BROWSER:
            console.note(
                "mouthpiece: browsers give their microphone to https and localhost only; see docs/deploying.md"
            )
        if sys.platform == "win32":
            console.note(
                "mouthpiece: gunicorn doesn't run on Windows; werkzeug's server does it for you and your network"
            )

    raise Stopped(serve(chosen, ready=ready) or signal.SIGTERM, "stopped")
