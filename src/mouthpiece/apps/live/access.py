"""Access control: tokens, cookies, names and origins, headers, and rate limits.

Without a token the server is for this machine alone and answers only to names of this machine, see `apps.web`. With
one, a client that brings it once gets a signed cookie. Changes and the WebSocket are for the server's own pages:
browsers send the origin of a request.
"""

from __future__ import annotations

import re
import time
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mouthpiece.apps.live.http_errors import ForbiddenOrigin, HttpError, NotAdmitted
from mouthpiece.apps.web import HOST, CookieSigner, is_loopback
from mouthpiece.errors import OptionError

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers
    from werkzeug.wrappers import Request, Response

TOKEN_BYTES = 24
"""Bytes of randomness of a token that the server makes."""
LEAST_TOKEN = 16
"""Least characters of a token that a user chose."""
CLIENT_ID_BYTES = 16
"""Bytes of randomness of a browser session's id."""
SECRET_BYTES = 32
_WEBSOCKET_VERSION = "13"
_WEBSOCKET_KEY_BYTES = 16

Clock = Callable[[], float]


def check_token(token: str) -> str:
    """Check and return a token that a user chose.

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
    """Return the name in a Host header or an origin's network location, without its port, in lower case."""
    if host.startswith("["):
        return host.partition("]")[0].strip("[").lower()
    return host.partition(":")[0].lower()


class AccessPolicy:
    """Rules of which requests are granted. Its only state are its secrets."""

    def __init__(self, *, host: str, token: str | None, names: tuple[str, ...], secret: bytes) -> None:
        """Set the rules.

        Args:
            host: the address that the server is bound to.
            token: grants access; None: every client that reaches the server has it.
            names: names by which the server is reached from elsewhere; empty: any, where there is a token.
            secret: signs cookies.
        """
        self._token = token
        self._names = frozenset(name.lower() for name in names)
        self._checks_names = bool(names) or is_loopback(host)
        # Another token is another key: cookies given for the old one are no longer valid.
        self.cookies = CookieSigner(secret, f"mouthpiece.live:{token or ''}")
        """Signatures of the cookies, whose values are ids of browser sessions."""

    def check_name(self, request: Request) -> None:
        """Check that the request's Host is a name of the server.

        Raises:
            ForbiddenOrigin: it isn't.
        """
        host = request.headers.get("Host", "")
        if not HOST.fullmatch(host):
            raise ForbiddenOrigin("expected the server's own name in the request's Host, got something else")
        if self._checks_names and not (is_loopback(name_of(host)) or name_of(host) in self._names):
            raise ForbiddenOrigin(
                f"this server isn't known as {name_of(host)}; start it with --allow-host {name_of(host)}"
            )

    def check_origin(self, request: Request) -> None:
        """Check that a request comes from one of the server's own pages, or from no page at all.

        Raises:
            ForbiddenOrigin: it comes from another site.
        """
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin")
        own = origin is None or _location(origin) == request.headers.get("Host", "").lower()
        if not own or site not in (None, "same-origin", "none"):
            raise ForbiddenOrigin("asked for by another site; open the page itself")

    def is_token(self, token: str | None) -> bool:
        """Return whether this is the token; compares in constant time."""
        if self._token is None or token is None:
            return False
        import hmac

        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode())

    def has_bearer_token(self, request: Request) -> bool:
        """Return whether a request has the header `Authorization: Bearer TOKEN`."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.is_token(token.strip())

    def admit(self, request: Request, client_id: str | None) -> None:
        """Check that a request has access.

        Args:
            request: the request.
            client_id: the browser session of its cookie, if that was valid.

        Raises:
            NotAdmitted: no token, or a wrong one.
        """
        if self._token is not None and client_id is None and not self.has_bearer_token(request):
            raise NotAdmitted("open the link with the token that the server printed at its start")


def _location(origin: str) -> str | None:
    """Return the host and port of an origin as a Host header has them; None where it is no address of a page."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and not parts.path else None


def check_handshake(headers: Headers) -> None:
    """Check that a WebSocket's opening request is whole, before a library relies on it.

    Raises:
        HttpError: it isn't.
    """
    try:
        key = b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
    except ValueError:
        key = b""
    if len(key) != _WEBSOCKET_KEY_BYTES or headers.get("Sec-WebSocket-Version", "") != _WEBSOCKET_VERSION:
        raise HttpError("expected a WebSocket's opening request (version 13, with a key)")


def harden(response: Response, host: str) -> None:
    """Set the headers by which browsers restrict what a page can load and do.

    Args:
        response: the answer.
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


class RateLimiter:
    """Limit on a quantity: so much a second, and so much at once (a token bucket)."""

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
        """Take units out; return False, and take none, where there are not enough."""
        now_s = self._clock()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if units > self._left:
            return False
        self._left -= units
        return True

    def wait_s(self, units: float) -> float:
        """Take units out, on credit if need be; return how long to wait until that is paid back, seconds."""
        now_s = self._clock()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate) - units
        self._at_s = now_s
        return max(-self._left / self._rate, 0.0)
