"""The thread that draws the face of a browser session and encodes its frames."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from mouthpiece.apps.live.http_errors import as_message
from mouthpiece.apps.live.messages import EncodedFrame
from mouthpiece.errors import MouthpieceError
from mouthpiece.types import FloatArray

if TYPE_CHECKING:
    from mouthpiece.live import LiveFrame, LiveStats

FRAME_WAIT_S = 0.25
"""Longest wait for one frame; between two waits the thread looks whether it is still wanted."""
JPEG_QUALITY = 85

log = logging.getLogger("mouthpiece.live")


class SpeakingFace(Protocol):
    """The part of `mouthpiece.live.LiveSession` that browser sessions use."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def faces_seen(self) -> int: ...
    @property
    def engine(self) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def push(self, samples: FloatArray) -> None: ...
    def next_frame(self, timeout_s: float) -> LiveFrame | None: ...
    def stats(self) -> LiveStats: ...
    def close(self) -> None: ...


class DrawingThread(threading.Thread):
    """Draws one face for as long as it is wanted."""

    def __init__(
        self,
        face: SpeakingFace,
        wanted: Callable[[], bool],
        publish: Callable[[EncodedFrame], None],
        fail: Callable[[dict[str, Any]], None],
    ) -> None:
        """Prepare the thread.

        Args:
            face: what is drawn.
            wanted: returns whether to draw on; may wait.
            publish: takes each frame.
            fail: takes an error message when the face can't be drawn; nothing is drawn after it.
        """
        super().__init__(name="mouthpiece-live-draw", daemon=True)
        self._face, self._wanted, self._publish, self._fail = face, wanted, publish, fail

    def run(self) -> None:
        """Draw and encode frames."""
        try:
            while self._wanted():
                frame = self._face.next_frame(FRAME_WAIT_S)
                if frame is not None:
                    self._publish(_encode(frame))
        except MouthpieceError as error:
            self._fail(as_message(error))
        except Exception:  # the engine's own bug ends this face, not the server
            log.exception("drawing failed")
            text = "drawing this face failed; try again, or another photo"
            self._fail({"type": "error", "code": "error", "message": text})


def _encode(frame: LiveFrame) -> EncodedFrame:
    """Encode a frame as JPEG; its latency then includes the encoding."""
    import cv2

    began_s, quality = time.monotonic(), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), quality)
    data = jpeg.tobytes()
    latency_s = frame.latency_s + time.monotonic() - began_s if frame.latency_s > 0 else 0.0
    return EncodedFrame(data, frame.moment_s, latency_s)
