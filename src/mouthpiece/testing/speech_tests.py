"""Speech as it is pushed into an engine, live or from a file: cut anyhow, silent, short, or without end."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mouthpiece.engines.base import EngineJob
from mouthpiece.errors import MouthpieceError
from mouthpiece.testing.bench import (
    MOVES_LEVEL,
    SAME_LEVEL,
    EngineTests,
    Stage,
    check_patch,
    check_patches,
    difference,
    frames_for,
    movement,
)
from mouthpiece.testing.scenes import FPS, chunks, drive, in_one, moments, still
from mouthpiece.types import SAMPLE_RATE, FloatArray, TrackedFrame

STILL_LEVEL = 3.0


class SpeechTests(EngineTests):
    """What an engine makes of speech, and what it keeps of it."""

    def test_what_was_not_pushed_can_not_be_drawn(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        engine = stage.prepared(woman)
        with pytest.raises(MouthpieceError):
            engine.render(woman, 0.0)
        for chunk in chunks(speech[: SAMPLE_RATE // 2], lambda: 1600):
            engine.push(chunk)
        with pytest.raises(MouthpieceError):
            engine.render(woman, 0.6)

    def test_cutting_speech_up_changes_nothing(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        frames = frames_for(speech, woman)
        engine = stage.prepared(woman)
        whole = drive(engine, frames, in_one(speech))
        rng = np.random.default_rng(7)
        for largest in (2000, 300):
            engine.reset()
            cut = chunks(speech, lambda most=largest: int(rng.integers(1, most)))  # type: ignore[misc]
            assert difference(whole, drive(engine, frames, cut), frames) <= SAME_LEVEL

    def test_live_speech_moves_the_mouth(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        frames = frames_for(speech, woman)
        engine = stage.prepared(woman, job=EngineJob(live=True))
        patches = drive(engine, frames, chunks(speech, lambda: 320))
        check_patches(patches, frames)
        assert movement(patches, frames) > MOVES_LEVEL
        engine.reset()
        drawn = engine.render_all(moments(engine, frames, chunks(speech, lambda: 320)))
        together = [patch for _, patch in drawn]
        assert difference(patches, together, frames) <= SAME_LEVEL

    def test_silence_keeps_the_mouth_still(self, stage: Stage, woman: TrackedFrame) -> None:
        silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
        frames = frames_for(silence, woman)
        patches = drive(stage.prepared(woman), frames, in_one(silence))
        assert movement(patches, frames) <= STILL_LEVEL

    def test_no_speech_at_all_is_silence(self, stage: Stage, woman: TrackedFrame) -> None:
        engine = stage.prepared(woman)
        engine.finish()
        for i, tracked in enumerate(still(woman, 5)):
            check_patch(engine.render(tracked, i / FPS), tracked)

    def test_the_end_of_the_speech_may_be_passed(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        """Draw beyond the speech, as the last frame of a video may be, and a held one for seconds."""
        frames = list(still(woman, 2 * FPS))
        check_patches(drive(stage.prepared(woman), frames, in_one(speech[:4000])), frames)

    def test_moments_may_stand_still_and_leap(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        """Hold the first moment for some frames, as an audio offset does, and leave some out, as live sessions do."""
        engine = stage.prepared(woman)
        for chunk in in_one(speech):
            engine.push(chunk)
        engine.finish()
        moments_s = (0.0, 0.0, 0.0, 0.04, 0.5, 0.5, 0.9, 30.0)
        for moment_s, tracked in zip(moments_s, still(woman, len(moments_s)), strict=True):
            check_patch(engine.render(tracked, moment_s), tracked)

    def test_memory_does_not_grow_with_the_speech(self, stage: Stage, woman: TrackedFrame) -> None:
        """Push a long speech: an engine forgets what lies behind the last moment."""
        rng = np.random.default_rng(1)
        engine = stage.prepared(woman)
        noise = (rng.standard_normal(SAMPLE_RATE) * 0.1).astype(np.float32)
        long_s = 36
        held: dict[int, int] = {}
        drawn = 0
        tracemalloc.start()
        try:
            for second, chunk in enumerate(chunks(np.tile(noise, long_s), lambda: SAMPLE_RATE)):
                engine.push(chunk)
                while drawn < engine.ready_until_s:
                    engine.render(replace(woman, frame=replace(woman.frame, time_s=Fraction(drawn))), float(drawn))
                    drawn += 1
                held[second] = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        a_third_of_its_samples = long_s // 3 * SAMPLE_RATE * 4
        assert held[long_s - 1] - held[long_s * 2 // 3 - 1] < a_third_of_its_samples / 20
