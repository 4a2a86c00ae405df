"""Configuration of the live app."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.apps.live.access import SECRET_BYTES, TOKEN_BYTES, check_token
from mouthpiece.apps.web import allow_hosts_option, check_host, is_loopback
from mouthpiece.cpu import core_count
from mouthpiece.errors import InputError
from mouthpiece.option_fields import check_ranges, option
from mouthpiece.options import LiveOptions

if TYPE_CHECKING:
    from mouthpiece.apps.live.drawing import SpeakingFace
    from mouthpiece.media import FaceInput

BROWSER, SERVER, FILE = "browser", "server", "file"
"""Names of the microphones: the page's, this machine's, a recording."""
PORT = 8080
MOST_SIDE = 640
"""Default pixels of the longer side of the faces drawn."""


def default_sessions() -> int:
    """Return the default of sessions at once: more than a machine keeps up with, as few speak all the time."""
    return max(2, 2 * core_count())


def _open_live(face: FaceInput, options: LiveOptions) -> SpeakingFace:
    from mouthpiece.live import open_live

    return open_live(face, options)


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Configuration of the live app."""

    host: str = option(
        "127.0.0.1", flag="--host", help="Address to listen on; any but this machine's own asks for a token."
    )
    port: int = option(PORT, flag="--port", help="0: any free one.", low=0, high=65_535)
    """Port to listen on; 0: any free one."""
    mic: str | Path = option(
        BROWSER,
        flag="--mic",
        metavar="browser|server|FILE",
        help="Who is heard: the page's microphone, this machine's, or a recording played as if spoken.",
    )
    """Source of the sound: "browser", "server" (this machine's microphone), or a recording."""
    loop: bool = option(False, flag="--loop", help="With --mic FILE: begin again at its end.")
    """Whether a recording begins again at its end."""
    token: str | None = option(
        None,
        flag="--token",
        kind=str,
        envvar="MOUTHPIECE_TOKEN",
        help="Ask for this token; one is made where one is needed.",
        secret=True,
    )
    """Token that grants access; None: one is made where one is needed."""
    sessions: int = option(
        default_factory=default_sessions,
        flag="--sessions",
        kind=int,
        help="Browsers at once; by default two a core.",
        low=1,
        high=256,
    )
    """Browser sessions at once."""
    allow_hosts: tuple[str, ...] = allow_hosts_option()
    """Names by which browsers reach the server through a proxy."""
    options: LiveOptions = field(default_factory=partial(LiveOptions, most_side=MOST_SIDE))
    """How the faces are drawn."""
    open_live: Callable[[FaceInput, LiveOptions], SpeakingFace] = _open_live
    """Makes a face ready to speak."""
    secret: bytes = field(default_factory=partial(os.urandom, SECRET_BYTES), repr=False)
    """Key that signs cookies."""
    token_is_made: bool = field(default=False, init=False)
    """Whether the token was made here and not chosen."""

    def __post_init__(self) -> None:
        """Check, and make a token where one is needed.

        Raises:
            OptionError: a value makes no sense.
            InputError: no such recording.
        """
        check_ranges(self)
        for name in self.allow_hosts:
            check_host(name)
        if self.mic not in (BROWSER, SERVER):
            object.__setattr__(self, "mic", Path(self.mic))
        if isinstance(self.mic, Path) and not self.mic.exists():
            raise InputError(
                f"mic expects {BROWSER}, {SERVER} or a recording, got {str(self.mic)!r}, which isn't there"
            )
        if self.token is not None:
            check_token(self.token)
        elif not is_loopback(self.host):
            import secrets

            object.__setattr__(self, "token", secrets.token_urlsafe(TOKEN_BYTES))
            object.__setattr__(self, "token_is_made", True)
