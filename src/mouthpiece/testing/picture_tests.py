"""Pictures of every kind: people, heads that move, cuts, borders, odd sizes, pixels that are not square."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mouthpiece.testing.bench import (
    INNER_LIP,
    EngineTests,
    Stage,
    assert_over_mouth,
    change,
    check_patches,
    frames_for,
)
from mouthpiece.testing.scenes import FPS, drive, in_one, laid_over, moved, nodding, scaled, still, without_face
from mouthpiece.types import SAMPLE_RATE, FloatArray, Patch, SkipReason, TrackedFrame

MUCH_LESS_THAN_SPEECH = 0.02
SAME_SHAPE = 0.4
"""How much a mouth's width and height may differ where pixels have another shape, relative."""


class PictureTests(EngineTests):
    """What an engine draws over frames of every kind."""

    def test_patches_keep_their_promise(
        self, stage: Stage, people: dict[str, TrackedFrame], speech: FloatArray
    ) -> None:
        for tracked in people.values():
            frames = frames_for(speech, tracked)
            patches = drive(stage.prepared(tracked), frames, in_one(speech))
            assert any(patches)
            check_patches(patches, frames)
            for frame in frames:
                assert (frame.frame.rgb == tracked.frame.rgb).all(), "frame.rgb is to be read only"

    def test_a_head_that_moves_keeps_its_mouth(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        frames = nodding(woman, FPS)
        patches = drive(stage.prepared(*frames[::5]), frames, in_one(speech))
        assert any(patches)
        check_patches(patches, frames)
        for patch, tracked in zip(patches, frames, strict=True):
            assert_over_mouth(patch, tracked)

    def test_at_no_strength_the_frame_stays(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        frames, engine = frames_for(speech, woman), stage.prepared(woman)
        changes = []
        for strength in (1.0, 0.5, 0.0):
            engine.reset()
            changes.append(change(drive(engine, frames, in_one(speech), strength), frames))
        full, half, none = changes
        assert max(none) <= MUCH_LESS_THAN_SPEECH * max(full)
        assert sum(none) < sum(half) < sum(full)

    def test_it_studies_a_face_in_frames_with_gaps(self, stage: Stage, woman: TrackedFrame, speech: FloatArray) -> None:
        sample_frames = [without_face(woman), woman, without_face(woman, SkipReason.TURNED), moved(woman, 6, 3), woman]
        frames = frames_for(speech, woman)
        patches = drive(stage.prepared(*sample_frames), frames, in_one(speech))
        assert any(patches)
        check_patches(patches, frames)

    @pytest.mark.parametrize(
        ("right", "down"), [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)], ids=["right", "left", "below", "above", "corner"]
    )
    def test_faces_may_leave_the_picture(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray, right: int, down: int
    ) -> None:
        """Carry the mouth over the picture's border and beyond, a step a frame."""
        assert woman.face is not None
        frames = []
        mouth = woman.face.landmarks[INNER_LIP, :2]
        size = [woman.frame.width, woman.frame.height]
        way = np.where([right > 0, down > 0], size - mouth, mouth) * [right != 0, down != 0]
        count = 10
        for i, tracked in enumerate(still(woman, count)):
            dx, dy = (way * 1.4 * i / (count - 1)).astype(int)
            frames.append(moved(tracked, int(dx) * right, int(dy) * down))
        check_patches(drive(stage.prepared(woman), frames, in_one(speech[: count * SAMPLE_RATE // FPS])), frames)

    def test_cuts_from_one_person_to_another(
        self, stage: Stage, woman: TrackedFrame, man: TrackedFrame, speech: FloatArray
    ) -> None:
        """Leave out frames without a face; in the others nobody gets a part of another's face."""
        his, hers = frames_for(speech, man), frames_for(speech, woman)
        frames = [
            replace(hers[i] if i // 8 % 2 else his[i], shot=i // 8)
            for i in range(len(his))
            if i % 8 != 7 or i + 1 == len(his)
        ]
        sample_frames = [replace(man, shot=0), without_face(man), replace(woman, shot=1)]
        check_patches(drive(stage.prepared(*sample_frames), frames, in_one(speech)), frames)
        silence = np.zeros(len(speech), dtype=np.float32)
        quiet = drive(stage.prepared(*sample_frames), frames, in_one(silence))
        alone = drive(stage.prepared(replace(woman, shot=0)), hers[: len(frames)], in_one(silence))
        for tracked, patch, her in zip(frames, quiet, alone, strict=True):
            if tracked.shot % 2:
                ghost = np.abs(laid_over(tracked, patch) - laid_over(tracked, her)).mean()
                assert ghost <= 1.0

    @pytest.mark.parametrize(
        ("across", "down"), [(0.5, 1.0), (1.0, 0.5), (0.2, 0.2), (2.5, 2.5), (0.902, 0.803)], ids=str
    )
    def test_pixels_of_any_shape_and_faces_of_any_size(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray, across: float, down: float
    ) -> None:
        tracked = scaled(woman, across, down)
        frames = list(still(tracked, 20))
        patches = drive(stage.prepared(tracked), frames, in_one(speech))
        assert any(patches)
        check_patches(patches, frames)
        for patch in patches:
            assert_over_mouth(patch, tracked)

    @pytest.mark.parametrize(("across", "down"), [(0.5, 1.0), (1.0, 0.5)], ids=str)
    def test_a_mouth_keeps_its_shape_where_pixels_are_not_square(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray, across: float, down: float
    ) -> None:
        spreads = []
        for tracked in (woman, scaled(woman, across, down)):
            frames = list(still(tracked, 20))
            spreads.append(_spread(drive(stage.prepared(tracked), frames, in_one(speech)), frames))
        square, stored = spreads
        assert stored[0] / across == pytest.approx(square[0], rel=SAME_SHAPE)
        assert stored[1] / down == pytest.approx(square[1], rel=SAME_SHAPE)


def _spread(patches: Sequence[Patch | None], frames: Sequence[TrackedFrame]) -> tuple[float, float]:
    """Return how far the changes of frames are spread around their middle: standard deviation along x and y, pixels."""
    pairs = zip(patches, frames, strict=True)
    changed = np.sum([np.abs(laid_over(frame, patch) - frame.frame.rgb).sum(axis=2) for patch, frame in pairs], axis=0)
    deviations = []
    for axis in (0, 1):
        profile = changed.sum(axis=axis)
        places = np.arange(len(profile))
        middle = np.average(places, weights=profile)
        deviations.append(float(np.sqrt(np.average((places - middle) ** 2, weights=profile))))
    return deviations[0], deviations[1]
