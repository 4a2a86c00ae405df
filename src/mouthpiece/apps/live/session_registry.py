"""All browser sessions of a server, by client id.

Places are few, as each speaking face takes a share of the machine. A session has a place while somebody watches it
and a few seconds longer; its face is kept a little longer still, in memory, so that a page can be loaded again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict

from mouthpiece.apps.live.browser_session import BrowserSession, OpenFace
from mouthpiece.apps.live.http_errors import Busy
from mouthpiece.apps.live.microphone import Microphone
from mouthpiece.errors import MouthpieceError
from mouthpiece.types import Picture

FORGET_S = 10.0
"""A session that nobody watches gives its place up after so long."""
KEEP_FACE_S = 120.0
"""Its face is forgotten after so long."""
SWEEP_S = 1.0
KEPT_FACES_PER_PLACE = 4

log = logging.getLogger("mouthpiece.live")


class SessionRegistry:
    """All browser sessions, by client id, and the places there are for them."""

    def __init__(self, places: int, open_face: OpenFace, microphone: Microphone) -> None:
        """Begin without sessions; a thread removes idle ones from now on.

        Args:
            places: sessions at once.
            open_face: makes faces ready to speak.
            microphone: where sound comes from.
        """
        self.places = places
        self.microphone = microphone
        self._open_face = open_face
        self._lock = threading.RLock()
        self._sessions: dict[str, BrowserSession] = {}
        self._pictures: OrderedDict[str, tuple[float, Picture]] = OrderedDict()
        """Pictures of sessions removed lately, by client id, and when they were removed."""
        self._closed = threading.Event()
        threading.Thread(target=self._sweep, name="mouthpiece-live-sweep", daemon=True).start()

    @property
    def sessions(self) -> list[BrowserSession]:
        """The sessions that have a place."""
        with self._lock:
            return list(self._sessions.values())

    def find(self, client_id: str | None) -> BrowserSession | None:
        """Return the client's session, if it has a place."""
        with self._lock:
            return self._sessions.get(client_id or "")

    def check_room(self, client_id: str | None) -> None:
        """Check that the client has a place or could have one.

        Raises:
            Busy: all places are taken.
        """
        with self._lock:
            if self._closed.is_set() or (
                (client_id or "") not in self._sessions and len(self._sessions) >= self.places
            ):
                taken = "the only place is taken" if self.places == 1 else f"all {self.places} places are taken"
                raise Busy(f"{taken}; try again in a minute, or start the server with more --sessions")

    def enter(self, client_id: str) -> BrowserSession:
        """Return the client's session; a new one gets the face that was left behind, if that was lately.

        Raises:
            Busy: all places are taken.
        """
        with self._lock:
            self.check_room(client_id)
            session = self._sessions.get(client_id)
            if session is not None:
                return session
            session = self._sessions[client_id] = BrowserSession(self._open_face, self.microphone)
            _, picture = self._pictures.pop(client_id, (0.0, None))
        if picture is not None:
            try:
                session.put_face(picture)
            except MouthpieceError as error:  # it could be used a minute ago
                log.warning("a face that came back can't be used: %s", error)
        return session

    def forget_idle(self, now_s: float | None = None) -> None:
        """Close sessions that nobody watches, and forget old faces."""
        now_s = time.monotonic() if now_s is None else now_s
        with self._lock:
            idle = {client_id: one for client_id, one in self._sessions.items() if one.idle_s > FORGET_S}
            for client_id, session in idle.items():
                del self._sessions[client_id]
                if session.picture is not None:
                    self._pictures[client_id] = (now_s, session.picture)
            while len(self._pictures) > KEPT_FACES_PER_PLACE * self.places:
                self._pictures.popitem(last=False)
            for client_id in [name for name, (left_s, _) in self._pictures.items() if left_s < now_s - KEEP_FACE_S]:
                del self._pictures[client_id]
        for session in idle.values():
            session.close()

    def close(self) -> None:
        """End all sessions."""
        self._closed.set()
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
            self._pictures.clear()
        for session in sessions:
            session.close()
        self.microphone.close()

    def _sweep(self) -> None:
        while not self._closed.wait(SWEEP_S):
            try:
                self.forget_idle()
            except Exception:  # the next round tries again
                log.exception("sweeping failed")
