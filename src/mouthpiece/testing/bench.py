"""The engine under test, what it is tested with, and what patches are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.registry import load_engine
from mouthpiece.options import EngineOptions
from mouthpiece.testing.scenes import FPS, laid_over, sample_people, sample_words, still
from mouthpiece.types import SAMPLE_RATE, EngineInfo, FloatArray, Patch, TrackedFrame

SAME_LEVEL = 1.0
"""Pictures that differ by no more than this (of 255) anywhere are the same: blending rounds."""
SEAM_LEVEL = 3.0
"""At its rim a patch has to be (nearly) what lies beneath it, or its edge would be seen."""
MOVES_LEVEL = 8.0
"""A pixel that changes by more from one frame to the next belongs to a mouth that moves."""
INNER_LIP = 13
"""Landmark in the middle of the upper lip's inner edge."""


@dataclass(frozen=True)
class Stage:
    """An engine under test and how to make one."""

    tests: EngineTests
    options: EngineOptions

    @property
    def engine_class(self) -> type[Engine]:
        """The class that is registered under the engine's name."""
        return load_engine(self.options.name)

    def describe(self, *, live: bool = False) -> EngineInfo:
        """Describe the engine as it is tested."""
        return self.engine_class.describe(self.options, live=live)

    def prepared(self, *sample_frames: TrackedFrame, job: EngineJob | None = None, **options: object) -> Engine:
        """Return an engine that has studied a face.

        Args:
            sample_frames: what it studies.
            job: what it is loaded for.
            options: those of `EngineOptions` that differ.
        """
        engine = self.tests.make(replace(self.options, **options), job)  # type: ignore[arg-type]
        engine.prepare(iter(sample_frames))
        return engine


def frames_for(samples: FloatArray, tracked: TrackedFrame) -> list[TrackedFrame]:
    """Return a photo held for as long as the speech."""
    return list(still(tracked, -(-len(samples) * FPS // SAMPLE_RATE)))


def check_patch(patch: Patch | None, tracked: TrackedFrame) -> None:
    """Assert everything that `Patch` promises, and that its rim can't be seen."""
    if patch is None:
        return
    box, height, width = patch.box, tracked.frame.height, tracked.frame.width
    assert 0 <= box.x0 < box.x1 <= width
    assert 0 <= box.y0 < box.y1 <= height
    assert patch.rgb.shape == (box.height, box.width, 3)
    assert patch.rgb.dtype == np.uint8
    assert patch.alpha.shape == (box.height, box.width)
    assert patch.alpha.dtype == np.float32
    assert np.isfinite(patch.alpha).all()
    assert patch.alpha.min() >= 0.0
    assert patch.alpha.max() <= 1.0
    assert not np.shares_memory(patch.rgb, tracked.frame.rgb), "a patch is a picture of its own"
    seam = np.abs(laid_over(tracked, patch) - tracked.frame.rgb)[box.slices].max(axis=2)
    assert box.y0 == 0 or seam[0].max() <= SEAM_LEVEL
    assert box.y1 == height or seam[-1].max() <= SEAM_LEVEL
    assert box.x0 == 0 or seam[:, 0].max() <= SEAM_LEVEL
    assert box.x1 == width or seam[:, -1].max() <= SEAM_LEVEL


def check_patches(patches: Sequence[Patch | None], frames: Sequence[TrackedFrame]) -> None:
    """Assert that each patch is right for its frame."""
    for patch, tracked in zip(patches, frames, strict=True):
        check_patch(patch, tracked)


def difference(one: Sequence[Patch | None], other: Sequence[Patch | None], frames: Sequence[TrackedFrame]) -> float:
    """Return the greatest difference of any pixel of two runs over the same frames, levels."""
    triples = zip(one, other, frames, strict=True)
    return max(float(np.abs(laid_over(tracked, a) - laid_over(tracked, b)).max()) for a, b, tracked in triples)


def change(patches: Sequence[Patch | None], frames: Sequence[TrackedFrame]) -> list[float]:
    """Return how much each patch changes its frame: sum over all pixels, levels."""
    pairs = zip(patches, frames, strict=True)
    return [float(np.abs(laid_over(tracked, patch) - tracked.frame.rgb).sum()) for patch, tracked in pairs]


def movement(patches: Sequence[Patch | None], frames: Sequence[TrackedFrame]) -> float:
    """Return the greatest change of any pixel from one frame of a still picture to the next, levels."""
    pictures = [laid_over(tracked, patch) for tracked, patch in zip(frames, patches, strict=True)]
    return max(float(np.abs(b - a).max()) for a, b in pairwise(pictures))


def assert_over_mouth(patch: Patch | None, tracked: TrackedFrame) -> None:
    """Assert that a patch lies where the mouth is."""
    assert tracked.face is not None
    x, y = tracked.face.landmarks[INNER_LIP, :2]
    if patch is not None:
        assert patch.box.x0 <= x < patch.box.x1
        assert patch.box.y0 <= y < patch.box.y1


class EngineTests:
    """An engine under test, and people and speech to test it with; the base of all parts of the suite."""

    options: ClassVar[EngineOptions]
    """Which engine is tested, with its own options where it needs any."""

    def make(self, options: EngineOptions, job: EngineJob | None) -> Engine:
        """Make the engine; overridden where something stands in for a part of it."""
        return load_engine(options.name)(options, job)

    @pytest.fixture
    def engine_options(self) -> EngineOptions:
        """Return `options`; overridden where a test has to make something for them first."""
        return self.options

    @pytest.fixture
    def stage(self, engine_options: EngineOptions) -> Stage:
        """Return the engine under test."""
        return Stage(self, engine_options)

    @pytest.fixture
    def people(self) -> dict[str, TrackedFrame]:
        """Return tracked portraits of several people, all of one size."""
        return sample_people()

    @pytest.fixture
    def woman(self, people: dict[str, TrackedFrame]) -> TrackedFrame:
        """Return a frontal portrait."""
        return people["woman"]

    @pytest.fixture
    def man(self, people: dict[str, TrackedFrame]) -> TrackedFrame:
        """Return the portrait of another person."""
        return people["man"]

    @pytest.fixture
    def speech(self) -> FloatArray:
        """Return a second of speech, (n,) float32 at 16 kHz."""
        return sample_words()
