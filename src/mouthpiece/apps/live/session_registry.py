"""Who is here: one session for each browser session, with its face, who watches it, and the thread that draws it.

Places are few, as each speaking face takes a share of the machine. A session has a place while somebody watches it
and a few seconds longer; its face is kept a little longer still, in memory, so that a page can be loaded again.
"""

from __future__ import annotations

import logging
import struct
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mouthpiece.apps.live.access import Bucket
from mouthpiece.apps.live.http_errors import Busy, NoFaceYet, TooFast, as_message
from mouthpiece.errors import MouthpieceError
from mouthpiece.types import SAMPLE_RATE, FloatArray, Picture

if TYPE_CHECKING:
    from mouthpiece.live import LiveFrame, LiveStats

FORGET_S = 10.0
"""A session that nobody watches gives its place up after so long."""
KEEP_FACE_S = 120.0
"""Its face is forgotten after so long."""
SWEEP_S = 1.0
FRAME_WAIT_S = 0.25
"""Longest wait for one frame; whoever draws looks up so often."""
DRAWN_S = 1.0
"""Longest wait for the last frame of a session."""
FACE_RATE, FACE_BURST = 0.5, 10.0
"""Faces that a session may put up a second, and at once: each takes a good part of a second to be found and learned."""
MOST_WATCHERS = 4
"""Sockets and feeds of one session; one more sends the oldest away."""
MOST_MESSAGES = 32
"""Messages that may wait for a watcher."""
KEPT_FACES_PER_PLACE = 4
STATS_S = 10.0
"""Latency is told of the frames of so much time."""
JPEG_QUALITY = 85
MAGIC = b"MPF1"
"""How a frame begins on the WebSocket."""
SOUND_MAGIC = b"MPS1"
"""How sound begins there: what a recording says, for the page to play."""
MOST_SOUNDS = 32
"""Pieces of sound that may wait for a watcher."""
INT16_MAX = 32767
BOUNDARY = b"frame"
"""Between two pictures of the feed."""
_HEADER = struct.Struct("<4sdd")
_SOUND_HEADER = struct.Struct("<4sd")

log = logging.getLogger("mouthpiece.live")


class Live(Protocol):
    """What a session needs of `mouthpiece.live.LiveSession`."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def faces_seen(self) -> int: ...
    @property
    def fps(self) -> float: ...
    @property
    def engine(self) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def push(self, samples: FloatArray) -> None: ...
    def next_frame(self, timeout_s: float) -> LiveFrame | None: ...
    def stats(self) -> LiveStats: ...
    def close(self) -> None: ...


OpenFace = Callable[[Picture], Live]
"""Makes a face ready to speak: (H, W, 3) uint8 RGB in, a session at rest out. Raises MouthpieceError."""


class Microphone(Protocol):
    """Where a server's sound comes from."""

    @property
    def name(self) -> str:
        """browser, server or file."""

    def listen(self, session: Session) -> None:
        """Give the session sound from now on."""

    def leave(self, session: Session) -> None:
        """Give it no more."""

    def close(self) -> None:
        """Give nobody any."""


@dataclass(frozen=True)
class EncodedFrame:
    """One frame on its way to those who watch: encoded once, put together for each kind of watcher once."""

    jpeg: bytes = field(repr=False)
    moment_s: float
    """What of the sound it shows, seconds of the sender's time."""
    latency_s: float
    """From the arrival of the sample that it shows until it was ready to leave; 0 for a face at rest."""

    @cached_property
    def message(self) -> bytes:
        """For the WebSocket: MAGIC, two little-endian doubles, the JPEG."""
        return _HEADER.pack(MAGIC, self.moment_s, self.latency_s) + self.jpeg

    @cached_property
    def part(self) -> bytes:
        """For the feed. The next part's boundary comes at once: browsers wait for it before they show this one."""
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(self.jpeg)
        return head + self.jpeg + b"\r\n--" + BOUNDARY + b"\r\n"


