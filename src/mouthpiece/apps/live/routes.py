"""Routes of the app over its browser sessions, with access control before them."""

from __future__ import annotations

import io
import secrets
import threading
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from flask import Flask, Request, Response, current_app, g, jsonify, redirect, render_template, request, url_for
from flask_sock import Sock
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from mouthpiece.apps.live.access import CLIENT_ID_BYTES, AccessPolicy, check_handshake, harden
from mouthpiece.apps.live.browser_session import BrowserSession
from mouthpiece.apps.live.clients import Client
from mouthpiece.apps.live.config import LiveConfig
from mouthpiece.apps.live.drawing import FRAME_WAIT_S
from mouthpiece.apps.live.face_uploads import MOST_BYTES, find_avatar, read_face, thumbnail
from mouthpiece.apps.live.http_errors import Busy, ForbiddenOrigin, HttpError, NotAdmitted, Unsupported, status_of
from mouthpiece.apps.live.messages import BOUNDARY, MOST_MESSAGE, EncodedFrame
from mouthpiece.apps.live.microphone import open_microphone
from mouthpiece.apps.live.session_registry import SessionRegistry
from mouthpiece.apps.live.sockets import PING_S, CallbackEvent, ClientConnection, InlineThread, serve_socket
from mouthpiece.apps.web import MEGABYTE, safe_name
from mouthpiece.errors import InputError, MouthpieceError
from mouthpiece.samples import avatars
from mouthpiece.types import Picture

if TYPE_CHECKING:
    from simple_websocket import Server
    from werkzeug.wrappers.response import Response as BaseResponse

    Answer = Response | BaseResponse | str | tuple[Response | str, int]

FIELD = "image"
"""The upload's field."""
MOST_FORM = MOST_BYTES + (64 << 10)
"""Bytes of an upload with what is around the photo."""
MOST_FIELD = 256 << 10
"""Bytes of a form's field that is no file; the parser's own buffer needs a good part of it."""
MOST_PARTS = 8
UPLOADS_AT_ONCE = 16
"""Each may take MOST_FORM of memory while it comes."""
UPLOAD_WAIT_S = 5.0
EXTENSION = "mouthpiece-live"
"""Where the app keeps its `SessionRegistry`: `app.extensions[EXTENSION]`."""
HEALTH = "healthz"
_WITHOUT_TOKEN = frozenset({"static"})
"""Endpoints that need no token: the page's style is no secret."""
THUMBNAIL_AGE_S = 86_400
"""Browsers may keep the gallery's pictures so long."""
_WITHOUT_COOKIE = frozenset({NotAdmitted.status, ForbiddenOrigin.status, Busy.status})
_COMMANDS = {"start": "Start", "stop": "Stop", "clear": "clear"}
"""Fields of /requests and their values, as published."""


class MemoryRequest(Request):
    """A request whose files stay in memory: nothing that is sent touches the disk."""

    max_form_memory_size = MOST_FIELD
    max_form_parts = MOST_PARTS

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return io.BytesIO()


def build(config: LiveConfig) -> Flask:
    """Build the app, as `create_app`."""
    app = Flask("mouthpiece.apps.live")
    app.request_class = MemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_FORM,
        SOCK_SERVER_OPTIONS={
            "ping_interval": PING_S,
            "max_message_size": MOST_MESSAGE,
            "thread_class": InlineThread,
            "event_class": CallbackEvent,
        },
    )
    microphone = open_microphone(config.mic, loop=config.loop)
    registry = SessionRegistry(config.sessions, lambda face: config.open_live(face, config.options), microphone)
    app.extensions[EXTENSION] = registry
    policy = AccessPolicy(host=config.host, token=config.token, names=config.allow_hosts, secret=config.secret)
    _AccessControl(app, policy, registry, cookie=f"mouthpiece_{config.port}")
    _Routes(app, policy, registry, config)
    app.register_error_handler(MouthpieceError, lambda e: _error_response(e.code, str(e), status_of(e)))
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_unexpected)
    return app


