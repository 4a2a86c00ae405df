"""What matters most of an engine: its description, its promises of time, a mouth that moves, requests in order."""

from __future__ import annotations

import subprocess
import sys
from math import inf
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.engines.base import EngineJob
from mouthpiece.engines.registry import load_engine
from mouthpiece.speech.stream import LATENCY_S
from mouthpiece.testing.bench import MOVES_LEVEL, SAME_LEVEL, EngineTests, Stage, difference, frames_for, movement
from mouthpiece.testing.scenes import chunks, drive, in_one, laid_over, moments, without_face
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, EngineInfo, FloatArray, TrackedFrame

MOST_LOOK_AHEAD_S = 2.0
EYES = [33, 133, 159, 145, 362, 263, 386, 374]
"""Landmarks of both eyes' corners and lids."""
HEAVY = {"jax", "librosa", "onnxruntime", "openvino", "scipy", "tensorflow", "torch"}
"""Libraries that describing an engine must not import."""


class EssentialTests(EngineTests):
    """The few tests that an engine with a slow network passes in reasonable time."""

    @pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
    def test_it_describes_itself(self, stage: Stage, live: bool) -> None:
        info = stage.describe(live=live)
        assert isinstance(info, EngineInfo)
        assert load_engine(info.name) is stage.engine_class
        assert 0.0 <= info.look_ahead_s < MOST_LOOK_AHEAD_S
        for line in (info.summary, info.licence, info.device, info.weights):
            assert line.strip()
            assert "\n" not in line

    def test_describing_is_light_and_takes_any_device(self, stage: Stage, tmp_path: Path) -> None:
        """Describe it in an interpreter of its own, without any weights: this one has imported everything."""
        name = stage.options.name
        code = (
            f"import os, sys; os.environ['MOUTHPIECE_CACHE'] = {str(tmp_path)!r}\n"
            "from mouthpiece import EngineOptions\n"
            "from mouthpiece.engines.registry import load_engine\n"
            f"load_engine({name!r}).describe(EngineOptions({name!r}, device='NO-SUCH-DEVICE'))\n"
            f"print(*sorted({HEAVY!r} & set(sys.modules)))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == []

    @pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
    def test_it_can_draw_as_soon_as_it_says(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray, live: bool
    ) -> None:
        look_ahead_s = stage.describe(live=live).look_ahead_s
        engine = stage.prepared(woman, job=EngineJob(live=live))
        pushed, before = 0, engine.ready_until_s
        assert before <= 0.0
        for chunk in chunks(speech, lambda: 400):
            engine.push(chunk)
            pushed += len(chunk.samples)
            until = engine.ready_until_s
            assert until >= before
            assert until <= pushed / SAMPLE_RATE
            assert until >= pushed / SAMPLE_RATE - look_ahead_s - LATENCY_S - 2 / MEL_RATE
            before = until
        engine.finish()
        assert engine.ready_until_s == inf

    def test_speech_moves_the_mouth_and_nothing_else(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray
    ) -> None:
        assert woman.face is not None
        frames = frames_for(speech, woman)
        patches = drive(stage.prepared(woman), frames, in_one(speech))
        assert movement(patches, frames) > MOVES_LEVEL
        eyes = woman.face.landmarks[EYES, :2].round().astype(int)
        for tracked, patch in zip(frames, patches, strict=True):
            changed = np.abs(laid_over(tracked, patch) - tracked.frame.rgb)
            assert changed[eyes[:, 1], eyes[:, 0]].max() <= SAME_LEVEL

    def test_requests_are_drawn_each_once_and_in_order(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray
    ) -> None:
        """Draw them together as alone; frames without a face pass between them."""
        frames = frames_for(speech, woman)
        gaps = {0, 7, 8, 9, len(frames) - 1}
        frames = [without_face(frame) if i in gaps else frame for i, frame in enumerate(frames)]
        engine = stage.prepared(woman)
        drawn = list(engine.render_all(moments(engine, frames, chunks(speech, lambda: 1600))))
        assert [id(request.tracked) for request, _ in drawn] == [id(frame) for frame in frames]
        assert all(drawn[i][1] is None for i in gaps)
        engine.reset()
        alone = [
            None if request.tracked.face is None else engine.render(request.tracked, request.speech_s)
            for request in moments(engine, frames, in_one(speech))
        ]
        assert difference(alone, [patch for _, patch in drawn], frames) <= SAME_LEVEL
