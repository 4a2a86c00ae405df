"""gunicorn for live sessions: one worker with threads, quiet logs, time limits for slow clients."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.util import close_graceful
from gunicorn.workers.gthread import ThreadWorker

from mouthpiece.apps.live.routes import EXTENSION, build
from mouthpiece.apps.live.sockets import timeout_option
from mouthpiece.errors import MouthpieceError
from mouthpiece.media import open_face
from mouthpiece.options import FrameTransform
from mouthpiece.samples import sample_face

if TYPE_CHECKING:
    from flask import Flask

    from mouthpiece.apps.live.config import LiveConfig
    from mouthpiece.apps.live.drawing import SpeakingFace
    from mouthpiece.apps.live.session_registry import SessionRegistry

log = logging.getLogger("mouthpiece.live")

SILENT_S = 10.0
"""A client that sends nothing for so long in the middle of a request has gone."""
SEND_S = 10.0
"""A client that takes nothing for so long has gone."""
REQUEST_S = 60.0
"""A request that takes longer to come and be answered is given up; sockets and feeds aren't."""
HEAD_S, PRESSED_HEAD_S = 10.0, 2.0
"""A request's head has so long to come; and so long while all threads are busy and others wait for one."""
WORKER_TIMEOUT_S = 120
"""A worker that gives no sign of life for so long is started again."""
LEAVE_S = 5
"""At the end, requests have so long to end."""
KEEP_ALIVE_S = 5
BOOT_ERROR = Arbiter.WORKER_BOOT_ERROR
_STREAMS = ("/live", "/video_feed")


