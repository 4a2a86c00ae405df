"""Curves of the motion as it is played."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mouthpiece.datasets.agreement import correlation
from mouthpiece.datasets.measuring import read_sound
from mouthpiece.datasets.motion_curves import chunks_of, play_on
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import SpeechStream, measure_level
from mouthpiece.types import SAMPLE_RATE


def test_live_play_follows_the_level_and_forgets_the_past(shared_data: Path) -> None:
    speech = read_sound(shared_data / "audio" / "en_male_watson.wav")[: 4 * SAMPLE_RATE]
    times_s = np.arange(100) / 25
    whole, _ = play_on(MotionStream(), chunks_of(speech), times_s)
    live, _ = play_on(MotionStream(), chunks_of(speech, live=True), times_s)
    assert correlation(whole.opening, live.opening) > 0.9
    # At a level known beforehand, pieces play as the whole does.
    stream = SpeechStream(measure_level([speech]))
    pieces = [stream.push(piece) for piece in np.array_split(speech, 37)] + [stream.finish()]
    chunked, _ = play_on(MotionStream(), pieces, times_s)
    np.testing.assert_allclose(chunked.opening, whole.opening, atol=1e-5)
