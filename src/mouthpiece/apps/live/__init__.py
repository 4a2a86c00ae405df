"""The live app: a face in a browser that speaks along with somebody.

`create_app(config)` gives a Flask application to put into a server of one's own (one process, enough threads: see
`threads_for`); `serve(config)` runs it on a production server until a signal comes.

Its routes:

    GET  /            the page
    POST /upload      field "image": a photo; goes back to the page, or JSON if that is accepted
    POST /avatar      avatar=NAME: a face of the gallery; answers as /upload does
    GET  /avatars/NAME.jpg  its picture, small
    POST /requests    start=Start, stop=Stop or clear=clear; the page, or JSON if that is accepted
    GET  /requests    the page; changes nothing
    GET  /video_feed  multipart/x-mixed-replace; boundary=frame, JPEG parts
    GET  /stats       JSON: statistics of the caller's session; with the token as a bearer, of all of them
    GET  /healthz     JSON, for monitoring
    WS   /live        sound up, frames down: see `sockets`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mouthpiece.apps.live.config import LiveConfig
from mouthpiece.errors import MissingExtraError

if TYPE_CHECKING:
    from flask import Flask


__all__ = ["LiveConfig", "create_app", "serve"]


def create_app(config: LiveConfig | None = None) -> Flask:
    """Create the app for a server of one's own.

    It needs one process (sessions live in its memory) with threads: werkzeug's or gunicorn's (`gthread`).

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
        config: the app's.
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