class Client:
    """One socket or feed. It gets the newest frame: one that it was too slow for is dropped."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        """socket or feed."""
        self.dropped = 0
        """Frames it was too slow for."""
        self.replaced = False
        """Whether it was sent away for newer ones of the same session."""
        self._changed = threading.Condition()
        self._shot: EncodedFrame | None = None
        self._messages: deque[dict[str, Any]] = deque(maxlen=MOST_MESSAGES)
        self._sounds: deque[bytes] = deque(maxlen=MOST_SOUNDS)
        self._dismissed = False

    @property
    def dismissed(self) -> bool:
        """Whether it was sent away."""
        return self._dismissed

    def show(self, shot: EncodedFrame) -> None:
        """Here is a frame."""
        with self._changed:
            self.dropped += self._shot is not None
            self._shot = shot
            self._changed.notify()

    def tell(self, message: dict[str, Any]) -> None:
        """Here is a message."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify()

    def play(self, sound: bytes) -> None:
        """Here is sound, as the WebSocket carries it."""
        with self._changed:
            self._sounds.append(sound)
            self._changed.notify()

    def hush(self) -> None:
        """Forget sound that it hasn't got yet."""
        with self._changed:
            self._sounds.clear()

    def next(self, timeout_s: float) -> EncodedFrame | dict[str, Any] | bytes | None:
        """A message, else sound, else the newest frame; None if none came in that time, or it was sent away."""
        with self._changed:
            if not (self._messages or self._sounds or self._shot or self._dismissed):
                self._changed.wait(timeout_s)
            if self._dismissed:
                return None
            if self._messages:
                return self._messages.popleft()
            if self._sounds:
                return self._sounds.popleft()
            shot, self._shot = self._shot, None
            return shot

    def dismiss(self) -> None:
        """Send it away."""
        with self._changed:
            self._dismissed = True
            self._changed.notify_all()


