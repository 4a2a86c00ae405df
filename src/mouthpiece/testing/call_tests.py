"""The order in which an engine is called, several engines at once, threads, and frames that are held back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mouthpiece.testing.bench import SAME_LEVEL, EngineTests, Stage, difference, frames_for
from mouthpiece.testing.scenes import FPS, chunks, drive, in_one, moments, still
from mouthpiece.types import FloatArray, Patch, RenderRequest, TrackedFrame

MOST_HELD = 64
"""Frames that an engine may hold back, small ones."""


class CallTests(EngineTests):
    """Seeds, reset, other sample frames, threads, batches."""

    def test_the_same_seed_gives_the_same_frames(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        frames = frames_for(speech, woman)
        one, other = (drive(stage.prepared(woman, seed=3), frames, in_one(speech)) for _ in range(2))
        assert difference(one, other, frames) <= SAME_LEVEL

    def test_reset_forgets_the_speech_and_keeps_the_face(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray
    ) -> None:
        frames = frames_for(speech, woman)
        engine = stage.prepared(woman)
        first = drive(engine, frames, in_one(speech))
        engine.reset()
        assert engine.ready_until_s <= 0.0
        for chunk in chunks(speech[::-1].copy(), lambda: 3000):  # another speech, left in the middle
            engine.push(chunk)
        engine.reset()
        assert difference(first, drive(engine, frames, in_one(speech)), frames) <= SAME_LEVEL

    def test_other_sample_frames_keep_the_speech(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        again, through = stage.prepared(woman), stage.prepared(woman)
        for engine in (again, through):
            for chunk in in_one(np.tile(speech, 4)):  # longer than any look-ahead
                engine.push(chunk)
        until_s = again.ready_until_s
        again.prepare([woman])
        assert again.ready_until_s == until_s
        moment_s = until_s - 0.1
        ours, theirs = again.render(woman, moment_s), through.render(woman, moment_s)
        assert ours is not None and theirs is not None
        np.testing.assert_array_equal(ours.rgb, theirs.rgb)

    def test_two_engines_share_nothing(
        self, stage: Stage, woman: TrackedFrame, man: TrackedFrame, speech: FloatArray
    ) -> None:
        other_speech = speech[::-1].copy()
        hers, his = frames_for(speech, woman), frames_for(speech, man)
        her_alone = drive(stage.prepared(woman), hers, in_one(speech))
        his_alone = drive(stage.prepared(man), his, in_one(other_speech))
        one, two = stage.prepared(woman), stage.prepared(man)
        for engine, samples in ((one, speech), (two, other_speech)):
            for chunk in in_one(samples):
                engine.push(chunk)
            engine.finish()
        together: tuple[list[Patch | None], list[Patch | None]] = ([], [])
        for i in range(len(hers)):
            together[0].append(one.render(hers[i], i / FPS))
            together[1].append(two.render(his[i], i / FPS))
        assert difference(her_alone, together[0], hers) <= SAME_LEVEL
        assert difference(his_alone, together[1], his) <= SAME_LEVEL

    def test_it_may_be_made_in_one_thread_and_used_in_another(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray
    ) -> None:
        frames = frames_for(speech, woman)
        here = drive(stage.prepared(woman), frames, in_one(speech))
        with ThreadPoolExecutor(1) as elsewhere:
            engine = elsewhere.submit(stage.prepared, woman).result()
            there = elsewhere.submit(drive, engine, frames, in_one(speech)).result()
        engine.reset()
        assert difference(here, there, frames) <= SAME_LEVEL
        assert difference(here, drive(engine, frames, in_one(speech)), frames) <= SAME_LEVEL

    def test_few_frames_are_held_back(self, stage: Stage, woman: TrackedFrame) -> None:
        """Draw a long video: an engine asks for a bounded number of frames before it gives the first back."""
        engine = stage.prepared(woman)
        engine.finish()
        taken = given = 0

        def endless() -> Iterator[RenderRequest]:
            nonlocal taken
            for i, frame in enumerate(still(woman, 200)):
                taken += 1
                yield RenderRequest(frame, i / FPS)

        for _ in engine.render_all(endless()):
            given += 1
            assert taken - given < MOST_HELD
        assert given == taken == 200

    def test_drawing_may_end_early(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        engine, frames = stage.prepared(woman), frames_for(speech, woman)
        first = drive(engine, frames, in_one(speech))
        engine.reset()
        drawing = engine.render_all(moments(engine, frames, in_one(speech)))
        next(iter(drawing))
        del drawing
        engine.reset()
        assert difference(first, drive(engine, frames, in_one(speech)), frames) <= SAME_LEVEL
