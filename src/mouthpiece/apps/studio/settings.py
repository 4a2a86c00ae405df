"""What whoever starts the studio may choose."""

from __future__ import annotations

from dataclasses import dataclass, field

from mouthpiece.apps.web import MEGABYTE, Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """How much the studio takes and does."""

    jobs_at_once: int = 2
    """Videos made side by side; the others wait."""
    most_waiting: int = 20
    """Videos that may wait; beyond that visitors are asked to come back."""
    limits: Limits = field(default_factory=lambda: Limits(most_bytes=200 * MEGABYTE, most_s=600.0))
    """What may be uploaded."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which browsers reach the studio through a proxy; where it is open to others, none: any."""
    gone_after_s: float = 180.0
    """A visit whose page is closed or out of reach for so long is over, and its files go."""
    kept_s: float = 3600.0
    """Files of a page that nobody touched for so long go, too."""


_current = Settings()


def current() -> Settings:
    """What holds in this process."""
    return _current


def use(settings: Settings) -> None:
    """Let it hold, for whatever is started from now on."""
    global _current  # noqa: PLW0603 - Streamlit runs the script by itself and hands nothing to it
    _current = settings
