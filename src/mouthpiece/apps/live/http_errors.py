"""Why the live app turns a request down: the product's one-line errors, each with its HTTP status."""

from __future__ import annotations

from typing import ClassVar

from mouthpiece.errors import InputError, MouthpieceError, NoPictureError, NotMediaError


class HttpError(MouthpieceError):
    """A request that is not granted."""

    code: ClassVar[str] = "request"
    status: ClassVar[int] = 400
    """HTTP status that says so."""


class Unknown(HttpError):
    """Nothing of that name."""

    code = "unknown"
    status = 404


class NotAdmitted(HttpError):
    """The token is missing or wrong."""

    code = "token"
    status = 401


class ForbiddenOrigin(HttpError):
    """Another site asks, or the server is asked under a name that isn't its own."""

    code = "foreign"
    status = 403


class NoFaceYet(HttpError):
    """Nobody there to speak."""

    code = "no-face-yet"
    status = 409


class Busy(HttpError):
    """No place is free; trying again later helps."""

    code = "busy"
    status = 503
    retry_after_s: ClassVar[int] = 10


class TooFast(HttpError):
    """More than a client may send."""

    code = "too-fast"
    status = 429


class NotAPicture(InputError):
    """Media of another kind where a photo was expected."""

    code = "not-media"


def status_of(error: MouthpieceError) -> int:
    """The HTTP status of an error of the product: whose fault it is, and what kind."""
    if isinstance(error, HttpError):
        return error.status
    if isinstance(error, NotMediaError | NoPictureError | NotAPicture):
        return 415
    return 422 if isinstance(error, InputError) else 503


def as_message(error: MouthpieceError) -> dict[str, str]:
    """The error as a message of the WebSocket or a JSON answer."""
    return {"type": "error", "code": error.code, "message": str(error)}
