"""What the operator of a studio chooses."""

from __future__ import annotations

from dataclasses import dataclass, field

from mouthpiece.apps.web import Limits, allow_hosts_option
from mouthpiece.option_fields import check_ranges, option


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of a studio's server: jobs, uploads, host names, lifetimes."""

    host: str = option(
        "127.0.0.1", flag="--host", help="Where to listen; 0.0.0.0 is everywhere, for everybody who gets there."
    )
    """Address to listen on."""
    port: int = option(8501, flag="--port", help="Likewise; 0 takes a free one.", low=0, high=65_535)
    """Port to listen on; 0: any free one."""
    jobs_at_once: int = option(2, flag="--jobs", help="Videos made side by side; the others wait.", low=1, high=64)
    most_waiting: int = 20
    """Videos that may wait; beyond that visitors are asked to come back."""
    limits: Limits = field(default_factory=Limits)
    """What may be uploaded."""
    allow_hosts: tuple[str, ...] = allow_hosts_option()
    """Names by which browsers reach the studio through a proxy; where it is open to others, none: any."""
    disconnect_timeout_s: float = 180.0
    """A visit ends, and its files go, when its page was closed or out of reach for so long."""
    idle_timeout_s: float = 3600.0
    """Likewise when nobody touched its page for so long."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: one is out of range.
        """
        check_ranges(self)


_current = Settings()


def current() -> Settings:
    """Return the settings of this process."""
    return _current


def use(settings: Settings) -> None:
    """Set the settings of this process, for whatever is started from now on."""
    global _current  # noqa: PLW0603 - Streamlit runs the script by itself and hands nothing to it
    _current = settings
