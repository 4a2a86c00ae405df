"""The app's routes: thin ones, over `sessions`, with `security` in front of them."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from flask import Flask, Request, Response, current_app, g, jsonify, redirect, render_template, request, url_for
from flask_sock import Sock
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from mouthpiece.apps.live.access import AccessPolicy, check_handshake, harden, new_client_id
from mouthpiece.apps.live.face_uploads import MOST_BYTES, avatar_called, called, read_face, thumbnail
from mouthpiece.apps.live.http_errors import Busy, ForbiddenOrigin, HttpError, NotAdmitted, status_of
from mouthpiece.apps.live.microphone import open_microphone
from mouthpiece.apps.live.session_registry import BOUNDARY, FRAME_WAIT_S, Client, EncodedFrame, SessionRegistry
from mouthpiece.apps.live.sockets import MOST_MESSAGE, PING_S, Bell, Here, Wire, converse
from mouthpiece.apps.uploads import MEGABYTE
from mouthpiece.errors import InputError, MouthpieceError
from mouthpiece.samples import avatars
from mouthpiece.types import Picture

if TYPE_CHECKING:
    from simple_websocket import Server
    from werkzeug.wrappers.response import Response as BaseResponse

    from mouthpiece.apps.live import LiveConfig

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
"""What nobody needs a token for: how the page looks is no secret."""
THUMBNAIL_AGE_S = 86_400
"""Browsers may keep the gallery's pictures so long."""
_NOT_LET_IN = frozenset({NotAdmitted.status, ForbiddenOrigin.status, Busy.status})
_ORDERS = {"start": "Start", "stop": "Stop", "clear": "clear"}
"""Fields of /requests and their values, as published."""

log = logging.getLogger("mouthpiece.live")


class MemoryRequest(Request):
    """A request whose files stay in memory: nothing that is sent touches the disk."""

    max_form_memory_size = MOST_FIELD
    max_form_parts = MOST_PARTS

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return io.BytesIO()


def build(config: LiveConfig) -> Flask:
    """As `create_app`."""
    app = Flask("mouthpiece.apps.live")
    app.request_class = MemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_FORM,
        SOCK_SERVER_OPTIONS={
            "ping_interval": PING_S,
            "max_message_size": MOST_MESSAGE,
            "thread_class": Here,
            "event_class": Bell,
        },
    )
    microphone = open_microphone(config.mic, loop=config.loop)
    house = SessionRegistry(config.sessions, lambda face: config.open_live(face, config.options), microphone)
    app.extensions[EXTENSION] = house
    gate = AccessPolicy(host=config.host, token=config.token, names=config.allow_hosts, secret=config.secret)
    _Guard(app, gate, house, cookie=f"mouthpiece_{config.port}")
    _Routes(app, gate, house, config)
    app.register_error_handler(MouthpieceError, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _apologise)
    return app


