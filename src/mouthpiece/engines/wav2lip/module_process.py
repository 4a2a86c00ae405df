"""Programs of this package in processes of their own, which may die, hang or take memory without harm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_module(name: str, *arguments: str, timeout_s: float) -> str | None:
    """Run a module of this package as a program in a new process.

    Returns:
        The last line that it printed, or None where it failed, died or took longer than `timeout_s`.
    """
    import mouthpiece

    # -P: nothing in the current folder may pass for a module; the package is found where it is now.
    home = str(Path(mouthpiece.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, by this interpreter, without a shell
            [sys.executable, "-P", "-m", name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=True,
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the process that waits; a program ended by it would seem to fail
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    return lines[-1] if lines else ""
