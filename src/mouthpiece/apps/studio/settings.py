"""What the operator of a studio chooses."""

from __future__ import annotations

from dataclasses import dataclass, field

from mouthpiece.apps.web import MEGABYTE, Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of a studio's server: jobs, uploads, host names, lifetimes."""

    jobs_at_once: int = 2
    """Videos made side by side; the others wait."""
    most_waiting: int = 20
    """Videos that may wait; beyond that visitors are asked to come back."""
    limits: Limits = field(default_factory=lambda: Limits(most_bytes=200 * MEGABYTE, most_s=600.0))
    """What may be uploaded."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which browsers reach the studio through a proxy; where it is open to others, none: any."""
    disconnect_timeout_s: float = 180.0
    """A visit ends, and its files go, when its page was closed or out of reach for so long."""
    idle_timeout_s: float = 3600.0
    """Likewise when nobody touched its page for so long."""


_current = Settings()


def current() -> Settings:
    """Return the settings of this process."""
    return _current


def use(settings: Settings) -> None:
    """Set the settings of this process, for whatever is started from now on."""
    global _current  # noqa: PLW0603 - Streamlit runs the script by itself and hands nothing to it
    _current = settings
