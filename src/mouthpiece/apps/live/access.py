"""Who may ask for what: tokens, cookies, names and origins, headers, and how much a client may send.

Without a token the server is for this machine alone: it answers only to names of this machine (a page elsewhere whose
name suddenly leads here, DNS rebinding, gets nothing). With one, whoever brings it once gets a signed cookie. Changes
and the WebSocket are for the server's own pages: browsers tell from where a request comes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mouthpiece.apps.addresses import HOST, is_loopback
from mouthpiece.apps.live.http_errors import ForbiddenOrigin, HttpError, NotAdmitted
from mouthpiece.errors import OptionError

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers
    from werkzeug.wrappers import Request, Response

TOKEN_BYTES = 24
"""Randomness of a token that we make."""
LEAST_TOKEN = 16
"""Characters of a token that somebody chose."""
VISITOR_BYTES = 16
"""Randomness that tells browser sessions apart."""
SECRET_BYTES = 32
MOST_TEXT = 1024
"""Characters of a text message."""
MOST_BRACKETS = 4
"""Opening brackets in a text message: nobody nests a start."""
MOST_STAMP = 1e15
"""Largest "t" that is sent back: milliseconds of the page's clock."""
_WEBSOCKET_VERSION = "13"
_WEBSOCKET_KEY_BYTES = 16

Clock = Callable[[], float]


def new_token() -> str:
    """A token nobody guesses, fit for a link."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def check_token(token: str) -> str:
    """A token that somebody chose.

    Raises:
        OptionError: too short to keep anybody out, or not fit for a link.
    """
    if len(token) < LEAST_TOKEN or not re.fullmatch(r"[A-Za-z0-9._~\-]+", token):
        raise OptionError(
            f"token expects at least {LEAST_TOKEN} letters, digits or any of . _ ~ -; got {len(token)} characters "
            "that don't fit; leave it out to have one made"
        )
    return token


def name_of(host: str) -> str:
    """The name in a Host header or an origin's network location, without its port, in lower case."""
    if host.startswith("["):
        return host.partition("]")[0].strip("[").lower()
    return host.partition(":")[0].lower()


class AccessPolicy:
    """Decides about requests. Holds no state but its secrets."""

    def __init__(self, *, host: str, token: str | None, names: tuple[str, ...], secret: bytes) -> None:
        """Know who is welcome.

        Args:
            host: the address that the server is bound to.
            token: what admits; None: whoever reaches the server.
            names: names by which the server is reached from elsewhere; empty: any, where there is a token.
            secret: signs cookies.
        """
        self._token = token
        self._names = frozenset(name.lower() for name in names)
        self._checks_names = bool(names) or is_loopback(host)
        # Another token is another key: who was let in by the old one isn't any more.
        self._key = hmac.digest(secret, b"cookie" + (token or "").encode(), hashlib.sha256)

    @property
    def asks_for_token(self) -> bool:
        """Whether a token is needed at all."""
        return self._token is not None

    def check_name(self, request: Request) -> None:
        """See that the server is asked under a name of its own.

        Raises:
            Foreign: it isn't.
        """
        host = request.headers.get("Host", "")
        if not HOST.fullmatch(host):
            raise ForbiddenOrigin("expected the server's own name in the request's Host, got something else")
        if self._checks_names and not (is_loopback(name_of(host)) or name_of(host) in self._names):
            raise ForbiddenOrigin(
                f"this server isn't known as {name_of(host)}; start it with --allow-host {name_of(host)}"
            )

    def check_origin(self, request: Request) -> None:
        """See that a change or a WebSocket is asked for by one of the server's own pages, or by no page at all.

        Raises:
            Foreign: another site asks.
        """
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin")
        own = origin is None or _location(origin) == request.headers.get("Host", "").lower()
        if not own or site not in (None, "same-origin", "none"):
            raise ForbiddenOrigin("asked for by another site; open the page itself")

    def knows(self, token: str | None) -> bool:
        """Whether this is the token; takes as long for any wrong one."""
        if self._token is None or token is None:
            return False
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode())

    def bears_token(self, request: Request) -> bool:
        """Whether a program shows the token: `Authorization: Bearer TOKEN`."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.knows(token.strip())

    def admit(self, request: Request, client_id: str | None) -> None:
        """See that whoever asks may come in.

        Args:
            request: what is asked.
            visitor: whose cookie it brought, if that was a good one.

        Raises:
            NotAdmitted: no token, or a wrong one.
        """
        if self.asks_for_token and client_id is None and not self.bears_token(request):
            raise NotAdmitted("open the link with the token that the server printed at its start")

    def cookie(self, client_id: str) -> str:
        """The cookie of a browser session."""
        return f"{client_id}.{self._signature(client_id)}"

    def client_id(self, cookie: str | None) -> str | None:
        """Whose cookie it is; None if it isn't one of ours."""
        client_id, _, signature = (cookie or "").partition(".")
        good = hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(client_id).encode())
        return client_id if client_id and good else None

    def _signature(self, client_id: str) -> str:
        return hmac.new(self._key, client_id.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def new_client_id() -> str:
    """A name for a browser session."""
    return secrets.token_hex(VISITOR_BYTES)


def _location(origin: str) -> str | None:
    """The host and port of an origin as a Host header has them; None where it is no address of a page."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and not parts.path else None


def check_handshake(headers: Headers) -> None:
    """See that a WebSocket's opening request is whole, before a library trusts it.

    Raises:
        Refusal: it isn't.
    """
    try:
        key = b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
    except ValueError:
        key = b""
    if len(key) != _WEBSOCKET_KEY_BYTES or headers.get("Sec-WebSocket-Version", "") != _WEBSOCKET_VERSION:
        raise HttpError("expected a WebSocket's opening request (version 13, with a key)")


def harden(response: Response, host: str) -> None:
    """Put on the headers that make a browser hold the page to what it is.

    Args:
        response: what is answered.
        host: the request's Host; where it is a plain name, the page may open WebSockets to it.
    """
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        f"media-src 'self' blob:; font-src 'self'; worker-src 'self'; connect-src 'self'{sockets}; "
        "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    for name, value in (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),  # "no-referrer" would make our own forms' Origin "null"
        ("Permissions-Policy", "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ):
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")


class Bucket:
    """How much of something may come: so much a second, and so much at once."""

    def __init__(self, rate: float, burst: float, clock: Clock = time.monotonic) -> None:
        """Start full.

        Args:
            rate: units a second.
            burst: units at once.
            clock: seconds.
        """
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at_s = burst, clock()

    def take(self, units: float) -> bool:
        """Take so much out; False, and nothing taken, where there is not enough."""
        now_s = self._clock()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if units > self._left:
            return False
        self._left -= units
        return True

    def wait_s(self, units: float) -> float:
        """Take so much out, on credit if need be; how long to wait until that is paid back, seconds."""
        now_s = self._clock()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate) - units
        self._at_s = now_s
        return max(-self._left / self._rate, 0.0)


def read_message(text: str) -> dict[str, Any]:
    """A text message: a small flat JSON object with a "type".

    Raises:
        Refusal: anything else.
    """
    if len(text) > MOST_TEXT or sum(text.count(bracket) for bracket in "[{") > MOST_BRACKETS:
        raise HttpError(f'expected a JSON object like {{"type": "start"}} of at most {MOST_TEXT} characters, flat')
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise HttpError('expected a JSON object like {"type": "start"}')
    stamp = message.get("t")
    if isinstance(stamp, bool) or not isinstance(stamp, int | float | None) or not abs(stamp or 0) < MOST_STAMP:
        raise HttpError('expected a number as "t", or none')
    return message