class _AccessControl:
    """Checks each request before its route, and completes each answer after it."""

    def __init__(self, app: Flask, policy: AccessPolicy, registry: SessionRegistry, cookie: str) -> None:
        self._policy, self._registry, self._cookie = policy, registry, cookie
        app.before_request(self.check)
        app.after_request(self.finish)

    def check(self) -> Response | None:
        """Check that a request is granted, and set `g.client_id` and `g.new_client_id`."""
        g.client_id, g.new_client_id = None, False
        if request.endpoint == HEALTH:
            return None
        self._policy.check_name(request)
        g.client_id = self._policy.cookies.unsign(request.cookies.get(self._cookie))
        if request.endpoint == "page" and self._policy.is_token(request.args.get("token")):
            self._grant()
            return Response(render_template("welcome.html"))
        if request.endpoint not in _WITHOUT_TOKEN:
            self._policy.admit(request, g.client_id)
        if request.method not in ("GET", "HEAD", "OPTIONS") or request.endpoint == "live":
            self._policy.check_origin(request)
        if request.endpoint == "live":
            self._check_socket()
        elif g.client_id is None and request.endpoint in ("page", "upload", "avatar", "orders"):
            self._grant()
        return None

    def _grant(self) -> None:
        g.client_id, g.new_client_id = g.client_id or secrets.token_hex(CLIENT_ID_BYTES), True

    def _check_socket(self) -> None:
        """Prepare a WebSocket's opening request for the library that answers it."""
        check_handshake(request.headers)
        if g.client_id is None:
            raise HttpError("expected the page's cookie; open the page first")
        g.session = self._registry.enter(g.client_id)
        # Frames are compressed already: no further compression is agreed on.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        request.environ.pop("HTTP_SEC_WEBSOCKET_PROTOCOL", None)
        for server in ("gunicorn.socket", "werkzeug.socket"):
            if server in request.environ:
                request.environ[server] = ClientConnection(request.environ[server])

    def finish(self, response: Response) -> Response:
        """Set the headers and, for a new client, the cookie."""
        harden(response, request.headers.get("Host", ""))
        if g.get("new_client_id") and response.status_code not in _WITHOUT_COOKIE:
            response.set_cookie(
                self._cookie,
                self._policy.cookies.sign(g.client_id),
                httponly=True,
                samesite="Strict",
                secure=request.is_secure,
            )
        return response