class Session:
    """One browser session. Its methods may be called from any thread."""

    def __init__(self, open_face: OpenFace, microphone: Microphone) -> None:
        self._open_face = open_face
        self._microphone = microphone
        self._changed = threading.Condition(threading.RLock())
        self._opening = threading.Lock()
        self._faces = Bucket(FACE_RATE, FACE_BURST)
        self._face: Picture | None = None
        self._live: Live | None = None
        self._speaking = False
        self._closed = False
        self._drawer: threading.Thread | None = None
        self._watchers: list[Client] = []
        self._speaker: Client | None = None
        """Whose sound counts; None: anybody's, as the start came from elsewhere."""
        self._left_s = time.monotonic()
        self._latest: EncodedFrame | None = None
        self._latencies: deque[tuple[float, float]] = deque()
        self._dropped = 0
        self._played = 0
        """Samples of the recording so far, since the start."""

    @property
    def face(self) -> Picture | None:
        """(H, W, 3) uint8 RGB: the picture that speaks; None while there is none."""
        return self._face

    @property
    def microphone(self) -> str:
        """Where its sound comes from: browser, server or file."""
        return self._microphone.name

    @property
    def idle_s(self) -> float:
        """How long nobody has watched, seconds; 0 while a face is made ready."""
        with self._changed:
            busy = bool(self._watchers) or self._opening.locked()
            return 0.0 if busy else time.monotonic() - self._left_s

    def put_face(self, face: Picture) -> None:
        """Take another picture, at rest.

        Args:
            face: (H, W, 3) uint8 RGB, the session's own from now on.

        Raises:
            MouthpieceError: it can't be used; the one before stays.
        """
        if not self._faces.take(1):
            raise TooFast("many faces in a short time; wait a few seconds")
        with self._opening:
            live = self._open_face(face)
            with self._changed:
                gone = self._closed
                if not gone:
                    self._take_down()
                    self._face, self._live = face, live
                    self._left_s = time.monotonic()
                    self._changed.notify_all()
            if gone:
                live.close()
                raise Busy("the session ended meanwhile; open the page again")
            self._drawer = threading.Thread(target=self._draw, args=(live,), name="mouthpiece-live-draw", daemon=True)
            self._drawer.start()
        self._tell_state()

    def clear(self) -> None:
        """Take the picture away."""
        with self._changed:
            self._take_down()
            self._face = None
            for watcher in [watcher for watcher in self._watchers if watcher.kind == "feed"]:
                watcher.dismiss()
        self._tell_state()

    def start(self, speaker: Client | None = None) -> None:
        """Begin to speak.

        Args:
            speaker: the page that is heard from now on, of several; None: whichever sends sound.

        Raises:
            NoFaceYet: there is no picture.
            InputError: the microphone can't be used.
        """
        with self._changed:
            live = self._live
            if live is None:
                raise NoFaceYet("no face yet: choose a photo first")
            self._latencies.clear()
            self._dropped = self._played = 0
            for watcher in self._watchers:
                watcher.hush()
            live.start()
            self._speaking, self._speaker = True, speaker
            try:
                self._microphone.listen(self)
            except MouthpieceError:
                self.stop()
                raise
        self._tell_state()

    def stop(self) -> None:
        """Come to rest; nothing where nobody speaks."""
        with self._changed:
            self._microphone.leave(self)
            if not self._speaking:
                return
            self._speaking, self._speaker = False, None
            if self._live is not None:
                self._live.stop()
        self._tell_state()

    def push(self, samples: FloatArray, source: Client | None = None) -> None:
        """Sound as it comes. Ignored while nobody is to speak, and from pages other than the one that speaks.

        Args:
            samples: (n,) float32 in [-1, 1], 16 kHz.
            source: the page that sent it.
        """
        live = self._live
        foreign = source is not None and self._speaker not in (None, source)
        if live is not None and self._speaking and not foreign:
            live.push(samples)
            if self._microphone.name == "file":  # nobody is there to be heard otherwise
                self._play(samples)

    def _play(self, samples: FloatArray) -> None:
        """Send sound to the pages: SOUND_MAGIC, its time in the speech as a little-endian double, int16 samples."""
        pcm = np.clip(np.rint(samples * INT16_MAX), -INT16_MAX, INT16_MAX).astype("<i2").tobytes()
        with self._changed:
            message = _SOUND_HEADER.pack(SOUND_MAGIC, self._played / SAMPLE_RATE) + pcm
            self._played += len(samples)
            for watcher in self._watchers:
                if watcher.kind == "socket":
                    watcher.play(message)

    def watch(self, kind: str) -> Client:
        """Let somebody watch.

        Args:
            kind: socket or feed.

        Raises:
            Busy: the session has just ended.
            NoFaceYet: a feed of nothing.
        """
        watcher = Client(kind)
        with self._changed:
            if self._closed:
                raise Busy("the session ended meanwhile; open the page again")
            if kind == "feed" and self._live is None:
                raise NoFaceYet("no face yet: choose a photo first")
            if len(self._watchers) >= MOST_WATCHERS:
                oldest = self._watchers.pop(0)
                oldest.replaced = True
                oldest.dismiss()
            self._watchers.append(watcher)
            if self._latest is not None:
                watcher.show(self._latest)
            self._changed.notify_all()
        watcher.tell(self.state(watcher))
        return watcher

    def leave(self, watcher: Client) -> None:
        """Somebody stops watching. Who speaks through the page has gone with the last socket."""
        watcher.dismiss()
        with self._changed:
            if watcher in self._watchers:
                self._watchers.remove(watcher)
            self._dropped += watcher.dropped
            self._left_s = time.monotonic()
            alone = not any(other.kind == "socket" for other in self._watchers)
            spoke = alone or watcher is self._speaker
        if spoke and watcher.kind == "socket" and self._microphone.name == "browser":
            self.stop()

    def close(self) -> None:
        """End it; returns when nothing is drawn any more, or soon after it should be so."""
        with self._changed:
            self._closed = True
            self._take_down()
            watchers, self._watchers = self._watchers, []
            self._changed.notify_all()
        for watcher in watchers:
            watcher.dismiss()
        if self._drawer is not None:
            self._drawer.join(DRAWN_S)

    def state(self, watcher: Client | None = None) -> dict[str, Any]:
        """What a page has to know, as a message; for a watcher, also whether another page is heard."""
        with self._changed:
            live = self._live
            picture = {} if live is None else _picture(live)
            return {
                "type": "state",
                "face": live is not None,
                "speaking": self._speaking,
                "mic": self._microphone.name,
                **({"elsewhere": self._speaker not in (None, watcher)} if watcher is not None else {}),
                **picture,
            }

    def stats(self) -> dict[str, Any]:
        """How it does, as a message: latencies until a frame is encoded and ready to leave."""
        with self._changed:
            live = self._live
            slow = self._dropped + sum(watcher.dropped for watcher in self._watchers)
            watchers = len(self._watchers)
        if live is None:
            return {"type": "stats", "face": False, "speaking": False, "watchers": watchers}
        stats = live.stats()
        p50, p95 = self._percentiles()
        return {
            "type": "stats",
            "face": True,
            "speaking": self._speaking,
            "watchers": watchers,
            "fps": round(stats.fps, 1),
            "p50_ms": round(p50, 1),
            "p95_ms": round(p95, 1),
            "dropped": stats.dropped + slow,
            "width": stats.width,
            "height": stats.height,
            "said": stats.description,
        }

    def _tell_state(self) -> None:
        with self._changed:
            for watcher in self._watchers:
                watcher.tell(self.state(watcher))

    def _take_down(self) -> None:
        """Close what speaks; the lock is held."""
        self._microphone.leave(self)
        if self._live is not None:
            self._live.close()
        self._live, self._latest, self._speaking, self._speaker = None, None, False, None

    def _draw(self, live: Live) -> None:
        """Draw for as long as this face is the session's; a thread of its own."""
        try:
            while self._wanted(live):
                frame = live.next_frame(FRAME_WAIT_S)
                if frame is not None:
                    self._show(live, frame)
        except MouthpieceError as error:
            self._give_up(live, as_message(error))
        except Exception:  # the engine's own bug ends this face, not the server
            log.exception("drawing failed")
            said = "drawing this face failed; try again, or another photo"
            self._give_up(live, {"type": "error", "code": "error", "message": said})

    def _wanted(self, live: Live) -> bool:
        """Whether to draw on; waits while nobody watches."""
        with self._changed:
            while self._live is live and not self._watchers:
                self._changed.wait(SWEEP_S)
            return self._live is live

    def _show(self, live: Live, frame: LiveFrame) -> None:
        """Encode a frame and hand it out."""
        began_s = time.monotonic()
        jpeg = encoded(frame.rgb)
        now_s = time.monotonic()
        latency_s = frame.latency_s + now_s - began_s if frame.latency_s > 0 else 0.0
        shot = EncodedFrame(jpeg, frame.moment_s, latency_s)
        with self._changed:
            if self._live is not live:
                return
            self._latest = shot
            if latency_s > 0:
                self._latencies.append((now_s, latency_s))
            while self._latencies and self._latencies[0][0] < now_s - STATS_S:
                self._latencies.popleft()
            for watcher in self._watchers:
                watcher.show(shot)

    def _give_up(self, live: Live, message: dict[str, Any]) -> None:
        """The face can't be drawn."""
        with self._changed:
            if self._live is not live:
                return
            self._take_down()
            self._face = None
            for watcher in self._watchers:
                watcher.tell(message)
        self._tell_state()

    def _percentiles(self) -> tuple[float, float]:
        """Median and 95th percentile of the latency, ms."""
        with self._changed:
            latencies = [latency_s for at_s, latency_s in self._latencies if at_s > time.monotonic() - STATS_S]
        if not latencies:
            return 0.0, 0.0
        p50, p95 = np.percentile(latencies, [50, 95])
        return 1000 * float(p50), 1000 * float(p95)


