"""A face that speaks as somebody speaks: sound in as it comes, frames out as soon as they can be known.

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

How it keeps time, and what it does when the machine can't keep up: docs/live.md.
"""

from mouthpiece.live.session import Clock, LiveFrame, LiveSession, LiveStats, open_live

__all__ = ["Clock", "LiveFrame", "LiveSession", "LiveStats", "open_live"]
