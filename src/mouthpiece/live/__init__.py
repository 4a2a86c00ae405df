"""Live speech: sound in as it comes, frames of a speaking face out as soon as the engine can draw them.

Feed a recording as if it were spoken now, and count the frames::

    import time
    from mouthpiece import open_live
    from mouthpiece.media import open_speech

    with open_live("face.jpg", LiveOptions(most_side=512)) as live, open_speech("speech.wav") as speech:
        live.start()
        frames, began = 0, time.monotonic()
        for block in speech.samples():
            for at in range(0, len(block), 320):            # 20 ms, as a microphone gives them
                live.push(block[at : at + 320])
                began += 0.02
                while (left := began - time.monotonic()) > 0:
                    frames += live.next_frame(left) is not None
        print(frames, live.stats())

Clocks, latency, and what is given up when the machine can't keep up: docs/live.md.
"""

from mouthpiece.live.session import Clock, LiveFrame, LiveSession, open_live
from mouthpiece.live.stats import LiveStats

__all__ = ["Clock", "LiveFrame", "LiveSession", "LiveStats", "open_live"]
