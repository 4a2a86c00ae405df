"""The live app: a face in a browser speaks along with whoever speaks.

`create_app(config)` gives a Flask application to put into a server of one's own (one process, enough threads: see
`threads_for`); `serve(config)` runs it on a production server until a signal comes.

What it answers to:

    GET  /            the page
    POST /upload      field "image": a photo; goes back to the page, or JSON if that is accepted
    POST /avatar      avatar=NAME: a face of our own gallery; answers as /upload does
    GET  /avatars/NAME.jpg  what it looks like, small
    POST /requests    start=Start, stop=Stop or clear=clear; the page, or JSON if that is accepted
    GET  /requests    the page; changes nothing
    GET  /video_feed  multipart/x-mixed-replace; boundary=frame, JPEG parts
    GET  /stats       JSON: how the caller's session does; with the token as a bearer, how all of them do
    GET  /healthz     JSON, for whoever watches the server
    WS   /live        sound up, frames down: see `sockets`
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.apps.addresses import check_host, is_loopback
from mouthpiece.apps.live.access import SECRET_BYTES, check_token, new_token
from mouthpiece.apps.live.microphone import BROWSER, SERVER
from mouthpiece.cpu import core_count
from mouthpiece.errors import InputError, MissingExtraError, OptionError
from mouthpiece.live import open_live
from mouthpiece.options import LiveOptions

if TYPE_CHECKING:
    from flask import Flask

    from mouthpiece.apps.live.session_registry import Live
    from mouthpiece.media import FaceInput

PORT = 8080
MOST_SIDE = 640
"""Pixels of the longer side of the faces drawn, unless told otherwise."""
SESSIONS_PER_CORE = 2
MOST_SESSIONS = 256
OPEN_PORTS = 65_535

__all__ = ["LiveConfig", "create_app", "serve"]


def default_sessions() -> int:
    """Sessions at once, unless told otherwise: more than keep up, as few speak all the time."""
    return max(2, SESSIONS_PER_CORE * core_count())


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """What may be chosen about the live app."""

    host: str = "127.0.0.1"
    """Address to listen on; any but this machine's own asks for a token."""
    port: int = PORT
    """0: any free one."""
    mic: str | Path = "browser"
    """Where the sound comes from: "browser", "server" (this machine's microphone), or a recording."""
    loop: bool = False
    """Whether a recording begins again at its end."""
    token: str | None = field(default=None, repr=False)
    """Who brings it may come in; None: one is made where one is needed."""
    sessions: int = field(default_factory=default_sessions)
    """Browser sessions at once."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which browsers reach the server through a proxy."""
    options: LiveOptions = field(default_factory=partial(LiveOptions, most_side=MOST_SIDE))
    """How the faces are drawn."""
    open_live: Callable[[FaceInput, LiveOptions], Live] = open_live
    """Makes a face ready to speak."""
    secret: bytes = field(default_factory=partial(secrets.token_bytes, SECRET_BYTES), repr=False)
    """Signs cookies."""

    def __post_init__(self) -> None:
        """Check, and make a token where one is needed.

        Raises:
            OptionError: a value makes no sense.
            InputError: no such recording.
        """
        if not 0 <= self.port <= OPEN_PORTS:
            raise OptionError(f"port expects 0 to {OPEN_PORTS}, got {self.port}")
        if not 1 <= self.sessions <= MOST_SESSIONS:
            raise OptionError(f"sessions expects 1 to {MOST_SESSIONS}, got {self.sessions}")
        for name in self.allow_hosts:
            check_host(name)
        if self.mic not in (BROWSER, SERVER) and not Path(self.mic).exists():
            raise InputError(
                f"mic expects {BROWSER}, {SERVER} or a recording, got {str(self.mic)!r}, which isn't there"
            )
        if self.token is not None:
            check_token(self.token)
        elif not is_loopback(self.host):
            object.__setattr__(self, "token", new_token())


def create_app(config: LiveConfig | None = None) -> Flask:
    """The app, for a server of one's own.

    It wants one process (sessions live in its memory) with threads: werkzeug's or gunicorn's (`gthread`).

    Raises:
        MissingExtraError: the extra 'live' isn't installed.
        InputError: the microphone or recording can't be used.
    """
    try:
        from mouthpiece.apps.live.routes import build
    except ImportError as error:
        raise MissingExtraError("the live app", "live") from error
    return build(config or LiveConfig())


def serve(config: LiveConfig, *, ready: Callable[[str], None] | None = None) -> int:
    """Run the app until a signal comes.

    Args:
        config: how.
        ready: called with the page's address (and the token in it, where there is one) when the server listens.

    Returns:
        The number of the signal that ended it.

    Raises:
        MissingExtraError: the extra 'live' isn't installed.
        OutputError: the address or port can't be listened on.
        MouthpieceError: the app can't start.
    """
    try:
        from mouthpiece.apps.live import server
    except ImportError as error:
        raise MissingExtraError("the live app", "live") from error
    return server.run(config, ready or (lambda _: None))