class _Guard:
    """Looks at each request before its route does, and at each answer after."""

    def __init__(self, app: Flask, gate: AccessPolicy, house: SessionRegistry, cookie: str) -> None:
        self._gate, self._house, self._cookie = gate, house, cookie
        app.before_request(self.check)
        app.after_request(self.finish)

    def check(self) -> Response | None:
        """Refuse who may not ask this; `g.client_id` is set for whom may.

        Raises:
            Refusal: who may not.
        """
        g.client_id, g.new_client_id = None, False
        if request.endpoint == HEALTH:
            return None
        self._gate.check_name(request)
        g.client_id = self._gate.client_id(request.cookies.get(self._cookie))
        if request.endpoint == "page" and self._gate.knows(request.args.get("token")):
            self._let_in()
            return Response(render_template("welcome.html"))
        if request.endpoint not in _WITHOUT_TOKEN:
            self._gate.admit(request, g.client_id)
        if request.method not in ("GET", "HEAD", "OPTIONS") or request.endpoint == "live":
            self._gate.check_origin(request)
        if request.endpoint == "live":
            self._check_socket()
        elif g.client_id is None and request.endpoint in ("page", "upload", "avatar", "orders"):
            self._let_in()
        return None

    def _let_in(self) -> None:
        g.client_id, g.new_client_id = g.client_id or new_client_id(), True

    def _check_socket(self) -> None:
        """Prepare a WebSocket's opening request for the library that answers it.

        Raises:
            Refusal: it isn't whole, or nobody's.
        """
        check_handshake(request.headers)
        if g.client_id is None:
            raise HttpError("expected the page's cookie; open the page first")
        g.session = self._house.enter(g.client_id)
        # Frames are compressed already: no further compression is agreed on.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        request.environ.pop("HTTP_SEC_WEBSOCKET_PROTOCOL", None)
        for server in ("gunicorn.socket", "werkzeug.socket"):
            if server in request.environ:
                request.environ[server] = Wire(request.environ[server])

    def finish(self, response: Response) -> Response:
        """Put on the headers and, for a new visitor, the cookie."""
        harden(response, request.headers.get("Host", ""))
        if g.get("new_client_id") and response.status_code not in _NOT_LET_IN:
            response.set_cookie(
                self._cookie,
                self._gate.cookie(g.client_id),
                httponly=True,
                samesite="Strict",
                secure=request.is_secure,
            )
        return response


class _Routes:
    """What is answered."""

    def __init__(self, app: Flask, gate: AccessPolicy, house: SessionRegistry, config: LiveConfig) -> None:
        self._gate, self._house, self._config = gate, house, config
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
        """The page.

        Raises:
            Busy: the visitor has no place and there is none.
        """
        if not self._house.has_room(g.client_id):
            raise Busy(self._house.full_text)
        return render_template("index.html", state=self._state(), avatars=avatars())

    def upload(self) -> Answer:
        """Take a photo.

        Raises:
            InputError: it can't be used.
            Busy: no place, or too many uploads.
        """
        if not self._house.has_room(g.client_id):
            raise Busy(self._house.full_text)
        if not self._uploads.acquire(timeout=UPLOAD_WAIT_S):
            raise Busy("many photos at once; try again in a moment")
        try:
            data, name = self._photo()
            face = read_face(data, name, self._config.options.most_side)
        finally:
            self._uploads.release()
        return self._take_face(face, name)

    def avatar(self) -> Answer:
        """Take a face of our own.

        Raises:
            Unknown: there is none of that name.
            Busy: no place, or too many uploads.
        """
        path = avatar_called(request.form.get("avatar")).path
        if not self._house.has_room(g.client_id):
            raise Busy(self._house.full_text)
        face = read_face(path.read_bytes(), path.name, self._config.options.most_side)
        return self._take_face(face, path.name)

    def avatar_picture(self, name: str) -> Response:
        """What a face of our own looks like, small.

        Raises:
            Unknown: there is none of that name.
        """
        response = Response(thumbnail(avatar_called(name).path), mimetype="image/jpeg")
        response.headers["Cache-Control"] = f"private, max-age={THUMBNAIL_AGE_S}"
        return response

    def _take_face(self, face: Picture, name: str) -> Answer:
        """Let a picture speak.

        Raises:
            InputError: it can't.
            Busy: no place.
            TooFast: one after the other.
        """
        session = self._house.enter(g.client_id)
        with called(name):
            session.put_face(face)
        return jsonify(session.state()) if _wants_json() else redirect(url_for("page"), 303)

    def _photo(self) -> tuple[bytes, str]:
        """The bytes and name in the field.

        Raises:
            Refusal: there are none.
        """
        if request.mimetype != "multipart/form-data":
            raise _Unsupported(f'expected a form (multipart/form-data) with a photo in its field "{FIELD}"')
        file = request.files.get(FIELD)
        data = b"" if file is None else file.stream.read()
        if file is None or not data:
            raise HttpError(f'expected a photo in the field "{FIELD}"; choose one')
        return data, file.filename or "the photo"

    def orders(self) -> Answer:
        """Start, stop or clear.

        Raises:
            NoFaceYet: nobody to start.
            Refusal: something else was asked for.
        """
        if request.method == "POST":
            given = [name for name, value in _ORDERS.items() if request.form.get(name) == value]
            if len(given) != 1:
                raise HttpError("expected one of start=Start, stop=Stop, clear=clear")
            session = self._house.enter(g.client_id) if given == ["start"] else self._house.find(g.client_id)
            if session is not None:
                getattr(session, given[0])()
            if _wants_json():
                return jsonify(self._state())
        return self.page()

    def _state(self) -> dict[str, Any]:
        session = self._house.find(g.client_id)
        nobody = {"type": "state", "face": False, "speaking": False, "mic": self._house.microphone.name}
        return nobody if session is None else session.state()

    def video_feed(self) -> Answer:
        """The frames as they come, as JPEGs, for a plain <img>.

        Raises:
            NoFaceYet: there is no face.
            Busy: no place.
        """
        if g.client_id is None:
            raise HttpError("expected the page's cookie; open the page first")
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
        if request.method == "HEAD":
            return Response(mimetype=kind)
        session = self._house.enter(g.client_id)
        watcher = session.watch("feed")
        response = Response(_parts(watcher), mimetype=kind)
        response.call_on_close(lambda: session.leave(watcher))
        return response

    def live(self, server: Server) -> None:
        """The WebSocket."""
        converse(server, g.session)

    def stats(self) -> Answer:
        """How it goes."""
        session = self._house.find(g.client_id)
        sessions = self._house.sessions
        told: dict[str, Any] = {
            "session": None if session is None else _untyped(session.stats()),
            "sessions": len(sessions),
            "places": self._house.places,
        }
        if self._gate.bears_token(request):
            told["all"] = [_untyped(one.stats()) for one in sessions]
        return jsonify(told)

    def healthz(self) -> Answer:
        """Whether the server works; nothing else."""
        return jsonify({"ok": True})


