"""Errors of the live app's requests: one line each, with an HTTP status."""

from __future__ import annotations

from typing import ClassVar

from mouthpiece.errors import InputError, MouthpieceError, NoPictureError, NotMediaError


class HttpError(MouthpieceError):
    """Base of errors of a request."""

    code: ClassVar[str] = "request"
    status: ClassVar[int] = 400
    """HTTP status of the answer."""

    def __init_subclass__(cls, *, code: str, status: int) -> None:
        cls.code, cls.status = code, status


class Unknown(HttpError, code="unknown", status=404):
    """There is nothing of that name."""


class NotAdmitted(HttpError, code="token", status=401):
    """The token is missing or wrong."""


class ForbiddenOrigin(HttpError, code="foreign", status=403):
    """The request comes from another site, or its Host is not a name of the server."""


class NoFaceYet(HttpError, code="no-face-yet", status=409):
    """The session has no face."""


class Unsupported(HttpError, code="not-media", status=415):
    """A body of a kind that isn't taken."""


class TooFast(HttpError, code="too-fast", status=429):
    """A client sends more than its limit."""


class Busy(HttpError, code="busy", status=503):
    """No place is free; trying again later helps."""

    retry_after_s: ClassVar[int] = 10


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
