"""Debian's Chromium: where it is and how it starts without a screen, a network or a person to ask."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
)
"""No screen, nothing asked of the network, and devices that are made up."""
# A page in a background window must not be slowed down: two sessions are looked at side by side.
UNSLOWED = (
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)


def chromium_path() -> str:
    """The program; without it tests are skipped, but on CI it has to be there."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    if os.environ.get("CI"):
        pytest.fail("CI must have chromium")
    pytest.skip("chromium is not installed (Debian: apt install chromium)")


def microphone_flags(wav: Path, *, again: bool = False) -> tuple[str, ...]:
    """A microphone that is allowed without asking and hears a WAV file, once or over and over."""
    return (
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}{'' if again else '%noloop'}",
    )