class _Unsupported(HttpError):
    """A body of a kind that isn't taken."""

    code = "not-media"
    status = 415


def _parts(watcher: Client) -> Iterator[bytes]:
    """The feed, until it is over."""
    yield b"--" + BOUNDARY + b"\r\n"
    while not watcher.dismissed:
        item = watcher.next(FRAME_WAIT_S)
        if isinstance(item, EncodedFrame):
            yield item.part


def _untyped(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "type"}


def _wants_json() -> bool:
    """Whether JSON is asked for by name."""
    return "application/json" in request.headers.get("Accept", "")


def _wants_page() -> bool:
    return "text/html" in request.headers.get("Accept", "") and not _wants_json()


def _answer(code: str, message: str, status: int) -> Response:
    """A refusal as the page or program that asked can take it."""
    if _wants_page():
        response = Response(render_template("problem.html", message=message, status=status), status)
    else:
        response = jsonify({"error": {"code": code, "message": message}})
        response.status_code = status
    if status == Busy.status:
        response.headers["Retry-After"] = str(Busy.retry_after_s)
    return response


def _refuse(error: MouthpieceError) -> Response:
    return _answer(error.code, str(error), status_of(error))


def _refuse_http(error: HTTPException) -> Response:
    """What Flask itself refuses."""
    if isinstance(error, RequestEntityTooLarge):
        return _answer(InputError.code, f"expected a photo of at most {MOST_BYTES / MEGABYTE:.0f} MB", 413)
    status = error.code or 400
    response = error.get_response()
    if status < 400:  # a redirect is no refusal
        return Response(response.get_data(), status, headers=dict(response.headers))
    answer = _answer(HttpError.code, error.name.lower(), status)
    if "Allow" in response.headers:
        answer.headers["Allow"] = response.headers["Allow"]
    return answer


def _apologise(error: Exception) -> Response:
    """A bug of ours: told in the log, not to strangers."""
    current_app.logger.exception("unexpected error")
    return _answer(MouthpieceError.code, "something went wrong on the server; its log says what", 500)
