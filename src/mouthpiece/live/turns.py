"""Several sessions in one process: their threads take turns at Python's lock more often than Python has them do.

Drawing calls hundreds of small functions that let go of the lock while they compute. By default each of them may then
wait 5 ms to get it back while another thread runs: with four sessions, a frame of 10 ms takes 200.
"""

from __future__ import annotations

import sys
import threading

TURN_S = 0.0005
"""How long a thread may keep the lock while another one wants it. Much shorter ones cost more than they give."""

_lock = threading.Lock()
_open = 0
_before_s = 0.005


def take_short_turns() -> None:
    """Have threads take short turns until as many calls of `take_usual_turns` were made."""
    global _open, _before_s  # noqa: PLW0603 - the interpreter has only one such setting
    with _lock:
        if _open == 0:
            _before_s = sys.getswitchinterval()
            sys.setswitchinterval(min(TURN_S, _before_s))
        _open += 1


def take_usual_turns() -> None:
    """As before `take_short_turns`."""
    global _open  # noqa: PLW0603
    with _lock:
        _open -= 1
        if _open == 0:
            sys.setswitchinterval(_before_s)