class _Routes:
    """Handlers of the routes."""

    def __init__(self, app: Flask, policy: AccessPolicy, registry: SessionRegistry, config: LiveConfig) -> None:
        self._policy, self._registry, self._config = policy, registry, config
        self._uploads = threading.BoundedSemaphore(UPLOADS_AT_ONCE)
        app.add_url_rule("/", "page", self.page)
        app.add_url_rule("/upload", "upload", self.upload, methods=["POST"])
        app.add_url_rule("/avatar", "avatar", self.avatar, methods=["POST"])
        app.add_url_rule("/avatars/<name>.jpg", "avatar_picture", self.avatar_picture)
        app.add_url_rule("/requests", "orders", self.orders, methods=["GET", "POST"])
        app.add_url_rule("/video_feed", "video_feed", self.video_feed, methods=["GET", "POST"])
        app.add_url_rule("/stats", "stats", self.stats)
        app.add_url_rule("/healthz", HEALTH, self.healthz)
        Sock(app).route("/live", endpoint="live")(self.live)

    def page(self) -> str:
        """Render the page."""
        self._registry.check_room(g.client_id)
        return render_template("index.html", state=self._state(), avatars=avatars())

    def upload(self) -> Answer:
        """Take a photo."""
        self._registry.check_room(g.client_id)
        if not self._uploads.acquire(timeout=UPLOAD_WAIT_S):
            raise Busy("many photos at once; try again in a moment")
        try:
            data, name = self._photo()
            face = read_face(data, name, self._config.options.most_side)
        finally:
            self._uploads.release()
        return self._take_face(face, name)

    def avatar(self) -> Answer:
        """Take a face of the gallery."""
        path = find_avatar(request.form.get("avatar")).path
        self._registry.check_room(g.client_id)
        face = read_face(path.read_bytes(), path.name, self._config.options.most_side)
        return self._take_face(face, path.name)

    def avatar_picture(self, name: str) -> Response:
        """Return a face of the gallery, small."""
        response = Response(thumbnail(find_avatar(name).path), mimetype="image/jpeg")
        response.headers["Cache-Control"] = f"private, max-age={THUMBNAIL_AGE_S}"
        return response

    def _take_face(self, face: Picture, name: str) -> Answer:
        """Make a picture the session's face."""
        session = self._registry.enter(g.client_id)
        session.put_face(face, safe_name(name))
        return jsonify(session.state()) if _wants_json() else redirect(url_for("page"), 303)

    def _photo(self) -> tuple[bytes, str]:
        """Return the bytes and name of the uploaded file."""
        if request.mimetype != "multipart/form-data":
            raise Unsupported(f'expected a form (multipart/form-data) with a photo in its field "{FIELD}"')
        file = request.files.get(FIELD)
        data = b"" if file is None else file.stream.read()
        if file is None or not data:
            raise HttpError(f'expected a photo in the field "{FIELD}"; choose one')
        return data, file.filename or "the photo"

    def orders(self) -> Answer:
        """Start, stop or clear."""
        if request.method == "POST":
            commands = [name for name, value in _COMMANDS.items() if request.form.get(name) == value]
            if len(commands) != 1:
                raise HttpError("expected one of start=Start, stop=Stop, clear=clear")
            session = self._registry.enter(g.client_id) if commands == ["start"] else self._registry.find(g.client_id)
            if session is not None:
                getattr(session, commands[0])()
            if _wants_json():
                return jsonify(self._state())
        return self.page()

    def _state(self) -> dict[str, Any]:
        session = self._registry.find(g.client_id)
        no_session = {"type": "state", "face": False, "speaking": False, "mic": self._registry.microphone.name}
        return no_session if session is None else session.state()

    def video_feed(self) -> Answer:
        """Stream the frames as they come, as JPEGs, for a plain <img>."""
        if g.client_id is None:
            raise HttpError("expected the page's cookie; open the page first")
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
        if request.method == "HEAD":
            return Response(mimetype=kind)
        session = self._registry.enter(g.client_id)
        client = session.watch("feed")
        response = Response(_parts(client), mimetype=kind)
        response.call_on_close(lambda: session.leave(client))
        return response

    def live(self, server: Server) -> None:
        """Serve the WebSocket."""
        serve_socket(server, g.session)

    def stats(self) -> Answer:
        """Return statistics."""
        session = self._registry.find(g.client_id)
        sessions = self._registry.sessions
        answer: dict[str, Any] = {
            "session": None if session is None else _stats_of(session),
            "sessions": len(sessions),
            "places": self._registry.places,
        }
        if self._policy.has_bearer_token(request):
            answer["all"] = [_stats_of(one) for one in sessions]
        return jsonify(answer)

    def healthz(self) -> Answer:
        """Return that the server works; nothing else."""
        return jsonify({"ok": True})


def _parts(client: Client) -> Iterator[bytes]:
    """Yield the parts of the feed until the client is dismissed."""
    yield b"--" + BOUNDARY + b"\r\n"
    while not client.dismissed:
        item = client.next(FRAME_WAIT_S)
        if isinstance(item, EncodedFrame):
            yield item.part


def _stats_of(session: BrowserSession) -> dict[str, Any]:
    return {name: value for name, value in session.stats().items() if name != "type"}


def _wants_json() -> bool:
    """Return whether JSON is accepted by name."""
    return "application/json" in request.headers.get("Accept", "")


def _error_response(code: str, message: str, status: int) -> Response:
    """Return an error as a page or JSON, as the request accepts it."""
    if "text/html" in request.headers.get("Accept", "") and not _wants_json():
        response = Response(render_template("problem.html", message=message, status=status), status)
    else:
        response = jsonify({"error": {"code": code, "message": message}})
        response.status_code = status
    if status == Busy.status:
        response.headers["Retry-After"] = str(Busy.retry_after_s)
    return response


def _answer_http_error(error: HTTPException) -> Response:
    """Return the answer to an error that Flask raised."""
    if isinstance(error, RequestEntityTooLarge):
        return _error_response(InputError.code, f"expected a photo of at most {MOST_BYTES / MEGABYTE:.0f} MB", 413)
    status = error.code or 400
    response = error.get_response()
    if status < 400:  # a redirect is no error
        return Response(response.get_data(), status, headers=dict(response.headers))
    answer = _error_response(HttpError.code, error.name.lower(), status)
    if "Allow" in response.headers:
        answer.headers["Allow"] = response.headers["Allow"]
    return answer


def _answer_unexpected(error: Exception) -> Response:
    """Log an unexpected error; its text does not go to the client."""
    current_app.logger.exception("unexpected error")
    return _error_response(MouthpieceError.code, "something went wrong on the server; its log says what", 500)