def _picture(live: Live) -> dict[str, Any]:
    """What a page has to know of the picture that speaks."""
    return {"width": live.width, "height": live.height, "engine": live.engine, "faces": live.faces_seen}


def encoded(rgb: Picture) -> bytes:
    """A frame as JPEG."""
    import cv2

    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return jpeg.tobytes()


class SessionRegistry:
    """All sessions, by visitor, and the places there are for them."""

    def __init__(self, places: int, open_face: OpenFace, microphone: Microphone) -> None:
        """Open it; its sweeper runs from now on.

        Args:
            places: sessions at once.
            open_face: makes faces ready to speak.
            microphone: where sound comes from.
        """
        self.places = places
        self.microphone = microphone
        self._open_face = open_face
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._faces: OrderedDict[str, tuple[float, Picture]] = OrderedDict()
        """Of visitors who left lately: when, and the face."""
        self._over = threading.Event()
        threading.Thread(target=self._sweep, name="mouthpiece-live-sweep", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether the house is closed."""
        return self._over.is_set()

    @property
    def sessions(self) -> list[Session]:
        """Those that have a place."""
        with self._lock:
            return list(self._sessions.values())

    def find(self, client_id: str | None) -> Session | None:
        """The visitor's session, if it has a place."""
        with self._lock:
            return self._sessions.get(client_id or "")

    def has_room(self, client_id: str | None) -> bool:
        """Whether the visitor has a place or could have one."""
        with self._lock:
            return (client_id or "") in self._sessions or len(self._sessions) < self.places

    def enter(self, client_id: str) -> Session:
        """The visitor's session; with the face that was left behind, if it was left lately.

        Raises:
            Busy: all places are taken.
        """
        with self._lock:
            session = self._sessions.get(client_id)
            if session is not None:
                return session
            if self.over or len(self._sessions) >= self.places:
                raise Busy(self.full_text)
            session = self._sessions[client_id] = Session(self._open_face, self.microphone)
            _, face = self._faces.pop(client_id, (0.0, None))
        if face is not None:
            try:
                session.put_face(face)
            except MouthpieceError as error:  # it could be used a minute ago
                log.warning("a face that came back can't be used: %s", error)
        return session

    @property
    def full_text(self) -> str:
        """What to tell whoever finds no place."""
        all_places = "the only place is taken" if self.places == 1 else f"all {self.places} places are taken"
        return f"{all_places}; try again in a minute, or start the server with more --sessions"

    def forget_idle(self, now_s: float | None = None) -> None:
        """Take places from those whom nobody watches, and forget old faces."""
        now_s = time.monotonic() if now_s is None else now_s
        with self._lock:
            idle = {client_id: one for client_id, one in self._sessions.items() if one.idle_s > FORGET_S}
            for client_id, session in idle.items():
                del self._sessions[client_id]
                if session.face is not None:
                    self._faces[client_id] = (now_s, session.face)
            while len(self._faces) > KEPT_FACES_PER_PLACE * self.places:
                self._faces.popitem(last=False)
            for client_id in [name for name, (left_s, _) in self._faces.items() if left_s < now_s - KEEP_FACE_S]:
                del self._faces[client_id]
        for session in idle.values():
            session.close()

    def close(self) -> None:
        """End all sessions."""
        self._over.set()
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
            self._faces.clear()
        for session in sessions:
            session.close()
        self.microphone.close()

    def _sweep(self) -> None:
        while not self._over.wait(SWEEP_S):
            try:
                self.forget_idle()
            except Exception:  # the next round tries again
                log.exception("sweeping failed")
