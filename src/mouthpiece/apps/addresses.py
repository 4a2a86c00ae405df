"""Addresses that servers listen on, and names by which browsers reach them.

A server of this machine alone answers to names of this machine only: a page elsewhere whose name suddenly leads here
(DNS rebinding) gets nothing. Whoever puts a proxy in front says by which name it is reached.
"""

from __future__ import annotations

import ipaddress
import re

from mouthpiece.errors import OptionError

LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain"})
HOST = re.compile(r"[A-Za-z0-9._\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
"""What a Host header may be: a name or address, and perhaps a port."""


def is_loopback(host: str) -> bool:
    """Whether an address or name to bind to is for this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in LOCAL_NAMES


def check_host(name: str) -> str:
    """A name by which browsers reach a server, as a Host header has it.

    Raises:
        OptionError: an address of a page, a port with it, or nothing that a Host header could have.
    """
    if not HOST.fullmatch(f"[{name}]" if ":" in name else name):
        raise OptionError(f"allow-host expects a name like lips.example.org, without https:// or port; got {name!r}")
    return name
