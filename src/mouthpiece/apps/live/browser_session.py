"""One browser session: its face, the clients that watch it, and the microphone that it speaks from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from mouthpiece.apps.live.access import RateLimiter
from mouthpiece.apps.live.clients import Client
from mouthpiece.apps.live.drawing import DrawingThread, SpeakingFace
from mouthpiece.apps.live.http_errors import Busy, NoFaceYet, TooFast
from mouthpiece.apps.live.messages import EncodedFrame, pack_sound
from mouthpiece.apps.live.microphone import Microphone
from mouthpiece.errors import MouthpieceError
from mouthpiece.live.stats import FrameStatistics
from mouthpiece.media import Named
from mouthpiece.types import FloatArray, Picture

UNWATCHED_S = 1.0
"""Longest wait of a drawing thread for somebody to watch."""
DRAWN_S = 1.0
"""Longest wait for the last frame of a session."""
FACE_RATE, FACE_BURST = 0.5, 10.0
"""Faces that a session may put up a second, and at once: each takes a good part of a second to be found and learned."""
MOST_CLIENTS = 4
"""Most sockets and feeds of one session; one more dismisses the oldest."""

OpenFace = Callable[[Named[Picture]], SpeakingFace]
"""Makes a face ready to speak: (H, W, 3) uint8 RGB in, a face at rest out. Raises MouthpieceError."""


class BrowserSession:
    """One browser session. Its methods may be called from any thread."""

    def __init__(self, open_face: OpenFace, microphone: Microphone) -> None:
        self._open_face = open_face
        self._microphone = microphone
        self._changed = threading.Condition(threading.RLock())
        self._opening = threading.Lock()
        self._switching = threading.Lock()
        """Held while the microphone is attached or detached, which may take seconds; taken before `_changed`."""
        self._face_rate = RateLimiter(FACE_RATE, FACE_BURST)
        self._picture: Picture | None = None
        self._face: SpeakingFace | None = None
        self._speaking = False
        self._starts = 0
        self._closed = False
        self._drawer: threading.Thread | None = None
        self._clients: list[Client] = []
        self._speaker: Client | None = None
        """The client whose sound counts; None: any client's, as the start came from elsewhere."""
        self._left_s = time.monotonic()
        self._latest: EncodedFrame | None = None
        self._statistics = FrameStatistics()
        self._played = 0
        """Samples of the recording so far, since the start."""

    @property
    def picture(self) -> Picture | None:
        """(H, W, 3) uint8 RGB: the picture that speaks; None while there is none."""
        return self._picture

    @property
    def microphone(self) -> str:
        """Where its sound comes from: browser, server or file."""
        return self._microphone.name

    @property
    def idle_s(self) -> float:
        """How long nobody has watched, seconds; 0 while a face is made ready."""
        with self._changed:
            busy = bool(self._clients) or self._opening.locked()
            return 0.0 if busy else time.monotonic() - self._left_s

    def put_face(self, picture: Picture, name: str = "the picture") -> None:
        """Replace the face by that of another picture.

        Args:
            picture: (H, W, 3) uint8 RGB, the session's own from now on.
            name: what messages call it.

        Raises:
            MouthpieceError: it can't be used; the one before stays.
        """
        if not self._face_rate.take(1):
            raise TooFast("many faces in a short time; wait a few seconds")
        with self._opening:
            face = self._open_face(Named(picture, name))
            with self._changed:
                closed = self._closed
                if not closed:
                    self._take_down()
                    self._picture, self._face = picture, face
                    self._left_s = time.monotonic()
                    self._changed.notify_all()
            if closed:
                face.close()
                raise Busy("the session ended meanwhile; open the page again")
            self._drawer = DrawingThread(
                face, partial(self._wait_for_clients, face), partial(self._publish, face), partial(self._fail, face)
            )
            self._drawer.start()
        self._detach_microphone()
        self._send_state()

    def clear(self) -> None:
        """Remove the face."""
        with self._changed:
            self._take_down()
            self._picture = None
            for client in [client for client in self._clients if client.kind == "feed"]:
                client.dismiss()
        self._detach_microphone()
        self._send_state()

    def start(self, speaker: Client | None = None) -> None:
        """Begin to speak; only the speaker's sound counts, or any client's if that is None.

        Raises:
            NoFaceYet: there is no picture.
            InputError: the microphone can't be used.
        """
        with self._changed:
            if self._face is None:
                raise NoFaceYet("no face yet: choose a photo first")
            self._statistics, self._played = FrameStatistics(), 0
            for client in self._clients:
                client.clear_sound()
            self._face.start()
            self._speaking, self._speaker = True, speaker
            self._starts += 1
            start = self._starts
        try:
            self._attach_microphone(start)
        except MouthpieceError:
            self.stop()
            raise
        self._send_state()

    def stop(self) -> None:
        """Come to rest; does nothing where the face doesn't speak."""
        with self._changed:
            spoke = self._speaking
            self._speaking, self._speaker = False, None
            if spoke and self._face is not None:
                self._face.stop()
        self._detach_microphone()
        if spoke:
            self._send_state()

    def push(self, samples: FloatArray, source: Client | None = None) -> None:
        """Take sound, (n,) float32 in [-1, 1], 16 kHz; ignored at rest and from clients other than the speaker."""
        face = self._face
        foreign = source is not None and self._speaker not in (None, source)
        if face is None or not self._speaking or foreign:
            return
        face.push(samples)
        if self._microphone.name == "file":  # nothing else makes it audible
            with self._changed:
                message = pack_sound(samples, self._played)
                self._played += len(samples)
                for client in self._clients:
                    if client.kind == "socket":
                        client.put_sound(message)

    def watch(self, kind: str) -> Client:
        """Add a client of a kind: socket or feed.

        Raises:
            Busy: the session has just ended.
            NoFaceYet: a feed without a face.
        """
        client = Client(kind)
        with self._changed:
            if self._closed:
                raise Busy("the session ended meanwhile; open the page again")
            if kind == "feed" and self._face is None:
                raise NoFaceYet("no face yet: choose a photo first")
            if len(self._clients) >= MOST_CLIENTS:
                oldest = self._clients.pop(0)
                oldest.replaced = True
                oldest.dismiss()
            self._clients.append(client)
            if self._latest is not None:
                client.put_frame(self._latest)
            self._changed.notify_all()
        client.put_message(self.state(client))
        return client

    def leave(self, client: Client) -> None:
        """Remove a client; the speech ends with the client that speaks, and with the last socket."""
        client.dismiss()
        with self._changed:
            if client in self._clients:
                self._clients.remove(client)
            self._statistics.dropped += client.dropped
            self._left_s = time.monotonic()
            alone = not any(other.kind == "socket" for other in self._clients)
            spoke = alone or client is self._speaker
        if spoke and client.kind == "socket" and self._microphone.name == "browser":
            self.stop()

    def close(self) -> None:
        """End it; returns when nothing is drawn any more, or after DRAWN_S."""
        with self._changed:
            self._closed = True
            self._take_down()
            clients, self._clients = self._clients, []
            self._changed.notify_all()
        for client in clients:
            client.dismiss()
        self._detach_microphone()
        if self._drawer is not None:
            self._drawer.join(DRAWN_S)

    def state(self, client: Client | None = None) -> dict[str, Any]:
        """Return the session's state as a message; for a client, also whether the sound of another one counts."""
        with self._changed:
            state = {
                "type": "state",
                "face": self._face is not None,
                "speaking": self._speaking,
                "mic": self._microphone.name,
            }
            if client is not None:
                state["elsewhere"] = self._speaker not in (None, client)
            if (face := self._face) is not None:
                state |= {"width": face.width, "height": face.height, "engine": face.engine, "faces": face.faces_seen}
            return state

    def stats(self) -> dict[str, Any]:
        """Return the session's statistics as a message: latencies until a frame is encoded and ready to leave."""
        with self._changed:
            face, speaking, clients = self._face, self._speaking, len(self._clients)
            slow = self._statistics.dropped + sum(client.dropped for client in self._clients)
            p50_ms, p95_ms = self._statistics.percentiles_ms(time.monotonic())
        message = {"type": "stats", "face": face is not None, "speaking": speaking, "watchers": clients}
        if face is None:
            return message
        stats = face.stats()
        return message | {
            "fps": round(stats.fps, 1),
            "p50_ms": round(p50_ms, 1),
            "p95_ms": round(p95_ms, 1),
            "dropped": stats.dropped + slow,
            "width": stats.width,
            "height": stats.height,
            "said": stats.description,
        }

    def _send_state(self) -> None:
        with self._changed:
            for client in self._clients:
                client.put_message(self.state(client))

    def _attach_microphone(self, start: int) -> None:
        """Attach the microphone unless the speech of this start is over already."""
        with self._switching:
            with self._changed:
                current = self._speaking and start == self._starts
            if current:
                self._microphone.attach(self)

    def _detach_microphone(self) -> None:
        """Detach the microphone unless the face speaks again."""
        with self._switching:
            if not self._speaking:
                self._microphone.detach(self)

    def _take_down(self) -> None:
        """Close the face; the caller holds the lock, and detaches the microphone after it."""
        if self._face is not None:
            self._face.close()
        self._face, self._latest, self._speaking, self._speaker = None, None, False, None

    # Called by the drawing thread.

    def _wait_for_clients(self, face: SpeakingFace) -> bool:
        """Wait while nobody watches; return whether this face is still the session's."""
        with self._changed:
            while self._face is face and not self._clients:
                self._changed.wait(UNWATCHED_S)
            return self._face is face

    def _publish(self, face: SpeakingFace, frame: EncodedFrame) -> None:
        """Hand a frame out."""
        with self._changed:
            if self._face is not face:
                return
            self._latest = frame
            if frame.latency_s > 0:
                self._statistics.add(time.monotonic(), frame.latency_s)
            for client in self._clients:
                client.put_frame(frame)

    def _fail(self, face: SpeakingFace, message: dict[str, Any]) -> None:
        """Remove a face that can't be drawn, with an error message to the clients."""
        with self._changed:
            if self._face is not face:
                return
            self._take_down()
            self._picture = None
            for client in self._clients:
                client.put_message(message)
        self._detach_microphone()
        self._send_state()
