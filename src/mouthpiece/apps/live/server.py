"""The production server around the app: gunicorn with one worker process and threads; on Windows, werkzeug's.

Sessions live in the worker's memory, so there is one worker. The parent process listens, starts the worker again should
it die, and ends both when a signal comes.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mouthpiece import errors
from mouthpiece.apps.live.routes import EXTENSION, build
from mouthpiece.errors import EngineError, MouthpieceError, OutputError

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.serving import BaseWSGIServer

    from mouthpiece.apps.live.config import LiveConfig

BACKLOG = 64
"""Connections that may wait to be accepted."""
SPARE_THREADS = 48
"""For requests that are soon done, and for those that come slowly."""
THREADS_PER_PLACE = 4
"""A session's sockets and feeds: each keeps a thread."""
Ready = Callable[[str], None]


def run(config: LiveConfig, ready: Ready) -> int:
    """Run the app until a signal comes, as `serve`."""
    _check_engine(config)
    listener = _open_listener(config)
    port = int(listener.getsockname()[1])
    config = replace(config, port=port)
    if sys.platform == "win32":
        return _run_on_windows(config, listener, ready)
    return _run_gunicorn(config, listener, ready)


def threads_for(sessions: int) -> int:
    """Return the threads that a server needs for so many sessions."""
    return SPARE_THREADS + THREADS_PER_PLACE * sessions


def link(config: LiveConfig) -> str:
    """Return the page's address as a person on this machine opens it, with the token where there is one."""
    host = config.host.strip("[]")
    if host in ("127.0.0.1", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "localhost"
    elif ":" in host:
        host = f"[{host}]"
    token = f"?token={config.token}" if config.token else ""
    return f"http://{host}:{config.port}/{token}"


def _check_engine(config: LiveConfig) -> None:
    """Check at once that the engine can run, and not at the first face.

    Raises:
        EngineError: it can't.
    """
    from mouthpiece.engines.registry import load_engine

    options = config.options
    info = load_engine(options.engine.name).describe(options.engine, live=True)
    if not info.ready:
        raise EngineError(f"the engine {options.engine.name} can't run: {info.weights}")


def _open_listener(config: LiveConfig) -> socket.socket:
    """Open a socket that listens on the config's address and port.

    Raises:
        OutputError: it can't listen there.
    """
    host = config.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        raise OutputError(_listening_error(config, error)) from error
    return listener


def _listening_error(config: LiveConfig, error: OSError | UnicodeError) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"port {config.port} is in use on {config.host}; choose another with --port, or 0 for any free one"
    if code == errno.EACCES:
        return f"port {config.port} needs more rights; choose one above 1023 with --port"
    reason = getattr(error, "strerror", None) or str(error)
    return f"can't listen on {config.host} port {config.port}: {reason}; check --host"


def _run_on_windows(config: LiveConfig, listener: socket.socket, ready: Ready) -> int:
    """Run werkzeug's server with threads: gunicorn doesn't run on Windows."""
    app = build(config)
    server = threaded_server(config, app, listener)
    ready(link(config))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return signal.SIGINT
    finally:
        app.extensions[EXTENSION].close()
        server.server_close()
    return signal.SIGINT


def threaded_server(config: LiveConfig, app: Flask, listener: socket.socket) -> BaseWSGIServer:
    """Create werkzeug's server on a socket that listens; it logs no requests, as links may hold a token."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Do nothing."""

    server = make_server(config.host, config.port, app, threaded=True, request_handler=Handler, fd=listener.fileno())
    server.daemon_threads = True  # type: ignore[attr-defined]
    return server


def _run_gunicorn(config: LiveConfig, listener: socket.socket, ready: Ready) -> int:
    from mouthpiece.apps.live.gunicorn_server import LiveApplication, LiveArbiter

    error_reader, error_writer = os.pipe()
    parent = os.getpid()
    application = LiveApplication(
        config, listener.detach(), error_writer, threads_for(config.sessions), lambda: ready(link(config))
    )
    arbiter = LiveArbiter(application)
    try:
        arbiter.run()
    except SystemExit:
        if os.getpid() != parent:
            raise
    finally:
        if os.getpid() == parent:
            os.close(error_writer)
    with os.fdopen(error_reader, "rb") as reader:
        startup_error = reader.read()
    if startup_error:
        raise _as_error(startup_error)
    return arbiter.ended_by


def _as_error(startup_error: bytes) -> MouthpieceError:
    """Return the error that kept the worker from starting, as it was raised there."""
    description = json.loads(startup_error)
    kind = getattr(errors, description["type"], MouthpieceError)
    error: MouthpieceError = kind.__new__(kind)
    error.args = (description["message"],)
    return error
