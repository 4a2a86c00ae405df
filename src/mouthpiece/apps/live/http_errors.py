"""Errors of the live app's requests: one line each, with an HTTP status."""

from __future__ import annotations

from typing import ClassVar

from mouthpiece.errors import InputError, MouthpieceError, NoPictureError, NotMediaError


class HttpError(MouthpieceError):
    """Base of errors of a request."""

    code: ClassVar[str] = "request"
    status: ClassVar[int] = 400
    """HTTP status of the answer."""


class Unknown(HttpError):
    """There is nothing of that name."""

    code = "unknown"
    status = 404


class NotAdmitted(HttpError):
    """The token is missing or wrong."""

    code = "token"
    status = 401


class ForbiddenOrigin(HttpError):
    """The request comes from another site, or its Host is not a name of the server."""

    code = "foreign"
    status = 403


class NoFaceYet(HttpError):
    """The session has no face."""

    code = "no-face-yet"
    status = 409


class Busy(HttpError):
    """No place is free; trying again later helps."""

    code = "busy"
    status = 503
    retry_after_s: ClassVar[int] = 10


class TooFast(HttpError):
    """A client sends more than its limit."""

    code = "too-fast"
    status = 429


class NotAPicture(InputError):
    """Media of another kind where a photo was expected."""

    code = "not-media"


def status_of(error: MouthpieceError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, HttpError):
        return error.status
    if isinstance(error, NotMediaError | NoPictureError | NotAPicture):
        return 415
    return 422 if isinstance(error, InputError) else 503


def as_message(error: MouthpieceError) -> dict[str, str]:
    """Return an error as a message of the WebSocket."""
    return {"type": "error", "code": error.code, "message": str(error)}