class LiveApplication(BaseApplication):  # type: ignore[misc]
    """The app and gunicorn's settings for it."""

    def __init__(
        self, config: LiveConfig, listener: int, startup_errors: int, threads: int, ready: Callable[[], None]
    ) -> None:
        """Prepare the app.

        Args:
            config: the app's.
            listener: file descriptor of a socket that listens already.
            startup_errors: file descriptor for the reason why the app can't start, as JSON.
            threads: of the worker.
            ready: called in the first worker when it can serve.
        """
        self._config, self._listener, self._startup_errors, self._threads = config, listener, startup_errors, threads
        self._ready: Callable[[], None] | None = ready
        self._warm: list[SpeakingFace] = []
        """Keeps what is compiled for other sessions: to compile it anew takes each of them most of a second."""
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's settings."""
        settings: dict[str, Any] = {
            "bind": f"fd://{self._listener}",
            "workers": 1,
            "worker_class": LiveWorker,
            "threads": self._threads,
            "worker_connections": 4 * self._threads,
            "timeout": WORKER_TIMEOUT_S,
            "graceful_timeout": LEAVE_S,
            "keepalive": KEEP_ALIVE_S,
            "loglevel": "warning",
            "logger_class": LiveLogger,
            "control_socket_disable": True,
            "proc_name": "mouthpiece live",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the app, in the worker."""
        try:
            app = build(self._config)
        except MouthpieceError as error:
            startup_error = {"type": type(error).__name__, "code": error.code, "message": str(error)}
            os.write(self._startup_errors, json.dumps(startup_error).encode())
            sys.exit(BOOT_ERROR)
        threading.Thread(target=self._keep_warm, name="mouthpiece-live-warm", daemon=True).start()
        if self._ready is not None:
            self._ready()
        return app

    def _keep_warm(self) -> None:
        try:
            self._warm.append(warm(self._config))
        except MouthpieceError as error:
            log.warning("%s", error)

    def clear_ready(self) -> None:
        """Drop the `ready` callback, in the parent: only the first worker calls it."""
        self._ready = None


def warm(config: LiveConfig) -> SpeakingFace:
    """Make some face ready, so that libraries and networks are loaded before the first client brings one.

    Returns:
        The face, closed. While it is held, what is compiled for it is used for others, too.

    Raises:
        MouthpieceError: no face can be made ready.
    """
    with open_face(sample_face(), transform=FrameTransform(static=True)) as source:
        live = config.open_live(next(iter(source.sample_frames(1))).rgb, config.options)
    live.close()
    return live


class LiveArbiter(Arbiter):  # type: ignore[misc]
    """The parent process. It records which signal ended it, and never has more than one worker."""

    ended_by: int = signal.SIGTERM
    """The signal's number."""

    def spawn_worker(self) -> int:
        """Start the worker, for the first time or again."""
        pid: int = super().spawn_worker()
        self.app.clear_ready()
        return pid

    def init_signals(self) -> None:
        """Set gunicorn's handlers, but a hang-up that is ignored (nohup) stays so."""
        ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        super().init_signals()
        if ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_int(self) -> None:
        """End on Ctrl-C."""
        self.ended_by = signal.SIGINT
        super().handle_term()

    def handle_hup(self) -> None:
        """End when the terminal is closed."""
        self.ended_by = signal.SIGHUP
        super().handle_term()

    def handle_ttin(self) -> None:
        """Ignore the signals for more or fewer workers and for an upgrade: sessions live in one process."""

    handle_ttou = handle_usr2 = handle_ttin


class LiveLogger(Logger):  # type: ignore[misc]
    """Logs what the server's operator can mend, and not what clients send."""

    def setup(self, cfg: Any) -> None:
        """Set the log up, with a filter."""
        super().setup(cfg)
        self.error_log.addFilter(_is_for_operator)


def _is_for_operator(record: logging.LogRecord) -> bool:
    """Return False where a client has just gone, the server ends, or the parent raises the error anyhow."""
    text, arguments = str(record.msg), record.args or ()
    idle = text.startswith(("Invalid request from", "Socket error processing", "Shutting down", "Reason:"))
    sent_to_end = "was sent" in text and "SIGQUIT" in arguments
    failed_to_start = "exited with code" in text and BOOT_ERROR in arguments
    return not (idle or sent_to_end or failed_to_start)


class LiveWorker(ThreadWorker):  # type: ignore[misc]
    """A worker that limits how long a client keeps a thread, and ends at once when signalled."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._since_s: dict[Any, float] = {}
        """Connections that a thread is busy with, and since when."""

    def run(self) -> None:
        """Serve until signalled; then end at once: threads may be deep in a network that loads or computes."""
        try:
            super().run()
        finally:
            self._registry.close()
        logging.shutdown()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)

    @property
    def _registry(self) -> SessionRegistry:
        registry: SessionRegistry = self.wsgi.extensions[EXTENSION]
        return registry

    def init_signals(self) -> None:
        """Set gunicorn's handlers; hang-ups are left to the parent."""
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End sessions at once and requests soon, on SIGTERM."""
        if self.alive and self.booted:  # a signal's handler must not wait for a lock
            threading.Thread(target=self._registry.close, daemon=True).start()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End as on SIGTERM, on SIGINT and SIGQUIT; the parent limits how long it takes."""
        self.handle_exit(sig, frame)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to a thread, with timeouts."""
        with suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout_option(SILENT_S))
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout_option(SEND_S))
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Serve a request, in a thread, and close the connection here: the main thread accepts others."""
        conn.streams = None  # not known before the head has come
        self._since_s[conn] = time.monotonic()
        try:
            kept = super().handle(conn)
        finally:
            self._since_s.pop(conn, None)
        if not kept:
            close_graceful(conn.sock)
        return kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Handle a request that has come whole, but for its body."""
        conn.streams = req.path in _STREAMS
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Close or keep a connection that a thread is done with."""
        if fs.cancelled() or fs.exception() is not None or not fs.result():
            self.nr_conns -= 1
            conn.close()
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Shut down connections that take too long; called once a second."""
        super().murder_pending()
        now_s = time.monotonic()
        busy = list(self._since_s.items())
        head_s = HEAD_S if len(busy) < self.cfg.threads else PRESSED_HEAD_S
        for conn, since_s in busy:
            streams = getattr(conn, "streams", None)
            if not streams and now_s - since_s > (head_s if streams is None else REQUEST_S):
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)
