"""Configuration of the live app."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.apps.live.access import SECRET_BYTES, check_token, new_token
from mouthpiece.apps.web import check_host, is_loopback
from mouthpiece.cpu import core_count
from mouthpiece.errors import InputError, OptionError
from mouthpiece.live.options import LiveOptions

if TYPE_CHECKING:
    from mouthpiece.apps.live.drawing import SpeakingFace
    from mouthpiece.media import FaceInput

BROWSER, SERVER, FILE = "browser", "server", "file"
"""Names of the microphones: the page's, this machine's, a recording."""
PORT = 8080
MOST_SIDE = 640
"""Default pixels of the longer side of the faces drawn."""
SESSIONS_PER_CORE = 2
MOST_SESSIONS = 256
OPEN_PORTS = 65_535


def default_sessions() -> int:
    """Return the default of sessions at once: more than a machine keeps up with, as few speak all the time."""
    return max(2, SESSIONS_PER_CORE * core_count())


def _open_live(face: FaceInput, options: LiveOptions) -> SpeakingFace:
    from mouthpiece.live import open_live

    return open_live(face, options)


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Configuration of the live app."""

    host: str = "127.0.0.1"
    """Address to listen on; any but this machine's own asks for a token."""
    port: int = PORT
    """Port to listen on; 0: any free one."""
    mic: str | Path = "browser"
    """Source of the sound: "browser", "server" (this machine's microphone), or a recording."""
    loop: bool = False
    """Whether a recording begins again at its end."""
    token: str | None = field(default=None, repr=False)
    """Token that grants access; None: one is made where one is needed."""
    sessions: int = field(default_factory=default_sessions)
    """Browser sessions at once."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which browsers reach the server through a proxy."""
    options: LiveOptions = field(default_factory=partial(LiveOptions, most_side=MOST_SIDE))
    """How the faces are drawn."""
    open_live: Callable[[FaceInput, LiveOptions], SpeakingFace] = _open_live
    """Makes a face ready to speak."""
    secret: bytes = field(default_factory=partial(secrets.token_bytes, SECRET_BYTES), repr=False)
    """Key that signs cookies."""

    def __post_init__(self) -> None:
        """Check, and make a token where one is needed.

        Raises:
            OptionError: a value makes no sense.
            InputError: no such recording.
        """
        if not 0 <= self.port <= OPEN_PORTS:
            raise OptionError(f"port expects 0 to {OPEN_PORTS}, got {self.port}")
        if not 1 <= self.sessions <= MOST_SESSIONS:
            raise OptionError(f"sessions expects 1 to {MOST_SESSIONS}, got {self.sessions}")
        for name in self.allow_hosts:
            check_host(name)
        if self.mic not in (BROWSER, SERVER) and not Path(self.mic).exists():
            raise InputError(
                f"mic expects {BROWSER}, {SERVER} or a recording, got {str(self.mic)!r}, which isn't there"
            )
        if self.token is not None:
            check_token(self.token)
        elif not is_loopback(self.host):
            object.__setattr__(self, "token", new_token())
